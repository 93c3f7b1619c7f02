package bring

import (
	"context"
	"encoding/binary"
	"errors"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
)

// reader finds out what is in a Source.
type reader struct {
	*Archive
	zone    *time.Location
	byBase  map[string][]int // sounds by their file's name in lower case, with and without its ending
	claimed map[int]int      // items by their sound
	voice   bool             // a list of an assistant's entries was read
	rows    bool             // a list of rows was read
	names   *names           // made when a list names what several sounds are called
}

// Read finds out what is in an archive: it reads the lists, and of the sounds
// how they begin. What has no zone is of the person's. It fails where the
// whole cannot be used, with an *hearkeep.Error; what cannot be read in it is
// told in the Archive.
func Read(ctx context.Context, s Source, zone *time.Location) (*Archive, error) {
	r := &reader{Archive: &Archive{Source: s}, zone: zone, byBase: map[string][]int{}, claimed: map[int]int{}}
	if bag := bagOf(s); bag >= 0 {
		return r.Archive, r.own(ctx, bag)
	}
	var lists []int
	for i, f := range s.Files() {
		if hidden(f.Name) {
			r.Other++
			continue
		}
		if f.Trouble != "" {
			r.unread(f.Name, f.Trouble)
			continue
		}
		switch kind := f.kind(); kind {
		case "sound":
			r.addSound(i, f)
		case "csv", "json", "html":
			lists = append(lists, i)
		case "pdf":
			r.unread(f.Name, "It is a PDF. What is written in it is not tied to recordings, and was not read: the recordings can be brought without it.")
		case "zip":
			r.unread(f.Name, "It is an archive inside the archive. Unpack it, and bring it by itself.")
		default:
			if soundName(f.Name) {
				r.unread(f.Name, "It is called a recording, and does not begin like WAV, FLAC or MP3.")
			} else {
				r.Other++
			}
		}
	}
	for _, i := range lists {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := r.list(i); err != nil {
			return nil, err
		}
	}
	r.byTime()
	if err := r.alone(); err != nil {
		return nil, err
	}
	r.Provider = r.provider()
	r.finish()
	return r.Archive, nil
}

// hidden is what computers put into archives by themselves.
func hidden(name string) bool {
	return strings.HasPrefix(name, "__MACOSX/") || strings.HasPrefix(path.Base(name), ".") || path.Base(name) == "Thumbs.db"
}

func soundName(name string) bool {
	return slices.Contains([]string{".wav", ".flac", ".mp3"}, strings.ToLower(path.Ext(name)))
}

func (r *reader) addSound(i int, f File) {
	base := strings.ToLower(f.base())
	r.byBase[base] = append(r.byBase[base], i)
	if stem := strings.TrimSuffix(base, f.ext()); stem != base && stem != "" {
		r.byBase[stem] = append(r.byBase[stem], i)
	}
}

// list reads a list of recordings. A file that is none has nothing to do with
// speech.
func (r *reader) list(i int) (err error) {
	f := r.Source.Files()[i]
	in, err := r.Source.Open(i)
	if err != nil {
		r.unread(f.Name, reason(err))
		return nil
	}
	defer in.Close()
	found := 0
	switch f.kind() {
	case "csv":
		found, err = r.csv(i, f, in)
	case "json":
		found, err = r.json(i, f, in)
	case "html":
		found, err = r.html(i, f, in)
	}
	switch {
	case errors.Is(err, errItems):
		return err
	case err != nil:
		r.unread(f.Name, reason(err))
	case found == 0:
		r.Other++
	}
	return nil
}

// reason is why a file was not read, for people: never what stands in it.
func reason(err error) string {
	switch {
	case errors.Is(err, errRecord), errors.Is(err, errList):
		return "One of its entries, or the whole of it, is too long to be a list of recordings. What stood before was read."
	case isDamage(err):
		return "It is damaged. What stood before was read."
	}
	return told(err, "It is not a list as it was expected. What stood before was read.")
}

