package portal

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearkeep/hearkeep/internal/incident"
)

// TestTheDeskHasNobodysHands: no page of the operator's shows a name or what
// was said; no form takes a person, a recording or the moment of awareness;
// nothing ends a case, or takes back what was told.
func TestTheDeskHasNobodysHands(t *testing.T) {
	m := newMisSent(t)
	pages := []string{"/operator", "/operator/cases", m.at, m.at + "/notification", m.at + "/affected.csv", "/operator/report", "/operator/register", "/operator/dpia",
		m.at + "/notification.html", "/operator/register.html", "/operator/register.csv", "/operator/register.json", "/operator/dpia.html"}
	rec := m.anna.newest().String()
	for _, path := range pages {
		resp, page := m.operator.get(path)
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
		for _, private := range []string{"Anna", canary, "heron", "good morning", rec, "<script>alert", "/recordings/", "audio"} {
			if strings.Contains(page, private) && !(private == "audio" && strings.Contains(path, "dpia")) {
				t.Errorf("%s shows %q", path, private)
			}
		}
		if strings.HasSuffix(path, ".html") && !strings.HasPrefix(resp.Header.Get("Content-Disposition"), "attachment;") {
			t.Errorf("%s is shown as a page of this origin", path)
		}
	}
	_, page := m.operator.get(m.at)
	may := []string{"way", "kind", "of", "from", "to", "reason", "reasons", "offer", "account", "reach", "language", "confidentiality", "integrity", "availability",
		"sensitivity", "identification", "malicious", "unknown", "children", "sealed", "nature", "consequences", "measures", "why", "notify", "conclusion", "do"}
	for _, name := range fieldsOf(page) {
		if !slices.Contains(may, name) {
			t.Errorf("a form of the case takes %q", name)
		}
	}

	// What a form does not have does nothing.
	before := m.now()
	bad := url.Values{
		"aware": {"2020-01-01T00:00"}, "awareat": {"2020-01-01T00:00"}, "at": {"2020-01-01T00:00"}, "due": {"2030-01-01T00:00"}, "person": {m.anna.id()}, "recording": {rec},
		"affected": {m.anna.id()}, "told": {""}, "tellby": {"2030-01-01T00:00"}, "state": {"closed"}, "score": {"0"}, "level": {"low"}, "phase": {"7"}, "account": {m.anna.id()},
	}
	given := func(more url.Values) url.Values {
		all := url.Values{}
		for _, v := range []url.Values{bad, more} {
			for name, values := range v {
				all[name] = values
			}
		}
		return all
	}
	m.does("assess", given(url.Values{"sensitivity": {"3"}, "identification": {"4"}, "confidentiality": {"yes"}, "nature": {"x"}, "why": {"y"}}))
	m.does("decide", given(url.Values{"notify": {"yes"}, "reasons": {"A risk is likely."}}))
	after := m.now()
	if !after.AwareAt.Equal(before.AwareAt) || !after.Due.Equal(before.Due) || !after.TellBy.Equal(before.TellBy) || after.Phase != 0 || !after.Closed.IsZero() || after.Assessment.Score == 0 {
		t.Errorf("a form moved a clock or a state: %+v, was %+v", after.Summary, before.Summary)
	}
	if diff := cmp.Diff(before.Affected, after.Affected); diff != "" {
		t.Errorf("a form changed who is affected:\n%s", diff)
	}

	// A person and a recording are no causes.
	for _, kind := range []string{"recording", "person", "affected", ""} {
		m.refuses("clauses", url.Values{"do": {"keep"}, "kind": {kind}, "of": {rec}, "reason": {"x"}})
	}
	m.refuses("clauses", url.Values{"do": {"keep"}, "kind": {"window"}, "of": {rec}, "from": {"2020-01-01T00:00"}, "to": {"2030-01-01T00:00"}, "reason": {"x"}})
	m.refuses("clauses", url.Values{"do": {"keep"}, "kind": {"window"}, "from": {"2020-01-01T00:00"}, "reason": {"x"}})
	m.refuses("clauses", url.Values{"do": {"keep"}, "kind": {"vault"}, "of": {m.anna.room().ID().String()}}) // no reasons
	m.refuses("clauses", url.Values{"kind": {"archive"}, "of": {nasty}})
	m.refuses("ask", url.Values{"account": {m.anna.id()}, "language": {"en"}}) // nothing was handed to her
	m.refuses("ask", url.Values{"reach": {"carl@example.org, ben@example.org"}, "language": {"en"}})
	m.refuses("ask", url.Values{"reach": {"carl@example.org\r\nBcc: all@example.org"}, "language": {"en"}})
	m.refuses("hold", nil)
	m.refuses("close", nil)
	m.refuses("close", url.Values{"conclusion": {"Nobody needs to know."}}) // they are not told
	for _, offer := range []string{"Click https://evil.example", "See www.evil.example.", "Write to me@evil.example", "evil.com/pay", strings.Repeat("x", incident.MaxOffer+1)} {
		m.refuses("offer", url.Values{"offer": {offer}})
		m.refuses("assess", url.Values{"sensitivity": {"3"}, "identification": {"4"}, "nature": {"x"}, "why": {"y"}, "measures": {offer + offer + " " + strings.Repeat("y", 1000)}})
	}

	// What was told stays told.
	m.does("tell", nil)
	told := m.now().Affected
	if resp, page := m.operator.post(m.at+"/hold", url.Values{"reasons": {"Take it back."}}); resp.StatusCode != http.StatusConflict || !strings.Contains(page, "told already") {
		t.Errorf("holding what was told: %d", resp.StatusCode)
	}
	m.does("clauses", url.Values{"do": {"keep"}, "way": {"narrow"}, "kind": {"archive"}, "of": {m.archive}, "reason": {"They were not concerned."}})
	if notices, err := m.incidents.NoticesOf(t.Context(), m.anna.who().Account()); err != nil || len(told) == 0 || told[0].Told.IsZero() || len(notices) != 1 {
		t.Errorf("told: %+v, %v", notices, err)
	}
	if resp, page := m.anna.get("/notices/" + strings.TrimPrefix(m.at, "/operator/cases/")); resp.StatusCode != http.StatusOK || !strings.Contains(page, "You were told of this on") {
		t.Errorf("the notice of what concerns her no more: %d", resp.StatusCode)
	}

	// A case is never deleted.
	for _, method := range []string{"DELETE", "PUT", "PATCH"} {
		for _, path := range []string{m.at, "/operator/cases", "/operator/register"} {
			if resp, _ := m.operator.send(m.operator.request(method, path, "", nil)); resp.StatusCode < 400 {
				t.Errorf("%s %s: %d", method, path, resp.StatusCode)
			}
		}
	}
	m.now()
}

