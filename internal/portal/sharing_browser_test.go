package portal

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/hearkeep/hearkeep"
)

// press clicks the first link or button with a text, and waits for the page
// that comes of it.
func (b *browser) press(text, until string) {
	b.t.Helper()
	b.until(`[...document.querySelectorAll("main a, main button, nav a")].some(e => e.textContent.trim() === "` + text + `")`)
	eval[bool](b, `[...document.querySelectorAll("main a, main button, nav a")].find(e => e.textContent.trim() === "`+text+`").click(), true`)
	b.until(until)
}

// reads waits until a page says something.
func (b *browser) reads(text string) {
	b.t.Helper()
	b.until(`document.querySelector("main").textContent.includes("` + text + `")`)
}

// says reports whether the page says something, anywhere.
func (b *browser) says(text string) bool {
	b.t.Helper()
	return eval[bool](b, `document.documentElement.outerHTML.includes("`+text+`")`)
}

const titled = `document.querySelector("h1").textContent === `

// makeVault adds a vault on its page.
func (b *browser) makeVault(name, kind, ofAge string) {
	b.t.Helper()
	b.press("Vaults", titled+`"Vaults"`)
	b.press("Add a vault", titled+`"Add a vault"`)
	b.do(chromedp.SendKeys(chromedp.CSS("#vault-name"), name), chromedp.Click(chromedp.CSS("#kind-"+kind)))
	if got := eval[bool](b, `document.querySelector("#of-age").checkVisibility()`); got != (ofAge != "") {
		b.t.Errorf("a vault that is %s asks for a day: %v", kind, got)
	}
	if ofAge != "" {
		b.do(chromedp.SetValue(chromedp.CSS("#of-age"), ofAge))
	}
	b.shoot("share-0-add-" + kind)
	b.press("Add it", titled+`"`+name+`"`)
}

// link makes an invitation from the page where the form is, and returns its path.
func (b *browser) link() string {
	b.t.Helper()
	b.press("Make the link", `document.querySelector("#lines")`)
	return strings.TrimPrefix(eval[string](b, `document.querySelector("#lines").textContent`), b.origin)
}

// join makes an account from a link, on a phone.
func (b *browser) join(name, link string) {
	b.t.Helper()
	b.look(390, "light")
	b.open(link)
	b.do(chromedp.SendKeys(chromedp.CSS("#name"), name), chromedp.SendKeys(chromedp.CSS("#passphrase"), passphrase))
	b.shoot("share-1-join-" + name)
	b.press("Accept and make my account", `document.querySelectorAll(".groups li").length === 9`)
	b.checkKit()
	b.until(`location.pathname === "/"`)
}

