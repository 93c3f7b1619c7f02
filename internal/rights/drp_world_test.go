package rights

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

const (
	ours     = "HEARKEEP_TEST"
	first    = "AGENT_ONE"
	second   = "AGENT_TWO"
	annas    = "anna@example.org"
	nobodys  = "nobody@example.org"
	atOrigin = "https://keep.example"
)

// bureau is a keep with two agents.
type bureau struct {
	*testing.T
	home   *vaulttest.Home
	desk   *Desk
	agents *Agents
	file   string // of the directory
	keys   map[string]ed25519.PrivateKey
	hosts  []string // of the first agent's callbacks
	skew   time.Duration
}

func newBureau(t *testing.T, hosts ...string) *bureau {
	t.Helper()
	b := &bureau{T: t, home: vaulttest.New(t), file: filepath.Join(t.TempDir(), "agents.json"), keys: map[string]ed25519.PrivateKey{}, hosts: hosts}
	for _, id := range []string{first, second} {
		_, key, err := ed25519.GenerateKey(nil)
		b.must(err)
		b.keys[id] = key
	}
	b.list()
	b.open()
	return b
}

func (b *bureau) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// list writes the directory.
func (b *bureau) list() {
	b.Helper()
	var list []map[string]any
	for id, key := range b.keys {
		entry := map[string]any{"id": id, "name": "The agent " + id, "verify_key": key.Public().(ed25519.PublicKey), "web_url": "https://example.org"}
		if id == first && len(b.hosts) > 0 {
			entry["callback_hosts"] = b.hosts
		}
		list = append(list, entry)
	}
	data, err := json.Marshal(list)
	b.must(err)
	b.must(os.WriteFile(b.file, data, 0o600))
}

// open is what a start does.
func (b *bureau) open() {
	b.Helper()
	letters, err := notify.New(notify.Config{Store: b.home.Store, House: b.home.House, Origin: atOrigin})
	b.must(err)
	b.desk = New(Config{Store: b.home.Store, Keep: b.home.Keep, Ledger: b.home.Ledger, Letters: letters, House: b.home.House, Origin: atOrigin, Zone: time.UTC})
	directory, err := OpenDirectory(b.file)
	b.must(err)
	b.agents, err = NewAgents(AgentsConfig{Desk: b.desk, Directory: directory, Business: ours})
	b.must(err)
	b.agents.now = func() time.Time { return now().Add(b.skew) }
}

// person has an account, with an e-mail address that is confirmed.
func (b *bureau) person(name, email string) vaulttest.Person {
	b.Helper()
	p := b.home.Person(b.T, name)
	b.channel(p.Who.Account(), email, now())
	return p
}

func (b *bureau) channel(account hearkeep.AccountID, email string, confirmed time.Time) {
	b.Helper()
	id := hearkeep.NewID[hearkeep.ChannelID]()
	sealed, err := b.desk.Letters.Seal(id, email)
	b.must(err)
	b.must(b.home.Store.Update(b.Context(), func(tx *store.Tx) error {
		return tx.Letters.InsertChannel(b.Context(), store.Channel{ID: id, Account: account, Kind: notify.Email, Address: sealed, Created: now(), Confirmed: confirmed})
	}))
}

// letters are the topics of those queued to an account.
func (b *bureau) letters(account hearkeep.AccountID) (topics []string) {
	b.Helper()
	b.must(b.home.Store.View(b.Context(), func(tx *store.Tx) error {
		list, err := tx.Letters.Deliveries(b.Context(), account, 100)
		for _, d := range list {
			topics = append(topics, d.Topic)
		}
		return err
	}))
	return topics
}

// claim is the members of a message that is in order.
func (b *bureau) claim(agent string, more map[string]any) map[string]any {
	at := time.Now().Add(b.skew)
	m := map[string]any{
		"agent-id": agent, "business-id": ours, "drp.version": "1.0",
		"issued-at": at.Add(-time.Second).Format(time.RFC3339Nano), "expires-at": at.Add(10 * time.Minute).Format(time.RFC3339Nano),
	}
	maps.Copy(m, more)
	return m
}

// signed is a message in its envelope.
func (b *bureau) signed(agent string, claim any) []byte {
	b.Helper()
	text, ok := claim.(string)
	if !ok {
		data, err := json.Marshal(claim)
		b.must(err)
		text = string(data)
	}
	raw := append(ed25519.Sign(b.keys[agent], []byte(text)), text...)
	return []byte(base64.StdEncoding.EncodeToString(raw))
}

// agent pairs an agent and returns it by its token.
func (b *bureau) agent(id string) Agent {
	b.Helper()
	token, err := b.agents.Pair(b.Context(), id, b.signed(id, b.claim(id, nil)))
	b.must(err)
	a, err := b.agents.Bearer(b.Context(), token)
	b.must(err)
	return a
}

// ask has an agent ask in the name of whoever has an address.
func (b *bureau) ask(a Agent, exercise, email string, more map[string]any) Status {
	b.Helper()
	m := map[string]any{"exercise": exercise, "regime": "ccpa", "name": "Anna Example", "email": email, "email_verified": true,
		"phone_number": "+15555550123", "address": map[string]any{"locality": "Somewhere"}, "relationships": []string{"customer"}}
	maps.Copy(m, more)
	s, err := b.agents.Exercise(b.Context(), a, b.signed(a.ID, b.claim(a.ID, m)))
	b.must(err)
	return s
}

func (b *bureau) turn() {
	b.Helper()
	b.must(b.agents.Turn(b.Context()))
}

func (b *bureau) status(a Agent, id string) Status {
	b.Helper()
	s, err := b.agents.Status(b.Context(), a, id)
	b.must(err)
	return s
}

// asked is the one request of a person's that waits to be confirmed.
func (b *bureau) asked(p vaulttest.Person) Request {
	b.Helper()
	list, err := b.desk.Requests(b.Context(), p.Who)
	b.must(err)
	if len(list) != 1 || list[0].State != hearkeep.RequestAsked || list[0].Via != hearkeep.ViaAgent {
		b.Fatalf("requests: got %+v, want one that waits to be confirmed", list)
	}
	return list[0]
}

// told is what an error says to the agent.
func told(err error) (hearkeep.Code, string) {
	if err == nil {
		return "", ""
	}
	var e *hearkeep.Error
	if !errors.As(err, &e) {
		return hearkeep.Internal, err.Error()
	}
	code, message, _ := hearkeep.Explain(err)
	return code, message
}
