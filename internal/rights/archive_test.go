package rights

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// member reads a file of an archive, by how its name ends.
func (o *office) member(bag []byte, suffix string) string {
	o.Helper()
	z, err := zip.NewReader(bytes.NewReader(bag), int64(len(bag)))
	o.must(err)
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, suffix) {
			r, err := f.Open()
			o.must(err)
			defer r.Close()
			text, err := io.ReadAll(r)
			o.must(err)
			return string(text)
		}
	}
	o.Fatalf("no %s in the archive", suffix)
	return ""
}

// An open archive holds all that its account holds, and nothing of anybody
// else; its disclosure is in the ledger first.
func TestOpenArchive(t *testing.T) {
	o, ctx := openOffice(t), t.Context()
	anna, bert := o.person("Anna"), o.person("Bert")
	shared := o.home.Vault(t, anna, vault.Shared)
	o.home.Joined(t, shared, bert, vault.Invitation{As: "holder"})
	o.says(anna, "annas canary")
	o.says(bert, "berts canary")
	o.says(shared, "the kitchens canary")
	r := o.asks(anna, hearkeep.RequestAccess)
	a, err := o.desk.Prepare(ctx, anna.Who, r.ID)
	o.must(err)
	if a.Count != 2 || a.Size == 0 || a.ETag == "" || !strings.HasSuffix(a.Name, ".zip") {
		t.Errorf("got %+v, want two recordings", a)
	}
	if got := o.entries(anna, ledger.KindDisclosed); len(got) != 0 {
		t.Fatalf("prepared: got %d disclosures, want none before the first byte", len(got))
	}

	// No entry, no archive.
	broken := errors.New("the disk is full")
	o.home.Store.Fail = broken
	var nothing bytes.Buffer
	if err := o.desk.Send(ctx, anna.Who, a.ID, &nothing, 0, a.Size); !errors.Is(err, broken) || nothing.Len() != 0 {
		t.Errorf("where nothing can be written down: got %v and %d bytes", err, nothing.Len())
	}
	o.home.Store.Fail = nil

	// A range discloses as the whole does, once.
	var part bytes.Buffer
	o.must(o.desk.Send(ctx, anna.Who, a.ID, &part, 100, 200))
	entries := o.entries(anna, ledger.KindDisclosed)
	if len(entries) != 2 || entries[0].Purpose != "access disclosed, open" || *entries[0].Archive != a.ID || *entries[0].Request != r.ID ||
		*entries[0].Vault != anna.Vault || entries[0].Count != 1 || len(entries[0].Items) != 1 || *entries[1].Vault != shared.Vault {
		t.Errorf("got disclosures %+v, want one for each vault", entries)
	}
	if got, want := o.topics(anna), []string{"archive left", "archive ready", "request received"}; !slices.Equal(got, want) {
		t.Errorf("letters: got %v, want %v", got, want)
	}
	bag := o.fetches(anna, a)
	if got := o.entries(anna, ledger.KindDisclosed); len(got) != 2 {
		t.Errorf("sent again: got %d disclosures, want them once", len(got))
	}
	if !bytes.Equal(part.Bytes(), bag[100:200]) {
		t.Error("a range is not that of the whole")
	}
	if v := o.verified(bag); v.Recordings != 2 || v.Archive != a.ID.String() {
		t.Errorf("got %+v, want two recordings of archive %s", v, a.ID)
	}
	if !bytes.Contains(bag, []byte("annas canary")) || !bytes.Contains(bag, []byte("the kitchens canary")) || bytes.Contains(bag, []byte("berts canary")) {
		t.Error("the archive is not Anna's alone and whole")
	}
	who := o.member(bag, "who-opened.csv")
	if !strings.Contains(who, "Anna") || !strings.Contains(who, "archive") {
		t.Errorf("who-opened.csv names nobody:\n%s", who)
	}
	if info := o.member(bag, "information.html"); !strings.Contains(info, "Bert") || !strings.Contains(info, "90 days") {
		t.Error("the notice does not name who holds a vault with her, or for how long")
	}

	// Fetched whole, the request is answered, with the archive's hash.
	got, err := o.desk.Request(ctx, anna.Who, r.ID)
	o.must(err)
	if got.State != hearkeep.RequestAnswered || field(got.Answer, "result") != "archive" || !strings.Contains(field(got.Answer, "archive"), a.ID.String()) {
		t.Errorf("got %s, %q, want it answered by the archive", got.State, got.Answer)
	}
	row := o.archiveRow(anna, a.ID)
	if row.State != archiveWhole || row.Count != 2 || row.Bytes != a.Size || row.Ended.IsZero() {
		t.Errorf("got row %+v, want it whole", row)
	}
	if again := o.fetches(anna, a); !bytes.Equal(again, bag) { // a download that is repeated
		t.Error("written again, it is another archive")
	}
}

