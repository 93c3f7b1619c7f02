package portal

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// firstRun: from the set-up link to a receipt, as a person with
// a browser, with what they see saved for people to look at.
func firstRun(t *testing.T, c *chromium) {
	h := newHome(t)
	h.engine.hears("set a timer for ten minutes")
	b := c.tab(t, h.server.URL)

	b.open("/setup/" + h.setupLink())
	b.do(chromedp.SendKeys(chromedp.CSS("#name"), "Anna Lindqvist"), chromedp.SendKeys(chromedp.CSS("#passphrase"), passphrase))
	if got := eval[string](b, `document.querySelector("[data-reveal]").click(), document.querySelector("#passphrase").type`); got != "text" {
		t.Errorf("shown, the passphrase's field is of type %q", got)
	}
	b.do(chromedp.Click(chromedp.CSS("button.main")))
	b.until(`document.querySelectorAll(".groups li").length === 9`)
	b.shoot("walk-1-kit")
	b.checkKit()
	b.until(`document.querySelector("#days .empty")`)
	b.shoot("walk-2-empty")

	// A terminal pairs with the line shown, and speaks: the page shows it by
	// itself, says so to screen readers, and shows the line no more.
	pair := eval[string](b, `document.querySelector("#lines").textContent`)
	token := h.stranger().redeem(code(t, pair))
	if resp, body := h.stranger().say(token, "text/plain", []byte("set a timer for ten minutes")); resp.StatusCode != http.StatusOK {
		t.Fatalf("say: %d %s", resp.StatusCode, body)
	}
	b.until(`document.querySelectorAll("#days li.row").length === 1`)
	b.until(`document.querySelector("#news").textContent.includes("set a timer for ten minutes")`)
	b.until(`document.querySelectorAll("#timers li").length === 1 && !document.querySelector("#lines")`)
	b.shoot("walk-3-heard")

	// While one plays, another comes: the first plays on.
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#days audio").play()`))
	b.until(`document.querySelector("#days audio").currentTime > 0`)
	eval[bool](b, `window.playing = document.querySelector("#days audio"), true`)
	h.stranger().say(token, "audio/wav", h.speech)
	b.until(`document.querySelectorAll("#days li.row").length === 2`)
	if !eval[bool](b, `playing.isConnected && (!playing.paused || playing.ended)`) {
		t.Error("a new recording stops the one that plays")
	}

	// A file given here.
	file := filepath.Join(t.TempDir(), "vm-opts.wav")
	if err := os.WriteFile(file, h.speech, 0o600); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#upload").open = true`),
		chromedp.SetUploadFiles(chromedp.CSS("#sound"), []string{file}), chromedp.Click(chromedp.CSS("#upload button")))
	b.until(`location.pathname.startsWith("/recordings/") && document.querySelector("svg.wave path")`)
	playsAndSeeks(b, h.clip.Duration().Seconds())
	b.shoot("walk-4-recording")

	b.do(chromedp.Click(chromedp.CSS("a.danger")))
	b.until(`location.pathname.endsWith("/erase")`)
	b.shoot("walk-5-erase")
	b.do(chromedp.Click(chromedp.CSS("button.danger")))
	b.until(`location.pathname.startsWith("/receipts/")`)
	b.shoot("walk-6-receipt")
	b.open("/kept")
	b.shoot("walk-7-kept")
	b.open("/erase")
	b.do(chromedp.Click(chromedp.CSS("#sure")), chromedp.Click(chromedp.CSS("button.danger")))
	b.until(`location.pathname.startsWith("/receipts/") && document.body.textContent.includes("2 recordings")`)
	b.open("/")
	b.until(`document.querySelector("#days .empty")`)
}

// playsAndSeeks plays the page's recording, then from its middle.
func playsAndSeeks(b *browser, seconds float64) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](`window.a = document.querySelector("audio"), a.muted = true, a.play()`))
	b.until(`a.readyState >= 3 && a.currentTime > 0`)
	if got := eval[float64](b, `a.duration`); got < seconds-0.1 || got > seconds+0.1 {
		b.t.Errorf("the browser makes it %g seconds long, want %g", got, seconds)
	}
	b.do(chromedp.Evaluate[chromedp.Void](`a.currentTime = a.duration / 2`))
	b.until(`!a.seeking && a.currentTime > a.duration / 2`)
	b.do(chromedp.Evaluate[chromedp.Void](`a.pause(), a.currentTime = 0`))
	b.until(`!a.seeking && a.currentTime < 0.1 && a.error === null`)
}

