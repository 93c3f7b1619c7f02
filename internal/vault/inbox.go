package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/blob"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Inbox adds recordings to one binding. It holds public keys only: what it
// adds, it cannot read back.
type Inbox struct {
	keep    *Keep
	binding store.Binding
	pin     pin
	stopped bool // while who could use it is leaving, and nobody was there who could sign that
}

// Device returns the Inbox of a device whose token was shown.
func (k *Keep) Device(ctx context.Context, d identity.Device) (*Inbox, error) {
	id, ok := d.Binding()
	if !ok {
		return nil, hearkeep.Errorf(hearkeep.Unauthorized, "This device is not connected to a keep.")
	}
	return k.inbox(ctx, id)
}

// inbox checks a binding's row against its pin and its signature.
func (k *Keep) inbox(ctx context.Context, id hearkeep.BindingID) (*Inbox, error) {
	var b store.Binding
	var leaving []hearkeep.AccountID
	err := k.store.View(ctx, func(tx *store.Tx) (err error) {
		if b, err = tx.Vaults.Binding(ctx, id); err == nil {
			leaving, err = k.leavingFrom(ctx, tx, b.Vault)
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && !b.Ended.IsZero() {
		return nil, errNoDoor(err)
	}
	if err != nil {
		return nil, fmt.Errorf("vault: binding %s: %w", id, err)
	}
	p, err := k.checkBinding(ctx, b)
	if err != nil {
		k.log.Error("a binding was refused", "binding", id, "err", err)
		return nil, hearkeep.Errorf(hearkeep.Forbidden, "This door was refused: its record is not what was signed.").
			WithHint("Nothing was kept. Whoever runs this keep should look at its log.").Because(err)
	}
	in := &Inbox{keep: k, binding: b, pin: p}
	if len(leaving) > 0 {
		d, err := k.openSet(b)
		if err != nil {
			return nil, err
		}
		var closed bool
		if closed, in.stopped = d.stops(b.Source, leaving); closed {
			return nil, errNoDoor(nil)
		}
	}
	return in, nil
}

func errNoDoor(err error) error {
	return hearkeep.Errorf(hearkeep.NotFound, "This door is not connected any more.").Because(err)
}

func (k *Keep) checkBinding(ctx context.Context, b store.Binding) (pin, error) {
	p, err := k.readPin(b)
	if err != nil {
		return pin{}, err
	}
	if err := seal.VerifyBinding(p.SignedBy, bindingStatement(b), b.Signature); err != nil {
		return pin{}, fmt.Errorf("vault: signature of binding %s: %w", b.ID, err)
	}
	return k.follow(ctx, b, p)
}

// Binding is the door this Inbox belongs to.
func (in *Inbox) Binding() hearkeep.BindingID { return in.binding.ID }

// Vault is where its recordings go.
func (in *Inbox) Vault() hearkeep.VaultID { return in.binding.Vault }

// Source is the kind of door.
func (in *Inbox) Source() hearkeep.Source { return in.binding.Source }

// Rule is what the door may keep, and when.
func (in *Inbox) Rule() hearkeep.RoomRule {
	rule := in.binding.Rule
	rule.Paused = rule.Paused || in.stopped
	return rule
}

// Keeps is what the door may keep of something said at a time.
func (in *Inbox) Keeps(at time.Time) hearkeep.Keeping {
	return in.Rule().At(at.In(in.keep.zone))
}

// Door is what the keyholder said of it.
func (in *Inbox) Door() (Door, error) { return in.keep.openDoor(in.binding) }

// Retention is how long what is kept from now on lives.
func (in *Inbox) Retention(ctx context.Context) (r store.Retention, err error) {
	err = in.keep.store.View(ctx, func(tx *store.Tx) error {
		v, err := tx.Vaults.Vault(ctx, in.binding.Vault)
		r = v.Retention
		return err
	})
	if err != nil {
		return r, fmt.Errorf("vault: retention of %s: %w", in.binding.Vault, err)
	}
	return r, nil
}

// Counters of a binding: changes that its device has to announce, and those
// that it has announced.
const (
	countNoticesDue   = "notices-due"
	countNoticesGiven = "notices-given"
)

// TakeNotice reports whether the device has yet to say what is kept here
// (V1), and notes that it now does. It may be asked concurrently: one caller
// is told to speak.
func (in *Inbox) TakeNotice(ctx context.Context) (due bool, err error) {
	behind := func(tx *store.Tx) (int64, error) {
		n, err := tx.Acts.Counters(ctx, in.binding.ID)
		return n[countNoticesDue] - n[countNoticesGiven], err
	}
	var n int64
	err = in.keep.store.View(ctx, func(tx *store.Tx) (err error) { n, err = behind(tx); return err })
	if err != nil || n <= 0 {
		return false, err
	}
	err = in.keep.store.Update(ctx, func(tx *store.Tx) error {
		if n, err = behind(tx); err != nil || n <= 0 {
			return err
		}
		return tx.Acts.Count(ctx, in.binding.ID, countNoticesGiven, n)
	})
	if err != nil {
		return false, fmt.Errorf("vault: notice of binding %s: %w", in.binding.ID, err)
	}
	return n > 0, nil
}

// Taken is one recording, ready to be kept.
type Taken struct {
	ID       hearkeep.RecordingID
	Start    time.Time
	Duration time.Duration
	Audio    []byte // FLAC
	Waveform []byte // peaks, one byte each
	Words    hearkeep.Words
	Turn     hearkeep.Turn
	HasWords bool // false where nothing was transcribed
}

// ErrRule says that the door's rule lets nothing be kept.
var ErrRule = hearkeep.Errorf(hearkeep.Forbidden, "Nothing is kept here.")

// Keep seals a recording and returns after it is on the disk: blob, then
// keys, then row. Where it fails, the number that was handed out is accounted
// for as a failed keep, and nothing else stays.
func (in *Inbox) Keep(ctx context.Context, t Taken) error {
	return in.keepAnd(ctx, t, func(context.Context, *store.Tx) error { return nil })
}

// keepAnd is Keep, and what is done in the transaction that keeps.
func (in *Inbox) keepAnd(ctx context.Context, t Taken, and func(context.Context, *store.Tx) error) error {
	in, err := in.Again(ctx)
	if err != nil {
		return err
	}
	if in.Keeps(in.comes(t)) == hearkeep.KeepNothing {
		return ErrRule
	}
	k := in.keep
	if err := k.roomToKeep(); err != nil {
		return in.failed(err)
	}
	k.fly(t.ID, true)
	defer k.fly(t.ID, false)
	number, err := in.handOut(ctx)
	if errors.Is(err, ErrRule) {
		return err
	}
	if err != nil {
		return in.failed(fmt.Errorf("vault: number for %s: %w", t.ID, err))
	}
	rec, err := in.store(ctx, t, number, and)
	if err != nil {
		in.undoKept(t.ID, number, !errors.Is(err, blob.ErrExists) && !errors.Is(err, store.ErrExists))
		if errors.Is(err, errBrought) {
			return err
		}
		if errors.Is(err, ErrRule) || errors.Is(err, errForgotten) {
			return ErrRule
		}
		return in.failed(fmt.Errorf("vault: keep %s: %w", t.ID, err))
	}
	k.numbers.landed(rec.Binding, number, false)
	k.setFailing("")
	k.watched.tell(rec.Vault, Event{Kind: eventKept, At: rec.Kept, By: hearkeep.RoleDevice}, rec)
	return nil
}

// roomToKeep refuses while the reserve is given up: its room is for signing
// in, opening and erasing. Once the disk has room again, it is taken back.
func (k *Keep) roomToKeep() error {
	if k.reserve == nil || k.reserve.Held() {
		return nil
	}
	return k.reserve.Refill()
}

// handOut returns the door's next number. It is flying until landed or undo.
func (in *Inbox) handOut(ctx context.Context) (hearkeep.Number, error) {
	return in.keep.numbers.note(in.binding.ID, func() (n hearkeep.Number, err error) {
		err = in.keep.store.Update(ctx, func(tx *store.Tx) (err error) {
			if err := in.unchanged(ctx, tx); err != nil {
				return err
			}
			n, err = tx.Vaults.HandOut(ctx, in.binding.Vault, in.binding.ID)
			return err
		})
		return n, err
	})
}

// comes is when a recording comes to the door: as it is said, but for what is
// brought from elsewhere, which comes now.
func (in *Inbox) comes(t Taken) time.Time {
	if in.binding.Source == hearkeep.SourceImport {
		return time.Now()
	}
	return t.Start
}

func (in *Inbox) store(ctx context.Context, t Taken, number hearkeep.Number, and func(context.Context, *store.Tx) error) (store.Recording, error) {
	comes := in.comes(t)
	env, err := in.envelope(ctx)
	if err != nil {
		return store.Recording{}, err
	}
	rec := store.Recording{
		ID: t.ID, Vault: in.binding.Vault, Binding: in.binding.ID, Number: number,
		Generation: env.context.Generation, Envelope: env.context.Envelope,
		Start: t.Start.UTC().Truncate(time.Millisecond), Duration: t.Duration, Kept: time.Now(),
	}
	parts, keys, audio, err := in.seal(ctx, env, rec, t)
	if err != nil {
		return rec, err
	}
	if audio != nil {
		rec.Blob = t.ID.String()
		if err := in.keep.blobs.Put(ctx, rec.Blob, bytes.NewReader(audio)); err != nil {
			return rec, err
		}
	}
	if err := in.keep.store.Keys().Put(ctx, rec.Vault, keys); err != nil {
		return rec, err
	}
	return rec, in.keep.store.Update(ctx, func(tx *store.Tx) error {
		if err := in.unchanged(ctx, tx); err != nil {
			return err
		}
		if in.keep.forgot(rec.Vault, comes) {
			return errForgotten
		}
		if err := tx.Vaults.InsertRecording(ctx, rec, parts); err != nil {
			return err
		}
		return and(ctx, tx)
	})
}

// errForgotten says that everything was erased while this was being kept.
var errForgotten = errors.New("vault: everything was erased meanwhile")

// Again is the Inbox as the door is now: at each turn and each keep it is
// asked for anew, so that a door that was closed, paused or given another rule
// meanwhile keeps nothing more than it now may.
func (in *Inbox) Again(ctx context.Context) (*Inbox, error) {
	now, err := in.keep.inbox(ctx, in.binding.ID)
	if err == nil && now.binding.Vault != in.binding.Vault {
		err = fmt.Errorf("vault: binding %s left vault %s", in.binding.ID, in.binding.Vault)
	}
	return now, err
}

// unchanged refuses, within the transaction that keeps, a door that was
// closed or changed since the Inbox was asked for.
func (in *Inbox) unchanged(ctx context.Context, tx *store.Tx) error {
	b, err := tx.Vaults.Binding(ctx, in.binding.ID)
	if err != nil {
		return err
	}
	if !b.Ended.IsZero() || b.Vault != in.binding.Vault || b.Rule != in.binding.Rule {
		return ErrRule
	}
	return nil
}

// seal seals what the rule allows of a recording's parts, each under a key
// of its own. Audio is returned apart, since it becomes a blob.
func (in *Inbox) seal(ctx context.Context, env envelope, rec store.Recording, t Taken) ([]store.Part, []store.PartKey, []byte, error) {
	keep, err := in.Retention(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	turn, err := encodeTurn(t.Turn)
	if err != nil {
		return nil, nil, nil, err
	}
	var (
		parts []store.Part
		keys  []store.PartKey
		audio []byte
		all   = in.Keeps(in.comes(t)) == hearkeep.KeepAll
	)
	for _, p := range []struct {
		part  hearkeep.Part
		media string
		bytes []byte
		until time.Duration
		take  bool
	}{
		{hearkeep.PartAudio, "audio/flac", t.Audio, keep.Audio, len(t.Audio) > 0 && all},
		{hearkeep.PartWaveform, "application/octet-stream", t.Waveform, keep.Audio, len(t.Waveform) > 0 && all},
		{hearkeep.PartWords, "text/plain; charset=utf-8", []byte(t.Words.Reveal()), keep.Words, t.HasWords},
		{hearkeep.PartTurn, "application/json", turn, keep.Turn, true},
	} {
		if !p.take {
			continue
		}
		row, key, err := sealPart(env, rec, p.part, p.media, p.bytes, rec.Kept.Add(p.until))
		if err != nil {
			return nil, nil, nil, err
		}
		if p.part == hearkeep.PartAudio {
			audio, row.Bytes = row.Bytes, nil
		}
		parts, keys = append(parts, row), append(keys, key)
	}
	return parts, keys, audio, nil
}

// sealPart seals one part of a new recording under a key of its own.
func sealPart(env envelope, rec store.Recording, part hearkeep.Part, media string, plain []byte, until time.Time) (store.Part, store.PartKey, error) {
	key, wrap, err := seal.NewPartKey(env.key, partContext(rec, rec.Vault, part, 1))
	if err != nil {
		return store.Part{}, store.PartKey{}, err
	}
	sealed, err := seal.SealPart(key, media, plain)
	if err != nil {
		return store.Part{}, store.PartKey{}, err
	}
	row := store.Part{Recording: rec.ID, Part: part, Version: 1, Size: int64(len(sealed)), Hash: sha256.Sum256(sealed), Bytes: sealed, Until: until}
	return row, store.PartKey{Recording: rec.ID, Part: part, Version: 1, Wrap: wrap}, nil
}

// partContext is what a part's key is bound to. The vault is the handle's.
func partContext(rec store.Recording, vault hearkeep.VaultID, part hearkeep.Part, version uint64) seal.PartContext {
	return seal.PartContext{
		EnvelopeContext: envelopeContext(rec, vault),
		Number:          rec.Number, Recording: rec.ID, Start: rec.Start, Part: part, Version: version,
	}
}

func envelopeContext(rec store.Recording, vault hearkeep.VaultID) seal.EnvelopeContext {
	return seal.EnvelopeContext{Vault: vault, Generation: rec.Generation, Envelope: rec.Envelope, Binding: rec.Binding}
}

// fly marks a recording as being kept, so that the sweep leaves it alone.
func (k *Keep) fly(id hearkeep.RecordingID, on bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if on {
		k.inFlight[id] = true
	} else {
		delete(k.inFlight, id)
	}
}

func (k *Keep) flying(id hearkeep.RecordingID) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.inFlight[id]
}

// undo removes what a failed keep left and accounts for its number. What it
// cannot do now, the next start does.
func (in *Inbox) undo(id hearkeep.RecordingID, number hearkeep.Number) { in.undoKept(id, number, true) }

// undoKept leaves what lies under the id where that was not of this keep: it
// had been given to another recording before.
func (in *Inbox) undoKept(id hearkeep.RecordingID, number hearkeep.Number, own bool) {
	k := in.keep
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // the caller's may be over
	defer cancel()
	var err error
	if own {
		err = errors.Join(
			k.store.Keys().Destroy(ctx, in.binding.Vault, []hearkeep.RecordingID{id}, nil),
			k.blobs.Delete(ctx, id.String()))
	}
	err = errors.Join(err,
		k.failedKeep(ctx, in.binding.Vault, hearkeep.Run{Binding: in.binding.ID, From: number, To: number}))
	if err != nil {
		k.log.Error("a failed keep is not yet accounted for", "recording", id, "err", err)
	}
}

// failed makes keeping's failure loud: on every page and in the log.
func (in *Inbox) failed(err error) error {
	k := in.keep
	sentence, code := "Keeping failed.", hearkeep.Internal
	if errors.Is(err, store.ErrFull) || errors.Is(err, blob.ErrFull) {
		sentence, code = "The disk is full: nothing new is being kept.", hearkeep.Unavailable
	}
	k.setFailing(sentence)
	k.log.Error("keeping failed", "binding", in.binding.ID, "err", err)
	return hearkeep.Errorf(code, "%s", sentence).WithHint("What was asked is still done and answered. Make room, or look at the log.").Because(err)
}
