package archive

import (
	"context"
	"io"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
)

// SealedFacts are what a sealed archive is made of. Nothing in it is a secret,
// and none of its names is written but into the sealed index of its vault.
type SealedFacts struct {
	Archive hearkeep.ArchiveID
	Request hearkeep.RequestID
	Kind    hearkeep.RequestKind
	Account hearkeep.AccountID
	Service string // where the keep is reached: its origin
	Made    time.Time
	Zone    *time.Location // whose day names the file; nil is UTC
	Key     string         // what checks Sign: ledger.Key()
	// Sign signs the manifest: ledger.Sign. It is called once, by NewSealed.
	Sign   func(text string) ([]byte, error)
	Keys   SealedKeys
	Vaults []SealedVault // in the order in which people are shown them
}

// SealedKeys lead from an account's recovery kit to its private key. There is
// no room for a passphrase's or a passkey's wrap: whoever got an archive by
// mistake could guess at a passphrase, and nobody guesses 160 bits.
type SealedKeys struct {
	Kits           []SealedKit // of the account's kits; none is refused by NewSealed
	AccountPrivate []byte      // as seal.SealAccountPrivate made it
}

// SealedKit is the account key as it is wrapped to a recovery kit.
type SealedKit struct {
	Unlocker hearkeep.UnlockerID
	Wrap     []byte // seal.WrapAccountKey
}

// SealedVault is a vault as its Courier carries it.
type SealedVault struct {
	ID       hearkeep.VaultID
	Name     string      // empty for an account's first
	Kind     string      // "personal", "shared" or "child"
	Doors    []Door      // how every number is accounted for
	Held     []SealedKey // what the account holds of it, ascending by generation; the index is sealed to the last
	Withheld []Withheld  // of this vault
	Content  SealedContent
}

// SealedKey is a generation's secret as it is sealed to the account, and the
// public keys that the account is pinned to.
type SealedKey struct {
	Generation hearkeep.Generation
	Wrap       []byte // seal.SealVaultKey
	Public     seal.VaultPublic
}

// SealedContent is the ciphertext of one vault. It is frozen: each call gives
// the same, or fails with hearkeep.Changed. Each call of SealedBag.Write goes
// through it on its own.
type SealedContent interface {
	// Len is how many recordings there are.
	Len() int
	// Each calls fn with each from the from-th on, the oldest first. What fn
	// is given is good until fn returns.
	Each(ctx context.Context, from int, fn func(i int, r SealedRecording) error) error
}

// SealedRecording is a recording as ciphertext, with what its keys are bound to.
type SealedRecording struct {
	ID           hearkeep.RecordingID
	Binding      hearkeep.BindingID
	Number       hearkeep.Number
	Generation   hearkeep.Generation
	Envelope     hearkeep.EnvelopeID
	EnvelopeWrap []byte // of the envelope's key; only what NewSealed saw is written
	Start        time.Time
	Duration     time.Duration
	Parts        []SealedPart // in any order, at most one of each kind
	// Audio opens the ciphertext of its sound, of exactly the size that its
	// part says. It is called while fn runs, where there is such a part. Its
	// bytes are held against the part's hash as they pass.
	Audio func(ctx context.Context) (io.ReadCloser, error)
	// Damaged is told, while fn runs, that the sound's ciphertext is not what
	// was stored. The archive stops there: Write returns hearkeep.Stopped.
	Damaged func(ctx context.Context, cause error) error
}

// SealedPart is one part as ciphertext.
type SealedPart struct {
	Part    hearkeep.Part
	Version uint64
	Size    int64    // of the ciphertext, in bytes
	Hash    [32]byte // SHA-256 of the ciphertext
	Until   time.Time
	Wrap    []byte // of the part's key, seal.SymmetricWrapSize bytes
	Bytes   []byte // the ciphertext; nil for audio
}
