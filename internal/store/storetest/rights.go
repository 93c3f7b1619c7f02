package storetest

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

func newRequest(account hearkeep.AccountID, kind hearkeep.RequestKind, received time.Time) store.Request {
	return store.Request{ID: hearkeep.NewID[hearkeep.RequestID](), Account: account, Kind: kind, State: hearkeep.RequestOpen,
		Via: hearkeep.ViaPortal, Received: received, Due: received.AddDate(0, 1, 0), MAC: bytesOf(32)}
}

func requests(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	anna, ben := hearkeep.NewID[hearkeep.AccountID](), hearkeep.NewID[hearkeep.AccountID]()
	first := newRequest(anna, hearkeep.RequestAccess, noon)
	spoken := newRequest(anna, hearkeep.RequestErasure, noon.Add(time.Hour))
	spoken.State, spoken.Via, spoken.Binding = hearkeep.RequestAsked, hearkeep.ViaVoice, hearkeep.NewID[hearkeep.BindingID]()
	bens := newRequest(ben, hearkeep.RequestAccess, noon.Add(time.Minute))
	update(t, st, func(tx *store.Tx) error {
		for _, r := range []store.Request{first, spoken, bens} {
			if err := tx.Rights.InsertRequest(ctx, r); err != nil {
				return err
			}
		}
		taken := bens
		taken.ID = first.ID
		wantErr(t, "a request's id twice", tx.Rights.InsertRequest(ctx, taken), store.ErrExists)
		return nil
	})
	// What SetRequest may not replace stays: whose it is, what, when, how, and its MAC.
	answered := first
	answered.State, answered.Due, answered.Extended = hearkeep.RequestAnswered, noon.AddDate(0, 3, 0), noon.Add(2*time.Hour)
	answered.Reason, answered.Reminded, answered.Ended = "There is much of it.", noon.Add(3*time.Hour), noon.Add(4*time.Hour)
	answered.Answer = []byte("hearkeep/answer/v1\n")
	update(t, st, func(tx *store.Tx) error {
		altered := answered
		altered.Kind, altered.Via, altered.Received, altered.MAC = hearkeep.RequestErasure, hearkeep.ViaAgent, noon.AddDate(1, 0, 0), bytesOf(32)
		altered.Binding = spoken.Binding
		wantErr(t, "SetRequest", tx.Rights.SetRequest(ctx, altered), nil)
		theirs := bens
		theirs.Account, theirs.State = anna, hearkeep.RequestWithdrawn
		wantErr(t, "SetRequest of another's", tx.Rights.SetRequest(ctx, theirs), store.ErrNotFound)
		absent := newRequest(anna, hearkeep.RequestAccess, noon)
		wantErr(t, "SetRequest, absent", tx.Rights.SetRequest(ctx, absent), store.ErrNotFound)
		return nil
	})
	st = reopen()
	view(t, st, func(tx *store.Tx) error {
		for _, want := range []store.Request{answered, spoken, bens} {
			got, err := tx.Rights.Request(ctx, want.Account, want.ID)
			wantErr(t, "Request", err, nil)
			equal(t, "Request", got, want)
		}
		_, err := tx.Rights.Request(ctx, anna, bens.ID)
		wantErr(t, "another's request", err, store.ErrNotFound)
		_, err = tx.Rights.Request(ctx, hearkeep.AccountID{}, bens.ID)
		wantErr(t, "nobody's request", err, store.ErrNotFound)
		_, err = tx.Rights.Request(ctx, anna, hearkeep.NewID[hearkeep.RequestID]())
		wantErr(t, "an absent request", err, store.ErrNotFound)
		list, err := tx.Rights.Requests(ctx, anna, 10)
		wantErr(t, "Requests", err, nil)
		equal(t, "Requests, newest first", list, []store.Request{spoken, answered})
		list, err = tx.Rights.Requests(ctx, anna, 1)
		wantErr(t, "a page of Requests", err, nil)
		equal(t, "a page of Requests", list, []store.Request{spoken})
		list, err = tx.Rights.Requests(ctx, hearkeep.NewID[hearkeep.AccountID](), 10)
		wantErr(t, "a stranger's Requests", err, nil)
		equal(t, "a stranger's Requests", list, []store.Request{})
		counts, err := tx.Rights.CountRequests(ctx)
		equal(t, "CountRequests", counts, []store.RequestCount{
			{Kind: hearkeep.RequestAccess, State: hearkeep.RequestAnswered, N: 1},
			{Kind: hearkeep.RequestAccess, State: hearkeep.RequestOpen, N: 1},
			{Kind: hearkeep.RequestErasure, State: hearkeep.RequestAsked, N: 1},
		})
		return err
	})
}

