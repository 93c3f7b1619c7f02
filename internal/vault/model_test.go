package vault_test

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// world is a shared vault, and what a few lines say of who opens what in it.
type world struct {
	h      *vaulttest.Home
	people []vaulttest.Person
	door   vaulttest.Person
	n      hearkeep.Generation
	from   []hearkeep.Generation // by person: the first generation held; 0 for none
	said   map[hearkeep.RecordingID]hearkeep.Generation
	renews []bool // by person: whether their keys were renewed
}

func (w *world) holders() (who []int) {
	for i, from := range w.from {
		if from > 0 {
			who = append(who, i)
		}
	}
	return who
}

// lost says whether something is kept that only i opens.
func (w *world) lost(i int) bool {
	first := w.n + 1
	for _, j := range w.holders() {
		if j != i {
			first = min(first, w.from[j])
		}
	}
	for _, n := range w.said {
		if n >= w.from[i] && n < first {
			return true
		}
	}
	return false
}

// Four people share a vault, and come and go as they like. After each step
// each of them opens what they should, and nothing else.
func TestWhoOpensWhat(t *testing.T) {
	checks := flag.Lookup("rapid.checks").Value.String()
	must(t, flag.Set("rapid.checks", "8")) // each is a whole keep
	defer flag.Set("rapid.checks", checks)
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(5, 10).Draw(rt, "steps") {
			act := rapid.SampledFrom([]string{"invite", "invite", "remove", "leave", "renew", "past"}).Draw(rt, "act")
			who := rapid.SampledFrom(w.holders()).Draw(rt, "who")
			whom := rapid.IntRange(0, len(w.people)-1).Draw(rt, "whom")
			past := rapid.Bool().Draw(rt, "past")
			if err := w.step(t, act, who, whom, past); err != nil {
				rt.Fatalf("%s by %d of %d: %v", act, who, whom, err)
			}
			if err := w.check(t); err != nil {
				rt.Fatalf("after %s by %d of %d: %v", act, who, whom, err)
			}
		}
		wantSound(t, w.h)
	})
}

func newWorld(t *testing.T) *world {
	w := &world{h: vaulttest.New(t), n: 1, from: []hearkeep.Generation{1, 0, 0, 0}, renews: make([]bool, 4), said: map[hearkeep.RecordingID]hearkeep.Generation{}}
	for i := range 4 {
		w.people = append(w.people, w.h.Person(t, fmt.Sprintf("Person %d", i)))
	}
	w.door = withSpeaker(t, w.h, w.h.Vault(t, w.people[0], vault.Shared))
	for i := range w.people {
		w.people[i].Vault = w.door.Vault
	}
	return w
}

// step does something and says what became of it; what may not be is refused.
func (w *world) step(t *testing.T, act string, who, whom int, past bool) error {
	ctx, a, b := t.Context(), w.people[who], w.people[whom]
	room, err := w.h.Keep.Enter(ctx, a.Who, a.Vault)
	if err != nil {
		return err
	}
	switch act {
	case "invite":
		link, err := room.Invite(ctx, vault.Invitation{As: "holder", Past: past})
		if err != nil {
			return err
		}
		if err := w.h.Desk.Accept(ctx, b.Who, link); w.from[whom] > 0 {
			return wantErr(err, hearkeep.Conflict)
		} else if err != nil {
			return err
		}
		first := w.holders()[0] // whoever comes by lets them in, and gives what they have themselves
		by := w.people[first]
		if _, err := w.h.Keep.Enter(ctx, by.Who, by.Vault); err != nil {
			return err
		}
		w.n++
		if w.from[whom] = w.n; past {
			w.from[whom] = max(w.from[who], w.from[first])
		}
	case "remove":
		err := room.RemoveHolder(ctx, b.Who.Account())
		switch {
		case who == whom:
			return wantErr(err, hearkeep.Invalid)
		case w.from[whom] == 0:
			return wantErr(err, hearkeep.NotFound)
		case err != nil:
			return err
		}
		w.n, w.from[whom] = w.n+1, 0
	case "leave":
		err := room.Leave(ctx)
		if len(w.holders()) == 1 || w.lost(who) {
			return wantErr(err, hearkeep.Conflict)
		}
		if err != nil {
			return err
		}
		w.n, w.from[who] = w.n+1, 0 // as soon as another enters
	case "renew":
		if w.renews[who] {
			return nil
		}
		w.renews[who] = true
		w.people[who] = w.h.Rekeyed(t, a)
		w.n++
	case "past":
		err := room.GivePast(ctx, b.Who.Account())
		switch {
		case w.from[whom] == 0 || who == whom:
			return wantErr(err, hearkeep.NotFound)
		case w.from[whom] <= w.from[who]:
			return wantErr(err, hearkeep.Conflict)
		case err != nil:
			return err
		}
		w.from[whom] = w.from[who]
	}
	return nil
}

func wantErr(err error, want hearkeep.Code) error {
	if err == nil || hearkeep.CodeOf(err) != want {
		return fmt.Errorf("got %v, want %s", err, want)
	}
	return nil
}

// check has somebody come by, says something, and looks at who opens what.
func (w *world) check(t *testing.T) error {
	ctx := t.Context()
	first := w.people[w.holders()[0]]
	if _, err := w.h.Keep.Enter(ctx, first.Who, first.Vault); err != nil {
		return err
	}
	r := taken(fmt.Sprint("in generation ", w.n))
	if err := w.door.Inbox.Keep(ctx, r); err != nil {
		return err
	}
	w.said[r.ID] = w.n
	for i, p := range w.people {
		room, err := w.h.Keep.Enter(ctx, p.Who, p.Vault)
		if w.from[i] == 0 {
			if err := wantErr(err, hearkeep.NotFound); err != nil {
				return fmt.Errorf("%d enters: %w", i, err)
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("%d enters: %w", i, err)
		}
		items, _, _, err := room.List(ctx, vault.Cursor{}, 100)
		if err != nil {
			return err
		}
		for id, n := range w.said {
			at := slices.IndexFunc(items, func(it vault.Item) bool { return it.ID == id })
			if got, want := at >= 0 && items[at].HasWords, n >= w.from[i]; got != want || at >= 0 && items[at].Damaged {
				return fmt.Errorf("%d, who holds %d and later, opens what is of %d: %v", i, w.from[i], n, got)
			}
		}
		if len(items) > len(w.said) {
			return errors.New("there is more than was said")
		}
	}
	return nil
}
