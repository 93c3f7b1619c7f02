package rights

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// One month, by the calendar of the keep's zone (A7).
func TestDue(t *testing.T) {
	for _, test := range []struct {
		name, zone, received, want, extended string
	}{
		{"the same day", "UTC", "2026-11-22T15:00:00Z", "2026-12-22T23:59:59.999Z", "2027-02-22T23:59:59.999Z"},
		{"at the first moment of a day", "UTC", "2026-11-22T00:00:00Z", "2026-12-22T23:59:59.999Z", "2027-02-22T23:59:59.999Z"},
		{"at the last moment of a day", "UTC", "2026-11-22T23:59:59.999Z", "2026-12-22T23:59:59.999Z", "2027-02-22T23:59:59.999Z"},
		{"into a shorter month", "UTC", "2026-01-31T12:00:00Z", "2026-02-28T23:59:59.999Z", "2026-04-30T23:59:59.999Z"},
		{"into a leap year's February", "UTC", "2028-01-31T12:00:00Z", "2028-02-29T23:59:59.999Z", "2028-04-30T23:59:59.999Z"},
		{"from a leap day", "UTC", "2028-02-29T12:00:00Z", "2028-03-29T23:59:59.999Z", "2028-05-29T23:59:59.999Z"},
		{"from the 29th in a common year", "UTC", "2027-01-29T12:00:00Z", "2027-02-28T23:59:59.999Z", "2027-04-29T23:59:59.999Z"},
		{"a century that is none", "UTC", "2100-01-30T12:00:00Z", "2100-02-28T23:59:59.999Z", "2100-04-30T23:59:59.999Z"},
		{"from 30 days to 31", "UTC", "2026-04-30T12:00:00Z", "2026-05-30T23:59:59.999Z", "2026-07-30T23:59:59.999Z"},
		{"over the year", "UTC", "2026-12-31T12:00:00Z", "2027-01-31T23:59:59.999Z", "2027-03-31T23:59:59.999Z"},
		{"extended into February", "UTC", "2026-11-30T12:00:00Z", "2026-12-30T23:59:59.999Z", "2027-02-28T23:59:59.999Z"},
		{"summer time begins between", "Europe/Berlin", "2026-03-15T23:30:00+01:00", "2026-04-15T23:59:59.999+02:00", "2026-06-15T23:59:59.999+02:00"},
		{"summer time ends between", "Europe/Berlin", "2026-10-15T00:30:00+02:00", "2026-11-15T23:59:59.999+01:00", "2027-01-15T23:59:59.999+01:00"},
		{"summer time ends that day", "Europe/Berlin", "2026-09-25T12:00:00+02:00", "2026-10-25T23:59:59.999+01:00", "2026-12-25T23:59:59.999+01:00"},
		{"another day there than in UTC", "Europe/Berlin", "2026-11-22T23:30:00Z", "2026-12-23T23:59:59.999+01:00", "2027-02-23T23:59:59.999+01:00"},
		{"far east", "Pacific/Kiritimati", "2026-01-30T10:00:00Z", "2026-02-28T23:59:59.999+14:00", "2026-04-30T23:59:59.999+14:00"},
		{"far west", "Etc/GMT+12", "2026-02-01T11:59:59Z", "2026-02-28T23:59:59.999-12:00", "2026-04-30T23:59:59.999-12:00"},
		{"a day without midnight", "Asia/Beirut", "2026-02-28T12:00:00+02:00", "2026-03-28T23:59:59.999+02:00", "2026-05-28T23:59:59.999+03:00"},
		{"a day that ends twice", "Asia/Beirut", "2026-09-24T12:00:00+03:00", "2026-10-24T23:59:59.999+02:00", "2026-12-24T23:59:59.999+02:00"},
	} {
		t.Run(test.name, func(t *testing.T) {
			z := zone(t, test.zone)
			received, err := time.Parse(time.RFC3339, test.received)
			if err != nil {
				t.Fatal(err)
			}
			if got := due(received, z).In(z).Format("2006-01-02T15:04:05.999Z07:00"); got != test.want {
				t.Errorf("got due %s, want %s", got, test.want)
			}
			if got := dueExtended(received, z).In(z).Format("2006-01-02T15:04:05.999Z07:00"); got != test.extended {
				t.Errorf("got extended to %s, want %s", got, test.extended)
			}
		})
	}
}

// Whenever and wherever: at least 28 days on the calendar, the last moment of
// a day, and never later than the same day of the next month.
func TestDueInvariants(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Asia/Beirut", "Asia/Kathmandu",
		"Australia/Lord_Howe", "Pacific/Kiritimati", "Etc/GMT+12", "Africa/Cairo", "America/Santiago", "Africa/Casablanca"}
	rapid.Check(t, func(t *rapid.T) {
		z, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		received := time.UnixMilli(rapid.Int64Range(1_760_000_000_000, 3_300_000_000_000).Draw(t, "received")).In(z)
		got := due(received, z).In(z)
		if least := received.AddDate(0, 0, 28); got.Before(least) {
			t.Errorf("received %s: got due %s, want not before %s", received, got, least)
		}
		if date(got.Add(tick).In(z)) <= date(got) {
			t.Errorf("received %s: got due %s, want the last moment of its day", received, got)
		}
		next := time.Date(received.Year(), received.Month()+1, 1, 12, 0, 0, 0, time.UTC)
		switch day := got.Day(); {
		case got.Month() != next.Month() || got.Year() != next.Year():
			t.Errorf("received %s: got due %s, want it in the next month", received, got)
		case day > received.Day():
			t.Errorf("received %s: got due %s, want no later day", received, got)
		case day < received.Day() && got.AddDate(0, 0, 1).Month() == got.Month():
			t.Errorf("received %s: got due %s, want the same day, or the month's last", received, got)
		}
		if later := dueExtended(received, z); !later.After(got.AddDate(0, 0, 55)) {
			t.Errorf("received %s: got extended to %s, want two months after %s", received, later, got)
		}
	})
}
