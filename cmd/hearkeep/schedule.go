package main

import (
	"context"
	"fmt"
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
// every machine has. Names of timers are speech and stay out of it.
type bell struct{ console *console }

func newBell(c *console) bell { return bell{c} }

func (b bell) Ring(_ context.Context, r act.Ringing) {
	fmt.Fprintf(b.console.out, "\a%s is ringing; see your keep's page.\n", kindOf(r))
}

func kindOf(r act.Ringing) string {
	if r.Alarm() {
		return "An alarm"
	}
	return "A timer"
}
