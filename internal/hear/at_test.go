package hear_test

import (
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
)

// What was said earlier is kept under its own time and by the rule of that
// time: quiet hours held then, whatever the clock says now.
func TestHearAt(t *testing.T) {
	f := newFixture(t)
	quiet := hearkeep.RoomRule{Keep: hearkeep.KeepAll, Quiet: hearkeep.Hours{From: 22 * 60, To: 7 * 60}}
	in, err := f.Keep.Device(t.Context(), f.Terminal(t, f.anna, quiet))
	must(t, err)
	data := voice(t)
	yesterday := time.Now().AddDate(0, 0, -1)
	at := func(hour int) time.Time {
		return time.Date(yesterday.Year(), yesterday.Month(), yesterday.Day(), hour, 5, 0, 0, time.Local)
	}
	var day, night told
	must(t, f.ear.HearAt(t.Context(), in, at(9), data, day.take))
	must(t, f.ear.HearAt(t.Context(), in, at(23), data, night.take))

	item, err := f.Enter(t, f.anna).Read(t.Context(), day.kept)
	if err != nil || !item.Start.Equal(at(9)) {
		t.Errorf("by day: kept at %v, %v; want %v", item.Start, err, at(9))
	}
	if !night.kept.IsZero() || night.answered.Did == "" {
		t.Errorf("at night: kept %v and did %q, want nothing kept and all done", !night.kept.IsZero(), night.answered.Did)
	}
}
