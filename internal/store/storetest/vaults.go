package storetest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

func vaults(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	account, other := hearkeep.NewID[hearkeep.AccountID](), hearkeep.NewID[hearkeep.AccountID]()
	vault := store.Vault{ID: hearkeep.NewID[hearkeep.VaultID](), Kind: "personal", Label: bytesOf(40), Created: noon,
		Retention: store.Retention{Audio: 1, Words: 2 * time.Hour, Turn: 3 * time.Hour}}
	older := store.Vault{ID: hearkeep.NewID[hearkeep.VaultID](), Kind: "personal", Created: noon.Add(-time.Hour)}
	first := store.Generation{Vault: vault.ID, N: 1, HPKEPublic: bytesOf(1216), SignPublic: bytesOf(32),
		Keyholders: []hearkeep.AccountID{account}, Signature: bytesOf(64), Created: noon}
	second := first
	second.N, second.Keyholders = 2, []hearkeep.AccountID{account, other}
	update(t, st, func(tx *store.Tx) error {
		wantErr(t, "generation without a vault", tx.Vaults.InsertGeneration(ctx, first), store.ErrNotFound)
		for _, v := range []store.Vault{vault, older} {
			if err := tx.Vaults.InsertVault(ctx, v); err != nil {
				return err
			}
		}
		wantErr(t, "taken vault id", tx.Vaults.InsertVault(ctx, vault), store.ErrExists)
		for _, g := range []store.Generation{second, first, {Vault: older.ID, N: 1, Created: noon}} {
			if err := tx.Vaults.InsertGeneration(ctx, g); err != nil {
				return err
			}
		}
		wantErr(t, "a second successor", tx.Vaults.InsertGeneration(ctx, second), store.ErrExists)
		return nil
	})
	held := []store.Keyholder{
		{Vault: vault.ID, Generation: 1, Account: account, Wrap: bytesOf(1169), Pin: bytesOf(50)},
		{Vault: vault.ID, Generation: 2, Account: account, Wrap: bytesOf(1169)},
	}
	update(t, st, func(tx *store.Tx) error {
		for _, k := range []store.Keyholder{held[1], held[0], {Vault: older.ID, Generation: 1, Account: account},
			{Vault: vault.ID, Generation: 2, Account: other}} {
			if err := tx.Vaults.InsertKeyholder(ctx, k); err != nil {
				return err
			}
		}
		wantErr(t, "taken keyholder", tx.Vaults.InsertKeyholder(ctx, held[0]), store.ErrExists)
		absent := store.Keyholder{Vault: vault.ID, Generation: 9, Account: account}
		wantErr(t, "keyholder of no generation", tx.Vaults.InsertKeyholder(ctx, absent), store.ErrNotFound)
		vault.Retention.Audio = 24 * time.Hour
		wantErr(t, "SetRetention", tx.Vaults.SetRetention(ctx, vault.ID, vault.Retention), nil)
		wantErr(t, "SetRetention, absent", tx.Vaults.SetRetention(ctx, hearkeep.NewID[hearkeep.VaultID](), vault.Retention), store.ErrNotFound)
		return nil
	})
	view(t, st, func(tx *store.Tx) error {
		got, err := tx.Vaults.Vault(ctx, vault.ID)
		wantErr(t, "Vault", err, nil)
		equal(t, "Vault", got, vault)
		_, err = tx.Vaults.Vault(ctx, hearkeep.NewID[hearkeep.VaultID]())
		wantErr(t, "absent vault", err, store.ErrNotFound)
		generations, err := tx.Vaults.Generations(ctx, vault.ID)
		wantErr(t, "Generations", err, nil)
		equal(t, "Generations", generations, []store.Generation{first, second})
		keyholder, err := tx.Vaults.Keyholder(ctx, vault.ID, account)
		wantErr(t, "Keyholder", err, nil)
		equal(t, "Keyholder", keyholder, held)
		mine, err := tx.Vaults.VaultsOf(ctx, account)
		wantErr(t, "VaultsOf", err, nil)
		equal(t, "VaultsOf, oldest first", mine, []store.Vault{older, vault})
		theirs, err := tx.Vaults.VaultsOf(ctx, other)
		wantErr(t, "VaultsOf", err, nil)
		equal(t, "VaultsOf the other", theirs, []store.Vault{vault})
		every, err := tx.Vaults.AllVaults(ctx)
		equal(t, "AllVaults", every, []hearkeep.VaultID{older.ID, vault.ID})
		return err
	})
}

