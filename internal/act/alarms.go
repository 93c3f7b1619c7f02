package act

import (
	"context"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
)

// wall is the wall time of an alarm.
func (t timer) wall() time.Time {
	wall, _ := time.Parse(wallLayout, t.Wall) // checked when it was opened
	return wall
}

// day is a time on the day that an alarm is said to be on: midnight ends the
// day that is named with it, as "midnight tonight" does.
func (t timer) day() time.Time {
	wall := t.wall()
	if wall.Hour() == 0 && wall.Minute() == 0 {
		return wall.Add(-time.Minute)
	}
	return wall
}

// when is an alarm's time as it is said: "seven thirty in the morning, tomorrow".
func (t timer) when(now time.Time, in *time.Location) string {
	day := sayDay(t.day(), wallOf(now, in))
	if day == "today" && !t.day().Equal(t.wall()) {
		return sayClock(t.wall()) + " tonight"
	}
	return sayClock(t.wall()) + ", " + day
}

func (d *Desk) setAlarm(ctx context.Context, o Order) (Done, error) {
	s := slotsOf(o)
	if !s.hasClock() {
		return declined("For when? Say, for example: set an alarm for seven thirty tomorrow.")
	}
	c, ok := s.clock()
	if !ok {
		return declined("There is no such time of day.")
	}
	wall, ok := s.next(c, o.At, d.Location)
	if !ok {
		return declined("That time has passed.")
	}
	t := timer{id: hearkeep.NewID[hearkeep.TimerID](), vault: o.Vault, recording: o.Recording, saved: saved{
		Binding: o.Binding, Kind: KindAlarm, Name: s.text("name"), Wall: wall.Format(wallLayout),
	}}
	same := d.of(o.Vault, o.At, isAlarm, func(a timer) bool { return a.Wall == t.Wall && a.Name == t.Name && !a.ringing() })
	switch {
	case len(same) > 0:
		return done("set an alarm", "That alarm is set already: %s.", t.when(o.At, d.Location))
	case d.full(o.Vault, o.At):
		return declined("There are %s timers and alarms already. Cancel one first.", say(MaxTimers))
	}
	if err := d.put(ctx, t); err != nil {
		return Done{}, err
	}
	if rings := wallOf(instant(wall, d.Location), d.Location); !rings.Equal(wall) {
		return done("set an alarm", "Your %s is set for %s. The clocks skip that time, so it rings at %s.",
			t.label(), t.when(o.At, d.Location), sayClock(rings))
	}
	return done("set an alarm", "Your %s is set for %s.", t.label(), t.when(o.At, d.Location))
}

// chosen finds the alarms that an order describes by name, day and time.
func (d *Desk) chosen(o Order, s slots) []timer {
	name, day := s.text("name"), s.text("day")
	c, hasClock := s.clock()
	now := wallOf(o.At, d.Location)
	return d.of(o.Vault, o.At, isAlarm, func(t timer) bool {
		wall := t.wall()
		if name != "" && t.Name != name {
			return false
		}
		if hasClock && !slices.Contains(c.choices(), wall.Hour()*60+wall.Minute()) {
			return false
		}
		switch days := int(dayOf(t.day()).Sub(dayOf(now)) / (24 * time.Hour)); day {
		case "":
			return true
		case "today":
			return days == 0
		case "tomorrow":
			return days == 1
		default:
			weekday, ok := weekdayOf(day)
			return ok && t.day().Weekday() == weekday
		}
	})
}

func (d *Desk) cancelAlarm(ctx context.Context, o Order) (Done, error) {
	s := slotsOf(o)
	found := d.chosen(o, s)
	specific := s.text("name") != "" || s.text("day") != "" || s.hasClock()
	switch {
	case len(found) == 0 && specific:
		return declined("There is no such alarm.")
	case len(found) == 0:
		return declined("No alarm is set.")
	case len(found) > 1 && s.text("all") == "":
		var parts []string
		for _, t := range found {
			parts = append(parts, d.described(t, o.At))
		}
		return declined("Which one: %s?", list(parts, "or"))
	}
	if err := d.drop(ctx, found...); err != nil {
		return Done{}, err
	}
	if len(found) > 1 {
		return done("cancelled all alarms", "%s alarms are cancelled.", all(len(found)))
	}
	return done("cancelled an alarm", "Your %s for %s is cancelled.", found[0].label(), found[0].when(o.At, d.Location))
}

// described is an alarm in a list: "the work alarm, six fifteen …".
func (d *Desk) described(t timer, now time.Time) string {
	if t.Name == "" {
		return t.when(now, d.Location)
	}
	return t.Name + ", " + t.when(now, d.Location)
}

func (d *Desk) listAlarms(_ context.Context, o Order) (Done, error) {
	found := d.of(o.Vault, o.At, isAlarm)
	switch len(found) {
	case 0:
		return done("listed alarms", "No alarm is set.")
	case 1:
		return done("listed alarms", "Your %s is set for %s.", found[0].label(), found[0].when(o.At, d.Location))
	}
	var parts []string
	for _, t := range found {
		parts = append(parts, d.described(t, o.At))
	}
	// Each part has a comma of its own, so full stops part them.
	text := ""
	for _, p := range parts {
		text += " " + sentence(p) + "."
	}
	return done("listed alarms", "There are %s.%s", some(len(found), "alarm"), text)
}
