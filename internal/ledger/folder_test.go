package ledger_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hearkeep/hearkeep/internal/ledger"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// tileFolder writes a folder of tiles of random leaves as C2SP tlog-tiles says,
// by golang.org/x/mod alone, and returns the key that signed it.
func tileFolder(tb testing.TB, dir string, size int64) string {
	tb.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, "hearkeep.local/0123456789abcdef")
	if err != nil {
		tb.Fatal(err)
	}
	write := func(path string, data []byte) {
		path = filepath.Join(dir, filepath.FromSlash(path))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o644)); err != nil {
			tb.Fatal(err)
		}
	}
	var stored []tlog.Hash
	tree := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, at := range indexes {
			out[i] = stored[at]
		}
		return out, nil
	})
	leaves := make([]byte, 32*size)
	rand.Read(leaves)
	for n := range size {
		hs, err := tlog.StoredHashes(n, leaves[32*n:32*n+32], tree)
		if err != nil {
			tb.Fatal(err)
		}
		stored = append(stored, hs...)
	}
	for _, t := range tlog.NewTiles(8, 0, size) {
		data, err := tlog.ReadTileData(t, tree)
		if err != nil {
			tb.Fatal(err)
		}
		write("tile/"+t.Path()[len("tile/8/"):], data)
		if t.L == 0 {
			var bundle bytes.Buffer
			for i := t.N * 256; i < t.N*256+int64(t.W); i++ {
				bundle.Write([]byte{0, 32})
				bundle.Write(leaves[32*i : 32*i+32])
			}
			t.L = -1
			write("tile/entries/"+t.Path()[len("tile/8/data/"):], bundle.Bytes())
		}
	}
	root, err := tlog.TreeHash(size, tree)
	if err != nil {
		tb.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		tb.Fatal(err)
	}
	signed, err := note.Sign(&note.Note{Text: fmt.Sprintf("hearkeep.local/0123456789abcdef\n%d\n%s\n", size, base64.StdEncoding.EncodeToString(root[:]))}, signer)
	if err != nil {
		tb.Fatal(err)
	}
	write("checkpoint", signed)
	return vkey
}

// Folders that golang.org/x/mod wrote, of sizes at which tiles begin and end.
func TestFolderOfEverySizeIsRead(t *testing.T) {
	sizes := []int64{1, 2, 255, 256, 257, 1000, 65537}
	if underRace {
		sizes = []int64{1, 257, 1000}
	}
	for _, size := range sizes {
		dir := t.TempDir()
		key := tileFolder(t, dir, size)
		got, err := ledger.CheckFolder(t.Context(), os.DirFS(dir), nil, []string{key}, nil)
		if err != nil || got.Under.Size != size {
			t.Errorf("%d entries: got %d, %v", size, got.Under.Size, err)
		}
		if out, err := exec.CommandContext(t.Context(), "node", "../../verify/cli.mjs", "--key", key, dir).CombinedOutput(); err != nil {
			t.Errorf("%d entries: the second verifier: %v\n%s", size, err, out)
		}
	}
}

// BenchmarkCheckFolder verifies a folder of a whole log, once by each verifier.
func BenchmarkCheckFolder(b *testing.B) {
	dir := b.TempDir()
	key := tileFolder(b, dir, benchSize())
	b.Run("hearkeep", func(b *testing.B) {
		for b.Loop() {
			if _, err := ledger.CheckFolder(b.Context(), os.DirFS(dir), nil, []string{key}, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("node", func(b *testing.B) {
		for b.Loop() {
			if out, err := exec.CommandContext(b.Context(), "node", "../../verify/cli.mjs", "--key", key, dir).CombinedOutput(); err != nil {
				b.Fatalf("%v\n%s", err, out)
			}
		}
	})
}
