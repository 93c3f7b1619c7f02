package incident_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/incident"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// watched is a home whose ledger is followed.
type watched struct {
	*vaulttest.Home
	desk *incident.Desk
}

func newWatched(t testing.TB) *watched {
	t.Helper()
	w := &watched{Home: vaulttest.NewInMemory(t)}
	w.desk = w.watcher(t)
	return w
}

// watcher is a Desk as a start of the program makes it.
func (w *watched) watcher(t testing.TB) *incident.Desk {
	t.Helper()
	d, err := incident.New(incident.Config{Store: w.Store, Ledger: w.Ledger, House: w.House})
	must(t, err)
	return d
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *watched) write(t testing.TB, entries ...ledger.Entry) {
	t.Helper()
	_, err := w.Ledger.Write(t.Context(), entries...)
	must(t, err)
}

// reports follows the ledger and returns what is open.
func (w *watched) reports(t testing.TB) (all []store.Report) {
	t.Helper()
	must(t, w.desk.Follow(t.Context(), time.Now()))
	must(t, w.Store.View(t.Context(), func(tx *store.Tx) (err error) {
		all, err = tx.Incidents.OpenReports(t.Context(), 100)
		return err
	}))
	return all
}

// whats is what reports say, in order.
func whats(reports []store.Report) []string {
	out := []string{}
	for _, r := range reports {
		out = append(out, r.What)
	}
	slices.Sort(out)
	return out
}

func (w *watched) want(t testing.TB, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), whats(w.reports(t))); diff != "" {
		t.Errorf("open reports (-want +got):\n%s", diff)
	}
}

// opened is an entry of an opening.
func opened(p vaulttest.Person, session string, at time.Time, runs ...hearkeep.Run) ledger.Entry {
	return ledger.Entry{
		Kind: ledger.KindOpened, Role: hearkeep.RoleKeyholder, Account: new(p.Who.Account()), Vault: new(p.Vault),
		Session: session, Purpose: "listen", At: at, Items: runs, Count: len(runs),
	}
}

func run(p vaulttest.Person, from, to uint64) hearkeep.Run {
	return hearkeep.Run{Binding: p.Inbox.Binding(), From: hearkeep.Number(from), To: hearkeep.Number(to)}
}

// A household does everything that it does: nothing is reported.
func TestOrdinaryUseIsNoReport(t *testing.T) {
	w := newWatched(t)
	ctx, from := t.Context(), identity.Visitor{Addr: netip.MustParseAddr("192.0.2.7")}
	anna, ben := w.Person(t, "Anna"), w.Person(t, "Ben")
	listen := func(who identity.Verified, p vaulttest.Person, id hearkeep.RecordingID) {
		t.Helper()
		room, err := w.Keep.Enter(ctx, who, p.Vault)
		must(t, err)
		audio, err := room.Listen(ctx, id)
		must(t, err)
		must(t, audio.Close())
		_, _, _, err = room.List(ctx, vault.Cursor{}, 50)
		must(t, err)
	}
	one := w.Say(t, anna, "what time is it")
	listen(anna.Who, anna, one)
	listen(ben.Who, ben, w.Say(t, ben, "set a timer"))

	// Every way in which a session goes on under another name.
	in, err := w.Desk.SignIn(ctx, "Anna", "correct horse battery", from)
	must(t, err)
	listen(in.Who, anna, one)
	in, err = w.Desk.StepUp(ctx, in.Who, identity.Proof{Passphrase: "correct horse battery"}, from)
	must(t, err)
	listen(in.Who, anna, one)
	in, err = w.Desk.SetPassphrase(ctx, in.Who, "another horse battery", from)
	must(t, err)
	listen(in.Who, anna, one)
	anna.Who = in.Who
	must(t, errOf(w.Desk.EndOthers(ctx, in.Who)))
	listen(in.Who, anna, one)

	// A program reads.
	room := w.Enter(t, ben)
	token, _, err := room.MakeToken(ctx, "my program", false, 24*time.Hour)
	must(t, err)
	program, err := w.Keep.Program(ctx, token)
	must(t, err)
	_, _, _, err = program.List(ctx, vault.Cursor{}, 50)
	must(t, err)

	// Keys change, and the session goes on.
	anna = w.Rekeyed(t, anna)
	listen(anna.Who, anna, one)
	must(t, w.Desk.SignOut(ctx, in.Cookie))
	w.want(t)
	w.Reopen(t)
	w.desk = w.watcher(t)
	w.want(t)
	must(t, w.Keep.CheckNumbers(ctx, time.Now()))
	w.want(t)
}

