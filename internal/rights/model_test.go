package rights

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
	"pgregory.net/rapid"
)

// histories is how many random histories TestHistories goes through; the long
// form is behind make soak.
var histories = flag.Int("histories", 2000, "random histories of archives to go through")

// People are dear to make: a world is used for some histories.
const (
	settlers       = 5
	worldLife      = 20 // histories
	historyStreams = 4
)

// utterance is one recording as a few lines know it: what it says now, how it
// sounded, and who is to be given it.
type utterance struct {
	id    hearkeep.RecordingID
	vault hearkeep.VaultID
	words string
	sound string
	opens map[int]bool // by settler
}

// settlement is some people of whom some share a vault, and what each of them
// must be given.
type settlement struct {
	*office
	people []vaulttest.Person
	shared vaulttest.Person // the first settler, in the shared vault
	holds  map[int]bool     // who holds the shared vault
	kept   []*utterance
	frozen map[hearkeep.VaultID]bool
	among  int // the first so many settlers take part
	spoken int // how often somebody spoke
}

// Whatever people do, in whatever order, with failures and restarts between:
// an archive holds all that is its owner's, and not one byte of anybody else.
func TestHistories(t *testing.T) {
	checks, n := flag.Lookup("rapid.checks").Value.String(), *histories
	if underRace {
		n = min(n, 16) // it looks for races here, and takes ten times as long
	}
	if err := flag.Set("rapid.checks", strconv.Itoa(max(1, n/historyStreams))); err != nil {
		t.Fatal(err)
	}
	defer flag.Set("rapid.checks", checks)
	t.Run("stream", func(t *testing.T) {
		for i := range historyStreams {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				var s *settlement
				left := 0
				rapid.Check(t, func(rt *rapid.T) {
					if left--; s == nil || left < 0 {
						s, left = newSettlement(t), worldLife
					}
					world := s
					s = nil // what a history that fails leaves is no world for the next
					world.history(rt)
					s = world
				})
			})
		}
	})
}

func newSettlement(t *testing.T) *settlement {
	t.Helper()
	s := &settlement{office: &office{T: t, home: vaulttest.NewInMemory(t)}, holds: map[int]bool{0: true}, frozen: map[hearkeep.VaultID]bool{}}
	s.start()
	for i := range settlers {
		s.people = append(s.people, s.home.Person(t, fmt.Sprintf("Settler %d", i)))
	}
	s.shared = s.home.Vault(t, s.people[0], vault.Shared)
	return s
}

// history is one life of the settlement. It ends with everybody's archives,
// and with everything erased.
func (s *settlement) history(rt *rapid.T) {
	s.among = rapid.IntRange(2, settlers).Draw(rt, "people")
	acts := []string{
		"say", "say", "say", "say", "say together", "say together", "erase", "correct", "move", "join", "leave",
		"restart", "fail", "freeze", "erase all", "archive", "two archives", "expire",
	}
	for range rapid.IntRange(3, 14).Draw(rt, "steps") {
		act := rapid.SampledFrom(acts).Draw(rt, "act")
		who := rapid.IntRange(0, s.among-1).Draw(rt, "who")
		pick := rapid.IntRange(0, 1000).Draw(rt, "which")
		if err := s.step(act, who, pick); err != nil {
			rt.Fatalf("%s by %d: %v", act, who, err)
		}
	}
	sealed := rapid.IntRange(0, 7).Draw(rt, "sealed") == 0
	for who := range min(s.among+1, settlers) { // with one who took no part
		if err := s.given(who, sealed && who < 2); err != nil {
			rt.Fatalf("the archive of %d: %v", who, err)
		}
	}
	if err := s.distinct(); err != nil {
		rt.Fatal(err)
	}
	if err := s.clear(); err != nil {
		rt.Fatalf("clearing up: %v", err)
	}
}

// step does something, which may be nothing where there is nothing to do.
func (s *settlement) step(act string, who, pick int) error {
	ctx := s.Context()
	switch act {
	case "say":
		return s.say(s.people[who], map[int]bool{who: true})
	case "say together":
		return s.say(s.shared, clone(s.holds))
	case "erase", "correct", "move":
		k := s.pick(who, pick)
		if k == nil {
			return nil
		}
		room, err := s.home.Keep.Enter(ctx, s.people[who].Who, k.vault)
		if err != nil {
			return err
		}
		return map[string]func(*vault.Room, *utterance, int) error{"erase": s.erase, "correct": s.correct, "move": s.move}[act](room, k, who)
	case "erase all":
		return s.eraseAll(who)
	case "join":
		return s.join(who, pick%2 == 0)
	case "leave":
		return s.leave(who)
	case "freeze":
		return s.freezeOrFree(who)
	case "restart":
		s.home.Reopen(s.T)
		s.start()
		return s.rebound()
	case "fail":
		return s.fail(who, pick)
	case "archive":
		return s.given(who, pick%4 == 0)
	case "two archives":
		return s.both(who, pick%s.among)
	case "expire":
		if pick%8 == 0 {
			return s.expire()
		}
	}
	return nil
}