// entry takes one entry of a list: ref names its sound, and may be empty.
func (r *reader) entry(list int, ref string, it Item) error {
	it.List, it.File = list, -1
	it.Device, it.Account, it.Language = label(it.Device), label(it.Account), label(it.Language)
	if it.TimeFrom = FromList; it.Time.IsZero() {
		it.TimeFrom = FromNone
	}
	if ref != "" {
		at, why := r.find(ref, dirOf(r.Source.Files()[list].Name))
		if at < 0 && it.Words.IsEmpty() {
			r.unread(label(path.Base(strings.ReplaceAll(ref, `\`, "/"))), why)
			return nil
		}
		if before, twice := r.claimed[at]; at >= 0 && twice {
			r.merge(before, it)
			return nil
		}
		it.File = at
	}
	return r.add(it)
}

var errItems = hearkeep.Errorf(hearkeep.TooLarge, "There are more than %d recordings in it.", MaxItems).WithHint("Bring it in parts.")

func (r *reader) add(it Item) error {
	if len(r.Items) >= MaxItems {
		return errItems
	}
	if it.File >= 0 {
		r.claimed[it.File] = len(r.Items)
		f := r.Source.Files()[it.File]
		it.Length = lengthOf(f.Head, f.Size)
	}
	r.Items = append(r.Items, it)
	return nil
}

// merge adds to an item what another entry of the same sound knows.
func (r *reader) merge(at int, it Item) {
	have := &r.Items[at]
	if have.Words.IsEmpty() {
		have.Words = it.Words
	}
	if have.Answer.IsEmpty() {
		have.Answer = it.Answer
	}
	if have.Device == "" {
		have.Device = it.Device
	}
	if have.Time.IsZero() {
		have.Time, have.TimeFrom = it.Time, it.TimeFrom
	}
}

// byTime ties entries that name no sound to the sounds whose names tell the
// same second, where there is one of each.
func (r *reader) byTime() {
	bySecond := map[int64][]int{}
	for base, of := range r.byBase {
		for _, i := range of {
			if _, taken := r.claimed[i]; taken || !strings.HasSuffix(base, r.Source.Files()[i].ext()) {
				continue
			}
			if t, ok := timeInName(base, r.zone); ok {
				bySecond[t.Unix()] = append(bySecond[t.Unix()], i)
			}
		}
	}
	if len(bySecond) == 0 {
		return
	}
	wants := map[int64]int{}
	for _, it := range r.Items {
		if it.File < 0 && it.TimeFrom == FromList {
			wants[it.Time.Unix()]++
		}
	}
	for n := range r.Items {
		it := &r.Items[n]
		if it.File >= 0 || it.TimeFrom != FromList {
			continue
		}
		if of := bySecond[it.Time.Unix()]; len(of) == 1 && wants[it.Time.Unix()] == 1 {
			it.File, r.claimed[of[0]] = of[0], n
			f := r.Source.Files()[of[0]]
			it.Length = lengthOf(f.Head, f.Size)
		}
	}
}

// alone takes the sounds that no list names.
func (r *reader) alone() error {
	for i, f := range r.Source.Files() {
		if hidden(f.Name) || f.kind() != "sound" {
			continue
		}
		if _, taken := r.claimed[i]; taken {
			continue
		}
		it := Item{File: i, List: -1, Words: Said(wordsInName(strings.TrimSuffix(f.base(), path.Ext(f.Name))))}
		if err := r.add(it); err != nil {
			return err
		}
	}
	return nil
}

var ofAlexa = regexp.MustCompile(`(?i)\balexa|amazon|\becho\b`)
var ofGoogle = regexp.MustCompile(`(?i)(^|/)takeout(/|$)|myactivity\.|_UTC(-.*)?\.mp3$`)

// provider tells whose archive it is.
func (r *reader) provider() string {
	if r.voice {
		return Google
	}
	alexa, google := 0, 0
	for _, f := range r.Source.Files() {
		switch {
		case ofAlexa.MatchString(f.Name):
			alexa++
		case ofGoogle.MatchString(f.Name):
			google++
		}
	}
	switch {
	case google > alexa:
		return Google
	case alexa > 0:
		return Alexa
	}
	for _, it := range r.Items {
		if ofAlexa.MatchString(it.Device) {
			return Alexa
		}
	}
	return Folder
}

// finish fills in what is known otherwise: times, and the folders of sounds
// that no list names.
func (r *reader) finish() {
	files := r.Source.Files()
	for n := range r.Items {
		it := &r.Items[n]
		if it.File < 0 {
			continue
		}
		f := files[it.File]
		if it.Time.IsZero() {
			t, ok := timeInName(f.base(), r.zone)
			switch it.TimeFrom = FromNone; {
			case ok:
				it.Time, it.TimeFrom = t, FromName
			case !f.Modified.IsZero():
				it.Time, it.TimeFrom = f.Modified.UTC(), FromFile
			}
		}
		if it.Device == "" && it.List < 0 && r.Provider == Folder {
			it.Device = label(dirOf(f.Name))
		}
	}
	slices.SortStableFunc(r.Items, func(a, b Item) int { return a.Time.Compare(b.Time) })
	for _, it := range r.Items {
		if it.Account != "" && !slices.Contains(r.Accounts, it.Account) && len(r.Accounts) < 50 {
			r.Accounts = append(r.Accounts, it.Account)
		}
	}
}

// lengthOf is how long a sound claims to be; 0 where its head does not say.
func lengthOf(head []byte, size int64) time.Duration {
	seconds := func(n, rate int64) time.Duration {
		if n <= 0 || rate <= 0 || n/rate > 24*3600 {
			return 0
		}
		return time.Duration(n/rate)*time.Second + time.Duration(n%rate)*time.Second/time.Duration(rate)
	}
	switch {
	case len(head) >= 32 && string(head[:4]) == "RIFF" && string(head[12:16]) == "fmt ":
		return seconds(size-44, int64(binary.LittleEndian.Uint32(head[28:])))
	case len(head) >= 26 && string(head[:4]) == "fLaC":
		packed := binary.BigEndian.Uint64(head[18:]) // 20 bits rate, 3 channels, 5 width, 36 samples
		return seconds(int64(packed&(1<<36-1)), int64(packed>>44))
	case len(head) >= 4 && head[0] == 0xff:
		return seconds(size*8, mp3Rate(head))
	}
	return 0
}

// mp3Rate is the bit rate of a layer III frame, in bits a second.
func mp3Rate(head []byte) int64 {
	v1 := [16]int64{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0}
	v2 := [16]int64{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0}
	if head[1]&0x18 == 0x18 {
		return v1[head[2]>>4] * 1000
	}
	return v2[head[2]>>4] * 1000
}
