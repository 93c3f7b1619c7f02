package act_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/act"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
)

// home is a desk on a real store, whose ringer writes down what rings.
type home struct {
	t       *testing.T
	dir     string
	house   seal.HouseKey
	in      *time.Location
	vault   hearkeep.VaultID
	binding hearkeep.BindingID

	*act.Desk
	store  store.Store
	stop   func()
	forget forgetter
	count  counter

	request requester

	mu   sync.Mutex
	rang []act.Ringing
	over map[hearkeep.TimerID]bool
}

type forgetter struct {
	receipt string
	err     error
	asked   []hearkeep.BindingID
	erase   func()
}

func (f *forgetter) ForgetLast(_ context.Context, _ hearkeep.VaultID, b hearkeep.BindingID) (string, error) {
	f.asked = append(f.asked, b)
	if f.erase != nil {
		f.erase()
	}
	return f.receipt, f.err
}

// requester remembers which requests were spoken.
type requester struct {
	asked []hearkeep.RequestKind
	err   error
}

func (r *requester) Spoken(_ context.Context, _ hearkeep.VaultID, _ hearkeep.BindingID, kind hearkeep.RequestKind) error {
	r.asked = append(r.asked, kind)
	return r.err
}

func (r *requester) Waiting(context.Context, hearkeep.VaultID) (int, error) {
	return len(r.asked), r.err
}

type counter struct {
	totals    store.Totals
	retention time.Duration
}

func (c *counter) Kept(context.Context, hearkeep.VaultID) (store.Totals, time.Duration, error) {
	return c.totals, c.retention, nil
}

// Ring is the home's loudspeaker: it rings until it is stopped.
func (h *home) Ring(ctx context.Context, r act.Ringing) {
	h.mu.Lock()
	h.rang = append(h.rang, r)
	h.mu.Unlock()
	if r.Missed {
		return
	}
	<-ctx.Done()
	h.mu.Lock()
	h.over[r.ID] = true
	h.mu.Unlock()
}

// newHome must be called in a synctest bubble, whose clock begins with the
// year 2000. zone is of the tz database.
func newHome(t *testing.T, zone string) *home {
	t.Helper()
	in, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	h := &home{t: t, dir: t.TempDir(), house: seal.NewHouseKey(), in: in, over: map[hearkeep.TimerID]bool{},
		vault: hearkeep.NewID[hearkeep.VaultID](), binding: hearkeep.NewID[hearkeep.BindingID]()}
	h.start()
	return h
}

// start opens the store and runs the desk, as a starting program does.
func (h *home) start() {
	h.t.Helper()
	s, err := sqlite.Open(context.Background(), h.dir)
	if err != nil {
		h.t.Fatal(err)
	}
	desk, err := act.New(context.Background(), act.Config{Store: s, House: h.house, Location: h.in,
		Forgetter: &h.forget, Counter: &h.count, Requester: &h.request, Ringer: h,
		DoorNumber: func(hearkeep.BindingID) string { return "K7QD-2M9X" }})
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { desk.Run(ctx); close(ended) }()
	h.Desk, h.store = desk, s
	h.stop = func() {
		cancel()
		<-ended
		if err := s.Close(); err != nil {
			h.t.Error(err)
		}
	}
}

// order says an order at the home's binding. Slots are name=value pairs.
func (h *home) order(intent string, slots ...string) act.Done {
	h.t.Helper()
	return h.orderOf(h.vault, hearkeep.RecordingID{}, intent, slots...)
}

func (h *home) orderOf(vault hearkeep.VaultID, recording hearkeep.RecordingID, intent string, slots ...string) act.Done {
	h.t.Helper()
	o := act.Order{Intent: intent, Vault: vault, Binding: h.binding, Recording: recording, At: time.Now()}
	for _, s := range slots {
		name, value, _ := strings.Cut(s, "=")
		o.Slots = append(o.Slots, hearkeep.Slot{Name: name, Spoken: hearkeep.NewWords(value), Value: hearkeep.NewWords(value)})
	}
	d, err := h.Do(context.Background(), o)
	if err != nil {
		h.t.Fatal(err)
	}
	return d
}

// says checks an order's answer, and that it was carried out or was not.
func (h *home) says(ok bool, want, intent string, slots ...string) {
	h.t.Helper()
	d := h.order(intent, slots...)
	if got := d.Answer.Reveal(); got != want || d.OK != ok {
		h.t.Errorf("%s %v: got %q (%v), want %q (%v)", intent, slots, got, d.OK, want, ok)
	}
}

