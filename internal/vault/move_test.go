package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/blob"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// anotherOf is another vault of the same person.
func anotherOf(t *testing.T, h *vaulttest.Home, p vaulttest.Person) vaulttest.Person {
	t.Helper()
	id, err := h.Keep.Add(t.Context(), p.Who, vault.NewVault{Name: "Living room", Kind: vault.Personal})
	must(t, err)
	p.Vault = id
	p.Room = h.Enter(t, p)
	return p
}

// sound finds nothing wrong: every byte is what was stored, every number is
// accounted for.
func sound(t *testing.T, h *vaulttest.Home) {
	t.Helper()
	_, err := vault.Check(t.Context(), h.Store, h.Blobs, h.House, func(d vault.Damage) { t.Errorf("damage: %s", d) })
	must(t, err)
}

// listed is all that a vault keeps, by its words.
func listed(t *testing.T, r *vault.Room) map[string]vault.Item {
	t.Helper()
	items, _, more, err := r.List(t.Context(), vault.Cursor{}, 200)
	must(t, err)
	if more {
		t.Fatal("more than a page")
	}
	out := map[string]vault.Item{}
	for _, it := range items {
		if _, twice := out[it.Words.Reveal()]; twice {
			t.Errorf("%q is there twice", it.Words.Reveal())
		}
		out[it.Words.Reveal()] = it
	}
	return out
}

