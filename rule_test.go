package hearkeep

import (
	"testing"
	"time"
)

func TestRoomRuleText(t *testing.T) {
	for _, want := range []RoomRule{
		{Keep: KeepAll}, {Keep: KeepWords, Quiet: Hours{22 * 60, 7 * 60}},
		{Keep: KeepNothing, Paused: true}, {Keep: KeepAll, Quiet: Hours{0, 1}, Paused: true},
	} {
		got, err := ParseRoomRule(want.String())
		if err != nil || got != want {
			t.Errorf("%q: got %v, %v", want.String(), got, err)
		}
	}
	for _, bad := range []string{"", "audio", "words ", "words quiet", "words quiet 25:00-07:00", "words quiet 7:00-8:00", "words paused quiet 22:00-07:00", "words quiet 07:00-07:00", "words quiet 22:00-07:00x"} {
		if got, err := ParseRoomRule(bad); err == nil {
			t.Errorf("%q: got %v, want an error", bad, got)
		}
	}
}

func TestQuietHours(t *testing.T) {
	at := func(h, m int) time.Time { return time.Date(2026, 11, 22, h, m, 0, 0, time.UTC) }
	night := RoomRule{Keep: KeepAll, Quiet: Hours{22 * 60, 7 * 60}}
	noon := RoomRule{Keep: KeepAll, Quiet: Hours{12 * 60, 13 * 60}}
	for _, tc := range []struct {
		rule RoomRule
		at   time.Time
		want Keeping
	}{
		{night, at(21, 59), KeepAll}, {night, at(22, 0), KeepNothing}, {night, at(3, 0), KeepNothing}, {night, at(7, 0), KeepAll},
		{noon, at(11, 59), KeepAll}, {noon, at(12, 30), KeepNothing}, {noon, at(13, 0), KeepAll},
		{RoomRule{Keep: KeepAll, Paused: true}, at(12, 0), KeepNothing}, {RoomRule{Keep: KeepWords}, at(0, 0), KeepWords},
	} {
		if got := tc.rule.At(tc.at); got != tc.want {
			t.Errorf("%s at %s: got %s, want %s", tc.rule, tc.at.Format("15:04"), got, tc.want)
		}
	}
}
