package portal

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearkeep/hearkeep"
)

// TestFormsAreAboutTheVaultOfTheirPage: what a page about one vault sends goes
// there, though another was opened in a second tab meanwhile; and to nobody
// where that vault is not held.
func TestFormsAreAboutTheVaultOfTheirPage(t *testing.T) {
	h := newHome(t)
	anna, ben := h.person("Anna"), h.person("Ben")
	anna.token() // the page shows no code any more
	first, living := anna.vaults()[0].ID, anna.addVault("Living room")
	action := func(path, form string) string {
		t.Helper()
		_, body := anna.get(path)
		found := regexp.MustCompile(`(?:action|data-into)="(` + form + `[^"]*)"`).FindStringSubmatch(body)
		if found == nil {
			t.Fatalf("%s has no form to %s", path, form)
		}
		return found[1]
	}
	forms := []struct {
		to   string
		send func(to string) *http.Response
	}{
		{action("/", "/recordings"), func(to string) *http.Response {
			resp, _ := anna.uploadTo(to, "sound", "a.wav", readSpeech(t))
			return resp
		}},
		{"/talk?of=" + action("/", first.String()), func(to string) *http.Response {
			resp, _ := anna.send(anna.request(http.MethodPost, to, "audio/wav", readSpeech(t)))
			return resp
		}},
		{action("/", "/terminal"), func(to string) *http.Response {
			resp, _ := anna.post(to, nil)
			return resp
		}},
		{action("/doors/new?kind=wyoming", "/doors/new"), func(to string) *http.Response {
			resp, _ := anna.post(to, url.Values{"kind": {"wyoming"}, "name": {"Bedroom"}, "keep": {"audio+words"}, "listen": {"127.0.0.1:0"}})
			return resp
		}},
		{action("/doors", "/doors/pause"), func(to string) *http.Response {
			resp, _ := anna.post(to, nil)
			return resp
		}},
	}
	before := anna.inVault(living)
	for _, form := range forms {
		to, send := form.to, form.send
		anna.enter(living) // in a second tab
		was := anna.inVault(first)
		if resp := send(to); resp.StatusCode >= http.StatusBadRequest {
			t.Errorf("%s answers %d", to, resp.StatusCode)
		}
		if got := anna.inVault(living); got != before {
			t.Errorf("%s of another vault's page changed the one that was open:\n%s", to, cmp.Diff(before, got))
		}
		if got := anna.inVault(first); got == was {
			t.Errorf("%s did nothing in the vault of its page", to)
		}
		foreign := strings.Replace(to, first.String(), ben.vaults()[0].ID.String(), 1)
		was = anna.inVault(first)
		if resp := send(foreign); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s for a vault of somebody else's answers %d", to, resp.StatusCode)
		}
		if got := anna.inVault(first); got != was {
			t.Errorf("%s for a vault of somebody else's did something here", to)
		}
	}
}

// inVault describes the doors and counts the recordings of one of the person's
// vaults.
func (p *person) inVault(id hearkeep.VaultID) string {
	p.t.Helper()
	room, err := p.home.keep.Enter(p.t.Context(), p.who(), id)
	if err != nil {
		p.t.Fatal(err)
	}
	totals, err := room.Totals(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	doors, err := room.Bindings(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	text := fmt.Sprintf("%d recordings\n", totals.Recordings)
	for _, b := range doors {
		text += fmt.Sprintf("%s %s paused %t\n", b.Source, b.ID, b.Rule.Paused)
	}
	return text
}