func TestMoving(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	ctx := t.Context()
	must(t, h.Store.Update(ctx, func(tx *store.Tx) error {
		return tx.Vaults.SetRetention(ctx, anna.Vault, store.Retention{Audio: 7 * day, Words: 30 * day, Turn: 20 * day})
	}))
	whole := taken("chartreuse elephants waltz")
	whole.Start = time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond)
	must(t, anna.Inbox.Keep(ctx, whole))
	stays := say(t, anna, "stays")
	words, err := h.Keep.Device(ctx, h.Terminal(t, anna, hearkeep.RoomRule{Keep: hearkeep.KeepWords}))
	must(t, err)
	only := taken("words alone")
	must(t, words.Keep(ctx, only))
	mute := taken("")
	mute.HasWords = false // not transcribed
	must(t, anna.Inbox.Keep(ctx, mute))
	to := anotherOf(t, h, anna)
	was := listed(t, h.Enter(t, anna))
	ends := map[string][]string{}
	for text, it := range was {
		ends[text] = untils(t, h, anna.Vault, it.ID)
	}
	key := wrapOf(t, h, anna, whole.ID)

	receipt, err := vault.Move(ctx, h.Enter(t, anna), h.Enter(t, to), whole.ID, only.ID, mute.ID, whole.ID)
	must(t, err)
	if again, err := h.Enter(t, anna).Receipt(ctx, receipt.ID); err != nil || receipt.Count != 3 || again != receipt {
		t.Errorf("receipt: got %+v, later %+v, %v", receipt, again, err)
	}
	is := listed(t, h.Enter(t, to))
	if len(is) != 3 {
		t.Fatalf("got %d recordings there, want 3", len(is))
	}
	numbers := map[hearkeep.Number]bool{}
	for text, it := range is {
		old := was[text]
		numbers[it.Number] = true
		if it.ID == old.ID || it.From != "Moved here" || it.Source != hearkeep.SourceMoved || it.Damaged {
			t.Errorf("%q: got %+v", text, it)
		}
		if !it.Start.Equal(old.Start) || it.Duration != old.Duration || !it.Until.Equal(old.Until) ||
			it.HasAudio != old.HasAudio || it.HasWords != old.HasWords || it.HasTurn != old.HasTurn || it.Turn.Answer.Reveal() != old.Turn.Answer.Reveal() {
			t.Errorf("%q: got %+v, was %+v", text, it, old)
		}
		if !slices.Equal(untils(t, h, to.Vault, it.ID), ends[text]) {
			t.Errorf("%q: its parts live for another time", text)
		}
	}
	if len(numbers) != 3 || !numbers[1] || !numbers[3] {
		t.Errorf("numbers there: got %v, want 1 to 3", numbers)
	}
	there := h.Enter(t, to)
	if got := readAll(t, there, is["chartreuse elephants waltz"].ID); !bytes.Equal(got, audio) {
		t.Error("its sound is another")
	}
	if peaks, err := there.Waveform(ctx, is["chartreuse elephants waltz"].ID); err != nil || !bytes.Equal(peaks, []byte{1, 2, 3}) {
		t.Errorf("its waveform: got %v, %v", peaks, err)
	}
	for _, id := range []hearkeep.RecordingID{whole.ID, only.ID, mute.ID} {
		_, err := h.Enter(t, anna).Read(ctx, id)
		wantCode(t, "what was moved", err, hearkeep.NotFound)
	}
	if it, err := h.Enter(t, anna).Read(ctx, stays); err != nil || it.Words.Reveal() != "stays" {
		t.Errorf("what was not moved: %+v, %v", it, err)
	}
	sound(t, h)
	for _, needle := range []string{"chartreuse", "canary audio", "HassStartTimer", "Moved here"} {
		if found := onDisk(t, h, []byte(needle)); len(found) > 0 {
			t.Errorf("%q stands in %v", needle, found)
		}
	}
	if found := onDisk(t, h, key[33:65]); len(found) > 0 {
		t.Errorf("its old key stands in %v", found)
	}
	if _, err := h.Blobs.Open(ctx, whole.ID.String()); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("its old audio: %v", err)
	}
	var opened, erased int
	entries, err := h.Ledger.Entries(ctx, anna.Vault, 0, 1000)
	must(t, err)
	for _, e := range entries {
		switch {
		case e.Kind == ledger.KindOpened && e.Purpose == "move":
			opened = e.Count
		case e.Kind == ledger.KindErased && e.Purpose == "moved":
			erased = e.Count
		}
	}
	if opened != 3 || erased != 3 {
		t.Errorf("the ledger says %d opened to be moved and %d erased, want 3 and 3", opened, erased)
	}

	// The next time it comes through the same door, and back through one here.
	_, err = vault.Move(ctx, h.Enter(t, anna), h.Enter(t, to), stays)
	must(t, err)
	is = listed(t, h.Enter(t, to))
	if is["stays"].Number != 4 {
		t.Errorf("the next number: got %d, want 4", is["stays"].Number)
	}
	_, err = vault.Move(ctx, h.Enter(t, to), h.Enter(t, anna), is["stays"].ID)
	must(t, err)
	if back := listed(t, h.Enter(t, anna)); len(back) != 1 || back["stays"].Number != 1 {
		t.Errorf("moved back: got %+v", back)
	}
	sound(t, h)
}

// untils is when each of a recording's parts ends.
func untils(t *testing.T, h *vaulttest.Home, v hearkeep.VaultID, id hearkeep.RecordingID) (out []string) {
	t.Helper()
	must(t, h.Store.View(t.Context(), func(tx *store.Tx) error {
		parts, err := tx.Vaults.Parts(t.Context(), v, id)
		for _, p := range parts {
			out = append(out, fmt.Sprint(p.Part, p.Until.UnixMilli()))
		}
		return err
	}))
	slices.Sort(out)
	return out
}

