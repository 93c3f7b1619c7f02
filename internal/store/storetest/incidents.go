package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// newCase inserts a case of which somebody was aware at a time.
func newCase(t *testing.T, st store.Store, aware time.Time) store.Incident {
	t.Helper()
	i := store.Incident{
		ID: hearkeep.NewID[hearkeep.IncidentID](), What: "not mine", State: hearkeep.IncidentOpen, AwareAt: aware, Due: aware.Add(72 * time.Hour),
		Alarmed: -1, TellBy: aware.Add(time.Hour), Sealed: bytesOf(80),
	}
	update(t, st, func(tx *store.Tx) error { return tx.Incidents.InsertIncident(t.Context(), i) })
	return i
}

func incidents(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	first, third := newCase(t, st, noon), newCase(t, st, noon.Add(2*time.Hour))
	second := newCase(t, st, noon.Add(time.Hour))
	update(t, st, func(tx *store.Tx) error {
		wantErr(t, "a case's id twice", tx.Incidents.InsertIncident(ctx, first), store.ErrExists)
		first.State, first.Phase, first.Due, first.Alarmed, first.TellBy = hearkeep.IncidentClosed, 2, noon.Add(time.Minute), 3, time.Time{}
		first.Notify, first.Sealed, first.Closed = "yes", bytesOf(90), noon.AddDate(0, 0, 1)
		altered := first
		altered.What, altered.AwareAt = "something else", noon.AddDate(1, 0, 0)
		wantErr(t, "SetIncident", tx.Incidents.SetIncident(ctx, altered), nil)
		altered.ID = hearkeep.NewID[hearkeep.IncidentID]()
		wantErr(t, "SetIncident, absent", tx.Incidents.SetIncident(ctx, altered), store.ErrNotFound)
		return nil
	})
	st = reopen()
	view(t, st, func(tx *store.Tx) error {
		got, err := tx.Incidents.Incident(ctx, first.ID)
		wantErr(t, "Incident", err, nil)
		equal(t, "Incident: all but what and when", got, first)
		_, err = tx.Incidents.Incident(ctx, hearkeep.NewID[hearkeep.IncidentID]())
		wantErr(t, "an absent case", err, store.ErrNotFound)
		list, err := tx.Incidents.Incidents(ctx, store.IncidentCursor{}, 2)
		wantErr(t, "Incidents", err, nil)
		equal(t, "Incidents, newest first", list, []store.Incident{third, second})
		list, err = tx.Incidents.Incidents(ctx, store.IncidentCursor{AwareAt: second.AwareAt, ID: second.ID}, 2)
		wantErr(t, "the next page of Incidents", err, nil)
		equal(t, "the next page of Incidents", list, []store.Incident{first})
		list, err = tx.Incidents.OpenIncidents(ctx, 10)
		wantErr(t, "OpenIncidents", err, nil)
		equal(t, "OpenIncidents, the soonest due first, without the closed one", list, []store.Incident{second, third})
		n, err := tx.Incidents.CountOpenIncidents(ctx)
		equal(t, "CountOpenIncidents", n, 2)
		return err
	})
}

func incidentSteps(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	i, other := newCase(t, st, noon), newCase(t, st, noon)
	step := func(of store.Incident, n int) store.Step {
		return store.Step{Incident: of.ID, N: n, Kind: "opened", By: hearkeep.RoleSystem, Entry: int64(10 * n), At: noon, Sealed: bytesOf(40)}
	}
	one, two, theirs := step(i, 1), step(i, 2), step(other, 1)
	two.Sealed = nil
	update(t, st, func(tx *store.Tx) error {
		for _, s := range []store.Step{one, two, theirs} {
			wantErr(t, "InsertStep", tx.Incidents.InsertStep(ctx, s), nil)
		}
		return nil
	})
	for name, s := range map[string]store.Step{"one that is there": two, "one that leaves a gap": step(i, 4), "one of no case": {Incident: hearkeep.NewID[hearkeep.IncidentID](), N: 1, Kind: "opened", At: noon}} {
		if err := st.Update(ctx, func(tx *store.Tx) error { return tx.Incidents.InsertStep(ctx, s) }); err == nil {
			t.Errorf("InsertStep, %s: got nil, want an error", name)
		}
	}
	view(t, st, func(tx *store.Tx) error {
		list, err := tx.Incidents.Steps(ctx, i.ID)
		wantErr(t, "Steps", err, nil)
		equal(t, "Steps, in their order", list, []store.Step{one, two})
		list, err = tx.Incidents.Steps(ctx, hearkeep.NewID[hearkeep.IncidentID]())
		equal(t, "steps of no case", list, []store.Step{})
		return err
	})
}

