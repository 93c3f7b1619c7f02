package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Release is what one vault hands over to one of its keyholders: which
// recordings, in which order and in which versions, frozen before the first
// byte. It holds no key and no word; what it names is opened by the Room of
// the session that made it, and by no other. It may be used concurrently.
type Release struct {
	frozen  *frozen
	account hearkeep.AccountID
	session string
	archive hearkeep.ArchiveID
}

// Accounted accounts for every number that a door has given out:
// Last = Kept + Erased + Expired + Failed + Withheld.
type Accounted struct {
	Binding  Binding
	Last     hearkeep.Number // the highest number given out; 0 for none
	Kept     int             // in the release
	Erased   int
	Expired  int
	Failed   int
	Withheld int // of generations that this keyholder was not given
}

// Released is one recording of a release, opened.
type Released struct {
	Item
	Sound    *seal.PartHeader // nil where no sound is kept
	Waveform []byte           // nil where none is kept
}

// purposeArchive is what the ledger calls the openings of a release.
const purposeArchive = "archive"

// Release freezes what this vault hands over, and checks it before a byte
// leaves: each number of each door is accounted for, each part's key unwraps
// under this Room's keys, each sound's header opens, and the counts agree per
// door (C2). The openings are in the ledger first, with purpose "archive".
//
// It needs an unlocker shown lately and no waiting time (A2). It fails with
// Forbidden for programs and while the account waits, with Conflict while a
// restriction freezes the vault or part of it, and with Stopped, over a *Stop,
// where anything does not add up: then nothing of the vault leaves.
func (r *Room) Release(ctx context.Context, archive hearkeep.ArchiveID) (*Release, error) {
	if err := r.mayRelease(); err != nil {
		return nil, err
	}
	l := &Release{account: r.actor.account, session: r.actor.session, archive: archive}
	err := errMoved
	for range 5 { // what is erased while it is looked at is left out
		if !errors.Is(err, errMoved) {
			break
		}
		before := l.frozen
		if l.frozen, err = r.keep.freeze(ctx, r.vault.ID, r.span, r.mayHandOver); err == nil {
			if err = r.noteRelease(ctx, l, before); err == nil {
				err = r.examine(ctx, l.frozen)
			}
		}
	}
	var stop *Stop
	switch {
	case errors.Is(err, errMoved):
		return nil, errUnsettled()
	case errors.As(err, &stop):
		if stop.What != WhatOpening { // that one is in the ledger
			r.failed(ctx, purposeArchive, nil, stop)
		}
		return nil, stopped(r.vault.ID, stop)
	case err != nil:
		return nil, fmt.Errorf("vault: release of %s: %w", r.vault.ID, err)
	}
	return l, nil
}

// errMoved says that rows are not any more what they were a moment ago.
var errMoved = errors.New("vault: something was erased or corrected meanwhile")

func (r *Room) mayRelease() error {
	if err := r.keyholder(); err != nil {
		return err
	}
	if until := r.actor.who.Waits(); time.Now().Before(until) {
		return hearkeep.Errorf(hearkeep.Forbidden, "Archives wait until %s.", until.In(r.keep.zone).Format("2 January 2006, 15:04")).
			WithHint("A way to sign in or an address was added or changed lately. If that was not you, remove it before then.").After(time.Until(until))
	}
	return r.actor.fresh()
}

// mayHandOver fails where the session has ended, where its account does not
// hold the vault any more, and where a restriction freezes some of it.
func (r *Room) mayHandOver(ctx context.Context, tx *store.Tx) error {
	if err := r.actor.lives(ctx, tx, time.Now()); err != nil {
		return err
	}
	l, err := r.keep.lineage(ctx, tx, r.vault.ID)
	if errors.Is(err, errAltered) {
		return foreign(hearkeep.BindingID{}, hearkeep.RecordingID{}, "%w", err)
	}
	if err != nil {
		return err
	}
	if _, ok := l.holder(r.actor.account); !ok {
		return errNoVault(nil)
	}
	return notRestricted(ctx, tx, r.vault.ID)
}

