package archive

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
)

// The index of a vault says what is where, and holds what only its owner is
// to know of it: names, times, numbers and sizes. Its plaintext is
//
//	"hearkeep/index/v1\n"
//	uvarint length, and a JSON object: indexHead
//	a row for each recording, in the order of the members
//
// and a row is, in varints (uvarint, but for those marked ±)
//
//	door, from 0, in the head's list · number · 16 bytes of id · generation
//	envelope, from 0, by first use; where it is a new one: 16 bytes of id, length of its wrap, wrap
//	±milliseconds of start after the row's before, the first after 1970 · milliseconds of duration
//	bit set of parts, 1 audio, 2 words, 4 turn, 8 waveform
//	for each, in this order: version · size of the ciphertext · ±milliseconds of its end after start
//
// Where a part lies is the sum of the sizes before it.
const (
	indexMagic = "hearkeep/index/v1\n"
	indexMedia = "application/vnd.hearkeep.index"
)

// Bounds of what a reader allocates for what an index claims.
const (
	maxIndexHead  = 1 << 20
	maxRecordings = 1 << 26
)

type indexHead struct {
	Vault      hearkeep.VaultID `json:"vault"`
	Name       string           `json:"name"`
	Kind       string           `json:"kind"`
	Recordings int              `json:"recordings"`
	Doors      []indexDoor      `json:"doors"`
	Withheld   []indexWithheld  `json:"withheld,omitempty"`
}

type indexDoor struct {
	Binding  hearkeep.BindingID `json:"binding"`
	Name     string             `json:"name"`
	Source   hearkeep.Source    `json:"source"`
	Last     int                `json:"last"`
	In       int                `json:"in"`
	Erased   int                `json:"erased"`
	Expired  int                `json:"expired"`
	Failed   int                `json:"failed"`
	Withheld int                `json:"withheld"`
}

type indexWithheld struct {
	Door  string `json:"door"`
	Count int    `json:"count"`
	Why   string `json:"why"`
}

// indexRow is one recording of an index.
type indexRow struct {
	door       int
	number     hearkeep.Number
	id         hearkeep.RecordingID
	generation hearkeep.Generation
	envelope   int
	start      int64 // Unix milliseconds
	duration   int64 // milliseconds
	parts      [4]indexPart
}

// indexPart is one part of a row; a size of 0 says that there is none.
type indexPart struct {
	version uint64
	size    int64
	until   int64 // Unix milliseconds
}

// indexEnvelope is an envelope's id and wrap, once for all its recordings.
type indexEnvelope struct {
	id   hearkeep.EnvelopeID
	wrap []byte
}

// partIndex is a part's place in a row.
func partIndex(p hearkeep.Part) int {
	for i, known := range hearkeep.Parts() {
		if p == known {
			return i
		}
	}
	return -1
}

// indexWriter appends rows to an index.
type indexWriter struct {
	vault     *SealedVault
	plain     []byte
	numbers   [][]hearkeep.Number // by door
	doors     map[hearkeep.BindingID]int
	envelopes map[hearkeep.EnvelopeID]int
	start     int64
}

func newIndexWriter(v *SealedVault) (*indexWriter, error) {
	h := indexHead{Vault: v.ID, Name: v.Name, Kind: v.Kind, Recordings: v.Content.Len(), Doors: []indexDoor{}}
	w := &indexWriter{vault: v, numbers: make([][]hearkeep.Number, len(v.Doors)), doors: make(map[hearkeep.BindingID]int), envelopes: make(map[hearkeep.EnvelopeID]int)}
	for i, d := range v.Doors {
		w.doors[d.Binding] = i
		h.Doors = append(h.Doors, indexDoor(d))
	}
	for _, d := range v.Withheld {
		h.Withheld = append(h.Withheld, indexWithheld{d.Door, d.Count, d.Why})
	}
	head, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("archive: index of vault %s: %w", v.ID, err)
	}
	w.plain = append(w.plain, indexMagic...)
	w.plain = binary.AppendUvarint(w.plain, uint64(len(head)))
	w.plain = append(w.plain, head...)
	return w, nil
}

