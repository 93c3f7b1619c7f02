// Package store keeps Hearkeep's rows and wrapped keys: transactions, one
// small interface per room, background jobs, and the erasure journal. What it
// holds of speech is ciphertext; ids, times, sizes and counts are readable.
//
// It promises that Update has returned only after its rows are on the disk,
// that Keys.Destroy has returned only after the destroyed keys have left the
// file, and that every query names the vault or account it is about. It
// refuses a schema newer than the program.
//
// Times are kept to the millisecond and come back in UTC; the zero time stays
// zero. What is to be read, changed or deleted under a vault and is not there
// is ErrNotFound, and so is a row to be inserted under a vault, binding or
// recording that is not there. Deleting anything else is no error when it is
// gone already. Listings of what is not there are empty. Where a method's
// comment says otherwise, it holds.
//
// The drivers (store/sqlite) run the one contract suite of storetest.
package store

import (
	"context"
	"errors"
	"time"

	"github.com/hearkeep/hearkeep"
)

// Failures that callers act on.
var (
	// ErrNotFound says that no such row is there, or that it lies in another
	// vault: the two are not told apart.
	ErrNotFound = errors.New("store: not found")
	// ErrExists says that a row with this key, or this unique name, is there.
	ErrExists = errors.New("store: exists")
	// ErrNewer says that the schema was written by a newer program.
	ErrNewer = errors.New("store: schema is newer than this program")
	// ErrFull says that the disk has no room; nothing was changed.
	ErrFull = errors.New("store: disk full")
)

// Store is one node's database. All methods may be called concurrently.
type Store interface {
	// Update runs fn in a durable transaction. Concurrent callers share a
	// commit; each has its own savepoint, so that an error from fn undoes
	// that caller's rows only. When Update returns nil, the rows are on disk.
	// fn may be run while other callers wait: it must not block on them, and
	// must not call Update or View. A ctx that is done before fn's turn keeps
	// it from running; a panic in fn reaches its caller alone.
	Update(ctx context.Context, fn func(*Tx) error) error
	// View runs fn on one consistent snapshot. Writing through it fails.
	View(ctx context.Context, fn func(*Tx) error) error
	// Keys is the separate file of wrapped keys.
	Keys() Keys
	// Check reads the whole database back and returns what is damaged.
	Check(ctx context.Context) error
	// Close waits for running transactions and closes the files.
	Close() error
}

// Tx gives each room its own view of one transaction. It is valid only
// inside the function it was given to.
type Tx struct {
	Identity  Identity
	Houses    Houses
	Letters   Letters
	Vaults    Vaults
	Ledger    Ledger
	Acts      Acts
	Jobs      Jobs
	Rights    Rights
	Imports   Imports
	Agents    Agents
	Backups   Backups
	Incidents Incidents
	Watch     Watch
}

// Jobs is background work, written in the transaction that it concerns.
type Jobs interface {
	// Enqueue adds work that is due at once.
	Enqueue(ctx context.Context, kind string, payload []byte) error
	// Due returns up to limit jobs of a kind whose time has come, oldest first.
	Due(ctx context.Context, kind string, now time.Time, limit int) ([]Job, error)
	// Done removes a job.
	Done(ctx context.Context, id int64) error
	// Retry puts a job off until the given time and counts the attempt;
	// ErrNotFound where it is done.
	Retry(ctx context.Context, id int64, at time.Time) error
}

// Job is one piece of background work.
type Job struct {
	ID       int64
	Kind     string
	Payload  []byte
	Attempts int
	Due      time.Time
}

