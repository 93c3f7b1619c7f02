package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/incident"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/portal"
	"github.com/hearkeep/hearkeep/internal/speech"
)

type demoCmd struct {
	Keep   string `help:"Fill this folder, which must be empty, and leave it; by default a temporary one, removed at the end." type:"path" placeholder:"DIR"`
	Listen string `help:"Address and port of the portal; a loopback address." default:"127.0.0.1:0"`
	Quick  bool   `help:"One day instead of three weeks."`
}

// demoName is the account that the made-up household keeps for.
const demoName = "Demo"

// demoDays is how long the household has been speaking.
const demoDays = 21

// Run fills a scratch keep with a household that really spoke, and serves it
// until the context ends.
func (cmd demoCmd) Run(ctx context.Context, c *console) (err error) {
	log := slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	dir, remove, err := cmd.scratch()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	front, err := serveCmd{Listen: cmd.Listen, httpsFlags: httpsFlags{TLS: "off"}}.listen(log)
	if err != nil {
		return err
	}
	defer front.close()
	f, err := openFolder(ctx, dir, time.Local, notify.Config{Origin: front.origin.String()}, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	if err := front.prepare(ctx, f, c.out); err != nil {
		return err
	}
	r, err := openRooms(ctx, f, time.Local, 0, incident.Config{}, bell{c.out}, log)
	if err != nil {
		return err
	}
	defer r.close()
	if err := enginesFor(ctx, r.engine); err != nil {
		return err
	}
	home, err := settle(ctx, r)
	if err != nil {
		return err
	}
	days := demoDays
	if cmd.Quick {
		days = 1
	}
	fmt.Fprintf(c.out, "A made-up household speaks for %s, through the whole path: synthesised in %d voices, heard,\nunderstood, done, answered, sealed and kept.\n\n", countOf(days, "day"), len(voices()))
	if err := home.fill(ctx, said(time.Now(), days), newProgress(c.out, days)); err != nil {
		if ctx.Err() != nil {
			return nil // stopped while it filled
		}
		return err
	}
	pages := r.portal(front.origin.String(), nil)
	pages.Ending = ctx
	handler, err := portal.New(pages)
	if err != nil {
		return err
	}
	link := strings.ToLower(rand.Text())
	home.tell(c.out, front.origin.String(), link, dir, cmd.Keep == "")
	return serve(ctx, front.secured(), front.guard(signsIn(link, home.passphrase, handler)), log, r.acts.Run, r.doors.Run, f.letters.Run)
}

// scratch is the folder to fill, and what is done with it at the end. Nothing
// is ever filled in beside something else.
func (cmd demoCmd) scratch() (dir string, remove func() error, err error) {
	if cmd.Keep == "" {
		dir, err = os.MkdirTemp("", "hearkeep-demo-")
		return dir, func() error { return os.RemoveAll(dir) }, err
	}
	found, err := os.ReadDir(cmd.Keep)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return "", nil, folderError(cmd.Keep, err)
	case len(found) > 0:
		return "", nil, hearkeep.Errorf(hearkeep.Conflict, "The folder %s is not empty.", cmd.Keep).
			WithHint("The demo fills an empty folder only, so that made-up speech never lies among real. Name another, or leave --keep out.")
	}
	return cmd.Keep, func() error { return nil }, nil
}

// enginesFor fails where the household could not speak or be understood.
func enginesFor(ctx context.Context, engine *speech.Engine) error {
	status, err := engine.Status(ctx)
	if err != nil {
		return err
	}
	var missing, mend []string
	for _, e := range status {
		if !e.Present {
			missing, mend = append(missing, e.Name), append(mend, e.Mend)
		}
	}
	if len(missing) > 0 {
		return hearkeep.Errorf(hearkeep.Unavailable, "The demo really speaks and listens, and here is no %s.", strings.Join(missing, ", no ")).
			WithHint("%s", strings.Join(mend, " && "))
	}
	return nil
}

// settle makes the account and its doors.
func settle(ctx context.Context, r *rooms) (*demoHome, error) {
	secret, err := r.desk.SetupLink(ctx)
	if err != nil {
		return nil, err
	}
	h := &demoHome{rooms: r, passphrase: newPassphrase(), doors: map[string]hearkeep.BindingID{}, tally: map[string]*tally{}}
	from := identity.Visitor{Addr: netip.IPv6Loopback(), Agent: "hearkeep demo"}
	in, kit, check, err := r.desk.Create(ctx, secret, demoName, h.passphrase, from)
	if err != nil {
		return nil, err
	}
	// Nobody needs the demo's kit: it is checked, so that no page asks for that.
	groups := strings.Split(kit, "-")
	in, err = r.desk.CheckKit(ctx, in.Who, check.Ticket, [2]string{groups[check.Groups[0]-1], groups[check.Groups[1]-1]}, from)
	if err != nil {
		return nil, err
	}
	if h.vault, err = r.folder.keep.Create(ctx, in.Who); err != nil {
		return nil, err
	}
	room, err := r.folder.keep.Enter(ctx, in.Who, h.vault)
	if err != nil {
		return nil, err
	}
	if err := h.bind(ctx, room); err != nil {
		return nil, err
	}
	return h, r.desk.SignOut(ctx, in.Cookie)
}

// newPassphrase is random, since other users of the machine can reach the
// portal too.
func newPassphrase() string {
	t := strings.ToLower(rand.Text())
	return strings.Join([]string{t[:4], t[4:8], t[8:12], t[12:16]}, "-")
}

// signsIn makes one address sign in as the demo's account: what the sign-in
// page would post is posted, and the portal answers as it always does.
func signsIn(link, passphrase string, next http.Handler) http.Handler {
	form := url.Values{"name": {demoName}, "passphrase": {passphrase}}.Encode()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || subtle.ConstantTimeCompare([]byte(r.URL.Path), []byte("/demo/"+link)) != 1 {
			next.ServeHTTP(w, r)
			return
		}
		in := r.Clone(r.Context())
		in.Method, in.URL = http.MethodPost, &url.URL{Path: "/sign-in"}
		in.Body, in.ContentLength = io.NopCloser(strings.NewReader(form)), int64(len(form))
		in.Header.Del("Origin")
		in.Header.Set("Sec-Fetch-Site", "same-origin")
		in.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		next.ServeHTTP(w, in)
	})
}

// tell prints the way in and what to look at.
func (h *demoHome) tell(out io.Writer, origin, link, dir string, scratch bool) {
	h.table(out)
	dir = filepath.Clean(dir)
	fmt.Fprintf(out, `
Open this; it signs you in for as long as the demo runs:

  %s/demo/%s

(or sign in at %s as %s, with the passphrase %s)

What to look at:
  The history    what was said, by room and day; play a recording, see what was done and how long it took
  Bathroom       answered like every other room, and nowhere in the history: its rule is to keep nothing
  Bedroom        alarms were set after ten at night, and nothing was kept: its quiet hours
  Study          words without sound: its rule is to keep words only
  Delete one     and look at the receipt
  Doors          their rules; Home Assistant can dial them at 127.0.0.1 while the demo runs
  The disk       what a thief of it would find: grep -r pasta %s
  Its operator   hearkeep doctor --keep %s --listen %s
`, origin, link, origin, demoName, h.passphrase, dir, dir, strings.TrimPrefix(origin, "http://"))
	if scratch {
		fmt.Fprintf(out, "\nIt all lies in %s and goes when this ends (Ctrl-C).\n", dir)
	} else {
		fmt.Fprintf(out, "\nIt all lies in %s and stays there; hearkeep serve --keep %s opens it again.\n", dir, dir)
	}
}
