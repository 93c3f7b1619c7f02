package portal

import (
	"net/url"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
)

// cases opens cases: one about a recording of Anna's and one about an upload
// of Sven's, of which they are told; one that nothing is known of; one whose
// authority is to be notified; and one that is closed.
func (w *town) cases() {
	w.t.Helper()
	ctx := w.t.Context()
	add := func(whose string, f incident.Filing) hearkeep.IncidentID {
		taken, err := w.incidents.File(ctx, f, "")
		w.must(err)
		w.things = append(w.things, thing{kind: breach, whose: whose, id: taken.Incident.String()})
		return taken.Incident
	}
	for _, name := range []string{"Anna", "Sven"} {
		for _, o := range w.things {
			if p := w.people[name]; o.kind == recording && o.vault == p.own {
				rec, err := hearkeep.ParseID[hearkeep.RecordingID](o.id)
				w.must(err)
				add("about "+name+"'s", incident.Filing{What: incident.WhatNotMine, Via: hearkeep.ReportPortal, By: p.account, Vault: p.own, Recording: rec})
				break
			}
		}
	}
	letter := incident.Filing{What: incident.WhatOther, Via: hearkeep.ReportMail, About: "Something is wrong.", Reach: "carl@example.org"}
	add("about nothing", letter)
	w.must(w.incidents.Decide(ctx, add("to be notified", letter), true, "It is likely to be a risk."))
	w.must(w.incidents.Close(ctx, add("closed", letter), "It was nothing."))
}

// operatorForm is a form of the desk that is in order.
func (w *town) operatorForm(c cell) url.Values {
	text := []string{"So many asked at once that it takes longer."}
	form := url.Values{
		"reason": text, "reasons": text, "conclusion": text, "offer": {"A month for nothing."}, "about": text, "reference": {"AZ 4711"}, "phase": {"1"},
		"way": {"widen"}, "kind": {clauseWindow}, "from": {"2020-01-01T00:00"}, "to": {"2020-01-02T00:00"}, "do": {"keep"},
		"sensitivity": {"2"}, "identification": {"3"}, "confidentiality": {"yes"}, "nature": text, "why": text,
		"notify": {"yes"}, "reach": {"carl@example.org"}, "language": {"de"}, "at": {time.Now().UTC().Add(-time.Minute).Format(momentForm)},
	}
	if c.row.pattern == "/operator" {
		form.Set("request", w.asked)
	}
	return form
}

// byOperator reports whether a table is what the operator's desk writes to: the
// clocks of requests; cases, and what they freeze and free.
func byOperator(table string) bool {
	return table == "requests" || table == "restrictions" || table == "reports" || strings.HasPrefix(table, "incident") || table == "affected" || table == "communications" || table == "recipients"
}
