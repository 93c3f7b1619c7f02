package store

import (
	"context"
	"time"

	"github.com/hearkeep/hearkeep"
)

// Houses is the rows of households: who belongs to one, who is invited, and
// who asked for everything to be erased.
type Houses interface {
	InsertHousehold(ctx context.Context, h Household) error
	Household(ctx context.Context, id hearkeep.HouseholdID) (Household, error)
	CountHouseholds(ctx context.Context) (int, error)
	// SetHousehold replaces a household's name.
	SetHousehold(ctx context.Context, h Household) error
	// DeleteHousehold removes a household without members, and its invitations
	// with it; ErrExists where it has some, ErrNotFound where it is gone.
	DeleteHousehold(ctx context.Context, id hearkeep.HouseholdID) error

	// PutMember inserts or replaces: an account belongs to one household.
	// ErrNotFound where account or household is not there.
	PutMember(ctx context.Context, m Member) error
	// Member returns to which household an account belongs.
	Member(ctx context.Context, account hearkeep.AccountID) (Member, error)
	// Members returns a household's members, the first to join first.
	Members(ctx context.Context, id hearkeep.HouseholdID) ([]Member, error)
	DeleteMember(ctx context.Context, account hearkeep.AccountID) error

	InsertInvitation(ctx context.Context, i Invitation) error
	// Invitation returns an unexpired invitation by the hash of its secret,
	// also where it was accepted.
	Invitation(ctx context.Context, hash [32]byte, now time.Time) (Invitation, error)
	// Invitations lists a household's, oldest first: those that are open or
	// accepted, and those that expired since ExpireInvitations.
	Invitations(ctx context.Context, id hearkeep.HouseholdID) ([]Invitation, error)
	// InvitationsTo lists those to a vault likewise.
	InvitationsTo(ctx context.Context, vault hearkeep.VaultID) ([]Invitation, error)
	// InvitationsOf lists likewise those that an account accepted.
	InvitationsOf(ctx context.Context, account hearkeep.AccountID) ([]Invitation, error)
	// AcceptInvitation notes who accepted, with which key, once: ErrNotFound
	// where it is gone, expired, or was accepted before.
	AcceptInvitation(ctx context.Context, i Invitation, now time.Time) error
	DeleteInvitation(ctx context.Context, id hearkeep.InvitationID) error
	// ExpireInvitations removes those whose Expires is not after now, but not
	// what was accepted and waits for a keyholder.
	ExpireInvitations(ctx context.Context, now time.Time) (int, error)

	// PutFarewell inserts or replaces; ErrNotFound where the account is gone.
	PutFarewell(ctx context.Context, f Farewell) error
	Farewell(ctx context.Context, account hearkeep.AccountID) (Farewell, error)
	// DueFarewells returns those whose Due is not after now, the longest due first.
	DueFarewells(ctx context.Context, now time.Time) ([]Farewell, error)
	DeleteFarewell(ctx context.Context, account hearkeep.AccountID) error
}

// Household groups accounts, devices and vaults.
type Household struct {
	ID      hearkeep.HouseholdID
	Label   []byte // its name, sealed under the house key; nil where it has none
	Created time.Time
}

// Member is an account in a household.
type Member struct {
	Household hearkeep.HouseholdID
	Account   hearkeep.AccountID
	Role      string // "admin" or "member"
	Since     time.Time
}

// Invitation is an offer to join a household, to hold a vault, or both. What
// its link carries is stored as a hash, and sealed to the inviter's vault.
type Invitation struct {
	ID         hearkeep.InvitationID
	Hash       [32]byte // SHA-256 of the link's secret
	Household  hearkeep.HouseholdID
	Vault      hearkeep.VaultID // zero: to the household alone
	Generation hearkeep.Generation
	By         hearkeep.AccountID
	Role       string             // in the household: "admin" or "member"
	As         string             // in the vault: "holder", "guardian" or "child"
	Past       bool               // with what was kept before
	Sealed     []byte             // the secret, under the vault's Generation
	Account    hearkeep.AccountID // who accepted; zero while it is open
	Public     []byte             // their public key
	MAC        []byte             // over that, under the secret
	Created    time.Time
	Expires    time.Time
}

// Farewell is an account that is to be erased, with all that it alone holds,
// once Due has come.
type Farewell struct {
	Account hearkeep.AccountID
	Asked   time.Time
	Due     time.Time
}

// Letters is the rows of room notify. Addresses and letters are sealed under
// the house key.
type Letters interface {
	InsertChannel(ctx context.Context, c Channel) error
	// SetChannel replaces when a channel was confirmed.
	SetChannel(ctx context.Context, c Channel) error
	// Channels returns an account's channels, oldest first.
	Channels(ctx context.Context, account hearkeep.AccountID) ([]Channel, error)
	// DeleteChannel fails with ErrNotFound where the account has none such.
	DeleteChannel(ctx context.Context, account hearkeep.AccountID, id hearkeep.ChannelID) error

	// InsertDelivery queues a letter for one channel and returns its number.
	InsertDelivery(ctx context.Context, d Delivery) (int64, error)
	// DueDeliveries returns what is to be sent, the longest due first, so that
	// what fails again and again waits behind what was not tried yet.
	DueDeliveries(ctx context.Context, now time.Time, limit int) ([]Delivery, error)
	// SpokenDeliveries returns what waits to be said at some door to one account, oldest first.
	SpokenDeliveries(ctx context.Context, account hearkeep.AccountID, limit int) ([]Delivery, error)
	// SetDelivery replaces state, attempts, due, sent and the sealed letter.
	SetDelivery(ctx context.Context, d Delivery) error
	// Delivery returns one; ErrNotFound where it was removed.
	Delivery(ctx context.Context, id int64) (Delivery, error)
	// Deliveries lists what was sent or is to be sent to an account, newest first.
	Deliveries(ctx context.Context, account hearkeep.AccountID, limit int) ([]Delivery, error)
	// CountDeliveries says how many are in a state.
	CountDeliveries(ctx context.Context, state string) (int, error)
	// ExpireDeliveries removes what was sent or, by its Due, given up before a time.
	ExpireDeliveries(ctx context.Context, before time.Time) (int, error)
}

// Channel is where letters to an account go.
type Channel struct {
	ID        hearkeep.ChannelID
	Account   hearkeep.AccountID
	Kind      string // "email", "webhook" or "spoken"
	Address   []byte // sealed
	Created   time.Time
	Confirmed time.Time // zero until its owner showed that it arrives
}

// Delivery is one letter on its way to one address.
type Delivery struct {
	ID       int64
	Account  hearkeep.AccountID // zero where it goes to an address of no account
	Channel  hearkeep.ChannelID // may be gone: a removed address is told of that; of no account, of this letter alone
	Kind     string             // of the channel
	Topic    string             // what the letter is about: "passkey added"; no words, no names
	Sealed   []byte             // address and letter; nil once it was sent or given up
	State    string             // "queued", "sent", "failed"
	Attempts int
	Created  time.Time
	Due      time.Time
	Sent     time.Time // zero until then
}
