package vault

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Room is one vault, opened by a keyholder or by a program that one gave a
// token. It serves one request and is not used concurrently.
type Room struct {
	keep      *Keep
	actor     actor
	vault     store.Vault
	span      store.Span // the generations that it sees; what is outside is not there
	current   hearkeep.Generation
	held      []store.Keyholder // rows of the keys below; none of a program
	keys      map[hearkeep.Generation]seal.VaultKey
	envelopes map[hearkeep.EnvelopeID]seal.EnvelopeKey
	page      *page // of a release, looked at last
}

// ID is the vault.
func (r *Room) ID() hearkeep.VaultID { return r.vault.ID }

// Since is when the oldest keys that this Room holds were made, the zero time
// where those are the vault's first. What was kept before is not there.
func (r *Room) Since(ctx context.Context) (since time.Time, err error) {
	if r.span.From <= 1 {
		return time.Time{}, nil
	}
	err = r.keep.store.View(ctx, func(tx *store.Tx) error {
		all, err := tx.Vaults.Generations(ctx, r.vault.ID)
		for _, g := range all {
			if g.N == r.span.From {
				since = g.Created
			}
		}
		return err
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("vault: since when %s is held: %w", r.vault.ID, err)
	}
	return since, nil
}

// Retention is how long what is kept from now on lives.
func (r *Room) Retention() store.Retention { return r.vault.Retention }

// Rename gives this vault another name.
func (r *Room) Rename(ctx context.Context, name string) error {
	if err := r.keyholder(); err != nil {
		return err
	}
	name, ok := nameOf(name)
	if !ok {
		return hearkeep.Errorf(hearkeep.Invalid, "A vault needs a name of at most %d characters.", maxName)
	}
	label, err := seal.SealHouse(r.keep.house, seal.HouseName, r.vault.ID, []byte(name))
	if err != nil {
		return fmt.Errorf("vault: rename %s: %w", r.vault.ID, err)
	}
	err = r.keep.store.Update(ctx, func(tx *store.Tx) error {
		row, err := tx.Vaults.Vault(ctx, r.vault.ID) // kind and household may have changed since Enter
		if err != nil {
			return err
		}
		row.Label = label
		if err := tx.Vaults.SetVault(ctx, row); err != nil {
			return err
		}
		_, err = r.keep.ledger.Append(ctx, tx, entryOf(r.actor, r.vault.ID, ledger.KindKeys, "vault renamed"))
		return err
	})
	if err != nil {
		return fmt.Errorf("vault: rename %s: %w", r.vault.ID, err)
	}
	r.vault.Label = label
	return nil
}

// Totals counts what is kept.
func (r *Room) Totals(ctx context.Context) (t store.Totals, err error) {
	err = r.keep.store.View(ctx, func(tx *store.Tx) (err error) {
		t, err = tx.Vaults.Totals(ctx, r.vault.ID, r.span)
		return err
	})
	if err != nil {
		return t, fmt.Errorf("vault: totals of %s: %w", r.vault.ID, err)
	}
	return t, nil
}

// Uploads returns the Inbox for files given in the browser.
func (r *Room) Uploads(ctx context.Context) (*Inbox, error) {
	if err := r.changes(); err != nil {
		return nil, err
	}
	in, err := r.inboxOf(ctx, hearkeep.SourceUpload)
	if err == nil && in == nil {
		err = hearkeep.Errorf(hearkeep.NotFound, "This vault takes no uploads.")
	}
	return in, err
}

// Browser returns the Inbox for push to talk, bound at its first use.
func (r *Room) Browser(ctx context.Context) (*Inbox, error) {
	if err := r.changes(); err != nil {
		return nil, err
	}
	in, err := r.inboxOf(ctx, hearkeep.SourceBrowser)
	if err != nil || in != nil {
		return in, err
	}
	id, err := r.Bind(ctx, hearkeep.SourceBrowser, Door{Name: "Browser"}, hearkeep.RoomRule{Keep: hearkeep.KeepAll})
	if err != nil {
		return nil, err
	}
	return r.keep.inbox(ctx, id)
}

// inboxOf returns the Inbox of this vault's first open door of a kind, or nil.
func (r *Room) inboxOf(ctx context.Context, source hearkeep.Source) (*Inbox, error) {
	all, err := r.Bindings(ctx)
	if err != nil {
		return nil, err
	}
	for _, b := range all {
		if b.Source != source || !b.Ended.IsZero() {
			continue
		}
		in, err := r.keep.inbox(ctx, b.ID)
		if err == nil && in.Vault() != r.vault.ID {
			err = fmt.Errorf("vault: binding %s left vault %s", b.ID, r.vault.ID)
		}
		return in, err
	}
	return nil, nil
}

// Cursor is a place in a listing. The zero value is its begin.
type Cursor struct{ store.Cursor }

// String is empty at the begin, else <unix ms>-<id>.
func (c Cursor) String() string {
	if c.ID.IsZero() {
		return ""
	}
	return strconv.FormatInt(c.Start.UnixMilli(), 10) + "-" + c.ID.String()
}

// ParseCursor reads what String wrote.
func ParseCursor(s string) (Cursor, error) {
	if s == "" {
		return Cursor{}, nil
	}
	ms, id, ok := strings.Cut(s, "-")
	n, err := strconv.ParseInt(ms, 10, 64)
	rec, err2 := hearkeep.ParseID[hearkeep.RecordingID](id)
	if !ok || err != nil || err2 != nil {
		return Cursor{}, hearkeep.Errorf(hearkeep.Invalid, "This address does not lead to a page.").WithHint("Go back to your keep.")
	}
	return Cursor{store.Cursor{Start: time.UnixMilli(n).UTC(), ID: rec}}, nil
}

// Item is a recording as its keyholder sees it.
type Item struct {
	ID       hearkeep.RecordingID
	Number   hearkeep.Number
	Binding  hearkeep.BindingID
	From     string // what the keyholder called the door
	Source   hearkeep.Source
	Start    time.Time
	Duration time.Duration
	HasAudio bool
	HasWords bool
	HasTurn  bool
	Words    hearkeep.Words
	Version  uint64 // of the words: above 1 where their keyholder corrected them; 0 where none are kept
	Turn     hearkeep.Turn
	Until    time.Time // when the last of its parts goes
	Damaged  bool      // something of it did not open
}

const (
	maxPage  = 200
	pageSize = 50
)

// List opens a page of recordings, newest first, strictly older than the
// cursor. The openings are in the ledger before the first word is.
func (r *Room) List(ctx context.Context, before Cursor, limit int) (items []Item, next Cursor, more bool, err error) {
	if limit <= 0 || limit > maxPage {
		limit = pageSize
	}
	var recs []store.Recording
	err = r.keep.store.View(ctx, func(tx *store.Tx) (err error) {
		recs, err = tx.Vaults.Recordings(ctx, r.vault.ID, r.span, before.Cursor, limit+1)
		return err
	})
	if err != nil {
		return nil, Cursor{}, false, fmt.Errorf("vault: list %s: %w", r.vault.ID, err)
	}
	if more = len(recs) > limit; more {
		recs = recs[:limit]
	}
	if items, err = r.items(ctx, recs, "browse"); err != nil {
		return nil, Cursor{}, false, err
	}
	if n := len(recs); n > 0 {
		next = Cursor{store.Cursor{Start: recs[n-1].Start, ID: recs[n-1].ID}}
	}
	return items, next, more, nil
}

// Latest returns the newest recording's id, zero where nothing is kept. It
// opens nothing.
func (r *Room) Latest(ctx context.Context) (hearkeep.RecordingID, error) {
	var recs []store.Recording
	err := r.keep.store.View(ctx, func(tx *store.Tx) (err error) {
		recs, err = tx.Vaults.Recordings(ctx, r.vault.ID, r.span, store.Cursor{}, 1)
		return err
	})
	if err != nil || len(recs) == 0 {
		return hearkeep.RecordingID{}, err
	}
	return recs[0].ID, nil
}

// Read opens what was heard, understood, done and answered of one recording.
func (r *Room) Read(ctx context.Context, id hearkeep.RecordingID) (Item, error) {
	rec, err := r.recording(ctx, id)
	if err != nil {
		return Item{}, err
	}
	items, err := r.items(ctx, []store.Recording{rec}, "read")
	if err != nil {
		return Item{}, err
	}
	return items[0], nil
}

// Waveform opens the peaks of a recording, one byte each.
func (r *Room) Waveform(ctx context.Context, id hearkeep.RecordingID) ([]byte, error) {
	rec, err := r.recording(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := r.note(ctx, "waveform", hearkeep.PartWaveform, rec); err != nil {
		return nil, err
	}
	got, err := r.openParts(ctx, []store.Recording{rec}, hearkeep.PartWaveform)
	if err != nil {
		return nil, err
	}
	part := got[id]
	if part.state != partOpened {
		return nil, errGone()
	}
	return part.bytes, nil
}

func (r *Room) recording(ctx context.Context, id hearkeep.RecordingID) (rec store.Recording, err error) {
	err = r.keep.store.View(ctx, func(tx *store.Tx) (err error) {
		rec, err = tx.Vaults.Recording(ctx, r.vault.ID, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && !r.span.Holds(rec.Generation) {
		return store.Recording{}, errGone()
	}
	if err != nil {
		return store.Recording{}, fmt.Errorf("vault: recording %s: %w", id, err)
	}
	return rec, nil
}

// errGone answers what is not there and what is somebody else's.
func errGone() error {
	return hearkeep.Errorf(hearkeep.NotFound, "There is nothing here.").
		WithHint("It may have been erased, or its time is over.")
}

// items opens the words and turns of recordings of this vault.
func (r *Room) items(ctx context.Context, recs []store.Recording, purpose string) ([]Item, error) {
	if len(recs) == 0 {
		return nil, nil
	}
	if err := r.note(ctx, purpose, hearkeep.PartWords, recs...); err != nil {
		return nil, err
	}
	words, err := r.openParts(ctx, recs, hearkeep.PartWords)
	if err != nil {
		return nil, err
	}
	turns, err := r.openParts(ctx, recs, hearkeep.PartTurn)
	if err != nil {
		return nil, err
	}
	audio, err := r.partRows(ctx, recs, hearkeep.PartAudio)
	if err != nil {
		return nil, err
	}
	doors, err := r.doors(ctx)
	if err != nil {
		return nil, err
	}
	items := make([]Item, len(recs))
	for i, rec := range recs {
		items[i] = makeItem(rec, doors[rec.Binding], words[rec.ID], turns[rec.ID])
		if a, ok := audio[rec.ID]; ok {
			items[i].HasAudio = true
			items[i].Until = latest(items[i].Until, a.Until)
		}
	}
	return items, nil
}

func makeItem(rec store.Recording, door Binding, words, turn openedPart) Item {
	it := Item{
		ID: rec.ID, Number: rec.Number, Binding: rec.Binding, From: door.Door.Name, Source: door.Source,
		Start: rec.Start, Duration: rec.Duration, Until: latest(words.until, turn.until),
		Damaged: words.state == partDamaged || turn.state == partDamaged,
	}
	if words.state == partOpened {
		it.HasWords, it.Words, it.Version = true, hearkeep.NewWords(string(words.bytes)), words.version
	}
	if turn.state == partOpened {
		t, err := decodeTurn(turn.bytes)
		it.Turn, it.HasTurn, it.Damaged = t, err == nil, it.Damaged || err != nil
	}
	return it
}

func (r *Room) doors(ctx context.Context) (map[hearkeep.BindingID]Binding, error) {
	all, err := r.Bindings(ctx)
	byID := make(map[hearkeep.BindingID]Binding, len(all))
	for _, b := range all {
		byID[b.ID] = b
	}
	return byID, err
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func etag(sum [32]byte) string { return `"` + hex.EncodeToString(sum[:16]) + `"` }
