package portal

import (
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestSessionsOnThePage: each browser is listed, and ends at a click.
func TestSessionsOnThePage(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	phone, tablet, ben := h.signIn("Anna", passphrase), h.signIn("Anna", passphrase), h.person("Ben")
	ends := regexp.MustCompile(`/account/sessions/([0-9a-f]{16})/end`)
	others := ends.FindAllStringSubmatch(get(t, anna, "/account"), -1)
	if len(others) != 2 {
		t.Fatalf("%d other sessions are listed, want 2", len(others))
	}
	resp, _ := ben.post(others[0][0], nil)
	want(t, resp, http.StatusNotFound, "")
	resp, _ = anna.post(others[0][0], nil)
	wantRedirect(t, resp, "/account?done=session#sessions")
	in := 0
	for _, p := range []*person{phone, tablet} {
		if resp, _ := p.get("/"); resp.StatusCode == http.StatusOK {
			in++
		}
	}
	if in != 1 {
		t.Errorf("%d of two browsers are signed in after one was ended", in)
	}
	resp, _ = anna.post("/account/sessions", nil)
	wantRedirect(t, resp, "/account?done=others#sessions")
	for _, p := range []*person{phone, tablet} {
		resp, _ := p.get("/")
		wantRedirect(t, resp, "/sign-in")
	}
	want(t, nil, 0, get(t, anna, "/account?done=others"), "Only this browser is signed in now.")
	resp, _ = ben.get("/")
	want(t, resp, http.StatusOK, "")
	// Signed in, the page to sign in leads on; signed out, it asks.
	resp, _ = anna.get("/sign-in")
	wantRedirect(t, resp, "/")
	resp, _ = phone.get("/sign-in")
	want(t, resp, http.StatusOK, "")
}

// TestTokensOnThePage: made once, listed, ended; and not while they wait.
func TestTokensOnThePage(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	vault := anna.room().ID().String()
	for _, bad := range []url.Values{
		{"vault": {vault}, "name": {"Backup"}, "days": {"0"}}, {"vault": {vault}, "name": {"Backup"}, "days": {"366"}},
		{"vault": {vault}, "name": {"Backup"}, "days": {"x"}}, {"vault": {vault}, "name": {""}, "days": {"1"}},
	} {
		resp, body := anna.post("/account/tokens", bad)
		want(t, resp, http.StatusUnprocessableEntity, body, `role="alert" id="problem"`)
	}
	resp, _ := h.person("Ben").post("/account/tokens", url.Values{"vault": {vault}, "name": {"Backup"}, "days": {"1"}})
	want(t, resp, http.StatusNotFound, "")
	resp, body := anna.post("/account/tokens", url.Values{"vault": {vault}, "name": {"Backup"}, "days": {"30"}, "write": {"no"}})
	secret := regexp.MustCompile(`hkt_[A-Za-z0-9_-]+`).FindString(body)
	want(t, resp, http.StatusOK, body, "shown this once", "May read")
	page := get(t, anna, "/account")
	want(t, nil, 0, page, "Backup", "Never used")
	if _, err := h.keep.Program(t.Context(), secret); err != nil {
		t.Errorf("the token opens nothing: %v", err)
	}
	want(t, nil, 0, get(t, anna, "/account"), "Last used")
	if strings.Contains(page, secret) {
		t.Error("the token is shown again")
	}
	resp, _ = anna.post(regexp.MustCompile(`/account/tokens/[0-9a-f]{32}/end`).FindString(page), nil)
	wantRedirect(t, resp, "/account?done=token#tokens")
	if _, err := h.keep.Program(t.Context(), secret); err == nil {
		t.Error("an ended token opens the vault")
	}
	anna.post("/account/passphrase", url.Values{"passphrase": {"another four words here"}})
	resp, body = anna.get("/account/tokens")
	want(t, resp, http.StatusOK, body, "A token can be made from")
	resp, body = anna.post("/account/tokens", url.Values{"vault": {vault}, "name": {"Backup"}, "days": {"30"}})
	if resp.StatusCode < 400 || resp.StatusCode >= 500 || strings.Contains(body, "hkt_") {
		t.Errorf("a token is made while tokens wait: %d", resp.StatusCode)
	}
}

func TestDeviceText(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                                  "Firefox on Linux",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1": "Safari on iPhone",
		"Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36":                            "Chrome on Android",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0":           "Edge on Windows",
		"hearkeep/1": "The hearkeep command", "curl/8": "curl/8", "": "A browser that does not say which", "a\nb": "ab",
	} {
		if got := deviceText(agent); got != want {
			t.Errorf("%q is %q, want %q", agent, got, want)
		}
	}
	for _, what := range []string{"", "x", "passphrasE"} {
		if done(what) != "" {
			t.Errorf("%q says %q", what, done(what))
		}
	}
}

