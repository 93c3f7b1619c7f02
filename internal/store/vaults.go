package store

import (
	"context"
	"time"

	"github.com/hearkeep/hearkeep"
)

// Vaults is the rows of room vault. Listings are keyset-paged; every query
// names the vault.
type Vaults interface {
	InsertVault(ctx context.Context, v Vault) error
	Vault(ctx context.Context, id hearkeep.VaultID) (Vault, error)
	// SetRetention changes how long parts that are kept from now on live.
	SetRetention(ctx context.Context, id hearkeep.VaultID, r Retention) error

	InsertGeneration(ctx context.Context, g Generation) error
	// Generations returns a vault's key pairs in ascending order of N.
	Generations(ctx context.Context, vault hearkeep.VaultID) ([]Generation, error)

	InsertKeyholder(ctx context.Context, k Keyholder) error
	// Keyholder returns what an account holds of a vault, ascending by
	// generation; ErrNotFound where it holds nothing or the vault is not there.
	Keyholder(ctx context.Context, vault hearkeep.VaultID, account hearkeep.AccountID) ([]Keyholder, error)
	// VaultsOf returns the vaults that an account holds, oldest first.
	VaultsOf(ctx context.Context, account hearkeep.AccountID) ([]Vault, error)
	// VaultsIn returns a household's shared vaults, oldest first.
	VaultsIn(ctx context.Context, house hearkeep.HouseholdID) ([]Vault, error)
	// SetVault replaces a vault's kind, label, household and day of age; its
	// retention stays.
	SetVault(ctx context.Context, v Vault) error
	// Keyholders returns who holds one generation of a vault, ascending by account.
	Keyholders(ctx context.Context, vault hearkeep.VaultID, n hearkeep.Generation) ([]Keyholder, error)
	// SetKeyholder replaces a keyholder's wrap and pin, of one generation.
	SetKeyholder(ctx context.Context, k Keyholder) error
	// DeleteKeyholder removes all that an account holds of a vault; no error
	// where it holds nothing.
	DeleteKeyholder(ctx context.Context, vault hearkeep.VaultID, account hearkeep.AccountID) error

	// PutDeparture notes that an account holds a vault no more, until a
	// keyholder has made the generation that leaves it out. The first to be
	// noted stays; ErrNotFound where the vault is not there.
	PutDeparture(ctx context.Context, d Departure) error
	// Departures returns a vault's, oldest first.
	Departures(ctx context.Context, vault hearkeep.VaultID) ([]Departure, error)
	// DeleteDeparture is no error where there is none.
	DeleteDeparture(ctx context.Context, vault hearkeep.VaultID, account hearkeep.AccountID) error

	InsertAPIToken(ctx context.Context, t APIToken) error
	APIToken(ctx context.Context, id hearkeep.TokenID) (APIToken, error)
	// APITokens returns an account's tokens, oldest first.
	APITokens(ctx context.Context, account hearkeep.AccountID) ([]APIToken, error)
	// TouchAPIToken notes a use; ErrNotFound where the token has ended.
	TouchAPIToken(ctx context.Context, id hearkeep.TokenID, used time.Time) error
	// DeleteAPIToken fails with ErrNotFound where the account has none such.
	DeleteAPIToken(ctx context.Context, account hearkeep.AccountID, id hearkeep.TokenID) error
	// DeleteAPITokensOf ends all tokens of a vault, and says how many.
	DeleteAPITokensOf(ctx context.Context, vault hearkeep.VaultID) (int, error)
	// ExpireAPITokens removes tokens whose Expires is not after now.
	ExpireAPITokens(ctx context.Context, now time.Time) (int, error)

	InsertBinding(ctx context.Context, b Binding) error
	// Binding is the one look-up without a vault: a door knows only its
	// binding, and the binding's pin says which vault it belongs to.
	Binding(ctx context.Context, id hearkeep.BindingID) (Binding, error)
	Bindings(ctx context.Context, vault hearkeep.VaultID) ([]Binding, error)
	// BindingsOfSource returns the bindings of a kind of door that have not
	// ended, of every vault: the doors that the program opens by itself.
	BindingsOfSource(ctx context.Context, source hearkeep.Source) ([]Binding, error)
	// SetPin replaces the pin of a binding.
	SetPin(ctx context.Context, vault hearkeep.VaultID, id hearkeep.BindingID, pin []byte) error
	// SetBinding replaces what a keyholder may change of a binding: its label
	// and rule, and with them generation, signature and pin.
	SetBinding(ctx context.Context, b Binding) error
	// EndBinding marks a binding as ended; its rows stay.
	EndBinding(ctx context.Context, vault hearkeep.VaultID, id hearkeep.BindingID, at time.Time) error
	// HandOut returns the binding's next number and counts on.
	HandOut(ctx context.Context, vault hearkeep.VaultID, id hearkeep.BindingID) (hearkeep.Number, error)

	InsertRecording(ctx context.Context, r Recording, parts []Part) error
	Recording(ctx context.Context, vault hearkeep.VaultID, id hearkeep.RecordingID) (Recording, error)
	// Recordings lists at most limit of some generations, newest first and
	// strictly older than the cursor.
	Recordings(ctx context.Context, vault hearkeep.VaultID, of Span, before Cursor, limit int) ([]Recording, error)
	// RecordingsByNumber lists a binding's recordings numbered above after, ascending.
	RecordingsByNumber(ctx context.Context, vault hearkeep.VaultID, binding hearkeep.BindingID, after hearkeep.Number, limit int) ([]Recording, error)
	// RecordingsOf returns those of the ids that this vault has.
	RecordingsOf(ctx context.Context, vault hearkeep.VaultID, ids []hearkeep.RecordingID) (map[hearkeep.RecordingID]Recording, error)
	// LastRecording is the one with a binding's highest number.
	LastRecording(ctx context.Context, vault hearkeep.VaultID, binding hearkeep.BindingID) (Recording, error)
	// Totals counts what a vault keeps of some generations.
	Totals(ctx context.Context, vault hearkeep.VaultID, of Span) (Totals, error)
	// DeleteRecording removes the row and its parts.
	DeleteRecording(ctx context.Context, vault hearkeep.VaultID, id hearkeep.RecordingID) error

	// Parts returns a recording's parts with their bytes (audio has none here).
	Parts(ctx context.Context, vault hearkeep.VaultID, id hearkeep.RecordingID) ([]Part, error)
	// PartsOf returns one kind of part of many recordings.
	PartsOf(ctx context.Context, vault hearkeep.VaultID, ids []hearkeep.RecordingID, part hearkeep.Part) (map[hearkeep.RecordingID]Part, error)
	// InsertPart adds a part; ErrExists where the recording has one of its
	// kind, in any version: a correction deletes that first.
	InsertPart(ctx context.Context, vault hearkeep.VaultID, p Part) error
	DeletePart(ctx context.Context, vault hearkeep.VaultID, id hearkeep.RecordingID, part hearkeep.Part) error
	// DueParts returns parts, of any vault, whose Until is not after now, but
	// for those that a restriction freezes.
	DueParts(ctx context.Context, now time.Time, limit int) ([]DuePart, error)

	// InsertTombstones accounts for numbers that have no recording; ErrExists
	// where one of them is accounted for already.
	InsertTombstones(ctx context.Context, vault hearkeep.VaultID, outcome hearkeep.Outcome, at time.Time, runs []hearkeep.Run) error
	// Tombstones returns a vault's tombstones, by binding and number.
	Tombstones(ctx context.Context, vault hearkeep.VaultID) ([]Tombstone, error)
	// AllVaults returns the id of every vault, for start-up and check.
	AllVaults(ctx context.Context) ([]hearkeep.VaultID, error)
	// HasBlob reports whether any recording has this blob, for the sweep.
	HasBlob(ctx context.Context, blob string) (bool, error)

	// InsertErasure adds a row of the erasure journal and returns its number;
	// ErrExists where the receipt was applied already.
	InsertErasure(ctx context.Context, e Erasure) (int64, error)
	// ErasuresAfter returns the journal above seq, ascending.
	ErasuresAfter(ctx context.Context, seq int64, limit int) ([]Erasure, error)
	// Erasure returns what one receipt stands for; ErrNotFound where it was
	// not applied, or concerns another vault.
	Erasure(ctx context.Context, vault hearkeep.VaultID, receipt hearkeep.ReceiptID) (Erasure, error)
}

