package sqlite

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// TestDestroyedKeysLeaveTheFiles puts and destroys keys in random order, so
// that pages split and merge, and searches keys.db and its log for any 16
// bytes of a destroyed wrap. The search is shown to find the wraps that live.
func TestDestroyedKeysLeaveTheFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	st := openStore(t, dir)
	ctx := t.Context()
	vault := hearkeep.NewID[hearkeep.VaultID]()
	random := rand.New(rand.NewPCG(1, 2))
	live := map[hearkeep.RecordingID][]store.PartKey{}
	destroyed := windows{}
	for round := range 25 {
		var batch []store.PartKey
		for range 1 + random.IntN(60) {
			id := hearkeep.NewID[hearkeep.RecordingID]()
			for _, part := range hearkeep.Parts() {
				wrap := make([]byte, 113)
				for i := range wrap {
					wrap[i] = byte(random.Uint32())
				}
				live[id] = append(live[id], store.PartKey{Recording: id, Part: part, Version: 1, Wrap: wrap})
			}
			batch = append(batch, live[id]...)
		}
		if err := st.Keys().Put(ctx, vault, batch); err != nil {
			t.Fatal(err)
		}
		if round == 0 && windowsOf(batch).in(t, dir) == 0 {
			t.Fatal("the search does not find keys that are there")
		}
		var ids []hearkeep.RecordingID
		parts := [][]hearkeep.Part{nil, {hearkeep.PartAudio}, {hearkeep.PartWords, hearkeep.PartTurn}}[random.IntN(3)]
		for id, keys := range live {
			if random.IntN(4) == 0 {
				continue
			}
			ids = append(ids, id)
			if parts == nil {
				destroyed.add(keys...)
				delete(live, id)
				continue
			}
			var left []store.PartKey
			for _, k := range keys {
				if k.Part == parts[0] || k.Part == parts[len(parts)-1] {
					destroyed.add(k)
				} else {
					left = append(left, k)
				}
			}
			live[id] = left
		}
		if err := st.Keys().Destroy(ctx, vault, ids, parts); err != nil {
			t.Fatal(err)
		}
		if n := destroyed.in(t, dir); n > 0 {
			t.Fatalf("round %d: 16-byte pieces of destroyed wraps: got %d, want none", round, n)
		}
	}
	var kept []store.PartKey
	for id, keys := range live {
		for _, k := range keys {
			got, err := st.Keys().Part(ctx, vault, id, k.Part, 1)
			if err != nil || string(got) != string(k.Wrap) {
				t.Fatalf("a key that was kept: got error %v, want it unchanged", err)
			}
		}
		kept = append(kept, keys...)
	}
	if len(kept) > 0 && windowsOf(kept).in(t, dir) == 0 {
		t.Error("the search does not find the keys that were kept")
	}
	if err := st.Check(ctx); err != nil {
		t.Error(err)
	}
}

// windows is every run of 16 bytes of some wraps.
type windows map[[16]byte]bool

func windowsOf(keys []store.PartKey) windows {
	w := windows{}
	w.add(keys...)
	return w
}

func (w windows) add(keys ...store.PartKey) {
	for _, k := range keys {
		for i := 0; i+16 <= len(k.Wrap); i++ {
			w[[16]byte(k.Wrap[i:])] = true
		}
	}
}

// in counts them in the bytes of keys.db and its log.
func (w windows) in(t *testing.T, dir string) (n int) {
	t.Helper()
	for _, name := range []string{keysFile, keysFile + "-wal"} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+16 <= len(raw); i++ {
			if w[[16]byte(raw[i:])] {
				n++
			}
		}
	}
	return n
}

// TestDestroyWaitsForReaders: while a reader keeps the log from being emptied,
// Destroy does not say that the keys are gone.
func TestDestroyWaitsForReaders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	st := openStore(t, dir)
	ctx := t.Context()
	vault, id := hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.RecordingID]()
	key := store.PartKey{Recording: id, Part: hearkeep.PartAudio, Version: 1, Wrap: []byte("a wrap that is long enough to find")}
	if err := st.Keys().Put(ctx, vault, []store.PartKey{key}); err != nil {
		t.Fatal(err)
	}
	reading, release := make(chan struct{}), make(chan struct{})
	ended := make(chan error)
	go func() {
		ended <- st.keys.db.view(ctx, func(x *tx) error {
			_, err := value[int](ctx, x, "SELECT count(*) FROM part_keys")
			close(reading)
			<-release
			return err
		})
	}()
	<-reading
	hurried, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	err := st.Keys().Destroy(hurried, vault, []hearkeep.RecordingID{id}, nil)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Destroy beside a reader: got error %v, want %v", err, context.DeadlineExceeded)
	}
	if windowsOf([]store.PartKey{key}).in(t, dir) == 0 {
		t.Error("Destroy failed although the key had left the files")
	}
	close(release)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := st.Keys().Destroy(ctx, vault, []hearkeep.RecordingID{id}, nil); err != nil {
		t.Errorf("Destroy after the reader: %v", err)
	}
	if n := windowsOf([]store.PartKey{key}).in(t, dir); n > 0 {
		t.Errorf("pieces of the destroyed wrap: got %d, want none", n)
	}
}

// TestOpenEmptiesTheLog: a crash between the commit of Destroy and the emptying
// of the log is made good by the next Open.
func TestOpenEmptiesTheLog(t *testing.T) {
	dir := t.TempDir()
	st := openStore(t, dir)
	ctx := t.Context()
	vault, id := hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.RecordingID]()
	key := store.PartKey{Recording: id, Part: hearkeep.PartAudio, Version: 1, Wrap: []byte("a wrap that is long enough to find")}
	if err := st.Keys().Put(ctx, vault, []store.PartKey{key}); err != nil {
		t.Fatal(err)
	}
	err := st.keys.db.update(ctx, func(x *tx) error { // what Destroy commits
		return x.put(ctx, "UPDATE slots SET wrap = zeroblob(length(wrap))")
	})
	if err != nil {
		t.Fatal(err)
	}
	crashed := t.TempDir() // the files as they lie on disk at this moment
	for _, name := range []string{rowsFile, rowsFile + "-wal", keysFile, keysFile + "-wal"} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(crashed, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wrap := windowsOf([]store.PartKey{key})
	if wrap.in(t, crashed) == 0 {
		t.Fatal("the crashed files do not hold the key: the test shows nothing")
	}
	openStore(t, crashed)
	if n := wrap.in(t, crashed); n > 0 {
		t.Errorf("pieces of the destroyed wrap after Open: got %d, want none", n)
	}
}
