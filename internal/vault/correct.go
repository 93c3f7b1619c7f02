package vault

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// MaxWords bounds a corrected transcript, in bytes of UTF-8.
const MaxWords = 16 << 10

// jobCorrected is the work of destroying the words that a correction replaced.
const jobCorrected = "destroy-corrected"

// Correct replaces the words of a recording by its keyholder's (GDPR Art. 16).
// The words before are destroyed with their key, before it returns. Their end
// stays the same. It fails with Conflict where the recording keeps no words,
// and with Invalid for none or for more than MaxWords bytes. A program may
// correct where its token says that it may change things. What was understood
// and done stays as it was: that is what happened.
//
// Its order: the new key; in one transaction the new words for the old, the
// ledger, and a job; the erasure journal; the old key; the receipt, and the end
// of the job.
// Until the transaction the old words stand, and from then on the new ones; a
// crash after it is finished by the job. The journal says which versions are
// over, so that rows of yesterday, put back, lose them again, and then have no
// words: that is better than those which their person said were wrong.
func (r *Room) Correct(ctx context.Context, id hearkeep.RecordingID, words hearkeep.Words) (Receipt, error) {
	if err := r.changes(); err != nil {
		return Receipt{}, err
	}
	text := words.Reveal()
	if strings.TrimSpace(text) == "" || len(text) > MaxWords || !utf8.ValidString(text) {
		return Receipt{}, hearkeep.Errorf(hearkeep.Invalid, "These words cannot be kept.").WithHint("Write what was said, in at most %d bytes; or erase the recording.", MaxWords)
	}
	k := r.keep
	k.moving.Lock() // nothing is erased or moved meanwhile
	defer k.moving.Unlock()
	c, err := r.sealCorrection(ctx, id, text)
	if err != nil {
		return Receipt{}, err
	}
	if err := r.keepCorrection(ctx, &c); err != nil {
		k.dropCorrection(c)
		return Receipt{}, fmt.Errorf("vault: correct %s: %w", id, err)
	}
	k.watched.tell(r.vault.ID, Event{Kind: eventCorrected, At: c.erasure.At, By: r.actor.role}, c.rec)
	if err := k.finishCorrection(ctx, &c.erasure); err != nil {
		return Receipt{}, hearkeep.Errorf(hearkeep.Unavailable, "The new words are kept, and the ones before are not gone yet.").
			WithHint("That is tried again by itself; the disk may be full.").Because(fmt.Errorf("vault: correct %s: %w", id, err))
	}
	return k.receipt(ctx, c.erasure), nil
}

// correction is new words on their way into the place of old ones.
type correction struct {
	rec     store.Recording
	was, is store.Part
	key     store.PartKey
	erasure store.Erasure // of the versions before
}

// sealCorrection seals new words under a key of their own, in the envelope of
// their recording, and stores that key.
func (r *Room) sealCorrection(ctx context.Context, id hearkeep.RecordingID, text string) (c correction, err error) {
	if c.rec, err = r.recording(ctx, id); err != nil {
		return c, err
	}
	rows, err := r.partRows(ctx, []store.Recording{c.rec}, hearkeep.PartWords)
	if err != nil {
		return c, err
	}
	was, ok := rows[id]
	keys, err := r.keep.store.Keys().PartsOf(ctx, r.vault.ID, []hearkeep.RecordingID{id}, hearkeep.PartWords)
	if err != nil {
		return c, fmt.Errorf("vault: keys of words of %s: %w", id, err)
	}
	if _, keyed := keys[id]; !ok || !keyed {
		return c, hearkeep.Errorf(hearkeep.Conflict, "There are no words of this recording to correct.").WithHint("None came with it, their time is over, or they were erased.")
	}
	env, err := r.envelopeKey(ctx, c.rec)
	if err != nil {
		return c, r.failed(ctx, "correct", []store.Recording{c.rec}, err)
	}
	version := max(was.Version, keys[id].Version) + 1 // a correction that came to nothing may have left a key
	key, wrap, err := seal.NewPartKey(env, partContext(c.rec, r.vault.ID, hearkeep.PartWords, version))
	if err != nil {
		return c, fmt.Errorf("vault: correct %s: %w", id, err)
	}
	sealed, err := seal.SealPart(key, "text/plain; charset=utf-8", []byte(text))
	if err != nil {
		return c, fmt.Errorf("vault: correct %s: %w", id, err)
	}
	c.was = was
	c.is = store.Part{Recording: id, Part: hearkeep.PartWords, Version: version, Size: int64(len(sealed)), Hash: sha256.Sum256(sealed), Bytes: sealed, Until: was.Until}
	c.key = store.PartKey{Recording: id, Part: hearkeep.PartWords, Version: version, Wrap: wrap}
	c.erasure = store.Erasure{
		Receipt: hearkeep.NewID[hearkeep.ReceiptID](), Vault: r.vault.ID, Recordings: []hearkeep.RecordingID{id}, Parts: []hearkeep.Part{hearkeep.PartWords},
		Below: version, Outcome: hearkeep.OutcomeErased, Total: 1, At: time.Now().UTC().Truncate(time.Millisecond),
	}
	if err := r.keep.store.Keys().Put(ctx, r.vault.ID, []store.PartKey{c.key}); err != nil {
		return c, fmt.Errorf("vault: correct %s: %w", id, err)
	}
	return c, nil
}

