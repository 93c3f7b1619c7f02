package portal

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
	"github.com/hearkeep/hearkeep/internal/incident/papers"
	"github.com/hearkeep/hearkeep/internal/store"
)

// deskPortal is a portal that has nothing but a clock.
func deskPortal() *portal {
	return &portal{Config: Config{Zone: time.UTC, Now: func() time.Time { return day0 }}}
}

// sampleCase is the case of 2018 on made-up ids, two hours old: an archive of
// 1,700 recordings was handed to somebody else.
func sampleCase(change func(*incident.Case)) incident.Case {
	id := hearkeep.IncidentID{0x4f, 0x1c, 15: 1}
	anna, vault, kitchen := hearkeep.AccountID{0xa1, 15: 1}, hearkeep.VaultID{0xb2, 15: 1}, hearkeep.BindingID{0xc3, 15: 1}
	gone := hearkeep.ArchiveID{0xd4, 15: 1}
	at := day0.Add(-2 * time.Hour)
	c := incident.Case{
		Summary: incident.Summary{
			ID: id, What: incident.WhatNotMine, State: hearkeep.IncidentOpen, AwareAt: at, Due: at.Add(hearkeep.IncidentClock), TellBy: day0.Add(34 * time.Minute),
			Reports: 1, People: 1, Items: 1700,
		},
		Clauses: []incident.Clause{{Archive: gone}},
		Affected: []store.Affected{
			{Incident: id, Account: anna, Vault: vault, Run: hearkeep.Run{Binding: kitchen, From: 1, To: 1699}, How: incident.HowHanded, Entry: 90211, At: at.AddDate(0, 0, -27)},
			{Incident: id, Account: anna, Vault: vault, Run: hearkeep.Run{Binding: hearkeep.BindingID{0xc4}, From: 12, To: 12}, How: incident.HowHanded, Entry: -1, At: at.AddDate(0, 0, -27)},
		},
	}
	c.Reports = []incident.Reported{{
		Report: store.Report{ID: hearkeep.ReportID{0xe5, 15: 1}, What: incident.WhatNotMine, Via: hearkeep.ReportForm, Archive: gone, Language: "de", At: at, Answered: at},
		About:  "I asked for my data and got recordings of somebody in the shower.\nI do not know these people.", Reach: "carl@example.org",
	}}
	step := func(n int, kind string, by hearkeep.Role, after time.Duration, text string) incident.StepView {
		return incident.StepView{Step: store.Step{Incident: id, N: n, Kind: kind, By: by, Entry: int64(90300 + n), At: at.Add(after)}, Text: text}
	}
	c.Steps = []incident.StepView{
		step(1, incident.StepOpened, hearkeep.RoleSystem, 0, ""), step(2, incident.StepAcknowledged, hearkeep.RoleSystem, 0, ""),
		step(3, incident.StepFrozen, hearkeep.RoleSystem, 0, ""), step(4, incident.StepScoped, hearkeep.RoleSystem, 0, "1 person, 1,700 recordings"),
	}
	if change != nil {
		change(&c)
	}
	return c
}

// workedCase is a case in which all was done.
func workedCase() incident.Case {
	return sampleCase(func(c *incident.Case) {
		c.ID[15], c.State, c.Phase, c.Notify, c.Severity, c.TellBy = 6, hearkeep.IncidentNotified, 1, "yes", incident.High, time.Time{}
		c.Assessment = incident.Assessment{
			Confidentiality: true, Sensitivity: 4, Identification: 3, Children: true, Nature: "An archive was handed to somebody else. " + nasty,
			Consequences: nasty, Measures: "The archive’s way out was closed.", Reasons: nasty, Score: 4.25, Level: incident.High,
		}
		for i := range c.Affected {
			c.Affected[i].Told = day0.Add(-time.Hour)
		}
		c.Clauses = append(c.Clauses, incident.Clause{Session: "00112233aabbccdd", Reason: nasty},
			incident.Clause{From: day0.AddDate(0, -1, 0), Without: true, Reason: "Before that the program was another."},
			incident.Clause{Account: hearkeep.AccountID{1}}, incident.Clause{Binding: hearkeep.BindingID{2}, Number: 12, From: day0}, incident.Clause{Binding: hearkeep.BindingID{2}, From: day0.AddDate(0, -1, 0), To: day0}, incident.Clause{Vault: hearkeep.VaultID{3}})
		c.Reports = append(c.Reports, incident.Reported{Report: store.Report{ID: hearkeep.ReportID{9}, What: "a kind of its own", Via: hearkeep.ReportMail, Account: hearkeep.AccountID{4}, Recording: hearkeep.RecordingID{5}, At: day0.Add(-time.Hour)}, About: strings.Repeat(nasty, 40), Reach: nasty})
		for i, kind := range []string{incident.StepAssessed, incident.StepDecided, incident.StepTold, incident.StepAsked, incident.StepOffered, incident.StepNotified, incident.StepAttested, "a step of its own", incident.StepAlarmed} {
			c.Steps = append(c.Steps, incident.StepView{Step: store.Step{N: 5 + i, Kind: kind, By: hearkeep.RoleOperator, Entry: int64(90400 + i), At: day0.Add(time.Duration(i-60) * time.Minute)}, Text: nasty})
		}
		c.Offer, c.Conclusion, c.Lost = nasty, "", 2
		c.Reports[1].Named, c.Reports[1].Late = nasty, nasty
		c.Letters = []store.Communication{
			{Account: c.Affected[0].Account, Kind: "email", Topic: "your recordings", State: "sent", At: day0.Add(-time.Hour), Ended: day0.Add(-59 * time.Minute)},
			{Account: c.Affected[0].Account, Kind: "webhook", Topic: "your recordings", State: "failed", At: day0.Add(-time.Hour), Ended: day0},
			{Kind: "email", Topic: "please delete", State: "queued", At: day0},
		}
		c.Recipients = []incident.RecipientView{
			{Recipient: store.Recipient{State: incident.RecipientAttested, Asked: day0.Add(-time.Hour), Ended: day0}, Reach: "carl@example.org", Attested: nasty},
			{Recipient: store.Recipient{State: incident.RecipientAsked, Asked: day0}},
		}
	})
}