// Identity is the rows of room identity: who can sign in, and with what.
type Identity interface {
	InsertAccount(ctx context.Context, a Account) error // ErrExists for a taken Name
	Account(ctx context.Context, id hearkeep.AccountID) (Account, error)
	AccountByName(ctx context.Context, name string) (Account, error)
	CountAccounts(ctx context.Context) (int, error)
	// SetAccount replaces the keys of an account, its list of unlockers and
	// when its ways in last changed; its names and Created stay.
	SetAccount(ctx context.Context, a Account) error
	// DeleteAccount removes an account with its unlockers, sessions, channels,
	// membership and farewell; ErrNotFound where it is gone. What it kept and
	// holds is for room vault to erase first: those rows stay, and so do
	// letters that are on their way.
	DeleteAccount(ctx context.Context, id hearkeep.AccountID) error

	InsertUnlocker(ctx context.Context, u Unlocker) error
	// Unlockers returns an account's ways in, oldest first.
	Unlockers(ctx context.Context, account hearkeep.AccountID) ([]Unlocker, error)
	// SetUnlocker replaces name, params, wrap and last use of an unlocker.
	SetUnlocker(ctx context.Context, u Unlocker) error
	// DeleteUnlocker fails with ErrNotFound where the account has none such.
	DeleteUnlocker(ctx context.Context, account hearkeep.AccountID, id hearkeep.UnlockerID) error

	InsertSession(ctx context.Context, s Session) error
	Session(ctx context.Context, idHash [32]byte) (Session, error)
	// TouchSession notes a use; ErrNotFound where the session has ended.
	TouchSession(ctx context.Context, idHash [32]byte, used time.Time) error
	DeleteSession(ctx context.Context, idHash [32]byte) error
	// Sessions returns an account's sessions, the last used first.
	Sessions(ctx context.Context, account hearkeep.AccountID) ([]Session, error)
	// DeleteSessions ends an account's sessions but the excepted one, and
	// says how many there were.
	DeleteSessions(ctx context.Context, account hearkeep.AccountID, except [32]byte) (int, error)
	// ExpireSessions removes sessions whose Expires is not after now.
	ExpireSessions(ctx context.Context, now time.Time) (int, error)

	PutToken(ctx context.Context, t Token) error
	Token(ctx context.Context, binding hearkeep.BindingID) (Token, error)
	DeleteToken(ctx context.Context, binding hearkeep.BindingID) error

	// PutLink stores a one-use link: a set-up link, a pairing code.
	PutLink(ctx context.Context, l Link) error
	// Link returns an unexpired link without using it.
	Link(ctx context.Context, kind string, hash [32]byte, now time.Time) (Link, error)
	// TakeLink returns an unexpired link and removes it, so that it works once.
	TakeLink(ctx context.Context, kind string, hash [32]byte, now time.Time) (Link, error)
	// DeleteLinks removes all links of a kind, and any link that has expired.
	DeleteLinks(ctx context.Context, kind string, now time.Time) error
	// DeleteLinksOf removes the links of a kind whose payload begins with an
	// account's id.
	DeleteLinksOf(ctx context.Context, kind string, account hearkeep.AccountID) error
}

// Account is one person's sign-in. Name is the folded form that sign-in looks
// up; Display is how the person wrote it.
type Account struct {
	ID            hearkeep.AccountID
	Name          string
	Display       string
	Public        []byte // HPKE public key
	SealedPrivate []byte // under the account key
	SealedList    []byte // the unlockers' public keys, under the account key
	Created       time.Time
	Changed       time.Time // when an unlocker or a channel was last added or changed; zero for never
}

// Unlocker is one way to an account key.
type Unlocker struct {
	ID      hearkeep.UnlockerID
	Account hearkeep.AccountID
	Kind    string // "passphrase", "passkey", "kit"
	Name    string // what its person calls it; empty where there is one of the kind
	Params  []byte // how the secret is derived: salt and costs, a credential; no secret
	Wrap    []byte // the account key under this unlocker; nil for a passkey that cannot unlock
	Created time.Time
	Used    time.Time // zero for never
}

// Session is one signed-in browser. What opens the wrap is in its cookie only.
type Session struct {
	IDHash    [32]byte // SHA-256 of the session id
	Account   hearkeep.AccountID
	Wrap      []byte // the account key under the cookie's secret
	Created   time.Time
	Expires   time.Time
	SteppedUp time.Time // zero before the first step-up
	Used      time.Time
	Agent     string // the browser, as it named itself; cut at 200 bytes
}

// Token lets a device add to one binding. It never reads.
type Token struct {
	Binding    hearkeep.BindingID
	SecretHash [32]byte
	Created    time.Time
}

// Link is a one-use, expiring secret that stands in a URL or a code.
type Link struct {
	Kind    string
	Hash    [32]byte // SHA-256 of the secret
	Payload []byte
	Expires time.Time
}

// Acts is the rows of room act, and the counters of room hear.
type Acts interface {
	// PutTimer inserts or replaces.
	PutTimer(ctx context.Context, t Timer) error
	Timers(ctx context.Context) ([]Timer, error)
	DeleteTimer(ctx context.Context, id hearkeep.TimerID) error

	// Cursor is how far a follower of the erasure journal has come.
	Cursor(ctx context.Context, follower string) (int64, error)
	SetCursor(ctx context.Context, follower string, seq int64) error

	// Count adds n to a counter of a binding: "false-activation" and such.
	Count(ctx context.Context, binding hearkeep.BindingID, counter string, n int64) error
	Counters(ctx context.Context, binding hearkeep.BindingID) (map[string]int64, error)
}

// Timer is a timer or an alarm. All that it says is sealed under the house key.
type Timer struct {
	ID        hearkeep.TimerID
	Vault     hearkeep.VaultID
	Recording hearkeep.RecordingID // the request it came from; zero once that is erased
	Sealed    []byte
}
