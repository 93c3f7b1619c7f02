// Package ledger keeps the append-only record of openings, disclosures,
// erasures, bindings, key changes, sign-ins and operator acts. It is a
// transparency log (RFC 6962 trees, C2SP tlog-checkpoint) in the database
// that it speaks of: a leaf is a salted commitment, the body behind it is
// readable by the server and expires on its own clock, and every append signs
// a new checkpoint in its transaction.
//
// It promises that an entry is on the disk when Write returns, that the tree
// only grows, and that a log whose entries do not lead to its signed
// checkpoint, or to any that is kept outside of the database, is refused at
// start. A restored log goes on under a new origin. It refuses words: an Entry
// has no field for what was said.
//
// docs/ledger.md has the formats in which the log, and proofs of it, leave.
package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Failures that callers act on.
var (
	// ErrForked says that the entries do not lead to the signed checkpoint:
	// the database was altered, or an older copy was put in its place.
	ErrForked = errors.New("ledger: the entries do not lead to the signed checkpoint")
)

// Kind says what an entry records.
type Kind string

// Kinds of entries.
const (
	KindOpened        Kind = "opened"         // ciphertext became words or sound for somebody
	KindOpeningFailed Kind = "opening-failed" // it did not open: altered, swapped, or foreign
	KindErased        Kind = "erased"
	KindExpired       Kind = "expired"
	KindKeepFailed    Kind = "keep-failed"  // a number was handed out and nothing was kept
	KindKeys          Kind = "keys-changed" // an account, unlocker, vault or generation was made
	KindBound         Kind = "bound"
	KindUnbound       Kind = "unbound"
	KindDoorChanged   Kind = "door-changed" // its name, settings or rule
	KindSignedIn      Kind = "signed-in"
	KindSignedOut     Kind = "signed-out"
	KindPaired        Kind = "paired"            // a device received its token
	KindHousehold     Kind = "household-changed" // who belongs to it, who is invited
	KindToken         Kind = "token-changed"     // an API token was made or ended
	KindFarewell      Kind = "farewell"          // an account asked to be erased, changed its mind, or was
	KindRequest       Kind = "request"           // somebody used a right, or a step of that
	KindDisclosed     Kind = "disclosed"         // an archive began to leave
	KindStopped       Kind = "release-stopped"   // an archive did not add up, and did not leave
	KindRestricted    Kind = "restricted"        // release, expiry and training were frozen, or freed again
	KindReported      Kind = "reported"          // a report was opened or closed
	KindCorrected     Kind = "corrected"         // words were replaced by their keyholder's
	KindBackup        Kind = "backup"            // a copy was made, verified, destroyed, or restored
	KindOperator      Kind = "operator"          // whoever runs this did something
	KindIncident      Kind = "incident"          // a step of a case: opened, scoped, told, notified, closed
	KindBodies        Kind = "bodies-expired"    // bodies of old entries of this log; it never expires itself
)

// Entry is what is recorded of one event: ids, kinds, counts and times.
type Entry struct {
	Kind     Kind                 `json:"kind"`
	At       time.Time            `json:"at"` // UTC; set by Append where zero
	Account  *hearkeep.AccountID  `json:"account,omitempty"`
	Role     hearkeep.Role        `json:"role"`
	Vault    *hearkeep.VaultID    `json:"vault,omitempty"`
	Binding  *hearkeep.BindingID  `json:"binding,omitempty"`
	Session  string               `json:"session,omitempty"` // first 16 hex digits of the session's hash
	Token    string               `json:"token,omitempty"`   // of KindToken: the session name of what is opened with that token
	Purpose  string               `json:"purpose,omitempty"` // "listen", "read", "browse"
	Filter   string               `json:"filter,omitempty"`  // the kind of filter, never its text
	Count    int                  `json:"count,omitempty"`
	Items    []hearkeep.Run       `json:"items,omitempty"`
	Receipt  *hearkeep.ReceiptID  `json:"receipt,omitempty"`
	Request  *hearkeep.RequestID  `json:"request,omitempty"`
	Archive  *hearkeep.ArchiveID  `json:"archive,omitempty"`
	Report   *hearkeep.ReportID   `json:"report,omitempty"`
	Incident *hearkeep.IncidentID `json:"incident,omitempty"`

	Continues *Continued `json:"continues,omitempty"` // of the first entry after a restore
	Expired   []Expired  `json:"expired,omitempty"`   // of KindBodies
}