// notRestricted refuses while anything freezes a vault, or part of it.
func notRestricted(ctx context.Context, tx *store.Tx, vault hearkeep.VaultID) error {
	frozen, err := tx.Rights.Restrictions(ctx, vault)
	if err != nil || len(frozen) == 0 {
		return err
	}
	return errRestricted()
}

func errRestricted() error {
	return hearkeep.Errorf(hearkeep.Conflict, "Something here is frozen, so that nothing is handed over.").
		WithHint("Whoever asked for that can end it: look at what is restricted in this vault. What a report froze is freed when that is closed.")
}

// noteRelease writes down that everything of a release is about to be opened,
// but for what an earlier look at it has noted.
func (r *Room) noteRelease(ctx context.Context, l *Release, before *frozen) error {
	fresh := *l.frozen
	if before != nil {
		noted := make(map[hearkeep.RecordingID]bool, len(before.items))
		for _, it := range before.items {
			noted[it.id] = true
		}
		fresh.items = nil
		for _, it := range l.frozen.items {
			if !noted[it.id] {
				fresh.items = append(fresh.items, it)
			}
		}
	}
	if len(fresh.items) == 0 {
		return nil
	}
	var entries []ledger.Entry
	for runs := fresh.runs(); len(runs) > 0; {
		n := min(len(runs), maxMissing)
		e := entryOf(r.actor, r.vault.ID, ledger.KindOpened, purposeArchive)
		e.Archive, e.Items = &l.archive, runs[:n:n]
		for _, run := range e.Items {
			e.Count += int(run.To - run.From + 1)
		}
		entries, runs = append(entries, e), runs[n:]
	}
	if _, err := r.keep.ledger.Write(ctx, entries...); err != nil {
		return hearkeep.Errorf(hearkeep.Unavailable, "Nothing can be opened right now.").
			WithHint("Each opening is written down first, and that failed; the disk may be full.").
			Because(fmt.Errorf("vault: note release of %s: %w", r.vault.ID, err))
	}
	e := Event{Kind: eventOpened, At: time.Now(), By: r.actor.role, Purpose: purposeArchive}
	r.keep.watched.tellOf(r.vault.ID, e, len(fresh.items), func(i int) (hearkeep.RecordingID, hearkeep.Generation) {
		return fresh.items[i].id, fresh.items[i].generation
	})
	return nil
}

// Len is how many recordings the release holds.
func (l *Release) Len() int { return len(l.frozen.items) }

// Vault is whose they are.
func (l *Release) Vault() hearkeep.VaultID { return l.frozen.vault }

// Accounts returns how every number of every door is accounted for, by the
// time at which the doors were bound.
func (l *Release) Accounts() []Accounted { return l.frozen.doors }

// Items returns the recordings of a release as runs of numbers per binding,
// for the ledger.
func (l *Release) Items() []hearkeep.Run { return l.frozen.runs() }

