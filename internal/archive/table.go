package archive

import (
	"cmp"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/hearkeep/hearkeep"
	"golang.org/x/text/unicode/norm"
)

// row is what a bag keeps of a recording: 72 bytes, and none of its words.
type row struct {
	start  int64 // milliseconds since 1970, UTC
	number hearkeep.Number
	size   int64  // of the sound, in bytes; below zero where there is none
	took   uint32 // milliseconds
	crc    uint32
	sum    [32]byte
	door   int32 // in table.doors
	words  bool
}

// place is a door with its vault, and how file names call it.
type place struct {
	vault *Vault
	door  *Door
	slug  string // ASCII, lower case, one of its own
}

type placeKey struct {
	vault   hearkeep.VaultID
	binding hearkeep.BindingID
}

// table is all that a bag knows of its recordings before it reads them again.
type table struct {
	zone   *time.Location
	doors  []place
	byID   map[placeKey]int32
	rows   []row
	sounds []int32 // rows that have a sound, ascending
}

func newTable(f *Facts, n int) *table {
	t := &table{zone: f.Zone, byID: make(map[placeKey]int32), rows: make([]row, 0, n), sounds: make([]int32, 0, n)}
	taken := make(map[string]bool)
	for v := range f.Vaults {
		vault := &f.Vaults[v]
		for d := range vault.Doors {
			door := &vault.Doors[d]
			t.byID[placeKey{vault.ID, door.Binding}] = int32(len(t.doors))
			t.doors = append(t.doors, place{vault, door, slug(door.Name, taken)})
		}
	}
	return t
}

// slug spells a name so that every file system takes it, and differently from
// all that are taken.
func slug(name string, taken map[string]bool) string {
	const room = 24 // keeps paths below Windows' 260 characters
	var b strings.Builder
	for _, r := range norm.NFKD.String(strings.ToLower(name)) {
		switch {
		case b.Len() == room:
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case unicode.Is(unicode.Mn, r): // the dots of an umlaut
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	plain := cmp.Or(strings.Trim(b.String(), "-"), "door")
	s := plain
	for i := 2; taken[s]; i++ {
		s = fmt.Sprintf("%s-%d", plain, i)
	}
	taken[s] = true
	return s
}

// add takes a recording into the table. A recording of no door that the facts
// name is somebody else's, or unaccounted for: Stopped.
func (t *table) add(r Recording) error {
	door, ok := t.byID[placeKey{r.Vault, r.Binding}]
	if !ok {
		return stopped("recording %s is of no door that the facts name", r.ID)
	}
	e := row{start: r.Start.UnixMilli(), number: r.Number, size: -1, took: uint32(min(r.Duration.Milliseconds(), max32)), door: door, words: r.HasWords}
	if s := r.Sound; s != nil {
		if s.MediaType != "audio/flac" || s.Size < 0 {
			return stopped("the sound of recording %s is not FLAC", r.ID)
		}
		e.size, e.crc, e.sum = s.Size, s.CRC32, s.SHA256
		t.sounds = append(t.sounds, int32(len(t.rows)))
	}
	t.rows = append(t.rows, e)
	return nil
}

// addsUp checks that every number of every door is accounted for, once (C2).
func (t *table) addsUp() error {
	type place struct {
		door   int32
		number hearkeep.Number
	}
	seen := make([]place, len(t.rows))
	in := make([]int, len(t.doors))
	for i, r := range t.rows {
		seen[i] = place{r.door, r.number}
		in[r.door]++
	}
	slices.SortFunc(seen, func(a, b place) int { return cmp.Or(cmp.Compare(a.door, b.door), cmp.Compare(a.number, b.number)) })
	for i, s := range seen {
		d := t.doors[s.door].door
		if s.number < 1 || s.number > hearkeep.Number(d.Last) || i > 0 && seen[i-1] == s {
			return stopped("door %s: number %d is twice here, or was never given out", d.Binding, s.number)
		}
	}
	for i, p := range t.doors {
		d := p.door
		if in[i] != d.In || d.In+d.Erased+d.Expired+d.Failed+d.Withheld != d.Last {
			return stopped("door %s: %d here, and %d+%d+%d+%d+%d of %d accounted for", d.Binding, in[i],
				d.In, d.Erased, d.Expired, d.Failed, d.Withheld, d.Last)
		}
	}
	return nil
}

func stopped(format string, args ...any) error {
	return hearkeep.Errorf(hearkeep.Stopped, "This archive does not add up, so it was not made.").
		WithHint("Nothing was handed over. A report is open, and you will be told.").
		Because(fmt.Errorf("archive: "+format, args...))
}

// local is when a recording began, on the wall.
func (r *row) local(zone *time.Location) time.Time { return time.UnixMilli(r.start).In(zone) }

// soundName is where a row's sound lies in the bag: sorted by name, it is
// sorted by time. The number makes it unique within its door.
func (t *table) soundName(r *row) string {
	at := r.local(t.zone)
	b := make([]byte, 0, 96)
	b = at.AppendFormat(b, "data/recordings/2006-01/2006-01-02_15-04-05_")
	b = append(b, t.doors[r.door].slug...)
	b = append(b, '_')
	for n := hearkeep.Number(100_000); n > 1 && n > r.number; n /= 10 {
		b = append(b, '0')
	}
	b = strconv.AppendUint(b, uint64(r.number), 10)
	return string(append(b, ".flac"...))
}

// nameOf is soundName of the i-th recording, or empty where it has no sound.
func (t *table) nameOf(i int) string {
	if r := &t.rows[i]; r.size >= 0 {
		return t.soundName(r)
	}
	return ""
}

// payload returns the sizes of all sounds together, in bytes.
func (t *table) payload() (total int64) {
	for _, i := range t.sounds {
		total += t.rows[i].size
	}
	return total
}

// metered measures what is written through it.
type metered struct {
	size int64
	crc  uint32
}

func (m *metered) Write(b []byte) (int, error) {
	m.size += int64(len(b))
	m.crc = crc32.Update(m.crc, crc32.IEEETable, b)
	return len(b), nil
}

// summing measures what it passes on.
type summing struct {
	w   io.Writer
	n   int64
	crc uint32
}

func (s *summing) Write(b []byte) (int, error) {
	n, err := s.w.Write(b)
	s.n += int64(n)
	s.crc = crc32.Update(s.crc, crc32.IEEETable, b[:n])
	return n, err
}

// fill implements filler. What is read is measured when it is there.
func (s *summing) fill(n int64, read func(p []byte) error) (int64, error) {
	if _, ok := s.w.(filler); !ok {
		return fill(struct{ io.Writer }{s}, n, read)
	}
	return fill(s.w, n, func(p []byte) error {
		if err := read(p); err != nil {
			return err
		}
		s.n += int64(len(p))
		s.crc = crc32.Update(s.crc, crc32.IEEETable, p)
		return nil
	})
}
