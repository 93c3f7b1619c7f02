package portal

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/speech"
	"github.com/hearkeep/hearkeep/internal/understand"
)

// TestMain lets the test binary be the speech worker.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "worker" {
		if err := speech.RunWorker(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// realEngine is the worker with Debian's recogniser and voice.
func realEngine(t *testing.T) *speech.Engine {
	t.Helper()
	engine, err := speech.Start(context.Background(), speech.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.Close)
	sentences, err := understand.English()
	if err != nil {
		t.Fatal(err)
	}
	jsgf, words := sentences.Grammar()
	if err := engine.SetGrammar(t.Context(), speech.Grammar{JSGF: jsgf, Words: words}); err != nil {
		t.Fatal(err)
	}
	return engine
}

// spokenFile is a sentence as WAV, spoken by flite, with silence around.
func spokenFile(t *testing.T) string {
	t.Helper()
	spoken, padded := filepath.Join(t.TempDir(), "spoken.wav"), filepath.Join(t.TempDir(), "padded.wav")
	for _, args := range [][]string{
		{"flite", "-voice", "slt", "-t", "set a timer for ten minutes", "-o", spoken},
		{"sox", spoken, "-r", "48000", padded, "pad", "0.4", "40"},
	} {
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", args[0], err, out)
		}
	}
	return padded
}

// signIn gives a tab a person's session.
func (b *browser) signIn(p *person, name string) {
	b.t.Helper()
	b.open("/sign-in")
	b.do(chromedp.SendKeys(chromedp.CSS("#name"), name), chromedp.SendKeys(chromedp.CSS("#passphrase"), passphrase),
		chromedp.Click(chromedp.CSS("button.main")))
	b.until(`location.pathname === "/"`)
}

// state waits for a state of push to talk.
func (b *browser) state(want string) {
	b.t.Helper()
	b.until(`document.querySelector("#talk").dataset.state === "` + want + `"`)
}

// centre is the middle of an element on the screen.
func (b *browser) centre(selector string) (x, y float64) {
	b.t.Helper()
	at := eval[[]float64](b, `(() => { const e = document.querySelector("`+selector+`"); e.scrollIntoView({block: "center"});
		const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()`)
	return at[0], at[1]
}

// pushToTalk says "set a timer for ten minutes" into the microphone of a
// phone: the real recogniser hears it, and the answer is spoken.
func pushToTalk(t *testing.T, c *chromium) {
	h := newHomeHearing(t, realEngine(t))
	anna := h.person("Anna")
	b := c.tab(t, h.server.URL)
	b.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateTouch))
	in, err := anna.room().Browser(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.TakeNotice(t.Context()); err != nil { // the notice is long, and tested elsewhere
		t.Fatal(err)
	}
	b.signIn(anna, "Anna")
	if n := eval[float64](b, `document.querySelector("#talk-button").getBoundingClientRect().bottom`); n > 844 {
		t.Errorf("the button ends %g pixels down, below a phone's first screen", n)
	}
	eval[bool](b, `window.spoken = 0, document.querySelector("#talk-sound").addEventListener("ended", (e) => { if (e.target.duration > 0.5) spoken = e.target.duration; }), true`)
	b.touch("#talk-button") // a tap: it goes on listening
	b.state("listening")
	b.untilLoud()
	if got := eval[string](b, `document.querySelector("#talk-button").getAttribute("aria-pressed") + " " + document.querySelector("#talk-state").textContent`); got != "true Listening" {
		t.Errorf("while it listens it says %q", got)
	}
	b.shoot("talk-1-listening")
	b.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateTouch))
	b.until(`Number(document.querySelector("#talk").dataset.seconds) > 3.2`)
	b.touch("#talk-button")
	b.until(`document.querySelector("#talk-heard").textContent === "“set a timer for ten minutes”"`)
	b.until(`document.querySelector("#talk-answer").textContent.includes("inutes")`)
	b.until(`window.spoken > 0.5`)
	b.state("idle")
	b.until(`document.querySelector("#talk-kept").textContent.startsWith("Kept")`)
	b.until(`document.querySelectorAll("#days li.row").length === 1 && document.querySelector("#days").textContent.includes("Browser")`)
	b.until(`document.querySelectorAll("#timers li").length === 1`)
	b.shoot("talk-2-answered")
	if n := len(h.act.Pending(t.Context(), anna.room().ID())); n != 1 {
		t.Errorf("%d timers wait, want 1", n)
	}
}

