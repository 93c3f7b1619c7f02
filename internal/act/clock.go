package act

import (
	"strconv"
	"strings"
	"time"
)

// A wall time is what the clock on the wall shows, kept as a time.Time in UTC
// whose fields are those of the clock.

// instant is when a clock in a location shows a wall time. A time that the
// clocks skip stands for the moment they skip it; of a time that they show
// twice, the first one counts. So an alarm rings once, and never late.
func instant(wall time.Time, in *time.Location) time.Time {
	var first time.Time
	var before time.Time // by the offset in force a day earlier
	for i, probe := range []time.Time{wall.Add(-24 * time.Hour), wall.Add(24 * time.Hour)} {
		_, offset := probe.In(in).Zone()
		t := wall.Add(-time.Duration(offset) * time.Second)
		if i == 0 {
			before = t
		}
		if wallOf(t, in).Equal(wall) && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if first.IsZero() {
		start, _ := before.In(in).ZoneBounds() // before lies behind the change
		first = start
	}
	return first.In(in)
}

// wallOf is what a clock in a location shows at t.
func wallOf(t time.Time, in *time.Location) time.Time {
	t = t.In(in)
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// slots are the slots of an order by name.
type slots map[string][]string

func slotsOf(o Order) slots {
	s := slots{}
	for _, slot := range o.Slots {
		s[slot.Name] = append(s[slot.Name], slot.Value.Reveal())
	}
	return s
}

// text is the last value of a slot, "" where there is none.
func (s slots) text(name string) string {
	if v := s[name]; len(v) > 0 {
		return v[len(v)-1]
	}
	return ""
}

// number is a slot's whole number from 0 to 999,999.
func (s slots) number(name string) (int, bool) {
	n, err := strconv.ParseFloat(s.text(name), 64)
	if err != nil || n < 0 || n >= 1e6 || n != float64(int(n)) {
		return 0, false
	}
	return int(n), true
}

// duration adds up hours, minutes and seconds, each of which may be a
// fraction, to whole seconds.
func (s slots) duration(prefix string) time.Duration {
	var d time.Duration
	for unit, size := range map[string]time.Duration{"hours": time.Hour, "minutes": time.Minute, "seconds": time.Second} {
		for _, v := range s[prefix+unit] {
			if n, err := strconv.ParseFloat(v, 64); err == nil && n > 0 && n < 1e6 {
				d += time.Duration(n * float64(size))
			}
		}
	}
	return d.Round(time.Second)
}

// clock is a time of day as it was said: minutes since midnight, and whether
// twelve hours later may be meant as well.
type clock struct {
	minutes int
	open    bool
}

// hasClock reports whether a time of day was said.
func (s slots) hasClock() bool { return s["hour"] != nil || s["noon"] != nil }

// clock reads the slots of a time of day.
func (s slots) clock() (c clock, ok bool) {
	if noon, said := s.number("noon"); said {
		return clock{minutes: noon % 24 * 60}, true
	}
	hour, ok := s.number("hour")
	minute, _ := s.number("minute")
	before, _ := s.number("before")
	if !ok || hour > 23 || minute > 59 || before > 59 {
		return clock{}, false
	}
	open := false
	if hour >= 1 && hour <= 12 {
		switch s.text("part") {
		case "am":
			hour %= 12
		case "pm":
			hour = hour%12 + 12
		case "night": // one at night is after midnight, ten at night before it
			if hour%12 >= 5 {
				hour = hour%12 + 12
			} else {
				hour %= 12
			}
		default:
			hour, open = hour%12, true
		}
	}
	minutes := (hour*60 + minute - before + 24*60) % (24 * 60)
	if open {
		minutes %= 12 * 60
	}
	return clock{minutes, open}, true
}

// choices are the minutes since midnight that c may mean.
func (c clock) choices() []int {
	if c.open {
		return []int{c.minutes, c.minutes + 12*60}
	}
	return []int{c.minutes}
}

// settled picks one half of the day where the hour leaves it open but the
// request does not: waking is for the morning, and on another day the hours
// from five on are the morning's and those before it the afternoon's.
func (c clock) settled(wake, otherDay bool) clock {
	switch hour := c.minutes / 60; {
	case !c.open:
	case wake && hour >= 4:
		c.open = false
	case otherDay && hour >= 5:
		c.open = false
	case otherDay:
		c = clock{minutes: c.minutes + 12*60}
	}
	return c
}

// next is the wall time that was asked for, the first after now, or false
// where it lies behind. Midnight ends the day that is named with it.
func (s slots) next(c clock, now time.Time, in *time.Location) (time.Time, bool) {
	today := wallOf(now, in).Truncate(24 * time.Hour)
	from, days := 0, 2 // today or tomorrow
	day := s.text("day")
	switch day {
	case "":
	case "today":
		days = 1
	case "tomorrow":
		from, days = 1, 1
	default:
		weekday, ok := weekdayOf(day)
		if !ok {
			return time.Time{}, false
		}
		from, days = int(weekday-today.Weekday()+7)%7, 8 // also a week later
	}
	c = c.settled(s.text("wake") != "", day != "" && day != "today")
	if s.text("noon") == "0" && day != "" {
		from++
	}
	var best time.Time
	for n := from; n < from+days; n++ {
		if days == 8 && n != from && n != from+7 {
			continue
		}
		for _, minutes := range c.choices() {
			wall := today.AddDate(0, 0, n).Add(time.Duration(minutes) * time.Minute)
			if instant(wall, in).After(now) && (best.IsZero() || wall.Before(best)) {
				best = wall
			}
		}
	}
	return best, !best.IsZero()
}

// weekdayOf reads the English name of a weekday, in lower case.
func weekdayOf(name string) (time.Weekday, bool) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name == strings.ToLower(d.String()) {
			return d, true
		}
	}
	return 0, false
}
