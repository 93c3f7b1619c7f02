package vault

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// pageLen is how many recordings of a release are looked at together.
const pageLen = 200

// pageLife is for how long the rows and wraps of a page stand for what is in
// the vault. Whoever reads slowly is given what is there now.
const pageLife = 10 * time.Second

// frozen is what of a vault is handed over: which recordings, the oldest
// first, as they were. It holds about 120 bytes of each, no key and no word.
type frozen struct {
	vault hearkeep.VaultID
	doors []Accounted
	items []item
	media []string // of sounds
}

// item is a recording of a release.
type item struct {
	id         hearkeep.RecordingID
	number     hearkeep.Number
	start      int64  // Unix milliseconds
	door       uint32 // in doors
	media      uint32 // in media
	generation hearkeep.Generation
	print      [32]byte // of its rows; zero before it was looked at
	length     int64    // of its sound, in bytes; -1 where it keeps none
	crc        uint32
	sum        [32]byte
}

func (f *frozen) ids(from, to int) []hearkeep.RecordingID {
	ids := make([]hearkeep.RecordingID, to-from)
	for i := range ids {
		ids[i] = f.items[from+i].id
	}
	return ids
}

// runs packs what is handed over into runs of numbers per binding.
func (f *frozen) runs() []hearkeep.Run {
	numbers := make([][]hearkeep.Number, len(f.doors))
	for _, it := range f.items {
		numbers[it.door] = append(numbers[it.door], it.number)
	}
	var runs []hearkeep.Run
	for i, ns := range numbers {
		slices.Sort(ns)
		runs = append(runs, hearkeep.Runs(f.doors[i].Binding.ID, ns)...)
	}
	return runs
}

func (f *frozen) sort() {
	slices.SortFunc(f.items, func(a, b item) int { return cmp.Or(cmp.Compare(a.start, b.start), bytes.Compare(a.id[:], b.id[:])) })
}

// setSound notes what a sound's header says of it.
func (f *frozen) setSound(i int, h seal.PartHeader) {
	at := slices.Index(f.media, h.MediaType)
	if at < 0 {
		at, f.media = len(f.media), append(f.media, h.MediaType)
	}
	it := &f.items[i]
	it.length, it.crc, it.sum, it.media = h.Length, h.CRC32, h.SHA256, uint32(at)
}

// sound is what setSound noted, nil where there is no sound.
func (f *frozen) sound(i int) *seal.PartHeader {
	it := f.items[i]
	if it.length < 0 {
		return nil
	}
	return &seal.PartHeader{Length: it.length, CRC32: it.crc, SHA256: it.sum, MediaType: f.media[it.media]}
}

// page is what the rows say now of some recordings of a release.
type page struct {
	of   *frozen
	from int
	recs []rowsOf
	read time.Time
}

// rowsOf is a recording with its parts and their wrapped keys. The zero value
// is one that is gone.
type rowsOf struct {
	store.Recording
	parts map[hearkeep.Part]store.Part
	keys  map[hearkeep.Part]store.PartKey // in their highest versions
}

// page reads the rows of recordings [from, to) of what is frozen, after check
// has said, in the same snapshot, that they may be read.
func (k *Keep) page(ctx context.Context, f *frozen, from, to int, check func(context.Context, *store.Tx) error) (*page, error) {
	p := &page{of: f, from: from, recs: make([]rowsOf, to-from), read: time.Now()}
	ids := f.ids(from, to)
	parts := map[hearkeep.Part]map[hearkeep.RecordingID]store.Part{}
	err := k.store.View(ctx, func(tx *store.Tx) error {
		if err := check(ctx, tx); err != nil {
			return err
		}
		recs, err := tx.Vaults.RecordingsOf(ctx, f.vault, ids)
		for i, id := range ids {
			p.recs[i].Recording = recs[id]
		}
		for _, part := range hearkeep.Parts() {
			if err == nil {
				parts[part], err = tx.Vaults.PartsOf(ctx, f.vault, ids, part)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, part := range hearkeep.Parts() {
		keys, err := k.store.Keys().PartsOf(ctx, f.vault, ids, part)
		if err != nil {
			return nil, fmt.Errorf("vault: keys of %s parts in %s: %w", part, f.vault, err)
		}
		for i, id := range ids {
			p.recs[i].put(part, parts[part], keys, id)
		}
	}
	return p, nil
}

func (r *rowsOf) put(part hearkeep.Part, parts map[hearkeep.RecordingID]store.Part, keys map[hearkeep.RecordingID]store.PartKey, id hearkeep.RecordingID) {
	if r.parts == nil {
		r.parts, r.keys = map[hearkeep.Part]store.Part{}, map[hearkeep.Part]store.PartKey{}
	}
	if row, ok := parts[id]; ok {
		r.parts[part] = row
	}
	if key, ok := keys[id]; ok {
		r.keys[part] = key
	}
}

// print is a hash of what the rows say of a recording and of its parts, of
// whose ciphertexts they have hashes. It is zero of one that is gone.
func (r *rowsOf) print() (sum [32]byte) {
	if r.ID.IsZero() {
		return sum
	}
	h := sha256.New()
	var num [8]byte
	uint64s := func(ns ...uint64) {
		for _, n := range ns {
			binary.BigEndian.PutUint64(num[:], n)
			h.Write(num[:])
		}
	}
	for _, id := range [][16]byte{r.ID, r.Vault, r.Binding, r.Envelope} {
		h.Write(id[:])
	}
	uint64s(uint64(r.Number), uint64(r.Generation), uint64(r.Start.UnixMilli()), uint64(r.Duration), uint64(r.Kept.UnixMilli()), uint64(len(r.Blob)))
	h.Write([]byte(r.Blob))
	for i, part := range hearkeep.Parts() {
		if p, ok := r.parts[part]; ok {
			uint64s(uint64(i), p.Version, uint64(p.Size), uint64(p.Until.UnixMilli()))
			h.Write(p.Hash[:])
		}
	}
	return [32]byte(h.Sum(nil))
}

// whole says what is wrong with a recording's rows, as far as can be seen
// without opening anything: a part whose key is gone or the other way round,
// bytes that are not what was stored.
func (r *rowsOf) whole() error {
	if len(r.parts) == 0 {
		return fmt.Errorf("nothing of it is there")
	}
	for _, part := range hearkeep.Parts() {
		row, has := r.parts[part]
		key, keyed := r.keys[part]
		switch {
		case has && (!keyed || key.Version < row.Version):
			return fmt.Errorf("the key of its %s is missing", part)
		case keyed && !has:
			return fmt.Errorf("its %s is missing", part)
		case has && part != hearkeep.PartAudio && (int64(len(row.Bytes)) != row.Size || sha256.Sum256(row.Bytes) != row.Hash):
			return fmt.Errorf("its %s is not what was stored", part)
		}
	}
	return nil
}

// wrap is a part's wrapped key in the version that its row names.
func (k *Keep) wrap(ctx context.Context, r *rowsOf, part hearkeep.Part) ([]byte, error) {
	key, row := r.keys[part], r.parts[part]
	if key.Version == row.Version {
		return key.Wrap, nil
	}
	// A correction that did not come to its end left a newer key.
	return k.store.Keys().Part(ctx, r.Vault, r.ID, part, row.Version)
}
