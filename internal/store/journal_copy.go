package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// ErrOtherJournal says that a file is not the beginning of this journal: it is
// another keep's, or it was altered. It was left as it is.
var ErrOtherJournal = errors.New("store: journal: what lies there is not a copy of this journal")

// copyWait is how long an Append waits for the journal's copies: a place that
// does not answer must not hold up forgetting.
const copyWait = 2 * time.Second

// follower keeps one copy of the journal up to date.
type follower struct {
	path string
	tell func(error) // nil: it is whole again
	wake chan struct{}

	mu      sync.Mutex
	reached int64 // length of the copy, where err is nil
	err     error
	busy    bool
	asked   int           // wishes to be brought up to date so far
	served  int           // the last of them that was answered, well or not
	changed chan struct{} // closed, and made anew, at each answer
}

// Follow copies what is appended from now on to the file at path, too, and
// what that file lacks first. The file must be there: a folder that is not
// mounted is not given another. Append waits for it a moment and goes on where
// it cannot be written; tell is told so once, and told nil when it has caught
// up, which each Append tries again. Following a path twice is following it.
func (j *Journal) Follow(path string, tell func(error)) {
	j.following.Lock()
	defer j.following.Unlock()
	for _, f := range j.followers {
		if f.path == path {
			return
		}
	}
	f := &follower{path: path, tell: tell, wake: make(chan struct{}, 1), changed: make(chan struct{})}
	j.followers = append(j.followers, f)
	go j.run(f)
}

// CatchUp brings all copies up to date, or waits as long as an Append does.
func (j *Journal) CatchUp() {
	j.following.Lock()
	followers := j.followers
	j.following.Unlock()
	late := time.NewTimer(copyWait)
	defer late.Stop()
	for _, f := range followers {
		f.mu.Lock()
		f.asked++
		mine, skip := f.asked, f.busy && f.err != nil // it hung before, and hangs still
		f.mu.Unlock()
		select {
		case f.wake <- struct{}{}:
		default:
		}
		if !skip {
			f.await(mine, late.C)
		}
	}
}

// await returns when a wish was answered, or when it is late.
func (f *follower) await(mine int, late <-chan time.Time) {
	for {
		f.mu.Lock()
		served, changed := f.served, f.changed
		f.mu.Unlock()
		if served >= mine {
			return
		}
		select {
		case <-changed:
		case <-late:
			f.set(0, errors.New("store: journal: the place of its copy does not answer"), -1)
			return
		}
	}
}

// run answers wishes until the journal is closed.
func (j *Journal) run(f *follower) {
	for {
		select {
		case <-f.wake:
		case <-j.quit:
			return
		}
		f.mu.Lock()
		f.busy = true
		asked, have := f.asked, f.reached
		f.mu.Unlock()
		n, err := j.extend(f.path, have, false)
		f.mu.Lock()
		f.busy = false
		f.mu.Unlock()
		f.set(n, err, asked)
	}
}

// set notes how a copy is, and tells of it where that has changed.
func (f *follower) set(n int64, err error, served int) {
	f.mu.Lock()
	changed := (err == nil) != (f.err == nil)
	f.reached, f.err = n, err
	f.served = max(f.served, served)
	close(f.changed)
	f.changed = make(chan struct{})
	f.mu.Unlock()
	if changed && f.tell != nil {
		f.tell(err)
	}
}

// CopyTo brings the copy at path up to date, making it where it is not there,
// and returns how long it is now. ErrOtherJournal where something else lies
// there.
func (j *Journal) CopyTo(path string) (int64, error) { return j.extend(path, 0, true) }

// extend appends what a copy lacks. Its first known bytes were compared before.
func (j *Journal) extend(path string, known int64, create bool) (n int64, err error) {
	flags := os.O_RDWR | syscall.O_NOFOLLOW
	_, missing := os.Lstat(path)
	if create && errors.Is(missing, fs.ErrNotExist) {
		flags |= os.O_CREATE | os.O_EXCL
	}
	to, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return 0, fmt.Errorf("store: journal: copy: %w", err)
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	from, err := os.Open(j.path)
	if err != nil {
		return 0, fmt.Errorf("store: journal: copy: %w", err)
	}
	defer from.Close()
	j.mu.Lock()
	size := j.synced
	j.mu.Unlock()
	info, err := to.Stat()
	if err != nil {
		return 0, fmt.Errorf("store: journal: copy: %w", err)
	}
	have := info.Size()
	if have > size {
		return 0, ErrOtherJournal
	}
	if known == 0 || known != have { // else it is as this process left it
		if err := sameBytes(from, to, have); err != nil {
			return 0, err
		}
	}
	if _, err := io.Copy(io.NewOffsetWriter(to, have), io.NewSectionReader(from, have, size-have)); err != nil {
		return 0, fmt.Errorf("store: journal: copy: %w", err)
	}
	if err := to.Sync(); err != nil {
		return 0, fmt.Errorf("store: journal: copy: %w", err)
	}
	if flags&os.O_CREATE != 0 {
		err = syncFolder(filepath.Dir(path))
	}
	return size, err
}

// sameBytes compares the first n bytes.
func sameBytes(a, b io.ReaderAt, n int64) error {
	x, y := make([]byte, 64<<10), make([]byte, 64<<10)
	for at := int64(0); at < n; {
		k := min(int64(len(x)), n-at)
		if _, err := a.ReadAt(x[:k], at); err != nil {
			return fmt.Errorf("store: journal: compare: %w", err)
		}
		if _, err := b.ReadAt(y[:k], at); err != nil {
			return fmt.Errorf("store: journal: compare: %w", err)
		}
		if !bytes.Equal(x[:k], y[:k]) {
			return ErrOtherJournal
		}
		at += k
	}
	return nil
}

// ReadJournal calls fn with every erasure of a journal that lies at path, and
// changes nothing. It returns the length of its whole lines; a damaged line is
// an error that names it.
func ReadJournal(path string, fn func(Erasure) error) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("store: journal: %w", err)
	}
	defer f.Close()
	return readJournal(f, fn)
}

// SalvageJournal writes the lines of a damaged journal that are whole, and
// returns how many are not.
func SalvageJournal(from io.Reader, to io.Writer) (lost int, err error) {
	data, err := io.ReadAll(from)
	if err != nil {
		return 0, fmt.Errorf("store: journal: salvage: %w", err)
	}
	for line := range bytes.Lines(data) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			lost++
			break
		}
		if _, err := decodeErasure(line); err != nil {
			lost++
			continue
		}
		if _, err := to.Write(line); err != nil {
			return lost, fmt.Errorf("store: journal: salvage: %w", err)
		}
	}
	return lost, nil
}
