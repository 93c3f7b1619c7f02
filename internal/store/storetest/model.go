package storetest

import (
	"context"
	"flag"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
	"pgregory.net/rapid"
)

// model drives the store and a few Go maps through the same random acts and
// compares all that can be seen after each.
func model(t *testing.T, open Opener) {
	st, _ := open(t)
	fewer(t)
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{ctx: t.Context(), st: st}
		for range 2 { // new vaults each time: the store is shared by all runs
			m.vaults = append(m.vaults, &modelVault{Vault: NewVault(t, st)})
		}
		rt.Repeat(map[string]func(*rapid.T){
			"":       m.check,
			"keep":   m.keep,
			"erase":  m.erase,
			"expire": m.expire,
			"fail":   m.fail,
		})
	})
}

// fewer runs 12 checks unless -rapid.checks asks for more: each of their steps
// waits for the disk.
func fewer(t *testing.T) {
	checks := flag.Lookup("rapid.checks")
	if checks == nil || checks.Value.String() != checks.DefValue {
		return
	}
	checks.Value.Set("12")
	t.Cleanup(func() { checks.Value.Set(checks.DefValue) })
}

type machine struct {
	ctx    context.Context
	st     store.Store
	vaults []*modelVault
}

type modelVault struct {
	Vault
	next       hearkeep.Number // handed out so far
	recordings []store.Recording
	parts      map[hearkeep.RecordingID][]store.Part
	tombstones []store.Tombstone
}

func (m *machine) draw(t *rapid.T) *modelVault {
	return m.vaults[rapid.IntRange(0, len(m.vaults)-1).Draw(t, "vault")]
}

func (m *machine) update(t *rapid.T, fn func(*store.Tx) error) {
	if err := m.st.Update(m.ctx, fn); err != nil {
		t.Fatal(err)
	}
}

// keep inserts a recording under the next number, at one of few times.
func (m *machine) keep(t *rapid.T) {
	v := m.draw(t)
	start := noon.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "hour")) * time.Hour)
	r, parts := NewRecording(v.Vault, 0, start)
	m.update(t, func(tx *store.Tx) (err error) {
		if r.Number, err = tx.Vaults.HandOut(m.ctx, v.ID, v.Binding); err != nil {
			return err
		}
		return tx.Vaults.InsertRecording(m.ctx, r, parts)
	})
	v.next++
	if r.Number != v.next {
		t.Fatalf("number: got %d, want %d", r.Number, v.next)
	}
	v.recordings = append(v.recordings, r)
	if v.parts == nil {
		v.parts = map[hearkeep.RecordingID][]store.Part{}
	}
	v.parts[r.ID] = parts
}

// erase removes a recording and leaves a tombstone, or undoes both.
func (m *machine) erase(t *rapid.T) {
	v := m.draw(t)
	if len(v.recordings) == 0 {
		t.Skip("nothing kept")
	}
	i := rapid.IntRange(0, len(v.recordings)-1).Draw(t, "recording")
	r := v.recordings[i]
	stone := store.Tombstone{Run: hearkeep.Run{Binding: v.Binding, From: r.Number, To: r.Number}, Outcome: hearkeep.OutcomeErased, At: noon}
	undo := rapid.Bool().Draw(t, "undo")
	err := m.st.Update(m.ctx, func(tx *store.Tx) error {
		if err := tx.Vaults.DeleteRecording(m.ctx, v.ID, r.ID); err != nil {
			return err
		}
		if err := tx.Vaults.InsertTombstones(m.ctx, v.ID, stone.Outcome, stone.At, []hearkeep.Run{stone.Run}); err != nil {
			return err
		}
		if undo {
			return store.ErrFull // any error
		}
		return nil
	})
	if undo {
		if err != store.ErrFull {
			t.Fatalf("undone erasure: got error %v, want its own", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	v.recordings = slices.Delete(v.recordings, i, i+1)
	delete(v.parts, r.ID)
	v.tombstones = append(v.tombstones, stone)
}

// expire removes one part.
func (m *machine) expire(t *rapid.T) {
	v := m.draw(t)
	if len(v.recordings) == 0 {
		t.Skip("nothing kept")
	}
	r := rapid.SampledFrom(v.recordings).Draw(t, "recording")
	part := rapid.SampledFrom(hearkeep.Parts()).Draw(t, "part")
	i := slices.IndexFunc(v.parts[r.ID], func(p store.Part) bool { return p.Part == part })
	m.update(t, func(tx *store.Tx) error {
		err := tx.Vaults.DeletePart(m.ctx, v.ID, r.ID, part)
		if i < 0 && err == store.ErrNotFound {
			return nil
		}
		return err
	})
	if i >= 0 {
		v.parts[r.ID] = slices.Delete(v.parts[r.ID], i, i+1)
	}
}

// fail hands numbers out under which nothing is kept.
func (m *machine) fail(t *rapid.T) {
	v := m.draw(t)
	n := hearkeep.Number(rapid.IntRange(1, 3).Draw(t, "numbers"))
	run := hearkeep.Run{Binding: v.Binding, From: v.next + 1, To: v.next + n}
	m.update(t, func(tx *store.Tx) error {
		for range n {
			if _, err := tx.Vaults.HandOut(m.ctx, v.ID, v.Binding); err != nil {
				return err
			}
		}
		return tx.Vaults.InsertTombstones(m.ctx, v.ID, hearkeep.OutcomeFailed, noon, []hearkeep.Run{run})
	})
	v.next += n
	v.tombstones = append(v.tombstones, store.Tombstone{Run: run, Outcome: hearkeep.OutcomeFailed, At: noon})
}

func (m *machine) check(t *rapid.T) {
	err := m.st.View(m.ctx, func(tx *store.Tx) error {
		for _, v := range m.vaults {
			if err := v.check(m.ctx, t, tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (v *modelVault) check(ctx context.Context, t *rapid.T, tx *store.Tx) error {
	same := func(what string, got, want any) {
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", what, diff)
		}
	}
	got, err := tx.Vaults.Recordings(ctx, v.ID, store.Span{}, store.Cursor{}, 1000)
	if err != nil {
		return err
	}
	slices.SortFunc(v.recordings, newestFirst)
	same("recordings", got, v.recordings)
	var want store.Totals
	for _, r := range v.recordings {
		want.Recordings++
		want.Speech += r.Duration
		for _, p := range v.parts[r.ID] {
			want.Bytes += p.Size
		}
	}
	if n := len(v.recordings); n > 0 {
		want.Newest, want.Oldest = v.recordings[0].Start, v.recordings[n-1].Start
	}
	totals, err := tx.Vaults.Totals(ctx, v.ID, store.Span{})
	if err != nil {
		return err
	}
	same("totals", totals, want)
	stones, err := tx.Vaults.Tombstones(ctx, v.ID)
	if err != nil {
		return err
	}
	slices.SortFunc(v.tombstones, func(a, b store.Tombstone) int { return int(a.From) - int(b.From) })
	same("tombstones", stones, v.tombstones)

	// Every number is accounted for once.
	numbers := map[hearkeep.Number]int{}
	for _, r := range got {
		numbers[r.Number]++
	}
	for _, s := range stones {
		for n := s.From; n <= s.To; n++ {
			numbers[n]++
		}
	}
	for n := hearkeep.Number(1); n <= v.next; n++ {
		if numbers[n] != 1 {
			t.Fatalf("number %d: accounted for %d times, want once", n, numbers[n])
		}
	}
	same("numbers", len(numbers), int(v.next))
	return nil
}
