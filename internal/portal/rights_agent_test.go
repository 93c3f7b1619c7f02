package portal

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/rights"
	"github.com/hearkeep/hearkeep/internal/store"
)

// TestOwnRequestBesideAnAgents: what an agent asked in somebody's name does not
// take the place of the button by which they ask for themselves.
func TestOwnRequestBesideAnAgents(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	anna.speak(canary)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	channel := hearkeep.NewID[hearkeep.ChannelID]()
	address, err := h.letters.Seal(channel, "anna@example.org")
	must(err)
	must(h.store.Update(ctx, func(tx *store.Tx) error {
		return tx.Letters.InsertChannel(ctx, store.Channel{ID: channel, Account: anna.who().Account(), Kind: notify.Email, Address: address, Created: time.Now(), Confirmed: time.Now()})
	}))
	public, key, err := ed25519.GenerateKey(nil)
	must(err)
	listed, err := json.Marshal([]map[string]any{{"id": "ONE", "name": "Agent ONE", "verify_key": public}})
	must(err)
	file := filepath.Join(t.TempDir(), "agents.json")
	must(os.WriteFile(file, listed, 0o600))
	directory, err := rights.OpenDirectory(file)
	must(err)
	agents, err := rights.NewAgents(rights.AgentsConfig{Desk: h.rights, Directory: directory, Business: "KEEP"})
	must(err)
	signed := func(more string) []byte {
		text := []byte(`{"agent-id":"ONE","business-id":"KEEP","drp.version":"1.0","issued-at":"` + time.Now().Add(-time.Second).Format(time.RFC3339) +
			`","expires-at":"` + time.Now().Add(time.Minute).Format(time.RFC3339) + `"` + more + `}`)
		return []byte(base64.StdEncoding.EncodeToString(append(ed25519.Sign(key, text), text...)))
	}
	token, err := agents.Pair(ctx, "ONE", signed(""))
	must(err)
	agent, err := agents.Bearer(ctx, token)
	must(err)
	asked, err := agents.Exercise(ctx, agent, signed(`,"exercise":"access","email":"anna@example.org"`))
	must(err)
	must(agents.Turn(ctx))

	_, page := anna.get("/rights")
	if !strings.Contains(page, `name="kind" value="access"`) || !strings.Contains(page, "Waits for you to confirm it") {
		t.Error("the page has no button to ask for oneself, or does not show what an agent asked")
	}
	anna.post("/rights", url.Values{"kind": {"access"}})
	_, page = anna.get("/rights")
	if strings.Contains(page, `name="kind" value="access"`) || !strings.Contains(page, "Waits for you to confirm it") {
		t.Error("her own request does not go on, or the agent's was confirmed by it")
	}
	must(agents.Turn(ctx))
	if got, err := agents.Status(ctx, agent, asked.RequestID); err != nil || got.Reason != "need_user_verification" {
		t.Errorf("the agent is told %+v, %v", got, err)
	}
}
