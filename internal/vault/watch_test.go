package vault_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// watching watches until the test ends.
func watching(t *testing.T, r *vault.Room) (<-chan vault.Event, func() int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	events, missed, err := r.Watch(ctx)
	must(t, err)
	return events, missed
}

// told returns what has been told up to now. It needs a synctest bubble.
func told(t *testing.T, events <-chan vault.Event) (got []vault.Event, open bool) {
	t.Helper()
	for {
		synctest.Wait()
		select {
		case e, ok := <-events:
			if !ok {
				return got, false
			}
			got = append(got, e)
		default:
			return got, true
		}
	}
}

func TestWatching(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := vaulttest.New(t)
		anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
		ctx := t.Context()
		events, missed := watching(t, h.Enter(t, anna))
		others, _ := watching(t, h.Enter(t, bert))
		id := say(t, anna, "hello")
		_, err := h.Enter(t, anna).Read(ctx, id)
		must(t, err)
		readAll(t, h.Enter(t, anna), id)
		readAll(t, h.Enter(t, anna), id) // the same listen
		_, err = h.Enter(t, anna).Erase(ctx, id)
		must(t, err)
		got, _ := told(t, events)
		want := []vault.Event{
			{Kind: "kept", By: hearkeep.RoleDevice},
			{Kind: "opened", By: hearkeep.RoleKeyholder, Purpose: "read"},
			{Kind: "opened", By: hearkeep.RoleKeyholder, Purpose: "listen"},
			{Kind: "erased", By: hearkeep.RoleKeyholder},
		}
		if len(got) != len(want) || missed() != 0 {
			t.Fatalf("got %+v, missed %d", got, missed())
		}
		for i, e := range got {
			if e.Kind != want[i].Kind || e.By != want[i].By || e.Purpose != want[i].Purpose || e.Count != 1 || e.Recordings[0] != id || e.At.IsZero() {
				t.Errorf("event %d: got %+v, want %+v", i, e, want[i])
			}
		}
		if got, open := told(t, others); len(got) != 0 || !open {
			t.Errorf("another's watcher was told %+v (open: %v)", got, open)
		}
	})
}

// What happens to another generation is not told to whoever cannot see it.
func TestWatchingOneGeneration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := vaulttest.New(t)
		anna := h.Person(t, "Anna")
		ctx := t.Context()
		var before []hearkeep.RecordingID
		for range 3 {
			before = append(before, say(t, anna, "before"))
		}
		newGeneration(t, h, anna)
		token, _ := makeToken(t, h, anna, false)
		events, _ := watching(t, program(t, h, token))
		after := say(t, anna, "after")
		room := h.Enter(t, anna)
		_, err := room.Read(ctx, before[0])
		must(t, err)
		_, _, _, err = room.List(ctx, vault.Cursor{}, 10)
		must(t, err)
		_, err = room.Erase(ctx, before[0], before[1])
		must(t, err)
		_, err = room.Erase(ctx, before[2], after)
		must(t, err)
		got, _ := told(t, events)
		if len(got) != 3 || got[0].Kind != "kept" || got[1].Kind != "opened" || got[2].Kind != "erased" {
			t.Fatalf("got %+v", got)
		}
		for _, e := range got {
			if e.Count != 1 || len(e.Recordings) != 1 || e.Recordings[0] != after {
				t.Errorf("told of another generation: %+v", e)
			}
		}
	})
}

