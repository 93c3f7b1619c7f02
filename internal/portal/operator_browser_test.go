package portal

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
)

// deskWithoutJavaScript: an operator goes from the link to a closed case,
// pressing what stands under Next, on a telephone and without a script.
func deskWithoutJavaScript(t *testing.T, c *chromium) {
	m := newMisSent(t)
	if _, err := m.incidents.File(t.Context(), incident.Filing{What: incident.WhatOther, Via: hearkeep.ReportMail, About: nasty, At: time.Now().Add(-80 * time.Hour).UTC(), Late: "It lay there."}, ""); err != nil {
		t.Fatal(err)
	}
	link, err := m.desk.OperatorLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := c.tab(t, m.server.URL)
	send(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	narrow := func() {
		t.Helper()
		b.look(390, "light")
		if got := eval[int](b, `document.documentElement.scrollWidth`); got > 390 {
			t.Errorf("%s is %d pixels wide on a phone of 390", eval[string](b, "document.title"), got)
		}
	}
	fill := func(form string, given url.Values) {
		t.Helper()
		fields, err := json.Marshal(given)
		if err != nil {
			t.Fatal(err)
		}
		eval[bool](b, fmt.Sprintf(`(() => {
			const form = document.querySelector("form[action^='%s/%s']")
			for (let d = form.closest("details"); d; d = d.parentElement.closest("details")) d.open = true
			for (const [name, [value]] of Object.entries(%s))
				for (const e of form.querySelectorAll("[name=" + name + "]"))
					if (e.type === "checkbox" || e.type === "radio") e.checked = e.value === value; else e.value = value
			form.querySelector("button:last-of-type").click()
			return true
		})()`, m.at, form, fields))
	}
	next := func(title string) {
		t.Helper()
		b.until(`document.querySelector("#next")?.textContent.startsWith("` + title + `")`)
		narrow()
	}
	press := func() { t.Helper(); b.do(chromedp.Click(chromedp.CSS(".next .main"))) }

	b.open("/operator/" + link)
	b.press("Open it", titled+`"The operator’s desk"`)
	narrow()
	if got := eval[string](b, `document.querySelector(".card.late .countdown strong").textContent`); !strings.HasSuffix(got, "late") {
		t.Errorf("what is late does not stand first: %q", got)
	}
	b.shoot("desk-1")
	b.open(m.at)
	next("Tell 1 person")
	b.shoot("desk-2-tell")
	press()
	next("Say how grave it is")
	press()
	b.until(`location.hash === "#assess"`)
	fill("assess", url.Values{"confidentiality": {"yes"}, "sensitivity": {"3"}, "identification": {"4"}, "nature": {"An archive went to somebody else."}, "why": {"Voices of a family."}})
	next("Decide whether the authority")
	fill("decide", url.Values{"notify": {"yes"}, "reasons": {"A risk is likely."}})
	next("Hand the notification to the authority")
	b.shoot("desk-3-decided")
	press()
	b.until(titled + `"Notification of a personal data breach"`)
	narrow()
	b.shoot("desk-4-draft")
	b.do(chromedp.SendKeys(chromedp.CSS("#reference"), "AZ 4711"), chromedp.Click(chromedp.CSS("#handed button.main")))
	next("Ask whoever has it to delete it")
	press()
	fill("ask", url.Values{"reach": {"carl@example.org"}, "language": {"de"}})
	next("Close it, when all is done")
	b.shoot("desk-5-asked")
	press()
	fill("close", url.Values{"conclusion": {"One person has it, and deletes it."}})
	b.until(`document.querySelector(".banner.good") && !document.querySelector("#next")`)
	narrow()
	b.shoot("desk-6-closed")
	if c := m.now(); c.Closed.IsZero() || c.Phase != 1 || len(c.Recipients) != 1 || c.Affected[0].Told.IsZero() {
		t.Errorf("the case: %+v", c.Summary)
	}
	for _, path := range []string{"/operator", "/operator/cases", "/operator/register", "/operator/dpia", "/operator/report", m.at + "/notification?phase=1"} {
		b.open(path)
		narrow()
	}
}