// examine opens every part of what was frozen, of sounds the header and the
// last piece, and notes what was found. It fails with a *Stop where something
// does not open, and with errMoved where rows are not what was frozen.
func (r *Room) examine(ctx context.Context, f *frozen) error {
	for from := 0; from < len(f.items); from += pageLen {
		err := r.keep.settled(ctx, r.vault.ID, func() error {
			p, err := r.keep.page(ctx, f, from, min(from+pageLen, len(f.items)), r.mayHandOver)
			if err != nil {
				return err
			}
			for i := range p.recs {
				if err := r.examineOne(ctx, f, from+i, &p.recs[i]); err != nil {
					return err
				}
			}
			return nil
		})
		var stop *Stop
		if errors.As(err, &stop) && stop.What == WhatOpening {
			r.failed(ctx, purposeArchive, []store.Recording{{ID: stop.Recording, Binding: stop.Binding, Number: f.numberOf(stop.Recording)}}, stop)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *Room) examineOne(ctx context.Context, f *frozen, i int, rec *rowsOf) error {
	if !f.is(i, rec) {
		return errMoved
	}
	bad := func(err error) error {
		if passing(ctx, err) {
			return err
		}
		return &Stop{What: WhatOpening, Binding: rec.Binding, Recording: rec.ID, cause: err}
	}
	if err := rec.whole(); err != nil {
		return bad(err)
	}
	if _, _, err := r.openReleased(ctx, rec, Binding{}); err != nil {
		return bad(err)
	}
	f.items[i].length = -1
	if _, ok := rec.parts[hearkeep.PartAudio]; ok {
		a, err := r.openReleasedSound(ctx, rec)
		if err != nil {
			return bad(err)
		}
		f.setSound(i, a.header)
		if err := a.Close(); err != nil {
			return err
		}
	}
	f.items[i].print = rec.print()
	return nil
}

// openReleased opens the small parts of a recording. Any that does not open
// is an error.
func (r *Room) openReleased(ctx context.Context, rec *rowsOf, door Binding) (Item, []byte, error) {
	opened := map[hearkeep.Part]openedPart{}
	for part, row := range rec.parts {
		if part == hearkeep.PartAudio {
			continue
		}
		wrap, err := r.keep.wrap(ctx, rec, part)
		if err != nil {
			return Item{}, nil, fmt.Errorf("vault: key of %s of %s: %w", part, rec.ID, err)
		}
		plain, _, err := r.openSmall(ctx, rec.Recording, row, wrap)
		if err != nil {
			return Item{}, nil, err
		}
		opened[part] = openedPart{partOpened, plain, row.Until, row.Version}
	}
	it := makeItem(rec.Recording, door, opened[hearkeep.PartWords], opened[hearkeep.PartTurn])
	if it.Damaged {
		return Item{}, nil, fmt.Errorf("vault: turn of %s cannot be read", rec.ID)
	}
	if a, ok := rec.parts[hearkeep.PartAudio]; ok {
		it.HasAudio, it.Until = true, latest(it.Until, a.Until)
	}
	if w, ok := rec.parts[hearkeep.PartWaveform]; ok {
		it.Until = latest(it.Until, w.Until)
	}
	return it, opened[hearkeep.PartWaveform].bytes, nil
}

func (r *Room) openReleasedSound(ctx context.Context, rec *rowsOf) (*Audio, error) {
	wrap, err := r.keep.wrap(ctx, rec, hearkeep.PartAudio)
	if err != nil {
		return nil, fmt.Errorf("vault: key of audio of %s: %w", rec.ID, err)
	}
	return r.openSound(ctx, rec.Recording, rec.parts[hearkeep.PartAudio], wrap, purposeArchive, errChanged)
}

// is reports whether rows are of the i-th recording as it was listed.
func (f *frozen) is(i int, rec *rowsOf) bool {
	it := f.items[i]
	return rec.ID == it.id && rec.Number == it.number && rec.Binding == f.doors[it.door].Binding.ID && rec.Start.UnixMilli() == it.start
}

func (f *frozen) numberOf(id hearkeep.RecordingID) hearkeep.Number {
	for _, it := range f.items {
		if it.id == id {
			return it.number
		}
	}
	return 0
}

// ofThis refuses a release that this Room's session did not make.
func (r *Room) ofThis(l *Release) error {
	if err := r.keyholder(); err != nil {
		return err
	}
	if l == nil || l.frozen.vault != r.vault.ID || l.account != r.actor.account || l.session != r.actor.session {
		return errGone()
	}
	return nil
}

// released returns the page that the i-th recording of a release is on, as the
// rows are now. It fails with Changed where they are not those of the release.
func (r *Room) released(ctx context.Context, l *Release, i int) (*page, error) {
	from := i - i%pageLen
	if p := r.page; p != nil && p.of == l.frozen && p.from == from && time.Since(p.read) < pageLife {
		return p, nil
	}
	p, err := r.keep.page(ctx, l.frozen, from, min(from+pageLen, l.Len()), r.mayHandOver)
	var stop *Stop
	if errors.As(err, &stop) {
		return nil, stopped(r.vault.ID, stop)
	}
	if err != nil {
		return nil, fmt.Errorf("vault: release of %s: %w", r.vault.ID, err)
	}
	for j := range p.recs {
		if p.recs[j].print() != l.frozen.items[from+j].print {
			return nil, errChanged()
		}
	}
	r.page = p
	return p, nil
}

// notOpened says why something of a release did not open, after its rows were
// found to be what was frozen: it is being erased, or it was altered.
func (r *Room) notOpened(ctx context.Context, rec *rowsOf, cause error) error {
	if passing(ctx, cause) {
		return fmt.Errorf("vault: release of %s: %w", rec.ID, cause)
	}
	if r.keep.isErasing(rec.ID) || r.keep.silenced(rec.ID) || !r.still(ctx, rec) {
		return errChanged()
	}
	r.failed(ctx, purposeArchive, []store.Recording{rec.Recording}, cause)
	return stopped(r.vault.ID, &Stop{What: WhatOpening, Binding: rec.Binding, Recording: rec.ID, cause: cause})
}

func (r *Room) still(ctx context.Context, rec *rowsOf) bool {
	now := rowsOf{parts: map[hearkeep.Part]store.Part{}}
	err := r.keep.store.View(ctx, func(tx *store.Tx) (err error) {
		if now.Recording, err = tx.Vaults.Recording(ctx, r.vault.ID, rec.ID); err != nil {
			return err
		}
		parts, err := tx.Vaults.Parts(ctx, r.vault.ID, rec.ID)
		for _, p := range parts {
			now.parts[p.Part] = p
		}
		return err
	})
	return err == nil && now.print() == rec.print() || err != nil && !errors.Is(err, store.ErrNotFound)
}

// Each opens the recordings of a release from the from-th on, the oldest
// first, a page at a time. What was erased, expired or corrected since the
// release was frozen fails with Changed; what does not open fails with
// Stopped. A release of another vault, account or session fails with NotFound.
func (r *Room) Each(ctx context.Context, l *Release, from int, fn func(i int, it Released) error) error {
	if err := r.ofThis(l); err != nil {
		return err
	}
	for i := max(from, 0); i < l.Len(); i++ {
		p, err := r.released(ctx, l, i)
		if err != nil {
			return err
		}
		rec := &p.recs[i-p.from]
		it, err := r.releasedOne(ctx, l, i, rec)
		if err != nil {
			return err
		}
		if err := fn(i, it); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (r *Room) releasedOne(ctx context.Context, l *Release, i int, rec *rowsOf) (Released, error) {
	err := rec.whole()
	if err != nil {
		return Released{}, r.notOpened(ctx, rec, err)
	}
	it, waveform, err := r.openReleased(ctx, rec, l.frozen.doors[l.frozen.items[i].door].Binding)
	if err != nil {
		return Released{}, r.notOpened(ctx, rec, err)
	}
	return Released{Item: it, Sound: l.frozen.sound(i), Waveform: waveform}, nil
}

// Sound opens the sound of the i-th recording of a release. It must be
// closed. It fails as Each does; a read fails with Changed once the recording
// is erased.
func (r *Room) Sound(ctx context.Context, l *Release, i int) (*Audio, error) {
	if err := r.ofThis(l); err != nil {
		return nil, err
	}
	if i < 0 || i >= l.Len() || l.frozen.sound(i) == nil {
		return nil, errGone()
	}
	p, err := r.released(ctx, l, i)
	if err != nil {
		return nil, err
	}
	rec := &p.recs[i-p.from]
	if r.keep.silenced(rec.ID) {
		return nil, errChanged()
	}
	if err := rec.whole(); err != nil {
		return nil, r.notOpened(ctx, rec, err)
	}
	a, err := r.openReleasedSound(ctx, rec)
	if err == nil && a.header != *l.frozen.sound(i) {
		a.Close()
		err = errors.New("the sound is another one")
	}
	if err != nil {
		return nil, r.notOpened(ctx, rec, err)
	}
	return a, nil
}