// openRequests pages over requests of all accounts, some of which are due at
// one moment; none is shown twice or left out.
func openRequests(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	var want []store.Request
	update(t, st, func(tx *store.Tx) error {
		for i := range 7 {
			r := newRequest(hearkeep.NewID[hearkeep.AccountID](), hearkeep.RequestAccess, noon.Add(time.Duration(i/3)*time.Hour))
			if err := tx.Rights.InsertRequest(ctx, r); err != nil {
				return err
			}
			want = append(want, r)
		}
		ended := newRequest(hearkeep.NewID[hearkeep.AccountID](), hearkeep.RequestAccess, noon)
		ended.State, ended.Ended = hearkeep.RequestLapsed, noon
		return tx.Rights.InsertRequest(ctx, ended)
	})
	slices.SortFunc(want, func(a, b store.Request) int {
		return cmp.Or(a.Due.Compare(b.Due), bytes.Compare(a.ID[:], b.ID[:]))
	})
	for _, limit := range []int{1, 2, 7, 10} {
		var got []store.Request
		view(t, st, func(tx *store.Tx) error {
			for after := (store.RequestCursor{}); ; {
				page, err := tx.Rights.OpenRequests(ctx, after, limit)
				if err != nil || len(page) == 0 {
					return err
				}
				if len(page) > limit {
					t.Fatalf("OpenRequests: got %d, want at most %d", len(page), limit)
				}
				got = append(got, page...)
				after = store.RequestCursor{Due: page[len(page)-1].Due, ID: page[len(page)-1].ID}
			}
		})
		equal(t, "OpenRequests in pages", got, want)
	}
}

func archives(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	anna, ben := hearkeep.NewID[hearkeep.AccountID](), hearkeep.NewID[hearkeep.AccountID]()
	archive := func(account hearkeep.AccountID, made time.Time) store.Archive {
		return store.Archive{ID: hearkeep.NewID[hearkeep.ArchiveID](), Request: hearkeep.NewID[hearkeep.RequestID](), Account: account,
			State: "begun", Count: 17, Bytes: 5 << 30, Hash: [32]byte(bytesOf(32)), Made: made}
	}
	first, second, bens := archive(anna, noon), archive(anna, noon.Add(time.Hour)), archive(ben, noon)
	second.Sealed = true
	update(t, st, func(tx *store.Tx) error {
		for _, a := range []store.Archive{first, second, bens} {
			if err := tx.Rights.InsertArchive(ctx, a); err != nil {
				return err
			}
		}
		wantErr(t, "an archive's id twice", tx.Rights.InsertArchive(ctx, first), store.ErrExists)
		theirs := bens
		theirs.Account, theirs.State = anna, "stopped"
		wantErr(t, "SetArchive of another's", tx.Rights.SetArchive(ctx, theirs), store.ErrNotFound)
		first.State, first.Count, first.Bytes, first.Hash, first.Ended = "whole", 18, 6<<30, [32]byte(bytesOf(32)), noon.Add(time.Minute)
		altered := first
		altered.Request, altered.Sealed, altered.Made = bens.Request, true, noon.AddDate(1, 0, 0)
		wantErr(t, "SetArchive", tx.Rights.SetArchive(ctx, altered), nil)
		wantErr(t, "SetArchive, absent", tx.Rights.SetArchive(ctx, archive(anna, noon)), store.ErrNotFound)
		return nil
	})
	st = reopen()
	view(t, st, func(tx *store.Tx) error {
		got, err := tx.Rights.Archive(ctx, anna, first.ID)
		wantErr(t, "Archive", err, nil)
		equal(t, "Archive", got, first)
		_, err = tx.Rights.Archive(ctx, anna, bens.ID)
		wantErr(t, "another's archive", err, store.ErrNotFound)
		list, err := tx.Rights.Archives(ctx, anna, 10)
		wantErr(t, "Archives", err, nil)
		equal(t, "Archives, newest first", list, []store.Archive{second, first})
		list, err = tx.Rights.Archives(ctx, anna, 1)
		wantErr(t, "a page of Archives", err, nil)
		equal(t, "a page of Archives", list, []store.Archive{second})
		list, err = tx.Rights.Archives(ctx, ben, 10)
		equal(t, "another's Archives", list, []store.Archive{bens})
		return err
	})
}

