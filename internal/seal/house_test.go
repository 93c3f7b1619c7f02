package seal

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hearkeep/hearkeep"
)

func TestHouseKeyFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "house.key")
	first, err := LoadOrCreateHouseKey(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != keySize {
		t.Errorf("file: got %v of %d bytes, want 0600 of %d", info.Mode(), info.Size(), keySize)
	}
	again, err := LoadOrCreateHouseKey(path)
	if err != nil || *again.k != *first.k {
		t.Errorf("the key was not read back: %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("got %d files in the folder, want the key alone", len(entries))
	}
}

func TestHouseKeyFileRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, size int, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, path := range map[string]string{
		"group may read":  write("group", keySize, 0o640),
		"others may read": write("others", keySize, 0o604),
		"short":           write("short", keySize-1, 0o600),
		"long":            write("long", keySize+1, 0o600),
		"empty":           write("empty", 0, 0o600),
		"a folder":        dir,
		"no such folder":  filepath.Join(dir, "none", "key"),
	} {
		before, _ := os.ReadFile(path)
		hk, err := LoadOrCreateHouseKey(path)
		code, sentence, hint := hearkeep.Explain(err)
		if code != hearkeep.Unavailable || sentence == "" || !strings.Contains(hint, path) {
			t.Errorf("%s: got %v (%q), want a sentence and a hint at the file", name, err, hint)
		}
		if hk.k != nil {
			t.Errorf("%s: got a key beside the error", name)
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

// Processes that start at the same moment end up with one key.
func TestHouseKeyFileIsCreatedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "house.key")
	keys := make([]HouseKey, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			var err error
			if keys[i], err = LoadOrCreateHouseKey(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, k := range keys {
		if k.k == nil || *k.k != *keys[0].k {
			t.Fatal("two keys were made")
		}
	}
}
