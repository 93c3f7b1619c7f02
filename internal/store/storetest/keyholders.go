package storetest

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

func vaultChanges(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	house, other := hearkeep.NewID[hearkeep.HouseholdID](), hearkeep.NewID[hearkeep.HouseholdID]()
	shared := store.Vault{ID: hearkeep.NewID[hearkeep.VaultID](), Kind: "shared", Label: bytesOf(40), Household: house, Created: noon,
		Retention: store.Retention{Audio: time.Hour, Words: 2 * time.Hour, Turn: 3 * time.Hour}}
	child := store.Vault{ID: hearkeep.NewID[hearkeep.VaultID](), Kind: "child", Household: house, OfAge: noon.AddDate(9, 0, 0), Created: noon.Add(-time.Hour)}
	personal := NewVault(t, st)
	update(t, st, func(tx *store.Tx) error {
		return errors.Join(tx.Vaults.InsertVault(ctx, shared), tx.Vaults.InsertVault(ctx, child))
	})
	in := func(what string, of hearkeep.HouseholdID, want ...store.Vault) {
		t.Helper()
		view(t, st, func(tx *store.Tx) error {
			got, err := tx.Vaults.VaultsIn(ctx, of)
			equal(t, what, got, want)
			return err
		})
	}
	in("VaultsIn, oldest first", house, child, shared)
	in("VaultsIn another", other)
	in("VaultsIn no household", hearkeep.HouseholdID{}) // a personal vault belongs to none
	update(t, st, func(tx *store.Tx) error {
		child.Kind, child.Label, child.Household, child.OfAge = "personal", bytesOf(41), hearkeep.HouseholdID{}, time.Time{}
		changed := child
		changed.Retention.Audio, changed.Created = time.Hour, noon // not what SetVault replaces
		wantErr(t, "SetVault", tx.Vaults.SetVault(ctx, changed), nil)
		shared.Household = other
		wantErr(t, "SetVault", tx.Vaults.SetVault(ctx, shared), nil)
		wantErr(t, "SetVault, absent", tx.Vaults.SetVault(ctx, store.Vault{ID: hearkeep.NewID[hearkeep.VaultID](), Kind: "shared"}), store.ErrNotFound)
		return nil
	})
	st = reopen()
	in("VaultsIn after a move", house)
	in("VaultsIn the other after a move", other, shared)
	view(t, st, func(tx *store.Tx) error {
		got, err := tx.Vaults.Vault(ctx, child.ID)
		wantErr(t, "Vault", err, nil)
		equal(t, "taken over", got, child)
		got, err = tx.Vaults.Vault(ctx, personal.ID)
		equal(t, "household of a personal vault", got.Household, hearkeep.HouseholdID{})
		return err
	})
}

