package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// incidents implements store.Incidents.
type incidents struct{ *tx }

// hashOrNull is a hash, or nothing where it is zero.
func hashOrNull(h [32]byte) []byte {
	if h == [32]byte{} {
		return nil
	}
	return h[:]
}

// scanHashOrNull reads what hashOrNull stored.
type scanHashOrNull struct{ to *[32]byte }

func (s scanHashOrNull) Scan(src any) error {
	if *s.to = [32]byte{}; src == nil {
		return nil
	}
	return scanHash(s).Scan(src)
}

func (i incidents) InsertReport(ctx context.Context, w store.Report) error {
	return i.put(ctx, `INSERT INTO reports (id, what, via, account, vault, binding, recording, archive, incident, language, hash, sealed, at, answered, closed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		w.ID, w.What, w.Via, w.Account, w.Vault, w.Binding, w.Recording, w.Archive, w.Incident, w.Language, hashOrNull(w.Hash), w.Sealed,
		millis(w.At), millis(w.Answered), millis(w.Closed))
}

const selectReport = "SELECT id, what, via, account, vault, binding, recording, archive, incident, language, hash, sealed, at, answered, closed FROM reports "

func scanReport(row *sql.Rows) (w store.Report, err error) {
	return w, row.Scan(&w.ID, &w.What, &w.Via, &w.Account, &w.Vault, &w.Binding, &w.Recording, &w.Archive, &w.Incident, &w.Language,
		scanHashOrNull{&w.Hash}, &w.Sealed, scanTime{&w.At}, scanTime{&w.Answered}, scanTime{&w.Closed})
}

func (i incidents) Report(ctx context.Context, id hearkeep.ReportID) (store.Report, error) {
	return one(ctx, i.tx, scanReport, selectReport+"WHERE id = ?", id)
}

func (i incidents) ReportByHash(ctx context.Context, hash [32]byte) (store.Report, error) {
	return one(ctx, i.tx, scanReport, selectReport+"WHERE hash = ?", hash[:])
}

func (i incidents) OpenReports(ctx context.Context, limit int) ([]store.Report, error) {
	return all(ctx, i.tx, scanReport, selectReport+"WHERE closed = 0 ORDER BY at, id LIMIT ?", limit)
}

func (i incidents) NewReports(ctx context.Context, limit int) ([]store.Report, error) {
	return all(ctx, i.tx, scanReport, selectReport+"WHERE incident IS NULL AND closed = 0 ORDER BY at, id LIMIT ?", limit)
}

func (i incidents) ReportsOf(ctx context.Context, account hearkeep.AccountID, limit int) ([]store.Report, error) {
	return all(ctx, i.tx, scanReport, selectReport+"WHERE account = ? ORDER BY at DESC, id DESC LIMIT ?", account, limit)
}

func (i incidents) ReportsIn(ctx context.Context, incident hearkeep.IncidentID) ([]store.Report, error) {
	return all(ctx, i.tx, scanReport, selectReport+"WHERE incident = ? ORDER BY at, id", incident)
}

func (i incidents) SetReport(ctx context.Context, w store.Report) error {
	return i.change(ctx, "UPDATE reports SET incident = ?, sealed = ?, answered = ? WHERE id = ?",
		w.Incident, w.Sealed, millis(w.Answered), w.ID)
}

func (i incidents) CaseAbout(ctx context.Context, r store.Report) (hearkeep.IncidentID, error) {
	const of, first = "SELECT incident FROM reports WHERE ", " AND closed = 0 AND incident IS NOT NULL ORDER BY at, id LIMIT 1"
	switch {
	case !r.Archive.IsZero():
		return one(ctx, i.tx, scanIncidentID, of+"archive = ?"+first, r.Archive)
	case !r.Recording.IsZero():
		return one(ctx, i.tx, scanIncidentID, of+"recording = ?"+first, r.Recording)
	case !r.Binding.IsZero():
		return one(ctx, i.tx, scanIncidentID, of+"binding = ? AND recording IS NULL AND archive IS NULL"+first, r.Binding)
	}
	return one(ctx, i.tx, scanIncidentID, of+"what = ? AND account IS ? AND vault IS ? AND archive IS NULL AND recording IS NULL AND binding IS NULL"+first,
		r.What, r.Account, r.Vault)
}

func scanIncidentID(row *sql.Rows) (id hearkeep.IncidentID, err error) { return id, row.Scan(&id) }

func (i incidents) ArchiveReported(ctx context.Context, id hearkeep.ArchiveID) (bool, error) {
	return value[bool](ctx, i.tx, "SELECT EXISTS (SELECT 1 FROM reports WHERE archive = ? AND closed = 0 AND via NOT IN ('', 'self'))", id)
}

func (i incidents) LooseReports(ctx context.Context) (n int, newest hearkeep.IncidentID, err error) {
	const loose = " FROM reports WHERE via = 'form' AND closed = 0 AND archive IS NULL"
	if n, err = value[int](ctx, i.tx, "SELECT count(*)"+loose); err != nil || n == 0 {
		return n, newest, err
	}
	newest, err = one(ctx, i.tx, scanIncidentID, "SELECT incident"+loose+" AND incident IS NOT NULL ORDER BY at DESC, id DESC LIMIT 1")
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return n, newest, err
}

func (i incidents) SpokenReports(ctx context.Context, vault hearkeep.VaultID, limit int) ([]store.Report, error) {
	return all(ctx, i.tx, scanReport, selectReport+"WHERE vault = ? AND via = 'voice' ORDER BY at DESC, id DESC LIMIT ?", vault, limit)
}

func (i incidents) FrozenBy(ctx context.Context, incident hearkeep.IncidentID) ([]store.Restriction, error) {
	return all(ctx, i.tx, scanRestriction, selectRestriction+`WHERE lifted = 0 AND report IN (SELECT id FROM reports WHERE incident = ?)
		ORDER BY at, id`, incident)
}

func (i incidents) CloseReport(ctx context.Context, id hearkeep.ReportID, at time.Time) error {
	return i.change(ctx, "UPDATE reports SET closed = ? WHERE id = ? AND closed = 0", millis(at), id)
}

func (i incidents) InsertIncident(ctx context.Context, w store.Incident) error {
	return i.put(ctx, `INSERT INTO incidents (id, what, state, phase, aware, due, alarmed, tell_by, notify, sealed, closed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		w.ID, w.What, w.State, w.Phase, millis(w.AwareAt), millis(w.Due), w.Alarmed, millis(w.TellBy), w.Notify, w.Sealed, millis(w.Closed))
}

const selectIncident = "SELECT id, what, state, phase, aware, due, alarmed, tell_by, notify, sealed, closed FROM incidents "

func scanIncident(row *sql.Rows) (w store.Incident, err error) {
	return w, row.Scan(&w.ID, &w.What, &w.State, &w.Phase, scanTime{&w.AwareAt}, scanTime{&w.Due}, &w.Alarmed, scanTime{&w.TellBy},
		&w.Notify, &w.Sealed, scanTime{&w.Closed})
}

func (i incidents) Incident(ctx context.Context, id hearkeep.IncidentID) (store.Incident, error) {
	return one(ctx, i.tx, scanIncident, selectIncident+"WHERE id = ?", id)
}

func (i incidents) Incidents(ctx context.Context, before store.IncidentCursor, limit int) ([]store.Incident, error) {
	aware, id := int64(math.MaxInt64), before.ID[:]
	if before != (store.IncidentCursor{}) {
		aware = millis(before.AwareAt)
	}
	return all(ctx, i.tx, scanIncident, selectIncident+"WHERE (aware, id) < (?, ?) ORDER BY aware DESC, id DESC LIMIT ?", aware, id, limit)
}

func (i incidents) OpenIncidents(ctx context.Context, limit int) ([]store.Incident, error) {
	return all(ctx, i.tx, scanIncident, selectIncident+"WHERE closed = 0 ORDER BY due, id LIMIT ?", limit)
}

func (i incidents) SetIncident(ctx context.Context, w store.Incident) error {
	return i.change(ctx, "UPDATE incidents SET state = ?, phase = ?, due = ?, alarmed = ?, tell_by = ?, notify = ?, sealed = ?, closed = ? WHERE id = ?",
		w.State, w.Phase, millis(w.Due), w.Alarmed, millis(w.TellBy), w.Notify, w.Sealed, millis(w.Closed), w.ID)
}

func (i incidents) CountOpenIncidents(ctx context.Context) (int, error) {
	return value[int](ctx, i.tx, "SELECT count(*) FROM incidents WHERE closed = 0")
}

func (i incidents) InsertStep(ctx context.Context, s store.Step) error {
	last, err := value[int](ctx, i.tx, "SELECT coalesce(max(n), 0) FROM incident_steps WHERE incident = ?", s.Incident)
	if err != nil {
		return err
	}
	if s.N > last+1 {
		return fmt.Errorf("sqlite: step %d of an incident after %d", s.N, last)
	}
	return i.put(ctx, "INSERT INTO incident_steps (incident, n, kind, role, entry, at, sealed) VALUES (?, ?, ?, ?, ?, ?, ?)",
		s.Incident, s.N, s.Kind, s.By, s.Entry, millis(s.At), s.Sealed)
}

func (i incidents) Steps(ctx context.Context, incident hearkeep.IncidentID) ([]store.Step, error) {
	return all(ctx, i.tx, func(row *sql.Rows) (s store.Step, err error) {
		return s, row.Scan(&s.Incident, &s.N, &s.Kind, &s.By, &s.Entry, scanTime{&s.At}, &s.Sealed)
	}, "SELECT incident, n, kind, role, entry, at, sealed FROM incident_steps WHERE incident = ? ORDER BY n", incident)
}

func (i incidents) SetAffected(ctx context.Context, incident hearkeep.IncidentID, rows []store.Affected) error {
	was, err := i.Affected(ctx, incident)
	if err != nil {
		return err
	}
	if err := i.put(ctx, "DELETE FROM affected WHERE incident = ?", incident); err != nil {
		return err
	}
	for _, a := range store.KeepTold(was, rows) {
		err := i.put(ctx, `INSERT INTO affected (incident, account, vault, binding, since, until, how, entry, at, told)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			incident, a.Account, a.Vault, a.Binding, int64(a.From), int64(a.To), a.How, a.Entry, millis(a.At), millis(a.Told))
		if err != nil {
			return err
		}
	}
	return nil
}

const selectAffected = "SELECT incident, account, vault, binding, since, until, how, entry, at, told FROM affected "

func scanAffected(row *sql.Rows) (a store.Affected, err error) {
	return a, row.Scan(&a.Incident, &a.Account, &a.Vault, &a.Binding, &a.From, &a.To, &a.How, &a.Entry, scanTime{&a.At}, scanTime{&a.Told})
}

func (i incidents) Affected(ctx context.Context, incident hearkeep.IncidentID) ([]store.Affected, error) {
	return all(ctx, i.tx, scanAffected, selectAffected+"WHERE incident = ? ORDER BY account, vault, binding, since, how", incident)
}

func (i incidents) AffectedOf(ctx context.Context, account hearkeep.AccountID) ([]store.Affected, error) {
	return all(ctx, i.tx, scanAffected, selectAffected+"WHERE account = ? ORDER BY incident, vault, binding, since, how", account)
}

func (i incidents) ToldAffected(ctx context.Context, incident hearkeep.IncidentID, account hearkeep.AccountID, at time.Time) error {
	return i.change(ctx, "UPDATE affected SET told = ? WHERE incident = ? AND account = ? AND told = 0", millis(at), incident, account)
}

func (i incidents) InsertCommunication(ctx context.Context, c store.Communication) error {
	return i.put(ctx, "INSERT INTO communications (incident, account, delivery, kind, topic, state, at, ended) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		c.Incident, c.Account, c.Delivery, c.Kind, c.Topic, c.State, millis(c.At), millis(c.Ended))
}

func (i incidents) Communications(ctx context.Context, incident hearkeep.IncidentID) ([]store.Communication, error) {
	return all(ctx, i.tx, scanCommunication, selectCommunication+"WHERE incident = ? ORDER BY at, rowid", incident)
}

func (i incidents) CommunicationsTo(ctx context.Context, account hearkeep.AccountID) ([]store.Communication, error) {
	return all(ctx, i.tx, scanCommunication, selectCommunication+"WHERE account = ? ORDER BY incident, at, rowid", account)
}

const selectCommunication = "SELECT incident, account, delivery, kind, topic, state, at, ended FROM communications "

func scanCommunication(row *sql.Rows) (c store.Communication, err error) {
	return c, row.Scan(&c.Incident, &c.Account, &c.Delivery, &c.Kind, &c.Topic, &c.State, scanTime{&c.At}, scanTime{&c.Ended})
}

func (i incidents) WaitingCommunications(ctx context.Context, after int64, limit int) ([]store.Communication, error) {
	return all(ctx, i.tx, scanCommunication, selectCommunication+"WHERE state = 'queued' AND delivery > ? ORDER BY delivery LIMIT ?", after, limit)
}

func (i incidents) SetCommunication(ctx context.Context, c store.Communication) error {
	return i.change(ctx, "UPDATE communications SET state = ?, ended = ? WHERE incident = ? AND account IS ? AND delivery = ? AND kind = ?",
		c.State, millis(c.Ended), c.Incident, c.Account, c.Delivery, c.Kind)
}

func (i incidents) InsertRecipient(ctx context.Context, r store.Recipient) error {
	return i.put(ctx, "INSERT INTO recipients (id, incident, hash, sealed, state, asked, ended) VALUES (?, ?, ?, ?, ?, ?, ?)",
		r.ID, r.Incident, r.Hash[:], r.Sealed, r.State, millis(r.Asked), millis(r.Ended))
}

const selectRecipient = "SELECT id, incident, hash, sealed, state, asked, ended FROM recipients "

func scanRecipient(row *sql.Rows) (r store.Recipient, err error) {
	return r, row.Scan(&r.ID, &r.Incident, scanHash{&r.Hash}, &r.Sealed, &r.State, scanTime{&r.Asked}, scanTime{&r.Ended})
}

func (i incidents) RecipientByHash(ctx context.Context, hash [32]byte) (store.Recipient, error) {
	return one(ctx, i.tx, scanRecipient, selectRecipient+"WHERE hash = ?", hash[:])
}

func (i incidents) Recipients(ctx context.Context, incident hearkeep.IncidentID) ([]store.Recipient, error) {
	return all(ctx, i.tx, scanRecipient, selectRecipient+"WHERE incident = ? ORDER BY asked, id", incident)
}

func (i incidents) SetRecipient(ctx context.Context, r store.Recipient) error {
	return i.change(ctx, "UPDATE recipients SET sealed = ?, state = ?, ended = ? WHERE id = ?", r.Sealed, r.State, millis(r.Ended), r.ID)
}

func (i incidents) Language(ctx context.Context, account hearkeep.AccountID) (hearkeep.Language, error) {
	return value[hearkeep.Language](ctx, i.tx, "SELECT coalesce((SELECT language FROM accounts WHERE id = ?), '')", account)
}

func (i incidents) SetLanguage(ctx context.Context, account hearkeep.AccountID, l hearkeep.Language) error {
	return i.change(ctx, "UPDATE accounts SET language = ? WHERE id = ?", l, account)
}

func (i incidents) SawPlace(ctx context.Context, p store.Place) (bool, error) {
	n, err := i.exec(ctx, "UPDATE places SET last = ? WHERE account = ? AND mark = ?", millis(p.Last), p.Account, p.Mark[:])
	if err != nil || n > 0 {
		return false, err
	}
	return true, i.put(ctx, "INSERT INTO places (account, mark, first, last) VALUES (?, ?, ?, ?)",
		p.Account, p.Mark[:], millis(p.First), millis(p.Last))
}

func (i incidents) Places(ctx context.Context, account hearkeep.AccountID) ([]store.Place, error) {
	return all(ctx, i.tx, func(row *sql.Rows) (p store.Place, err error) {
		return p, row.Scan(&p.Account, scanHash{&p.Mark}, scanTime{&p.First}, scanTime{&p.Last})
	}, "SELECT account, mark, first, last FROM places WHERE account = ? ORDER BY first, mark", account)
}

func (i incidents) ExpirePlaces(ctx context.Context, before time.Time) (int, error) {
	n, err := i.exec(ctx, "DELETE FROM places WHERE last < ?", millis(before))
	return int(n), err
}

func (i incidents) ArchiveByID(ctx context.Context, id hearkeep.ArchiveID) (store.Archive, error) {
	return one(ctx, i.tx, scanArchive, selectArchive+"WHERE id = ?", id)
}

func (i incidents) NumbersBetween(ctx context.Context, vault hearkeep.VaultID, binding hearkeep.BindingID, from, to time.Time) ([]hearkeep.Run, error) {
	numbers, err := all(ctx, i.tx, func(row *sql.Rows) (n hearkeep.Number, err error) {
		return n, row.Scan(&n)
	}, "SELECT number FROM recordings "+inWindow, vault, millis(from), millis(to), binding)
	if err != nil {
		return nil, err
	}
	slices.Sort(numbers)
	return hearkeep.Runs(binding, numbers), nil
}