func errOf(_ int, err error) error { return err }

// Each attack is found, and what looks like it and is none is not.
func TestAttacksAreReported(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		name string
		do   func(t *testing.T, w *watched, anna, ben vaulttest.Person)
		want []string
	}{
		{"an opening of nobody's", func(t *testing.T, w *watched, anna, _ vaulttest.Person) {
			w.write(t, opened(anna, "", now, run(anna, 1, 1)))
		}, []string{incident.WhatSession}},
		{"a session that never signed in", func(t *testing.T, w *watched, anna, _ vaulttest.Person) {
			w.write(t, opened(anna, "0123456789abcdef", now, run(anna, 1, 1)))
		}, []string{incident.WhatSession}},
		{"another's session", func(t *testing.T, w *watched, anna, ben vaulttest.Person) {
			w.write(t, opened(anna, ben.Who.Session(), now, run(anna, 1, 1)))
		}, []string{incident.WhatSession}},
		{"a session that has ended", func(t *testing.T, w *watched, anna, _ vaulttest.Person) {
			ended := ledger.Entry{Kind: ledger.KindSignedOut, Role: hearkeep.RoleKeyholder, Account: new(anna.Who.Account()), Session: anna.Who.Session(), At: now}
			w.write(t, ended, opened(anna, anna.Who.Session(), now.Add(11*time.Minute), run(anna, 1, 1)))
		}, []string{incident.WhatSession}},
		{"what was under way at the end of a session", func(t *testing.T, w *watched, anna, _ vaulttest.Person) {
			ended := ledger.Entry{Kind: ledger.KindSignedOut, Role: hearkeep.RoleKeyholder, Account: new(anna.Who.Account()), Session: anna.Who.Session(), At: now}
			w.write(t, ended, opened(anna, anna.Who.Session(), now.Add(9*time.Minute), run(anna, 1, 1)))
		}, nil},
		{"all other sessions were ended", func(t *testing.T, w *watched, anna, _ vaulttest.Person) {
			other := ledger.Entry{Kind: ledger.KindSignedIn, Role: hearkeep.RoleKeyholder, Account: new(anna.Who.Account()), Session: "00000000000000aa", At: now}
			ended := ledger.Entry{Kind: ledger.KindSignedOut, Role: hearkeep.RoleKeyholder, Account: new(anna.Who.Account()), Session: anna.Who.Session(), Purpose: "all others", At: now}
			w.write(t, other, ended, opened(anna, anna.Who.Session(), now.Add(time.Hour), run(anna, 1, 1)), opened(anna, "00000000000000aa", now.Add(time.Hour), run(anna, 1, 1)))
		}, []string{incident.WhatSession}},
		{"a session that outlived its life", func(t *testing.T, w *watched, anna, _ vaulttest.Person) {
			w.write(t, opened(anna, anna.Who.Session(), now.Add(identity.SessionLife+time.Hour), run(anna, 1, 1)))
		}, []string{incident.WhatSession, incident.WhatClock}}, // what comes after it is before it
		{"a device opens", func(t *testing.T, w *watched, anna, _ vaulttest.Person) {
			e := opened(anna, anna.Who.Session(), now, run(anna, 1, 1))
			e.Role = hearkeep.RoleDevice
			w.write(t, e)
		}, []string{incident.WhatSession}},
		{"a token that was never made", func(t *testing.T, w *watched, anna, _ vaulttest.Person) {
			e := opened(anna, "0123456789abcdef", now, run(anna, 1, 1))
			e.Role = hearkeep.RoleToken
			w.write(t, e)
		}, []string{incident.WhatSession}},
		{"a session after a restore", func(t *testing.T, w *watched, anna, _ vaulttest.Person) {
			restored := ledger.Entry{Kind: ledger.KindBackup, Role: hearkeep.RoleOperator, Purpose: "restored from 2026-11-01T00:00:00Z", At: now}
			w.write(t, restored, opened(anna, anna.Who.Session(), now, run(anna, 1, 1)))
		}, []string{incident.WhatSession, incident.WhatRestored}},
		{"an opening that failed", func(t *testing.T, w *watched, anna, _ vaulttest.Person) {
			e := opened(anna, anna.Who.Session(), now, run(anna, 1, 1))
			e.Kind = ledger.KindOpeningFailed
			w.write(t, e, e, e)
		}, []string{incident.WhatFailed}},
		{"very many sounds in a day", func(t *testing.T, w *watched, anna, _ vaulttest.Person) {
			day := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
			w.write(t, ledger.Entry{Kind: ledger.KindSignedIn, Role: hearkeep.RoleKeyholder, Account: new(anna.Who.Account()), Session: "00000000000000aa", At: day})
			for i := range uint64(11) {
				w.write(t, opened(anna, "00000000000000aa", day.Add(time.Duration(i)*time.Minute), run(anna, 100*i+1, 100*i+100)))
			}
		}, []string{incident.WhatClock, incident.WhatVolume}}, // that day is before the account was made
		{"the same sounds again and again", func(t *testing.T, w *watched, anna, _ vaulttest.Person) {
			for range 20 {
				w.write(t, opened(anna, anna.Who.Session(), now, run(anna, 1, 100)))
			}
		}, nil},
		{"a pairing code that comes again from elsewhere", func(t *testing.T, w *watched, anna, _ vaulttest.Person) {
			w.pairTwice(t, anna, "198.51.100.9")
		}, []string{incident.WhatTwice}},
		{"a pairing code that is pasted twice at home", func(t *testing.T, w *watched, anna, _ vaulttest.Person) {
			w.pairTwice(t, anna, "192.0.2.7")
		}, nil},
		{"the clock was put back", func(t *testing.T, w *watched, anna, _ vaulttest.Person) {
			w.write(t, ledger.Entry{Kind: ledger.KindDoorChanged, Role: hearkeep.RoleSystem, At: now.Add(-25 * time.Hour)})
		}, []string{incident.WhatClock}},
		{"the clock was put back by summer time", func(t *testing.T, w *watched, anna, _ vaulttest.Person) {
			w.write(t, ledger.Entry{Kind: ledger.KindDoorChanged, Role: hearkeep.RoleSystem, At: now.Add(-time.Hour)})
		}, nil},
		{"the clock ran away", func(t *testing.T, w *watched, anna, _ vaulttest.Person) {
			must(t, w.desk.ClockJumped(t.Context(), now, 25*time.Hour))
			must(t, w.desk.ClockJumped(t.Context(), now, 26*time.Hour))
		}, []string{incident.WhatClock}},
		{"a row is taken away", func(t *testing.T, w *watched, anna, _ vaulttest.Person) {
			w.Say(t, anna, "one")
			two := w.Say(t, anna, "two")
			w.Say(t, anna, "three")
			w.SQL(t, "DELETE FROM parts WHERE recording = ?", two[:])
			w.SQL(t, "DELETE FROM recordings WHERE id = ?", two[:])
			must(t, w.Keep.CheckNumbers(t.Context(), now))
			must(t, w.Keep.CheckNumbers(t.Context(), now))
			told := slices.DeleteFunc(w.Mail.To(anna.Who.Account()), func(topic string) bool { return topic != "numbers missing" })
			if len(told) != 1 {
				t.Errorf("who holds the vault: got %d letters, want one", len(told))
			}
		}, []string{vault.WhatNumbers}},
		{"a restored backup", func(t *testing.T, w *watched, anna, _ vaulttest.Person) {
			w.write(t, ledger.Entry{Kind: ledger.KindBackup, Role: hearkeep.RoleOperator, Purpose: "restored from 2026-11-01T00:00:00Z", At: now})
		}, []string{incident.WhatRestored}},
		{"a backup was made", func(t *testing.T, w *watched, anna, _ vaulttest.Person) {
			w.write(t, ledger.Entry{Kind: ledger.KindBackup, Role: hearkeep.RoleSystem, Purpose: "verified", At: now})
		}, nil},
		{"nobody follows for hours", func(t *testing.T, w *watched, anna, _ vaulttest.Person) {
			w.want(t) // was followed before
			for i := range 3 {
				w.write(t, ledger.Entry{Kind: ledger.KindDoorChanged, Role: hearkeep.RoleSystem, At: now.Add(time.Duration(i) * time.Hour)})
			}
		}, []string{incident.WhatUnwatched}},
		{"the keep was off for days", func(t *testing.T, w *watched, anna, _ vaulttest.Person) {
			w.want(t)
			w.write(t, ledger.Entry{Kind: ledger.KindDoorChanged, Role: hearkeep.RoleSystem, At: now})
			w.want(t)
			w.write(t, ledger.Entry{Kind: ledger.KindDoorChanged, Role: hearkeep.RoleSystem, At: now.AddDate(0, 0, 9)})
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWatched(t)
			c.do(t, w, w.Person(t, "Anna"), w.Person(t, "Ben"))
			want := append([]string{}, c.want...)
			slices.Sort(want)
			w.want(t, want...)
			w.want(t, want...) // following again finds nothing again
		})
	}
}