// Retention is how long each purpose's parts are kept (V7).
type Retention struct {
	Audio time.Duration // audio and waveform
	Words time.Duration
	Turn  time.Duration
}

// Vault is where recordings lie.
type Vault struct {
	ID        hearkeep.VaultID
	Kind      string // "personal", "shared" or "child"
	Label     []byte // its name, sealed under the house key; nil for an account's first
	Retention Retention
	Household hearkeep.HouseholdID // zero for a personal vault
	OfAge     time.Time            // when a child may take its vault over; zero else
	Created   time.Time
}

// Span is some generations of a vault, both ends included. A zero To is open,
// so that the zero Span is all of them.
type Span struct{ From, To hearkeep.Generation }

// Holds reports whether n is in the span.
func (s Span) Holds(n hearkeep.Generation) bool { return n >= s.From && (s.To == 0 || n <= s.To) }

// Departure is an account that holds a vault no more.
type Departure struct {
	Vault   hearkeep.VaultID
	Account hearkeep.AccountID
	By      hearkeep.AccountID
	At      time.Time
}

// APIToken lets a program into one vault.
type APIToken struct {
	ID         hearkeep.TokenID
	Account    hearkeep.AccountID // who made it
	Vault      hearkeep.VaultID
	Generation hearkeep.Generation
	Write      bool
	Name       string
	Wrap       []byte // the generation's derived keys under the token's secret
	Created    time.Time
	Expires    time.Time
	Used       time.Time // zero for never
}

