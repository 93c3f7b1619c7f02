package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep/internal/store"
)

const (
	workers = 4                // letters under way at one time
	poll    = time.Second      // how often the queue is looked at when nothing was queued here
	lease   = 2 * time.Minute  // a letter under way is nobody else's for so long; more than any sending lasts
	grace   = 5 * time.Second  // for letters under way when the program ends
	pause   = 10 * time.Second // after the store failed
	keepFor = 90 * 24 * time.Hour
)

// giveUp is how long after it was queued a letter is still tried.
const giveUp = 72 * time.Hour

// wait is how long after the n-th attempt the next one comes.
func wait(attempts int) time.Duration {
	waits := []time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour}
	if attempts >= 1 && attempts <= len(waits) {
		return waits[attempts-1]
	}
	return time.Hour
}

// Run sends what is due until ctx ends, and then gives letters under way a few
// seconds. A store that fails is tried again, and keeps letters from going out
// meanwhile: what cannot be noted would be sent twice.
func (d *Desk) Run(ctx context.Context) error {
	r := run{desk: d, ended: make(chan store.Delivery)}
	sending, breakOff := context.WithCancel(context.WithoutCancel(ctx))
	defer breakOff()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	look := true // what a run before left behind
	for ctx.Err() == nil {
		if err := r.turn(ctx, sending, look); err != nil && ctx.Err() == nil {
			d.Log.Error("letters wait: the store failed", "err", err)
			r.rest(ctx, pause)
		}
		look = false
		select {
		case <-ctx.Done():
		case <-d.wake:
			look = true
		case row := <-r.ended:
			r.take(row)
			look = true // there may be more than there were workers
		case <-tick.C:
			look = r.due(ctx)
		}
	}
	r.finish(sending, breakOff)
	return nil
}

// run is what one call of Run has under way.
type run struct {
	desk  *Desk
	ended chan store.Delivery // how it went
	busy  int
	done  []store.Delivery // to be noted
}

func (r *run) take(row store.Delivery) {
	r.busy--
	r.done = append(r.done, row)
}

// due reports whether anything is, without taking the store's writer.
func (r *run) due(ctx context.Context) bool {
	if r.busy >= workers {
		return false
	}
	var rows []store.Delivery
	err := r.desk.Store.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = tx.Letters.DueDeliveries(ctx, time.Now(), 1)
		return err
	})
	return err != nil || len(rows) > 0 // turn says what failed
}

// turn notes in one transaction how letters went and which are under way now,
// and then sends those. Two desks on one store never take the same: the
// transaction puts off what it takes by more than sending can last.
func (r *run) turn(ctx, sending context.Context, look bool) error {
	if len(r.done) == 0 && !look {
		return nil
	}
	var mine []store.Delivery
	err := r.desk.Store.Update(ctx, func(tx *store.Tx) (err error) {
		if err := note(ctx, tx, r.done); err != nil || r.busy >= workers {
			return err
		}
		now := time.Now()
		if mine, err = tx.Letters.DueDeliveries(ctx, now, workers-r.busy); err != nil {
			return err
		}
		for i := range mine {
			mine[i].Attempts++
			mine[i].Due = now.Add(lease)
		}
		return note(ctx, tx, mine)
	})
	if err != nil {
		return fmt.Errorf("notify: take letters: %w", err)
	}
	r.done = nil
	for _, row := range mine {
		r.busy++
		go func() { r.ended <- r.desk.attempt(sending, row) }()
	}
	return nil
}

// note writes how letters stand. One that is gone was erased meanwhile.
func note(ctx context.Context, tx *store.Tx, rows []store.Delivery) error {
	for _, row := range rows {
		if err := tx.Letters.SetDelivery(ctx, row); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return nil
}

// rest waits while letters under way still end.
func (r *run) rest(ctx context.Context, d time.Duration) {
	over := time.After(d)
	for {
		select {
		case <-ctx.Done():
			return
		case <-over:
			return
		case row := <-r.ended:
			r.take(row)
		}
	}
}

// finish waits for letters under way, breaks off what takes longer than grace,
// and notes how they went.
func (r *run) finish(ctx context.Context, breakOff func()) {
	timer := time.AfterFunc(grace, breakOff)
	defer timer.Stop()
	for r.busy > 0 {
		r.take(<-r.ended)
	}
	if len(r.done) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := r.desk.Store.Update(ctx, func(tx *store.Tx) error { return note(ctx, tx, r.done) })
	if err != nil {
		r.desk.Log.Error("letters were sent, and this could not be noted: they go out again", "letters", len(r.done), "err", err)
	}
}

// attempt sends one letter and returns its row as it is to be noted.
func (d *Desk) attempt(ctx context.Context, row store.Delivery) store.Delivery {
	log := d.Log.With("delivery", row.ID, "channel", row.Channel, "topic", row.Topic, "attempt", row.Attempts)
	err := d.send(ctx, row)
	now := time.Now()
	if err == nil {
		log.Info("a letter was sent", "kind", row.Kind)
		row.State, row.Due, row.Sent, row.Sealed = sent, now, now, nil
		return row
	}
	var why refusal
	row.Due = now.Add(wait(row.Attempts))
	switch {
	case ctx.Err() != nil: // the program ends: the next start tries at once
		row.Attempts, row.Due = row.Attempts-1, now
	case errors.As(err, &why) && why.forGood, row.Due.After(row.Created.Add(giveUp)):
		log.Error("a letter was given up", "kind", row.Kind, "err", err)
		row.State, row.Due, row.Sealed = failed, now, nil
	default:
		log.Warn("a letter waits", "kind", row.Kind, "until", row.Due.UTC(), "err", err)
	}
	return row
}

// send opens a letter and gives it to where it goes.
func (d *Desk) send(ctx context.Context, row store.Delivery) error {
	l, err := d.open(row)
	if err != nil {
		return refusal{why: fmt.Errorf("its row was altered or is damaged: %w", err), forGood: true}
	}
	if l.Kind == Webhook {
		return d.post(ctx, l)
	}
	return d.Mail.send(ctx, l)
}

// Expire forgets lines of the delivery log after 90 days. What waits stays.
func (d *Desk) Expire(ctx context.Context, now time.Time) error {
	err := d.Store.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Letters.ExpireDeliveries(ctx, now.Add(-keepFor))
		return err
	})
	if err != nil {
		return fmt.Errorf("notify: expire letters: %w", err)
	}
	return nil
}
