package portal

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// TestJoinWithAnAccount: signed out, the way leads through any of the sign-in
// forms and back to the link.
func TestJoinWithAnAccount(t *testing.T) {
	h := newHome(t)
	anna, ben := h.person("Anna"), h.person("Ben")
	anna.post("/household/name", url.Values{"name": {"Mill Lane"}})
	attic := ben.vaultOf("Attic", "shared", "")
	ben.enter(attic)
	ben.post("/doors/new", url.Values{"kind": {"wyoming"}, "name": {"Skylight"}, "listen": {"127.0.0.1:10300"}, "keep": {"words"}})
	ben.post("/sign-out", nil)
	link := anna.inviteHome("")

	_, body := ben.get(link)
	want(t, nil, 0, body, "Anna invites you to the household “Mill Lane”.", "Make an account here")
	m := regexp.MustCompile(`href="(/sign-in\?next=[^"]+)"`).FindStringSubmatch(body)
	if m == nil {
		t.Fatal("the invitation leads to no sign-in")
	}
	next := html.UnescapeString(m[1])
	field := `name="next" value="` + link + `"`
	_, body = ben.get(next)
	if strings.Count(body, field) != 2 { // of a passphrase, and of a passkey
		t.Error("a form of the sign-in page does not lead back to the invitation")
	}
	want(t, nil, 0, body, `href="/sign-in/kit?next=`)
	_, body = ben.get(strings.Replace(next, "/sign-in?", "/sign-in/kit?", 1))
	want(t, nil, 0, body, field)
	resp, body := ben.post("/sign-in", url.Values{"name": {"Ben"}, "passphrase": {"not the passphrase"}, "next": {link}})
	want(t, resp, http.StatusUnauthorized, body, field)
	resp, _ = ben.post("/sign-in", url.Values{"name": {"Ben"}, "passphrase": {passphrase}, "next": {link}})
	wantRedirect(t, resp, link)
	resp, _ = ben.get(next) // signed in already
	wantRedirect(t, resp, link)

	// What it means is said before, and is so after.
	ben.says(link, []string{"Accept as Ben", "You then belong to “Mill Lane” instead of a household of your own.",
		"“Attic” stays with those who hold it", "neither see its doors nor take it from you"})
	said := ben.speakIn(attic, canary)
	resp, _ = ben.accept(link)
	wantRedirect(t, resp, "/household?done=joined")
	ben.says("/household?done=joined", []string{"You belong to this household now.", "Mill Lane", "Anna"}, "Skylight")
	anna.says("/household", []string{"Ben"}, "Skylight", "Attic")
	anna.gone("/recordings/" + said.String())
	anna.says("/vaults", nil, "Attic")
	again := anna.inviteHome("")
	ben.says(again, []string{"You belong to this household already."}, "Accept as")
	resp, body = ben.accept(again)
	want(t, resp, http.StatusConflict, body, "You belong to this household already.")
}

// TestSignInLeadsNowhereElse: what is not a page of ours is not gone on to.
func TestSignInLeadsNowhereElse(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	for _, next := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, "/%5cevil.example", "javascript:alert(1)", "evil", "/\tx", "http:/x", ""} {
		resp, _ := anna.get("/sign-in?" + url.Values{"next": {next}}.Encode())
		wantRedirect(t, resp, "/")
		p := h.stranger()
		if _, body := p.get("/sign-in?" + url.Values{"next": {next}}.Encode()); strings.Contains(body, `name="next"`) {
			t.Errorf("the form goes on to %q", next)
		}
		resp, _ = p.post("/sign-in", url.Values{"name": {"Anna"}, "passphrase": {passphrase}, "next": {next}})
		wantRedirect(t, resp, "/")
	}
}

// TestHoldingAcrossHouseholds: who belongs to others holds a vault of another
// household and stays where they are; both sides see the invitation.
func TestHoldingAcrossHouseholds(t *testing.T) {
	h := newHome(t)
	anna, carl := h.person("Anna"), h.person("Carl")
	h.joined("Dora", carl.inviteHome(""))
	living := anna.vaultOf("Living room", "shared", "")
	link, home := anna.inviteTo(living, "holder", "no"), anna.inviteHome("")
	carl.says(home, []string{"You belong to another household.", "Leave it first"}, "Accept as")
	resp, body := carl.accept(home)
	want(t, resp, http.StatusConflict, body, "You belong to another household.")
	carl.says(link, []string{"You stay in your household, and only hold this vault.", "Accept as Carl"}, "You then belong to")
	resp, _ = carl.accept(link)
	wantRedirect(t, resp, "/vaults")
	carl.says("/vaults", []string{"“Living room” opens to you soon."})
	carl.says("/household", []string{"Dora"}, "Anna", "Living room")
	anna.get("/")
	anna.says("/sharing?of="+living.String(), []string{"Carl"})
	anna.says("/household", nil, "<strong>Carl")

	// He invites, too: she sees that, and as the admin of its household withdraws it.
	of := "?of=" + living.String()
	carl.inviteTo(living, "holder", "no")
	carl.says("/sharing"+of, []string{"From Carl.", "Withdraw"})
	page := anna.says("/sharing"+of, []string{"From Carl.", "Withdraw"})
	withdraw := regexp.MustCompile(`action="(/household/invitations/\w+/withdraw)"`).FindStringSubmatch(page)[1]
	resp, _ = anna.post(withdraw, url.Values{"of": {living.String()}})
	wantRedirect(t, resp, "/sharing?done=withdrawn&of="+living.String())
	carl.says("/sharing"+of, nil, "From Carl.")
	// Hers he sees, and cannot withdraw.
	anna.inviteTo(living, "holder", "yes")
	carl.says("/sharing"+of, []string{"From Anna.", "with what was kept before"}, "Withdraw")
}

