package storetest

import (
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

func claims(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	vault, other := hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.VaultID]()
	claim := func(made time.Time) store.Claim {
		return store.Claim{ID: hearkeep.NewID[hearkeep.ClaimID](), Hash: [32]byte(bytesOf(32)), Sealed: bytesOf(200),
			From: made.Add(-3 * time.Hour), To: made.Add(-time.Hour), State: "open", Made: made, Due: made.AddDate(0, 1, 0)}
	}
	known, placeless, theirs := claim(noon), claim(noon.Add(-time.Hour)), claim(noon.Add(time.Minute))
	known.Vault, known.Binding = vault, hearkeep.NewID[hearkeep.BindingID]()
	theirs.Vault, theirs.Binding = other, hearkeep.NewID[hearkeep.BindingID]()
	update(t, st, func(tx *store.Tx) error {
		for _, c := range []store.Claim{known, placeless, theirs} {
			if err := tx.Rights.InsertClaim(ctx, c); err != nil {
				return err
			}
		}
		wantErr(t, "a claim's id twice", tx.Rights.InsertClaim(ctx, known), store.ErrExists)
		same := claim(noon)
		same.Hash = known.Hash
		wantErr(t, "a claim's secret twice", tx.Rights.InsertClaim(ctx, same), store.ErrExists)
		wantErr(t, "SetClaim, absent", tx.Rights.SetClaim(ctx, claim(noon)), store.ErrNotFound)
		return nil
	})
	open1 := func(what string, limit int, want ...store.Claim) {
		t.Helper()
		view(t, st, func(tx *store.Tx) error {
			list, err := tx.Rights.OpenClaims(ctx, limit)
			equal(t, what, list, want)
			return err
		})
	}
	open1("OpenClaims, the soonest due first", 10, placeless, known, theirs)
	open1("a page of OpenClaims", 1, placeless)

	// Whose secret it is, which door and when it speaks of, and its clock stay.
	known.Sealed, known.State, known.Count, known.Ended = bytesOf(90), "counted", 3, noon.Add(time.Hour)
	altered := known
	altered.Hash, altered.From, altered.To, altered.Made = [32]byte{1}, noon, noon.Add(9*time.Hour), noon.AddDate(1, 0, 0)
	altered.Vault, altered.Binding, altered.Due = other, theirs.Binding, noon.AddDate(0, 9, 0)
	update(t, st, func(tx *store.Tx) error { return tx.Rights.SetClaim(ctx, altered) })

	st = reopen()
	view(t, st, func(tx *store.Tx) error {
		got, err := tx.Rights.Claim(ctx, known.ID)
		wantErr(t, "Claim", err, nil)
		equal(t, "Claim", got, known)
		got, err = tx.Rights.ClaimByHash(ctx, known.Hash)
		wantErr(t, "ClaimByHash", err, nil)
		equal(t, "ClaimByHash", got, known)
		_, err = tx.Rights.ClaimByHash(ctx, [32]byte{})
		wantErr(t, "ClaimByHash of nothing", err, store.ErrNotFound)
		_, err = tx.Rights.Claim(ctx, hearkeep.NewID[hearkeep.ClaimID]())
		wantErr(t, "an absent claim", err, store.ErrNotFound)
		list, err := tx.Rights.ClaimsOf(ctx, vault)
		wantErr(t, "ClaimsOf", err, nil)
		equal(t, "ClaimsOf, answered ones too", list, []store.Claim{known})
		list, err = tx.Rights.ClaimsOf(ctx, hearkeep.VaultID{})
		equal(t, "ClaimsOf no vault", list, []store.Claim{})
		return err
	})
	open1("OpenClaims, without the answered one", 10, placeless, theirs)
	for _, c := range []struct {
		name   string
		before time.Time
		want   int
	}{
		{"at its end", known.Ended, 0},
		{"after it", known.Ended.Add(time.Millisecond), 1},
		{"but not what is open", noon.AddDate(10, 0, 0), 0},
	} {
		update(t, st, func(tx *store.Tx) error {
			n, err := tx.Rights.ExpireClaims(ctx, c.before)
			equal(t, "ExpireClaims "+c.name, n, c.want)
			return err
		})
	}
	view(t, st, func(tx *store.Tx) error {
		_, err := tx.Rights.Claim(ctx, known.ID)
		wantErr(t, "an expired claim", err, store.ErrNotFound)
		return nil
	})
}

