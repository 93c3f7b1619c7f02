package portal

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/hearkeep/hearkeep"
)

// pageRoutes are the routes that are not the API's.
func pageRoutes() []route {
	return slices.DeleteFunc((&portal{}).routes(), func(row route) bool { return row.api != nil || row.forAgents() })
}

// apiRows are the routes of the API, its few for others than people included;
// agents speak a protocol of their own.
func apiRows() []route {
	return slices.DeleteFunc((&portal{}).routes(), func(row route) bool {
		return !strings.HasPrefix(row.pattern, "/v1/") || row.method == "" || row.forAgents()
	})
}

// TestEveryAPIRouteIsDescribed: every route under /v1 is in the document with
// its security and its problems, and nothing else is.
func TestEveryAPIRouteIsDescribed(t *testing.T) {
	d, err := described()
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, row := range apiRows() {
		e, op := row.described(), operationOf(d.api, row)
		if e == nil || op == nil {
			t.Errorf("%s is not described", pattern(row))
			continue
		}
		count++
		if op.Summary == "" || op.OperationID == "" || len(op.Responses) < 2 {
			t.Errorf("%s: described as %q, %q, %d answers", pattern(row), op.Summary, op.OperationID, len(op.Responses))
		}
		open := row.device == nil && row.scope == scopeNone
		if (len(op.Security) == 0) != open {
			t.Errorf("%s needs %v", pattern(row), op.Security)
		}
		takes := e.in != nil && row.method != "GET" && row.method != "DELETE" || len(e.takes) > 0
		if (op.RequestBody != nil) != takes || takes != (row.body > 0) {
			t.Errorf("%s takes %d bytes, of which the document says %v", pattern(row), row.body, op.RequestBody)
		}
		for _, status := range []string{"default", "404", "429", "503"} {
			if r := op.Responses[status]; r == nil || r.Ref != "#/components/responses/Problem" {
				t.Errorf("%s: no problem %s is described", pattern(row), status)
			}
		}
		if row.fresh && (row.scope != scopePerson || op.Extensions["x-fresh"] != true) {
			t.Errorf("%s wants a fresh unlocker from %q", pattern(row), row.scope)
		}
		if row.api != nil && row.scope != scopeNone && op.Extensions["x-scope"] != string(row.scope) {
			t.Errorf("%s: x-scope is %v", pattern(row), op.Extensions["x-scope"])
		}
		if changes := row.method != "GET"; changes && row.scope == scopeRead {
			t.Errorf("%s changes something and asks for %q", pattern(row), row.scope)
		}
		if strings.Contains(row.pattern, "{id}") && row.on != session && !slices.Contains(append(objectsWithID(), wayIn, channel, token), row.on) {
			t.Errorf("%s works on %q", pattern(row), row.on)
		}
	}
	total := 0
	for _, item := range d.api.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op != nil {
				total++
			}
		}
	}
	if total != count || count < 60 {
		t.Errorf("%d operations are described, of %d routes", total, count)
	}
	resp, body := newHome(t).stranger().get("/v1/openapi.json")
	if resp.StatusCode != http.StatusOK || body != string(d.body) {
		t.Errorf("the document is served with %d, and %d bytes where %d are made", resp.StatusCode, len(body), len(d.body))
	}
}

