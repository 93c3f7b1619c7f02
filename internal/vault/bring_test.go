package vault_test

import (
	"crypto/sha256"
	"sync"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

func brought(words string) vault.Brought {
	b := vault.Brought{Taken: taken(words), Digest: sha256.Sum256([]byte(words))}
	b.Start = time.Now().AddDate(-3, 0, 0)
	return b
}

func bring(t *testing.T, p vaulttest.Person, h *vaulttest.Home, b vault.Brought) bool {
	t.Helper()
	r := h.Enter(t, p)
	in, err := r.Imports(t.Context(), "Alexa")
	must(t, err)
	kept, err := r.Bring(t.Context(), in, b)
	must(t, err)
	return kept
}

func TestBring(t *testing.T) {
	h, ctx := vaulttest.New(t), t.Context()
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	b := brought("alexa, what is the time")
	if !bring(t, anna, h, b) {
		t.Error("the first was not kept")
	}
	again := brought("alexa, what is the time")
	if bring(t, anna, h, again) {
		t.Error("the same was kept twice")
	}
	if !bring(t, bert, h, brought("alexa, what is the time")) {
		t.Error("what another vault has is told to Bert")
	}
	it, err := h.Enter(t, anna).Read(ctx, b.ID)
	must(t, err)
	if it.Source != hearkeep.SourceImport || it.From != "Alexa" || !it.Start.Equal(b.Start.UTC().Truncate(time.Millisecond)) || time.Until(it.Until) < 24*time.Hour {
		t.Errorf("got %s from %q of %s until %s", it.Source, it.From, it.Start, it.Until)
	}
	if n, err := h.Keep.Expire(ctx, time.Now()); n != 0 || err != nil {
		t.Errorf("what is three years old expired as it came: %d, %v", n, err)
	}

	// Also under a newer generation, and not any more once it is erased.
	anna = h.Rekeyed(t, anna)
	if bring(t, anna, h, again) {
		t.Error("it was kept twice, under two generations")
	}
	_, err = h.Enter(t, anna).Erase(ctx, b.ID)
	must(t, err)
	if !bring(t, anna, h, again) {
		t.Error("what was erased cannot be brought again")
	}
	// EraseAll does not reach into the future, although what comes is old.
	_, err = h.Enter(t, anna).EraseAll(ctx)
	must(t, err)
	time.Sleep(2 * time.Millisecond)
	if !bring(t, anna, h, brought("another old one")) {
		t.Error("nothing can be brought after everything was erased")
	}
	r := h.Enter(t, anna)
	if l := release(t, r); l.Len() != 1 {
		t.Errorf("got %d recordings", l.Len())
	}
	sound(t, h)
}

func TestImportDoors(t *testing.T) {
	h, ctx := vaulttest.New(t), t.Context()
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	r := h.Enter(t, anna)
	one, err := r.Imports(ctx, "Alexa")
	must(t, err)
	same, err := r.Imports(ctx, " Alexa ")
	must(t, err)
	other, err := r.Imports(ctx, "Google")
	must(t, err)
	if one.Binding() != same.Binding() || one.Binding() == other.Binding() {
		t.Error("a door for each provider: got others")
	}
	_, err = r.Imports(ctx, "")
	wantCode(t, "no name", err, hearkeep.Invalid)
	_, err = h.Enter(t, bert).Bring(ctx, one, brought("another's door"))
	wantCode(t, "through another's door", err, hearkeep.NotFound)
	_, err = r.Bring(ctx, anna.Inbox, brought("a terminal"))
	wantCode(t, "through a terminal", err, hearkeep.NotFound)
	_, err = r.Bring(ctx, nil, brought("no door"))
	wantCode(t, "through nothing", err, hearkeep.NotFound)
	token, _, err := h.Enter(t, anna).MakeToken(ctx, "Reads", false, 24*time.Hour)
	must(t, err)
	program, err := h.Keep.Program(ctx, token)
	must(t, err)
	_, err = program.Imports(ctx, "Alexa")
	wantCode(t, "a token that reads binds", err, hearkeep.Forbidden)
	_, err = program.Bring(ctx, one, brought("a program"))
	wantCode(t, "a token that reads brings", err, hearkeep.Forbidden)

	// The quiet hours of an import are those of now, not those of then.
	now := time.Now().Local()
	rule := hearkeep.RoomRule{Keep: hearkeep.KeepAll, Quiet: hearkeep.Hours{From: minute(now.Add(-time.Hour)), To: minute(now.Add(time.Hour))}}
	must(t, r.Change(ctx, one.Binding(), vault.Door{Name: "Alexa"}, rule))
	old := brought("in the afternoon")
	old.Start = now.Add(12*time.Hour).AddDate(-1, 0, 0)
	if _, err := r.Bring(ctx, one, old); hearkeep.CodeOf(err) != hearkeep.Forbidden {
		t.Errorf("in quiet hours: got %v", err)
	}
}

// Two imports of the same keep it once.
func TestImportsRace(t *testing.T) {
	h, ctx := vaulttest.New(t), t.Context()
	anna := h.Person(t, "Anna")
	in, err := h.Enter(t, anna).Imports(ctx, "Alexa")
	must(t, err)
	const n = 6
	var mu sync.Mutex
	kept := 0
	var wg sync.WaitGroup
	for range n {
		r, b := h.Enter(t, anna), brought("the same")
		wg.Go(func() {
			ok, err := r.Bring(ctx, in, b)
			if err != nil {
				t.Errorf("bring: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			if ok {
				kept++
			}
		})
	}
	wg.Wait()
	r := h.Enter(t, anna)
	if l := release(t, r); kept != 1 || l.Len() != 1 {
		t.Errorf("%d of %d say it is kept; there are %d", kept, n, l.Len())
	}
	if s := h.Keep.Status(); s.Failing != "" {
		t.Errorf("keeping is said to fail: %q", s.Failing)
	}
	sound(t, h)
}

// minute is a time of day as a rule has it.
func minute(at time.Time) int { return at.Hour()*60 + at.Minute() }