func TestMovesThatAreRefused(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	ctx := t.Context()
	to := anotherOf(t, h, anna)
	mine, theirs := say(t, anna, "mine"), say(t, bert, "theirs")
	absent := hearkeep.NewID[hearkeep.RecordingID]()
	move := func(from, to vaulttest.Person, ids ...hearkeep.RecordingID) error {
		_, err := vault.Move(ctx, h.Enter(t, from), h.Enter(t, to), ids...)
		return err
	}
	wantCode(t, "to where it is", move(anna, anna, mine), hearkeep.Invalid)
	wantCode(t, "nothing", move(anna, to), hearkeep.Invalid)
	wantCode(t, "too much", move(anna, to, make([]hearkeep.RecordingID, 201)...), hearkeep.TooLarge)
	wantCode(t, "into another's vault", move(anna, bert, mine), hearkeep.NotFound)
	wantCode(t, "out of another's vault", move(bert, to, theirs), hearkeep.NotFound)
	sameAnswer(t, "another's recording", move(anna, to, mine, theirs), move(anna, to, mine, absent))
	sameAnswer(t, "one of the other vault", move(to, anna, mine), move(to, anna, absent))
	moved := h.Keep.Moving(theirs)
	sameAnswer(t, "what another is just moving", move(anna, to, theirs), move(anna, to, absent))
	moved()
	h.Store.Fail = store.ErrFull
	room, there := anna.Room, to.Room
	_, err := vault.Move(ctx, room, there, mine)
	wantCode(t, "what cannot be written down", err, hearkeep.Unavailable)
	h.Store.Fail = nil
	if len(listed(t, h.Enter(t, anna))) != 1 || len(listed(t, h.Enter(t, to))) != 0 || len(listed(t, h.Enter(t, bert))) != 1 {
		t.Error("a refused move moved something")
	}
	sound(t, h)
}

// What does not open stays where it is, and the error names it.
func TestMovingWhatIsDamaged(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	ctx := t.Context()
	to := anotherOf(t, h, anna)
	torn, swapped, good := say(t, anna, "torn"), say(t, anna, "swapped"), say(t, anna, "good")
	data, err := os.ReadFile(blobPath(t, h, torn))
	must(t, err)
	data[70_000] ^= 1
	must(t, os.WriteFile(blobPath(t, h, torn), data, 0o600))
	rewrite(t, h, "hearkeep.db", `UPDATE parts SET bytes = (SELECT bytes FROM parts WHERE recording = ? AND part = 'words') WHERE recording = ? AND part = 'words'`, good[:], swapped[:])

	receipt, err := vault.Move(ctx, h.Enter(t, anna), h.Enter(t, to), torn, good, swapped)
	wantCode(t, "moving damaged recordings", err, hearkeep.Internal)
	_, words, hint := hearkeep.Explain(err)
	if !strings.Contains(words, "2 of 3") || !strings.Contains(hint, torn.String()) || !strings.Contains(hint, swapped.String()) || strings.Contains(hint, good.String()) {
		t.Errorf("it says %q, %q", words, hint)
	}
	if receipt.Count != 1 {
		t.Errorf("the receipt counts %d, want the one that was moved", receipt.Count)
	}
	if there := listed(t, h.Enter(t, to)); len(there) != 1 || there["good"].ID.IsZero() {
		t.Errorf("there: got %+v", there)
	}
	for _, id := range []hearkeep.RecordingID{torn, swapped} {
		if _, err := h.Enter(t, anna).Read(ctx, id); err != nil {
			t.Errorf("what is damaged is gone: %v", err)
		}
	}
	if n := kinds(t, h, anna.Vault)[ledger.KindOpeningFailed]; n != 2 {
		t.Errorf("failed openings: got %d, want 2", n)
	}
	gaps, err := vault.Gaps(ctx, h.Store, to.Vault)
	must(t, err)
	if len(gaps) > 0 {
		t.Errorf("gaps there: %v", gaps)
	}
	_, err = vault.Move(ctx, h.Enter(t, anna), h.Enter(t, to), torn)
	wantCode(t, "moving only what is damaged", err, hearkeep.Internal)
}

// dying is a disk that takes so many more writes, and then none.
type dying struct {
	mu     sync.Mutex
	writes int
	err    error
}

func (d *dying) write() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.writes--; d.writes < 0 {
		return d.err
	}
	return nil
}