func keyholders(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	v, other := NewVault(t, st), NewVault(t, st)
	ben := hearkeep.NewID[hearkeep.AccountID]()
	roster := bytesOf(1 + 64 + 2*1233)
	second := store.Generation{Vault: v.ID, N: 2, HPKEPublic: bytesOf(1216), SignPublic: bytesOf(32),
		Keyholders: []hearkeep.AccountID{v.Account, ben}, Signature: bytesOf(64), Roster: roster, Created: noon}
	mine := store.Keyholder{Vault: v.ID, Generation: 2, Account: v.Account, Wrap: bytesOf(1169), Pin: bytesOf(32)}
	bens := store.Keyholder{Vault: v.ID, Generation: 2, Account: ben, Wrap: bytesOf(1169), Pin: bytesOf(32)}
	update(t, st, func(tx *store.Tx) error {
		return errors.Join(tx.Vaults.InsertGeneration(ctx, second), tx.Vaults.InsertKeyholder(ctx, mine), tx.Vaults.InsertKeyholder(ctx, bens),
			tx.Vaults.InsertKeyholder(ctx, store.Keyholder{Vault: other.ID, Generation: 1, Account: ben}))
	})
	both := []store.Keyholder{mine, bens}
	slices.SortFunc(both, func(a, b store.Keyholder) int { return bytes.Compare(a.Account[:], b.Account[:]) })
	st = reopen()
	view(t, st, func(tx *store.Tx) error {
		generations, err := tx.Vaults.Generations(ctx, v.ID)
		wantErr(t, "Generations", err, nil)
		if len(generations) != 2 || generations[0].Roster != nil {
			t.Fatalf("Generations: got %d, want 2, the first without a roster", len(generations))
		}
		equal(t, "a generation with its roster", generations[1], second)
		got, err := tx.Vaults.Keyholders(ctx, v.ID, 2)
		wantErr(t, "Keyholders", err, nil)
		equal(t, "Keyholders, by account", got, both)
		got, err = tx.Vaults.Keyholders(ctx, v.ID, 3)
		equal(t, "Keyholders of no generation", got, []store.Keyholder{})
		return err
	})
	update(t, st, func(tx *store.Tx) error {
		bens.Wrap, bens.Pin = bytesOf(1169), bytesOf(32)
		wantErr(t, "SetKeyholder", tx.Vaults.SetKeyholder(ctx, bens), nil)
		absent := bens
		absent.Generation = 1
		wantErr(t, "SetKeyholder of a generation not held", tx.Vaults.SetKeyholder(ctx, absent), store.ErrNotFound)
		held, err := tx.Vaults.Keyholder(ctx, v.ID, ben)
		wantErr(t, "Keyholder", err, nil)
		equal(t, "changed keyholder", held, []store.Keyholder{bens})
		held, err = tx.Vaults.Keyholder(ctx, v.ID, v.Account)
		wantErr(t, "Keyholder", err, nil)
		equal(t, "the other keyholder", held[1], mine)

		wantErr(t, "DeleteKeyholder", tx.Vaults.DeleteKeyholder(ctx, v.ID, v.Account), nil)
		wantErr(t, "DeleteKeyholder again", tx.Vaults.DeleteKeyholder(ctx, v.ID, v.Account), nil)
		_, err = tx.Vaults.Keyholder(ctx, v.ID, v.Account)
		wantErr(t, "who holds nothing", err, store.ErrNotFound)
		left, err := tx.Vaults.VaultsOf(ctx, v.Account)
		wantErr(t, "VaultsOf", err, nil)
		equal(t, "VaultsOf who holds nothing", left, []store.Vault{})
		wantErr(t, "DeleteKeyholder", tx.Vaults.DeleteKeyholder(ctx, v.ID, ben), nil)
		left, err = tx.Vaults.VaultsOf(ctx, ben)
		if len(left) != 1 || left[0].ID != other.ID {
			t.Errorf("what ben holds of another vault: got %d, want 1", len(left))
		}
		return err
	})
}

func departures(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	v, other := NewVault(t, st), NewVault(t, st)
	by := hearkeep.NewID[hearkeep.AccountID]()
	late := store.Departure{Vault: v.ID, Account: v.Account, By: by, At: noon.Add(time.Hour)}
	early := store.Departure{Vault: v.ID, Account: by, By: by, At: noon}
	foreign := store.Departure{Vault: other.ID, Account: by, By: by, At: noon}
	update(t, st, func(tx *store.Tx) error {
		nowhere := late
		nowhere.Vault = hearkeep.NewID[hearkeep.VaultID]()
		wantErr(t, "departure from nothing", tx.Vaults.PutDeparture(ctx, nowhere), store.ErrNotFound)
		for _, d := range []store.Departure{late, early, foreign} {
			if err := tx.Vaults.PutDeparture(ctx, d); err != nil {
				return err
			}
		}
		again := late
		again.By, again.At = v.Account, noon.Add(9*time.Hour)
		return tx.Vaults.PutDeparture(ctx, again) // the first stays
	})
	update(t, st, func(tx *store.Tx) error {
		got, err := tx.Vaults.Departures(ctx, v.ID)
		wantErr(t, "Departures", err, nil)
		equal(t, "Departures, oldest first", got, []store.Departure{early, late})
		wantErr(t, "DeleteDeparture", tx.Vaults.DeleteDeparture(ctx, v.ID, by), nil)
		wantErr(t, "DeleteDeparture again", tx.Vaults.DeleteDeparture(ctx, v.ID, by), nil)
		got, err = tx.Vaults.Departures(ctx, v.ID)
		wantErr(t, "Departures", err, nil)
		equal(t, "the departure that is left", got, []store.Departure{late})
		got, err = tx.Vaults.Departures(ctx, other.ID)
		equal(t, "another vault's departures", got, []store.Departure{foreign})
		return err
	})
}

