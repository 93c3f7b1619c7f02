package store

import (
	"context"
	"errors"
)

// Reserving is a Store whose Update gives the reserve up when the disk is
// full, and tries once more. It is for what has to go on then: signing in, and
// writing down an opening so that it may happen. What adds recordings uses
// the Store itself, and fails.
type Reserving struct {
	Store
	Reserve *Reserve
}

// Update is the Store's, with the reserve behind it.
func (r Reserving) Update(ctx context.Context, fn func(*Tx) error) error {
	err := r.Store.Update(ctx, fn)
	if !errors.Is(err, ErrFull) || r.Reserve == nil || !r.Reserve.Held() {
		return err
	}
	if rerr := r.Reserve.Release(); rerr != nil {
		return errors.Join(err, rerr)
	}
	return r.Store.Update(ctx, fn)
}
