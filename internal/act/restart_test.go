package act_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/act"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

func TestTimersSurviveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, "Europe/Berlin")
		defer func() { h.stop() }()
		h.order("HassStartTimer", "hours=1", "name=bread")
		h.order("HassStartTimer", "minutes=30", "name=soup")
		h.order("HassPauseTimer", "name=soup")
		h.order("HearkeepSetAlarm", "hour=7", "part=am", "name=work")
		time.Sleep(20 * time.Minute)
		before := h.Pending(t.Context(), h.vault)
		h.stop()
		time.Sleep(20 * time.Minute)
		h.start()
		after := h.Pending(t.Context(), h.vault)
		if len(before) != 3 || len(after) != 3 {
			t.Fatalf("got %d before, %d after, want 3", len(before), len(after))
		}
		h.says(true, "Your bread timer has twenty minutes left.", "HassTimerStatus", "name=bread")
		h.says(true, "Your soup timer is paused with thirty minutes left.", "HassTimerStatus", "name=soup")
		h.says(true, "Your work alarm is set for seven o'clock in the morning, today.", "HearkeepListAlarms")
		time.Sleep(20*time.Minute + time.Millisecond)
		if rang := h.rings(); len(rang) != 1 || rang[0].Say.Reveal() != "Your bread timer is done." {
			t.Fatalf("got %+v", rang)
		}
		// What rings when the program stops rings on when it starts.
		h.stop()
		time.Sleep(time.Minute)
		h.start()
		if rang := h.rings(); len(rang) != 1 || rang[0].Missed {
			t.Fatalf("after a restart: got %+v", rang)
		}
		h.says(true, "Okay.", "HearkeepStopRinging")
		h.stop()
		h.start()
		if rang := h.rings(); len(rang) != 0 {
			t.Errorf("stopped, and yet rang: %+v", rang)
		}
	})
}

// TestLateAndMissed: what came due while the program was down rings if it is
// at most MaxLate late, and else is reported once and listed for a day.
func TestLateAndMissed(t *testing.T) {
	for _, test := range []struct {
		down   time.Duration
		missed bool
		says   string
	}{
		{10*time.Minute + act.MaxLate, false, "Your ten minute timer is done."},
		{11*time.Minute + act.MaxLate, true, "I was off when your ten minute timer ended, at one ten in the morning."},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := newHome(t, "Europe/Berlin")
			defer func() { h.stop() }()
			h.order("HassStartTimer", "minutes=10")
			h.stop()
			time.Sleep(test.down)
			h.start()
			rang := h.rings()
			if len(rang) != 1 || rang[0].Missed != test.missed || rang[0].Say.Reveal() != test.says {
				t.Fatalf("down for %v: got %+v", test.down, rang)
			}
			if !test.missed {
				return
			}
			h.says(true, "No timer is running.", "HearkeepListTimers")
			if p := h.Pending(t.Context(), h.vault); len(p) != 1 || !p[0].Missed || p[0].Ringing {
				t.Errorf("got %+v, want one that was missed", p)
			}
			h.stop()
			h.start()
			if again := h.rings(); len(again) != 0 {
				t.Errorf("reported twice: %+v", again)
			}
			time.Sleep(act.MissedFor)
			if p := h.Pending(t.Context(), h.vault); len(p) != 0 {
				t.Errorf("still listed a day later: %+v", p)
			}
		})
	}
}

