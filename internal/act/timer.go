package act

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Kind tells a timer, which counts elapsed time, from an alarm, which keeps
// to the clock on the wall.
type Kind string

// Kinds.
const (
	KindTimer Kind = "timer"
	KindAlarm Kind = "alarm"
)

// timer is a timer or an alarm as the desk works with it. It is a value: what
// changes is written to the store first and then replaces the old one.
type timer struct {
	id        hearkeep.TimerID
	vault     hearkeep.VaultID
	recording hearkeep.RecordingID
	saved
	due time.Time // of a running timer, or of an alarm in the home's location
}

// saved is what is sealed under the house key. Vault stands in it so that a
// row given to another vault is noticed.
type saved struct {
	Vault   hearkeep.VaultID   `json:"vault"`
	Binding hearkeep.BindingID `json:"binding"`
	Kind    Kind               `json:"kind"`
	Name    string             `json:"name,omitempty"`
	Length  time.Duration      `json:"length,omitempty"` // as it was set first
	Due     time.Time          `json:"due,omitzero"`     // of a timer, UTC
	Wall    string             `json:"wall,omitempty"`   // of an alarm: 2006-01-02T15:04, without a zone
	Paused  bool               `json:"paused,omitempty"`
	Left    time.Duration      `json:"left,omitempty"` // while paused
	Rings   time.Time          `json:"rings,omitzero"` // since when it rings, UTC
	Missed  bool               `json:"missed,omitempty"`
}

// wallLayout writes an alarm's time without a zone.
const wallLayout = "2006-01-02T15:04"

// left is how long a timer still runs, rounded to the second that people count.
func (t timer) left(now time.Time) time.Duration {
	if t.Paused {
		return t.Left.Round(time.Second)
	}
	return max(0, t.due.Sub(now)).Round(time.Second)
}

// ringing reports whether its time has come and nobody has stopped it.
func (t timer) ringing() bool { return !t.Rings.IsZero() && !t.Missed }

// seal makes the row of a timer.
func (d *Desk) seal(t timer) (store.Timer, error) {
	t.saved.Vault = t.vault
	plain, err := json.Marshal(t.saved)
	if err != nil {
		return store.Timer{}, err
	}
	sealed, err := seal.SealHouse(d.House, seal.HouseTimer, t.id, plain)
	return store.Timer{ID: t.id, Vault: t.vault, Recording: t.recording, Sealed: sealed}, err
}

// open reads the row of a timer.
func (d *Desk) open(row store.Timer) (timer, error) {
	t := timer{id: row.ID, vault: row.Vault, recording: row.Recording}
	plain, err := seal.OpenHouse(d.House, seal.HouseTimer, row.ID, row.Sealed)
	if err != nil {
		return timer{}, err
	}
	if err := json.Unmarshal(plain, &t.saved); err != nil {
		return timer{}, errors.New("not a timer")
	}
	if t.saved.Vault != row.Vault {
		return timer{}, errors.New("sealed for another vault")
	}
	return d.timed(t)
}

// timed works out when t is due.
func (d *Desk) timed(t timer) (timer, error) {
	t.due = t.Due
	if t.Kind == KindAlarm {
		wall, err := time.Parse(wallLayout, t.Wall)
		if err != nil {
			return timer{}, errors.New("not a time of day")
		}
		t.due = instant(wall, d.Location)
	}
	return t, nil
}

// put stores a timer, new or changed. The vault's lock must be held.
func (d *Desk) put(ctx context.Context, t timer) error {
	t, err := d.timed(t)
	if err != nil {
		return err
	}
	row, err := d.seal(t)
	if err != nil {
		return fmt.Errorf("timer %s: %w", t.id, err)
	}
	err = d.Store.Update(ctx, func(tx *store.Tx) error { return tx.Acts.PutTimer(ctx, row) })
	if err != nil {
		return fmt.Errorf("timer %s: %w", t.id, err)
	}
	d.replace(t)
	return nil
}