// TestPasskeyAnswersThatAreNone: nonsense where a passkey's answer belongs
// brings the form back with a sentence, and never a session.
func TestPasskeyAnswersThatAreNone(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	begin := func(name string) (int, string) {
		req := h.stranger().request("POST", "/sign-in/passkey/begin", "application/x-www-form-urlencoded", []byte(url.Values{"name": {name}}.Encode()))
		req.Header.Set("Accept", "application/json")
		resp, body := h.stranger().send(req)
		return resp.StatusCode, body
	}
	status, known := begin("Anna")
	if status != http.StatusOK || strings.Count(known, `"public-key"`) < 4 {
		t.Fatalf("beginning a sign-in: %d %s", status, known)
	}
	_, unknown := begin("Nobody")
	if strings.Count(known, `"public-key"`) != strings.Count(unknown, `"public-key"`) {
		t.Error("a name that nobody has is answered differently")
	}
	ceremony := regexp.MustCompile(`"ceremony":"([^"]+)"`).FindStringSubmatch(known)[1]
	for _, bad := range []url.Values{
		{}, {"ceremony": {"x"}}, {"ceremony": {ceremony}, "response": {"nonsense"}}, {"ceremony": {ceremony}, "response": {"{}"}, "prf": {"!"}},
		{"ceremony": {ceremony}, "response": {`{"id":"eA","rawId":"eA","type":"public-key","response":{}}`}},
		{"ceremony": {ceremony}, "response": {`{}`}, "prf": {strings.Repeat("A", 43)}},
	} {
		stranger := h.stranger()
		resp, body := stranger.post("/sign-in/passkey", bad)
		if resp.StatusCode < 400 || resp.StatusCode >= 500 || !strings.Contains(body, `role="alert" id="problem"`) || stranger.cookie("hearkeep") != "" {
			t.Errorf("signing in with %v: %d", bad, resp.StatusCode)
		}
		bad.Set("name", "Mine")
		resp, body = anna.post("/account/passkeys", bad)
		if resp.StatusCode < 400 || resp.StatusCode >= 500 || !strings.Contains(body, `role="alert" id="problem"`) {
			t.Errorf("adding %v: %d", bad, resp.StatusCode)
		}
	}
	if n := strings.Count(get(t, anna, "/account"), `id="w-`); n != 2 {
		t.Errorf("%d ways in are listed, want 2", n)
	}
}

// TestSignOutClearsTheBrowser: nothing is left for a back button.
func TestSignOutClearsTheBrowser(t *testing.T) {
	anna := newHome(t).person("Anna")
	resp, _ := anna.post("/sign-out", nil)
	wantRedirect(t, resp, "/sign-in")
	if got := resp.Header.Get("Clear-Site-Data"); got != `"cache"` {
		t.Errorf("Clear-Site-Data is %q", got)
	}
	ended := []string{}
	for _, c := range resp.Cookies() {
		if c.MaxAge < 0 {
			ended = append(ended, c.Name)
		}
	}
	if !slices.Equal(ended, []string{"hearkeep", "hearkeep-vault"}) {
		t.Errorf("the cookies %v end", ended)
	}
}

// TestPagesDoNotHideTheirFrame: a field of a page with the name of one of the
// frame's would stand in its place at the head of the page.
func TestPagesDoNotHideTheirFrame(t *testing.T) {
	for _, s := range samples() {
		page := reflect.TypeOf(s.data).Elem()
		for _, f := range reflect.VisibleFields(reflect.TypeFor[frame]()) {
			if got, ok := page.FieldByName(f.Name); !ok || len(got.Index) != len(f.Index)+1 {
				t.Errorf("page %s hides %s", s.name, f.Name)
			}
		}
	}
}
