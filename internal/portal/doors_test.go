package portal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// fakeListeners stands for what listens: it counts and says what it is told to.
type fakeListeners struct {
	mu        sync.Mutex
	refreshed int
	trouble   map[hearkeep.BindingID]string
	err       error
}

func (l *fakeListeners) Refresh(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refreshed++
	return l.err
}

func (l *fakeListeners) Status() map[hearkeep.BindingID]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.trouble)
}

// times is how often the listeners were told to follow.
func (l *fakeListeners) times() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refreshed
}

// says sets what the listeners answer from now on.
func (l *fakeListeners) says(trouble map[hearkeep.BindingID]string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trouble, l.err = trouble, err
}

// TestDoors adds, changes, pauses and disconnects a door as a form does.
func TestDoors(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	resp, body := anna.get("/doors")
	want(t, resp, http.StatusOK, body, "Uploads", "Terminal", "All 2 doors are listening", "Stop listening", "hearkeep pair")

	// A listener: nothing of the rule is chosen for a person.
	resp, body = anna.get("/doors/new?kind=wyoming")
	want(t, resp, http.StatusOK, body, `value="127.0.0.1:10300"`, "Wyoming has no sign-in", "Home Assistant")
	if strings.Contains(body, "required checked") {
		t.Error("a new door's rule is chosen for its person")
	}
	typed := url.Values{"kind": {"wyoming"}, "name": {"Kitchen"}, "listen": {"0.0.0.0:10300"}, "allow": {"192.168.1.20, 10.0.0.7/8"},
		"relay": {"127.0.0.1:10305"}, "keep": {"words"}, "from": {"22:00"}, "to": {"07:00"}}
	resp, _ = anna.post("/doors/new", typed)
	kitchen := anna.door(hearkeep.SourceWyoming)
	wantRedirect(t, resp, "/doors#d-"+kitchen.ID.String())
	wantDoor(t, kitchen, vault.Door{Name: "Kitchen", Listen: "0.0.0.0:10300", Relay: "127.0.0.1:10305",
		Allow: []netip.Prefix{netip.MustParsePrefix("192.168.1.20/32"), netip.MustParsePrefix("10.0.0.0/8")}}, "words quiet 22:00-07:00")
	at := "/doors/" + kitchen.ID.String()
	_, body = anna.get("/doors")
	want(t, nil, 0, body, "Kitchen", "Words only, and nothing from 22:00 to 07:00", "this computer’s address in your network, port 10300", "127.0.0.1:10305 is asked first")
	if _, body = anna.get("/doors/new?kind=wyoming"); !strings.Contains(body, `value="127.0.0.1:10301"`) {
		t.Error("a second listener is offered a port that is taken")
	}

	// Its form shows what it is, and takes something else.
	_, body = anna.get(at)
	want(t, nil, 0, body, `value="Kitchen"`, "192.168.1.20\n10.0.0.0/8", `value="words" required checked`, `value="22:00"`)
	resp, _ = anna.post(at, url.Values{"name": {"Living  room"}, "listen": {"127.0.0.1:10300"}, "keep": {"nothing"}})
	wantRedirect(t, resp, "/doors#d-"+kitchen.ID.String())
	wantDoor(t, anna.door(hearkeep.SourceWyoming), vault.Door{Name: "Living room", Listen: "127.0.0.1:10300"}, "nothing")

	// Paused, and a change does not make it listen.
	anna.post(at+"/pause", nil)
	anna.post(at, url.Values{"name": {"Hall"}, "listen": {"127.0.0.1:10300"}, "keep": {"audio+words"}})
	wantDoor(t, anna.door(hearkeep.SourceWyoming), vault.Door{Name: "Hall", Listen: "127.0.0.1:10300"}, "audio+words paused")
	_, body = anna.get("/doors")
	want(t, nil, 0, body, "2 of 3 doors are listening", at+"/listen")
	anna.post(at+"/listen", nil)
	wantDoor(t, anna.door(hearkeep.SourceWyoming), vault.Door{Name: "Hall", Listen: "127.0.0.1:10300"}, "audio+words")

	// All at once, and what has no place in another kind is dropped.
	anna.post("/doors/pause", nil)
	_, body = anna.get("/doors")
	want(t, nil, 0, body, "Nothing is listening", "Let all listen again")
	resp, body = anna.upload("sound", "speech.wav", h.speech)
	want(t, resp, http.StatusForbidden, body, "This door is paused")
	anna.post("/doors/listen", nil)
	_, body = anna.get("/doors")
	want(t, nil, 0, body, "All 3 doors are listening")

	// Disconnected: asked first, then gone, and what it was stays to be read.
	_, body = anna.get(at + "/disconnect")
	want(t, nil, 0, body, "Disconnect this door?", "What was kept through it stays", "Hall")
	resp, _ = anna.post(at+"/disconnect", nil)
	wantRedirect(t, resp, "/doors")
	_, body = anna.get("/doors")
	want(t, nil, 0, body, "Disconnected doors", "Hall")
	for _, path := range []string{at, at + "/disconnect"} {
		resp, body = anna.get(path)
		want(t, resp, http.StatusNotFound, body)
	}
	resp, _ = anna.post(at+"/listen", nil)
	want(t, resp, http.StatusNotFound, "")
	uploads := "/doors/" + anna.door(hearkeep.SourceUpload).ID.String()
	resp, body = anna.post(uploads+"/disconnect", nil)
	want(t, resp, http.StatusUnprocessableEntity, body, "cannot be disconnected")
}

