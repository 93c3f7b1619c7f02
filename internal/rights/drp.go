package rights

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// AgentsConfig is what Agents work with.
type AgentsConfig struct {
	Desk      *Desk // what comes of an agent's request is one of its requests
	Directory *Directory
	Business  string // the id under which agents know this keep
}

// Agents answers those who ask in somebody's name, in the words of the Data
// Rights Protocol 1.0.
//
// An agent's request releases nothing and reveals nothing. It can only invite
// somebody to sign in and confirm it; what comes of that goes to their account.
// Whether the person named has one is told to nobody: what an agent sees of
// the known and of the unknown is alike, byte for byte, until the person has
// confirmed. For whom a request may be is looked up afterwards, beside the
// answering (Run), so that times tell nothing either.
//
// It believes a key that stands in the operator's directory, and no other. It
// may be used concurrently.
type Agents struct {
	AgentsConfig
	store store.Store
	house seal.HouseKey
	log   *slog.Logger
	wake  chan struct{} // there is something to look up, or to tell
	now   func() time.Time
}

// NewAgents returns Agents.
func NewAgents(c AgentsConfig) (*Agents, error) {
	if c.Desk == nil || c.Directory == nil {
		return nil, errors.New("rights: agents need a desk and a directory")
	}
	if !agentName(c.Business) {
		return nil, hearkeep.Errorf(hearkeep.Invalid, "The business id is not one that agents can write.").
			WithHint("It has up to 100 letters, digits, dots, dashes and underscores.")
	}
	log := c.Desk.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Agents{AgentsConfig: c, store: c.Desk.Store, house: c.Desk.House, log: log, wake: make(chan struct{}, 1), now: now}, nil
}

// maxDailyOfAgent bounds what one agent asks for in a day.
const maxDailyOfAgent = 1000

// tokenSize is how many random bytes a token has.
const tokenSize = 32

// errAgent refuses a token that is none, or no longer one.
func errAgent() error {
	return hearkeep.Errorf(hearkeep.Forbidden, "This token is not in force.").WithHint("Set up a new one: POST /v1/agent/{agent-id}.")
}

// errNotYours answers a request that is not there and one of another agent's.
func errNotYours() error {
	return hearkeep.Errorf(hearkeep.Forbidden, "This is no request of yours.")
}

// Pair gives an agent a token, for a message that is signed with the key that
// stands in the directory (2.05). The one before it ends.
func (a *Agents) Pair(ctx context.Context, id string, body []byte) (token string, err error) {
	agent, ok := a.Directory.Agent(id)
	if !ok {
		return "", errAgent()
	}
	m, err := a.read(agent, body, pairing)
	if err != nil {
		return "", fmt.Errorf("rights: pair agent %s: %w", agent.ID, err)
	}
	secret := make([]byte, tokenSize)
	rand.Read(secret)
	token = base64.RawURLEncoding.EncodeToString(secret)
	err = a.store.Update(ctx, func(tx *store.Tx) error {
		if err := a.once(ctx, tx, m); err != nil {
			return err
		}
		return tx.Agents.PutAgentToken(ctx, store.AgentToken{
			Agent: agent.ID, Hash: sha256.Sum256([]byte(token)), Key: sha256.Sum256(agent.key), Made: a.now(),
		})
	})
	if err != nil {
		return "", fmt.Errorf("rights: pair agent %s: %w", agent.ID, err)
	}
	a.log.Info("an agent has a new token", "agent", agent.ID)
	return token, nil
}

// Bearer returns the agent whose token this is. A token ends when its agent,
// or the key for which it was given, leaves the directory.
func (a *Agents) Bearer(ctx context.Context, token string) (Agent, error) {
	if len(token) != base64.RawURLEncoding.EncodedLen(tokenSize) {
		return Agent{}, errAgent()
	}
	var t store.AgentToken
	err := a.store.View(ctx, func(tx *store.Tx) (err error) {
		t, err = tx.Agents.AgentToken(ctx, sha256.Sum256([]byte(token)))
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return Agent{}, errAgent()
	}
	if err != nil {
		return Agent{}, fmt.Errorf("rights: an agent's token: %w", err)
	}
	agent, ok := a.Directory.Agent(t.Agent)
	key := sha256.Sum256(agent.key)
	if !ok || subtle.ConstantTimeCompare(key[:], t.Key[:]) != 1 {
		return Agent{}, errAgent()
	}
	return agent, nil
}

// once remembers a message until its end, and refuses one that was taken
// before. What it remembers is on the disk: a restart forgets none.
func (a *Agents) once(ctx context.Context, tx *store.Tx, m message) error {
	if m.expires.IsZero() {
		return nil // a revocation, which can be said twice
	}
	err := tx.Agents.RememberMessage(ctx, m.digest, m.expires)
	if errors.Is(err, store.ErrExists) {
		return hearkeep.Errorf(hearkeep.Forbidden, "This message was taken before.").WithHint("Sign a new one.")
	}
	return err
}

// Expire forgets messages whose time is over, and requests that ended 60 days
// ago (3.02). The nil Agents has none.
func (a *Agents) Expire(ctx context.Context, now time.Time) error {
	if a == nil {
		return nil
	}
	err := a.store.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Agents.ExpireMessages(ctx, now)
		_, err1 := tx.Agents.ExpireAgentRequests(ctx, now.Add(-keepEnded))
		return errors.Join(err, err1)
	})
	if err != nil {
		return fmt.Errorf("rights: expire what agents asked: %w", err)
	}
	return nil
}

// nudge has Run look soon.
func (a *Agents) nudge() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}
