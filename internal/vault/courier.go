package vault

import (
	"context"
	"io"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Courier gives the ciphertext and the wraps of what one account holds of one
// vault, for a sealed archive. It opens nothing, and no keyholder need be
// there.
type Courier struct {
	keep    *Keep
	vault   store.Vault
	account hearkeep.AccountID
}

// Couriers returns a Courier for each vault that an account holds, as it is
// pinned to; its own first.
func (k *Keep) Couriers(ctx context.Context, account hearkeep.AccountID) ([]*Courier, error) {
	return nil, errNotYet
}

// Name is what the vault is called; empty for an account's first.
func (c *Courier) Name() string { return "" }

// Vault is whose ciphertext it carries.
func (c *Courier) Vault() store.Vault { return c.vault }

// Held is a generation's secret as it is sealed to the account, with the
// public keys that the account is pinned to.
type HeldKey struct {
	Generation hearkeep.Generation
	Wrap       []byte
	Public     seal.VaultPublic
}

// Keys returns the account's wraps, ascending by generation.
func (c *Courier) Keys() []HeldKey { return nil }

// Sealed is what a Courier carries of one recording.
type Sealed struct {
	Recording store.Recording
	Envelope  []byte // the envelope key's wrap
	Parts     []SealedPart
}

// SealedPart is a part as ciphertext and its wrapped key.
type SealedPart struct {
	store.Part        // Bytes is nil for audio
	Wrap       []byte // the part key's
}

// Freeze lists what there is to carry, the oldest first, and fails as
// Room.Release does where a restriction freezes it, where numbers are missing,
// or where a row, a key or a blob is.
func (c *Courier) Freeze(ctx context.Context, archive hearkeep.ArchiveID) (*Cargo, error) {
	return nil, errNotYet
}

// Cargo is what a Courier has frozen.
type Cargo struct{}

// Len is how many recordings it holds.
func (c *Cargo) Len() int { return 0 }

// Accounts is as Release.Accounts.
func (c *Cargo) Accounts() []Accounted { return nil }

// Items is as Release.Items.
func (c *Cargo) Items() []hearkeep.Run { return nil }

// Each calls fn with every recording from the from-th on, a page at a time.
// What was erased or changed since fails with Changed.
func (c *Courier) Each(ctx context.Context, cargo *Cargo, from int, fn func(i int, s Sealed) error) error {
	return errNotYet
}

// Audio opens the ciphertext of a recording's audio, of exactly the size that
// its row says. Whoever reads it holds what they read against the row's hash,
// and reports what is altered with Damaged.
func (c *Courier) Audio(ctx context.Context, s Sealed) (io.ReadCloser, error) { return nil, errNotYet }

// Damaged writes down that a recording's ciphertext is not what was stored.
func (c *Courier) Damaged(ctx context.Context, s Sealed, cause error) error { return errNotYet }
