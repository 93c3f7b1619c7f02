package portal

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/hearkeep/hearkeep"
)

// TestAddressesOnThePage: an address is confirmed by the code that went there.
func TestAddressesOnThePage(t *testing.T) {
	h := newHome(t)
	h.delivers()
	anna := h.person("Anna")
	want(t, nil, 0, get(t, anna, "/account/addresses"), "named no mail server")
	resp, body := anna.post("/account/addresses", url.Values{"kind": {"email"}, "address": {"anna@example.org"}})
	want(t, resp, http.StatusServiceUnavailable, body, "cannot send such letters", `value="anna@example.org"`)
	resp, body = anna.post("/account/addresses", url.Values{"kind": {"webhook"}, "address": {"http://169.254.169.254/"}})
	want(t, resp, http.StatusUnprocessableEntity, body, `role="alert" id="problem"`)

	at := url.Values{"kind": {"webhook"}, "address": {h.post.server.URL + "/anna"}}
	resp, _ = anna.post("/account/addresses", at)
	page := resp.Header.Get("Location")
	first := codeIn(t, h.letter("/anna", "address code", 1))
	resp, body = anna.get(page)
	want(t, resp, http.StatusOK, body, "Confirm this address", "/anna", "Send another code")
	resp, body = anna.post(page, url.Values{"code": {"00000000"}})
	want(t, resp, http.StatusUnprocessableEntity, body, "That is not the code.")
	resp, _ = anna.post("/account/addresses", at) // another code; the first is void
	wantRedirect(t, resp, page)
	second := codeIn(t, h.letter("/anna", "address code", 2))
	if first != second {
		resp, _ = anna.post(page, url.Values{"code": {first}})
		want(t, resp, http.StatusUnprocessableEntity, "")
	}
	resp, _ = h.person("Ben").post(page, url.Values{"code": {second}})
	want(t, resp, http.StatusNotFound, "")
	resp, _ = anna.post(page, url.Values{"code": {second[:4] + " " + second[4:]}})
	wantRedirect(t, resp, "/account?done=address#letters")
	resp, _ = anna.post(page, url.Values{"code": {second}})
	if resp.StatusCode < 400 || resp.StatusCode >= 500 {
		t.Errorf("a used code answers %d", resp.StatusCode)
	}
	h.letter("/anna", "address added", 1)
	want(t, nil, 0, get(t, anna, "/account/letters"), "address code", "address added", "Webhook")
	want(t, nil, 0, get(t, anna, "/account"), "/anna")

	resp, body = anna.get(page + "/remove")
	want(t, resp, http.StatusOK, body, "one last, which says so")
	resp, _ = anna.post(page+"/remove", nil)
	wantRedirect(t, resp, "/account?done=no-address#letters")
	h.letter("/anna", "address removed", 1)
	resp, _ = anna.get(page)
	want(t, resp, http.StatusNotFound, "")
}

// TestNoticesAtADoor: a door of one's own says that there is a notice, another's
// does not; what is said there is no letter that anything could be read in.
func TestNoticesAtADoor(t *testing.T) {
	h := newHome(t)
	h.delivers()
	anna, ben := h.person("Anna"), h.person("Ben")
	door := anna.door(hearkeep.SourceSay)
	want(t, nil, 0, get(t, anna, "/account/addresses"), "Or have a door say it", door.ID.String())
	resp, body := ben.post("/account/addresses", url.Values{"kind": {"spoken"}, "door": {door.ID.String()}})
	want(t, resp, http.StatusNotFound, body, "There is no such door.")
	resp, body = anna.post("/account/addresses", url.Values{"kind": {"spoken"}, "door": {"kitchen"}})
	want(t, resp, http.StatusUnprocessableEntity, body, "Choose a door.")
	resp, _ = anna.post("/account/addresses", url.Values{"kind": {"spoken"}, "door": {door.ID.String()}})
	wantRedirect(t, resp, "/account?done=spoken#letters")
	want(t, nil, 0, get(t, anna, "/account?done=spoken"), "Said at a door", "That door says from now on")
	resp, body = anna.post("/account/addresses", url.Values{"kind": {"spoken"}, "door": {door.ID.String()}})
	want(t, resp, http.StatusConflict, body)
	page := regexp.MustCompile(`/account/addresses/[0-9a-f]{32}`).FindString(get(t, anna, "/account"))
	want(t, nil, 0, get(t, anna, page), "never what it is")
	resp, _ = ben.get(page)
	want(t, resp, http.StatusNotFound, "")
	resp, _ = anna.post(page+"/remove", nil)
	wantRedirect(t, resp, "/account?done=no-address#letters")
	if strings.Contains(get(t, anna, "/account"), "Said at a door") {
		t.Error("the door is still listed after it was removed")
	}
	// Nothing waited for that: an archive can be had at once.
	want(t, nil, 0, get(t, anna, "/account/letters"), "Nothing")
}