type dyingStore struct {
	store.Store
	*dying
}

func (s dyingStore) Update(ctx context.Context, fn func(*store.Tx) error) error {
	if err := s.write(); err != nil {
		return err
	}
	return s.Store.Update(ctx, fn)
}

func (s dyingStore) Keys() store.Keys { return dyingKeys{s.Store.Keys(), s.dying} }

type dyingKeys struct {
	store.Keys
	*dying
}

func (k dyingKeys) Put(ctx context.Context, v hearkeep.VaultID, keys []store.PartKey) error {
	if err := k.write(); err != nil {
		return err
	}
	return k.Keys.Put(ctx, v, keys)
}

func (k dyingKeys) PutEnvelope(ctx context.Context, v hearkeep.VaultID, id hearkeep.EnvelopeID, wrap []byte) error {
	if err := k.write(); err != nil {
		return err
	}
	return k.Keys.PutEnvelope(ctx, v, id, wrap)
}

func (k dyingKeys) Destroy(ctx context.Context, v hearkeep.VaultID, ids []hearkeep.RecordingID, parts []hearkeep.Part) error {
	if err := k.write(); err != nil {
		return err
	}
	return k.Keys.Destroy(ctx, v, ids, parts)
}

type dyingBlobs struct {
	blob.Store
	*dying
}

func (b dyingBlobs) Put(ctx context.Context, name string, data io.Reader) error {
	if err := b.write(); err != nil {
		return err
	}
	return b.Store.Put(ctx, name, data)
}

func (b dyingBlobs) Delete(ctx context.Context, name string) error {
	if err := b.write(); err != nil {
		return err
	}
	return b.Store.Delete(ctx, name)
}

// The disk ends at any of a move's writes. After the next start each recording
// is in one of the two vaults, whole, and every number is accounted for.
func TestMoveEndsAnywhere(t *testing.T) {
	writes, survived := 0, false
	for ; !survived; writes++ {
		t.Run(fmt.Sprint(writes, " writes"), func(t *testing.T) { survived = moveEnds(t, writes) })
	}
	if writes < 10 {
		t.Errorf("a move of two recordings took %d writes: the test counts too few", writes)
	}
}

func moveEnds(t *testing.T, writes int) (survived bool) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	to := anotherOf(t, h, anna)
	ids := []hearkeep.RecordingID{say(t, anna, "one"), say(t, anna, "two")}
	disk := &dying{writes: math.MaxInt, err: errors.New("a disk that has gone")}
	keep := keepOn(t, h, func(c *vault.Config) {
		c.Store, c.Blobs = dyingStore{h.Store, disk}, dyingBlobs{h.Blobs, disk}
	})
	from, err := keep.Enter(t.Context(), anna.Who, anna.Vault)
	must(t, err)
	there, err := keep.Enter(t.Context(), to.Who, to.Vault)
	must(t, err)
	disk.writes = writes
	_, moved := vault.Move(t.Context(), from, there, ids...)
	if survived = disk.writes >= 0; survived && moved != nil {
		t.Fatal(moved)
	}
	h.Reopen(t)
	var at vault.SweepCursor
	for done := false; !done; {
		done, err = h.Keep.Sweep(t.Context(), &at, 100)
		must(t, err)
	}
	here, gone := listed(t, h.Enter(t, anna)), listed(t, h.Enter(t, to))
	for _, text := range []string{"one", "two"} {
		a, b := here[text], gone[text]
		if a.ID.IsZero() == b.ID.IsZero() || a.Damaged || b.Damaged {
			t.Errorf("%q is here %v, there %v", text, !a.ID.IsZero(), !b.ID.IsZero())
			continue
		}
		room, id := h.Enter(t, anna), a.ID
		if id.IsZero() {
			room, id = h.Enter(t, to), b.ID
		}
		if got := readAll(t, room, id); !bytes.Equal(got, audio) {
			t.Errorf("%q does not play", text)
		}
	}
	sound(t, h)
	return survived
}

