package ledger

import (
	"context"
	"fmt"

	"github.com/hearkeep/hearkeep/internal/store"
	"golang.org/x/mod/sumdb/tlog"
)

// Latest is the newest signed checkpoint, zero while the log is empty. It is
// kept outside of the database before it is returned, so that whatever is
// handed out under it cannot be taken back unnoticed.
func (l *Ledger) Latest(ctx context.Context) (Checkpoint, error) { return l.keep(ctx) }

// Inclusion is the RFC 6962 audit path (section 2.1.1) of entry seq in the
// tree of the first size entries: from the leaf's sibling up.
func (l *Ledger) Inclusion(ctx context.Context, seq, size int64) ([][32]byte, error) {
	var path tlog.RecordProof
	err := l.prove(ctx, seq+1, size, func(r tlog.HashReader) (err error) {
		path, err = tlog.ProveRecord(size, seq, r)
		return err
	})
	return plain(path), err
}

// Consistency is the RFC 6962 consistency proof (section 2.1.2) between the
// trees of the first from and the first to entries; empty where from is 0 or to.
func (l *Ledger) Consistency(ctx context.Context, from, to int64) ([][32]byte, error) {
	if from == 0 || from == to {
		return nil, l.prove(ctx, from, to, func(tlog.HashReader) error { return nil })
	}
	var path tlog.TreeProof
	err := l.prove(ctx, from, to, func(r tlog.HashReader) (err error) {
		path, err = tlog.ProveTree(to, from, r)
		return err
	})
	return plain(path), err
}

// prove runs fn on the stored tree, where 0 <= from <= to <= its size.
func (l *Ledger) prove(ctx context.Context, from, to int64, fn func(tlog.HashReader) error) error {
	err := l.store.View(ctx, func(tx *store.Tx) error {
		size, err := tx.Ledger.Size(ctx)
		if err != nil {
			return err
		}
		if from < 0 || from > to || to > size {
			return fmt.Errorf("no proof from %d to %d in %d entries", from, to, size)
		}
		return fn(hashes(ctx, tx))
	})
	if err != nil {
		return fmt.Errorf("ledger: prove: %w", err)
	}
	return nil
}

func plain(path []tlog.Hash) [][32]byte {
	out := make([][32]byte, len(path))
	for i, h := range path {
		out[i] = h
	}
	return out
}

// CheckInclusion verifies an audit path of a leaf at seq under a checkpoint
// whose signature was checked.
func (c Checkpoint) CheckInclusion(seq int64, leaf [32]byte, path [][32]byte) error {
	if seq < 0 || seq >= c.Size {
		return fmt.Errorf("%w: entry %d of %d", ErrForked, seq, c.Size)
	}
	if err := tlog.CheckRecord(hashed(path), c.Size, tlog.Hash(c.Root), seq, tlog.RecordHash(leaf[:])); err != nil {
		return fmt.Errorf("%w: entry %d is not in the tree of %d", ErrForked, seq, c.Size)
	}
	return nil
}

// CheckConsistency verifies that c is of a tree that begins with that of older.
func (c Checkpoint) CheckConsistency(older Checkpoint, path [][32]byte) error {
	var err error
	switch {
	case older.Size > c.Size:
		err = fmt.Errorf("%d entries after %d", c.Size, older.Size)
	case older.Size == 0 && len(path) == 0:
	case older.Size == c.Size && len(path) == 0 && older.Root == c.Root:
	case older.Size == 0 || older.Size == c.Size:
		err = fmt.Errorf("two roots of one size")
	default:
		err = tlog.CheckTree(hashed(path), c.Size, tlog.Hash(c.Root), older.Size, tlog.Hash(older.Root))
	}
	if err != nil {
		return fmt.Errorf("%w: %v", ErrForked, err)
	}
	return nil
}

func hashed(path [][32]byte) []tlog.Hash {
	out := make([]tlog.Hash, len(path))
	for i, h := range path {
		out[i] = h
	}
	return out
}
