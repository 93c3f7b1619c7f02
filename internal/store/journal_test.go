package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
)

func erasure(recordings int, parts ...hearkeep.Part) Erasure {
	e := Erasure{Receipt: hearkeep.NewID[hearkeep.ReceiptID](), Vault: hearkeep.NewID[hearkeep.VaultID](), Parts: parts,
		Outcome: hearkeep.OutcomeErased, At: time.Date(2026, time.March, 29, 1, 30, 0, 0, time.UTC)}
	for range recordings {
		e.Recordings = append(e.Recordings, hearkeep.NewID[hearkeep.RecordingID]())
	}
	return e
}

func openJournal(t *testing.T, path string) *Journal {
	t.Helper()
	j, err := OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func wantJournal(t *testing.T, j *Journal, want ...Erasure) {
	t.Helper()
	var got []Erasure
	if err := j.Each(func(e Erasure) error { got = append(got, e); return nil }); err != nil {
		t.Errorf("Each: %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
}

func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "erasures")
	j := openJournal(t, path)
	wantJournal(t, j)
	corrected := erasure(1, hearkeep.PartWords)
	corrected.Below = 7
	want := []Erasure{erasure(2), erasure(1, hearkeep.PartAudio, hearkeep.PartWords), corrected, erasure(3000)}
	for _, e := range want {
		e.Seq, e.Entry = 7, 9 // the database's: not written
		if err := j.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	wantJournal(t, j, want...)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: got %v, error %v; want 0600", info.Mode(), err)
	}
	j = openJournal(t, path)
	wantJournal(t, j, want...)

	sentinel := errors.New("the caller's own")
	if err := j.Each(func(Erasure) error { return sentinel }); err != sentinel {
		t.Errorf("Each: got error %v, want the caller's", err)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Append(done, erasure(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("Append under a done context: got error %v", err)
	}
	wantJournal(t, j, want...)
}

func TestJournalConcurrent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "erasures")
	j := openJournal(t, path)
	var mu sync.Mutex
	want := map[hearkeep.ReceiptID]Erasure{}
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			e := erasure(3)
			if err := j.Append(t.Context(), e); err != nil {
				t.Errorf("Append: %v", err)
			}
			mu.Lock()
			want[e.Receipt] = e
			mu.Unlock()
		})
	}
	wg.Wait()
	got := map[hearkeep.ReceiptID]Erasure{}
	if err := openJournal(t, path).Each(func(e Erasure) error { got[e.Receipt] = e; return nil }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
}

// TestJournalTorn cuts the last line at every byte, as a crash may: the lines
// before it stand, and the next one takes its place.
func TestJournalTorn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "erasures")
	j := openJournal(t, path)
	first, second, third := erasure(1), erasure(2), erasure(1)
	for _, e := range []Erasure{first, second} {
		if err := j.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begin := bytes.IndexByte(whole, '\n') + 1
	torn := [][]byte{}
	for n := begin; n < len(whole); n++ {
		torn = append(torn, whole[:n])
	}
	zeroes := bytes.Clone(whole) // its end reached the disk, a block before it did not
	clear(zeroes[begin+5 : len(zeroes)-5])
	torn = append(torn, zeroes)
	for _, data := range torn {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := OpenJournal(path)
		if err != nil {
			t.Fatalf("cut to %d bytes: %v", len(data), err)
		}
		wantJournal(t, j, first)
		if err := j.Append(t.Context(), third); err != nil {
			t.Fatal(err)
		}
		wantJournal(t, j, first, third)
		j.Close()
	}
	wantJournal(t, openJournal(t, path), first, third)
}