// livingRoom is the story of a vault that two people share for a while.
func livingRoom(t *testing.T, c *chromium) {
	h := newHome(t)
	anna, ben := c.tab(t, h.server.URL), c.tab(t, h.server.URL)
	a := h.person("Anna")
	anna.signIn(a, "Anna")
	anna.makeVault("Living room", "shared", "")
	living := a.vaults()[1].ID
	a.speakIn(living, canary)
	a.enter(living)
	a.post("/doors/new", map[string][]string{"kind": {"say"}, "name": {"Sofa"}, "keep": {"audio+words"}})
	_, page := a.get("/doors")
	sofa := h.stranger().redeem(code(t, page))
	anna.shoot("share-2-holders-alone")
	anna.press("Invite somebody", titled+`"Invite to “Living room”"`)
	anna.shoot("share-3-invite")
	link := anna.link()
	anna.shoot("share-4-link")
	anna.open("/account") // somewhere else than in the living room

	// One link: the account, the membership, and the vault as soon as she comes by.
	ben.join("Ben", link)
	ben.reads("“Living room” opens to you soon.")
	ben.shoot("share-5-waits")
	anna.press("Household", titled+`"Household"`)
	anna.reads("Ben")
	ben.until(`document.querySelector(".open-vault") && !document.querySelector("main").textContent.includes("opens to you soon")`) // by itself
	ben.press("Vaults", titled+`"Vaults"`)
	ben.reads("Shared with Anna")
	ben.shoot("share-6-vaults")
	ben.press("Open", titled+`"Living room"`)
	h.engine.hears("good evening")
	h.stranger().say(sofa, "audio/wav", h.speech)
	ben.until(`document.querySelectorAll("#days li.row").length === 1`) // by itself, too
	ben.reads("good evening")
	if ben.says(canary) {
		t.Error("who came without the past is shown it")
	}
	playsOne(ben)
	ben.shoot("share-7-history")

	// The past.
	anna.press("Vaults", titled+`"Vaults"`)
	anna.until(`document.querySelectorAll(".people > li").length === 2`)
	eval[bool](anna, `document.querySelector('a[href="/sharing?of=`+living.String()+`"]').click(), true`)
	anna.until(titled + `"Living room"`)
	anna.shoot("share-8-holders")
	anna.press("Give the past", titled+`"Give Ben the past of “Living room”?"`)
	anna.shoot("share-9-past")
	anna.press("Give it to Ben", titled+`"Living room"`)
	anna.reads("They can open what was kept before, too.")
	ben.open("/")
	ben.reads(canary)

	// He moves one into his own vault.
	ben.do(chromedp.Click(chromedp.CSS("#days li.row .heard a")))
	ben.until(`location.pathname.startsWith("/recordings/") && document.querySelector("#vault")`)
	ben.shoot("share-10-recording")
	ben.press("Move it", titled+`"Your keep"`)
	ben.reads("In “Living room” it is erased.")
	ben.reads("good evening")
	ben.shoot("share-11-moved")

	// She takes the vault from him while he looks at what it keeps.
	ben.press("Vaults", titled+`"Vaults"`)
	ben.press("Open", titled+`"Living room"`)
	ben.do(chromedp.Click(chromedp.CSS("#days li.row .heard a")))
	ben.until(`location.pathname.startsWith("/recordings/") && document.querySelector("#vault")`)
	anna.press("Take it from them", titled+`"Take “Living room” from Ben?"`)
	anna.shoot("share-12-take")
	anna.press("Take it from Ben", titled+`"Living room"`)
	anna.reads("They hold this vault no more.")
	anna.shoot("share-13-taken")
	ben.press("Erase it now", titled+`"There is nothing here."`)
	ben.shoot("share-14-nothing")
	ben.open("/")
	ben.until(titled + `"Your keep" && !document.querySelector(".open-vault")`)
	ben.reads("good evening") // what he moved is his

	// The door goes on, for her.
	h.engine.hears("good night")
	if resp, body := h.stranger().say(sofa, "audio/wav", h.speech); resp.StatusCode != http.StatusOK || !strings.Contains(body, `"event":"kept"`) {
		t.Errorf("the door keeps no more: %d %s", resp.StatusCode, body)
	}
	anna.open("/")
	anna.reads("good night")
	anna.reads(canary)
	if anna.says("good evening") {
		t.Error("what was moved away is still shown")
	}
}

// playsOne plays the newest recording of the page.
func playsOne(b *browser) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](`window.a = document.querySelector("#days audio"), a.muted = true, a.play()`))
	b.until(`a.currentTime > 0 || a.ended`)
	b.do(chromedp.Evaluate[chromedp.Void](`a.pause()`))
}