func apiTokens(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	v, other := NewVault(t, st), NewVault(t, st)
	token := func(of Vault, account hearkeep.AccountID, hours int) store.APIToken {
		return store.APIToken{ID: hearkeep.NewID[hearkeep.TokenID](), Account: account, Vault: of.ID, Generation: 1, Name: "Notes",
			Wrap: bytesOf(145), Created: noon.Add(time.Duration(hours) * time.Hour), Expires: noon.Add(time.Duration(10+hours) * time.Hour)}
	}
	late, early, bens := token(v, v.Account, 2), token(other, v.Account, 1), token(v, other.Account, 3)
	late.Write = true
	update(t, st, func(tx *store.Tx) error {
		nowhere := token(Vault{ID: hearkeep.NewID[hearkeep.VaultID]()}, v.Account, 1)
		wantErr(t, "token into nothing", tx.Vaults.InsertAPIToken(ctx, nowhere), store.ErrNotFound)
		for _, k := range []store.APIToken{late, early, bens} {
			if err := tx.Vaults.InsertAPIToken(ctx, k); err != nil {
				return err
			}
		}
		wantErr(t, "taken token id", tx.Vaults.InsertAPIToken(ctx, late), store.ErrExists)
		late.Used = noon.Add(4 * time.Hour)
		wantErr(t, "TouchAPIToken", tx.Vaults.TouchAPIToken(ctx, late.ID, late.Used), nil)
		wantErr(t, "TouchAPIToken, absent", tx.Vaults.TouchAPIToken(ctx, hearkeep.NewID[hearkeep.TokenID](), noon), store.ErrNotFound)
		wantErr(t, "DeleteAPIToken of another's", tx.Vaults.DeleteAPIToken(ctx, v.Account, bens.ID), store.ErrNotFound)
		return nil
	})
	st = reopen()
	update(t, st, func(tx *store.Tx) error {
		got, err := tx.Vaults.APIToken(ctx, late.ID)
		wantErr(t, "APIToken", err, nil)
		equal(t, "APIToken", got, late)
		_, err = tx.Vaults.APIToken(ctx, hearkeep.NewID[hearkeep.TokenID]())
		wantErr(t, "absent token", err, store.ErrNotFound)
		list, err := tx.Vaults.APITokens(ctx, v.Account)
		wantErr(t, "APITokens", err, nil)
		equal(t, "APITokens, oldest first", list, []store.APIToken{early, late})
		for _, c := range []struct {
			name string
			now  time.Time
			want int
		}{
			{"a millisecond before", early.Expires.Add(-time.Millisecond), 0},
			{"at its end", early.Expires, 1},
		} {
			n, err := tx.Vaults.ExpireAPITokens(ctx, c.now)
			wantErr(t, "ExpireAPITokens", err, nil)
			equal(t, "ExpireAPITokens "+c.name, n, c.want)
		}
		wantErr(t, "TouchAPIToken of an ended one", tx.Vaults.TouchAPIToken(ctx, early.ID, noon), store.ErrNotFound)
		again := token(other, v.Account, 5)
		if err := tx.Vaults.InsertAPIToken(ctx, again); err != nil {
			return err
		}
		n, err := tx.Vaults.DeleteAPITokensOf(ctx, v.ID)
		wantErr(t, "DeleteAPITokensOf", err, nil)
		equal(t, "DeleteAPITokensOf a vault", n, 2)
		list, err = tx.Vaults.APITokens(ctx, v.Account)
		wantErr(t, "APITokens", err, nil)
		equal(t, "a token into another vault", list, []store.APIToken{again})
		wantErr(t, "DeleteAPIToken", tx.Vaults.DeleteAPIToken(ctx, v.Account, again.ID), nil)
		wantErr(t, "DeleteAPIToken again", tx.Vaults.DeleteAPIToken(ctx, v.Account, again.ID), store.ErrNotFound)
		return nil
	})
}

