package portal

import (
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// wrongInChromium: without JavaScript, Anna looks who opened her recording and
// reports one; somebody reports her archive; she is told which recordings it
// concerns.
func wrongInChromium(t *testing.T, c *chromium) {
	h := newHome(t)
	anna := h.person("Anna")
	one := anna.speak(canary)
	anna.speak("good morning")
	_, archive := anna.access()
	anna.get("/rights/archives/" + archive)
	b := c.tab(t, h.server.URL)
	send(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.open("/sign-in")
	b.do(chromedp.SendKeys(chromedp.CSS("#name"), "Anna"), chromedp.SendKeys(chromedp.CSS("#passphrase"), passphrase), chromedp.Click(chromedp.CSS("button.main")))
	b.until(`document.querySelectorAll("li.row").length === 2`)
	b.press("Who opened it", titled+`"Who opened my recordings"`)
	b.reads("You handed over an archive of 2 recordings.")
	b.shoot("wrong-1-opened")
	b.do(chromedp.SetValue(chromedp.CSS("#kind"), string(groupLeft)))
	b.press("Show", `location.search === "?kind=left"`)
	if n := eval[int](b, `document.querySelectorAll("li.entry").length`); n != 1 {
		t.Errorf("%d entries left, want 1", n)
	}
	b.open("/recordings/" + one.String())
	b.press("Who opened this one", titled+`"Who opened this one"`)
	b.shoot("wrong-2-this-one")
	b.open("/recordings/" + one.String())
	b.press("This is not mine", titled+`"This is not mine"`)
	b.shoot("wrong-3-not-mine")
	b.press("Report it", titled+`"Your reports"`)
	b.reads("Your report has come in")
	b.shoot("wrong-4-reported")

	carl := c.tab(t, h.server.URL)
	send(carl, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	carl.open("/report?" + url.Values{"lang": {"de"}, "archive": {archive}}.Encode())
	carl.do(chromedp.SetValue(chromedp.CSS("#about"), "Das bin ich nicht."))
	carl.shoot("wrong-5-form")
	carl.press("Melden", titled+`"Ihre Meldung ist da"`)
	carl.shoot("wrong-6-taken")

	h.clocks(2 * time.Hour)
	b.open("/kept")
	b.reads("Something happened to recordings of yours.")
	b.shoot("wrong-7-banner")
	b.open("/notices")
	b.shoot("wrong-8-notices")
	b.press("Read it", `location.pathname.startsWith("/notices/")`)
	b.reads("Exactly which recordings")
	b.shoot("wrong-9-notice")
	b.open("/account")
	b.do(chromedp.SetValue(chromedp.CSS("#of-letters"), "fr"), chromedp.Click(chromedp.CSS(`form[action="/account/language"] button`)))
	b.reads("Letters about incidents come in that language from now on.")
	b.open("/notices")
	b.press("Read it", `location.pathname.startsWith("/notices/")`)
	b.shoot("wrong-10-notice-fr")
}