// A crash between arriving there and leaving here: the recording is in both
// vaults until somebody looks after it.
func TestMoveDiesInBetween(t *testing.T) {
	for _, tc := range []struct {
		name string
		then func(t *testing.T, h *vaulttest.Home, from, to vaulttest.Person, id hearkeep.RecordingID)
	}{
		{"the next start", func(t *testing.T, h *vaulttest.Home, _, _ vaulttest.Person, _ hearkeep.RecordingID) { h.Reopen(t) }},
		{"the next expiry", func(t *testing.T, h *vaulttest.Home, _, _ vaulttest.Person, _ hearkeep.RecordingID) {
			_, err := h.Keep.Expire(t.Context(), time.Now())
			must(t, err)
		}},
		{"the next try", func(t *testing.T, h *vaulttest.Home, from, to vaulttest.Person, id hearkeep.RecordingID) {
			_, err := vault.Move(t.Context(), h.Enter(t, from), h.Enter(t, to), id)
			wantCode(t, "what has arrived already", err, hearkeep.NotFound)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := vaulttest.New(t)
			anna := h.Person(t, "Anna")
			to := anotherOf(t, h, anna)
			id := say(t, anna, "in between")
			var journal *store.Journal
			keep := keepOn(t, h, func(c *vault.Config) { journal = c.Journal })
			from, err := keep.Enter(t.Context(), anna.Who, anna.Vault)
			must(t, err)
			there, err := keep.Enter(t.Context(), to.Who, to.Vault)
			must(t, err)
			must(t, journal.Close())
			if _, err := vault.Move(t.Context(), from, there, id); err == nil {
				t.Fatal("it was erased without the journal")
			}
			if len(listed(t, h.Enter(t, anna))) != 1 || len(listed(t, h.Enter(t, to))) != 1 {
				t.Fatal("it is not in both: the test tries nothing")
			}
			tc.then(t, h, anna, to, id)
			if here, gone := listed(t, h.Enter(t, anna)), listed(t, h.Enter(t, to)); len(here) != 0 || len(gone) != 1 {
				t.Errorf("got %d here and %d there, want it there", len(here), len(gone))
			}
			if n := kinds(t, h, anna.Vault)[ledger.KindErased]; n != 1 {
				t.Errorf("entries of its erasure: got %d, want 1", n)
			}
			sound(t, h)
		})
	}
}

// The disk fills half way: what was moved stays moved, the rest stays.
func TestMoveFillsTheDisk(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	ctx := t.Context()
	to := anotherOf(t, h, anna)
	var ids []hearkeep.RecordingID
	for i := range 45 {
		r := taken(fmt.Sprint("number ", i))
		r.Audio = audio[:100]
		must(t, anna.Inbox.Keep(ctx, r))
		ids = append(ids, r.ID)
	}
	blobs := &dying{writes: 30, err: blob.ErrFull}
	keep := keepOn(t, h, func(c *vault.Config) { c.Blobs = puts{h.Blobs, blobs} })
	from, err := keep.Enter(ctx, anna.Who, anna.Vault)
	must(t, err)
	there, err := keep.Enter(ctx, to.Who, to.Vault)
	must(t, err)
	receipt, err := vault.Move(ctx, from, there, ids...)
	wantCode(t, "moving onto a full disk", err, hearkeep.Unavailable)
	if _, words, _ := hearkeep.Explain(err); receipt.Count != 20 || !strings.Contains(words, "20 of 45") {
		t.Errorf("the receipt counts %d, and it says %q", receipt.Count, words)
	}
	if here, gone := listed(t, h.Enter(t, anna)), listed(t, h.Enter(t, to)); len(here) != 25 || len(gone) != 20 {
		t.Errorf("got %d here and %d there, want 25 and 20", len(here), len(gone))
	}
	blobs.writes = math.MaxInt
	receipt, err = vault.Move(ctx, from, there, ids[20:]...)
	must(t, err)
	if here, gone := listed(t, h.Enter(t, anna)), listed(t, h.Enter(t, to)); receipt.Count != 25 || len(here) != 0 || len(gone) != 45 {
		t.Errorf("then: %d moved, %d here, %d there", receipt.Count, len(here), len(gone))
	}
	sound(t, h)
}

