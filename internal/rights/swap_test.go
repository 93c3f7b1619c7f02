package rights

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/archive"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// The swap test is the case of 2018, for good: two households ask on one day,
// and somebody with every power of an operator tries to have one's archive
// hold, or open, what the other said.

// household is one of the two: its speech, and what it was given.
type household struct {
	vaulttest.Person
	words   []string // what was said, in words that nobody else says
	sounds  [][]byte // and how it sounded: synthesised speech, as FLAC
	ids     []hearkeep.RecordingID
	request hearkeep.RequestID
	frozen  Open
	got     [][]byte // everything that was handed over to them

	stops []error
}

// swap is the two households, up to a point of their day.
type swap struct {
	*office
	anna, ben *household
}

// stages of the day at which an attack may come.
const (
	afterKept     = "once it is kept"
	afterAsked    = "once both have asked"
	afterPrepared = "once both archives are frozen"
	afterOffered  = "once both codes are sent"
)

const speakEach = 3 // recordings of each

// spoken makes synthesised speech, once for all worlds.
var spoken = sync.OnceValues(func() (clips map[string][]byte, err error) {
	dir, err := os.MkdirTemp("", "spoken")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	clips = map[string][]byte{}
	for _, name := range []string{"anna", "ben"} {
		for i := range speakEach {
			words := fmt.Sprintf("the canary of %s sings number %d", name, i)
			wav := filepath.Join(dir, "speech.wav")
			if out, err := exec.Command("flite", "-voice", "slt", "-t", words, "-o", wav).CombinedOutput(); err != nil {
				return nil, fmt.Errorf("flite: %w: %s", err, out)
			}
			sound, err := exec.Command("flac", "--silent", "--stdout", wav).Output()
			if err != nil {
				return nil, fmt.Errorf("flac: %w", err)
			}
			clips[words] = sound
		}
	}
	return clips, nil
})

func newSwap(t *testing.T) *swap {
	t.Helper()
	w := &swap{office: &office{T: t, home: vaulttest.NewInMemory(t)}}
	w.start()
	w.anna, w.ben = w.moveIn("Anna"), w.moveIn("Ben")
	return w
}

func (w *swap) moveIn(name string) *household {
	w.Helper()
	clips, err := spoken()
	w.must(err)
	h := &household{Person: w.person(name)}
	for i := range speakEach {
		words := fmt.Sprintf("the canary of %s sings number %d", strings.ToLower(name), i)
		r := vault.Taken{
			ID: hearkeep.NewID[hearkeep.RecordingID](), Start: time.Now(), Duration: 2 * time.Second,
			Audio: clips[words], Waveform: []byte{1, 2, 3}, Words: hearkeep.NewWords(words), HasWords: true,
			Turn: hearkeep.Turn{Intent: "HassNevermind", Answer: hearkeep.NewWords("You said " + words)},
		}
		w.must(h.Inbox.Keep(w.Context(), r))
		h.words, h.sounds, h.ids = append(h.words, words), append(h.sounds, clips[words]), append(h.ids, r.ID)
	}
	return h
}

func (w *swap) both() []*household { return []*household{w.anna, w.ben} }

