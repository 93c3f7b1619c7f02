package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

const (
	maxMove   = 200
	moveBatch = 20 // recordings that go in one transaction

	// partMove stands for all parts in the note of an opening.
	partMove hearkeep.Part = "move"
)

// Move takes recordings into another vault of the same person: they are opened
// here, sealed anew there, and erased here. Each keeps its begin, its length,
// its parts and what is left of their time; it gets a new id and a number of
// the other vault's own. What was moved when it fails half way stays moved;
// nothing is lost. A recording that does not open stays where it is, the
// others are moved, and the error says so beside the receipt. Into a vault that
// others hold, or may come to hold, it needs Fresh.
func Move(ctx context.Context, from, to *Room, ids ...hearkeep.RecordingID) (Receipt, error) {
	if err := mayMove(from, to, ids); err != nil {
		return Receipt{}, err
	}
	ids = unique(ids)
	k := from.keep
	if err := k.finishMoves(ctx); err != nil {
		return Receipt{}, err
	}
	// What is not here is refused before it is claimed: that somebody moves it
	// elsewhere must not show, nor be hindered. Looked at again once claimed:
	// another move may just have ended.
	if _, err := from.recordings(ctx, ids); err != nil {
		return Receipt{}, err
	}
	if !k.claimMoves(ids) {
		return Receipt{}, hearkeep.Errorf(hearkeep.Conflict, "Some of this is being moved already.").WithHint("Look again in a moment.")
	}
	defer k.releaseMoves(ids)
	recs, err := from.recordings(ctx, ids)
	if err != nil {
		return Receipt{}, err
	}
	if err := k.store.View(ctx, func(tx *store.Tx) error { return notFrozen(ctx, tx, from.vault.ID, recs...) }); err != nil {
		return Receipt{}, err
	}
	if err := k.roomToKeep(); err != nil {
		return Receipt{}, errNotMoved(0, len(recs), err)
	}
	if err := from.note(ctx, "move", partMove, recs...); err != nil {
		return Receipt{}, err
	}
	in, err := to.movedHere(ctx)
	if err != nil {
		return Receipt{}, err
	}
	m := move{from: from, to: to, in: in}
	for batch := range slices.Chunk(recs, moveBatch) {
		if err := m.batch(ctx, batch); err != nil {
			return m.receipt, errNotMoved(m.receipt.Count, len(recs), fmt.Errorf("vault: move from %s to %s: %w", from.vault.ID, to.vault.ID, err))
		}
	}
	return m.receipt, m.outcome(len(recs))
}

// recordings returns the rows of recordings, all of them or none.
func (r *Room) recordings(ctx context.Context, ids []hearkeep.RecordingID) ([]store.Recording, error) {
	recs := make([]store.Recording, 0, len(ids))
	for _, id := range ids {
		rec, err := r.recording(ctx, id)
		if err != nil {
			return nil, err
		}
		recs = append(recs, rec)
	}
	return recs, nil
}

func mayMove(from, to *Room, ids []hearkeep.RecordingID) error {
	if err := together(from, to); err != nil {
		return err
	}
	switch {
	case from.vault.ID == to.vault.ID:
		return hearkeep.Errorf(hearkeep.Invalid, "This is in that vault already.")
	case len(ids) == 0:
		return hearkeep.Errorf(hearkeep.Invalid, "Nothing was chosen.")
	case len(ids) > maxMove:
		return hearkeep.Errorf(hearkeep.TooLarge, "That is too much to move in one go.").WithHint("At most %d recordings at a time.", maxMove)
	}
	return nil
}

// together refuses two Rooms that are not the same person's. A program has
// the key of one vault, so that nothing moves between two by a token. What
// goes into a vault that is not personal is given to everybody who holds it:
// a session that was left open does not do that.
func together(from, to *Room) error {
	if from.actor.account != to.actor.account || from.keep != to.keep {
		return errGone()
	}
	if err := from.keyholder(); err != nil {
		return err
	}
	if err := to.keyholder(); err != nil || to.vault.Kind == Personal {
		return err
	}
	return from.actor.fresh()
}

