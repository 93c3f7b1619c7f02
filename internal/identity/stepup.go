package identity

import (
	"context"
	"errors"
	"time"

	"github.com/hearkeep/hearkeep"
)

// StepUpLife is for how long an unlocker that was shown counts as fresh.
const StepUpLife = 5 * time.Minute

// WaitLife is for how long archives and tokens wait after a way in or an
// address was added or changed, where Config.Wait does not say otherwise.
const WaitLife = 72 * time.Hour

// Fresh fails with StepUp where no unlocker was shown in the last five minutes.
func (v Verified) Fresh() error {
	if v.Valid() && time.Since(v.SteppedUp()) < StepUpLife {
		return nil
	}
	return hearkeep.Errorf(hearkeep.StepUp, "Please show that it is you.").
		WithHint("This needs your passphrase, passkey or recovery kit once more; then it goes on.")
}

// Waits is until when archives and tokens wait, since a way in or an address
// was added or changed lately (A2); zero where they do not.
func (v Verified) Waits() time.Time {
	if v.of == nil || v.of.account.Changed.IsZero() {
		return time.Time{}
	}
	until := v.of.account.Changed.Add(v.of.wait)
	if !time.Now().Before(until) {
		return time.Time{}
	}
	return until
}

// Proof is an unlocker as a person shows it: exactly one field is set.
type Proof struct {
	Passphrase string
	Kit        string
	Passkey    *PasskeyAnswer
}

// StepUp notes that who showed an unlocker again. The session goes on under
// a new cookie; the old one ends.
func (d *Desk) StepUp(ctx context.Context, who Verified, proof Proof, from Visitor) (SignedIn, error) {
	return SignedIn{}, errNotYet
}

var errNotYet = errors.New("identity: not built")

// Session is one signed-in browser or terminal, as its person sees it.
type Session struct {
	ID      string // 16 hexadecimal digits, as in the ledger
	Agent   string
	Created time.Time
	Used    time.Time
	Expires time.Time
	Current bool
}

// Sessions lists who's sessions, the last used first.
func (d *Desk) Sessions(ctx context.Context, who Verified) ([]Session, error) { return nil, errNotYet }

// EndSession ends one of who's sessions.
func (d *Desk) EndSession(ctx context.Context, who Verified, id string) error { return errNotYet }

// EndOthers ends all of who's sessions but this one, and says how many.
func (d *Desk) EndOthers(ctx context.Context, who Verified) (int, error) { return 0, errNotYet }
