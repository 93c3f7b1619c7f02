package archive

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/hearkeep/hearkeep"
)

// maxOpener bounds the page as it is fetched, compressed, in bytes.
const maxOpener = 2 << 20

// TestOpenerIsBuilt: the page is there, alone in its file, small, and may reach
// nothing.
func TestOpenerIsBuilt(t *testing.T) {
	page := openerPage()
	if page == nil {
		t.Fatal("internal/archive/opener/open.html is not built: run `make opener`")
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := z.Write(page)
	ok(t, err)
	ok(t, z.Close())
	if packed.Len() >= maxOpener {
		t.Errorf("the opener has %d bytes compressed, want less than %d", packed.Len(), maxOpener)
	}
	for _, want := range []string{"default-src 'none'", "connect-src 'none'", "script-src 'wasm-unsafe-eval' 'sha256-"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("its policy lacks %q", want)
		}
	}
	for _, never := range []string{"unsafe-inline", "{{", "src=\"http", "href=\"http", "innerHTML", "fetch("} {
		if i := bytes.Index(page, []byte(never)); i >= 0 && !bytes.Contains(page[max(0, i-200):i], []byte("globalThis")) {
			t.Errorf("it holds %q", never)
		}
	}
}

// flacSound is two seconds of a tone, as the recordings are kept.
func flacSound(t testing.TB) func(int) []byte {
	t.Helper()
	var pcm bytes.Buffer
	for i := range 2 * hearkeep.SampleRate {
		ok(t, binary.Write(&pcm, binary.LittleEndian, int16(8000*math.Sin(float64(i)/8))))
	}
	raw := filepath.Join(t.TempDir(), "tone.raw")
	ok(t, os.WriteFile(raw, pcm.Bytes(), 0o600))
	out, err := exec.Command("flac", "--silent", "--force-raw-format", "--endian=little", "--sign=signed", "--channels=1",
		"--bps=16", "--sample-rate=16000", "--stdout", raw).Output()
	if err != nil {
		t.Fatalf("flac: %v (script/install --test installs it)", err)
	}
	return func(int) []byte { return out }
}

// sealedTab is a tab of Chromium with the opener as a person would have it:
// a file on the disk. It notes what the page must never do.
type sealedTab struct {
	t      *testing.T
	ctx    context.Context
	mu     sync.Mutex
	faults []string
}

func newSealedTab(t *testing.T) *sealedTab {
	t.Helper()
	profile, err := os.MkdirTemp("", "opener-chromium-")
	ok(t, err)
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true), chromedp.Flag("autoplay-policy", "no-user-gesture-required"))
	alloc, cancelAlloc := chromedp.NewExecAllocator(t.Context(), opts...)
	b := &sealedTab{t: t}
	tab, cancel := chromedp.NewContext(alloc, chromedp.WithListener(b.note))
	deadline, cancelDeadline := context.WithTimeout(tab, 90*time.Second) // a page that never comes fails instead of holding the test
	b.ctx = deadline
	t.Cleanup(func() {
		cancelDeadline()
		cancel()
		cancelAlloc()
		os.RemoveAll(profile)
		for _, f := range b.faults {
			t.Error(f)
		}
	})
	b.do()
	_, err = chromedp.Call(b.ctx, network.Enable, network.EnableParams{})
	ok(t, err)
	_, err = chromedp.Call(b.ctx, log.Enable, cdp.Empty{})
	ok(t, err)
	return b
}

func (b *sealedTab) note(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		if u := ev.Request.URL; !strings.HasSuffix(u, "/open.html") && !strings.HasPrefix(u, "blob:") && !strings.HasPrefix(u, "data:image/svg") && u != "about:blank" { // the player's own icons
			b.faults = append(b.faults, "the page asks for "+u)
		}
	case *log.EventEntryAdded:
		b.faults = append(b.faults, fmt.Sprintf("browser log: %s: %s", ev.Entry.Source, ev.Entry.Text))
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, "exception: "+ev.ExceptionDetails.Text)
	}
}

func (b *sealedTab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ok(b.t, chromedp.Do(b.ctx, steps...))
}

func (b *sealedTab) text(expression string) string {
	b.t.Helper()
	s, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("String("+expression+")"))
	ok(b.t, err)
	return s
}

func (b *sealedTab) until(expression string) {
	b.t.Helper()
	for {
		yes, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		if yes && err == nil {
			return
		}
		if b.ctx.Err() != nil {
			b.t.Fatalf("never held: %s (%v)", expression, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// choose chooses an archive and types a kit.
func (b *sealedTab) choose(raw []byte, kit string) {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "hearkeep.zip")
	ok(b.t, os.WriteFile(path, raw, 0o600))
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{path}))
	b.until(`!document.getElementById("step-kit").hidden`)
	b.do(chromedp.SetValue(chromedp.CSS("#kit"), kit), chromedp.Click(chromedp.CSS("#kit-form button")))
}

func (b *sealedTab) shoot(name string, width int64) {
	b.t.Helper()
	dir := os.Getenv("HEARKEEP_SCREENSHOTS")
	if dir == "" {
		return
	}
	b.do(chromedp.EmulateViewport(width, 900))
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	ok(b.t, err)
	ok(b.t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600))
	b.do(chromedp.ResetViewport())
}

