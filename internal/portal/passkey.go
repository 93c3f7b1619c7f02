package portal

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
)

// passkeyBytes is room for a form with what an authenticator says of itself.
const passkeyBytes = 64 << 10

// A passkey's ceremony is begun by static/passkey.js with a post that is
// answered in JSON, and ends as the post of an ordinary form with the fields
// ceremony, response and prf, which is answered with a page.
func passkeyAnswer(r *http.Request) (identity.PasskeyAnswer, error) {
	bad := hearkeep.Errorf(hearkeep.Invalid, "The answer of the passkey could not be read.").WithHint("Try again.")
	a := identity.PasskeyAnswer{Ceremony: r.PostFormValue("ceremony"), Response: json.RawMessage(r.PostFormValue("response"))}
	if !json.Valid(a.Response) {
		return a, bad
	}
	var err error
	if a.PRF, err = base64.RawURLEncoding.Strict().DecodeString(r.PostFormValue("prf")); err != nil {
		return a, bad // and without the chain, which could hold what was sent
	}
	return a, nil
}

func answerJSON(w http.ResponseWriter, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(append(body, '\n'))
	return nil
}

// newPasskeyPage asks for a passkey and its name.
type newPasskeyPage struct {
	frame
	Given   string
	Problem *problem
}

func (p *portal) newPasskeyForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	p.show(w, http.StatusOK, "newpasskey", &newPasskeyPage{frame: p.frameOf(v, "Add a passkey", "account"), Given: deviceText(r.UserAgent())})
	return nil
}

func (p *portal) beginPasskey(w http.ResponseWriter, r *http.Request, v *visit) error {
	ceremony, err := p.Identity.NewPasskey(r.Context(), v.who)
	if err != nil {
		return err
	}
	return answerJSON(w, ceremony)
}

func (p *portal) addPasskey(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := form(r); err != nil {
		return err
	}
	name := r.PostFormValue("name")
	answer, err := passkeyAnswer(r)
	var in identity.SignedIn
	var way identity.Way
	if err == nil {
		in, way, err = p.Identity.AddPasskey(context.WithoutCancel(r.Context()), v.who, name, answer, p.visitor(r))
	}
	if pr := mendable(err); pr != nil {
		p.show(w, pr.Status, "newpasskey", &newPasskeyPage{p.frameOf(v, "Add a passkey", "account"), name, pr})
		return nil
	}
	if err != nil {
		return err
	}
	p.goOn(w, v, in)
	what := "passkey"
	if !way.Unlocks {
		what = "half-passkey"
	}
	http.Redirect(w, r, "/account?done="+what, http.StatusSeeOther)
	return nil
}

// beginPasskeySignIn answers every name alike.
func (p *portal) beginPasskeySignIn(w http.ResponseWriter, r *http.Request) error {
	if err := form(r); err != nil {
		return err
	}
	ceremony, err := p.Identity.PasskeyToSignIn(r.Context(), r.PostFormValue("name"), p.visitor(r))
	if err != nil {
		return err
	}
	return answerJSON(w, ceremony)
}

// halfPage is for somebody whose passkey signed them in and cannot unlock.
type halfPage struct {
	frame
	Given string
	Next  string // a page of ours to go on to; empty for the first one
}

func (p *portal) signInWithPasskey(w http.ResponseWriter, r *http.Request) error {
	if err := form(r); err != nil {
		return err
	}
	answer, err := passkeyAnswer(r)
	var in identity.SignedIn
	var half *identity.Half
	if err == nil {
		in, half, err = p.Identity.SignInWithPasskey(r.Context(), answer, p.visitor(r))
	}
	if err != nil {
		pr := explain(err)
		if pr.Status >= http.StatusInternalServerError {
			return err
		}
		p.show(w, pr.Status, "signin", &signInPage{frame: p.frame("Sign in"), Given: r.PostFormValue("name"), Next: nextPage(r), Problem: &pr})
		return nil
	}
	if half != nil {
		p.setCookie(w, "hearkeep-known", half.Known, p.Now().Add(knownFor))
		p.show(w, http.StatusOK, "half", &halfPage{p.frame("Almost there"), half.Name, nextPage(r)})
		return nil
	}
	p.welcome(w, in)
	p.learnLanguage(r.Context(), r, in.Who)
	http.Redirect(w, r, cmp.Or(nextPage(r), "/"), http.StatusSeeOther)
	return nil
}
