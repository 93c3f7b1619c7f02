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
	log   *slog.Logger
	tasks []task
}

func (s schedule) run(ctx context.Context) error {
	next := make([]time.Time, len(s.tasks))
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for now := time.Now(); ; {
		for i, t := range s.tasks {
			if now.Before(next[i]) {
				continue
			}
			next[i] = now.Add(t.every)
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
