package portal

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hearkeep/hearkeep"
)

func TestEveryRouteSaysWhoMayCallIt(t *testing.T) {
	for _, row := range pageRoutes() {
		set := 0
		for _, given := range []bool{row.anyone != nil, row.setUp != nil, row.invited != nil, row.leaving != nil, row.keyholder != nil, row.admin != nil, row.device != nil, row.claimant != nil, row.reporter != nil, row.recipient != nil, row.fetching != nil, row.operating != nil, row.operator != nil, row.signed != nil, row.agent != nil} {
			if given {
				set++
			}
		}
		if set != 1 {
			t.Errorf("%s has %d handlers, want exactly 1", pattern(row), set)
		}
		if named := strings.Contains(row.pattern, "{id}"); named && !slices.Contains(objectsWithID(), row.on) {
			t.Errorf("%s works on %q: an id in the address names an object of the caller's", pattern(row), row.on)
		}
		if named := strings.Contains(row.pattern, "{id}"); named && row.keyholder == nil && row.admin == nil && (row.operator == nil || row.on != breach) {
			t.Errorf("%s names an object and is not for its keyholder", pattern(row))
		}
		if (row.method == "POST") != (row.body > 0) {
			t.Errorf("%s takes bodies of %d bytes", pattern(row), row.body)
		}
	}
}

// objectsWithID are what an {id} in a pattern may name.
func objectsWithID() []object {
	return []object{recording, receipt, timer, binding, member, invitation, houseDoor, holder, wayIn, channel, session, token, request, archive, restriction, claim, breach, notice, entry}
}

// address fills a route's pattern.
func address(row route, id string) string {
	return strings.NewReplacer("{id}", id, "{$}", "", "{secret}", "nosuchlink", "{file}", "style.css").Replace(row.pattern)
}

// answerTo is what a caller can tell apart of an answer.
type answerTo struct {
	Status int
	Header http.Header
	Body   string
}

// ask calls a route as p, with or without a page in mind.
func (p *person) ask(row route, id, accept string, header http.Header) answerTo {
	p.t.Helper()
	body := io.Reader(http.NoBody)
	if row.method == "POST" {
		body = strings.NewReader(url.Values{"sure": {"yes"}}.Encode())
	}
	method := row.method
	if method == "" {
		method = "GET"
	}
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.home.server.URL+address(row, id), body)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header = header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("Accept", accept)
	if row.method == "POST" && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, got := p.send(req)
	resp.Header.Del("Date")
	return answerTo{resp.StatusCode, resp.Header, got}
}

// TestMissingAndNotYoursAreTheSame asks, for every route with an id, for what
// is somebody else's and for what never was: the answers are the same bytes,
// headers included, and the thing itself stays untouched.
func TestMissingAndNotYoursAreTheSame(t *testing.T) {
	h := newHome(t)
	anna, ben := h.person("Anna"), h.person("Ben")
	anna.speak(canary)
	gone := anna.speak("erase me")
	ben.speak("good morning")
	ids := map[object]string{
		recording: anna.newest().String(), receipt: anna.erase(gone).String(), timer: anna.timer().String(),
		binding: anna.door(hearkeep.SourceSay).ID.String(),
	}
	ids[recording] = anna.newest().String()
	maps.Copy(ids, anna.accountIDs())
	before := listed(t, anna)
	none := hearkeep.NewID[hearkeep.RecordingID]().String()
	for _, row := range pageRoutes() {
		theirs, named := ids[row.on]
		if !named {
			continue
		}
		for _, accept := range []string{"text/html", "application/json"} {
			t.Run(pattern(row)+" "+accept, func(t *testing.T) {
				got, want := ben.ask(row, theirs, accept, nil), ben.ask(row, none, accept, nil)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("not yours differs from missing (-missing +not yours):\n%s", diff)
				}
				if got.Status != http.StatusNotFound {
					t.Errorf("got status %d, want 404", got.Status)
				}
				for _, odd := range []string{"x", strings.ToUpper(theirs), theirs + "0", "%00"} {
					if diff := cmp.Diff(want, ben.ask(row, odd, accept, nil)); diff != "" {
						t.Errorf("id %q differs from missing:\n%s", odd, diff)
					}
				}
				// Its keyholder may, where asking changes nothing.
				if row.method == "GET" {
					if own := anna.ask(row, theirs, accept, nil); own.Status != http.StatusOK {
						t.Errorf("its keyholder got %d", own.Status)
					}
				}
			})
		}
	}
	if anna.newest().String() != ids[recording] {
		t.Error("somebody else's recording was touched")
	}
	if door := anna.door(hearkeep.SourceSay); door.ID.String() != ids[binding] || door.Rule.Paused {
		t.Error("somebody else's door was touched")
	}
	if diff := cmp.Diff(before, listed(t, anna)); diff != "" {
		t.Errorf("somebody else's account was touched (-before +after):\n%s", diff)
	}
}