func unique(ids []hearkeep.RecordingID) (out []hearkeep.RecordingID) {
	for _, id := range ids {
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// claimMoves marks recordings as being moved, all of them or none, so that
// none is moved twice at once.
func (k *Keep) claimMoves(ids []hearkeep.RecordingID) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, id := range ids {
		if k.inFlight[id] {
			for _, mine := range ids[:i] {
				delete(k.inFlight, mine)
			}
			return false
		}
		k.inFlight[id] = true
	}
	return true
}

func (k *Keep) releaseMoves(ids []hearkeep.RecordingID) {
	for _, id := range ids {
		k.fly(id, false)
	}
}

func errNotMoved(moved, of int, err error) error {
	if !isFull(err) {
		return err
	}
	return hearkeep.Errorf(hearkeep.Unavailable, "The disk is full: %d of %d recordings were moved.", moved, of).
		WithHint("The others stay where they are. Make room, and move them then.").Because(err)
}

// movedHere returns the Inbox of the door under which this vault numbers what
// came from other vaults, bound at its first use.
func (r *Room) movedHere(ctx context.Context) (*Inbox, error) {
	in, err := r.inboxOf(ctx, hearkeep.SourceMoved)
	if err != nil || in != nil {
		return in, err
	}
	id, err := r.Bind(ctx, hearkeep.SourceMoved, Door{Name: "Moved here"}, hearkeep.RoomRule{Keep: hearkeep.KeepAll})
	if err != nil {
		return nil, err
	}
	return r.keep.inbox(ctx, id)
}

// move is one Move at work.
type move struct {
	from, to *Room
	in       *Inbox
	receipt  Receipt // of what was erased so far
	damaged  []hearkeep.RecordingID
}

// moving is one recording that was sealed anew.
type moving struct {
	was, is store.Recording
	parts   []store.Part
	keys    []store.PartKey
	arrived bool // its rows are on the disk
}

// batch moves some recordings.
func (m *move) batch(ctx context.Context, recs []store.Recording) error {
	copies, err := m.seal(ctx, recs)
	if err == nil {
		err = m.cross(ctx, copies)
	}
	for _, c := range copies {
		if c.arrived {
			m.from.keep.numbers.landed(c.is.Binding, c.is.Number, false)
		} else {
			m.in.undo(c.is.ID, c.is.Number)
		}
		m.from.keep.fly(c.is.ID, false)
	}
	return err
}

// cross makes copies the recordings: first they are on the disk, with a job
// that says what is to be erased for them, then that is erased. What a crash
// leaves in both vaults, the job clears away. Nothing else is erased
// meanwhile, so that a receipt never stands for what lives on elsewhere.
func (m *move) cross(ctx context.Context, copies []moving) error {
	k := m.from.keep
	k.moving.Lock()
	defer k.moving.Unlock()
	if err := m.insert(ctx, copies); err != nil {
		return err
	}
	job := moveJob{Vault: m.from.vault.ID}
	var here []store.Recording
	for _, c := range copies {
		if c.arrived {
			job.Recordings, here = append(job.Recordings, c.was.ID), append(here, c.is)
		}
	}
	if len(here) == 0 {
		return nil
	}
	k.watched.tell(m.to.vault.ID, Event{Kind: eventKept, At: time.Now().UTC(), By: m.to.actor.role}, here...)
	e := store.Erasure{Vault: job.Vault, Recordings: job.Recordings, Total: m.receipt.Count + len(here), Outcome: hearkeep.OutcomeErased}
	done, err := k.eraseNow(ctx, e, entryOf(m.from.actor, job.Vault, ledger.KindErased, "moved"))
	if err != nil {
		return err
	}
	m.receipt = done
	if err := k.moveDone(ctx, job); err != nil {
		k.log.Warn("a move that is done is not noted as done yet", "vault", job.Vault, "err", err)
	}
	return nil
}

// seal opens recordings and seals them for the other vault, audio on the disk
// and the rest in memory. Those that do not open are noted and passed over.
func (m *move) seal(ctx context.Context, recs []store.Recording) (copies []moving, err error) {
	for _, rec := range recs {
		plain, err := m.from.openWhole(ctx, rec)
		if ctx.Err() != nil {
			return copies, ctx.Err()
		}
		if err != nil {
			m.from.failed(ctx, "move", []store.Recording{rec}, err)
			m.damaged = append(m.damaged, rec.ID)
			continue
		}
		if len(plain) == 0 {
			continue // its keys are destroyed and its rows are about to go
		}
		number, err := m.in.handOut(ctx)
		if err != nil {
			return copies, err
		}
		c := moving{was: rec, is: store.Recording{
			ID: hearkeep.NewID[hearkeep.RecordingID](), Vault: m.to.vault.ID, Binding: m.in.Binding(), Number: number,
			Start: rec.Start, Duration: rec.Duration, Kept: time.Now(),
		}}
		m.from.keep.fly(c.is.ID, true)
		err = m.sealOne(ctx, &c, plain)
		copies = append(copies, c)
		if err != nil {
			return copies, fmt.Errorf("recording %s: %w", rec.ID, err)
		}
	}
	return copies, nil
}

func (m *move) sealOne(ctx context.Context, c *moving, plain []wholePart) error {
	env, err := m.in.envelope(ctx)
	if err != nil {
		return err
	}
	c.is.Generation, c.is.Envelope = env.context.Generation, env.context.Envelope
	for _, p := range plain {
		row, key, err := sealPart(env, c.is, p.row.Part, p.media, p.bytes, p.row.Until)
		if err != nil {
			return err
		}
		if row.Part == hearkeep.PartAudio {
			c.is.Blob = c.is.ID.String()
			if err := m.from.keep.blobs.Put(ctx, c.is.Blob, bytes.NewReader(row.Bytes)); err != nil {
				return err
			}
			row.Bytes = nil
		}
		c.parts, c.keys = append(c.parts, row), append(c.keys, key)
	}
	return nil
}

// insert stores keys, and then rows with the job. What was erased since it was
// opened does not arrive: who erased it was told that it is gone.
func (m *move) insert(ctx context.Context, copies []moving) error {
	k := m.from.keep
	var keys []store.PartKey
	for _, c := range copies {
		keys = append(keys, c.keys...)
	}
	if len(keys) == 0 {
		return nil
	}
	if err := k.store.Keys().Put(ctx, m.to.vault.ID, keys); err != nil {
		return err
	}
	here := make([]bool, len(copies))
	err := k.store.Update(ctx, func(tx *store.Tx) error {
		if err := m.from.actor.lives(ctx, tx, time.Now()); err != nil {
			return err
		}
		if err := m.in.unchanged(ctx, tx); err != nil {
			return err
		}
		job := moveJob{Vault: m.from.vault.ID}
		for i, c := range copies {
			if err := notFrozen(ctx, tx, m.from.vault.ID, c.was); err != nil { // since it was looked at
				return err
			}
			_, err := tx.Vaults.Recording(ctx, m.from.vault.ID, c.was.ID)
			if here[i] = err == nil; errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err == nil {
				err = tx.Vaults.InsertRecording(ctx, c.is, c.parts)
			}
			if err != nil {
				return err
			}
			job.Recordings = append(job.Recordings, c.was.ID)
		}
		if len(job.Recordings) == 0 {
			return nil
		}
		return tx.Jobs.Enqueue(ctx, jobMoved, job.encode())
	})
	if err != nil {
		return err
	}
	for i := range copies {
		copies[i].arrived = here[i]
	}
	return nil
}

// outcome says which recordings stayed because they do not open.
func (m *move) outcome(of int) error {
	if len(m.damaged) == 0 {
		if m.receipt.Count == 0 {
			return errGone() // another was first
		}
		return nil
	}
	var names []string
	for _, id := range m.damaged[:min(len(m.damaged), 5)] {
		names = append(names, id.String())
	}
	return hearkeep.Errorf(hearkeep.Internal, "%d of %d recordings do not open, and stay where they are; %d were moved.", len(m.damaged), of, m.receipt.Count).
		WithHint("They were damaged or altered, and that is written down: %s.", strings.Join(names, ", "))
}

// wholePart is an opened part with what it takes to seal it anew.
type wholePart struct {
	row   store.Part
	media string
	bytes []byte
}

// openWhole opens all parts of a recording that the caller has noted. A part
// whose key is destroyed is left out; one that does not open is an error.
func (r *Room) openWhole(ctx context.Context, rec store.Recording) ([]wholePart, error) {
	var rows []store.Part
	err := r.keep.store.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = tx.Vaults.Parts(ctx, r.vault.ID, rec.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []wholePart
	for _, row := range rows {
		wrap, err := r.keep.store.Keys().Part(ctx, r.vault.ID, rec.ID, row.Part, row.Version)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		plain, header, err := r.openOne(ctx, rec, row, wrap)
		if err != nil {
			return nil, err
		}
		out = append(out, wholePart{row, header.MediaType, plain})
	}
	return out, nil
}

func (r *Room) openOne(ctx context.Context, rec store.Recording, row store.Part, wrap []byte) ([]byte, seal.PartHeader, error) {
	if row.Part != hearkeep.PartAudio {
		return r.openSmall(ctx, rec, row, wrap)
	}
	a, err := r.openAudio(ctx, rec, row, wrap)
	if err != nil {
		return nil, seal.PartHeader{}, err
	}
	defer a.Close()
	plain, err := io.ReadAll(a)
	if err == nil && sha256.Sum256(plain) != a.header.SHA256 {
		err = errors.New("the sound is not what its header says")
	}
	if err != nil {
		return nil, seal.PartHeader{}, fmt.Errorf("vault: audio of %s: %w", rec.ID, err)
	}
	return plain, a.header, nil
}
