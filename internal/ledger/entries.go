package ledger

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// EntriesFormat names the format of a file of entries (docs/ledger.md).
const EntriesFormat = "hearkeep-entries/v1"

// EntriesHead is the first line of a file of entries: whose they are, and what
// they are proven under.
type EntriesHead struct {
	Format     string             `json:"format"`
	Key        string             `json:"key"` // that signed Checkpoint; see Ledger.Key
	Checkpoint string             `json:"checkpoint"`
	Account    hearkeep.AccountID `json:"account"`
	Vaults     []hearkeep.VaultID `json:"vaults"`
}

// entryLine is one entry: salt and body or, of an expired one, its leaf.
type entryLine struct {
	Index int64       `json:"index"`
	Salt  []byte      `json:"salt,omitempty"`
	Body  string      `json:"body,omitempty"`
	Leaf  []byte      `json:"leaf,omitempty"`
	Path  []tlog.Hash `json:"path"`
}

// EntriesEnd is the last line, without which a file was cut off.
type EntriesEnd struct {
	Entries int `json:"entries"`
	Expired int `json:"expired"` // of these
}

// Bounds of a file of entries.
const (
	maxLine     = 2 << 20 // bytes
	entriesPage = 256     // entries read in one transaction
	cachedNodes = 1 << 16
)

// WriteEntries writes what concerns an account or its vaults, newest first,
// each with its proof under the newest checkpoint, as a file of entries. It
// holds no transaction while it writes.
func (l *Ledger) WriteEntries(ctx context.Context, w io.Writer, account hearkeep.AccountID, vaults []hearkeep.VaultID) error {
	if err := l.writeEntries(ctx, w, account, vaults); err != nil {
		return fmt.Errorf("ledger: write entries of account %s: %w", account, err)
	}
	return nil
}

func (l *Ledger) writeEntries(ctx context.Context, w io.Writer, account hearkeep.AccountID, vaults []hearkeep.VaultID) error {
	under, err := l.Latest(ctx)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	lines := lineWriter(out)
	if err := lines.Encode(EntriesHead{EntriesFormat, l.Key(), string(under.Signed), account, slices.Concat([]hearkeep.VaultID{}, vaults)}); err != nil {
		return err
	}
	var end EntriesEnd
	for before, nodes := under.Size, make(map[int64]tlog.Hash); ; {
		page, err := l.entriesPage(ctx, account, vaults, before, under.Size, nodes)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for _, line := range page {
			if err := lines.Encode(line); err != nil {
				return err
			}
			end.Entries++
			if line.Leaf != nil {
				end.Expired++
			}
		}
		before = page[len(page)-1].Index
	}
	if err := lines.Encode(end); err != nil {
		return err
	}
	return out.Flush()
}

// entriesPage reads the next entries below before, with their paths in the
// tree of the first size. Nodes that it read stay in nodes: paths share them.
func (l *Ledger) entriesPage(ctx context.Context, account hearkeep.AccountID, vaults []hearkeep.VaultID, before, size int64, nodes map[int64]tlog.Hash) ([]entryLine, error) {
	var page []entryLine
	err := l.store.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Ledger.EntriesOf(ctx, account, vaults, before, entriesPage)
		if err != nil {
			return err
		}
		tree := remembered(nodes, hashes(ctx, tx))
		for _, row := range rows {
			path, err := tlog.ProveRecord(size, row.Seq, tree)
			if err != nil {
				return err
			}
			line := entryLine{Index: row.Seq, Salt: row.Salt, Body: string(row.Body), Path: slices.Concat([]tlog.Hash{}, path)}
			if row.Body == nil {
				line.Leaf = row.Leaf[:]
			}
			page = append(page, line)
		}
		return nil
	})
	return page, err
}

// remembered reads each node of a tree once, while there is room.
func remembered(nodes map[int64]tlog.Hash, r tlog.HashReader) tlog.HashReaderFunc {
	return func(indexes []int64) ([]tlog.Hash, error) {
		if len(nodes) > cachedNodes {
			clear(nodes)
		}
		missing := slices.DeleteFunc(slices.Clone(indexes), func(i int64) bool { _, ok := nodes[i]; return ok })
		got, err := r.ReadHashes(missing)
		if err != nil {
			return nil, err
		}
		for i, at := range missing {
			nodes[at] = got[i]
		}
		out := make([]tlog.Hash, len(indexes))
		for i, at := range indexes {
			out[i] = nodes[at]
		}
		return out, nil
	}
}

// lineWriter writes JSON lines in the one spelling that is read again.
func lineWriter(w io.Writer) *json.Encoder {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return out
}