func (o *office) archiveRow(p vaulttest.Person, id hearkeep.ArchiveID) (a store.Archive) {
	o.Helper()
	o.must(o.home.Store.View(o.Context(), func(tx *store.Tx) (err error) {
		a, err = tx.Rights.Archive(o.Context(), p.Who.Account(), id)
		return err
	}))
	return a
}

// Fetched in pieces, by several connections at once, it is disclosed once and
// answered when the last byte has left.
func TestArchiveInPieces(t *testing.T) {
	o, ctx := openOffice(t), t.Context()
	anna := o.person("Anna")
	o.says(anna, "something")
	r := o.asks(anna, hearkeep.RequestAccess)
	a, err := o.desk.Prepare(ctx, anna.Who, r.ID)
	o.must(err)
	bag := make([]byte, a.Size)
	piece := func(from, to int64) {
		var b bytes.Buffer
		if err := o.desk.Send(ctx, anna.Who, a.ID, &b, from, to); err != nil {
			t.Error(err)
		}
		copy(bag[from:to], b.Bytes())
	}
	var all sync.WaitGroup
	for i := range int64(4) {
		all.Go(func() { piece(a.Size*i/5, a.Size*(i+1)/5) })
	}
	all.Wait()
	piece(a.Size*4/5, a.Size-1)
	if got, err := o.desk.Request(ctx, anna.Who, r.ID); err != nil || got.State != hearkeep.RequestReady {
		t.Errorf("but for the last byte: got %s, %v, want it ready", got.State, err)
	}
	piece(a.Size-1, a.Size)
	if got, err := o.desk.Request(ctx, anna.Who, r.ID); err != nil || got.State != hearkeep.RequestAnswered {
		t.Errorf("whole: got %s, %v, want it answered", got.State, err)
	}
	if got := o.entries(anna, ledger.KindDisclosed); len(got) != 1 {
		t.Errorf("got %d disclosures, want one", len(got))
	}
	if v := o.verified(bag); v.Recordings != 1 {
		t.Errorf("got %+v", v)
	}
}

