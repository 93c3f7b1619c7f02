package bring

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"path"
	"time"

	"github.com/hearkeep/hearkeep"
)

// ownFormat stands at the beginning of data.json of an open archive.
const ownFormat = `"format":"hearkeep-archive/1"`

// bagOf finds the list of an open archive of Hearkeep's: -1 for none.
func bagOf(s Source) int {
	for i, f := range s.Files() {
		if f.base() == "data.json" && f.Trouble == "" && bytes.Contains(f.Head, []byte(ownFormat)) {
			return i
		}
	}
	return -1
}

// ownRecording is a recording as data.json has it.
type ownRecording struct {
	From    string  `json:"from"`
	Start   string  `json:"start"`
	Seconds float64 `json:"seconds"`
	Sound   *struct {
		File   string `json:"file"`
		SHA256 string `json:"sha256"`
	} `json:"sound"`
	Words *string `json:"words"`
	Turn  *struct {
		Answer string `json:"answer"`
	} `json:"turn"`
}

var errNotOurs = hearkeep.Errorf(hearkeep.Invalid, "The list of this archive is damaged.").
	WithHint("hearkeep archive verify says what is wrong with it.")

// own reads an open archive of Hearkeep's. Each sound is held against the hash
// that the list has of it when it is read.
func (r *reader) own(ctx context.Context, bag int) error {
	r.Provider = Hearkeep
	if whole, ok := r.Source.(interface{ verify(context.Context) error }); ok {
		if err := whole.verify(ctx); err != nil {
			return err
		}
	}
	in, err := r.Source.Open(bag)
	if err != nil {
		return err
	}
	defer in.Close()
	limit := &limited{utf8Of(in), 8 * maxRecord}
	d := json.NewDecoder(limit)
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errNotOurs
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return errNotOurs.Because(err)
		}
		limit.left = 8 * maxRecord
		switch key {
		case "recordings":
			err = r.ownRecordings(ctx, bag, d, limit)
		case "name":
			var name string
			if err = d.Decode(&name); err == nil && name != "" {
				r.Accounts = append(r.Accounts, label(name))
			}
		case "openings": // who opened it there says nothing about here
			r.countOther(bag)
			r.finish()
			return nil
		default:
			var skip json.RawMessage
			err = d.Decode(&skip)
		}
		if err != nil {
			return ownError(err)
		}
	}
	r.countOther(bag)
	r.finish()
	return nil
}

func ownError(err error) error {
	if errors.As(err, new(*hearkeep.Error)) || errors.Is(err, context.Canceled) {
		return err
	}
	return errNotOurs.Because(err)
}

func (r *reader) ownRecordings(ctx context.Context, bag int, d *json.Decoder, limit *limited) error {
	byName := make(map[string]int, len(r.Source.Files()))
	for i, f := range r.Source.Files() {
		byName[f.Name] = i
	}
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return errors.Join(errNotOurs, err)
	}
	data := dirOf(r.Source.Files()[bag].Name)
	for d.More() {
		if err := ctx.Err(); err != nil {
			return err
		}
		limit.left = 8 * maxRecord
		var rec ownRecording
		if err := d.Decode(&rec); err != nil {
			return err
		}
		it := Item{File: -1, List: bag, Device: label(rec.From), TimeFrom: FromList}
		if rec.Words != nil {
			it.Words = Said(*rec.Words)
		}
		if rec.Turn != nil {
			it.Answer = Said(rec.Turn.Answer)
		}
		var err error
		if it.Time, err = time.Parse(time.RFC3339Nano, rec.Start); err != nil {
			it.TimeFrom = FromNone
		}
		if s := rec.Sound; s != nil {
			name := path.Join(data, s.File)
			at, there := byName[name]
			if !there {
				r.unread(name, "The list names it, and it is not in the archive.")
			} else {
				it.File, it.Sum = at, sumOf(s.SHA256)
				it.Length = time.Duration(rec.Seconds * float64(time.Second))
				r.claimed[at] = len(r.Items)
			}
		}
		if it.File < 0 && it.Words.IsEmpty() {
			r.Empty++
			continue
		}
		if len(r.Items) >= MaxItems {
			return errItems
		}
		r.Items = append(r.Items, it)
	}
	_, err := d.Token()
	return err
}

// countOther counts what is neither the list nor a recording that it names.
func (r *reader) countOther(bag int) {
	for i, f := range r.Source.Files() {
		_, taken := r.claimed[i]
		switch {
		case taken, i == bag:
		case f.Trouble != "":
			r.unread(f.Name, f.Trouble)
		case f.kind() == "sound":
			r.unread(f.Name, "It is not in the archive's list: somebody added it. It was not brought.")
		default:
			r.Other++
		}
	}
}

// sumOf reads a hash; one that is none fits no file.
func sumOf(s string) *[32]byte {
	sum := new([32]byte)
	if n, err := hex.Decode(sum[:], []byte(s[:min(len(s), 64)])); err != nil || n != len(sum) {
		*sum = [32]byte{}
	}
	return sum
}