// pairTwice uses one pairing code at home, and again from an address.
func (w *watched) pairTwice(t testing.TB, p vaulttest.Person, from string) {
	t.Helper()
	code, err := w.Desk.PairingCode(t.Context(), p.Who, p.Inbox.Binding())
	must(t, err)
	_, err = w.Desk.Redeem(t.Context(), code, identity.Visitor{Addr: netip.MustParseAddr("192.0.2.7")})
	must(t, err)
	for range 2 {
		_, err = w.Desk.Redeem(t.Context(), code, identity.Visitor{Addr: netip.MustParseAddr(from)})
		if hearkeep.CodeOf(err) != hearkeep.NotFound {
			t.Errorf("a code used again: got %v, want not found", err)
		}
	}
}

// A fault that goes on is one report, until that is closed; and each report
// stands in the ledger.
func TestOneFaultIsOneReport(t *testing.T) {
	w := newWatched(t)
	anna := w.Person(t, "Anna")
	for range 5 {
		w.write(t, opened(anna, "", time.Now(), run(anna, 1, 1)))
		w.want(t, incident.WhatSession)
	}
	r := w.reports(t)[0]
	if r.Via != hearkeep.ReportSelf || r.Vault != anna.Vault || r.Account != anna.Who.Account() {
		t.Errorf("report: got %+v, want one by itself of Anna's vault", r)
	}
	must(t, w.Store.Update(t.Context(), func(tx *store.Tx) error { return tx.Incidents.CloseReport(t.Context(), r.ID, time.Now()) }))
	w.want(t)
	w.write(t, opened(anna, "", time.Now(), run(anna, 1, 1)))
	w.want(t, incident.WhatSession)
	entries, err := w.Ledger.Entries(t.Context(), anna.Vault, 0, 1000)
	must(t, err)
	said := 0
	for _, e := range entries {
		if e.Kind == ledger.KindReported && e.Purpose == incident.WhatSession {
			said++
		}
	}
	if said != 2 {
		t.Errorf("reports in the ledger: got %d, want 2", said)
	}
}

