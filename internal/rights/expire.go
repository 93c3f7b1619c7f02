package rights

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// When a person is reminded, before an answer is due.
const (
	firstReminder = 7 * 24 * time.Hour
	lastReminder  = 2 * 24 * time.Hour
)

// keepReady is for how long after its day an archive that nobody fetched can
// be fetched on its request.
const keepReady = 30 * 24 * time.Hour

// Expire does what has a time of its own: it reminds of what is ready, offers
// the sealed archive of what would come late, lapses what was never confirmed,
// and forgets old claims, tickets and frozen archives.
func (d *Desk) Expire(ctx context.Context, now time.Time) error {
	errs := []error{d.expireFrozen(ctx, now), d.expireClaims(ctx, now)}
	var at store.RequestCursor
	for {
		var rows []store.Request
		err := d.Store.View(ctx, func(tx *store.Tx) (err error) {
			rows, err = tx.Rights.OpenRequests(ctx, at, maxClocks)
			return err
		})
		if err != nil {
			return errors.Join(append(errs, wrapped(err, "expire at", stamped(now)))...)
		}
		for _, row := range rows {
			at = store.RequestCursor{Due: row.Due, ID: row.ID}
			if err := d.check(&row); err != nil {
				d.reportAltered(ctx, row.Account, err)
				continue
			}
			if !now.Before(row.Due.Add(-firstReminder)) {
				errs = append(errs, wrapped(d.pass(ctx, row, now), "expire", row.ID))
			}
		}
		if len(rows) < maxClocks {
			return errors.Join(errs...)
		}
	}
}

// expireFrozen forgets archives that were frozen and whose day, session or
// ticket has ended.
func (d *Desk) expireFrozen(ctx context.Context, now time.Time) error {
	d.mu.Lock()
	all := slices.Clone(d.frozen)
	d.mu.Unlock()
	gone := map[*frozen]bool{}
	err := d.Store.View(ctx, func(tx *store.Tx) error {
		for _, f := range all {
			ended, err := d.isOver(ctx, tx, f)
			if err != nil {
				return err
			}
			gone[f] = ended || !now.Before(f.ends)
		}
		return nil
	})
	d.drop(func(f *frozen) bool { return gone[f] })
	return wrapped(err, "forget archives at", stamped(now))
}

// isOver reports whether the session or the ticket has ended that an archive
// was frozen for.
func (d *Desk) isOver(ctx context.Context, tx *store.Tx, f *frozen) (bool, error) {
	if len(f.of) == ticketSize {
		_, err := tx.Identity.Link(ctx, linkTicket, [ticketSize]byte([]byte(f.of)), time.Now())
		if errors.Is(err, store.ErrNotFound) {
			return true, nil
		}
		return false, err
	}
	rows, err := tx.Identity.Sessions(ctx, f.account)
	return !slices.ContainsFunc(rows, func(s store.Session) bool { return sessionName(s) == f.of }), err
}

// pass does what a request's time asks for.
func (d *Desk) pass(ctx context.Context, row store.Request, now time.Time) error {
	archive := row.Kind == hearkeep.RequestAccess || row.Kind == hearkeep.RequestPortability
	switch {
	case now.After(row.Due) && (row.State == hearkeep.RequestAsked || row.State == hearkeep.RequestOpen && !archive):
		return d.again(ctx, row, func(tx *store.Tx, row *store.Request) error {
			return d.take(ctx, tx, row, stepLapsed, hearkeepItself())
		})
	case now.After(row.Due.Add(keepReady)) && row.State == hearkeep.RequestReady:
		return d.again(ctx, row, func(tx *store.Tx, row *store.Request) (err error) {
			if row.Answer, err = d.sign(d.notFetched(*row)); err != nil {
				return err
			}
			return d.take(ctx, tx, row, stepAnswered, hearkeepItself())
		})
	case now.After(row.Due):
		return nil // the clock shows it late; what stopped is for whoever runs the keep to mend
	}
	if d.reminded(row, now) {
		return nil
	}
	return d.again(ctx, row, func(tx *store.Tx, row *store.Request) error {
		row.Reminded = now.UTC().Truncate(tick)
		if archive && row.State != hearkeep.RequestAsked {
			offered, err := d.offerInTime(ctx, tx, row, now)
			if offered || err != nil {
				return err
			}
		}
		return d.take(ctx, tx, row, stepReminded, hearkeepItself())
	})
}

// reminded reports whether a request's person was told of it in the stretch
// before its day that now is in.
func (d *Desk) reminded(row store.Request, now time.Time) bool {
	from := row.Due.Add(-firstReminder)
	if !now.Before(row.Due.Add(-lastReminder)) {
		from = row.Due.Add(-lastReminder)
	}
	return !row.Reminded.Before(from)
}

// again changes a request that stands as it was read, and none that changed
// meanwhile: that one's turn comes again.
func (d *Desk) again(ctx context.Context, row store.Request, fn func(*store.Tx, *store.Request) error) error {
	return d.Store.Update(ctx, func(tx *store.Tx) error {
		now, err := tx.Rights.Request(ctx, row.Account, row.ID)
		if err != nil || now.State != row.State {
			return err
		}
		if err := d.check(&now); err != nil {
			return err
		}
		return fn(tx, &now)
	})
}

// notFetched is the answer to a request whose archive nobody came for.
func (d *Desk) notFetched(row store.Request) *answer {
	a := d.answerTo(row, "not-fetched")
	a.add("due", stamp(row.Due))
	a.say("The archive that was asked for could be fetched until now, %s after it was due by %s, and its code was sent to the addresses of the account that are confirmed. Nobody fetched it, and nothing was handed over.", some(int(keepReady/(24*time.Hour)), "day"), d.day(row.Due))
	a.say("Ask again at any time: it can be fetched at once, in the session that asks.")
	return a
}
