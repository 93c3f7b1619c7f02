package portal

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
)

// mailPage takes a report that came as a letter, in one step, and then shows
// how it was acknowledged.
type mailPage struct {
	frame
	Given     url.Values
	Languages []languageView
	Now       string // for the field of when it arrived
	Problem   *problem
	Taken     *takenView // nil until it was taken
}

// takenView is a report that was taken.
type takenView struct {
	Report, Case string
	At           clock
	Frozen       bool
	Text         string // the acknowledgement
	To           string // their address; empty where they gave none
	Sent         bool   // the acknowledgement is on its way there
}

// letterBytes is room for a letter with a receipt pasted in.
const letterBytes = 256 << 10

const mailTitle = "Enter a report that came as a letter"

func (p *portal) mailPage() *mailPage {
	return &mailPage{frame: p.deskFrame(mailTitle), Given: url.Values{}, Languages: languages(), Now: p.Now().In(p.Zone).Format(momentForm)}
}

func (p *portal) mailForm(w http.ResponseWriter, _ *http.Request) error {
	p.show(w, http.StatusOK, "mailed", p.mailPage())
	return nil
}

// fileMail files it. Its clock began when the letter came (B1).
func (p *portal) fileMail(w http.ResponseWriter, r *http.Request) error {
	if err := form(r); err != nil {
		return err
	}
	page := p.mailPage()
	filing, err := p.filing(r.PostForm)
	var taken incident.Taken
	if err == nil {
		taken, err = p.Incidents.File(context.WithoutCancel(r.Context()), filing, "")
	}
	if pr := amendable(err); pr != nil {
		page.Given, page.Problem = r.PostForm, pr
		p.show(w, pr.Status, "mailed", page)
		return nil
	}
	if err != nil {
		return err
	}
	page.Title = "The report is taken"
	page.Taken = &takenView{
		Report: taken.Report.String(), Case: taken.Incident.String(), At: p.clock(taken.At), Frozen: taken.Frozen, Text: taken.Text,
		To: filing.Reach, Sent: filing.Reach != "" && p.Incidents.Letters.Can("email"),
	}
	p.show(w, http.StatusOK, "mailed", page)
	return nil
}

func (p *portal) filing(given url.Values) (f incident.Filing, err error) {
	f = incident.Filing{
		What: incident.WhatOther, Via: hearkeep.ReportMail, About: textOfForm(given, "about"), Reach: strings.TrimSpace(given.Get("reach")),
		Receipt: textOfForm(given, "receipt"), Language: hearkeep.Language(given.Get("language")),
		Late: textOfForm(given, "late"),
	}
	if f.Receipt != "" {
		f.What = incident.WhatNotMine
	}
	if !f.Language.Valid() {
		return f, hearkeep.Errorf(hearkeep.Invalid, "Choose the language that they are answered in.")
	}
	if f.About == "" {
		return f, hearkeep.Errorf(hearkeep.Invalid, "Write what the letter says.").WithHint("Their words, as far as they concern what is wrong.")
	}
	if f.At, err = p.moment(strings.TrimSpace(given.Get("at"))); err != nil {
		return f, err
	}
	switch now := p.Now(); {
	case f.At.IsZero():
		return f, hearkeep.Errorf(hearkeep.Invalid, "Write when the letter came.").WithHint("The clock runs from then (Article 33(1)), and it cannot be changed later.")
	case f.At.After(now):
		return f, hearkeep.Errorf(hearkeep.Invalid, "It cannot have come in the future.")
	}
	return f, nil
}
