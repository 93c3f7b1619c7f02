package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Reserve is a file that takes up room until the disk is full and is then
// given up, so that signing in, opening and erasing go on. Its methods may be
// called concurrently.
type Reserve struct {
	mu   sync.Mutex
	f    *os.File
	size int64
	held bool
}

// OpenReserve takes size bytes of disk for the file at path. Where the disk
// has no room for it, it returns ErrFull and a Reserve that is open but not
// held, so that the caller may go on with it.
func OpenReserve(path string, size int64) (*Reserve, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store: reserve: %w", err)
	}
	r := &Reserve{f: f, size: size}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		f.Close()
		return nil, fmt.Errorf("store: reserve: %w", err)
	}
	if r.held, err = r.whole(); err == nil && !r.held {
		err = r.Refill()
	}
	if err != nil && !errors.Is(err, ErrFull) {
		f.Close()
		return nil, err
	}
	return r, err
}

// whole reports whether the file has its size in blocks and not in holes.
func (r *Reserve) whole() (bool, error) {
	info, err := r.f.Stat()
	if err != nil {
		return false, fmt.Errorf("store: reserve: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Size() == r.size && stat.Blocks*512 >= r.size, nil
}

// Held reports whether there is room to give up.
func (r *Reserve) Held() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held
}

// Release gives the room up; it is free when Release returns. Releasing twice
// is no error.
func (r *Reserve) Release() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = false
	// Synced: file systems with a log free the blocks when it is committed.
	if err := errors.Join(r.f.Truncate(0), r.f.Sync()); err != nil {
		return fmt.Errorf("store: release reserve: %w", err)
	}
	return nil
}

// Refill takes the room again. ErrFull where there still is not enough; then
// none is taken.
func (r *Reserve) Refill() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held {
		return nil
	}
	// Random bytes, since file systems that compress give zeroes no room.
	_, err := io.Copy(io.NewOffsetWriter(r.f, 0), io.LimitReader(rand.Reader, r.size))
	if err == nil {
		err = r.f.Sync()
	}
	if err == nil {
		r.held = true
		return nil
	}
	full := errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
	err = errors.Join(err, r.f.Truncate(0), r.f.Sync())
	if full {
		return fmt.Errorf("%w: %v", ErrFull, err)
	}
	return fmt.Errorf("store: refill reserve: %w", err)
}

// Close keeps the file, and so its room, for the next start.
func (r *Reserve) Close() error { return r.f.Close() }
