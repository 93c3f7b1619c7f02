package act

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// How often Run looks by itself. Timers are rung to the millisecond; this
// bounds how long a changed system clock may go unnoticed, and an erasure
// after which nobody called Follow.
const lookEvery = 30 * time.Second

// Follower is the name of act's cursor into the erasure journal.
const Follower = "act"

// Run rings what comes due and follows the erasure journal, until ctx ends.
// It returns after everything that sounds has ended. One Run serves a Desk.
func (d *Desk) Run(ctx context.Context) error {
	var sounding sync.WaitGroup
	defer sounding.Wait()
	look := time.NewTimer(0)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
		case <-d.wake:
		}
		if err := d.Follow(ctx); err != nil && ctx.Err() == nil {
			d.Log.Error("act: follow erasures", "err", err)
		}
		next := d.tick(ctx, &sounding)
		look.Reset(max(min(time.Until(next), lookEvery), time.Millisecond))
	}
}

// tick moves on every timer whose time has come and returns when to look
// next.
func (d *Desk) tick(ctx context.Context, sounding *sync.WaitGroup) time.Time {
	now := time.Now()
	next := now.Add(lookEvery)
	d.mu.Lock()
	var due []timer
	for _, t := range d.timers {
		if at, ok := d.acts(t); ok && !at.After(now) {
			due = append(due, t)
		} else if ok && at.Before(next) {
			next = at
		}
	}
	d.mu.Unlock()
	slices.SortFunc(due, func(a, b timer) int { return a.due.Compare(b.due) })
	for _, t := range due {
		if err := d.advance(ctx, t.vault, t.id, now, sounding); err != nil && ctx.Err() == nil {
			d.Log.Error("act: ring", "timer", t.id, "err", err)
		}
	}
	return next
}

// acts is when something happens to t next. d.mu is held.
func (d *Desk) acts(t timer) (time.Time, bool) {
	switch {
	case t.Paused:
		return time.Time{}, false
	case t.Missed:
		return t.due.Add(MissedFor), true
	case t.ringing() && d.stops[t.id] == nil:
		return t.Rings, true // the program was down while it rang
	case t.ringing():
		return t.Rings.Add(RingFor), true
	}
	return t.due, true
}

// advance does what is due for one timer: it rings, is over, or was missed.
func (d *Desk) advance(ctx context.Context, vault hearkeep.VaultID, id hearkeep.TimerID, now time.Time, sounding *sync.WaitGroup) error {
	lock := d.lock(vault)
	lock.Lock()
	defer lock.Unlock()
	d.mu.Lock()
	t, ok := d.timers[id]
	at, acts := d.acts(t)
	d.mu.Unlock()
	if !ok || !acts || at.After(now) {
		return nil // changed meanwhile
	}
	switch {
	case t.Missed, t.ringing() && !now.Before(t.Rings.Add(RingFor)):
		return d.drop(ctx, t)
	case !t.ringing() && now.Sub(t.due) > MaxLate:
		t.Missed = true
	case !t.ringing():
		t.Rings = now.UTC()
	}
	if err := d.put(ctx, t); err != nil {
		return err
	}
	d.sound(ctx, t, now, sounding)
	return nil
}

// sound lets the Ringer ring until t is stopped or RingFor is over.
func (d *Desk) sound(ctx context.Context, t timer, now time.Time, sounding *sync.WaitGroup) {
	until := now.Add(RingFor)
	if !t.Missed {
		until = t.Rings.Add(RingFor)
	}
	ringing, stop := context.WithDeadline(ctx, until)
	if !t.Missed {
		d.mu.Lock()
		d.stops[t.id] = stop
		d.mu.Unlock()
	}
	if d.Ringer == nil {
		stop()
		return
	}
	r := Ringing{ID: t.id, Vault: t.vault, Binding: t.Binding, Kind: t.Kind, Due: t.due, Missed: t.Missed,
		Say: hearkeep.NewWords(d.announcement(t))}
	sounding.Go(func() {
		defer stop()
		d.Ringer.Ring(ringing, r)
	})
}

// announcement is what is said when t rings.
func (d *Desk) announcement(t timer) string {
	switch {
	case t.Missed && t.Kind == KindAlarm:
		return fmt.Sprintf("I was off and missed your %s for %s.", t.label(), sayClock(t.wall()))
	case t.Missed:
		return fmt.Sprintf("I was off when your %s ended, at %s.", t.label(), sayClock(wallOf(t.due, d.Location)))
	case t.Kind == KindAlarm && t.Name != "":
		return fmt.Sprintf("It is %s. This is your %s.", sayClock(wallOf(t.due, d.Location)), t.label())
	case t.Kind == KindAlarm:
		return fmt.Sprintf("It is %s.", sayClock(wallOf(t.due, d.Location)))
	}
	return fmt.Sprintf("Your %s is done.", t.label())
}

// Follow reads the erasure journal from where it last stopped. A timer whose
// request was erased or has expired, or whose words were, loses its name and
// its link, and runs on: the pasta must not burn because somebody cleaned up.
// The forgetting and the place in the journal are one transaction. Run calls
// it; whoever erases may call it too, so that nothing waits.
func (d *Desk) Follow(ctx context.Context) error {
	d.follow.Lock()
	defer d.follow.Unlock()
	for {
		var erasures []store.Erasure
		err := d.Store.View(ctx, func(tx *store.Tx) error {
			seq, err := tx.Acts.Cursor(ctx, Follower)
			if err != nil {
				return err
			}
			erasures, err = tx.Vaults.ErasuresAfter(ctx, seq, 100)
			return err
		})
		if err != nil {
			return fmt.Errorf("act: read erasures: %w", err)
		}
		for _, e := range erasures {
			if err := d.forget(ctx, e); err != nil {
				return fmt.Errorf("act: erasure %d: %w", e.Seq, err)
			}
		}
		if len(erasures) == 0 {
			return nil
		}
	}
}

// forget applies one erasure.
func (d *Desk) forget(ctx context.Context, e store.Erasure) error {
	lock := d.lock(e.Vault)
	lock.Lock()
	defer lock.Unlock()
	var linked []timer
	if len(e.Parts) == 0 || slices.Contains(e.Parts, hearkeep.PartWords) || slices.Contains(e.Parts, hearkeep.PartTurn) {
		linked = d.of(e.Vault, time.Now(), func(t timer) bool {
			return !t.recording.IsZero() && slices.Contains(e.Recordings, t.recording)
		})
	}
	rows := make([]store.Timer, len(linked))
	for i := range linked {
		linked[i].Name, linked[i].recording = "", hearkeep.RecordingID{}
		var err error
		if rows[i], err = d.seal(linked[i]); err != nil {
			return err
		}
	}
	err := d.Store.Update(ctx, func(tx *store.Tx) error {
		for _, row := range rows {
			if err := tx.Acts.PutTimer(ctx, row); err != nil {
				return err
			}
		}
		return tx.Acts.SetCursor(ctx, Follower, e.Seq)
	})
	if err != nil {
		return err
	}
	for _, t := range linked {
		d.replace(t)
	}
	return nil
}
