package rights

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/archive"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// Open is an archive that was frozen: an open one for one session, a sealed
// one for a ticket or a session.
type Open struct {
	ID    hearkeep.ArchiveID
	Name  string // of the file: hearkeep-2026-11-22.zip
	Size  int64
	ETag  string
	Count int // recordings
	Made  time.Time
}

// archives are the kinds of requests that an archive answers.
func archives() []hearkeep.RequestKind {
	return []hearkeep.RequestKind{hearkeep.RequestAccess, hearkeep.RequestPortability}
}

// mayRelease fails where a request's archive may not be made in this session:
// for want of an unlocker that was shown lately, or in the waiting time (A2).
func (d *Desk) mayRelease(ctx context.Context, who identity.Verified, id hearkeep.RequestID) (store.Request, error) {
	row, err := d.row(ctx, who, id, archives()...)
	if err != nil {
		return row, err
	}
	if err := move(new(row), stepReady, now()); err != nil {
		return row, err
	}
	if err := d.waits(who.Waits()); err != nil {
		return row, err
	}
	return row, who.Fresh()
}

// waits fails while a waiting time runs.
func (d *Desk) waits(until time.Time) error {
	if !time.Now().Before(until) {
		return nil
	}
	return hearkeep.Errorf(hearkeep.Forbidden, "Archives wait until %s.", until.In(d.Zone).Format("2 January 2006, 15:04")).
		WithHint("A way to sign in or an address was added or changed lately. If that was not you, remove it before then.")
}

// Prepare freezes an open archive of all that the account holds, for an
// access or portability request, and checks all of it (C2). It needs an
// unlocker shown lately and no waiting time (A2). A release that does not add
// up fails with Stopped; its person is told, and a report is open.
func (d *Desk) Prepare(ctx context.Context, who identity.Verified, id hearkeep.RequestID) (Open, error) {
	row, err := d.mayRelease(ctx, who, id)
	if err != nil {
		return Open{}, err
	}
	leave, err := d.alone(row.Account)
	if err != nil {
		return Open{}, err
	}
	defer leave()
	f := &frozen{
		Open:    Open{ID: hearkeep.NewID[hearkeep.ArchiveID](), Made: now()},
		account: row.Account, request: row.ID, of: who.Session(), ends: time.Now().Add(frozenLife),
	}
	err = d.plan(ctx, who, row, f)
	if err != nil {
		return Open{}, wrapped(d.stopped(ctx, row, f, person(who), err), "prepare", id)
	}
	_, err = d.change(ctx, who, id, "prepare", func(tx *store.Tx, row *store.Request) error {
		return d.take(ctx, tx, row, stepReady, person(who))
	})
	if err != nil {
		return Open{}, err
	}
	d.freeze(f)
	return f.Open, nil
}

// plan releases every vault that the account holds, and plans the bag.
func (d *Desk) plan(ctx context.Context, who identity.Verified, row store.Request, f *frozen) error {
	facts, err := d.facts(ctx, who, row, f)
	if err != nil {
		return err
	}
	f.content = &content{desk: d, names: &names{store: d.Store, known: map[hearkeep.AccountID]string{}}, since: f.ends.AddDate(-1, 0, 0)}
	held, err := d.allOf(ctx, who)
	if err != nil {
		return err
	}
	counted, err := d.frozenByOthers(ctx, row.Account)
	if err != nil {
		return err
	}
	for _, h := range held {
		if c, frozen := counted[h.ID]; frozen {
			facts.Vaults = append(facts.Vaults, archive.Vault{ID: h.ID, Name: h.Name, Kind: h.Kind})
			facts.Withheld = append(facts.Withheld, f.leaveOut(c))
			continue
		}
		room, err := d.Keep.Enter(ctx, who, h.ID)
		if err != nil {
			return err
		}
		release, err := room.Release(ctx, f.ID)
		if err != nil {
			return err
		}
		f.content.releases = append(f.content.releases, release)
		f.given = append(f.given, given{h.ID, release.Len(), release.Items()})
		v := archive.Vault{ID: h.ID, Name: h.Name, Kind: h.Kind}
		for _, a := range release.Accounts() {
			v.Doors = append(v.Doors, doorOf(a))
			if a.Withheld > 0 {
				facts.Withheld = append(facts.Withheld, withheldOf(h.ID, a))
			}
		}
		facts.Vaults = append(facts.Vaults, v)
	}
	err = d.Store.View(ctx, func(tx *store.Tx) (err error) {
		f.content.before, err = tx.Ledger.Size(ctx)
		return err
	})
	if err != nil {
		return err
	}
	in, err := f.content.enter(ctx, who)
	if err != nil {
		return err
	}
	if f.bag, err = archive.New(ctx, facts, in); err != nil {
		return err
	}
	f.Name, f.Size, f.ETag, f.Count, f.hash = f.bag.Name(), f.bag.Size(), f.bag.ETag(), f.bag.Count(), f.bag.Hash()
	return nil
}

