package files

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"

	"github.com/hearkeep/hearkeep/internal/blob"
)

// disk is what Files asks of a file system; tests put a failing one in.
type disk interface {
	mkdir(path string) error
	create(path string) (file, error)
	rename(from, to string) error
	remove(path string) error
	syncFolder(path string) error
	stat(path string) (fs.FileInfo, error)
	open(path string) (blob.Reader, error)
	list(path string) ([]fs.DirEntry, error)
}

// file is a file being written.
type file interface {
	io.Writer
	Sync() error
	Close() error
}

// osDisk is the file system.
type osDisk struct{}

// mkdir makes path and what is above it, for its owner only.
func (osDisk) mkdir(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return os.Chmod(path, 0o700)
}

func (osDisk) create(path string) (file, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

func (osDisk) rename(from, to string) error            { return os.Rename(from, to) }
func (osDisk) remove(path string) error                { return os.Remove(path) }
func (osDisk) stat(path string) (fs.FileInfo, error)   { return os.Lstat(path) }
func (osDisk) list(path string) ([]fs.DirEntry, error) { return os.ReadDir(path) }

func (osDisk) syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (osDisk) open(path string) (blob.Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &reader{f, info.Size()}, nil
}

// reader is an open blob.
type reader struct {
	*os.File
	size int64
}

func (r *reader) Size() int64 { return r.size }

// folder lets callers share the fsync of one folder: one that began after a
// caller's rename serves it, and fails it.
type folder struct {
	path  string
	asked atomic.Int64 // callers so far

	mu     sync.Mutex
	synced int64 // the last caller that an fsync served
	failed int64 // the last caller that an fsync failed
	err    error // of that fsync
}

// sync returns after an fsync of the folder that began after it was called.
func (d *folder) sync(on disk) error {
	caller := d.asked.Add(1)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case caller <= d.failed:
		return d.err
	case caller <= d.synced:
		return nil
	}
	served := d.asked.Load()
	if err := on.syncFolder(d.path); err != nil {
		d.failed, d.err = served, err
		return err
	}
	d.synced = served
	return nil
}