func reports(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	anna := hearkeep.NewID[hearkeep.AccountID]()
	report := func(account hearkeep.AccountID, at time.Time) store.Report {
		return store.Report{ID: hearkeep.NewID[hearkeep.ReportID](), What: "numbers missing", Account: account,
			Vault: hearkeep.NewID[hearkeep.VaultID](), Binding: hearkeep.NewID[hearkeep.BindingID](),
			Recording: hearkeep.NewID[hearkeep.RecordingID](), Archive: hearkeep.NewID[hearkeep.ArchiveID](), At: at}
	}
	first, second, nobodys := report(anna, noon), report(anna, noon.Add(time.Hour)), report(hearkeep.AccountID{}, noon.Add(time.Minute))
	update(t, st, func(tx *store.Tx) error {
		for _, r := range []store.Report{second, first, nobodys} {
			if err := tx.Incidents.InsertReport(ctx, r); err != nil {
				return err
			}
		}
		wantErr(t, "a report's id twice", tx.Incidents.InsertReport(ctx, first), store.ErrExists)
		return nil
	})
	update(t, st, func(tx *store.Tx) error {
		list, err := tx.Incidents.OpenReports(ctx, 10)
		wantErr(t, "OpenReports", err, nil)
		equal(t, "OpenReports, oldest first", list, []store.Report{first, nobodys, second})
		list, err = tx.Incidents.OpenReports(ctx, 2)
		wantErr(t, "a page of OpenReports", err, nil)
		equal(t, "a page of OpenReports", list, []store.Report{first, nobodys})
		first.Closed = noon.Add(2 * time.Hour)
		wantErr(t, "CloseReport", tx.Incidents.CloseReport(ctx, first.ID, first.Closed), nil)
		wantErr(t, "CloseReport again", tx.Incidents.CloseReport(ctx, first.ID, noon.AddDate(1, 0, 0)), store.ErrNotFound)
		wantErr(t, "CloseReport, absent", tx.Incidents.CloseReport(ctx, hearkeep.NewID[hearkeep.ReportID](), noon), store.ErrNotFound)
		return nil
	})
	st = reopen()
	view(t, st, func(tx *store.Tx) error {
		got, err := tx.Incidents.Report(ctx, first.ID)
		wantErr(t, "Report", err, nil)
		equal(t, "Report", got, first)
		_, err = tx.Incidents.Report(ctx, hearkeep.NewID[hearkeep.ReportID]())
		wantErr(t, "an absent report", err, store.ErrNotFound)
		list, err := tx.Incidents.OpenReports(ctx, 10)
		wantErr(t, "OpenReports", err, nil)
		equal(t, "OpenReports, without the closed one", list, []store.Report{nobodys, second})
		list, err = tx.Incidents.ReportsOf(ctx, anna, 10)
		wantErr(t, "ReportsOf", err, nil)
		equal(t, "ReportsOf, newest first, closed ones too", list, []store.Report{second, first})
		list, err = tx.Incidents.ReportsOf(ctx, anna, 1)
		wantErr(t, "a page of ReportsOf", err, nil)
		equal(t, "a page of ReportsOf", list, []store.Report{second})
		list, err = tx.Incidents.ReportsOf(ctx, hearkeep.AccountID{}, 10)
		equal(t, "reports of nobody are nobody's to list", list, []store.Report{})
		return err
	})
}

