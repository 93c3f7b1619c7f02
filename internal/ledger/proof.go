package ledger

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Failures of proofs that callers act on.
var (
	// ErrNoEntry says that the log has no entry of that number.
	ErrNoEntry = errors.New("ledger: no such entry")
	// ErrExpired says that an entry's body is gone, so that nothing is left to
	// prove but that something stood there.
	ErrExpired = errors.New("ledger: the entry's body has expired")
	// ErrMalformed says that a text is no proof at all.
	ErrMalformed = errors.New("ledger: not a proof")
	// ErrUnknownKey says that none of the given keys signed it: it may be
	// another log's.
	ErrUnknownKey = errors.New("ledger: not signed with a key that is known")
	// ErrFalse says that what is claimed does not lead to what was signed.
	ErrFalse = errors.New("ledger: the proof is false")
)

// What bounds a proof: no tree of int64 entries is higher than 63.
const (
	maxProof  = 1 << 20 // bytes of a proof's text
	maxPath   = 63
	saltSize  = 32
	proofHead = "c2sp.org/tlog-proof@v1\n"
)

// Proof shows, to whoever has the log's key and nothing else of it, that an
// entry stands in the log: the entry, and the way from it to a signed
// checkpoint. It is also called a receipt. What it says is not to be believed
// before Check.
type Proof struct {
	Index      int64       // the entry's number, from 0
	Salt       []byte      // 32 bytes
	Body       []byte      // the entry as JSON, byte for byte as it was hashed
	Path       []tlog.Hash // from the leaf's sibling up to the root's child
	Checkpoint []byte      // a C2SP tlog-checkpoint, a signed note
}

// Proven is what a Proof was found to show.
type Proven struct {
	Index int64
	Entry Entry
	Under Checkpoint
}

// Proof makes the proof of one entry under the newest checkpoint. It fails
// with ErrNoEntry or ErrExpired.
func (l *Ledger) Proof(ctx context.Context, seq int64) (Proof, error) {
	under, err := l.Latest(ctx)
	if err != nil {
		return Proof{}, fmt.Errorf("ledger: proof of entry %d: %w", seq, err)
	}
	p := Proof{Index: seq, Checkpoint: under.Signed}
	err = l.store.View(ctx, func(tx *store.Tx) error {
		if seq < 0 || seq >= under.Size {
			return ErrNoEntry
		}
		rows, err := tx.Ledger.Entries(ctx, hearkeep.VaultID{}, seq, 1)
		if err != nil {
			return err
		}
		if len(rows) == 0 || rows[0].Seq != seq {
			return fmt.Errorf("%w: it is missing", ErrForked)
		}
		if rows[0].Body == nil {
			return ErrExpired
		}
		p.Salt, p.Body = rows[0].Salt, rows[0].Body
		p.Path, err = tlog.ProveRecord(under.Size, seq, hashes(ctx, tx))
		return err
	})
	if err != nil {
		return Proof{}, fmt.Errorf("ledger: proof of entry %d: %w", seq, err)
	}
	return p, nil
}

// Check is Proof.Check under this log's own keys.
func (l *Ledger) Check(p Proof) (Proven, error) { return p.Check(l.known) }

// Text is the proof as a C2SP tlog-proof, whose extra data is salt ‖ body.
func (p Proof) Text() []byte {
	var b bytes.Buffer
	b.WriteString(proofHead)
	fmt.Fprintf(&b, "extra %s\nindex %d\n", base64.StdEncoding.EncodeToString(append(bytes.Clone(p.Salt), p.Body...)), p.Index)
	for _, h := range p.Path {
		fmt.Fprintf(&b, "%s\n", h)
	}
	b.WriteString("\n")
	b.Write(p.Checkpoint)
	return b.Bytes()
}