func sampleDoc(title string) papers.Document {
	return papers.Document{Title: title, Mark: "4f1c", Lead: []string{"Made from the ledger.", nasty}, Sections: []papers.Section{
		{Heading: "1. What happened", Text: []string{nasty, "Two lines.\nOf one paragraph."}},
		{Heading: "2. Facts", Facts: [][2]string{{"Aware since", "3 May 2026, 12:32 UTC"}, {nasty, nasty}}},
		{Heading: "", Head: []string{"How", "People"}, Rows: [][]string{{"handed over", "1"}, {nasty, "2"}}},
	}}
}

// operatorSamples are the pages of the breach desk.
func operatorSamples(wrong *problem) []sample {
	p := deskPortal()
	fresh, worked := sampleCase(nil), workedCase()
	late := sampleCase(func(c *incident.Case) {
		c.ID, c.Due, c.TellBy, c.Severity, c.Notify, c.People = hearkeep.IncidentID{7}, day0.Add(-5*time.Hour), time.Time{}, incident.Low, "yes", 0
		c.Affected = nil
	})
	closed := sampleCase(func(c *incident.Case) {
		*c = workedCase()
		c.ID, c.State, c.Closed, c.Notify, c.Phase, c.Conclusion = hearkeep.IncidentID{8}, hearkeep.IncidentClosed, day0, "no", 0, nasty
	})
	bare := incident.Case{Summary: incident.Summary{ID: hearkeep.IncidentID{9}, What: incident.WhatClock, State: hearkeep.IncidentOpen, AwareAt: day0, Due: day0.Add(30 * time.Second), Reports: 1}}
	held := sampleCase(func(c *incident.Case) {
		c.TellBy, c.Severity, c.Notify = time.Time{}, incident.Medium, "no"
		c.Steps = append(c.Steps, incident.StepView{Step: store.Step{N: 5, Kind: incident.StepHeld, By: hearkeep.RoleOperator, At: day0}, Text: "The police asked for a day."})
		c.Recipients = make([]incident.RecipientView, 1)
	})
	huge := sampleCase(func(c *incident.Case) {
		one := c.Affected[0]
		for i := range 300 {
			one.Account[1], one.Account[2] = byte(i), byte(i>>8)
			c.Affected = append(c.Affected, one)
		}
		c.People = 301
	})
	view := func(c incident.Case, change func(*casePage)) *casePage {
		page := p.casePageOf(c)
		if change != nil {
			change(page)
		}
		return page
	}
	lines := []caseLine{p.caseLine(late.Summary), p.caseLine(fresh.Summary), p.caseLine(worked.Summary), p.caseLine(bare.Summary)}
	given := url.Values{"kind": {"session"}, "way": {"narrow"}, "of": {nasty}, "reason": {nasty}, "nature": {nasty}, "sensitivity": {"3"}, "malicious": {"yes"}, "at": {nasty}, "about": {nasty}, "receipt": {nasty}, "reach": {nasty}, "language": {"fr"}, "reference": {nasty}, "late": {nasty}}
	in := func(form string) func(*casePage) {
		return func(page *casePage) { page.wrong, page.given, page.Problem = form, given, wrong }
	}
	mailed := func(change func(*mailPage)) *mailPage {
		page := p.mailPage()
		change(page)
		return page
	}
	paper := func(title string, change func(*paperPage)) *paperPage {
		page := &paperPage{frame: p.frame(title), Doc: sampleDoc(title), At: "/operator/register", Kinds: []string{"pdf", "html", "csv", "json"}, Back: "/operator", BackTo: "The desk", Given: url.Values{}}
		change(page)
		return page
	}
	notification := func(change func(*paperPage)) *paperPage {
		return paper("Notification of a personal data breach", func(page *paperPage) {
			id := fresh.ID.String()
			page.At, page.Kinds, page.Back, page.BackTo, page.Case, page.Phase, page.Decided = "/operator/cases/"+id+"/notification", []string{"pdf", "html"}, "/operator/cases/"+id, "The case", id, 1, "yes"
			page.Due, page.Left = due(70*time.Hour), "70 hours left"
			change(page)
		})
	}
	made := []madeView{{1, at(day0), nasty}, {2, at(day0), "AZ 4711"}}
	operator := p.frame("The operator’s desk")
	return []sample{
		{"operator-cases", "operator", &operatorPage{frame: operator, Cases: lines, MoreCases: 3, Log: logView{"hearkeep.local/4f1c", "90,412 entries", []witnessView{{"witness.example/w1", "90,400 entries", due(0), "", nil}, {nasty, "", nil, nasty, due(0)}}}, Watch: incident.DefaultThresholds().Explain(), Reports: 3,
			Waiting: []waitingView{{"Recordings are missing", "by Hearkeep itself", at(day0)}, {nasty, nasty, at(day0)}}, Lacks: []string{"There is no mail server.", nasty}}},
		{"cases", "cases", &casesPage{frame: p.frame("Cases"), Cases: append(lines, p.caseLine(closed.Summary)), Older: "1-2", First: true}},
		{"cases-none", "cases", &casesPage{frame: p.frame("Cases"), First: true}},
		{"cases-past-the-end", "cases", &casesPage{frame: p.frame("Cases")}},
		{"case", "case", view(fresh, nil)},
		{"case-worked", "case", view(worked, func(page *casePage) { page.Done = caseDone("notified") })},
		{"case-late", "case", view(late, nil)},
		{"case-held", "case", view(held, nil)},
		{"case-bare", "case", view(bare, nil)},
		{"case-huge", "case", view(huge, nil)},
		{"case-closed", "case", view(closed, nil)},
		{"case-preview", "case", view(fresh, func(page *casePage) {
			page.wrong, page.given = "clauses", given
			page.Preview = &incident.Preview{Before: incident.Size{People: 1, Items: 1700}, After: incident.Size{People: 3, Items: 1812}, Joining: 2}
		})},
		{"case-preview-same", "case", view(fresh, func(page *casePage) { page.wrong, page.given, page.Preview = "clauses", given, &incident.Preview{} })},
		{"case-wrong-assess", "case", view(fresh, in("assess"))},
		{"case-wrong-clauses", "case", view(fresh, in("clauses"))},
		{"case-wrong-tell", "case", view(fresh, in("tell"))},
		{"case-wrong-hold", "case", view(fresh, in("hold"))},
		{"case-wrong-ask", "case", view(worked, in("ask"))},
		{"case-wrong-close", "case", view(worked, in("close"))},
		{"case-wrong-decide", "case", view(worked, in("decide"))},
		{"mailed", "mailed", mailed(func(*mailPage) {})},
		{"mailed-wrong", "mailed", mailed(func(page *mailPage) { page.Given, page.Problem = given, wrong })},
		{"mailed-taken", "mailed", mailed(func(page *mailPage) {
			page.Taken = &takenView{fmt.Sprintf("%032x", 3), fmt.Sprintf("%032x", 4), at(day0), true, "Guten Tag.\n\nIhre Meldung ist angekommen.\n" + nasty, "carl@example.org", true}
		})},
		{"mailed-taken-bare", "mailed", mailed(func(page *mailPage) { page.Taken = &takenView{"1", "2", at(day0), false, nasty, "", false} })},
		{"mailed-taken-unsent", "mailed", mailed(func(page *mailPage) { page.Taken = &takenView{"1", "2", at(day0), false, nasty, nasty, false} })},
		{"paper-register", "paper", paper("Register of breaches", func(*paperPage) {})},
		{"paper-notification", "paper", notification(func(page *paperPage) { page.Made = made[:1] })},
		{"paper-late", "paper", notification(func(page *paperPage) {
			page.Due, page.Left, page.Late, page.Given, page.Problem = due(-time.Hour), "1 hour late", true, given, wrong
		})},
		{"paper-undecided", "paper", notification(func(page *paperPage) { page.Decided = "" })},
		{"paper-not", "paper", notification(func(page *paperPage) { page.Decided, page.Due = "no", nil })},
		{"paper-closed", "paper", notification(func(page *paperPage) { page.Decided, page.Due = "closed", nil })},
		{"paper-frozen", "paper", notification(func(page *paperPage) { page.Frozen, page.Query, page.Made, page.Due = true, "?phase=1", made, nil })},
	}
}