// childComesOfAge is the story of a child's vault to its taking over.
func childComesOfAge(t *testing.T, c *chromium) {
	h := newHome(t)
	anna, mia := c.tab(t, h.server.URL), c.tab(t, h.server.URL)
	a := h.person("Anna")
	anna.signIn(a, "Anna")
	anna.makeVault("Mia’s room", "child", time.Now().AddDate(4, 0, 0).Format(time.DateOnly))
	anna.shoot("child-1-holders")
	a.speakIn(a.vaults()[1].ID, canary)
	anna.press("Invite somebody", titled+`"Invite to “Mia’s room”"`)
	anna.do(chromedp.Click(chromedp.CSS("#as-child")))
	anna.shoot("child-2-invite")
	mia.join("Mia", anna.link())
	anna.press("Vaults", titled+`"Vaults"`)
	anna.reads("A child’s, with Mia")
	mia.press("Vaults", titled+`"Vaults"`)
	mia.reads("Yours, with your guardian Anna")
	mia.press("Open", titled+`"Mia’s room"`)
	mia.reads(canary)
	mia.press("Who holds it", titled+`"Mia’s room"`)
	mia.reads("you may take this vault over")
	mia.shoot("child-3-too-early")
	eval[bool](anna, `[...document.querySelectorAll("main a")].find(e => e.textContent === "Who holds it").click(), true`)
	anna.until(titled + `"Mia’s room"`)
	anna.press("Hand it over now", titled+`"Hand “Mia’s room” over?"`)
	anna.shoot("child-4-hand-over")
	anna.press("Hand it over", titled+`"Mia’s room"`)
	anna.reads("The child may take this vault over from now on.")
	mia.open("/sharing")
	mia.shoot("child-5-of-age")
	mia.press("Take it over", titled+`"Take “Mia’s room” over?"`)
	mia.shoot("child-6-take-over")
	mia.press("Take it over", titled+`"Mia’s room"`)
	mia.reads("This vault is yours alone now.")
	mia.shoot("child-7-taken")
	mia.open("/")
	mia.reads(canary)
	anna.open("/vaults")
	anna.until(`document.querySelectorAll(".people > li").length === 1`)
	if anna.says("Mia") {
		t.Error("a guardian is shown what the child took over")
	}
}

// adminWithoutKeys: who manages a household without holding its vaults sees
// the doors of these, and nothing that was said, on any page; and who has an
// account already comes by the sign-in page.
func adminWithoutKeys(t *testing.T, c *chromium) {
	h := newHome(t)
	a, eve := h.person("Anna"), c.tab(t, h.server.URL)
	h.person("Eve")
	living := a.vaultOf("Living room", "shared", "")
	a.enter(living)
	a.post("/household/name", map[string][]string{"name": {"Mill Lane"}})
	a.post("/doors/new", map[string][]string{"kind": {"wyoming"}, "name": {"Parlour"}, "listen": {"127.0.0.1:10300"}, "keep": {"audio+words"}})
	said := a.speakIn(living, canary)
	link := a.inviteHome("yes")
	eve.look(390, "light")
	eve.open(link)
	eve.press("Sign in to accept", `location.pathname === "/sign-in"`)
	eve.do(chromedp.SendKeys(chromedp.CSS("#name"), "Eve"), chromedp.SendKeys(chromedp.CSS("#passphrase"), passphrase), chromedp.Click(chromedp.CSS("button.main")))
	eve.until(`location.pathname === "` + link + `"`)
	eve.shoot("admin-1-accept")
	eve.press("Accept as Eve", titled+`"Mill Lane"`)
	eve.reads("You belong to this household now.")
	eve.reads("Parlour")
	eve.shoot("admin-2-household")
	for _, path := range []string{"/", "/kept", "/doors", "/vaults", "/household", "/erase", "/account"} {
		eve.open(path)
		if eve.says(canary) || eve.says("/recordings/"+said.String()) {
			t.Errorf("%s shows an admin what was said", path)
		}
	}
	for _, path := range []string{"/recordings/" + said.String(), "/sharing?of=" + living.String(), "/doors/" + doorIn(t, a, living).String()} {
		eve.open(path)
		eve.until(titled + `"There is nothing here."`)
	}
	eve.open("/household")
	eve.press("Disconnect", titled+`"Disconnect this door?"`)
	eve.shoot("admin-3-disconnect")
	eve.press("Disconnect it", titled+`"Mill Lane"`)
	eve.reads("The door is disconnected.")
	eve.press("Invite somebody", titled+`"Invite to the household"`)
	eve.shoot("admin-4-invite")
	eve.press("Cancel", titled+`"Mill Lane"`)
	eve.press("Leave the household", titled+`"Leave the household?"`)
	eve.press("Leave", titled+`"Household"`)
	eve.reads("You left. This household is your own.")
	eve.shoot("admin-5-left")
}

func doorIn(t *testing.T, p *person, id hearkeep.VaultID) hearkeep.BindingID {
	t.Helper()
	b, ok := p.doorIn(id, hearkeep.SourceWyoming)
	if !ok {
		t.Fatal("no listener")
	}
	return b.ID
}