// allOf returns every vault that the account holds. Where what it holds is not
// what was signed it fails with Stopped: none is left out in silence.
func (d *Desk) allOf(ctx context.Context, who identity.Verified) ([]vault.Held, error) {
	held, err := d.Keep.Vaults(ctx, who)
	if err != nil {
		return nil, err
	}
	couriers, err := d.Keep.Couriers(ctx, who.Account())
	if err != nil {
		return nil, err
	}
	for _, c := range couriers {
		if !slices.ContainsFunc(held, func(h vault.Held) bool { return h.ID == c.Vault().ID }) {
			return nil, hearkeep.Errorf(hearkeep.Conflict, "What you hold has just changed.").WithHint("Try again.")
		}
	}
	return held, nil
}

func doorOf(a vault.Accounted) archive.Door {
	return archive.Door{
		Binding: a.Binding.ID, Name: a.Binding.Door.Name, Source: a.Binding.Source,
		Last: int(a.Last), In: a.Kept, Erased: a.Erased, Expired: a.Expired, Failed: a.Failed, Withheld: a.Withheld,
	}
}

// frozenByOthers are the vaults of an account in which somebody else, or a
// report, froze something. The account cannot end that, and is not kept from
// its other vaults by it: these are left out, and it is said.
func (d *Desk) frozenByOthers(ctx context.Context, account hearkeep.AccountID) (map[hearkeep.VaultID]vault.Counted, error) {
	all, err := d.Keep.Counted(ctx, account)
	out := map[hearkeep.VaultID]vault.Counted{}
	for _, c := range all {
		if c.ByOthers {
			out[c.ID] = c
		}
	}
	if len(out) == len(all) {
		return nil, err // there would be nothing left; the first vault refuses
	}
	return out, err
}

// leaveOut notes that nothing of a vault is in the archive.
func (f *frozen) leaveOut(c vault.Counted) archive.Withheld {
	f.leftOut = append(f.leftOut, c.ID)
	return archive.Withheld{
		Vault: c.ID, Count: c.Totals.Recordings + c.Withheld,
		Why: "Somebody else who holds this vault, or a report, froze something in it (GDPR Art. 18): nothing of it is handed over until they end that. You can still hear and read it.",
	}
}

// withheldOf says what is left out, and why (A3).
func withheldOf(id hearkeep.VaultID, a vault.Accounted) archive.Withheld {
	return archive.Withheld{
		Vault: id, Door: a.Binding.Door.Name, Count: a.Withheld,
		Why: "Kept before this account held the vault, and sealed to those who held it then: it does not open for this account. Who holds the vault can give it.",
	}
}

func (d *Desk) facts(ctx context.Context, who identity.Verified, row store.Request, f *frozen) (archive.Facts, error) {
	notice, err := d.notice(ctx, who)
	return archive.Facts{
		Archive: f.ID, Request: row.ID, Kind: row.Kind, Account: row.Account, Name: who.Name(),
		Service: d.Origin, Made: f.Made, Zone: d.Zone, Notice: notice,
	}, err
}

// Prepared returns what Prepare made, in the session that made it; NotFound
// in any other, and after it has ended.
func (d *Desk) Prepared(ctx context.Context, who identity.Verified, id hearkeep.ArchiveID) (Open, error) {
	f, err := d.prepared(ctx, who, id)
	if err != nil {
		return Open{}, err
	}
	return f.Open, nil
}

func (d *Desk) prepared(ctx context.Context, who identity.Verified, id hearkeep.ArchiveID) (*frozen, error) {
	err := d.Store.View(ctx, func(tx *store.Tx) error { return standing(ctx, tx, who) })
	if err != nil {
		return nil, wrapped(err, "archive", id)
	}
	f := d.thawed(func(f *frozen) bool {
		return f.ID == id && f.bag != nil && f.account == who.Account() && f.of == who.Session()
	})
	if f == nil {
		return nil, errNoArchive()
	}
	return f, nil
}

func errNoArchive() error {
	return hearkeep.Errorf(hearkeep.NotFound, "There is nothing here.").
		WithHint("An archive is there in the session that prepared it, until nobody has read it for an hour, and for a day at most. Prepare it anew.")
}

// Send writes the bytes from offset from, up to and without to, of an open
// archive. The disclosure is in the ledger, and the letters are queued, before
// the first byte. It fails with Changed where something was erased meanwhile:
// before the first byte where it is known then, in the middle else.
func (d *Desk) Send(ctx context.Context, who identity.Verified, id hearkeep.ArchiveID, w io.Writer, from, to int64) error {
	f, err := d.prepared(ctx, who, id)
	if err != nil {
		return err
	}
	defer d.reading(f)()
	in, err := f.content.enter(ctx, who)
	if err != nil {
		return wrapped(err, "send", id)
	}
	return d.send(ctx, f, person(who), w, from, to, func(tx *store.Tx) error { return standing(ctx, tx, who) },
		func(w io.Writer) error { return f.bag.Write(ctx, w, in, from, to) })
}

