package incident

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// people of the stories below.
const (
	anna = iota
	ben
	clara
)

// home is a history that is written down, not made up at random: one vault
// with one door, which Anna made.
type home struct {
	*history
	*homeVault
}

func newHome() home {
	h := &history{Rand: rand.New(rand.NewPCG(1, 1)), now: began, sessions: []string{"00000000000000aa"}}
	for i := range 3 {
		h.accounts = append(h.accounts, idOf(1, i))
	}
	v := &homeVault{id: idOf(2, 0), past: map[hearkeep.AccountID]hearkeep.Generation{h.accounts[anna]: 1}}
	h.vaults = append(h.vaults, v)
	o := home{h, v}
	v.generations = []store.Generation{{Vault: v.id, N: 1, Keyholders: h.accounts[:1], Created: began}}
	h.write(ledger.Entry{Kind: ledger.KindKeys, Account: &h.accounts[anna], Vault: &v.id, Purpose: "vault made"})
	h.bind(v)
	return o
}

// hold makes a generation of some; who came gets the past where it is given.
func (o home) hold(past bool, who ...int) {
	var accounts []hearkeep.AccountID
	next := o.current().N + 1
	was := o.homeVault.past
	o.homeVault.past = map[hearkeep.AccountID]hearkeep.Generation{}
	for _, i := range who {
		accounts = append(accounts, o.accounts[i])
		from, held := was[o.accounts[i]]
		if !held {
			if from = next; past {
				from = 1
			}
			o.write(ledger.Entry{Kind: ledger.KindKeys, Account: &o.accounts[i], Vault: &o.id, Purpose: "keyholder added"})
		}
		o.homeVault.past[o.accounts[i]] = from
	}
	o.generation(o.homeVault, accounts)
}

func (o home) later() { o.now = o.now.Add(time.Hour) }

// say keeps n recordings.
func (o home) say(n int) {
	b := &o.doors[0]
	for range n {
		o.items = append(o.items, &item{
			vault: o.homeVault, door: b.ID, bound: b.Created, number: b.Next, generation: o.current().N, start: o.now, kept: o.now,
		})
		b.Next++
	}
}

func (o home) erase(numbers ...int) {
	for _, n := range numbers {
		o.items[n-1].gone = o.now
	}
}

// entry writes that some numbers were opened, or left in the first archive.
func (o home) entry(kind ledger.Kind, who, from, to int) {
	e := ledger.Entry{
		Kind: kind, Account: &o.accounts[who], Vault: &o.id, Session: o.sessions[0],
		Items: []hearkeep.Run{{Binding: o.doors[0].ID, From: hearkeep.Number(from), To: hearkeep.Number(to)}},
	}
	if kind == ledger.KindDisclosed {
		e.Archive = new(hearkeep.ArchiveID(idOf(4, 0)))
	}
	o.write(e)
}

