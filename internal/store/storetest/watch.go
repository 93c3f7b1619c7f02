package storetest

import (
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

func watchNotes(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	note := func(kind, key string, hours int) store.WatchNote {
		return store.WatchNote{Kind: kind, Key: []byte(key), Value: []byte(kind + " " + key), Until: noon.Add(time.Duration(hours) * time.Hour)}
	}
	a1, a2, b1, last, others := note("session", "a1", 1), note("session", "a2", 2), note("session", "b1", 3), note("session", "\xff\xff", 9), note("volume", "a1", 4)
	update(t, st, func(tx *store.Tx) error {
		for _, n := range []store.WatchNote{b1, others, a2, last, a1} {
			wantErr(t, "PutNote", tx.Watch.PutNote(ctx, n), nil)
		}
		a2.Value, a2.Until = []byte("another"), noon.Add(5*time.Hour)
		wantErr(t, "PutNote again", tx.Watch.PutNote(ctx, a2), nil)
		if err := tx.Watch.PutNote(ctx, store.WatchNote{Kind: "session", Key: make([]byte, 129), Value: []byte{}}); err == nil {
			t.Error("PutNote with a key of 129 bytes: got nil, want an error")
		}
		return nil
	})
	st = reopen()
	view(t, st, func(tx *store.Tx) error {
		got, err := tx.Watch.Note(ctx, "session", []byte("a2"))
		wantErr(t, "Note", err, nil)
		equal(t, "Note", got, a2)
		_, err = tx.Watch.Note(ctx, "volume", []byte("a2"))
		wantErr(t, "Note of another kind", err, store.ErrNotFound)
		for _, c := range []struct {
			prefix string
			want   []store.WatchNote
		}{{"a", []store.WatchNote{a1, a2}}, {"", []store.WatchNote{a1, a2, b1, last}}, {"\xff", []store.WatchNote{last}}, {"c", []store.WatchNote{}}} {
			list, err := tx.Watch.Notes(ctx, "session", []byte(c.prefix))
			wantErr(t, "Notes", err, nil)
			equal(t, "Notes under "+c.prefix, list, c.want)
		}
		return nil
	})
	update(t, st, func(tx *store.Tx) error {
		n, err := tx.Watch.ExpireNotes(ctx, noon.Add(time.Hour))
		wantErr(t, "ExpireNotes", err, nil)
		equal(t, "expired", n, 1)
		n, err = tx.Watch.DeleteNotes(ctx, "session", []byte("a"))
		wantErr(t, "DeleteNotes", err, nil)
		equal(t, "deleted", n, 1)
		n, err = tx.Watch.DeleteNotes(ctx, "session", nil)
		wantErr(t, "DeleteNotes, all of a kind", err, nil)
		equal(t, "deleted, all of a kind", n, 2)
		list, err := tx.Watch.Notes(ctx, "volume", nil)
		equal(t, "Notes of another kind stay", list, []store.WatchNote{others})
		return err
	})
}

func reportsAlike(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	vault, account := hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.AccountID]()
	report := func(what string, v hearkeep.VaultID, a hearkeep.AccountID) store.Report {
		return store.Report{ID: hearkeep.NewID[hearkeep.ReportID](), What: what, Vault: v, Account: a, At: noon}
	}
	first := report("openings failed", vault, hearkeep.AccountID{})
	second := report("openings failed", vault, account)
	update(t, st, func(tx *store.Tx) error {
		for _, r := range []store.Report{first, second} {
			wantErr(t, "InsertReport", tx.Incidents.InsertReport(ctx, r), nil)
		}
		return nil
	})
	update(t, st, func(tx *store.Tx) error {
		got, err := tx.Watch.OpenReport(ctx, report("openings failed", vault, hearkeep.AccountID{}))
		wantErr(t, "OpenReport", err, nil)
		equal(t, "OpenReport", got, first.ID)
		got, err = tx.Watch.OpenReport(ctx, second)
		wantErr(t, "OpenReport of an account", err, nil)
		equal(t, "OpenReport of an account", got, second.ID)
		for _, r := range []store.Report{
			report("restored", vault, account),
			report("openings failed", hearkeep.NewID[hearkeep.VaultID](), account),
			report("openings failed", hearkeep.VaultID{}, account),
		} {
			_, err = tx.Watch.OpenReport(ctx, r)
			wantErr(t, "OpenReport of another fault", err, store.ErrNotFound)
		}
		wantErr(t, "CloseReport", tx.Incidents.CloseReport(ctx, first.ID, noon), nil)
		_, err = tx.Watch.OpenReport(ctx, first)
		wantErr(t, "OpenReport of a closed one", err, store.ErrNotFound)
		return nil
	})
}
