package rights

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Jobs of agents. Their payload is the agent's id behind the request's.
const (
	jobCallback = "agent callback" // tell the agent how a request stands
	jobRevoked  = "agent revoked"  // let go of what a request led to
)

// How Run goes about.
const (
	settle     = 2 * time.Second // least time between two looks
	share      = 10              // looking for people takes at most one part in so many of the time
	runEvery   = time.Minute
	lookAtOnce = 1000 // requests for which one look through all addresses is
	rowsAtOnce = 200  // rows read at one time
)

// Run looks for whom requests are, follows what became of them, and calls
// agents back, until ctx ends.
func (a *Agents) Run(ctx context.Context) error {
	tick := time.NewTicker(runEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		began := time.Now()
		if err := a.Turn(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("what agents asked waits", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(max(settle, share*time.Since(began))):
		}
		select {
		case <-ctx.Done():
		case <-a.wake:
		case <-tick.C:
		}
	}
	return nil
}

// Turn does once what Run does again and again.
func (a *Agents) Turn(ctx context.Context) error {
	return errors.Join(a.look(ctx), a.letGo(ctx), a.followAll(ctx), a.callBack(ctx))
}

// look finds for whom new requests are, and asks those people. Addresses lie
// sealed under salts of their own, so it opens every confirmed one, once for
// all requests that wait. An address costs about 5 microseconds: a second for
// 200,000 of them, however many requests there are.
func (a *Agents) look(ctx context.Context) error {
	var rows []store.AgentRequest
	err := a.store.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = tx.Agents.NewAgentRequests(ctx, lookAtOnce)
		return err
	})
	if err != nil || len(rows) == 0 {
		return wrapAgents(err, "new requests")
	}
	found, err := a.whose(ctx, rows)
	if err != nil {
		return wrapAgents(err, "look for people")
	}
	for _, row := range rows {
		if err := a.found(ctx, row, found[row.ID]); err != nil {
			return wrapAgents(err, "ask for request "+uuid(row.ID))
		}
	}
	return nil
}

// maxSharing bounds the accounts that are asked where one address is several
// people's.
const maxSharing = 4