// Generation is one key pair of a vault. Signature is by the generation
// before; the first is signed by itself.
type Generation struct {
	Vault      hearkeep.VaultID
	N          hearkeep.Generation
	HPKEPublic []byte
	SignPublic []byte
	Keyholders []hearkeep.AccountID
	Signature  []byte
	Roster     []byte // its keyholders with their keys, signed by this generation; nil in a first one
	Created    time.Time
}

// Keyholder is a generation's secret sealed to one account.
type Keyholder struct {
	Vault      hearkeep.VaultID
	Generation hearkeep.Generation
	Account    hearkeep.AccountID
	Wrap       []byte
	Pin        []byte // which keys, under the house key
}

// Binding ties a door to a vault. Signature is by the vault's generation;
// Pin is under the house key and says what the Inbox may seal to.
type Binding struct {
	ID         hearkeep.BindingID
	Vault      hearkeep.VaultID
	Generation hearkeep.Generation
	Source     hearkeep.Source
	Label      []byte // its name and settings, sealed under the house key
	Rule       hearkeep.RoomRule
	Signature  []byte
	Pin        []byte
	Next       hearkeep.Number // the number that HandOut gives next; 1 at first
	Created    time.Time
	Ended      time.Time // zero while bound
}

// Recording is what is readable of a kept recording.
type Recording struct {
	ID         hearkeep.RecordingID
	Vault      hearkeep.VaultID
	Binding    hearkeep.BindingID
	Number     hearkeep.Number
	Generation hearkeep.Generation
	Envelope   hearkeep.EnvelopeID
	Start      time.Time
	Duration   time.Duration
	Blob       string // name of the sealed audio; empty where none is kept
	Kept       time.Time
}

