package portal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/hearkeep/hearkeep"
)

// TestSetUpToReceipt goes the whole way as a browser without JavaScript does:
// forms and redirects only.
func TestSetUpToReceipt(t *testing.T) {
	h := newHome(t)
	anna := h.stranger()
	link := h.setupLink()

	resp, body := anna.get("/setup/" + link)
	want(t, resp, http.StatusOK, body, "Losing every way in loses the recordings", "90 days", "at least 12 characters", "The exceptions")
	resp, body = anna.post("/setup/"+link, url.Values{"name": {"Anna"}, "passphrase": {"short"}})
	want(t, resp, http.StatusUnprocessableEntity, body, "That passphrase is too short.", `value="Anna"`)
	if strings.Contains(body, `value="short"`) {
		t.Error("the passphrase came back")
	}
	resp, body = anna.post("/setup/"+link, url.Values{"name": {"Anna"}, "passphrase": {passphrase}})
	want(t, resp, http.StatusOK, body, "recovery kit", "Anna", h.server.URL)
	groups := regexp.MustCompile(`<li><code>([0-9A-Z]{4})</code></li>`).FindAllStringSubmatch(body, -1)
	if len(groups) != 9 {
		t.Fatalf("the kit shows %d groups of four, want 9", len(groups))
	}
	var kit []string
	for _, g := range groups {
		kit = append(kit, g[1])
	}
	resp, body = h.stranger().get("/setup/" + link)
	want(t, resp, http.StatusNotFound, body, "This set-up link no longer works.")

	// The empty keep: an upload, and the line to paste, the same after a reload.
	resp, body = anna.get("/")
	want(t, resp, http.StatusOK, body, "Nothing is kept yet", `type="file"`, "hearkeep pair "+h.server.URL, "set a timer for ten minutes")
	if _, again := anna.get("/"); code(t, again) != code(t, body) {
		t.Error("a reload shows another line")
	}

	// Out, and in again by either unlocker.
	resp, _ = anna.post("/sign-out", nil)
	wantRedirect(t, resp, "/sign-in")
	resp, _ = anna.get("/")
	wantRedirect(t, resp, "/sign-in")
	wrong, unknown := "", ""
	resp, wrong = anna.post("/sign-in", url.Values{"name": {"Anna"}, "passphrase": {"not the passphrase"}})
	want(t, resp, http.StatusUnauthorized, wrong, "do not go together")
	resp, unknown = anna.post("/sign-in", url.Values{"name": {"Bnna"}, "passphrase": {"not the passphrase"}})
	want(t, resp, http.StatusUnauthorized, unknown)
	if wrong != strings.ReplaceAll(unknown, "Bnna", "Anna") {
		t.Error("an unknown name and a wrong passphrase answer differently")
	}
	resp, body = anna.post("/sign-in/kit", url.Values{"name": {"anna"}, "kit": {"K7QM nonsense"}})
	want(t, resp, http.StatusUnprocessableEntity, body, "not a whole recovery kit")
	resp, _ = anna.post("/sign-in/kit", url.Values{"name": {"anna"}, "kit": {strings.ToLower(strings.Join(kit, "\n"))}})
	wantRedirect(t, resp, "/account?done=kit-used") // whoever needs it may want a new passphrase
	anna.post("/sign-out", nil)
	resp, _ = anna.post("/sign-in", url.Values{"name": {"Anna"}, "passphrase": {passphrase}})
	wantRedirect(t, resp, "/")

	// A recording, its page, its end, and the receipt.
	id := anna.speak(canary)
	_, body = anna.get("/")
	want(t, nil, 0, body, canary, "/recordings/"+id.String(), "Today")
	resp, body = anna.get("/recordings/" + id.String())
	want(t, resp, http.StatusOK, body, canary, "HassStartTimer", "pocketsphinx en-us", "Uploads", "<svg class=\"wave\"", "90 days")
	resp, body = anna.get("/recordings/" + id.String() + "/erase")
	want(t, resp, http.StatusOK, body, canary, "Keep it")
	resp, _ = anna.post("/recordings/"+id.String()+"/erase", nil)
	receipt := resp.Header.Get("Location")
	if resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(receipt, "/receipts/") {
		t.Fatalf("erasing answered %d to %q", resp.StatusCode, receipt)
	}
	resp, body = anna.get(receipt)
	want(t, resp, http.StatusOK, body, strings.TrimPrefix(receipt, "/receipts/"), "1 recording", "entry ", "Last key copy gone")
	resp, _ = anna.get("/recordings/" + id.String())
	want(t, resp, http.StatusNotFound, "")

	// Everything: counted first, and only with the tick.
	anna.speak("one")
	anna.speak("two")
	resp, body = anna.get("/erase")
	want(t, resp, http.StatusOK, body, "2 recordings")
	resp, body = anna.post("/erase", nil)
	want(t, resp, http.StatusUnprocessableEntity, body, "the box was not ticked", "2 recordings")
	resp, _ = anna.post("/erase", url.Values{"sure": {"yes"}})
	resp, body = anna.get(resp.Header.Get("Location"))
	want(t, resp, http.StatusOK, body, "2 recordings")
	_, body = anna.get("/")
	want(t, nil, 0, body, "Nothing is kept yet")
}

