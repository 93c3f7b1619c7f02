package vault_test

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// shelf is two vaults of one person, and what a few lines say is in each.
type shelf struct {
	h     *vaulttest.Home
	who   [2]vaulttest.Person
	kept  [2]map[hearkeep.RecordingID]string
	said  int
	rekey bool
}

// Whatever somebody keeps, erases, corrects, moves, brings and lets expire,
// with restarts and new keys in between: a release is all of it and nothing
// else, and its numbers add up. Another person's vault is there to be mixed in.
func TestReleaseIsWhole(t *testing.T) {
	checks := flag.Lookup("rapid.checks").Value.String()
	must(t, flag.Set("rapid.checks", "6")) // each is a whole keep
	defer flag.Set("rapid.checks", checks)
	rapid.Check(t, func(rt *rapid.T) {
		h := vaulttest.New(t)
		anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
		say(t, bert, "never hers")
		s := &shelf{h: h, who: [2]vaulttest.Person{anna, h.Vault(t, anna, vault.Shared)}}
		s.kept[0], s.kept[1] = map[hearkeep.RecordingID]string{}, map[hearkeep.RecordingID]string{}
		for range rapid.IntRange(6, 12).Draw(rt, "steps") {
			act := rapid.SampledFrom([]string{"say", "say", "bring", "erase", "correct", "move", "expire", "renew", "restart"}).Draw(rt, "act")
			at := rapid.IntRange(0, 1).Draw(rt, "vault")
			which := rapid.IntRange(0, 1<<20).Draw(rt, "which")
			if err := s.step(t, act, at, which); err != nil {
				rt.Fatalf("%s in %d: %v", act, at, err)
			}
		}
		for at := range s.who {
			if err := s.check(t, at); err != nil {
				rt.Fatalf("vault %d: %v", at, err)
			}
		}
		wantSound(t, h)
	})
}

// one is one of the recordings in a vault; false where there is none.
func (s *shelf) one(at, which int) (hearkeep.RecordingID, bool) {
	ids := slices.SortedFunc(maps.Keys(s.kept[at]), func(a, b hearkeep.RecordingID) int { return slices.Compare(a[:], b[:]) })
	if len(ids) == 0 {
		return hearkeep.RecordingID{}, false
	}
	return ids[which%len(ids)], true
}

func (s *shelf) step(t *testing.T, act string, at, which int) error {
	ctx, p := t.Context(), s.who[at]
	id, any := s.one(at, which)
	s.said++
	words := fmt.Sprint("sentence ", s.said)
	switch act {
	case "say":
		s.kept[at][say(t, p, words)] = words
	case "bring":
		b := brought(words)
		if !bring(t, p, s.h, b) {
			return fmt.Errorf("it was not kept")
		}
		s.kept[at][b.ID] = words
	case "restart":
		s.h.Reopen(t)
		for i := range s.who {
			s.who[i].Inbox = mustInbox(t, s.h.Keep, s.who[i])
		}
	case "renew":
		if s.rekey {
			return nil
		}
		s.rekey = true
		fresh := s.h.Rekeyed(t, p)
		s.who[0].Who, s.who[1].Who = fresh.Who, fresh.Who
		s.h.SQL(t, "UPDATE accounts SET changed = 0") // or everything waits for three days
		in, err := s.h.Desk.SignIn(ctx, "Anna", "correct horse battery", identity.Visitor{})
		if err != nil {
			return err
		}
		s.who[0].Who, s.who[1].Who = in.Who, in.Who
	}
	if !any {
		return nil
	}
	switch act {
	case "erase":
		if _, err := s.h.Enter(t, p).Erase(ctx, id); err != nil {
			return err
		}
		delete(s.kept[at], id)
	case "correct":
		if _, err := s.h.Enter(t, p).Correct(ctx, id, hearkeep.NewWords(words)); err != nil {
			return err
		}
		s.kept[at][id] = words
	case "expire":
		s.h.SQL(t, "UPDATE parts SET until = 1 WHERE recording = ?", id[:])
		if _, err := s.h.Keep.Expire(ctx, time.Now()); err != nil {
			return err
		}
		delete(s.kept[at], id)
	case "move":
		to := s.who[1-at]
		if _, err := vault.Move(ctx, s.h.Enter(t, p), s.h.Enter(t, to), id); err != nil {
			return err
		}
		all := s.kept[1-at]
		for words, it := range listed(t, s.h.Enter(t, to)) {
			if words == s.kept[at][id] {
				all[it.ID] = words
			}
		}
		delete(s.kept[at], id)
	}
	return nil
}

// check compares what a release and a courier give with what is to be there.
func (s *shelf) check(t *testing.T, at int) error {
	room := s.h.Enter(t, s.who[at])
	l := release(t, room)
	for _, a := range l.Accounts() {
		if int(a.Last) != a.Kept+a.Erased+a.Expired+a.Failed || a.Withheld+a.Failed > 0 {
			return fmt.Errorf("numbers do not add up: %+v", a)
		}
	}
	got, err := unpack(t, room, l)
	if err != nil {
		return err
	}
	if !slices.Equal(slices.Sorted(maps.Values(got.words)), slices.Sorted(maps.Values(s.kept[at]))) {
		return fmt.Errorf("a release of %d, want %d", len(got.words), len(s.kept[at]))
	}
	for _, c := range couriers(t, s.h, s.who[at]) {
		if c.Vault().ID != s.who[at].Vault {
			continue
		}
		words, err := delivered(t, c, freeze(t, c), s.who[at])
		if err != nil {
			return err
		}
		if !slices.Equal(slices.Sorted(slices.Values(words)), slices.Sorted(maps.Values(s.kept[at]))) {
			return fmt.Errorf("carried %d, want %d", len(words), len(s.kept[at]))
		}
	}
	return nil
}
