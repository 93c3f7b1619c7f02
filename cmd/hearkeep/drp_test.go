package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
)

// agent is testdata/drp_agent.py: the protocol in other hands.
type agent struct {
	t        *testing.T
	house    *house
	id, seed string
	state    string
}

func newAgent(t *testing.T, h *house, id string) agent {
	t.Helper()
	seed := sha256.Sum256([]byte(id))
	return agent{t: t, house: h, id: id, seed: hex.EncodeToString(seed[:]), state: filepath.Join(t.TempDir(), "state.json")}
}

// run calls the keep, and returns the status and the body of its answer.
func (a agent) run(args ...string) (status, body string) {
	a.t.Helper()
	url := "http://127.0.0.1"
	if a.house.server != nil {
		url = a.house.server.url
	}
	cmd := exec.Command("python3", append([]string{"testdata/drp_agent.py", url, a.seed, a.id, "HEARKEEP_TEST", a.state}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		a.t.Fatalf("the agent %s, %v: %v", a.id, args, err)
	}
	status, body, _ = strings.Cut(string(out), "\n")
	return status, strings.TrimSuffix(body, "\n")
}

// ask has the agent ask in the name of whoever has an address.
func (a agent) ask(exercise, email, callback string) (s drpStatus) {
	a.t.Helper()
	more, err := json.Marshal(map[string]any{"exercise": exercise, "regime": "ccpa", "name": "Somebody", "email": email, "email_verified": true, "status_callback": callback})
	must(a.t, err)
	return a.read(a.run("exercise", string(more)))
}

func (a agent) read(status, body string) (s drpStatus) {
	a.t.Helper()
	if err := json.Unmarshal([]byte(body), &s); err != nil || status != "200" {
		a.t.Fatalf("the agent %s: got %s %s", a.id, status, body)
	}
	return s
}

type drpStatus struct {
	ID     string `json:"request_id"`
	Status string `json:"status"`
	Reason string `json:"reason"`
	Verify string `json:"user_verification_url"`
}

// addAddress confirms an e-mail address of Anna's, in a keep that nobody serves.
func addAddress(t *testing.T, keep, address string) {
	t.Helper()
	ctx := context.Background()
	st, err := sqlite.Open(ctx, keep)
	must(t, err)
	house, err := seal.LoadOrCreateHouseKey(filepath.Join(keep, fileHouse))
	must(t, err)
	desk, err := notify.New(notify.Config{Store: st, House: house})
	must(t, err)
	must(t, st.Update(ctx, func(tx *store.Tx) error {
		anna, err := tx.Identity.AccountByName(ctx, "anna")
		if err != nil {
			return err
		}
		c := store.Channel{ID: hearkeep.NewID[hearkeep.ChannelID](), Account: anna.ID, Kind: notify.Email, Created: time.Now(), Confirmed: time.Now()}
		if c.Address, err = desk.Seal(c.ID, address); err != nil {
			return err
		}
		return tx.Letters.InsertChannel(ctx, c)
	}))
	must(t, st.Close())
}

// eventually waits for what goes on beside the answering.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for begin := time.Now(); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Since(begin) > 2*time.Minute {
			t.Fatalf("%s did not come", what)
		}
	}
}

var requestLink = regexp.MustCompile(`/rights/requests/([0-9a-f]{32})`)