// keepCorrection puts the new words in the place of the old ones.
func (r *Room) keepCorrection(ctx context.Context, c *correction) error {
	return r.keep.store.Update(ctx, func(tx *store.Tx) error {
		if err := r.actor.lives(ctx, tx, time.Now()); err != nil {
			return err
		}
		now, err := tx.Vaults.PartsOf(ctx, r.vault.ID, []hearkeep.RecordingID{c.rec.ID}, hearkeep.PartWords)
		if err != nil {
			return err
		}
		if row, ok := now[c.rec.ID]; !ok || row.Version != c.was.Version || row.Hash != c.was.Hash {
			return errGone() // expired meanwhile
		}
		if err := tx.Vaults.DeletePart(ctx, r.vault.ID, c.rec.ID, hearkeep.PartWords); err != nil {
			return err
		}
		if err := tx.Vaults.InsertPart(ctx, r.vault.ID, c.is); err != nil {
			return err
		}
		e := entryOf(r.actor, r.vault.ID, ledger.KindCorrected, "words")
		e.Receipt, e.Count, e.Items, e.At = &c.erasure.Receipt, 1, runsOf([]store.Recording{c.rec}), c.erasure.At
		if c.erasure.Entry, err = r.keep.ledger.Append(ctx, tx, e); err != nil {
			return err
		}
		return tx.Jobs.Enqueue(ctx, jobCorrected, encodeCorrected(c.erasure))
	})
}

// dropCorrection destroys the key of a correction that came to nothing, where
// its recording is gone. Where it is not, the next correction does.
func (k *Keep) dropCorrection(c correction) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // the caller's may be over
	defer cancel()
	err := k.store.View(ctx, func(tx *store.Tx) error {
		_, err := tx.Vaults.Recording(ctx, c.rec.Vault, c.rec.ID)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = k.store.Keys().Destroy(ctx, c.rec.Vault, []hearkeep.RecordingID{c.rec.ID}, nil)
	}
	if err != nil {
		k.log.Error("a correction that came to nothing left a key", "recording", c.rec.ID, "err", err)
	}
}

// finishCorrection forgets the versions before a correction: the journal, their
// keys, and then the receipt, with the end of the job that would do this. The
// receipt comes after the keys: by its number backups are told apart that may
// hold them. It may be repeated.
func (k *Keep) finishCorrection(ctx context.Context, e *store.Erasure) error {
	err := k.finishCorrectionOnce(ctx, e)
	if isFull(err) && k.reserve != nil {
		k.log.Warn("the disk is full: the reserve is given up so that erasing goes on")
		if rerr := k.reserve.Release(); rerr != nil {
			return errors.Join(err, rerr)
		}
		err = k.finishCorrectionOnce(ctx, e)
	}
	return err
}