// Entries is a file of entries that is being read.
type Entries struct {
	Head EntriesHead // a claim until Check
	in   *bufio.Reader
}

// ReadEntries reads the first line of a file of entries. It fails with
// ErrMalformed where this is none.
func ReadEntries(r io.Reader) (*Entries, error) {
	f := &Entries{in: bufio.NewReaderSize(r, 64<<10)}
	if err := f.line(&f.Head); err != nil {
		return nil, err
	}
	if f.Head.Format != EntriesFormat || f.Head.Vaults == nil {
		return nil, fmt.Errorf("%w: not a file of entries", ErrMalformed)
	}
	return f, nil
}

// Check reads the rest, and computes everything anew: the checkpoint's
// signature, and of every entry its leaf, its path, and that it concerns whom
// the file names. It calls each with every entry, newest first, as it was
// proven. That these are all that the log has of them, no file can show.
func (f *Entries) Check(known note.Verifiers, each func(Recorded) error) (Checkpoint, EntriesEnd, error) {
	var end EntriesEnd
	under, err := OpenCheckpoint([]byte(f.Head.Checkpoint), known)
	if err != nil {
		return under, end, err
	}
	for before := under.Size; ; {
		raw, err := f.next()
		if err != nil {
			return under, end, err
		}
		if bytes.HasPrefix(raw, []byte(`{"entries":`)) {
			return under, end, f.ends(raw, end)
		}
		var line entryLine
		if err := readLine(raw, &line); err != nil {
			return under, end, err
		}
		if line.Path == nil {
			return under, end, fmt.Errorf("%w: entry %d has no path", ErrMalformed, line.Index)
		}
		if line.Index >= before {
			return under, end, fmt.Errorf("%w: entry %d stands after %d", ErrFalse, line.Index, before)
		}
		before = line.Index
		r, err := f.prove(line, under)
		if err != nil {
			return under, end, err
		}
		end.Entries++
		if r.Expired {
			end.Expired++
		}
		if err := each(r); err != nil {
			return under, end, err
		}
	}
}

// prove checks one line.
func (f *Entries) prove(line entryLine, under Checkpoint) (Recorded, error) {
	if line.Leaf != nil {
		if len(line.Leaf) != tlog.HashSize || line.Salt != nil || line.Body != "" {
			return Recorded{}, fmt.Errorf("%w: entry %d has body or salt beside its leaf", ErrMalformed, line.Index)
		}
		return Recorded{Seq: line.Index, Expired: true}, leads([32]byte(line.Leaf), line.Index, line.Path, under)
	}
	e, err := Proof{Index: line.Index, Salt: line.Salt, Body: []byte(line.Body), Path: line.Path}.under(under)
	if err != nil {
		return Recorded{}, err
	}
	if (e.Account == nil || *e.Account != f.Head.Account) && (e.Vault == nil || !slices.Contains(f.Head.Vaults, *e.Vault)) {
		return Recorded{}, fmt.Errorf("%w: entry %d concerns somebody else", ErrFalse, line.Index)
	}
	return Recorded{Seq: line.Index, Entry: e}, nil
}

// ends checks the last line, and that it is the last.
func (f *Entries) ends(raw []byte, counted EntriesEnd) error {
	var end EntriesEnd
	if err := readLine(raw, &end); err != nil {
		return err
	}
	if end != counted {
		return fmt.Errorf("%w: it says that it has %d entries, and has %d", ErrFalse, end.Entries, counted.Entries)
	}
	if _, err := f.in.ReadByte(); err != io.EOF {
		return fmt.Errorf("%w: more after its last line", ErrMalformed)
	}
	return nil
}

func (f *Entries) line(v any) error {
	raw, err := f.next()
	if err != nil {
		return err
	}
	return readLine(raw, v)
}

// next is the next line without its end.
func (f *Entries) next() ([]byte, error) {
	var line []byte
	for {
		part, err := f.in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%w: it was cut off", ErrMalformed)
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("ledger: read entries: %w", err)
		case len(line) > maxLine:
			return nil, fmt.Errorf("%w: a line of more than %d bytes", ErrMalformed, maxLine)
		}
	}
}

// readLine reads one line in the one spelling that lineWriter gives it.
func readLine(raw []byte, v any) error {
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%w: a line cannot be read", ErrMalformed)
	}
	var again bytes.Buffer
	if err := lineWriter(&again).Encode(v); err != nil {
		return fmt.Errorf("%w: a line cannot be read", ErrMalformed)
	}
	if !bytes.Equal(bytes.TrimSuffix(again.Bytes(), []byte("\n")), raw) {
		return fmt.Errorf("%w: a line is spelled otherwise", ErrMalformed)
	}
	return nil
}