// What was prepared is there for the session that prepared it, and for no
// other: not a stranger's, not another of the same account, not an ended one.
func TestArchiveOfOneSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, ctx := openOffice(t), t.Context()
		anna, bert := o.person("Anna"), o.person("Bert")
		shared := o.home.Vault(t, anna, vault.Shared)
		o.home.Joined(t, shared, bert, vault.Invitation{As: "holder"})
		o.says(anna, "annas canary")
		o.says(shared, "the kitchens canary")
		r := o.asks(bert, hearkeep.RequestAccess)
		a, err := o.desk.Prepare(ctx, bert.Who, r.ID)
		o.must(err)
		for name, p := range map[string]vaulttest.Person{"a stranger": anna, "another session": o.again(bert)} {
			_, err := o.desk.Prepared(ctx, p.Who, a.ID)
			o.wants(hearkeep.NotFound, name, err)
			var w bytes.Buffer
			o.wants(hearkeep.NotFound, name, o.desk.Send(ctx, p.Who, a.ID, &w, 0, a.Size))
			if w.Len() != 0 {
				t.Errorf("%s got %d bytes", name, w.Len())
			}
		}
		_, err = o.desk.Prepared(ctx, bert.Who, hearkeep.NewID[hearkeep.ArchiveID]())
		o.wants(hearkeep.NotFound, "an archive that never was", err)
		for _, r := range [][2]int64{{-1, 5}, {5, 4}, {0, a.Size + 1}} {
			o.wants(hearkeep.Invalid, "no range", o.desk.Send(ctx, bert.Who, a.ID, io.Discard, r[0], r[1]))
		}

		// Who holds the vault no more gets nothing of it, prepared or not.
		o.must(o.home.Enter(t, shared).RemoveHolder(ctx, bert.Who.Account()))
		var w bytes.Buffer
		if err := o.desk.Send(ctx, bert.Who, a.ID, &w, 0, a.Size); err == nil || w.Len() != 0 {
			t.Errorf("an ex-member: got %d bytes, %v", w.Len(), err)
		}

		// It ends with its session, and after a day.
		r = o.asks(anna, hearkeep.RequestAccess)
		a, err = o.desk.Prepare(ctx, anna.Who, r.ID)
		o.must(err)
		time.Sleep(identity.StepUpLife)
		_, err = o.desk.Prepare(ctx, anna.Who, r.ID)
		o.wants(hearkeep.StepUp, "prepare without an unlocker", err)
		if _, err = o.desk.Prepared(ctx, anna.Who, a.ID); err != nil {
			t.Errorf("in its session, on the same day: %v", err)
		}
		// A cookie that is found later shows no unlocker: what nobody has read
		// for an hour is gone, and what is read goes on.
		for range 3 {
			time.Sleep(idleLife - 2*identity.StepUpLife)
			if err := o.desk.Send(ctx, anna.Who, a.ID, io.Discard, 0, 100); err != nil {
				t.Errorf("read again within the hour: %v", err)
			}
		}
		time.Sleep(idleLife)
		_, err = o.desk.Prepared(ctx, anna.Who, a.ID)
		o.wants(hearkeep.NotFound, "an hour later", err)
		o.wants(hearkeep.NotFound, "reading it an hour later", o.desk.Send(ctx, anna.Who, a.ID, io.Discard, 0, 100))
		anna = o.again(anna)
		a, err = o.desk.Prepare(ctx, anna.Who, r.ID)
		o.must(err)
		time.Sleep(frozenLife)
		_, err = o.desk.Prepared(ctx, anna.Who, a.ID)
		o.wants(hearkeep.NotFound, "a day later", err)
		anna = o.again(anna)
		a, err = o.desk.Prepare(ctx, anna.Who, r.ID)
		o.must(err)
		_, err = o.home.Desk.EndOthers(ctx, o.again(anna).Who)
		o.must(err)
		_, err = o.desk.Prepared(ctx, anna.Who, a.ID)
		o.wants(hearkeep.Unauthorized, "in a session that was ended", err)
		o.must(o.desk.Expire(ctx, time.Now()))
		if n := len(o.desk.frozen); n != 0 {
			t.Errorf("got %d archives that are remembered, want none", n)
		}
	})
}

// After a way in was added or changed, archives wait (A2).
func TestArchiveWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, ctx := openOffice(t), t.Context()
		anna := o.person("Anna")
		o.says(anna, "something")
		r := o.asks(anna, hearkeep.RequestAccess)
		o.must(o.desk.Offer(ctx, anna.Who, r.ID))
		code := o.code(anna)
		in, err := o.home.Desk.SetPassphrase(ctx, anna.Who, "correct horse battery", identity.Visitor{})
		o.must(err)
		anna.Who = in.Who
		_, err = o.desk.Prepare(ctx, anna.Who, r.ID)
		o.wants(hearkeep.Forbidden, "prepare", err)
		_, _, err = o.desk.SealedHere(ctx, anna.Who, r.ID)
		o.wants(hearkeep.Forbidden, "seal", err)
		o.wants(hearkeep.Forbidden, "offer", o.desk.Offer(ctx, anna.Who, r.ID))
		_, err = o.desk.Redeem(ctx, code)
		o.wants(hearkeep.NotFound, "a code from before", err)
		time.Sleep(identity.WaitLife)
		anna = o.again(anna)
		_, err = o.desk.Prepare(ctx, anna.Who, r.ID)
		o.must(err)
		_, err = o.desk.Redeem(ctx, code)
		o.must(err)
	})
}

