package portal

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/rights"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// counter is a portal's routes for agents, with two of them in the directory.
type counter struct {
	*testing.T
	handler http.Handler
	keys    map[string]ed25519.PrivateKey
	log     bytes.Buffer
}

func newCounter(t *testing.T, agents bool) *counter {
	t.Helper()
	c := &counter{T: t, keys: map[string]ed25519.PrivateKey{}}
	file := agentsFile(t, c.keys, "ONE", "TWO")

	home := vaulttest.New(t)
	letters, err := notify.New(notify.Config{Store: home.Store, House: home.House})
	c.must(err)
	p := &portal{Config: Config{Log: slog.New(slog.NewTextHandler(&c.log, nil)), Now: time.Now, Zone: time.UTC}, hosts: []string{"example.com"}}
	p.origin, _ = url.Parse("https://example.com")
	p.pages, err = loadPages()
	c.must(err)
	if agents {
		directory, err := rights.OpenDirectory(file)
		c.must(err)
		desk := rights.New(rights.Config{Store: home.Store, Keep: home.Keep, Ledger: home.Ledger, Letters: letters, House: home.House, Origin: "https://example.com", Zone: time.UTC})
		p.Agents, err = rights.NewAgents(rights.AgentsConfig{Desk: desk, Directory: directory, Business: "KEEP"})
		c.must(err)
	}
	c.handler = p.guard(p.mux(append(p.agentRoutes(), route{pattern: "/", anyone: p.nowhere})))
	return c
}

// agentsFile writes a directory with these agents, and notes their keys where
// they are wanted.
func agentsFile(t *testing.T, keys map[string]ed25519.PrivateKey, ids ...string) string {
	t.Helper()
	var list []map[string]any
	for _, id := range ids {
		public, key, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		if keys != nil {
			keys[id] = key
		}
		list = append(list, map[string]any{"id": id, "name": "Agent " + id, "verify_key": public})
	}
	data, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "agents.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func (c *counter) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c *counter) signed(agent string, more map[string]any) string {
	c.Helper()
	now := time.Now()
	claim := map[string]any{"agent-id": agent, "business-id": "KEEP", "drp.version": "1.0",
		"issued-at": now.Add(-time.Second).Format(time.RFC3339), "expires-at": now.Add(time.Minute).Format(time.RFC3339)}
	maps.Copy(claim, more)
	text, err := json.Marshal(claim)
	c.must(err)
	return base64.StdEncoding.EncodeToString(append(ed25519.Sign(c.keys[agent], text), text...))
}

func (c *counter) call(method, path, token, body string) (*http.Response, string) {
	c.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	got := w.Result()
	text, err := io.ReadAll(got.Body)
	c.must(err)
	return got, string(text)
}

func (c *counter) pair(agent, path string) string {
	c.Helper()
	got, text := c.call("POST", path, "", c.signed(agent, map[string]any{"path": path}))
	var paired map[string]string
	if err := json.Unmarshal([]byte(text), &paired); err != nil || got.StatusCode != http.StatusOK || paired["agent-id"] != agent || len(paired) != 2 {
		c.Fatalf("POST %s: got %d %s", path, got.StatusCode, text)
	}
	return paired["token"]
}

// The whole protocol, with and without the slash at the end.
func TestAgentsCall(t *testing.T) {
	t.Parallel()
	c := newCounter(t, true)
	for _, slash := range []string{"", "/"} {
		token := c.pair("ONE", "/v1/agent/ONE"+slash)
		got, text := c.call("GET", "/v1/agent/ONE"+slash, token, "")
		if got.StatusCode != http.StatusOK || text != "{}" || got.Header.Get("Content-Type") != "application/json" {
			t.Errorf("GET agent: got %d %s", got.StatusCode, text)
		}
		status := func(method, path, body string) (s rights.Status) {
			t.Helper()
			got, text := c.call(method, path+slash, token, body)
			if err := json.Unmarshal([]byte(text), &s); err != nil || got.StatusCode != http.StatusOK || got.Header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%s %s: got %d %s", method, path, got.StatusCode, text)
			}
			return s
		}
		asked := status("POST", "/v1/data-rights-request", c.signed("ONE", map[string]any{"exercise": "access", "email": "anna@example.org", "slash": slash}))
		if asked.Status != "in_progress" || asked.Reason != "need_user_verification" {
			t.Errorf("exercise: got %+v", asked)
		}
		if got := status("GET", "/v1/data-rights-request/"+asked.RequestID, ""); got != asked {
			t.Errorf("status: got %+v, want %+v", got, asked)
		}
		if got := status("DELETE", "/v1/data-rights-request/"+asked.RequestID, c.signed("ONE", map[string]any{"reason": "No more.", "slash": slash})); got.Status != "revoked" {
			t.Errorf("revoke: got %+v", got)
		}
	}
}

