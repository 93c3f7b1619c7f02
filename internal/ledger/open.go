package ledger

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/hearkeep/hearkeep/internal/store"
)

// Open opens the log for whoever appends to it: it reads the signing key from
// keyPath (made there, mode 0600, when the log is empty), and the checkpoints
// that are kept beside it, and refuses with ErrForked a log that does not lead
// to its signed checkpoint or, as ErrRewound, to each of those kept.
func Open(ctx context.Context, st store.Store, keyPath string) (*Ledger, error) {
	l, err := look(ctx, st, keyPath, true)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(keyPath)
	if err := l.noteKey(ctx); err != nil {
		return nil, err
	}
	if err := listKeys(filepath.Join(dir, FileKeys), l.keys); err != nil {
		return nil, err
	}
	l.kept = &kept{path: filepath.Join(dir, FileCheckpoints)}
	lines, end, err := l.check(ctx)
	if err != nil {
		return nil, err
	}
	return l, l.kept.begin(lines, end)
}

// Look opens the log to read it, also while a server appends to it, and
// compares the same. It changes nothing.
func Look(ctx context.Context, st store.Store, keyPath string) (*Ledger, error) {
	l, err := look(ctx, st, keyPath, false)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(keyPath)
	if _, err := keysBehind(filepath.Join(dir, FileKeys), l.keys); err != nil {
		return nil, err
	}
	l.kept = &kept{path: filepath.Join(dir, FileCheckpoints), look: true}
	_, _, err = l.check(ctx)
	return l, err
}

// OpenCopy opens the log of a copy of the database: it leads to its own
// checkpoint, and may be older than what is kept.
func OpenCopy(ctx context.Context, st store.Store, keyPath string) (*Ledger, error) {
	l, err := look(ctx, st, keyPath, false)
	if err != nil {
		return nil, err
	}
	_, _, err = l.check(ctx)
	return l, err
}

// look reads the key, and the keys that the database knows.
func look(ctx context.Context, st store.Store, keyPath string, write bool) (*Ledger, error) {
	var size int64
	var keys []store.LedgerKey
	err := st.View(ctx, func(tx *store.Tx) (err error) {
		if size, err = tx.Ledger.Size(ctx); err != nil {
			return err
		}
		keys, err = tx.Ledger.Keys(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: open: %w", err)
	}
	if size == 0 {
		keys = nil // nothing was signed by another one
	}
	skey, err := readKey(keyPath, keys, size, write)
	if err != nil {
		return nil, err
	}
	l, err := with(st, skey)
	if err != nil {
		return nil, fmt.Errorf("ledger: signing key %s: %w", keyPath, err)
	}
	return l, l.adopt(keys)
}

// noteKey enters the first key of a log in the database.
func (l *Ledger) noteKey(ctx context.Context) error {
	err := l.store.View(ctx, func(tx *store.Tx) error {
		keys, err := tx.Ledger.Keys(ctx)
		if err == nil && (len(keys) == 0 || keys[len(keys)-1].Key != l.verifier) {
			err = errNewKey
		}
		return err
	})
	if errors.Is(err, errNewKey) {
		err = l.store.Update(ctx, func(tx *store.Tx) error { return tx.Ledger.AddKey(ctx, l.keys[0]) })
	}
	if err != nil {
		return fmt.Errorf("ledger: key: %w", err)
	}
	return nil
}

var errNewKey = errors.New("a new key")

// check holds the log's head against its signed checkpoint, its keys and what
// is kept: cheap, for every start. What is kept is read first, so that a log
// which grows meanwhile is not taken for one that fell behind.
func (l *Ledger) check(ctx context.Context) (lines []Kept, end int64, err error) {
	if l.kept != nil {
		if lines, end, err = readKept(l.kept.path, l.known); err != nil {
			return nil, 0, err
		}
	}
	err = l.store.View(ctx, func(tx *store.Tx) error {
		head, err := l.readEdge(ctx, tx)
		if err != nil {
			return err
		}
		have, err := tx.Ledger.Size(ctx)
		if err != nil {
			return fmt.Errorf("ledger: size: %w", err)
		}
		noted, _, err := tx.Ledger.Noted(ctx)
		if err != nil {
			return fmt.Errorf("ledger: size: %w", err)
		}
		if have != head.size || noted != head.size {
			return fmt.Errorf("%w: %d entries, noted are %d, signed are %d", ErrForked, have, noted, head.size)
		}
		if err := l.checkKeys(ctx, tx); err != nil {
			return err
		}
		l.high.Store(head.size)
		l.edge.Store(head)
		if l.kept == nil {
			return nil
		}
		return l.checkKept(ctx, tx, lines)
	})
	return lines, end, err
}
