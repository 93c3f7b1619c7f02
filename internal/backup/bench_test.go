package backup

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// BenchmarkMake compares backups with cp -r and sync of the same keep: the
// first one, and one where nothing was said since.
func BenchmarkMake(b *testing.B) {
	h := newHome(b)
	h.keepN(2000)
	b.Run("cp -r and sync", func(b *testing.B) {
		for range b.N {
			must(b, exec.Command("cp", "-r", h.dir, filepath.Join(b.TempDir(), "copy")).Run())
			must(b, exec.Command("sync", "-f", h.dir).Run())
		}
	})
	b.Run("first", func(b *testing.B) {
		for range b.N {
			h.to, h.keysTo = filepath.Join(b.TempDir(), "b"), filepath.Join(b.TempDir(), "k")
			b.SetBytes(h.make().Bytes)
		}
	})
	b.Run("next", func(b *testing.B) {
		h.to, h.keysTo = filepath.Join(b.TempDir(), "b"), filepath.Join(b.TempDir(), "k")
		h.make()
		for b.Loop() {
			b.SetBytes(h.make().Bytes)
		}
	})
}
