package portal

import (
	"archive/zip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

// downloads lets a tab save files, and returns the folder.
func (b *browser) downloads() string {
	b.t.Helper()
	dir := b.t.TempDir()
	send(b, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{
		Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir, BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID,
	})
	return dir
}

// saved waits for a file that a tab saves.
func (b *browser) saved(dir string) string {
	b.t.Helper()
	for b.ctx.Err() == nil {
		names, err := filepath.Glob(filepath.Join(dir, "*.zip"))
		if err != nil {
			b.t.Fatal(err)
		}
		if parts, _ := filepath.Glob(filepath.Join(dir, "*.crdownload")); len(names) == 1 && len(parts) == 0 {
			return names[0]
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.t.Fatal("nothing was saved")
	return ""
}

// unpack unpacks an archive as anybody's program does, and returns the folder.
func unpack(t *testing.T, file string) string {
	t.Helper()
	bag, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer bag.Close()
	dir, top := t.TempDir(), ""
	for _, f := range bag.File {
		to := filepath.Join(dir, filepath.FromSlash(f.Name))
		if !strings.HasPrefix(to, dir+string(filepath.Separator)) {
			t.Fatalf("%q leads out of the folder", f.Name)
		}
		if top, _, _ = strings.Cut(f.Name, "/"); strings.HasSuffix(f.Name, "/") {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		from, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, top)
}

// rightsInChromium: somebody asks for everything, downloads it, unpacks it and
// plays it without the keep; and another browser of theirs is not given it.
func rightsInChromium(t *testing.T, c *chromium) {
	h := newHome(t)
	anna := h.person("Anna")
	anna.speak("good morning")
	anna.speak(canary)
	b := c.tab(t, h.server.URL)
	b.open("/sign-in")
	b.do(chromedp.SendKeys(chromedp.CSS("#name"), "Anna"), chromedp.SendKeys(chromedp.CSS("#passphrase"), passphrase), chromedp.Click(chromedp.CSS("button.main")))
	b.until(`document.querySelectorAll("li.row").length === 2`)
	b.press("Your rights", titled+`"Your rights"`)
	b.shoot("rights-1-all")
	b.press("Get my copy", titled+`"Get a copy of everything"`)
	b.shoot("rights-2-asked")
	dir := b.downloads()
	b.press("Prepare the archive", `document.querySelector("main a.big")?.textContent === "Download your archive"`)
	b.shoot("rights-3-ready")
	link := eval[string](b, `document.querySelector("main a.big").pathname`)
	b.do(chromedp.Click(chromedp.CSS("main a.big")))
	folder := unpack(t, b.saved(dir))
	b.open("/rights")
	b.until(`document.querySelector("main").textContent.includes("Earlier requests")`)
	b.shoot("rights-4-answered")

	// Without the keep: from the folder, in a browser that knows nobody.
	reader := c.tab(t, "file://")
	reader.open(filepath.Join(folder, "index.html"))
	reader.until(`document.querySelector("#list").textContent.includes("heron")`)
	eval[bool](reader, `window.a = document.getElementById("audio"), a.muted = true, window.played = 0, a.addEventListener("timeupdate", () => { played = Math.max(played, a.currentTime) }), document.querySelector("button.play").click(), true`)
	reader.until(`played > 0 && a.error === null`)
	reader.shoot("rights-5-archive")

	// Another browser of hers is not given what this one prepared.
	other := c.tab(t, h.server.URL)
	other.open("/sign-in")
	other.do(chromedp.SendKeys(chromedp.CSS("#name"), "Anna"), chromedp.SendKeys(chromedp.CSS("#passphrase"), passphrase), chromedp.Click(chromedp.CSS("button.main")))
	other.until(`document.querySelectorAll("li.row").length === 2`)
	other.open(link)
	other.reads("There is nothing here")

	// Corrected and frozen, on the recording's own page.
	b.open("/recordings/" + anna.newest().String())
	b.press("Correct the words", titled+`"Correct the words"`)
	b.do(chromedp.SetValue(chromedp.CSS("#words"), "the owl waits"))
	b.press("Correct them", `document.querySelector("h1").textContent.includes("the owl waits")`)
	b.press("Freeze it", `document.querySelector(".banner.frozen")`)
	b.shoot("rights-6-recording")
	b.press("Free it again", `!document.querySelector(".banner.frozen")`)
}
