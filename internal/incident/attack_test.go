package incident

import (
	"crypto/rand"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Somebody who held a vault and left it, or was never given an older part of
// it, freezes nothing of it and is told nothing: whether it is there looks
// like whether it is not.
func TestExPartner(t *testing.T) {
	b := openBureau(t)
	anna, bert := b.person("Anna"), b.person("Bert")
	shared := b.home.Vault(t, anna, "shared")
	early := b.recording(shared, "before Bert came")
	b.home.Beside(t, shared, bert)
	late := b.recording(shared, "while Bert was there")
	by := func(rec store.Recording) Filing {
		return Filing{What: WhatNotMine, Via: hearkeep.ReportPortal, By: bert.Who.Account(), Vault: bert.Vault, Recording: rec.ID, Language: "en"}
	}
	if taken := b.files(by(late)); !taken.Frozen || len(b.frozen(shared.Vault)) != 1 {
		t.Error("a holder's recording: want it frozen")
	}
	if got := b.topics(anna.Who.Account()); !slices.Contains(got, topicFroze) {
		t.Errorf("Anna's letters: got %v, want one about it", got)
	}
	before := len(b.frozen(shared.Vault))
	if taken := b.files(by(early)); taken.Frozen || len(b.frozen(shared.Vault)) != before {
		t.Error("what he was never given: want nothing frozen")
	}
	b.update(func(tx *store.Tx) error {
		return tx.Vaults.PutDeparture(t.Context(), store.Departure{Vault: shared.Vault, Account: bert.Who.Account(), By: bert.Who.Account(), At: stamp()})
	})
	next := b.recording(shared, "after Bert left")
	gone, never := b.files(by(next)), b.files(by(store.Recording{ID: hearkeep.NewID[hearkeep.RecordingID]()}))
	if gone.Frozen || never.Frozen || len(b.frozen(shared.Vault)) != before {
		t.Error("after he left: want nothing frozen")
	}
	a, n := b.theCase(gone.Incident), b.theCase(never.Incident)
	if !slices.Equal(kinds(a), kinds(n)) || len(a.Affected)+len(n.Affected) != 0 || a.Reports[0].Vault != (hearkeep.VaultID{}) {
		t.Errorf("got %v and %v, want what is another's like what is not there", kinds(a), kinds(n))
	}
	list, err := b.desk.StatusesOf(t.Context(), bert.Who.Account())
	b.must(err)
	for _, s := range list[:2] {
		if s.Frozen || len(s.Steps) > 2 {
			t.Errorf("got %+v, want nothing learned", s)
		}
	}
	if got, err := b.desk.StatusesOf(t.Context(), anna.Who.Account()); err != nil || len(got) != 0 {
		t.Errorf("Anna: got %+v, %v, want nothing of who reported", got, err)
	}
	// Of her vault, the ledger says that something was frozen, and not who reported.
	entries, err := b.home.Ledger.EntriesOf(t.Context(), anna.Who.Account(), []hearkeep.VaultID{shared.Vault}, 1<<40, 1000)
	b.must(err)
	for _, e := range entries {
		if e.Report != nil || e.Account != nil && *e.Account == bert.Who.Account() && e.Purpose == WhatNotMine {
			t.Errorf("got the entry %+v, want nothing of who reported", e)
		}
	}
	b.checked()
}

// A flood of reports by form: each network has its share of a day, all of them
// together theirs, beyond some they open no case of their own; and whoever is
// signed in, writes a letter, or names an archive is taken as before, with the
// clocks of other cases as they were.
func TestFlood(t *testing.T) {
	b := openBureau(t)
	anna, bert := b.person("Anna"), b.person("Bert")
	archive, _ := b.hands(bert, false, b.recording(anna, "one"))
	real := b.theCase(b.files(byForm(archive.String(), "")).Incident)
	ctx := t.Context()
	b.desk.forms.most = looseCases + 60
	cases, refused := map[hearkeep.IncidentID]bool{}, 0
	for n := range looseCases + 80 {
		receipt := hearkeep.NewID[hearkeep.ArchiveID]().String()
		now := stamp()
		f, err := byForm(receipt, "Something.").checked(now)
		b.must(err)
		if err := b.desk.admit(f, fmt.Sprint("network ", n), now); err != nil { // File without its even time
			b.wants(hearkeep.TooMany, "beyond all", err)
			refused++
			continue
		}
		row := store.Report{ID: hearkeep.NewID[hearkeep.ReportID](), What: f.What, Via: f.Via, At: now, Answered: now, Hash: reportHash(rand.Text())}
		taken := Taken{At: now}
		b.update(func(tx *store.Tx) error { return b.desk.file(ctx, tx, f, row, &taken) })
		cases[taken.Incident] = true
	}
	if len(cases) != looseCases || refused != 21 {
		t.Errorf("got %d cases and %d refused, want %d and 21", len(cases), refused, looseCases)
	}
	_, err := b.desk.File(ctx, byForm(archive.String(), ""), "192.0.2.7")
	b.wants(hearkeep.TooMany, "who names an archive, alike", err)
	mailed := b.files(Filing{What: WhatNotMine, Via: hearkeep.ReportMail, Receipt: archive.String()})
	signed := b.files(Filing{What: WhatNotMine, Via: hearkeep.ReportPortal, By: bert.Who.Account(), Archive: archive})
	if mailed.Incident != real.ID || signed.Incident != real.ID {
		t.Error("others: want their reports in the case")
	}
	if got := b.theCase(real.ID); !got.Due.Equal(real.Due) || !got.TellBy.Equal(real.TellBy) {
		t.Errorf("got %+v, want its clock as it was", got.Summary)
	}
	b.expire(real.TellBy)
	if got, err := b.desk.NoticesOf(ctx, anna.Who.Account()); err != nil || len(got) != 1 {
		t.Errorf("in the flood: got %+v, %v, want Anna told", got, err)
	}
	if got := b.topics(anna.Who.Account()); len(got) != 2 {
		t.Errorf("Anna's letters: got %v, want that it froze, and what happened, once", got)
	}
	b.checked()
}

// One network's share does not take another's; one address is answered thrice
// a day; a door reports a few times.
func TestShares(t *testing.T) {
	b := openBureau(t)
	now := stamp()
	f, err := byForm("", "Something.").checked(now)
	b.must(err)
	for range formsADay {
		b.must(b.desk.admit(f, "192.0.2.0/24", now))
	}
	b.wants(hearkeep.TooMany, "one more", b.desk.admit(f, "192.0.2.0/24", now))
	b.must(b.desk.admit(f, "198.51.100.0/24", now))
	b.must(b.desk.admit(f, "192.0.2.0/24", now.Add(24*time.Hour)))
	for n := range answersADay + 1 {
		if got, want := b.desk.answers("Victim@example.org", now), n < answersADay; got != want {
			t.Errorf("answer %d to one address: got %t, want %t", n, got, want)
		}
	}
	if b.desk.answers("victim@EXAMPLE.org", now) {
		t.Error("the same address, spelled otherwise: want no letter")
	}
	anna := b.person("Anna")
	door, _ := anna.Device.Binding()
	spoken := Filing{What: WhatOther, Via: hearkeep.ReportVoice, Vault: anna.Vault, Binding: door}
	for range voiceADay {
		b.files(spoken)
	}
	_, err = b.desk.File(t.Context(), spoken, "")
	b.wants(hearkeep.TooMany, "spoken once more", err)
	list, err := b.desk.StatusesOf(t.Context(), anna.Who.Account())
	b.must(err)
	if len(list) != voiceADay || list[0].Frozen || len(b.frozen(anna.Vault)) != 0 {
		t.Errorf("got %+v, want what was spoken there, and nothing frozen", list)
	}
	incidents := map[hearkeep.IncidentID]bool{}
	b.view(func(tx *store.Tx) error {
		rows, err := tx.Incidents.OpenReports(t.Context(), 100)
		for _, r := range rows {
			incidents[r.Incident] = true
		}
		return err
	})
	if len(incidents) != 1 {
		t.Errorf("got %d cases, want one of that door", len(incidents))
	}
	// A door that is another vault's, or ended, is none.
	bert := b.person("Bert")
	spoken.Vault = bert.Vault
	b.desk.counts.of = nil
	if _, err := b.desk.File(t.Context(), spoken, ""); err == nil {
		t.Error("a door of another vault: got nil, want an error")
	}
}

// A secret leads to its own report and to no other; guesses, parts and other
// people's spellings lead nowhere.
func TestSecrets(t *testing.T) {
	b := openBureau(t)
	one, two := b.files(byForm("", "One.")), b.files(byForm("", "Two."))
	for _, taken := range []Taken{one, two} {
		got, err := b.desk.StatusBy(t.Context(), " "+taken.Secret+"\n")
		b.must(err)
		if got.Report != taken.Report || got.Closed != (time.Time{}) {
			t.Errorf("got %+v, want report %s", got, taken.Report)
		}
	}
	for _, guess := range []string{"", one.Secret[:25], one.Secret + "A", rand.Text(), one.Report.String(), "' OR 1=1 --"} {
		_, err := b.desk.StatusBy(t.Context(), guess)
		b.wants(hearkeep.NotFound, "the secret "+guess, err)
	}
	// Whoever has the rows has hashes.
	var rows []store.Report
	b.view(func(tx *store.Tx) (err error) {
		rows, err = tx.Incidents.OpenReports(t.Context(), 10)
		return err
	})
	for _, r := range rows {
		_, err := b.desk.StatusBy(t.Context(), fmt.Sprintf("%X", r.Hash))
		b.wants(hearkeep.NotFound, "a hash", err)
	}
}

// The answer to a form takes as long, and says as much, whether its archive is
// there or not: here, that it says the same.
func TestFormSaysNothing(t *testing.T) {
	b := openBureau(t)
	anna, bert := b.person("Anna"), b.person("Bert")
	archive, _ := b.hands(bert, false, b.recording(anna, "one"))
	same := func(taken Taken) string {
		s, err := b.desk.StatusBy(t.Context(), taken.Secret)
		b.must(err)
		return fmt.Sprint(taken.Frozen, len(taken.Secret), len(taken.Text), s.Frozen, s.Steps, s.What)
	}
	there, absent := b.files(byForm(archive.String(), "x")), b.files(byForm(hearkeep.NewID[hearkeep.ArchiveID]().String(), "x"))
	if got, want := same(there), same(absent); got != want {
		t.Errorf("an archive that is there: got %s, want %s as of one that is not", got, want)
	}
}