// A watcher ends with what let it in: at the next event, or soon without one.
func TestWatchersEnd(t *testing.T) {
	for _, tc := range []struct {
		name    string
		program bool
		end     func(t *testing.T, h *vaulttest.Home, p vaulttest.Person, made vault.Token, in identity.SignedIn)
	}{
		{"signed out", false, func(t *testing.T, h *vaulttest.Home, _ vaulttest.Person, _ vault.Token, in identity.SignedIn) {
			must(t, h.Desk.SignOut(t.Context(), in.Cookie))
		}},
		{"stepped up: the session goes on under another cookie", false, func(t *testing.T, h *vaulttest.Home, _ vaulttest.Person, _ vault.Token, in identity.SignedIn) {
			_, err := h.Desk.StepUp(t.Context(), in.Who, identity.Proof{Passphrase: "correct horse battery"}, identity.Visitor{})
			must(t, err)
		}},
		{"a new generation", false, func(t *testing.T, h *vaulttest.Home, p vaulttest.Person, _ vault.Token, _ identity.SignedIn) {
			newGeneration(t, h, p)
		}},
		{"the token has ended", true, func(t *testing.T, h *vaulttest.Home, p vaulttest.Person, made vault.Token, _ identity.SignedIn) {
			must(t, h.Keep.EndToken(t.Context(), p.Who, made.ID))
		}},
		{"the token's time is over", true, func(t *testing.T, h *vaulttest.Home, p vaulttest.Person, made vault.Token, _ identity.SignedIn) {
			time.Sleep(time.Until(made.Expires) - 10*time.Second)
		}},
		{"a new generation ends the token's", true, func(t *testing.T, h *vaulttest.Home, p vaulttest.Person, _ vault.Token, _ identity.SignedIn) {
			newGeneration(t, h, p)
		}},
	} {
		for _, quiet := range []bool{true, false} {
			t.Run(tc.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := vaulttest.New(t)
					anna := h.Person(t, "Anna")
					token, made, err := anna.Room.MakeToken(t.Context(), "Watcher", false, time.Hour)
					must(t, err)
					in, err := h.Desk.SignIn(t.Context(), "Anna", "correct horse battery", identity.Visitor{})
					must(t, err)
					second := anna
					second.Who = in.Who
					room := h.Enter(t, second)
					if tc.program {
						room = program(t, h, token)
					}
					events, _ := watching(t, room)
					say(t, anna, "seen")
					if got, open := told(t, events); len(got) != 1 || !open {
						t.Fatalf("before: got %v, open %v", got, open)
					}
					tc.end(t, h, anna, made, in)
					switch {
					case quiet || tc.program && tc.name != "the token has ended": // what is said now is not the token's to see
						time.Sleep(31 * time.Second)
					default:
						say(t, anna, "not seen")
					}
					if got, open := told(t, events); len(got) != 0 || open {
						t.Errorf("after: got %+v, open %v", got, open)
					}
				})
			})
		}
	}
}

// One who holds a vault leaves places to watch it to the others.
func TestWatchersOfOneAccount(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	anna = h.Vault(t, anna, vault.Shared)
	bert = h.Joined(t, anna, bert, vault.Invitation{As: "holder"})
	token, _ := makeToken(t, h, bert, false)
	for range 8 {
		watching(t, bert.Room)
	}
	_, _, err := program(t, h, token).Watch(t.Context())
	wantCode(t, "his program's, the 9th", err, hearkeep.TooMany)
	watching(t, h.Enter(t, anna))
}

// A slow watcher misses events and holds nobody up; an account has so many of
// a vault, and each leaves its place when it ends.
func TestWatchersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := vaulttest.New(t)
		anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
		ctx, stop := context.WithCancel(t.Context())
		var all []<-chan vault.Event
		var missed func() int
		for range 8 {
			events, m, err := h.Enter(t, anna).Watch(ctx)
			must(t, err)
			all, missed = append(all, events), m
		}
		_, _, err := h.Enter(t, anna).Watch(ctx)
		wantCode(t, "the 9th watcher", err, hearkeep.TooMany)
		watching(t, h.Enter(t, bert)) // another vault's places are its own
		id := say(t, anna, "one of many")
		for i := range 80 { // each session's first reading is an event
			in, err := h.Desk.SignIn(t.Context(), "Anna", "correct horse battery", identity.Visitor{})
			must(t, err)
			p := anna
			p.Who = in.Who
			_, err = h.Enter(t, p).Read(t.Context(), id)
			must(t, err)
			if i == 0 {
				synctest.Wait()
			}
		}
		got, open := told(t, all[7])
		if missed() < 81-66 || len(got)+missed() != 81 || !open {
			t.Errorf("told of %d and missed %d, want 81 together and 64 or so told", len(got), missed())
		}
		stop()
		synctest.Wait()
		for i, events := range all {
			if _, open := told(t, events); open {
				t.Errorf("watcher %d goes on", i)
			}
		}
		watching(t, h.Enter(t, anna))
	})
}
