package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// reader is a tab of a headless Chromium in which somebody opens an archive's
// page from a folder. It notes what the page must never do.
type reader struct {
	t      *testing.T
	ctx    context.Context
	mu     sync.Mutex
	faults []string
}

func newReader(t *testing.T) *reader {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true), chromedp.Flag("autoplay-policy", "no-user-gesture-required"))
	deadline, cancelDeadline := context.WithTimeout(t.Context(), 60*time.Second)
	alloc, cancelAlloc := chromedp.NewExecAllocator(deadline, opts...)
	r := &reader{t: t}
	ctx, cancel := chromedp.NewContext(alloc, chromedp.WithListener(r.note))
	r.ctx = ctx
	t.Cleanup(func() {
		cancel()
		cancelAlloc()
		cancelDeadline()
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, f := range r.faults {
			t.Error(f)
		}
	})
	tell(r, network.Enable, network.EnableParams{})
	tell(r, log.Enable, cdp.Empty{})
	tell(r, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	return r
}

func (r *reader) note(ev any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		// Chromium draws its own date picker with data: addresses.
		if u := ev.Request.URL; !strings.HasPrefix(u, "file:///") && !strings.HasPrefix(u, "data:image/") && u != "about:blank" {
			r.faults = append(r.faults, "the page asks "+u)
		}
	case *log.EventEntryAdded:
		r.faults = append(r.faults, fmt.Sprintf("browser log: %s: %s", ev.Entry.Source, ev.Entry.Text))
	case *runtime.EventExceptionThrown:
		r.faults = append(r.faults, "exception: "+ev.ExceptionDetails.Text)
	}
}

// forgive takes back what was noted, where the test spoilt the page itself.
func (r *reader) forgive() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = nil
}

func (r *reader) do(steps ...chromedp.Action[chromedp.Void]) {
	r.t.Helper()
	if err := chromedp.Do(r.ctx, steps...); err != nil {
		r.t.Fatal(err)
	}
}

