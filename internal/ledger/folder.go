package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A folder of tiles: C2SP tlog-tiles as files, and what docs/ledger.md adds.
const (
	tileHeight  = 8
	fullTile    = 1 << tileHeight // hashes
	bundleEntry = 2 + 32          // bytes: a length, and a leaf
	maxKeys     = 1 << 20         // bytes of ledger.keys
	maxKept     = 256 << 20       // bytes of the file of checkpoints
)

// Folder is what a folder of tiles was found to be.
type Folder struct {
	Under Checkpoint
	Key   string   // that signed it, of those that count
	Keys  []string // those that ledger.keys lists: a claim
	Kept  int      // kept checkpoints that are of this log's first entries
	Lost  int      // kept checkpoints of entries that a restore lost
}

// CheckFolder reads a folder of tiles, and computes the whole tree anew from
// its leaves: every tile, the signed root, and that the log begins with every
// checkpoint that it kept and with those that are given. keys are the vkeys
// that count; without any, those of the folder itself do, and nothing vouches
// for them. Cosignatures of witnesses, vkeys too, must be right where they are.
// Memory does not grow with the log, but for the kept checkpoints.
func CheckFolder(ctx context.Context, dir fs.FS, older []Checkpoint, keys, witnesses []string) (Folder, error) {
	f := &folderCheck{dir: dir, roots: make(map[int64]tlog.Hash)}
	if err := f.open(keys, witnesses, older); err != nil {
		return Folder{}, err
	}
	if err := f.grow(ctx); err != nil {
		return Folder{}, err
	}
	return f.found, f.compare()
}

// folderCheck is a folder while it is read once, from its first leaf on.
type folderCheck struct {
	dir    fs.FS
	found  Folder
	firsts []int64 // when each of found.Keys took over

	within []Checkpoint        // heads that the log must begin with
	sizes  []int64             // theirs, ascending
	roots  map[int64]tlog.Hash // at sizes

	tiles []tileRow // by level
}

// tileRow is the last, unfinished tile of a level.
type tileRow struct {
	n    int64
	data []byte
}

func (f *folderCheck) open(keys, witnesses []string, older []Checkpoint) error {
	signed, err := f.read("checkpoint", maxNote)
	if err != nil {
		return fmt.Errorf("%w: there is no checkpoint in the folder", ErrMalformed)
	}
	if err := f.readKeys(); err != nil {
		return err
	}
	own := keys
	if len(own) == 0 {
		own = f.found.Keys
	}
	own = unique(own, witnesses)
	known, err := Trust(own...)
	if err != nil {
		return err
	}
	if f.found.Under, err = OpenCheckpoint(signed, known); err != nil {
		return err
	}
	for _, vkey := range own {
		if one, err := Trust(vkey); err == nil && !IsWitness(vkey) {
			if _, err := OpenCheckpoint(signed, one); err == nil {
				f.found.Key = vkey
			}
		}
	}
	f.within = slices.Clone(older)
	if err := f.readKept(own, unique(own, f.found.Keys)); err != nil {
		return err
	}
	for _, c := range f.within {
		if c.Size > f.found.Under.Size {
			return fmt.Errorf("%w: the log has fewer entries than the %d of an older checkpoint", ErrFalse, c.Size)
		}
		f.sizes = append(f.sizes, c.Size)
	}
	slices.Sort(f.sizes)
	f.sizes = slices.Compact(f.sizes)
	return nil
}

// read reads a file of the folder, which may be from anybody: no device, no
// pipe, and no more than it can be.
func (f *folderCheck) read(name string, most int64) ([]byte, error) {
	info, err := fs.Stat(f.dir, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return nil, fmt.Errorf("%w: %s is no file, or too long", ErrMalformed, name)
	}
	return fs.ReadFile(f.dir, name)
}

// readKeys reads ledger.keys: a key a line, and when it took over.
func (f *folderCheck) readKeys() error {
	text, err := f.read(FileKeys, maxKeys)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ledger: %s: %w", FileKeys, err)
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		vkey, count, _ := strings.Cut(line, " ")
		first, err := parseCount(count)
		if err != nil {
			return fmt.Errorf("%w: %s cannot be read", ErrMalformed, FileKeys)
		}
		if _, err := trusted(vkey); err != nil {
			return err
		}
		f.found.Keys, f.firsts = append(f.found.Keys, vkey), append(f.firsts, first)
	}
	return nil
}

// readKept opens the kept checkpoints. One of an older key, beyond where the
// next took over, speaks of entries that a restore lost.
func (f *folderCheck) readKept(ownKeys, allKeys []string) error {
	text, err := f.read(FileCheckpoints, maxKept)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(text) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ledger: %s: %w", FileCheckpoints, err)
	}
	all, err := Trust(allKeys...)
	if err != nil {
		return err
	}
	ours, err := Trust(ownKeys...)
	if err != nil {
		return err
	}
	rest, ok := bytes.CutSuffix(text, []byte("\n"))
	if !ok {
		return fmt.Errorf("%w: %s was cut off", ErrMalformed, FileCheckpoints)
	}
	var last Checkpoint
	for line := range bytes.SplitSeq(rest, []byte("\n")) {
		c, err := f.openKept(line, ours, all)
		if err != nil {
			return err
		}
		if c.Origin == last.Origin && c.Size < last.Size {
			return fmt.Errorf("%w: a kept checkpoint is of fewer entries than the one before", ErrFalse)
		}
		last = c
		if c.Origin != f.found.Under.Origin && c.Size > f.until(c.Origin) {
			f.found.Lost++
			continue
		}
		f.within = append(f.within, c)
		f.found.Kept++
	}
	return nil
}

