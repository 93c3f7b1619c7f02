package sqlite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hearkeep/hearkeep/internal/store"
)

// TestCloseLeavesNothingOpen: a store that is closed holds no file any more,
// however it was used.
func TestCloseLeavesNothingOpen(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		s, err := Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		look := func(tx *store.Tx) error { _, err := tx.Vaults.AllVaults(t.Context()); return err }
		if err := s.Update(t.Context(), look); err != nil {
			t.Fatal(err)
		}
		if err := s.View(t.Context(), look); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	}
	open, err := os.ReadDir("/proc/self/fd")
	if os.IsNotExist(err) {
		return // not Linux
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range open {
		if to, err := os.Readlink(filepath.Join("/proc/self/fd", fd.Name())); err == nil && strings.HasPrefix(to, dir) {
			t.Errorf("%s is open after the store was closed", filepath.Base(to))
		}
	}
}