// puts are blobs of which only the writing fails.
type puts struct {
	blob.Store
	*dying
}

func (b puts) Put(ctx context.Context, name string, data io.Reader) error {
	if err := b.write(); err != nil {
		return err
	}
	return b.Store.Put(ctx, name, data)
}

// Erasing and moving the same at once: either it was moved, or it is gone and
// there is a receipt. Never both, never neither.
func TestMoveMeetsErasure(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	ctx := t.Context()
	to := anotherOf(t, h, anna)
	for round := range 12 {
		text := fmt.Sprint("round ", round)
		r := taken(text)
		r.Audio = audio[:100]
		must(t, anna.Inbox.Keep(ctx, r))
		moving, erasing, into, again := h.Enter(t, anna), h.Enter(t, anna), h.Enter(t, to), h.Enter(t, to)
		var wg sync.WaitGroup
		var moved, movedToo, erased error
		wg.Go(func() { _, moved = vault.Move(ctx, moving, into, r.ID) })
		wg.Go(func() { _, movedToo = vault.Move(ctx, h.Enter(t, anna), again, r.ID) })
		wg.Go(func() { _, erased = erasing.Erase(ctx, r.ID) })
		wg.Wait()
		_, there := listed(t, h.Enter(t, to))[text]
		if _, here := listed(t, h.Enter(t, anna))[text]; here {
			t.Errorf("%s: it is here still", text)
		}
		if arrived := moved == nil || movedToo == nil; arrived != there || there == (erased == nil) || moved == nil && movedToo == nil {
			t.Errorf("%s: moved %v, again %v, erased %v, there %v", text, moved, movedToo, erased, there)
		}
	}
	sound(t, h)
}

// destroying is keys of which the first destruction does something before.
type destroying struct {
	store.Store
	once   sync.Once
	before func()
}

type destroyingKeys struct {
	store.Keys
	of *destroying
}

func (s *destroying) Keys() store.Keys { return destroyingKeys{s.Store.Keys(), s} }

func (k destroyingKeys) Destroy(ctx context.Context, v hearkeep.VaultID, ids []hearkeep.RecordingID, parts []hearkeep.Part) error {
	k.of.once.Do(k.of.before)
	return k.Keys.Destroy(ctx, v, ids, parts)
}

// Whoever erases what has just arrived elsewhere gets no receipt for it.
func TestErasureWaitsForAMove(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	ctx := t.Context()
	to := anotherOf(t, h, anna)
	id := say(t, anna, "elsewhere")
	hook := &destroying{Store: h.Store}
	keep := keepOn(t, h, func(c *vault.Config) { c.Store = hook })
	erased := make(chan error, 1)
	other, err := keep.Enter(ctx, anna.Who, anna.Vault)
	must(t, err)
	hook.before = func() {
		go func() { _, err := other.Erase(ctx, id); erased <- err }()
		time.Sleep(50 * time.Millisecond) // enough for an erasure that does not wait
	}
	from, err := keep.Enter(ctx, anna.Who, anna.Vault)
	must(t, err)
	there, err := keep.Enter(ctx, to.Who, to.Vault)
	must(t, err)
	_, err = vault.Move(ctx, from, there, id)
	must(t, err)
	wantCode(t, "erasing it meanwhile", <-erased, hearkeep.NotFound)
	if len(listed(t, h.Enter(t, to))) != 1 {
		t.Error("it is not there")
	}
	sound(t, h)
}
