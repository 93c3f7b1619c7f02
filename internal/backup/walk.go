package backup

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/blob"
	"github.com/hearkeep/hearkeep/internal/store"
)

// walk goes through every recording of a copy: its keys must be in the copy of
// the keys, its ciphertexts must be what their hashes say, and its audio is
// copied where it is not there yet, and read back. What the journal says is
// erased may lack anything.
type walk struct {
	st     store.Store
	from   blob.Store
	to     blob.Store
	erased func(func(store.Erasure) error) error

	// lacks is told of a part that does not add up, and decides: nil goes on.
	// Its part is empty where a recording's envelope is concerned.
	lacks func(ctx context.Context, rec store.Recording, part hearkeep.Part, what string) error

	// corrected says that what a correction replaced counts as erased: in a
	// restore, not in a backup that could have the correction as well.
	corrected bool

	gone map[hearkeep.RecordingID][]hearkeep.Part // by the journal, when it was last read
}

// sum counts what a walk went through.
type sum struct {
	recordings    int
	bytes, copied int64 // of audio
	damaged       []string
}

// copiers is how many blobs are copied at once, so that they share syncs.
const copiers = 8

func (w *walk) all(ctx context.Context) (sum, error) {
	var total sum
	var vaults []hearkeep.VaultID
	err := w.st.View(ctx, func(tx *store.Tx) (err error) {
		vaults, err = tx.Vaults.AllVaults(ctx)
		return err
	})
	if err != nil {
		return total, err
	}
	for _, vault := range vaults {
		if err := w.vault(ctx, vault, &total); err != nil {
			return total, fmt.Errorf("vault %s: %w", vault, err)
		}
	}
	return total, nil
}

// lacksKey is what a part lacks whose key is gone.
const lacksKey = "has no key"

// doesNotAddUp is the answer of a walk that goes on over nothing.
func doesNotAddUp(rec store.Recording, part hearkeep.Part, what string) error {
	return fmt.Errorf("%w: recording %s: %s %s", errNotWhole, rec.ID, part, what)
}

func (w *walk) vault(ctx context.Context, vault hearkeep.VaultID, total *sum) error {
	var bindings []store.Binding
	err := w.st.View(ctx, func(tx *store.Tx) (err error) {
		bindings, err = tx.Vaults.Bindings(ctx, vault)
		return err
	})
	if err != nil {
		return err
	}
	envelopes := map[hearkeep.EnvelopeID]bool{}
	for _, b := range bindings {
		for after := hearkeep.Number(0); ; {
			var recs []store.Recording
			err := w.st.View(ctx, func(tx *store.Tx) (err error) {
				recs, err = tx.Vaults.RecordingsByNumber(ctx, vault, b.ID, after, 500)
				return err
			})
			if err != nil {
				return err
			}
			if len(recs) == 0 {
				break
			}
			after = recs[len(recs)-1].Number
			total.recordings += len(recs)
			if err := w.page(ctx, vault, recs, envelopes, total); err != nil {
				return err
			}
		}
	}
	return nil
}

// page goes through some recordings of one vault.
func (w *walk) page(ctx context.Context, vault hearkeep.VaultID, recs []store.Recording, envelopes map[hearkeep.EnvelopeID]bool, total *sum) error {
	ids := make([]hearkeep.RecordingID, len(recs))
	for i, rec := range recs {
		ids[i] = rec.ID
		if envelopes[rec.Envelope] {
			continue
		}
		if _, err := w.st.Keys().Envelope(ctx, vault, rec.Envelope); errors.Is(err, store.ErrNotFound) {
			if err := w.excuse(ctx, rec, "", "has no envelope key"); err != nil {
				return err
			}
			continue
		} else if err != nil {
			return err
		}
		envelopes[rec.Envelope] = true
	}
	for _, part := range hearkeep.Parts() {
		var of map[hearkeep.RecordingID]store.Part
		err := w.st.View(ctx, func(tx *store.Tx) (err error) {
			of, err = tx.Vaults.PartsOf(ctx, vault, ids, part)
			return err
		})
		if err != nil {
			return err
		}
		keys, err := w.st.Keys().PartsOf(ctx, vault, ids, part)
		if err != nil {
			return err
		}
		if err := w.kind(ctx, recs, part, of, keys); err != nil {
			return err
		}
		if part == hearkeep.PartAudio {
			if err := w.audio(ctx, recs, of, total); err != nil {
				return err
			}
		}
	}
	return nil
}

