package rights

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Where an agent's request stands. waiting and confirmed are in_progress to
// the agent; the others are what the protocol calls them.
const (
	stateWaiting   = "waiting"   // for its person, whoever that may be
	stateConfirmed = "confirmed" // by its person
	stateFulfilled = "fulfilled"
	stateDenied    = "denied"
	stateRevoked   = "revoked" // by the agent
	stateExpired   = "expired" // nobody confirmed it in time
)

// keepEnded is for how long a request that has ended can be looked at (3.02).
const keepEnded = 60 * 24 * time.Hour

// Status is what an agent is told of a request (3.03). results_url is not
// among it: results go to the person's account.
type Status struct {
	RequestID string `json:"request_id"`
	Received  string `json:"received_at"`
	Expected  string `json:"expected_by,omitempty"`
	Details   string `json:"processing_details,omitempty"`
	Status    string `json:"status"`
	Reason    string `json:"reason,omitempty"`
	VerifyAt  string `json:"user_verification_url,omitempty"`
	Expires   string `json:"expires_at,omitempty"`
	Ref       string `json:"agent_request_id,omitempty"`
}

// status puts a row into the protocol's words.
func (a *Agents) status(row store.AgentRequest, w written) Status {
	s := Status{RequestID: uuid(row.ID), Received: timestamp(row.Received), Status: row.State, Reason: row.Reason, Ref: w.Ref}
	switch row.State {
	case stateWaiting:
		s.Status, s.Reason = "in_progress", "need_user_verification"
		s.Expected, s.Expires = timestamp(row.Due), timestamp(row.Due)
		s.VerifyAt = a.Desk.Origin + "/rights"
		s.Details = "Whoever this is about has to sign in here and confirm it. Nobody is told whether they have an account."
		return s
	case stateConfirmed:
		s.Status = "in_progress"
		s.Expected, s.Expires = timestamp(row.Due), timestamp(row.Due.Add(keepEnded))
		s.Details = "Whoever this is about has confirmed it. The answer goes to their account, and to nobody else."
		if row.Due.After(due(row.Received, a.Desk.Zone)) {
			s.Details += " It takes longer than a month; they were told why."
		}
		return s
	case stateFulfilled:
		s.Details = "Answered, to the account of whoever this is about."
		if row.Exercise == exerciseOptOut {
			s.Details = "Nothing is sold here, of anybody, and nothing is shared for advertising."
		}
	case stateDenied:
		s.Details = "It ended without an answer."
		if row.Exercise == exerciseOptIn {
			s.Details = "Nothing is sold here: there is no sale to opt into."
		}
	case stateRevoked:
		s.Details = "You revoked it."
	case stateExpired:
		s.Details = "Nobody confirmed it in time."
	}
	s.Expires = timestamp(row.Ended.Add(keepEnded))
	return s
}

// follow says where a request stands at a time: what became of the request
// that its person was asked for. Before they confirmed it, nothing that they do
// shows, because only somebody with an account could have done it.
func (a *Agents) follow(row store.AgentRequest, linked *store.Request, now time.Time) store.AgentRequest {
	if !row.Ended.IsZero() {
		return row
	}
	end := func(state, reason string) {
		row.State, row.Reason, row.Ended = state, reason, now
	}
	switch {
	case linked == nil:
		if row.State == stateConfirmed { // its account was erased
			end(stateDenied, "other")
		}
	case linked.State == hearkeep.RequestOpen, linked.State == hearkeep.RequestReady, linked.State == hearkeep.RequestStopped:
		row.State, row.Due = stateConfirmed, linked.Due
	case linked.State == hearkeep.RequestAnswered:
		end(stateFulfilled, "")
	case linked.State.Ended() && row.State == stateConfirmed:
		end(stateDenied, "other")
	}
	if row.State == stateWaiting && now.After(row.Due) {
		end(stateExpired, "")
	}
	return row
}

// stand reads a request of an agent's as it was last noted. Of one that waits
// it does not look for what came of it: that would take longer where somebody
// was asked. Run looks, and notes what they have confirmed.
func (a *Agents) stand(ctx context.Context, tx *store.Tx, agent, id string) (store.AgentRequest, error) {
	key, err := parseUUID(id)
	if err != nil {
		return store.AgentRequest{}, errNotYours()
	}
	row, err := tx.Agents.AgentRequest(ctx, agent, key)
	if errors.Is(err, store.ErrNotFound) {
		return row, errNotYours()
	}
	if err != nil {
		return row, err
	}
	var linked *store.Request
	if row.State == stateConfirmed {
		if linked, err = a.linked(ctx, tx, row); err != nil {
			return row, err
		}
	}
	return a.follow(row, linked, a.now()), nil
}

// linked is the request that a row led to; nil where it led to none, or to one
// that is not what was stored.
func (a *Agents) linked(ctx context.Context, tx *store.Tx, row store.AgentRequest) (*store.Request, error) {
	r, err := tx.Rights.Request(ctx, row.Account, row.Request)
	if errors.Is(err, store.ErrNotFound) || err == nil && a.Desk.check(&r) != nil {
		return nil, nil
	}
	return &r, err
}

// Status says where a request of an agent's stands (2.02).
func (a *Agents) Status(ctx context.Context, agent Agent, id string) (Status, error) {
	var row store.AgentRequest
	err := a.store.View(ctx, func(tx *store.Tx) (err error) {
		row, err = a.stand(ctx, tx, agent.ID, id)
		return err
	})
	a.nudge() // what it has come to, if anything, is noted soon
	var w written
	if err == nil {
		w, err = a.written(row)
	}
	if err != nil {
		return Status{}, fmt.Errorf("rights: status for agent %s: %w", agent.ID, err)
	}
	return a.status(row, w), nil
}

// Asking is the name of the agent through whom a request of who's came; NotFound
// where it came otherwise.
func (a *Agents) Asking(ctx context.Context, who identity.Verified, id hearkeep.RequestID) (string, error) {
	if !who.Valid() {
		return "", errNobody()
	}
	var row store.AgentRequest
	err := a.store.View(ctx, func(tx *store.Tx) (err error) {
		row, err = tx.Agents.AgentRequestFor(ctx, who.Account(), id)
		return err
	})
	if err != nil {
		return "", wrapped(err, "the agent of request", id)
	}
	agent, ok := a.Directory.Agent(row.Agent)
	if !ok {
		return row.Agent, nil
	}
	return agent.Name, nil
}

// newUUID is a random request id, a UUID of version 4 (RFC 9562).
func newUUID() hearkeep.AgentRequestID {
	id := hearkeep.NewID[hearkeep.AgentRequestID]()
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id
}

// uuid writes an id in the form of RFC 9562.
func uuid(id hearkeep.AgentRequestID) string {
	s := hex.EncodeToString(id[:])
	return strings.Join([]string{s[:8], s[8:12], s[12:16], s[16:20], s[20:]}, "-")
}

// parseUUID reads what uuid wrote, in that one spelling.
func parseUUID(s string) (hearkeep.AgentRequestID, error) {
	id, err := hearkeep.ParseID[hearkeep.AgentRequestID](strings.ReplaceAll(s, "-", ""))
	if err != nil || uuid(id) != s {
		return hearkeep.AgentRequestID{}, errors.New("rights: not a request id")
	}
	return id, nil
}
