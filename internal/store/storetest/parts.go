package storetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

func parts(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	v := NewVault(t, st)
	rec, kept := keep(t, st, v, 1, noon)
	bare, _ := NewRecording(v, 2, noon)
	update(t, st, func(tx *store.Tx) error { return tx.Vaults.InsertRecording(ctx, bare, nil) })
	slices.SortFunc(kept, func(a, b store.Part) int { return strings.Compare(string(a.Part), string(b.Part)) })
	words := kept[slices.IndexFunc(kept, func(p store.Part) bool { return p.Part == hearkeep.PartWords })]

	update(t, st, func(tx *store.Tx) error {
		got, err := tx.Vaults.Parts(ctx, v.ID, rec.ID)
		wantErr(t, "Parts", err, nil)
		equal(t, "Parts", got, kept)
		got, err = tx.Vaults.Parts(ctx, v.ID, bare.ID)
		wantErr(t, "Parts of a recording without any", err, nil)
		equal(t, "Parts of a recording without any", got, []store.Part{})
		of, err := tx.Vaults.PartsOf(ctx, v.ID, []hearkeep.RecordingID{rec.ID, bare.ID, hearkeep.NewID[hearkeep.RecordingID]()}, hearkeep.PartWords)
		wantErr(t, "PartsOf", err, nil)
		equal(t, "PartsOf", of, map[hearkeep.RecordingID]store.Part{rec.ID: words})
		of, err = tx.Vaults.PartsOf(ctx, v.ID, nil, hearkeep.PartWords)
		wantErr(t, "PartsOf nothing", err, nil)
		equal(t, "PartsOf nothing", of, map[hearkeep.RecordingID]store.Part{})

		// A correction deletes the old version, then inserts the new one.
		second := words
		second.Version, second.Bytes = 2, bytesOf(210)
		wantErr(t, "a second version beside the first", tx.Vaults.InsertPart(ctx, v.ID, second), store.ErrExists)
		wantErr(t, "DeletePart", tx.Vaults.DeletePart(ctx, v.ID, rec.ID, hearkeep.PartWords), nil)
		wantErr(t, "DeletePart again", tx.Vaults.DeletePart(ctx, v.ID, rec.ID, hearkeep.PartWords), store.ErrNotFound)
		wantErr(t, "InsertPart", tx.Vaults.InsertPart(ctx, v.ID, second), nil)
		of, err = tx.Vaults.PartsOf(ctx, v.ID, []hearkeep.RecordingID{rec.ID}, hearkeep.PartWords)
		equal(t, "corrected words", of, map[hearkeep.RecordingID]store.Part{rec.ID: second})
		return err
	})
}

func totals(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	v, other := NewVault(t, st), NewVault(t, st)
	want := func(what string, w store.Totals) {
		t.Helper()
		view(t, st, func(tx *store.Tx) error {
			got, err := tx.Vaults.Totals(ctx, v.ID, store.Span{})
			equal(t, what, got, w)
			return err
		})
	}
	want("of an empty vault", store.Totals{})
	keep(t, st, other, 1, noon)
	early, _ := keep(t, st, v, 1, noon)
	late, _ := keep(t, st, v, 2, noon.Add(time.Hour))
	want("of two", store.Totals{Recordings: 2, Bytes: 1600, Speech: early.Duration + late.Duration, Oldest: early.Start, Newest: late.Start})
	update(t, st, func(tx *store.Tx) error {
		if err := tx.Vaults.DeletePart(ctx, v.ID, late.ID, hearkeep.PartAudio); err != nil {
			return err
		}
		return tx.Vaults.DeleteRecording(ctx, v.ID, early.ID)
	})
	want("after an erasure", store.Totals{Recordings: 1, Bytes: 600, Speech: late.Duration, Oldest: late.Start, Newest: late.Start})
}

func dueParts(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	a, b := NewVault(t, st), NewVault(t, st)
	insert := func(v Vault, until map[hearkeep.Part]time.Time) store.Recording {
		r, kept := NewRecording(v, 1, noon)
		for i, p := range kept {
			kept[i].Until = until[p.Part]
		}
		update(t, st, func(tx *store.Tx) error { return tx.Vaults.InsertRecording(ctx, r, kept) })
		return r
	}
	later := noon.Add(time.Hour)
	first := insert(a, map[hearkeep.Part]time.Time{hearkeep.PartAudio: noon, hearkeep.PartWords: later, hearkeep.PartTurn: later, hearkeep.PartWaveform: later.Add(time.Hour)})
	insert(b, map[hearkeep.Part]time.Time{hearkeep.PartAudio: later, hearkeep.PartWords: later, hearkeep.PartTurn: later, hearkeep.PartWaveform: later})
	for _, c := range []struct {
		name  string
		now   time.Time
		limit int
		want  int
	}{
		{"a millisecond before", noon.Add(-time.Millisecond), 10, 0},
		{"at its end", noon, 10, 1},
		{"of any vault", later, 10, 7},
		{"a page", later, 3, 3},
	} {
		view(t, st, func(tx *store.Tx) error {
			due, err := tx.Vaults.DueParts(ctx, c.now, c.limit)
			if len(due) != c.want {
				t.Errorf("%s: got %d parts, want %d", c.name, len(due), c.want)
			} else if c.want > 0 {
				equal(t, c.name+": the longest due", due[0], store.DuePart{Vault: a.ID, Recording: first.ID, Part: hearkeep.PartAudio})
			}
			return err
		})
	}
}

