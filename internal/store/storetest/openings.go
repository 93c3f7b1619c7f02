package storetest

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// openings asks the ledger what became readable, or left.
func openings(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	anna, ben := hearkeep.NewID[hearkeep.AccountID](), hearkeep.NewID[hearkeep.AccountID]()
	vault, other := hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.VaultID]()
	archive := hearkeep.NewID[hearkeep.ArchiveID]()
	in := func(session string) []byte { return fmt.Appendf(nil, `{"session":%q}`, session) }
	left := fmt.Appendf(nil, `{"session":"22","archive":"%s"}`, archive)
	rows := []store.LedgerEntry{
		{Kind: "opened", Account: anna, Vault: vault, Body: in("11")},
		{Kind: "opened", Account: anna, Vault: other, Body: in("22")},
		{Kind: "keys-changed", Account: anna, Vault: vault, Body: in("11")},
		{Kind: "disclosed", Account: ben, Vault: vault, Body: left},
		{Kind: "opened", Account: anna, Vault: vault, Body: left}, // to prepare it
		{Kind: "opened", Account: ben, Vault: vault, Body: []byte("{not JSON")},
		{Kind: "keys-changed", Account: ben, Body: in("22")}, // of no vault
		{Kind: "erased", Account: anna, Vault: vault, Body: in("11")},
		{Kind: "keys-changed", Account: anna, Vault: other, Body: in("11")},
	}
	for i := range rows {
		rows[i].Seq, rows[i].At = int64(i), noon.Add(time.Duration(i)*time.Hour)
		rows[i].Leaf, rows[i].Salt = sha256.Sum256(rows[i].Body), bytesOf(32)
	}
	update(t, st, func(tx *store.Tx) error { return tx.Ledger.Append(ctx, rows, nil) })
	want := func(tx *store.Tx, what string, of store.Opened, seqs ...int) {
		t.Helper()
		got := []store.LedgerEntry{}
		wantErr(t, what, tx.Ledger.EachOpening(ctx, of, func(e store.LedgerEntry) error {
			got = append(got, e)
			return nil
		}), nil)
		slices.SortFunc(got, func(a, b store.LedgerEntry) int { return int(a.Seq - b.Seq) })
		w := []store.LedgerEntry{}
		for _, i := range seqs {
			w = append(w, rows[i])
		}
		equal(t, what, got, w)
	}
	lost := func(tx *store.Tx, what string, of hearkeep.AccountID, from, to time.Time, want int) {
		t.Helper()
		got, err := tx.Ledger.OpeningsLost(ctx, of, from, to)
		wantErr(t, what, err, nil)
		equal(t, what, got, want)
	}
	var none time.Time
	view(t, st, func(tx *store.Tx) error {
		want(tx, "an archive's", store.Opened{Archive: archive}, 3)
		want(tx, "an archive's have no window", store.Opened{Archive: archive, From: rows[8].At}, 3)
		want(tx, "an archive's of nobody", store.Opened{Archive: hearkeep.NewID[hearkeep.ArchiveID]()})
		want(tx, "a session's", store.Opened{Session: "22"}, 1, 3, 4)
		want(tx, "a session's in a window", store.Opened{Session: "22", From: rows[1].At, To: rows[4].At}, 1, 3)
		want(tx, "an account's", store.Opened{Account: anna}, 0, 1, 4)
		want(tx, "an account's in a window", store.Opened{Account: anna, From: rows[1].At, To: rows[4].At}, 1)
		want(tx, "a vault's", store.Opened{Vault: vault}, 0, 3, 4, 5)
		want(tx, "a vault's from", store.Opened{Vault: vault, From: rows[4].At}, 4, 5)
		want(tx, "all", store.Opened{}, 0, 1, 3, 4, 5)
		want(tx, "all until", store.Opened{To: rows[3].At}, 0, 1)
		lost(tx, "nothing is lost", hearkeep.AccountID{}, none, none, 0)
		got, err := tx.Ledger.KeyChanges(ctx, anna)
		wantErr(t, "KeyChanges", err, nil)
		equal(t, "KeyChanges", got, []store.LedgerEntry{rows[2], rows[8]})
		wantErr(t, "an error ends it", tx.Ledger.EachOpening(ctx, store.Opened{}, func(store.LedgerEntry) error { return store.ErrFull }), store.ErrFull)
		return nil
	})
	update(t, st, func(tx *store.Tx) error {
		_, err := tx.Ledger.ExpireBodies(ctx, rows[4].At, "", 100)
		return err
	})
	for i := range 4 {
		rows[i].Salt, rows[i].Body = nil, nil
	}
	st = reopen()
	view(t, st, func(tx *store.Tx) error {
		want(tx, "an archive's whose body is gone", store.Opened{Archive: archive})
		want(tx, "a session's whose bodies are gone", store.Opened{Session: "22"}, 4)
		want(tx, "an account's without bodies", store.Opened{Account: anna}, 0, 1, 4)
		want(tx, "a vault's without bodies", store.Opened{Vault: vault}, 0, 3, 4, 5)
		want(tx, "all without bodies", store.Opened{}, 0, 1, 3, 4, 5)
		lost(tx, "what is lost", hearkeep.AccountID{}, none, none, 3)
		lost(tx, "what is lost of one", anna, none, none, 2)
		lost(tx, "what is lost in a window", hearkeep.AccountID{}, rows[1].At, rows[3].At, 1)
		lost(tx, "what is lost of one in a window", ben, rows[1].At, rows[3].At, 0)
		got, err := tx.Ledger.KeyChanges(ctx, anna)
		wantErr(t, "KeyChanges without bodies", err, nil)
		equal(t, "KeyChanges without bodies", got, []store.LedgerEntry{rows[2], rows[8]})
		return nil
	})
}