// want checks a status, where resp is given, and that a page says things.
func want(t *testing.T, resp *http.Response, status int, body string, says ...string) {
	t.Helper()
	if resp != nil && resp.StatusCode != status {
		t.Errorf("got status %d, want %d", resp.StatusCode, status)
	}
	for _, s := range says {
		if !strings.Contains(strings.ToLower(body), strings.ToLower(s)) {
			t.Errorf("the page does not say %q", s)
		}
	}
}

func wantRedirect(t *testing.T, resp *http.Response, to string) {
	t.Helper()
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != to {
		t.Errorf("got %d to %q, want 303 to %q", resp.StatusCode, resp.Header.Get("Location"), to)
	}
}

// code is the pairing code of a home page.
func code(t *testing.T, body string) string {
	t.Helper()
	m := regexp.MustCompile(`hearkeep pair \S+ (\S+)`).FindStringSubmatch(body)
	if m == nil {
		t.Fatal("the page shows no line to paste")
	}
	return m[1]
}

// TestPagesOfHistory: older pages by cursor, each recording once.
func TestPagesOfHistory(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	for i := range pageRows + 3 {
		anna.speak(fmt.Sprintf("sentence number %d", i))
	}
	_, first := anna.get("/")
	next := regexp.MustCompile(`href="(/\?before=[^"]+)"`).FindStringSubmatch(first)
	if next == nil {
		t.Fatal("the first page leads to no older one")
	}
	_, second := anna.get(next[1])
	for i := range pageRows + 3 {
		says := fmt.Sprintf("sentence number %d”", i)
		if n := strings.Count(first+second, says); n != 1 {
			t.Errorf("%q stands %d times, want once", says, n)
		}
	}
	if strings.Contains(second, "before=") || strings.Contains(second, "hx-get") {
		t.Error("the last page leads on, or polls")
	}
	for _, bad := range []string{"x", "0-0", "-1", "9999999999999999999-" + strings.Repeat("0", 32)} {
		if resp, _ := anna.get("/?before=" + bad); resp.StatusCode >= 500 || resp.StatusCode == 200 {
			t.Errorf("cursor %q: status %d", bad, resp.StatusCode)
		}
	}
}

