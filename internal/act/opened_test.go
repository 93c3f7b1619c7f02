package act_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/act"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
)

// somebody answers whether anybody listened, and remembers what was asked.
type somebody struct {
	yes      bool
	err      error
	vault    hearkeep.VaultID
	since    time.Time
	reported []hearkeep.BindingID
}

func (s *somebody) Listened(_ context.Context, vault hearkeep.VaultID, since time.Time) (bool, error) {
	s.vault, s.since = vault, since
	return s.yes, s.err
}

func (s *somebody) NotMine(_ context.Context, vault hearkeep.VaultID, binding hearkeep.BindingID) error {
	s.vault, s.reported = vault, append(s.reported, binding)
	return s.err
}

// What is said aloud is yes or no, and what stands in the recording is neither.
func TestWhoListenedSaysNoMore(t *testing.T) {
	st, err := sqlite.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	s := &somebody{}
	d, err := act.New(t.Context(), act.Config{Store: st, House: seal.NewHouseKey(), Listener: s, Reporter: s})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 19, 0, 0, 0, time.UTC)
	vault, binding := hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.BindingID]()
	do := func(intent string) (act.Done, error) {
		return d.Do(t.Context(), act.Order{Intent: intent, Vault: vault, Binding: binding, At: at})
	}
	for _, c := range []struct {
		yes  bool
		want string
	}{{true, "Yes, somebody did: see your keep."}, {false, "Nobody else did in the last thirty days."}} {
		s.yes = c.yes
		got, err := do("HearkeepWhoListened")
		if err != nil || got.Answer.Reveal() != c.want || got.Did != "told whether anybody listened" || !got.OK {
			t.Errorf("got %q (%q), %v, want %q", got.Answer.Reveal(), got.Did, err, c.want)
		}
		if s.vault != vault || !s.since.Equal(at.AddDate(0, 0, -30)) {
			t.Errorf("asked of vault %s since %s, want %s and 30 days before", s.vault, s.since, vault)
		}
	}
	for _, err := range []error{nil, hearkeep.Errorf(hearkeep.TooMany, "Too many reports came from here today.")} {
		s.err = err
		got, err := do("HearkeepNotMine")
		if want := "Noted. Sign in to say which recording it is; nothing is deleted or read out before."; err != nil || got.Answer.Reveal() != want {
			t.Errorf("not mine: got %q, %v, want %q", got.Answer.Reveal(), err, want)
		}
	}
	if len(s.reported) != 2 || s.reported[0] != binding {
		t.Errorf("reported: got %v, want the door's twice", s.reported)
	}
	s.err = errors.New("disk")
	for _, intent := range []string{"HearkeepWhoListened", "HearkeepNotMine"} {
		if got, err := do(intent); err == nil {
			t.Errorf("%s: what failed was answered with %q", intent, got.Answer.Reveal())
		}
	}
}
