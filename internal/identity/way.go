package identity

import (
	"context"
	"time"

	"github.com/hearkeep/hearkeep"
)

// Way is one way into an account: an unlocker as its person sees it.
type Way struct {
	ID      hearkeep.UnlockerID
	Kind    string // KindPassphrase, KindPasskey, KindKit
	Name    string // of a passkey
	Created time.Time
	Used    time.Time // zero for never
	Unlocks bool      // false for a passkey without the PRF extension
	Checked bool      // of a kit: two groups were typed back
}

// Ways lists who's unlockers, oldest first.
func (d *Desk) Ways(ctx context.Context, who Verified) ([]Way, error) { return nil, errNotYet }

// SetPassphrase gives who a passphrase, or another one. Needs Fresh; the
// session goes on under a new cookie.
func (d *Desk) SetPassphrase(ctx context.Context, who Verified, passphrase string, from Visitor) (SignedIn, error) {
	return SignedIn{}, errNotYet
}

// RenameWay names a passkey.
func (d *Desk) RenameWay(ctx context.Context, who Verified, id hearkeep.UnlockerID, name string) error {
	return errNotYet
}

// RemoveWay removes an unlocker: a new account key and pair, sealed to the
// unlockers that stay, new generations of all that who holds, and the end of
// all other sessions and of all API tokens. The last way that unlocks cannot
// go. Needs Fresh.
func (d *Desk) RemoveWay(ctx context.Context, who Verified, id hearkeep.UnlockerID, from Visitor) (SignedIn, error) {
	return SignedIn{}, errNotYet
}
