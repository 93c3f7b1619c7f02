package incident

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// What Hearkeep reports by itself, besides what rooms vault, rights and backup do.
const (
	WhatFailed    = "openings failed"
	WhatSession   = "opened without a session"
	WhatVolume    = "unusually many openings"
	WhatTwice     = "a device in two places"
	WhatPlace     = "fetched from a new place"
	WhatClock     = "the clock jumped"
	WhatRestored  = "restored"
	WhatLedger    = "the ledger was rewound"
	WhatUnwatched = "the ledger was not followed"
)

const (
	follower    = "incident" // whose cursor it is
	followBatch = 500        // entries that are followed in one transaction
)

// watching is what a Desk remembers of its watching while it runs. The zero
// value is nothing.
type watching struct {
	following sync.Mutex // one Follow at a time
	tidied    time.Time  // when it last forgot what is over

	mu     sync.Mutex
	places map[placeUse]time.Time // when a use was last written down
	doors  doorsHeard
}

// follow is the state of one transaction of Follow: what is remembered of
// earlier entries, as far as this batch's ask for it.
type follow struct {
	d     *Desk
	tx    *store.Tx
	now   time.Time
	notes map[noteKey]*recalled
	log   logNote
}

// Follow reads the ledger on from where it was left, from its first entry, and
// opens a report for what is wrong in it. How far it has come, what it
// remembers, and the reports are written in one transaction for each batch: a
// crash repeats nothing and leaves nothing out.
func (d *Desk) Follow(ctx context.Context, now time.Time) error {
	d.watching.following.Lock()
	defer d.watching.following.Unlock()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := d.Store.View(ctx, func(tx *store.Tx) error { return news(ctx, tx) })
		if errors.Is(err, errNoNews) {
			break
		}
		if err == nil {
			err = d.Store.Update(ctx, func(tx *store.Tx) error {
				return (&follow{d: d, tx: tx, now: now, notes: map[noteKey]*recalled{}}).batch(ctx)
			})
		}
		if err != nil {
			return fmt.Errorf("incident: follow the ledger: %w", err)
		}
	}
	if now.Sub(d.watching.tidied).Abs() < time.Hour {
		return nil
	}
	err := d.Store.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Watch.ExpireNotes(ctx, now); err != nil {
			return err
		}
		_, err := tx.Incidents.ExpirePlaces(ctx, now.Add(-placesFor))
		return err
	})
	if err != nil {
		return fmt.Errorf("incident: forget what was followed: %w", err)
	}
	d.watching.tidied = now
	return nil
}

// errNoNews says that the ledger was followed to its end.
var errNoNews = errors.New("incident: nothing new in the ledger")

// news fails with errNoNews where the ledger is as long as it was followed.
func news(ctx context.Context, tx *store.Tx) error {
	at, err := tx.Acts.Cursor(ctx, follower)
	if err != nil {
		return err
	}
	size, err := tx.Ledger.Size(ctx)
	if err == nil && size == at {
		return errNoNews
	}
	return err
}

// batch follows the next entries.
func (f *follow) batch(ctx context.Context) error {
	at, err := f.begin(ctx)
	if err != nil {
		return err
	}
	rows, err := f.tx.Ledger.Entries(ctx, hearkeep.VaultID{}, at, followBatch)
	if err != nil || len(rows) == 0 {
		return err
	}
	if err := f.unwatched(ctx, at, rows); err != nil {
		return err
	}
	for _, row := range rows {
		e, err := f.read(ctx, &row)
		if err == nil {
			err = f.entry(ctx, row, e)
		}
		if err != nil {
			return fmt.Errorf("entry %d: %w", row.Seq, err)
		}
	}
	last := rows[len(rows)-1]
	if at == 0 {
		f.log.First = rows[0].Leaf
	}
	f.log.Last = last.Leaf
	return f.end(ctx, last.Seq+1)
}

// bodiesFor is for how long an entry says what it says, at least: ledger.Expire
// takes bodies after a year.
const bodiesFor = 360 * 24 * time.Hour

// read is what an entry says. One whose body is not what its leaf commits to,
// or is gone before its time, was altered: that is reported, and what it says
// now is not believed. Nobody stops the following with one row.
func (f *follow) read(ctx context.Context, row *store.LedgerEntry) (ledger.Entry, error) {
	e := ledger.Entry{Kind: ledger.Kind(row.Kind), At: row.At}
	var said ledger.Entry
	switch {
	case row.Body == nil && f.now.Sub(row.At) >= bodiesFor:
		return e, nil // only these are known
	case row.Body != nil && ledger.Leaf(row.Salt, row.Body) == row.Leaf && json.Unmarshal(row.Body, &said) == nil:
		return said, nil
	}
	f.d.Log.Error("an entry of the ledger was altered", "entry", row.Seq)
	row.Body = nil
	return e, f.d.report(ctx, f.tx, f.now, store.Report{What: WhatLedger})
}

