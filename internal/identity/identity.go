// Package identity answers who is asking: accounts, passphrases and recovery
// kits, sessions, device tokens. It is the sole maker of Verified, the proof
// that an account's own unlocker was shown, and of Device, the proof that a
// device's token was.
//
// It promises that a stolen database signs nobody in, that an unknown name
// costs the same work and answers the same words as a wrong passphrase, and
// that a stranger who guesses cannot lock anybody out. It refuses to recover
// what no unlocker opens.
package identity

import (
	"context"
	"encoding/hex"
	"log/slog"
	"net/netip"
	"time"

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
	linkSetup = "setup"
	linkPair  = "pair"
)

// Kinds of unlockers.
const (
	unlockPassphrase = "passphrase"
	unlockKit        = "kit"
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
	log       *slog.Logger
	stretcher *seal.Stretcher
	attempts  *limiter
	decoy     decoy
}

// New returns a Desk.
func New(c Config) (*Desk, error) {
	if c.Costs == nil {
		c.Costs = seal.DefaultArgon2
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	decoy, err := newDecoy(c.Costs())
	if err != nil {
		return nil, err
	}
	return &Desk{
		store: c.Store, ledger: c.Ledger, house: c.House, costs: c.Costs, log: c.Log,
		stretcher: seal.NewStretcher(), attempts: newLimiter(), decoy: decoy,
	}, nil
}

// Verified is an account whose unlocker was shown in a session that lasts.
// Only this package makes one; the zero value is nobody and refused.
type Verified struct{ of *session }

type session struct {
	account   hearkeep.AccountID
	name      string
	idHash    [32]byte
	expires   time.Time
	steppedUp time.Time
	private   seal.AccountPrivate
}

// Valid reports whether v is somebody, whose session has not ended.
func (v Verified) Valid() bool { return v.of != nil && time.Now().Before(v.of.expires) }

// Account is whose session it is; zero for nobody.
func (v Verified) Account() hearkeep.AccountID {
	if v.of == nil {
		return hearkeep.AccountID{}
	}
	return v.of.account
}

// Name is how the person wrote their name.
func (v Verified) Name() string {
	if v.of == nil {
		return ""
	}
	return v.of.name
}

// Expires is when the session ends.
func (v Verified) Expires() time.Time {
	if v.of == nil {
		return time.Time{}
	}
	return v.of.expires
}

// SteppedUp is when an unlocker was last shown.
func (v Verified) SteppedUp() time.Time {
	if v.of == nil {
		return time.Time{}
	}
	return v.of.steppedUp
}

// Session names the session in the ledger: 16 hexadecimal digits of the hash
// of its id, which open nothing.
func (v Verified) Session() string {
	if v.of == nil {
		return ""
	}
	return hex.EncodeToString(v.of.idHash[:8])
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

// Expire removes what has ended: sessions and links.
func (d *Desk) Expire(ctx context.Context, now time.Time) error {
	return d.store.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Identity.ExpireSessions(ctx, now); err != nil {
			return err
		}
		return tx.Identity.DeleteLinks(ctx, "", now)
	})
}

// sessionEntry is a ledger entry of something v did to its account.
func (v Verified) entry(kind ledger.Kind, purpose string) ledger.Entry {
	return ledger.Entry{
		Kind: kind, Account: new(v.Account()), Role: hearkeep.RoleKeyholder,
		Session: v.Session(), Purpose: purpose,
	}
}