func incidentReports(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	i, other := newCase(t, st, noon), newCase(t, st, noon)
	a := NewVault(t, st)
	report := func(via hearkeep.ReportVia, minutes int) store.Report {
		return store.Report{ID: hearkeep.NewID[hearkeep.ReportID](), What: "not mine", Via: via, At: noon.Add(time.Duration(minutes) * time.Minute), Language: "de"}
	}
	archive, recording, door := report(hearkeep.ReportForm, 1), report(hearkeep.ReportPortal, 2), report(hearkeep.ReportPortal, 3)
	spoken, self, loose, looser := report(hearkeep.ReportVoice, 4), report(hearkeep.ReportSelf, 5), report(hearkeep.ReportForm, 6), report(hearkeep.ReportForm, 7)
	archive.Archive, archive.Hash, archive.Sealed = hearkeep.NewID[hearkeep.ArchiveID](), [32]byte(bytesOf(32)), bytesOf(60)
	recording.Account, recording.Vault, recording.Binding, recording.Recording = a.Account, a.ID, a.Binding, hearkeep.NewID[hearkeep.RecordingID]()
	door.Account, door.Vault, door.Binding = a.Account, a.ID, a.Binding
	spoken.Vault, spoken.Binding = a.ID, a.Binding
	self.What, self.Vault = "unusually many openings", a.ID
	all := []*store.Report{&archive, &recording, &door, &spoken, &self, &loose, &looser}
	update(t, st, func(tx *store.Tx) error {
		for _, r := range all {
			wantErr(t, "InsertReport", tx.Incidents.InsertReport(ctx, *r), nil)
		}
		twice := report(hearkeep.ReportForm, 8)
		twice.Hash = archive.Hash
		wantErr(t, "a report's secret twice", tx.Incidents.InsertReport(ctx, twice), store.ErrExists)
		_, err := tx.Incidents.CaseAbout(ctx, archive)
		wantErr(t, "CaseAbout, before there is a case", err, store.ErrNotFound)
		return nil
	})
	update(t, st, func(tx *store.Tx) error {
		list, err := tx.Incidents.NewReports(ctx, 2)
		wantErr(t, "NewReports", err, nil)
		equal(t, "a page of NewReports, oldest first", list, []store.Report{archive, recording})
		for _, r := range all {
			if r.Incident, r.Answered = i.ID, noon; r == &looser {
				r.Incident = other.ID
			}
			r.Sealed = bytesOf(50)
			altered := *r
			altered.What, altered.Via, altered.Account, altered.At = "else", hearkeep.ReportMail, hearkeep.NewID[hearkeep.AccountID](), noon.AddDate(1, 0, 0)
			wantErr(t, "SetReport", tx.Incidents.SetReport(ctx, altered), nil)
		}
		wantErr(t, "SetReport, absent", tx.Incidents.SetReport(ctx, report(hearkeep.ReportForm, 9)), store.ErrNotFound)
		return nil
	})
	st = reopen()
	view(t, st, func(tx *store.Tx) error {
		list, err := tx.Incidents.NewReports(ctx, 10)
		wantErr(t, "NewReports", err, nil)
		equal(t, "NewReports, all being taken up", list, []store.Report{})
		list, err = tx.Incidents.ReportsIn(ctx, i.ID)
		wantErr(t, "ReportsIn", err, nil)
		equal(t, "ReportsIn, oldest first: case, answer and text alone were set", list, []store.Report{archive, recording, door, spoken, self, loose})
		got, err := tx.Incidents.ReportByHash(ctx, archive.Hash)
		wantErr(t, "ReportByHash", err, nil)
		equal(t, "ReportByHash", got, archive)
		_, err = tx.Incidents.ReportByHash(ctx, [32]byte(bytesOf(32)))
		wantErr(t, "ReportByHash of another secret", err, store.ErrNotFound)
		_, err = tx.Incidents.ReportByHash(ctx, [32]byte{})
		wantErr(t, "ReportByHash of no secret", err, store.ErrNotFound)
		list, err = tx.Incidents.SpokenReports(ctx, a.ID, 10)
		equal(t, "SpokenReports", list, []store.Report{spoken})
		return err
	})

	about := func(what string, r store.Report, want hearkeep.IncidentID, wants error) {
		t.Helper()
		view(t, st, func(tx *store.Tx) error {
			got, err := tx.Incidents.CaseAbout(ctx, r)
			wantErr(t, "CaseAbout "+what, err, wants)
			equal(t, "CaseAbout "+what, got, want)
			return nil
		})
	}
	none := hearkeep.IncidentID{}
	about("an archive", store.Report{What: "other", Archive: archive.Archive}, i.ID, nil)
	about("another archive", store.Report{What: "not mine", Archive: hearkeep.NewID[hearkeep.ArchiveID]()}, none, store.ErrNotFound)
	about("a recording", store.Report{Recording: recording.Recording, Binding: a.Binding}, i.ID, nil)
	about("a door", store.Report{Vault: a.ID, Binding: a.Binding}, i.ID, nil)
	about("another door", store.Report{Binding: hearkeep.NewID[hearkeep.BindingID]()}, none, store.ErrNotFound)
	about("what a vault has", store.Report{What: self.What, Vault: a.ID}, i.ID, nil)
	about("what another vault has", store.Report{What: self.What, Vault: hearkeep.NewID[hearkeep.VaultID]()}, none, store.ErrNotFound)
	about("something else that a vault has", store.Report{What: "restored", Vault: a.ID}, none, store.ErrNotFound)

	update(t, st, func(tx *store.Tx) error {
		for _, c := range []struct {
			id   hearkeep.ArchiveID
			want bool
		}{{archive.Archive, true}, {hearkeep.NewID[hearkeep.ArchiveID](), false}} {
			got, err := tx.Incidents.ArchiveReported(ctx, c.id)
			wantErr(t, "ArchiveReported", err, nil)
			equal(t, "ArchiveReported", got, c.want)
		}
		n, newest, err := tx.Incidents.LooseReports(ctx)
		wantErr(t, "LooseReports", err, nil)
		equal(t, "LooseReports", n, 2)
		equal(t, "the newest of LooseReports", newest, other.ID)
		for _, r := range all {
			wantErr(t, "CloseReport", tx.Incidents.CloseReport(ctx, r.ID, noon.AddDate(0, 0, 1)), nil)
		}
		got, err := tx.Incidents.ArchiveReported(ctx, archive.Archive)
		equal(t, "ArchiveReported, closed", got, false)
		wantErr(t, "ArchiveReported", err, nil)
		n, newest, err = tx.Incidents.LooseReports(ctx)
		equal(t, "LooseReports, closed", n, 0)
		equal(t, "the newest of none", newest, none)
		return err
	})
	about("an archive, closed", store.Report{Archive: archive.Archive}, none, store.ErrNotFound)
	about("a recording, closed", store.Report{Recording: recording.Recording}, none, store.ErrNotFound)
	about("a door, closed", store.Report{Binding: a.Binding}, none, store.ErrNotFound)
	about("what a vault had", store.Report{What: self.What, Vault: a.ID}, none, store.ErrNotFound)
}