// Every failure of setting up a token is 403, and says nothing.
func TestAgentsArePairedOrTheyAreNot(t *testing.T) {
	t.Parallel()
	c := newCounter(t, true)
	used := c.signed("ONE", nil)
	if got, _ := c.call("POST", "/v1/agent/ONE", "", used); got.StatusCode != http.StatusOK {
		t.Fatalf("the first time: got %d", got.StatusCode)
	}
	for name, call := range map[string][2]string{
		"nothing":                {"ONE", ""},
		"no base64":              {"ONE", "{}"},
		"another's signature":    {"ONE", c.signed("TWO", map[string]any{"agent-id": "ONE"})},
		"another's id":           {"ONE", c.signed("ONE", map[string]any{"agent-id": "TWO"})},
		"another's address":      {"TWO", c.signed("ONE", nil)},
		"an agent nobody knows":  {"THREE", c.signed("ONE", nil)},
		"another business":       {"ONE", c.signed("ONE", map[string]any{"business-id": "OTHER"})},
		"expired":                {"ONE", c.signed("ONE", map[string]any{"expires-at": time.Now().Add(-time.Second).Format(time.RFC3339)})},
		"a request":              {"ONE", c.signed("ONE", map[string]any{"exercise": "access"})},
		"another version":        {"ONE", c.signed("ONE", map[string]any{"drp.version": "0.9"})},
		"too large":              {"ONE", strings.Repeat("A", agentBytes+1)},
		"again":                  {"ONE", used},
		"an id that is a letter": {"%F0%9F%94%91", c.signed("ONE", nil)},
	} {
		got, text := c.call("POST", "/v1/agent/"+call[0], "", call[1])
		if got.StatusCode != http.StatusForbidden || text != "" || got.Header.Get("Content-Type") != "" {
			t.Errorf("%s: got %d %q, want 403 and nothing", name, got.StatusCode, text)
		}
	}
}

func TestAgentsAreRefused(t *testing.T) {
	t.Parallel()
	c := newCounter(t, true)
	one, two := c.pair("ONE", "/v1/agent/ONE"), c.pair("TWO", "/v1/agent/TWO")
	_, text := c.call("POST", "/v1/data-rights-request", one, c.signed("ONE", map[string]any{"exercise": "access"}))
	var mine rights.Status
	c.must(json.Unmarshal([]byte(text), &mine))
	const requests = "/v1/data-rights-request"
	absent := requests + "/00000000-0000-4000-8000-000000000000"
	for _, tc := range []struct {
		name, method, path, token, body string
		want                            int
		fatal                           bool
	}{
		{"no token", "GET", "/v1/agent/ONE", "", "", 401, false},
		{"no token", "POST", requests, "", c.signed("ONE", map[string]any{"exercise": "access"}), 401, false},
		{"no token", "GET", requests + "/" + mine.RequestID, "", "", 401, false},
		{"no token", "DELETE", requests + "/" + mine.RequestID, "", "", 401, false},
		{"a made-up token", "GET", "/v1/agent/ONE", strings.Repeat("A", 43), "", 403, true},
		{"a session", "GET", "/v1/agent/ONE", sessionPrefix + strings.Repeat("A", 64), "", 403, true},
		{"another agent", "GET", "/v1/agent/ONE", two, "", 403, true},
		{"an agent nobody knows", "GET", "/v1/agent/THREE", two, "", 403, true},
		{"another's request", "GET", requests + "/" + mine.RequestID, two, "", 403, true},
		{"no request", "GET", absent, two, "", 403, true},
		{"no id", "GET", requests + "/x", two, "", 403, true},
		{"another's request", "DELETE", requests + "/" + mine.RequestID, two, c.signed("TWO", map[string]any{"reason": "x"}), 403, true},
		{"another's message", "POST", requests, two, c.signed("ONE", map[string]any{"exercise": "access"}), 403, true},
		{"no base64", "POST", requests, one, `{"exercise":"access"}`, 400, true},
		{"a right that is none", "POST", requests, one, c.signed("ONE", map[string]any{"exercise": "sale:opt_out"}), 400, true},
		{"too large", "POST", requests, one, strings.Repeat("A", requestBytes+1), 413, true},
		{"too large", "DELETE", requests + "/" + mine.RequestID, one, strings.Repeat("A", agentBytes+1), 413, true},
	} {
		got, text := c.call(tc.method, tc.path, tc.token, tc.body)
		var f failure
		if err := json.Unmarshal([]byte(text), &f); err != nil || got.StatusCode != tc.want || f.Code != strconv.Itoa(tc.want) || f.Message == "" || f.Fatal != tc.fatal {
			t.Errorf("%s: %s %s: got %d %s, want %d, fatal %v", tc.name, tc.method, tc.path, got.StatusCode, text, tc.want, tc.fatal)
		}
	}
	_, foreign := c.call("GET", requests+"/"+mine.RequestID, two, "")
	_, none := c.call("GET", absent, two, "")
	if foreign != none {
		t.Errorf("another's request answers %s, and what never was %s", foreign, none)
	}
	for _, secret := range []string{one, two, "anna@example.org"} {
		if strings.Contains(c.log.String(), secret) {
			t.Error("the log holds a token, or what an agent wrote")
		}
	}
}

// Where no directory was named there is nothing at agents' addresses.
func TestNoAgents(t *testing.T) {
	t.Parallel()
	c := newCounter(t, false)
	_, nowhere := c.call("GET", "/v1/nowhere", "", "")
	for _, row := range (&portal{}).agentRoutes() {
		path := strings.NewReplacer("{id}", "ONE", "{$}", "").Replace(row.pattern)
		got, text := c.call(row.method, path, strings.Repeat("A", 43), c.signed("ONE", nil))
		if got.StatusCode != http.StatusNotFound || text != nowhere {
			t.Errorf("%s: got %d %s, want 404", pattern(row), got.StatusCode, text)
		}
	}
}
