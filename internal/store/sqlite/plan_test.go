package sqlite

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

// plans gathers every statement that the contract runs, and asks SQLite how it
// would answer them on a large database.
type plans struct {
	mu         sync.Mutex
	statements map[string]bool
}

// note takes what a store has prepared. No call may be running.
func (p *plans) note(d *database) {
	select {
	case <-d.quit:
		return // closed, and noted before
	default:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for q := range d.writer.c.stmts {
		p.statements[q] = true
	}
	for range cap(d.readers) {
		c := <-d.readers
		for q := range c.stmts {
			p.statements[q] = true
		}
		d.readers <- c
	}
}

// large are the tables that grow with use, and their aliases: nothing that is
// asked while somebody waits may walk through one of them.
var large = []string{"recordings", "parts", "tombstones", "erasures", "ledger_entries", "ledger_hashes", "deliveries", "keyholders", "sessions", "requests", "archives", "reports", "restrictions", "claims", "incidents", "incident_steps", "affected", "communications", "recipients", "places", "agent_messages", "agent_requests", "channels", "watch_notes", "r", "p"}

// short are the indexes of what is not over yet: few rows of a large table,
// and walking through one of them in its order is how a queue is read.
var short = []string{"reports_open", "restrictions_in_force", "claims_open", "agent_requests_new", "deliveries_spoken", "incidents_open", "reports_new", "reports_loose"}

// patient are statements that may walk: nobody waits for them.
var patient = []string{
	"DELETE FROM deliveries WHERE state <>",                                                                  // a job, once in a while
	"SELECT count(*) FROM deliveries WHERE state = ?",                                                        // doctor
	"SELECT kind, state, count(*) FROM requests",                                                             // the operator's page
	"SELECT seq, leaf, salt, body, kind, vault, account, at FROM ledger_entries WHERE kind = ? ORDER BY seq", // Verify
	"DELETE FROM sessions WHERE 1", "UPDATE deliveries SET state = 'failed', sealed = NULL WHERE",            // a restore
}

// check fails where a statement walks through a large table, or sorts what it
// found in one of them before it gives out a page.
func (p *plans) check(t *testing.T, d *database) {
	explained := 0
	for _, q := range slices.Sorted(maps.Keys(p.statements)) {
		verb, _, _ := strings.Cut(q, " ")
		if !slices.Contains([]string{"SELECT", "INSERT", "UPDATE", "DELETE"}, verb) {
			continue // BEGIN and such
		}
		if slices.ContainsFunc(patient, func(begin string) bool { return strings.HasPrefix(q, begin) }) {
			continue
		}
		explained++
		for _, step := range explain(t, d, q) {
			words := strings.Fields(step)
			if words[0] == "SCAN" && slices.Contains(large, words[1]) && !slices.Contains(short, words[len(words)-1]) {
				t.Errorf("walks through a table: %s: %s", step, q)
			}
			if strings.Contains(step, "TEMP B-TREE") && (strings.Contains(q, "FROM recordings") || strings.Contains(q, "FROM parts")) {
				t.Errorf("sorts: %s: %s", step, q)
			}
		}
	}
	if explained < 100 {
		t.Errorf("statements explained: got %d, want those of the whole contract", explained)
	}
}

func explain(t *testing.T, d *database, query string) (steps []string) {
	t.Helper()
	nothing := make([]any, strings.Count(query, "?"))
	rows, err := d.side.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+query, nothing...)
	if err != nil {
		t.Fatalf("%v: %s", err, query)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	return steps
}
