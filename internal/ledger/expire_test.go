package ledger_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Who is affected is computed from bodies: while a case is open they stay.
func TestNothingExpiresWhileACaseIsOpen(t *testing.T) {
	f, ctx := open(t), t.Context()
	old := newHousehold(1).batch(0, 2)
	old[0].At = time.Now().AddDate(-1, 0, -1)
	_, err := f.log.Write(ctx, old...)
	must(t, err)
	c := store.Incident{ID: hearkeep.NewID[hearkeep.IncidentID](), What: "lost", State: hearkeep.IncidentOpen, AwareAt: time.Now(), Due: time.Now()}
	must(t, f.store.Update(ctx, func(tx *store.Tx) error { return tx.Incidents.InsertIncident(ctx, c) }))
	if n, err := f.log.Expire(ctx, time.Now()); err != nil || n != 0 {
		t.Errorf("while a case is open: got %d, %v, want nothing", n, err)
	}
	c.State, c.Closed = hearkeep.IncidentClosed, time.Now()
	must(t, f.store.Update(ctx, func(tx *store.Tx) error { return tx.Incidents.SetIncident(ctx, c) }))
	if n, err := f.log.Expire(ctx, time.Now()); err != nil || n != 1 {
		t.Errorf("after it was closed: got %d, %v, want 1", n, err)
	}
	must(t, f.log.Verify(ctx))
	got, err := f.log.Entries(ctx, hearkeep.VaultID{}, 2, 1)
	if err != nil || len(got) != 1 || got[0].Kind != ledger.KindBodies || got[0].Count != 1 {
		t.Errorf("the entry that says so: got %+v, %v", got, err)
	}
}

func TestExpiredEntriesStayAsTheyWere(t *testing.T) {
	ctx := context.Background()
	old := time.Now().AddDate(-1, -1, 0)
	make := func(t *testing.T) fixture {
		f := open(t)
		entries := newHousehold(3).batch(0, 20)
		for i := range entries {
			entries[i].At = old
			if i == 7 || i > 15 {
				entries[i].At = time.Now()
			}
		}
		_, err := f.log.Write(ctx, entries...)
		must(t, err)
		n, err := f.log.Expire(ctx, time.Now())
		if err != nil || n != 15 {
			t.Fatalf("expire: got %d, %v, want 15", n, err)
		}
		must(t, f.log.Verify(ctx))
		return f
	}
	for name, statement := range map[string]string{
		"another kind":           `UPDATE ledger_entries SET kind = 'signed-in' WHERE seq = 3`,
		"another time":           `UPDATE ledger_entries SET at = at - 1 WHERE seq = 3`,
		"another vault":          `UPDATE ledger_entries SET vault = (SELECT vault FROM ledger_entries WHERE seq = 4) WHERE seq = 3`,
		"nobody's":               `UPDATE ledger_entries SET account = NULL WHERE seq = 3`,
		"a body gone and dated":  `UPDATE ledger_entries SET body = NULL, salt = NULL, at = at - 400 * 86400000 WHERE seq = 7`,
		"a body gone, no salt":   `UPDATE ledger_entries SET body = NULL, at = at - 400 * 86400000 WHERE seq = 17`,
		"a body come back":       `UPDATE ledger_entries SET body = (SELECT body FROM ledger_entries WHERE seq = 17), salt = (SELECT salt FROM ledger_entries WHERE seq = 17) WHERE seq = 3`,
		"what says so is hidden": `UPDATE ledger_entries SET kind = 'opened' WHERE kind = 'bodies-expired'`,
	} {
		t.Run(name, func(t *testing.T) {
			f := make(t)
			f.rewrite(t, statement)
			if err := f.log.Verify(ctx); !errors.Is(err, ledger.ErrForked) {
				t.Errorf("verify: got %v, want ErrForked", err)
			}
		})
	}
	t.Run("again a year later", func(t *testing.T) {
		f := make(t)
		n, err := f.log.Expire(ctx, time.Now().AddDate(1, 1, 0))
		if err != nil || n != 5 {
			t.Errorf("expire: got %d, %v, want the 5 others and not the entry that says so", n, err)
		}
		if err := f.log.Verify(ctx); err == nil || !strings.Contains(err.Error(), "before its time") {
			t.Errorf("verify of bodies that are gone a year early: got %v", err)
		}
	})
}
