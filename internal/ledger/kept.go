package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hearkeep/hearkeep/internal/store"
	"golang.org/x/mod/sumdb/note"
)

// ErrRewound says that the database has less than, or other than, what was
// signed and kept outside of it: an older copy, or another history, was put in
// its place. It wraps ErrForked.
var ErrRewound = fmt.Errorf("%w that is kept outside of the database", ErrForked)

// keepEach is after how many entries of Write the head is kept, besides once a
// minute (Keep), at a clean stop (Close) and before a proof leaves (Latest).
const keepEach = 1024

// Kept is a checkpoint in the file of checkpoints, and when it got there.
type Kept struct {
	At time.Time
	Checkpoint
}

// kept is the append-only file of checkpoints. A nil one keeps nothing.
type kept struct {
	path string
	look bool                       // write nothing
	size atomic.Int64               // entries that the newest line speaks of
	head atomic.Pointer[Checkpoint] // the newest line's, for who does not hold mu

	mu   sync.Mutex
	last Checkpoint // the same
	end  int64      // of the last whole line, in bytes
}

// keptLine is a line of the file.
type keptLine struct {
	At         time.Time `json:"at"`
	Checkpoint string    `json:"checkpoint"`
}

// entries is how many entries the file is known to speak of, on the disk.
func (k *kept) entries() int64 {
	if k == nil {
		return 0
	}
	return k.size.Load()
}

// newest is the newest line's checkpoint, nil before the first.
func (k *kept) newest() *Checkpoint {
	if k == nil {
		return nil
	}
	return k.head.Load()
}

// add writes a line, durably. What it wrote in part it takes back.
func (k *kept) add(c Checkpoint, now time.Time) (err error) {
	line, err := formatKept(c, now)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(k.path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Truncate(k.end))
		}
		err = errors.Join(err, f.Close())
	}()
	if _, err := f.WriteAt(line, k.end); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if k.end == 0 {
		if err := syncFolder(filepath.Dir(k.path)); err != nil {
			return err
		}
	}
	k.last, k.end = c, k.end+int64(len(line))
	k.size.Store(c.Size)
	k.head.Store(&c)
	return nil
}

func formatKept(c Checkpoint, now time.Time) ([]byte, error) {
	line, err := json.Marshal(keptLine{now.UTC().Truncate(time.Millisecond), string(c.Signed)})
	return append(line, '\n'), err
}

// Keep keeps the newest checkpoint outside of the database, if it is not there.
// It returns after it is on the disk.
func (l *Ledger) Keep(ctx context.Context) error {
	_, err := l.keep(ctx)
	return err
}

func (l *Ledger) keep(ctx context.Context) (Checkpoint, error) {
	if l.kept != nil {
		l.kept.mu.Lock()
		defer l.kept.mu.Unlock()
	}
	signed, err := l.Checkpoint(ctx) // what is committed, and nothing else
	if err != nil || signed == nil {
		return Checkpoint{}, err
	}
	if l.kept != nil && bytes.Equal(l.kept.last.Signed, signed) {
		return l.kept.last, nil
	}
	head, err := parseSigned(signed, l.own)
	if err != nil || l.kept == nil || l.kept.look {
		return head, err
	}
	if head.Origin == l.kept.last.Origin && head.Size < l.kept.last.Size {
		return Checkpoint{}, fmt.Errorf("%w: %d entries, kept are %d", ErrRewound, head.Size, l.kept.last.Size)
	}
	if head.Origin == l.kept.last.Origin {
		if err := l.Holds(ctx, l.kept.last.Signed); err != nil {
			return Checkpoint{}, err
		}
	}
	if err := l.kept.add(head, time.Now()); err != nil {
		return Checkpoint{}, fmt.Errorf("ledger: keep checkpoint %d: %w", head.Size, err)
	}
	return head, nil
}

// keepOften keeps the head where many entries came since it was kept. Where
// that fails the entries stand all the same, and the next minute tries again.
func (l *Ledger) keepOften(ctx context.Context) {
	if l.kept != nil && l.high.Load()-l.kept.entries() >= keepEach {
		_ = l.Keep(context.WithoutCancel(ctx))
	}
}