// logNote is by which leaves the log is known again that was followed so far.
type logNote struct {
	First, Last [32]byte
	Clock       time.Time // the latest time of an entry so far
}

// begin returns the number of the next entry. Where the log does not hold what
// was followed, it is another one: of a keep that was restored, whose log
// began anew, and is followed from its first entry; or one that was cut off.
func (f *follow) begin(ctx context.Context) (int64, error) {
	at, err := f.tx.Acts.Cursor(ctx, follower)
	if err != nil || at == 0 {
		return at, err
	}
	if err := f.load(ctx, noteLog, nil, &f.log); err != nil {
		return 0, err
	}
	last, err := f.tx.Ledger.Entries(ctx, hearkeep.VaultID{}, at-1, 1)
	if err != nil {
		return 0, err
	}
	if len(last) == 1 && last[0].Leaf == f.log.Last {
		return at, nil
	}
	first, err := f.tx.Ledger.Entries(ctx, hearkeep.VaultID{}, 0, 1)
	if err != nil {
		return 0, err
	}
	f.log.Clock = time.Time{}
	if len(first) == 1 && first[0].Leaf != f.log.First {
		return 0, nil
	}
	size, err := f.tx.Ledger.Size(ctx)
	if err != nil {
		return 0, err
	}
	if err := f.d.report(ctx, f.tx, f.now, store.Report{What: WhatLedger}); err != nil {
		return 0, err
	}
	if len(last) == 1 { // altered below the cursor, which stays
		f.log.Last = last[0].Leaf
		size = at
	}
	return size, f.end(ctx, size)
}

// end writes what is remembered, and how far the ledger was followed.
func (f *follow) end(ctx context.Context, next int64) error {
	if err := f.save(ctx, noteLog, nil, f.log, f.now.AddDate(100, 0, 0)); err != nil {
		return err
	}
	for key, n := range f.notes {
		if !n.changed {
			continue
		}
		if err := f.save(ctx, key.kind, []byte(key.key), n.value, n.until); err != nil {
			return err
		}
	}
	return f.tx.Acts.SetCursor(ctx, follower, next)
}

// entry is what one entry tells each detector.
func (f *follow) entry(ctx context.Context, row store.LedgerEntry, e ledger.Entry) error {
	for _, look := range []func(context.Context, store.LedgerEntry, ledger.Entry) error{
		f.clock, f.session, f.failed, f.volume, f.device, f.restored,
	} {
		if err := look(ctx, row, e); err != nil {
			return err
		}
	}
	return nil
}

// failed counts openings that failed: ciphertext was altered, swapped, or is
// foreign. On a sound disk there are none.
func (f *follow) failed(ctx context.Context, _ store.LedgerEntry, e ledger.Entry) error {
	if e.Kind != ledger.KindOpeningFailed || e.Vault == nil {
		return nil
	}
	key := noteKey{noteFailed, string(e.Vault[:])}
	n, err := recall[failedNote](ctx, f, key)
	if err != nil {
		return err
	}
	window := f.d.thresholds().Window
	n.At = append(n.At, e.At)
	for len(n.At) > 0 && n.At[0].Before(e.At.Add(-window)) {
		n.At = n.At[1:]
	}
	enough := len(n.At) >= f.d.thresholds().FailedOpenings
	if enough {
		n.At = nil // counted from here on anew
	}
	f.remember(key, e.At.Add(window))
	if !enough {
		return nil
	}
	return f.open(ctx, e, WhatFailed)
}

type failedNote struct{ At []time.Time }

// restored opens a report where a restore did not do that itself: a copy of
// the keep was put in its place, and who was let in by is let in no more.
func (f *follow) restored(ctx context.Context, _ store.LedgerEntry, e ledger.Entry) error {
	if e.Kind != ledger.KindBackup || !strings.HasPrefix(e.Purpose, "restored ") {
		return nil
	}
	for key := range f.notes {
		if key.kind == noteSession {
			delete(f.notes, key)
		}
	}
	if _, err := f.tx.Watch.DeleteNotes(ctx, noteSession, nil); err != nil {
		return err
	}
	return f.d.report(ctx, f.tx, f.now, store.Report{What: WhatRestored})
}

