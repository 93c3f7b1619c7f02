package portal

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// who is the person as the session in their browser shows them.
func (p *person) who() identity.Verified {
	p.t.Helper()
	who, err := p.home.desk.Authenticate(p.t.Context(), p.cookie("hearkeep"))
	if err != nil {
		p.t.Fatal(err)
	}
	return who
}

// cookie is the value of a cookie of the person's browser; empty where it has none.
func (p *person) cookie(name string) string {
	p.t.Helper()
	u, err := url.Parse(p.home.server.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, c := range p.client.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// setCookie gives the person's browser a cookie.
func (p *person) setCookie(name, value string) {
	p.t.Helper()
	u, err := url.Parse(p.home.server.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	p.client.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

// vaults is what the person holds, the first one first.
func (p *person) vaults() []vault.Held {
	p.t.Helper()
	held, err := p.home.keep.Vaults(p.t.Context(), p.who())
	if err != nil {
		p.t.Fatal(err)
	}
	return held
}

// addVault makes a personal vault on the page and returns its id.
func (p *person) addVault(name string) hearkeep.VaultID {
	p.t.Helper()
	resp, _ := p.post("/vaults", url.Values{"name": {name}})
	id, err := hearkeep.ParseID[hearkeep.VaultID](strings.TrimPrefix(resp.Header.Get("Location"), "/vaults#v-"))
	if resp.StatusCode != http.StatusSeeOther || err != nil {
		p.t.Fatalf("adding a vault answered %d to %q", resp.StatusCode, resp.Header.Get("Location"))
	}
	return id
}

func (p *person) enter(id hearkeep.VaultID) (*http.Response, string) {
	p.t.Helper()
	return p.post("/vaults/enter", url.Values{"vault": {id.String()}})
}

// doorIn is the first open door of a kind in one of the person's vaults; ok is
// false where there is none.
func (p *person) doorIn(id hearkeep.VaultID, source hearkeep.Source) (b vault.Binding, ok bool) {
	p.t.Helper()
	room, err := p.home.keep.Enter(p.t.Context(), p.who(), id)
	if err != nil {
		p.t.Fatal(err)
	}
	all, err := room.Bindings(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(b vault.Binding) bool { return b.Source == source && b.Ended.IsZero() })
	if i < 0 {
		return vault.Binding{}, false
	}
	return all[i], true
}

// TestVaults adds one and goes between the two: each page shows the open one
// alone, and says which that is as soon as there is a choice.
func TestVaults(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	said := anna.speak(canary)
	_, body := anna.get("/vaults")
	want(t, nil, 0, body, "Your keep", "Open now", "For you alone")
	if strings.Contains(body, "open-vault") || strings.Contains(body, "/vaults/enter") {
		t.Error("one vault is shown as a choice")
	}
	if _, body = anna.get("/doors/" + anna.door(hearkeep.SourceSay).ID.String()); !strings.Contains(body, "You have one vault") || strings.Contains(body, "/move") {
		t.Error("with one vault, a door is offered to be moved")
	}

	living := anna.addVault(" Living  room ")
	_, body = anna.get("/")
	want(t, nil, 0, body, canary, "<title>Your keep · Hearkeep</title>", `class="open-vault" href="/vaults"`)
	resp, _ := anna.enter(living)
	wantRedirect(t, resp, "/")
	set := resp.Cookies()
	if len(set) != 1 || set[0].Name != "hearkeep-vault" || !set[0].HttpOnly || set[0].SameSite != http.SameSiteStrictMode || set[0].Path != "/" || set[0].MaxAge <= 0 {
		t.Errorf("entering sets %v", set)
	}
	for _, path := range []string{"/", "/kept", "/doors", "/erase", "/doors/new?kind=say"} {
		resp, body = anna.get(path)
		want(t, resp, http.StatusOK, body, `<span class="sr">Open vault: </span>Living room</a>`)
		if strings.Contains(body, canary) {
			t.Errorf("%s shows what another vault keeps", path)
		}
	}
	_, body = anna.get("/")
	want(t, nil, 0, body, "<title>Living room · Hearkeep</title>", "<h1>Living room</h1>", "Nothing is kept yet")
	resp, body = anna.get("/recordings/" + said.String())
	want(t, resp, http.StatusNotFound, body)
	_, body = anna.get("/doors")
	want(t, nil, 0, body, "The one door is listening", "Of the vault “Living room”")
	_, body = anna.get("/vaults")
	want(t, nil, 0, body, `aria-label="Open Your keep"`)

	anna.enter(anna.vaults()[0].ID)
	if _, body = anna.get("/"); !strings.Contains(body, canary) {
		t.Error("back in the first vault, its recording is not shown")
	}
	anna.enter(living)
	anna.post("/sign-out", nil)
	if got := anna.cookie("hearkeep-vault"); got != "" {
		t.Errorf("after sign-out the browser still asks for vault %s", got)
	}
}

func TestVaultsThatAreRefused(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	for _, name := range []string{"", "  ", strings.Repeat("x", 65)} {
		resp, body := anna.post("/vaults", url.Values{"name": {name}})
		want(t, resp, http.StatusUnprocessableEntity, body, "A vault needs a name", `id="vault-name"`)
	}
	resp, body := anna.post("/vaults", url.Values{"name": {strings.Repeat("<b>", 22)}})
	want(t, resp, http.StatusUnprocessableEntity, body, "&lt;b&gt;&lt;b&gt;")
	for range 15 {
		anna.addVault("One more")
	}
	resp, body = anna.post("/vaults", url.Values{"name": {"Too many"}})
	want(t, resp, http.StatusTooManyRequests, body, "You hold 16 vaults", `value="Too many"`)
	if got := len(anna.vaults()); got != 16 {
		t.Errorf("there are %d vaults, want 16", got)
	}
}

// TestVaultCookieOpensNothing: a cookie with what is not an id, is nobody's,
// or is somebody else's shows the first vault, as no cookie does.
func TestVaultCookieOpensNothing(t *testing.T) {
	h := newHome(t)
	anna, ben := h.person("Anna"), h.person("Ben")
	anna.speak(canary)
	annas := anna.vaults()[0].ID.String()
	ben.speak("good morning")
	ben.addVault("Office")
	_, none := ben.get("/doors")
	for _, value := range []string{annas, hearkeep.NewID[hearkeep.VaultID]().String(), "x", "", strings.ToUpper(ben.vaults()[1].ID.String()),
		strings.Repeat("0", 32), annas + annas, "../" + annas} {
		ben.setCookie("hearkeep-vault", value)
		resp, body := ben.get("/")
		want(t, resp, http.StatusOK, body, "good morning", "<h1>Your keep</h1>")
		if strings.Contains(body, canary) {
			t.Errorf("the cookie %q shows what somebody else said", value)
		}
		if _, body = ben.get("/doors"); body != none {
			t.Errorf("the cookie %q changes the page", value)
		}
	}
	// The twin: one that is held does open.
	ben.setCookie("hearkeep-vault", ben.vaults()[1].ID.String())
	_, body := ben.get("/")
	want(t, nil, 0, body, "<h1>Office</h1>")
	// A session alone says who somebody is: its vault cookie opens nothing.
	stranger := h.stranger()
	stranger.setCookie("hearkeep-vault", annas)
	resp, _ := stranger.get("/")
	wantRedirect(t, resp, "/sign-in")
}

// TestAnotherVaultIsAsAbsent: a vault that a form names and its sender does
// not hold answers the same bytes as one that never was, to whoever asks.
func TestAnotherVaultIsAsAbsent(t *testing.T) {
	h := newHome(t)
	anna, ben := h.person("Anna"), h.person("Ben")
	annas := anna.addVault("Living room")
	ben.addVault("Office")
	door := ben.door(hearkeep.SourceSay)
	form := func(id string) url.Values { return url.Values{"vault": {id}} }
	for _, path := range []string{"/vaults/enter", "/doors/" + door.ID.String() + "/move"} {
		answer := func(id string) answerTo {
			resp, body := ben.post(path, form(id))
			resp.Header.Del("Date")
			return answerTo{resp.StatusCode, resp.Header, body}
		}
		missing := answer(hearkeep.NewID[hearkeep.VaultID]().String())
		if missing.Status != http.StatusNotFound || len(missing.Header.Values("Set-Cookie")) > 0 {
			t.Errorf("%s: a vault that never was answers %d, cookies %q", path, missing.Status, missing.Header.Values("Set-Cookie"))
		}
		for _, id := range []string{annas.String(), anna.vaults()[0].ID.String(), "", "x", strings.ToUpper(ben.vaults()[1].ID.String())} {
			if diff := cmp.Diff(missing, answer(id)); diff != "" {
				t.Errorf("%s: vault %q differs from missing (-missing +got):\n%s", path, id, diff)
			}
		}
	}
	if got, ok := ben.doorIn(ben.vaults()[0].ID, hearkeep.SourceSay); !ok || got.ID != door.ID {
		t.Error("the door was moved")
	}
	// A device's token opens and moves nothing, not even its own door.
	bearer := ben.token()
	door = ben.door(hearkeep.SourceSay)
	device := h.stranger()
	for _, path := range []string{"/vaults", "/vaults/enter", "/doors/" + door.ID.String() + "/move"} {
		values := form(ben.vaults()[1].ID.String())
		values.Set("name", "A device's")
		req := device.request("POST", path, "application/x-www-form-urlencoded", []byte(values.Encode()))
		req.Header.Set("Authorization", "Bearer "+bearer)
		if resp, _ := device.send(req); resp.StatusCode != http.StatusUnauthorized || len(resp.Cookies()) > 0 {
			t.Errorf("%s answers %d to a device, cookies %v", path, resp.StatusCode, resp.Cookies())
		}
	}
	if got, ok := ben.doorIn(ben.vaults()[0].ID, hearkeep.SourceSay); !ok || got.ID != door.ID || len(ben.vaults()) != 2 {
		t.Error("a device moved its door or made a vault")
	}
}

// TestMoveListener: a listener goes on under its address in the other vault,
// and the page that it left says so.
func TestMoveListener(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	living := anna.addVault("Living room")
	first := anna.vaults()[0].ID
	anna.post("/doors/new", url.Values{"kind": {"wyoming"}, "name": {"Kitchen"}, "listen": {"127.0.0.1:10300"}, "keep": {"words"}, "from": {"22:00"}, "to": {"07:00"}})
	old := anna.door(hearkeep.SourceWyoming)
	_, body := anna.get("/doors/" + old.ID.String())
	want(t, nil, 0, body, "Move to another vault", "What it has kept stays", `<option value="`+living.String()+`">Living room</option>`)
	if strings.Contains(body, `<option value="`+first.String()) {
		t.Error("the vault that a door is in is offered")
	}
	before := h.listeners.times()
	resp, _ := anna.post("/doors/"+old.ID.String()+"/move", url.Values{"vault": {living.String()}})
	notice := "/doors?moved=" + old.ID.String() + "&to=" + living.String()
	wantRedirect(t, resp, notice)
	if got := h.listeners.times(); got != before+1 {
		t.Errorf("the listeners followed %d times, want once", got-before)
	}
	_, body = anna.get(notice)
	want(t, nil, 0, body, "“Kitchen” is a door of “Living room” now", "Disconnected doors", "<h1>Doors</h1>", "Of the vault “Your keep”")
	if _, ok := anna.doorIn(first, hearkeep.SourceWyoming); ok {
		t.Error("the door is still in the vault that it left")
	}
	moved, ok := anna.doorIn(living, hearkeep.SourceWyoming)
	if !ok || moved.ID == old.ID {
		t.Fatal("the door is not in the other vault")
	}
	wantDoor(t, moved, vault.Door{Name: "Kitchen", Listen: "127.0.0.1:10300"}, "words quiet 22:00-07:00")
	resp, body = anna.get("/doors/" + moved.ID.String()) // of a vault that is not open
	want(t, resp, http.StatusNotFound, body)

	// Only what happened is told: not of doors that are here, nor of vaults of others.
	ben := h.person("Ben")
	for _, query := range []string{"moved=" + old.ID.String() + "&to=" + first.String(), "moved=" + old.ID.String() + "&to=" + ben.vaults()[0].ID.String(),
		"moved=" + anna.door(hearkeep.SourceUpload).ID.String() + "&to=" + living.String(), "moved=&to=", "moved=x&to=" + living.String()} {
		if _, body = anna.get("/doors?" + query); strings.Contains(body, "is a door of") {
			t.Errorf("%s tells of a move", query)
		}
	}
	// To where it is, and the uploads: refused.
	uploads := anna.door(hearkeep.SourceUpload)
	if _, body = anna.get("/doors/" + uploads.ID.String()); strings.Contains(body, "Move to another vault") {
		t.Error("the uploads are offered to be moved")
	}
	resp, body = anna.post("/doors/"+uploads.ID.String()+"/move", url.Values{"vault": {living.String()}})
	want(t, resp, http.StatusUnprocessableEntity, body, "cannot be moved there")
	anna.enter(living)
	resp, body = anna.post("/doors/"+moved.ID.String()+"/move", url.Values{"vault": {living.String()}})
	want(t, resp, http.StatusUnprocessableEntity, body, "cannot be moved there")
}

// TestMoveTerminal: the token of before is void, and the page in the other
// vault shows a new line, which keeps there.
func TestMoveTerminal(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	h.engine.hears("what time is it")
	token := anna.token()
	anna.say(token, "audio/wav", h.speech)
	living := anna.addVault("Living room")
	first := anna.vaults()[0].ID
	old := anna.door(hearkeep.SourceSay)
	anna.post("/doors/"+old.ID.String()+"/pair", nil)
	_, page := anna.get("/")
	unused := code(t, page)
	phone := h.stranger() // another session of hers, which is shown a line of its own
	phone.post("/sign-in", url.Values{"name": {"Anna"}, "passphrase": {passphrase}})
	phone.post("/doors/"+old.ID.String()+"/pair", nil)
	_, page = phone.get("/")
	onPhone := code(t, page)

	resp, _ := anna.post("/doors/"+old.ID.String()+"/move", url.Values{"vault": {living.String()}})
	moved, ok := anna.doorIn(living, hearkeep.SourceSay)
	if !ok {
		t.Fatal("the terminal is not in the other vault")
	}
	wantRedirect(t, resp, "/doors#d-"+moved.ID.String())
	_, page = anna.get("/doors")
	want(t, nil, 0, page, "Of the vault “Living room”", "Terminal", `id="d-`+moved.ID.String()+`"`)
	fresh := code(t, page)
	if fresh == unused {
		t.Error("the line of the door of before is still shown")
	}
	if _, page = phone.get("/"); strings.Contains(page, onPhone) {
		t.Error("another session is still shown a line of the door of before")
	}
	if resp, _ := anna.say(token, "audio/wav", h.speech); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the token of before answers %d, want 401", resp.StatusCode)
	}
	for _, line := range []string{unused, onPhone} {
		if resp, _ := h.stranger().postJSON("/v1/pair", map[string]string{"code": line}); resp.StatusCode == http.StatusOK {
			t.Error("a line of the door of before pairs")
		}
	}
	// A line is shown in the vault that it is for.
	anna.enter(first)
	if _, page = anna.get("/"); strings.Contains(page, fresh) {
		t.Error("the line of a terminal is shown in a vault that it does not speak to")
	}
	resp, body := anna.say(h.stranger().redeem(fresh), "audio/wav", h.speech)
	want(t, resp, http.StatusOK, body, `"event":"kept"`)
	if got := anna.count(); got != 1 {
		t.Errorf("the vault of before keeps %d recordings, want the 1 from before", got)
	}
	anna.enter(living)
	_, page = anna.get("/kept")
	want(t, nil, 0, page, "1 recording")
}

// TestMoveBrowser: a vault has one door of the browser at most.
func TestMoveBrowser(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	living := anna.addVault("Living room")
	first := anna.vaults()[0].ID
	add := func() {
		anna.post("/doors/new", url.Values{"kind": {"browser"}, "name": {"Browser"}, "keep": {"words"}})
	}
	add()
	anna.post("/doors/"+anna.door(hearkeep.SourceBrowser).ID.String()+"/move", url.Values{"vault": {living.String()}})
	moved, ok := anna.doorIn(living, hearkeep.SourceBrowser)
	if !ok {
		t.Fatal("the browser was not moved")
	}
	anna.enter(living)
	_, page := anna.get("/")
	want(t, nil, 0, page, "What is kept: Words only")
	anna.enter(first)
	add()
	resp, body := anna.post("/doors/"+anna.door(hearkeep.SourceBrowser).ID.String()+"/move", url.Values{"vault": {living.String()}})
	want(t, resp, http.StatusConflict, body, "a door of that vault already")
	if got, ok := anna.doorIn(living, hearkeep.SourceBrowser); !ok || got.ID != moved.ID {
		t.Error("the browser that was there is not there any more")
	}
	anna.door(hearkeep.SourceBrowser) // and the other stayed
}

// TestPageOfAnotherVault: a page that shows one vault while another was opened
// elsewhere erases nothing, and is loaded anew where it polls.
func TestPageOfAnotherVault(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	id := anna.speak(canary)
	living := anna.addVault("Living room")
	first := anna.vaults()[0].ID
	anna.enter(living)
	_, page := anna.get("/erase")
	want(t, nil, 0, page, "Nothing is kept")
	_, page = anna.get("/")
	seen := regexp.MustCompile(`hx-get="(/latest\?seen=[^"]+)"`).FindStringSubmatch(page)[1]
	anna.enter(first)
	resp, body := anna.get(seen)
	if resp.StatusCode != http.StatusNoContent || resp.Header.Get("HX-Refresh") != "true" || body != "" {
		t.Errorf("a page of another vault polls: %d, HX-Refresh %q", resp.StatusCode, resp.Header.Get("HX-Refresh"))
	}
	for _, of := range []string{living.String(), "", "x"} {
		resp, body = anna.post("/erase", url.Values{"sure": {"yes"}, "of": {of}})
		want(t, resp, http.StatusConflict, body, "Nothing was erased")
	}
	if anna.newest() != id {
		t.Fatal("a page of another vault erased this one")
	}
	_, page = anna.get("/erase")
	of := regexp.MustCompile(`name="of" value="([^"]+)"`).FindStringSubmatch(page)[1]
	resp, _ = anna.post("/erase", url.Values{"sure": {"yes"}, "of": {of}})
	if resp.StatusCode != http.StatusSeeOther || anna.count() != 0 {
		t.Errorf("its own page erases nothing: %d", resp.StatusCode)
	}
}

// vaultsInChromium makes a vault and moves a listener and a terminal to it,
// without JavaScript, with what is seen saved for people to look at.
func vaultsInChromium(t *testing.T, c *chromium) {
	h := newHome(t)
	anna := h.person("Anna")
	anna.post("/doors/new", url.Values{"kind": {"wyoming"}, "name": {"Kitchen"}, "listen": {"127.0.0.1:10300"}, "keep": {"words"}})
	kitchen, terminal := anna.door(hearkeep.SourceWyoming).ID.String(), anna.door(hearkeep.SourceSay).ID.String()
	b := c.tab(t, h.server.URL)
	send(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.signIn(anna, "Anna")
	b.open("/vaults/new")
	b.do(chromedp.SendKeys(chromedp.CSS("#vault-name"), "Living room"), chromedp.Click(chromedp.CSS(`form[action="/vaults"] button`)))
	b.until(`document.querySelectorAll(".people form").length === 1`)
	living := anna.vaults()[1].ID.String()
	for _, door := range []string{kitchen, terminal} {
		b.open("/doors/" + door)
		b.shoot("walk-vaults-door-" + map[string]string{kitchen: "kitchen", terminal: "terminal"}[door])
		b.do(chromedp.SetValue(chromedp.CSS("#vault"), living), chromedp.Click(chromedp.CSS(`form[action$="/move"] button`)))
		b.until(`location.pathname === "/doors"`)
		b.shoot("walk-vaults-doors-" + map[string]string{kitchen: "kitchen", terminal: "terminal"}[door])
	}
	b.until(`document.querySelector(".open-vault").textContent === "Open vault: Living room" && document.querySelector(".door #lines")`)
	if got := eval[int](b, `document.querySelectorAll(".door").length`); got != 3 {
		t.Errorf("the other vault has %d doors, want 3", got)
	}
	b.open("/vaults")
	b.do(chromedp.Click(chromedp.CSS(`form[action="/vaults/enter"] button`)))
	b.until(`location.pathname === "/" && document.querySelector("h1").textContent === "Your keep"`)
}
