package incident

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Notice is what an affected person is shown after signing in: what happened,
// and exactly which recordings (C6).
type Notice struct {
	Incident hearkeep.IncidentID
	What     string
	AwareAt  time.Time
	Told     time.Time
	Closed   time.Time // zero while the case is open
	Text     Communication
	Items    []Item
	Offer    string // what was offered to make good; empty for nothing
}

// Item is recordings of one vault that were concerned in one way.
type Item struct {
	Vault hearkeep.VaultID
	Run   hearkeep.Run
	How   string // store.Affected.How
	At    time.Time
}

// NoticesOf returns what concerns an account, newest first; nothing of a case
// before it was told of that, and nothing that it was not told of yet.
func (d *Desk) NoticesOf(ctx context.Context, account hearkeep.AccountID) (list []Notice, err error) {
	err = d.Store.View(ctx, func(tx *store.Tx) error {
		language, err := tx.Incidents.Language(ctx, account)
		if err != nil {
			return err
		}
		rows, err := tx.Incidents.AffectedOf(ctx, account)
		if err != nil {
			return err
		}
		rows = slices.DeleteFunc(rows, func(a store.Affected) bool { return a.Told.IsZero() })
		list, err = d.noMore(ctx, tx, account, rows, language.Or())
		if err != nil {
			return err
		}
		for len(rows) > 0 {
			n := slices.IndexFunc(rows, func(a store.Affected) bool { return a.Incident != rows[0].Incident })
			if n < 0 {
				n = len(rows)
			}
			notice, err := d.notice(ctx, tx, rows[:n], language.Or())
			if err != nil {
				return err
			}
			list, rows = append(list, notice), rows[n:]
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("incident: notices of %s: %w", account, err)
	}
	slices.SortStableFunc(list, func(a, b Notice) int { return b.Told.Compare(a.Told) })
	return list, nil
}

// noMore are the notices of cases that an account was told of and that by now
// do not concern it: what was told is not untold by narrowing a case.
func (d *Desk) noMore(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, rows []store.Affected, l hearkeep.Language) (list []Notice, err error) {
	log, err := tx.Incidents.CommunicationsTo(ctx, account)
	if err != nil {
		return nil, err
	}
	for id, at := range toldOf(log) {
		if slices.ContainsFunc(rows, func(a store.Affected) bool { return a.Incident == id }) {
			continue
		}
		c, err := tx.Incidents.Incident(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, Notice{Incident: id, What: c.What, AwareAt: c.AwareAt, Told: at, Closed: c.Closed, Text: d.concernedNoMore(l, c, at)})
	}
	slices.SortFunc(list, func(a, b Notice) int { return compareIDs(a.Incident, b.Incident) })
	return list, nil
}

// toldOf is when an account was last told of each case that its log has.
func toldOf(log []store.Communication) map[hearkeep.IncidentID]time.Time {
	told := map[hearkeep.IncidentID]time.Time{}
	for _, c := range log {
		if c.Topic == topicTold && c.Kind != kindNotice && c.At.After(told[c.Incident]) {
			told[c.Incident] = c.At
		}
	}
	return told
}

// notice is what the rows of one account in one case say to it.
func (d *Desk) notice(ctx context.Context, tx *store.Tx, rows []store.Affected, l hearkeep.Language) (n Notice, err error) {
	c, err := d.hold(ctx, tx, rows[0].Incident)
	if errors.Is(err, errAltered) { // Check has found that; what the person was told stays
		d.Log.Error("a notice is shown without what was written to its case, which was altered", "case", rows[0].Incident, "err", err)
		c = &docket{desk: d, tx: tx}
		if c.Incident, err = tx.Incidents.Incident(ctx, rows[0].Incident); err == nil {
			c.steps, err = tx.Incidents.Steps(ctx, c.ID)
		}
	}
	if err != nil {
		return n, err
	}
	n = Notice{Incident: c.ID, What: c.What, AwareAt: c.AwareAt, Closed: c.Closed, Offer: c.file.Offer}
	for _, a := range rows {
		n.Items = append(n.Items, Item{Vault: a.Vault, Run: a.Run, How: a.How, At: a.At})
		if a.Told.After(n.Told) {
			n.Told = a.Told
		}
	}
	base, err := c.telling(ctx)
	if err != nil {
		return n, err
	}
	t := tellingOf(c.Incident, rows)
	t.Sealed, t.Frozen, t.Asked, t.Attested, t.Measures = base.Sealed, base.Frozen, base.Asked, base.Attested, base.Measures
	n.Text = d.communication(l, t)
	return n, nil
}
