package portal

import (
	"path"
	"slices"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
)

// reports lets Mia and Sven be told of something that happened to a recording
// of theirs, and somebody without an account report that something is wrong.
func (w *town) reports() {
	w.t.Helper()
	ctx := w.t.Context()
	for _, name := range []string{"Mia", "Sven"} {
		p := w.people[name]
		i := slices.IndexFunc(w.things, func(o thing) bool { return o.kind == recording && o.vault == p.own })
		rec, err := hearkeep.ParseID[hearkeep.RecordingID](w.things[i].id)
		w.must(err)
		taken, err := w.incidents.File(ctx, incident.Filing{What: incident.WhatNotMine, Via: hearkeep.ReportPortal, By: p.account, Vault: p.own, Recording: rec}, "")
		w.must(err)
		if all, err := w.incidents.NoticesOf(ctx, p.account); err != nil || len(all) != 0 {
			w.t.Fatalf("%s is shown %d notices before anybody is told: %v", name, len(all), err)
		}
		w.must(w.incidents.Tell(ctx, taken.Incident))
		link, err := w.incidents.AskRecipient(ctx, taken.Incident, hearkeep.AccountID{}, "", "")
		w.must(err)
		w.things = append(w.things, thing{kind: askLink, whose: name + "'s", id: path.Base(link), works: true})
		w.things = append(w.things, thing{kind: notice, whose: name + "'s", id: taken.Incident.String(), account: p.account})
	}
	taken, err := w.incidents.File(ctx, incident.Filing{What: incident.WhatOther, Via: hearkeep.ReportForm, About: "Something is wrong."}, "a network")
	w.must(err)
	w.things = append(w.things, thing{kind: tellLink, whose: "somebody's", id: taken.Secret, works: true})
}
