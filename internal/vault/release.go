package vault

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

var errNotYet = errors.New("vault: not built yet")

// Release is what one vault hands over to one of its keyholders: which
// recordings, in which order and in which versions, frozen before the first
// byte. It holds no key and no word; what it names is opened by the Room of
// the session that made it, and by no other.
type Release struct {
	vault   hearkeep.VaultID
	account hearkeep.AccountID
	session string
	archive hearkeep.ArchiveID
}

// Stop is why a release does not leave: numbers that nothing accounts for,
// parts that do not open, or rows that are not this vault's. It is the cause
// in the chain of a hearkeep.Stopped.
type Stop struct {
	What      string // as in store.Report
	Binding   hearkeep.BindingID
	Recording hearkeep.RecordingID
	Missing   []hearkeep.Run
}

// Error is for operators: ids only.
func (s *Stop) Error() string { return "vault: release stopped: " + s.What }

// Accounted accounts for every number that a door has given out:
// Last = Kept + Erased + Expired + Failed + Withheld.
type Accounted struct {
	Binding  Binding
	Last     hearkeep.Number // the highest number given out; 0 for none
	Kept     int             // in the release
	Erased   int
	Expired  int
	Failed   int
	Withheld int // of generations that this keyholder was not given
}

// Released is one recording of a release, opened.
type Released struct {
	Item
	Version  uint64           // of the words; 0 where none are kept
	Sound    *seal.PartHeader // nil where no sound is kept
	Waveform []byte           // nil where none is kept
}

// Release freezes what this vault hands over, and checks it before a byte
// leaves: each number of each door is accounted for, each part's key unwraps
// under this Room's keys, each sound's header opens, and the counts agree per
// door (C2). The openings are in the ledger first, with purpose "archive".
//
// It needs an unlocker shown lately and no waiting time (A2). It fails with
// Forbidden for programs, with Conflict while a restriction freezes the vault
// or part of it, and with Stopped, over a *Stop, where anything does not add
// up: then nothing of the vault leaves.
func (r *Room) Release(ctx context.Context, archive hearkeep.ArchiveID) (*Release, error) {
	return nil, errNotYet
}

// Len is how many recordings the release holds.
func (l *Release) Len() int { return 0 }

// Vault is whose they are.
func (l *Release) Vault() hearkeep.VaultID { return l.vault }

// Accounts returns how every number of every door is accounted for, by the
// time at which the doors were bound.
func (l *Release) Accounts() []Accounted { return nil }

// Items returns the recordings of a release as runs of numbers per binding,
// for the ledger.
func (l *Release) Items() []hearkeep.Run { return nil }

// Each opens the recordings of a release from the from-th on, the oldest
// first, a page at a time. What was erased, expired or corrected since the
// release was frozen fails with Changed; what does not open fails with
// Stopped. A release of another vault, account or session fails with NotFound.
func (r *Room) Each(ctx context.Context, l *Release, from int, fn func(i int, it Released) error) error {
	return errNotYet
}

// Sound opens the sound of the i-th recording of a release. It must be
// closed. It fails as Each does; a read fails with Changed once the recording
// is erased.
func (r *Room) Sound(ctx context.Context, l *Release, i int) (*Audio, error) {
	return nil, errNotYet
}

// Openings calls fn with the ledger's entries about this vault, the oldest
// first: who opened, released, erased or changed what (A5).
func (r *Room) Openings(ctx context.Context, fn func(ledger.Recorded) error) error {
	return errNotYet
}

// Correct replaces the words of a recording by its keyholder's (GDPR Art. 16).
// The words before are destroyed with their key, before it returns. Their end
// stays the same. It fails with NotFound where the recording keeps no words,
// and with Invalid for none or for more than MaxWords bytes.
func (r *Room) Correct(ctx context.Context, id hearkeep.RecordingID, words hearkeep.Words) (Receipt, error) {
	return Receipt{}, errNotYet
}

// MaxWords bounds a corrected transcript, in bytes of UTF-8.
const MaxWords = 16 << 10

// Restriction freezes release, expiry and training of a vault, of a door's
// recordings or of one recording. Keyholders still play and erase (Art. 18).
type Restriction struct {
	ID        hearkeep.RestrictionID
	Binding   hearkeep.BindingID   // zero: all of the vault's
	Recording hearkeep.RecordingID // zero: all of the door's, or the vault's
	Request   hearkeep.RequestID   // zero where a report is the cause
	Mine      bool                 // asked for by this Room's account, which may lift it
	At        time.Time
}

// Restrict freezes this vault, or with a recording that one alone, for a
// request of this Room's account.
func (r *Room) Restrict(ctx context.Context, request hearkeep.RequestID, id hearkeep.RecordingID) (hearkeep.RestrictionID, error) {
	return hearkeep.RestrictionID{}, errNotYet
}

// Restrictions returns what is frozen here, oldest first.
func (r *Room) Restrictions(ctx context.Context) ([]Restriction, error) { return nil, errNotYet }

// Lift frees what this Room's account had frozen. What a report froze is for
// its desk to free: Forbidden.
func (r *Room) Lift(ctx context.Context, id hearkeep.RestrictionID) error { return errNotYet }

// Imports returns the Inbox for what a person brings from another provider,
// bound at its first use; from is how the door is called: "Alexa".
func (r *Room) Imports(ctx context.Context, from string) (*Inbox, error) { return nil, errNotYet }

// Brought is a recording that another provider handed out.
type Brought struct {
	Taken
	Digest [32]byte // SHA-256 of the file as it came, and of its time: the same is kept once
}

// Bring keeps a recording through an Inbox of Imports, unless this vault has
// it already: then it returns false. What a person erased is not known any
// more, and can be brought again.
func (r *Room) Bring(ctx context.Context, in *Inbox, b Brought) (bool, error) {
	return false, errNotYet
}

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
