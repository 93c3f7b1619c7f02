package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
)

// Faults returns everything that was found to be wrong up to now: with the
// file, its keys, its indexes and its numbering. What single recordings have
// is returned by Recording and Check.
func (u *Unlocked) Faults() []Fault { return u.faults }

// About returns what the archive says of itself.
func (u *Unlocked) About() SealedAbout { return u.file.About() }

// Count is how many recordings the indexes that opened list.
func (u *Unlocked) Count() int { return u.claimed() }

// Vaults returns the vaults whose index opened, with their doors.
func (u *Unlocked) Vaults() []Vault {
	var all []Vault
	for _, v := range u.vaults {
		h := v.index.head
		one := Vault{ID: v.id, Name: h.Name, Kind: h.Kind}
		for _, d := range h.Doors {
			one.Doors = append(one.Doors, Door(d))
		}
		all = append(all, one)
	}
	return all
}

// Withheld returns what the archive says that it leaves out.
func (u *Unlocked) Withheld() []Withheld {
	var all []Withheld
	for _, v := range u.vaults {
		for _, w := range v.index.head.Withheld {
			all = append(all, Withheld{v.id, w.Door, w.Count, w.Why})
		}
	}
	return all
}

// find is the vault and the row of the i-th recording.
func (u *Unlocked) find(i int) (*unlockedVault, int) {
	for _, v := range u.vaults {
		if i < len(v.index.rows) {
			return v, i
		}
		i -= len(v.index.rows)
	}
	return nil, 0
}

// Recording opens the i-th recording but for its sound: words, what was done,
// and the waveform, as far as they open. Faults say what does not. Sound is
// filled in from its header, which is all that is read of it. An error is one
// of reading, and no fault of the archive.
func (u *Unlocked) Recording(i int) (Recording, []Fault, error) {
	return u.open(i, hearkeep.Parts())
}

// Listed opens the i-th recording as Recording does, without a look at its
// sound: for a list of very many. sound says whether there is one.
func (u *Unlocked) Listed(i int) (r Recording, sound bool, faults []Fault, err error) {
	r, faults, err = u.open(i, hearkeep.Parts()[1:])
	if v, k := u.find(i); v != nil {
		sound = v.index.rows[k].parts[partIndex(hearkeep.PartAudio)].size > 0
	}
	return r, sound, faults, err
}

func (u *Unlocked) open(i int, parts []hearkeep.Part) (Recording, []Fault, error) {
	v, k := u.find(i)
	if v == nil {
		return Recording{}, nil, errNoRecording
	}
	row, door := &v.index.rows[k], v.door(k)
	r := Recording{
		ID: row.id, Vault: v.id, Binding: door.Binding, Number: row.number, From: door.Name, Source: door.Source,
		Start: row.startTime(), Duration: time.Duration(row.duration) * time.Millisecond,
	}
	var faults []Fault
	for _, p := range row.parts {
		if until := time.UnixMilli(p.until).UTC(); p.size > 0 && until.After(r.Until) {
			r.Until = until
		}
	}
	for _, part := range parts {
		if row.parts[partIndex(part)].size == 0 {
			continue
		}
		err := v.fill(&r, k, part)
		if fault, err := v.named(k, part, err); err != nil {
			return r, nil, err
		} else if fault != nil {
			faults = append(faults, *fault)
		}
	}
	return r, faults, nil
}

var errNoRecording = errors.New("archive: there is no such recording")

func (v *unlockedVault) door(k int) indexDoor { return v.index.head.Doors[v.index.rows[k].door] }

// fill opens one part of the k-th row into r.
func (v *unlockedVault) fill(r *Recording, k int, part hearkeep.Part) error {
	if part == hearkeep.PartAudio {
		p, err := v.openSound(k)
		if err == nil {
			h := p.Header()
			r.Sound = &Sound{h.Length, h.CRC32, h.SHA256, h.MediaType}
		}
		return err
	}
	plain, err := v.small(k, part)
	if err != nil {
		return err
	}
	switch part {
	case hearkeep.PartWords:
		r.Words, r.HasWords, r.Version = hearkeep.NewWords(string(plain)), true, v.index.rows[k].parts[partIndex(part)].version
	case hearkeep.PartTurn:
		if r.Turn, err = decodeTurn(plain); err == nil {
			r.HasTurn = true
		}
	case hearkeep.PartWaveform:
		r.Waveform = plain
	}
	return err
}