func tombstones(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	v := NewVault(t, st)
	run := func(from, to hearkeep.Number) hearkeep.Run {
		return hearkeep.Run{Binding: v.Binding, From: from, To: to}
	}
	update(t, st, func(tx *store.Tx) error {
		err := tx.Vaults.InsertTombstones(ctx, v.ID, hearkeep.OutcomeErased, noon, []hearkeep.Run{run(5, 9), run(1, 3)})
		if err != nil {
			return err
		}
		return tx.Vaults.InsertTombstones(ctx, v.ID, hearkeep.OutcomeExpired, noon.Add(time.Hour), []hearkeep.Run{run(4, 4), run(12, 20)})
	})
	for _, r := range []hearkeep.Run{run(1, 1), run(3, 4), run(9, 11), run(6, 7), run(10, 12), run(11, 30), run(20, 20)} {
		update(t, st, func(tx *store.Tx) error {
			err := tx.Vaults.InsertTombstones(ctx, v.ID, hearkeep.OutcomeFailed, noon, []hearkeep.Run{r})
			wantErr(t, "numbers that ended already, "+r.String(), err, store.ErrExists)
			return nil
		})
	}
	update(t, st, func(tx *store.Tx) error {
		return tx.Vaults.InsertTombstones(ctx, v.ID, hearkeep.OutcomeFailed, noon, []hearkeep.Run{run(10, 11), run(21, 21)})
	})
	view(t, st, func(tx *store.Tx) error {
		got, err := tx.Vaults.Tombstones(ctx, v.ID)
		equal(t, "Tombstones", got, []store.Tombstone{
			{Run: run(1, 3), Outcome: hearkeep.OutcomeErased, At: noon},
			{Run: run(4, 4), Outcome: hearkeep.OutcomeExpired, At: noon.Add(time.Hour)},
			{Run: run(5, 9), Outcome: hearkeep.OutcomeErased, At: noon},
			{Run: run(10, 11), Outcome: hearkeep.OutcomeFailed, At: noon},
			{Run: run(12, 20), Outcome: hearkeep.OutcomeExpired, At: noon.Add(time.Hour)},
			{Run: run(21, 21), Outcome: hearkeep.OutcomeFailed, At: noon},
		})
		return err
	})
}

func erasures(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	v := NewVault(t, st)
	all := store.Erasure{Receipt: hearkeep.NewID[hearkeep.ReceiptID](), Vault: v.ID, Outcome: hearkeep.OutcomeErased, Total: 7, Entry: 4, At: noon,
		Recordings: []hearkeep.RecordingID{hearkeep.NewID[hearkeep.RecordingID](), hearkeep.NewID[hearkeep.RecordingID]()}}
	some := store.Erasure{Receipt: hearkeep.NewID[hearkeep.ReceiptID](), Vault: v.ID, Outcome: hearkeep.OutcomeExpired, At: noon,
		Recordings: all.Recordings[:1], Parts: []hearkeep.Part{hearkeep.PartAudio, hearkeep.PartWaveform}}
	for _, e := range []*store.Erasure{&all, &some} {
		update(t, st, func(tx *store.Tx) (err error) {
			e.Seq, err = tx.Vaults.InsertErasure(ctx, *e)
			return err
		})
	}
	if all.Seq <= 0 || some.Seq <= all.Seq {
		t.Errorf("numbers: got %d, %d, want them to ascend from above 0", all.Seq, some.Seq)
	}
	update(t, st, func(tx *store.Tx) error {
		_, err := tx.Vaults.InsertErasure(ctx, all)
		wantErr(t, "a receipt applied twice", err, store.ErrExists)
		return nil
	})
	view(t, st, func(tx *store.Tx) error {
		got, err := tx.Vaults.Erasure(ctx, v.ID, some.Receipt)
		wantErr(t, "Erasure", err, nil)
		equal(t, "Erasure", got, some)
		list, err := tx.Vaults.ErasuresAfter(ctx, 0, 10)
		wantErr(t, "ErasuresAfter", err, nil)
		equal(t, "ErasuresAfter the begin", list, []store.Erasure{all, some})
		list, err = tx.Vaults.ErasuresAfter(ctx, 0, 1)
		wantErr(t, "ErasuresAfter", err, nil)
		equal(t, "a page", list, []store.Erasure{all})
		list, err = tx.Vaults.ErasuresAfter(ctx, all.Seq, 10)
		equal(t, "ErasuresAfter the first", list, []store.Erasure{some})
		return err
	})
}