// Part is one sealed piece of a recording.
type Part struct {
	Recording hearkeep.RecordingID
	Part      hearkeep.Part
	Version   uint64   // from 1
	Size      int64    // of the ciphertext, in bytes
	Hash      [32]byte // SHA-256 of the ciphertext
	Bytes     []byte   // the ciphertext; nil for audio, which is a blob
	Until     time.Time
}

// DuePart is a part whose time is over.
type DuePart struct {
	Vault     hearkeep.VaultID
	Recording hearkeep.RecordingID
	Part      hearkeep.Part
}

// Cursor is a place in a newest-first listing. The zero value is its begin.
type Cursor struct {
	Start time.Time
	ID    hearkeep.RecordingID
}

// Totals counts a vault.
type Totals struct {
	Recordings int
	Bytes      int64 // ciphertext, audio included
	Speech     time.Duration
	Oldest     time.Time
	Newest     time.Time
}

// Tombstone accounts for numbers without a recording.
type Tombstone struct {
	hearkeep.Run
	Outcome hearkeep.Outcome
	At      time.Time
}

// Erasure is one row of the erasure journal: ids only. In the file, one with
// an Account and no recordings says that this account was erased.
type Erasure struct {
	Seq        int64
	Receipt    hearkeep.ReceiptID
	Vault      hearkeep.VaultID
	Recordings []hearkeep.RecordingID
	Parts      []hearkeep.Part // empty: all of them
	Below      uint64          // of Parts, the versions below this, which were corrected; 0: all. The journal's alone
	Outcome    hearkeep.Outcome
	Total      int   // how many recordings went, with the earlier batches of one wish
	Entry      int64 // the ledger entry that records it
	At         time.Time
	Account    hearkeep.AccountID // in the file only; zero for an erasure of recordings
}

// Keys is the file of wrapped keys. It has no long readers, so that destroyed
// keys leave it at once, and it is backed up apart.
type Keys interface {
	// Put stores wrapped part keys durably; concurrent callers share a commit.
	Put(ctx context.Context, vault hearkeep.VaultID, keys []PartKey) error
	// Part returns one wrapped key.
	Part(ctx context.Context, vault hearkeep.VaultID, id hearkeep.RecordingID, part hearkeep.Part, version uint64) ([]byte, error)
	// PartsOf returns the wrapped keys of one kind of part of many recordings,
	// each in its highest version.
	PartsOf(ctx context.Context, vault hearkeep.VaultID, ids []hearkeep.RecordingID, part hearkeep.Part) (map[hearkeep.RecordingID]PartKey, error)
	// Destroy removes keys and returns after they have left the file and its
	// log: of the named parts, or of all parts where none is named. What is
	// not there is no error.
	Destroy(ctx context.Context, vault hearkeep.VaultID, ids []hearkeep.RecordingID, parts []hearkeep.Part) error
	// DestroyBelow is Destroy of one part's versions below another.
	DestroyBelow(ctx context.Context, vault hearkeep.VaultID, ids []hearkeep.RecordingID, part hearkeep.Part, version uint64) error
	// Each lists up to limit recordings that have keys, ascending above after,
	// for the sweep and for check.
	Each(ctx context.Context, after hearkeep.RecordingID, limit int) ([]KeyedRecording, error)

	// PutEnvelope stores or replaces an envelope key's wrap.
	PutEnvelope(ctx context.Context, vault hearkeep.VaultID, id hearkeep.EnvelopeID, wrap []byte) error
	Envelope(ctx context.Context, vault hearkeep.VaultID, id hearkeep.EnvelopeID) ([]byte, error)
}

// PartKey is one wrapped part key.
type PartKey struct {
	Recording hearkeep.RecordingID
	Part      hearkeep.Part
	Version   uint64
	Wrap      []byte
}

// KeyedRecording is a recording of which keys are stored.
type KeyedRecording struct {
	Vault     hearkeep.VaultID
	Recording hearkeep.RecordingID
	Parts     []hearkeep.Part
}