// TestAcceptedAndNotCompleted: the inviter's household and the others of the
// vault see who accepted, until it is done; withdrawn, nobody waits.
func TestAcceptedAndNotCompleted(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	living := anna.vaultOf("Living room", "shared", "")
	admin := h.joined("Eve", anna.inviteHome("yes"))
	link := anna.inviteTo(living, "holder", "no")
	ben := h.joined("Ben", link)
	page := admin.says("/household", []string{"“Living room”, from then on", "Ben has accepted.", "next opens a page here"})
	withdraw := regexp.MustCompile(`action="(/household/invitations/\w+/withdraw)"`).FindStringSubmatch(page)[1]
	resp, _ := admin.post(withdraw, nil)
	wantRedirect(t, resp, "/household?done=withdrawn")
	ben.says("/vaults", []string{"Your keep"}, "opens to you soon")
	anna.says("/vaults", []string{"Shared, so far with nobody"})
}

// TestJoinAnew: what is mistyped comes back, but never a passphrase.
func TestJoinAnew(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	link := anna.inviteTo(anna.vaultOf("Living room", "shared", ""), "holder", "yes")
	p := h.stranger()
	for _, tc := range []struct{ name, phrase, says string }{
		{"Ben", "short", "That passphrase is too short."}, {"Anna", passphrase, "taken"}, {"", passphrase, "name"},
	} {
		resp, body := p.post(link, url.Values{"name": {tc.name}, "passphrase": {tc.phrase}})
		if resp.StatusCode < 400 || resp.StatusCode >= 500 {
			t.Errorf("%q: status %d", tc.name, resp.StatusCode)
		}
		want(t, nil, 0, body, tc.says, `value="`+tc.name+`"`, "what was kept before, and what is kept from now on", "<h1>You are invited</h1>")
		if strings.Contains(body, `"`+tc.phrase+`"`) {
			t.Error("the passphrase came back")
		}
	}
	h.joined("Ben", link)
}

// TestSimultaneousChanges: of what is done at once, each is done or refused
// with a sentence, and nothing half.
func TestSimultaneousChanges(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	living := anna.vaultOf("Living room", "shared", "")
	of := "?of=" + living.String()
	link := anna.inviteTo(living, "holder", "yes")

	// Five use one link.
	statuses := make([]int, 5)
	var wg sync.WaitGroup
	for i := range statuses {
		wg.Go(func() {
			resp, _ := h.stranger().post(link, url.Values{"name": {"Ben " + string(rune('a'+i))}, "passphrase": {passphrase}})
			statuses[i] = resp.StatusCode
		})
	}
	wg.Wait()
	made := 0
	for _, status := range statuses {
		switch status {
		case http.StatusOK:
			made++
		case http.StatusNotFound:
		default:
			t.Errorf("one of five who use a link gets %d", status)
		}
	}
	if made != 1 {
		t.Errorf("%d of five made an account with one link", made)
	}

	// Two remove each other.
	anna.get("/")
	carl := h.joined("Carl", anna.inviteTo(living, "holder", "yes"))
	anna.get("/")
	annas, carls := "/sharing/holders/"+carl.id()+"/remove"+of, "/sharing/holders/"+anna.id()+"/remove"+of
	var by [2]int
	wg.Go(func() { resp, _ := anna.post(annas, nil); by[0] = resp.StatusCode })
	wg.Go(func() { resp, _ := carl.post(carls, nil); by[1] = resp.StatusCode })
	wg.Wait()
	done := 0
	for _, status := range by {
		switch status {
		case http.StatusSeeOther:
			done++
		case http.StatusNotFound, http.StatusConflict:
		default:
			t.Errorf("one of two who remove each other gets %d", status)
		}
	}
	a, _ := anna.get("/sharing" + of)
	c, _ := carl.get("/sharing" + of)
	if done != 1 || (a.StatusCode == http.StatusOK) == (c.StatusCode == http.StatusOK) {
		t.Errorf("%d removals were done; Anna gets %d and Carl %d", done, a.StatusCode, c.StatusCode)
	}
}

// Accepting moves a person, so it wants an unlocker of an open session, and
// comes back to the invitation.
func TestJoiningWithAStaleSession(t *testing.T) {
	h := newHome(t)
	anna, ben := h.person("Anna"), h.person("Ben")
	link := anna.inviteHome("")
	ben.stale()
	ben.says(link, []string{"Accept as Ben"})
	resp, body := ben.accept(link)
	want(t, resp, http.StatusForbidden, body, "/unlock?"+url.Values{"next": {link}}.Encode())
	anna.says("/household", nil, "Ben")
	resp, _ = ben.post("/unlock", url.Values{"passphrase": {passphrase}, "next": {link}})
	wantRedirect(t, resp, link)
	resp, _ = ben.accept(link)
	wantRedirect(t, resp, "/household?done=joined")
}

// Whoever took an admin's cookie makes nobody an admin with it.
func TestStaleAdminMakesNoAdmin(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	ben := h.joined("Ben", anna.inviteHome(""))
	anna.stale()
	there := "/household/members/" + ben.id() + "/admin"
	resp, body := anna.post(there, url.Values{"admin": {"yes"}})
	want(t, resp, http.StatusForbidden, body, "/unlock?"+url.Values{"next": {there}}.Encode())
	ben.says("/household", nil, "No longer admin", "Make admin")
}