// TestJournalDamaged flips bytes of whole lines: each is an error that names
// the line and none of what it says.
func TestJournalDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "erasures")
	j := openJournal(t, path)
	for range 3 {
		if err := j.Append(t.Context(), erasure(1)); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	size := len(whole) / 3
	for line := 1; line <= 3; line++ {
		for _, at := range []int{0, 8, 20, size - 2} {
			damaged := bytes.Clone(whole)
			damaged[(line-1)*size+at] ^= 1
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			want := fmt.Sprintf("line %d is damaged", line)
			if _, err := OpenJournal(path); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("OpenJournal: got error %v, want %q", err, want)
			}
			if err := j.Each(func(Erasure) error { return nil }); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Each: got error %v, want %q", err, want)
			}
		}
	}
	// A whole line of zeroes in the middle is damage, not a crash.
	damaged := bytes.Clone(whole)
	clear(damaged[size+1 : 2*size-1])
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenJournal(path); err == nil {
		t.Error("OpenJournal passed over zeroes before the last line")
	}
}

// badFile fails its next writes or syncs.
type badFile struct {
	journalFile
	writes, syncs atomic.Int32
}

func (f *badFile) WriteAt(p []byte, at int64) (int, error) {
	if f.writes.Add(-1) >= 0 {
		n, _ := f.journalFile.WriteAt(p[:len(p)/2], at)
		return n, syscall.ENOSPC
	}
	return f.journalFile.WriteAt(p, at)
}

func (f *badFile) Sync() error {
	if f.syncs.Add(-1) >= 0 {
		return syscall.EIO
	}
	return f.journalFile.Sync()
}

func TestJournalFaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "erasures")
	j := openJournal(t, path)
	bad := &badFile{journalFile: j.f}
	j.f = bad
	first, second := erasure(1), erasure(1)
	if err := j.Append(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	bad.writes.Store(1)
	if err := j.Append(t.Context(), erasure(9)); !errors.Is(err, ErrFull) {
		t.Errorf("Append on a full disk: got error %v, want %v", err, ErrFull)
	}
	bad.syncs.Store(1)
	if err := j.Append(t.Context(), erasure(9)); !errors.Is(err, syscall.EIO) {
		t.Errorf("Append to a disk that fails: got error %v, want EIO", err)
	}
	wantJournal(t, j, first)
	if err := j.Append(t.Context(), second); err != nil {
		t.Errorf("Append after the faults: %v", err)
	}
	wantJournal(t, openJournal(t, path), first, second)
}

// TestJournalFaultsShared lets syncs fail under many callers: who was told
// nil finds its line, and who was told an error does not.
func TestJournalFaultsShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "erasures")
	j := openJournal(t, path)
	bad := &badFile{journalFile: j.f}
	j.f = bad
	var told sync.Map
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			if i%8 == 0 {
				bad.syncs.Store(1)
			}
			e := erasure(2)
			told.Store(e.Receipt, j.Append(t.Context(), e) == nil)
		})
	}
	wg.Wait()
	found := map[hearkeep.ReceiptID]bool{}
	if err := openJournal(t, path).Each(func(e Erasure) error { found[e.Receipt] = true; return nil }); err != nil {
		t.Fatal(err)
	}
	told.Range(func(receipt, kept any) bool {
		if got := found[receipt.(hearkeep.ReceiptID)]; got != kept {
			t.Errorf("line in the file: got %v, but Append said %v", got, kept)
		}
		return true
	})
}

func FuzzJournal(f *testing.F) {
	line, err := encodeErasure(erasure(2, hearkeep.PartAudio))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line)
	f.Add(append(line, line[:len(line)/2]...))
	f.Add([]byte("00000000 \n"))
	f.Add(make([]byte, 100))
	f.Fuzz(func(t *testing.T, data []byte) {
		var lines []byte
		whole, err := readJournal(bytes.NewReader(data), func(e Erasure) error {
			line, err := encodeErasure(e)
			lines = append(lines, line...)
			return err
		})
		if whole > int64(len(data)) {
			t.Fatalf("whole: got %d of %d bytes", whole, len(data))
		}
		if err != nil {
			return
		}
		again, err := readJournal(bytes.NewReader(lines), func(Erasure) error { return nil })
		if err != nil || again != int64(len(lines)) {
			t.Fatalf("reading what was written: got %d of %d bytes, error %v", again, len(lines), err)
		}
	})
}