// Close keeps the newest checkpoint. The store is still open then.
func (l *Ledger) Close(ctx context.Context) error { return l.Keep(ctx) }

// Kept lists the checkpoints that are kept outside of the database, oldest first.
func (l *Ledger) Kept() ([]Kept, error) {
	if l.kept == nil {
		return nil, nil
	}
	l.kept.mu.Lock()
	defer l.kept.mu.Unlock()
	lines, _, err := readKept(l.kept.path, l.known)
	return lines, err
}

// readKept reads a file of checkpoints, and up to which byte its lines are
// whole. A last line that a crash has cut is left out; anything else that is
// not a line of this log fails.
func readKept(path string, known note.Verifiers) (lines []Kept, end int64, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("ledger: kept checkpoints: %w", err)
	}
	return parseKept(data, known)
}

// parseKept reads lines. The end of what a crash may leave is the beginning of
// a line, or zeroes.
func parseKept(data []byte, known note.Verifiers) (lines []Kept, end int64, err error) {
	for rest := data; len(rest) > 0; {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		if !whole {
			if isBegin(line) {
				break
			}
			return nil, end, fmt.Errorf("%w: line %d of the kept checkpoints is altered", ErrRewound, len(lines)+1)
		}
		one, err := parseKeptLine(line, known)
		if err != nil {
			return nil, end, fmt.Errorf("%w: line %d of the kept checkpoints: %v", ErrRewound, len(lines)+1, err)
		}
		if n := len(lines); n > 0 {
			if before := lines[n-1]; before.Origin == one.Origin && (one.Size < before.Size || one.Size == before.Size && one.Root != before.Root) {
				return nil, end, fmt.Errorf("%w: line %d of the kept checkpoints does not go on from the one before", ErrRewound, n+1)
			}
		}
		lines, end, rest = append(lines, one), end+int64(len(line))+1, after
	}
	return lines, end, nil
}

func parseKeptLine(line []byte, known note.Verifiers) (Kept, error) {
	var read keptLine
	if err := json.Unmarshal(line, &read); err != nil {
		return Kept{}, err
	}
	c, err := parseSigned([]byte(read.Checkpoint), known)
	if err != nil {
		return Kept{}, err
	}
	if written, err := formatKept(c, read.At); err != nil || !bytes.Equal(bytes.TrimSuffix(written, []byte("\n")), line) {
		return Kept{}, errors.New("not as it was written")
	}
	return Kept{read.At, c}, nil
}

// isBegin says whether the text, less zeroes behind it, begins a line and is
// not all of one.
func isBegin(text []byte) bool {
	text = bytes.TrimRight(text, "\x00")
	const begin = `{"at":"`
	if len(text) <= len(begin) {
		return bytes.HasPrefix([]byte(begin), text)
	}
	var any json.RawMessage
	err := json.Unmarshal(text, &any)
	var syntax *json.SyntaxError
	return bytes.HasPrefix(text, []byte(begin)) && errors.As(err, &syntax) && syntax.Offset == int64(len(text)) && err.Error() == "unexpected end of JSON input"
}

// checkKept holds the log against every checkpoint that is kept, and the file
// of them against what the database knows of it.
func (l *Ledger) checkKept(ctx context.Context, tx *store.Tx, lines []Kept) error {
	_, known, err := tx.Ledger.Noted(ctx)
	if err != nil {
		return fmt.Errorf("ledger: kept: %w", err)
	}
	if newest := newestKept(lines); newest < known {
		return fmt.Errorf("%w: %s speaks of %d entries and has spoken of %d: it was cut, or is missing", ErrRewound, FileCheckpoints, newest, known)
	}
	return l.leadsTo(ctx, tx, lines)
}

// Holds holds the log against a checkpoint that was kept elsewhere, and fails
// with ErrRewound where it has less than that, or other. One that this log has
// not signed says nothing.
func (l *Ledger) Holds(ctx context.Context, signed []byte) error {
	c, err := parseSigned(signed, l.known)
	if err != nil {
		return nil
	}
	return l.store.View(ctx, func(tx *store.Tx) error { return l.leadsTo(ctx, tx, []Kept{{Checkpoint: c}}) })
}

