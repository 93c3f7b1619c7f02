package incident

import (
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Whoever can write rows, and has no house key, changes nothing of a case that
// is not noticed: its clock, its steps, its texts, who is affected, what was
// reported. Each is done to a case of its own, and found in that one.
func TestAlteredRows(t *testing.T) {
	b := openBureau(t)
	anna, bert := b.person("Anna"), b.person("Bert")
	hers := b.recording(anna, "one")
	other := b.files(byForm("", "Another case.")).Incident
	b.must(b.desk.Hold(t.Context(), other, "The other's reasons."))
	before := map[hearkeep.IncidentID]bool{} // altered by then
	for _, test := range []struct {
		name, sql string
		args      func(id hearkeep.IncidentID) []any
		want      string
	}{
		{"the clock is put off", "UPDATE incidents SET due = due + 86400000 WHERE id = ?", nil, "its state, or its clock"},
		{"when people are told", "UPDATE incidents SET tell_by = 9999999999999 WHERE id = ?", nil, "its state, or its clock"},
		{"it is closed", "UPDATE incidents SET closed = aware, state = 'closed' WHERE id = ?", nil, "its state, or its clock"},
		{"it is decided otherwise", "UPDATE incidents SET notify = 'no' WHERE id = ?", nil, "its state, or its clock"},
		{"its file is gone", "UPDATE incidents SET sealed = NULL WHERE id = ?", nil, "what was written about it"},
		{"its file is another's", "UPDATE incidents SET sealed = (SELECT sealed FROM incidents WHERE id = ?2) WHERE id = ?1", func(id hearkeep.IncidentID) []any { return []any{id[:], other[:]} }, "what was written about it"},
		{"its file is a step's text", "UPDATE incidents SET sealed = (SELECT sealed FROM incident_steps WHERE incident = ?1 AND kind = 'held') WHERE id = ?1", nil, "what was written about it"},
		{"a step is taken out", "DELETE FROM incident_steps WHERE incident = ? AND n = 2", nil, "step 2 is missing"},
		{"the last step is taken out", "DELETE FROM incident_steps WHERE incident = ? AND kind = 'held'", nil, "was last written with"},
		{"a step is called otherwise", "UPDATE incident_steps SET kind = 'told' WHERE incident = ? AND kind = 'held'", nil, "is not what entry"},
		{"a step was another's doing", "UPDATE incident_steps SET role = 'keyholder' WHERE incident = ? AND kind = 'held'", nil, "is not what entry"},
		{"a step was at another time", "UPDATE incident_steps SET at = at - 1000 WHERE incident = ? AND kind = 'held'", nil, "is not what entry"},
		{"a step points elsewhere", "UPDATE incident_steps SET entry = 0 WHERE incident = ? AND kind = 'held'", nil, "is not in the ledger"},
		{"a reason is another case's", "UPDATE incident_steps SET sealed = (SELECT sealed FROM incident_steps WHERE incident = ?2 AND kind = 'held') WHERE incident = ?1 AND kind = 'held'", func(id hearkeep.IncidentID) []any { return []any{id[:], other[:]} }, "was altered"},
		{"a reason is another step's", "UPDATE incident_steps SET sealed = (SELECT sealed FROM incident_steps WHERE incident = ?1 AND kind = 'opened') WHERE incident = ?1 AND kind = 'held'", nil, "was altered"},
		{"somebody is taken off the list", "DELETE FROM affected WHERE incident = ?", nil, "who is affected"},
		{"less of theirs is on the list", "UPDATE affected SET until = until + 5 WHERE incident = ?", nil, "who is affected"},
		{"another is put on the list", "UPDATE affected SET account = ?2 WHERE incident = ?1", func(id hearkeep.IncidentID) []any { account := bert.Who.Account(); return []any{id[:], account[:]} }, "who is affected"},
		{"a report's words are another's", "UPDATE reports SET sealed = (SELECT sealed FROM reports WHERE incident = ?2) WHERE incident = ?1", func(id hearkeep.IncidentID) []any { return []any{id[:], other[:]} }, "was altered"},
		{"a report is taken out of it", "UPDATE reports SET incident = ?2 WHERE incident = ?1", func(id hearkeep.IncidentID) []any { return []any{id[:], other[:]} }, "was taken out"},
		{"all of it is gone", "DELETE FROM incidents WHERE id = ?", nil, "no step does"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := &bureau{T: t, home: b.home, desk: b.desk}
			b.desk.forms.of = nil
			archive, _ := b.hands(bert, false, hers)
			id := b.files(byForm(archive.String(), "These are not mine.")).Incident
			b.must(b.desk.Hold(t.Context(), id, "The police asked."))
			args := []any{id[:]}
			if test.args != nil {
				args = test.args(id)
			}
			if strings.HasPrefix(test.sql, "DELETE FROM incidents") {
				for _, table := range []string{"incident_steps", "affected"} {
					b.home.SQL(t, "DELETE FROM "+table+" WHERE incident = ?", args...)
				}
			}
			if b.home.SQL(t, test.sql, args...) == 0 {
				t.Fatal("nothing was altered")
			}
			faults, err := b.desk.Check(t.Context())
			b.must(err)
			defer func() { before[id] = true }()
			found := false
			for _, f := range faults {
				if f.Incident != id && !before[f.Incident] {
					t.Errorf("got %s, want it found in case %s", f, id)
				}
				found = found || f.Incident == id && strings.Contains(f.What, test.want)
			}
			if !found {
				t.Errorf("got %v, want %q", faults, test.want)
			}
		})
	}
}

// What stands on a row does not keep people from being told: what lies sealed
// counts. And it is reported.
func TestAlteredClockStillTells(t *testing.T) {
	b := openBureau(t)
	anna, bert := b.person("Anna"), b.person("Bert")
	archive, _ := b.hands(bert, false, b.recording(anna, "one"))
	taken := b.files(byForm(archive.String(), ""))
	id := taken.Incident
	b.home.SQL(t, "UPDATE incidents SET tell_by = 0, due = due + 864000000, notify = 'no' WHERE id = ?", id[:])
	b.expire(taken.At.Add(2 * time.Hour))
	if got, err := b.desk.NoticesOf(t.Context(), anna.Who.Account()); err != nil || len(got) != 1 {
		t.Errorf("got %+v, %v, want Anna told", got, err)
	}
	if c := b.theCase(id); !c.Due.Equal(taken.At.Add(72*time.Hour)) || c.Notify != "" {
		t.Errorf("got %+v, want the clock as it was", c.Summary)
	}
	var open []store.Report
	b.view(func(tx *store.Tx) (err error) {
		open, err = tx.Incidents.OpenReports(t.Context(), 10)
		return err
	})
	if len(open) != 2 || open[1].What != WhatAltered || open[1].Incident.IsZero() {
		t.Errorf("got %+v, want a report of what was altered, in a case", open)
	}
	b.checked()
}
