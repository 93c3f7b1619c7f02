package portal

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
	"github.com/hearkeep/hearkeep/internal/ledger"
)

// operator is a browser that used an operator's link.
func (h *home) operator() *person {
	h.t.Helper()
	link, err := h.desk.OperatorLink(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	p := h.stranger()
	if resp, _ := p.post("/operator/"+link, nil); resp.StatusCode != http.StatusSeeOther {
		h.t.Fatalf("the operator's link: %d", resp.StatusCode)
	}
	return p
}

// misSent is a home in which Anna's archive was handed out, and somebody wrote
// a letter that it came to them: its case, and the operator.
type misSent struct {
	*home
	anna, operator *person
	id             hearkeep.IncidentID
	archive        string
	at             string // of the case
}

const letterText = `I got recordings of a family. =HYPERLINK("http://evil.example") <script>alert(1)</script>`

func newMisSent(t *testing.T) *misSent {
	t.Helper()
	m := &misSent{home: newHome(t)}
	m.anna = m.person("Anna")
	m.anna.speak(canary)
	m.anna.speak("good morning")
	_, m.archive = m.anna.access()
	if resp, _ := m.anna.get("/rights/archives/" + m.archive); resp.StatusCode != http.StatusOK {
		t.Fatalf("the archive: %d", resp.StatusCode)
	}
	m.operator = m.home.operator()
	resp, page := m.operator.post("/operator/report", url.Values{
		"at": {time.Now().UTC().Add(-time.Hour).Format(momentForm)}, "about": {letterText}, "receipt": {m.archive}, "reach": {"carl@example.org"}, "language": {"de"},
	})
	want(t, resp, http.StatusOK, page, "The report is taken", "/operator/cases/")
	_, rest, _ := strings.Cut(page, `href="/operator/cases/`)
	text, _, _ := strings.Cut(rest, `"`)
	id, err := hearkeep.ParseID[hearkeep.IncidentID](text)
	if err != nil {
		t.Fatal(err)
	}
	m.id, m.at = id, "/operator/cases/"+text
	return m
}

func (m *misSent) now() incident.Case {
	m.t.Helper()
	c, err := m.incidents.Case(m.t.Context(), m.id)
	if err != nil {
		m.t.Fatal(err)
	}
	return c
}

// does posts a form of the case and wants it done.
func (m *misSent) does(form string, given url.Values) {
	m.t.Helper()
	resp, page := m.operator.post(m.at+"/"+form, given)
	if resp.StatusCode != http.StatusSeeOther {
		m.t.Fatalf("%s: %d %s", form, resp.StatusCode, noteOf(page))
	}
	if to := resp.Header.Get("Location"); !strings.HasPrefix(to, m.at+"?done=") {
		m.t.Errorf("%s leads to %q", form, to)
	}
	_, page = m.operator.get(resp.Header.Get("Location"))
	if !strings.Contains(page, `class="banner good"`) {
		m.t.Errorf("%s: nothing says that it was done", form)
	}
}

// refuses posts a form and wants it back, with what was typed and what is wrong.
func (m *misSent) refuses(form string, given url.Values) string {
	m.t.Helper()
	before := m.now()
	resp, page := m.operator.post(m.at+"/"+form, given)
	if resp.StatusCode < 400 || resp.StatusCode >= 500 || !strings.Contains(page, `id="problem"`) {
		m.t.Errorf("%s %v: %d", form, given, resp.StatusCode)
	}
	if diff := cmp.Diff(before, m.now()); diff != "" {
		m.t.Errorf("%s %v changed the case:\n%s", form, given, diff)
	}
	return noteOf(page)
}

// noteOf is what a page says is wrong.
func noteOf(page string) string {
	_, rest, _ := strings.Cut(page, `id="problem">`)
	note, _, _ := strings.Cut(rest, "</div>")
	return note
}

// TestACaseFromAlarmToRegister walks through a case as its operator does.
func TestACaseFromAlarmToRegister(t *testing.T) {
	m := newMisSent(t)
	before := m.entries()
	c := m.now()
	if c.People != 1 || c.Items != 2 || c.Affected[0].How != incident.HowHanded {
		t.Fatalf("affected: %d people, %d recordings, %+v", c.People, c.Items, c.Affected)
	}
	resp, page := m.operator.get("/operator")
	want(t, resp, http.StatusOK, page, "Somebody has what is not theirs", "1 person, 2 recordings", "hours left", "Next: Tell 1 person")
	resp, page = m.operator.get(m.at)
	want(t, resp, http.StatusOK, page, "Tell them now", "1 person", "2 recordings", "carl@example.org", m.archive, "by letter, entered here", "Hearkeep tells them by itself")

	resp, page = m.operator.post(m.at+"/clauses", url.Values{"way": {"narrow"}, "kind": {"archive"}, "of": {m.archive}, "reason": {"It is a test."}})
	want(t, resp, http.StatusOK, page, "It would be 0 people, 0 recordings", "1 person would leave", "Nothing is kept yet", "It is a test.")
	if diff := cmp.Diff(c, m.now()); diff != "" {
		t.Errorf("looking changed the case:\n%s", diff)
	}
	m.does("clauses", url.Values{"do": {"keep"}, "way": {"widen"}, "kind": {"vault"}, "of": {m.anna.room().ID().String()}, "reason": {"The whole vault, to be sure."}})
	m.does("tell", nil)
	if c := m.now(); c.Affected[0].Told.IsZero() {
		t.Error("nobody was told")
	}
	m.does("assess", url.Values{"confidentiality": {"yes"}, "sensitivity": {"3"}, "identification": {"4"}, "nature": {"An archive went to somebody else."}, "measures": {"Its way out is closed."}, "why": {"Voices of a family."}})
	m.does("decide", url.Values{"notify": {"yes"}, "reasons": {"A risk is likely."}})
	resp, page = m.operator.get(m.at)
	want(t, resp, http.StatusOK, page, "Hand the notification to the authority", "Read the draft", "was decided whether")
	resp, page = m.operator.get(m.at + "/notification")
	want(t, resp, http.StatusOK, page, "Phase 1: a draft", "When you have handed it in", "An archive went to somebody else.")
	m.refuses("notification", url.Values{"phase": {"1"}})
	m.refuses("notification", url.Values{"phase": {"2"}, "reference": {"AZ 4711"}})
	m.does("notification", url.Values{"phase": {"1"}, "reference": {"AZ 4711"}})
	_, frozen := m.operator.get(m.at + "/notification?phase=1")
	m.does("ask", url.Values{"reach": {"carl@example.org"}, "language": {"de"}})
	m.does("offer", url.Values{"offer": {"A year for nothing."}})
	if _, again := m.operator.get(m.at + "/notification?phase=1"); again != frozen || !strings.Contains(frozen, "as it was handed in") {
		t.Error("the document that was handed in has changed")
	}
	for _, kind := range []string{"pdf", "html"} {
		one, a := m.operator.get(m.at + "/notification." + kind + "?phase=1")
		_, b := m.operator.get(m.at + "/notification." + kind + "?phase=1")
		if one.StatusCode != http.StatusOK || a != b || len(a) < 500 || !strings.HasPrefix(one.Header.Get("Content-Disposition"), `attachment; filename="hearkeep-notification-`) {
			t.Errorf("the %s that was handed in: %d, %d bytes, the same twice: %t", kind, one.StatusCode, len(a), a == b)
		}
	}
	m.does("close", url.Values{"conclusion": {"It went to one person, who deletes it."}})
	resp, page = m.operator.get(m.at)
	want(t, resp, http.StatusOK, page, "It went to one person, who deletes it.", "closed")
	for _, form := range caseForms() {
		if strings.Contains(page, m.at+"/"+form+`"`) {
			t.Errorf("a closed case has the form %s", form)
		}
	}
	resp, page = m.operator.get("/operator/cases")
	want(t, resp, http.StatusOK, page, m.at, "closed")

	// Each of these acts stands in the ledger, as the operator's.
	entries, err := m.ledger.Entries(t.Context(), hearkeep.VaultID{}, int64(before), 1000)
	if err != nil {
		t.Fatal(err)
	}
	var acts []string
	for _, e := range entries {
		if e.Role == hearkeep.RoleOperator && e.Kind == ledger.KindIncident && e.Incident != nil && *e.Incident == m.id {
			acts = append(acts, e.Purpose)
		}
	}
	for _, step := range []string{incident.StepWidened, incident.StepTold, incident.StepAssessed, incident.StepDecided, incident.StepNotified, incident.StepAsked, incident.StepOffered, incident.StepClosed} {
		if !slices.Contains(acts, step) {
			t.Errorf("the ledger has no %q among the operator's acts: %q", step, acts)
		}
	}
}

// TestLettersAreEnteredOnce: a letter needs its words, its moment and a
// language; the clock runs from when it came.
func TestLettersAreEnteredOnce(t *testing.T) {
	h := newHome(t)
	operator := h.operator()
	came := time.Now().UTC().Add(-5 * time.Hour).Truncate(time.Minute)
	ok := func() url.Values {
		return url.Values{"at": {came.Format(momentForm)}, "about": {"Something is wrong."}, "language": {"fr"}}
	}
	for name, change := range map[string]func(url.Values){
		"no moment":         func(v url.Values) { v.Del("at") },
		"no time":           func(v url.Values) { v.Set("at", nasty) },
		"tomorrow":          func(v url.Values) { v.Set("at", time.Now().UTC().AddDate(0, 0, 1).Format(momentForm)) },
		"no words":          func(v url.Values) { v.Set("about", " \n ") },
		"too many words":    func(v url.Values) { v.Set("about", strings.Repeat("x", incident.MaxAbout+1)) },
		"no language":       func(v url.Values) { v.Set("language", "tlh") },
		"two addresses":     func(v url.Values) { v.Set("reach", "a@example.org, b@example.org") },
		"late, unexplained": func(v url.Values) { v.Set("at", came.AddDate(0, 0, -3).Format(momentForm)) },
	} {
		given := ok()
		change(given)
		resp, page := operator.post("/operator/report", given)
		if resp.StatusCode < 400 || resp.StatusCode >= 500 || !strings.Contains(page, `id="problem"`) {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	if all, err := h.incidents.Overview(t.Context(), 10); err != nil || len(all.Open) != 0 {
		t.Fatalf("cases: %d, %v", len(all.Open), err)
	}
	resp, page := operator.post("/operator/report", ok())
	want(t, resp, http.StatusOK, page, "The report is taken", "send it on")
	all, err := h.incidents.Overview(t.Context(), 10)
	if err != nil || len(all.Open) != 1 {
		t.Fatalf("cases: %d, %v", len(all.Open), err)
	}
	if c := all.Open[0]; !c.AwareAt.Equal(came) || !c.Due.Equal(came.Add(hearkeep.IncidentClock)) {
		t.Errorf("aware at %s, due %s; want %s and 72 hours on", c.AwareAt, c.Due, came)
	}
}

// TestManyCasesArePaged: each once, the newest first.
func TestManyCasesArePaged(t *testing.T) {
	h := newHome(t)
	operator := h.operator()
	const n = casesAPage + 3
	for i := range n {
		at := time.Now().Add(-time.Duration(i+1) * time.Minute).UTC()
		if _, err := h.incidents.File(t.Context(), incident.Filing{What: incident.WhatOther, Via: hearkeep.ReportMail, About: fmt.Sprint(i), At: at}, ""); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for path, pages := "/operator/cases", 0; path != "" && pages < 5; pages++ {
		resp, page := operator.get(path)
		want(t, resp, http.StatusOK, page, "undecided")
		for _, rest := range strings.Split(page, `href="/operator/cases/`)[1:] {
			id, _, _ := strings.Cut(rest, `"`)
			if seen[id] {
				t.Errorf("%s is listed twice", id)
			}
			seen[id] = true
		}
		_, rest, _ := strings.Cut(page, `href="/operator/cases?before=`)
		if path, _, _ = strings.Cut(rest, `"`); path != "" {
			path = "/operator/cases?before=" + path
		}
	}
	if len(seen) != n {
		t.Errorf("%d cases are listed, want %d", len(seen), n)
	}
	for _, odd := range []string{"x", "1-x", "-1", "9223372036854775808-" + strings.Repeat("0", 32), nasty} {
		if resp, _ := operator.get("/operator/cases?before=" + url.QueryEscape(odd)); resp.StatusCode != http.StatusNotFound {
			t.Errorf("before %q: %d", odd, resp.StatusCode)
		}
	}
}

// TestALateNotificationSaysWhy: after the 72 hours the form asks for the
// reasons, and the document that is frozen has them.
func TestALateNotificationSaysWhy(t *testing.T) {
	h := newHome(t)
	m := &misSent{home: h, operator: h.operator()}
	resp, page := m.operator.post("/operator/report", url.Values{
		"at": {time.Now().UTC().Add(-80 * time.Hour).Format(momentForm)}, "about": {"Something is wrong."}, "language": {"en"}, "late": {"It lay in the letter box."},
	})
	want(t, resp, http.StatusOK, page, "The report is taken")
	all, err := h.incidents.Overview(t.Context(), 1)
	if err != nil || len(all.Open) != 1 {
		t.Fatalf("cases: %d, %v", len(all.Open), err)
	}
	m.id, m.at = all.Open[0].ID, "/operator/cases/"+all.Open[0].ID.String()
	resp, page = m.operator.get("/operator")
	want(t, resp, http.StatusOK, page, "8 hours late", `class="card late"`)
	m.does("assess", url.Values{"confidentiality": {"yes"}, "sensitivity": {"1"}, "identification": {"1"}, "nature": {"x"}, "why": {"y"}})
	m.does("decide", url.Values{"notify": {"yes"}, "reasons": {"To be sure."}})
	resp, page = m.operator.get(m.at + "/notification")
	want(t, resp, http.StatusOK, page, "8 hours late", "Why it is late")
	if note := m.refuses("notification", url.Values{"phase": {"1"}, "reference": {"AZ 1"}}); !strings.Contains(note, "late") {
		t.Errorf("without reasons: %q", note)
	}
	m.does("notification", url.Values{"phase": {"1"}, "reference": {"AZ 1"}, "late": {"The letter box was emptied on Monday."}})
	resp, page = m.operator.get(m.at + "/notification?phase=1")
	want(t, resp, http.StatusOK, page, "as it was handed in", "The letter box was emptied on Monday.")
	for _, phase := range []string{"0", "2", "-1", "x", "1e0", nasty} {
		if resp, _ := m.operator.get(m.at + "/notification?phase=" + url.QueryEscape(phase)); resp.StatusCode != http.StatusNotFound {
			t.Errorf("phase %q: %d", phase, resp.StatusCode)
		}
	}
}

// TestWhoReportedIsAsked: whoever says, signed in, that an archive is not
// theirs can be asked to delete it on their own channels; nobody else can.
func TestWhoReportedIsAsked(t *testing.T) {
	m := newMisSent(t)
	ben := m.person("Ben")
	archive, err := hearkeep.ParseID[hearkeep.ArchiveID](m.archive)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := m.incidents.File(t.Context(), incident.Filing{What: incident.WhatNotMine, Via: hearkeep.ReportPortal, By: ben.who().Account(), Vault: ben.room().ID(), Archive: archive, Language: "en"}, "")
	if err != nil || taken.Incident != m.id {
		t.Fatalf("Ben's report: case %s, want %s; %v", taken.Incident, m.id, err)
	}
	_, page := m.operator.get(m.at)
	if !strings.Contains(page, `<option value="`+ben.id()+`"`) || strings.Contains(page, "Ben") || strings.Contains(page, `<option value="`+m.anna.id()) {
		t.Error("the page offers others than who reported it, or names them")
	}
	m.refuses("ask", url.Values{"account": {m.anna.id()}, "language": {"en"}})
	m.refuses("ask", url.Values{"account": {ben.id()}, "reach": {"carl@example.org"}, "language": {"en"}})
	m.does("ask", url.Values{"account": {ben.id()}, "language": {"en"}})
	if c := m.now(); len(c.Recipients) != 1 || c.Recipients[0].Reach != "" {
		t.Errorf("asked: %+v", c.Recipients)
	}
}
