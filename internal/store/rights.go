package store

import (
	"context"
	"time"

	"github.com/hearkeep/hearkeep"
)

// Rights is the rows of requests, of what left as an archive, and of
// restrictions. Requests belong to an account; archives too.
type Rights interface {
	InsertRequest(ctx context.Context, r Request) error
	// Request returns one of an account's; ErrNotFound where it is another's.
	Request(ctx context.Context, account hearkeep.AccountID, id hearkeep.RequestID) (Request, error)
	// Requests returns an account's, newest first.
	Requests(ctx context.Context, account hearkeep.AccountID, limit int) ([]Request, error)
	// SetRequest replaces state, due, extension, answer and times of a request.
	SetRequest(ctx context.Context, r Request) error
	// OpenRequests lists those whose clock runs, of all accounts, by Due and
	// id, strictly after the cursor.
	OpenRequests(ctx context.Context, after RequestCursor, limit int) ([]Request, error)
	// CountRequests counts by kind and state.
	CountRequests(ctx context.Context) ([]RequestCount, error)

	InsertArchive(ctx context.Context, a Archive) error
	// Archive returns one of an account's; ErrNotFound where it is another's.
	Archive(ctx context.Context, account hearkeep.AccountID, id hearkeep.ArchiveID) (Archive, error)
	// Archives returns an account's, newest first.
	Archives(ctx context.Context, account hearkeep.AccountID, limit int) ([]Archive, error)
	// SetArchive replaces state, count, bytes, hash and when it ended.
	SetArchive(ctx context.Context, a Archive) error

	InsertRestriction(ctx context.Context, r Restriction) error
	// Restrictions returns those of a vault that are in force, oldest first.
	Restrictions(ctx context.Context, vault hearkeep.VaultID) ([]Restriction, error)
	// LiftRestriction is ErrNotFound where it is lifted, or in another vault.
	LiftRestriction(ctx context.Context, vault hearkeep.VaultID, id hearkeep.RestrictionID, at time.Time) error
	// CountRestrictions counts those in force.
	CountRestrictions(ctx context.Context) (int, error)

	InsertClaim(ctx context.Context, c Claim) error
	Claim(ctx context.Context, id hearkeep.ClaimID) (Claim, error)
	// ClaimByHash finds a claim by what its claimant was given.
	ClaimByHash(ctx context.Context, hash [32]byte) (Claim, error)
	// BindingNumbered finds a binding by the first five bytes of its id, which
	// are the number that a door shows; ErrNotFound where none, or more than
	// one, begins so.
	BindingNumbered(ctx context.Context, number [5]byte) (Binding, error)
	// SetClaim replaces what is sealed, state, count and end of a claim.
	SetClaim(ctx context.Context, c Claim) error
	// ClaimsOf lists what a vault's keyholders have to answer or have
	// answered, oldest first.
	ClaimsOf(ctx context.Context, vault hearkeep.VaultID) ([]Claim, error)
	// OpenClaims lists those that wait for an answer, by Due, oldest first.
	OpenClaims(ctx context.Context, limit int) ([]Claim, error)
	// ExpireClaims removes those that ended before a time.
	ExpireClaims(ctx context.Context, before time.Time) (int, error)
	// CountBetween counts a binding's recordings that began in [from, to).
	CountBetween(ctx context.Context, vault hearkeep.VaultID, binding hearkeep.BindingID, from, to time.Time) (int, error)
	// RecordingsBetween lists the first limit of them, by start and id.
	RecordingsBetween(ctx context.Context, vault hearkeep.VaultID, binding hearkeep.BindingID, from, to time.Time, limit int) ([]Recording, error)
}

// Request is somebody's use of a right. Its subject is Account, and nothing
// sets another.
type Request struct {
	ID       hearkeep.RequestID
	Account  hearkeep.AccountID
	Kind     hearkeep.RequestKind
	State    hearkeep.RequestState
	Via      hearkeep.Via
	Binding  hearkeep.BindingID // the door it was spoken at; zero else
	Received time.Time          // the clock starts here (Art. 12(3))
	Due      time.Time
	Extended time.Time // when it was extended; zero for never
	Reason   string    // of the extension, as the person was told it
	Reminded time.Time // when the person was last told to fetch it
	Ended    time.Time
	Answer   []byte // a signed note; nil before there is one
	MAC      []byte // over what nothing may change, under the house key
}

// RequestCursor is a place in a listing by due time.
type RequestCursor struct {
	Due time.Time
	ID  hearkeep.RequestID
}

// RequestCount is how many requests of a kind are in a state.
type RequestCount struct {
	Kind  hearkeep.RequestKind
	State hearkeep.RequestState
	N     int
}

// Archive is a release to its account: what was frozen, and what became of it.
type Archive struct {
	ID      hearkeep.ArchiveID
	Request hearkeep.RequestID
	Account hearkeep.AccountID
	Sealed  bool
	State   string // "begun", "whole", "stopped"
	Count   int    // recordings
	Bytes   int64
	Hash    [32]byte // SHA-256 of its manifest
	Made    time.Time
	Ended   time.Time // zero while it is begun
}

// Restriction freezes release, expiry and training of a vault, or of one
// binding's or one recording of it. Keyholders still play and erase.
type Restriction struct {
	ID        hearkeep.RestrictionID
	Vault     hearkeep.VaultID
	Binding   hearkeep.BindingID   // zero: all of the vault's
	Recording hearkeep.RecordingID // zero: all of the binding's, or the vault's
	Account   hearkeep.AccountID   // who asked; zero for Hearkeep itself
	Request   hearkeep.RequestID   // zero where a report is the cause
	Report    hearkeep.ReportID    // zero where a request is
	At        time.Time
	Lifted    time.Time // zero while in force
}

// Claim is a request by somebody without an account (V12). What they wrote,
// and how to reach them, is sealed under the house key.
type Claim struct {
	ID      hearkeep.ClaimID
	Hash    [32]byte // SHA-256 of the claimant's secret: their way back to it
	Sealed  []byte
	From    time.Time
	To      time.Time
	Vault   hearkeep.VaultID   // whose keyholders answer; zero while no door is known
	Binding hearkeep.BindingID // the door; zero while none is known
	State   string             // "open", "counted", "erased", "invited", "nothing", "withdrawn", "unanswered"
	Count   int                // what the claimant was told, or what was erased
	Due     time.Time
	Made    time.Time
	Ended   time.Time
}
