package portal

import (
	"context"
	"net/http"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
)

// reportRoutes: that something is wrong, by somebody with an account or
// without one; what became of it; and notices.
func (p *portal) reportRoutes() []route {
	return []route{
		{method: "GET", pattern: "/report", anyone: p.reportForm},
		{method: "POST", pattern: "/report", on: report, anyone: p.fileReport, body: reportBytes},
		{method: "GET", pattern: "/report/{secret}", on: report, reporter: p.reportedPage},
		{method: "GET", pattern: "/reports", on: account, keyholder: p.reports},
		{method: "GET", pattern: "/reports/new", on: account, keyholder: p.newReportForm},
		{method: "POST", pattern: "/reports/new", on: account, keyholder: p.newReport, body: reportBytes},
		{method: "GET", pattern: "/recordings/{id}/not-mine", on: recording, keyholder: p.notMyRecordingForm},
		{method: "POST", pattern: "/recordings/{id}/not-mine", on: recording, keyholder: p.notMyRecording, body: reportBytes},
		{method: "GET", pattern: "/doors/{id}/not-mine", on: binding, keyholder: p.notMyDoorForm},
		{method: "POST", pattern: "/doors/{id}/not-mine", on: binding, keyholder: p.notMyDoor, body: reportBytes},
		{method: "GET", pattern: "/notices", on: account, keyholder: p.noticesList},
		{method: "GET", pattern: "/notices/{id}", on: notice, keyholder: p.notice},
		{method: "POST", pattern: "/account/language", on: account, keyholder: p.setLanguage, body: formBytes},
	}
}

// attestRoutes: the word of whoever was handed what is another's.
func (p *portal) attestRoutes() []route {
	return []route{
		{method: "GET", pattern: "/attest/{secret}", on: handed, recipient: p.attestForm},
		{method: "POST", pattern: "/attest/{secret}", on: handed, recipient: p.attest, body: formBytes},
	}
}

// reportBytes is room for a receipt and for what somebody writes beside it.
const reportBytes = 192 << 10

// publicFrame is the frame of a page for somebody without an account, in their
// language.
func (p *portal) publicFrame(l hearkeep.Language, title string) frame {
	f := p.frame(title)
	f.Lang, f.Skip = string(l.Or()), wordsIn(l).Skip
	return f
}

// reportPage is the form for everybody. What was typed comes back after a
// mistake.
type reportPage struct {
	frame
	Words     publicWords
	Languages []choice
	Given     reportForm
	Problem   *problem
	Mail      bool // this keep sends letters: an address is of use
}

// reportForm is a report as somebody typed it.
type reportForm struct{ About, Evidence, Reach string }

func (p *portal) reportForm(w http.ResponseWriter, r *http.Request) error {
	p.showReport(w, http.StatusOK, pageLanguage(r), reportForm{Evidence: clipText(r.URL.Query().Get("archive"), 64)}, nil)
	return nil
}

func (p *portal) showReport(w http.ResponseWriter, status int, l hearkeep.Language, given reportForm, pr *problem) {
	words := wordsIn(l)
	p.show(w, status, "report", &reportPage{p.publicFrame(l, words.Report), words, ownLanguages(), given, pr, p.Incidents.Letters.Can("email")})
}

// takenPage is a report that has come in: the acknowledgement (C4), and the
// way back to it.
type takenPage struct {
	frame
	Words publicWords
	Link  string // the path of the way back
	Where string // the same, whole, to copy
	Text  []string
}

