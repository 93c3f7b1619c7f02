package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sys/unix"
)

// fileHead is the checkpoint of a folder of tiles.
const fileHead = "checkpoint"

// Export writes the log as a folder of tiles (C2SP tlog-tiles), leaves and no
// bodies, and returns the checkpoint that the folder is of. A folder that holds
// an earlier export of this log gains what it lacks; one that holds anything
// else is refused, and so is one whose tiles are not this log's (ErrForked).
func (l *Ledger) Export(ctx context.Context, dir string) (Checkpoint, error) {
	head, err := l.Latest(ctx)
	if err != nil {
		return head, err
	}
	if head.Size == 0 {
		return head, hearkeep.Errorf(hearkeep.NotFound, "The ledger is empty: there is nothing to export.")
	}
	x := export{tree: &edge{}}
	if x.before, err = l.exported(dir); err != nil {
		return head, err
	}
	if x.dir, err = os.OpenRoot(dir); err != nil {
		return head, fmt.Errorf("ledger: export: %w", err)
	}
	defer x.dir.Close()
	if err := l.store.View(ctx, func(tx *store.Tx) error { return x.tiles(ctx, tx, head.Size) }); err != nil {
		return head, fmt.Errorf("ledger: export: %w", err)
	}
	if x.tree.root() != head.Root {
		return head, fmt.Errorf("ledger: export: %w: at size %d", ErrForked, head.Size)
	}
	return head, l.exportHead(dir, head)
}

// exported is the size of an earlier export, 0 for an empty folder.
func (l *Ledger) exported(dir string) (int64, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return 0, os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return 0, fmt.Errorf("ledger: export: %w", err)
	}
	signed, err := os.ReadFile(filepath.Join(dir, fileHead))
	if errors.Is(err, fs.ErrNotExist) && len(entries) == 1 && entries[0].Name() == "tile" {
		return 0, nil // an export that did not end
	}
	if err != nil {
		return 0, hearkeep.Errorf(hearkeep.Conflict, "%s is not empty, and holds no export of a ledger.", dir).
			WithHint("Name a folder that is empty, or not there yet. Nothing was changed.").Because(err)
	}
	head, err := parseSigned(signed, l.known)
	if err != nil {
		return 0, hearkeep.Errorf(hearkeep.Conflict, "%s holds the export of another ledger.", dir).
			WithHint("Name another folder. Nothing was changed.").Because(err)
	}
	return head.Size, nil
}

// exportHead writes keys and checkpoints, and last the checkpoint: what it
// speaks of is on the disk then.
func (l *Ledger) exportHead(dir string, head Checkpoint) error {
	var keys, lines bytes.Buffer
	for _, k := range l.keys {
		fmt.Fprintf(&keys, "%s %d\n", k.Key, k.First)
	}
	kept, err := l.Kept()
	if err != nil {
		return err
	}
	for _, c := range kept {
		if c.Origin == head.Origin && c.Size > head.Size {
			break // it came since
		}
		line, err := formatKept(c.Checkpoint, c.At)
		if err != nil {
			return err
		}
		lines.Write(line)
	}
	for _, f := range []struct {
		name string
		data []byte
	}{{FileKeys, keys.Bytes()}, {FileCheckpoints, lines.Bytes()}, {fileHead, head.Signed}} {
		if f.name == fileHead {
			if err := syncAll(dir); err != nil {
				return fmt.Errorf("ledger: export: %w", err)
			}
		}
		if err := rewrite(filepath.Join(dir, f.name), f.data); err != nil {
			return fmt.Errorf("ledger: export: %w", err)
		}
		if err := os.Chmod(filepath.Join(dir, f.name), 0o644); err != nil {
			return fmt.Errorf("ledger: export: %w", err)
		}
	}
	return nil
}

// syncAll brings what was written to a folder's file system to the disk: one
// call for thousands of tiles.
func syncAll(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(f.Fd())), f.Close())
}

// export is a log on its way into a folder.
type export struct {
	dir    *os.Root // whoever else writes there has no link out of it followed
	before int64    // entries of the export that lies there
	tree   *edge
	levels []level
}

// level is the tile that is being filled, of one level.
type level struct {
	n      int64
	hashes []tlog.Hash
}

// tiles reads the leaves once, and writes each tile when it is full.
func (x *export) tiles(ctx context.Context, tx *store.Tx, size int64) error {
	for n := int64(0); n < size; n += fullTile {
		width := min(fullTile, size-n)
		leaves, err := tx.Ledger.Leaves(ctx, n, int(width))
		if err != nil {
			return err
		}
		if int64(len(leaves)) != width {
			return fmt.Errorf("%w: entry %d is missing", ErrForked, n+int64(len(leaves)))
		}
		bundle := make([]byte, 0, fullTile*bundleEntry)
		for _, leaf := range leaves {
			bundle = append(append(bundle, 0, byte(len(leaf))), leaf[:]...)
			x.tree.add(leaf)
			if err := x.push(0, tlog.RecordHash(leaf[:])); err != nil {
				return err
			}
		}
		if err := x.write(-1, n/fullTile, bundle, int(width), n+width); err != nil {
			return err
		}
	}
	for at := range x.levels {
		if err := x.flush(at); err != nil {
			return err
		}
	}
	return nil
}

// push adds a hash to a level; a full tile becomes one hash of the next.
func (x *export) push(at int, h tlog.Hash) error {
	if at == len(x.levels) {
		x.levels = append(x.levels, level{})
	}
	x.levels[at].hashes = append(x.levels[at].hashes, h)
	if len(x.levels[at].hashes) < fullTile {
		return nil
	}
	full := x.levels[at].hashes
	if err := x.flush(at); err != nil {
		return err
	}
	for len(full) > 1 {
		for i := range len(full) / 2 {
			full[i] = tlog.NodeHash(full[2*i], full[2*i+1])
		}
		full = full[:len(full)/2]
	}
	return x.push(at+1, full[0])
}

// flush writes the tile that a level has, if any, and begins the next.
func (x *export) flush(at int) error {
	lv := &x.levels[at]
	if len(lv.hashes) == 0 {
		return nil
	}
	data := make([]byte, 0, len(lv.hashes)*tlog.HashSize)
	for _, h := range lv.hashes {
		data = append(data, h[:]...)
	}
	err := x.write(at, lv.n, data, len(lv.hashes), x.tree.size)
	lv.n, lv.hashes = lv.n+1, nil // push folds what was there
	return err
}

// write writes a tile, or at level -1 a bundle, whose last entry is before end, and removes the partial
// ones that it takes the place of. One that an earlier export has written must
// be the same.
func (x *export) write(level int, n int64, data []byte, width int, end int64) error {
	tile := tlog.Tile{H: tileHeight, L: level, N: n, W: width}
	path := filepath.FromSlash(pathOf(tile))
	partial := filepath.Dir(path)
	if width == fullTile {
		partial = path + ".p"
		have, err := x.dir.ReadFile(path)
		switch {
		case err == nil && bytes.Equal(have, data):
			return nil
		case err == nil && end <= x.before:
			return fmt.Errorf("%w: %s is another one", ErrForked, pathOf(tile))
		}
	}
	if err := x.dir.RemoveAll(partial); err != nil {
		return err
	}
	if err := x.dir.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return x.dir.WriteFile(path, data, 0o644)
}