// An agent in other hands walks the whole protocol: it is paired, asks in
// Anna's name and in nobody's, and sees the same of both until Anna confirms.
// What comes of it is Anna's; the agent is told that it came.
func TestAgentAsksInSomebodysName(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	called := map[string][]string{}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var s drpStatus
		body, _ := io.ReadAll(r.Body)
		if json.Unmarshal(body, &s) == nil {
			mu.Lock()
			called[s.ID] = append(called[s.ID], s.Status)
			mu.Unlock()
		}
	}))
	defer receiver.Close()

	h := newHouse(t)
	one, two := newAgent(t, h, "CR_AA_DRP_ID_001"), newAgent(t, h, "OTHER_AGENT")
	if out, code := h.run("say", "what time is it"); code != 0 {
		t.Fatalf("say: %d %s", code, out)
	}
	must(t, h.server.stop(syscall.SIGTERM))
	addAddress(t, h.server.keep, "anna@example.org")
	directory := filepath.Join(t.TempDir(), "agents.json")
	write := func(agents ...agent) {
		t.Helper()
		var list []map[string]any
		for _, a := range agents {
			key, _ := a.run("key")
			list = append(list, map[string]any{"id": a.id, "name": "Agent " + a.id, "verify_key": key, "callback_hosts": []string{strings.TrimPrefix(receiver.URL, "http://")}})
		}
		data, err := json.Marshal(list)
		must(t, err)
		must(t, os.WriteFile(directory, data, 0o600))
	}
	write(one)
	drop := openMaildrop(t)
	flags := []string{"--drp-directory", directory, "--drp-business-id", "HEARKEEP_TEST", "--smtp", "smtp://" + drop.addr, "--smtp-from", "keep@example.org"}
	restart := func() {
		t.Helper()
		s, err := start(h.server.keep, flags...)
		must(t, err)
		h.server, h.browser.server = s, s
		t.Cleanup(func() { s.cmd.Process.Kill() })
	}
	restart()

	if status, _ := one.run("info"); status != "401" {
		t.Errorf("before it is paired: got %s, want 401", status)
	}
	if status, body := one.run("pair"); status != "200" {
		t.Fatalf("pair: got %s %s", status, body)
	}
	if status, body := one.run("resend"); status != "403" || body != "" {
		t.Errorf("the same message again: got %s %q, want 403 and nothing", status, body)
	}
	if status, body := one.run("info"); status != "200" || body != "{}" {
		t.Errorf("info: got %s %s", status, body)
	}
	if status, _ := one.run("info", two.id); status != "403" {
		t.Errorf("another agent's id: got %s, want 403", status)
	}
	if status, body := two.run("pair"); status != "403" || body != "" {
		t.Errorf("an agent that is not in the directory: got %s %q, want 403 and nothing", status, body)
	}

	if status, _ := one.run("exercise", `{"exercise":"access","status_callback":"http://127.0.0.1:1/x"}`); status != "400" {
		t.Errorf("a callback inside: got %s, want 400", status)
	}

	known, unknown := one.ask("access", "anna@example.org", receiver.URL+"/update_status"), one.ask("access", "nobody@example.org", receiver.URL+"/update_status")
	same := func(when string) {
		t.Helper()
		a, b := one.read(one.run("status", known.ID)), one.read(one.run("status", unknown.ID))
		if a.ID, b.ID = "", ""; a != b || a.Reason != "need_user_verification" || a.Verify == "" {
			t.Errorf("%s: of somebody known %+v, of somebody unknown %+v", when, a, b)
		}
	}
	same("at once")
	if status, _ := one.run("resend"); status != "403" {
		t.Errorf("the same request again: got %s, want 403", status)
	}
	eventually(t, "a letter", func() bool { return len(drop.letters(t)) > 0 })
	letters, err := filepath.Glob(filepath.Join(drop.dir, "new", "*"))
	must(t, err)
	letter, err := os.ReadFile(letters[0])
	must(t, err)
	if !strings.Contains(string(letter), "Subject: Agent CR_AA_DRP_ID_001 asks in your name") || strings.Contains(string(letter), "Somebody") {
		t.Errorf("the letter: got %s", letter)
	}
	same("after the letter")

	// A restart forgets no message and no token.
	must(t, h.server.stop(syscall.SIGTERM))
	restart()
	if status, _ := one.run("resend"); status != "403" {
		t.Errorf("the same request after a restart: got %s, want 403", status)
	}
	same("after a restart")

	// Anna signs in (she is), and confirms it.
	_, page, err := h.get("/rights")
	must(t, err)
	link := requestLink.FindStringSubmatch(page)
	if link == nil || !strings.Contains(page, "Confirm it") {
		t.Fatalf("Anna's rights show no request to confirm\n%s", page)
	}
	if status, page, err := h.post(link[0]+"/confirm", nil); err != nil || status >= 400 {
		t.Fatalf("confirm: got %d, %v\n%s", status, err, page)
	}
	eventually(t, "a callback", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(called[known.ID]) > 0
	})
	if got := one.read(one.run("status", known.ID)); got.Status != "in_progress" || got.Reason != "" {
		t.Errorf("after it was confirmed: got %+v", got)
	}
	if status, page, err := h.post(link[0]+"/withdraw", nil); err != nil || status >= 400 {
		t.Fatalf("withdraw: got %d, %v\n%s", status, err, page)
	}
	if got := one.read(one.run("status", known.ID)); got.Status != "denied" || got.Reason != "other" {
		t.Errorf("after it was withdrawn: got %+v", got)
	}

	// Another agent comes into the directory, and the first leaves it.
	write(two)
	must(t, h.server.cmd.Process.Signal(syscall.SIGHUP))
	eventually(t, "the new directory", func() bool { status, _ := two.run("pair"); return status == "200" })
	if status, _ := one.run("info"); status != "403" {
		t.Errorf("an agent that left: got %s, want 403", status)
	}
	if status, _ := two.run("status", unknown.ID); status != "403" {
		t.Errorf("another agent's request: got %s, want 403", status)
	}
	other := two.ask("deletion", "nobody@example.org", "")
	if got := two.read(two.run("revoke", other.ID, "No more.")); got.Status != "revoked" {
		t.Errorf("revoke: got %+v", got)
	}
	for exercise, want := range map[string]string{"sale:opt-out": "fulfilled ", "sale:opt-in": "denied claim_not_covered"} {
		if got := two.ask(exercise, "anna@example.org", ""); fmt.Sprint(got.Status, " ", got.Reason) != want {
			t.Errorf("%s: got %+v, want %s", exercise, got, want)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if calls := called[unknown.ID]; len(calls) != 0 {
		t.Errorf("calls for somebody unknown: got %v, want none", calls)
	}
	if got := h.server.log(); strings.Contains(got, "@example.org") {
		t.Errorf("the log holds an address\n%s", got)
	}
}

// A directory that leaves open who the agents are keeps the program from starting.
func TestAgentSettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	wrong := filepath.Join(dir, "agents.json")
	must(t, os.WriteFile(wrong, []byte(`[{"id":"A","name":"A","verify_key":"A"}]`), 0o600))
	for name, args := range map[string][]string{
		"no business":         {"--drp-directory", wrong},
		"no directory":        {"--drp-business-id", "X"},
		"a key of one letter": {"--drp-directory", wrong, "--drp-business-id", "X"},
		"no file":             {"--drp-directory", filepath.Join(dir, "none"), "--drp-business-id", "X"},
	} {
		if s, err := start(filepath.Join(dir, "keep"), args...); err == nil {
			s.stop(syscall.SIGTERM)
			t.Errorf("%s: it started", name)
		}
	}
}
