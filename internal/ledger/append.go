package ledger

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep/internal/store"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Append adds entries to the transaction that they concern, signs the new
// checkpoint in it, and returns the number of the first entry. Many entries
// cost one signature and few statements.
func (l *Ledger) Append(ctx context.Context, tx *store.Tx, entries ...Entry) (int64, error) {
	seen, err := l.edgeOf(ctx, tx)
	if err != nil {
		return 0, err
	}
	// What was cut off behind our back is not signed as if it had never been.
	if high := l.high.Load(); seen.size < high {
		return 0, fmt.Errorf("%w: %d entries, where %d were written", ErrForked, seen.size, high)
	}
	if len(entries) == 0 {
		return seen.size, nil
	}
	grown := seen.copy()
	rows, tree, err := grown.grow(entries)
	if err != nil {
		return 0, fmt.Errorf("ledger: append after %d: %w", seen.size, err)
	}
	if err := tx.Ledger.Append(ctx, rows, tree); err != nil {
		return 0, fmt.Errorf("ledger: append after %d: %w", seen.size, err)
	}
	grown.signed, err = note.Sign(&note.Note{Text: formatCheckpoint(l.signer.Name(), grown.size, grown.root())}, l.signer)
	if err != nil {
		return 0, fmt.Errorf("ledger: sign checkpoint %d: %w", grown.size, err)
	}
	if err := tx.Ledger.SetCheckpoint(ctx, grown.size, grown.signed, l.kept.entries()); err != nil {
		return 0, fmt.Errorf("ledger: keep checkpoint %d: %w", grown.size, err)
	}
	l.edge.Store(grown)
	return seen.size, nil
}

// grow adds entries, and returns their rows and the hashes that they complete.
func (e *edge) grow(entries []Entry) ([]store.LedgerEntry, []store.TreeHash, error) {
	salts := make([]byte, saltSize*len(entries))
	rand.Read(salts)
	rows := make([]store.LedgerEntry, len(entries))
	tree := make([]store.TreeHash, 0, 2*len(entries)+64)
	for i, entry := range entries {
		if entry.At.IsZero() {
			entry.At = time.Now()
		}
		entry.At = entry.At.UTC().Truncate(time.Millisecond)
		body, err := json.Marshal(entry)
		if err != nil {
			return nil, nil, err
		}
		salt := salts[i*saltSize : (i+1)*saltSize : (i+1)*saltSize]
		rows[i] = store.LedgerEntry{
			Seq: e.size, Leaf: Leaf(salt, body), Salt: salt, Body: body,
			Kind: string(entry.Kind), At: entry.At, Vault: value(entry.Vault), Account: value(entry.Account),
		}
		at := tlog.StoredHashIndex(0, e.size)
		for k, h := range e.add(rows[i].Leaf) {
			tree = append(tree, store.TreeHash{Index: at + int64(k), Hash: h})
		}
	}
	return rows, tree, nil
}

// value is what p points at, or zero.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
