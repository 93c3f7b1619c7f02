package portal

import (
	"context"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
)

// apiReportRoutes: reports and notices from a terminal. No program may any of it.
func (p *portal) apiReportRoutes() []route {
	return []route{
		{method: "GET", pattern: "/v1/reports", on: account, scope: scopePerson, api: answers("What you reported, newest first.", p.apiReports)},
		{method: "POST", pattern: "/v1/reports", on: account, scope: scopePerson, body: reportBytes, api: made("Report that something is not yours, or is wrong. You are answered at once.", p.apiReport)},
		{method: "GET", pattern: "/v1/notices", on: account, scope: scopePerson, api: answers("What happened to recordings of yours, and to which, newest first. Where you are signed in, pages lead to what you did not open there yet.", p.apiNotices)},
	}
}

// newReportJSON is a report as it comes in.
type newReportJSON struct {
	Recording hearkeep.RecordingID `json:"recording,omitzero" doc:"At most one of recording, door and receipt"`
	Door      hearkeep.BindingID   `json:"door,omitzero"`
	Receipt   string               `json:"receipt,omitempty" maxLength:"65536" doc:"The id of an archive, or a receipt of the ledger"`
	About     string               `json:"about,omitempty" maxLength:"4000" doc:"What happened; needed where nothing is named"`
}

// takenJSON is the acknowledgement of a report.
type takenJSON struct {
	ID       hearkeep.ReportID   `json:"id"`
	Incident hearkeep.IncidentID `json:"incident"`
	At       time.Time           `json:"at"`
	Frozen   bool                `json:"frozen" doc:"What it concerns is kept as it is, and handed to nobody, until it is clear"`
	Says     string              `json:"says" doc:"The acknowledgement, in your language"`
}

func (p *portal) apiReport(ctx context.Context, c *call, in newReportJSON) (takenJSON, error) {
	ctx = context.WithoutCancel(ctx)
	f := incident.Filing{
		What: incident.WhatNotMine, Via: hearkeep.ReportPortal, By: c.who.Account(),
		Recording: in.Recording, Binding: in.Door, Receipt: in.Receipt, About: in.About,
	}
	if in.Recording.IsZero() && in.Door.IsZero() && in.Receipt == "" {
		f.What = incident.WhatOther
	}
	var err error
	if f.Language, err = p.Incidents.Language(ctx, f.By); err != nil {
		return takenJSON{}, err
	}
	t, err := p.Incidents.File(ctx, f, "")
	return takenJSON{t.Report, t.Incident, t.At.UTC(), t.Frozen, t.Text}, err
}

type reportsJSON struct {
	Reports []reportJSON `json:"reports"`
}

// reportJSON is a report as whoever made it sees it.
type reportJSON struct {
	ID     hearkeep.ReportID `json:"id"`
	What   string            `json:"what" doc:"not mine, or other"`
	At     time.Time         `json:"at"`
	Closed time.Time         `json:"closed,omitzero"`
	Frozen bool              `json:"frozen"`
	Steps  []string          `json:"steps" doc:"What was done, in your language"`
}

func (p *portal) apiReports(ctx context.Context, c *call, _ none) (reportsJSON, error) {
	all, err := p.Incidents.StatusesOf(ctx, c.who.Account())
	out := reportsJSON{make([]reportJSON, 0, len(all))}
	for _, s := range all {
		out.Reports = append(out.Reports, reportJSON{s.Report, s.What, s.At.UTC(), utc(s.Closed), s.Frozen, append([]string{}, s.Steps...)})
	}
	return out, err
}

type noticesJSON struct {
	Notices []noticeJSON `json:"notices"`
}

// noticeJSON is what happened to recordings of a person.
type noticeJSON struct {
	Incident hearkeep.IncidentID `json:"incident"`
	Told     time.Time           `json:"told"`
	Language hearkeep.Language   `json:"language" doc:"Of the texts"`
	Subject  string              `json:"subject"`
	Texts    []string            `json:"texts" doc:"What happened, what may follow, what was done, what you can do, whom you can ask"`
	Offer    string              `json:"offer,omitempty" doc:"What you are offered to make good"`
	Items    []concernedJSON     `json:"items"`
}

// concernedJSON is recordings that a notice is about.
type concernedJSON struct {
	Vault hearkeep.VaultID `json:"vault"`
	Run   hearkeep.Run     `json:"run" doc:"Numbers of a door, both ends included"`
	How   string           `json:"how" doc:"handed over, opened, within reach or kept wrongly"`
	At    time.Time        `json:"at,omitzero" doc:"When; of several times, the first"`
}

func (p *portal) apiNotices(ctx context.Context, c *call, _ none) (noticesJSON, error) {
	all, err := p.Incidents.NoticesOf(ctx, c.who.Account())
	out := noticesJSON{make([]noticeJSON, 0, len(all))}
	for _, n := range all {
		t := n.Text
		one := noticeJSON{
			n.Incident, n.Told.UTC(), t.Language.Or(), t.Subject, []string{t.Nature, t.Consequences, t.Measures, t.Advice, t.Contact}, n.Offer, make([]concernedJSON, 0, len(n.Items)),
		}
		for _, it := range n.Items {
			one.Items = append(one.Items, concernedJSON{it.Vault, it.Run, it.How, utc(it.At)})
		}
		out.Notices = append(out.Notices, one)
	}
	return out, err
}
