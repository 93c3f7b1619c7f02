package incident

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// history is what happened in some homes, as a few lines know it: who held
// which vault, what was kept, and what the ledger says. It is made at random,
// one event after the other.
type history struct {
	*rand.Rand
	now      time.Time
	vaults   []*homeVault
	accounts []hearkeep.AccountID
	entries  []store.LedgerEntry
	archives []store.Archive
	sessions []string
	bound    int // doors so far
}

type homeVault struct {
	id          hearkeep.VaultID
	generations []store.Generation
	past        map[hearkeep.AccountID]hearkeep.Generation // from which on each holder can open; of who holds it now
	doors       []store.Binding
	items       []*item
}

// item is one number of one door.
type item struct {
	vault      *homeVault
	door       hearkeep.BindingID
	bound      time.Time
	number     hearkeep.Number
	generation hearkeep.Generation
	start      time.Time
	kept       time.Time
	gone       time.Time // zero while it stands
	failed     bool      // nothing was ever kept
}

// idOf returns a made-up id.
func idOf(kind byte, n int) (id [16]byte) {
	id[0], id[14], id[15] = kind, byte(n>>8), byte(n)
	return id
}

func (v *homeVault) current() store.Generation { return v.generations[len(v.generations)-1] }

func (h *history) write(e ledger.Entry) {
	e.At = h.now
	body, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	row := store.LedgerEntry{Seq: int64(len(h.entries)), Salt: make([]byte, 32), Body: body, Kind: string(e.Kind), At: e.At}
	row.Leaf = ledger.Leaf(row.Salt, row.Body)
	if e.Vault != nil {
		row.Vault = *e.Vault
	}
	if e.Account != nil {
		row.Account = *e.Account
	}
	h.entries = append(h.entries, row)
}

// live lets one thing happen.
func (h *history) live() {
	h.now = h.now.Add(time.Duration(h.IntN(4)) * 20 * time.Minute)
	if len(h.vaults) == 0 || h.IntN(12) == 0 && len(h.vaults) < 4 {
		h.make()
		return
	}
	v := h.vaults[h.IntN(len(h.vaults))]
	switch h.IntN(15) {
	case 0, 12:
		h.comes(v)
	case 1, 13:
		h.goes(v)
	case 2:
		h.bind(v)
	case 3, 4, 5:
		h.keep(v)
	case 6, 7:
		h.open(v)
	case 8, 9:
		h.handOver()
	case 10, 14:
		h.forget(v)
	case 11:
		h.write(ledger.Entry{Kind: ledger.KindSignedIn, Account: &h.accounts[0], Session: h.session()})
	}
}

func (h *history) session() string { return h.sessions[h.IntN(len(h.sessions))] }

func (h *history) make() {
	who := h.accounts[h.IntN(len(h.accounts))]
	v := &homeVault{id: idOf(2, len(h.vaults)), past: map[hearkeep.AccountID]hearkeep.Generation{who: 1}}
	v.generations = []store.Generation{{Vault: v.id, N: 1, Keyholders: []hearkeep.AccountID{who}, Created: h.now}}
	h.vaults = append(h.vaults, v)
	h.write(ledger.Entry{Kind: ledger.KindKeys, Account: &who, Vault: &v.id, Purpose: "vault made", Session: h.session()})
	h.bind(v)
}

func (h *history) generation(v *homeVault, holders []hearkeep.AccountID) {
	by := v.current().Keyholders[0]
	v.generations = append(v.generations, store.Generation{Vault: v.id, N: v.current().N + 1, Keyholders: holders, Created: h.now})
	h.write(ledger.Entry{Kind: ledger.KindKeys, Account: &by, Vault: &v.id, Purpose: "generation made", Session: h.session()})
}

// comes gives the vault to one more, with what was kept before or without.
func (h *history) comes(v *homeVault) {
	who := h.accounts[h.IntN(len(h.accounts))]
	if _, holds := v.past[who]; holds || len(v.past) == 0 {
		return
	}
	h.generation(v, append(slices.Clone(v.current().Keyholders), who))
	if v.past[who] = v.current().N; h.IntN(2) == 0 {
		v.past[who] = 1
	}
	h.write(ledger.Entry{Kind: ledger.KindKeys, Account: &who, Vault: &v.id, Purpose: "keyholder added"})
}