// Ledger appends to one log. It may be used concurrently.
type Ledger struct {
	store    store.Store
	signer   note.Signer
	own      note.Verifiers // of the key that signs now
	known    note.Verifiers // of all keys there were
	keys     []store.LedgerKey
	verifier string
	high     atomic.Int64         // entries that are known to be on the disk
	edge     atomic.Pointer[edge] // as it was seen last; never of more than is signed
	kept     *kept                // the head outside of the database; nil for a copy of one
}

// Write appends entries in a transaction of their own and returns the number
// of the first, after they are on the disk.
func (l *Ledger) Write(ctx context.Context, entries ...Entry) (int64, error) {
	var seq int64
	err := l.store.Update(ctx, func(tx *store.Tx) (err error) {
		seq, err = l.Append(ctx, tx, entries...)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("ledger: write: %w", err)
	}
	for next := seq + int64(len(entries)); ; {
		if high := l.high.Load(); next <= high || l.high.CompareAndSwap(high, next) {
			break
		}
	}
	l.keepOften(ctx)
	return seq, nil
}

// Leaf is the commitment that stands in the tree for a body:
// SHA-256("hearkeep/v1/leaf" ‖ salt ‖ body).
func Leaf(salt, body []byte) [32]byte {
	h := sha256.New()
	h.Write([]byte("hearkeep/v1/leaf"))
	h.Write(salt)
	h.Write(body)
	return [32]byte(h.Sum(nil))
}

// Recorded is an entry as it stands in the log. Expired ones have lost their
// body: only Seq, Kind and At are set.
type Recorded struct {
	Seq     int64
	Expired bool
	Entry
}

// EntriesOf lists what concerns an account or its vaults, newest first, below
// the number before (math.MaxInt64 for the newest).
func (l *Ledger) EntriesOf(ctx context.Context, account hearkeep.AccountID, vaults []hearkeep.VaultID, before int64, limit int) ([]Recorded, error) {
	var rows []store.LedgerEntry
	err := l.store.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = tx.Ledger.EntriesOf(ctx, account, vaults, before, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: entries of account %s: %w", account, err)
	}
	return recorded(rows)
}

// Entries lists the log, or what concerns one vault, ascending from a number on.
func (l *Ledger) Entries(ctx context.Context, vault hearkeep.VaultID, from int64, limit int) ([]Recorded, error) {
	var rows []store.LedgerEntry
	err := l.store.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = tx.Ledger.Entries(ctx, vault, from, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: entries: %w", err)
	}
	return recorded(rows)
}

func recorded(rows []store.LedgerEntry) ([]Recorded, error) {
	out := make([]Recorded, len(rows))
	for i, r := range rows {
		out[i] = Recorded{Seq: r.Seq, Expired: r.Body == nil, Entry: Entry{Kind: Kind(r.Kind), At: r.At}}
		if r.Body == nil {
			continue
		}
		if err := json.Unmarshal(r.Body, &out[i].Entry); err != nil {
			return nil, fmt.Errorf("ledger: entry %d: %w", r.Seq, err)
		}
	}
	return out, nil
}

// hashes reads stored tree hashes inside a transaction.
func hashes(ctx context.Context, tx *store.Tx) tlog.HashReaderFunc {
	return func(indexes []int64) ([]tlog.Hash, error) {
		got, err := tx.Ledger.Hashes(ctx, indexes)
		if err != nil {
			return nil, err
		}
		out := make([]tlog.Hash, len(got))
		for i, h := range got {
			out[i] = h
		}
		return out, nil
	}
}
