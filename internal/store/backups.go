package store

import (
	"context"
	"time"

	"github.com/hearkeep/hearkeep"
)

// Backups is the rows of room backup: where copies of the wrapped keys lie,
// so that a receipt can say when the last of them is gone.
type Backups interface {
	// InsertBackup adds a copy before it is made: none exists without a row.
	InsertBackup(ctx context.Context, b Backup) error
	// SetBackup replaces keys, until, verified, destroyed, recordings and bytes.
	SetBackup(ctx context.Context, b Backup) error
	// Backups lists all, also those destroyed, oldest first.
	Backups(ctx context.Context) ([]Backup, error)
	// ExpireBackups removes those that were destroyed before a time.
	ExpireBackups(ctx context.Context, before time.Time) (int, error)
	// LastErasure is the number of the newest row of the erasure journal, 0
	// before the first: the keys of all up to it are destroyed.
	LastErasure(ctx context.Context) (int64, error)

	// EndAccess ends what lets anybody in by something that they were given:
	// sessions, links and codes, invitations, API tokens, tokens of agents,
	// and letters that wait to be sent. All accounts count as changed at a time, so that their
	// archives and new tokens wait. For restored rows.
	EndAccess(ctx context.Context, at time.Time) (Ended, error)
	// SkipNumbers makes each door that has not ended go on n numbers later,
	// and accounts for those in between as failed keeps. For restored rows.
	SkipNumbers(ctx context.Context, n uint64, at time.Time) error
}

// Backup is one copy of a keep. The copy of the keys is a file of its own, and
// exists until Destroyed.
type Backup struct {
	ID         hearkeep.BackupID
	Place      string // the folder of rows, audio and the journal's copy
	Keys       string // the file of the keys
	Begun      time.Time
	Until      time.Time // when the keys' copy may be destroyed, once a newer one is verified
	Erasures   int64     // LastErasure before the keys were copied: it holds no key of those
	Verified   time.Time // zero until it was read back and added up
	Destroyed  time.Time // of the keys' copy; zero while it may exist
	Recordings int
	Bytes      int64 // of rows, keys and audio
}

// Ended counts what EndAccess has ended.
type Ended struct{ Sessions, Links, Invitations, Tokens, Agents, Letters int }

// KeysGone says when the last copy of keys is gone that an erasure destroyed
// here: the one numbered seq, at a time. It is not known while no copy without
// them is verified, or where one should be gone and is not.
func KeysGone(copies []Backup, seq int64, at, now time.Time) (gone time.Time, known bool) {
	newer, held := false, false
	gone = at
	for _, c := range copies {
		if c.Erasures >= seq {
			newer = newer || !c.Verified.IsZero()
			continue
		}
		if c.Destroyed.IsZero() {
			held = true
			gone = later(gone, c.Until)
		} else {
			gone = later(gone, c.Destroyed)
		}
	}
	return gone, !held || newer && gone.After(now)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Copier copies a store's files while it is in use. Each copy is the state of
// one moment, on the disk when the call returns, its owner's only, and holds
// nothing that was deleted before.
type Copier interface {
	// CopyRows copies the rows to a new file.
	CopyRows(ctx context.Context, path string) error
	// CopyKeys copies the wrapped keys to a new file. Keys.Destroy waits for
	// it, since it reads what is to leave the file.
	CopyKeys(ctx context.Context, path string) error
}
