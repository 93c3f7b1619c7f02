package vault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/blob"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Receipt is the declaration that something was erased.
type Receipt struct {
	ID       hearkeep.ReceiptID
	Vault    hearkeep.VaultID
	At       time.Time
	Count    int
	Outcome  hearkeep.Outcome
	Entry    int64     // the ledger entry that records it
	KeysGone time.Time // when the last copy of the keys is gone; at the earliest, while KeysWait
	KeysWait bool      // a backup holds them, until some time after the next one is verified
}

// jobBlob is the background work of removing the audio of an erased recording.
const jobBlob = "remove-blob"

// eraseBatch bounds one erasure's transaction.
const eraseBatch = 1000

// Erase forgets recordings for good: their keys first. It returns after the
// keys have left the disk. An id that is not in this vault fails with
// NotFound, and nothing is erased.
func (r *Room) Erase(ctx context.Context, ids ...hearkeep.RecordingID) (Receipt, error) {
	if err := r.changes(); err != nil {
		return Receipt{}, err
	}
	if len(ids) == 0 {
		return Receipt{}, hearkeep.Errorf(hearkeep.Invalid, "Nothing was chosen.")
	}
	if len(ids) > eraseBatch {
		return Receipt{}, hearkeep.Errorf(hearkeep.TooLarge, "That is too much to erase in one go.").WithHint("At most %d recordings at a time, or everything.", eraseBatch)
	}
	for _, id := range ids {
		if _, err := r.recording(ctx, id); err != nil {
			return Receipt{}, err
		}
	}
	e := store.Erasure{Vault: r.vault.ID, Recordings: ids, Total: len(ids), Outcome: hearkeep.OutcomeErased}
	done, err := r.keep.erase(ctx, e, entryOf(r.actor, r.vault.ID, ledger.KindErased, "chosen"))
	if err == nil && done.Count == 0 { // another was first
		return Receipt{}, errGone()
	}
	return done, err
}

// EraseAll forgets everything that this vault keeps and this Room may see.
func (r *Room) EraseAll(ctx context.Context) (Receipt, error) {
	if err := r.changes(); err != nil {
		return Receipt{}, err
	}
	return r.keep.eraseAll(ctx, r.vault.ID, r.span, entryOf(r.actor, r.vault.ID, ledger.KindErased, "everything"))
}

// eraseAll works in batches, each with a ledger entry of its own. The last
// one's receipt, which is what people are given, sums them up.
func (k *Keep) eraseAll(ctx context.Context, vault hearkeep.VaultID, of store.Span, entry ledger.Entry) (Receipt, error) {
	k.forget(vault, time.Now())
	sum, err := k.eraseSpan(ctx, vault, of, entry)
	if err == nil && sum.Count == 0 {
		err = hearkeep.Errorf(hearkeep.NotFound, "There is nothing to erase: this keep is empty.")
	}
	return sum, err
}

// eraseSpan erases what generations of a vault keep, which may be nothing.
func (k *Keep) eraseSpan(ctx context.Context, vault hearkeep.VaultID, of store.Span, entry ledger.Entry) (Receipt, error) {
	var sum Receipt
	for {
		var recs []store.Recording
		err := k.store.View(ctx, func(tx *store.Tx) (err error) {
			recs, err = tx.Vaults.Recordings(ctx, vault, of, store.Cursor{}, eraseBatch)
			return err
		})
		if err != nil {
			return sum, fmt.Errorf("vault: erase all of %s: %w", vault, err)
		}
		if len(recs) == 0 {
			return sum, nil
		}
		e := store.Erasure{Vault: vault, Outcome: hearkeep.OutcomeErased}
		for _, rec := range recs {
			e.Recordings = append(e.Recordings, rec.ID)
		}
		e.Total = sum.Count + len(recs)
		done, err := k.erase(ctx, e, entry)
		if err != nil {
			return sum, err
		}
		sum = done
	}
}

// forget marks that everything said before now is erased, so that what is on
// its way to the disk does not arrive after the receipt.
func (k *Keep) forget(vault hearkeep.VaultID, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.forgotten[vault] = now
}

func (k *Keep) forgot(vault hearkeep.VaultID, start time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	mark, ok := k.forgotten[vault]
	return ok && !start.After(mark)
}

