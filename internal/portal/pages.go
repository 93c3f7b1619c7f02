package portal

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/verify"
)

//go:embed templates/*.html static/*
var content embed.FS

// pages holds the parsed templates and the names of the static files. Each
// templates/<name>.html is drawn inside layout.html, with the pieces of
// parts.html. "live" is no page: it is what polling swaps in.
type pages struct {
	byName map[string]*template.Template
	assets map[string]asset
}

// asset is a static file. Its hash stands in its address, so that browsers
// keep it for as long as it does not change.
type asset struct {
	body []byte
	hash string
}

func loadPages() (*pages, error) {
	p := &pages{byName: map[string]*template.Template{}, assets: map[string]asset{}}
	own, err := fs.Sub(content, "static")
	if err != nil {
		return nil, fmt.Errorf("portal: static files: %w", err)
	}
	for _, files := range []fs.FS{own, verify.Modules()} {
		if err := p.take(files); err != nil {
			return nil, fmt.Errorf("portal: static files: %w", err)
		}
	}
	base, err := template.New("").Funcs(template.FuncMap{"asset": p.address}).Option("missingkey=error").
		ParseFS(content, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("portal: templates: %w", err)
	}
	files, err := content.ReadDir("templates")
	if err != nil {
		return nil, fmt.Errorf("portal: templates: %w", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(file.Name(), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		t, err := base.Clone()
		if err == nil {
			t, err = t.ParseFS(content, "templates/"+file.Name())
		}
		if err != nil {
			return nil, fmt.Errorf("portal: template %s: %w", name, err)
		}
		p.byName[name] = t
	}
	return p, nil
}

// take adds the files of one folder to those that are served.
func (p *pages) take(files fs.FS) error {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		body, err := fs.ReadFile(files, e.Name())
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		p.assets[e.Name()] = asset{body, hex.EncodeToString(sum[:6])}
	}
	return nil
}

// address is where a static file is fetched.
func (p *pages) address(name string) (string, error) {
	a, ok := p.assets[name]
	if !ok {
		return "", fmt.Errorf("portal: no static file %q", name)
	}
	return "/static/" + name + "?v=" + a.hash, nil
}

func (p *pages) execute(w io.Writer, name string, page any) error {
	start := "layout.html"
	if name == "live" {
		start = "live.html"
	}
	return p.byName[name].ExecuteTemplate(w, start, page)
}

// frame is what every page has around its content.
type frame struct {
	Title   string
	Name    string // of the person; empty where nobody is signed in
	Vault   string // the open vault's name; empty for those who hold only one
	With    string // who else opens it: "with Ben"; empty where it is personal
	OpenID  string // the open vault's id, for forms that are about it as a whole; see named
	Here    string // the entry of the navigation that is this page
	Failing string // a sentence where keeping fails
	Live    bool   // the page polls
	Again   int    // seconds until the page is asked for again; 0 for never
	Zone    string // of the times on the page
	Lang    string // of a page for somebody without an account; empty for English
	Skip    string // the link to the content, in that language
	Desk    bool   // the page is the operator's
	notices
}

// notices is what every page of somebody signed in tells them.
type notices struct {
	Farewell     *clock // when their account is to be erased; nil where it is not
	KitUnchecked bool   // a recovery kit was made, and nobody has shown that it was written down
	// Unread are the cases that they were told of and did not look at yet.
	Unread []string
}

// noticesOf returns what looks for who's notices when a page is made, and not
// for requests that end without one.
func (p *portal) noticesOf(ctx context.Context, who identity.Verified) func() notices {
	return sync.OnceValue(func() (n notices) {
		due, err := p.Identity.Farewell(ctx, who)
		if err != nil {
			p.Log.Error("page without notices", "account", who.Account(), "err", err)
			return n
		}
		n.Farewell = p.clockOf(due)
		ways, err := p.Identity.Ways(ctx, who)
		if err != nil {
			p.Log.Error("page without notices", "account", who.Account(), "err", err)
		}
		unread, err := p.Incidents.Unread(ctx, who.Account())
		if err != nil {
			p.Log.Error("page without notices", "account", who.Account(), "err", err)
		}
		for _, id := range unread {
			n.Unread = append(n.Unread, id.String())
		}
		n.KitUnchecked = slices.ContainsFunc(ways, func(w identity.Way) bool { return w.Kind == identity.KindKit && !w.Checked })
		return n
	})
}

func (p *portal) frame(title string) frame {
	return frame{Title: title, Zone: p.Now().In(p.Zone).Format("MST")}
}

// deskFrame is the frame of an operator's page.
func (p *portal) deskFrame(title string) frame {
	f := p.frame(title)
	f.Desk = true
	return f
}

// frameOf is the frame of a signed-in person's page.
func (p *portal) frameOf(v *visit, title, here string) frame {
	f := p.frame(title)
	f.Name, f.Here, f.Failing, f.notices = v.who.Name(), here, p.Keep.Status().Failing, v.notices()
	f.OpenID = v.room.ID().String()
	if len(v.held) > 1 {
		f.Vault, f.With = v.vaultName(), withWhom(v.heldOpen())
	}
	return f
}

// problemPage tells of a failure. It is the same for whoever is signed in.
type problemPage struct {
	frame
	Problem problem
}

// static serves the embedded files. They are the same for everybody, so they
// alone may be cached.
func (p *portal) static(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("file")
	a, ok := p.pages.assets[name]
	kind, shown := map[string]string{
		".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
		".LICENSE": "text/plain; charset=utf-8", ".VERSION": "text/plain; charset=utf-8",
	}[path.Ext(name)]
	if !ok || !shown {
		return errNowhere
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("v") == a.hash {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.Set("Content-Length", fmt.Sprint(len(a.body)))
	_, err := w.Write(a.body)
	if err != nil {
		return hearkeep.Errorf(hearkeep.Unavailable, "The file could not be sent.").Because(err)
	}
	return nil
}

// healthz says that the program answers. It knows nobody and tells nothing.
func (p *portal) healthz(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, "ok\n")
	return nil
}

// clock is a moment as pages show it: for people, and for programs.
type clock struct {
	Day  string // "Tuesday, 3 May 2026"
	Date string // "2026-05-03", in every language
	Time string // "14:32"
	ISO  string
}

func (p *portal) clock(t time.Time) clock {
	t = t.In(p.Zone)
	return clock{t.Format("Monday, 2 January 2006"), t.Format(time.DateOnly), t.Format("15:04"), t.Format(time.RFC3339)}
}