// goes takes the keys from one: a generation without them, or, of the last,
// the vault ends and its rows stay.
func (h *history) goes(v *homeVault) {
	if len(v.past) == 0 {
		return
	}
	holders := slices.Clone(v.current().Keyholders)
	i := h.IntN(len(holders))
	who := holders[i]
	delete(v.past, who)
	h.write(ledger.Entry{Kind: ledger.KindKeys, Account: &who, Vault: &v.id, Purpose: "keyholder left"})
	if len(holders) == 1 {
		for _, it := range v.items {
			if it.gone.IsZero() {
				it.gone = h.now
			}
		}
		return
	}
	h.generation(v, slices.Delete(holders, i, i+1))
}

func (h *history) bind(v *homeVault) {
	if len(v.past) == 0 {
		return
	}
	b := store.Binding{ID: idOf(3, h.bound), Vault: v.id, Generation: 1, Next: 1, Created: h.now, Rule: hearkeep.RoomRule{Keep: hearkeep.KeepAll}}
	h.bound++
	v.doors = append(v.doors, b)
	h.write(ledger.Entry{Kind: ledger.KindBound, Vault: &v.id, Binding: &b.ID})
}

// keep keeps some recordings at one door: what was said just now, or brought
// from elsewhere, long ago.
func (h *history) keep(v *homeVault) {
	if len(v.past) == 0 || len(v.doors) == 0 {
		return
	}
	b := &v.doors[h.IntN(len(v.doors))]
	for range 1 + h.IntN(4) {
		start := h.now.Add(-time.Duration(h.IntN(3)) * time.Hour)
		it := &item{vault: v, door: b.ID, bound: b.Created, number: b.Next, generation: v.current().N, start: start, kept: h.now}
		if h.IntN(10) == 0 {
			it.failed, it.gone = true, h.now
		}
		v.items = append(v.items, it)
		b.Next++
	}
}

// some are some of what stands in a vault, as runs.
func (h *history) some(v *homeVault, opens hearkeep.Generation) (items []*item, runs []hearkeep.Run) {
	numbers := map[hearkeep.BindingID][]hearkeep.Number{}
	for _, it := range v.items {
		if it.gone.IsZero() && it.generation >= opens && h.IntN(3) > 0 {
			items, numbers[it.door] = append(items, it), append(numbers[it.door], it.number)
		}
	}
	for _, b := range v.doors {
		runs = append(runs, hearkeep.Runs(b.ID, numbers[b.ID])...)
	}
	return items, runs
}

func (h *history) holder(v *homeVault) (who hearkeep.AccountID, opens hearkeep.Generation, ok bool) {
	if len(v.past) == 0 {
		return who, 0, false
	}
	who = v.current().Keyholders[h.IntN(len(v.current().Keyholders))]
	return who, v.past[who], true
}

func (h *history) open(v *homeVault) {
	who, opens, ok := h.holder(v)
	if !ok {
		return
	}
	if _, runs := h.some(v, opens); len(runs) > 0 {
		h.write(ledger.Entry{Kind: ledger.KindOpened, Account: &who, Vault: &v.id, Session: h.session(), Purpose: "listen", Items: runs})
	}
}

// handOver lets an archive of all that somebody holds leave.
func (h *history) handOver() {
	who := h.accounts[h.IntN(len(h.accounts))]
	a := store.Archive{ID: idOf(4, len(h.archives)), Request: idOf(5, len(h.archives)), Account: who, Made: h.now.Add(-time.Minute)}
	h.archives = append(h.archives, a)
	session := h.session()
	for _, v := range h.vaults {
		opens, holds := v.past[who]
		if !holds {
			continue
		}
		if _, runs := h.some(v, opens); len(runs) > 0 {
			h.write(ledger.Entry{Kind: ledger.KindDisclosed, Account: &who, Vault: &v.id, Session: session, Archive: &a.ID, Items: runs})
		}
	}
}