// TestWatchingOpensNothing: polling answers 204 without an entry in the
// ledger, until something is new.
func TestWatchingOpensNothing(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	anna.speak("good morning")
	_, page := anna.get("/")
	seen := regexp.MustCompile(`hx-get="(/latest\?seen=[^"]+)"`).FindStringSubmatch(page)[1]
	before := h.entries()
	for range 3 {
		if resp, body := anna.get(seen); resp.StatusCode != http.StatusNoContent || body != "" {
			t.Fatalf("nothing is new, and polling answers %d", resp.StatusCode)
		}
	}
	if got := h.entries(); got != before {
		t.Errorf("watching wrote %d entries", got-before)
	}
	id := anna.speak(canary)
	resp, body := anna.get(seen)
	want(t, resp, http.StatusOK, body, canary, id.String(), `hx-target="#days"`, "New recording")
	anna.erase(id)
	resp, body = anna.get(regexp.MustCompile(`hx-get="(/latest\?seen=[^"]+)"`).FindStringSubmatch(body)[1])
	want(t, resp, http.StatusOK, body, "good morning")
	if strings.Contains(body, canary) {
		t.Error("an erased recording is still shown")
	}
	// Signed out meanwhile, a page that polls goes to sign in.
	anna.post("/sign-out", nil)
	req, _ := http.NewRequestWithContext(t.Context(), "GET", h.server.URL+seen, nil)
	req.Header.Set("HX-Request", "true")
	if resp, _ := anna.send(req); resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("HX-Redirect") != "/sign-in" {
		t.Errorf("polling after sign-out: %d, HX-Redirect %q", resp.StatusCode, resp.Header.Get("HX-Redirect"))
	}
}

// TestAudioInRanges: the whole, a range, a changed thing, and past the end.
func TestAudioInRanges(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	at := "/recordings/" + anna.speak(canary).String() + "/audio"
	get := func(header ...string) (*http.Response, string) {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", h.server.URL+at, nil)
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		return anna.send(req)
	}
	resp, whole := get()
	want(t, resp, http.StatusOK, "")
	if resp.Header.Get("Content-Type") != "audio/flac" || !strings.HasPrefix(whole, "fLaC") {
		t.Fatalf("got %s of %d bytes", resp.Header.Get("Content-Type"), len(whole))
	}
	tag := resp.Header.Get("ETag")
	resp, part := get("Range", "bytes=100-199", "If-Range", tag)
	if resp.StatusCode != http.StatusPartialContent || part != whole[100:200] {
		t.Errorf("a range answered %d with %d bytes", resp.StatusCode, len(part))
	}
	if resp, part = get("Range", "bytes=100-199", "If-Range", `"another"`); resp.StatusCode != http.StatusOK || part != whole {
		t.Errorf("a range of another version answered %d", resp.StatusCode)
	}
	if resp, _ = get("Range", fmt.Sprintf("bytes=%d-", len(whole)+1)); resp.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("past the end answered %d", resp.StatusCode)
	}
}

// TestPairAndSay: the line to paste, as the terminal carries it out.
func TestPairAndSay(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	resp, _ := anna.post("/terminal", nil)
	wantRedirect(t, resp, "/#terminal")
	_, page := anna.get("/")
	terminal := h.stranger()
	token := terminal.redeem(code(t, page))
	if _, page = anna.get("/"); strings.Contains(page, "hearkeep pair") {
		t.Error("a used code is still shown")
	}
	for _, bad := range []string{code(t, "hearkeep pair x nosuchcode"), ""} {
		if resp, body := terminal.postJSON("/v1/pair", map[string]string{"code": bad}); resp.StatusCode < 400 || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("code %q: %d %s", bad, resp.StatusCode, body)
		}
	}

	h.engine.hears("set a timer for ten minutes")
	for _, turn := range []struct {
		kind string
		data []byte
	}{{"audio/wav", h.speech}, {"text/plain; charset=utf-8", []byte("set a timer for ten minutes")}} {
		resp, body := terminal.say(token, turn.kind, turn.data)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/x-ndjson" {
			t.Fatalf("%s: status %d: %s", turn.kind, resp.StatusCode, body)
		}
		var events []string
		for dec := json.NewDecoder(strings.NewReader(body)); dec.More(); {
			var e struct {
				Event, Words, Did, Recording, Reason string
				Sound                                []byte
				Understood                           bool
				Stages                               []stageJSON
			}
			if err := dec.Decode(&e); err != nil {
				t.Fatal(err)
			}
			events = append(events, e.Event)
			switch e.Event {
			case "heard":
				if e.Words != "set a timer for ten minutes" || !e.Understood {
					t.Errorf("heard %q, understood %t", e.Words, e.Understood)
				}
			case "answered":
				if e.Words == "" || !bytes.HasPrefix(e.Sound, []byte("RIFF")) || len(e.Stages) < 5 {
					t.Errorf("answered %q with %d bytes of sound and %d stages", e.Words, len(e.Sound), len(e.Stages))
				}
			case "kept":
				if _, err := hearkeep.ParseID[hearkeep.RecordingID](e.Recording); err != nil || anna.newest().String() != e.Recording {
					t.Errorf("kept %q, want the newest", e.Recording)
				}
			}
		}
		if got := strings.Join(events, " "); got != "heard answered kept" {
			t.Errorf("%s: events %q", turn.kind, got)
		}
	}
	for _, bad := range []struct {
		name, token, kind string
		data              []byte
		status            int
	}{
		{"no token", "", "audio/wav", h.speech, http.StatusUnauthorized},
		{"another's token", "hkd_" + strings.Repeat("A", 64), "audio/wav", h.speech, http.StatusUnauthorized},
		{"not sound", token, "audio/wav", []byte("no"), http.StatusUnprocessableEntity},
		{"not a kind", token, "image/png", h.speech, http.StatusUnprocessableEntity},
		{"nothing to say", token, "text/plain", []byte("  "), http.StatusUnprocessableEntity},
	} {
		resp, body := terminal.say(bad.token, bad.kind, bad.data)
		var pr problem
		if err := json.Unmarshal([]byte(body), &pr); err != nil || pr.Status != bad.status || resp.StatusCode != bad.status || pr.Title == "" {
			t.Errorf("%s: status %d, want %d: %s", bad.name, resp.StatusCode, bad.status, body)
		}
	}
}

