package portal

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
)

// unlockPage asks for an unlocker of somebody signed in.
type unlockPage struct {
	frame
	Given   string // the person's name, for their password manager
	Next    string // a page of ours
	Phrase  bool
	Passkey bool
	Kit     bool
	Problem *problem
}

func (p *portal) unlockPage(ctx context.Context, v *visit, next string, pr *problem) (*unlockPage, error) {
	page := &unlockPage{frame: p.frameOf(v, "Show that it is you", ""), Given: v.who.Name(), Next: localPath(next, "/account"), Problem: pr}
	ways, err := p.Identity.Ways(ctx, v.who)
	if err != nil {
		return nil, err
	}
	for _, way := range ways {
		page.Phrase = page.Phrase || way.Kind == identity.KindPassphrase
		page.Passkey = page.Passkey || way.Kind == identity.KindPasskey && way.Unlocks
		page.Kit = page.Kit || way.Kind == identity.KindKit
	}
	return page, nil
}

func (p *portal) unlockForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	page, err := p.unlockPage(r.Context(), v, r.URL.Query().Get("next"), nil)
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "unlock", page)
	return nil
}

// unlock takes an unlocker and goes on to where it was asked for. The session
// goes on under another cookie.
func (p *portal) unlock(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := form(r); err != nil {
		return err
	}
	in, err := p.stepUp(r, v)
	if pr := mendable(err); pr != nil {
		page, pageErr := p.unlockPage(r.Context(), v, r.PostFormValue("next"), pr)
		if pageErr != nil {
			return pageErr
		}
		p.show(w, pr.Status, "unlock", page)
		return nil
	}
	if err != nil {
		return err
	}
	p.goOn(w, v, in)
	http.Redirect(w, r, localPath(r.PostFormValue("next"), "/account"), http.StatusSeeOther)
	return nil
}

func (p *portal) stepUp(r *http.Request, v *visit) (identity.SignedIn, error) {
	proof := identity.Proof{Passphrase: r.PostFormValue("passphrase"), Kit: r.PostFormValue("kit")}
	if r.PostFormValue("ceremony") != "" {
		answer, err := passkeyAnswer(r)
		if err != nil {
			return identity.SignedIn{}, err
		}
		proof.Passkey = &answer
	}
	if proof == (identity.Proof{}) {
		return identity.SignedIn{}, hearkeep.Errorf(hearkeep.Invalid, "Nothing was typed.")
	}
	return p.Identity.StepUp(r.Context(), v.who, proof, p.visitor(r))
}

func (p *portal) unlockWithPasskey(w http.ResponseWriter, r *http.Request, v *visit) error {
	ceremony, err := p.Identity.PasskeyToStepUp(r.Context(), v.who)
	if err != nil {
		return err
	}
	return answerJSON(w, ceremony)
}

// localPath returns an address within this portal as it was given, or
// otherwise another. What a browser could read as another site is none.
func localPath(path, otherwise string) string {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" ||
		!strings.HasPrefix(path, "/") || strings.HasPrefix(u.Path, "//") || strings.ContainsAny(u.Path, "\\") ||
		strings.ContainsFunc(path, func(r rune) bool { return unicode.IsControl(r) || r == '\\' }) {
		return otherwise
	}
	return path
}

// askToUnlock sends a person's browser to the page where an unlocker is shown
// again, and from there back; whatever else asks is told so in its own form.
// What a form was sent with is not carried along: its own page asks again.
func (p *portal) askToUnlock(w http.ResponseWriter, r *http.Request, err error) {
	there := "/unlock?" + url.Values{"next": {p.formOf(r)}}.Encode()
	switch {
	case r.Header.Get("HX-Request") != "":
		w.Header().Set("HX-Redirect", there)
		w.WriteHeader(http.StatusForbidden)
	case wantsJSON(r) || isMedia(r):
		p.fail(w, r, err)
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		http.Redirect(w, r, there, http.StatusSeeOther)
	default:
		pr := explain(err)
		p.show(w, pr.Status, "stale", &stalePage{p.frame(pr.Title), pr, there})
	}
}

// stalePage answers a form that was sent too long after an unlocker was shown.
type stalePage struct {
	frame
	Problem problem
	There   string
}

// formOf is the page from which a request was sent: for a form, the page at
// its own address where there is one, or else the one above.
func (p *portal) formOf(r *http.Request) string {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return r.URL.RequestURI()
	}
	page := strings.Replace(r.Pattern, r.Method+" ", http.MethodGet+" ", 1)
	rows := p.routes()
	there := func(page string) bool {
		return slices.ContainsFunc(rows, func(row route) bool { return pattern(row) == page })
	}
	switch {
	case there(page):
		return r.URL.RequestURI()
	case there(path.Dir(page)): // as a form of a recording stands on its page
		return path.Dir(r.URL.EscapedPath())
	}
	return "/account"
}
