package vault

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/blob"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// noteLife is for how long one session's opening of one part stands for all
// of them: one listen is one entry, ranges and reloads included.
const noteLife = 10 * time.Minute

type opening struct {
	session   string
	recording hearkeep.RecordingID
	part      hearkeep.Part
}

// note writes the ledger entry of an opening. Nothing is opened before it
// returned nil: no entry, no opening.
func (r *Room) note(ctx context.Context, purpose string, part hearkeep.Part, recs ...store.Recording) error {
	k, now := r.keep, time.Now()
	fresh := r.unnoted(now, part, recs)
	if len(fresh) == 0 {
		return nil
	}
	e := entryOf(r.actor, r.vault.ID, ledger.KindOpened, purpose)
	e.Count, e.Items = len(fresh), runsOf(fresh)
	if _, err := k.ledger.Write(ctx, e); err != nil {
		return hearkeep.Errorf(hearkeep.Unavailable, "Nothing can be opened right now.").
			WithHint("Each opening is written down first, and that failed; the disk may be full.").
			Because(fmt.Errorf("vault: note opening in %s: %w", r.vault.ID, err))
	}
	k.watched.tell(r.vault.ID, Event{Kind: eventOpened, At: now, By: r.actor.role, Purpose: purpose}, fresh...)
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, rec := range fresh {
		k.noted[opening{r.actor.session, rec.ID, part}] = now
	}
	return nil
}

func (r *Room) unnoted(now time.Time, part hearkeep.Part, recs []store.Recording) []store.Recording {
	k := r.keep
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.DeleteFunc(k.noted, func(_ opening, at time.Time) bool { return now.Sub(at) >= noteLife })
	var fresh []store.Recording
	for _, rec := range recs {
		if _, ok := k.noted[opening{r.actor.session, rec.ID, part}]; !ok {
			fresh = append(fresh, rec)
		}
	}
	return fresh
}

// runsOf packs recordings into runs of numbers per binding.
func runsOf(recs []store.Recording) []hearkeep.Run {
	numbers := map[hearkeep.BindingID][]hearkeep.Number{}
	for _, rec := range recs {
		numbers[rec.Binding] = append(numbers[rec.Binding], rec.Number)
	}
	var runs []hearkeep.Run
	for binding, ns := range numbers {
		slices.Sort(ns)
		runs = append(runs, hearkeep.Runs(binding, ns)...)
	}
	slices.SortFunc(runs, func(a, b hearkeep.Run) int {
		if c := slices.Compare(a.Binding[:], b.Binding[:]); c != 0 {
			return c
		}
		return int(a.From) - int(b.From)
	})
	return runs
}

// partState is what became of opening a part.
type partState int

const (
	partAbsent partState = iota // not kept, erased or expired
	partOpened
	partDamaged // it is there and does not open
)

type openedPart struct {
	state   partState
	bytes   []byte
	until   time.Time
	version uint64
}

// openParts opens one kind of part of recordings that the caller has noted. A
// part that does not open is reported and shown as damaged; the others open.
func (r *Room) openParts(ctx context.Context, recs []store.Recording, part hearkeep.Part) (map[hearkeep.RecordingID]openedPart, error) {
	rows, err := r.partRows(ctx, recs, part)
	if err != nil {
		return nil, err
	}
	wraps, err := r.keep.store.Keys().PartsOf(ctx, r.vault.ID, slices.Collect(maps.Keys(rows)), part)
	if err != nil {
		return nil, fmt.Errorf("vault: keys of %s parts in %s: %w", part, r.vault.ID, err)
	}
	out := make(map[hearkeep.RecordingID]openedPart, len(rows))
	for _, rec := range recs {
		row, ok := rows[rec.ID]
		if !ok {
			continue
		}
		key, ok := wraps[rec.ID]
		if !ok {
			continue // its key is destroyed and its row is about to go
		}
		wrap, err := key.Wrap, error(nil)
		if key.Version != row.Version { // its words are being corrected
			if row, wrap, err = r.again(ctx, rec, part); errors.Is(err, store.ErrNotFound) {
				continue
			}
		}
		var bytes []byte
		if err == nil {
			bytes, _, err = r.openSmall(ctx, rec, row, wrap)
		}
		if err != nil {
			r.failed(ctx, string(part), []store.Recording{rec}, err)
			out[rec.ID] = openedPart{state: partDamaged, until: row.Until}
			continue
		}
		out[rec.ID] = openedPart{partOpened, bytes, row.Until, row.Version}
	}
	return out, nil
}