func numbered(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	a, b := NewVault(t, st), NewVault(t, st)
	double := hearkeep.BindingID(a.Binding)
	double[15] ^= 1 // begins alike
	find := func(what string, id hearkeep.BindingID, want hearkeep.VaultID, wantError error) {
		t.Helper()
		view(t, st, func(tx *store.Tx) error {
			got, err := tx.Rights.BindingNumbered(ctx, [5]byte(id[:5]))
			wantErr(t, what, err, wantError)
			equal(t, what, got.Vault, want)
			return nil
		})
	}
	find("a door's number", a.Binding, a.ID, nil)
	find("another door's number", b.Binding, b.ID, nil)
	find("no door's number", hearkeep.NewID[hearkeep.BindingID](), hearkeep.VaultID{}, store.ErrNotFound)
	update(t, st, func(tx *store.Tx) error {
		return tx.Vaults.InsertBinding(ctx, store.Binding{ID: double, Vault: b.ID, Generation: 1, Source: hearkeep.SourceSay,
			Label: bytesOf(20), Rule: hearkeep.RoomRule{Keep: hearkeep.KeepAll}, Signature: bytesOf(64), Pin: bytesOf(40), Next: 1, Created: noon})
	})
	find("a number that two doors have", a.Binding, hearkeep.VaultID{}, store.ErrNotFound)
}

func between(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	a, b := NewVault(t, st), NewVault(t, st)
	var kept []store.Recording
	for i := range 5 { // at noon, 12:10, 12:20, 12:30, 12:40
		r, _ := keep(t, st, a, hearkeep.Number(i+1), noon.Add(time.Duration(i)*10*time.Minute))
		kept = append(kept, r)
	}
	keep(t, st, b, 1, noon.Add(10*time.Minute))
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	for _, c := range []struct {
		name     string
		vault    hearkeep.VaultID
		binding  hearkeep.BindingID
		from, to time.Time
		want     []store.Recording
	}{
		{"all", a.ID, a.Binding, at(0), at(60), kept},
		{"from is in it, to is not", a.ID, a.Binding, at(10), at(30), kept[1:3]},
		{"a millisecond more", a.ID, a.Binding, at(10).Add(time.Millisecond), at(30).Add(time.Millisecond), kept[2:4]},
		{"an empty window", a.ID, a.Binding, at(10), at(10), nil},
		{"a window turned round", a.ID, a.Binding, at(30), at(10), nil},
		{"another vault's door", a.ID, b.Binding, at(0), at(60), nil},
		{"the door under another vault", b.ID, a.Binding, at(0), at(60), nil},
		{"no door", a.ID, hearkeep.BindingID{}, at(0), at(60), nil},
	} {
		view(t, st, func(tx *store.Tx) error {
			n, err := tx.Rights.CountBetween(ctx, c.vault, c.binding, c.from, c.to)
			wantErr(t, "CountBetween, "+c.name, err, nil)
			equal(t, "CountBetween, "+c.name, n, len(c.want))
			list, err := tx.Rights.RecordingsBetween(ctx, c.vault, c.binding, c.from, c.to, 100)
			wantErr(t, "RecordingsBetween, "+c.name, err, nil)
			equal(t, "RecordingsBetween, "+c.name, list, c.want)
			first, err := tx.Rights.RecordingsBetween(ctx, c.vault, c.binding, c.from, c.to, 1)
			equal(t, "the first RecordingsBetween, "+c.name, first, c.want[:min(1, len(c.want))])
			return err
		})
	}
}
