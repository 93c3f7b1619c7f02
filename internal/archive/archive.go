// Package archive is the format in which people are given what is kept of
// them: the open archive, a BagIt bag in a ZIP file that any computer opens
// and that plays everything offline; the sealed archive, which opens with its
// owner's recovery kit and is noise to everybody else; and the verification
// of both.
//
// It promises that an archive's bytes follow from its facts and contents
// alone, so that any range of it can be written again, and that it never
// holds more than 5 MiB of what it writes in memory. It refuses every bag
// and every sealed archive in which something is missing, added or altered,
// and says what. It reads no rows and opens no vault: what goes in is given
// to it, opened or sealed, by whoever holds the handles.
package archive

import (
	"context"
	"io"
	"time"

	"github.com/hearkeep/hearkeep"
)

// Facts are what an archive says of itself and of whom it is for.
type Facts struct {
	Archive  hearkeep.ArchiveID
	Request  hearkeep.RequestID
	Kind     hearkeep.RequestKind
	Account  hearkeep.AccountID
	Name     string // how its person wrote their name
	Service  string // where the keep is reached: its origin
	Made     time.Time
	Zone     *time.Location
	Notice   []Section // GDPR Art. 15(1)(a)-(h), from live settings and the ledger (A9)
	Vaults   []Vault
	Withheld []Withheld
}

// Section is a heading and its paragraphs.
type Section struct {
	Title string
	Text  []string
}

// Vault is a vault of which an archive holds recordings.
type Vault struct {
	ID    hearkeep.VaultID
	Name  string
	Kind  string // "personal", "shared" or "child"
	Doors []Door
}

// Door accounts for every number that a door of a vault has given out:
// Last = In + Erased + Expired + Failed + Withheld.
type Door struct {
	Binding  hearkeep.BindingID
	Name     string
	Source   hearkeep.Source
	Last     int // the highest number given out; 0 for none
	In       int // in this archive
	Erased   int
	Expired  int
	Failed   int // handed out, but nothing was kept
	Withheld int
}

// Withheld says what an archive leaves out, and why (A3).
type Withheld struct {
	Vault hearkeep.VaultID
	Door  string
	Count int
	Why   string
}

// Recording is one recording as an open archive holds it.
type Recording struct {
	ID       hearkeep.RecordingID
	Vault    hearkeep.VaultID
	Binding  hearkeep.BindingID
	Number   hearkeep.Number
	From     string // what the keyholder called the door
	Source   hearkeep.Source
	Start    time.Time
	Duration time.Duration
	Until    time.Time // when the last of its parts would have gone
	Sound    *Sound    // nil where no sound is kept
	Words    hearkeep.Words
	HasWords bool
	Version  uint64 // of the words: above 1 where they were corrected
	Turn     hearkeep.Turn
	HasTurn  bool
	Waveform []byte // peaks, one byte each; nil where none is kept
}

// Sound is what is known of a recording's sound before it is read.
type Sound struct {
	Size      int64 // bytes
	CRC32     uint32
	SHA256    [32]byte
	MediaType string // audio/flac
}

// Opening is a line of who-opened.csv (A5).
type Opening struct {
	At      time.Time
	Vault   hearkeep.VaultID
	Kind    string // as the ledger calls it
	Role    hearkeep.Role
	Who     string // a name for people, where one is known
	Purpose string
	Count   int
	Items   []hearkeep.Run
	Entry   int64 // its number in the ledger
}

// Content is what an open archive is made of. It is frozen: each call gives
// the same, or fails with hearkeep.Changed. It is not used concurrently.
type Content interface {
	// Count is how many recordings there are.
	Count() int
	// Recordings calls fn with each from the index-th on, in the archive's
	// order: by vault, and within it by start, the oldest first.
	Recordings(ctx context.Context, from int, fn func(i int, r Recording) error) error
	// Sound opens the sound of the i-th. It must be closed.
	Sound(ctx context.Context, i int) (SoundReader, error)
	// Openings calls fn with who opened what, the oldest first.
	Openings(ctx context.Context, fn func(Opening) error) error
}

// SoundReader reads a recording's sound at any place. It is read and closed in
// one goroutine at a time, which is not that in which its Content is used.
type SoundReader interface {
	io.ReaderAt
	io.Closer
}