// fileReport takes a report by somebody without an account. Its answer is the
// same whether what it names is known here.
func (p *portal) fileReport(w http.ResponseWriter, r *http.Request) error {
	if err := form(r); err != nil {
		return err
	}
	l, given := pageLanguage(r), reportForm{r.PostFormValue("about"), r.PostFormValue("evidence"), strings.TrimSpace(r.PostFormValue("reach"))}
	f := incident.Filing{
		What: incident.WhatOther, Via: hearkeep.ReportForm, Receipt: strings.TrimSpace(given.Evidence), About: given.About, Reach: given.Reach, Language: l,
	}
	if f.Receipt != "" {
		f.What = incident.WhatNotMine
	}
	taken, err := p.Incidents.File(context.WithoutCancel(r.Context()), f, networkOf(p.visitor(r).Addr))
	if pr := mended(err); pr != nil && !wantsJSON(r) {
		p.showReport(w, pr.Status, l, given, pr)
		return nil
	}
	if err != nil {
		return err
	}
	words := wordsIn(l)
	p.show(w, http.StatusOK, "reporttaken", &takenPage{
		p.publicFrame(l, words.Thanks), words, "/report/" + taken.Secret, p.origin.String() + "/report/" + taken.Secret, paragraphsOf(taken.Text),
	})
	return nil
}

// mended is told, of forms that take long texts: that one is too long can be
// mended, too.
func mended(err error) *problem {
	if hearkeep.CodeOf(err) == hearkeep.TooLarge {
		pr := explain(err)
		return &pr
	}
	return told(err)
}

// paragraphsOf takes a letter's text apart.
func paragraphsOf(text string) (all []string) {
	for _, part := range strings.Split(text, "\n\n") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}

// reportedView is a report as whoever made it sees it.
type reportedView struct {
	ID     string
	What   string
	At     clock
	Closed *clock
	Frozen bool
	Steps  []string
	Link   string // to the recording that was reported; empty for something else
	Spoken bool   // at a door, where nobody could say which recording
}

func (p *portal) reportedView(s incident.Status) reportedView {
	view := reportedView{
		ID: s.Report.String(), What: reportText(s.What), At: p.clock(s.At), Closed: p.clockOf(s.Closed), Frozen: s.Frozen && s.Closed.IsZero(),
		Steps: s.Steps, Spoken: s.Spoken,
	}
	if !s.Item.IsZero() {
		view.Link = "/recordings/" + s.Item.String() + "?of=" + s.Vault.String()
	}
	return view
}

// reportText is what a report says.
func reportText(what string) string {
	switch what {
	case incident.WhatNotMine:
		return "Something that is not yours"
	case incident.WhatOther:
		return "Something else that is wrong"
	}
	return "That something is wrong"
}

// statusPage is a report of somebody without an account.
type statusPage struct {
	frame
	reportedView
	Words publicWords
}

// reportedPage shows a report to whoever has its link.
func (p *portal) reportedPage(w http.ResponseWriter, r *http.Request, secret string) error {
	s, err := p.Incidents.StatusBy(r.Context(), secret)
	if err != nil {
		return err
	}
	l := pageLanguage(r)
	words := wordsIn(l)
	p.show(w, http.StatusOK, "reportstatus", &statusPage{p.publicFrame(l, words.Yours), p.reportedView(s), words})
	return nil
}

// reportsPage lists what the person reported.
type reportsPage struct {
	frame
	Done     []string // the acknowledgement of the one that has just come in
	Reports  []reportedView
	Language string // of Done and of the steps
}

func (p *portal) reports(w http.ResponseWriter, r *http.Request, v *visit) error {
	return p.showReports(w, r, v, nil)
}

func (p *portal) showReports(w http.ResponseWriter, r *http.Request, v *visit, done []string) error {
	all, err := p.Incidents.StatusesOf(r.Context(), v.who.Account())
	if err != nil {
		return err
	}
	language, err := p.Incidents.Language(r.Context(), v.who.Account())
	if err != nil {
		return err
	}
	page := &reportsPage{frame: p.frameOf(v, "Your reports", "opened"), Done: done, Language: string(language.Or())}
	for _, s := range all {
		page.Reports = append(page.Reports, p.reportedView(s))
	}
	p.show(w, http.StatusOK, "reports", page)
	return nil
}
