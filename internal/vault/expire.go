package vault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Expire forgets the parts whose time is over, and returns how many
// recordings it touched. A crash leaves the rest due. It also removes API
// tokens whose time is over, and finishes moves and corrections that stand half
// done.
func (k *Keep) Expire(ctx context.Context, now time.Time) (int, error) {
	touched, err := k.expireParts(ctx, now)
	return touched, errors.Join(err, k.finishMoves(ctx), k.finishCorrections(ctx), k.expireTokens(ctx, now))
}

// expireTokens tidies up: Program refuses such a token by itself.
func (k *Keep) expireTokens(ctx context.Context, now time.Time) error {
	err := k.store.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Vaults.ExpireAPITokens(ctx, now)
		return err
	})
	if err != nil {
		return fmt.Errorf("vault: expire tokens: %w", err)
	}
	return nil
}

func (k *Keep) expireParts(ctx context.Context, now time.Time) (int, error) {
	touched := 0
	k.dropOldEnvelopes()
	for {
		var due []store.DuePart
		err := k.store.View(ctx, func(tx *store.Tx) (err error) {
			due, err = tx.Vaults.DueParts(ctx, now, eraseBatch)
			return err
		})
		if err != nil {
			return touched, fmt.Errorf("vault: expire: %w", err)
		}
		if len(due) == 0 {
			return touched, k.removeBlobs(ctx)
		}
		for _, e := range expiries(due, now) {
			vault := e.Vault
			entry := ledger.Entry{Kind: ledger.KindExpired, Role: hearkeep.RoleSystem, Vault: &vault, Purpose: "retention"}
			if err := k.expireOne(ctx, e, entry); err != nil {
				return touched, fmt.Errorf("vault: expire in %s: %w", e.Vault, err)
			}
			touched += len(e.Recordings)
		}
	}
}

func (k *Keep) expireOne(ctx context.Context, e store.Erasure, entry ledger.Entry) error {
	k.moving.RLock()
	defer k.moving.RUnlock()
	_, err := k.finish(ctx, e, entry)
	return err
}

// dropOldEnvelopes forgets keys of envelopes whose hour is over, used or not.
func (k *Keep) dropOldEnvelopes() {
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.DeleteFunc(k.envelopes, func(_ hearkeep.BindingID, e *envelope) bool { return time.Since(e.made) >= envelopeLife })
}

// expiries groups due parts into erasures: one for each vault and each set of
// parts that end together.
func expiries(due []store.DuePart, now time.Time) []store.Erasure {
	type item struct {
		vault     hearkeep.VaultID
		recording hearkeep.RecordingID
	}
	parts := map[item][]hearkeep.Part{}
	var order []item
	for _, d := range due {
		it := item{d.Vault, d.Recording}
		if parts[it] == nil {
			order = append(order, it)
		}
		parts[it] = append(parts[it], d.Part)
	}
	type group struct {
		vault hearkeep.VaultID
		parts string
	}
	byGroup := map[group]*store.Erasure{}
	for _, it := range order {
		slices.Sort(parts[it])
		g := group{it.vault, fmt.Sprint(parts[it])}
		if byGroup[g] == nil {
			byGroup[g] = &store.Erasure{
				Receipt: hearkeep.NewID[hearkeep.ReceiptID](), Vault: it.vault, Parts: parts[it],
				Outcome: hearkeep.OutcomeExpired, At: now.UTC().Truncate(time.Millisecond),
			}
		}
		byGroup[g].Recordings = append(byGroup[g].Recordings, it.recording)
		byGroup[g].Total++
	}
	var out []store.Erasure
	for e := range maps.Values(byGroup) {
		out = append(out, *e)
	}
	return out
}

// Sweep removes what has no row: keys and blobs that a crash left behind. It
// looks at up to limit of each per call and goes on from where it stood;
// done says that it has been through.
func (k *Keep) Sweep(ctx context.Context, at *SweepCursor, limit int) (done bool, err error) {
	keyed, err := k.store.Keys().Each(ctx, at.key, limit)
	if err != nil {
		return false, fmt.Errorf("vault: sweep keys: %w", err)
	}
	for _, kr := range keyed {
		at.key = kr.Recording
		if err := k.sweepKey(ctx, kr); err != nil {
			return false, fmt.Errorf("vault: sweep keys of %s: %w", kr.Recording, err)
		}
	}
	blobs, err := k.blobs.Each(ctx, at.blob, limit)
	if err != nil {
		return false, fmt.Errorf("vault: sweep blobs: %w", err)
	}
	for _, b := range blobs {
		at.blob = b.Name
		if err := k.sweepBlob(ctx, b.Name); err != nil {
			return false, fmt.Errorf("vault: sweep blob %s: %w", b.Name, err)
		}
	}
	return len(keyed) < limit && len(blobs) < limit, nil
}

// SweepCursor is where a sweep stands. The zero value is its begin.
type SweepCursor struct {
	key  hearkeep.RecordingID
	blob string
}

// sweepKey asks first whether the recording is being kept and then for its
// row: a keep ends after its row is there.
func (k *Keep) sweepKey(ctx context.Context, kr store.KeyedRecording) error {
	if k.flying(kr.Recording) {
		return nil
	}
	err := k.store.View(ctx, func(tx *store.Tx) error {
		_, err := tx.Vaults.Recording(ctx, kr.Vault, kr.Recording)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		k.log.Info("a key without a recording is swept", "recording", kr.Recording)
		return k.store.Keys().Destroy(ctx, kr.Vault, []hearkeep.RecordingID{kr.Recording}, nil)
	}
	return err
}

func (k *Keep) sweepBlob(ctx context.Context, name string) error {
	id, err := hearkeep.ParseID[hearkeep.RecordingID](name)
	if err != nil || k.flying(id) {
		return nil
	}
	var has bool
	err = k.store.View(ctx, func(tx *store.Tx) (err error) {
		has, err = tx.Vaults.HasBlob(ctx, name)
		return err
	})
	if err != nil || has {
		return err
	}
	k.log.Info("audio without a recording is swept", "recording", name)
	return k.blobs.Delete(ctx, name)
}
