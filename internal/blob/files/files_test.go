package files

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hearkeep/hearkeep/internal/blob"
	"github.com/hearkeep/hearkeep/internal/blob/blobtest"
)

func openFiles(t testing.TB, dir string) *Files {
	t.Helper()
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestContract(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) (blob.Store, func() blob.Store) {
		dir := filepath.Join(t.TempDir(), "blobs")
		return openFiles(t, dir), func() blob.Store { return openFiles(t, dir) }
	})
}

// badDisk fails with err at the first call of one step after it was armed.
type badDisk struct {
	osDisk
	at  string
	err error
	hit atomic.Int32
}

func (d *badDisk) fail(step string) error {
	if d.at == step && d.hit.Add(1) == 1 {
		return d.err
	}
	return nil
}

func (d *badDisk) create(path string) (file, error) {
	if err := d.fail("create"); err != nil {
		return nil, err
	}
	f, err := d.osDisk.create(path)
	return &badFile{f, d}, err
}

func (d *badDisk) rename(from, to string) error {
	if err := d.fail("rename"); err != nil {
		return err
	}
	return d.osDisk.rename(from, to)
}

func (d *badDisk) syncFolder(path string) error {
	if err := d.fail("sync folder"); err != nil {
		return err
	}
	return d.osDisk.syncFolder(path)
}

type badFile struct {
	file
	d *badDisk
}

func (f *badFile) Write(p []byte) (int, error) {
	if err := f.d.fail("write"); err != nil {
		n, _ := f.file.Write(p[:len(p)/2]) // a full disk takes what still fits
		return n, err
	}
	return f.file.Write(p)
}

func (f *badFile) Sync() error {
	if err := f.d.fail("sync"); err != nil {
		return err
	}
	return f.file.Sync()
}

func (f *badFile) Close() error { return errors.Join(f.file.Close(), f.d.fail("close")) }

// TestFaults fails each step of Put: the caller is told, and the blob is
// absent, with nothing left of it.
func TestFaults(t *testing.T) {
	for _, step := range []string{"create", "write", "sync", "close", "rename", "sync folder"} {
		for _, cause := range []error{syscall.ENOSPC, syscall.EIO} {
			t.Run(step+", "+cause.Error(), func(t *testing.T) {
				dir := t.TempDir()
				d := &badDisk{err: cause}
				f, err := openOn(dir, d)
				if err != nil {
					t.Fatal(err)
				}
				d.at = step
				name, data := blobtest.Name(), bytes.Repeat([]byte("sealed"), 50_000)
				err = f.Put(t.Context(), name, bytes.NewReader(data))
				if err == nil {
					t.Fatal("Put said that the blob is kept")
				}
				if got, want := errors.Is(err, blob.ErrFull), cause == syscall.ENOSPC; got != want {
					t.Errorf("error %v is ErrFull: got %v, want %v", err, got, want)
				}
				if strings.Contains(err.Error(), "sealed") {
					t.Error("the error tells what was to be kept")
				}
				if _, err := f.Open(t.Context(), name); err != blob.ErrNotFound {
					t.Errorf("Open: got error %v, want %v", err, blob.ErrNotFound)
				}
				if left := regularFiles(t, dir); len(left) != 0 {
					t.Errorf("files left: got %v, want none", left)
				}
				// The disk is well again.
				if err := f.Put(t.Context(), name, bytes.NewReader(data)); err != nil {
					t.Errorf("Put after the fault: %v", err)
				}
				if got, err := os.ReadFile(filepath.Join(dir, name[:2], name)); err != nil || !bytes.Equal(got, data) {
					t.Errorf("blob after the fault: got %d bytes, error %v", len(got), err)
				}
			})
		}
	}
}

func regularFiles(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestSweep: what a crash left half written goes at the next Open, and files
// that are not blobs are passed over.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	f := openFiles(t, dir)
	kept, half := blobtest.Name(), blobtest.Name()
	if err := f.Put(t.Context(), kept, strings.NewReader("whole")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, tmp, half), filepath.Join(dir, kept[:2], "notes.txt")} {
		if err := os.WriteFile(path, []byte("hal"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	look, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, tmp, half)); err != nil {
		t.Errorf("OpenReadOnly swept: %v", err)
	}
	f = openFiles(t, dir)
	for _, s := range []blob.Store{f, look} {
		list, err := s.Each(t.Context(), "", 10)
		if err != nil || len(list) != 1 || list[0].Name != kept {
			t.Errorf("Each: got %v, error %v; want %s alone", list, err, kept)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, tmp, half)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("half a blob after Open: got error %v, want it gone", err)
	}
	if err := f.Put(t.Context(), half, strings.NewReader("whole now")); err != nil {
		t.Errorf("Put of the swept name: %v", err)
	}
	if err := look.Put(t.Context(), blobtest.Name(), strings.NewReader("x")); err == nil {
		t.Error("Put wrote to a folder that was opened to read only")
	}
	if err := look.Delete(t.Context(), kept); err == nil {
		t.Error("Delete removed from a folder that was opened to read only")
	}
	if _, err := OpenReadOnly(filepath.Join(dir, "absent")); err == nil {
		t.Error("OpenReadOnly opened a folder that is not there")
	}
}

func TestPermissions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "blobs")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f := openFiles(t, dir)
	if err := f.Put(t.Context(), blobtest.Name(), strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: got mode %v, want none for others", e.Name(), info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFullDisk fills a real file system of 1 MiB; where mounting is not
// allowed it limits the size of a file instead, which the kernel also refuses
// in the middle of a write.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	mounted := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m") == nil
	if mounted {
		t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	}
	f := openFiles(t, filepath.Join(dir, "blobs"))
	small := blobtest.Name()
	if err := f.Put(t.Context(), small, bytes.NewReader(make([]byte, 1000))); err != nil {
		t.Fatal(err)
	}
	big := blobtest.Name()
	err := putLimited(t, f, big, make([]byte, 4<<20), !mounted)
	if err == nil {
		t.Fatal("Put kept more than there is room for")
	}
	if mounted && !errors.Is(err, blob.ErrFull) {
		t.Errorf("Put on a full disk: got error %v, want %v", err, blob.ErrFull)
	}
	if _, err := f.Open(t.Context(), big); err != blob.ErrNotFound {
		t.Errorf("Open: got error %v, want %v", err, blob.ErrNotFound)
	}
	if err := f.Put(t.Context(), big, strings.NewReader("fits")); err != nil {
		t.Errorf("Put of what fits: %v", err)
	}
	if got := len(regularFiles(t, dir)); got != 2 {
		t.Errorf("files: got %d, want 2", got)
	}
}

// putLimited puts under RLIMIT_FSIZE of 1 MiB, if asked to.
func putLimited(t *testing.T, f *Files, name string, data []byte, limit bool) error {
	if limit {
		var was syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 20, Max: was.Max}); err != nil {
			t.Fatal(err)
		}
		defer syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was)
	}
	return f.Put(t.Context(), name, bytes.NewReader(data))
}