// replace makes t what the desk works with.
func (d *Desk) replace(t timer) {
	d.mu.Lock()
	d.timers[t.id] = t
	d.mu.Unlock()
	d.changed()
}

// drop removes timers in one transaction. The vault's lock must be held.
func (d *Desk) drop(ctx context.Context, timers ...timer) error {
	err := d.Store.Update(ctx, func(tx *store.Tx) error {
		for _, t := range timers {
			if err := tx.Acts.DeleteTimer(ctx, t.id); err != nil {
				return fmt.Errorf("timer %s: %w", t.id, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	d.mu.Lock()
	for _, t := range timers {
		delete(d.timers, t.id)
		if stop := d.stops[t.id]; stop != nil {
			stop()
			delete(d.stops, t.id)
		}
	}
	d.mu.Unlock()
	d.changed()
	return nil
}

// changed tells Run to look again.
func (d *Desk) changed() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// of returns a vault's timers that satisfy all conditions: what rings first,
// then what is due first, paused ones by what they have left.
func (d *Desk) of(vault hearkeep.VaultID, now time.Time, conditions ...func(timer) bool) []timer {
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []timer
	for _, t := range d.timers {
		fits := t.vault == vault
		for _, c := range conditions {
			fits = fits && c(t)
		}
		if fits {
			found = append(found, t)
		}
	}
	slices.SortFunc(found, func(a, b timer) int {
		if c := a.left(now) - b.left(now); c != 0 {
			return int(c / time.Second)
		}
		if c := a.due.Compare(b.due); c != 0 {
			return c
		}
		return slices.Compare(a.id[:], b.id[:])
	})
	return found
}

func isTimer(t timer) bool   { return t.Kind == KindTimer && !t.Missed }
func isAlarm(t timer) bool   { return t.Kind == KindAlarm && !t.Missed }
func isRinging(t timer) bool { return t.ringing() }

// Timer is what a person may see of a timer or an alarm of their vault.
type Timer struct {
	ID      hearkeep.TimerID
	Kind    Kind
	Name    hearkeep.Words // empty where it has none, or where it was forgotten
	Due     time.Time      // zero while paused
	Left    time.Duration
	Paused  bool
	Ringing bool
	Missed  bool // its time passed while the program was down
}

// Pending lists a vault's timers and alarms, what is due first first.
func (d *Desk) Pending(_ context.Context, vault hearkeep.VaultID) []Timer {
	now := time.Now()
	var list []Timer
	for _, t := range d.of(vault, now) {
		p := Timer{ID: t.id, Kind: t.Kind, Name: hearkeep.NewWords(t.Name), Due: t.due, Left: t.left(now),
			Paused: t.Paused, Ringing: t.ringing(), Missed: t.Missed}
		if t.Paused {
			p.Due = time.Time{}
		}
		list = append(list, p)
	}
	return list
}

// Cancel removes a timer or alarm of a vault, ringing or not.
func (d *Desk) Cancel(ctx context.Context, vault hearkeep.VaultID, id hearkeep.TimerID) error {
	return d.remove(ctx, vault, id, func(timer) bool { return true })
}

// Stop ends the ringing of one timer or alarm of a vault. One that does not
// ring is not found.
func (d *Desk) Stop(ctx context.Context, vault hearkeep.VaultID, id hearkeep.TimerID) error {
	return d.remove(ctx, vault, id, isRinging)
}

// remove drops one timer. Not there and not yours are one answer.
func (d *Desk) remove(ctx context.Context, vault hearkeep.VaultID, id hearkeep.TimerID, fits func(timer) bool) error {
	lock := d.lock(vault)
	lock.Lock()
	defer lock.Unlock()
	found := d.of(vault, time.Now(), fits, func(t timer) bool { return t.id == id })
	if len(found) == 0 {
		return hearkeep.Errorf(hearkeep.NotFound, "There is no such timer or alarm.")
	}
	if err := d.drop(ctx, found...); err != nil {
		return fmt.Errorf("act: remove: %w", err)
	}
	return nil
}
