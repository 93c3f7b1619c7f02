package portal

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
)

// setupPage is where a person names themselves. What was typed comes back
// after a mistake, but never a passphrase.
type setupPage struct {
	frame
	Link          string
	Given         string // the name, as typed
	MinPassphrase int
	Problem       *problem
}

func (p *portal) setupForm(w http.ResponseWriter, _ *http.Request, link string) error {
	p.show(w, http.StatusOK, "setup", &setupPage{frame: p.frame("Set up your keep"), Link: link, MinPassphrase: identity.MinPassphrase})
	return nil
}

// setup makes the account, its keep, and a pairing code for the terminal. It
// answers with the page instead of a redirect because the kit is kept nowhere.
func (p *portal) setup(w http.ResponseWriter, r *http.Request, link string) error {
	if err := form(r); err != nil {
		return err
	}
	name := r.PostFormValue("name")
	in, kit, check, err := p.Identity.Create(r.Context(), link, name, r.PostFormValue("passphrase"), p.visitor(r))
	switch hearkeep.CodeOf(err) {
	case hearkeep.Invalid, hearkeep.Conflict:
		if err != nil {
			pr := explain(err)
			p.show(w, pr.Status, "setup", &setupPage{frame: p.frame("Set up your keep"), Link: link, Given: name, MinPassphrase: identity.MinPassphrase, Problem: &pr})
			return nil
		}
	}
	if err != nil {
		return err
	}
	return p.madeAccount(w, r, in, kit, check)
}

// signInPage asks for a name and a passphrase or, as kitsignin, for the kit.
type signInPage struct {
	frame
	Given   string
	Next    string // a page of ours to go on to; empty for the first one
	Problem *problem
}

// nextPage is the page of ours that a request asks to go on to, in its address
// or in its form; empty where it asks for none.
func nextPage(r *http.Request) string { return localPath(r.FormValue("next"), "") }

// signInForm lets somebody who is signed in go on: a tab that asked with the
// cookie from before another tab changed it is sent here.
func (p *portal) signInForm(w http.ResponseWriter, r *http.Request) error {
	if c, err := r.Cookie(p.cookieName("hearkeep")); err == nil {
		if _, err := p.Identity.Authenticate(r.Context(), c.Value); err == nil {
			http.Redirect(w, r, cmp.Or(nextPage(r), "/"), http.StatusSeeOther)
			return nil
		}
	}
	p.show(w, http.StatusOK, "signin", &signInPage{frame: p.frame("Sign in"), Next: nextPage(r)})
	return nil
}

func (p *portal) kitForm(w http.ResponseWriter, r *http.Request) error {
	p.show(w, http.StatusOK, "kitsignin", &signInPage{frame: p.frame("Use your recovery kit"), Next: nextPage(r)})
	return nil
}

func (p *portal) signIn(w http.ResponseWriter, r *http.Request) error {
	return p.enterWith(w, r, "signin", "Sign in", "passphrase", p.Identity.SignIn)
}

func (p *portal) signInWithKit(w http.ResponseWriter, r *http.Request) error {
	return p.enterWith(w, r, "kitsignin", "Use your recovery kit", "kit", p.Identity.SignInWithKit)
}

// enterWith signs somebody in with the unlocker in a field. What cannot be used
// brings the form back with the sentence; it never says which half was wrong.
func (p *portal) enterWith(w http.ResponseWriter, r *http.Request, page, title, field string,
	with func(context.Context, string, string, identity.Visitor) (identity.SignedIn, error)) error {
	if err := form(r); err != nil {
		return err
	}
	name := r.PostFormValue("name")
	in, err := with(r.Context(), name, r.PostFormValue(field), p.visitor(r))
	if err != nil {
		pr := explain(err)
		if pr.Status >= http.StatusInternalServerError {
			return err
		}
		p.show(w, pr.Status, page, &signInPage{frame: p.frame(title), Given: name, Next: nextPage(r), Problem: &pr})
		return nil
	}
	p.welcome(w, in)
	p.learnLanguage(r.Context(), r, in.Who)
	home := "/"
	if field == "kit" { // whoever needs it may have lost the passphrase
		home = "/account?done=kit-used"
	}
	http.Redirect(w, r, cmp.Or(nextPage(r), home), http.StatusSeeOther)
	return nil
}

// signOut ends the session of the cookie. It needs no keep, so that it works
// when the keep does not.
func (p *portal) signOut(w http.ResponseWriter, r *http.Request) error {
	if c, err := r.Cookie(p.cookieName("hearkeep")); err == nil {
		if err := p.Identity.SignOut(r.Context(), c.Value); err != nil {
			return err
		}
		p.codes.forget(c.Value)
	}
	// Pages are stored nowhere, but a browser may hold the last ones in memory
	// for its back button: those go with the cache.
	w.Header().Set("Clear-Site-Data", `"cache"`)
	p.setCookie(w, "hearkeep", "", time.Time{})
	p.setCookie(w, vaultCookie, "", time.Time{})
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
	return nil
}