func clone(m map[int]bool) map[int]bool {
	c := map[int]bool{}
	for k, v := range m {
		c[k] = v
	}
	return c
}

// taken is something that was never said before.
func (s *settlement) taken() (vault.Taken, string) {
	s.spoken++
	words := fmt.Sprintf("canary%dof%sc", s.spoken, hearkeep.NewID[hearkeep.RecordingID]())
	return vault.Taken{
		ID: hearkeep.NewID[hearkeep.RecordingID](), Start: time.Now().Add(time.Second), Duration: time.Second,
		Audio: []byte("fLaC it sounds like " + words + " and like this"), Waveform: []byte{1, 2, 3},
		Words: hearkeep.NewWords(words), HasWords: true, Turn: hearkeep.Turn{Intent: "HassNevermind", Answer: hearkeep.NewWords("You said " + words)},
	}, words
}

func (s *settlement) say(p vaulttest.Person, opens map[int]bool) error {
	r, words := s.taken()
	if err := p.Inbox.Keep(s.Context(), r); err != nil {
		return err
	}
	s.kept = append(s.kept, &utterance{r.ID, p.Vault, words, words, opens})
	return nil
}

// pick is one of the recordings that somebody may open.
func (s *settlement) pick(who, n int) *utterance {
	var own []*utterance
	for _, k := range s.kept {
		if k.opens[who] {
			own = append(own, k)
		}
	}
	if len(own) == 0 {
		return nil
	}
	return own[n%len(own)]
}

func (s *settlement) forget(gone func(*utterance) bool) { s.kept = slices.DeleteFunc(s.kept, gone) }

func (s *settlement) erase(room *vault.Room, k *utterance, _ int) error {
	_, err := room.Erase(s.Context(), k.id)
	s.forget(func(o *utterance) bool { return o == k })
	return err
}

func (s *settlement) correct(room *vault.Room, k *utterance, _ int) error {
	_, words := s.taken()
	_, err := room.Correct(s.Context(), k.id, hearkeep.NewWords(words))
	k.words = words
	return err
}

// move takes a recording from the shared vault into one's own.
func (s *settlement) move(from *vault.Room, k *utterance, who int) error {
	if k.vault != s.shared.Vault || s.frozen[s.shared.Vault] {
		return nil
	}
	to, err := s.home.Keep.Enter(s.Context(), s.people[who].Who, s.people[who].Vault)
	if err != nil {
		return err
	}
	if _, err := vault.Move(s.Context(), from, to, k.id); err != nil {
		return err
	}
	return s.sync(who, to, k)
}

// sync finds a recording that was moved by what it says: it has another id.
func (s *settlement) sync(who int, to *vault.Room, k *utterance) error {
	items, _, _, err := to.List(s.Context(), vault.Cursor{}, 200)
	if err != nil {
		return err
	}
	for _, it := range items {
		if it.Words.Reveal() == k.words {
			k.id, k.vault, k.opens = it.ID, to.ID(), map[int]bool{who: true}
			return nil
		}
	}
	return errors.New("what was moved did not arrive")
}

func (s *settlement) eraseAll(who int) error {
	room, err := s.home.Keep.Enter(s.Context(), s.people[who].Who, s.people[who].Vault)
	if err != nil {
		return err
	}
	if _, err = room.EraseAll(s.Context()); hearkeep.CodeOf(err) == hearkeep.NotFound {
		err = nil // there was nothing
	}
	s.forget(func(k *utterance) bool { return k.vault == s.people[who].Vault })
	return err
}

// join has somebody hold the shared vault, with or without what it kept before.
func (s *settlement) join(who int, past bool) error {
	if s.holds[who] {
		return nil
	}
	s.home.Joined(s.T, s.shared, s.people[who], vault.Invitation{As: "holder", Past: past})
	s.holds[who] = true
	for _, k := range s.kept {
		if past && k.vault == s.shared.Vault && k.opens[0] {
			k.opens[who] = true
		}
	}
	return nil
}

func (s *settlement) leave(who int) error {
	if who == 0 || !s.holds[who] {
		return nil // the first stays, who opens everything
	}
	room, err := s.home.Keep.Enter(s.Context(), s.shared.Who, s.shared.Vault)
	if err != nil {
		return err
	}
	delete(s.holds, who)
	for _, k := range s.kept {
		if k.vault == s.shared.Vault {
			delete(k.opens, who)
		}
	}
	if err := room.RemoveHolder(s.Context(), s.people[who].Who.Account()); err != nil {
		return err
	}
	_, err = s.home.Keep.Enter(s.Context(), s.shared.Who, s.shared.Vault)
	return err
}

