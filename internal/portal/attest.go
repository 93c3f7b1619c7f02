package portal

import (
	"context"
	"net/http"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
)

// attestPage asks whoever was handed what is another's to say that it is
// deleted (B7).
type attestPage struct {
	frame
	Words   publicWords
	Link    string
	Asked   clock
	Until   *clock
	Text    []string
	Yes, No string
	Answers bool   // it can be answered: once, or again by whoever refused
	Ended   string // what became of it; empty while it waits
	Given   struct{ Answer, Name, Statement string }
	Problem *problem
}

func (p *portal) attestForm(w http.ResponseWriter, r *http.Request, secret string) error {
	page, err := p.attestPage(r, secret)
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "attest", page)
	return nil
}

func (p *portal) attestPage(r *http.Request, secret string) (*attestPage, error) {
	a, err := p.Incidents.Attesting(r.Context(), secret)
	if err != nil {
		return nil, err
	}
	words := wordsIn(a.Language)
	page := &attestPage{
		frame: p.publicFrame(a.Language, words.Attest), Words: words, Link: "/attest/" + secret, Asked: p.clock(a.Asked), Until: p.clockOf(a.Until),
		Text: a.Text, Yes: a.Yes, No: a.No,
	}
	page.Answers = a.State == incident.RecipientAsked || a.State == incident.RecipientRefused
	switch a.State {
	case incident.RecipientAttested:
		page.Ended = words.Attested
	case incident.RecipientRefused:
		page.Ended = words.Refused
	case incident.RecipientExpired:
		page.Ended = words.Over
	}
	return page, nil
}

// attest takes their answer. It is asked for by a form, never by the link
// alone: whatever looks at links in letters answers nothing.
func (p *portal) attest(w http.ResponseWriter, r *http.Request, secret string) error {
	if err := form(r); err != nil {
		return err
	}
	answer, name, statement := r.PostFormValue("answer"), strings.TrimSpace(r.PostFormValue("name")), strings.TrimSpace(r.PostFormValue("statement"))
	ctx := context.WithoutCancel(r.Context())
	var err error
	switch answer {
	case "yes":
		err = p.Incidents.Attest(ctx, secret, name, statement)
	case "no":
		err = p.Incidents.Refuse(ctx, secret, name, statement)
	default:
		err = hearkeep.Errorf(hearkeep.Invalid, "Choose one of the two answers.")
	}
	if pr := mended(err); pr != nil && !wantsJSON(r) {
		page, err := p.attestPage(r, secret)
		if err != nil {
			return err
		}
		page.Problem = pr
		page.Given.Answer, page.Given.Name, page.Given.Statement = answer, name, statement
		p.show(w, pr.Status, "attest", page)
		return nil
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/attest/"+secret, http.StatusSeeOther)
	return nil
}