// erase writes a row of the erasure journal, as room vault does.
func (h *home) erase(e store.Erasure) {
	h.t.Helper()
	e.Receipt, e.At = hearkeep.NewID[hearkeep.ReceiptID](), time.Now()
	if e.Vault.IsZero() {
		e.Vault = h.vault
	}
	err := h.store.Update(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Vaults.InsertErasure(context.Background(), e)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// TestErasedRequestIsForgotten: the timer runs on without its name and link.
// What another erasure is about keeps both.
func TestErasedRequestIsForgotten(t *testing.T) {
	erased := hearkeep.NewID[hearkeep.RecordingID]()
	for name, test := range map[string]struct {
		erasure store.Erasure
		forgets bool
	}{
		"erased":          {store.Erasure{Outcome: hearkeep.OutcomeErased}, true},
		"expired":         {store.Erasure{Outcome: hearkeep.OutcomeExpired}, true},
		"words expired":   {store.Erasure{Outcome: hearkeep.OutcomeExpired, Parts: []hearkeep.Part{hearkeep.PartWords}}, true},
		"turn expired":    {store.Erasure{Outcome: hearkeep.OutcomeExpired, Parts: []hearkeep.Part{hearkeep.PartTurn}}, true},
		"audio expired":   {store.Erasure{Outcome: hearkeep.OutcomeExpired, Parts: []hearkeep.Part{hearkeep.PartAudio, hearkeep.PartWaveform}}, false},
		"another vault":   {store.Erasure{Outcome: hearkeep.OutcomeErased, Vault: hearkeep.NewID[hearkeep.VaultID]()}, false},
		"other recording": {store.Erasure{Outcome: hearkeep.OutcomeErased, Recordings: []hearkeep.RecordingID{hearkeep.NewID[hearkeep.RecordingID]()}}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := newHome(t, "UTC")
			defer func() { h.stop() }()
			h.orderOf(h.vault, erased, "HassStartTimer", "minutes=10", "name=pasta")
			h.order("HassStartTimer", "minutes=20", "name=tea")
			e := test.erasure
			if e.Recordings == nil {
				e.Recordings = []hearkeep.RecordingID{erased}
			}
			h.erase(e)
			time.Sleep(time.Minute)
			h.stop()
			h.start() // what was forgotten stays so
			want := "Your pasta timer is done."
			if test.forgets {
				want = "Your ten minute timer is done."
			}
			for _, row := range h.rows() {
				if linked := row.Recording == erased; linked && test.forgets {
					t.Errorf("%s: the link is kept", name)
				}
			}
			h.says(true, "Your tea timer has nineteen minutes left.", "HassTimerStatus", "name=tea")
			time.Sleep(9*time.Minute + time.Second)
			if rang := h.rings(); len(rang) != 1 || rang[0].Say.Reveal() != want {
				t.Errorf("%s: got %+v, want %q", name, rang, want)
			}
		})
	}
}

// rows reads the timers as they are stored.
func (h *home) rows() (rows []store.Timer) {
	h.t.Helper()
	err := h.store.View(context.Background(), func(tx *store.Tx) (err error) {
		rows, err = tx.Acts.Timers(context.Background())
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return rows
}

// TestStoredTimersSayNothing: a stolen store holds no name, and a row that was
// given to another vault, or sealed by another house, rings for nobody.
func TestStoredTimersSayNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, "UTC")
		defer func() { h.stop() }()
		h.order("HassStartTimer", "minutes=10", "name=zucchini-canary")
		row := h.rows()[0]
		thief := hearkeep.NewID[hearkeep.VaultID]()
		moved := row
		moved.Vault = thief
		if err := h.store.Update(t.Context(), func(tx *store.Tx) error { return tx.Acts.PutTimer(t.Context(), moved) }); err != nil {
			t.Fatal(err)
		}
		h.stop()
		files, _ := filepath.Glob(filepath.Join(h.dir, "*"))
		found := false
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err == nil && strings.Contains(string(data), "zucchini") {
				t.Errorf("%s holds the name", filepath.Base(f))
			}
			found = found || strings.Contains(string(data), string(row.ID[:]))
		}
		if !found {
			t.Error("no file holds the row: the search proves nothing")
		}
		h.start()
		if p := h.Pending(t.Context(), thief); len(p) != 0 {
			t.Errorf("a moved row shows to the other vault: %+v", p)
		}
		h.stop()
		h.house = seal.NewHouseKey()
		h.start()
		time.Sleep(time.Hour)
		if rang := h.rings(); len(rang) != 0 {
			t.Errorf("rang under another house key: %+v", rang)
		}
		if len(h.rows()) != 1 {
			t.Error("the row that does not open is gone")
		}
	})
}

