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

// From is from where somebody comes.
type From struct {
	Network string // a /24 of IPv4, a /48 of IPv6; empty where it is not known
	Browser string // by which name identity knows it again; empty for one that it does not
}

// places are what is remembered of it. No network is called like a browser.
func (f From) places() (all []string) {
	if f.Network != "" {
		all = append(all, f.Network)
	}
	if f.Browser != "" {
		all = append(all, "browser "+f.Browser)
	}
	return all
}

// placeUse is an account at a network, or in a browser.
type placeUse struct {
	account hearkeep.AccountID
	place   string
}

// Seen notes that an account was used from somewhere, signed in. What is kept
// is a mark of the network and one of the browser under the house key, when
// each was first seen, and when last, to the hour.
func (d *Desk) Seen(ctx context.Context, account hearkeep.AccountID, from From) error {
	now := time.Now()
	var uses []placeUse
	for _, place := range from.places() {
		if use := (placeUse{account, place}); !account.IsZero() && d.watching.writes(use, now) {
			uses = append(uses, use)
		}
	}
	if len(uses) == 0 {
		return nil
	}
	at := now.UTC().Truncate(placesEvery)
	err := d.Store.Update(ctx, func(tx *store.Tx) error {
		for _, use := range uses {
			_, err := tx.Incidents.SawPlace(ctx, store.Place{Account: account, Mark: seal.PlaceMark(d.House, account, use.place), First: at, Last: at})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		for _, use := range uses {
			d.watching.forget(use)
		}
		return fmt.Errorf("incident: note a place of account %s: %w", account, err)
	}
	return nil
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

// Fetched reports an archive that was fetched where its account is not at home:
// neither its network nor the browser was used by it for Thresholds.NewPlace.
// Less does not count: whoever came there with a stolen session or passphrase
// has just made both known. Somebody who is used nowhere for longer has no
// place that could be new. Of a fetch by a one-time code, which is no sign-in,
// the browser says nothing: From has none.
func (d *Desk) Fetched(ctx context.Context, account hearkeep.AccountID, archive hearkeep.ArchiveID, from From) error {
	if account.IsZero() || from.Network == "" {
		return nil
	}
	now := time.Now()
	known, err := d.known(ctx, account, from, now)
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

// known reports whether an account is used for a while from a network, or in a
// browser; or nowhere at all.
func (d *Desk) known(ctx context.Context, account hearkeep.AccountID, from From, now time.Time) (known bool, err error) {
	var places []store.Place
	err = d.Store.View(ctx, func(tx *store.Tx) (err error) {
		places, err = tx.Incidents.Places(ctx, account)
		return err
	})
	if err != nil {
		return false, err
	}
	marks := map[[32]byte]bool{}
	for _, place := range from.places() {
		marks[seal.PlaceMark(d.House, account, place)] = true
	}
	settled := false
	for _, p := range places {
		if now.Sub(p.First) < d.thresholds().NewPlace {
			continue
		}
		settled = true
		if marks[p.Mark] {
			return true, nil
		}
	}
	return !settled, nil
}
