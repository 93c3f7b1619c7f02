package storetest

import (
	"crypto/sha256"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

func ledgerRows(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	vault, other := hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.VaultID]()
	account := hearkeep.NewID[hearkeep.AccountID]()
	var want []store.LedgerEntry
	for i := range 6 {
		e := store.LedgerEntry{Seq: int64(i), Leaf: sha256.Sum256([]byte{byte(i)}), Salt: bytesOf(32), Body: bytesOf(80),
			Kind: "opened", At: noon.Add(time.Duration(i) * time.Hour)}
		switch i {
		case 1, 2, 5:
			e.Vault = vault
		case 3:
			e.Vault, e.Account = other, account
		case 4:
			e.Account = account
		}
		update(t, st, func(tx *store.Tx) error {
			size, err := tx.Ledger.Size(ctx)
			equal(t, "Size", size, int64(i))
			if err != nil {
				return err
			}
			return tx.Ledger.Append(ctx, []store.LedgerEntry{e}, nil)
		})
		want = append(want, e)
	}
	update(t, st, func(tx *store.Tx) error {
		wantErr(t, "an entry's number twice", tx.Ledger.Append(ctx, want[2:3], nil), store.ErrExists)
		gap := want[5]
		gap.Seq = 7
		if err := tx.Ledger.Append(ctx, []store.LedgerEntry{gap}, nil); err == nil {
			t.Error("Append left a gap")
		}
		return nil
	})
	list := func(what string, seqs ...int) func(got []store.LedgerEntry, err error) {
		return func(got []store.LedgerEntry, err error) {
			t.Helper()
			wantErr(t, what, err, nil)
			w := []store.LedgerEntry{}
			for _, i := range seqs {
				w = append(w, want[i])
			}
			equal(t, what, got, w)
		}
	}
	view(t, st, func(tx *store.Tx) error {
		none := hearkeep.VaultID{}
		list("all entries", 0, 1, 2, 3, 4, 5)(tx.Ledger.Entries(ctx, none, 0, 10))
		list("a page of all", 4, 5)(tx.Ledger.Entries(ctx, none, 4, 2))
		list("a vault's", 1, 2, 5)(tx.Ledger.Entries(ctx, vault, 0, 10))
		list("a vault's from 2", 2)(tx.Ledger.Entries(ctx, vault, 2, 1))
		list("an account's", 4, 3)(tx.Ledger.EntriesOf(ctx, account, nil, math.MaxInt64, 10))
		list("an account's and a vault's", 5, 4, 3, 2, 1)(tx.Ledger.EntriesOf(ctx, account, []hearkeep.VaultID{vault, other}, math.MaxInt64, 10))
		list("a page of them", 3, 2)(tx.Ledger.EntriesOf(ctx, account, []hearkeep.VaultID{vault}, 4, 2))
		list("below the first", []int{}...)(tx.Ledger.EntriesOf(ctx, account, []hearkeep.VaultID{vault}, 0, 10))
		list("nobody's", []int{}...)(tx.Ledger.EntriesOf(ctx, hearkeep.AccountID{}, nil, math.MaxInt64, 10))
		return nil
	})
	update(t, st, func(tx *store.Tx) error {
		gone, err := tx.Ledger.ExpireBodies(ctx, want[2].At, "kept", 10) // those before it
		if err != nil {
			return err
		}
		left := slices.Clone(want[:2])
		for i := range left {
			left[i].Salt, left[i].Body = nil, nil
		}
		equal(t, "ExpireBodies", gone, left)
		gone, err = tx.Ledger.ExpireBodies(ctx, want[2].At, "kept", 10)
		equal(t, "ExpireBodies again", len(gone), 0)
		if err != nil {
			return err
		}
		gone, err = tx.Ledger.ExpireBodies(ctx, want[5].At, "opened", 10)
		equal(t, "ExpireBodies of a kind that stays", len(gone), 0)
		return err
	})
	for i := range 2 {
		want[i].Salt, want[i].Body = nil, nil
	}
	st = reopen()
	view(t, st, func(tx *store.Tx) error {
		list("entries without bodies", 0, 1, 2, 3, 4, 5)(tx.Ledger.Entries(ctx, hearkeep.VaultID{}, 0, 10))
		return nil
	})
}