// whose looks through all confirmed e-mail addresses, and returns for each row
// the accounts that have the one that its agent named.
func (a *Agents) whose(ctx context.Context, rows []store.AgentRequest) (map[hearkeep.AgentRequestID][]hearkeep.AccountID, error) {
	named := map[string][]hearkeep.AgentRequestID{}
	for _, row := range rows {
		w, err := a.written(row)
		if err != nil {
			a.log.Error("a request is left out: its row was altered or is damaged", "request", uuid(row.ID), "err", err)
			continue
		}
		if w.Email != "" {
			named[w.Email] = append(named[w.Email], row.ID)
		}
	}
	found := map[hearkeep.AgentRequestID][]hearkeep.AccountID{}
	for after := (hearkeep.ChannelID{}); len(named) > 0; {
		var page []store.Channel
		err := a.store.View(ctx, func(tx *store.Tx) (err error) {
			page, err = tx.Agents.ConfirmedEmails(ctx, after, rowsAtOnce)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, c := range page {
			address, err := seal.OpenHouse(a.house, seal.HouseChannel, c.ID, c.Address)
			if err != nil {
				continue // notify says so where a letter goes there
			}
			for _, id := range named[string(address)] {
				if len(found[id]) < maxSharing && !slices.Contains(found[id], c.Account) {
					found[id] = append(found[id], c.Account)
				}
			}
		}
		if len(page) < rowsAtOnce {
			return found, nil
		}
		after = page[len(page)-1].ID
	}
	return found, nil
}

// found notes that nobody has to look for a request any more, forgets the
// address, and asks the people that it may be about.
func (a *Agents) found(ctx context.Context, row store.AgentRequest, accounts []hearkeep.AccountID) error {
	agent, known := a.Directory.Agent(row.Agent)
	return a.store.Update(ctx, func(tx *store.Tx) error {
		row, err := tx.Agents.AgentRequest(ctx, row.Agent, row.ID)
		if err != nil || row.Looked {
			return err // revoked meanwhile
		}
		row.Looked = true
		if err := a.forgetEmail(&row); err != nil {
			a.log.Error("a request is emptied: its row was altered or is damaged", "request", uuid(row.ID), "err", err)
			if row.Sealed, err = a.seal(row.ID, written{}); err != nil {
				return err
			}
		}
		for _, account := range accounts {
			if !known {
				break // left the directory meanwhile
			}
			id, err := a.Desk.askedBy(ctx, tx, account, kindOf(row.Exercise), agent.Name)
			if err != nil {
				return err
			}
			// Of several people with one address it is about the first; the
			// others are asked all the same, and their agent learns nothing.
			if row.Account.IsZero() && !id.IsZero() {
				row.Account, row.Request = account, id
			}
		}
		return tx.Agents.SetAgentRequest(ctx, row)
	})
}

// letGo withdraws, for revoked requests, what was asked and never confirmed.
func (a *Agents) letGo(ctx context.Context) error {
	jobs, err := a.due(ctx, jobRevoked)
	if err != nil {
		return err
	}
	for _, job := range jobs {
		err := a.store.Update(ctx, func(tx *store.Tx) error {
			if row, err := a.rowOf(ctx, tx, job); err == nil {
				linked, err := a.linked(ctx, tx, row)
				if err == nil && linked != nil && linked.State == hearkeep.RequestAsked {
					err = a.Desk.take(ctx, tx, linked, stepWithdrawn, hearkeepItself())
				}
				if err != nil {
					return err
				}
			} else if !errors.Is(err, store.ErrNotFound) {
				return err
			}
			return tx.Jobs.Done(ctx, job.ID)
		})
		if err != nil {
			return wrapAgents(err, "let go of what was revoked")
		}
	}
	return nil
}

// followAll notes what became of open requests, and has agents told.
func (a *Agents) followAll(ctx context.Context) error {
	for after := (hearkeep.AgentRequestID{}); ; {
		var rows, changed []store.AgentRequest
		err := a.store.View(ctx, func(tx *store.Tx) (err error) {
			if rows, err = tx.Agents.OpenAgentRequests(ctx, after, rowsAtOnce); err != nil {
				return err
			}
			for _, row := range rows {
				next, err := a.next(ctx, tx, row)
				if err != nil {
					return err
				}
				if next.State != row.State || !next.Due.Equal(row.Due) {
					changed = append(changed, row)
				}
			}
			return nil
		})
		if err == nil && len(changed) > 0 {
			err = a.store.Update(ctx, func(tx *store.Tx) error { return a.note(ctx, tx, changed) })
		}
		if err != nil || len(rows) < rowsAtOnce {
			return wrapAgents(err, "follow requests")
		}
		after = rows[len(rows)-1].ID
	}
}

func (a *Agents) next(ctx context.Context, tx *store.Tx, row store.AgentRequest) (store.AgentRequest, error) {
	linked, err := a.linked(ctx, tx, row)
	return a.follow(row, linked, a.now()), err
}

// note stores how requests stand now, each with a call to its agent.
func (a *Agents) note(ctx context.Context, tx *store.Tx, rows []store.AgentRequest) error {
	for _, row := range rows {
		row, err := tx.Agents.AgentRequest(ctx, row.Agent, row.ID)
		if err != nil {
			return err
		}
		next, err := a.next(ctx, tx, row)
		if err != nil {
			return err
		}
		if err := errors.Join(tx.Agents.SetAgentRequest(ctx, next), tx.Jobs.Enqueue(ctx, jobCallback, a.payload(next))); err != nil {
			return err
		}
	}
	return nil
}

// agentJob is a job of agents.
type agentJob struct{ store.Job }

func (a *Agents) payload(row store.AgentRequest) []byte {
	return append(row.ID[:], row.Agent...)
}

func (j agentJob) agent() string { return string(j.Payload[min(16, len(j.Payload)):]) }

func (a *Agents) rowOf(ctx context.Context, tx *store.Tx, job agentJob) (store.AgentRequest, error) {
	if len(job.Payload) < 16 {
		return store.AgentRequest{}, store.ErrNotFound
	}
	return tx.Agents.AgentRequest(ctx, job.agent(), hearkeep.AgentRequestID(job.Payload[:16]))
}

func (a *Agents) due(ctx context.Context, kind string) (list []agentJob, err error) {
	var jobs []store.Job
	err = a.store.View(ctx, func(tx *store.Tx) (err error) {
		jobs, err = tx.Jobs.Due(ctx, kind, a.now(), rowsAtOnce)
		return err
	})
	for _, j := range jobs {
		list = append(list, agentJob{j})
	}
	return list, wrapAgents(err, "jobs")
}

func wrapAgents(err error, what string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("rights: agents: %s: %w", what, err)
}