func wantDoor(t *testing.T, b vault.Binding, door vault.Door, rule string) {
	t.Helper()
	if diff := cmp.Diff(door, b.Door, cmpopts.EquateComparable(netip.Prefix{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the door differs (-want +got):\n%s", diff)
	}
	if got := b.Rule.String(); got != rule {
		t.Errorf("the rule is %q, want %q", got, rule)
	}
}

// TestDoorsThatAreRefused: what is wrong is said, and what was typed stays.
func TestDoorsThatAreRefused(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	good := url.Values{"kind": {"wyoming"}, "name": {"Kitchen"}, "listen": {"127.0.0.1:10300"}, "keep": {"words"}}
	for _, bad := range []struct{ name, field, value, says string }{
		{"no name", "name", "", "needs a name"},
		{"a long name", "name", strings.Repeat("x", 65), "needs a name"},
		{"no rule", "keep", "", "Choose what this door may keep"},
		{"another rule", "keep", "everything", "Choose what this door may keep"},
		{"half of the hours", "from", "22:00", "Quiet hours need two different times"},
		{"no port", "listen", "127.0.0.1", "needs an address and a port"},
		{"open to all", "listen", "0.0.0.0:10300", "Wyoming has no sign-in"},
		{"not an address", "allow", "192.168.1.20\nthe kitchen", "Entry 2 of who may connect is not an address"},
		{"an engine nowhere", "relay", "whisper", "The other engine needs an address and a port"},
	} {
		form := url.Values{}
		for k, v := range good {
			form[k] = v
		}
		form.Set(bad.field, bad.value)
		resp, body := anna.post("/doors/new", form)
		if resp.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, bad.says) {
			t.Errorf("%s: status %d, want 422 saying %q", bad.name, resp.StatusCode, bad.says)
		}
		if bad.field != "listen" && !strings.Contains(body, `value="127.0.0.1:10300"`) {
			t.Errorf("%s: what was typed is lost", bad.name)
		}
	}
	ben := h.person("Ben")
	ben.post("/doors/new", url.Values{"kind": {"wyoming"}, "name": {"Attic"}, "listen": {"127.0.0.1:10300"}, "keep": {"words"}})
	resp, body := anna.post("/doors/new", good)
	want(t, resp, http.StatusConflict, body, "Another door listens at port 10300", `value="Kitchen"`)
	for _, kind := range []string{"", "upload", "satellite"} {
		resp, _ := anna.get("/doors/new?kind=" + kind)
		want(t, resp, http.StatusNotFound, "")
		resp, _ = anna.post("/doors/new", url.Values{"kind": {kind}, "name": {"x"}, "keep": {"words"}})
		want(t, resp, http.StatusNotFound, "")
	}
	if n := len(bindings(t, anna)); n != 2 {
		t.Errorf("%d doors, want the 2 from set-up", n)
	}
	if n := h.listeners.times(); n != 1 {
		t.Errorf("the listeners were told %d times, want once: of Ben's door", n)
	}
}

func bindings(t *testing.T, p *person) []vault.Binding {
	t.Helper()
	all, err := p.room().Bindings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestListenersFollow: each change is followed, and what does not listen says why.
func TestListenersFollow(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	anna.post("/doors/new", url.Values{"kind": {"wyoming"}, "name": {"Kitchen"}, "listen": {"127.0.0.1:10300"}, "keep": {"words"}})
	id := anna.door(hearkeep.SourceWyoming).ID
	at := "/doors/" + id.String()
	h.listeners.says(map[hearkeep.BindingID]string{id: "The address 127.0.0.1:10300 is not free on this machine."}, nil)
	_, body := anna.get("/doors")
	want(t, nil, 0, body, "is not free on this machine", "Not listening")
	for i, post := range []struct {
		path string
		form url.Values
	}{
		{at, url.Values{"name": {"Hall"}, "listen": {"127.0.0.1:10301"}, "keep": {"words"}}},
		{at + "/pause", nil}, {at + "/listen", nil}, {"/doors/pause", nil}, {"/doors/listen", nil}, {at + "/disconnect", nil},
	} {
		anna.post(post.path, post.form)
		if got, want := h.listeners.times(), i+2; got != want {
			t.Errorf("after %s the listeners followed %d times, want %d", post.path, got, want)
		}
	}
	// One that does not follow is told of: it may still listen.
	h.listeners.says(nil, errors.New("no store"))
	resp, body := anna.post("/doors/pause", nil)
	want(t, resp, http.StatusServiceUnavailable, body, "what listens did not follow it")
}

// TestTerminalDoors: a line for each terminal, a new one for the same door,
// and none for a door that is no more.
func TestTerminalDoors(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	h.engine.hears("what time is it")
	resp, _ := anna.post("/doors/new", url.Values{"kind": {"say"}, "name": {"Laptop"}, "keep": {"nothing"}})
	at, _ := strings.CutPrefix(resp.Header.Get("Location"), "/doors#d-")
	_, page := anna.get("/doors")
	first := code(t, page)
	token := h.stranger().redeem(first)
	_, body := anna.say(token, "audio/wav", h.speech)
	want(t, nil, 0, body, `"event":"answered"`, `"event":"not-kept"`)
	if _, page = anna.get("/doors"); strings.Contains(page, first) {
		t.Error("a used line is still shown")
	}

	resp, _ = anna.post("/doors/"+at+"/pair", nil)
	wantRedirect(t, resp, "/doors#d-"+at)
	_, page = anna.get("/doors")
	again := h.stranger().redeem(code(t, page))
	if resp, _ := anna.say(token, "audio/wav", h.speech); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the old token answers %d after a new one, want 401", resp.StatusCode)
	}
	if resp, _ := anna.say(again, "audio/wav", h.speech); resp.StatusCode != http.StatusOK {
		t.Errorf("the new token answers %d", resp.StatusCode)
	}
	anna.post("/doors/"+at+"/pair", nil)
	_, page = anna.get("/")
	late := code(t, page)
	anna.post("/doors/"+at+"/disconnect", nil)
	for _, path := range []string{"/", "/doors"} {
		if _, page = anna.get(path); strings.Contains(page, late) {
			t.Errorf("%s shows the line of a door that is no more", path)
		}
	}
	if resp, _ := anna.say(again, "audio/wav", h.speech); resp.StatusCode < 400 {
		t.Errorf("a disconnected terminal is answered %d", resp.StatusCode)
	}
	resp, _ = anna.post("/doors/"+anna.door(hearkeep.SourceUpload).ID.String()+"/pair", nil)
	want(t, resp, http.StatusNotFound, "")
}

// TestBrowserIsOneDoor: added twice, it is the same door with what was chosen
// last, and a paused one stays paused.
func TestBrowserIsOneDoor(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	add := func(keep string) {
		anna.post("/doors/new", url.Values{"kind": {"browser"}, "name": {"Browser"}, "keep": {keep}})
	}
	add("audio+words")
	at := "/doors/" + anna.door(hearkeep.SourceBrowser).ID.String()
	anna.post(at+"/pause", nil)
	add("words")
	wantDoor(t, anna.door(hearkeep.SourceBrowser), vault.Door{Name: "Browser"}, "words paused")
	n := 0
	for _, b := range bindings(t, anna) {
		if b.Source == hearkeep.SourceBrowser {
			n++
		}
	}
	if n != 1 {
		t.Errorf("the browser is %d doors", n)
	}
	resp, _ := anna.get("/doors/new?kind=browser")
	wantRedirect(t, resp, at)
	anna.post(at+"/listen", nil)
	_, page := anna.get("/")
	want(t, nil, 0, page, "What is kept: Words only")
}

func TestWhoMayConnect(t *testing.T) {
	for _, tc := range []struct{ typed, want string }{ // want is empty where it is refused
		{"", "[]"}, {" \n, ;", "[]"},
		{"192.168.1.20", "[192.168.1.20/32]"}, {"192.168.1.20,10.1.2.3/8", "[192.168.1.20/32 10.0.0.0/8]"},
		{"fd00::1\r\nfd00::/8", "[fd00::1/128 fd00::/8]"}, {"fe80::1%eth0", "[fe80::1/128]"},
		{"::ffff:192.168.1.20", "[192.168.1.20/32]"}, {"::ffff:192.168.1.20/120", "[192.168.1.0/24]"},
		{"::ffff:192.168.1.20/80", ""}, {"0.0.0.0/0", ""}, {"::/0", ""}, {"192.168.1.20/33", ""}, {"kitchen", ""}, {"192.168.1", ""},
	} {
		got, err := readAllowed(tc.typed)
		if err != nil && (tc.want != "" || hearkeep.CodeOf(err) != hearkeep.Invalid) || err == nil && fmt.Sprint(got) != tc.want {
			t.Errorf("%q: got %v, %v, want %s", tc.typed, got, err, tc.want)
		}
	}
}

func TestQuietHoursAreSaid(t *testing.T) {
	noon := time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC)
	p := &portal{Config: Config{Zone: time.UTC, Now: func() time.Time { return noon }}, codes: codes{now: time.Now}}
	for _, tc := range []struct {
		rule string
		says bool
	}{
		{"words quiet 11:00-13:00", true}, {"words quiet 13:00-11:00", false}, {"words", false},
		{"nothing quiet 11:00-13:00", false}, {"words quiet 11:00-13:00 paused", false},
	} {
		rule, err := hearkeep.ParseRoomRule(tc.rule)
		if err != nil {
			t.Fatal(err)
		}
		d := p.doorView(&visit{}, vault.Binding{Source: hearkeep.SourceSay, Rule: rule})
		if got := strings.Contains(d.How, "quiet hours"); got != tc.says {
			t.Errorf("%s: %q", tc.rule, d.How)
		}
	}
}

