package main

import (
	"context"
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
