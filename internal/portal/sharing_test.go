package portal

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/sound"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// vaultOf makes a vault of a kind on the page, and returns its id.
func (p *person) vaultOf(name, kind, ofAge string) hearkeep.VaultID {
	p.t.Helper()
	resp, body := p.post("/vaults", url.Values{"name": {name}, "kind": {kind}, "of-age": {ofAge}})
	id, err := hearkeep.ParseID[hearkeep.VaultID](strings.TrimPrefix(resp.Header.Get("Location"), "/sharing?of="))
	if resp.StatusCode != http.StatusSeeOther || err != nil {
		p.t.Fatalf("adding a vault answered %d to %q: %s", resp.StatusCode, resp.Header.Get("Location"), body)
	}
	return id
}

// id is the person's account.
func (p *person) id() string { p.t.Helper(); return p.who().Account().String() }

// linkShown is the path of the invitation's link on a page.
func linkShown(t *testing.T, body string) string {
	t.Helper()
	m := regexp.MustCompile(`<code id="lines">https?://[^/]+(/join/[\w-]{43})</code>`).FindStringSubmatch(body)
	if m == nil {
		t.Fatal("the page shows no link of an invitation")
	}
	return m[1]
}

// inviteTo makes a link to a vault on its page.
func (p *person) inviteTo(id hearkeep.VaultID, as, past string) string {
	p.t.Helper()
	resp, body := p.post("/sharing/invite?of="+id.String(), url.Values{"as": {as}, "past": {past}})
	want(p.t, resp, http.StatusOK, body, "It works once, for seven days")
	return linkShown(p.t, body)
}

// inviteHome makes a link to the household on its page.
func (p *person) inviteHome(admin string) string {
	p.t.Helper()
	resp, body := p.post("/household/invite", url.Values{"admin": {admin}})
	want(p.t, resp, http.StatusOK, body, "They hold none of your vaults by that")
	return linkShown(p.t, body)
}

// joined is somebody new who made an account from a link.
func (h *home) joined(name, link string) *person {
	h.t.Helper()
	p := h.stranger()
	resp, body := p.post(link, url.Values{"name": {name}, "passphrase": {passphrase}})
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, "recovery kit") {
		h.t.Fatalf("joining as %s: %d %s", name, resp.StatusCode, body)
	}
	return p
}

// accept accepts a link as who is signed in, and returns the answer.
func (p *person) accept(link string) (*http.Response, string) {
	p.t.Helper()
	return p.post(link, url.Values{"as": {p.id()}})
}