func (k *Keep) finishCorrectionOnce(ctx context.Context, e *store.Erasure) error {
	if err := k.journal.Append(ctx, *e); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := k.store.Keys().DestroyBelow(ctx, e.Vault, e.Recordings, hearkeep.PartWords, e.Below); err != nil {
		return fmt.Errorf("destroy keys: %w", err)
	}
	return k.store.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Vaults.Erasure(ctx, e.Vault, e.Receipt); errors.Is(err, store.ErrNotFound) {
			if e.Seq, err = tx.Vaults.InsertErasure(ctx, *e); err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
		jobs, err := tx.Jobs.Due(ctx, jobCorrected, time.Now(), 1000)
		for _, j := range jobs {
			if done, err := decodeCorrected(j.Payload); err == nil && done.Receipt == e.Receipt {
				return tx.Jobs.Done(ctx, j.ID)
			}
		}
		return err
	})
}

// finishCorrections destroys the words of corrections that a crash, or a full
// disk, cut short.
func (k *Keep) finishCorrections(ctx context.Context) error {
	var jobs []store.Job
	err := k.store.View(ctx, func(tx *store.Tx) (err error) {
		jobs, err = tx.Jobs.Due(ctx, jobCorrected, time.Now(), 1000)
		return err
	})
	if err != nil || len(jobs) == 0 {
		return err
	}
	k.moving.Lock()
	defer k.moving.Unlock()
	for _, j := range jobs {
		e, err := decodeCorrected(j.Payload)
		if err != nil {
			k.log.Error("a correction that is not finished cannot be read", "job", j.ID)
			continue
		}
		if err := k.finishCorrection(ctx, &e); err != nil {
			return fmt.Errorf("vault: finish correction %s: %w", e.Receipt, err)
		}
	}
	return nil
}

// forgetBelow applies a correction's line of the journal to rows that do not
// know of it: an older copy of them. Words of a version that is over go, and
// what took their place is not there.
func (k *Keep) forgetBelow(ctx context.Context, e store.Erasure, entry ledger.Entry) (store.Erasure, error) {
	left := e
	left.Recordings = nil // whose words are of an older version
	err := k.store.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Vaults.PartsOf(ctx, e.Vault, e.Recordings, hearkeep.PartWords)
		for id, row := range rows {
			if row.Version < e.Below {
				left.Recordings = append(left.Recordings, id)
			}
		}
		return err
	})
	if err != nil {
		return e, err
	}
	if err := k.store.Keys().DestroyBelow(ctx, e.Vault, e.Recordings, hearkeep.PartWords, e.Below); err != nil {
		return e, fmt.Errorf("destroy keys: %w", err)
	}
	left.Below = 0
	return k.finish(ctx, left, entry)
}

// storedCorrection is an Erasure as the job has it.
type storedCorrection struct {
	Receipt   hearkeep.ReceiptID   `json:"receipt"`
	Vault     hearkeep.VaultID     `json:"vault"`
	Recording hearkeep.RecordingID `json:"recording"`
	Below     uint64               `json:"below"`
	Entry     int64                `json:"entry"`
	At        int64                `json:"at"` // Unix milliseconds
}

func encodeCorrected(e store.Erasure) []byte {
	b, err := json.Marshal(storedCorrection{e.Receipt, e.Vault, e.Recordings[0], e.Below, e.Entry, e.At.UnixMilli()})
	if err != nil {
		panic(err) // ids always encode
	}
	return b
}

func decodeCorrected(b []byte) (store.Erasure, error) {
	var s storedCorrection
	if err := json.Unmarshal(b, &s); err != nil || s.Below == 0 {
		return store.Erasure{}, errors.New("vault: not a correction")
	}
	return store.Erasure{
		Receipt: s.Receipt, Vault: s.Vault, Recordings: []hearkeep.RecordingID{s.Recording}, Parts: []hearkeep.Part{hearkeep.PartWords},
		Below: s.Below, Outcome: hearkeep.OutcomeErased, Total: 1, Entry: s.Entry, At: time.UnixMilli(s.At).UTC(),
	}, nil
}