// again reads a part and the key of that version, of which a correction has
// put another in its place between two looks.
func (r *Room) again(ctx context.Context, rec store.Recording, part hearkeep.Part) (row store.Part, wrap []byte, err error) {
	for range 3 {
		var rows map[hearkeep.RecordingID]store.Part
		if rows, err = r.partRows(ctx, []store.Recording{rec}, part); err != nil {
			return row, nil, err
		}
		row, ok := rows[rec.ID]
		if !ok {
			return row, nil, store.ErrNotFound
		}
		wrap, err = r.keep.store.Keys().Part(ctx, r.vault.ID, rec.ID, part, row.Version)
		if !errors.Is(err, store.ErrNotFound) {
			return row, wrap, err
		}
	}
	return row, nil, err
}

func (r *Room) partRows(ctx context.Context, recs []store.Recording, part hearkeep.Part) (rows map[hearkeep.RecordingID]store.Part, err error) {
	ids := make([]hearkeep.RecordingID, len(recs))
	for i, rec := range recs {
		ids[i] = rec.ID
	}
	err = r.keep.store.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = tx.Vaults.PartsOf(ctx, r.vault.ID, ids, part)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("vault: %s parts in %s: %w", part, r.vault.ID, err)
	}
	return rows, nil
}

func (r *Room) openSmall(ctx context.Context, rec store.Recording, row store.Part, wrap []byte) ([]byte, seal.PartHeader, error) {
	if sha256.Sum256(row.Bytes) != row.Hash {
		return nil, seal.PartHeader{}, fmt.Errorf("vault: %s of %s: ciphertext is not what was stored", row.Part, rec.ID)
	}
	key, err := r.partKey(ctx, rec, row, wrap)
	if err != nil {
		return nil, seal.PartHeader{}, err
	}
	plain, header, err := seal.ReadPart(key, row.Bytes)
	if err != nil {
		return nil, seal.PartHeader{}, fmt.Errorf("vault: %s of %s: %w", row.Part, rec.ID, err)
	}
	return plain, header, nil
}

// partKey unwraps a part's key. Every context names this Room's vault: a row
// that was relabelled from another vault does not open.
func (r *Room) partKey(ctx context.Context, rec store.Recording, row store.Part, wrap []byte) (seal.PartKey, error) {
	env, err := r.envelopeKey(ctx, rec)
	if err != nil {
		return seal.PartKey{}, err
	}
	key, err := seal.OpenPartKey(env, wrap, partContext(rec, r.vault.ID, row.Part, row.Version))
	if err != nil {
		return seal.PartKey{}, fmt.Errorf("vault: key of %s of %s: %w", row.Part, rec.ID, err)
	}
	return key, nil
}

// envelopeKey opens an envelope, and on its first opening re-wraps it under
// the vault's symmetric key, so that the next opening costs no HPKE.
func (r *Room) envelopeKey(ctx context.Context, rec store.Recording) (seal.EnvelopeKey, error) {
	if key, ok := r.envelopes[rec.Envelope]; ok {
		return key, nil
	}
	vk, err := r.key(rec.Generation)
	if err != nil {
		return seal.EnvelopeKey{}, err
	}
	wrap, err := r.keep.store.Keys().Envelope(ctx, r.vault.ID, rec.Envelope)
	if err != nil {
		return seal.EnvelopeKey{}, fmt.Errorf("vault: envelope %s: %w", rec.Envelope, err)
	}
	c := envelopeContext(rec, r.vault.ID)
	key, err := seal.OpenEnvelope(vk, wrap, c)
	if err != nil {
		return seal.EnvelopeKey{}, fmt.Errorf("vault: envelope %s: %w", rec.Envelope, err)
	}
	r.envelopes[rec.Envelope] = key
	if seal.IsRewrapped(wrap) {
		return key, nil
	}
	rewrapped, err := seal.RewrapEnvelope(vk, key, c)
	if err == nil {
		err = r.keep.store.Keys().PutEnvelope(ctx, r.vault.ID, rec.Envelope, rewrapped)
	}
	if err != nil { // only speed is lost
		r.keep.log.Warn("an envelope stays under its first wrap", "envelope", rec.Envelope, "err", err)
	}
	return key, nil
}