func frozenByCases(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	i, other := newCase(t, st, noon), newCase(t, st, noon)
	a, b := NewVault(t, st), NewVault(t, st)
	var rows []store.Restriction
	update(t, st, func(tx *store.Tx) error {
		for n, of := range []store.Incident{i, i, other} {
			r := store.Report{ID: hearkeep.NewID[hearkeep.ReportID](), What: "not mine", Via: hearkeep.ReportForm, Incident: of.ID, At: noon}
			w := store.Restriction{ID: hearkeep.NewID[hearkeep.RestrictionID](), Vault: a.ID, Report: r.ID, At: noon.Add(time.Duration(n) * time.Minute)}
			if n == 1 {
				w.Vault, w.Binding = b.ID, b.Binding
			}
			rows = append(rows, w)
			wantErr(t, "InsertReport", tx.Incidents.InsertReport(ctx, r), nil)
			wantErr(t, "InsertRestriction", tx.Rights.InsertRestriction(ctx, w), nil)
		}
		asked := store.Restriction{ID: hearkeep.NewID[hearkeep.RestrictionID](), Vault: a.ID, Account: a.Account, Request: hearkeep.NewID[hearkeep.RequestID](), At: noon}
		return tx.Rights.InsertRestriction(ctx, asked)
	})
	frozen := func(what string, want ...store.Restriction) {
		t.Helper()
		view(t, st, func(tx *store.Tx) error {
			list, err := tx.Incidents.FrozenBy(ctx, i.ID)
			equal(t, "FrozenBy, "+what, list, want)
			return err
		})
	}
	frozen("in every vault, and by this case alone", rows[0], rows[1])
	update(t, st, func(tx *store.Tx) error { return tx.Rights.LiftRestriction(ctx, a.ID, rows[0].ID, noon) })
	frozen("without what was lifted", rows[1])
}