// kind goes through one kind of part of some recordings.
func (w *walk) kind(ctx context.Context, recs []store.Recording, part hearkeep.Part, of map[hearkeep.RecordingID]store.Part, keys map[hearkeep.RecordingID]store.PartKey) error {
	for _, rec := range recs {
		p, has := of[rec.ID]
		if !has {
			continue
		}
		if part != hearkeep.PartAudio && (int64(len(p.Bytes)) != p.Size || sha256.Sum256(p.Bytes) != p.Hash) {
			if err := w.lacks(ctx, rec, part, "is not what was stored"); err != nil {
				return err
			}
		}
		if keys[rec.ID].Version == p.Version {
			continue
		}
		// A corrected part has a key of each version for a moment.
		if _, err := w.st.Keys().Part(ctx, rec.Vault, rec.ID, part, p.Version); err == nil {
			continue
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err := w.excuse(ctx, rec, part, lacksKey); err != nil {
			return err
		}
	}
	return nil
}

// excuse fails unless the journal says that a part is erased; no part is all
// of the recording. What the journal said a while ago may have grown since.
func (w *walk) excuse(ctx context.Context, rec store.Recording, part hearkeep.Part, what string) error {
	if w.isGone(rec, part) {
		return nil
	}
	if err := w.readErased(); err != nil {
		return err
	}
	if w.isGone(rec, part) {
		return nil
	}
	return w.lacks(ctx, rec, part, what)
}

func (w *walk) isGone(rec store.Recording, part hearkeep.Part) bool {
	gone := w.gone[rec.ID]
	return len(gone) > 0 && (part == "" || slices.Contains(gone, part))
}

func (w *walk) readErased() error {
	w.gone = map[hearkeep.RecordingID][]hearkeep.Part{}
	return w.erased(func(e store.Erasure) error {
		if e.Below > 0 && !w.corrected {
			return nil
		}
		named := e.Parts
		if len(named) == 0 {
			named = hearkeep.Parts()
		}
		for _, id := range e.Recordings {
			w.gone[id] = append(w.gone[id], named...)
		}
		return nil
	})
}

// audio copies and reads back the audio of some recordings.
func (w *walk) audio(ctx context.Context, recs []store.Recording, of map[hearkeep.RecordingID]store.Part, total *sum) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var missing, wrong sync.Map // recordings whose audio is nowhere, or not what was stored
	var bytes, copied atomic.Int64
	next := make(chan store.Recording)
	var all sync.WaitGroup
	for range copiers {
		all.Go(func() {
			for rec := range next {
				p := of[rec.ID]
				n, err := w.blob(ctx, rec.Blob, p)
				switch {
				case errors.Is(err, blob.ErrNotFound):
					missing.Store(rec.ID, rec)
				case errors.Is(err, errNotWhole):
					wrong.Store(rec.ID, rec)
				case err != nil:
					cancel(fmt.Errorf("recording %s: its audio: %w", rec.ID, err))
				default:
					bytes.Add(p.Size)
					copied.Add(n)
				}
			}
		})
	}
	for _, rec := range recs {
		if _, has := of[rec.ID]; !has {
			continue
		}
		select {
		case next <- rec:
		case <-ctx.Done():
		}
	}
	close(next)
	all.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var err error
	wrong.Range(func(_, rec any) bool {
		err = w.lacks(ctx, rec.(store.Recording), hearkeep.PartAudio, "is not what was stored")
		return err == nil
	})
	if err != nil {
		return err
	}
	total.bytes, total.copied = total.bytes+bytes.Load(), total.copied+copied.Load()
	missing.Range(func(_, rec any) bool {
		err = w.excuse(ctx, rec.(store.Recording), hearkeep.PartAudio, "is missing")
		return err == nil
	})
	return err
}

// blob makes sure that one blob is at the place, as its row says, and returns
// how many bytes were copied for that. What is there and is not right is
// copied anew.
func (w *walk) blob(ctx context.Context, name string, p store.Part) (copied int64, err error) {
	for range 2 {
		whole, err := isWhole(ctx, w.to, name, p)
		if err == nil && whole {
			return copied, nil
		}
		if err == nil {
			err = w.to.Delete(ctx, name)
		}
		if err != nil && !errors.Is(err, blob.ErrNotFound) {
			return copied, err
		}
		from, err := w.from.Open(ctx, name)
		if err != nil {
			return copied, err
		}
		err = errors.Join(w.to.Put(ctx, name, io.NewSectionReader(from, 0, from.Size())), from.Close())
		if err != nil {
			return copied, err
		}
		copied = p.Size
	}
	whole, err := isWhole(ctx, w.to, name, p)
	if err == nil && !whole {
		err = fmt.Errorf("%w: it is not what was stored", errNotWhole)
	}
	return copied, err
}

// isWhole reads a blob and compares it with its row.
func isWhole(ctx context.Context, in blob.Store, name string, p store.Part) (bool, error) {
	b, err := in.Open(ctx, name)
	if err != nil {
		return false, err
	}
	defer b.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.NewSectionReader(b, 0, b.Size()))
	return n == p.Size && [32]byte(h.Sum(nil)) == p.Hash, err
}