// touch taps an element with a finger.
func (b *browser) touch(selector string) {
	b.t.Helper()
	x, y := b.centre(selector)
	down, up := tapTimes()
	send(b, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: input.DispatchTouchEventTypeTouchStart, TouchPoints: []*input.TouchPoint{{X: x, Y: y}}, Timestamp: down})
	send(b, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: input.DispatchTouchEventTypeTouchEnd, TouchPoints: []*input.TouchPoint{}, Timestamp: up})
}

// tapTimes are when a tap begins and ends, however slow the machine is.
func tapTimes() (down, up input.TimeSinceEpoch) {
	now := input.TimeSinceEpoch(float64(time.Now().UnixMilli()) / 1000)
	return now, now + 0.05
}

// untilLoud waits until the meter shows that something is heard.
func (b *browser) untilLoud() {
	b.t.Helper()
	b.until(`Number(document.querySelector("#talk").style.getPropertyValue("--level")) > 0.3`)
}

// waysToPush holds by mouse and by key, lets go too early, and throws away.
func waysToPush(t *testing.T, c *chromium) {
	h := newHome(t)
	h.engine.hears("what time is it")
	anna := h.person("Anna")
	b := c.tab(t, h.server.URL)
	b.signIn(anna, "Anna")
	said := func(n int) { // the next press may come while it still answers
		t.Helper()
		b.until(fmt.Sprintf(`document.querySelectorAll("#days li.row").length === %d`, n))
		b.until(`["idle", "answering"].includes(document.querySelector("#talk").dataset.state)`)
		if got := anna.count(); got != n {
			t.Errorf("%d recordings are kept, want %d", got, n)
		}
	}

	// Held with the mouse: it listens until the button is let go.
	x, y := b.centre("#talk-button")
	mouse := func(kind input.DispatchMouseEventType, at input.TimeSinceEpoch) {
		send(b, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: kind, X: x, Y: y, Button: input.MouseButtonLeft, ClickCount: 1, Timestamp: at})
	}
	mouse(input.DispatchMouseEventTypeMousePressed, 0)
	b.state("listening")
	b.until(`Number(document.querySelector("#talk").dataset.seconds) > 1.2`)
	mouse(input.DispatchMouseEventTypeMouseReleased, 0)
	said(1)

	// Held with a key, and ended by it.
	key := func(kind input.DispatchKeyEventType, name, code string, number int64, at input.TimeSinceEpoch) {
		send(b, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Key: name, Code: code, WindowsVirtualKeyCode: number, Timestamp: at})
	}
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#talk-button").focus()`))
	key(input.DispatchKeyEventTypeRawKeyDown, " ", "Space", 32, 0)
	b.until(`Number(document.querySelector("#talk").dataset.seconds) > 1.2`)
	key(input.DispatchKeyEventTypeKeyUp, " ", "Space", 32, 0)
	said(2)

	// A tap of Enter begins, another ends.
	enter := func() {
		down, up := tapTimes()
		key(input.DispatchKeyEventTypeRawKeyDown, "Enter", "Enter", 13, down)
		key(input.DispatchKeyEventTypeKeyUp, "Enter", "Enter", 13, up)
	}
	enter()
	b.until(`Number(document.querySelector("#talk").dataset.seconds) > 1.2`)
	enter()
	said(3)

	// Escape throws away; so do the button for it and leaving the page. A
	// click without a press comes from a screen reader.
	enter()
	b.untilLoud()
	key(input.DispatchKeyEventTypeRawKeyDown, "Escape", "Escape", 27, 0)
	b.state("idle")
	b.until(`document.querySelector("#talk-state").textContent.includes("thrown away")`)
	eval[bool](b, `document.querySelector("#talk-button").click(), true`)
	b.untilLoud()
	b.do(chromedp.Click(chromedp.CSS("#talk-drop")))
	b.state("idle")
	eval[bool](b, `document.querySelector("#talk-button").click(), true`)
	b.untilLoud()
	b.open("/kept")
	b.open("/")
	said(3)

	if got := anna.door(hearkeep.SourceBrowser).Rule.Keep; got != hearkeep.KeepAll {
		t.Errorf("made at its first use, the browser's door keeps %s", got)
	}

	// Nothing but the page's own sound may come: a form's or another site's
	// request is refused in TestOtherSitesChangeNothing.
	resp, body := anna.send(anna.request("POST", "/talk", "text/plain", []byte("what time is it")))
	want(t, resp, http.StatusUnprocessableEntity, body, "audio/wav")
	resp, body = anna.send(anna.request("POST", "/talk", "audio/wav", []byte("RIFF")))
	want(t, resp, http.StatusUnprocessableEntity, body)
	resp, body = anna.send(anna.request("POST", "/talk", "audio/wav", make([]byte, sayBytes+1)))
	want(t, resp, http.StatusRequestEntityTooLarge, body, "too large")

	// It stops by itself, here after 1.2 seconds.
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#talk").dataset.most = "1.2"`))
	eval[bool](b, `(() => { const old = document.querySelector('script[src*="push.js"]'), section = document.querySelector("#talk");
		section.replaceWith(section.cloneNode(true)); const s = document.createElement("script"); s.src = old.src; document.body.append(s); return true; })()`)
	b.until(`document.querySelectorAll('script[src*="push.js"]').length === 2 && !document.querySelector("#talk").hidden`)
	x, y = b.centre("#talk-button")
	down, up := tapTimes()
	mouse(input.DispatchMouseEventTypeMousePressed, down)
	mouse(input.DispatchMouseEventTypeMouseReleased, up)
	said(4)
}

