package act

import (
	"context"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
)

// label is what a timer is called: "pasta timer", "ten minute timer".
func (t timer) label() string {
	switch {
	case t.Kind == KindAlarm && t.Name != "":
		return t.Name + " alarm"
	case t.Kind == KindAlarm:
		return "alarm"
	case t.Name != "":
		return t.Name + " timer"
	}
	return sayLength(t.Length) + " timer"
}

// full reports whether a vault has as many timers and alarms as it may.
func (d *Desk) full(vault hearkeep.VaultID, now time.Time) bool {
	return len(d.of(vault, now, func(t timer) bool { return !t.Missed })) >= MaxTimers
}

func (d *Desk) startTimer(ctx context.Context, o Order) (Done, error) {
	s := slotsOf(o)
	length := s.duration("")
	switch {
	case length == 0:
		return declined("For how long? Say, for example: set a timer for ten minutes.")
	case length > MaxLength:
		return declined("A timer runs for at most %s.", sayDuration(MaxLength))
	case d.full(o.Vault, o.At):
		return declined("There are %s timers and alarms already. Cancel one first.", say(MaxTimers))
	}
	t := timer{id: hearkeep.NewID[hearkeep.TimerID](), vault: o.Vault, recording: o.Recording, saved: saved{
		Binding: o.Binding, Kind: KindTimer, Name: s.text("name"), Length: length, Due: o.At.Add(length).UTC(),
	}}
	if err := d.put(ctx, t); err != nil {
		return Done{}, err
	}
	if t.Name != "" {
		return done("started a timer", "%s, %s, starting now.", sentence(t.Name), sayDuration(length))
	}
	return done("started a timer", "%s, starting now.", sentence(sayDuration(length)))
}

// pick finds the one timer that an order is about. Where it cannot, it returns
// what to answer: there is none, or which one? Of several that go by the same
// label, the one that is due first is meant once the label was said.
func (d *Desk) pick(o Order, s slots) (timer, string) {
	name, length := s.text("name"), s.duration("start_")
	found := d.of(o.Vault, o.At, isTimer, func(t timer) bool {
		return (name == "" || t.Name == name) && (length == 0 || t.Length == length)
	})
	said := name != "" || length != 0
	switch {
	case len(found) == 0 && name != "":
		return timer{}, "There is no " + name + " timer."
	case len(found) == 0 && length != 0:
		return timer{}, "There is no " + sayLength(length) + " timer."
	case len(found) == 0:
		return timer{}, "No timer is running."
	case len(found) == 1:
		return found[0], ""
	}
	if ringing := slices.DeleteFunc(slices.Clone(found), func(t timer) bool { return !t.ringing() }); len(ringing) == 1 {
		return ringing[0], ""
	}
	var labels []string
	for _, t := range found {
		if l := t.label(); !slices.Contains(labels, l) {
			labels = append(labels, l)
		}
	}
	switch {
	case len(labels) == 1 && said:
		return found[0], ""
	case len(labels) == 1:
		return timer{}, sentence(some(len(found), labels[0])) + " are running. Say that name, and I take the first one due."
	}
	return timer{}, "Which one: the " + list(labels, "or the") + "?"
}

func (d *Desk) increaseTimer(ctx context.Context, o Order) (Done, error) { return d.shift(ctx, o, 1) }
func (d *Desk) decreaseTimer(ctx context.Context, o Order) (Done, error) { return d.shift(ctx, o, -1) }

// shift lengthens or shortens a timer. One that rings starts anew.
func (d *Desk) shift(ctx context.Context, o Order, sign time.Duration) (Done, error) {
	s := slotsOf(o)
	by := s.duration("")
	if by == 0 {
		return declined("By how much? Say, for example: add five minutes to the timer.")
	}
	t, question := d.pick(o, s)
	if question != "" {
		return declined("%s", question)
	}
	left := t.left(o.At) + sign*by
	switch {
	case t.ringing() && sign < 0:
		return declined("Your %s is ringing.", t.label())
	case left <= 0:
		return declined("Your %s has only %s left.", t.label(), sayDuration(t.left(o.At)))
	case left > MaxLength:
		return declined("A timer runs for at most %s.", sayDuration(MaxLength))
	}
	label := t.label()
	if t.Paused {
		t.Left = left
	} else {
		t.Due = o.At.Add(left).UTC()
	}
	if err := d.silence(ctx, &t); err != nil {
		return Done{}, err
	}
	return done("changed a timer", "Your %s now has %s left.", label, sayDuration(left))
}