// TestAPI goes through a day of a terminal.
func TestAPI(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	id := anna.speak(canary)
	c := h.terminal("Anna")
	var me meJSON
	c.must(http.StatusOK, "GET", "/v1/me", nil, &me)
	if me.Name != "Anna" || !me.FreshUntil.After(time.Now()) {
		t.Errorf("me is %+v", me)
	}
	var sessions sessionsJSON
	c.must(http.StatusOK, "GET", "/v1/sessions", nil, &sessions)
	if len(sessions.Sessions) != 2 || sessions.Sessions[0].Agent != "Terminal of Anna" && sessions.Sessions[1].Agent != "Terminal of Anna" {
		t.Errorf("sessions are %+v", sessions)
	}
	of := "/v1/vaults/" + c.vault()
	var one vaultJSON
	c.must(http.StatusOK, "GET", of, nil, &one)
	if one.Kept == nil || one.Kept.Recordings != 1 || one.Kept.AudioDays != 90 {
		t.Errorf("the vault is %+v", one)
	}
	var page recordingsJSON
	c.must(http.StatusOK, "GET", of+"/recordings", nil, &page)
	if len(page.Recordings) != 1 || page.Recordings[0].ID != id || page.Recordings[0].Words != canary || page.Next != "" {
		t.Errorf("the recordings are %+v", page)
	}
	var rec recordingJSON
	c.must(http.StatusOK, "GET", of+"/recordings/"+id.String(), nil, &rec)
	if diff := cmp.Diff(page.Recordings[0], rec); diff != "" || rec.Turn == nil || rec.Turn.Slots[0].Value != "10" {
		t.Errorf("one recording differs from its line: %s", diff)
	}
	whole := c.do("GET", of+"/recordings/"+id.String()+"/audio", nil, nil)
	part := c.do("GET", of+"/recordings/"+id.String()+"/audio", nil, http.Header{"Range": {"bytes=4-7"}})
	if whole.Header.Get("Content-Type") != "audio/flac" || part.Status != http.StatusPartialContent || part.Body != whole.Body[4:8] {
		t.Errorf("a range of the sound is %d %q", part.Status, part.Body)
	}
	var wave waveformJSON
	c.must(http.StatusOK, "GET", of+"/recordings/"+id.String()+"/waveform", nil, &wave)
	if len(wave.Peaks) != 200 || slices.Max(wave.Peaks) == 0 {
		t.Errorf("%d peaks, the highest %d", len(wave.Peaks), slices.Max(wave.Peaks))
	}
	anna.timer()
	var timers timersJSON
	c.must(http.StatusOK, "GET", of+"/timers", nil, &timers)
	if len(timers.Timers) != 1 || timers.Timers[0].Kind != "timer" || timers.Timers[0].State != "waiting" {
		t.Fatalf("the timers are %+v", timers)
	}
	c.must(http.StatusNoContent, "DELETE", of+"/timers/"+timers.Timers[0].ID.String(), nil, nil)
	var rc, again receiptJSON
	c.must(http.StatusOK, "DELETE", of+"/recordings/"+id.String(), nil, &rc)
	c.must(http.StatusOK, "GET", of+"/receipts/"+rc.ID.String(), nil, &again)
	if rc.Count != 1 || rc != again {
		t.Errorf("the receipts are %+v and %+v", rc, again)
	}
	c.must(http.StatusNotFound, "GET", of+"/recordings/"+id.String(), nil, nil)
	c.must(http.StatusOK, "POST", of+"/erase", eraseJSON{Everything: true}, &rc)
	if n := anna.count(); n != 0 {
		t.Errorf("%d recordings are left", n)
	}
	c.must(http.StatusNoContent, "DELETE", "/v1/sessions/current", nil, nil)
	c.must(http.StatusUnauthorized, "GET", "/v1/me", nil, nil)
}

// TestAPIPages walks through a history page by page, by next and by Link.
func TestAPIPages(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	var want []hearkeep.RecordingID
	for range 5 {
		want = append([]hearkeep.RecordingID{anna.speak("good morning")}, want...)
	}
	c := h.terminal("Anna")
	path := "/v1/vaults/" + c.vault() + "/recordings?limit=2"
	var got []hearkeep.RecordingID
	for pages := 1; path != ""; pages++ {
		answer := c.do("GET", path, nil, nil)
		var page recordingsJSON
		if err := json.Unmarshal([]byte(answer.Body), &page); err != nil || answer.Status != http.StatusOK {
			t.Fatal(answer.Status, err)
		}
		for _, rec := range page.Recordings {
			got = append(got, rec.ID)
		}
		link := answer.Header.Get("Link")
		path = strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
		if (page.Next == "") != (link == "") || page.Next != "" && !strings.Contains(path, url.QueryEscape(page.Next)) || pages > 3 {
			t.Fatalf("page %d: next is %q, Link is %q", pages, page.Next, link)
		}
	}
	slices.SortFunc(want, func(a, b hearkeep.RecordingID) int { return bytes.Compare(a[:], b[:]) })
	slices.SortFunc(got, func(a, b hearkeep.RecordingID) int { return bytes.Compare(a[:], b[:]) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the pages hold (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"limit=0", "limit=201", "limit=x", "limit=1&limit=2", "before=x", "after=x", "limit=9999999999"} {
		if got := c.do("GET", "/v1/vaults/"+c.vault()+"/recordings?"+bad, nil, nil); got.Status != http.StatusUnprocessableEntity {
			t.Errorf("?%s answers %d", bad, got.Status)
		}
	}
}

// TestAPIRefusesWhatIsNotDescribed sends bodies that are not the route's, and
// looks for the secret among what comes back.
func TestAPIRefusesWhatIsNotDescribed(t *testing.T) {
	h := newHome(t)
	h.person("Anna")
	for name, tc := range map[string]struct {
		kind, body string
		want       int
	}{
		"another member":    {"application/json", `{"name":"Anna","passphrase":"` + passphrase + `","pin":"x"}`, 422},
		"other capitals":    {"application/json", `{"Name":"Anna","passphrase":"` + passphrase + `"}`, 422},
		"a missing member":  {"application/json", `{"passphrase":"` + passphrase + `"}`, 422},
		"a wrong type":      {"application/json", `{"name":"Anna","passphrase":["` + passphrase + `"]}`, 422},
		"null":              {"application/json", `null`, 422},
		"a list":            {"application/json", `[]`, 422},
		"two values":        {"application/json", `{"name":"Anna","passphrase":"` + passphrase + `"}{}`, 422},
		"no JSON":           {"application/json", `name=Anna`, 422},
		"nothing":           {"application/json", ``, 422},
		"a form":            {"application/x-www-form-urlencoded", `name=Anna&passphrase=x`, 422},
		"text":              {"text/plain", `{"name":"Anna","passphrase":"` + passphrase + `"}`, 422},
		"too long a member": {"application/json", `{"name":"Anna","passphrase":"` + strings.Repeat("x", 1025) + `"}`, 422},
		"too long a body":   {"application/json", `{"name":"Anna","passphrase":"` + strings.Repeat("x", formBytes) + `"}`, 413},
		"both proofs":       {"application/json", `{"name":"Anna","passphrase":"` + passphrase + `","kit":"x"}`, 422},
		"a wrong one":       {"application/json", `{"name":"Anna","passphrase":"not this one at all"}`, 401},
		"a stranger":        {"application/json", `{"name":"Nobody","passphrase":"not this one at all"}`, 401},
		"the right one":     {"application/json; charset=utf-8", `{"name":"Anna","passphrase":"` + passphrase + `"}`, 201},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := h.stranger().send(h.stranger().request("POST", "/v1/sessions", tc.kind, []byte(tc.body)))
			checkAnswer(t, "POST", "/v1/sessions", answerTo{resp.StatusCode, resp.Header, body})
			if resp.StatusCode != tc.want {
				t.Errorf("answers %d %s, want %d", resp.StatusCode, body, tc.want)
			}
			if strings.Contains(body, passphrase) || strings.Contains(body, "<") {
				t.Errorf("the answer holds what was sent, or a page: %s", body)
			}
		})
	}
}