// noMicrophone: a page without a secure context says so, and where to read on;
// so does a page whose person says no, and one whose door is closed.
func noMicrophone(t *testing.T, c *chromium) {
	h := newHome(t)
	anna := h.person("Anna")
	b := c.tab(t, h.server.URL)
	b.signIn(anna, "Anna")
	b.beforePages(`delete Navigator.prototype.mediaDevices`)
	b.open("/")
	b.until(`document.querySelector("#talk").dataset.state === "insecure"`)
	if got := eval[string](b, `[...document.querySelectorAll("#talk *")].filter(e => e.checkVisibility()).map(e => e.tagName + " " + (e.getAttribute("href") || "")).join()`); got != "P ,A /trust" {
		t.Errorf("without a microphone the page shows %q", got)
	}
	b.shoot("talk-insecure")

	b = c.tab(t, h.server.URL)
	b.beforePages(`if (navigator.mediaDevices) navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", "NotAllowedError"))`)
	b.signIn(anna, "Anna")
	b.do(chromedp.Click(chromedp.CSS("#talk-button")))
	b.until(`document.querySelector("#talk-state").textContent.includes("does not let this page use the microphone")`)
	b.state("idle")

	// Paused, it offers to listen again; disconnected, an old page is refused.
	if _, err := anna.room().Browser(t.Context()); err != nil {
		t.Fatal(err)
	}
	door := anna.door(hearkeep.SourceBrowser).ID.String()
	anna.post("/doors/"+door+"/pause", nil)
	resp, body := anna.send(anna.request("POST", "/talk", "audio/wav", h.speech))
	want(t, resp, http.StatusForbidden, body, "paused")
	b.open("/")
	b.until(`!document.querySelector("#talk").hidden && !document.querySelector("#talk-button")`)
	b.do(chromedp.Click(chromedp.CSS("#talk form button")))
	b.until(`location.pathname === "/doors"`)
	anna.post("/doors/"+door+"/disconnect", nil)
	resp, body = anna.send(anna.request("POST", "/talk", "audio/wav", h.speech))
	want(t, resp, http.StatusForbidden, body, "disconnected")
	b.open("/")
	b.until(`document.querySelector('#talk a[href="/doors/new?kind=browser"]')`)
	if n := anna.count(); n != 0 {
		t.Errorf("%d recordings are kept, want 0", n)
	}

	send(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.open("/")
	if eval[bool](b, `document.querySelector("#talk").checkVisibility()`) {
		t.Error("without scripts the page offers push to talk")
	}
}

// droppedFile drops a sound file on the page: it is heard like a chosen one.
func droppedFile(t *testing.T, c *chromium) {
	h := newHome(t)
	h.engine.hears("what time is it")
	anna := h.person("Anna")
	b := c.tab(t, h.server.URL)
	b.signIn(anna, "Anna")
	drop := func(files int) {
		t.Helper()
		eval[bool](b, `(() => {
			const bytes = Uint8Array.from(atob("`+base64.StdEncoding.EncodeToString(h.speech)+`"), (c) => c.charCodeAt(0));
			const dataTransfer = new DataTransfer();
			for (let i = 0; i < `+fmt.Sprint(files)+`; i++) dataTransfer.items.add(new File([bytes], "speech.wav", { type: "audio/wav" }));
			for (const name of ["dragenter", "dragover", "drop"]) {
				document.querySelector("h1").dispatchEvent(new DragEvent(name, { bubbles: true, cancelable: true, dataTransfer }));
			}
			return true;
		})()`)
	}
	drop(2)
	b.until(`document.querySelector("#drop-hint").textContent.includes("One file at a time")`)
	drop(1)
	b.until(`location.pathname.startsWith("/recordings/")`)
	if n := anna.count(); n != 1 {
		t.Errorf("%d recordings are kept, want 1", n)
	}
	if heard := eval[string](b, `document.querySelector("h1").textContent`); !strings.Contains(heard, "what time is it") {
		t.Errorf("the page says %q", heard)
	}
}
