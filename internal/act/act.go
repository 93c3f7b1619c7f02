// Package act does what was asked: timers and alarms, time and date, "delete
// what I just said", "what do you keep of me", "has anybody listened", "this is
// not mine"; and starts the requests that the law gives people, for their
// person to confirm.
//
// It keeps timers and alarms, at most MaxTimers of a vault, so that they
// survive a restart; all that they say (name, time, place) is sealed under
// the house key. It promises that a timer counts elapsed time and an alarm
// keeps to the clock on the wall through every change of the clocks, that no
// order sees or changes another vault's, and that once the recording that set
// one is erased or has expired, its name and its link are forgotten while it
// runs on. It refuses to guess: where several could be meant, it asks.
//
// Works without keeping: a turn of which nothing is kept has no recording to
// link to, and everything else is the same.
package act

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Limits. They are stated to people where they are met.
const (
	MaxTimers = 32                 // timers and alarms of one vault
	MaxLength = 7 * 24 * time.Hour // of a timer
	MaxLate   = 15 * time.Minute   // what came due while the program was down still rings
	RingFor   = 10 * time.Minute   // unattended, then it is over
	MissedFor = 24 * time.Hour     // a missed one is listed so long after its time
)

// Forgetter erases the last recording of a binding at once and for good, and
// returns the number of the receipt. It answers hearkeep.NotFound where
// nothing is kept.
type Forgetter interface {
	ForgetLast(ctx context.Context, vault hearkeep.VaultID, binding hearkeep.BindingID) (receipt string, err error)
}

// Counter counts what a vault keeps, and says how long its longest-kept part
// is kept from now on. It opens nothing.
type Counter interface {
	Kept(ctx context.Context, vault hearkeep.VaultID) (store.Totals, time.Duration, error)
}

// Requester notes that somebody asked, at a door, for what the law gives them:
// the vault's keyholders sign in to confirm it. Waiting counts their requests
// that are not answered yet. It hands nothing over and erases nothing.
type Requester interface {
	Spoken(ctx context.Context, vault hearkeep.VaultID, binding hearkeep.BindingID, kind hearkeep.RequestKind) error
	Waiting(ctx context.Context, vault hearkeep.VaultID) (int, error)
}

// Listener says whether anybody else opened what a vault keeps since a time:
// of a vault that one person holds, anybody but them; of any other, anybody.
// It names nobody.
type Listener interface {
	Listened(ctx context.Context, vault hearkeep.VaultID, since time.Time) (bool, error)
}

// Reporter takes the report that the last thing that was kept of a door is not
// its keeper's. It freezes, erases and reads out nothing.
type Reporter interface {
	NotMine(ctx context.Context, vault hearkeep.VaultID, binding hearkeep.BindingID) error
}

// Ringer makes a sound where a timer was set. Ring is called on a goroutine of
// its own and may ring until ctx is done: when somebody stopped it, when
// RingFor is over, or when the program ends.
type Ringer interface {
	Ring(ctx context.Context, r Ringing)
}

// Ringing is one timer or alarm whose time has come.
type Ringing struct {
	ID      hearkeep.TimerID
	Vault   hearkeep.VaultID
	Binding hearkeep.BindingID // where it was set
	Kind    Kind
	Due     time.Time
	Missed  bool           // its time passed more than MaxLate ago; say so, once
	Say     hearkeep.Words // one sentence
}

// Config is what a Desk works with. Store and House are needed; an order that
// needs another that is not there is answered with a sentence.
type Config struct {
	Store     store.Store
	House     seal.HouseKey
	Location  *time.Location // of the home; nil is UTC
	Forgetter Forgetter
	Counter   Counter
	Requester Requester
	Listener  Listener
	Reporter  Reporter
	Ringer    Ringer
	// DoorNumber is the number by which somebody without an account names a
	// door; nil where doors have none.
	DoorNumber func(hearkeep.BindingID) string
	Log        *slog.Logger // nil logs nowhere
}

// Desk carries out orders. It may be used concurrently.
type Desk struct {
	Config

	// locks serialise what changes the timers of one vault, store included;
	// a vault has one of them. They are taken before mu.
	locks [64]sync.Mutex
	// follow lets one follower of the erasure journal run at a time.
	follow sync.Mutex

	mu     sync.Mutex
	timers map[hearkeep.TimerID]timer
	stops  map[hearkeep.TimerID]context.CancelFunc // of what sounds now
	wake   chan struct{}                           // tells Run that timers changed
}