// rings takes what has rung since it was last called.
func (h *home) rings() []act.Ringing {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	rang := h.rang
	h.rang = nil
	return rang
}

func TestTimerRings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, "Europe/Berlin")
		defer func() { h.stop() }()
		h.says(true, "Ten minutes, starting now.", "HassStartTimer", "minutes=10")
		begin := time.Now()
		time.Sleep(10*time.Minute - time.Millisecond)
		if rang := h.rings(); len(rang) != 0 {
			t.Fatalf("rang early: %v", rang)
		}
		time.Sleep(2 * time.Millisecond)
		rang := h.rings()
		if len(rang) != 1 || rang[0].Say.Reveal() != "Your ten minute timer is done." || rang[0].Missed ||
			!rang[0].Due.Equal(begin.Add(10*time.Minute)) || rang[0].Binding != h.binding || rang[0].Vault != h.vault {
			t.Fatalf("got %+v", rang)
		}
		h.says(true, "Your ten minute timer is ringing.", "HassTimerStatus")
		h.says(true, "Okay.", "HearkeepStopRinging")
		synctest.Wait()
		if !h.over[rang[0].ID] {
			t.Error("the sound goes on after it was stopped")
		}
		h.says(false, "Nothing is ringing.", "HearkeepStopRinging")
		h.says(true, "No timer is running.", "HassTimerStatus")
	})
}

func TestRingingEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, "UTC")
		defer func() { h.stop() }()
		h.order("HassStartTimer", "seconds=1")
		time.Sleep(time.Second + act.RingFor - time.Millisecond)
		if p := h.Pending(t.Context(), h.vault); len(p) != 1 || !p[0].Ringing {
			t.Fatalf("got %+v, want one that rings", p)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if p := h.Pending(t.Context(), h.vault); len(p) != 0 || len(h.over) != 1 {
			t.Fatalf("got %+v, %d sounds over", p, len(h.over))
		}
	})
}

// TestConversation goes through what people say of several timers.
func TestConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, "Europe/Berlin")
		defer func() { h.stop() }()
		h.says(false, "For how long? Say, for example: set a timer for ten minutes.", "HassStartTimer")
		h.says(false, "A timer runs for at most seven days.", "HassStartTimer", "hours=200")
		h.says(false, "No timer is running.", "HassCancelTimer")
		h.says(true, "Pasta, ten minutes, starting now.", "HassStartTimer", "minutes=10", "name=pasta")
		time.Sleep(6*time.Minute + 50*time.Second)
		h.says(true, "Your pasta timer has three minutes and ten seconds left.", "HassTimerStatus")
		h.says(true, "Tea, one hour and thirty minutes, starting now.", "HassStartTimer", "hours=1", "minutes=30", "name=tea")
		h.says(false, "Which one: the pasta timer or the tea timer?", "HassCancelTimer")
		h.says(false, "Which one: the pasta timer or the tea timer?", "HassIncreaseTimer", "minutes=5")
		h.says(true, "Your pasta timer now has eight minutes and ten seconds left.", "HassIncreaseTimer", "minutes=5", "name=pasta")
		h.says(false, "There is no egg timer.", "HassIncreaseTimer", "minutes=5", "name=egg")
		h.says(false, "By how much? Say, for example: add five minutes to the timer.", "HassIncreaseTimer", "name=tea")
		h.says(true, "Your tea timer now has one hour left.", "HassDecreaseTimer", "minutes=30", "name=tea")
		h.says(false, "Your pasta timer has only eight minutes and ten seconds left.", "HassDecreaseTimer", "minutes=30", "name=pasta")
		h.says(true, "Your pasta timer is paused with eight minutes and ten seconds left.", "HassPauseTimer", "name=pasta")
		h.says(false, "Your pasta timer is paused already, with eight minutes and ten seconds left.", "HassPauseTimer", "name=pasta")
		time.Sleep(30 * time.Minute)
		h.says(true, "There are two timers: the pasta timer is paused with eight minutes and ten seconds left and the tea timer has thirty minutes left.", "HearkeepListTimers")
		h.says(true, "Your pasta timer goes on, with eight minutes and ten seconds left.", "HassUnpauseTimer", "name=pasta")
		h.says(false, "Your tea timer is not paused.", "HassUnpauseTimer", "name=tea")
		h.says(true, "Your tea timer is cancelled.", "HassCancelTimer", "start_hours=1", "start_minutes=30")
		h.says(true, "Five minutes, starting now.", "HassStartTimer", "minutes=5")
		h.says(true, "Both timers are cancelled.", "HassCancelAllTimers")
		h.says(false, "No timer is running.", "HassCancelAllTimers")
		if rang := h.rings(); len(rang) != 0 {
			t.Errorf("rang: %+v", rang)
		}
		h.says(true, "I set timers and alarms, and tell the time and the date. Say: set a timer for ten minutes; wake me at seven; how long is left; what do you keep of me; delete what I just said.", "HearkeepHelp")
		h.says(true, "All right.", "HassNevermind")
		h.says(false, "I cannot do that yet.", "HassTurnOn")
	})
}

func TestAtMostSoMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, "UTC")
		defer func() { h.stop() }()
		for range act.MaxTimers {
			h.order("HassStartTimer", "hours=1")
		}
		h.says(false, "There are thirty-two timers and alarms already. Cancel one first.", "HassStartTimer", "hours=1")
		h.says(false, "There are thirty-two timers and alarms already. Cancel one first.", "HearkeepSetAlarm", "hour=7")
		other := hearkeep.NewID[hearkeep.VaultID]()
		if d := h.orderOf(other, hearkeep.RecordingID{}, "HassStartTimer", "hours=1"); !d.OK {
			t.Error("one vault's timers use up another's")
		}
	})
}

// TestAnotherVaultSeesNothing is the twin of all that a vault may.
func TestAnotherVaultSeesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, "UTC")
		defer func() { h.stop() }()
		h.order("HassStartTimer", "minutes=10", "name=pasta")
		h.order("HearkeepSetAlarm", "hour=7", "part=am")
		mine := h.Pending(t.Context(), h.vault)
		other := hearkeep.NewID[hearkeep.VaultID]()
		for _, test := range []struct{ intent, slot, want string }{
			{"HassTimerStatus", "name=pasta", "There is no pasta timer."},
			{"HearkeepListTimers", "", "No timer is running."},
			{"HassCancelTimer", "", "No timer is running."},
			{"HassCancelAllTimers", "", "No timer is running."},
			{"HassPauseTimer", "", "No timer is running."},
			{"HassDecreaseTimer", "minutes=1", "No timer is running."},
			{"HearkeepListAlarms", "", "No alarm is set."},
			{"HearkeepCancelAlarm", "all=true", "No alarm is set."},
		} {
			if got := h.orderOf(other, hearkeep.RecordingID{}, test.intent, test.slot).Answer.Reveal(); got != test.want {
				t.Errorf("%s: got %q, want %q", test.intent, got, test.want)
			}
		}
		if p := h.Pending(t.Context(), other); len(p) != 0 {
			t.Errorf("pending: got %v", p)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if got := h.orderOf(other, hearkeep.RecordingID{}, "HearkeepStopRinging").Answer.Reveal(); got != "Nothing is ringing." {
			t.Errorf("got %q", got)
		}
		missing := hearkeep.NewID[hearkeep.TimerID]()
		for name, do := range map[string]func(context.Context, hearkeep.VaultID, hearkeep.TimerID) error{"Cancel": h.Cancel, "Stop": h.Stop} {
			foreign, absent := do(t.Context(), other, mine[0].ID), do(t.Context(), other, missing)
			if hearkeep.CodeOf(foreign) != hearkeep.NotFound || foreign.Error() != absent.Error() {
				t.Errorf("%s: got %v for another's, %v for none's", name, foreign, absent)
			}
		}
		if p := h.Pending(t.Context(), h.vault); len(p) != 2 {
			t.Errorf("the vault's own: got %d, want 2", len(p))
		}
		if err := h.Stop(t.Context(), h.vault, mine[1].ID); hearkeep.CodeOf(err) != hearkeep.NotFound {
			t.Errorf("stopping what does not ring: got %v", err)
		}
		if err := h.Stop(t.Context(), h.vault, mine[0].ID); err != nil {
			t.Error(err)
		}
		if err := h.Cancel(t.Context(), h.vault, mine[1].ID); err != nil {
			t.Error(err)
		}
		if p := h.Pending(t.Context(), h.vault); len(p) != 0 {
			t.Errorf("got %d left", len(p))
		}
		if _, err := h.Do(t.Context(), act.Order{Intent: "HearkeepListTimers"}); err == nil {
			t.Error("an order without a vault was carried out")
		}
	})
}
