package portal

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a tab of a headless Chromium with a fresh profile. It notes what
// a page must never do: ask another origin, break the content policy, throw.
type browser struct {
	t      *testing.T
	ctx    context.Context
	origin string
	mu     sync.Mutex
	faults []string
}

// browseWithin bounds a whole test of the browser, so that a page that never
// comes fails the test instead of holding it.
const browseWithin = 90 * time.Second

// chromium is a running browser that tests share; each has a tab in a profile
// of its own. Its microphone says "set a timer for ten minutes" whenever it is
// opened, and is granted without asking.
type chromium struct{ ctx context.Context }

func startChromium(t *testing.T) *chromium {
	t.Helper()
	profile, err := os.MkdirTemp("", "portal-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("use-file-for-fake-audio-capture", spokenFile(t)+"%noloop"),
	)
	alloc, cancelAlloc := chromedp.NewExecAllocator(t.Context(), opts...)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		cancel()
		cancelAlloc()
		os.RemoveAll(profile) // Chromium may still hold a file: then the system's temp folder is swept later
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return &chromium{ctx}
}

// tab opens a tab that knows no cookies.
func (c *chromium) tab(t *testing.T, origin string) *browser {
	t.Helper()
	within := browseWithin
	if os.Getenv("HEARKEEP_SCREENSHOTS") != "" {
		within *= 6 // four pictures of each page
	}
	deadline, cancelDeadline := context.WithTimeout(c.ctx, within)
	b := &browser{t: t, origin: origin}
	ctx, cancel := chromedp.NewContext(deadline, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.note))
	b.ctx = ctx
	t.Cleanup(func() {
		cancel()
		cancelDeadline()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, f := range b.faults {
			t.Error(f)
		}
	})
	send(b, network.Enable, network.EnableParams{})
	send(b, log.Enable, cdp.Empty{})
	send(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}) // beside other tabs
	return b
}

// newBrowser is a tab in a Chromium of its own.
func newBrowser(t *testing.T, origin string) *browser {
	t.Helper()
	return startChromium(t).tab(t, origin)
}

// TestInChromium runs what needs a real browser, in one.
func TestInChromium(t *testing.T) {
	c := startChromium(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *chromium)
	}{
		{"screens", screens}, {"first run", firstRun}, {"without JavaScript", withoutJavaScript}, {"by keyboard", byKeyboard},
		{"doors", doorsInChromium}, {"doors without JavaScript", doorsWithoutJavaScript}, {"vaults", vaultsInChromium},
		{"push to talk", pushToTalk}, {"ways to push", waysToPush}, {"no microphone", noMicrophone}, {"dropped file", droppedFile},
		{"passkey", passkeyLife}, {"passkey in two steps", passkeyInTwoSteps}, {"passkey without PRF", passkeyWithoutPRF}, {"passkeys by number", passkeysByNumber},
		{"kit without JavaScript", kitWithoutJavaScript}, {"tabs", signedOutTabs},
		{"living room", livingRoom}, {"child", childComesOfAge}, {"admin", adminWithoutKeys}, {"bring", bringInChromium}, {"played enough", playedEnough}, {"rights", rightsInChromium}, {"claim", claimInChromium}, {"wrong", wrongInChromium}, {"desk without JavaScript", deskWithoutJavaScript}, {"verify", verifyInChromium},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel() // they wait more than they work
			test.run(t, c)
		})
	}
}

func (b *browser) note(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		u := ev.Request.URL
		if !strings.HasPrefix(u, b.origin+"/") && !strings.HasPrefix(u, "data:") && !strings.HasPrefix(u, "blob:"+b.origin+"/") && u != "about:blank" {
			b.faults = append(b.faults, "request leaves the origin: "+u)
		}
	case *log.EventEntryAdded:
		// To the log, a page that tells of an error is an error of the network.
		security := ev.Entry.Source == log.EntrySourceSecurity
		if security || ev.Entry.Level == log.EntryLevelError && ev.Entry.Source != log.EntrySourceNetwork {
			b.faults = append(b.faults, fmt.Sprintf("browser log: %s: %s", ev.Entry.Source, ev.Entry.Text))
		}
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, "exception: "+ev.ExceptionDetails.Text)
	}
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.origin + path))
}

// run runs one action and returns its value.
func run[T any](b *browser, a chromedp.Action[T]) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, a)
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

// send sends a command of the protocol.
func send[P, R any](b *browser, c cdp.Command[P, R], params P) R {
	b.t.Helper()
	r, err := chromedp.Call(b.ctx, c, params)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// eval runs an expression in the page.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	return run(b, chromedp.Evaluate[T](expression))
}

// until waits until an expression holds in a page that has loaded, across
// navigations.
func (b *browser) until(expression string) {
	b.t.Helper()
	for {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](`document.readyState === "complete" && !!(`+expression+")"))
		if ok && err == nil {
			return
		}
		if b.ctx.Err() != nil {
			b.t.Fatalf("never held: %s (%v)", expression, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// beforePages runs a script in each page before its own.
func (b *browser) beforePages(script string) {
	b.t.Helper()
	send(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
}

func (b *browser) look(width int64, scheme string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, 900))
	send(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
}

// shoot saves a picture of the whole page for people to look at, where
// HEARKEEP_SCREENSHOTS names a folder.
func (b *browser) shoot(name string) {
	b.t.Helper()
	dir := os.Getenv("HEARKEEP_SCREENSHOTS")
	if dir == "" {
		return
	}
	for _, width := range []int64{390, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			b.look(width, scheme)
			png := run(b, chromedp.FullScreenshot(100))
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)), png, 0o600); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	b.do(chromedp.ResetViewport())
}

// screens opens every sample in Chromium: nothing breaks the content
// policy, and nothing is wider than a phone.
func screens(t *testing.T, c *chromium) {
	ps, err := loadPages()
	if err != nil {
		t.Fatal(err)
	}
	p := &portal{pages: ps}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", csp)
		if name, ok := strings.CutPrefix(r.URL.Path, "/static/"); ok {
			r.SetPathValue("file", name)
			p.static(w, r)
			return
		}
		for _, s := range samples() {
			if r.URL.Path == "/"+s.name && s.page != "live" {
				p.show(w, http.StatusOK, s.page, s.data)
				return
			}
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	b := c.tab(t, server.URL)
	for _, s := range samples() {
		if s.page == "live" {
			continue
		}
		b.look(390, "light")
		b.open("/" + s.name)
		if got := eval[int](b, `document.documentElement.scrollWidth`); got > 390 {
			t.Errorf("%s is %d pixels wide on a phone of 390: %s", s.name, got, eval[string](b,
				`[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > 391).map(e => e.tagName + "." + e.className).join(" ")`))
		}
		b.shoot(s.name)
	}
	b.open("/kit")
	send(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	if got := eval[string](b, `getComputedStyle(document.querySelector(".top")).display`); got != "none" {
		t.Errorf("the printed kit shows the page's head: display %s", got)
	}
	pdf := run(b, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4)))
	if got := len(regexp.MustCompile(`/Type\s*/Page\b[^s]`).FindAll(pdf, -1)); got != 1 {
		t.Errorf("the kit prints on %d pages, want 1", got)
	}
	if dir := os.Getenv("HEARKEEP_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, "kit.pdf"), pdf, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
