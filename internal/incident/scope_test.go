package incident

import (
	"context"
	"errors"
	"flag"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
	"pgregory.net/rapid"
)

// scopes is how many random histories TestAffectedIsTheReference goes through;
// the long form is behind make soak.
var scopes = flag.Int("scopes", 1000, "random histories to look through for who is affected")

// errUndo takes a history out of the store again.
var errUndo = errors.New("undone")

func openStore(t testing.TB) store.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

// look computes who is affected in a history, and takes it back.
func (h *history) look(ctx context.Context, st store.Store, clauses []Clause) (s Scope, err error) {
	err = st.Update(ctx, func(tx *store.Tx) error {
		if err := h.store(ctx, tx); err != nil {
			return err
		}
		if s, err = affected(ctx, tx, clauses); err != nil {
			return err
		}
		return errUndo
	})
	if errors.Is(err, errUndo) {
		err = nil
	}
	return s, err
}

// Whatever happened, and whatever is looked for, wider or narrower: who is
// affected is what the definition says, recording by recording.
func TestAffectedIsTheReference(t *testing.T) {
	n := *scopes
	if underRace {
		n = min(n, 20) // nothing here runs at once, and it takes ten times as long
	}
	if err := flag.Set("rapid.checks", strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	st := openStore(t)
	rows, lost, empty := 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		seed, events := rapid.Uint64().Draw(rt, "seed"), 100-rapid.IntRange(0, 70).Draw(rt, "fewer events")
		h := newHistory(seed, events)
		clauses := h.clauses()
		got, err := h.look(t.Context(), st, clauses)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(h.reference(clauses), got); diff != "" {
			rt.Fatalf("clauses %+v (-want +got):\n%s", clauses, diff)
		}
		rows, lost = rows+len(got.Affected), lost+got.Lost
		if len(got.Affected) == 0 {
			empty++
		}
	})
	t.Logf("%d histories: %d rows, %d entries without bodies, %d in which nothing is affected", n, rows, lost, empty)
}
