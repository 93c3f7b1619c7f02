package portal

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"github.com/hearkeep/hearkeep"
)

// authenticator gives a tab an authenticator, as the one built into a phone:
// it keeps passkeys and knows its person.
func (b *browser) authenticator(prf bool) webauthn.AuthenticatorID {
	b.t.Helper()
	send(b, webauthn.Enable, webauthn.EnableParams{})
	return send(b, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true, HasPrf: prf,
	}}).AuthenticatorID
}

// session is the tab's session cookie.
func (b *browser) session() string {
	b.t.Helper()
	for _, c := range send(b, network.GetCookies, network.GetCookiesParams{}).Cookies {
		if c.Name == "hearkeep" {
			return c.Value
		}
	}
	b.t.Fatal("not signed in")
	return ""
}

func (b *browser) signOut() {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(".out button")))
	b.until(`location.pathname === "/sign-in"`)
}

// usePasskey types a name and presses the button of the sign-in page.
func (b *browser) usePasskey(name string) {
	b.t.Helper()
	b.do(chromedp.SendKeys(chromedp.CSS("#name"), name), chromedp.Click(chromedp.CSS(`form[data-passkey] button`)))
}

// addPasskey adds one and returns what the page then says.
func (b *browser) addPasskey(name string) string {
	b.t.Helper()
	b.open("/account/passkeys")
	b.until(`!document.querySelector("form[data-passkey]").hidden && document.querySelector("[data-passkey-none]").hidden`)
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#name").value = ""`), chromedp.SendKeys(chromedp.CSS("#name"), name),
		chromedp.Click(chromedp.CSS("form[data-passkey] button.main")))
	b.until(`location.pathname === "/account" && document.querySelector(".banner.good") || !document.querySelector("[data-passkey-fault]")?.hidden`)
	return eval[string](b, `(document.querySelector(".banner.good") ?? document.querySelector("[data-passkey-fault]")).textContent`)
}

// passkeyLife: added, signed in with, stepped up with, removed; it opens what
// is kept, and then nothing.
func passkeyLife(t *testing.T, c *chromium) {
	h := newHome(t)
	anna := h.person("Anna")
	anna.speak(canary)
	b := c.tab(t, h.server.URL)
	id := b.authenticator(true)
	b.signIn(anna, "Anna")
	if got := b.addPasskey("Anna’s phone"); !strings.Contains(got, "signs you in and unlocks") {
		t.Fatalf("adding a passkey: %s", got)
	}
	b.shoot("passkey-added")
	if n := len(send(b, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: id}).Credentials); n != 1 {
		t.Fatalf("the authenticator holds %d passkeys, want 1", n)
	}
	// The same again is refused by the device.
	b.open("/account/passkeys")
	b.do(chromedp.Click(chromedp.CSS("form[data-passkey] button.main")))
	b.until(`!document.querySelector("[data-passkey-fault]").hidden`)
	if got := eval[string](b, `document.querySelector("[data-passkey-fault]").textContent`); !strings.Contains(got, "holds a passkey for your account already") {
		t.Errorf("the same again: %s", got)
	}
	b.shoot("passkey-again")

	b.signOut()
	b.do(chromedp.Click(chromedp.CSS(`form[data-passkey] button`))) // without a name nothing is asked
	b.usePasskey("Anna")
	b.until(`location.pathname === "/" && document.querySelector("li.row")`)
	if !eval[bool](b, `document.body.textContent.includes("`+canary+`")`) {
		t.Error("signed in with a passkey, what was said is not readable")
	}

	// Step up, and go on where it was.
	h.stale(b.session())
	b.open("/account/kit")
	b.until(`location.pathname === "/unlock" && !document.querySelector("form[data-passkey]").hidden`)
	b.shoot("passkey-unlock")
	b.do(chromedp.Click(chromedp.CSS(`form[data-passkey] button`)))
	b.until(`location.pathname === "/account/kit"`)

	// A page to add one that lay open too long leads to an unlocker.
	b.open("/account/passkeys")
	h.stale(b.session())
	b.do(chromedp.Click(chromedp.CSS("form[data-passkey] button.main")))
	b.until(`location.pathname === "/unlock"`)
	b.do(chromedp.Click(chromedp.CSS(`form[data-passkey] button`)))
	b.until(`location.pathname === "/account/passkeys"`)

	// Another name's sign-in has no use for it.
	b.signOut()
	b.usePasskey("Ben")
	b.until(`!document.querySelector("[data-passkey-fault]").hidden`)
	b.open("/sign-in")
	b.usePasskey("Anna")
	b.until(`location.pathname === "/"`)

	b.open("/account")
	b.do(chromedp.Evaluate[chromedp.Void](`[...document.querySelectorAll("#ways li")].find(e => e.textContent.includes("phone")).querySelector("a[href$=remove]").click()`))
	b.until(`location.pathname.endsWith("/remove")`)
	b.do(chromedp.Click(chromedp.CSS("button.danger")))
	b.until(`location.search === "?done=removed"`)
	b.open("/")
	if !eval[bool](b, `document.body.textContent.includes("`+canary+`")`) {
		t.Error("after a passkey was removed, what was said is not readable")
	}
	if resp, _ := anna.get("/"); resp.Header.Get("Location") != "/sign-in" {
		t.Error("another browser is still signed in after a passkey was removed")
	}
	b.signOut()
	b.usePasskey("Anna")
	b.until(`!document.querySelector("[data-passkey-fault]").hidden || location.pathname === "/"`)
	if eval[bool](b, `location.pathname === "/"`) {
		t.Error("a removed passkey signs in")
	}
	b.shoot("passkey-removed")
}