func restrictions(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	a, b := NewVault(t, st), NewVault(t, st)
	rec, _ := keep(t, st, a, 1, noon)
	bens, _ := keep(t, st, b, 1, noon)
	restriction := func(v Vault, at time.Time) store.Restriction {
		return store.Restriction{ID: hearkeep.NewID[hearkeep.RestrictionID](), Vault: v.ID, Account: v.Account,
			Request: hearkeep.NewID[hearkeep.RequestID](), At: at}
	}
	whole, one, theirs := restriction(a, noon.Add(time.Hour)), restriction(a, noon), restriction(b, noon)
	one.Binding, one.Recording = a.Binding, rec.ID
	one.Account, one.Request, one.Report = hearkeep.AccountID{}, hearkeep.RequestID{}, hearkeep.NewID[hearkeep.ReportID]()
	update(t, st, func(tx *store.Tx) error {
		for _, r := range []store.Restriction{whole, one, theirs} {
			if err := tx.Rights.InsertRestriction(ctx, r); err != nil {
				return err
			}
		}
		return nil
	})
	for _, c := range []struct {
		name   string
		change func(*store.Restriction)
		want   error
	}{
		{"an id twice", func(r *store.Restriction) { r.ID = whole.ID }, store.ErrExists},
		{"of a vault that is not there", func(r *store.Restriction) { r.Vault = hearkeep.NewID[hearkeep.VaultID]() }, store.ErrNotFound},
		{"of another vault's door", func(r *store.Restriction) { r.Binding = b.Binding }, store.ErrNotFound},
		{"of another vault's recording", func(r *store.Restriction) { r.Recording = bens.ID }, store.ErrNotFound},
		{"of a door that is not there", func(r *store.Restriction) { r.Binding = hearkeep.NewID[hearkeep.BindingID]() }, store.ErrNotFound},
	} {
		update(t, st, func(tx *store.Tx) error {
			r := restriction(a, noon)
			c.change(&r)
			wantErr(t, "InsertRestriction, "+c.name, tx.Rights.InsertRestriction(ctx, r), c.want)
			return nil
		})
	}
	inForce := func(what string, want ...store.Restriction) {
		t.Helper()
		view(t, st, func(tx *store.Tx) error {
			list, err := tx.Rights.Restrictions(ctx, a.ID)
			wantErr(t, what, err, nil)
			equal(t, what, list, want)
			n, err := tx.Rights.CountRestrictions(ctx)
			equal(t, what+": CountRestrictions of all vaults", n, len(want)+1)
			return err
		})
	}
	inForce("Restrictions, oldest first", one, whole)
	update(t, st, func(tx *store.Tx) error {
		wantErr(t, "LiftRestriction of another vault's", tx.Rights.LiftRestriction(ctx, a.ID, theirs.ID, noon), store.ErrNotFound)
		wantErr(t, "LiftRestriction, absent", tx.Rights.LiftRestriction(ctx, a.ID, hearkeep.NewID[hearkeep.RestrictionID](), noon), store.ErrNotFound)
		return nil
	})
	inForce("none was lifted", one, whole)
	update(t, st, func(tx *store.Tx) error {
		wantErr(t, "LiftRestriction", tx.Rights.LiftRestriction(ctx, a.ID, whole.ID, noon.Add(2*time.Hour)), nil)
		wantErr(t, "LiftRestriction again", tx.Rights.LiftRestriction(ctx, a.ID, whole.ID, noon), store.ErrNotFound)
		return nil
	})
	st = reopen()
	inForce("the one that is left", one)
}