// leadsTo holds the log against checkpoints. Of an earlier origin there may be
// later ones than where this one goes on: they speak of what was lost.
func (l *Ledger) leadsTo(ctx context.Context, tx *store.Tx, lines []Kept) error {
	size, err := tx.Ledger.Size(ctx)
	if err != nil {
		return fmt.Errorf("ledger: size: %w", err)
	}
	var indexes []int64
	var held []Kept
	newest := 0
	for _, c := range lines {
		at := l.keyOf(c.Origin)
		if at < newest {
			return fmt.Errorf("%w: a checkpoint of an earlier origin is kept after one of a later", ErrRewound)
		}
		newest = at
		if c.Size > l.until(c.Origin) {
			continue // of what was lost with an earlier keep
		}
		if c.Size > size {
			return fmt.Errorf("%w: %d entries, kept is a checkpoint of %d", ErrRewound, size, c.Size)
		}
		held, indexes = append(held, c), append(indexes, peaksOf(c.Size)...)
	}
	stored, err := tx.Ledger.Hashes(ctx, indexes)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrRewound, err)
	}
	peaks := hashed(stored)
	for _, c := range held {
		n := len(peaksOf(c.Size))
		if tree := (&edge{size: c.Size, peaks: peaks[:n]}); tree.root() != c.Root {
			return fmt.Errorf("%w: kept is another checkpoint of %d", ErrRewound, c.Size)
		}
		peaks = peaks[n:]
	}
	return nil
}

// newestKept is how many entries the newest line speaks of.
func newestKept(lines []Kept) int64 {
	if len(lines) == 0 {
		return 0
	}
	return lines[len(lines)-1].Size
}

// Lost is how many entries of earlier origins kept checkpoints speak of that
// this log does not have: those after where it goes on.
func (l *Ledger) Lost(lines []Kept) (lost int64) {
	most := map[string]int64{}
	for _, c := range lines {
		most[c.Origin] = max(most[c.Origin], c.Size)
	}
	for origin, size := range most {
		lost += max(0, size-l.until(origin))
	}
	return lost
}

// until is the number of entries up to which an origin's checkpoints are of
// this log: where the next key took over.
func (l *Ledger) until(origin string) int64 {
	if at := l.keyOf(origin); at+1 < len(l.keys) {
		return l.keys[at+1].First
	}
	return math.MaxInt64
}

// keyOf is which of the keys an origin's is.
func (l *Ledger) keyOf(origin string) int {
	return slices.IndexFunc(l.keys, func(k store.LedgerKey) bool { return nameOf(k.Key) == origin })
}

// Lines of the file that stay when it is opened: all up to maxLines; then the
// newest half of that, and of those before the last of each day.
const maxLines = 2048

// thinned is what stays of a file that has grown long.
func thinned(lines []Kept) (stay []Kept) {
	for i, c := range lines {
		recent := i >= len(lines)-maxLines/2
		if !recent && i > 0 && lines[i+1].Origin == c.Origin && sameDay(lines[i+1].At, c.At) {
			continue
		}
		stay = append(stay, c)
	}
	return stay
}

func sameDay(a, b time.Time) bool {
	return a.UTC().Truncate(24 * time.Hour).Equal(b.UTC().Truncate(24 * time.Hour))
}

// begin takes what the file holds, and cuts off what a crash has left.
func (k *kept) begin(lines []Kept, end int64) error {
	k.end = end
	if len(lines) > maxLines {
		var out []byte
		for _, c := range thinned(lines) {
			line, err := formatKept(c.Checkpoint, c.At)
			if err != nil {
				return err
			}
			out = append(out, line...)
		}
		if err := rewrite(k.path, out); err != nil {
			return fmt.Errorf("ledger: kept checkpoints: %w", err)
		}
		k.end = int64(len(out))
	}
	if len(lines) > 0 {
		k.last = lines[len(lines)-1].Checkpoint
		k.size.Store(k.last.Size)
		k.head.Store(&lines[len(lines)-1].Checkpoint)
	}
	if err := os.Truncate(k.path, k.end); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("ledger: kept checkpoints: %w", err)
	}
	return nil
}