// speakIn keeps a recording in one of the person's vaults.
func (p *person) speakIn(id hearkeep.VaultID, words string) hearkeep.RecordingID {
	p.t.Helper()
	room, err := p.home.keep.Enter(p.t.Context(), p.who(), id)
	if err != nil {
		p.t.Fatal(err)
	}
	in, err := room.Uploads(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	flac, err := sound.EncodeFLAC(p.home.clip)
	if err != nil {
		p.t.Fatal(err)
	}
	taken := vault.Taken{
		ID: hearkeep.NewID[hearkeep.RecordingID](), Start: time.Now(), Duration: p.home.clip.Duration(),
		Audio: flac, Waveform: sound.Peaks(p.home.clip, 200), Words: hearkeep.NewWords(words), HasWords: true,
	}
	if err := in.Keep(p.t.Context(), taken); err != nil {
		p.t.Fatal(err)
	}
	return taken.ID
}

// says checks a page of the person's, and that it does not say other things.
func (p *person) says(path string, yes []string, no ...string) string {
	p.t.Helper()
	resp, body := p.get(path)
	want(p.t, resp, http.StatusOK, body, yes...)
	for _, s := range no {
		if strings.Contains(body, s) {
			p.t.Errorf("%s says %q", path, s)
		}
	}
	return body
}

func (p *person) gone(path string) {
	p.t.Helper()
	if resp, body := p.get(path); resp.StatusCode != http.StatusNotFound || !strings.Contains(body, "There is nothing here.") {
		p.t.Errorf("%s answers %d", path, resp.StatusCode)
	}
}

// TestSharedLivingRoom: one link makes the account, the membership and, once
// somebody who holds it opens a page, the keyholder; without the past, and
// then with it; a recording is moved out; and the vault is taken away.
func TestSharedLivingRoom(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	living := anna.vaultOf("Living room", "shared", "")
	anna.says("/sharing?of="+living.String(), []string{"<h1>Living room</h1>", "Invite somebody", ", so far with nobody</span>"}, "Give it up")
	before := anna.speakIn(living, canary)
	anna.enter(anna.vaults()[0].ID) // the living room is not the open one

	ben := h.joined("Ben", anna.inviteTo(living, "holder", "no"))
	for _, path := range []string{"/", "/vaults"} {
		ben.says(path, []string{"“Living room” opens to you soon.", "the invitation from Anna"})
	}
	ben.gone("/sharing?of=" + living.String())
	ben.gone("/recordings/" + before.String())
	home := ben.says("/household", []string{"Anna", "Ben"})
	if strings.Contains(home, "Make admin") || strings.Contains(home, "Doors of shared vaults") {
		t.Error("a member is offered what admins do")
	}
	_, page := ben.get("/")
	seen := regexp.MustCompile(`hx-get="(/latest\?seen=[^"]+)"`).FindStringSubmatch(page)[1]
	if resp, _ := ben.get(html.UnescapeString(seen)); resp.StatusCode != http.StatusNoContent || resp.Header.Get("HX-Refresh") != "" {
		t.Errorf("nothing happened, and the page that waits is answered %d", resp.StatusCode)
	}

	// Any page of hers gives him the keys; his open page loads anew by itself.
	anna.says("/kept", []string{"What is kept"})
	if resp, _ := ben.get(html.UnescapeString(seen)); resp.Header.Get("HX-Refresh") != "true" {
		t.Error("the page that waited does not load anew")
	}
	ben.says("/vaults", []string{"Living room", "Shared with Anna"}, "opens to you soon")
	anna.says("/vaults", []string{"Shared with Ben"})
	anna.says("/sharing?of="+living.String(), []string{"Ben", "since they came", "Give the past", "Take it from them"}, "has accepted")
	after := anna.speakIn(living, "good evening")
	ben.enter(living)
	ben.says("/", []string{"good evening", "Shared with Anna", "Who holds it", `Living room<span class="faint">, with Anna</span>`}, canary)
	ben.says("/recordings/"+after.String(), []string{"good evening"})
	ben.gone("/recordings/" + before.String())
	ben.says("/sharing", []string{"since they came"}, "Give the past")

	// The past.
	past := "/sharing/holders/" + ben.id() + "/past?of=" + living.String()
	anna.says(past, []string{"Give Ben the past of “Living room”?", "cannot be taken back"})
	resp, _ := anna.post(past, nil)
	wantRedirect(t, resp, "/sharing?of="+living.String()+"&done=past")
	anna.says(resp.Header.Get("Location"), []string{"They can open what was kept before, too."}, "Give the past")
	resp, body := anna.post(past, nil)
	want(t, resp, http.StatusConflict, body, "They can open all that you can open.", "<h1>Living room</h1>")
	ben.says("/recordings/"+before.String(), []string{canary, "Move to another vault", "erased here for everybody who holds this one"})

	// He moves one into his own vault: she sees it no more.
	own := ben.vaults()[0].ID
	resp, _ = ben.post("/recordings/"+after.String()+"/move", url.Values{"vault": {own.String()}})
	wantRedirect(t, resp, "/?from="+living.String())
	ben.says(resp.Header.Get("Location"), []string{"good evening", "In “Living room” it is erased.", "<h1>Your keep</h1>"})
	anna.gone("/recordings/" + after.String())
	if n := len(ben.vaults()); n != 2 {
		t.Errorf("Ben holds %d vaults, want 2", n)
	}

	// She takes it from him, while pages of it are open.
	ben.enter(living)
	_, page = ben.get("/")
	seen = regexp.MustCompile(`hx-get="(/latest\?seen=[^"]+)"`).FindStringSubmatch(page)[1]
	remove := "/sharing/holders/" + ben.id() + "/remove?of=" + living.String()
	anna.says(remove, []string{"Take “Living room” from Ben?"})
	resp, _ = anna.post(remove, nil)
	wantRedirect(t, resp, "/sharing?of="+living.String()+"&done=removed")
	anna.says(resp.Header.Get("Location"), []string{"They hold this vault no more."}, "Ben")
	for _, path := range []string{"/recordings/" + before.String(), "/recordings/" + before.String() + "/audio", "/sharing?of=" + living.String(),
		"/sharing/invite?of=" + living.String(), remove} {
		ben.gone(path)
	}
	for _, path := range []string{"/sharing/invite?of=", "/sharing/leave?of=", "/sharing/name?of="} {
		resp, body = ben.post(path+living.String(), url.Values{"as": {"holder"}, "name": {"Ben’s"}})
		want(t, resp, http.StatusNotFound, body, "There is nothing here.")
	}
	if resp, _ := ben.get(html.UnescapeString(seen)); resp.Header.Get("HX-Refresh") != "true" {
		t.Error("a page of what was taken away stays")
	}
	ben.says("/", []string{"<h1>Your keep</h1>", "good evening"}, "Living room</a>") // whatever the cookie says
	resp, _ = anna.post(remove, nil)
	want(t, resp, http.StatusNotFound, "")
	anna.enter(living)
	anna.says("/recordings/"+before.String(), []string{canary})
}

// TestPagesStayAboutTheirVault: a page of one vault acts on that one, whatever
// another tab opened meanwhile.
func TestPagesStayAboutTheirVault(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	living, attic := anna.vaultOf("Living room", "shared", ""), anna.vaultOf("Attic", "shared", "")
	page := anna.says("/sharing?of="+living.String(), []string{"<h1>Living room</h1>"})
	for _, m := range regexp.MustCompile(`(?:href|action)="(/sharing[^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !strings.HasSuffix(m[1], "?of="+living.String()) {
			t.Errorf("the page of a vault leads to %s", m[1])
		}
	}
	anna.enter(attic)
	link := anna.inviteTo(living, "holder", "no")
	anna.says("/", []string{"<h1>Living room</h1>"}) // what was acted on is open
	_, body := h.stranger().get(link)
	want(t, nil, 0, body, "hold the vault “Living room”")
	anna.enter(attic)
	resp, _ := anna.post("/sharing/name?of="+living.String(), url.Values{"name": {"Parlour"}})
	wantRedirect(t, resp, "/sharing?of="+living.String()+"&done=named")
	anna.enter(attic)
	anna.says("/sharing", []string{"<h1>Attic</h1>"})
	anna.says("/vaults", []string{"Parlour", "Attic"})
	resp, body = anna.post("/sharing/name?of="+living.String(), url.Values{"name": {" "}})
	want(t, resp, http.StatusUnprocessableEntity, body, "A vault needs a name", "<h1>Parlour</h1>")

	// What is stale asks for an unlocker, and comes back to the same vault.
	anna.stale()
	there := "/sharing/invite?of=" + living.String()
	resp, _ = anna.get(there)
	wantRedirect(t, resp, "/unlock?"+url.Values{"next": {there}}.Encode())
	resp, body = anna.post(there, url.Values{"as": {"holder"}})
	want(t, resp, http.StatusForbidden, body, "Nothing was done", html.EscapeString("/unlock?"+url.Values{"next": {there}}.Encode()))
	// Elsewhere and nonsense are nowhere alike.
	ben := h.person("Ben")
	for _, of := range []string{living.String(), hearkeep.NewID[hearkeep.VaultID]().String(), "x", strings.ToUpper(living.String())} {
		ben.gone("/sharing?of=" + of)
	}
	if c := ben.cookie("hearkeep-vault"); c != "" {
		t.Errorf("what is nowhere is open: %s", c)
	}
}

// TestSharingIsRefused: what nobody may, and what a person can mend where they
// are.
func TestSharingIsRefused(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	own := anna.vaults()[0].ID.String()
	anna.says("/sharing", []string{"opens for you alone", "add a shared vault"}, "Invite somebody", "Give it up")
	resp, body := anna.get("/sharing/invite?of=" + own)
	want(t, resp, http.StatusUnprocessableEntity, body, "This vault is for you alone.")
	resp, body = anna.post("/sharing/invite?of="+own, url.Values{"as": {"holder"}})
	want(t, resp, http.StatusUnprocessableEntity, body, "This vault is for one person.")
	resp, body = anna.post("/sharing/leave?of="+own, nil)
	want(t, resp, http.StatusConflict, body, "You are the last one who holds this vault.")
	living := anna.vaultOf("Living room", "shared", "")
	of := "?of=" + living.String()
	resp, body = anna.post("/sharing/leave"+of, nil)
	want(t, resp, http.StatusConflict, body, "You are the last one who holds this vault.", "<h1>Living room</h1>")
	resp, body = anna.post("/sharing/invite"+of, url.Values{"as": {"guardian"}, "past": {"yes"}})
	want(t, resp, http.StatusUnprocessableEntity, body, "Nobody can be invited to this vault as that.", `value="yes" checked`)
	for _, path := range []string{"/sharing/hand-over", "/sharing/take-over"} {
		resp, body = anna.post(path+of, nil)
		want(t, resp, http.StatusForbidden, body, "<h1>Living room</h1>")
	}
	for _, id := range []string{hearkeep.NewID[hearkeep.AccountID]().String(), "x", h.person("Ben").id()} {
		for _, act := range []string{"remove", "past"} {
			anna.gone("/sharing/holders/" + id + "/" + act + of)
			resp, body = anna.post("/sharing/holders/"+id+"/"+act+of, nil)
			want(t, resp, http.StatusNotFound, body, "There is nothing here.")
		}
	}
	resp, body = anna.post("/sharing/holders/"+anna.id()+"/remove"+of, nil)
	want(t, resp, http.StatusUnprocessableEntity, body, "You cannot remove yourself.")
	for range 16 {
		anna.inviteTo(living, "holder", "no")
	}
	resp, body = anna.post("/sharing/invite"+of, url.Values{"as": {"holder"}})
	want(t, resp, http.StatusTooManyRequests, body, "16 invitations to this vault are open")
}

// TestGivenUp: whoever gives the open vault up is shown another, in every
// browser of theirs; the others go on.
func TestGivenUp(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	living := anna.vaultOf("Living room", "shared", "")
	ben := h.joined("Ben", anna.inviteTo(living, "holder", "yes"))
	anna.get("/")
	phone := h.signIn("Ben", passphrase)
	ben.enter(living)
	phone.enter(living)
	said := anna.speakIn(living, canary)
	phone.says("/recordings/"+said.String(), []string{canary})
	ben.says("/sharing/leave", []string{"Give “Living room” up?"})
	resp, _ := ben.post("/sharing/leave?of="+living.String(), nil)
	wantRedirect(t, resp, "/vaults")
	ben.says("/vaults", []string{"Your keep"}, "Living room")
	phone.gone("/recordings/" + said.String())
	for _, path := range []string{"/", "/kept", "/doors", "/sharing", "/vaults", "/household", "/erase", "/account"} {
		phone.says(path, nil, "Living room", canary)
	}
	anna.says("/sharing?of="+living.String(), []string{"so far with nobody"}, "Ben")
	anna.says("/recordings/"+said.String(), []string{canary})
}

// TestChildsVault: from guardians to the child's own.
func TestChildsVault(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	for _, day := range []string{"", "x", "2001-02-03", "3000-01-01", "2030-02-31"} {
		resp, body := anna.post("/vaults", url.Values{"name": {"Mia’s room"}, "kind": {"child"}, "of-age": {day}})
		want(t, resp, http.StatusUnprocessableEntity, body, "needs a day ahead", `value="Mia’s room"`)
	}
	resp, body := anna.post("/vaults", url.Values{"name": {"Odd"}, "kind": {"odd"}})
	want(t, resp, http.StatusUnprocessableEntity, body, "A vault is for one person, shared")
	day := time.Now().AddDate(6, 0, 0)
	room := anna.vaultOf("Mia’s room", "child", day.Format(time.DateOnly))
	of := "?of=" + room.String()
	said := anna.speakIn(room, canary)
	anna.says("/sharing"+of, []string{"Coming of age", day.Format("2 January 2006"), "The child needs an account of their own"}, "Hand it over now", "Take it over")
	resp, body = anna.post("/sharing/hand-over"+of, nil)
	want(t, resp, http.StatusConflict, body, "No child holds this vault yet.")
	anna.says("/sharing/invite"+of, []string{"Another guardian", "The child it is for, who gets all that it kept"})

	ben := h.joined("Ben", anna.inviteTo(room, "guardian", "no"))
	mia := h.joined("Mia", anna.inviteTo(room, "child", "no"))
	anna.get("/")
	anna.says("/sharing"+of, []string{"Hand it over now", "The child it is for, with all that it kept", "Guardian, since they came"})
	anna.says("/sharing/invite"+of, []string{"Another guardian"}, "The child it is for, who")
	mia.enter(room)
	mia.says("/recordings/"+said.String(), []string{canary})
	mia.says("/sharing"+of, []string{"you may take this vault over"}, "Invite somebody", "Take it from them", `href="/sharing/take-over`)
	mia.says("/vaults", []string{"Yours, with your guardians Anna and Ben"})
	for path, says := range map[string]string{
		"/sharing/take-over" + of: "It is too early", "/sharing/invite" + of: "The guardians of this vault decide",
		"/sharing/holders/" + anna.id() + "/remove" + of: "The guardians of this vault decide", "/sharing/hand-over" + of: "Its guardians hand a child",
	} {
		resp, body = mia.post(path, url.Values{"as": {"guardian"}})
		want(t, resp, http.StatusForbidden, body, says)
	}
	ben.enter(room)
	ben.gone("/recordings/" + said.String())

	resp, _ = anna.post("/sharing/hand-over"+of, nil)
	wantRedirect(t, resp, "/sharing"+of+"&done=handed")
	anna.says("/sharing"+of, []string{"The child may take this vault over, since"}, "Hand it over now")
	resp, body = anna.post("/sharing/holders/"+mia.id()+"/remove"+of, nil)
	want(t, resp, http.StatusForbidden, body, "to take over.")
	resp, body = anna.post("/sharing/take-over"+of, nil)
	want(t, resp, http.StatusForbidden, body, "Only its child takes a vault over.")
	mia.says("/sharing"+of, []string{"You may take this vault over", "Take it over"})
	mia.says("/sharing/take-over"+of, []string{"It is then yours alone"})
	resp, _ = mia.post("/sharing/take-over"+of, nil)
	wantRedirect(t, resp, "/sharing"+of+"&done=taken")
	mia.says(resp.Header.Get("Location"), []string{"This vault is yours alone now.", "opens for you alone"})
	mia.says("/recordings/"+said.String(), []string{canary})
	for _, p := range []*person{anna, ben} {
		p.gone("/sharing" + of)
		p.gone("/recordings/" + said.String())
		p.says("/vaults", nil, "Mia")
	}
}

// TestAdminHoldsNothing: an admin who holds no shared vault sees its doors,
// and no recording on any page; and members see not even the doors.
func TestAdminHoldsNothing(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	living := anna.vaultOf("Living room", "shared", "")
	anna.enter(living)
	anna.post("/doors/new", url.Values{"kind": {"wyoming"}, "name": {"Parlour"}, "listen": {"127.0.0.1:10300"}, "keep": {"audio+words"}})
	door, ok := anna.doorIn(living, hearkeep.SourceWyoming)
	if !ok {
		t.Fatal("no door")
	}
	said := anna.speakIn(living, canary)
	own := anna.door(hearkeep.SourceSay).ID // of her own vault
	eve, ben := h.joined("Eve", anna.inviteHome("yes")), h.joined("Ben", anna.inviteHome(""))
	eve.says("/household", []string{"Parlour", "“Living room”", "Sound and words", "Disconnect"}, own.String(), canary)
	ben.says("/household", nil, "Parlour", "Living room")
	for _, row := range pageRoutes() {
		for _, id := range []string{said.String(), living.String(), door.ID.String()} {
			if row.method != "GET" || row.on == houseDoor {
				continue
			}
			if got := eve.ask(row, id, "text/html", nil); strings.Contains(got.Body, canary) || strings.Contains(got.Body, "/recordings/"+said.String()) {
				t.Errorf("%s shows an admin what was said", pattern(row))
			}
		}
	}
	for _, path := range []string{"/recordings/" + said.String(), "/recordings/" + said.String() + "/audio", "/sharing?of=" + living.String(), "/doors/" + door.ID.String()} {
		eve.gone(path)
	}
	resp, body := eve.post("/vaults/enter", url.Values{"vault": {living.String()}})
	want(t, resp, http.StatusNotFound, body, "There is nothing here.")

	// She disconnects the one; what is not hers to manage is nowhere.
	there := "/household/doors/" + door.ID.String() + "/disconnect"
	uploads, _ := anna.doorIn(living, hearkeep.SourceUpload)
	for _, path := range []string{there, "/household/doors/" + own.String() + "/disconnect", "/household/doors/x/disconnect"} {
		resp, body = ben.post(path, nil)
		want(t, resp, http.StatusNotFound, body, "There is nothing here.")
		if path != there {
			eve.gone(path)
		}
	}
	resp, body = eve.post("/household/doors/"+uploads.ID.String()+"/disconnect", nil)
	want(t, resp, http.StatusUnprocessableEntity, body, "Uploads cannot be disconnected")
	eve.says(there, []string{"Parlour", "It is a door of “Living room”."})
	before := h.listeners.times()
	resp, _ = eve.post(there, nil)
	wantRedirect(t, resp, "/household?done=disconnected")
	if h.listeners.times() != before+1 {
		t.Error("what listens did not follow")
	}
	eve.gone(there)
	anna.says("/recordings/"+said.String(), []string{canary})
}

// TestHousehold: members, admins, the name, leaving and removing, with what
// becomes of shared vaults.
func TestHousehold(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	anna.says("/household", []string{"<h1>Household</h1>", "Invite somebody"}, "Leave the household", "Make admin", "No longer admin")
	resp, body := anna.post("/household/leave", nil)
	want(t, resp, http.StatusConflict, body, "Nobody else belongs to this household.")
	resp, _ = anna.post("/household/name", url.Values{"name": {" Mill  Lane "}})
	wantRedirect(t, resp, "/household?done=named")
	anna.says("/household", []string{"<h1>Mill Lane</h1>"})
	resp, body = anna.post("/household/name", url.Values{"name": {strings.Repeat("x", 65)}})
	want(t, resp, http.StatusUnprocessableEntity, body, "That name is too long.", "<h1>Mill Lane</h1>")

	living := anna.vaultOf("Living room", "shared", "")
	ben := h.joined("Ben", anna.inviteTo(living, "holder", "no"))
	carl := h.joined("Carl", anna.inviteHome(""))
	anna.get("/")
	ben.says("/household", []string{"Mill Lane", "Anna", "Carl"}, "Make admin")
	for _, path := range []string{"/household/name", "/household/invite", "/household/members/" + carl.id() + "/admin", "/household/members/" + anna.id() + "/remove"} {
		resp, body = ben.post(path, url.Values{"admin": {"yes"}, "name": {"Ben’s"}})
		want(t, resp, http.StatusNotFound, body, "There is nothing here.")
	}
	for _, path := range []string{"/household/invite", "/household/members/" + carl.id() + "/remove", "/household/members/" + carl.id() + "/admin"} {
		ben.gone(path)
	}
	// The last admin stays one, and stays.
	resp, body = anna.post("/household/members/"+anna.id()+"/admin", url.Values{"admin": {"no"}})
	want(t, resp, http.StatusConflict, body, "This household would have no admin.", "<h1>Mill Lane</h1>")
	resp, body = anna.post("/household/leave", nil)
	want(t, resp, http.StatusConflict, body, "This household would have no admin.")
	anna.says("/household", []string{"Make admin"}, "No longer admin")
	anna.says("/household/members/"+carl.id()+"/admin", []string{"Make Carl an admin?", `name="admin" value="yes"`})
	resp, _ = anna.post("/household/members/"+carl.id()+"/admin", url.Values{"admin": {"yes"}})
	wantRedirect(t, resp, "/household")
	carl.says("/household", []string{"No longer admin", "Doors of shared vaults"})
	// Of somebody else's household, nobody is there.
	dora := h.person("Dora")
	for _, id := range []string{dora.id(), hearkeep.NewID[hearkeep.AccountID]().String(), "x"} {
		resp, body = anna.post("/household/members/"+id+"/remove", nil)
		want(t, resp, http.StatusNotFound, body, "There is nothing here.")
		resp, body = anna.post("/household/members/"+id+"/admin", url.Values{"admin": {"yes"}})
		want(t, resp, http.StatusNotFound, body, "There is nothing here.")
	}

	// Carl, who holds nothing, removes Ben while Ben's pages are open.
	ben.enter(living)
	said := anna.speakIn(living, "good evening")
	carl.says("/household/members/"+ben.id()+"/remove", []string{"Remove Ben?"})
	resp, _ = carl.post("/household/members/"+ben.id()+"/remove", nil)
	wantRedirect(t, resp, "/household?done=removed")
	carl.says("/household", []string{"New keys follow", "<strong>Ben</strong> and “Living room”"})
	ben.gone("/recordings/" + said.String())
	ben.says("/", []string{"<h1>Your keep</h1>"}, "good evening")
	ben.says("/household", []string{"<h1>Household</h1>", "Ben"}, "Anna", "Carl")
	anna.says("/vaults", []string{"Shared, so far with nobody"}, "New keys follow")
	carl.says("/household", nil, "New keys follow")
	resp, _ = carl.post("/household/leave", nil)
	wantRedirect(t, resp, "/household?done=left")
	carl.says("/household?done=left", []string{"You left. This household is your own."}, "Mill Lane")
	// An admin no more, between the page and the form.
	resp, body = carl.post("/household/members/"+anna.id()+"/remove", nil)
	want(t, resp, http.StatusNotFound, body, "There is nothing here.")
}

// TestInvitationsThatDoNotWork: used, expired, withdrawn, altered, foreign and
// made-up links answer the same, signed in or not.
func TestInvitationsThatDoNotWork(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	living := anna.vaultOf("Living room", "shared", "")
	used := anna.inviteTo(living, "holder", "no")
	ben := h.joined("Ben", used)
	withdrawn := anna.inviteTo(living, "holder", "no")
	page := anna.says("/sharing?of="+living.String(), []string{"To hold it, from then on", "Open until"})
	ids := regexp.MustCompile(`action="(/household/invitations/\w+/withdraw)"`).FindAllStringSubmatch(page, -1)
	if len(ids) != 1 {
		t.Fatalf("%d invitations can be withdrawn, want 1", len(ids))
	}
	resp, body := ben.post(ids[0][1], nil) // a member, and neither admin nor its maker
	want(t, resp, http.StatusNotFound, body, "There is nothing here.")
	resp, _ = anna.post(ids[0][1], url.Values{"of": {living.String()}})
	wantRedirect(t, resp, "/sharing?done=withdrawn&of="+living.String())
	resp, body = anna.post(ids[0][1], nil)
	want(t, resp, http.StatusNotFound, body, "There is nothing here.")
	open := anna.inviteHome("")
	expired := anna.inviteHome("")
	anna.expired()
	altered := open[:len(open)-1] + "A"
	if strings.HasSuffix(open, "A") {
		altered = open[:len(open)-1] + "E"
	}
	carl := h.person("Carl")
	for name, link := range map[string]string{
		"used": used, "withdrawn": withdrawn, "expired": expired, "altered": altered, "longer": open + "A", "shorter": open[:len(open)-1],
		"made up": "/join/" + strings.Repeat("A", 43), "a set-up link": strings.Replace("/setup/"+h.setupLink(), "setup", "join", 1), "none": "/join/x",
	} {
		for who, p := range map[string]*person{"nobody": h.stranger(), "Carl": carl, "Ben": ben} {
			resp, got := p.get(link)
			want(t, resp, http.StatusNotFound, got, "This invitation no longer works.", "Ask whoever invited you for a new one.")
			form := url.Values{"name": {"Eve"}, "passphrase": {passphrase}}
			if who != "nobody" {
				form = url.Values{"as": {p.id()}}
			}
			resp, again := p.post(link, form)
			if resp.StatusCode != http.StatusNotFound || again != got {
				t.Errorf("a link that is %s, posted by %s: %d", name, who, resp.StatusCode)
			}
		}
	}
	if h.signsIn("Eve", passphrase) {
		t.Error("a link that does not work made an account")
	}
	resp, body = carl.get(open)
	want(t, resp, http.StatusOK, body, "Accept as Carl")
}

// expired lets the time of the newest invitation of the person's household be
// over.
func (p *person) expired() {
	p.t.Helper()
	ctx := p.t.Context()
	who := p.who().Account()
	err := p.home.store.Update(ctx, func(tx *store.Tx) error {
		m, err := tx.Houses.Member(ctx, who)
		if err != nil {
			return err
		}
		all, err := tx.Houses.Invitations(ctx, m.Household)
		if err != nil {
			return err
		}
		newest := all[len(all)-1]
		if err := tx.Houses.DeleteInvitation(ctx, newest.ID); err != nil {
			return err
		}
		newest.Expires = time.Now()
		return tx.Houses.InsertInvitation(ctx, newest)
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// TestAcceptingAsWho: the form says for whom it was shown, and is accepted by
// nobody else.
func TestAcceptingAsWho(t *testing.T) {
	h := newHome(t)
	anna, ben, carl := h.person("Anna"), h.person("Ben"), h.person("Carl")
	living := anna.vaultOf("Living room", "shared", "")
	link, another, third := anna.inviteTo(living, "holder", "no"), anna.inviteTo(living, "holder", "no"), anna.inviteTo(living, "holder", "no")
	// One's own, from the page and past it.
	anna.says(link, []string{"This is your own invitation."}, "Accept as")
	resp, body := anna.accept(link)
	want(t, resp, http.StatusConflict, body, "This is your own invitation.")
	// Shown to Ben, sent as Carl, who signed in there meanwhile; and shown to nobody.
	for _, form := range []url.Values{{"as": {ben.id()}}, {"name": {"Carla"}, "passphrase": {passphrase}}, {"as": {"x"}}, nil} {
		resp, body = carl.post(link, form)
		want(t, resp, http.StatusConflict, body, "Nothing was accepted: this browser is signed in as somebody else by now.", "Accept as Carl")
	}
	// Shown to Ben, who signed out meanwhile.
	resp, body = h.stranger().post(link, url.Values{"as": {ben.id()}})
	want(t, resp, http.StatusUnauthorized, body, "you are signed out by now", "Sign in to accept")
	// Two tabs: the first accepts, the second is told.
	resp, _ = ben.accept(link)
	wantRedirect(t, resp, "/vaults")
	resp, body = ben.accept(link)
	want(t, resp, http.StatusNotFound, body, "This invitation no longer works.")
	anna.get("/")
	resp, body = ben.accept(another)
	want(t, resp, http.StatusConflict, body, "You hold this vault already.")
	ben.says(another, []string{"You hold this vault already.", "still works for somebody else"}, "Accept as")
	// Twice to the same vault, before anybody completes.
	resp, _ = carl.accept(another)
	wantRedirect(t, resp, "/vaults")
	resp, body = carl.accept(third)
	want(t, resp, http.StatusConflict, body, "You accepted an invitation to this vault already.")
}