// What fails is done again from the same entry: the cursor, what is
// remembered, and the report stand or fall together.
func TestFollowGoesOnAfterAFailure(t *testing.T) {
	w := newWatched(t)
	anna := w.Person(t, "Anna")
	w.write(t, opened(anna, "", time.Now(), run(anna, 1, 1)))
	full := errors.New("full")
	w.Store.Fail = full
	if err := w.desk.Follow(t.Context(), time.Now()); !errors.Is(err, full) {
		t.Fatalf("Follow with a store that fails: got %v, want %v", err, full)
	}
	w.Store.Fail = nil
	w.desk = w.watcher(t)
	w.want(t, incident.WhatSession)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.desk.Follow(ctx, time.Now()); !errors.Is(err, context.Canceled) {
		t.Errorf("Follow after the end: got %v", err)
	}
}

// Many batches are one history: who signed in far before is remembered.
func TestFollowRemembersAcrossBatches(t *testing.T) {
	w := newWatched(t)
	anna := w.Person(t, "Anna")
	w.want(t)
	for range 3 {
		entries := make([]ledger.Entry, 450)
		for i := range entries {
			entries[i] = opened(anna, anna.Who.Session(), time.Now(), run(anna, 1, 1))
		}
		w.write(t, entries...)
	}
	w.want(t)
	w.write(t, opened(anna, "0123456789abcdef", time.Now(), run(anna, 1, 1)))
	w.want(t, incident.WhatSession)
}

// A log that was cut off below what was followed is told from one that began
// anew, as after a restore.
func TestALedgerThatIsNotTheOneFollowed(t *testing.T) {
	w := newWatched(t)
	w.Person(t, "Anna")
	w.want(t)
	w.SQL(t, "UPDATE watch_notes SET value = CAST(json_set(CAST(value AS TEXT), '$.Last[0]', 255 - (CAST(value AS TEXT) ->> '$.Last[0]')) AS BLOB) WHERE kind = 'log'")
	w.write(t, ledger.Entry{Kind: ledger.KindDoorChanged, Role: hearkeep.RoleSystem})
	w.want(t, incident.WhatLedger)
}