func TestPrivacyByVoice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, "Europe/Berlin")
		defer func() { h.stop() }()
		recording := hearkeep.NewID[hearkeep.RecordingID]()
		h.orderOf(h.vault, recording, "HassStartTimer", "minutes=10", "name=pasta")
		h.forget.receipt = "00ff00ff00ff00ff00ff00ff00ff47f2"
		h.forget.erase = func() {
			h.erase(store.Erasure{Outcome: hearkeep.OutcomeErased, Recordings: []hearkeep.RecordingID{recording}})
			h.Follow(context.Background()) // whoever erases may do so
		}
		h.says(true, "What you said last is deleted for good. The receipt ends in 4 7 f 2.", "HearkeepForgetLast")
		if len(h.forget.asked) != 1 || h.forget.asked[0] != h.binding {
			t.Errorf("asked for %v, want this binding only", h.forget.asked)
		}
		h.says(true, "Your ten minute timer has ten minutes left.", "HassTimerStatus") // its name went at once
		h.forget = forgetter{err: hearkeep.Errorf(hearkeep.NotFound, "Nothing is kept.")}
		h.says(true, "I keep nothing that was said here.", "HearkeepForgetLast")
		h.forget = forgetter{err: fmt.Errorf("vault: disk")}
		if _, err := h.Do(t.Context(), act.Order{Intent: "HearkeepForgetLast", Vault: h.vault, Binding: h.binding}); err == nil {
			t.Error("a failed erasure was reported as done")
		}
		h.says(true, "I keep nothing in this vault.", "HearkeepWhatIsKept")
		h.count = counter{store.Totals{Recordings: 42, Oldest: time.Date(1999, 3, 3, 9, 0, 0, 0, time.UTC)}, hearkeep.DefaultRetention}
		h.says(true, "I keep forty-two recordings in this vault, the oldest from the third of March 1999. Each is deleted after ninety days.", "HearkeepWhatIsKept")
		h.count = counter{store.Totals{Recordings: 1, Oldest: time.Now()}, 24 * time.Hour}
		h.says(true, "I keep one recording in this vault, from today. It is deleted after twenty-four hours.", "HearkeepWhatIsKept")
		h.says(true, "No request waits.", "HearkeepRequestStatus")
		h.says(true, "I noted that you want a copy of all that is kept. Sign in to confirm it, and it is yours to fetch there.", "HearkeepRequestCopy")
		h.says(true, "There is a request that waits; sign in to see how it goes.", "HearkeepRequestStatus")
		h.says(true, "I noted that you want what is kept to be deleted. Sign in to confirm it; nothing is deleted before. For the last thing alone, say: delete what I just said.", "HearkeepRequestErasure")
		h.says(true, "I noted that nothing is to be kept of what you say. Sign in to confirm it.", "HearkeepRequestObjection")
		h.says(true, "There are three requests that wait; sign in to see how they go.", "HearkeepRequestStatus")
		h.says(true, "My number is K 7 Q D, 2 M 9 X.", "HearkeepDoorNumber")
		h.request.err = fmt.Errorf("rights: disk")
		for _, intent := range []string{"HearkeepRequestCopy", "HearkeepRequestStatus"} {
			if _, err := h.Do(t.Context(), act.Order{Intent: intent, Vault: h.vault, Binding: h.binding}); err == nil {
				t.Errorf("%s: what failed was reported as done", intent)
			}
		}
		h.says(true, "It is one o'clock in the morning.", "HassGetCurrentTime")
		h.says(true, "It is Saturday, the first of January.", "HassGetCurrentDate")
	})
}

// TestWithoutHelpers: what is not wired is answered, not crashed on.
func TestWithoutHelpers(t *testing.T) {
	d, _ := alarms(t, "UTC")
	vault := hearkeep.NewID[hearkeep.VaultID]()
	for intent, want := range map[string]string{
		"HearkeepForgetLast": "I cannot delete recordings from here.",
		"HearkeepWhatIsKept": "I cannot count the recordings from here.",

		"HearkeepRequestErasure": "I cannot take requests from here.",
		"HearkeepRequestStatus":  "I cannot take requests from here.",
		"HearkeepDoorNumber":     "I have no number.",
		"HearkeepWhoListened":    "I cannot tell that from here.",
		"HearkeepNotMine":        "I cannot take reports from here.",
	} {
		got, err := d.Do(t.Context(), act.Order{Intent: intent, Vault: vault})
		if err != nil || got.OK || got.Answer.Reveal() != want {
			t.Errorf("%s: got %q, %v", intent, got.Answer.Reveal(), err)
		}
	}
}

// TestManyAtOnce: homes do not wait for or mix with each other.
func TestManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, "UTC")
		defer func() { h.stop() }()
		var all sync.WaitGroup
		vaults := make([]hearkeep.VaultID, 20)
		for i := range vaults {
			vaults[i] = hearkeep.NewID[hearkeep.VaultID]()
			all.Go(func() {
				for n := range 5 {
					h.orderOf(vaults[i], hearkeep.RecordingID{}, "HassStartTimer", fmt.Sprintf("seconds=%d", n+1))
				}
			})
		}
		all.Wait()
		time.Sleep(10 * time.Second)
		count := map[hearkeep.VaultID]int{}
		for _, r := range h.rings() {
			count[r.Vault]++
		}
		for _, v := range vaults {
			if count[v] != 5 {
				t.Errorf("got %d rings, want 5", count[v])
			}
		}
	})
}
