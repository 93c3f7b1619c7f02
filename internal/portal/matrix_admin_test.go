package portal

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
)

// TestAdminOpensNothing: an admin of a household, who holds none of its
// vaults, asks every page and every route for all that lies in them, with a
// browser and a terminal, fresh and stale; and then does all that an admin
// may, and asks again. Nothing opens, and nothing was opened.
func TestAdminOpensNothing(t *testing.T) {
	withoutDetector(t)
	t.Parallel()
	m := newMatrix(t)
	m.archives = true
	m.prepare()
	routes := (&portal{}).routes()
	for _, row := range routes {
		for _, who := range m.admins() {
			for _, c := range m.some(m.cells(row, who, m.odds()), 5) {
				if o := m.rule(c); row.method == "GET" || o != served && o != answered {
					m.finds(c, m.ask(c))
				}
			}
		}
		if m.stale() {
			m.openedNothing(m.people["Otto"])
			m.ages()
		}
	}
	m.openedNothing(m.people["Otto"])
	acts := 0
	for _, row := range routes {
		if row.method == "GET" || !slices.Contains([]object{household, member, invitation, houseDoor}, row.on) {
			continue
		}
		for _, who := range m.admins() {
			if !who.fresh {
				continue
			}
			cells := slices.DeleteFunc(m.cells(row, who, nil), func(c cell) bool { return m.rule(c) != served })
			m.rng.Shuffle(len(cells), func(a, b int) { cells[a], cells[b] = cells[b], cells[a] })
			for _, c := range cells[:min(len(cells), 2)] {
				if outcomeOf(m.ask(c)) != served {
					continue
				}
				acts++
				m.holdsNoMore(c)
				m.listens(c)
				m.openedNothing(who.who)
				m.reset()
			}
		}
		m.ages()
	}
	if acts < 10 {
		t.Errorf("an admin did %d things, which are too few to be all", acts)
	}
	t.Logf("%d calls; asked again after each of %d things that an admin may do", m.calls, acts)
}

// admins are the callers who are Otto, of the town as it stands.
func (m *matrix) admins() []asker {
	return slices.DeleteFunc(m.callers(), func(a asker) bool { return a.who == nil || a.who.name != "Otto" })
}

// finds reports an answer that lets a caller have what lies in a vault that
// they do not hold.
func (m *matrix) finds(c cell, got answerTo) {
	m.t.Helper()
	foreign := func(id hearkeep.VaultID) bool { _, ok := m.held(c.caller, id); return !ok }
	names := strings.Contains(c.row.pattern, "{vault}") && foreign(c.open) ||
		c.object != nil && slices.Contains([]object{recording, receipt, timer, binding}, c.object.kind) && foreign(c.object.vault)
	if names && got.Status < 400 && outcomeOf(got) == served {
		m.t.Errorf("%v: answers %d", c, got.Status)
	}
	if strings.HasPrefix(got.Header.Get("Content-Type"), "audio/") && names {
		m.t.Errorf("%v: answers with sound", c)
	}
}

// listens asks for every recording of the vaults that a caller does not hold.
func (m *matrix) listens(after cell) {
	m.t.Helper()
	for _, row := range (&portal{}).routes() {
		if row.method != "GET" || row.on != recording {
			continue
		}
		for _, c := range m.cells(row, after.caller, nil) {
			if m.rule(c) != nowhere || row.api == nil && !c.caller.browser {
				continue
			}
			if got := m.call(c, "application/json"); got.Status != http.StatusNotFound {
				m.t.Errorf("after %v: %v answers %d", after, c, got.Status)
			}
		}
	}
}

// openedNothing looks into the ledger for openings in vaults that are not
// somebody's own.
func (m *matrix) openedNothing(p *resident) {
	m.t.Helper()
	all, err := m.ledger.Entries(m.t.Context(), hearkeep.VaultID{}, 0, 1<<20)
	m.must(err)
	for _, e := range all {
		if e.Kind == ledger.KindOpened && e.Account != nil && *e.Account == p.account && (e.Vault == nil || *e.Vault != p.own) {
			m.t.Errorf("%s opened something in %v", p.name, e.Vault)
		}
	}
}