// fieldsOf lists the names of what a page's forms take.
func fieldsOf(page string) (names []string) {
	dec := xml.NewDecoder(strings.NewReader(page))
	dec.Strict, dec.Entity = false, xml.HTMLEntity
	for {
		tok, err := dec.RawToken()
		if err != nil {
			slices.Sort(names)
			return slices.Compact(names)
		}
		if e, ok := tok.(xml.StartElement); ok && slices.Contains([]string{"input", "textarea", "select", "button"}, e.Name.Local) {
			for _, a := range e.Attr {
				if a.Name.Local == "name" {
					names = append(names, a.Value)
				}
			}
		}
	}
}

// TestFormsOfTheDeskFromElsewhere: another site's form does nothing, nor does
// one without the cookie: to both, and to everybody signed in, nothing is there.
func TestFormsOfTheDeskFromElsewhere(t *testing.T) {
	m := newMisSent(t)
	before := m.now()
	for _, form := range append(caseForms(), "notification") {
		for name, header := range map[string]http.Header{
			"a site's": {"Sec-Fetch-Site": {"cross-site"}}, "a sibling's": {"Sec-Fetch-Site": {"same-site"}}, "an old browser's": {"Origin": {"https://evil.example"}},
		} {
			req := m.operator.request("POST", m.at+"/"+form, "application/x-www-form-urlencoded", []byte("reasons=x&conclusion=x"))
			for k, v := range header {
				req.Header[k] = v
			}
			if resp, _ := m.operator.send(req); resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s form for %s: %d", name, form, resp.StatusCode)
			}
		}
		for name, who := range map[string]*person{"nobody": m.stranger(), "Anna": m.anna} {
			if resp, _ := who.post(m.at+"/"+form, url.Values{"reasons": {"x"}}); resp.StatusCode != http.StatusNotFound {
				t.Errorf("%s as %s: %d", form, name, resp.StatusCode)
			}
		}
	}
	if diff := cmp.Diff(before, m.now()); diff != "" {
		t.Errorf("the case changed:\n%s", diff)
	}
}

// TestTheRegisterIsText: a table of the register starts no formula, and what
// somebody wrote is one cell of it.
func TestTheRegisterIsText(t *testing.T) {
	m := newMisSent(t)
	m.does("tell", nil)
	m.does("assess", url.Values{"sensitivity": {"1"}, "identification": {"1"}, "confidentiality": {"yes"}, "nature": {"=1+1"}, "why": {"@SUM(A1)"}, "measures": {"-2\n+3"}, "consequences": {"none;=2+2;\t@A1"}})
	m.does("decide", url.Values{"notify": {"no"}, "reasons": {"\t=cmd|' /C calc'!A0"}})
	m.does("close", url.Values{"conclusion": {`+"nothing"`}})
	_, text := m.operator.get("/operator/register.csv")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		for _, cell := range row {
			for _, piece := range strings.FieldsFunc(cell, func(r rune) bool { return r == ';' || r == '\t' || r == '\n' || r == '\r' }) {
				if strings.ContainsAny(piece[:1], "=+-@") {
					t.Errorf("a cell starts a formula: %q", cell)
				}
			}
		}
	}
	_, text = m.operator.get("/operator/register.json")
	var register struct {
		Cases []map[string]any `json:"cases"`
	}
	if err := json.Unmarshal([]byte(text), &register); err != nil || len(register.Cases) != 1 {
		t.Errorf("%d cases, %v", len(register.Cases), err)
	}
	guide, err := os.ReadFile("../../docs/breach.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := func(name string) {
		if !strings.Contains(string(guide), "`"+name+"`") {
			t.Errorf("docs/breach.md does not say what %s is", name)
		}
	}
	for _, name := range rows[0] {
		documented(name)
	}
	for _, c := range register.Cases {
		for name := range c {
			documented(name)
		}
	}
	_, text = m.operator.get(m.at + "/affected.csv")
	if rows, err = csv.NewReader(strings.NewReader(text)).ReadAll(); err != nil || len(rows) < 2 || rows[1][0] != m.anna.id() {
		t.Errorf("affected: %q, %v", rows, err)
	}
}