// clock finds an entry that was written long before the one before it: the
// clock on the wall was put back. Forward, only a running program can tell:
// ClockJumped.
func (f *follow) clock(ctx context.Context, _ store.LedgerEntry, e ledger.Entry) error {
	back := f.log.Clock.Sub(e.At)
	if f.log.Clock.IsZero() || back <= 0 {
		f.log.Clock = e.At
		return nil
	}
	if back < f.d.thresholds().ClockJump {
		return nil
	}
	f.log.Clock = e.At
	return f.d.report(ctx, f.tx, f.now, store.Report{What: WhatClock})
}

// unwatched finds that entries waited for longer than they may while the
// program ran: the first and the last of a batch lie apart, though each is
// followed within a minute. What the operator does while the program is down
// does not count.
func (f *follow) unwatched(ctx context.Context, at int64, rows []store.LedgerEntry) error {
	var first, last time.Time
	for _, row := range rows {
		if row.Kind == string(ledger.KindOperator) || row.Kind == string(ledger.KindBackup) || row.Kind == string(ledger.KindIncident) {
			continue
		}
		if first.IsZero() {
			first = row.At
		}
		last = row.At
	}
	if at == 0 || last.Sub(first) < f.d.thresholds().Unfollowed {
		return nil
	}
	return f.d.report(ctx, f.tx, f.now, store.Report{What: WhatUnwatched})
}

// open opens a report of what an entry shows.
func (f *follow) open(ctx context.Context, e ledger.Entry, what string) error {
	r := store.Report{What: what}
	if e.Account != nil {
		r.Account = *e.Account
	}
	if e.Vault != nil {
		r.Vault = *e.Vault
	}
	if e.Binding != nil {
		r.Binding = *e.Binding
	}
	if e.Archive != nil {
		r.Archive = *e.Archive
	}
	return f.d.report(ctx, f.tx, f.now, r)
}

// report opens a report of Hearkeep's own, unless one of the same fault is
// open: what goes on is one report. Expire makes a case of it.
func (d *Desk) report(ctx context.Context, tx *store.Tx, now time.Time, r store.Report) error {
	_, err := tx.Watch.OpenReport(ctx, r)
	if err == nil || !errors.Is(err, store.ErrNotFound) {
		return err
	}
	r.ID, r.Via, r.At = hearkeep.NewID[hearkeep.ReportID](), hearkeep.ReportSelf, now
	if err := tx.Incidents.InsertReport(ctx, r); err != nil {
		return err
	}
	e := ledger.Entry{Kind: ledger.KindReported, Role: hearkeep.RoleSystem, Purpose: r.What, Report: &r.ID}
	if !r.Account.IsZero() {
		e.Account = &r.Account
	}
	if !r.Vault.IsZero() {
		e.Vault = &r.Vault
	}
	if !r.Binding.IsZero() {
		e.Binding = &r.Binding
	}
	if !r.Archive.IsZero() {
		e.Archive = &r.Archive
	}
	d.Log.Warn("Hearkeep reports by itself", "what", r.What, "report", r.ID, "vault", r.Vault, "account", r.Account)
	_, err = d.Ledger.Append(ctx, tx, e)
	return err
}

// LedgerRewound opens a report that somebody outside, a witness, has seen more
// of the ledger than there is, or other.
func (d *Desk) LedgerRewound(ctx context.Context) error {
	err := d.Store.Update(ctx, func(tx *store.Tx) error {
		return d.report(ctx, tx, time.Now(), store.Report{What: WhatLedger})
	})
	if err != nil {
		return fmt.Errorf("incident: report a ledger that was rewound: %w", err)
	}
	return nil
}

// ClockJumped opens a report that the clock on the wall ran away from the one
// that only counts, by which it is now. Which of the two is right is not known:
// the operator became aware at the earlier, so that no clock of a case is put
// off by it.
func (d *Desk) ClockJumped(ctx context.Context, now time.Time, by time.Duration) error {
	if by.Abs() < d.thresholds().ClockJump {
		return nil
	}
	if wall := stamp(); wall.Before(now) {
		now = wall
	}
	err := d.Store.Update(ctx, func(tx *store.Tx) error {
		return d.report(ctx, tx, now, store.Report{What: WhatClock})
	})
	if err != nil {
		return fmt.Errorf("incident: report a clock that jumped by %s: %w", by, err)
	}
	return nil
}
