package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep/internal/store"
)

// Continued says from which checkpoint of which key a log goes on under
// another one.
type Continued struct {
	Key        string `json:"key"`
	Checkpoint []byte `json:"checkpoint"` // the signed note
}

// Continue makes the log go on under a new origin and key, which it writes to
// keyPath in the place of the old one, and appends e as its first entry, which
// says from where it goes on. Entries, numbers and tree stay. It is for a log
// that is older than what was signed: under the old origin it would fork.
//
// later are checkpoints of the old log that are known of, newer than it is:
// they are kept, to say what was lost.
func (l *Ledger) Continue(ctx context.Context, keyPath string, e Entry, later ...[]byte) (*Ledger, error) {
	if err := os.Remove(keyPath + next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("ledger: continue: %w", err)
	}
	skey, err := makeKey(keyPath + next)
	if err != nil {
		return nil, fmt.Errorf("ledger: continue: %w", err)
	}
	to, err := with(l.store, strings.TrimSpace(string(skey)))
	if err != nil {
		return nil, fmt.Errorf("ledger: continue: %w", err)
	}
	lines, _, err := readKept(filepath.Join(filepath.Dir(keyPath), FileCheckpoints), l.known)
	if err != nil {
		return nil, fmt.Errorf("ledger: continue: %w", err)
	}
	var heads []Checkpoint
	err = l.store.Update(ctx, func(tx *store.Tx) (err error) {
		if heads, err = l.handOver(ctx, tx, to, e); err != nil {
			return err
		}
		return to.leadsTo(ctx, tx, lines) // another history is not gone on with
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: continue: %w", err)
	}
	for _, signed := range later {
		if c, err := parseSigned(signed, l.known); err == nil && len(heads) > 0 && c.Origin == heads[0].Origin && c.Size > heads[0].Size {
			heads = append(heads, c)
		}
	}
	if err := replaceFile(keyPath+next, keyPath); err != nil {
		return nil, fmt.Errorf("ledger: continue: %w", err)
	}
	return to, to.settle(ctx, filepath.Dir(keyPath), heads)
}

// handOver appends the first entry under the new key, and returns the old head.
func (l *Ledger) handOver(ctx context.Context, tx *store.Tx, to *Ledger, e Entry) ([]Checkpoint, error) {
	old, err := l.edgeOf(ctx, tx)
	if err != nil {
		return nil, err
	}
	to.keys = []store.LedgerKey{{Key: to.verifier}}
	var heads []Checkpoint
	if old.size > 0 {
		head, err := parseSigned(old.signed, l.own)
		if err != nil {
			return nil, err
		}
		heads = append(heads, head)
		e.Continues = &Continued{Key: l.verifier, Checkpoint: old.signed}
		to.keys = append(append(to.keys[:0], l.keys...), store.LedgerKey{First: old.size, Key: to.verifier})
		if err := to.adopt(to.keys); err != nil {
			return nil, err
		}
		if len(l.keys) == 1 {
			if err := tx.Ledger.AddKey(ctx, l.keys[0]); err != nil {
				return nil, err
			}
		}
	}
	if err := tx.Ledger.AddKey(ctx, to.keys[len(to.keys)-1]); err != nil {
		return nil, err
	}
	to.edge.Store(old)
	_, err = to.Append(ctx, tx, e)
	return heads, err
}

// settle writes what lies beside the key.
func (l *Ledger) settle(ctx context.Context, dir string, heads []Checkpoint) error {
	if err := listKeys(filepath.Join(dir, FileKeys), l.keys); err != nil {
		return err
	}
	k := &kept{path: filepath.Join(dir, FileCheckpoints)}
	lines, end, err := readKept(k.path, l.known)
	if err != nil {
		return err
	}
	if err := k.begin(lines, end); err != nil {
		return err
	}
	for _, c := range heads {
		if c.Origin == k.last.Origin && c.Size <= k.last.Size {
			continue // it was kept, or more
		}
		if err := k.add(c, time.Now()); err != nil {
			return fmt.Errorf("ledger: continue: %w", err)
		}
	}
	l.kept = k
	return l.Keep(ctx)
}
