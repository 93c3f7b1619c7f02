package vault_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// wordsKey reads a version of a recording's wrapped words key; nil where it is
// not there.
func wordsKey(t *testing.T, h *vaulttest.Home, p vaulttest.Person, id hearkeep.RecordingID, version uint64) []byte {
	t.Helper()
	wrap, err := h.Store.Keys().Part(t.Context(), p.Vault, id, hearkeep.PartWords, version)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	must(t, err)
	return wrap
}

func wantWords(t *testing.T, h *vaulttest.Home, p vaulttest.Person, id hearkeep.RecordingID, want string) {
	t.Helper()
	it, err := h.Enter(t, p).Read(t.Context(), id)
	must(t, err)
	if got := it.Words.Reveal(); got != want || it.Damaged || it.HasWords != (want != "") {
		t.Errorf("words: got %q (damaged: %v), want %q", got, it.Damaged, want)
	}
}

func TestCorrect(t *testing.T) {
	h, ctx := vaulttest.New(t), t.Context()
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	id, other := say(t, anna, "wreck a nice beach"), say(t, anna, "another")
	berts := say(t, bert, "berts")
	before := untils(t, h, anna.Vault, id)
	old := wordsKey(t, h, anna, id, 1)
	if len(onDisk(t, h, old[33:65])) == 0 {
		t.Fatal("the test searches for the wrong bytes")
	}
	room := h.Enter(t, anna)
	events, _, err := room.Watch(ctx)
	must(t, err)
	receipt, err := h.Enter(t, anna).Correct(ctx, id, hearkeep.NewWords("recognise speech"))
	must(t, err)
	if found := onDisk(t, h, old[33:65]); len(found) > 0 {
		t.Errorf("the old words' key stands in %v", found)
	}
	wantWords(t, h, anna, id, "recognise speech")
	wantWords(t, h, anna, other, "another")
	if got := untils(t, h, anna.Vault, id); fmt.Sprint(got) != fmt.Sprint(before) {
		t.Errorf("its end: got %v, want %v", got, before)
	}
	again, err := h.Enter(t, anna).Receipt(ctx, receipt.ID)
	must(t, err)
	if again.Count != 1 || again.Entry != receipt.Entry || again.Outcome != hearkeep.OutcomeErased {
		t.Errorf("its receipt: got %+v, want %+v", again, receipt)
	}
	if n := kinds(t, h, anna.Vault)[ledger.KindCorrected]; n != 1 {
		t.Errorf("entries: got %d, want 1", n)
	}
	select {
	case e := <-events:
		if e.Kind != "corrected" || e.Count != 1 || e.Recordings[0] != id {
			t.Errorf("event: got %+v", e)
		}
	case <-time.After(10 * time.Second):
		t.Error("no event tells of it")
	}
	_, err = h.Enter(t, anna).Correct(ctx, id, hearkeep.NewWords("recognise speech!"))
	must(t, err)
	wantWords(t, h, anna, id, "recognise speech!")
	r := h.Enter(t, anna)
	must(t, r.Each(ctx, release(t, r), 0, func(_ int, it vault.Released) error {
		if want := map[bool]uint64{true: 3, false: 1}[it.ID == id]; it.Version != want {
			t.Errorf("version: got %d, want %d", it.Version, want)
		}
		return nil
	}))
	h.Reopen(t)
	wantWords(t, h, anna, id, "recognise speech!")

	for name, words := range map[string]string{"nothing": "", "white space": " \n", "too much": strings.Repeat("a", vault.MaxWords+1), "no UTF-8": "\xff"} {
		_, err := h.Enter(t, anna).Correct(ctx, id, hearkeep.NewWords(words))
		wantCode(t, name, err, hearkeep.Invalid)
	}
	_, err = h.Enter(t, anna).Correct(ctx, berts, hearkeep.NewWords("mine now"))
	wantCode(t, "another's", err, hearkeep.NotFound)
	wantWords(t, h, bert, berts, "berts")
	silent := taken("")
	silent.HasWords = false
	must(t, mustInbox(t, h.Keep, anna).Keep(ctx, silent))
	_, err = h.Enter(t, anna).Correct(ctx, silent.ID, hearkeep.NewWords("there were none"))
	wantCode(t, "without words", err, hearkeep.Conflict)
	sound(t, h)
}