// What was erased meanwhile ends an archive; a reader who goes away does not.
func TestArchiveChanged(t *testing.T) {
	o, ctx := openOffice(t), t.Context()
	anna := o.person("Anna")
	o.says(anna, "something")
	id := o.says(anna, "something else")
	r := o.asks(anna, hearkeep.RequestAccess)
	a, err := o.desk.Prepare(ctx, anna.Who, r.ID)
	o.must(err)
	if err := o.desk.Send(ctx, anna.Who, a.ID, &leaver{left: 1000}, 0, a.Size); !errors.Is(err, errGone) {
		t.Errorf("the reader went away: got %v", err)
	}
	if got, err := o.desk.Request(ctx, anna.Who, r.ID); err != nil || got.State != hearkeep.RequestReady || len(o.reports()) != 0 {
		t.Errorf("the reader went away: got %s, %v and %d reports, want it ready", got.State, err, len(o.reports()))
	}
	_, err = o.home.Enter(t, anna).Erase(ctx, id)
	o.must(err)
	err = o.desk.Send(ctx, anna.Who, a.ID, io.Discard, 0, a.Size)
	o.wants(hearkeep.Changed, "something was erased", err)
	_, err = o.desk.Prepared(ctx, anna.Who, a.ID)
	o.wants(hearkeep.NotFound, "what was prepared before", err)
	a, err = o.desk.Prepare(ctx, anna.Who, r.ID)
	o.must(err)
	if v := o.verified(o.fetches(anna, a)); v.Recordings != 1 {
		t.Errorf("prepared anew: got %d recordings, want one", v.Recordings)
	}
}

// What does not add up does not leave: its person is told, a report is open,
// once for a fault, and after it is mended it can be fetched.
func TestArchiveStopped(t *testing.T) {
	o, ctx := openOffice(t), t.Context()
	anna := o.person("Anna")
	o.says(anna, "the first")
	lost := o.says(anna, "the second")
	o.says(anna, "the third")
	r := o.asks(anna, hearkeep.RequestAccess)
	before, err := o.desk.Prepare(ctx, anna.Who, r.ID)
	o.must(err)
	o.sql("CREATE TABLE aside AS SELECT * FROM recordings WHERE id = ?", lost[:])
	o.sql("DELETE FROM recordings WHERE id = ?", lost[:])
	for range 2 {
		_, err = o.desk.Prepare(ctx, anna.Who, r.ID)
		o.wants(hearkeep.Stopped, "a number is missing", err)
	}
	got, err := o.desk.Request(ctx, anna.Who, r.ID)
	if o.must(err); got.State != hearkeep.RequestStopped {
		t.Errorf("got %s, want it stopped", got.State)
	}
	reports := o.reports()
	if len(reports) != 1 || reports[0].What != vault.WhatNumbers || reports[0].Account != anna.Who.Account() || reports[0].Vault != anna.Vault || reports[0].Binding.IsZero() {
		t.Errorf("got reports %+v, want one of the fault", reports)
	}
	stops := o.entries(anna, ledger.KindStopped)
	if len(stops) != 2 || *stops[0].Vault != anna.Vault || len(stops[0].Items) != 1 || stops[0].Items[0].From != 2 {
		t.Errorf("got stops %+v, want both, with the number that is missing", stops)
	}
	if !slices.Contains(o.topics(anna), "archive stopped") {
		t.Error("she was not told")
	}
	_, err = o.desk.Prepared(ctx, anna.Who, before.ID)
	o.wants(hearkeep.NotFound, "what was prepared before", err)
	_, _, err = o.desk.SealedHere(ctx, anna.Who, r.ID)
	o.wants(hearkeep.Stopped, "sealed", err)
	if got := o.entries(anna, ledger.KindDisclosed); len(got) != 0 {
		t.Errorf("got %d disclosures, want none", len(got))
	}

	o.sql("INSERT INTO recordings SELECT * FROM aside")
	a, err := o.desk.Prepare(ctx, anna.Who, r.ID)
	o.must(err)
	if v := o.verified(o.fetches(anna, a)); v.Recordings != 3 {
		t.Errorf("mended: got %d recordings, want three", v.Recordings)
	}
}

