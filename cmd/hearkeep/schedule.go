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

// schedule runs tasks at start and then at their intervals.
type schedule struct {
	log    *slog.Logger
	tasks  []task
	jumped func(context.Context, time.Duration) error // is told of a clock that is not believed; nil for nobody
}

func (s schedule) run(ctx context.Context) error {
	next := make([]time.Time, len(s.tasks))
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	began := time.Now()
	for now := began; ; {
		if jumped := clockJump(began, now, time.Since(began)); jumped > maxJump {
			// Retention is not carried out on the word of a clock that lies.
			s.log.Error("the clock jumped; nothing expires until Hearkeep is started anew", "by", jumped)
			now = time.Time{}
			if s.jumped != nil {
				if err := s.jumped(ctx, jumped); err != nil && ctx.Err() == nil {
					s.log.Error("that the clock jumped was not reported", "err", err)
				}
			}
		}
		for i, t := range s.tasks {
			if now.IsZero() || now.Before(next[i]) {
				continue
			}
			next[i] = now.Add(t.every - early)
			if err := t.do(ctx, now); err != nil && ctx.Err() == nil {
				s.log.Error("a task failed; it runs again", "task", t.name, "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case now = <-tick.C:
		}
	}
}

// early is how much before its time a task may run: a tick that comes a moment
// before the minute is over must not put it off to the next one.
const early = 10 * time.Second

// maxJump is how far the clock on the wall may run from the one that only
// counts, before it is not believed: more than summer time or a leap, less
// than any retention.
const maxJump = 24 * time.Hour

// clockJump is how far the wall's time from began to now is from the time
// that was counted.
func clockJump(began, now time.Time, counted time.Duration) time.Duration {
	return (now.Round(0).Sub(began.Round(0)) - counted).Abs()
}

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
