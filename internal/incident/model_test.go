package incident

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
	"pgregory.net/rapid"
)

// modelled is a case as a few lines say it ought to be.
type modelled struct {
	id      hearkeep.IncidentID
	archive hearkeep.ArchiveID
	items   map[hearkeep.RecordingID]bool // concerned; whether their people were told
	vaults  map[hearkeep.VaultID]bool     // frozen
	aware   time.Time
	tellBy  time.Time // zero: not by itself
	held    bool
	notify  string
	phase   int
	steps   int
	closed  bool
}

func (m *modelled) untold() (n int) {
	for _, told := range m.items {
		if !told {
			n++
		}
	}
	return n
}

// Whatever is done to cases, in whatever order: a refusal changes nothing, and
// what is done leaves the case, its clocks, what is frozen, who was told and
// the ledger as a few lines of model say.
func TestModel(t *testing.T) {
	histories := 25
	if underRace {
		histories = 4
	}
	if err := flag.Set("rapid.checks", strconv.Itoa(histories)); err != nil {
		t.Fatal(err)
	}
	b := &bureau{T: t, home: vaulttest.NewInMemory(t)}
	b.start(Config{})
	anna, bert, carl := b.person("Anna"), b.person("Bert"), b.person("Carl")
	recs := []store.Recording{b.recording(anna, "one"), b.recording(carl, "two"), b.recording(anna, "three")}
	ctx := context.WithoutCancel(t.Context())
	rapid.Check(t, func(rt *rapid.T) {
		var cases []*modelled
		now := time.Now() // of Expire; it only goes on
		want := func(what string, code hearkeep.Code, err error) bool {
			if (err == nil) != (code == "") || err != nil && hearkeep.CodeOf(err) != code {
				rt.Fatalf("%s: got %v, want %q", what, err, code)
			}
			return err == nil
		}
		pick := func() *modelled {
			if len(cases) == 0 {
				rt.Skip("no case yet")
			}
			return cases[rapid.IntRange(0, len(cases)-1).Draw(rt, "case")]
		}
		finds := func(m *modelled, rec store.Recording) {
			if _, known := m.items[rec.ID]; !known {
				m.items[rec.ID] = false
			}
		}
		blocked := func(m *modelled) hearkeep.Code {
			if m.closed {
				return hearkeep.Conflict
			}
			return ""
		}
		rt.Repeat(map[string]func(*rapid.T){
			"report": func(rt *rapid.T) {
				rec := recs[rapid.IntRange(0, len(recs)-1).Draw(rt, "recording")]
				archive, _ := b.hands(bert, false, rec)
				taken, err := b.desk.File(ctx, Filing{What: WhatNotMine, Via: hearkeep.ReportMail, Receipt: archive.String()}, "")
				want("report", "", err)
				m := &modelled{id: taken.Incident, archive: archive, items: map[hearkeep.RecordingID]bool{}, vaults: map[hearkeep.VaultID]bool{rec.Vault: true}, aware: taken.At, tellBy: taken.At.Add(time.Hour), steps: 4}
				finds(m, rec)
				cases = append(cases, m)
			},
			"report again": func(rt *rapid.T) {
				m := pick()
				taken, err := b.desk.File(ctx, Filing{What: WhatNotMine, Via: hearkeep.ReportMail, Receipt: m.archive.String()}, "")
				want("report again", "", err)
				if !m.closed {
					if m.steps += 3; taken.Incident != m.id { // joined, scoped, acknowledged
						rt.Fatal("another case was opened")
					}
					return
				}
				if taken.Incident == m.id {
					rt.Fatal("a closed case was joined")
				}
				want("tell the other", "", b.desk.Tell(ctx, taken.Incident))
				want("decide the other", "", b.desk.Decide(ctx, taken.Incident, false, "x"))
				want("close the other", "", b.desk.Close(ctx, taken.Incident, "x"))
			},
			"widen": func(rt *rapid.T) {
				m := pick()
				rec := recs[rapid.IntRange(0, len(recs)-1).Draw(rt, "recording")]
				if want("widen", blocked(m), b.desk.Widen(ctx, m.id, Clause{Binding: rec.Binding, Number: rec.Number, From: rec.Start, Reason: "x"})) {
					before := len(m.items)
					finds(m, rec)
					if len(m.items) > before && m.tellBy.IsZero() && !m.held {
						m.tellBy = time.Now().Add(time.Hour)
					}
					m.steps += 2
				}
			},
			"hold": func(rt *rapid.T) {
				m := pick()
				code := blocked(m)
				if m.untold() == 0 {
					code = hearkeep.Conflict
				}
				if want("hold", code, b.desk.Hold(ctx, m.id, "x")) {
					m.held, m.tellBy, m.steps = true, time.Time{}, m.steps+1
				}
			},
			"tell": func(rt *rapid.T) {
				m := pick()
				code := blocked(m)
				if m.untold() == 0 {
					code = hearkeep.Conflict
				}
				if want("tell", code, b.desk.Tell(ctx, m.id)) {
					m.told()
				}
			},
			"decide": func(rt *rapid.T) {
				m, yes := pick(), rapid.Bool().Draw(rt, "yes")
				code := blocked(m)
				if m.phase > 0 {
					code = hearkeep.Conflict
				}
				if want("decide", code, b.desk.Decide(ctx, m.id, yes, "x")) {
					m.notify, m.steps = map[bool]string{true: "yes", false: "no"}[yes], m.steps+1
				}
			},
			"notified": func(rt *rapid.T) {
				m := pick()
				code := blocked(m)
				if m.notify != "yes" {
					code = hearkeep.Conflict
				}
				if want("notified", code, b.desk.Notified(ctx, m.id, "x", "", nil)) {
					m.phase, m.steps = m.phase+1, m.steps+1
				}
			},
			"close": func(rt *rapid.T) {
				m := pick()
				code := blocked(m)
				if m.untold() > 0 && !m.held || m.notify == "" || m.notify == "yes" && m.phase == 0 {
					code = hearkeep.Conflict
				}
				if want("close", code, b.desk.Close(ctx, m.id, "x")) {
					m.closed, m.tellBy, m.vaults, m.steps = true, time.Time{}, nil, m.steps+1
				}
			},
			"time": func(rt *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 90).Draw(rt, "minutes")) * time.Minute)
				want("time", "", b.desk.Expire(ctx, now))
				for _, m := range cases {
					if !m.tellBy.IsZero() && !now.Before(m.tellBy) && m.untold() > 0 && !m.closed {
						m.told()
					}
				}
			},
			"": func(rt *rapid.T) {
				for _, m := range cases {
					b.matches(rt, m)
				}
			},
		})
		faults, err := b.desk.Check(ctx)
		if err != nil || len(faults) > 0 {
			rt.Fatalf("check: got %v, %v", faults, err)
		}
		for _, m := range cases { // so that the next begins with nothing open
			if !m.closed {
				_ = b.desk.Tell(ctx, m.id)
				_ = b.desk.Decide(ctx, m.id, false, "x")
				want("the end", "", b.desk.Close(ctx, m.id, "x"))
			}
		}
		for _, p := range []vaulttest.Person{anna, carl} {
			if got := b.frozen(p.Vault); len(got) != 0 {
				rt.Fatalf("all closed: got %+v frozen", got)
			}
		}
	})
}