func affected(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	i, other := newCase(t, st, noon), newCase(t, st, noon)
	anna, ben := hearkeep.AccountID{1}, hearkeep.AccountID{2}
	vault, door := hearkeep.VaultID{3}, hearkeep.BindingID{4}
	row := func(of store.Incident, who hearkeep.AccountID, from, to hearkeep.Number) store.Affected {
		return store.Affected{Incident: of.ID, Account: who, Vault: vault, Run: hearkeep.Run{Binding: door, From: from, To: to}, How: "opened", Entry: 7, At: noon}
	}
	set := func(of store.Incident, rows ...store.Affected) {
		t.Helper()
		update(t, st, func(tx *store.Tx) error { return tx.Incidents.SetAffected(ctx, of.ID, rows) })
	}
	list := func(what string, want ...store.Affected) {
		t.Helper()
		view(t, st, func(tx *store.Tx) error {
			got, err := tx.Incidents.Affected(ctx, i.ID)
			equal(t, what, got, want)
			return err
		})
	}
	set(other, row(other, anna, 1, 2))
	set(i, row(i, ben, 1, 3), row(i, anna, 5, 9), row(i, anna, 1, 3))
	list("Affected, by account and number", row(i, anna, 1, 3), row(i, anna, 5, 9), row(i, ben, 1, 3))
	view(t, st, func(tx *store.Tx) error {
		got, err := tx.Incidents.AffectedOf(ctx, anna)
		for _, a := range got {
			if a.Account != anna {
				t.Errorf("AffectedOf: got a row of %s, want those of Anna alone", a.Account)
			}
		}
		equal(t, "AffectedOf, of both cases", len(got), 3)
		return err
	})
	at := noon.Add(time.Hour)
	update(t, st, func(tx *store.Tx) error {
		wantErr(t, "ToldAffected", tx.Incidents.ToldAffected(ctx, i.ID, anna, at), nil)
		wantErr(t, "ToldAffected, whom nothing concerns", tx.Incidents.ToldAffected(ctx, i.ID, hearkeep.AccountID{9}, at), store.ErrNotFound)
		return nil
	})
	told := func(a store.Affected) store.Affected { a.Told = at; return a }
	st = reopen()
	list("told, in this case alone", told(row(i, anna, 1, 3)), told(row(i, anna, 5, 9)), row(i, ben, 1, 3))
	// What was told stays told; what is new to somebody is not.
	set(i, row(i, anna, 2, 7))
	list("Affected anew", told(row(i, anna, 2, 3)), row(i, anna, 4, 4), told(row(i, anna, 5, 7)))
	set(i)
	list("nobody affected")
}

