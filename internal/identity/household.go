package identity

import (
	"context"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Vaults is what identity asks of room vault, which stands above it.
type Vaults interface {
	// Rekey prepares a new generation of every vault that from holds, and all
	// that from holds sealed to to's new keys; commit writes it.
	Rekey(ctx context.Context, from, to Verified) (commit func(*store.Tx) error, err error)
	// Depart ends, in tx, what an account holds of a household's vaults. What
	// it alone holds goes with it.
	Depart(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, house hearkeep.HouseholdID, by hearkeep.AccountID) error
	// Forget erases all that an account alone holds, and ends what it holds
	// with others. It may be repeated.
	Forget(ctx context.Context, account hearkeep.AccountID) error
}

// Household is who lives together, as a member sees it.
type Household struct {
	ID          hearkeep.HouseholdID
	Name        string
	Admin       bool // whether who asks is one
	Members     []Member
	Invitations []Offer // that are open or wait for a keyholder
}

// Member is somebody of a household.
type Member struct {
	Account hearkeep.AccountID
	Name    string
	Admin   bool
	Since   time.Time
	You     bool
}

// Offer is what an invitation offers. Vault is zero where it is to the
// household alone.
type Offer struct {
	ID        hearkeep.InvitationID
	Household string // its name
	From      string // who made it
	By        hearkeep.AccountID
	Vault     hearkeep.VaultID
	VaultName string
	As        string // "holder", "guardian" or "child"
	Past      bool
	Admin     bool
	Accepted  string // who accepted and waits for a keyholder; empty while open
	Expires   time.Time
}

// InvitationLife is how long an invitation's link works.
const InvitationLife = 7 * 24 * time.Hour

// Household returns the household that who belongs to.
func (d *Desk) Household(ctx context.Context, who Verified) (Household, error) {
	return Household{}, errNotYet
}

// Admin fails with NotFound where who is no admin of their household.
func (d *Desk) Admin(ctx context.Context, who Verified) error { return errNotYet }

// RenameHousehold is for its admins.
func (d *Desk) RenameHousehold(ctx context.Context, who Verified, name string) error {
	return errNotYet
}

// Invite makes an invitation to the household alone, for its admins, and
// returns the secret of its link. Needs Fresh.
func (d *Desk) Invite(ctx context.Context, who Verified, admin bool) (string, error) {
	return "", errNotYet
}

// Withdraw ends an invitation: for who made it, and for admins.
func (d *Desk) Withdraw(ctx context.Context, who Verified, id hearkeep.InvitationID) error {
	return errNotYet
}

// Offered says what an invitation's link offers, without accepting it. A link
// that is used, expired, altered or unknown fails with NotFound.
func (d *Desk) Offered(ctx context.Context, secret string) (Offer, error) { return Offer{}, errNotYet }

// Accept takes an invitation for an account that is there.
func (d *Desk) Accept(ctx context.Context, who Verified, secret string) error { return errNotYet }

// CreateInvited makes an account for whoever has an invitation's link, signs
// it in, and takes the invitation.
func (d *Desk) CreateInvited(ctx context.Context, secret, name, passphrase string, from Visitor) (SignedIn, string, KitCheck, error) {
	return SignedIn{}, "", KitCheck{}, errNotYet
}

// SetAdmin makes a member an admin or no longer one. The last admin stays.
func (d *Desk) SetAdmin(ctx context.Context, who Verified, account hearkeep.AccountID, admin bool) error {
	return errNotYet
}

// RemoveMember is for admins: the member leaves with their own vaults, and
// holds the household's shared vaults no more. Needs Fresh.
func (d *Desk) RemoveMember(ctx context.Context, who Verified, account hearkeep.AccountID) error {
	return errNotYet
}

// Leave is RemoveMember of oneself.
func (d *Desk) Leave(ctx context.Context, who Verified) error { return errNotYet }
