package ledger

import (
	"bytes"
	"context"
	"fmt"
	"math/bits"

	"github.com/hearkeep/hearkeep/internal/store"
	"golang.org/x/mod/sumdb/tlog"
)

// edge is what of a tree its growth needs: the roots of the full subtrees that
// it falls into, largest first. Adding a leaf and computing the root need
// nothing else.
type edge struct {
	size   int64
	peaks  []tlog.Hash
	signed []byte // the checkpoint of this size; nil for a tree that nobody signed
}

// add appends a leaf and returns the hashes that it completes, by ascending
// index: they are stored from tlog.StoredHashIndex(0, seq) on.
func (e *edge) add(leaf [32]byte) []tlog.Hash {
	h := tlog.RecordHash(leaf[:])
	done := []tlog.Hash{h}
	for range bits.TrailingZeros64(^uint64(e.size)) { // each full pair becomes one
		h = tlog.NodeHash(e.peaks[len(e.peaks)-1], h)
		e.peaks = e.peaks[:len(e.peaks)-1]
		done = append(done, h)
	}
	e.peaks = append(e.peaks, h)
	e.size++
	return done
}

// root is the tree's root; of an empty tree RFC 6962 hashes the empty string.
func (e *edge) root() tlog.Hash {
	if e.size == 0 {
		h, _ := tlog.TreeHash(0, nil)
		return h
	}
	root := e.peaks[len(e.peaks)-1]
	for i := len(e.peaks) - 2; i >= 0; i-- {
		root = tlog.NodeHash(e.peaks[i], root)
	}
	return root
}

// copy is an edge that grows by itself.
func (e *edge) copy() *edge {
	return &edge{size: e.size, peaks: append(make([]tlog.Hash, 0, 64), e.peaks...)}
}

// peaksOf are the indexes of the stored hashes that are the peaks of a tree.
func peaksOf(size int64) (indexes []int64) {
	for level, at := 62, int64(0); level >= 0; level-- {
		if size&(1<<level) != 0 {
			indexes = append(indexes, tlog.StoredHashIndex(level, at>>level))
			at += 1 << level
		}
	}
	return indexes
}

// loadEdge reads the edge of the first size entries.
func loadEdge(ctx context.Context, tx *store.Tx, size int64) (*edge, error) {
	stored, err := tx.Ledger.Hashes(ctx, peaksOf(size))
	if err != nil {
		return nil, fmt.Errorf("%w: tree of %d: %v", ErrForked, size, err)
	}
	return &edge{size: size, peaks: hashed(stored)}, nil
}

// edgeOf is the edge of the log as this transaction sees it. The one that was
// seen last serves again while its checkpoint is the one that stands there:
// then nothing is read, and what was altered in the stored tree is not signed.
func (l *Ledger) edgeOf(ctx context.Context, tx *store.Tx) (*edge, error) {
	size, err := tx.Ledger.Size(ctx)
	if err != nil {
		return nil, fmt.Errorf("ledger: size: %w", err)
	}
	signed, err := tx.Ledger.Checkpoint(ctx)
	if err != nil {
		return nil, fmt.Errorf("ledger: checkpoint: %w", err)
	}
	seen := l.edge.Load()
	if seen == nil || !bytes.Equal(seen.signed, signed) {
		// Somebody else wrote: what is kept outside must still be in it.
		if seen, err = l.readEdge(ctx, tx); err != nil {
			return nil, err
		}
		if newest := l.kept.newest(); newest != nil {
			if err := l.leadsTo(ctx, tx, []Kept{{Checkpoint: *newest}}); err != nil {
				return nil, err
			}
		}
	}
	if seen.size != size {
		return nil, fmt.Errorf("%w: %d entries, signed are %d", ErrForked, size, seen.size)
	}
	return seen, nil
}

// readEdge reads the signed checkpoint and the edge that leads to it.
func (l *Ledger) readEdge(ctx context.Context, tx *store.Tx) (*edge, error) {
	head, err := l.signedHead(ctx, tx)
	if err != nil {
		return nil, err
	}
	e, err := loadEdge(ctx, tx, head.Size)
	if err != nil {
		return nil, err
	}
	if head.Size > 0 && e.root() != head.Root {
		return nil, fmt.Errorf("%w: at size %d", ErrForked, head.Size)
	}
	e.signed = head.Signed
	return e, nil
}

// compare holds a root against the stored tree.
func compare(size int64, root tlog.Hash, r tlog.HashReader) error {
	if size == 0 {
		return nil
	}
	got, err := tlog.TreeHash(size, r)
	if err != nil {
		return fmt.Errorf("%w: tree of %d: %v", ErrForked, size, err)
	}
	if got != root {
		return fmt.Errorf("%w: at size %d", ErrForked, size)
	}
	return nil
}