// day goes through the day of both; attack comes at its stage. What fails for
// them is noted, and is no fault of the test.
func (w *swap) day(a attack) {
	w.Helper()
	strike := func(stage string) {
		if a.stage == stage {
			a.do(w)
			if a.restart {
				w.restart()
			}
		}
	}
	strike(afterKept)
	for _, h := range w.both() {
		if r, err := w.desk.Ask(w.Context(), h.Who, hearkeep.RequestAccess, hearkeep.ViaPortal); err != nil {
			h.stops = append(h.stops, err)
		} else {
			h.request = r.ID
			h.got = append(h.got, r.Answer)
		}
	}
	strike(afterAsked)
	for _, h := range w.both() {
		h.frozen = Open{}
		if open, err := w.desk.Prepare(w.Context(), h.Who, h.request); err != nil {
			h.stops = append(h.stops, err)
		} else {
			h.frozen = open
		}
	}
	strike(afterPrepared)
	var sending sync.WaitGroup
	for _, h := range w.both() {
		sending.Go(func() { w.send(h) }) // both at the same time
	}
	sending.Wait()
	var codes [2]string
	for i, h := range w.both() {
		if h.request, codes[i] = w.askAgain(h), ""; h.request.IsZero() {
			continue
		}
		if err := w.desk.Offer(w.Context(), h.Who, h.request); err != nil {
			h.stops = append(h.stops, err)
			continue
		}
		codes[i] = w.codeOf(h)
	}
	strike(afterOffered)
	for i, h := range w.both() {
		w.fetch(h, codes[i])
	}
	if a.thief { // each types the other's code too, and opens what comes with all that they have
		for i, h := range w.both() {
			w.fetch(h, codes[1-i])
		}
	}
}

// askAgain is the request for the sealed archive: the first may be answered.
func (w *swap) askAgain(h *household) hearkeep.RequestID {
	r, err := w.desk.Ask(w.Context(), h.Who, hearkeep.RequestPortability, hearkeep.ViaPortal)
	if err != nil {
		h.stops = append(h.stops, err)
		return hearkeep.RequestID{}
	}
	return r.ID
}

// codeOf is the code of the newest letter to a household, where one was sent.
func (w *swap) codeOf(h *household) string {
	for _, l := range w.letters(h.Person) {
		if _, text, found := strings.Cut(l.Text, "sealed:\n\n"); found {
			code, _, _ := strings.Cut(text, "\n")
			return code
		}
	}
	h.stops = append(h.stops, errors.New("no code came"))
	return ""
}

func (w *swap) send(h *household) {
	if h.frozen.ID.IsZero() {
		return
	}
	var b bytes.Buffer
	if err := w.desk.Send(w.Context(), h.Who, h.frozen.ID, &b, 0, h.frozen.Size); err != nil {
		h.stops = append(h.stops, err)
	}
	h.got = append(h.got, b.Bytes())
}

// fetch redeems a code and keeps the archive, and all that h's kit opens of it.
func (w *swap) fetch(h *household, code string) {
	w.Helper()
	if code == "" {
		return
	}
	ticket, err := w.desk.Redeem(w.Context(), code)
	if err != nil {
		h.stops = append(h.stops, err)
		return
	}
	a, f, err := w.desk.Sealed(w.Context(), ticket)
	if err != nil {
		h.stops = append(h.stops, err)
		return
	}
	var b bytes.Buffer
	if err := w.desk.SendSealed(w.Context(), f, &b, 0, a.Size); err != nil {
		h.stops = append(h.stops, err)
	}
	h.got = append(h.got, b.Bytes(), w.unlocked(h, b.Bytes()))
}

// unlocked is everything that a household's kit opens of a sealed archive.
func (w *swap) unlocked(h *household, file []byte) []byte {
	w.Helper()
	f, err := archive.OpenSealed(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		h.stops = append(h.stops, err)
		return nil
	}
	u, err := f.Unlock(kitOf(w.T, h.Kit))
	if err != nil {
		h.stops = append(h.stops, err)
		return nil
	}
	var out bytes.Buffer
	for i := range u.Count() {
		rec, faults, err := u.Recording(i)
		if err != nil || len(faults) > 0 {
			h.stops = append(h.stops, fmt.Errorf("recording %d: %v: %w", i, faults, err))
			continue
		}
		out.WriteString(rec.Words.Reveal() + "\n")
		sound, err := u.Sound(i)
		if err != nil {
			h.stops = append(h.stops, err)
			continue
		}
		if _, err := io.Copy(&out, io.NewSectionReader(sound, 0, sound.Size())); err != nil {
			h.stops = append(h.stops, err)
		}
	}
	for _, fault := range u.Faults() {
		h.stops = append(h.stops, fmt.Errorf("%v", fault))
	}
	return out.Bytes()
}

