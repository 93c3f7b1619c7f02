package ledger_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
)

// grow appends n entries of made-up people in batches.
func (f fixture) grow(t testing.TB, n int) {
	t.Helper()
	for people := newHousehold(10); n > 0; n -= 500 {
		if _, err := f.log.Write(t.Context(), people.batch(n, min(n, 500))...); err != nil {
			t.Fatal(err)
		}
	}
}

func TestExportedFolderIsTheLog(t *testing.T) {
	f, ctx := open(t), t.Context()
	dir := filepath.Join(t.TempDir(), "log")
	f.grow(t, 255)
	var older []ledger.Checkpoint
	// Around the widths of tiles: a folder grows from one to the next.
	steps := []int{0, 1, 1, 255, 255 * 256, 300}
	if underRace {
		steps = []int{0, 1, 1, 255, 300}
	}
	for _, more := range steps {
		f.grow(t, more)
		head, err := f.log.Export(ctx, dir)
		if err != nil {
			t.Fatalf("export after %d more: %v", more, err)
		}
		got, err := ledger.CheckFolder(ctx, os.DirFS(dir), older, []string{f.log.Key()}, nil)
		if err != nil {
			t.Fatalf("check of %d entries: %v", head.Size, err)
		}
		if got.Under.Size != head.Size || got.Kept == 0 {
			t.Errorf("folder: got %d entries, %d kept checkpoints, want %d and some", got.Under.Size, got.Kept, head.Size)
		}
		older = append(older, head)
	}
	for i, from := range older {
		to := older[len(older)-1]
		path, err := f.log.Consistency(ctx, from.Size, to.Size)
		if err != nil {
			t.Fatal(err)
		}
		if err := to.CheckConsistency(from, path); err != nil {
			t.Errorf("checkpoint %d of %d entries: %v", i, from.Size, err)
		}
	}
}

func TestExportRefusesWhatIsNotItsOwn(t *testing.T) {
	f, g, ctx := open(t), open(t), t.Context()
	f.grow(t, 600)
	g.grow(t, 600)
	if _, err := open(t).log.Export(ctx, t.TempDir()); hearkeep.CodeOf(err) != hearkeep.NotFound {
		t.Errorf("export of an empty log: got %v, want NotFound", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "holiday.jpg"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.log.Export(ctx, dir); hearkeep.CodeOf(err) != hearkeep.Conflict {
		t.Errorf("export among other files: got %v, want Conflict", err)
	}
	dir = t.TempDir()
	if _, err := g.log.Export(ctx, dir); err != nil {
		t.Fatal(err)
	}
	if _, err := f.log.Export(ctx, dir); hearkeep.CodeOf(err) != hearkeep.Conflict {
		t.Errorf("export over another log: got %v, want Conflict", err)
	}
	tile := filepath.Join(dir, "tile", "0", "001")
	data, err := os.ReadFile(tile)
	if err != nil {
		t.Fatal(err)
	}
	data[0] ^= 1
	if err := os.WriteFile(tile, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := g.log.Export(ctx, dir); !errors.Is(err, ledger.ErrForked) {
		t.Errorf("export over an altered tile: got %v, want ErrForked", err)
	}
}
