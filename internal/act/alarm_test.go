package act_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/act"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
	"pgregory.net/rapid"
)

// alarms is a desk without a running clock: what an alarm is set for depends
// on when it is said only.
func alarms(t *testing.T, zone string) (*act.Desk, *time.Location) {
	t.Helper()
	in, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	d, err := act.New(t.Context(), act.Config{Store: s, House: seal.NewHouseKey(), Location: in})
	if err != nil {
		t.Fatal(err)
	}
	return d, in
}

// set sets one alarm in a vault of its own and returns when it will ring.
func set(t *testing.T, d *act.Desk, at time.Time, slots map[string]string) (time.Time, string) {
	t.Helper()
	o := act.Order{Intent: "HearkeepSetAlarm", Vault: hearkeep.NewID[hearkeep.VaultID](), At: at}
	for name, v := range slots {
		o.Slots = append(o.Slots, hearkeep.Slot{Name: name, Value: hearkeep.NewWords(v)})
	}
	done, err := d.Do(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	list := d.Pending(t.Context(), o.Vault)
	if len(list) == 0 {
		return time.Time{}, done.Answer.Reveal()
	}
	return list[0].Due, done.Answer.Reveal()
}

type said = map[string]string

// TestWhichTimeIsMeant: Saturday, 21 November 2026, in Berlin.
func TestWhichTimeIsMeant(t *testing.T) {
	d, in := alarms(t, "Europe/Berlin")
	for _, test := range []struct {
		now   string
		slots said
		want  string // empty: refused
	}{
		{"14:00", said{"hour": "7", "minute": "30"}, "2026-11-21 19:30"},
		{"22:00", said{"hour": "7", "minute": "30"}, "2026-11-22 07:30"},
		{"06:00", said{"hour": "7", "minute": "30"}, "2026-11-21 07:30"},
		{"07:30", said{"hour": "7", "minute": "30"}, "2026-11-21 19:30"},
		{"14:00", said{"hour": "7", "minute": "30", "wake": "true"}, "2026-11-22 07:30"},
		{"14:00", said{"hour": "3", "wake": "true"}, "2026-11-21 15:00"}, // a nap
		{"14:00", said{"hour": "7", "part": "am"}, "2026-11-22 07:00"},
		{"14:00", said{"hour": "7", "part": "pm"}, "2026-11-21 19:00"},
		{"14:00", said{"hour": "11", "part": "night"}, "2026-11-21 23:00"},
		{"14:00", said{"hour": "1", "part": "night"}, "2026-11-22 01:00"},
		{"14:00", said{"hour": "12", "part": "am"}, "2026-11-22 00:00"},
		{"14:00", said{"hour": "12", "part": "pm"}, "2026-11-22 12:00"},
		{"14:00", said{"hour": "21"}, "2026-11-21 21:00"},
		{"22:00", said{"hour": "21"}, "2026-11-22 21:00"},
		{"14:00", said{"hour": "0", "minute": "15"}, "2026-11-22 00:15"},
		{"14:00", said{"hour": "8", "before": "15"}, "2026-11-21 19:45"},
		{"14:00", said{"hour": "1", "before": "15", "part": "pm"}, "2026-11-22 12:45"},
		{"14:00", said{"hour": "7", "day": "tomorrow"}, "2026-11-22 07:00"},
		{"14:00", said{"hour": "3", "day": "tomorrow"}, "2026-11-22 15:00"},
		{"14:00", said{"hour": "12", "day": "tomorrow"}, "2026-11-22 12:00"},
		{"14:00", said{"hour": "3", "day": "today"}, "2026-11-21 15:00"},
		{"14:00", said{"hour": "3", "part": "am", "day": "today"}, ""},
		{"14:00", said{"hour": "9", "day": "monday"}, "2026-11-23 09:00"},
		{"14:00", said{"hour": "9", "day": "saturday"}, "2026-11-28 09:00"},
		{"08:00", said{"hour": "9", "day": "saturday"}, "2026-11-21 09:00"},
		{"14:00", said{"hour": "6", "part": "pm", "day": "saturday"}, "2026-11-21 18:00"},
		{"14:00", said{"noon": "12"}, "2026-11-22 12:00"},
		{"10:00", said{"noon": "12"}, "2026-11-21 12:00"},
		{"10:00", said{"noon": "0"}, "2026-11-22 00:00"},
		{"10:00", said{"noon": "0", "day": "today"}, "2026-11-22 00:00"},
		{"10:00", said{"noon": "0", "day": "tomorrow"}, "2026-11-23 00:00"},
		{"10:00", said{"hour": "24"}, ""},
		{"10:00", said{"hour": "7", "minute": "60"}, ""},
		{"10:00", said{"hour": "seven"}, ""},
		{"10:00", said{}, ""},
	} {
		now, err := time.ParseInLocation("2006-01-02 15:04", "2026-11-21 "+test.now, in)
		if err != nil {
			t.Fatal(err)
		}
		due, answer := set(t, d, now, test.slots)
		got := ""
		if !due.IsZero() {
			got = due.Format("2006-01-02 15:04")
		}
		if got != test.want {
			t.Errorf("at %s, %v: got %q (%q), want %q", test.now, test.slots, got, answer, test.want)
		}
	}
}

// TestClockChanges: the stated rule. A time that the clocks skip rings when
// they skip it; one that they show twice rings the first time.
func TestClockChanges(t *testing.T) {
	desks := map[string]*act.Desk{}
	for _, test := range []struct {
		zone, now  string
		hour, min  string
		want, says string
	}{
		{"Europe/Berlin", "2026-03-28T20:00:00Z", "7", "30", "2026-03-29T05:30:00Z", "Your alarm is set for seven thirty in the morning, tomorrow."},
		{"Europe/Berlin", "2026-03-28T20:00:00Z", "2", "30", "2026-03-29T01:00:00Z", "Your alarm is set for two thirty in the morning, tomorrow. The clocks skip that time, so it rings at three o'clock in the morning."},
		{"Europe/Berlin", "2026-03-28T20:00:00Z", "2", "0", "2026-03-29T01:00:00Z", "Your alarm is set for two o'clock in the morning, tomorrow. The clocks skip that time, so it rings at three o'clock in the morning."},
		{"Europe/Berlin", "2026-03-28T20:00:00Z", "3", "0", "2026-03-29T01:00:00Z", "Your alarm is set for three o'clock in the morning, tomorrow."},
		{"Europe/Berlin", "2026-10-24T20:00:00Z", "7", "30", "2026-10-25T06:30:00Z", "Your alarm is set for seven thirty in the morning, tomorrow."},
		{"Europe/Berlin", "2026-10-24T20:00:00Z", "2", "30", "2026-10-25T00:30:00Z", "Your alarm is set for two thirty in the morning, tomorrow."},
		{"America/New_York", "2026-03-07T20:00:00Z", "2", "30", "2026-03-08T07:00:00Z", "Your alarm is set for two thirty in the morning, tomorrow. The clocks skip that time, so it rings at three o'clock in the morning."},
		{"America/New_York", "2026-03-07T20:00:00Z", "7", "30", "2026-03-08T11:30:00Z", "Your alarm is set for seven thirty in the morning, tomorrow."},
		{"America/New_York", "2026-10-31T20:00:00Z", "1", "30", "2026-11-01T05:30:00Z", "Your alarm is set for one thirty in the morning, tomorrow."},
		{"America/New_York", "2026-10-31T20:00:00Z", "7", "30", "2026-11-01T12:30:00Z", "Your alarm is set for seven thirty in the morning, tomorrow."},
		// Half an hour: at two the clocks go to half past two, and back to half past one.
		{"Australia/Lord_Howe", "2026-10-03T08:00:00Z", "2", "10", "2026-10-03T15:30:00Z", "Your alarm is set for two ten in the morning, tomorrow. The clocks skip that time, so it rings at two thirty in the morning."},
		{"Australia/Lord_Howe", "2026-10-03T08:00:00Z", "7", "30", "2026-10-03T20:30:00Z", "Your alarm is set for seven thirty in the morning, tomorrow."},
		{"Australia/Lord_Howe", "2026-04-04T08:00:00Z", "1", "45", "2026-04-04T14:45:00Z", "Your alarm is set for one forty-five in the morning, tomorrow."},
		{"Australia/Lord_Howe", "2026-04-04T08:00:00Z", "7", "30", "2026-04-04T21:00:00Z", "Your alarm is set for seven thirty in the morning, tomorrow."},
	} {
		if desks[test.zone] == nil {
			desks[test.zone], _ = alarms(t, test.zone)
		}
		now, err := time.Parse(time.RFC3339, test.now)
		if err != nil {
			t.Fatal(err)
		}
		due, answer := set(t, desks[test.zone], now, said{"hour": test.hour, "minute": test.min, "part": "am"})
		if got := due.UTC().Format(time.RFC3339); got != test.want || answer != test.says {
			t.Errorf("%s %s:%s\n got %s %q\nwant %s %q", test.zone, test.hour, test.min, got, answer, test.want, test.says)
		}
	}
}

// TestAlarmKeepsToTheClock: whenever it is set, wherever, an alarm rings when
// the clock on the wall shows its time, unless the clocks skip it; and within
// a day and a clock change.
func TestAlarmKeepsToTheClock(t *testing.T) {
	desks := map[string]*act.Desk{}
	zones := []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "America/Santiago", "UTC"}
	places := map[string]*time.Location{}
	for _, z := range zones {
		desks[z], places[z] = alarms(t, z)
	}
	rapid.Check(t, func(r *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(r, "zone")
		now := time.Unix(rapid.Int64Range(1e9, 2e9).Draw(r, "now"), 0)
		hour, minute := rapid.IntRange(13, 24).Draw(r, "hour")%24, rapid.IntRange(0, 59).Draw(r, "minute")
		due, _ := set(t, desks[zone], now, said{"hour": strconv.Itoa(hour), "minute": strconv.Itoa(minute)})
		local := due.In(places[zone])
		shown := local.Hour() == hour && local.Minute() == minute
		_, before := due.Add(-time.Second).In(places[zone]).Zone()
		_, after := local.Zone()
		if !due.After(now) || due.Sub(now) > 26*time.Hour || !shown && after <= before {
			r.Fatalf("%s: set at %v for %d:%d: got %v", zone, now.In(places[zone]), hour, minute, local)
		}
	})
}

func TestAlarmsAreListedAndCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, "Europe/Berlin") // Saturday, 1 January 2000, one in the morning
		defer func() { h.stop() }()
		h.says(true, "No alarm is set.", "HearkeepListAlarms")
		h.says(true, "Your alarm is set for seven thirty in the morning, today.", "HearkeepSetAlarm", "hour=7", "minute=30", "wake=true")
		h.says(true, "That alarm is set already: seven thirty in the morning, today.", "HearkeepSetAlarm", "hour=7", "minute=30", "part=am")
		h.says(true, "Your alarm is set for seven thirty in the morning, today.", "HearkeepListAlarms")
		h.says(true, "Your work alarm is set for six fifteen in the morning, on Monday.", "HearkeepSetAlarm", "hour=6", "minute=15", "day=monday", "name=work")
		h.says(true, "Your alarm is set for noon, tomorrow.", "HearkeepSetAlarm", "noon=12", "day=tomorrow")
		h.says(true, "There are three alarms. Seven thirty in the morning, today. Noon, tomorrow. Work, six fifteen in the morning, on Monday.", "HearkeepListAlarms")
		h.says(false, "Which one: seven thirty in the morning, today, noon, tomorrow or work, six fifteen in the morning, on Monday?", "HearkeepCancelAlarm")
		h.says(false, "There is no such alarm.", "HearkeepCancelAlarm", "name=school")
		h.says(false, "There is no such alarm.", "HearkeepCancelAlarm", "hour=7", "minute=30", "part=pm")
		h.says(false, "There is no such alarm.", "HearkeepCancelAlarm", "day=friday")
		h.says(true, "Your alarm for noon, tomorrow is cancelled.", "HearkeepCancelAlarm", "day=tomorrow")
		h.says(true, "Your work alarm for six fifteen in the morning, on Monday is cancelled.", "HearkeepCancelAlarm", "name=work")
		h.says(true, "Your alarm for seven thirty in the morning, today is cancelled.", "HearkeepCancelAlarm", "hour=7", "minute=30")
		h.order("HearkeepSetAlarm", "hour=8")
		h.order("HearkeepSetAlarm", "hour=9")
		h.says(true, "Your alarm is set for midnight tonight.", "HearkeepSetAlarm", "noon=0")
		h.says(true, "Your alarm is set for midnight, tomorrow.", "HearkeepSetAlarm", "noon=0", "day=tomorrow")
		h.says(true, "Your alarm for midnight, tomorrow is cancelled.", "HearkeepCancelAlarm", "day=tomorrow")
		h.says(true, "Your alarm for midnight tonight is cancelled.", "HearkeepCancelAlarm", "noon=0")
		h.says(true, "Both alarms are cancelled.", "HearkeepCancelAlarm", "all=true")
		h.says(false, "No alarm is set.", "HearkeepCancelAlarm")
	})
}

