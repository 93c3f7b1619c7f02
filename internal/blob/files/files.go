// Package files keeps blobs as files of one folder: ab/abcd… for the blob
// named abcd…, and tmp/ for those that are not yet whole.
//
// It promises that a blob appears under its name only when all of it is on
// disk, and that files left behind by a crash in tmp/ go at the next Open.
// Files are readable by their owner only. It refuses what package blob does.
package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"github.com/hearkeep/hearkeep/internal/blob"
)

const tmp = "tmp"

var errReadOnly = errors.New("files: opened to read only")

// Files is a blob.Store in a folder. One process at a time may use a folder.
type Files struct {
	dir     string
	disk    disk
	folders [256]folder // by the first byte of a name
	look    bool        // opened to read only

	mu      sync.Mutex
	putting map[string]chan struct{} // names that a Put is at; closed when it ends
}

var _ blob.Store = (*Files)(nil)

// Open opens the blobs in dir, making it where it is not there, and removes
// what a crash left half written.
func Open(dir string) (*Files, error) { return openOn(dir, osDisk{}) }

// OpenReadOnly opens the blobs in dir to look at them, also while another
// process keeps blobs there. It changes nothing; Put and Delete fail.
func OpenReadOnly(dir string) (*Files, error) {
	f := newFiles(dir, osDisk{})
	f.look = true
	if _, err := f.disk.stat(dir); err != nil {
		return nil, fmt.Errorf("files: open: %w", err)
	}
	return f, nil
}

func newFiles(dir string, d disk) *Files {
	f := &Files{dir: dir, disk: d, putting: make(map[string]chan struct{})}
	for i := range f.folders {
		f.folders[i].path = filepath.Join(f.dir, fmt.Sprintf("%02x", i))
	}
	return f
}

func openOn(dir string, d disk) (*Files, error) {
	f := newFiles(dir, d)
	if err := f.makeFolders(); err != nil {
		return nil, fmt.Errorf("files: open: %w", full(err))
	}
	left, err := d.list(filepath.Join(dir, tmp))
	if err != nil {
		return nil, fmt.Errorf("files: sweep: %w", err)
	}
	for _, e := range left {
		if err := d.remove(filepath.Join(dir, tmp, e.Name())); err != nil {
			return nil, fmt.Errorf("files: sweep: %w", err)
		}
	}
	return f, nil
}

// makeFolders makes all folders now, so that Put has one thing less to fail at.
func (f *Files) makeFolders() error {
	names := []string{f.dir, filepath.Join(f.dir, tmp)}
	for i := range f.folders {
		names = append(names, f.folders[i].path)
	}
	for _, name := range names {
		if err := f.disk.mkdir(name); err != nil {
			return err
		}
	}
	return errors.Join(f.disk.syncFolder(f.dir), f.disk.syncFolder(filepath.Dir(f.dir)))
}

// place is where a blob lies.
func (f *Files) place(name string) (*folder, string, error) {
	if err := blob.CheckName(name); err != nil {
		return nil, "", err
	}
	first, err := strconv.ParseUint(name[:2], 16, 8)
	if err != nil {
		return nil, "", err
	}
	to := &f.folders[first]
	return to, filepath.Join(to.path, name), nil
}

// Put implements blob.Store: write, fsync, rename, fsync of the folder.
func (f *Files) Put(ctx context.Context, name string, data io.Reader) error {
	to, path, err := f.place(name)
	if err != nil {
		return err
	}
	if f.look {
		return errReadOnly
	}
	release, err := f.claim(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	switch _, err := f.disk.stat(path); {
	case err == nil:
		return blob.ErrExists
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("files: put %s: %w", name, err)
	}
	if err := f.put(ctx, to, path, filepath.Join(f.dir, tmp, name), data); err != nil {
		return fmt.Errorf("files: put %s: %w", name, full(err))
	}
	return nil
}

func (f *Files) put(ctx context.Context, to *folder, path, temp string, data io.Reader) error {
	if err := f.write(ctx, temp, data); err != nil {
		return errors.Join(err, f.forget(temp))
	}
	if err := f.disk.rename(temp, path); err != nil {
		return errors.Join(err, f.forget(temp))
	}
	if err := to.sync(f.disk); err != nil {
		return errors.Join(err, f.forget(path)) // its name may not be on disk
	}
	return nil
}

// write makes a file and returns after its bytes are on disk.
func (f *Files) write(ctx context.Context, path string, data io.Reader) error {
	file, err := f.disk.create(path)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(onlyWriter{file}, &until{ctx, data}, make([]byte, 128<<10))
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// onlyWriter hides ReadFrom, which would copy past the check of the context.
type onlyWriter struct{ io.Writer }

// until reads until its context is done.
type until struct {
	ctx  context.Context
	data io.Reader
}

func (u *until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.data.Read(p)
}

// claim lets one Put at a time be at a name, since rename replaces.
func (f *Files) claim(ctx context.Context, name string) (release func(), err error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f.mu.Lock()
		other, busy := f.putting[name]
		if !busy {
			done := make(chan struct{})
			f.putting[name] = done
			f.mu.Unlock()
			return func() {
				f.mu.Lock()
				delete(f.putting, name)
				f.mu.Unlock()
				close(done)
			}, nil
		}
		f.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Open implements blob.Store.
func (f *Files) Open(ctx context.Context, name string) (blob.Reader, error) {
	_, path, err := f.place(name)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r, err := f.disk.open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, blob.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("files: open %s: %w", name, err)
	}
	return r, nil
}

// Delete implements blob.Store.
func (f *Files) Delete(ctx context.Context, name string) error {
	_, path, err := f.place(name)
	if err != nil {
		return err
	}
	if f.look {
		return errReadOnly
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := f.forget(path); err != nil {
		return fmt.Errorf("files: delete %s: %w", name, err)
	}
	return nil
}

// forget removes a file; what is not there is no error.
func (f *Files) forget(path string) error {
	if err := f.disk.remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Each implements blob.Store. It passes over files that are not blobs.
func (f *Files) Each(ctx context.Context, after string, limit int) ([]blob.Info, error) {
	if after != "" {
		if err := blob.CheckName(after); err != nil {
			return nil, err
		}
	}
	var list []blob.Info
	for i := range f.folders {
		path := f.folders[i].path
		if filepath.Base(path) < after[:min(2, len(after))] {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		entries, err := f.disk.list(path) // sorted by name
		if errors.Is(err, fs.ErrNotExist) {
			continue // a folder that is opened to read only may lack some
		}
		if err != nil {
			return nil, fmt.Errorf("files: list: %w", err)
		}
		for _, e := range entries {
			if len(list) >= limit {
				return list, nil
			}
			if e.Name() <= after || !e.Type().IsRegular() || blob.CheckName(e.Name()) != nil {
				continue
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue // deleted meanwhile
			}
			if err != nil {
				return nil, fmt.Errorf("files: list: %w", err)
			}
			list = append(list, blob.Info{Name: e.Name(), Size: info.Size(), ModTime: info.ModTime()})
		}
	}
	return list, nil
}

// full names a disk without room.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %v", blob.ErrFull, err)
	}
	return err
}
