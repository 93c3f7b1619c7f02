package incident

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

const (
	placesFor   = 180 * 24 * time.Hour // a place is remembered after its last use
	placesEvery = time.Hour            // a use is written down this often
)

// placeUse is an account at a network.
type placeUse struct {
	account hearkeep.AccountID
	network string
}

// Seen notes that an account was used from a network, and says whether that
// was its first time there while it had been used elsewhere before. What is
// kept is a mark of the network under the house key, when it was first seen,
// and when last, to the hour.
func (d *Desk) Seen(ctx context.Context, account hearkeep.AccountID, network string) (fresh bool, err error) {
	now := time.Now()
	if account.IsZero() || network == "" || !d.watching.writes(placeUse{account, network}, now) {
		return false, nil
	}
	err = d.Store.Update(ctx, func(tx *store.Tx) error {
		before, err := tx.Incidents.Places(ctx, account)
		if err != nil {
			return err
		}
		at := now.UTC().Truncate(placesEvery)
		fresh, err = tx.Incidents.SawPlace(ctx, store.Place{Account: account, Mark: seal.PlaceMark(d.House, account, network), First: at, Last: at})
		fresh = fresh && len(before) > 0
		return err
	})
	if err != nil {
		d.watching.forget(placeUse{account, network})
		return false, fmt.Errorf("incident: note a place of account %s: %w", account, err)
	}
	return fresh, nil
}

// writes reports whether a use is to be written down: once an hour.
func (w *watching) writes(use placeUse, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.places == nil {
		w.places = map[placeUse]time.Time{}
	}
	maps.DeleteFunc(w.places, func(_ placeUse, at time.Time) bool { return now.Sub(at).Abs() >= placesEvery })
	if _, ok := w.places[use]; ok {
		return false
	}
	w.places[use] = now
	return true
}

func (w *watching) forget(use placeUse) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.places, use)
}

// Fetched reports an archive that was fetched from a place where its account
// was never used, or first within the last Thresholds.NewPlace: whoever came
// there with a stolen session has just made it known. Somebody who is used
// nowhere else for longer has no place that could be new.
func (d *Desk) Fetched(ctx context.Context, account hearkeep.AccountID, archive hearkeep.ArchiveID, network string) error {
	if account.IsZero() || network == "" {
		return nil
	}
	now := time.Now()
	known, err := d.knownPlace(ctx, account, network, now)
	if err == nil && !known {
		err = d.Store.Update(ctx, func(tx *store.Tx) error {
			return d.report(ctx, tx, now, store.Report{What: WhatPlace, Account: account, Archive: archive})
		})
	}
	if err != nil {
		return fmt.Errorf("incident: archive %s is fetched: %w", archive, err)
	}
	return nil
}

// knownPlace reports whether a network is one that an account is used from for
// a while, or the account has no such place at all.
func (d *Desk) knownPlace(ctx context.Context, account hearkeep.AccountID, network string, now time.Time) (known bool, err error) {
	var places []store.Place
	err = d.Store.View(ctx, func(tx *store.Tx) (err error) {
		places, err = tx.Incidents.Places(ctx, account)
		return err
	})
	if err != nil {
		return false, err
	}
	mark, settled := seal.PlaceMark(d.House, account, network), false
	for _, p := range places {
		if now.Sub(p.First) < d.thresholds().NewPlace {
			continue
		}
		settled = true
		if p.Mark == mark {
			return true, nil
		}
	}
	return !settled, nil
}