// An entry whose row was altered is reported, and stops nothing: what comes
// after it is followed.
func TestAnAlteredEntryDoesNotStopTheFollowing(t *testing.T) {
	for _, body := range []string{"{", `{"kind":"opened","at":"2026-11-22T12:00:00Z","role":"keyholder"}`, ""} {
		w := newWatched(t)
		anna := w.Person(t, "Anna")
		w.want(t)
		w.write(t, opened(anna, anna.Who.Session(), time.Now(), run(anna, 1, 1)))
		w.SQL(t, "UPDATE ledger_entries SET body = ? WHERE seq = (SELECT max(seq) FROM ledger_entries)", either(body))
		w.write(t, opened(anna, "0123456789abcdef", time.Now(), run(anna, 1, 1)))
		w.want(t, incident.WhatSession, incident.WhatLedger)
	}
}

// either is a text as bytes, and nothing where it is empty.
func either(body string) any {
	if body == "" {
		return nil
	}
	return []byte(body)
}

// A token that comes and goes between two networks is a copy; one that moves
// is not, nor is a home with both protocols.
func TestATokenInTwoPlaces(t *testing.T) {
	type use struct {
		network string
		v6      bool
	}
	home, other, six := use{"192.0.2.0/24", false}, use{"198.51.100.0/24", false}, use{"2001:db8::/48", true}
	far := use{"203.0.113.0/24", false}
	for _, c := range []struct {
		name string
		uses []use
		want []string
	}{
		{"back and forth", []use{home, other, home, other, home, other}, []string{incident.WhatTwice}},
		{"moved, and moved back", []use{home, home, other, other, home, home}, nil},
		{"both protocols of one home", []use{home, six, home, six, home, six, home, six}, nil},
		{"a telephone on the train", []use{home, other, far, {"203.0.114.0/24", false}, {"203.0.115.0/24", false}, {"203.0.116.0/24", false}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWatched(t)
			anna := w.Person(t, "Anna")
			for _, u := range c.uses {
				must(t, w.desk.HeardToken(t.Context(), anna.Vault, anna.Inbox.Binding(), u.network, u.v6))
			}
			w.want(t, c.want...)
		})
	}
}

// One machine at the doors of strangers is reported; a family's is not, nor
// is whatever sits on the same machine.
func TestAPeerAtDoorsOfTwoHomes(t *testing.T) {
	w := newWatched(t)
	anna, ben := w.Person(t, "Anna"), w.Person(t, "Ben")
	second := w.Vault(t, anna, vault.Shared)
	ask := func(p vaulttest.Person, from string) {
		t.Helper()
		must(t, w.desk.HeardPeer(t.Context(), p.Inbox.Binding(), netip.MustParseAddr(from)))
	}
	ask(anna, "192.0.2.7")
	ask(second, "192.0.2.7")
	ask(ben, "192.0.2.8")
	ask(anna, "127.0.0.1")
	ask(ben, "127.0.0.1")
	w.want(t)
	ask(ben, "192.0.2.7")
	w.want(t, incident.WhatTwice)
	if r := w.reports(t)[0]; r.Vault != ben.Vault || r.Binding != ben.Inbox.Binding() {
		t.Errorf("report: got vault %s, want Ben's %s", r.Vault, ben.Vault)
	}
}

// An archive is reported that is fetched where its account was never used for
// a while: in no such network, and in no such browser.
func TestAnArchiveFetchedFromANewPlace(t *testing.T) {
	const home, away = "192.0.2.0/24", "203.0.113.0/24"
	hers := func(network string) incident.From { return incident.From{Network: network, Browser: "hers"} }
	for _, c := range []struct {
		name string
		seen []incident.From // a moment ago
		from incident.From
		want []string
	}{
		{"at home", nil, hers(home), nil},
		{"at home, by code", nil, incident.From{Network: home}, nil},
		{"at home, in a new browser", nil, incident.From{Network: home, Browser: "new"}, nil},
		{"on the way, in her browser", nil, hers(away), nil},
		{"elsewhere, by code", nil, incident.From{Network: away}, []string{incident.WhatPlace}},
		{"elsewhere, in a new browser", nil, incident.From{Network: away, Browser: "new"}, []string{incident.WhatPlace}},
		{"elsewhere, looked around there first", []incident.From{{Network: away, Browser: "new"}}, incident.From{Network: away, Browser: "new"}, []string{incident.WhatPlace}},
		{"a network that is called like her browser", nil, incident.From{Network: "hers"}, []string{incident.WhatPlace}},
		{"from where is not known", nil, incident.From{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWatched(t)
			ctx := t.Context()
			account, archive := w.Person(t, "Anna").Who.Account(), hearkeep.NewID[hearkeep.ArchiveID]()
			must(t, w.desk.Fetched(ctx, account, archive, c.from))
			w.want(t) // the account is too new to have a usual place
			must(t, w.desk.Seen(ctx, account, hers(home)))
			must(t, w.desk.Fetched(ctx, account, archive, c.from))
			w.want(t)
			w.SQL(t, "UPDATE places SET first = first - 3 * 86400000")
			for _, from := range c.seen {
				must(t, w.desk.Seen(ctx, account, from))
			}
			must(t, w.desk.Fetched(ctx, account, archive, c.from))
			w.want(t, c.want...)
			if c.want == nil {
				return
			}
			if r := w.reports(t)[0]; r.Archive != archive || r.Account != account {
				t.Errorf("report: got %+v, want one of the archive", r)
			}
		})
	}
}

