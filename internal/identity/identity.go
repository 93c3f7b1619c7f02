// Package identity answers who is asking: accounts and their ways in
// (passphrases, passkeys, recovery kits), sessions, addresses, households,
// device tokens. It is the sole maker of Verified, the proof that an account's
// own unlocker was shown, and of Device, the proof that a device's token was.
//
// It promises that a stolen database signs nobody in, that an unknown name
// costs the same work and answers the same words as a wrong passphrase, that
// a stranger who guesses cannot lock anybody out, and that an unlocker that
// was removed opens nothing that comes after. It refuses to recover what no
// unlocker opens, and to remove the last one that does.
package identity

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Lifetimes.
const (
	SessionLife = 14 * 24 * time.Hour
	SetupLife   = time.Hour
	PairingLife = time.Hour
)

// Kinds of one-use links.
const (
	linkSetup   = "setup"
	linkPair    = "pair"
	linkKit     = "kit"     // two groups of a kit are to be typed back
	linkPasskey = "passkey" // a ceremony with a passkey
	linkAddress = "address" // a code went to an address
)

// Kinds of unlockers.
const (
	KindPassphrase = "passphrase"
	KindPasskey    = "passkey"
	KindKit        = "kit"
)

// Roles in a household, as store.Member has them.
const (
	roleAdmin  = "admin"
	roleMember = "member"
)

// Config is what a Desk works with. Costs returns the Argon2 parameters, with
// a fresh salt, of passphrases chosen from now on; nil means seal's default.
type Config struct {
	Store   store.Store
	Ledger  *ledger.Ledger
	House   seal.HouseKey
	Costs   func() seal.Argon2Params
	Letters *notify.Desk  // tells people what became of their account
	Vaults  Vaults        // what room vault does when keys change
	Origin  string        // where browsers reach the portal: passkeys are bound to it
	Wait    time.Duration // for archives and tokens after a change; WaitLife where zero
	Log     *slog.Logger
}

// Desk checks who is asking. It may be used concurrently.
type Desk struct {
	store     store.Store
	ledger    *ledger.Ledger
	house     seal.HouseKey
	costs     func() seal.Argon2Params
	letters   *notify.Desk
	vaults    Vaults
	origin    string
	party     *webauthn.WebAuthn // nil where passkeys cannot work
	noParty   error              // why
	wait      time.Duration
	log       *slog.Logger
	stretcher *seal.Stretcher
	attempts  *limiter
	redeemed  redeemed
	decoy     decoy
	asks      chan struct{} // a place for each farewell that is looked up
}

// New returns a Desk.
func New(c Config) (*Desk, error) {
	if c.Costs == nil {
		c.Costs = seal.DefaultArgon2
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Wait == 0 {
		c.Wait = WaitLife
	}
	decoy, err := newDecoy(c.Costs())
	if err != nil {
		return nil, err
	}
	party, noParty := newRelyingParty(c.Origin)
	return &Desk{
		store: c.Store, ledger: c.Ledger, house: c.House, costs: c.Costs,
		letters: c.Letters, vaults: c.Vaults, origin: c.Origin, party: party, noParty: noParty, wait: c.Wait, log: c.Log,
		stretcher: seal.NewStretcher(), attempts: newLimiter(), decoy: decoy, asks: make(chan struct{}, maxAsks),
	}, nil
}

// Verified is an account whose unlocker was shown in a session that lasts.
// Only this package makes one; the zero value is nobody and refused.
type Verified struct{ of *session }

// session is what a cookie opened: the rows as they were read, and the keys
// that lie under them.
type session struct {
	account store.Account
	row     store.Session
	key     seal.AccountKey
	private seal.AccountPrivate
	wait    time.Duration // Config.Wait
}

// Valid reports whether v is somebody, whose session has not ended.
func (v Verified) Valid() bool { return v.of != nil && time.Now().Before(v.of.row.Expires) }

// Account is whose session it is; zero for nobody.
func (v Verified) Account() hearkeep.AccountID {
	if v.of == nil {
		return hearkeep.AccountID{}
	}
	return v.of.account.ID
}

// Name is how the person wrote their name.
func (v Verified) Name() string {
	if v.of == nil {
		return ""
	}
	return v.of.account.Display
}

// Expires is when the session ends.
func (v Verified) Expires() time.Time {
	if v.of == nil {
		return time.Time{}
	}
	return v.of.row.Expires
}

// SteppedUp is when an unlocker was last shown.
func (v Verified) SteppedUp() time.Time {
	if v.of == nil {
		return time.Time{}
	}
	return v.of.row.SteppedUp
}

// Session names the session in the ledger: 16 hexadecimal digits of the hash
// of its id, which open nothing.
func (v Verified) Session() string {
	if v.of == nil {
		return ""
	}
	return hex.EncodeToString(v.of.row.IDHash[:8])
}

// Private is the account's private key. It has no methods: only package seal's
// functions open with it.
func (v Verified) Private() seal.AccountPrivate {
	if v.of == nil {
		return seal.AccountPrivate{}
	}
	return v.of.private
}

// Visitor is what a request tells of where it comes from.
type Visitor struct {
	Addr  netip.Addr
	Agent string // the browser, as it names itself
	Known string // the value given as SignedIn.Known at an earlier sign-in
}

// SignedIn is a session that just began. Cookie and Known go to the browser
// and are kept nowhere else.
type SignedIn struct {
	Who     Verified
	Cookie  string
	Expires time.Time
	Known   string
}

// Expire removes what has ended: sessions, links, invitations, and accounts
// whose farewell is due.
func (d *Desk) Expire(ctx context.Context, now time.Time) error {
	err := d.store.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Identity.ExpireSessions(ctx, now); err != nil {
			return err
		}
		return tx.Identity.DeleteLinks(ctx, "", now)
	})
	return errors.Join(err, d.expireHouses(ctx, now))
}

// entry is a ledger entry of something v did to its account.
func (v Verified) entry(kind ledger.Kind, purpose string) ledger.Entry {
	return ledger.Entry{
		Kind: kind, Account: new(v.Account()), Role: hearkeep.RoleKeyholder,
		Session: v.Session(), Purpose: purpose,
	}
}