// Ledger is the rows of room ledger: a transparency log's leaves and hashes.
type Ledger interface {
	Openings
	// Size is the number of entries.
	Size(ctx context.Context) (int64, error)
	// Append adds entries numbered from Size on, and the tree hashes they
	// complete.
	Append(ctx context.Context, entries []LedgerEntry, hashes []TreeHash) error
	// Hashes returns stored tree hashes in the order of the indexes;
	// ErrNotFound where one is absent.
	Hashes(ctx context.Context, indexes []int64) ([][32]byte, error)
	// HashRange lists stored tree hashes from an index to below another, ascending.
	HashRange(ctx context.Context, from, to int64) ([]TreeHash, error)
	// Entries lists entries of a vault or, with a zero vault, of all, in
	// ascending order from seq on.
	Entries(ctx context.Context, vault hearkeep.VaultID, from int64, limit int) ([]LedgerEntry, error)
	// EntriesOfKind lists entries of a kind, ascending.
	EntriesOfKind(ctx context.Context, kind string) ([]LedgerEntry, error)
	// Leaves lists up to limit leaves from seq on, ascending.
	Leaves(ctx context.Context, from int64, limit int) ([][32]byte, error)
	// EntriesOf lists entries of an account or of vaults, newest first, below seq.
	EntriesOf(ctx context.Context, account hearkeep.AccountID, vaults []hearkeep.VaultID, before int64, limit int) ([]LedgerEntry, error)
	// ExpireBodies removes bodies and salts of up to limit entries before a time
	// that are not of the given kind, and not the first under a later key, and
	// returns what stays of them, ascending.
	ExpireBodies(ctx context.Context, before time.Time, but string, limit int) ([]LedgerEntry, error)
	// Checkpoint is the newest signed tree head, nil before the first.
	Checkpoint(ctx context.Context) ([]byte, error)
	// SetCheckpoint replaces it by one that is not smaller. kept is how many
	// entries are known to be spoken of outside of the database; it never falls.
	SetCheckpoint(ctx context.Context, size int64, note []byte, kept int64) error
	// Noted is how many entries stand beside that checkpoint, and beside kept.
	Noted(ctx context.Context) (size, kept int64, err error)
	// Keys lists the keys of the log, oldest first.
	Keys(ctx context.Context) ([]LedgerKey, error)
	// AddKey adds a key that takes over; ErrExists where one did so at the same
	// size. Where the log is empty it replaces the one before.
	AddKey(ctx context.Context, k LedgerKey) error
	// Witnesses lists what is known of witnesses, by key.
	Witnesses(ctx context.Context) ([]LedgerWitness, error)
	// SetWitness inserts or replaces what is known of one.
	SetWitness(ctx context.Context, w LedgerWitness) error
}

// LedgerKey is a public key (vkey) of the log and how many entries there were
// when it took over.
type LedgerKey struct {
	First int64
	Key   string
}

// LedgerWitness is what is known of a witness: the newest checkpoint that it
// cosigned, with its cosignature, and what went wrong since, if anything.
type LedgerWitness struct {
	Key, URL string
	Size     int64 // 0 before the first
	Note     []byte
	At       time.Time // when it cosigned that
	Trouble  string    // of a closed list; empty where the newest attempt went well
	Since    time.Time // of the trouble
}

// LedgerEntry is a leaf and, until it expires, the body it commits to.
type LedgerEntry struct {
	Seq     int64 // from 0
	Leaf    [32]byte
	Salt    []byte // nil once expired
	Body    []byte // nil once expired
	Kind    string
	Vault   hearkeep.VaultID   // zero where none is concerned
	Account hearkeep.AccountID // zero where none is concerned
	At      time.Time
}

// TreeHash is one stored hash of the log's tree, by its tlog index.
type TreeHash struct {
	Index int64
	Hash  [32]byte
}