// TestFarewellOnThePage: asked for with a tick, told on every page, stopped.
func TestFarewellOnThePage(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	resp, body := anna.get("/account/farewell")
	want(t, resp, http.StatusOK, body, "After 3 days", "you can stop it")
	resp, body = anna.post("/account/farewell", nil)
	want(t, resp, http.StatusUnprocessableEntity, body, "the box was not ticked")
	const banner = "Your account is to be erased on"
	if strings.Contains(get(t, anna, "/"), banner) {
		t.Error("without a tick the account is to be erased")
	}
	resp, _ = anna.post("/account/farewell", url.Values{"sure": {"yes"}})
	wantRedirect(t, resp, "/account")
	anna.stale() // what stops it needs no unlocker
	for _, page := range []string{"/", "/kept", "/doors", "/erase", "/account", "/account/letters"} {
		want(t, nil, 0, get(t, anna, page), banner, "/account/farewell/stop")
	}
	resp, _ = anna.post("/account/farewell/stop", nil)
	wantRedirect(t, resp, "/account?done=stays")
	if page := get(t, anna, "/account?done=stays"); strings.Contains(page, banner) || !strings.Contains(page, "Your account stays.") {
		t.Error("it was not stopped")
	}
}

// TestEverythingLost goes the way of somebody whose every way in is lost.
func TestEverythingLost(t *testing.T) {
	h := newHome(t)
	h.delivers()
	anna := h.person("Anna")
	anna.addAddress("/anna")
	lost := h.stranger()
	resp, body := lost.get("/help/sign-in")
	want(t, resp, http.StatusOK, body, "Every way in is gone", `href="/lost"`)
	resp, body = lost.get("/lost")
	want(t, resp, http.StatusOK, body, "Sending this form erases nothing")

	ask := func(name, at string) string {
		resp, body := lost.post("/lost", url.Values{"name": {name}, "address": {h.post.server.URL + at}})
		want(t, resp, http.StatusOK, body, "Look for a letter")
		return body
	}
	answers := []string{ask("Nobody", "/anna"), ask("Anna", "/elsewhere"), ask("Anna", "/anna")}
	if answers[0] != answers[1] || answers[1] != answers[2] {
		t.Error("the answers tell who has an account")
	}
	link := h.linkIn(h.letter("/anna", "farewell link", 1))
	if !strings.HasPrefix(link, "/farewell/") {
		t.Fatalf("the letter leads to %s", link)
	}
	for range 2 { // whoever looks through letters opens their links
		resp, body = lost.get(link)
		want(t, resp, http.StatusOK, body, "Anna", "nobody can open it", "3 days")
	}
	resp, body = lost.post(link, nil)
	want(t, resp, http.StatusUnprocessableEntity, body, "the box was not ticked")
	if strings.Contains(get(t, anna, "/"), "is to be erased") {
		t.Error("looking at the link began a farewell")
	}
	resp, body = lost.post(link, url.Values{"sure": {"yes"}})
	want(t, resp, http.StatusOK, body, "It will be erased", "Anna")
	var gone string
	for _, bad := range []string{link, link + "x", link[:len(link)-1], "/farewell/" + strings.Repeat("a", 26)} {
		for _, method := range []string{"GET", "POST"} {
			resp, body := lost.send(lost.request(method, bad, "", nil))
			want(t, resp, http.StatusNotFound, body, "This link no longer works.")
			if gone == "" {
				gone = body
			}
			if body != gone {
				t.Errorf("%s %s is answered differently", method, bad)
			}
		}
	}
	want(t, nil, 0, get(t, anna, "/"), "is to be erased")
	if cookie := regexp.MustCompile("hearkeep=").FindString(resp.Header.Get("Set-Cookie")); cookie != "" {
		t.Error("the link signs in")
	}
	resp, _ = anna.post("/account/farewell/stop", nil)
	wantRedirect(t, resp, "/account?done=stays")
}
