package hear_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/act"
	"github.com/hearkeep/hearkeep/internal/hear"
	"github.com/hearkeep/hearkeep/internal/understand"
)

// A notice is one sentence after the answer, which the recording keeps too;
// what is not speech is answered without it, so that a door that slams does
// not use it up; and that it cannot be looked for keeps nobody from an answer.
func TestANoticeIsSaidAfterTheAnswer(t *testing.T) {
	f := newFixture(t)
	sentences, err := understand.English()
	must(t, err)
	desk, err := act.New(t.Context(), act.Config{Store: f.Store, House: f.House})
	must(t, err)
	waits, failing := 1, error(nil)
	var asked []hearkeep.BindingID
	f.ear = hear.New(hear.Config{Engine: f.engine, Sentences: sentences, Act: desk, Store: f.Store,
		Aloud: func(_ context.Context, door hearkeep.BindingID) (bool, error) {
			asked = append(asked, door)
			if failing != nil || waits == 0 {
				return false, failing
			}
			waits--
			return true, nil
		}})
	say := func() string {
		t.Helper()
		return f.hear(t, f.anna.Inbox, command(t, "flite", "-t", "what time is it", "-o", "OUT")).answered.Words.Reveal()
	}
	const aloud = " There is an important notice in your keep."
	f.engine.heard = says("never mind")
	if got := say(); !strings.HasSuffix(got, "All right."+aloud) {
		t.Errorf("the first answer: got %q, want the notice after it", got)
	}
	if got := say(); strings.Contains(got, aloud) {
		t.Errorf("the second answer: got %q, want no notice", got)
	}
	if len(asked) != 2 || asked[0] != f.anna.Inbox.Binding() {
		t.Errorf("asked for: got %v, want the door's twice", asked)
	}
	failing = errors.New("disk")
	if got := say(); got != "All right." {
		t.Errorf("with a store that fails: got %q", got)
	}
	waits, failing = 1, nil
	f.engine.heard.Speech = false
	if got := say(); strings.Contains(got, aloud) || waits != 1 {
		t.Errorf("no speech: got %q and %d notices left, want the notice to wait", got, waits)
	}
}