// notReported refuses to hand over an archive of which somebody reports that
// it holds what is not theirs, however little of it is missing. The report
// froze the vaults as well, so that nothing else is handed over either.
func (d *Desk) notReported(ctx context.Context, id hearkeep.ArchiveID) error {
	return d.Store.View(ctx, func(tx *store.Tx) error {
		reported, err := tx.Incidents.ArchiveReported(ctx, id)
		if err == nil && reported {
			err = hearkeep.Errorf(hearkeep.Conflict, "This archive was reported, so nothing more of it is handed over.").
				WithHint("What a report froze is freed when its case is closed.")
		}
		return err
	})
}

// send writes a range of an archive, with what comes before it and after it.
func (d *Desk) send(ctx context.Context, f *frozen, by actor, w io.Writer, from, to int64, first func(*store.Tx) error, write func(io.Writer) error) error {
	if from < 0 || to < from || to > f.Size {
		return hearkeep.Errorf(hearkeep.Invalid, "There is no such range.")
	}
	if from == to {
		return nil
	}
	if err := d.notReported(ctx, f.ID); err != nil {
		return wrapped(err, "send", f.ID)
	}
	if err := d.begin(ctx, f, by, first); err != nil {
		return wrapped(err, "begin to send", f.ID)
	}
	counted := &sendTo{Writer: w, asked: time.Now(), may: func() error { return d.notReported(ctx, f.ID) }}
	err := write(counted)
	if end := d.ended(ctx, f, from, counted.n); end != nil { // its person has it; the next reading answers it
		d.Log.Error("that an archive was sent is not written down yet", "archive", f.ID, "err", end)
	}
	if err == nil {
		return nil
	}
	switch hearkeep.CodeOf(err) {
	case hearkeep.Changed:
		d.drop(func(o *frozen) bool { return o == f })
	case hearkeep.Stopped:
		err = d.stopped(ctx, store.Request{Account: f.account, ID: f.request}, f, by, err)
	}
	return wrapped(err, "send", f.ID)
}

// stopped writes down that an archive did not add up: its request is stopped,
// whoever asked is told, a report is open, and nothing that was prepared for
// the account can be fetched any more. It returns err. Any other failure it
// leaves alone.
func (d *Desk) stopped(ctx context.Context, row store.Request, f *frozen, by actor, err error) error {
	if hearkeep.CodeOf(err) != hearkeep.Stopped {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	d.drop(func(o *frozen) bool { return o.account == f.account })
	d.Log.Error("a release was stopped", "request", row.ID, "archive", f.ID, "err", err)
	stop := &vault.Stop{What: vault.WhatForeign} // of the archive's own accounting, which names no vault
	errors.As(err, &stop)
	report := store.Report{
		What: stop.What, Account: f.account, Vault: stop.Vault, Binding: stop.Binding, Recording: stop.Recording, Archive: f.ID,
	}
	if report.Binding.IsZero() && len(stop.Missing) > 0 {
		report.Binding = stop.Missing[0].Binding
	}
	wrote := d.Store.Update(ctx, func(tx *store.Tx) error {
		row, err := tx.Rights.Request(ctx, f.account, row.ID)
		if err != nil {
			return err
		}
		if err := d.noteStopped(ctx, tx, f); err != nil {
			return err
		}
		if err := d.report(ctx, tx, report); err != nil {
			return err
		}
		entry := by.entry(row, stepStopped)
		entry.Archive, entry.Binding, entry.Items = &f.ID, nil, stop.Missing
		if !report.Vault.IsZero() {
			entry.Vault = &report.Vault
		}
		if !report.Binding.IsZero() {
			entry.Binding = &report.Binding
		}
		return d.take(ctx, tx, &row, stepStopped, by, entry)
	})
	if wrote != nil {
		return errors.Join(err, fmt.Errorf("rights: that is not written down: %w", wrote))
	}
	return err
}

// noteStopped notes what became of an archive that may have begun to leave.
func (d *Desk) noteStopped(ctx context.Context, tx *store.Tx, f *frozen) error {
	a, err := tx.Rights.Archive(ctx, f.account, f.ID)
	if errors.Is(err, store.ErrNotFound) {
		return tx.Rights.InsertArchive(ctx, store.Archive{
			ID: f.ID, Request: f.request, Account: f.account, State: archiveStopped, Made: f.Made, Ended: now(),
		})
	}
	if err != nil {
		return err
	}
	a.State, a.Ended = archiveStopped, now()
	return tx.Rights.SetArchive(ctx, a)
}
