package storetest

import (
	"slices"
	"sync"
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

func keys(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	vault := hearkeep.NewID[hearkeep.VaultID]()
	ids := []hearkeep.RecordingID{hearkeep.NewID[hearkeep.RecordingID](), hearkeep.NewID[hearkeep.RecordingID](), hearkeep.NewID[hearkeep.RecordingID]()}
	key := func(i int, part hearkeep.Part, version uint64, size int) store.PartKey {
		return store.PartKey{Recording: ids[i], Part: part, Version: version, Wrap: bytesOf(size)}
	}
	audio, words, corrected := key(0, hearkeep.PartAudio, 1, 113), key(0, hearkeep.PartWords, 1, 113), key(0, hearkeep.PartWords, 2, 120)
	second, third := key(1, hearkeep.PartWords, 1, 113), key(2, hearkeep.PartWords, 1, 113)
	k := st.Keys()
	wantErr(t, "Put", k.Put(ctx, vault, []store.PartKey{audio, words, corrected, second}), nil)
	wantErr(t, "a key twice", k.Put(ctx, vault, []store.PartKey{third, audio}), store.ErrExists)
	has := func(what string, p store.PartKey, want error) {
		t.Helper()
		got, err := k.Part(ctx, vault, p.Recording, p.Part, p.Version)
		wantErr(t, what, err, want)
		if want == nil {
			equal(t, what, got, p.Wrap)
		}
	}
	has("audio", audio, nil)
	has("words", words, nil)
	has("corrected words", corrected, nil)
	has("a key beside a refused one", third, store.ErrNotFound)
	has("an absent version", store.PartKey{Recording: ids[0], Part: hearkeep.PartWords, Version: 3}, store.ErrNotFound)

	of, err := k.PartsOf(ctx, vault, ids, hearkeep.PartWords)
	wantErr(t, "PartsOf", err, nil)
	equal(t, "PartsOf gives the highest version", of, map[hearkeep.RecordingID]store.PartKey{ids[0]: corrected, ids[1]: second})

	wantErr(t, "DestroyBelow", k.DestroyBelow(ctx, vault, ids, hearkeep.PartWords, 1), nil)
	wantErr(t, "DestroyBelow nothing", k.DestroyBelow(ctx, vault, ids, hearkeep.PartWords, 0), nil)
	has("words that are not below", words, nil)
	wantErr(t, "DestroyBelow another vault", k.DestroyBelow(ctx, hearkeep.NewID[hearkeep.VaultID](), ids, hearkeep.PartWords, 2), nil)
	has("another vault's words", words, nil)
	wantErr(t, "DestroyBelow", k.DestroyBelow(ctx, vault, ids[:1], hearkeep.PartWords, 2), nil)
	has("words below", words, store.ErrNotFound)
	has("words that are not below", corrected, nil)
	has("audio", audio, nil)
	has("another recording's", second, nil)
	wantErr(t, "Put", k.Put(ctx, vault, []store.PartKey{words}), nil)

	wantErr(t, "Destroy words", k.Destroy(ctx, vault, ids[:1], []hearkeep.Part{hearkeep.PartWords, hearkeep.PartTurn}), nil)
	has("audio after words were destroyed", audio, nil)
	has("destroyed words", words, store.ErrNotFound)
	has("destroyed correction", corrected, store.ErrNotFound)
	has("another recording's words", second, nil)
	wantErr(t, "Destroy again", k.Destroy(ctx, vault, ids[:1], []hearkeep.Part{hearkeep.PartWords}), nil)
	wantErr(t, "Destroy nothing", k.Destroy(ctx, vault, nil, nil), nil)
	wantErr(t, "Put in the room that was freed", k.Put(ctx, vault, []store.PartKey{words, third}), nil)
	wantErr(t, "Destroy all parts", k.Destroy(ctx, vault, ids[:2], nil), nil)
	has("destroyed audio", audio, store.ErrNotFound)
	has("destroyed words", words, store.ErrNotFound)
	has("destroyed words", second, store.ErrNotFound)
	has("words that were not named", third, nil)
	k = reopen().Keys()
	has("destroyed audio after reopening", audio, store.ErrNotFound)
	has("kept words after reopening", third, nil)

	// Many at once, of which half are destroyed while the others are put.
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			id := []hearkeep.RecordingID{hearkeep.NewID[hearkeep.RecordingID]()}
			p := store.PartKey{Recording: id[0], Part: hearkeep.PartAudio, Version: 1, Wrap: bytesOf(113)}
			wantErr(t, "concurrent Put", k.Put(ctx, vault, []store.PartKey{p}), nil)
			has("concurrent Put", p, nil)
			if i%2 == 0 {
				wantErr(t, "concurrent Destroy", k.Destroy(ctx, vault, id, nil), nil)
				has("concurrent Destroy", p, store.ErrNotFound)
			}
		})
	}
	wg.Wait()
}

// keysEach lists recordings in pages, one of which has the same id in two vaults.
func keysEach(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	a, b := hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.VaultID]()
	var want []store.KeyedRecording
	put := func(vault hearkeep.VaultID, id hearkeep.RecordingID, parts ...hearkeep.Part) {
		var keys []store.PartKey
		for _, p := range parts {
			keys = append(keys, store.PartKey{Recording: id, Part: p, Version: 1, Wrap: bytesOf(113)})
		}
		if slices.Contains(parts, hearkeep.PartWords) { // a part is named once, in however many versions
			keys = append(keys, store.PartKey{Recording: id, Part: hearkeep.PartWords, Version: 2, Wrap: bytesOf(113)})
		}
		wantErr(t, "Put", st.Keys().Put(ctx, vault, keys), nil)
		want = append(want, store.KeyedRecording{Vault: vault, Recording: id, Parts: parts})
	}
	twice := hearkeep.NewID[hearkeep.RecordingID]()
	put(a, twice, hearkeep.PartAudio)
	put(b, twice, hearkeep.PartAudio)
	for range 9 {
		put(a, hearkeep.NewID[hearkeep.RecordingID](), hearkeep.PartAudio, hearkeep.PartTurn, hearkeep.PartWords)
	}
	slices.SortFunc(want, func(x, y store.KeyedRecording) int {
		return slices.Compare(append(x.Recording[:], x.Vault[:]...), append(y.Recording[:], y.Vault[:]...))
	})
	for _, limit := range []int{1, 3, 10, 50} {
		var got []store.KeyedRecording
		var after hearkeep.RecordingID
		for {
			page, err := st.Keys().Each(ctx, after, limit)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
			after = page[len(page)-1].Recording
		}
		equal(t, "Each", got, want)
	}
}

func envelopes(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	a, b := hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.VaultID]()
	id := hearkeep.NewID[hearkeep.EnvelopeID]()
	public, symmetric, other := bytesOf(1169), bytesOf(113), bytesOf(113)
	k := st.Keys()
	_, err := k.Envelope(ctx, a, id)
	wantErr(t, "absent envelope", err, store.ErrNotFound)
	wantErr(t, "PutEnvelope", k.PutEnvelope(ctx, a, id, public), nil)
	wantErr(t, "PutEnvelope of the same id in another vault", k.PutEnvelope(ctx, b, id, other), nil)
	wantErr(t, "PutEnvelope again", k.PutEnvelope(ctx, a, id, symmetric), nil)
	k = reopen().Keys()
	for vault, want := range map[hearkeep.VaultID][]byte{a: symmetric, b: other} {
		got, err := k.Envelope(ctx, vault, id)
		wantErr(t, "Envelope", err, nil)
		equal(t, "Envelope", got, want)
	}
}