// Who is told of what, in stories that people can check by hand.
func TestAffectedPeople(t *testing.T) {
	left := Clause{Archive: idOf(4, 0)}
	for _, c := range []struct {
		name    string
		live    func(o home)
		clauses func(o home) []Clause
		want    []string
		lost    int
	}{
		{name: "an archive, and nothing beside it", live: func(o home) {
			o.say(5)
			o.later()
			o.entry(ledger.KindDisclosed, anna, 2, 4)
		}, want: []string{"Anna 2-4 handed over"}},
		{name: "who left the vault is told of what was kept with them", live: func(o home) {
			o.hold(false, anna, ben)
			o.say(2)
			o.later()
			o.hold(false, anna)
			o.say(1)
			o.later()
			o.entry(ledger.KindDisclosed, anna, 1, 3)
		}, want: []string{"Anna 1-3 handed over", "Ben 1-2 handed over"}},
		{name: "who came later is not told of what they cannot open", live: func(o home) {
			o.say(2)
			o.later()
			o.hold(false, anna, clara)
			o.say(1)
			o.later()
			o.entry(ledger.KindDisclosed, anna, 1, 3)
		}, want: []string{"Anna 1-3 handed over", "Clara 3-3 handed over"}},
		{name: "who came later with the past is told of all", live: func(o home) {
			o.say(2)
			o.later()
			o.hold(true, anna, clara)
			o.later()
			o.entry(ledger.KindDisclosed, anna, 1, 2)
		}, want: []string{"Anna 1-2 handed over", "Clara 1-2 handed over"}},
		{name: "who came after it happened is not told", live: func(o home) {
			o.say(2)
			o.later()
			o.entry(ledger.KindDisclosed, anna, 1, 2)
			o.later()
			o.hold(true, anna, clara)
		}, want: []string{"Anna 1-2 handed over"}},
		{name: "what was erased since is named still", live: func(o home) {
			o.say(3)
			o.later()
			o.entry(ledger.KindDisclosed, anna, 1, 3)
			o.later()
			o.erase(2)
		}, want: []string{"Anna 1-3 handed over"}},
		{name: "an archive whose entry has lost its body", live: func(o home) {
			o.say(3)
			o.later()
			o.entry(ledger.KindDisclosed, anna, 1, 3)
			o.entries[len(o.entries)-1].Body = nil
		}, lost: 1},
		{name: "an entry that was altered is not believed", live: func(o home) {
			o.say(3)
			o.later()
			o.entry(ledger.KindOpened, anna, 1, 3)
			o.entry(ledger.KindOpened, anna, 2, 2)
			altered := &o.entries[len(o.entries)-2]
			altered.Body = bytes.Replace(altered.Body, []byte(`"From":1`), []byte(`"From":3`), 1)
		}, clauses: func(o home) []Clause { return []Clause{{Vault: o.id}} }, want: []string{"Anna 2-2 opened"}, lost: 1},
		{name: "the gravest remains", live: func(o home) {
			o.say(4)
			o.later()
			o.entry(ledger.KindOpened, anna, 1, 4)
			o.later()
			o.entry(ledger.KindDisclosed, anna, 2, 3)
		}, clauses: func(o home) []Clause { return []Clause{left, {Session: o.sessions[0]}} },
			want: []string{"Anna 1-1 opened", "Anna 2-3 handed over", "Anna 4-4 opened"}},
		{name: "narrowed by a session", live: func(o home) {
			o.say(4)
			o.later()
			o.entry(ledger.KindOpened, anna, 1, 4)
			o.sessions[0] = "00000000000000bb"
			o.entry(ledger.KindOpened, anna, 3, 3)
		}, clauses: func(o home) []Clause { return []Clause{{Vault: o.id}, {Session: "00000000000000bb", Without: true}} },
			want: []string{"Anna 1-2 opened", "Anna 4-4 opened"}},
		{name: "keys in other hands for a while", live: func(o home) {
			o.say(1)
			o.later()
			o.hold(false, anna, ben)
			o.say(2)
			o.later()
			o.hold(false, anna)
			o.say(1)
		}, clauses: func(o home) []Clause { return []Clause{{Account: o.accounts[ben]}} },
			// Of who holds it no more, it is not known what of the past they had.
			want: []string{"Anna 1-3 within reach", "Ben 1-3 within reach"}},
		{name: "a door in the wrong home, in a window", live: func(o home) {
			o.say(2)
			o.later()
			o.say(2)
			o.later()
			o.say(2)
			o.later()
			o.erase(2, 6)
		}, clauses: func(o home) []Clause {
			// When what is gone began is not known: number 2 may have begun then.
			return []Clause{{Binding: o.doors[0].ID, From: began.Add(time.Hour), To: began.Add(2 * time.Hour)}}
		}, want: []string{"Anna 2-4 kept wrongly", "Anna 6-6 kept wrongly"}},
		{name: "one recording of a door", live: func(o home) { o.say(3) },
			clauses: func(o home) []Clause { return []Clause{{Binding: o.doors[0].ID, Number: 2, From: began}} },
			want:    []string{"Anna 2-2 kept wrongly"}},
		{name: "a number under which nothing is", live: func(o home) { o.say(3) },
			clauses: func(o home) []Clause { return []Clause{{Binding: o.doors[0].ID, Number: 4}} }},
		{name: "a window ends before its end", live: func(o home) {
			o.say(1)
			o.later()
			o.entry(ledger.KindOpened, anna, 1, 1)
		}, clauses: func(o home) []Clause { return []Clause{{To: began.Add(time.Hour)}} }},
		{name: "an archive that there is not", live: func(o home) { o.say(1) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newHome()
			c.live(o)
			clauses := []Clause{left}
			if c.clauses != nil {
				clauses = c.clauses(o)
			}
			s, err := o.look(t.Context(), openStore(t), clauses)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range s.Affected {
				name := map[hearkeep.AccountID]string{o.accounts[anna]: "Anna", o.accounts[ben]: "Ben", o.accounts[clara]: "Clara"}[a.Account]
				got = append(got, fmt.Sprintf("%s %d-%d %s", name, a.From, a.To, a.How))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("affected (-want +got):\n%s", diff)
			}
			if s.Lost != c.lost {
				t.Errorf("lost: got %d, want %d", s.Lost, c.lost)
			}
			if diff := cmp.Diff(o.reference(clauses), s); diff != "" && !strings.Contains(c.name, "altered") {
				t.Errorf("the reference (-want +got):\n%s", diff)
			}
		})
	}
}