func TestThresholdsAreExplained(t *testing.T) {
	all := incident.Thresholds{Openings: 77}.Explain()
	found := false
	for _, e := range all {
		if e.Name == "" || e.Value == "" || e.Why == "" {
			t.Errorf("explained: got %+v, want all of it", e)
		}
		found = found || e.Value == "more than 77 different ones by one account, or 154 of one vault"
	}
	if !found || len(all) < 10 {
		t.Errorf("explained: got %+v, want the setting's 77 among all", all)
	}
	if d := incident.DefaultThresholds(); d.SessionLife != identity.SessionLife {
		t.Errorf("session life: got %s, want identity's %s", d.SessionLife, identity.SessionLife)
	}
}

// A jump of the clock is a case at once, whose time began at the earlier of the
// two that it may be.
func TestAJumpOfTheClockIsACase(t *testing.T) {
	w := newWatched(t)
	ctx, counted := t.Context(), time.Now().Add(-400*24*time.Hour).UTC().Truncate(time.Millisecond)
	must(t, w.desk.ClockJumped(ctx, counted, 400*24*time.Hour))
	for range 2 {
		must(t, w.desk.Expire(ctx, counted))
	}
	var cases []store.Incident
	must(t, w.Store.View(ctx, func(tx *store.Tx) (err error) {
		cases, err = tx.Incidents.OpenIncidents(ctx, 10)
		return err
	}))
	if len(cases) != 1 || cases[0].What != incident.WhatClock || !cases[0].AwareAt.Equal(counted) || cases[0].Alarmed != -1 {
		t.Errorf("cases: got %+v, want one of the clock since %s, of which nothing was raised yet", cases, counted)
	}
}

// By voice, the keyholder's own openings are nobody else's; a program's are,
// and at a vault of two everybody's.
func TestListenedCountsOthers(t *testing.T) {
	w := newWatched(t)
	ctx, since := t.Context(), time.Now().Add(-time.Hour)
	anna, ben := w.Person(t, "Anna"), w.Person(t, "Ben")
	shared := w.Vault(t, anna, vault.Shared)
	listened := func(p vaulttest.Person) bool {
		t.Helper()
		yes, err := w.desk.Listened(ctx, p.Vault, since)
		must(t, err)
		return yes
	}
	listen := func(p vaulttest.Person) {
		t.Helper()
		audio, err := p.Room.Listen(ctx, w.Say(t, p, "one"))
		must(t, err)
		must(t, audio.Close())
	}
	listen(anna)
	listen(ben)
	if listened(anna) {
		t.Error("Anna alone listened: got yes, want no")
	}
	token, _, err := anna.Room.MakeToken(ctx, "my program", false, 24*time.Hour)
	must(t, err)
	program, err := w.Keep.Program(ctx, token)
	must(t, err)
	_, _, _, err = program.List(ctx, vault.Cursor{}, 50)
	must(t, err)
	if !listened(anna) || listened(ben) {
		t.Errorf("a program read Anna's: got %t of hers and %t of Ben's, want true and false", listened(anna), listened(ben))
	}
	listen(shared)
	if listened(shared) {
		t.Error("Anna's second vault: got yes, want no")
	}
	w.Joined(t, shared, ben, vault.Invitation{As: "holder"})
	if !listened(shared) {
		t.Error("a vault of two: got no, want yes, whoever asks")
	}
	yes, err := w.desk.Listened(ctx, anna.Vault, time.Now().Add(time.Hour))
	must(t, err)
	if yes {
		t.Error("since later: got yes, want no")
	}
}