func bindings(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	v := NewVault(t, st)
	upload := store.Binding{ID: hearkeep.NewID[hearkeep.BindingID](), Vault: v.ID, Generation: 1, Source: hearkeep.SourceUpload,
		Label: bytesOf(30), Rule: hearkeep.RoomRule{Keep: hearkeep.KeepWords}, Signature: bytesOf(64), Pin: bytesOf(90), Next: 1, Created: noon.Add(time.Hour)}
	update(t, st, func(tx *store.Tx) error {
		nobodys := upload
		nobodys.Vault = hearkeep.NewID[hearkeep.VaultID]()
		wantErr(t, "binding without a vault", tx.Vaults.InsertBinding(ctx, nobodys), store.ErrNotFound)
		if err := tx.Vaults.InsertBinding(ctx, upload); err != nil {
			return err
		}
		wantErr(t, "taken binding id", tx.Vaults.InsertBinding(ctx, upload), store.ErrExists)
		got, err := tx.Vaults.Binding(ctx, upload.ID)
		equal(t, "Binding", got, upload)
		if err != nil {
			return err
		}
		upload.Pin, upload.Ended = bytesOf(91), noon.Add(2*time.Hour)
		wantErr(t, "SetPin", tx.Vaults.SetPin(ctx, v.ID, upload.ID, upload.Pin), nil)
		open, err := tx.Vaults.BindingsOfSource(ctx, hearkeep.SourceUpload)
		if err != nil || !slices.ContainsFunc(open, func(b store.Binding) bool { return b.ID == upload.ID }) {
			t.Errorf("BindingsOfSource: got %d bindings, %v, want this one among them", len(open), err)
		}
		upload.Generation, upload.Label, upload.Signature = 1, bytesOf(31), bytesOf(64)
		upload.Rule = hearkeep.RoomRule{Keep: hearkeep.KeepAll, Quiet: hearkeep.Hours{From: 60, To: 120}, Paused: true}
		wantErr(t, "SetBinding", tx.Vaults.SetBinding(ctx, upload), nil)
		wantErr(t, "EndBinding", tx.Vaults.EndBinding(ctx, v.ID, upload.ID, upload.Ended), nil)
		open, err = tx.Vaults.BindingsOfSource(ctx, hearkeep.SourceUpload)
		if err != nil || slices.ContainsFunc(open, func(b store.Binding) bool { return b.ID == upload.ID }) {
			t.Errorf("BindingsOfSource: got an ended binding, %v", err)
		}
		list, err := tx.Vaults.Bindings(ctx, v.ID)
		if len(list) != 2 || list[0].ID != v.Binding {
			t.Errorf("Bindings: got %d, want 2, oldest first", len(list))
			return err
		}
		equal(t, "ended binding", list[1], upload)
		_, aerr := tx.Vaults.Binding(ctx, hearkeep.NewID[hearkeep.BindingID]())
		wantErr(t, "absent binding", aerr, store.ErrNotFound)
		return err
	})
}

// handOut has 64 callers take numbers, of which some give up: no number is
// given twice, and none is left out.
func handOut(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	v := NewVault(t, st)
	const callers, each = 64, 5
	numbers := make(chan hearkeep.Number, callers*each)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for range each {
				var n hearkeep.Number
				err := st.Update(ctx, func(tx *store.Tx) (err error) {
					if n, err = tx.Vaults.HandOut(ctx, v.ID, v.Binding); err == nil && i%8 == 7 {
						err = store.ErrFull // any error: the number goes back
					}
					return err
				})
				if err == nil {
					numbers <- n
				} else if i%8 != 7 {
					t.Errorf("HandOut: got error %v, want none", err)
				}
			}
		})
	}
	wg.Wait()
	close(numbers)
	var got []hearkeep.Number
	for n := range numbers {
		got = append(got, n)
	}
	slices.Sort(got)
	if len(got) != callers*each*7/8 {
		t.Errorf("numbers: got %d, want %d", len(got), callers*each*7/8)
	}
	for i, n := range got {
		if n != hearkeep.Number(i+1) {
			t.Fatalf("number %d: got %d, want %d", i, n, i+1)
		}
	}
}

