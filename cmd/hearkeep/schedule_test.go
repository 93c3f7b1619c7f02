package main

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// A clock of an hour is kept to the minute only if what runs each minute does.
func TestTasksRunAtTheirIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		minutes, tens := 0, 0
		s := schedule{log: slog.New(slog.DiscardHandler), tasks: []task{
			{"slow", time.Minute, func(context.Context, time.Time) error { time.Sleep(50 * time.Millisecond); return nil }},
			{"each minute", time.Minute, func(context.Context, time.Time) error { minutes++; return nil }},
			{"each ten", 10 * time.Minute, func(context.Context, time.Time) error { tens++; return nil }},
		}}
		if err := s.run(ctx); err != nil {
			t.Fatal(err)
		}
		if minutes < 59 || minutes > 61 || tens < 6 || tens > 7 {
			t.Errorf("within an hour: got %d runs each minute and %d each ten, want 60 and 6", minutes, tens)
		}
	})
}

// Where the clock jumped, tasks stand still, that is told once, and what cannot
// wait goes on by the time that is counted.
func TestAScheduleStandsStillWhereTheClockJumped(t *testing.T) {
	began := time.Now().Round(0)
	for _, c := range []struct {
		name  string
		by    time.Duration
		ran   int
		told  int
		still int
	}{
		{"not at all", 0, 3, 0, 0},
		{"by summer time", time.Hour, 3, 0, 0},
		{"a day and more", 25 * time.Hour, 0, 1, 3},
		{"back", -25 * time.Hour, 0, 1, 3},
		{"fifty years", 50 * 365 * 24 * time.Hour, 0, 1, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			ran, told, still, fails := 0, 0, 0, c.told
			s := &schedule{
				log: slog.New(slog.DiscardHandler), next: make([]time.Time, 1),
				tasks: []task{{"each minute", time.Minute, func(context.Context, time.Time) error { ran++; return nil }}},
				jumped: func(_ context.Context, now time.Time, by time.Duration) error {
					if fails--; fails >= 0 {
						return errors.New("the database is locked")
					}
					if told++; by != c.by.Abs() {
						t.Errorf("told: got a jump by %s, want %s", by, c.by.Abs())
					}
					return nil
				},
				still: func(_ context.Context, now time.Time) error {
					if still++; now.Before(began) || now.Sub(began) > 4*time.Minute {
						t.Errorf("by the count: got %s, want a few minutes after %s", now, began)
					}
					return nil
				},
			}
			turns := 3 + c.told // telling fails once, and is done again
			for i := range turns {
				counted := began.Add(time.Duration(i) * time.Minute)
				s.turn(t.Context(), counted.Add(c.by), counted)
			}
			if ran != c.ran || told != c.told || still != c.still {
				t.Errorf("got %d runs, told %d times, %d runs by the count; want %d, %d, %d", ran, told, still, c.ran, c.told, c.still)
			}
		})
	}
}