func ledgerHashes(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	hash := func(n byte) [32]byte { return sha256.Sum256([]byte{n}) }
	update(t, st, func(tx *store.Tx) error {
		note, err := tx.Ledger.Checkpoint(ctx)
		wantErr(t, "Checkpoint before the first", err, nil)
		equal(t, "Checkpoint before the first", note, []byte(nil))
		if err := tx.Ledger.Append(ctx, []store.LedgerEntry{{Seq: 0, At: noon}}, []store.TreeHash{{Index: 0, Hash: hash(0)}}); err != nil {
			return err
		}
		return tx.Ledger.Append(ctx, []store.LedgerEntry{{Seq: 1, At: noon}},
			[]store.TreeHash{{Index: 1, Hash: hash(1)}, {Index: 2, Hash: hash(2)}})
	})
	update(t, st, func(tx *store.Tx) error {
		got, err := tx.Ledger.Hashes(ctx, []int64{2, 0, 1, 0})
		wantErr(t, "Hashes", err, nil)
		equal(t, "Hashes in the order asked for", got, [][32]byte{hash(2), hash(0), hash(1), hash(0)})
		_, err = tx.Ledger.Hashes(ctx, []int64{0, 3})
		wantErr(t, "an absent hash", err, store.ErrNotFound)
		err = tx.Ledger.Append(ctx, []store.LedgerEntry{{Seq: 2, At: noon}}, []store.TreeHash{{Index: 1, Hash: hash(9)}})
		wantErr(t, "a hash that would change", err, store.ErrExists)
		return nil
	})
	update(t, st, func(tx *store.Tx) error {
		if err := tx.Ledger.SetCheckpoint(ctx, 2, []byte("two"), 1); err != nil {
			return err
		}
		if err := tx.Ledger.SetCheckpoint(ctx, 1, []byte("one"), 0); err == nil {
			t.Error("SetCheckpoint went back")
		}
		wantErr(t, "SetCheckpoint of the same size", tx.Ledger.SetCheckpoint(ctx, 2, []byte("two, cosigned"), 0), nil)
		note, err := tx.Ledger.Checkpoint(ctx)
		equal(t, "Checkpoint", string(note), "two, cosigned")
		if err != nil {
			return err
		}
		size, kept, err := tx.Ledger.Noted(ctx)
		equal(t, "size noted", size, int64(2))
		equal(t, "Kept, which never falls", kept, int64(1))
		return err
	})
}

// ledgerInBulk appends more entries than a statement takes.
func ledgerInBulk(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	var entries []store.LedgerEntry
	var hashes []store.TreeHash
	for i := range 101 {
		h := sha256.Sum256([]byte{byte(i)})
		entries = append(entries, store.LedgerEntry{Seq: int64(i), Leaf: h, Salt: bytesOf(32), Body: bytesOf(80), Kind: []string{"opened", "bound"}[i%2], At: noon})
		hashes = append(hashes, store.TreeHash{Index: int64(i), Hash: h})
	}
	update(t, st, func(tx *store.Tx) error { return tx.Ledger.Append(ctx, entries, hashes) })
	view(t, st, func(tx *store.Tx) error {
		got, err := tx.Ledger.Entries(ctx, hearkeep.VaultID{}, math.MinInt64, 1000)
		wantErr(t, "Entries", err, nil)
		equal(t, "Entries", got, entries)
		stored, err := tx.Ledger.HashRange(ctx, 3, 99)
		wantErr(t, "HashRange", err, nil)
		equal(t, "HashRange", stored, hashes[3:99])
		leaves, err := tx.Ledger.Leaves(ctx, 98, 2)
		wantErr(t, "Leaves", err, nil)
		equal(t, "Leaves", leaves, [][32]byte{entries[98].Leaf, entries[99].Leaf})
		bound, err := tx.Ledger.EntriesOfKind(ctx, "bound")
		wantErr(t, "EntriesOfKind", err, nil)
		equal(t, "EntriesOfKind", len(bound), 50)
		return nil
	})
}

func ledgerKeys(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	keys := []store.LedgerKey{{First: 0, Key: "a"}, {First: 7, Key: "b"}}
	w := store.LedgerWitness{Key: "w", URL: "https://witness.example", Size: 3, Note: []byte("note"), At: noon}
	update(t, st, func(tx *store.Tx) error {
		err := tx.Ledger.AddKey(ctx, store.LedgerKey{Key: "of an empty log"})
		for _, k := range keys {
			err = errors.Join(err, tx.Ledger.AddKey(ctx, k))
		}
		wantErr(t, "a key at the same size", tx.Ledger.AddKey(ctx, store.LedgerKey{First: 7, Key: "c"}), store.ErrExists)
		err = errors.Join(err, tx.Ledger.SetWitness(ctx, w))
		w.Trouble, w.Since = "unreachable", noon.Add(time.Hour)
		return errors.Join(err, tx.Ledger.SetWitness(ctx, w))
	})
	view(t, st, func(tx *store.Tx) error {
		got, err := tx.Ledger.Keys(ctx)
		wantErr(t, "Keys", err, nil)
		equal(t, "Keys", got, keys)
		ws, err := tx.Ledger.Witnesses(ctx)
		wantErr(t, "Witnesses", err, nil)
		equal(t, "Witnesses", ws, []store.LedgerWitness{w})
		return nil
	})
}