// TestSignedOutOpensNothing calls every route without a session.
func TestSignedOutOpensNothing(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	id := anna.speak(canary)
	stranger := h.stranger()
	for _, row := range (&portal{}).routes() {
		got := stranger.ask(row, id.String(), "text/html", nil)
		if strings.Contains(got.Body, canary) {
			t.Errorf("%s shows what was said", pattern(row))
		}
		if row.keyholder == nil {
			continue
		}
		if row.method == "GET" && row.pattern != "/recordings/{id}/audio" {
			if got.Status != http.StatusSeeOther || got.Header.Get("Location") != "/sign-in" {
				t.Errorf("%s answers %d to nobody, want a redirect to /sign-in", pattern(row), got.Status)
			}
		} else if got.Status != http.StatusUnauthorized {
			t.Errorf("%s answers %d to nobody, want 401", pattern(row), got.Status)
		}
	}
	if anna.newest() != id {
		t.Error("nobody changed something")
	}
}

// TestDeviceTokenReadsNothing calls every route with a device's token alone.
func TestDeviceTokenReadsNothing(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	id := anna.speak(canary)
	device := h.stranger()
	bearer := http.Header{"Authorization": {"Bearer " + anna.token()}}
	door := anna.door(hearkeep.SourceSay)
	for _, row := range (&portal{}).routes() {
		of := id.String()
		if row.on == binding { // the device's own door
			of = door.ID.String()
		}
		for _, accept := range []string{"text/html", "application/json"} {
			got := device.ask(row, of, accept, bearer)
			if strings.Contains(got.Body, canary) {
				t.Errorf("%s shows a device what was said", pattern(row))
			}
			if row.keyholder != nil && got.Status < 300 {
				t.Errorf("%s answers %d to a device", pattern(row), got.Status)
			}
		}
	}
	if anna.newest() != id {
		t.Error("a device changed something")
	}
	if diff := cmp.Diff(door, anna.door(hearkeep.SourceSay), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("a device changed its door (-before +after):\n%s", diff)
	}
}

// TestEveryAnswerIsGuarded checks the headers that keep a page to itself.
func TestEveryAnswerIsGuarded(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	id := anna.speak(canary)
	for _, row := range (&portal{}).routes() {
		if row.method == "POST" {
			continue
		}
		got := anna.ask(row, id.String(), "text/html", nil)
		want := map[string]string{
			"Content-Security-Policy": csp, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store",
			"Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
		}
		switch {
		case strings.HasPrefix(row.pattern, "/static/"):
			want["Cache-Control"] = "no-cache"
		case strings.HasSuffix(row.pattern, "/entries"): // a file that is downloaded
			want["Cache-Control"] = "private, no-store"
		case row.pattern == "/verify": // stricter: nothing is asked of anybody
			want["Content-Security-Policy"] = verifyPolicy
		}
		for name, value := range want {
			if got.Header.Get(name) != value {
				t.Errorf("%s: %s is %q, want %q", pattern(row), name, got.Header.Get(name), value)
			}
		}
	}
}

// TestForeignHostIsRefused: a name that somebody else points at this machine
// gets a sentence and nothing else, whatever cookie comes with it.
func TestForeignHostIsRefused(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	anna.speak(canary)
	for _, host := range []string{"evil.example", "evil.example:8484", "localhost", "", "127.0.0.1.evil.example", "localhost.:1"} {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", h.server.URL+"/", nil)
		req.Host = host
		if host == "" {
			continue // net/http would fill it in
		}
		resp, body := anna.send(req)
		if resp.StatusCode != http.StatusMisdirectedRequest || strings.Contains(body, canary) || strings.Contains(body, "<") {
			t.Errorf("host %q: status %d, body %q", host, resp.StatusCode, body)
		}
	}
}

// TestOtherSitesChangeNothing: a form on another site, sent by a browser that
// is signed in here, is refused.
func TestOtherSitesChangeNothing(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	id := anna.speak(canary)
	for _, header := range []http.Header{
		{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}},
		{"Origin": {"https://evil.example"}}, {"Origin": {"null"}},
	} {
		for _, row := range (&portal{}).routes() {
			if row.method != "POST" {
				continue
			}
			if got := anna.ask(row, id.String(), "text/html", header); got.Status != http.StatusForbidden {
				t.Errorf("%s with %v answers %d, want 403", pattern(row), header, got.Status)
			}
		}
	}
	if anna.newest() != id {
		t.Error("another site erased a recording")
	}
	own := http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"null"}}
	for _, row := range (&portal{}).routes() {
		if row.pattern == "/erase" && row.method == "POST" {
			if got := anna.ask(row, "", "text/html", own); got.Status != http.StatusSeeOther {
				t.Errorf("our own form answers %d, want 303", got.Status)
			}
		}
	}
}

// TestTooLargeIsSaid sends more than a form and more than a sentence.
func TestTooLargeIsSaid(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	resp, body := anna.post("/erase", url.Values{"sure": {strings.Repeat("x", formBytes)}})
	if resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(body, "too large") {
		t.Errorf("a large form: status %d", resp.StatusCode)
	}
	resp, body = anna.say(anna.token(), "text/plain", bytes.Repeat([]byte("a "), maxText))
	if resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(body, "too large") {
		t.Errorf("a long sentence: status %d, %s", resp.StatusCode, body)
	}
}