// TestAPINowhere: what is not there, and methods that are not, are problems.
func TestAPINowhere(t *testing.T) {
	h := newHome(t)
	c := &caller{t, h, ""}
	for _, tc := range []struct {
		method, path string
		want         int
		allow        string
	}{
		{"GET", "/v1/", 404, ""}, {"GET", "/v1/nothing", 404, ""}, {"POST", "/v1/vaults/x/y/z/a", 404, ""},
		{"PUT", "/v1/me", 405, "GET"}, {"DELETE", "/v1/pair", 405, "POST"}, {"PUT", "/v1/vaults/x/recordings/y", 405, "GET, DELETE"},
		{"BREW", "/v1/say", 405, "POST"},
	} {
		got := c.do(tc.method, tc.path, nil, nil)
		if got.Status != tc.want || got.Header.Get("Content-Type") != "application/problem+json" || got.Header.Get("Allow") != tc.allow {
			t.Errorf("%s %s answers %d %s, Allow %q", tc.method, tc.path, got.Status, got.Header.Get("Content-Type"), got.Header.Get("Allow"))
		}
	}
}

// TestAPIForeignHost: a name that somebody points at this machine gets a
// problem and nothing else.
func TestAPIForeignHost(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	req := anna.request("GET", "/v1/me", "", nil)
	req.Host = "evil.example"
	resp, body := anna.send(req)
	if resp.StatusCode != http.StatusMisdirectedRequest || resp.Header.Get("Content-Type") != "application/problem+json" || strings.Contains(body, "Anna") {
		t.Errorf("answers %d %s", resp.StatusCode, body)
	}
}

// TestAPIAndOtherSites: a browser's cookie works from the keep's own pages
// only; who bears a session needs no Origin.
func TestAPIAndOtherSites(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	c := h.terminal("Anna")
	id := anna.speak(canary)
	path := "/v1/vaults/" + c.vault() + "/recordings/" + id.String()
	for _, header := range []http.Header{{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Origin": {"https://evil.example"}}, {"Origin": {"null"}}} {
		req := anna.request("DELETE", path, "", nil)
		req.Header = header
		resp, body := anna.send(req)
		if resp.StatusCode != http.StatusForbidden || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%v: answers %d %s", header, resp.StatusCode, body)
		}
	}
	if anna.newest() != id {
		t.Fatal("another site erased a recording")
	}
	if resp, body := anna.get(path); resp.StatusCode != http.StatusOK || !strings.Contains(body, canary) {
		t.Errorf("its own page reads %d %s", resp.StatusCode, body)
	}
	// A bad header is refused, whatever cookie comes with it.
	req := anna.request("GET", path, "", nil)
	req.Header.Set("Authorization", "Bearer nonsense")
	if resp, body := anna.send(req); resp.StatusCode != http.StatusUnauthorized || strings.Contains(body, canary) {
		t.Errorf("a bad header beside a good cookie answers %d", resp.StatusCode)
	}
	c.must(http.StatusOK, "DELETE", path, nil, nil)
}
