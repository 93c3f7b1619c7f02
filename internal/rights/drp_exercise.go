package rights

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// What an agent can ask for (3.01).
const (
	exerciseAccess     = "access"
	exerciseCategories = "access:categories"
	exerciseSpecific   = "access:specific"
	exerciseDeletion   = "deletion"
	exerciseOptOut     = "sale:opt-out"
	exerciseOptIn      = "sale:opt-in"
)

// kindOf is which right an exercise is, "" for none that a person has to
// confirm. The copy of Art. 15 holds the categories too.
func kindOf(exercise string) hearkeep.RequestKind {
	switch exercise {
	case exerciseAccess, exerciseCategories, exerciseSpecific:
		return hearkeep.RequestAccess
	case exerciseDeletion:
		return hearkeep.RequestErasure
	}
	return ""
}

// written is what is kept of what an agent wrote, under the house key. Names,
// telephone numbers and addresses are not: nothing here needs them. The e-mail
// address goes once it was looked up.
type written struct {
	Email    string `json:"email,omitempty"`
	Callback string `json:"callback,omitempty"`
	Ref      string `json:"ref,omitempty"` // agent-request-id
}

func (a *Agents) seal(id hearkeep.AgentRequestID, w written) ([]byte, error) {
	plain, err := json.Marshal(w)
	if err != nil {
		return nil, errors.New("rights: what an agent wrote cannot be kept") // the cause would quote it
	}
	return seal.SealHouse(a.house, seal.HouseAgent, id, plain)
}

func (a *Agents) written(row store.AgentRequest) (w written, err error) {
	plain, err := seal.OpenHouse(a.house, seal.HouseAgent, row.ID, row.Sealed)
	if err != nil {
		return w, fmt.Errorf("rights: what the agent wrote of %s: %w", row.ID, err)
	}
	if json.Unmarshal(plain, &w) != nil {
		return written{}, fmt.Errorf("rights: what the agent wrote of %s: %w", row.ID, seal.ErrFormat)
	}
	return w, nil
}

// forgetEmail leaves the e-mail address of a request away.
func (a *Agents) forgetEmail(row *store.AgentRequest) error {
	w, err := a.written(*row)
	if err != nil {
		return err
	}
	w.Email = ""
	row.Sealed, err = a.seal(row.ID, w)
	return err
}

// Exercise takes a request in somebody's name (2.01). It says the same
// whether anybody of that name is known.
func (a *Agents) Exercise(ctx context.Context, agent Agent, body []byte) (Status, error) {
	m, err := a.read(agent, body, exercising)
	if err != nil {
		return Status{}, fmt.Errorf("rights: agent %s asks: %w", agent.ID, err)
	}
	row, w, err := a.asks(agent, m.fields)
	if err != nil {
		return Status{}, fmt.Errorf("rights: agent %s asks: %w", agent.ID, err)
	}
	if row.Sealed, err = a.seal(row.ID, w); err != nil {
		return Status{}, fmt.Errorf("rights: agent %s asks: %w", agent.ID, err)
	}
	err = a.store.Update(ctx, func(tx *store.Tx) error {
		if err := a.once(ctx, tx, m); err != nil {
			return err
		}
		n, err := tx.Agents.CountAgentRequests(ctx, agent.ID, row.Received.Add(-24*time.Hour))
		if err == nil && n >= maxDailyOfAgent {
			err = hearkeep.Errorf(hearkeep.TooMany, "You asked for %d people within a day.", n).WithHint("Those stand; go on tomorrow.").After(time.Hour)
		}
		if err != nil {
			return err
		}
		return tx.Agents.InsertAgentRequest(ctx, row)
	})
	if err != nil {
		return Status{}, fmt.Errorf("rights: agent %s asks: %w", agent.ID, err)
	}
	a.nudge()
	return a.status(row, w), nil
}

// asks reads what an agent asks for, into a row that is not stored yet.
func (a *Agents) asks(agent Agent, f fields) (row store.AgentRequest, w written, err error) {
	exercise, ok := f.text("exercise", 40)
	if !ok {
		return row, w, errField("exercise")
	}
	// The regime is not asked about: everybody has all rights here.
	if _, err := f.optional("regime", 40); err != nil {
		return row, w, err
	}
	email, err := f.optional("email", 320)
	if err != nil {
		return row, w, err
	}
	if w.Ref, err = f.optional("agent-request-id", 200); err != nil {
		return row, w, err
	}
	callback, err := f.optional("status_callback", 2048)
	if err != nil {
		return row, w, err
	}
	if callback != "" {
		if w.Callback, err = agent.call.Check(callback); err != nil {
			return row, w, hearkeep.Errorf(hearkeep.Invalid, "The status_callback is not an address that is called from here.").
				WithHint("https on the public internet; whoever runs this keep can name other hosts in the directory.")
		}
	}
	row = store.AgentRequest{ID: newUUID(), Agent: agent.ID, Exercise: exercise, State: stateWaiting, Received: a.now()}
	row.Due = due(row.Received, a.Desk.Zone).UTC()
	switch {
	case kindOf(exercise) != "":
		// An address that no letter could go to belongs to nobody here; that is
		// for Run to find, as of all others.
		w.Email, _ = (*notify.Desk)(nil).Check(notify.Email, email)
	case exercise == exerciseOptOut: // true of everybody, known or not
		row.State, row.Looked, row.Ended = stateFulfilled, true, row.Received
	case exercise == exerciseOptIn:
		row.State, row.Reason, row.Looked, row.Ended = stateDenied, "claim_not_covered", true, row.Received
	default:
		return row, w, hearkeep.Errorf(hearkeep.Invalid, "This right cannot be exercised here.").
			WithHint("access, access:categories, access:specific, deletion, sale:opt-out, sale:opt-in.")
	}
	return row, w, nil
}

// Revoke ends a request at the wish of its agent (2.04). What its person has
// confirmed is theirs, and goes on.
func (a *Agents) Revoke(ctx context.Context, agent Agent, id string, body []byte) (Status, error) {
	m, err := a.read(agent, body, revoking)
	if err == nil {
		_, err = m.fields.optional("reason", 2000) // read by nobody, and kept nowhere
	}
	if err != nil {
		return Status{}, fmt.Errorf("rights: agent %s revokes: %w", agent.ID, err)
	}
	var row store.AgentRequest
	err = a.store.Update(ctx, func(tx *store.Tx) error {
		if err := a.once(ctx, tx, m); err != nil {
			return err
		}
		if row, err = a.stand(ctx, tx, agent.ID, id); err != nil || row.State == stateRevoked {
			return err
		}
		if !row.Ended.IsZero() {
			return hearkeep.Errorf(hearkeep.Conflict, "This request has ended already.")
		}
		row.State, row.Reason, row.Looked, row.Ended = stateRevoked, "", true, a.now()
		if err := a.forgetEmail(&row); err != nil {
			return err
		}
		if err := tx.Agents.SetAgentRequest(ctx, row); err != nil {
			return err
		}
		// For the known and the unknown alike: what follows, if anything, is Run's.
		return tx.Jobs.Enqueue(ctx, jobRevoked, a.payload(row))
	})
	if err != nil {
		return Status{}, fmt.Errorf("rights: agent %s revokes: %w", agent.ID, err)
	}
	a.nudge()
	w, err := a.written(row)
	return a.status(row, w), err
}