// passkeyInTwoSteps: an authenticator that gives no PRF result while it makes
// a passkey is asked once more, with the same salt.
func passkeyInTwoSteps(t *testing.T, c *chromium) {
	h := newHome(t)
	anna := h.person("Anna")
	anna.speak(canary)
	b := c.tab(t, h.server.URL)
	b.beforePages(`{
		const create = navigator.credentials.create.bind(navigator.credentials);
		navigator.credentials.create = async (options) => {
			const made = await create(options);
			made.getClientExtensionResults = () => ({ prf: { enabled: true } });
			return made;
		};
	}`)
	id := b.authenticator(true)
	b.signIn(anna, "Anna")
	if got := b.addPasskey("Security key"); !strings.Contains(got, "signs you in and unlocks") {
		t.Fatalf("adding a passkey: %s", got)
	}
	made := send(b, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: id}).Credentials
	if len(made) != 1 || made[0].SignCount != 2 {
		t.Errorf("the authenticator was not asked twice: %v", made)
	}
	b.signOut()
	b.usePasskey("Anna")
	b.until(`location.pathname === "/" && document.body.textContent.includes("` + canary + `")`)
}

// passkeyWithoutPRF signs in by half: it says who it is and why it cannot
// unlock, and the passphrase does.
func passkeyWithoutPRF(t *testing.T, c *chromium) {
	h := newHome(t)
	anna := h.person("Anna")
	anna.speak(canary)
	b := c.tab(t, h.server.URL)
	b.authenticator(false)
	b.signIn(anna, "Anna")
	if got := b.addPasskey("Old key"); !strings.Contains(got, "no PRF extension") {
		t.Fatalf("adding a passkey without PRF: %s", got)
	}
	b.shoot("half-added")
	b.open("/unlock")
	if eval[bool](b, `!!document.querySelector("form[data-passkey]")`) {
		t.Error("a passkey that cannot unlock is offered where one must")
	}
	b.signOut()
	b.usePasskey("Anna")
	b.until(`location.pathname === "/sign-in/passkey"`)
	page := eval[string](b, `document.querySelector("main").textContent`)
	for _, says := range []string{"Almost there, Anna", "showed that it is you", "PRF extension"} {
		if !strings.Contains(page, says) {
			t.Errorf("the page does not say %q", says)
		}
	}
	if strings.Contains(page, canary) {
		t.Error("a half sign-in opens something")
	}
	b.shoot("half-signed-in")
	b.open("/")
	b.until(`location.pathname === "/sign-in"`)
	b.usePasskey("Anna")
	b.until(`location.pathname === "/sign-in/passkey"`)
	b.do(chromedp.SendKeys(chromedp.CSS("#passphrase"), passphrase), chromedp.Click(chromedp.CSS(`form[action="/sign-in"] button[type=submit]`)))
	b.until(`location.pathname === "/" && document.body.textContent.includes("` + canary + `")`)
}

// signedOutTabs: after signing out, the back button and other tabs show
// nothing; after a step-up in one tab, the other goes on.
func signedOutTabs(t *testing.T, c *chromium) {
	h := newHome(t)
	anna := h.person("Anna")
	anna.speak(canary)
	b := c.tab(t, h.server.URL)
	b.signIn(anna, "Anna")
	ctx, cancel := chromedp.NewContext(b.ctx)
	defer cancel()
	other := &browser{t: t, ctx: ctx, origin: b.origin}
	other.open("/")
	other.until(`document.body.textContent.includes("` + canary + `")`)

	before := b.session()
	b.open("/unlock?next=/kept")
	b.do(chromedp.SendKeys(chromedp.CSS("#passphrase"), passphrase), chromedp.Click(chromedp.CSS(`form[action="/unlock"] button[type=submit]`)))
	b.until(`location.pathname === "/kept"`)
	if b.session() == before {
		t.Error("the cookie is the same after a step-up")
	}
	h.stranger() // while the other tab polls on
	other.do(chromedp.Click(chromedp.CSS(`nav a[href="/doors"]`)))
	other.until(`location.pathname === "/doors"`)
	other.open("/")
	other.until(`location.pathname === "/" && document.body.textContent.includes("` + canary + `")`)

	b.open("/")
	b.until(`document.body.textContent.includes("` + canary + `")`)
	b.signOut()
	b.do(chromedp.Evaluate[chromedp.Void](`history.back()`))
	b.until(`performance.now() > 0 && document.querySelector("h1")`)
	b.until(`location.pathname === "/sign-in"`)
	if eval[bool](b, `document.body.textContent.includes("`+canary+`")`) {
		t.Error("the back button shows what was said, after signing out")
	}
	other.until(`location.pathname === "/sign-in"`) // its polling is told so
}

