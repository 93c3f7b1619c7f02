package portal

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/hearkeep/hearkeep/internal/ledger"
)

// erased is the receipt of an erasure of somebody's, as a file.
func (p *person) erased() (path, file string) {
	p.t.Helper()
	id := p.erase(p.speak(canary))
	_, page := p.get("/receipts/" + id.String())
	path = regexp.MustCompile(`/entries/[0-9]+/receipt`).FindString(page)
	if path == "" {
		p.t.Fatalf("the page of an erasure leads to no receipt:\n%s", page)
	}
	resp, file := p.get(path)
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Disposition"), `attachment; filename="hearkeep-receipt-`) {
		p.t.Fatalf("%s: got %d %s", path, resp.StatusCode, resp.Header.Get("Content-Disposition"))
	}
	return path, file
}

// proven checks a receipt file as anybody does who has the keep's key.
func (h *home) proven(file string) (ledger.Proven, error) {
	h.t.Helper()
	r, err := ledger.ReadReceipt([]byte(file))
	if err != nil {
		return ledger.Proven{}, err
	}
	if r.Key != h.ledger.Key() {
		h.t.Errorf("the receipt names the key %s, want %s", r.Key, h.ledger.Key())
	}
	known, err := ledger.Trust(h.ledger.Key())
	if err != nil {
		h.t.Fatal(err)
	}
	return r.Proof.Check(known)
}

func TestReceiptOfAnErasureIsProof(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	path, file := anna.erased()
	got, err := h.proven(file)
	if err != nil {
		t.Fatalf("%v\n%s", err, file)
	}
	if got.Entry.Kind != ledger.KindErased || got.Entry.Count != 1 || got.Entry.Account.String() != anna.id() {
		t.Errorf("the receipt says %+v", got.Entry)
	}
	if strings.Contains(file, canary) || strings.Contains(file, "Anna") {
		t.Error("the receipt has words or a name")
	}
	if !strings.Contains(file, "A keyholder erased recordings.") {
		t.Error("the receipt does not say what it is of")
	}
	// Ben finds nothing there, and neither does whoever is not signed in.
	ben := h.person("Ben")
	resp, theirs := ben.get(path)
	_, nothing := ben.get("/entries/999999/receipt")
	if resp.StatusCode != http.StatusNotFound || theirs != nothing {
		t.Errorf("somebody else's receipt: got %d, want what is not there", resp.StatusCode)
	}
	if resp, _ := h.stranger().get(path); resp.StatusCode == http.StatusOK {
		t.Error("a receipt is given to whoever asks")
	}
}

// The QR code holds the whole receipt, also of a log of a million entries.
func TestQRCodeHoldsTheReceipt(t *testing.T) {
	h := newHome(t)
	_, file := h.person("Anna").erased()
	link := scan(t, file)
	if !strings.HasPrefix(link, h.server.URL+"/verify#d1.") && !strings.Contains(link, "/verify#d1.") {
		t.Fatalf("the code leads to %.80s", link)
	}
	if got, err := h.proven(link); err != nil || got.Entry.Kind != ledger.KindErased {
		t.Errorf("the code says %+v, %v", got, err)
	}
	r, err := ledger.ReadReceipt([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	for len(r.Proof.Path) < 20 { // a tree of a million
		sum := ledger.Leaf(r.Proof.Salt, fmt.Append(nil, len(r.Proof.Path)))
		r.Proof.Path = append(r.Proof.Path, sum)
	}
	head, digits, err := r.Digits()
	if err != nil {
		t.Fatal(err)
	}
	code := qrOf("https://hearkeep.example.org/verify#"+head, digits)
	if code == nil {
		t.Fatal("a million entries: the receipt is too long for a QR code")
	}
	version := (code.Side - 2*qrMargin - 17) / 4
	t.Logf("a million entries: QR version %d", version)
	if version > 30 {
		t.Errorf("QR version %d, which phones read badly", version)
	}
	if qrOf("https://hearkeep.example.org/verify#", strings.Repeat("7", 8000)) != nil {
		t.Error("a receipt that no QR code holds was drawn")
	}
}

// scan reads the QR code of a receipt file as a phone does.
func scan(t *testing.T, file string) string {
	t.Helper()
	svg := regexp.MustCompile(`viewBox="0 0 ([0-9]+) [0-9]+"[^>]*>\s*<path fill="#000" d="([^"]+)"`).FindStringSubmatch(file)
	if svg == nil {
		t.Fatal("the receipt has no QR code")
	}
	const scale = 4
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return n * scale
	}
	side := number(svg[1])
	picture := image.NewGray(image.Rect(0, 0, side, side))
	for i := range picture.Pix {
		picture.Pix[i] = 255
	}
	for _, bar := range regexp.MustCompile(`M([0-9]+) ([0-9]+)h([0-9]+)v1h-([0-9]+)z`).FindAllStringSubmatch(svg[2], -1) {
		for x := range number(bar[3]) {
			for y := range scale {
				picture.SetGray(number(bar[1])+x, number(bar[2])+y, color.Gray{})
			}
		}
	}
	path := filepath.Join(t.TempDir(), "qr.png")
	var data bytes.Buffer
	if err := png.Encode(&data, picture); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "zbarimg", "-q", "--raw", "--nodbus", path)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("zbarimg reads no QR code: %v", err)
	}
	return strings.TrimSpace(string(out))
}