func communications(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	i, other := newCase(t, st, noon), newCase(t, st, noon)
	anna := hearkeep.NewID[hearkeep.AccountID]()
	letter := func(of store.Incident, who hearkeep.AccountID, delivery int64, kind string) store.Communication {
		return store.Communication{Incident: of.ID, Account: who, Delivery: delivery, Kind: kind, Topic: "case", State: "queued", At: noon}
	}
	mail, hook, page := letter(i, anna, 11, "email"), letter(i, anna, 12, "webhook"), letter(i, anna, 0, "page")
	nobodys, theirs := letter(i, hearkeep.AccountID{}, 13, "email"), letter(other, anna, 14, "email")
	update(t, st, func(tx *store.Tx) error {
		for _, c := range []store.Communication{mail, hook, page, nobodys, theirs} {
			wantErr(t, "InsertCommunication", tx.Incidents.InsertCommunication(ctx, c), nil)
		}
		for _, c := range []*store.Communication{&hook, &nobodys} {
			c.State, c.Ended = "sent", noon.Add(time.Minute)
			wantErr(t, "SetCommunication", tx.Incidents.SetCommunication(ctx, *c), nil)
		}
		wantErr(t, "SetCommunication, absent", tx.Incidents.SetCommunication(ctx, letter(i, anna, 99, "email")), store.ErrNotFound)
		return nil
	})
	st = reopen()
	view(t, st, func(tx *store.Tx) error {
		list, err := tx.Incidents.Communications(ctx, i.ID)
		wantErr(t, "Communications", err, nil)
		equal(t, "Communications, oldest first", list, []store.Communication{mail, hook, page, nobodys})
		list, err = tx.Incidents.CommunicationsTo(ctx, mail.Account)
		wantErr(t, "CommunicationsTo", err, nil)
		for _, c := range list {
			if c.Account != mail.Account {
				t.Errorf("CommunicationsTo: got %+v, which is another's", c)
			}
		}
		if !slices.Contains(list, mail) {
			t.Errorf("CommunicationsTo: got %+v, want %+v in it", list, mail)
		}
		list, err = tx.Incidents.WaitingCommunications(ctx, 0, 10)
		wantErr(t, "WaitingCommunications", err, nil)
		equal(t, "WaitingCommunications, of all cases, without what is shown", list, []store.Communication{mail, theirs})
		list, err = tx.Incidents.WaitingCommunications(ctx, mail.Delivery, 10)
		equal(t, "WaitingCommunications, above one", list, []store.Communication{theirs})
		return err
	})
}

func recipients(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	i, other := newCase(t, st, noon), newCase(t, st, noon)
	recipient := func(of store.Incident, minutes int) store.Recipient {
		return store.Recipient{ID: hearkeep.NewID[hearkeep.RecipientID](), Incident: of.ID, Hash: [32]byte(bytesOf(32)), Sealed: bytesOf(60), State: "asked", Asked: noon.Add(time.Duration(minutes) * time.Minute)}
	}
	first, second, theirs := recipient(i, 0), recipient(i, 1), recipient(other, 0)
	update(t, st, func(tx *store.Tx) error {
		for _, r := range []store.Recipient{second, first, theirs} {
			wantErr(t, "InsertRecipient", tx.Incidents.InsertRecipient(ctx, r), nil)
		}
		first.State, first.Sealed, first.Ended = "attested", bytesOf(70), noon.Add(time.Hour)
		altered := first
		altered.Asked, altered.Hash = noon.AddDate(1, 0, 0), [32]byte(bytesOf(32))
		wantErr(t, "SetRecipient", tx.Incidents.SetRecipient(ctx, altered), nil)
		wantErr(t, "SetRecipient, absent", tx.Incidents.SetRecipient(ctx, recipient(i, 0)), store.ErrNotFound)
		return nil
	})
	twice := recipient(i, 0)
	twice.Hash = first.Hash
	if err := st.Update(ctx, func(tx *store.Tx) error { return tx.Incidents.InsertRecipient(ctx, twice) }); err != store.ErrExists {
		t.Errorf("a recipient's secret twice: got %v, want %v", err, store.ErrExists)
	}
	st = reopen()
	view(t, st, func(tx *store.Tx) error {
		got, err := tx.Incidents.RecipientByHash(ctx, first.Hash)
		wantErr(t, "RecipientByHash", err, nil)
		equal(t, "RecipientByHash", got, first)
		_, err = tx.Incidents.RecipientByHash(ctx, [32]byte{})
		wantErr(t, "RecipientByHash of no secret", err, store.ErrNotFound)
		list, err := tx.Incidents.Recipients(ctx, i.ID)
		equal(t, "Recipients, oldest first", list, []store.Recipient{first, second})
		return err
	})
}