func tell[P, R any](r *reader, c cdp.Command[P, R], params P) R {
	r.t.Helper()
	out, err := chromedp.Call(r.ctx, c, params)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

func eval[T any](r *reader, expression string) T {
	r.t.Helper()
	v, err := chromedp.Run(r.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		r.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func (r *reader) until(expression string) {
	r.t.Helper()
	for {
		ok, err := chromedp.Run(r.ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		if ok && err == nil {
			return
		}
		if r.ctx.Err() != nil {
			r.t.Fatalf("never held: %s (%v)", expression, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// set gives a control a value, as somebody who types or chooses does.
func (r *reader) set(id, value string) {
	r.t.Helper()
	eval[bool](r, fmt.Sprintf(`(e => { e.value = %q; e.dispatchEvent(new Event("input")); e.dispatchEvent(new Event("change")); return true })(document.getElementById(%q))`, value, id))
}

// shoot saves pictures where HEARKEEP_SCREENSHOTS names a folder.
func (r *reader) shoot(name string) {
	r.t.Helper()
	dir := os.Getenv("HEARKEEP_SCREENSHOTS")
	if dir == "" {
		return
	}
	for _, width := range []int64{390, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			r.do(chromedp.EmulateViewport(width, 900))
			tell(r, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
			png, err := chromedp.Run(r.ctx, chromedp.CaptureScreenshot())
			if err != nil {
				r.t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)), png, 0o600); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	r.do(chromedp.ResetViewport())
}

// speech is a sentence that was really spoken, as FLAC at 16 kHz.
func speech(t testing.TB, sentence string) []byte {
	t.Helper()
	wav, flac := filepath.Join(t.TempDir(), "a.wav"), filepath.Join(t.TempDir(), "a.flac")
	for _, command := range [][]string{{"flite", "-voice", "slt", "-t", sentence, "-o", wav}, {"flac", "--silent", "-o", flac, wav}} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", command[0], err, out)
		}
	}
	b, err := os.ReadFile(flac)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// spokenHome is home with real speech in every recording that keeps sound.
func spokenHome(t testing.TB, n int) (Facts, *spoken) {
	f, c := home(t, n)
	sounds := [][]byte{speech(t, "set a timer"), speech(t, "hello")}
	for i := range c.recordings {
		r := &c.recordings[i]
		r.Waveform = make([]byte, 120)
		for k := range r.Waveform {
			r.Waveform[k] = byte(128 + 120*math.Sin(float64(k*(i+3))/9)*math.Cos(float64(k)/40))
		}
		if r.Sound == nil {
			continue
		}
		s := sounds[i%len(sounds)]
		c.sounds[i] = s
		r.Sound = &Sound{int64(len(s)), crc32.ChecksumIEEE(s), sha256.Sum256(s), "audio/flac"}
	}
	return f, c
}

// unpacked is a bag as its person has it: unpacked by another program. It
// returns its folder.
func unpacked(t testing.TB, f Facts, c Content) string {
	t.Helper()
	b := newBag(t, f, c)
	folder := t.TempDir()
	file := filepath.Join(folder, b.Name())
	if err := os.WriteFile(file, written(t, b, c), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("unzip", "-qq", file, "-d", folder).CombinedOutput(); err != nil {
		t.Fatalf("unzip: %v: %s", err, out)
	}
	return strings.TrimSuffix(file, ".zip")
}

// TestPlayer opens an archive's page in Chromium, from a folder, and uses it.
func TestPlayer(t *testing.T) {
	f, c := spokenHome(t, 620)
	folder := unpacked(t, f, c)
	r := newReader(t)
	r.do(chromedp.Navigate("file://" + folder + "/index.html"))
	r.until(`document.querySelectorAll(".rec").length === 50 && document.querySelectorAll(".rec .said.nothing").length < 10`)
	if got, want := eval[string](r, `document.getElementById("status").textContent`), "620 recordings"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	r.shoot("archive")

	// What was said is text.
	if got := eval[int](r, `document.querySelectorAll("#list img, #list script, #list a[href^=http]").length`); got != 0 {
		t.Errorf("%d elements were made of what was said", got)
	}
	r.until(`[...document.querySelectorAll(".said")].some(e => e.textContent === "</script><script>alert(1)</script>")`)

	// The search reads all of it.
	r.set("q", "zehn MINÜTEN")
	r.until(`document.getElementById("status").textContent === "0 of 620 recordings"`)
	r.set("q", "TIMER for tén")
	r.until(`/^\d+ of 620/.test(document.getElementById("status").textContent) && document.querySelector(".said mark")`)
	said := 0
	for _, rec := range c.recordings {
		if rec.HasWords { // every answer is "A timer for ten minutes."
			said++
		}
	}
	if got, want := eval[string](r, `document.getElementById("status").textContent`), fmt.Sprintf("%d of 620 recordings", said); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	r.set("q", "")
	r.set("order", "old")
	r.set("door", "1")
	r.until(`document.querySelectorAll(".rec").length > 0 && document.getElementById("status").textContent === "155 of 620 recordings"`)
	if got, want := eval[string](r, `document.querySelector(".rec time").textContent`), "01:47:00"; got != want {
		t.Errorf("the oldest is at %s, want %s", got, want)
	}
	r.set("day", "2026-03-30")
	r.until(`document.querySelectorAll(".day").length === 1 && document.querySelector(".day h3").textContent === "Monday, 30 March 2026"`)
	eval[bool](r, `document.getElementById("clear").click() || true`)
	r.until(`document.getElementById("status").textContent === "620 recordings"`)

	// What is not there is told where it would be.
	r.set("order", "old")
	r.until(`document.querySelector(".gap").textContent === "Numbers 3 to 4 of Küche/Kitchen are not here. The table below says why."`)

	// Everything plays, one after the other, by keyboard too.
	eval[bool](r, `(window.played = [], document.getElementById("audio").addEventListener("playing", e => played.push(e.target.currentSrc.split("/").pop())), true)`)
	eval[bool](r, `document.getElementById("all").click() || true`)
	r.until(`window.played.length >= 3`)
	if got, want := eval[string](r, `played[0]`), "2026-03-29_01-30-00_kuche-kitchen_000001.flac"; got != want {
		t.Errorf("played %s first, want %s", got, want)
	}
	r.shoot("archive-playing")
	eval[bool](r, `document.activeElement.blur() || (document.getElementById("audio").loop = true)`) // or it ends as the key is pressed
	r.until(`!document.getElementById("audio").paused`)
	r.do(chromedp.KeyEvent(" "))
	r.until(`document.getElementById("audio").paused && document.getElementById("play").getAttribute("aria-label") === "Play"`)
	eval[bool](r, `!(document.getElementById("audio").loop = false)`)
	before := eval[int](r, `played.length`)
	r.do(chromedp.KeyEvent("j"))
	r.until(fmt.Sprintf(`played.length > %d`, before))
	r.do(chromedp.KeyEvent("/"))
	if got := eval[string](r, `document.activeElement.id`); got != "q" {
		t.Errorf("the slash went to %q", got)
	}
	eval[bool](r, `document.getElementById("audio").pause() || document.querySelector(".rec details summary").click() || true`)
	r.until(`document.querySelector(".rec dl") && document.querySelector(".rec dl").textContent.includes("pocketsphinx en-us")`)
	if got := eval[string](r, `document.getElementById("numbers").textContent`); !strings.Contains(got, "küche kitchen (Living room)3133100003") {
		t.Errorf("the numbers say %s", got)
	}
	r.shoot("archive-details")
	if got := eval[string](r, `[...document.querySelectorAll("button, input, select, a")].filter(e => !e.closest("[hidden]") && !(e.textContent.trim() || e.getAttribute("aria-label") || e.labels && e.labels.length)).map(e => e.outerHTML).join()`); got != "" {
		t.Errorf("controls without a name: %s", got)
	}
	r.do(chromedp.EmulateViewport(360, 800))
	if got := eval[int](r, `document.documentElement.scrollWidth`); got > 360 {
		t.Errorf("the page is %d pixels wide on a phone of 360", got)
	}
}

// TestPlayerOfWhatIsNotWhole: what is missing is said, and the rest plays.
func TestPlayerOfWhatIsNotWhole(t *testing.T) {
	f, c := spokenHome(t, 20)
	folder := unpacked(t, f, c)
	if err := os.Remove(filepath.Join(folder, "data/recordings/2026-03/2026-03-29_01-30-00_kuche-kitchen_000001.flac")); err != nil {
		t.Fatal(err)
	}
	r := newReader(t)
	r.do(chromedp.Navigate("file://" + folder + "/index.html"))
	r.set("order", "old")
	r.until(`document.querySelectorAll(".rec").length === 20`)
	eval[bool](r, `(document.getElementById("go").checked = false, document.querySelector("button.play").click(), true)`)
	r.until(`document.getElementById("now").textContent.includes("cannot be played")`)
	eval[bool](r, `document.querySelectorAll("button.play")[1].click() || true`)
	r.until(`document.getElementById("audio").currentTime > 0 && !document.getElementById("now").textContent.includes("cannot")`)
	if err := os.WriteFile(filepath.Join(folder, "player/00001.js"), bytes.Repeat([]byte(" "), 10), 0o600); err != nil {
		t.Fatal(err)
	}
	r.do(chromedp.Navigate("file://" + folder + "/index.html"))
	r.until(`document.querySelectorAll(".said.bad").length === 20`)
	if err := os.Remove(filepath.Join(folder, "player/index.js")); err != nil {
		t.Fatal(err)
	}
	r.do(chromedp.Navigate("file://" + folder + "/index.html"))
	r.until(`!document.getElementById("unpack").hidden && document.getElementById("main").hidden`)
	r.forgive()
}