// frozenParts: what a restriction freezes does not fall due, and what lies
// beside it does.
func frozenParts(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	a, b := NewVault(t, st), NewVault(t, st)
	second := a // another door of the same vault
	second.Binding = hearkeep.NewID[hearkeep.BindingID]()
	update(t, st, func(tx *store.Tx) error {
		return tx.Vaults.InsertBinding(ctx, store.Binding{ID: second.Binding, Vault: a.ID, Generation: 1, Source: hearkeep.SourceSay,
			Label: bytesOf(20), Rule: hearkeep.RoomRule{Keep: hearkeep.KeepAll}, Signature: bytesOf(64), Pin: bytesOf(40), Next: 1, Created: noon})
	})
	one, _ := keep(t, st, a, 1, noon)
	two, _ := keep(t, st, a, 2, noon)
	other, _ := keep(t, st, second, 1, noon)
	bens, _ := keep(t, st, b, 1, noon)
	all := []hearkeep.RecordingID{one.ID, two.ID, other.ID, bens.ID}
	for _, c := range []struct {
		name   string
		frozen []store.Restriction
		want   []hearkeep.RecordingID // still due
	}{
		{"none", nil, all},
		{"a vault", []store.Restriction{{Vault: a.ID}}, []hearkeep.RecordingID{bens.ID}},
		{"a door", []store.Restriction{{Vault: a.ID, Binding: a.Binding}}, []hearkeep.RecordingID{other.ID, bens.ID}},
		{"a recording", []store.Restriction{{Vault: a.ID, Recording: two.ID}}, []hearkeep.RecordingID{one.ID, other.ID, bens.ID}},
		{"a recording, with its door named", []store.Restriction{{Vault: a.ID, Binding: a.Binding, Recording: one.ID}}, []hearkeep.RecordingID{two.ID, other.ID, bens.ID}},
		{"two at once", []store.Restriction{{Vault: a.ID, Recording: one.ID}, {Vault: a.ID, Binding: second.Binding}}, []hearkeep.RecordingID{two.ID, bens.ID}},
		{"two on one", []store.Restriction{{Vault: b.ID}, {Vault: b.ID, Recording: bens.ID}}, []hearkeep.RecordingID{one.ID, two.ID, other.ID}},
		{"all", []store.Restriction{{Vault: a.ID}, {Vault: b.ID}}, nil},
	} {
		due := func(what string, want []hearkeep.RecordingID) {
			t.Helper()
			view(t, st, func(tx *store.Tx) error {
				parts, err := tx.Vaults.DueParts(ctx, noon.Add(hearkeep.DefaultRetention), 100)
				got := map[hearkeep.RecordingID]int{}
				for _, p := range parts {
					got[p.Recording]++
				}
				counts := map[hearkeep.RecordingID]int{}
				for _, id := range want {
					counts[id] = len(hearkeep.Parts())
				}
				equal(t, what, got, counts)
				return err
			})
		}
		update(t, st, func(tx *store.Tx) error {
			for i := range c.frozen {
				c.frozen[i].ID, c.frozen[i].At = hearkeep.NewID[hearkeep.RestrictionID](), noon
				if err := tx.Rights.InsertRestriction(ctx, c.frozen[i]); err != nil {
					return err
				}
			}
			return nil
		})
		due(c.name+" is frozen", c.want)
		update(t, st, func(tx *store.Tx) error {
			var errs []error
			for _, r := range c.frozen {
				errs = append(errs, tx.Rights.LiftRestriction(ctx, r.Vault, r.ID, noon))
			}
			return errors.Join(errs...)
		})
		due(c.name+" is free again", all)
	}
}