// kitWithoutJavaScript: the kit is shown and checked, and an unlocker shown.
func kitWithoutJavaScript(t *testing.T, c *chromium) {
	h := newHome(t)
	b := c.tab(t, h.server.URL)
	send(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.open("/sign-in")
	if eval[bool](b, `document.querySelector("form[data-passkey]").checkVisibility()`) {
		t.Error("a passkey's button shows without JavaScript")
	}
	b.open("/setup/" + h.setupLink())
	b.do(chromedp.SendKeys(chromedp.CSS("#name"), "Ben"), chromedp.SendKeys(chromedp.CSS("#passphrase"), passphrase), chromedp.Click(chromedp.CSS("button.main")))
	b.until(`document.querySelectorAll(".groups li").length === 9`)
	b.checkKit()
	b.until(`location.pathname === "/"`)
	b.open("/account")
	b.open("/account/passkeys")
	if !eval[bool](b, `document.querySelector("[data-passkey-none]").checkVisibility() && !document.querySelector("form[data-passkey]").checkVisibility()`) {
		t.Error("without JavaScript, the page to add a passkey does not say what it needs")
	}
	h.stale(b.session())
	b.open("/account/kit")
	b.until(`location.pathname === "/unlock"`)
	b.do(chromedp.SendKeys(chromedp.CSS("#passphrase"), passphrase), chromedp.Click(chromedp.CSS(`form[action="/unlock"] button.main`)))
	b.until(`location.pathname === "/account/kit"`)
	b.do(chromedp.Click(chromedp.CSS("button.main")))
	b.until(`document.querySelectorAll(".groups li").length === 9`)
	b.checkKit()
	b.until(`location.search === "?done=kit"`)
}

// checkKit goes on from the page of a kit, and types the two groups back.
func (b *browser) checkKit() {
	b.t.Helper()
	groups := eval[[]string](b, `[...document.querySelectorAll(".groups code")].map(e => e.textContent)`)
	b.do(chromedp.Click(chromedp.CSS("#done")), chromedp.Click(chromedp.CSS("button.main")))
	b.until(`location.pathname === "/account/kit/check"`)
	asked := eval[[]int](b, `[...document.querySelectorAll("main label")].map(e => Number(e.textContent.replace("Group ", "")))`)
	b.do(chromedp.SendKeys(chromedp.CSS("#first"), groups[asked[0]-1]), chromedp.SendKeys(chromedp.CSS("#second"), groups[asked[1]-1]),
		chromedp.Click(chromedp.CSS("button.main")))
}

// passkeysByNumber: at an address of numbers no passkey is offered.
func passkeysByNumber(t *testing.T, c *chromium) {
	h := newHome(t)
	u, err := url.Parse(h.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	b := c.tab(t, "http://127.0.0.1:"+u.Port())
	b.open("/sign-in")
	b.until(`document.querySelector("form[data-passkey]")`)
	if eval[bool](b, `document.querySelector("form[data-passkey]").checkVisibility()`) {
		t.Error("a passkey is offered at an address of numbers")
	}
}

// playedEnough: a player that wants an unlocker first says so, with a link.
func playedEnough(t *testing.T, c *chromium) {
	ps, err := loadPages()
	if err != nil {
		t.Fatal(err)
	}
	p := &portal{Config: Config{Now: time.Now, Zone: time.UTC}, pages: ps}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", csp)
		switch name, static := strings.CutPrefix(r.URL.Path, "/static/"); {
		case static:
			r.SetPathValue("file", name)
			p.static(w, r)
		case isMedia(r):
			p.fail(w, r, hearkeep.Errorf(hearkeep.StepUp, "Please show that it is you."))
		default:
			p.show(w, http.StatusOK, "recording", sampleRecording(func(*recordingPage) {}))
		}
	}))
	defer server.Close()
	b := c.tab(t, server.URL)
	b.open("/recordings/1")
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("audio").play().catch(() => {})`))
	b.until(`document.querySelector('a[href="/unlock?next=%2Frecordings%2F1"]')`)
}
