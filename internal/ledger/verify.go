package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
	"golang.org/x/mod/sumdb/tlog"
)

// page is how many entries Verify has in memory at a time, and as many again
// that are being read.
const page = 2048

// Verify recomputes the whole tree from its leaves, each stored hash, each
// leaf whose body is still there, what each entry is filed under, and what
// stays of those that have expired; and holds the log against its checkpoint
// and all that are kept. Memory does not grow with the log.
func (l *Ledger) Verify(ctx context.Context) error {
	if _, _, err := l.check(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return l.store.View(ctx, func(tx *store.Tx) error {
		head, err := l.signedHead(ctx, tx)
		if err != nil {
			return err
		}
		gone, err := expiredIn(ctx, tx)
		if err != nil {
			return err
		}
		pages, failed := make(chan stretch, 1), make(chan error, 1)
		var reading sync.WaitGroup
		defer reading.Wait() // the transaction ends with this function
		defer cancel()
		reading.Go(func() {
			defer close(pages)
			failed <- readPages(ctx, tx, head.Size, pages)
		})
		tree := &edge{}
		for p := range pages {
			if err := p.verify(tree, gone); err != nil {
				return err
			}
		}
		if err := <-failed; err != nil {
			return err
		}
		if err := gone.end(); err != nil {
			return err
		}
		if tree.size != head.Size || head.Size > 0 && tree.root() != head.Root {
			return fmt.Errorf("%w: at size %d", ErrForked, head.Size)
		}
		return nil
	})
}

// stretch is entries as they lie in the database, and the stored hashes that
// they complete.
type stretch struct {
	rows   []store.LedgerEntry
	hashes []store.TreeHash
}

// readPages reads the log from its first row to its last, whatever numbers
// they have.
func readPages(ctx context.Context, tx *store.Tx, size int64, pages chan<- stretch) error {
	from := int64(math.MinInt64)
	hash := int64(math.MinInt64)
	for n := int64(0); ; {
		rows, err := tx.Ledger.Entries(ctx, hearkeep.VaultID{}, from, page)
		if err != nil {
			return fmt.Errorf("ledger: entries from %d: %w", n, err)
		}
		n += int64(len(rows))
		until := tlog.StoredHashIndex(0, n)
		if n >= size || len(rows) == 0 {
			until = math.MaxInt64
		}
		stored, err := tx.Ledger.HashRange(ctx, hash, until)
		if err != nil {
			return fmt.Errorf("ledger: hashes from %d: %w", hash, err)
		}
		if n > size || len(rows) == 0 && n < size {
			return fmt.Errorf("%w: %d entries, signed are %d", ErrForked, n, size)
		}
		select {
		case pages <- stretch{rows, stored}:
		case <-ctx.Done():
			return ctx.Err()
		}
		if n == size {
			return nil
		}
		from, hash = rows[len(rows)-1].Seq+1, until
	}
}

// verify checks rows by themselves, on all processors, and then in their order
// in the tree.
func (p stretch) verify(tree *edge, gone *expirations) error {
	now := time.Now()
	workers := runtime.GOMAXPROCS(0)
	found := make([]error, workers)
	var running sync.WaitGroup
	for w := range workers {
		part := p.rows[w*len(p.rows)/workers : (w+1)*len(p.rows)/workers]
		running.Go(func() {
			for i := range part {
				if found[w] = checkRow(&part[i], now); found[w] != nil {
					return
				}
			}
		})
	}
	running.Wait()
	for _, err := range found {
		if err != nil {
			return err
		}
	}
	stored := p.hashes
	for i := range p.rows {
		row := &p.rows[i]
		if row.Seq != tree.size {
			return fmt.Errorf("%w: entry %d is missing", ErrForked, tree.size)
		}
		if err := gone.row(row); err != nil {
			return err
		}
		at := tlog.StoredHashIndex(0, row.Seq)
		for k, h := range tree.add(row.Leaf) {
			if len(stored) == 0 || stored[0].Index != at+int64(k) || tlog.Hash(stored[0].Hash) != h {
				return fmt.Errorf("%w: a stored hash of entry %d is altered", ErrForked, row.Seq)
			}
			stored = stored[1:]
		}
	}
	if len(stored) > 0 {
		return fmt.Errorf("%w: a stored hash belongs to no entry", ErrForked)
	}
	return nil
}

// checkRow compares what stands beside a body with what it says. A body that
// is gone before its year is over was not expired by us.
func checkRow(row *store.LedgerEntry, now time.Time) error {
	if row.Body == nil {
		if row.Salt != nil || row.At.After(now.AddDate(-1, 0, 1)) {
			return fmt.Errorf("%w: the body of entry %d is gone before its time", ErrForked, row.Seq)
		}
		return nil
	}
	e, err := decode(*row)
	if err != nil {
		return err
	}
	if string(e.Kind) != row.Kind || !e.At.Equal(row.At) || value(e.Vault) != row.Vault || value(e.Account) != row.Account {
		return fmt.Errorf("%w: entry %d is filed under what it does not say", ErrForked, row.Seq)
	}
	return nil
}

// decode reads the body of a row that is committed to by its leaf.
func decode(row store.LedgerEntry) (e Entry, err error) {
	if len(row.Salt) != saltSize || Leaf(row.Salt, row.Body) != row.Leaf {
		return e, fmt.Errorf("%w: entry %d is altered", ErrForked, row.Seq)
	}
	if err := json.Unmarshal(row.Body, &e); err != nil {
		return e, fmt.Errorf("%w: entry %d cannot be read", ErrForked, row.Seq)
	}
	return e, nil
}