// No vault is left out in silence: where what an account holds was altered,
// nothing leaves.
func TestArchiveOfAlteredHoldings(t *testing.T) {
	o, ctx := openOffice(t), t.Context()
	anna := o.person("Anna")
	shared := o.home.Vault(t, anna, vault.Shared)
	o.says(anna, "something")
	o.says(shared, "something else")
	r := o.asks(anna, hearkeep.RequestAccess)
	account := anna.Who.Account()
	o.sql("UPDATE keyholders SET pin = x'00' WHERE vault = ? AND account = ?", shared.Vault[:], account[:])
	_, err := o.desk.Prepare(ctx, anna.Who, r.ID)
	o.wants(hearkeep.Stopped, "a pin was altered", err)
}

// A session keeps two archives at most, and one is prepared at a time.
func TestArchiveBounds(t *testing.T) {
	o, ctx := openOffice(t), t.Context()
	anna := o.person("Anna")
	o.says(anna, "something")
	r := o.asks(anna, hearkeep.RequestAccess)
	var made []Open
	for range 3 {
		a, err := o.desk.Prepare(ctx, anna.Who, r.ID)
		o.must(err)
		made = append(made, a)
	}
	for i, want := range []bool{false, true, true} {
		if _, err := o.desk.Prepared(ctx, anna.Who, made[i].ID); (err == nil) != want {
			t.Errorf("archive %d of three: got %v", i+1, err)
		}
	}
	leave, err := o.desk.alone(anna.Who.Account())
	o.must(err)
	_, err = o.desk.Prepare(ctx, anna.Who, r.ID)
	o.wants(hearkeep.Conflict, "two at once", err)
	leave()
	for range 2 * frozenInAll {
		o.desk.freeze(&frozen{account: hearkeep.NewID[hearkeep.AccountID](), of: hearkeep.NewID[hearkeep.SessionID]().String()})
	}
	if n := len(o.desk.frozen); n != frozenInAll {
		t.Errorf("got %d archives, want %d at most", n, frozenInAll)
	}
}

func TestSpans(t *testing.T) {
	for _, test := range []struct {
		name string
		add  [][2]int64
		want bool
	}{
		{"nothing", nil, false},
		{"whole", [][2]int64{{0, 10}}, true},
		{"touching", [][2]int64{{0, 5}, {5, 10}}, true},
		{"backwards", [][2]int64{{8, 10}, {5, 8}, {0, 5}}, true},
		{"overlapping", [][2]int64{{2, 7}, {0, 3}, {6, 10}}, true},
		{"a hole", [][2]int64{{0, 5}, {6, 10}}, false},
		{"a hole, filled", [][2]int64{{0, 5}, {6, 10}, {4, 7}}, true},
		{"empty ones", [][2]int64{{0, 0}, {3, 3}, {0, 10}}, true},
		{"not the end", [][2]int64{{0, 9}}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var s spans
			for _, r := range test.add {
				s.add(r[0], r[1])
			}
			if got := s.cover(10); got != test.want {
				t.Errorf("got %v with %v, want %v", got, s, test.want)
			}
		})
	}
	var s spans
	for i := range int64(2 * maxSpans) {
		s.add(2*i, 2*i+1)
	}
	if len(s) != maxSpans {
		t.Errorf("got %d stretches, want %d at most", len(s), maxSpans)
	}
	s.add(0, 4*maxSpans)
	if !s.cover(4 * maxSpans) {
		t.Error("all of it at once does not count any more")
	}
}
