package portal

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/rights"
)

// claimInChromium: somebody without an account asks, Anna erases what her
// device kept of them, and their page says so.
func claimInChromium(t *testing.T, c *chromium) {
	h := newHome(t)
	anna := h.person("Anna")
	anna.speak(canary)
	carl := c.tab(t, h.server.URL)
	carl.open("/sign-in")
	carl.do(chromedp.Evaluate[chromedp.Void](`[...document.querySelectorAll("footer a")].find(e => e.pathname === "/claim").click()`))
	carl.until(titled + `"` + claimTitle + `"`)
	carl.shoot("claim-1-form")
	form := heardAt(anna.number())
	for _, name := range []string{"door", "day", "from", "to", "about"} {
		carl.do(chromedp.SetValue(chromedp.CSS("#"+name), form.Get(name)))
	}
	carl.press("Send it", titled+`"Your claim"`)
	carl.shoot("claim-2-filed")
	link := eval[string](carl, `location.pathname`)

	b := c.tab(t, h.server.URL)
	b.open("/sign-in")
	b.do(chromedp.SendKeys(chromedp.CSS("#name"), "Anna"), chromedp.SendKeys(chromedp.CSS("#passphrase"), passphrase), chromedp.Click(chromedp.CSS("button.main")))
	b.until(`document.querySelectorAll("li.row").length === 1`)
	b.press("Your rights", titled+`"Your rights"`)
	b.shoot("claim-3-rights")
	b.press("Answer", titled+`"Claims by others"`)
	b.shoot("claim-4-claims")
	shown := `document.querySelector(".for-erase").getBoundingClientRect().height > 0`
	if eval[bool](b, shown) {
		t.Error("it asks whether one is sure before erasing was chosen")
	}
	b.do(chromedp.Click(chromedp.CSS(`input[value="` + rights.AnswerErase + `"]`)))
	b.until(shown)
	b.do(chromedp.Click(chromedp.CSS(`input[name="sure"]`)))
	b.shoot("claim-5-erase")
	b.do(chromedp.Click(chromedp.CSS(".claim-answer button.main")))
	b.reads("Erased: 1 recording.")
	b.shoot("claim-6-answered")
	if anna.count() != 0 {
		t.Error("something is left of it")
	}
	carl.open(link)
	carl.reads("1 recording of that time was erased, sound and words")
	carl.shoot("claim-7-erased")
	b.open("/doors/" + anna.door(hearkeep.SourceUpload).ID.String())
	b.shoot("claim-8-door")
}