// Receipt returns what a receipt of this vault stands for.
func (r *Room) Receipt(ctx context.Context, id hearkeep.ReceiptID) (Receipt, error) {
	var e store.Erasure
	err := r.keep.store.View(ctx, func(tx *store.Tx) (err error) {
		e, err = tx.Vaults.Erasure(ctx, r.vault.ID, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return Receipt{}, errGone()
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("vault: receipt %s: %w", id, err)
	}
	return r.keep.receipt(ctx, e), nil
}

// receipt says of an erasure what backups make of it at this moment. Where
// their rows cannot be read it promises nothing.
func (k *Keep) receipt(ctx context.Context, e store.Erasure) Receipt {
	rc := Receipt{ID: e.Receipt, Vault: e.Vault, At: e.At, Count: e.Total, Outcome: e.Outcome, Entry: e.Entry, KeysGone: e.At, KeysWait: true}
	err := k.store.View(ctx, func(tx *store.Tx) error {
		copies, err := tx.Backups.Backups(ctx)
		if err == nil {
			known := false
			rc.KeysGone, known = store.KeysGone(copies, e.Seq, e.At, time.Now())
			rc.KeysWait = !known
		}
		return err
	})
	if err != nil {
		k.log.Error("a receipt does not know of backups", "receipt", e.Receipt, "err", err)
	}
	return rc
}

// Eraser erases and counts in one vault by metadata alone. It opens nothing.
type Eraser struct {
	keep  *Keep
	vault hearkeep.VaultID
}

// Eraser returns the Eraser of a vault.
func (k *Keep) Eraser(vault hearkeep.VaultID) *Eraser { return &Eraser{k, vault} }

// Last erases a binding's newest recording, as "delete what I just said" does.
// NotFound where the binding keeps nothing.
func (e *Eraser) Last(ctx context.Context, binding hearkeep.BindingID) (Receipt, error) {
	var rec store.Recording
	err := e.keep.store.View(ctx, func(tx *store.Tx) (err error) {
		rec, err = tx.Vaults.LastRecording(ctx, e.vault, binding)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return Receipt{}, errGone()
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("vault: last recording of binding %s: %w", binding, err)
	}
	entry := ledger.Entry{Kind: ledger.KindErased, Role: hearkeep.RoleDevice, Vault: &e.vault, Binding: &binding, Purpose: "by voice"}
	return e.keep.erase(ctx, store.Erasure{Vault: e.vault, Recordings: []hearkeep.RecordingID{rec.ID}, Total: 1, Outcome: hearkeep.OutcomeErased}, entry)
}

// Totals counts what the vault keeps, and for how long.
func (e *Eraser) Totals(ctx context.Context) (t store.Totals, r store.Retention, err error) {
	err = e.keep.store.View(ctx, func(tx *store.Tx) error {
		v, err := tx.Vaults.Vault(ctx, e.vault)
		if err != nil {
			return err
		}
		r = v.Retention
		t, err = tx.Vaults.Totals(ctx, e.vault, store.Span{})
		return err
	})
	if err != nil {
		return t, r, fmt.Errorf("vault: totals of %s: %w", e.vault, err)
	}
	return t, r, nil
}

// erase is the one order in which anything is forgotten: the journal says
// what is meant, the keys leave the disk, and then rows, tombstones and the
// ledger follow in one transaction. After a crash the journal finishes it.
func (k *Keep) erase(ctx context.Context, e store.Erasure, entry ledger.Entry) (Receipt, error) {
	k.moving.RLock()
	defer k.moving.RUnlock()
	return k.eraseNow(ctx, e, entry)
}

// eraseNow is erase for whoever holds moving.
func (k *Keep) eraseNow(ctx context.Context, e store.Erasure, entry ledger.Entry) (Receipt, error) {
	e.Receipt, e.At = hearkeep.NewID[hearkeep.ReceiptID](), time.Now().UTC().Truncate(time.Millisecond)
	done, err := k.eraseOnce(ctx, e, entry)
	if isFull(err) && k.reserve != nil {
		k.log.Warn("the disk is full: the reserve is given up so that erasing goes on")
		if rerr := k.reserve.Release(); rerr != nil {
			return Receipt{}, fmt.Errorf("vault: erase: release reserve: %w", errors.Join(err, rerr))
		}
		done, err = k.eraseOnce(ctx, e, entry)
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("vault: erase in %s: %w", e.Vault, err)
	}
	if err := k.removeBlobs(ctx); err != nil { // noise without keys; the job tries again
		k.log.Warn("erased audio is not yet unlinked", "err", err)
	}
	return k.receipt(ctx, done), nil
}

func isFull(err error) bool { return errors.Is(err, store.ErrFull) || errors.Is(err, blob.ErrFull) }

func (k *Keep) eraseOnce(ctx context.Context, e store.Erasure, entry ledger.Entry) (store.Erasure, error) {
	if err := k.journal.Append(ctx, e); err != nil {
		return e, fmt.Errorf("journal: %w", err)
	}
	return k.finish(ctx, e, entry)
}

// finish applies an erasure. It may be repeated: what is gone is gone.
func (k *Keep) finish(ctx context.Context, e store.Erasure, entry ledger.Entry) (store.Erasure, error) {
	if e.Below > 0 {
		return k.forgetBelow(ctx, e, entry)
	}
	var gone []store.Recording
	k.silence(e)
	k.underErasure(e.Recordings, true)
	if err := k.store.Keys().Destroy(ctx, e.Vault, e.Recordings, e.Parts); err != nil {
		return e, fmt.Errorf("destroy keys: %w", err)
	}
	err := k.store.Update(ctx, func(tx *store.Tx) error {
		var err error
		if gone, err = deleteRows(ctx, tx, e); err != nil {
			return err
		}
		if err := liftGone(ctx, tx, e.Vault, gone, e.At); err != nil {
			return err
		}
		if len(e.Parts) == 0 { // what another erasure took first is not counted twice
			e.Total -= len(e.Recordings) - len(gone)
		}
		runs := runsOf(gone)
		if len(runs) > 0 {
			if err := tx.Vaults.InsertTombstones(ctx, e.Vault, e.Outcome, e.At, runs); err != nil {
				return err
			}
		}
		entry.Receipt, entry.Count, entry.Items, entry.At = &e.Receipt, len(e.Recordings), runs, e.At
		if e.Entry, err = k.ledger.Append(ctx, tx, entry); err != nil {
			return err
		}
		e.Seq, err = tx.Vaults.InsertErasure(ctx, e)
		return err
	})
	if err == nil {
		k.underErasure(e.Recordings, false)
		k.watched.tell(e.Vault, Event{Kind: eventErased, At: e.At, By: entry.Role}, gone...)
	}
	return e, err
}

// silence stops the players that have an erased recording open. A player's
// key is in memory for as long as its request; silenceFor is longer than any.
func (k *Keep) silence(e store.Erasure) {
	if !names(e.Parts, hearkeep.PartAudio) {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(k.erased, func(_ hearkeep.RecordingID, at time.Time) bool { return now.Sub(at) > silenceFor })
	for _, id := range e.Recordings {
		k.erased[id] = now
	}
}

const silenceFor = time.Hour

// underErasure marks recordings whose keys go before their rows do. Where the
// rows do not follow, the mark stays until they do: at the next expiry, or, by
// the journal, at the next start.
func (k *Keep) underErasure(ids []hearkeep.RecordingID, on bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, id := range ids {
		if on {
			k.erasing[id] = struct{}{}
		} else {
			delete(k.erasing, id)
		}
	}
}

func (k *Keep) isErasing(id hearkeep.RecordingID) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.erasing[id]
	return ok
}

func (k *Keep) silenced(id hearkeep.RecordingID) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.erased[id]
	return ok
}

// deleteRows removes the rows of an erasure's recordings, and returns those
// of which nothing is left.
func deleteRows(ctx context.Context, tx *store.Tx, e store.Erasure) ([]store.Recording, error) {
	var gone []store.Recording
	for _, id := range e.Recordings {
		rec, err := tx.Vaults.Recording(ctx, e.Vault, id)
		if errors.Is(err, store.ErrNotFound) {
			continue // a repeated erasure
		}
		if err != nil {
			return nil, err
		}
		left, err := deleteParts(ctx, tx, rec, e.Parts)
		if err != nil {
			return nil, err
		}
		if left > 0 {
			continue
		}
		if err := tx.Vaults.DeleteRecording(ctx, e.Vault, id); err != nil {
			return nil, err
		}
		gone = append(gone, rec)
	}
	return gone, nil
}

// deleteParts removes the named parts, or all where none is named, and
// returns how many are left.
func deleteParts(ctx context.Context, tx *store.Tx, rec store.Recording, named []hearkeep.Part) (int, error) {
	have, err := tx.Vaults.Parts(ctx, rec.Vault, rec.ID)
	if err != nil {
		return 0, err
	}
	left := 0
	for _, p := range have {
		if !names(named, p.Part) {
			left++
			continue
		}
		if err := tx.Vaults.DeletePart(ctx, rec.Vault, rec.ID, p.Part); err != nil {
			return 0, err
		}
		if p.Part == hearkeep.PartAudio {
			if err := tx.Jobs.Enqueue(ctx, jobBlob, []byte(rec.Blob)); err != nil {
				return 0, err
			}
		}
	}
	return left, nil
}

func names(parts []hearkeep.Part, p hearkeep.Part) bool {
	for _, n := range parts {
		if n == p {
			return true
		}
	}
	return len(parts) == 0
}

// removeBlobs does the due jobs of unlinking erased audio.
func (k *Keep) removeBlobs(ctx context.Context) error {
	for {
		var jobs []store.Job
		err := k.store.View(ctx, func(tx *store.Tx) (err error) {
			jobs, err = tx.Jobs.Due(ctx, jobBlob, time.Now(), 100)
			return err
		})
		if err != nil || len(jobs) == 0 {
			return err
		}
		stuck := map[int64]bool{}
		for _, j := range jobs {
			if err := k.blobs.Delete(ctx, string(j.Payload)); err != nil { // noise without its key; the others go on
				k.log.Error("erased audio is not unlinked yet", "job", j.ID, "attempts", j.Attempts, "err", err)
				stuck[j.ID] = true
			}
		}
		err = k.store.Update(ctx, func(tx *store.Tx) error {
			for _, j := range jobs {
				if stuck[j.ID] {
					if err := tx.Jobs.Retry(ctx, j.ID, time.Now().Add(time.Hour)); err != nil {
						return err
					}
					continue
				}
				if err := tx.Jobs.Done(ctx, j.ID); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}
