package vault

import (
	"context"
	"errors"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/store"
)

var errNotYet = errors.New("vault: not built")

// Holder is somebody who holds this vault, or is about to.
type Holder struct {
	Account hearkeep.AccountID
	Name    string
	As      string // "holder", "guardian" or "child"
	Past    bool   // from the first generation on
	You     bool
	Leaving bool // refused already; a generation without them is still to be made
}

// Holders lists who holds this vault.
func (r *Room) Holders(ctx context.Context) ([]Holder, error) { return nil, errNotYet }

// Invitation is what Invite offers. Admin and Household membership come with
// it for somebody who has no account here yet.
type Invitation struct {
	As   string // "holder", "guardian" or "child"
	Past bool   // with what was kept before
}

// Invite makes a one-use link to hold this vault, which must be shared or a
// child's, and returns its secret. Needs Fresh.
func (r *Room) Invite(ctx context.Context, i Invitation) (string, error) { return "", errNotYet }

// RemoveHolder ends what another holds of this vault, with a new generation
// that is sealed to the others. Needs Fresh.
func (r *Room) RemoveHolder(ctx context.Context, account hearkeep.AccountID) error {
	return errNotYet
}

// Leave ends what this Room's person holds of it; the next keyholder's
// sign-in makes the generation without them. The last keyholder cannot leave.
func (r *Room) Leave(ctx context.Context) error { return errNotYet }

// GivePast lets another keyholder open what was kept before they came. Needs Fresh.
func (r *Room) GivePast(ctx context.Context, account hearkeep.AccountID) error { return errNotYet }

// HandOver lets the child of this vault take it over from now on: for guardians.
func (r *Room) HandOver(ctx context.Context) error { return errNotYet }

// TakeOver is for the child, of age or after HandOver: the guardians hold the
// vault no more, and it becomes personal. Needs Fresh.
func (r *Room) TakeOver(ctx context.Context) error { return errNotYet }

// Complete does what waits for a keyholder: generations without those who
// left, keys for those who accepted an invitation. Enter does it for the one
// vault; this does it for all that who holds, at sign-in.
func (k *Keep) Complete(ctx context.Context, who identity.Verified) error { return errNotYet }

// Rekey implements identity.Vaults.
func (k *Keep) Rekey(ctx context.Context, from, to identity.Verified) (func(*store.Tx) error, error) {
	return nil, errNotYet
}

// Depart implements identity.Vaults.
func (k *Keep) Depart(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, house hearkeep.HouseholdID, by hearkeep.AccountID) error {
	return errNotYet
}

// Forget implements identity.Vaults.
func (k *Keep) Forget(ctx context.Context, account hearkeep.AccountID) error { return errNotYet }
