package vault

import (
	"context"
	"errors"
	"fmt"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Imports returns the Inbox for what a person brings from another provider,
// bound at its first use; from is how the door is called: "Alexa".
func (r *Room) Imports(ctx context.Context, from string) (*Inbox, error) {
	if err := r.changes(); err != nil {
		return nil, err
	}
	door, err := Door{Name: from}.check(hearkeep.SourceImport)
	if err != nil {
		return nil, err
	}
	all, err := r.Bindings(ctx)
	if err != nil {
		return nil, err
	}
	for _, b := range all {
		if b.Source != hearkeep.SourceImport || b.Door.Name != door.Name || !b.Ended.IsZero() {
			continue
		}
		in, err := r.keep.inbox(ctx, b.ID)
		if err == nil && in.Vault() != r.vault.ID {
			err = fmt.Errorf("vault: binding %s left vault %s", b.ID, r.vault.ID)
		}
		return in, err
	}
	id, err := r.Bind(ctx, hearkeep.SourceImport, door, hearkeep.RoomRule{Keep: hearkeep.KeepAll})
	if err != nil {
		return nil, err
	}
	return r.keep.inbox(ctx, id)
}

// Brought is a recording that another provider handed out.
type Brought struct {
	Taken
	Digest [32]byte // SHA-256 of the file as it came, and of its time: the same is kept once
}

// errBrought says that the vault has a recording already.
var errBrought = errors.New("vault: brought before")

// Bring keeps a recording through an Inbox of Imports, unless this vault has
// it already: then it returns false. What a person erased is not known any
// more, and can be brought again; so can what was moved to another vault. A
// program knows what was brought since its token's generation began.
//
// It is kept from now on: quiet hours are those of now, and its retention
// begins now, however long ago it was said.
func (r *Room) Bring(ctx context.Context, in *Inbox, b Brought) (bool, error) {
	if err := r.changes(); err != nil {
		return false, err
	}
	if in == nil || in.Vault() != r.vault.ID || in.Source() != hearkeep.SourceImport {
		return false, errGone()
	}
	known, err := r.digests(b.Digest)
	if err != nil {
		return false, fmt.Errorf("vault: bring into %s: %w", r.vault.ID, err)
	}
	err = r.keep.store.View(ctx, func(tx *store.Tx) error { return r.notBrought(ctx, tx, known) })
	if err == nil { // and once more where it is written: another import may run
		err = in.keepAnd(ctx, b.Taken, func(ctx context.Context, tx *store.Tx) error {
			if err := r.notBrought(ctx, tx, known); err != nil {
				return err
			}
			row := known[len(known)-1]
			row.Recording = b.ID
			return tx.Imports.InsertImport(ctx, row)
		})
	}
	if errors.Is(err, errBrought) {
		return false, nil
	}
	return err == nil, err
}

// digests is how each generation that this Room opens remembers a file; that of
// the newest comes last.
func (r *Room) digests(file [32]byte) ([]store.Import, error) {
	generations := []hearkeep.Generation{r.current}
	if len(r.held) > 0 {
		generations = generations[:0]
	}
	for _, h := range r.held {
		generations = append(generations, h.Generation)
	}
	rows := make([]store.Import, len(generations))
	for i, n := range generations {
		key, err := r.key(n)
		if err != nil {
			return nil, err
		}
		rows[i] = store.Import{Vault: r.vault.ID, Generation: n, Digest: seal.ImportDigest(key, r.vault.ID, file)}
	}
	return rows, nil
}

func (r *Room) notBrought(ctx context.Context, tx *store.Tx, known []store.Import) error {
	for _, row := range known {
		_, err := tx.Imports.Imported(ctx, row.Vault, row.Generation, row.Digest)
		if err == nil {
			return errBrought
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return nil
}