// TestRingsAcrossAClockChange runs through a night in which the clocks change:
// the alarm keeps to the clock, the timer to what has passed.
func TestRingsAcrossAClockChange(t *testing.T) {
	for _, test := range []struct{ zone, evening, alarm, timer string }{
		{"Europe/Berlin", "2000-03-25 22:00:00", "2000-03-26 07:30", "2000-03-26 07:00"},
		{"Europe/Berlin", "2000-10-28 22:00:00", "2000-10-29 07:30", "2000-10-29 05:00"},
		{"America/New_York", "2000-04-01 22:00:00", "2000-04-02 07:30", "2000-04-02 07:00"},
		{"Australia/Lord_Howe", "2000-08-26 22:00:00", "2000-08-27 07:30", "2000-08-27 06:30"},
	} {
		synctest.Test(t, func(t *testing.T) {
			in, _ := time.LoadLocation(test.zone)
			evening, _ := time.ParseInLocation(time.DateTime, test.evening, in)
			time.Sleep(time.Until(evening))
			h := newHome(t, test.zone)
			defer func() { h.stop() }()
			h.order("HearkeepSetAlarm", "hour=7", "minute=30", "wake=true")
			h.order("HassStartTimer", "hours=8")
			time.Sleep(12 * time.Hour)
			got := map[string]string{}
			for _, r := range h.rings() {
				got[string(r.Kind)] = r.Due.In(in).Format("2006-01-02 15:04")
			}
			if diff := cmp.Diff(map[string]string{"alarm": test.alarm, "timer": test.timer}, got); diff != "" {
				t.Errorf("%s (-want +got)\n%s", test.zone, diff)
			}
		})
	}
}
