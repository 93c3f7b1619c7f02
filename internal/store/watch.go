package store

import (
	"context"
	"time"

	"github.com/hearkeep/hearkeep"
)

// Watch is the rows of whoever follows the ledger: what it remembers from one
// entry to the next. Keys and values are ids, kinds, counts and times.
type Watch interface {
	// Note returns what is remembered under a key; ErrNotFound for nothing.
	Note(ctx context.Context, kind string, key []byte) (WatchNote, error)
	// Notes lists what is remembered under keys that begin with a prefix, by key.
	Notes(ctx context.Context, kind string, prefix []byte) ([]WatchNote, error)
	// PutNote inserts or replaces.
	PutNote(ctx context.Context, n WatchNote) error
	// DeleteNotes forgets what is under keys that begin with a prefix, and
	// says how many there were.
	DeleteNotes(ctx context.Context, kind string, prefix []byte) (int, error)
	// ExpireNotes forgets those whose Until is not after now.
	ExpireNotes(ctx context.Context, now time.Time) (int, error)

	// OpenReport finds the report that is not closed and is of the same fault
	// as r: the same What, account, vault, binding, recording and archive, each
	// of which may be zero. ErrNotFound where there is none.
	OpenReport(ctx context.Context, r Report) (hearkeep.ReportID, error)
}

// WatchNote is one thing that the follower remembers.
type WatchNote struct {
	Kind  string // "session", "volume": of room incident's closed list
	Key   []byte
	Value []byte
	Until time.Time
}
