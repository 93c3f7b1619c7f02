package portal

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/hearkeep/hearkeep"
)

// stale makes a terminal's session one that wants an unlocker again.
func (c *caller) stale() {
	c.t.Helper()
	c.home.stale(strings.TrimPrefix(c.bearer, sessionPrefix))
}

// TestAPIWantsAFreshUnlocker: every route that says so asks a stale session
// for an unlocker, whatever its address names, and does nothing meanwhile.
func TestAPIWantsAFreshUnlocker(t *testing.T) {
	h := newHome(t)
	h.person("Anna")
	c := h.terminal("Anna")
	mine, none := c.vault(), hearkeep.NewID[hearkeep.VaultID]().String()
	c.stale()
	before, asked := h.entries(), 0
	for _, row := range apiRows() {
		if !row.fresh {
			continue
		}
		asked++
		for _, vault := range []string{mine, none} {
			got := c.do(row.method, calling(row, vault, strings.Repeat("0f", 16)), example(row), nil)
			if got.Status != http.StatusForbidden || !strings.Contains(got.Body, `"code":"step_up"`) {
				t.Errorf("%s answers %d %s", pattern(row), got.Status, got.Body)
			}
		}
	}
	if asked < 12 {
		t.Errorf("%d routes want an unlocker, which are too few to be all", asked)
	}
	if got := h.entries(); got != before {
		t.Errorf("a stale session wrote %d entries", got-before)
	}
}

// TestAPIStepsUp: a session goes on under another secret, and the one before
// has ended. A wrong unlocker changes nothing.
func TestAPIStepsUp(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	c := h.terminal("Anna")
	of := "/v1/vaults/" + c.vault()
	c.stale()
	old := *c
	c.must(http.StatusForbidden, "POST", of+"/tokens", newTokenJSON{Name: "x"}, nil)
	for _, wrong := range []stepUpJSON{{Passphrase: "not this one at all"}, {}, {Passphrase: passphrase, Kit: "x"}} {
		if got := c.do("POST", "/v1/step-up", wrong, nil); got.Status < 400 || got.Status >= 500 {
			t.Errorf("a wrong unlocker answers %d", got.Status)
		}
	}
	var on sessionJSON
	c.must(http.StatusOK, "POST", "/v1/step-up", stepUpJSON{Passphrase: passphrase}, &on)
	if on.Session == "" || on.Session == c.bearer {
		t.Fatalf("the session goes on as %+v", on)
	}
	old.must(http.StatusUnauthorized, "GET", "/v1/me", nil, nil)
	c.bearer = on.Session
	c.must(http.StatusCreated, "POST", of+"/tokens", newTokenJSON{Name: "x"}, nil)

	// A browser is given its new secret as a cookie, out of reach of scripts.
	anna.stale()
	was := anna.cookie("hearkeep")
	resp, body := anna.postJSON("/v1/step-up", stepUpJSON{Passphrase: passphrase})
	checkAnswer(t, "POST", "/v1/step-up", answerTo{resp.StatusCode, resp.Header, body})
	if now := anna.cookie("hearkeep"); resp.StatusCode != http.StatusOK || now == was || strings.Contains(body, now) || strings.Contains(body, sessionPrefix) {
		t.Errorf("a browser steps up with %d %s", resp.StatusCode, body)
	}
	if resp, _ := anna.get("/v1/me"); resp.StatusCode != http.StatusOK {
		t.Errorf("its cookie then answers %d", resp.StatusCode)
	}
}

// TestAPIChangesWaysIn sets a passphrase and a kit, and signs in with both.
func TestAPIChangesWaysIn(t *testing.T) {
	h := newHome(t)
	h.person("Anna")
	c := h.terminal("Anna")
	c.must(http.StatusUnprocessableEntity, "PUT", "/v1/ways/passphrase", passphraseJSON{"short"}, nil)
	var on sessionJSON
	c.must(http.StatusOK, "PUT", "/v1/ways/passphrase", passphraseJSON{"four other words here"}, &on)
	c.must(http.StatusUnauthorized, "GET", "/v1/me", nil, nil)
	c.bearer = on.Session
	var me meJSON
	c.must(http.StatusOK, "GET", "/v1/me", nil, &me)
	var kit kitJSON
	c.must(http.StatusCreated, "POST", "/v1/ways/kit", nil, &kit)
	groups := kitGroups(kit.Kit)
	c.must(http.StatusUnprocessableEntity, "POST", "/v1/ways/kit/check", kitCheckJSON{kit.Ticket, []string{"0000", "0000"}}, nil)
	c.must(http.StatusOK, "POST", "/v1/ways/kit/check", kitCheckJSON{kit.Ticket, []string{groups[kit.Groups[0]-1], groups[kit.Groups[1]-1]}}, &on)
	c.bearer = on.Session
	var ways waysJSON
	c.must(http.StatusOK, "GET", "/v1/ways", nil, &ways)
	if len(ways.Ways) != 2 {
		t.Errorf("the ways in are %+v", ways)
	}
	nobody := &caller{t, h, ""}
	nobody.must(http.StatusUnauthorized, "POST", "/v1/sessions", signInJSON{Name: "Anna", Passphrase: passphrase}, nil)
	nobody.must(http.StatusCreated, "POST", "/v1/sessions", signInJSON{Name: "Anna", Passphrase: "four other words here"}, nil)
	nobody.must(http.StatusCreated, "POST", "/v1/sessions", signInJSON{Name: "Anna", Kit: kit.Kit}, &on)
	for _, w := range ways.Ways {
		if w.Kind == "kit" {
			c.must(http.StatusOK, "DELETE", "/v1/ways/"+w.ID.String(), nil, &on)
			c.bearer = on.Session
		}
	}
	c.must(http.StatusOK, "GET", "/v1/ways", nil, &ways)
	if len(ways.Ways) != 1 {
		t.Errorf("after the kit is gone, the ways in are %+v", ways)
	}
	c.must(http.StatusConflict, "DELETE", "/v1/ways/"+ways.Ways[0].ID.String(), nil, nil)
}

// TestAPISaysWhenToTryAgain: guesses run into the same limits as the page's,
// and the answer says for how long.
func TestAPISaysWhenToTryAgain(t *testing.T) {
	h := newHome(t)
	h.person("Anna")
	c := &caller{t, h, ""}
	for tries := 0; ; tries++ {
		got := c.do("POST", "/v1/sessions", signInJSON{Name: "Anna", Passphrase: "not this one at all"}, nil)
		if got.Status == http.StatusUnauthorized && tries < 20 {
			continue
		}
		wait, err := strconv.Atoi(got.Header.Get("Retry-After"))
		var pr problem
		if json.Unmarshal([]byte(got.Body), &pr) != nil || got.Status != http.StatusTooManyRequests || pr.Code != hearkeep.TooMany || err != nil || wait < 1 {
			t.Errorf("guess %d answers %d %s, Retry-After %q", tries+1, got.Status, got.Body, got.Header.Get("Retry-After"))
		}
		return
	}
}