// told is what telling does.
func (m *modelled) told() {
	for id := range m.items {
		m.items[id] = true
	}
	m.held, m.tellBy, m.steps = false, time.Time{}, m.steps+1
}

// matches compares a case with its model.
func (b *bureau) matches(rt *rapid.T, m *modelled) {
	c, err := b.desk.Case(context.WithoutCancel(b.Context()), m.id)
	if err != nil {
		rt.Fatal(err)
	}
	alarms := 0
	for _, s := range c.Steps {
		if s.Kind == StepAlarmed {
			alarms++
		}
	}
	got := fmt.Sprint(c.Notify, c.Phase, !c.Closed.IsZero(), c.TellBy.IsZero(), len(c.Steps)-alarms, c.Items, untold(c.Affected) > 0)
	want := fmt.Sprint(m.notify, m.phase, m.closed, m.tellBy.IsZero(), m.steps, len(m.items), m.untold() > 0)
	if got != want || !c.Due.Equal(m.aware.Add(72*time.Hour)) {
		rt.Fatalf("case %s: got %s and %v, want %s; steps %v", m.id, got, c.Due, want, kinds(c))
	}
	var frozen []hearkeep.VaultID
	b.view(func(tx *store.Tx) error {
		rows, err := tx.Incidents.FrozenBy(b.Context(), m.id)
		for _, w := range rows {
			if !slices.Contains(frozen, w.Vault) {
				frozen = append(frozen, w.Vault)
			}
		}
		return err
	})
	if len(frozen) != len(m.vaults) {
		rt.Fatalf("case %s: got %v frozen, want %v", m.id, frozen, m.vaults)
	}
}
