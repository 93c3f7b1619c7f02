package portal

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// stale makes a session as old as if no unlocker had been shown for long: only
// whoever has its cookie can, since the row is sealed for that time.
func (h *home) stale(cookie string) {
	h.t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(cookie)
	if err != nil {
		h.t.Fatal(err)
	}
	err = h.store.Update(h.t.Context(), func(tx *store.Tx) error {
		row, err := tx.Identity.Session(h.t.Context(), sha256.Sum256(raw[:16]))
		if err != nil {
			return err
		}
		of := seal.SessionContext{Account: row.Account, SessionHash: row.IDHash, Created: row.Created, Expires: row.Expires, SteppedUp: row.SteppedUp}
		key, err := seal.UnwrapSession([32]byte(raw[16:]), row.Wrap, of)
		if err != nil {
			return err
		}
		row.SteppedUp = row.SteppedUp.Add(-identity.StepUpLife)
		of.SteppedUp = row.SteppedUp
		if row.Wrap, err = seal.WrapSession([32]byte(raw[16:]), key, of); err != nil {
			return err
		}
		if err := tx.Identity.DeleteSession(h.t.Context(), row.IDHash); err != nil {
			return err
		}
		return tx.Identity.InsertSession(h.t.Context(), row)
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (p *person) stale() { p.t.Helper(); p.home.stale(p.cookie("hearkeep")) }

// signIn signs another browser in.
func (h *home) signIn(name, passphrase string) *person {
	h.t.Helper()
	p := h.stranger()
	if resp, _ := p.post("/sign-in", url.Values{"name": {name}, "passphrase": {passphrase}}); resp.StatusCode != http.StatusSeeOther {
		h.t.Fatalf("signing %s in answered %d", name, resp.StatusCode)
	}
	return p
}

// signsIn reports whether a passphrase opens an account.
func (h *home) signsIn(name, passphrase string) bool {
	resp, _ := h.stranger().post("/sign-in", url.Values{"name": {name}, "passphrase": {passphrase}})
	return resp.StatusCode == http.StatusSeeOther
}

var (
	groupShown  = regexp.MustCompile(`<li><code>([0-9A-Z]{4})</code></li>`)
	hiddenField = regexp.MustCompile(`<input type="hidden" name="(\w+)" value="([^"]*)"`)
)

// kitShown reads a kit and its check from the page that shows it.
func kitShown(t *testing.T, body string) (kit []string, check url.Values) {
	t.Helper()
	for _, g := range groupShown.FindAllStringSubmatch(body, -1) {
		kit = append(kit, g[1])
	}
	check = url.Values{}
	for _, f := range hiddenField.FindAllStringSubmatch(body, -1) {
		check.Set(f[1], f[2])
	}
	if len(kit) != 9 || check.Get("ticket") == "" {
		t.Fatalf("the page shows %d groups and the fields %v", len(kit), check)
	}
	return kit, check
}

// typed adds the two groups that a check asks for.
func typed(kit []string, check url.Values) url.Values {
	groups := url.Values{}
	for name, values := range check {
		groups[name] = values
	}
	at := func(field string) string { return kit[check.Get(field)[0]-'1'] }
	groups.Set("first", strings.ToLower(at("a")))
	groups.Set("second", " "+at("b"))
	return groups
}

// TestStaleSessionUnlocksAndGoesBack: what needs a fresh unlocker asks for one
// and goes on where it was; the session has another cookie then.
func TestStaleSessionUnlocksAndGoesBack(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	anna.stale()
	resp, _ := anna.get("/account/passphrase?x=1")
	wantRedirect(t, resp, "/unlock?next=%2Faccount%2Fpassphrase%3Fx%3D1")
	resp, body := anna.get(resp.Header.Get("Location"))
	want(t, resp, http.StatusOK, body, "Show that it is you", `name="next" value="/account/passphrase?x=1"`, "Use the recovery kit")

	resp, body = anna.post("/account/passphrase", url.Values{"passphrase": {"another long passphrase"}})
	want(t, resp, http.StatusForbidden, body, "Nothing was done", `href="/unlock?next=%2Faccount%2Fpassphrase"`)
	if !h.signsIn("Anna", passphrase) {
		t.Error("a stale session changed the passphrase")
	}
	req := anna.request("POST", "/account/passphrase", "application/x-www-form-urlencoded", []byte("passphrase=another+long+passphrase"))
	req.Header.Set("Accept", "application/json")
	resp, body = anna.send(req)
	want(t, resp, http.StatusForbidden, body, `"code":"step_up"`)

	before := anna.cookie("hearkeep")
	for _, wrong := range []url.Values{
		{"passphrase": {"not the passphrase"}}, {"kit": {"K7QM"}}, {"kit": {strings.Repeat("0000 ", 9)}}, {}, {"passphrase": {passphrase}, "kit": {"x"}},
		{"ceremony": {"x"}, "response": {"{"}}, {"ceremony": {"x"}, "response": {"{}"}, "prf": {"!"}}, {"ceremony": {"x"}, "response": {"{}"}},
	} {
		resp, body := anna.post("/unlock", wrong)
		if resp.StatusCode < 400 || resp.StatusCode >= 500 || !strings.Contains(body, `role="alert" id="problem"`) {
			t.Errorf("%v: status %d, want a form with a sentence", wrong, resp.StatusCode)
		}
	}
	if anna.cookie("hearkeep") != before {
		t.Error("a wrong unlocker changed the cookie")
	}
	resp, _ = anna.post("/unlock", url.Values{"passphrase": {passphrase}, "next": {"/account/passphrase?x=1"}})
	wantRedirect(t, resp, "/account/passphrase?x=1")
	if anna.cookie("hearkeep") == before {
		t.Error("the cookie is the same after the step-up")
	}
	if _, err := h.desk.Authenticate(t.Context(), before); err == nil {
		t.Error("the cookie of before still signs in")
	}
	resp, _ = anna.get("/account/passphrase?x=1")
	want(t, resp, http.StatusOK, "")
}

// accountIDs makes one of everything that an account has.
func (p *person) accountIDs() map[object]string {
	p.t.Helper()
	p.home.signIn("Anna", passphrase)
	p.post("/account/tokens", url.Values{"vault": {p.room().ID().String()}, "name": {"Backup"}, "days": {"1"}})
	resp, _ := p.post("/account/addresses", url.Values{"kind": {"webhook"}, "address": {p.home.post.server.URL}})
	page := get(p.t, p, "/account")
	id := func(pattern string) string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(page)
		if m == nil {
			p.t.Fatalf("the page of the account has no %s", pattern)
		}
		return m[1]
	}
	return map[object]string{
		wayIn: path.Base(p.wayIn("Passphrase")), channel: path.Base(resp.Header.Get("Location")),
		session: id(`/account/sessions/([0-9a-f]{16})/end`), token: id(`/account/tokens/([0-9a-f]{32})/end`),
	}
}

// listed names all that the page of a person's account lists.
func listed(t *testing.T, p *person) []string {
	t.Helper()
	return regexp.MustCompile(`<strong id="[^"]+">`).FindAllString(get(t, p, "/account"), -1)
}

// TestFreshRoutes: every route that wants an unlocker asks a stale session for
// one, and does nothing meanwhile.
func TestFreshRoutes(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	anna.stale()
	before := h.entries()
	asked := 0
	for _, row := range pageRoutes() {
		if !row.fresh {
			continue
		}
		asked++
		id := strings.Repeat("0f", 16)
		page, program := anna.ask(row, id, "text/html", nil), anna.ask(row, id, "application/json", nil)
		if row.method == "GET" {
			if to := "/unlock?" + (url.Values{"next": {address(row, id)}}).Encode(); page.Status != http.StatusSeeOther || page.Header.Get("Location") != to {
				t.Errorf("%s answers %d to %s, want a redirect to %s", pattern(row), page.Status, page.Header.Get("Location"), to)
			}
		} else if page.Status != http.StatusForbidden || !strings.Contains(page.Body, "/unlock?next=") {
			t.Errorf("%s answers %d to a form of a stale session, want 403 with the way on", pattern(row), page.Status)
		}
		if program.Status != http.StatusForbidden || !strings.Contains(program.Body, `"code":"step_up"`) {
			t.Errorf("%s answers %d to a program: %s", pattern(row), program.Status, program.Body)
		}
	}
	if asked < 20 {
		t.Errorf("%d routes want an unlocker, which are too few to be all", asked)
	}
	if got := h.entries(); got != before {
		t.Errorf("a stale session wrote %d entries", got-before)
	}
}

// TestNextStaysHere: the page that goes on after an unlocker goes nowhere else.
func TestNextStaysHere(t *testing.T) {
	for _, next := range []string{"/", "/account", "/doors?moved=1&to=2", "/recordings/0f?x=%2F%2Fy", "/account#ways"} {
		if got := localPath(next, "/other"); got != next {
			t.Errorf("%q became %q", next, got)
		}
	}
	for _, next := range []string{
		"", "account", "//evil.example", "///evil.example", `/\evil.example`, `\\evil.example`, "/%2Fevil.example", "/%5Cevil.example",
		"https://evil.example", "https:evil", "javascript:alert(1)", "/\tevil", "/a\r\nSet-Cookie: x=y", "/\x00", " /account", "%2Faccount",
		"/\u0085x", "http://localhost:1/x", "?x", "#x", "@evil.example",
	} {
		if got := localPath(next, "/other"); got != "/other" {
			t.Errorf("%q leads to %q", next, got)
		}
	}
	h := newHome(t)
	anna := h.person("Anna")
	resp, body := anna.get("/unlock?" + url.Values{"next": {"https://evil.example/"}}.Encode())
	want(t, resp, http.StatusOK, body, `name="next" value="/account"`)
	resp, _ = anna.post("/unlock", url.Values{"passphrase": {passphrase}, "next": {"//evil.example"}})
	wantRedirect(t, resp, "/account")
}

// TestKitIsChecked: a kit stays a banner until two of its groups are typed
// back; a new one is in force only then.
func TestKitIsChecked(t *testing.T) {
	h := newHome(t)
	anna := h.stranger()
	_, body := anna.post("/setup/"+h.setupLink(), url.Values{"name": {"Anna"}, "passphrase": {passphrase}})
	first, check := kitShown(t, body)
	const banner = "Nobody has checked"
	_, home := anna.get("/")
	line := code(t, home)
	for _, page := range []string{"/", "/kept", "/doors", "/account", "/erase"} {
		_, body := anna.get(page)
		want(t, nil, 0, body, banner)
	}
	resp, body := anna.post("/account/kit/check", check)
	want(t, resp, http.StatusOK, body, "Group "+check.Get("a"), "Group "+check.Get("b"))
	if strings.Contains(body, banner) {
		t.Error("the page of the check speaks of making another kit")
	}
	wrong := typed(first, check)
	wrong.Set("second", "0000")
	resp, body = anna.post("/account/kit/check", wrong)
	want(t, resp, http.StatusUnprocessableEntity, body, "These are not groups", `name="ticket" value="`+check.Get("ticket")+`"`)
	resp, _ = h.person("Ben").post("/account/kit/check", typed(first, check))
	if resp.StatusCode < 400 {
		t.Error("somebody else checked the kit")
	}
	foreign := typed(first, check)
	foreign.Set("next", "https://evil.example")
	resp, _ = anna.post("/account/kit/check", foreign)
	wantRedirect(t, resp, "/account")
	if _, body = anna.get("/"); strings.Contains(body, banner) {
		t.Error("the banner stays after the check")
	}
	if code(t, body) != line {
		t.Error("the session shows another line to paste under its new cookie")
	}
	resp, body = anna.post("/account/kit/check", typed(first, check)) // again
	if resp.StatusCode < 400 || resp.StatusCode >= 500 || !strings.Contains(body, "Make a new kit") {
		t.Errorf("a used ticket answers %d", resp.StatusCode)
	}

	// Another kit: the first one works until this is checked.
	resp, body = anna.post("/account/kit", nil)
	want(t, resp, http.StatusOK, body, "shown this once")
	second, check := kitShown(t, body)
	opens := func(kit []string) bool {
		resp, _ := h.stranger().post("/sign-in/kit", url.Values{"name": {"Anna"}, "kit": {strings.Join(kit, " ")}})
		return resp.StatusCode == http.StatusSeeOther
	}
	if !opens(first) || opens(second) {
		t.Error("a kit that nobody checked took the place of another")
	}
	resp, _ = anna.post("/account/kit/check", typed(second, check))
	wantRedirect(t, resp, "/account?done=kit")
	if opens(first) || !opens(second) {
		t.Error("the checked kit did not take the place of the other")
	}
	resp, body = anna.get("/account?done=kit")
	want(t, resp, http.StatusOK, body, "checked and in force", "no archive and no token is made")
}

// TestWaysOnThePage: the passphrase changed, and a way in removed.
func TestWaysOnThePage(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	anna.speak(canary)
	resp, body := anna.post("/account/passphrase", url.Values{"passphrase": {"short"}})
	want(t, resp, http.StatusUnprocessableEntity, body, "too short")
	const other = "another four words here"
	resp, _ = anna.post("/account/passphrase", url.Values{"passphrase": {other}})
	wantRedirect(t, resp, "/account?done=passphrase")
	if h.signsIn("Anna", passphrase) || !h.signsIn("Anna", other) {
		t.Error("the passphrase was not changed")
	}

	byPassphrase, byKit := anna.wayIn("Passphrase"), anna.wayIn("Recovery kit")
	resp, body = anna.get(byPassphrase)
	want(t, resp, http.StatusOK, body, "Passphrase", "Remove it")
	resp, _ = anna.post(byPassphrase, url.Values{"name": {"mine"}})
	if resp.StatusCode < 400 {
		t.Error("a passphrase has a name")
	}
	elsewhere := h.signIn("Anna", other)
	resp, body = anna.get(byPassphrase + "/remove")
	want(t, resp, http.StatusOK, body, "signed out everywhere but here")
	resp, _ = anna.post(byPassphrase+"/remove", nil)
	wantRedirect(t, resp, "/account?done=removed")
	if h.signsIn("Anna", other) {
		t.Error("the removed passphrase signs in")
	}
	resp, _ = elsewhere.get("/")
	wantRedirect(t, resp, "/sign-in")
	want(t, nil, 0, get(t, anna, "/"), canary) // under the new keys
	page := get(t, anna, "/account")
	if strings.Contains(page, "/remove") || !strings.Contains(page, "Choose a passphrase") {
		t.Error("the last way in can be removed")
	}
	resp, body = anna.post(byKit+"/remove", nil)
	want(t, resp, http.StatusConflict, body, "the last way in")
	resp, _ = anna.post("/account/passphrase", url.Values{"passphrase": {passphrase}})
	wantRedirect(t, resp, "/account?done=passphrase")
	if !h.signsIn("Anna", passphrase) {
		t.Error("a new passphrase does not sign in")
	}
}

// wayIn is the page of a way into the person's account.
func (p *person) wayIn(label string) string {
	p.t.Helper()
	m := regexp.MustCompile(`id="w-([0-9a-f]{32})">` + regexp.QuoteMeta(label) + `<`).FindStringSubmatch(get(p.t, p, "/account"))
	if m == nil {
		p.t.Fatalf("no way in is called %q", label)
	}
	return "/account/ways/" + m[1]
}

// get returns a page that must be there.
func get(t *testing.T, p *person, path string) string {
	t.Helper()
	resp, body := p.get(path)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s answers %d", path, resp.StatusCode)
	}
	return body
}

// A recording's form has no page of its own: who unlocks comes back to the
// recording.
func TestUnlockingLeadsBackToTheRecording(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	living := anna.vaultOf("Living room", "shared", "")
	own := anna.vaults()[0].ID
	anna.enter(own)
	said := anna.speakIn(own, "good evening")
	anna.stale()
	there := "/recordings/" + said.String()
	resp, body := anna.post(there+"/move", url.Values{"vault": {living.String()}})
	want(t, resp, http.StatusForbidden, body, "/unlock?"+url.Values{"next": {there}}.Encode())
}