// silence stores t as not ringing, and stops its sound.
func (d *Desk) silence(ctx context.Context, t *timer) error {
	t.Rings = time.Time{}
	if err := d.put(ctx, *t); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if stop := d.stops[t.id]; stop != nil {
		stop()
		delete(d.stops, t.id)
	}
	return nil
}

func (d *Desk) cancelTimer(ctx context.Context, o Order) (Done, error) {
	t, question := d.pick(o, slotsOf(o))
	if question != "" {
		return declined("%s", question)
	}
	if err := d.drop(ctx, t); err != nil {
		return Done{}, err
	}
	return done("cancelled a timer", "Your %s is cancelled.", t.label())
}

func (d *Desk) cancelAllTimers(ctx context.Context, o Order) (Done, error) {
	found := d.of(o.Vault, o.At, isTimer)
	if len(found) == 0 {
		return declined("No timer is running.")
	}
	if err := d.drop(ctx, found...); err != nil {
		return Done{}, err
	}
	if len(found) == 1 {
		return done("cancelled a timer", "Your %s is cancelled.", found[0].label())
	}
	return done("cancelled all timers", "%s timers are cancelled.", all(len(found)))
}

func (d *Desk) pauseTimer(ctx context.Context, o Order) (Done, error) {
	t, question := d.pick(o, slotsOf(o))
	switch {
	case question != "":
		return declined("%s", question)
	case t.ringing():
		return declined("Your %s is ringing.", t.label())
	case t.Paused:
		return declined("Your %s is paused already, with %s left.", t.label(), sayDuration(t.Left))
	}
	t.Paused, t.Left, t.Due = true, max(t.due.Sub(o.At), time.Second), time.Time{}
	if err := d.put(ctx, t); err != nil {
		return Done{}, err
	}
	return done("paused a timer", "Your %s is paused with %s left.", t.label(), sayDuration(t.Left))
}

func (d *Desk) unpauseTimer(ctx context.Context, o Order) (Done, error) {
	t, question := d.pick(o, slotsOf(o))
	switch {
	case question != "":
		return declined("%s", question)
	case !t.Paused:
		return declined("Your %s is not paused.", t.label())
	}
	t.Due, t.Paused, t.Left = o.At.Add(t.Left).UTC(), false, 0
	if err := d.put(ctx, t); err != nil {
		return Done{}, err
	}
	return done("resumed a timer", "Your %s goes on, with %s left.", t.label(), sayDuration(t.Due.Sub(o.At)))
}

// state is how a timer stands: "has three minutes left".
func (t timer) state(now time.Time) string {
	switch {
	case t.ringing():
		return "is ringing"
	case t.Paused:
		return "is paused with " + sayDuration(t.left(now)) + " left"
	}
	return "has " + sayDuration(t.left(now)) + " left"
}

func (d *Desk) timerStatus(ctx context.Context, o Order) (Done, error) {
	s := slotsOf(o)
	t, question := d.pick(o, s)
	if question != "" {
		if s.text("name") == "" && s.duration("start_") == 0 {
			return d.listTimers(ctx, o) // nothing is changed by saying all
		}
		return declined("%s", question)
	}
	return done("told a timer", "Your %s %s.", t.label(), t.state(o.At))
}

func (d *Desk) listTimers(_ context.Context, o Order) (Done, error) {
	found := d.of(o.Vault, o.At, isTimer)
	switch len(found) {
	case 0:
		return done("listed timers", "No timer is running.")
	case 1:
		return done("listed timers", "Your %s %s.", found[0].label(), found[0].state(o.At))
	}
	var parts []string
	for _, t := range found {
		parts = append(parts, "the "+t.label()+" "+t.state(o.At))
	}
	return done("listed timers", "There are %s: %s.", some(len(found), "timer"), list(parts, "and"))
}