func languagesAndPlaces(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	anna, ben := NewAccount("anna"), NewAccount("ben")
	place := func(of store.Account, mark byte, at time.Time) store.Place {
		return store.Place{Account: of.ID, Mark: [32]byte{mark}, First: at, Last: at}
	}
	home, away, bens := place(anna, 1, noon), place(anna, 2, noon.Add(time.Hour)), place(ben, 1, noon)
	update(t, st, func(tx *store.Tx) error {
		wantErr(t, "InsertAccount", tx.Identity.InsertAccount(ctx, anna), nil)
		wantErr(t, "InsertAccount", tx.Identity.InsertAccount(ctx, ben), nil)
		for _, id := range []hearkeep.AccountID{anna.ID, hearkeep.NewID[hearkeep.AccountID]()} {
			l, err := tx.Incidents.Language(ctx, id)
			wantErr(t, "Language, never set", err, nil)
			equal(t, "Language, never set", l, hearkeep.Language(""))
		}
		wantErr(t, "SetLanguage", tx.Incidents.SetLanguage(ctx, anna.ID, "nl"), nil)
		wantErr(t, "SetLanguage of nobody", tx.Incidents.SetLanguage(ctx, hearkeep.NewID[hearkeep.AccountID](), "nl"), store.ErrNotFound)
		for _, p := range []store.Place{home, away, bens} {
			fresh, err := tx.Incidents.SawPlace(ctx, p)
			wantErr(t, "SawPlace", err, nil)
			equal(t, "SawPlace, the first time", fresh, true)
		}
		home.Last = noon.Add(3 * time.Hour)
		again := home
		again.First = home.Last
		fresh, err := tx.Incidents.SawPlace(ctx, again)
		equal(t, "SawPlace again", fresh, false)
		return err
	})
	update(t, st, func(tx *store.Tx) error {
		l, err := tx.Incidents.Language(ctx, anna.ID)
		wantErr(t, "Language", err, nil)
		equal(t, "Language", l, hearkeep.Language("nl"))
		l, err = tx.Incidents.Language(ctx, ben.ID)
		wantErr(t, "another's Language", err, nil)
		equal(t, "another's Language", l, hearkeep.Language(""))
		list, err := tx.Incidents.Places(ctx, anna.ID)
		wantErr(t, "Places", err, nil)
		equal(t, "Places, oldest first", list, []store.Place{home, away})
		n, err := tx.Incidents.ExpirePlaces(ctx, noon.Add(2*time.Hour))
		wantErr(t, "ExpirePlaces", err, nil)
		equal(t, "expired, of both", n, 2)
		list, err = tx.Incidents.Places(ctx, anna.ID)
		equal(t, "Places that were used since", list, []store.Place{home})
		return err
	})
}

// Whatever somebody names who is no keyholder of it is found by its id alone,
// for the desk: an archive of any account. Of a door, what it kept in a window.
func anybodys(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	a, b := NewVault(t, st), NewVault(t, st)
	anna := NewAccount("anna")
	recs := map[hearkeep.Number]store.Recording{}
	for n := hearkeep.Number(1); n <= 5; n++ {
		recs[n], _ = keep(t, st, a, n, noon.Add(time.Duration(n)*time.Minute))
	}
	keep(t, st, b, 1, noon.Add(2*time.Minute))
	archive := store.Archive{ID: hearkeep.NewID[hearkeep.ArchiveID](), Account: anna.ID, State: "whole", Made: noon}
	update(t, st, func(tx *store.Tx) error {
		wantErr(t, "InsertAccount", tx.Identity.InsertAccount(ctx, anna), nil)
		r := store.Request{ID: hearkeep.NewID[hearkeep.RequestID](), Account: anna.ID, Kind: hearkeep.RequestAccess, State: hearkeep.RequestOpen, Received: noon, Due: noon, MAC: bytesOf(32)}
		archive.Request = r.ID
		wantErr(t, "InsertRequest", tx.Rights.InsertRequest(ctx, r), nil)
		return tx.Rights.InsertArchive(ctx, archive)
	})
	view(t, st, func(tx *store.Tx) error {
		got, err := tx.Incidents.ArchiveByID(ctx, archive.ID)
		wantErr(t, "ArchiveByID", err, nil)
		equal(t, "ArchiveByID", got, archive)
		_, err = tx.Incidents.ArchiveByID(ctx, hearkeep.NewID[hearkeep.ArchiveID]())
		wantErr(t, "ArchiveByID of none", err, store.ErrNotFound)
		_, err = tx.Incidents.ArchiveByID(ctx, hearkeep.ArchiveID{})
		wantErr(t, "ArchiveByID of the zero id", err, store.ErrNotFound)
		runs, err := tx.Incidents.NumbersBetween(ctx, a.ID, a.Binding, recs[2].Start, recs[4].Start)
		wantErr(t, "NumbersBetween", err, nil)
		equal(t, "NumbersBetween, without its end", runs, []hearkeep.Run{{Binding: a.Binding, From: 2, To: 3}})
		runs, err = tx.Incidents.NumbersBetween(ctx, b.ID, a.Binding, noon, noon.AddDate(1, 0, 0))
		equal(t, "NumbersBetween of a door of another vault", runs, []hearkeep.Run{})
		return err
	})
}
