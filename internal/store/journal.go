package store

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/hearkeep/hearkeep"
)

// Journal is the erasure journal: an append-only file of its own with one line
// for each erasure, ids only. It says what was to be forgotten before anything
// is, so that a crash is finished and a restored backup forgets it again. Its
// methods may be called concurrently.
//
// A line is the CRC-32C of the JSON in eight hexadecimal digits, a space, the
// JSON, and a line feed.
type Journal struct {
	path string

	syncing sync.Mutex // held by the one that syncs for all; taken before mu
	mu      sync.Mutex
	f       journalFile
	written int64   // length of the whole lines in the file
	synced  int64   // length of those that are on disk
	cuts    []int64 // where the file was cut back to, by each sync that failed
	failed  error   // why it cut the last time

	following sync.Mutex
	followers []*follower
	quit      chan struct{} // closed by Close
	closing   sync.Once
}

// journalFile is *os.File, or a disk that fails, in tests.
type journalFile interface {
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Close() error
}

// journalLine is an Erasure as written. Seq and Entry are the database's.
type journalLine struct {
	Receipt    hearkeep.ReceiptID     `json:"receipt"`
	Vault      hearkeep.VaultID       `json:"vault"`
	Recordings []hearkeep.RecordingID `json:"recordings"`
	Parts      []hearkeep.Part        `json:"parts,omitempty"`
	Below      uint64                 `json:"below,omitempty"`
	Outcome    hearkeep.Outcome       `json:"outcome"`
	Total      int                    `json:"total,omitempty"`
	At         int64                  `json:"at"` // Unix milliseconds, UTC
	Account    *hearkeep.AccountID    `json:"account,omitempty"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// OpenJournal opens the journal at path, making it where it is not there. It
// reads the file through: a damaged line is an error that names the line. What
// a crash left of a last line was never acknowledged and is passed over.
func OpenJournal(path string) (*Journal, error) {
	_, err := os.Stat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store: journal: %w", err)
	}
	j := &Journal{path: path, f: f, quit: make(chan struct{})}
	if fresh {
		if err := errors.Join(f.Sync(), syncFolder(filepath.Dir(path))); err != nil {
			f.Close()
			return nil, fmt.Errorf("store: journal: %w", err)
		}
	}
	j.written, err = readJournal(io.NewSectionReader(f, 0, 1<<62), func(Erasure) error { return nil })
	if err != nil {
		f.Close()
		return nil, err
	}
	j.synced = j.written
	return j, nil
}

// Append adds an erasure and returns after it is on disk; concurrent callers
// share the fsync. After an error the line is not in the file. ErrFull where
// the disk has no room.
func (j *Journal) Append(ctx context.Context, e Erasure) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	line, err := encodeErasure(e)
	if err != nil {
		return fmt.Errorf("store: journal: erasure %s: %w", e.Receipt, err)
	}
	end, cuts, err := j.write(line)
	if err == nil {
		err = j.sync(end, cuts)
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		err = fmt.Errorf("%w: %v", ErrFull, err)
	}
	if err != nil {
		return fmt.Errorf("store: journal: erasure %s: %w", e.Receipt, err)
	}
	j.CatchUp()
	return nil
}

// write puts a line behind the whole ones, over whatever a crash left there.
func (j *Journal) write(line []byte) (end int64, cuts int, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	// A torn line may be longer than this one.
	if err := j.f.Truncate(j.written); err != nil {
		return 0, 0, err
	}
	if _, err := j.f.WriteAt(line, j.written); err != nil {
		return 0, 0, errors.Join(err, j.f.Truncate(j.written))
	}
	j.written += int64(len(line))
	return j.written, len(j.cuts), nil
}

// sync returns after the file was synced up to end. Where that fails it cuts
// off all lines since the last sync, for the kernel may have dropped them, and
// every caller that waits for one of them gets the error.
func (j *Journal) sync(end int64, cuts int) error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	j.mu.Lock()
	if len(j.cuts) != cuts {
		defer j.mu.Unlock()
		if end <= j.cuts[cuts] {
			return nil // another's sync reached it before the one that failed
		}
		return j.failed
	}
	if j.synced >= end {
		j.mu.Unlock()
		return nil
	}
	upTo := j.written
	j.mu.Unlock()

	err := j.f.Sync()

	j.mu.Lock()
	defer j.mu.Unlock()
	if err == nil {
		j.synced = upTo
		return nil
	}
	j.cuts = append(j.cuts, j.synced)
	j.failed = errors.Join(err, j.f.Truncate(j.synced))
	j.written = j.synced
	return j.failed
}

// Each calls fn with every erasure in order, without Seq and Entry. A damaged
// line is an error that names it.
func (j *Journal) Each(fn func(Erasure) error) error {
	j.mu.Lock()
	size := j.synced
	j.mu.Unlock()
	f, err := os.Open(j.path)
	if err != nil {
		return fmt.Errorf("store: journal: %w", err)
	}
	defer f.Close()
	_, err = readJournal(io.NewSectionReader(f, 0, size), fn)
	return err
}

// Size is the length of the lines that are on the disk.
func (j *Journal) Size() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.synced
}

// Close closes the file, and leaves the copies as they are.
func (j *Journal) Close() error {
	j.closing.Do(func() { close(j.quit) })
	return j.f.Close()
}

// readJournal returns the length of the whole lines.
func readJournal(r io.Reader, fn func(Erasure) error) (int64, error) {
	lines := bufio.NewReaderSize(r, 64<<10)
	var whole int64
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return whole, nil // what is left has no end: a torn line, or nothing
		}
		if err != nil {
			return whole, fmt.Errorf("store: journal: line %d: %w", n, err)
		}
		e, err := decodeErasure(line)
		if err != nil {
			if _, more := lines.Peek(1); more == io.EOF && bytes.IndexByte(line, 0) >= 0 {
				return whole, nil // torn: a block of it never reached the disk and reads as zeroes
			}
			return whole, fmt.Errorf("store: journal: line %d is damaged: %w", n, err)
		}
		if err := fn(e); err != nil {
			return whole, err
		}
		whole += int64(len(line))
	}
}

func encodeErasure(e Erasure) ([]byte, error) {
	l := journalLine{e.Receipt, e.Vault, e.Recordings, e.Parts, e.Below, e.Outcome, e.Total, 0, nil}
	if !e.Account.IsZero() {
		l.Account = &e.Account
	}
	if !e.At.IsZero() {
		l.At = e.At.UnixMilli()
	}
	body, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(body, castagnoli), body), nil
}

func decodeErasure(line []byte) (Erasure, error) {
	sum, body, ok := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
	if !ok || string(sum) != fmt.Sprintf("%08x", crc32.Checksum(body, castagnoli)) {
		return Erasure{}, errors.New("its checksum is wrong")
	}
	var l journalLine
	if err := json.Unmarshal(body, &l); err != nil {
		return Erasure{}, errors.New("it is not an erasure")
	}
	e := Erasure{Receipt: l.Receipt, Vault: l.Vault, Recordings: l.Recordings, Parts: l.Parts, Below: l.Below, Outcome: l.Outcome, Total: l.Total}
	if l.Account != nil {
		e.Account = *l.Account
	}
	if l.At != 0 {
		e.At = time.UnixMilli(l.At).UTC()
	}
	return e, nil
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