func (f *folderCheck) openKept(line []byte, ours, all note.Verifiers) (Checkpoint, error) {
	var kept map[string]any // whose names are taken as they are spelled
	err := json.Unmarshal(line, &kept)
	signed, ok := kept["checkpoint"].(string)
	if err != nil || !ok || !utf8.Valid(line) {
		return Checkpoint{}, fmt.Errorf("%w: a kept checkpoint cannot be read", ErrMalformed)
	}
	known := all
	if strings.HasPrefix(signed, f.found.Under.Origin+"\n") {
		known = ours
	}
	c, err := OpenCheckpoint([]byte(signed), known)
	if errors.Is(err, ErrUnknownKey) {
		err = fmt.Errorf("%w: a kept checkpoint was not signed by this log", ErrFalse)
	}
	return c, err
}

// until is up to which size the log goes on from what an older origin signed.
func (f *folderCheck) until(origin string) int64 {
	for i, vkey := range f.found.Keys[:max(len(f.found.Keys)-1, 0)] {
		if strings.HasPrefix(vkey, origin+"+") {
			return f.firsts[i+1]
		}
	}
	return f.found.Under.Size
}

// grow adds leaf after leaf, and compares each tile when it is full.
func (f *folderCheck) grow(ctx context.Context) error {
	tree := &edge{}
	for n := int64(0); n*fullTile < f.found.Under.Size; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		leaves, err := f.bundle(n, min(fullTile, f.found.Under.Size-n*fullTile))
		if err != nil {
			return err
		}
		for ; len(leaves) > 0; leaves = leaves[bundleEntry:] {
			f.pin(tree)
			for level, h := range tree.add([32]byte(leaves[2:bundleEntry])) {
				if level%tileHeight == 0 {
					if err := f.push(level/tileHeight, h); err != nil {
						return err
					}
				}
			}
		}
	}
	f.pin(tree)
	for level := range f.tiles {
		if err := f.compareTile(level); err != nil {
			return err
		}
	}
	f.roots[f.found.Under.Size] = tree.root()
	return nil
}

// pin notes the root where a checkpoint is of this size.
func (f *folderCheck) pin(tree *edge) {
	if len(f.sizes) > 0 && f.sizes[0] == tree.size {
		f.roots[tree.size], f.sizes = tree.root(), f.sizes[1:]
	}
}

// bundle reads the leaves of an entry bundle.
func (f *folderCheck) bundle(n, width int64) ([]byte, error) {
	t := tlog.Tile{H: tileHeight, L: -1, N: n, W: int(width)}
	data, err := f.read(pathOf(t), fullTile*bundleEntry)
	if err != nil || int64(len(data)) != width*bundleEntry {
		return nil, fmt.Errorf("%w: the entry bundle %d is missing, or of a wrong length", ErrMalformed, n)
	}
	for i := 0; i < len(data); i += bundleEntry {
		if data[i] != 0 || data[i+1] != 32 {
			return nil, fmt.Errorf("%w: the entry bundle %d has an entry that is no leaf", ErrMalformed, n)
		}
	}
	return data, nil
}

func (f *folderCheck) push(level int, h tlog.Hash) error {
	if level == len(f.tiles) {
		f.tiles = append(f.tiles, tileRow{})
	}
	row := &f.tiles[level]
	row.data = append(row.data, h[:]...)
	if len(row.data) < fullTile*tlog.HashSize {
		return nil
	}
	err := f.compareTile(level)
	row.n, row.data = row.n+1, row.data[:0]
	return err
}

// compareTile holds the tile that was computed last against its file.
func (f *folderCheck) compareTile(level int) error {
	row := f.tiles[level]
	if len(row.data) == 0 {
		return nil
	}
	data, err := f.read(pathOf(tlog.Tile{H: tileHeight, L: level, N: row.n, W: len(row.data) / tlog.HashSize}), fullTile*tlog.HashSize)
	if err != nil {
		return fmt.Errorf("%w: the tile %d/%d is missing", ErrMalformed, level, row.n)
	}
	if !bytes.Equal(data, row.data) {
		return fmt.Errorf("%w: the tile %d/%d is not that of its entries", ErrFalse, level, row.n)
	}
	return nil
}

// pathOf is a tile's path as C2SP writes it: tlog's, without the height and
// with "entries" for what tlog calls "data".
func pathOf(t tlog.Tile) string {
	path := strings.TrimPrefix(t.Path(), "tile/8/")
	if rest, ok := strings.CutPrefix(path, "data/"); ok {
		path = "entries/" + rest
	}
	return "tile/" + path
}

func (f *folderCheck) compare() error {
	if f.roots[f.found.Under.Size] != f.found.Under.Root {
		return fmt.Errorf("%w: the entries do not lead to the signed root", ErrFalse)
	}
	for _, c := range f.within {
		if f.roots[c.Size] != c.Root {
			return fmt.Errorf("%w: the log does not begin with the %d entries of an older checkpoint", ErrFalse, c.Size)
		}
	}
	return nil
}

func unique(lists ...[]string) (all []string) {
	for _, s := range slices.Concat(lists...) {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}