func (h *history) forget(v *homeVault) {
	items, runs := h.some(v, 0)
	if len(items) == 0 {
		return
	}
	for _, it := range items {
		it.gone = h.now
	}
	h.write(ledger.Entry{Kind: ledger.KindErased, Vault: &v.id, Items: runs})
}

// expire takes their bodies from the oldest entries.
func (h *history) expire() {
	before := h.time()
	for i, e := range h.entries {
		if e.At.Before(before) {
			h.entries[i].Body, h.entries[i].Salt = nil, nil
		}
	}
}

var began = time.Date(2026, time.March, 28, 22, 0, 0, 0, time.UTC)

// time is some time of the history, or just before or after it.
func (h *history) time() time.Time {
	return began.Add(time.Duration(h.IntN(int(h.now.Sub(began)/time.Minute)+60)-20) * time.Minute)
}

// newHistory makes one up.
func newHistory(seed uint64, events int) *history {
	h := &history{Rand: rand.New(rand.NewPCG(seed, 0)), now: began}
	for i := range 4 {
		h.accounts = append(h.accounts, idOf(1, i))
		h.sessions = append(h.sessions, fmt.Sprintf("%016x", i))
	}
	for len(h.vaults) == 0 || events > 0 {
		h.live()
		events--
	}
	h.Rand = rand.New(rand.NewPCG(seed, 1)) // the same of a shorter one
	if h.IntN(3) == 0 {
		h.expire()
	}
	return h
}

// clauses are what somebody looks for in it, wider and narrower.
func (h *history) clauses() (all []Clause) {
	for range 1 + h.IntN(4) {
		var c Clause
		switch h.IntN(6) {
		case 0:
			c.Archive = idOf(4, h.IntN(len(h.archives)+1))
		case 1:
			c.Session = h.session()
		case 2:
			c.Account = h.accounts[h.IntN(len(h.accounts))]
		case 3:
			v := h.vaults[h.IntN(len(h.vaults))]
			b := v.doors[h.IntN(len(v.doors))]
			if c.Binding = b.ID; h.IntN(3) == 0 {
				c.Number = hearkeep.Number(h.IntN(int(b.Next) + 1))
			}
		case 4:
			c.Vault = h.vaults[h.IntN(len(h.vaults))].id
		}
		if c.Archive.IsZero() {
			if h.IntN(2) == 0 {
				c.From = h.time()
			}
			if h.IntN(2) == 0 {
				c.To = h.time()
			}
		}
		c.Without = len(all) > 0 && h.IntN(3) == 0
		all = append(all, c)
	}
	return all
}

// store writes a history into rows.
func (h *history) store(ctx context.Context, tx *store.Tx) error {
	var errs []error
	must := func(err error) { errs = append(errs, err) }
	must(tx.Ledger.Append(ctx, h.entries, nil))
	for _, a := range h.archives {
		must(tx.Rights.InsertArchive(ctx, a))
	}
	recordings := 0
	for _, v := range h.vaults {
		must(tx.Vaults.InsertVault(ctx, store.Vault{ID: v.id, Kind: "shared", Created: began}))
		for _, g := range v.generations {
			must(tx.Vaults.InsertGeneration(ctx, g))
			for who, past := range v.past {
				if g.N >= past {
					must(tx.Vaults.InsertKeyholder(ctx, store.Keyholder{Vault: v.id, Generation: g.N, Account: who}))
				}
			}
		}
		for _, b := range v.doors {
			must(tx.Vaults.InsertBinding(ctx, b))
		}
		for _, it := range v.items {
			if it.gone.IsZero() {
				recordings++
				must(tx.Vaults.InsertRecording(ctx, store.Recording{
					ID: idOf(6, recordings), Vault: v.id, Binding: it.door, Number: it.number,
					Generation: it.generation, Start: it.start, Kept: it.kept,
				}, nil))
				continue
			}
			outcome := hearkeep.OutcomeErased
			if it.failed {
				outcome = hearkeep.OutcomeFailed
			}
			must(tx.Vaults.InsertTombstones(ctx, v.id, outcome, it.gone, []hearkeep.Run{{Binding: it.door, From: it.number, To: it.number}}))
		}
	}
	return errors.Join(errs...)
}