// withoutJavaScript goes the same way with scripts switched off.
func withoutJavaScript(t *testing.T, c *chromium) {
	h := newHome(t)
	h.engine.hears("what time is it")
	b := c.tab(t, h.server.URL)
	send(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.open("/setup/" + h.setupLink())
	if !eval[bool](b, `document.querySelector("[data-reveal]").hidden`) {
		t.Error("a button that needs a script shows without it")
	}
	b.do(chromedp.SendKeys(chromedp.CSS("#name"), "Ben"), chromedp.SendKeys(chromedp.CSS("#passphrase"), passphrase),
		chromedp.Click(chromedp.CSS("button.main")))
	b.until(`document.querySelectorAll(".groups li").length === 9`)
	b.checkKit()
	b.until(`document.querySelector("#days .empty")`)
	file := filepath.Join(t.TempDir(), "vm-opts.wav")
	if err := os.WriteFile(file, h.speech, 0o600); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#sound"), []string{file}), chromedp.Click(chromedp.CSS("#upload button")))
	b.until(`location.pathname.startsWith("/recordings/")`)
	b.do(chromedp.Click(chromedp.CSS("a.danger")))
	b.until(`location.pathname.endsWith("/erase")`)
	b.do(chromedp.Click(chromedp.CSS("button.danger")))
	b.until(`location.pathname.startsWith("/receipts/")`)
	b.do(chromedp.Click(chromedp.CSS(".out button")))
	b.until(`location.pathname === "/sign-in"`)
	b.do(chromedp.SendKeys(chromedp.CSS("#name"), "Ben"), chromedp.SendKeys(chromedp.CSS("#passphrase"), passphrase),
		chromedp.Click(chromedp.CSS("button.main")))
	b.until(`location.pathname === "/"`)
}

// byKeyboard signs in, opens a recording and erases it without a mouse;
// wherever the focus is, it can be seen.
func byKeyboard(t *testing.T, c *chromium) {
	h := newHome(t)
	anna := h.person("Anna")
	id := anna.speak(canary)
	b := c.tab(t, h.server.URL)
	b.open("/sign-in")
	tab(b, `e.id === "name"`)
	b.do(chromedp.KeyEvent("Anna"))
	tab(b, `e.id === "passphrase"`)
	b.do(chromedp.KeyEvent(passphrase + kb.Enter))
	b.until(`document.querySelector("li.row")`)
	b.do(chromedp.KeyEvent(kb.Tab))
	if got := eval[string](b, `document.activeElement.textContent`); got != "Skip to the content" {
		t.Errorf("the first stop is %q, want the skip link", got)
	}
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(`document.activeElement.id === "content"`)
	tab(b, `e.getAttribute("href") === "/recordings/`+id.String()+`"`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(`location.pathname.startsWith("/recordings/")`)
	tab(b, `e.tagName === "AUDIO"`)
	tab(b, `e.matches("a.danger")`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(`location.pathname.endsWith("/erase")`)
	tab(b, `e.matches("button.danger")`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(`location.pathname.startsWith("/receipts/")`)
	if n := anna.count(); n != 0 {
		t.Errorf("%d recordings are kept, want 0", n)
	}
}

// tab presses Tab until the focused element e fits, and checks at each stop
// that the focus shows.
func tab(b *browser, fits string) {
	b.t.Helper()
	var stops []string
	for range 60 {
		b.do(chromedp.KeyEvent(kb.Tab))
		if !eval[bool](b, `getComputedStyle(document.activeElement).outlineStyle !== "none"`) {
			b.t.Errorf("focus does not show on %s", eval[string](b, `document.activeElement.outerHTML.slice(0, 120)`))
		}
		if eval[bool](b, `((e) => `+fits+`)(document.activeElement)`) {
			return
		}
		stops = append(stops, eval[string](b, `document.activeElement.tagName + "." + document.activeElement.className`))
	}
	b.t.Fatalf("no stop fits %s: %s", fits, strings.Join(stops, " "))
}