// A program corrects where its token writes, and not where it reads.
func TestProgramCorrects(t *testing.T) {
	h, ctx := vaulttest.New(t), t.Context()
	anna := h.Person(t, "Anna")
	id := say(t, anna, "as heard")
	for _, write := range []bool{false, true} {
		token, _, err := h.Enter(t, anna).MakeToken(ctx, "Program", write, 24*time.Hour)
		must(t, err)
		program, err := h.Keep.Program(ctx, token)
		must(t, err)
		if _, err = program.Correct(ctx, id, hearkeep.NewWords("as said")); write {
			must(t, err)
			wantWords(t, h, anna, id, "as said")
		} else {
			wantCode(t, "a token that reads", err, hearkeep.Forbidden)
			wantWords(t, h, anna, id, "as heard")
		}
	}
}

func (k dyingKeys) DestroyBelow(ctx context.Context, v hearkeep.VaultID, ids []hearkeep.RecordingID, part hearkeep.Part, version uint64) error {
	if err := k.write(); err != nil {
		return err
	}
	return k.Keys.DestroyBelow(ctx, v, ids, part, version)
}

// The disk ends at any of a correction's writes. After the next start there are
// the old words or the new ones, and never the key of both.
func TestCorrectionEndsAnywhere(t *testing.T) {
	writes := 0
	for survived := false; !survived; writes++ {
		h, ctx := vaulttest.New(t), t.Context()
		anna := h.Person(t, "Anna")
		id := say(t, anna, "old")
		room := h.Enter(t, anna) // its envelope is opened, and wrapped anew
		_, err := room.Read(ctx, id)
		must(t, err)
		d := &dying{writes: 1 << 30, err: errors.New("the disk is gone")}
		keep := keepOn(t, h, func(c *vault.Config) { c.Store = dyingStore{h.Store, d} })
		room, err = keep.Enter(ctx, anna.Who, anna.Vault)
		must(t, err)
		d.mu.Lock()
		d.writes = writes
		d.mu.Unlock()
		_, err = room.Correct(ctx, id, hearkeep.NewWords("new"))
		survived = err == nil
		h.Reopen(t)
		it, err := h.Enter(t, anna).Read(ctx, id)
		must(t, err)
		got := it.Words.Reveal()
		if it.Damaged || got != "old" && got != "new" || survived && got != "new" {
			t.Errorf("%d writes: got %q, damaged: %v", writes, got, it.Damaged)
		}
		if first := wordsKey(t, h, anna, id, 1); (first != nil) != (got == "old") {
			t.Errorf("%d writes: %q, and the old words' key is there: %v", writes, got, first != nil)
		}
		r := h.Enter(t, anna)
		if _, err := unpack(t, r, release(t, r)); err != nil {
			t.Errorf("%d writes: release: %v", writes, err)
		}
		_, err = h.Enter(t, anna).Correct(ctx, id, hearkeep.NewWords("newer")) // and it can be corrected again
		must(t, err)
		wantWords(t, h, anna, id, "newer")
		for v := range uint64(8) {
			if key := wordsKey(t, h, anna, id, v); key != nil && wordsKey(t, h, anna, id, v+1) != nil {
				t.Errorf("%d writes: version %d has a key still", writes, v)
			}
		}
		sound(t, h)
	}
	if writes < 4 {
		t.Errorf("a correction took %d writes: the test counts too few", writes-1)
	}
}

// Yesterday's rows and keys, put back, do not bring back words that were
// corrected since; what was not corrected stays.
func TestRestoredWordsStayCorrected(t *testing.T) {
	h, ctx := vaulttest.New(t), t.Context()
	anna := h.Person(t, "Anna")
	id, other := say(t, anna, "what was never said"), say(t, anna, "another")
	early := say(t, anna, "corrected before")
	_, err := h.Enter(t, anna).Correct(ctx, early, hearkeep.NewWords("right"))
	must(t, err)
	yesterday := h.Copy(t)
	_, err = h.Enter(t, anna).Correct(ctx, id, hearkeep.NewWords("what was said"))
	must(t, err)
	h.Restore(t, yesterday)
	it, err := h.Enter(t, anna).Read(ctx, id)
	must(t, err)
	if it.HasWords || it.Words.Reveal() != "" || it.Damaged || !it.HasAudio {
		t.Errorf("got %q, damaged: %v", it.Words.Reveal(), it.Damaged)
	}
	if wordsKey(t, h, anna, id, 1) != nil {
		t.Error("the old words' key is back")
	}
	wantWords(t, h, anna, other, "another")
	wantWords(t, h, anna, early, "right")
	r := h.Enter(t, anna)
	if l := release(t, r); l.Len() != 3 {
		t.Errorf("got %d recordings", l.Len())
	}
}