// spans lists and counts generations 1 to 4 of a vault, of which 3 has nothing,
// in pages of every size; their times interleave.
func spans(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	v, other := NewVault(t, st), NewVault(t, st)
	update(t, st, func(tx *store.Tx) error {
		for n := range hearkeep.Generation(3) {
			if err := tx.Vaults.InsertGeneration(ctx, store.Generation{Vault: v.ID, N: n + 2, Created: noon}); err != nil {
				return err
			}
		}
		return nil
	})
	kept := map[hearkeep.Generation][]store.Recording{}
	update(t, st, func(tx *store.Tx) error {
		for i := range 24 {
			r, parts := NewRecording(v, hearkeep.Number(i+1), noon.Add(time.Duration(i%5)*time.Hour))
			r.Generation = []hearkeep.Generation{1, 2, 4}[i%3]
			kept[r.Generation] = append(kept[r.Generation], r)
			theirs, _ := NewRecording(other, hearkeep.Number(i+1), noon)
			if err := errors.Join(tx.Vaults.InsertRecording(ctx, r, parts[:1+i%4]), tx.Vaults.InsertRecording(ctx, theirs, nil)); err != nil {
				return err
			}
		}
		return nil
	})
	for _, c := range []struct {
		span store.Span
		want []hearkeep.Generation
	}{
		{store.Span{}, []hearkeep.Generation{1, 2, 4}},
		{store.Span{From: 1}, []hearkeep.Generation{1, 2, 4}},
		{store.Span{From: 2}, []hearkeep.Generation{2, 4}},
		{store.Span{From: 4}, []hearkeep.Generation{4}},
		{store.Span{From: 5}, nil},
		{store.Span{To: 2}, []hearkeep.Generation{1, 2}},
		{store.Span{From: 1, To: 1}, []hearkeep.Generation{1}},
		{store.Span{From: 2, To: 2}, []hearkeep.Generation{2}},
		{store.Span{From: 2, To: 3}, []hearkeep.Generation{2}},
		{store.Span{From: 3, To: 3}, nil},
		{store.Span{From: 2, To: 9}, []hearkeep.Generation{2, 4}},
		{store.Span{From: 4, To: 2}, nil},
	} {
		var want []store.Recording
		var total store.Totals
		for _, n := range c.want {
			if !c.span.Holds(n) {
				t.Fatalf("%v does not hold %d", c.span, n)
			}
			want = append(want, kept[n]...)
		}
		slices.SortFunc(want, newestFirst)
		for i, r := range want {
			total.Recordings, total.Speech = i+1, total.Speech+r.Duration
			total.Bytes += 200 * int64(1+(r.Number-1)%4)
			total.Newest, total.Oldest = want[0].Start, r.Start
		}
		for _, limit := range []int{1, 3, len(want) + 1} {
			equal(t, "all pages of a span", pages(t, st, v, c.span, limit), want)
		}
		view(t, st, func(tx *store.Tx) error {
			got, err := tx.Vaults.Totals(ctx, v.ID, c.span)
			equal(t, "Totals of a span", got, total)
			return err
		})
	}
}

// pages lists a span to its end.
func pages(t *testing.T, st store.Store, v Vault, of store.Span, limit int) []store.Recording {
	t.Helper()
	var got []store.Recording
	var cursor store.Cursor
	for {
		var page []store.Recording
		view(t, st, func(tx *store.Tx) (err error) {
			page, err = tx.Vaults.Recordings(t.Context(), v.ID, of, cursor, limit)
			return err
		})
		if len(page) > limit {
			t.Fatalf("page: got %d recordings, want at most %d", len(page), limit)
		}
		if len(page) == 0 {
			return got
		}
		got = append(got, page...)
		last := page[len(page)-1]
		cursor = store.Cursor{Start: last.Start, ID: last.ID}
	}
}