// restart is one, with whatever the attack has left in the folder. A keep that
// does not start any more hands nothing over.
func (w *swap) restart() {
	w.Helper()
	w.home.Reopen(w.T)
	w.start()
}

// foreignTo looks for the other's speech in all that a household was given.
func (h *household) foreignTo(other *household) string {
	for _, got := range h.got {
		for i := range other.words {
			if bytes.Contains(got, []byte(other.words[i])) {
				return "the words of another"
			}
			if middle := len(other.sounds[i]) / 2; bytes.Contains(got, other.sounds[i][middle:middle+1000]) {
				return "the sound of another"
			}
		}
	}
	return ""
}

// whole counts what of their own speech a household was given, in words and
// in sound, in the best of all that they were given.
func (h *household) whole() (best int) {
	for _, got := range h.got {
		n := 0
		for i := range h.words {
			if bytes.Contains(got, []byte(h.words[i])) && bytes.Contains(got, h.sounds[i]) {
				n++
			}
		}
		best = max(best, n)
	}
	return best
}

// TestSwap tries every attack, on a keep that runs and on one that is started
// again after it. What each leads to is one of three: the archives are whole,
// they were stopped, or what was done is there to see. Never is the other's
// speech in them.
func TestSwap(t *testing.T) {
	all := attacks()
	if len(all) < 40 {
		t.Fatalf("got %d attacks, want at least 40", len(all))
	}
	for i, a := range all {
		if slices.ContainsFunc(all[:i], func(b attack) bool { return a.name == b.name }) {
			t.Errorf("%q is there twice", a.name)
		}
		for _, restart := range []bool{false, true} {
			if restart && a.live || underRace && (restart || i%3 != 0) { // the race detector has seen the same code then
				continue
			}
			name := a.name
			if a.restart = restart; restart {
				name += ", and a restart"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := newSwap(t)
				w.day(a)
				for _, pair := range [][2]*household{{w.anna, w.ben}, {w.ben, w.anna}} {
					h, other := pair[0], pair[1]
					if found := h.foreignTo(other); found != "" {
						t.Errorf("%s has %s", h.Who.Name(), found)
					}
					t.Logf("%s was given %d of %d; %d failures are told", h.Who.Name(), h.whole(), speakEach, len(h.stops))
					if n := h.whole(); n < speakEach && len(h.stops) == 0 && !w.sees(h) {
						t.Errorf("%s was given %d of %d, and nothing says so", h.Who.Name(), n, speakEach)
					}
				}
			})
		}
	}
}

// sees reports whether something that a household is given or told shows that
// not all is as it was.
func (w *swap) sees(h *household) bool {
	for _, topic := range w.home.Mail.To(h.Who.Account()) {
		if strings.Contains(topic, "missing") {
			return true
		}
	}
	for _, l := range w.letters(h.Person) {
		if strings.Contains(l.Topic, "stopped") {
			return true
		}
	}
	for _, r := range w.reports() {
		if r.Account == h.Who.Account() || r.Vault == h.Vault {
			return true
		}
	}
	return false
}

// Without an attack both are given all that is theirs: the test would say so
// if they were not.
func TestSwapOfNothing(t *testing.T) {
	w := newSwap(t)
	w.day(attack{})
	for _, h := range w.both() {
		if n := h.whole(); n != speakEach || len(h.stops) > 0 || w.sees(h) {
			t.Errorf("%s was given %d of %d: %v", h.Who.Name(), n, speakEach, h.stops)
		}
	}
	w.anna.got = append(w.anna.got, w.ben.sounds[1])
	if w.anna.foreignTo(w.ben) == "" {
		t.Error("the other's speech is not found where it is")
	}
}
