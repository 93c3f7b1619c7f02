package ledger

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/hearkeep/hearkeep/internal/store"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint is a signed tree head: of one log, the root of its first Size
// entries. Signed is the whole note, with whatever cosignatures it has.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   [32]byte
	Signed []byte
}

// maxNote bounds a checkpoint with its cosignatures, in bytes.
const maxNote = 64 << 10

// ParseCheckpoint reads a C2SP tlog-checkpoint that one of the keys (vkeys of
// golang.org/x/mod/sumdb/note) has signed under its own name. Signatures of
// other keys are ignored, and stay in Signed.
func ParseCheckpoint(signed []byte, keys ...string) (Checkpoint, error) {
	known, err := verifiers(keys...)
	if err != nil {
		return Checkpoint{}, err
	}
	return parseSigned(signed, known)
}

// parseSigned is OpenCheckpoint for what this log should have signed.
func parseSigned(signed []byte, known note.Verifiers) (Checkpoint, error) {
	c, err := OpenCheckpoint(signed, known)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: %w", ErrForked, err)
	}
	return c, nil
}

// formatCheckpoint writes the body of a C2SP tlog-checkpoint: origin, size, root.
func formatCheckpoint(origin string, size int64, root tlog.Hash) string {
	return fmt.Sprintf("%s\n%d\n%s\n", origin, size, base64.StdEncoding.EncodeToString(root[:]))
}

// Checkpoint is the newest signed tree head, nil while the log is empty.
func (l *Ledger) Checkpoint(ctx context.Context) ([]byte, error) {
	var signed []byte
	err := l.store.View(ctx, func(tx *store.Tx) (err error) {
		signed, err = tx.Ledger.Checkpoint(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: checkpoint: %w", err)
	}
	return signed, nil
}

// SignedSize is how many entries a signed checkpoint of this log speaks of.
func (l *Ledger) SignedSize(signed []byte) (int64, error) {
	c, err := parseSigned(signed, l.known)
	if err != nil {
		return 0, fmt.Errorf("ledger: not a checkpoint of this log: %w", err)
	}
	return c.Size, nil
}

// signedHead is the checkpoint that stands in the database, zero where there
// is none.
func (l *Ledger) signedHead(ctx context.Context, tx *store.Tx) (Checkpoint, error) {
	signed, err := tx.Ledger.Checkpoint(ctx)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("ledger: checkpoint: %w", err)
	}
	if signed == nil {
		return Checkpoint{}, nil
	}
	return parseSigned(signed, l.own)
}

// Sign signs a statement of this service under the ledger's key, as a C2SP
// signed note. Its first line names what kind of statement it is, "hearkeep/"
// and a word, so that none is ever taken for a checkpoint; it ends in a line
// feed.
func (l *Ledger) Sign(text string) ([]byte, error) {
	if !strings.HasPrefix(text, statement) || !strings.HasSuffix(text, "\n") {
		return nil, errors.New("ledger: not a statement that may be signed")
	}
	signed, err := note.Sign(&note.Note{Text: text}, l.signer)
	if err != nil {
		return nil, fmt.Errorf("ledger: sign: %w", err)
	}
	return signed, nil
}

// Statement returns the text of what Sign signed, and fails where that was not
// signed by one of this log's keys.
func (l *Ledger) Statement(signed []byte) (string, error) {
	opened, err := note.Open(signed, l.known)
	if err != nil || !strings.HasPrefix(opened.Text, statement) {
		return "", fmt.Errorf("ledger: not a statement of this service: %w", err)
	}
	return opened.Text, nil
}

// statement begins whatever Sign signs; no origin of a checkpoint begins so.
const statement = "hearkeep/"