// named turns what became of a part into a fault, or into an error where it
// could not be read at all.
func (v *unlockedVault) named(k int, part hearkeep.Part, err error) (*Fault, error) {
	what := ""
	switch {
	case err == nil:
		return nil, nil
	case errors.Is(err, errAltered), errors.Is(err, errTurn):
		what = faultAltered
	case errors.Is(err, errMissing):
		what = faultMissing
	case errors.Is(err, seal.ErrOpen), errors.Is(err, seal.ErrFormat), errors.Is(err, seal.ErrKey):
		what = faultForeign
	default:
		return nil, &readError{err}
	}
	return &Fault{Vault: v.index.head.Name, Door: v.door(k).Name, Number: v.index.rows[k].number, Part: part, What: what}, nil
}

// What became of a part that did not open.
var (
	errAltered = errors.New("archive: its ciphertext is not of its hash")
	errMissing = errors.New("archive: its bytes are not there")
)

// maxSmall bounds a part that is opened whole, in bytes.
const maxSmall = 16 << 20

// small opens a part of the k-th row that is not sound.
func (v *unlockedVault) small(k int, part hearkeep.Part) ([]byte, error) {
	at, size := v.place(k, part)
	if size > maxSmall {
		return nil, errAltered
	}
	sealed, err := read(v.text, at, size)
	if err != nil {
		return nil, err
	}
	key, hash, err := v.partKey(k, part)
	if err != nil {
		return nil, err
	}
	if sha256.Sum256(sealed) != hash {
		return nil, errAltered
	}
	plain, _, err := seal.ReadPart(key, sealed)
	return plain, err
}

// openSound opens the sound of the k-th row: its header and its last chunk.
func (v *unlockedVault) openSound(k int) (*seal.PartReader, error) {
	at, size := v.place(k, hearkeep.PartAudio)
	if at+size > v.sound.Size() {
		return nil, errMissing
	}
	key, _, err := v.partKey(k, hearkeep.PartAudio)
	if err != nil {
		return nil, err
	}
	p, err := seal.OpenPart(key, io.NewSectionReader(v.sound, at, size), size)
	if errors.Is(err, seal.ErrOpen) {
		err = errAltered // its key opened: the ciphertext is not what it was made for
	}
	return p, err
}

// place is where a part of the k-th row lies in its member, and its size.
func (v *unlockedVault) place(k int, part hearkeep.Part) (at, size int64) {
	row, start := &v.index.rows[k], v.starts[k]
	size = row.parts[partIndex(part)].size
	if part == hearkeep.PartAudio {
		return start.sound, size
	}
	at = start.text
	for i := 1; i < partIndex(part); i++ { // 0 is the sound
		at += row.parts[i].size
	}
	return at, size
}

// partKey opens the key of a part of the k-th row, and returns with it what
// its ciphertext is to hash to.
func (v *unlockedVault) partKey(k int, part hearkeep.Part) (key seal.PartKey, hash [sha256.Size]byte, err error) {
	row := &v.index.rows[k]
	at := v.starts[k].wraps
	for i := range partIndex(part) {
		if row.parts[i].size > 0 {
			at += sealedWrapSize
		}
	}
	b, err := read(v.wraps, at, sealedWrapSize)
	if err != nil {
		return key, hash, err
	}
	copy(hash[:], b[seal.SymmetricWrapSize:])
	envelope, err := v.envelope(k)
	if err != nil {
		return key, hash, err
	}
	key, err = seal.OpenPartKey(envelope, b[:seal.SymmetricWrapSize], seal.PartContext{
		EnvelopeContext: v.envelopeContext(k), Number: row.number, Recording: row.id, Start: row.startTime(),
		Part: part, Version: row.parts[partIndex(part)].version,
	})
	return key, hash, err
}

func (v *unlockedVault) envelopeContext(k int) seal.EnvelopeContext {
	row := &v.index.rows[k]
	return seal.EnvelopeContext{Vault: v.id, Generation: row.generation, Envelope: v.index.envelopes[row.envelope].id, Binding: v.door(k).Binding}
}