const (
	sealedChecked = `!document.getElementById("fine").hidden`
	sealedFailed  = `!document.getElementById("error").hidden`
)

// TestOpenerInChromium opens archives as a person does: a page from the disk,
// a ZIP file, and a kit.
func TestOpenerInChromium(t *testing.T) {
	x := &sealedScene{s: newService(t), p: newPerson(t), other: newPerson(t)}
	x.v = sealedVault(t, x.p, "", 12, flacSound(t))
	x.facts = sealedFacts(x.s, x.p, x.v)
	x.mine = sealedBytes(t, newSealed(t, x.facts))
	x.theirs = sealedBytes(t, newSealed(t, sealedFacts(x.s, x.other, sealedVault(t, x.other, "", 3, noise(200)))))
	page := filepath.Join(t.TempDir(), memberOpener)
	opener := unpack(t, x.mine).members[memberOpener]
	if opener == nil {
		t.Fatal("the archive has no opener: run `make opener`")
	}
	ok(t, os.WriteFile(page, opener, 0o600))
	b := newSealedTab(t)
	b.do(chromedp.Navigate("file://" + page))
	b.shoot("opener-empty", 390)

	// A mistyped kit, another's kit, and then the right one as people type it.
	b.choose(x.mine, x.other.kit.Reveal())
	b.until(sealedFailed)
	if got := b.text(`document.getElementById("error").textContent`); !strings.Contains(got, "does not open this archive") || !strings.Contains(got, "noise to you") {
		t.Errorf("another's kit: %q", got)
	}
	b.shoot("opener-refused", 1280)
	b.do(chromedp.SetValue(chromedp.CSS("#kit"), x.p.kit.Reveal()[:20]), chromedp.Click(chromedp.CSS("#kit-form button")))
	b.until(sealedFailed + ` && document.getElementById("error").textContent.includes("36 letters and digits")`)
	b.choose(x.mine, strings.ToLower(strings.ReplaceAll(x.p.kit.Reveal(), "-", " ")))
	b.until(sealedChecked)
	if got := b.text(`document.getElementById("fine").textContent`); !strings.HasPrefix(got, "All 12 recordings were checked") {
		t.Errorf("got %q", got)
	}
	if got := b.text(`document.getElementById("about").textContent`); !strings.Contains(got, Fingerprint(x.s.key)) || !strings.Contains(got, "fits the key") {
		t.Errorf("about: %q", got)
	}
	if got := b.text(`document.querySelectorAll("#rows li").length + " " + document.querySelectorAll("#rows script").length + " " + document.querySelector("#rows .words").textContent`); got != "12 0 set timer 0 <script>alert(1)</script>" {
		t.Errorf("rows: %q", got)
	}
	if got := b.text(`document.getElementById("kit").value`); got != "" {
		t.Error("the kit stays in the page")
	}

	b.do(chromedp.Click(chromedp.CSS("#rows li button")))
	b.until(`document.querySelector("#rows audio")?.currentTime > 0.2`)
	if got := b.text(`document.querySelector("#rows audio").duration`); got != "2" {
		t.Errorf("it plays %s seconds, want 2", got)
	}
	b.shoot("opener-open", 1280)
	b.shoot("opener-open-phone", 390)
	if got := b.text(`(() => { const html = document.documentElement; return html.scrollWidth > html.clientWidth })()`); got != "false" {
		t.Error("the page is wider than its window")
	}
	b.do(chromedp.SetValue(chromedp.CSS("#search"), "TIMER 7"))
	b.text(`document.getElementById("search").dispatchEvent(new Event("input"))`)
	if got := b.text(`document.querySelectorAll("#rows li").length + " " + document.getElementById("found").textContent`); got != "1 1 of 12 recordings" {
		t.Errorf("search: %q", got)
	}

	altered := unpack(t, x.mine)
	at, _ := x.part(2, hearkeep.PartAudio)
	altered.members[vaultMember(0, memberSound)][at+200] ^= 1
	b.choose(altered.pack(t), x.p.kit.Reveal())
	b.until(sealedChecked)
	if got := b.text(`document.getElementById("faults").textContent`); !strings.Contains(got, `The sound of recording 2 of "Kitchen" was altered`) {
		t.Errorf("an altered sound: %q", got)
	}
	if got := b.text(`document.querySelectorAll("#rows li").length + " " + document.querySelectorAll("#rows li.bad").length`); got != "12 1" {
		t.Errorf("rows and bad ones: %q", got)
	}
	b.shoot("opener-altered", 1280)

	b.choose(x.theirs, x.p.kit.Reveal())
	b.until(sealedFailed)
	if got := b.text(`document.getElementById("error").textContent`); !strings.Contains(got, "somebody else's: then it is noise to you") {
		t.Errorf("somebody else's archive: %q", got)
	}
	if got := b.text(`document.getElementById("step-list").hidden`); got != "true" {
		t.Error("a list is shown of somebody else's archive")
	}
}