// add appends a recording. What no reader would accept is refused here.
func (w *indexWriter) add(r SealedRecording) error {
	door, known := w.doors[r.Binding]
	if !known {
		return stopped("recording %s is of a door that is not listed", r.ID)
	}
	w.numbers[door] = append(w.numbers[door], r.Number)
	start := r.Start.UnixMilli()
	w.uint(uint64(door), uint64(r.Number))
	w.plain = append(w.plain, r.ID[:]...)
	w.uint(uint64(r.Generation))
	if err := w.envelope(r); err != nil {
		return err
	}
	w.plain = binary.AppendVarint(w.plain, start-w.start)
	w.uint(uint64(r.Duration.Milliseconds()))
	w.start = start
	parts, err := sortedParts(r)
	if err != nil {
		return err
	}
	var set byte
	for i, p := range parts {
		if p != nil {
			set |= 1 << i
		}
	}
	w.plain = append(w.plain, set)
	for _, p := range parts {
		if p != nil {
			w.uint(p.Version, uint64(p.Size))
			w.plain = binary.AppendVarint(w.plain, p.Until.UnixMilli()-start)
		}
	}
	return nil
}

// addsUp holds the numbers against the doors (C2), as their owner will: what
// would be named there does not leave.
func (w *indexWriter) addsUp() error {
	for i, d := range w.vault.Doors {
		if faults := indexDoor(d).account("", w.numbers[i]); len(faults) > 0 {
			return stopped("door %s of vault %s %s", d.Binding, w.vault.ID, faults[0].What)
		}
	}
	return nil
}

func (w *indexWriter) uint(ns ...uint64) {
	for _, n := range ns {
		w.plain = binary.AppendUvarint(w.plain, n)
	}
}

func (w *indexWriter) envelope(r SealedRecording) error {
	if i, known := w.envelopes[r.Envelope]; known {
		w.uint(uint64(i))
		return nil
	}
	if n := len(r.EnvelopeWrap); n != seal.SymmetricWrapSize && n != seal.PublicWrapSize {
		return fmt.Errorf("archive: envelope %s of recording %s has a wrap of %d bytes", r.Envelope, r.ID, n)
	}
	w.uint(uint64(len(w.envelopes)))
	w.envelopes[r.Envelope] = len(w.envelopes)
	w.plain = append(w.plain, r.Envelope[:]...)
	w.uint(uint64(len(r.EnvelopeWrap)))
	w.plain = append(w.plain, r.EnvelopeWrap...)
	return nil
}

// sortedParts are a recording's parts by partIndex, nil where there is none.
func sortedParts(r SealedRecording) (parts [4]*SealedPart, err error) {
	for i := range r.Parts {
		p := &r.Parts[i]
		at := partIndex(p.Part)
		switch {
		case at < 0 || parts[at] != nil:
			return parts, fmt.Errorf("archive: recording %s has part %q twice, or it is none", r.ID, p.Part)
		case len(p.Wrap) != seal.SymmetricWrapSize:
			return parts, fmt.Errorf("archive: %s of recording %s has a wrap of %d bytes", p.Part, r.ID, len(p.Wrap))
		case p.Size < seal.SealedPartSize(0), p.Part != hearkeep.PartAudio && int64(len(p.Bytes)) != p.Size:
			return parts, fmt.Errorf("archive: %s of recording %s is not of its size", p.Part, r.ID)
		}
		parts[at] = p
	}
	return parts, nil
}

// errIndex says that an index that opened is not what this program writes.
var errIndex = errors.New("archive: not an index of this version")

// index is one that was read.
type index struct {
	head      indexHead
	envelopes []indexEnvelope
	rows      []indexRow
}