// envelope opens the envelope of the k-th row, once for all of its rows.
func (v *unlockedVault) envelope(k int) (seal.EnvelopeKey, error) {
	at := v.index.rows[k].envelope
	if e, opened := v.envelopes[at]; opened {
		return e.key, e.err
	}
	c := v.envelopeContext(k)
	key, err := seal.OpenEnvelope(v.keys[c.Generation], v.index.envelopes[at].wrap, c)
	v.envelopes[at] = openedEnvelope{key, err}
	return key, err
}

// read reads size bytes of a member; errMissing where they are not there.
func read(from *io.SectionReader, at, size int64) ([]byte, error) {
	if at+size > from.Size() {
		return nil, errMissing
	}
	b := make([]byte, size)
	if n, err := from.ReadAt(b, at); n < len(b) {
		if errors.Is(err, io.EOF) {
			return nil, errMissing
		}
		return nil, err
	}
	return b, nil
}

// Sound opens the sound of the i-th recording. Each of its chunks is checked
// as it is read.
func (u *Unlocked) Sound(i int) (*seal.PartReader, error) {
	v, k := u.find(i)
	if v == nil || v.index.rows[k].parts[partIndex(hearkeep.PartAudio)].size == 0 {
		return nil, errNoRecording
	}
	p, err := v.openSound(k)
	if fault, err := v.named(k, hearkeep.PartAudio, err); err != nil {
		return nil, err
	} else if fault != nil {
		return nil, *fault
	}
	return p, nil
}

// Check opens every byte of the i-th recording and returns what is wrong with
// it. Its ciphertext is held against its hash, and its sound against the hash
// that was sealed with it.
func (u *Unlocked) Check(i int) ([]Fault, error) {
	r, faults, err := u.Recording(i)
	if err != nil || r.Sound == nil {
		return faults, err
	}
	v, k := u.find(i)
	err = v.checkSound(k)
	if fault, err := v.named(k, hearkeep.PartAudio, err); err != nil {
		return faults, err
	} else if fault != nil {
		faults = append(faults, *fault)
	}
	return faults, nil
}

func (v *unlockedVault) checkSound(k int) error {
	_, hash, err := v.partKey(k, hearkeep.PartAudio)
	if err != nil {
		return err
	}
	at, size := v.place(k, hearkeep.PartAudio)
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(v.sound, at, size)); err != nil {
		return err
	}
	if !bytes.Equal(sum.Sum(nil), hash[:]) {
		return errAltered
	}
	p, err := v.openSound(k)
	if err != nil {
		return err
	}
	plain, want := sha256.New(), p.Header().SHA256
	_, err = io.Copy(plain, io.NewSectionReader(p, 0, p.Size()))
	if errors.Is(err, seal.ErrOpen) || err == nil && !bytes.Equal(plain.Sum(nil), want[:]) {
		return errAltered
	}
	return err
}

// errTurn says that a turn opened and is not what this program writes. It does
// not quote it.
var errTurn = errors.New("archive: a turn that this program cannot read")

// storedTurn is a turn part as room vault seals it: the JSON of docs/keys.md's
// sealed parts.
type storedTurn struct {
	Intent string `json:"intent"`
	Slots  []struct {
		Name   string `json:"name"`
		Spoken string `json:"spoken"`
		Value  string `json:"value"`
	} `json:"slots"`
	Did    string `json:"did"`
	Answer string `json:"answer"`
	Stages []struct {
		Stage  hearkeep.Stage `json:"stage"`
		Took   int64          `json:"took_us"` // microseconds
		Engine string         `json:"engine"`
		Note   string         `json:"note"`
	} `json:"stages"`
	Note string `json:"note"`
}

func decodeTurn(b []byte) (hearkeep.Turn, error) {
	var s storedTurn
	if err := json.Unmarshal(b, &s); err != nil {
		return hearkeep.Turn{}, errTurn
	}
	t := hearkeep.Turn{Intent: s.Intent, Did: s.Did, Answer: hearkeep.NewWords(s.Answer), Note: s.Note}
	for _, slot := range s.Slots {
		t.Slots = append(t.Slots, hearkeep.Slot{Name: slot.Name, Spoken: hearkeep.NewWords(slot.Spoken), Value: hearkeep.NewWords(slot.Value)})
	}
	for _, stage := range s.Stages {
		t.Stages = append(t.Stages, hearkeep.StageTime{Stage: stage.Stage, Took: time.Duration(stage.Took) * time.Microsecond, Engine: stage.Engine, Note: stage.Note})
	}
	return t, nil
}
