package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Expired are entries with neighbouring numbers whose bodies have expired
// together. Digest is over what stays of them, so that it cannot be changed
// unnoticed: SHA-256 of, for each, number, time (Unix milliseconds), lengths
// and bytes of kind, vault and account, and leaf; hexadecimal.
type Expired struct {
	From, To int64 // both included
	Digest   string
}

// expireAtOnce is how many bodies expire in one transaction.
const expireAtOnce = 4096

// Expire removes bodies older than a year, but of entries that say what expired
// or from which key the log goes on; their commitments stay, and an entry says
// which they were. While a case is open nothing expires.
func (l *Ledger) Expire(ctx context.Context, now time.Time) (int, error) {
	for all := 0; ; {
		var n int
		err := l.store.Update(ctx, func(tx *store.Tx) (err error) {
			n, err = l.expire(ctx, tx, now.AddDate(-1, 0, 0))
			return err
		})
		if err != nil {
			return all, fmt.Errorf("ledger: expire: %w", err)
		}
		all += n
		if n < expireAtOnce {
			return all, nil
		}
	}
}

func (l *Ledger) expire(ctx context.Context, tx *store.Tx, before time.Time) (int, error) {
	if open, err := tx.Incidents.CountOpenIncidents(ctx); err != nil || open > 0 {
		return 0, err
	}
	rows, err := tx.Ledger.ExpireBodies(ctx, before, string(KindBodies), expireAtOnce)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	_, err = l.Append(ctx, tx, Entry{Kind: KindBodies, Role: hearkeep.RoleSystem, Count: len(rows), Expired: digests(rows)})
	return len(rows), err
}

// digests packs rows, which ascend, into neighbours.
func digests(rows []store.LedgerEntry) (all []Expired) {
	for len(rows) > 0 {
		n, sum := 0, sha256.New()
		for n < len(rows) && rows[n].Seq == rows[0].Seq+int64(n) {
			digest(sum, &rows[n])
			n++
		}
		all = append(all, Expired{From: rows[0].Seq, To: rows[n-1].Seq, Digest: hex.EncodeToString(sum.Sum(nil))})
		rows = rows[n:]
	}
	return all
}

// digest adds what stays of an entry.
func digest(sum hash.Hash, row *store.LedgerEntry) {
	b := make([]byte, 0, 128)
	b = binary.BigEndian.AppendUint64(b, uint64(row.Seq))
	b = binary.BigEndian.AppendUint64(b, uint64(row.At.UnixMilli()))
	b = append(b, byte(len(row.Kind)))
	b = append(b, row.Kind...)
	for _, id := range [][16]byte{row.Vault, row.Account} {
		if id == [16]byte{} {
			b = append(b, 0)
			continue
		}
		b = append(append(b, byte(len(id))), id[:]...)
	}
	sum.Write(append(b, row.Leaf[:]...))
}

// expirations holds rows without bodies against the entries that say so.
type expirations struct {
	at  map[int64]Expired // by From
	now Expired           // the run that is being read
	sum hash.Hash
}

// expiredIn reads all entries that say which bodies are gone.
func expiredIn(ctx context.Context, tx *store.Tx) (*expirations, error) {
	rows, err := tx.Ledger.EntriesOfKind(ctx, string(KindBodies))
	if err != nil {
		return nil, fmt.Errorf("ledger: entries of expiry: %w", err)
	}
	x := &expirations{at: map[int64]Expired{}}
	for _, row := range rows {
		e, err := decode(row)
		if err != nil {
			return nil, err
		}
		for _, r := range e.Expired {
			if r.To < r.From || x.at[r.From].Digest != "" {
				return nil, fmt.Errorf("%w: entry %d says twice what has expired", ErrForked, row.Seq)
			}
			x.at[r.From] = r
		}
	}
	return x, nil
}

// row takes the next row of the log.
func (x *expirations) row(row *store.LedgerEntry) error {
	if x.sum == nil {
		if begins, ok := x.at[row.Seq]; ok {
			x.now, x.sum = begins, sha256.New()
		}
	}
	switch {
	case x.sum == nil && row.Body == nil:
		return fmt.Errorf("%w: the body of entry %d is gone, and nothing says that it has expired", ErrForked, row.Seq)
	case x.sum == nil:
		return nil
	case row.Body != nil:
		return fmt.Errorf("%w: the body of entry %d had expired", ErrForked, row.Seq)
	}
	digest(x.sum, row)
	if row.Seq < x.now.To {
		return nil
	}
	if hex.EncodeToString(x.sum.Sum(nil)) != x.now.Digest {
		return fmt.Errorf("%w: what stays of entries %d to %d is altered", ErrForked, x.now.From, x.now.To)
	}
	x.sum = nil
	return nil
}

// end fails where a run goes on past the log.
func (x *expirations) end() error {
	if x.sum != nil {
		return fmt.Errorf("%w: more has expired than there is", ErrForked)
	}
	return nil
}