func TestMyEntriesAreProvenAndMineAlone(t *testing.T) {
	h := newHome(t)
	anna, ben := h.person("Anna"), h.person("Ben")
	anna.erased()
	ben.erased()
	for _, p := range []*person{anna, ben} {
		resp, file := p.get("/account/entries")
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("got %d", resp.StatusCode)
		}
		in, err := ledger.ReadEntries(strings.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		known, err := ledger.Trust(h.ledger.Key())
		if err != nil {
			t.Fatal(err)
		}
		_, end, err := in.Check(known, func(ledger.Recorded) error { return nil })
		if err != nil || end.Entries < 3 || in.Head.Account.String() != p.id() {
			t.Errorf("got %+v of %s, %v", end, in.Head.Account, err)
		}
	}
	c := h.terminal("Anna")
	if got := c.do("GET", "/v1/entries", nil, nil); got.Status != http.StatusOK || !strings.HasPrefix(got.Body, `{"format":"hearkeep-entries/v1"`) {
		t.Errorf("the API: got %d %.80s", got.Status, got.Body)
	}
}

// verifyInChromium: somebody scans the code of a receipt, with nobody signed
// in; the page says what it says, finds a false one, and asks for nothing.
func verifyInChromium(t *testing.T, c *chromium) {
	h := newHome(t)
	anna := h.person("Anna")
	_, file := anna.erased()
	link := scan(t, file)
	_, fragment, _ := strings.Cut(link, "#")
	b := c.tab(t, h.server.URL)
	b.open("/verify")
	b.until(`!document.getElementById("give").hidden`)
	asked := b.requests()
	verdict := func(want string) {
		t.Helper()
		b.until(fmt.Sprintf(`document.getElementById("answer").dataset.verdict === %q`, want))
	}
	b.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`location.hash = %q`, fragment)))
	verdict("proven")
	b.reads("A keyholder erased recordings.")
	b.shoot("verify-1-right")
	b.give(file, "receipt.html")
	verdict("proven")
	b.give(strings.Replace(file, "index ", "index 1", 1), "receipt.html")
	verdict("false")
	b.reads("Do not rely on anything that it says.")
	b.shoot("verify-2-false")
	_, entries := anna.get("/account/entries")
	b.give(entries, "mine.hearkeep-entries")
	verdict("proven")
	b.reads("no file can prove")
	b.shoot("verify-3-entries")
	b.give(strings.Replace(entries, `\"kind\":\"erased\"`, `\"kind\":\"opened\"`, 1), "mine.hearkeep-entries")
	verdict("false")
	_, foreign := newHome(t).person("Mallory").erased()
	b.give(foreign, "receipt.html")
	verdict("consistent")
	b.reads("none of this keep’s")
	if got := b.requests(); got != asked {
		t.Errorf("the page asked for more after it had loaded: %s, before %s", got, asked)
	}
	b.do(chromedp.Evaluate[chromedp.Void](`void fetch("/healthz").then(() => { window.connected = "yes" }, () => { window.connected = "no" })`))
	b.until(`window.connected`)
	if eval[string](b, `window.connected`) != "no" {
		t.Error("the page may connect to the keep")
	}
	b.mu.Lock()
	b.faults = nil // the browser noted that it refused that
	b.mu.Unlock()
	plain := c.tab(t, h.server.URL)
	plain.beforePages(`Object.defineProperty(globalThis, "crypto", { value: {} })`)
	plain.open("/verify#" + fragment)
	plain.reads("hearkeep verify FILE checks the same")
}

// requests are what a page has asked for, but for its icon, which browsers ask
// for when they please.
func (b *browser) requests() string {
	b.t.Helper()
	return eval[string](b, `performance.getEntriesByType("resource").map(e => e.name).sort().filter(u => !u.includes("icon.svg")).join(" ")`)
}

// give hands a file to the page as a person does who drops one on it.
func (b *browser) give(text, name string) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{
		document.getElementById("answer").dataset.verdict = "";
		const dropped = new DataTransfer();
		dropped.items.add(new File([%q], %q));
		document.dispatchEvent(new DragEvent("drop", { dataTransfer: dropped, bubbles: true, cancelable: true }));
	}`, text, name)))
}