// ParseProof reads what Text writes, and nothing that is spelled otherwise. It
// fails with ErrMalformed. What it returns is only a claim: see Check.
func ParseProof(text []byte) (Proof, error) {
	var p Proof
	rest, ok := bytes.CutPrefix(text, []byte(proofHead))
	if !ok || len(text) > maxProof {
		return p, fmt.Errorf("%w: it does not begin as one", ErrMalformed)
	}
	head, checkpoint, ok := bytes.Cut(rest, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !ok || len(lines) < 2 || len(lines) > 2+maxPath {
		return p, fmt.Errorf("%w: it has not the lines of one", ErrMalformed)
	}
	extra, ok := strings.CutPrefix(lines[0], "extra ")
	data, err := base64.StdEncoding.Strict().DecodeString(extra)
	if !ok || err != nil || len(data) <= saltSize {
		return p, fmt.Errorf("%w: salt and body cannot be read", ErrMalformed)
	}
	index, ok := strings.CutPrefix(lines[1], "index ")
	if p.Index, err = parseCount(index); !ok || err != nil {
		return p, fmt.Errorf("%w: its index cannot be read", ErrMalformed)
	}
	for _, line := range lines[2:] {
		h, err := parseHash(line)
		if err != nil {
			return p, fmt.Errorf("%w: a hash cannot be read", ErrMalformed)
		}
		p.Path = append(p.Path, h)
	}
	p.Salt, p.Body, p.Checkpoint = data[:saltSize], data[saltSize:], bytes.Clone(checkpoint)
	if !bytes.Equal(p.Text(), text) {
		return p, fmt.Errorf("%w: it is spelled otherwise", ErrMalformed)
	}
	return p, nil
}

// Check computes everything anew: the leaf from salt and body, the root from
// the leaf and the path, and the signature of the checkpoint that has this
// root. It believes only known. It fails with ErrUnknownKey where the
// checkpoint was signed with none of them, ErrMalformed or ErrFalse.
func (p Proof) Check(known note.Verifiers) (Proven, error) {
	under, err := OpenCheckpoint(p.Checkpoint, known)
	if err != nil {
		return Proven{}, err
	}
	e, err := p.under(under)
	return Proven{Index: p.Index, Entry: e, Under: under}, err
}

// under is Check below a checkpoint whose signature has been checked.
func (p Proof) under(c Checkpoint) (Entry, error) {
	if len(p.Salt) != saltSize {
		return Entry{}, fmt.Errorf("%w: a salt has %d bytes", ErrMalformed, saltSize)
	}
	if err := leads(Leaf(p.Salt, p.Body), p.Index, p.Path, c); err != nil {
		return Entry{}, err
	}
	return ParseBody(p.Body)
}

// leads says whether the leaf of a number leads to a checkpoint's root.
func leads(leaf [32]byte, index int64, path []tlog.Hash, c Checkpoint) error {
	if index < 0 || index >= c.Size {
		return fmt.Errorf("%w: entry %d of %d", ErrFalse, index, c.Size)
	}
	if err := tlog.CheckRecord(path, c.Size, c.Root, index, tlog.RecordHash(leaf[:])); err != nil {
		return fmt.Errorf("%w: entry %d does not lead to the signed root", ErrFalse, index)
	}
	return nil
}

// OpenCheckpoint reads a checkpoint, a C2SP tlog-checkpoint, that its log
// signed with a key of known. The key's name must be the origin, so that no
// log speaks for another. It fails with ErrUnknownKey, ErrMalformed or
// ErrFalse.
func OpenCheckpoint(signed []byte, known note.Verifiers) (Checkpoint, error) {
	if len(signed) > maxNote {
		return Checkpoint{}, fmt.Errorf("%w: a checkpoint of %d bytes", ErrMalformed, len(signed))
	}
	opened, err := note.Open(signed, known)
	var unknown *note.UnverifiedNoteError
	var forged *note.InvalidSignatureError
	switch {
	case errors.As(err, &unknown):
		return Checkpoint{}, ErrUnknownKey
	case errors.As(err, &forged):
		return Checkpoint{}, fmt.Errorf("%w: the checkpoint's signature by %s does not fit", ErrFalse, forged.Name)
	case err != nil:
		return Checkpoint{}, fmt.Errorf("%w: its checkpoint is no signed note", ErrMalformed)
	}
	c, err := readHead(opened.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	c.Signed = signed
	if signsTwice(signed) {
		return Checkpoint{}, fmt.Errorf("%w: a key has signed the checkpoint twice", ErrMalformed)
	}
	for _, sig := range slices.Concat(opened.Sigs, opened.UnverifiedSigs) {
		if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
			return Checkpoint{}, fmt.Errorf("%w: a signature is spelled otherwise", ErrMalformed)
		}
	}
	if !slices.ContainsFunc(opened.Sigs, func(sig note.Signature) bool { return sig.Name == c.Origin && !cosigned(sig, known) }) {
		return Checkpoint{}, fmt.Errorf("%w: the log %q has not signed it", ErrUnknownKey, c.Origin)
	}
	return c, nil
}

// signsTwice says whether two lines of a signed note are of one key: readers
// differ in which they take.
func signsTwice(signed []byte) bool {
	seen := make(map[string]bool)
	at := bytes.LastIndex(signed, []byte("\n\n"))
	for line := range strings.Lines(string(signed[at+2:])) {
		name, sig, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(line, "— "), "\n"), " ")
		raw, err := base64.StdEncoding.DecodeString(sig)
		if err != nil || len(raw) < 4 || seen[name+" "+string(raw[:4])] {
			return true
		}
		seen[name+" "+string(raw[:4])] = true
	}
	return false
}

// readHead reads a checkpoint's text: origin, size, root, and further lines
// that say nothing to us.
func readHead(text string) (c Checkpoint, err error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if !strings.HasSuffix(text, "\n") || len(lines) < 3 || slices.Contains(lines, "") {
		return c, fmt.Errorf("%w: a checkpoint is origin, size and root", ErrMalformed)
	}
	c.Origin = lines[0]
	if c.Size, err = parseCount(lines[1]); err != nil {
		return c, fmt.Errorf("%w: a checkpoint's size cannot be read", ErrMalformed)
	}
	root, err := parseHash(lines[2])
	if err != nil {
		return c, fmt.Errorf("%w: a checkpoint's root cannot be read", ErrMalformed)
	}
	c.Root = root
	return c, nil
}

// parseCount reads a number that is not negative, in its one spelling.
func parseCount(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		return 0, fmt.Errorf("%w: not a number from 0", ErrMalformed)
	}
	return n, nil
}

func parseHash(s string) (tlog.Hash, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) != tlog.HashSize || strings.ContainsAny(s, "\r\n") {
		return tlog.Hash{}, fmt.Errorf("%w: not a hash", ErrMalformed)
	}
	return tlog.Hash(raw), nil
}
