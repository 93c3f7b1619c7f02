// Package bring reads what other providers hand out to people who ask for
// their data, and brings it into a vault: Alexa's recordings with their list,
// Google's activity with its MP3 files, a folder of sound with or without a
// list, and Hearkeep's own open archives.
//
// It promises that nothing is kept before somebody has seen what is in it
// (Check) and said what of it is theirs (Choice); that archives are read in
// place, at random, and never unpacked to a disk; that memory stays bounded
// whatever an archive claims; that what cannot be read is told with its file
// and a reason; and that bringing the same again keeps nothing twice. What a
// file is follows from its content, and never from its name alone.
//
// It refuses names that lead out of an archive, links, members that are
// encrypted, overlap or stand twice, and lists beyond its limits. Words are
// held as hearkeep.Words, and stand in no error and in no log.
package bring

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"path"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
)

// Limits of what is read.
const (
	MaxFiles   = 500_000   // in all parts of an archive
	MaxItems   = 250_000   // recordings
	MaxSound   = 32 << 20  // bytes of one recording as it came
	MaxList    = 512 << 20 // bytes of one list of recordings, unpacked
	maxRecord  = 1 << 20   // bytes of one entry of a list
	maxName    = 1024      // bytes of a file's name
	maxLabel   = 200       // bytes of a device's or an account's name
	maxWords   = 16 << 10  // bytes of what was said, as vault.MaxWords
	headBytes  = 64        // of a file, to tell what it is
	maxUnread  = 10_000    // of files that are named with a reason; more are counted
	maxReasons = 1_000     // of rows of lists that are named; more are counted
)

// Providers, as the doors of what was brought are called.
const (
	Alexa    = "Alexa"
	Google   = "Google"
	Hearkeep = "Hearkeep"
	Folder   = "Files" // sound in a folder, of nobody in particular
)

// Providers lists who an archive can come from.
func Providers() []string { return []string{Alexa, Google, Hearkeep, Folder} }

// Source gives the files of an archive. Open may be called concurrently.
type Source interface {
	Files() []File
	// Open reads the i-th file. It fails with an *hearkeep.Error.
	Open(i int) (io.ReadCloser, error)
	io.Closer
}

// File is a file of an archive.
type File struct {
	Name     string // with slashes, clean, of the folder or ZIP file that it is in
	Size     int64  // bytes, as the archive claims
	Modified time.Time
	Head     []byte // how it begins; nil where that was not read
	Trouble  string // why it is not read: a sentence; empty for none
}

func (f File) base() string { return path.Base(f.Name) }

func (f File) ext() string { return strings.ToLower(path.Ext(f.Name)) }

// kind is what a file is by its content: "sound", "csv", "json", "html",
// "pdf", "zip", "text" or "".
func (f File) kind() string {
	head := f.Head
	switch {
	case f.Trouble != "" || f.Size == 0:
		return ""
	case isSound(head):
		return "sound"
	case bytes.HasPrefix(head, []byte("%PDF")):
		return "pdf"
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return "zip"
	}
	text := strings.TrimSpace(plain(head))
	switch {
	case text == "" || strings.ContainsRune(text, 0):
		return ""
	case text[0] == '[' || text[0] == '{':
		return "json"
	case strings.HasPrefix(strings.ToLower(text), "<!doctype") || strings.HasPrefix(strings.ToLower(text), "<html"):
		return "html"
	case f.ext() == ".csv" || f.ext() == ".tsv":
		return "csv"
	}
	return "text"
}

// isSound tells sound by how it begins.
func isSound(head []byte) bool {
	return len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WAVE" ||
		bytes.HasPrefix(head, []byte("fLaC")) || bytes.HasPrefix(head, []byte("ID3")) ||
		len(head) >= 4 && head[0] == 0xff && head[1]&0xe0 == 0xe0 && head[1]&0x06 == 0x02 && head[1]&0x18 != 0x08 && head[2]&0xf0 != 0xf0
}

// Where an item's time is from.
const (
	FromList = "list" // what the provider wrote beside it
	FromName = "name" // the file's name
	FromFile = "file" // when the file was changed last
	FromNone = "none"
)

// Item is a recording, or the words of one, as an archive holds it.
type Item struct {
	File     int // of the Source; -1 where there is no sound
	List     int // the file that names it; -1 for none
	Time     time.Time
	TimeFrom string
	Words    hearkeep.Words
	Answer   hearkeep.Words // what the assistant said to it
	Device   string         // as the provider calls it; empty where that is not told
	Account  string         // whose it is, as the provider calls them
	Language string         // en-US; empty where that is not told
	Length   time.Duration  // as the sound's header claims; 0 where that is not told
	Sum      *[32]byte      // SHA-256 of the sound's file, where the list has it; else nil
}

// HasSound reports whether there is a file of it.
func (it Item) HasSound() bool { return it.File >= 0 }

// Unread is a file, or a row of one, that could not be read.
type Unread struct {
	File   string
	Reason string
}

// Archive is what was found in a Source.
type Archive struct {
	Provider string
	Items    []Item
	Unread   []Unread
	More     int      // unread beyond those listed
	Empty    int      // entries of lists with neither sound nor words
	Other    int      // files that have nothing to do with speech
	Accounts []string // named anywhere in it: the archive's, and its items'
	Notes    []string // sentences about the whole
	Source   Source
}

// unread notes a file that was not read.
func (a *Archive) unread(file, reason string) {
	if len(a.Unread) >= maxUnread {
		a.More++
		return
	}
	a.Unread = append(a.Unread, Unread{file, reason})
}

// Sound reads an item's file whole.
func (a *Archive) Sound(it Item) ([]byte, error) {
	if !it.HasSound() {
		return nil, nil
	}
	if a.Source.Files()[it.File].Size > MaxSound {
		return nil, errTooLong
	}
	r, err := a.Source.Open(it.File)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var buf bytes.Buffer
	buf.Grow(int(min(a.Source.Files()[it.File].Size, 1<<20)) + bytes.MinRead)
	switch n, err := buf.ReadFrom(io.LimitReader(r, MaxSound+1)); {
	case err != nil:
		return nil, notWhole(err)
	case n > MaxSound:
		return nil, errTooLong
	}
	return buf.Bytes(), it.Whole(buf.Bytes())
}

// Whole fails where a sound is not the one that the archive's list has.
func (it Item) Whole(data []byte) error {
	if it.Sum != nil && sha256.Sum256(data) != *it.Sum {
		return hearkeep.Errorf(hearkeep.Invalid, "The recording is not the one that the archive's list names: it was altered.")
	}
	return nil
}

var errTooLong = hearkeep.Errorf(hearkeep.TooLarge, "The recording is larger than %d MB.", MaxSound>>20)

func notWhole(err error) error {
	var told *hearkeep.Error
	if errors.As(err, &told) {
		return err
	}
	return hearkeep.Errorf(hearkeep.Invalid, "The file cannot be read whole: it is damaged.").Because(err)
}

// label is a name that a provider wrote, on one line and of bounded length.
func label(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == ' ' || r == 0xa0 }), " ")
	if len(s) > maxLabel {
		s = strings.ToValidUTF8(s[:maxLabel], "") + "…"
	}
	return s
}

// Said is what was spoken, of bounded length; none where that is empty.
func Said(s string) hearkeep.Words {
	s = strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", ""))
	if s == "" {
		return hearkeep.Words{}
	}
	if len(s) > maxWords {
		s = strings.ToValidUTF8(s[:maxWords-len("…")], "") + "…"
	}
	return hearkeep.NewWords(s)
}
