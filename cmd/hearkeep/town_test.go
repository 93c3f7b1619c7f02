package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hearkeep/hearkeep"
)

// town is a server with ten people in four households, as an operator has it:
// personal, shared and children's vaults, API tokens, an address, invitations
// that are open, accepted or used, sessions, an erased recording. Mallory, the
// eleventh, has an account like everybody else.
type town struct {
	*server
	people map[string]*citizen
	said   int    // how often somebody spoke
	backup string // a copy of the keep from before the last erasure

	shared   hearkeep.VaultID // Anna's, Ben's (with the past) and Carla's (without)
	child    hearkeep.VaultID // Anna's, for Dora
	before   string           // said in the living room before Carla came
	after    string           // and after
	nursery  string
	erased   string
	open     string // a link that nobody has used
	accepted string // one that waits for a keyholder
}

// citizen is somebody with a signed-in terminal and a browser.
type citizen struct {
	t       *testing.T
	town    *town
	name    string
	secret  string // the passphrase
	kit     string
	session string // hks_…
	browser *browser
	id      hearkeep.AccountID
	vault   hearkeep.VaultID // their first
	token   string           // hkt_…, of their first vault
	said    string           // the words of their own vault, which only they may read
}

// request is something to say that the engine makes out: a number for each
// occasion, so that no two have the same words.
func request(n int) string {
	tens := []string{"twenty", "thirty", "forty", "fifty"}
	ones := []string{"one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}
	return "set a timer for " + tens[n/9%4] + " " + ones[n%9] + " minutes"
}

var (
	kitGroup  = regexp.MustCompile(`<li><code>([0-9A-Z]{4})</code></li>`)
	linkShown = regexp.MustCompile(`/setup/\w+`)
)

// newTown fills a fresh folder through the program's own doors.
func newTown(t *testing.T) *town {
	t.Helper()
	s, err := start(filepath.Join(t.TempDir(), "keep"), "--wait", "1s", "--smtp", "smtp://127.0.0.1:9", "--smtp-from", "keep@example.org")
	must(t, err)
	t.Cleanup(func() { s.cmd.Process.Kill() })
	w := &town{server: s, people: map[string]*citizen{}}
	anna := w.settleIn(t, "Anna", s.setup)
	for _, name := range []string{"Ben", "Carla", "Emil"} {
		w.settleIn(t, name, anna.invite("/v1/household/invitations", map[string]any{"admin": false}))
	}
	for _, name := range []string{"Fred", "Hugo", "Ina", "Mallory"} {
		w.settleIn(t, name, w.setupLink(t))
	}
	w.settleIn(t, "Gina", w.people["Fred"].invite("/v1/household/invitations", map[string]any{"admin": false}))
	w.share(t)
	for _, p := range w.people {
		p.vault = p.first()
		p.said = p.speak(p.vault)
	}
	w.leaveTraces(t)
	return w
}

func (w *town) setupLink(t *testing.T) string {
	t.Helper()
	out, err := exec.Command(program, "setup-link", "--keep", w.keep).CombinedOutput()
	link := linkShown.FindString(string(out))
	if err != nil || link == "" {
		t.Fatalf("setup-link: %v\n%s", err, out)
	}
	return link
}

// settleIn makes an account with a set-up link or an invitation.
func (w *town) settleIn(t *testing.T, name, link string) *citizen {
	t.Helper()
	p := &citizen{t: t, town: w, name: name, secret: "the secret of " + name, browser: w.browser()}
	status, page, err := p.browser.post(link, url.Values{"name": {name}, "passphrase": {p.secret}})
	groups := kitGroup.FindAllStringSubmatch(page, -1)
	if err != nil || status != http.StatusOK || len(groups) != 9 {
		t.Fatalf("%s settles in: status %d, %d groups, %v", name, status, len(groups), err)
	}
	for i, g := range groups {
		if i > 0 {
			p.kit += "-"
		}
		p.kit += g[1]
	}
	p.signIn()
	var me struct {
		Account hearkeep.AccountID `json:"account"`
	}
	p.call("GET", "/v1/me", nil, &me)
	p.id = me.Account
	w.people[name] = p
	return p
}

func (p *citizen) signIn() {
	p.t.Helper()
	var in struct {
		Session string `json:"session"`
	}
	p.session = ""
	p.call("POST", "/v1/sessions", map[string]string{"name": p.name, "passphrase": p.secret}, &in)
	p.session = in.Session
}

// call calls the API and fails the test unless it is answered well.
func (p *citizen) call(method, path string, in, out any) {
	p.t.Helper()
	status, body := p.town.ask(p.t, method, path, p.session, in)
	if status >= 300 {
		p.t.Fatalf("%s: %s %s: status %d, %s", p.name, method, path, status, body)
	}
	if out != nil {
		must(p.t, json.Unmarshal(body, out))
	}
}

// ask calls the API with a bearer, if any.
func (w *town) ask(t *testing.T, method, path, bearer string, in any) (int, []byte) {
	t.Helper()
	body := io.Reader(http.NoBody)
	media := "application/json"
	switch in := in.(type) {
	case nil:
	case string:
		body, media = strings.NewReader(in), "text/plain"
	default:
		data, err := json.Marshal(in)
		must(t, err)
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, w.url+path, body)
	must(t, err)
	req.Header.Set("Content-Type", media)
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, got
}

// invite makes a link and returns its path.
func (p *citizen) invite(at string, in map[string]any) string {
	p.t.Helper()
	var out struct {
		Link string `json:"link"`
	}
	if in == nil {
		in = map[string]any{}
	}
	p.call("POST", at, in, &out)
	u, err := url.Parse(out.Link)
	must(p.t, err)
	return u.Path
}

func (p *citizen) accept(link string) {
	p.t.Helper()
	p.call("POST", "/v1/invitations/accept", map[string]string{"secret": link[strings.LastIndex(link, "/")+1:]}, nil)
}

func (p *citizen) vaults() (held []struct {
	ID   hearkeep.VaultID `json:"id"`
	Name string           `json:"name"`
}) {
	p.t.Helper()
	var out struct {
		Vaults []struct {
			ID   hearkeep.VaultID `json:"id"`
			Name string           `json:"name"`
		} `json:"vaults"`
	}
	p.call("GET", "/v1/vaults", nil, &out)
	return out.Vaults
}

func (p *citizen) first() hearkeep.VaultID {
	p.t.Helper()
	p.browser.get("/") // makes the account's first vault
	return p.vaults()[0].ID
}

// speak says something into a vault and returns what was made out of it.
func (p *citizen) speak(vault hearkeep.VaultID) string {
	p.t.Helper()
	w := p.town
	w.said++
	p.call("POST", "/v1/vaults/"+vault.String()+"/recordings", request(w.said), nil)
	heard := p.history(vault)[0]
	if len(heard.Words) < 20 {
		p.t.Fatalf("%q was made out as %q", request(w.said), heard.Words)
	}
	return heard.Words
}

type heard struct {
	ID    hearkeep.RecordingID `json:"id"`
	Words string               `json:"words"`
}

// history is what somebody's own vault shows, newest first.
func (p *citizen) history(vault hearkeep.VaultID) []heard {
	p.t.Helper()
	var list struct {
		Recordings []heard `json:"recordings"`
	}
	p.call("GET", "/v1/vaults/"+vault.String()+"/recordings", nil, &list)
	return list.Recordings
}

// words are what somebody reads of a vault, theirs or not.
func (p *citizen) words(vault hearkeep.VaultID) string {
	p.t.Helper()
	_, body := p.town.ask(p.t, "GET", "/v1/vaults/"+vault.String()+"/recordings", p.session, nil)
	return string(body)
}

// share makes the shared and the child's vault.
func (w *town) share(t *testing.T) {
	t.Helper()
	anna, ben, carla, emil := w.people["Anna"], w.people["Ben"], w.people["Carla"], w.people["Emil"]
	var made struct {
		ID hearkeep.VaultID `json:"id"`
	}
	anna.first()
	anna.call("POST", "/v1/vaults", map[string]any{"name": "Living room", "kind": "shared"}, &made)
	w.shared = made.ID
	w.before = anna.speak(w.shared)
	at := "/v1/vaults/" + w.shared.String() + "/invitations"
	ben.accept(anna.invite(at, map[string]any{"past": true}))
	carla.accept(anna.invite(at, nil))
	w.after = anna.speak(w.shared) // which lets them in
	w.accepted = anna.invite(at, nil)
	emil.accept(w.accepted)
	w.open = anna.invite(at, map[string]any{"past": true})

	anna.call("POST", "/v1/vaults", map[string]any{"name": "Dora", "kind": "child", "of_age": "2040-01-01T00:00:00Z"}, &made)
	w.child = made.ID
	w.settleIn(t, "Dora", anna.invite("/v1/vaults/"+w.child.String()+"/invitations", map[string]any{"as": "child", "past": true}))
	w.nursery = anna.speak(w.child)
}

// leaveTraces leaves what people leave: tokens, an address, an erased recording.
func (w *town) leaveTraces(t *testing.T) {
	t.Helper()
	for _, name := range []string{"Fred", "Hugo"} {
		p := w.people[name]
		var made struct {
			Token string `json:"token"`
		}
		p.call("POST", fmt.Sprintf("/v1/vaults/%s/tokens", p.vault), map[string]any{"name": "a script", "scope": "write"}, &made)
		p.token = made.Token
	}
	ina := w.people["Ina"]
	ina.call("POST", "/v1/addresses", map[string]any{"kind": "email", "address": "ina.canary@example.org"}, nil)
	w.erased = ina.speak(ina.vault)
	w.backup = copyFolder(t, w.keep)
	ina.call("DELETE", "/v1/vaults/"+ina.vault.String()+"/recordings/"+ina.history(ina.vault)[0].ID.String(), nil, nil)
}

// everybody checks that people read their own, and of what they share what
// they were given.
func (w *town) everybody(t *testing.T) {
	for name, p := range w.people {
		if got := p.words(p.vault); !strings.Contains(got, p.said) {
			t.Errorf("%s does not read what was said: %s", name, got)
		}
	}
	for name, want := range map[string][2]bool{"Anna": {true, true}, "Ben": {true, true}, "Carla": {false, true}, "Hugo": {false, false}} {
		got := w.people[name].words(w.shared)
		if strings.Contains(got, w.before) != want[0] || strings.Contains(got, w.after) != want[1] {
			t.Errorf("%s reads of the living room: %s", name, got)
		}
	}
}
