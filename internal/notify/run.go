package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

const (
	workers = 4                // letters under way at one time
	poll    = time.Second      // how often the queue is looked at for what waits, or came from elsewhere
	lease   = 2 * time.Minute  // a letter under way is nobody else's for so long; more than any sending lasts
	grace   = 5 * time.Second  // for letters under way when the program ends
	pause   = 10 * time.Second // after the store failed
	ahead   = 64               // letters looked at in one transaction
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
	s := shift{desk: d, ended: make(chan store.Delivery), rests: map[hearkeep.ChannelID]rest{}}
	sending, breakOff := context.WithCancel(context.WithoutCancel(ctx))
	defer breakOff()
	tick := time.NewTicker(d.poll)
	defer tick.Stop()
	look := true // what a run before left behind
	for ctx.Err() == nil {
		if err := s.turn(ctx, sending, look); err != nil && ctx.Err() == nil {
			d.Log.Error("letters wait: the store failed", "err", err)
			s.rest(ctx, pause)
		}
		look = false
		select {
		case <-ctx.Done():
		case <-d.wake:
			look = true
		case row := <-s.ended:
			s.take(row)
			look = true // there may be more than there were workers
		case <-tick.C:
			look = s.due(ctx)
		}
	}
	s.finish(sending, breakOff)
	return nil
}

// shift is what one call of Run has under way.
type shift struct {
	desk  *Desk
	ended chan store.Delivery // how it went
	busy  int
	done  []store.Delivery // to be noted
	rests map[hearkeep.ChannelID]rest
}

// rest is for how long a channel whose address took no letter is left alone.
type rest struct {
	until time.Time
	times int // in a row
}

func (s *shift) take(row store.Delivery) {
	s.busy--
	s.done = append(s.done, row)
	now := time.Now()
	switch r := s.rests[row.Channel]; {
	case row.State == sent, row.State == failed && row.Account.IsZero(): // a channel of that letter alone
		delete(s.rests, row.Channel)
	case row.State == queued && row.Due.After(now) && !r.until.After(now):
		s.rests[row.Channel] = rest{now.Add(wait(r.times + 1)), r.times + 1}
	}
}

// choose says of due letters which are to be sent now, and which are put off:
// those of channels that rest. Somebody whose own address answers slowly, or
// never, has nobody else's letters wait behind thousands of theirs.
func (s *shift) choose(due []store.Delivery, now time.Time) (mine, off []store.Delivery) {
	for _, row := range due {
		switch until := s.rests[row.Channel].until; {
		case until.After(row.Created.Add(giveUp)):
			row.State, row.Due, row.Sealed = failed, now, nil
			off = append(off, row)
		case until.After(now):
			row.Due = until
			off = append(off, row)
		case len(mine) < workers-s.busy:
			row.Attempts++
			row.Due = now.Add(lease)
			mine = append(mine, row)
		}
	}
	return mine, off
}

// due reports whether anything is, without taking the store's writer.
func (s *shift) due(ctx context.Context) bool {
	if s.busy >= workers {
		return false
	}
	var rows []store.Delivery
	err := s.desk.Store.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = tx.Letters.DueDeliveries(ctx, time.Now(), 1)
		return err
	})
	return err != nil || len(rows) > 0 // turn says what failed
}

// turn notes in one transaction how letters went and which are under way now,
// and then sends those. Two desks on one store never take the same: the
// transaction puts off what it takes by more than sending can last.
func (s *shift) turn(ctx, sending context.Context, look bool) error {
	if len(s.done) == 0 && !look {
		return nil
	}
	for more := true; more && ctx.Err() == nil; {
		var mine, off []store.Delivery
		err := s.desk.Store.Update(ctx, func(tx *store.Tx) error {
			if err := note(ctx, tx, s.done); err != nil || s.busy >= workers {
				return err
			}
			now := time.Now()
			due, err := tx.Letters.DueDeliveries(ctx, now, ahead)
			if err != nil {
				return err
			}
			mine, off = s.choose(due, now)
			return note(ctx, tx, append(slices.Clone(mine), off...))
		})
		if err != nil {
			return fmt.Errorf("notify: take letters: %w", err)
		}
		s.done = nil
		for _, row := range mine {
			s.busy++
			go func() { s.ended <- s.desk.attempt(sending, row) }()
		}
		more = len(off) > 0
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
func (s *shift) rest(ctx context.Context, d time.Duration) {
	over := time.After(d)
	for {
		select {
		case <-ctx.Done():
			return
		case <-over:
			return
		case row := <-s.ended:
			s.take(row)
		}
	}
}

// finish waits for letters under way, breaks off what takes longer than grace,
// and notes how they went.
func (s *shift) finish(ctx context.Context, breakOff func()) {
	timer := time.AfterFunc(grace, breakOff)
	defer timer.Stop()
	for s.busy > 0 {
		s.take(<-s.ended)
	}
	if len(s.done) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := s.desk.Store.Update(ctx, func(tx *store.Tx) error { return note(ctx, tx, s.done) })
	if err != nil {
		s.desk.Log.Error("letters were sent, and this could not be noted: they go out again", "letters", len(s.done), "err", err)
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
	switch l.Kind {
	case Webhook:
		return d.post(ctx, l)
	case Spoken:
		return refusal{why: errors.New("nobody spoke at the door"), forGood: true}
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