// New loads the timers. One that does not open under the house key is logged
// by its id, left where it is, and never rings.
func New(ctx context.Context, c Config) (*Desk, error) {
	if c.Store == nil {
		return nil, errors.New("act: no store")
	}
	if c.Location == nil {
		c.Location = time.UTC
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	d := &Desk{Config: c, timers: map[hearkeep.TimerID]timer{},
		stops: map[hearkeep.TimerID]context.CancelFunc{}, wake: make(chan struct{}, 1)}
	var rows []store.Timer
	err := c.Store.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = tx.Acts.Timers(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("act: load timers: %w", err)
	}
	for _, row := range rows {
		t, err := d.open(row)
		if err != nil {
			c.Log.Error("act: a timer does not open", "timer", row.ID, "err", err)
			continue
		}
		d.timers[t.id] = t
	}
	return d, nil
}

// Order is one thing asked for.
type Order struct {
	Intent    string
	Slots     []hearkeep.Slot
	Vault     hearkeep.VaultID
	Binding   hearkeep.BindingID
	Recording hearkeep.RecordingID // zero where none is kept
	At        time.Time            // when it was said; zero is now
}

// Done is what became of an order. Did is for people and holds no words of
// theirs. OK says that it was carried out, or answered; where it was not, the
// answer says why, or asks.
type Done struct {
	Did    string
	Answer hearkeep.Words
	OK     bool
}

// done is an order carried out.
func done(did, format string, args ...any) (Done, error) {
	return Done{did, hearkeep.NewWords(fmt.Sprintf(format, args...)), true}, nil
}

// declined is an order not carried out.
func declined(format string, args ...any) (Done, error) {
	return Done{Answer: hearkeep.NewWords(fmt.Sprintf(format, args...))}, nil
}

// Do carries out one order. An error says that something failed here; what
// cannot be done is an answer, not an error.
func (d *Desk) Do(ctx context.Context, o Order) (Done, error) {
	if o.Vault.IsZero() {
		return Done{}, errors.New("act: an order names no vault")
	}
	if o.At.IsZero() {
		o.At = time.Now()
	}
	do, ok := orders()[o.Intent]
	if !ok {
		return declined("I cannot do that yet.")
	}
	if do.locks {
		lock := d.lock(o.Vault)
		lock.Lock()
		defer lock.Unlock()
	}
	result, err := do.run(d, ctx, o)
	if err != nil {
		return Done{}, fmt.Errorf("act: %s for binding %s: %w", o.Intent, o.Binding, err)
	}
	return result, nil
}

// order is how one intent is carried out.
type order struct {
	run   func(*Desk, context.Context, Order) (Done, error)
	locks bool // works on timers: one at a time of a vault
}

// orders lists every intent that a Desk carries out.
func orders() map[string]order {
	return map[string]order{
		"HassStartTimer":      {(*Desk).startTimer, true},
		"HassIncreaseTimer":   {(*Desk).increaseTimer, true},
		"HassDecreaseTimer":   {(*Desk).decreaseTimer, true},
		"HassCancelTimer":     {(*Desk).cancelTimer, true},
		"HassCancelAllTimers": {(*Desk).cancelAllTimers, true},
		"HassPauseTimer":      {(*Desk).pauseTimer, true},
		"HassUnpauseTimer":    {(*Desk).unpauseTimer, true},
		"HassTimerStatus":     {(*Desk).timerStatus, true},
		"HearkeepListTimers":  {(*Desk).listTimers, true},
		"HearkeepSetAlarm":    {(*Desk).setAlarm, true},
		"HearkeepCancelAlarm": {(*Desk).cancelAlarm, true},
		"HearkeepListAlarms":  {(*Desk).listAlarms, true},
		"HearkeepStopRinging": {(*Desk).stopRinging, true},
		"HassGetCurrentTime":  {(*Desk).sayTime, false},
		"HassGetCurrentDate":  {(*Desk).sayDate, false},
		"HassNevermind":       {(*Desk).neverMind, false},
		"HearkeepHelp":        {(*Desk).sayWhatIDo, false},
		"HearkeepForgetLast":  {(*Desk).forgetLast, false},
		"HearkeepWhatIsKept":  {(*Desk).whatIsKept, false},
		"HearkeepWhoListened": {(*Desk).whoListened, false},
		"HearkeepNotMine":     {(*Desk).notMine, false},

		"HearkeepRequestCopy":      {(*Desk).askCopy, false},
		"HearkeepRequestErasure":   {(*Desk).askErasure, false},
		"HearkeepRequestObjection": {(*Desk).askToStop, false},
		"HearkeepRequestStatus":    {(*Desk).requestStatus, false},
		"HearkeepDoorNumber":       {(*Desk).sayNumber, false},
	}
}

// lock is the lock of a vault.
func (d *Desk) lock(vault hearkeep.VaultID) *sync.Mutex { return &d.locks[vault[0]%64] }