// readIndex reads an opened index of size bytes. It allocates in step with
// what it has read, never with what is claimed.
func readIndex(r io.Reader, size int64) (*index, error) {
	in := &indexReader{r: bufio.NewReaderSize(io.LimitReader(r, size), 1<<16)}
	if magic := in.bytes(uint64(len(indexMagic)), len(indexMagic)); string(magic) != indexMagic {
		return nil, in.broken()
	}
	x := new(index)
	head := in.bytes(in.uint(maxIndexHead), maxIndexHead)
	if in.err != nil || json.NewDecoder(bytes.NewReader(head)).Decode(&x.head) != nil {
		return nil, in.broken()
	}
	if x.head.Recordings < 0 || x.head.Recordings > maxRecordings || int64(x.head.Recordings) > size {
		return nil, errIndex
	}
	for range x.head.Recordings {
		row := in.row(x)
		if in.err != nil {
			return nil, in.broken()
		}
		x.rows = append(x.rows, row)
	}
	if _, err := in.r.ReadByte(); !errors.Is(err, io.EOF) {
		return nil, errIndex
	}
	return x, nil
}

// indexReader reads varints and bytes, and remembers the first failure.
type indexReader struct {
	r     *bufio.Reader
	err   error
	start int64
}

// broken tells what does not open from what opened and makes no sense.
func (in *indexReader) broken() error {
	if in.err != nil && !errors.Is(in.err, io.EOF) && !errors.Is(in.err, io.ErrUnexpectedEOF) {
		return in.err
	}
	return errIndex
}

func (in *indexReader) fail(err error) {
	if in.err == nil && err != nil {
		in.err = err
	}
}

func (in *indexReader) uint(most uint64) uint64 {
	n, err := binary.ReadUvarint(in.r)
	if err == nil && n > most {
		err = errIndex
	}
	if in.fail(err); in.err != nil {
		return 0
	}
	return n
}

// maxMillis bounds times: the year 9999, in either direction.
const maxMillis = 253402300799999

func (in *indexReader) int() int64 {
	n, err := binary.ReadVarint(in.r)
	if err == nil && (n > 2*maxMillis || n < -2*maxMillis) {
		err = errIndex
	}
	if in.fail(err); in.err != nil {
		return 0
	}
	return n
}

func (in *indexReader) bytes(n uint64, most int) []byte {
	if n > uint64(most) {
		in.fail(errIndex)
	}
	if in.err != nil {
		return nil
	}
	b := make([]byte, n)
	_, err := io.ReadFull(in.r, b)
	in.fail(err)
	return b
}

func (in *indexReader) row(x *index) (row indexRow) {
	row.door = int(in.uint(1 << 31))
	row.number = hearkeep.Number(in.uint(1 << 53))
	copy(row.id[:], in.bytes(16, 16))
	row.generation = hearkeep.Generation(in.uint(1 << 31))
	row.envelope = int(in.uint(uint64(len(x.envelopes))))
	if row.envelope == len(x.envelopes) && in.err == nil {
		var e indexEnvelope
		copy(e.id[:], in.bytes(16, 16))
		e.wrap = in.bytes(in.uint(seal.PublicWrapSize), seal.PublicWrapSize)
		x.envelopes = append(x.envelopes, e)
	}
	in.start += in.int()
	row.start, row.duration = in.start, int64(in.uint(maxMillis))
	set, err := in.r.ReadByte()
	in.fail(err)
	if set >= 1<<len(row.parts) || row.door >= len(x.head.Doors) || row.start > maxMillis || row.start < -maxMillis {
		in.fail(errIndex)
	}
	for i := range row.parts {
		if set&(1<<i) != 0 {
			p := indexPart{version: in.uint(1 << 53), size: int64(in.uint(uint64(seal.SealedPartSize(seal.MaxPart))))}
			p.until = row.start + in.int()
			if p.size < seal.SealedPartSize(0) {
				in.fail(errIndex)
			}
			row.parts[i] = p
		}
	}
	return row
}

func (r *indexRow) startTime() time.Time { return time.UnixMilli(r.start).UTC() }
