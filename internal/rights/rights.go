// Package rights answers people who use their rights over what is kept of
// them (GDPR Art. 15 to 22): requests and their clock, archives, erasure,
// restriction, rectification and objection; claims by people without an
// account; and agents that speak the Data Rights Protocol.
//
// It promises that the subject of a request is the account of the session
// that made it, that an archive leaves whole or not at all, that its
// disclosure is in the ledger before its first byte, and that every step is
// told to every channel of the account. It refuses to let anybody choose,
// attach or redirect what is in an archive or to whom it goes: no function of
// it takes one person's request and another's vault.
package rights

import (
	"log/slog"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/archive"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// Config is what a Desk works with.
type Config struct {
	Store   store.Store
	Keep    *vault.Keep
	Ledger  *ledger.Ledger
	Letters *notify.Desk
	House   seal.HouseKey
	Origin  string         // where people reach the keep
	Zone    *time.Location // whose days count for the clock; nil is the machine's
	Wait    time.Duration  // for archives after a change of ways in; identity.WaitLife where zero
	Log     *slog.Logger
}

// Desk answers requests. It may be used concurrently.
type Desk struct {
	Config
	desk
}

// KeyFingerprint is the fingerprint of the key that signs sealed archives and
// answers, as whatever opens one shows it.
func (d *Desk) KeyFingerprint() string { return archive.Fingerprint(d.Ledger.Key()) }

// New returns a Desk.
func New(c Config) *Desk {
	if c.Zone == nil {
		c.Zone = time.Local
	}
	if c.Wait == 0 {
		c.Wait = identity.WaitLife
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Desk{Config: c, desk: desk{preparing: map[hearkeep.AccountID]bool{}}}
}