func recordings(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	v := NewVault(t, st)
	rec, kept := keep(t, st, v, 7, noon)
	next, _ := keep(t, st, v, 9, noon.Add(-time.Hour)) // numbered later, spoken earlier
	update(t, st, func(tx *store.Tx) error {
		wantErr(t, "taken id", tx.Vaults.InsertRecording(ctx, rec, nil), store.ErrExists)
		twin, _ := NewRecording(v, 7, noon)
		wantErr(t, "taken number", tx.Vaults.InsertRecording(ctx, twin, nil), store.ErrExists)
		foreign, _ := NewRecording(v, 10, noon)
		if err := tx.Vaults.InsertRecording(ctx, foreign, kept); err == nil {
			t.Error("a recording took the parts of another")
		}
		return tx.Vaults.DeleteRecording(ctx, v.ID, foreign.ID)
	})
	view(t, st, func(tx *store.Tx) error {
		got, err := tx.Vaults.Recording(ctx, v.ID, rec.ID)
		equal(t, "Recording", got, rec)
		if err != nil {
			return err
		}
		last, err := tx.Vaults.LastRecording(ctx, v.ID, v.Binding)
		equal(t, "LastRecording", last, next)
		if err != nil {
			return err
		}
		for _, c := range []struct {
			after hearkeep.Number
			limit int
			want  []store.Recording
		}{
			{0, 10, []store.Recording{rec, next}},
			{0, 1, []store.Recording{rec}},
			{7, 10, []store.Recording{next}},
			{9, 10, nil},
		} {
			got, err := tx.Vaults.RecordingsByNumber(ctx, v.ID, v.Binding, c.after, c.limit)
			wantErr(t, "RecordingsByNumber", err, nil)
			equal(t, "RecordingsByNumber", got, c.want)
		}
		some, err := tx.Vaults.RecordingsOf(ctx, v.ID, []hearkeep.RecordingID{rec.ID, hearkeep.NewID[hearkeep.RecordingID]()})
		wantErr(t, "RecordingsOf", err, nil)
		equal(t, "RecordingsOf", some, map[hearkeep.RecordingID]store.Recording{rec.ID: rec})
		some, err = tx.Vaults.RecordingsOf(ctx, hearkeep.NewID[hearkeep.VaultID](), []hearkeep.RecordingID{rec.ID})
		wantErr(t, "RecordingsOf another vault", err, nil)
		equal(t, "RecordingsOf another vault", some, map[hearkeep.RecordingID]store.Recording{})
		for blob, want := range map[string]bool{rec.Blob: true, "": false, "00": false} {
			got, err := tx.Vaults.HasBlob(ctx, blob)
			wantErr(t, "HasBlob", err, nil)
			equal(t, "HasBlob "+blob, got, want)
		}
		return nil
	})
	update(t, st, func(tx *store.Tx) error {
		wantErr(t, "DeleteRecording", tx.Vaults.DeleteRecording(ctx, v.ID, rec.ID), nil)
		wantErr(t, "DeleteRecording again", tx.Vaults.DeleteRecording(ctx, v.ID, rec.ID), store.ErrNotFound)
		_, err := tx.Vaults.Parts(ctx, v.ID, rec.ID)
		wantErr(t, "parts of a deleted recording", err, store.ErrNotFound)
		return tx.Vaults.InsertRecording(ctx, rec, kept) // no part was left behind
	})
}

// paging lists 30 recordings of only three times in pages of every size.
func paging(t *testing.T, open Opener) {
	st, _ := open(t)
	v, other := NewVault(t, st), NewVault(t, st)
	var want []store.Recording
	for i := range 30 {
		r, _ := keep(t, st, v, hearkeep.Number(i+1), noon.Add(time.Duration(i%3)*time.Hour))
		want = append(want, r)
		keep(t, st, other, hearkeep.Number(i+1), noon)
	}
	slices.SortFunc(want, newestFirst)
	for _, limit := range []int{1, 7, 10, 29, 30, 31} {
		equal(t, "all pages", pages(t, st, v, store.Span{}, limit), want)
	}
}

// newestFirst is the order of Recordings.
func newestFirst(a, b store.Recording) int {
	if c := b.Start.Compare(a.Start); c != 0 {
		return c
	}
	return slices.Compare(b.ID[:], a.ID[:])
}
