package act

import (
	"context"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
)

func (d *Desk) sayTime(_ context.Context, o Order) (Done, error) {
	return done("told the time", "It is %s.", sayClock(wallOf(o.At, d.Location)))
}

func (d *Desk) sayDate(_ context.Context, o Order) (Done, error) {
	today := wallOf(o.At, d.Location)
	return done("told the date", "It is %s, %s.", today.Weekday(), sayDate(today))
}

func (d *Desk) neverMind(context.Context, Order) (Done, error) {
	return done("did nothing", "All right.")
}

func (d *Desk) sayWhatIDo(context.Context, Order) (Done, error) {
	return done("told what it does", "I set timers and alarms, and tell the time and the date. Say: set a timer for ten minutes; wake me at seven; how long is left; what do you keep of me; delete what I just said.")
}

// stopRinging ends whatever rings for the vault, wherever it was set.
func (d *Desk) stopRinging(ctx context.Context, o Order) (Done, error) {
	found := d.of(o.Vault, o.At, isRinging)
	if len(found) == 0 {
		return declined("Nothing is ringing.")
	}
	if err := d.drop(ctx, found...); err != nil {
		return Done{}, err
	}
	return done("stopped the ringing", "Okay.")
}

// forgetLast erases this binding's last recording, and no other: recognition
// is never sure, so the voice can destroy one thing and not many (V11).
func (d *Desk) forgetLast(ctx context.Context, o Order) (Done, error) {
	if d.Forgetter == nil {
		return declined("I cannot delete recordings from here.")
	}
	receipt, err := d.Forgetter.ForgetLast(ctx, o.Vault, o.Binding)
	switch {
	case err != nil && hearkeep.CodeOf(err) == hearkeep.NotFound:
		return done("found nothing to delete", "I keep nothing that was said here.")
	case err != nil:
		return Done{}, err
	}
	// Its timer's name goes with it, now and not when Run looks next.
	if err := d.Follow(ctx); err != nil {
		d.Log.Error("act: follow erasures", "err", err)
	}
	return done("deleted the last recording", "What you said last is deleted for good. The receipt ends in %s.", spelled(receipt, 4))
}

// spelled parts the last n characters, so that each is spoken by itself.
func spelled(s string, n int) string {
	return strings.Join(strings.Split(s[max(0, len(s)-n):], ""), " ")
}

// whatIsKept counts, and never says what (V11, V14: private answers need a
// screen).
func (d *Desk) whatIsKept(ctx context.Context, o Order) (Done, error) {
	if d.Counter == nil {
		return declined("I cannot count the recordings from here.")
	}
	totals, retention, err := d.Counter.Kept(ctx, o.Vault)
	switch {
	case err != nil:
		return Done{}, err
	case totals.Recordings == 0:
		return done("told what is kept", "I keep nothing in this vault.")
	}
	oldest := wallOf(totals.Oldest, d.Location)
	from := "from " + sayDate(oldest)
	switch now := wallOf(o.At, d.Location); {
	case dayOf(oldest).Equal(dayOf(now)):
		from = "from today"
	case dayOf(oldest).Year() != now.Year():
		from += " " + oldest.Format("2006")
	}
	if totals.Recordings == 1 {
		return done("told what is kept", "I keep one recording in this vault, %s. It is deleted after %s.", from, sayRetention(retention))
	}
	return done("told what is kept", "I keep %s in this vault, the oldest %s. Each is deleted after %s.",
		some(totals.Recordings, "recording"), from, sayRetention(retention))
}

// sayRetention counts in days, or in hours below two days.
func sayRetention(d time.Duration) string {
	if d < 48*time.Hour {
		return some(int(d.Hours()), "hour")
	}
	return some(int(d/(24*time.Hour)), "day")
}
