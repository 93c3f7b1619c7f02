package store

import (
	"context"
	"time"

	"github.com/hearkeep/hearkeep"
)

// Openings is the part of Ledger by which room incident finds what became
// readable for somebody, or left: entries of the kinds "opened" and
// "disclosed".
type Openings interface {
	// EachOpening calls fn with those that match, in no order; fn must not use
	// the transaction. Entries that lost their bodies are among those of an
	// account, a vault or a window, and not among those of an archive or a
	// session, which stood there.
	EachOpening(ctx context.Context, of Opened, fn func(LedgerEntry) error) error
	// OpeningsLost counts those in [from, to), zero for open, that lost their
	// bodies: of an account, or of everybody where it is zero.
	OpeningsLost(ctx context.Context, account hearkeep.AccountID, from, to time.Time) (int, error)
	// KeyChanges lists the entries of the kind "keys-changed" that concern an
	// account and some vault, ascending.
	KeyChanges(ctx context.Context, account hearkeep.AccountID) ([]LedgerEntry, error)
}

// Opened says which openings are meant: those of an archive, of a session, of
// an account, of a vault, or all, whichever is the first that is set; and,
// but for an archive's, those in [From, To).
type Opened struct {
	Archive  hearkeep.ArchiveID
	Session  string
	Account  hearkeep.AccountID
	Vault    hearkeep.VaultID
	From, To time.Time // zero for open
}