// doorsInChromium adds a listener, changes and disconnects it, as a person
// with a browser, with what they see saved for people to look at.
func doorsInChromium(t *testing.T, c *chromium) { doorsByForm(t, c.tab, true) }

// doorsWithoutJavaScript goes the same way with scripts switched off.
func doorsWithoutJavaScript(t *testing.T, c *chromium) { doorsByForm(t, c.tab, false) }

func doorsByForm(t *testing.T, tab func(*testing.T, string) *browser, scripts bool) {
	h := newHome(t)
	anna := h.person("Anna")
	b := tab(t, h.server.URL)
	send(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !scripts})
	b.signIn(anna, "Anna")
	b.do(chromedp.Click(chromedp.CSS(`nav a[href="/doors"]`)))
	b.until(`document.querySelectorAll(".door").length === 2`)
	b.do(chromedp.Click(chromedp.CSS(`a[href="/doors/new?kind=wyoming"]`)))
	b.until(`document.querySelector("#listen")`)
	if scripts {
		b.shoot("walk-doors-1-new")
	}
	b.do(chromedp.SendKeys(chromedp.CSS("#name"), "Kitchen"), chromedp.Click(chromedp.CSS("#keep-words")), chromedp.Click(chromedp.CSS("button.main")))
	b.until(`document.querySelectorAll(".door").length === 3`)
	kitchen := anna.door(hearkeep.SourceWyoming)
	at := regexp.QuoteMeta(kitchen.ID.String())
	if kitchen.Rule.Keep != hearkeep.KeepWords {
		t.Errorf("the choice of words only keeps %s", kitchen.Rule.Keep)
	}
	b.do(chromedp.Click(chromedp.CSS(`form[action="/doors/` + at + `/pause"] button`)))
	b.until(`document.querySelector("#d-` + at + ` .state").textContent === "Paused"`)
	if scripts {
		b.shoot("walk-doors-2-paused")
	}
	b.do(chromedp.Click(chromedp.CSS(`form[action="/doors/` + at + `/listen"] button`)))
	b.until(`document.querySelector("#d-` + at + ` .state").textContent === "Listening"`)
	b.do(chromedp.Click(chromedp.CSS(`form[action^="/doors/pause?"] button`)))
	b.until(`document.querySelectorAll(".dot.listening").length === 0`)
	b.do(chromedp.Click(chromedp.CSS(`form[action^="/doors/listen?"] button`)))
	b.until(`document.querySelectorAll(".door .dot.listening").length === 3`)
	b.do(chromedp.Click(chromedp.CSS(`a[href="/doors/` + at + `"]`)))
	b.until(`document.querySelector("#keep-words").checked`)
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#from").value = "22:00", document.querySelector("#to").value = "07:00"`),
		chromedp.Click(chromedp.CSS("#keep-nothing")), chromedp.Click(chromedp.CSS("button.main")))
	b.until(`document.querySelectorAll(".door").length === 3`)
	if got := anna.door(hearkeep.SourceWyoming).Rule.String(); got != "nothing quiet 22:00-07:00" {
		t.Errorf("the rule is %q", got)
	}
	b.do(chromedp.Click(chromedp.CSS(`a[href="/doors/` + at + `/disconnect"]`)))
	b.until(`document.querySelector("button.danger")`)
	b.do(chromedp.Click(chromedp.CSS("button.danger")))
	b.until(`document.querySelectorAll(".door").length === 2 && document.querySelector(".ended")`)
}
