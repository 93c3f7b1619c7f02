package rights

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Clock is a request as whoever runs the keep sees it: no name, no content,
// and nothing that could change either.
type Clock struct {
	ID       hearkeep.RequestID
	Kind     hearkeep.RequestKind
	State    hearkeep.RequestState
	Via      hearkeep.Via
	Received time.Time
	Due      time.Time
	Extended time.Time
}

// Overview is the operator's page: clocks and counts.
type Overview struct {
	Clocks       []Clock // open ones, the soonest due first; at most 500
	Counts       []store.RequestCount
	Claims       int // open claims
	Reports      int // open reports
	Restrictions int // in force
}

const (
	maxClocks = 500
	maxReason = 1000 // characters
)

// Overview returns clocks and counts. It reads no name and no content.
func (d *Desk) Overview(ctx context.Context) (o Overview, err error) {
	err = d.Store.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Rights.OpenRequests(ctx, store.RequestCursor{}, maxClocks)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if d.check(&row) == nil { // the others are reported, and counted among the reports
				o.Clocks = append(o.Clocks, clockOf(row))
			}
		}
		slices.SortFunc(o.Clocks, func(a, b Clock) int { return a.Due.Compare(b.Due) })
		if o.Counts, err = tx.Rights.CountRequests(ctx); err != nil {
			return err
		}
		claims, err := tx.Rights.OpenClaims(ctx, maxReports)
		if err != nil {
			return err
		}
		reports, err := tx.Incidents.OpenReports(ctx, maxReports)
		if err != nil {
			return err
		}
		o.Claims, o.Reports = len(claims), len(reports)
		o.Restrictions, err = tx.Rights.CountRestrictions(ctx)
		return err
	})
	return o, wrapped(err, "overview at", stamped(now()))
}

func clockOf(row store.Request) Clock {
	return Clock{row.ID, row.Kind, row.State, row.Via, row.Received, row.Due, row.Extended}
}

type stamped time.Time

func (s stamped) String() string { return stamp(time.Time(s)) }

// Extend gives a request two more months, with reasons that its person is told
// (Art. 12(3)). After the first month is over it fails with Conflict.
func (d *Desk) Extend(ctx context.Context, id hearkeep.RequestID, reason string) (Clock, error) {
	reason = strings.Join(strings.Fields(reason), " ")
	if n := utf8.RuneCountInString(reason); n < 20 || n > maxReason || !utf8.ValidString(reason) || strings.ContainsFunc(reason, unprinted) {
		return Clock{}, hearkeep.Errorf(hearkeep.Invalid, "An extension needs its reasons.").
			WithHint("One to a few sentences, at most %d characters. The person is told them word by word.", maxReason)
	}
	var row store.Request
	err := d.Store.Update(ctx, func(tx *store.Tx) (err error) {
		if row, err = d.openByID(ctx, tx, id); err != nil {
			return err
		}
		at := now()
		switch {
		case !row.Extended.IsZero():
			return hearkeep.Errorf(hearkeep.Conflict, "This request was extended already.").WithHint("The law knows one extension.")
		case at.After(due(row.Received, d.Zone)):
			return hearkeep.Errorf(hearkeep.Conflict, "The first month is over.").WithHint("An extension has to be told within it (GDPR Art. 12(3)).")
		}
		row.Extended, row.Reason, row.Due = at, reason, dueExtended(row.Received, d.Zone).UTC()
		row.Reminded = time.Time{} // its person is reminded of the new day
		return d.take(ctx, tx, &row, stepExtended, actor{role: hearkeep.RoleOperator})
	})
	if err != nil {
		return Clock{}, wrapped(err, "extend", id)
	}
	return clockOf(row), nil
}

// unprinted reports what would do something to a terminal, or to the order of
// a letter, instead of being shown.
func unprinted(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

// openByID finds a request whose clock runs by its id alone, as the operator's
// page names it.
func (d *Desk) openByID(ctx context.Context, tx *store.Tx, id hearkeep.RequestID) (store.Request, error) {
	var at store.RequestCursor
	for {
		rows, err := tx.Rights.OpenRequests(ctx, at, maxClocks)
		if err != nil {
			return store.Request{}, err
		}
		for _, row := range rows {
			at = store.RequestCursor{Due: row.Due, ID: row.ID}
			if row.ID == id {
				if err := d.check(&row); err != nil {
					return store.Request{}, errNothing(err)
				}
				return row, nil
			}
		}
		if len(rows) < maxClocks {
			return store.Request{}, store.ErrNotFound
		}
	}
}