// TestSayStreams: what was heard is told before the answer is spoken.
func TestSayStreams(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	h.engine.hears("what time is it")
	req := anna.request("POST", "/v1/say", "application/octet-stream", h.speech)
	req.Header.Set("Authorization", "Bearer "+anna.token())
	release := h.engine.holds()
	resp, err := anna.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 4<<20)
	for i, want := range []string{`{"event":"heard","words":"what time is it","speech":true,"understood":true}`, `{"event":"answered"`, `{"event":"kept"`} {
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), want) {
			t.Fatalf("line %d is %.200q, want %q", i+1, lines.Text(), want)
		}
		if i == 0 {
			release()
		}
	}
}

// TestTimersOnThePage: a timer set by voice is shown, and a button ends it.
func TestTimersOnThePage(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	id := anna.timer()
	_, page := anna.get("/")
	want(t, nil, 0, page, "rings at", "/timers/"+id.String()+"/cancel")
	resp, _ := anna.post("/timers/"+id.String()+"/cancel", nil)
	wantRedirect(t, resp, "/")
	if _, page = anna.get("/"); strings.Contains(page, "rings at") {
		t.Error("a cancelled timer is still shown")
	}
	resp, _ = anna.post("/timers/"+id.String()+"/cancel", nil)
	want(t, resp, http.StatusNotFound, "")
}

// TestFailingKeepIsLoud: when recordings cannot be stored, the answer says so,
// and so does every page; what is kept still opens and is erased.
func TestFailingKeepIsLoud(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	id := anna.speak("good morning")
	token := anna.token()
	if err := os.Rename(h.blobs, h.blobs+".away"); err != nil {
		t.Fatal(err)
	}
	h.engine.hears("what time is it")
	_, body := anna.say(token, "audio/wav", h.speech)
	want(t, nil, 0, body, `"event":"answered"`, `"event":"not-kept"`)
	_, body = anna.upload("sound", "x.wav", h.speech)
	want(t, nil, 0, body, "Nothing was kept", "Keeping failed")
	for _, path := range []string{"/", "/kept", "/erase", "/recordings/" + id.String()} {
		resp, body := anna.get(path)
		want(t, resp, http.StatusOK, body, "Keeping fails.", `role="alert"`)
	}
	if err := os.Rename(h.blobs+".away", h.blobs); err != nil {
		t.Fatal(err)
	}
	resp, _ := anna.post("/recordings/"+id.String()+"/erase", nil)
	resp, body = anna.get(resp.Header.Get("Location"))
	want(t, resp, http.StatusOK, body, "1 recording")
}