func acts(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	v := NewVault(t, st)
	timer := store.Timer{ID: hearkeep.NewID[hearkeep.TimerID](), Vault: v.ID, Recording: hearkeep.NewID[hearkeep.RecordingID](), Sealed: bytesOf(60)}
	update(t, st, func(tx *store.Tx) error {
		if err := tx.Acts.PutTimer(ctx, timer); err != nil {
			return err
		}
		timer.Recording = hearkeep.RecordingID{} // its recording was erased
		timer.Sealed = bytesOf(61)
		if err := tx.Acts.PutTimer(ctx, timer); err != nil {
			return err
		}
		got, err := tx.Acts.Timers(ctx)
		wantErr(t, "Timers", err, nil)
		equal(t, "Timers", got, []store.Timer{timer})
		wantErr(t, "DeleteTimer", tx.Acts.DeleteTimer(ctx, timer.ID), nil)
		wantErr(t, "DeleteTimer again", tx.Acts.DeleteTimer(ctx, timer.ID), nil)
		got, err = tx.Acts.Timers(ctx)
		equal(t, "no timers", got, []store.Timer{})
		return err
	})
	update(t, st, func(tx *store.Tx) error {
		for _, want := range []int64{0, 3, 8} {
			if want > 0 {
				if err := tx.Acts.SetCursor(ctx, "act", want); err != nil {
					return err
				}
			}
			got, err := tx.Acts.Cursor(ctx, "act")
			wantErr(t, "Cursor", err, nil)
			equal(t, "Cursor", got, want)
		}
		other, err := tx.Acts.Cursor(ctx, "corpus")
		equal(t, "another follower's cursor", other, int64(0))
		return err
	})
	update(t, st, func(tx *store.Tx) error {
		for range 3 {
			if err := tx.Acts.Count(ctx, v.Binding, "false-activation", 2); err != nil {
				return err
			}
		}
		if err := tx.Acts.Count(ctx, hearkeep.NewID[hearkeep.BindingID](), "false-activation", 1); err != nil {
			return err
		}
		if err := tx.Acts.Count(ctx, v.Binding, "silence", 1); err != nil {
			return err
		}
		got, err := tx.Acts.Counters(ctx, v.Binding)
		equal(t, "Counters", got, map[string]int64{"false-activation": 6, "silence": 1})
		return err
	})
}

func jobs(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	update(t, st, func(tx *store.Tx) error {
		for _, payload := range []string{"first", "second"} {
			if err := tx.Jobs.Enqueue(ctx, "unlink", []byte(payload)); err != nil {
				return err
			}
		}
		return tx.Jobs.Enqueue(ctx, "mail", []byte("other kind"))
	})
	due := func(now time.Time, limit int, want ...string) []store.Job {
		t.Helper()
		var got []store.Job
		view(t, st, func(tx *store.Tx) (err error) {
			got, err = tx.Jobs.Due(ctx, "unlink", now, limit)
			return err
		})
		var names []string
		for _, j := range got {
			names = append(names, string(j.Payload))
		}
		equal(t, "due jobs", names, want)
		return got
	}
	due(noon, 1, "first")
	all := due(noon, 10, "first", "second")
	update(t, st, func(tx *store.Tx) error { return tx.Jobs.Retry(ctx, all[0].ID, noon.Add(time.Hour)) })
	due(noon.Add(time.Hour-time.Millisecond), 10, "second")
	again := due(noon.Add(time.Hour), 10, "first", "second")
	equal(t, "a job put off", again[0], store.Job{ID: all[0].ID, Kind: "unlink", Payload: []byte("first"), Attempts: 1, Due: noon.Add(time.Hour)})
	update(t, st, func(tx *store.Tx) error {
		wantErr(t, "Done", tx.Jobs.Done(ctx, all[0].ID), nil)
		wantErr(t, "Done again", tx.Jobs.Done(ctx, all[0].ID), nil)
		wantErr(t, "Retry of a job that is done", tx.Jobs.Retry(ctx, all[0].ID, noon), store.ErrNotFound)
		return nil
	})
	due(noon.Add(24*time.Hour), 10, "second")
}