// failed reports what did not open, in the ledger and the log, and returns
// the error for people. Incidents follow these entries.
func (r *Room) failed(ctx context.Context, purpose string, recs []store.Recording, cause error) error {
	r.keep.log.Error("an opening failed", "vault", r.vault.ID, "purpose", purpose, "err", cause)
	if fresh := r.unnoted(time.Now(), "failed", recs); len(fresh) > 0 || len(recs) == 0 {
		e := entryOf(r.actor, r.vault.ID, ledger.KindOpeningFailed, purpose)
		e.Count, e.Items = len(recs), runsOf(recs)
		if _, err := r.keep.ledger.Write(ctx, e); err != nil {
			cause = errors.Join(cause, err)
		}
		r.keep.mu.Lock()
		for _, rec := range fresh {
			r.keep.noted[opening{r.actor.session, rec.ID, "failed"}] = time.Now()
		}
		r.keep.mu.Unlock()
	}
	return hearkeep.Errorf(hearkeep.Internal, "This does not open.").
		WithHint("It was damaged or altered. That is written down, and whoever runs this keep can see that it happened.").Because(cause)
}

// Audio is the sound of one recording, opened piece by piece as it is read.
// It implements io.ReadSeeker for HTTP ranges and must be closed.
type Audio struct {
	*io.SectionReader
	blob   blob.Reader
	header seal.PartHeader
}

// MediaType is audio/flac.
func (a *Audio) MediaType() string { return a.header.MediaType }

// ETag names these bytes, for conditional and range requests.
func (a *Audio) ETag() string { return etag(a.header.SHA256) }

// Close lets go of the ciphertext.
func (a *Audio) Close() error { return a.blob.Close() }

// Listen opens the audio of one recording. It fails with StepUp where the
// account has listened to very many lately.
func (r *Room) Listen(ctx context.Context, id hearkeep.RecordingID) (*Audio, error) {
	rec, err := r.recording(ctx, id)
	if err != nil {
		return nil, err
	}
	rows, err := r.partRows(ctx, []store.Recording{rec}, hearkeep.PartAudio)
	if err != nil {
		return nil, err
	}
	row, ok := rows[id]
	if !ok {
		return nil, errGone()
	}
	if err := r.keep.listened.add(r.actor, id, time.Now()); err != nil {
		return nil, err
	}
	if err := r.note(ctx, "listen", hearkeep.PartAudio, rec); err != nil {
		return nil, err
	}
	wrap, err := r.keep.store.Keys().Part(ctx, r.vault.ID, id, hearkeep.PartAudio, row.Version)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errGone()
	}
	if err != nil {
		return nil, fmt.Errorf("vault: key of audio of %s: %w", id, err)
	}
	audio, err := r.openAudio(ctx, rec, row, wrap)
	if err != nil {
		return nil, r.failed(ctx, "listen", []store.Recording{rec}, err)
	}
	return audio, nil
}

func (r *Room) openAudio(ctx context.Context, rec store.Recording, row store.Part, wrap []byte) (*Audio, error) {
	return r.openSound(ctx, rec, row, wrap, "listen", errGone)
}

// openSound opens a sound whose later failures are of a purpose, and which
// says gone once it is erased.
func (r *Room) openSound(ctx context.Context, rec store.Recording, row store.Part, wrap []byte, purpose string, gone func() error) (*Audio, error) {
	key, err := r.partKey(ctx, rec, row, wrap)
	if err != nil {
		return nil, err
	}
	b, err := r.keep.blobs.Open(ctx, rec.Blob)
	if err != nil {
		return nil, fmt.Errorf("vault: audio of %s: %w", rec.ID, err)
	}
	part, err := seal.OpenPart(key, b, row.Size)
	if err == nil && b.Size() != row.Size {
		err = errors.New("the file is longer than what was stored")
	}
	if err != nil {
		b.Close()
		return nil, fmt.Errorf("vault: audio of %s: %w", rec.ID, err)
	}
	reported := reporting{part, func() error {
		if r.keep.silenced(rec.ID) {
			return gone()
		}
		return nil
	}, func(err error) { r.failed(ctx, purpose, []store.Recording{rec}, err) }}
	return &Audio{io.NewSectionReader(reported, 0, part.Size()), b, part.Header()}, nil
}

// reporting tells of a chunk that does not open while a player reads, and
// goes silent when the recording is erased meanwhile.
type reporting struct {
	io.ReaderAt
	erased func() error
	failed func(error)
}

func (r reporting) ReadAt(b []byte, off int64) (int, error) {
	if err := r.erased(); err != nil {
		return 0, err
	}
	n, err := r.ReaderAt.ReadAt(b, off)
	if err != nil && !errors.Is(err, io.EOF) {
		r.failed(err)
	}
	return n, err
}
