package rights

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/hearkeep/hearkeep/internal/store"
)

// Callbacks are best effort (2.03).
const (
	callsAtOnce = 4
	maxCalls    = 20 // of one job: about two days
	maxSilent   = 3  // addresses of one agent that do not answer, until the others wait as well
)

// callAgain is how long after the n-th attempt the next one comes.
func callAgain(attempts int) time.Duration {
	waits := []time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour}
	return waits[min(attempts, len(waits)-1)]
}

// callBack tells agents how their requests stand: always the newest, which
// makes an older call that waits one of the same. An address that does not
// answer is left alone for a while, with all that would go there.
func (a *Agents) callBack(ctx context.Context) error {
	jobs, err := a.due(ctx, jobCallback)
	if err != nil {
		return err
	}
	of := map[string][]store.Job{}
	for _, job := range jobs {
		of[job.agent()] = append(of[job.agent()], job.Job)
	}
	var running sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	places := make(chan struct{}, callsAtOnce)
	for _, mine := range of {
		running.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			silent := map[string]bool{}
			for _, job := range mine {
				told := a.call(ctx, agentJob{job}, silent)
				err := a.store.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
					if told || job.Attempts >= maxCalls {
						return tx.Jobs.Done(ctx, job.ID)
					}
					return tx.Jobs.Retry(ctx, job.ID, a.now().Add(callAgain(job.Attempts)))
				})
				if err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	running.Wait()
	return wrapAgents(errors.Join(errs...), "call agents")
}

// call tells an agent how a request stands, and reports whether that is done
// with: it was taken, or there is nothing to tell or nobody to tell it to.
// silent are addresses that did not answer just now.
func (a *Agents) call(ctx context.Context, job agentJob, silent map[string]bool) bool {
	var row store.AgentRequest
	err := a.store.View(ctx, func(tx *store.Tx) (err error) {
		row, err = a.rowOf(ctx, tx, job)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return true
	}
	agent, ok := a.Directory.Agent(row.Agent)
	if err != nil || !ok {
		return err == nil
	}
	w, err := a.written(row)
	if err != nil || w.Callback == "" {
		return true
	}
	if silent[w.Callback] || len(silent) == maxSilent { // each takes seconds, in which nobody else is asked
		return false
	}
	body, err := json.Marshal(a.status(row, w))
	if err == nil {
		err = agent.call.Post(ctx, w.Callback, body)
	}
	if err != nil {
		silent[w.Callback] = true
		a.log.Warn("an agent was not told", "agent", agent.ID, "request", uuid(row.ID), "attempt", job.Attempts+1, "err", err)
		return false
	}
	return true
}
