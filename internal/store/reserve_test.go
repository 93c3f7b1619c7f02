package store

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func blocks(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}

func TestReserve(t *testing.T) {
	path := filepath.Join(t.TempDir(), "reserve")
	const size = 1 << 20
	r, err := OpenReserve(path, size)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Held() || blocks(t, path) < size {
		t.Errorf("opened: got held %v, %d bytes of blocks; want %d", r.Held(), blocks(t, path), size)
	}
	for range 2 {
		if err := r.Release(); err != nil {
			t.Fatal(err)
		}
	}
	if r.Held() || blocks(t, path) != 0 {
		t.Errorf("released: got held %v, %d bytes of blocks; want none", r.Held(), blocks(t, path))
	}
	for range 2 {
		if err := r.Refill(); err != nil {
			t.Fatal(err)
		}
	}
	if !r.Held() || blocks(t, path) < size {
		t.Errorf("refilled: got held %v, %d bytes of blocks; want %d", r.Held(), blocks(t, path), size)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	// A file with holes holds no room, and is filled at the next start.
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	r, err = OpenReserve(path, size)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if !r.Held() || blocks(t, path) < size {
		t.Errorf("opened over holes: got held %v, %d bytes of blocks; want %d", r.Held(), blocks(t, path), size)
	}
}

// TestReserveFull fills a real file system; where mounting is not allowed the
// size of a file is limited instead.
func TestReserveFull(t *testing.T) {
	dir := t.TempDir()
	if syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m") != nil {
		limitFiles(t, 100<<10)
		r, err := OpenReserve(filepath.Join(dir, "reserve"), 1<<20)
		if err == nil {
			r.Close()
			t.Error("OpenReserve took more than there is room for")
		}
		return
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)

	path := filepath.Join(dir, "reserve")
	small, err := OpenReserve(path, 512<<10)
	if err != nil {
		t.Fatal(err)
	}
	defer small.Close()
	j := openJournal(t, filepath.Join(dir, "erasures"))
	if err := j.Append(t.Context(), erasure(1)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "speech"), make([]byte, 2<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk: got error %v, want ENOSPC", err)
	}
	big := erasure(1000)
	if err := j.Append(t.Context(), big); !errors.Is(err, ErrFull) {
		t.Errorf("Append on a full disk: got error %v, want %v", err, ErrFull)
	}
	// With the reserve given up, erasing goes on.
	if err := small.Release(); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), big); err != nil {
		t.Errorf("Append after Release: %v", err)
	}
	if err := small.Refill(); !errors.Is(err, ErrFull) || small.Held() {
		t.Errorf("Refill of a full disk: got error %v, held %v; want %v", err, small.Held(), ErrFull)
	}
	if got := blocks(t, path); got != 0 {
		t.Errorf("a Refill that failed took %d bytes, want none", got)
	}
	// A start on a full disk goes on without a reserve.
	r, err := OpenReserve(filepath.Join(dir, "other"), 4<<20)
	if !errors.Is(err, ErrFull) || r == nil || r.Held() {
		t.Errorf("OpenReserve on a full disk: got error %v, want %v and a Reserve", err, ErrFull)
	}
	if err := os.Remove(filepath.Join(dir, "speech")); err != nil {
		t.Fatal(err)
	}
	if err := small.Refill(); err != nil || !small.Held() {
		t.Errorf("Refill after room was made: got error %v, held %v", err, small.Held())
	}
}

func limitFiles(t *testing.T, size uint64) {
	t.Helper()
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was) })
}
