package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/hearkeep/hearkeep/internal/act"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// task is something that each room with an end offers, and how often it runs.
type task struct {
	name  string
	every time.Duration
	do    func(ctx context.Context, now time.Time) error
}

// schedule runs tasks at start and then at their intervals. Where the clock
// jumped, they stand still until Hearkeep is started anew: retention is not
// carried out on the word of a clock that lies.
type schedule struct {
	log    *slog.Logger
	tasks  []task
	jumped func(ctx context.Context, now time.Time, by time.Duration) error // is told of that once; nil for nobody
	still  func(ctx context.Context, now time.Time) error                   // runs each minute then, on the time that is counted; nil for nothing

	next []time.Time // of tasks
	told bool        // that the clock jumped
}

func (s schedule) run(ctx context.Context) error {
	s.next = make([]time.Time, len(s.tasks))
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	began := time.Now()
	for now := began; ; {
		s.turn(ctx, now.Round(0), began.Round(0).Add(time.Since(began)))
		select {
		case <-ctx.Done():
			return nil
		case now = <-tick.C:
		}
	}
}

// turn does what is due now, as the clock on the wall has it, and as it would
// stand by the one that only counts.
func (s *schedule) turn(ctx context.Context, now, counted time.Time) {
	if by := now.Sub(counted).Abs(); by > maxJump {
		s.stand(ctx, counted, by)
		return
	}
	for i, t := range s.tasks {
		if now.Before(s.next[i]) {
			continue
		}
		s.next[i] = now.Add(t.every - early)
		if err := t.do(ctx, now); err != nil && ctx.Err() == nil {
			s.log.Error("a task failed; it runs again", "task", t.name, "err", err)
		}
	}
}

// stand tells once that the clock jumped, and does what cannot wait.
func (s *schedule) stand(ctx context.Context, counted time.Time, by time.Duration) {
	if !s.told {
		s.log.Error("the clock jumped; nothing expires until Hearkeep is started anew", "by", by)
	}
	if !s.told && s.jumped != nil {
		if err := s.jumped(ctx, counted, by); err != nil {
			s.log.Error("that the clock jumped was not reported", "err", err)
			return
		}
	}
	s.told = true
	if s.still == nil {
		return
	}
	if err := s.still(ctx, counted); err != nil && ctx.Err() == nil {
		s.log.Error("what runs while the clock is not believed failed; it runs again", "err", err)
	}
}

// early is how much before its time a task may run: a tick that comes a moment
// before the minute is over must not put it off to the next one.
const early = 10 * time.Second

// maxJump is how far the clock on the wall may run from the one that only
// counts, before it is not believed: more than summer time or a leap, less
// than any retention.
const maxJump = 24 * time.Hour

// sweep goes through what crashes may have left, a piece at a time.
func sweep(keep *vault.Keep) func(context.Context, time.Time) error {
	return func(ctx context.Context, _ time.Time) error {
		var at vault.SweepCursor
		for {
			done, err := keep.Sweep(ctx, &at, 500)
			if done || err != nil || ctx.Err() != nil {
				return err
			}
		}
	}
}

// bell rings on the terminal that Hearkeep runs in: the one loudspeaker that
// every machine has. What is said about the timer is speech and stays out of
// it; the keep's page shows it.
type bell struct{ out io.Writer }

func (b bell) Ring(_ context.Context, r act.Ringing) {
	verb := "is ringing"
	if r.Missed {
		verb = "was missed"
	}
	fmt.Fprintf(b.out, "\aA %s %s; see your keep's page.\n", r.Kind, verb)
}