// freezeOrFree restricts one's own vault, or lifts that again.
func (s *settlement) freezeOrFree(who int) error {
	ctx, p := s.Context(), s.people[who]
	room, err := s.home.Keep.Enter(ctx, p.Who, p.Vault)
	if err != nil {
		return err
	}
	if s.frozen[p.Vault] {
		return s.free(room)
	}
	r, err := s.desk.Ask(ctx, p.Who, hearkeep.RequestRestriction, hearkeep.ViaPortal)
	if err != nil || r.State.Ended() { // nothing is kept
		return err
	}
	s.frozen[p.Vault] = true
	return s.desk.Restrict(ctx, p.Who, r.ID, []hearkeep.VaultID{p.Vault})
}

func (s *settlement) free(room *vault.Room) error {
	list, err := room.Restrictions(s.Context())
	for _, r := range list {
		err = errors.Join(err, room.Lift(s.Context(), r.ID))
	}
	delete(s.frozen, room.ID())
	return err
}

// rebound makes the handles anew that a restart ended.
func (s *settlement) rebound() error {
	for i := range s.people {
		in, err := s.home.Keep.Device(s.Context(), s.people[i].Device)
		if err != nil {
			return err
		}
		s.people[i].Inbox = in
	}
	in, err := s.home.Keep.Device(s.Context(), s.shared.Device)
	s.shared.Inbox = in
	return err
}

var errCrash = errors.New("the power is gone")

// fail lets the disk fail at some write while somebody speaks or erases, and
// starts again: the one or the other has happened, or has not.
func (s *settlement) fail(who, pick int) error {
	k := s.pick(who, pick)
	after := pick % 3
	var arm func()
	arm = func() {
		if after == 0 {
			s.home.Store.Fail = errCrash
			return
		}
		after--
		s.home.Store.Before = arm
	}
	arm()
	if k != nil && pick%2 == 0 {
		if room, err := s.home.Keep.Enter(s.Context(), s.people[who].Who, k.vault); err == nil {
			room.Erase(s.Context(), k.id)
		}
	} else {
		r, words := s.taken()
		k = &utterance{r.ID, s.people[who].Vault, words, words, map[int]bool{who: true}}
		s.people[who].Inbox.Keep(s.Context(), r)
		s.kept = append(s.kept, k)
	}
	s.home.Reopen(s.T) // and with it a disk that works
	s.start()
	if err := s.rebound(); err != nil {
		return err
	}
	room, err := s.home.Keep.Enter(s.Context(), s.people[who].Who, k.vault)
	if err != nil {
		return err
	}
	switch _, err := room.Read(s.Context(), k.id); hearkeep.CodeOf(err) {
	case hearkeep.NotFound:
		s.forget(func(o *utterance) bool { return o == k })
	case "":
	default:
		if err != nil {
			return err
		}
	}
	return nil
}

// expire lets a year pass for what is not frozen.
func (s *settlement) expire() error {
	_, err := s.home.Keep.Expire(s.Context(), time.Now().AddDate(1, 0, 0))
	s.forget(func(k *utterance) bool { return !s.frozen[k.vault] })
	return err
}

// distinct fails where two keys of the settlement are the same one.
func (s *settlement) distinct() error {
	seen := map[string]bool{}
	return s.home.Store.View(s.Context(), func(tx *store.Tx) error {
		for _, p := range append(slices.Clone(s.people), s.shared) {
			account, err := tx.Identity.Account(s.Context(), p.Who.Account())
			if err != nil {
				return err
			}
			gens, err := tx.Vaults.Generations(s.Context(), p.Vault)
			if err != nil {
				return err
			}
			keys := []string{}
			if p.Vault != s.shared.Vault {
				keys = append(keys, string(account.Public))
			}
			for _, g := range gens {
				keys = append(keys, string(g.HPKEPublic), string(g.SignPublic))
			}
			for _, key := range keys {
				if seen[key] {
					return errors.New("two keys are the same")
				}
				seen[key] = true
			}
		}
		return nil
	})
}

func (s *settlement) keepsIn(id hearkeep.VaultID) bool {
	return slices.ContainsFunc(s.kept, func(k *utterance) bool { return k.vault == id })
}

// clear erases everything, so that the next history begins with empty vaults.
func (s *settlement) clear() error {
	for who, p := range s.people {
		if s.frozen[p.Vault] {
			room, err := s.home.Keep.Enter(s.Context(), p.Who, p.Vault)
			if err != nil {
				return err
			}
			if err := s.free(room); err != nil {
				return err
			}
		}
		if s.keepsIn(p.Vault) {
			if err := s.eraseAll(who); err != nil {
				return err
			}
		}
		if err := s.leave(who); err != nil {
			return err
		}
	}
	room, err := s.home.Keep.Enter(s.Context(), s.shared.Who, s.shared.Vault)
	if err != nil {
		return err
	}
	if _, err := room.EraseAll(s.Context()); err != nil && hearkeep.CodeOf(err) != hearkeep.NotFound {
		return err
	}
	s.kept = nil
	s.home.SQL(s.T, "DELETE FROM requests") // a day has room for twenty of one account
	return nil
}
