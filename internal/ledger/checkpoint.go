package ledger

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Open reads the log's signing key from keyPath (made there, mode 0600, when
// the log is empty) and refuses a log that does not lead to its checkpoint.
func Open(ctx context.Context, st store.Store, keyPath string) (*Ledger, error) {
	var size int64
	if err := st.View(ctx, func(tx *store.Tx) (err error) {
		size, err = tx.Ledger.Size(ctx)
		return err
	}); err != nil {
		return nil, fmt.Errorf("ledger: open: %w", err)
	}
	skey, err := os.ReadFile(keyPath)
	if errors.Is(err, fs.ErrNotExist) && size == 0 {
		skey, err = makeKey(keyPath)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hearkeep.Errorf(hearkeep.Conflict, "The ledger's signing key is missing.").
			WithHint("Put %s back from where it was copied; without it the record of who opened what cannot go on.", keyPath).Because(err)
	}
	if err != nil {
		return nil, fmt.Errorf("ledger: signing key: %w", err)
	}
	l, err := with(st, strings.TrimSpace(string(skey)))
	if err != nil {
		return nil, fmt.Errorf("ledger: signing key %s: %w", keyPath, err)
	}
	return l, l.checkHead(ctx)
}

// makeKey writes a fresh signing key. Its name, the log's origin, holds
// random digits, so that no two logs share one.
func makeKey(path string) ([]byte, error) {
	var tag [8]byte
	rand.Read(tag[:])
	skey, _, err := note.GenerateKey(rand.Reader, "hearkeep.local/"+hex.EncodeToString(tag[:]))
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.WriteString(skey + "\n"); err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return []byte(skey), dir.Sync()
}

func with(st store.Store, skey string) (*Ledger, error) {
	signer, err := note.NewSigner(skey)
	if err != nil {
		return nil, err
	}
	vkey, err := verifierKey(skey)
	if err != nil {
		return nil, err
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, err
	}
	return &Ledger{store: st, signer: signer, verifier: vkey, known: note.VerifierList(verifier)}, nil
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

// checkHead compares the signed checkpoint with the tree's own head: cheap,
// for every start.
func (l *Ledger) checkHead(ctx context.Context) error {
	return l.store.View(ctx, func(tx *store.Tx) error {
		size, root, err := l.signedHead(ctx, tx)
		if err != nil {
			return err
		}
		have, err := tx.Ledger.Size(ctx)
		if err != nil {
			return fmt.Errorf("ledger: size: %w", err)
		}
		if have != size {
			return fmt.Errorf("%w: %d entries, signed are %d", ErrForked, have, size)
		}
		if err := l.compare(size, root, hashes(ctx, tx)); err != nil {
			return err
		}
		l.high.Store(size)
		return nil
	})
}

// extends says whether the signed checkpoint is that of the entries there are.
func (l *Ledger) extends(ctx context.Context, tx *store.Tx, size int64) error {
	signed, root, err := l.signedHead(ctx, tx)
	if err != nil {
		return err
	}
	if signed != size {
		return fmt.Errorf("%w: %d entries, signed are %d", ErrForked, size, signed)
	}
	return l.compare(size, root, hashes(ctx, tx))
}

// checkRow compares what stands beside a body with what it says. A body that
// is gone before its year is over was not expired by us.
func checkRow(row store.LedgerEntry, now time.Time) error {
	if row.Body == nil {
		if row.At.After(now.AddDate(-1, 0, 1)) {
			return fmt.Errorf("%w: the body of entry %d is gone before its time", ErrForked, row.Seq)
		}
		return nil
	}
	if Leaf(row.Salt, row.Body) != row.Leaf {
		return fmt.Errorf("%w: entry %d is altered", ErrForked, row.Seq)
	}
	var e Entry
	if err := json.Unmarshal(row.Body, &e); err != nil {
		return fmt.Errorf("%w: entry %d cannot be read", ErrForked, row.Seq)
	}
	if string(e.Kind) != row.Kind || !e.At.Equal(row.At) || value(e.Vault) != row.Vault || value(e.Account) != row.Account {
		return fmt.Errorf("%w: entry %d is filed under what it does not say", ErrForked, row.Seq)
	}
	return nil
}

// value is what p points at, or zero.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// Verify recomputes the whole tree from its leaves and, where a body is still
// there, its leaf and what it is filed under from the body.
func (l *Ledger) Verify(ctx context.Context) error {
	if err := l.checkHead(ctx); err != nil {
		return err
	}
	return l.store.View(ctx, func(tx *store.Tx) error {
		size, root, err := l.signedHead(ctx, tx)
		if err != nil {
			return err
		}
		tree := make([]tlog.Hash, 0, tlog.StoredHashCount(size))
		own := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
			out := make([]tlog.Hash, len(indexes))
			for i, at := range indexes {
				out[i] = tree[at]
			}
			return out, nil
		})
		for n := int64(0); n < size; {
			rows, err := tx.Ledger.Entries(ctx, hearkeep.VaultID{}, n, 1000)
			if err != nil {
				return fmt.Errorf("ledger: entries from %d: %w", n, err)
			}
			if len(rows) == 0 {
				return fmt.Errorf("%w: entry %d is missing", ErrForked, n)
			}
			for _, row := range rows {
				if row.Seq != n {
					return fmt.Errorf("%w: entry %d is missing", ErrForked, n)
				}
				if err := checkRow(row, time.Now()); err != nil {
					return err
				}
				hs, err := tlog.StoredHashes(n, row.Leaf[:], own)
				if err != nil {
					return fmt.Errorf("ledger: hash entry %d: %w", n, err)
				}
				tree = append(tree, hs...)
				n++
			}
		}
		return l.compare(size, root, own)
	})
}

func (l *Ledger) signedHead(ctx context.Context, tx *store.Tx) (int64, tlog.Hash, error) {
	signed, err := tx.Ledger.Checkpoint(ctx)
	if err != nil {
		return 0, tlog.Hash{}, fmt.Errorf("ledger: checkpoint: %w", err)
	}
	if signed == nil {
		return 0, tlog.Hash{}, nil
	}
	opened, err := note.Open(signed, l.known)
	if err != nil {
		return 0, tlog.Hash{}, fmt.Errorf("%w: %v", ErrForked, err)
	}
	return parseCheckpoint(l.signer.Name(), opened.Text)
}

func (l *Ledger) compare(size int64, root tlog.Hash, r tlog.HashReader) error {
	if size == 0 {
		return nil
	}
	got, err := tlog.TreeHash(size, r)
	if err != nil {
		return fmt.Errorf("%w: tree of %d: %v", ErrForked, size, err)
	}
	if got != root {
		return fmt.Errorf("%w: at size %d", ErrForked, size)
	}
	return nil
}

// formatCheckpoint writes the body of a C2SP tlog-checkpoint: origin, size, root.
func formatCheckpoint(origin string, size int64, root tlog.Hash) string {
	return fmt.Sprintf("%s\n%d\n%s\n", origin, size, base64.StdEncoding.EncodeToString(root[:]))
}

func parseCheckpoint(origin, text string) (int64, tlog.Hash, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[0] != origin {
		return 0, tlog.Hash{}, fmt.Errorf("%w: not a checkpoint of this log", ErrForked)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 {
		return 0, tlog.Hash{}, fmt.Errorf("%w: bad size", ErrForked)
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return 0, tlog.Hash{}, fmt.Errorf("%w: bad root", ErrForked)
	}
	return size, tlog.Hash(bytes.Clone(root)), nil
}

// verifierKey derives the public half that belongs to a signing key of form
// PRIVATE+KEY+<name>+<hash>+<base64 of 1 ‖ seed>, which NewSigner has checked.
func verifierKey(skey string) (string, error) {
	fields := strings.SplitN(skey, "+", 5)
	if len(fields) != 5 {
		return "", errors.New("not a signing key")
	}
	key, err := base64.StdEncoding.DecodeString(fields[4])
	if err != nil || len(key) != 1+ed25519.SeedSize {
		return "", errors.New("not a signing key")
	}
	public := ed25519.NewKeyFromSeed(key[1:]).Public().(ed25519.PublicKey)
	return note.NewEd25519VerifierKey(fields[2], public)
}

// SignedSize is how many entries a signed checkpoint of this log speaks of.
func (l *Ledger) SignedSize(signed []byte) (int64, error) {
	opened, err := note.Open(signed, l.known)
	if err != nil {
		return 0, fmt.Errorf("ledger: not a checkpoint of this log: %w", err)
	}
	size, _, err := parseCheckpoint(l.signer.Name(), opened.Text)
	return size, err
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
// signed by this log's key.
func (l *Ledger) Statement(signed []byte) (string, error) {
	opened, err := note.Open(signed, l.known)
	if err != nil || !strings.HasPrefix(opened.Text, statement) {
		return "", fmt.Errorf("ledger: not a statement of this service: %w", err)
	}
	return opened.Text, nil
}

// statement begins whatever Sign signs; no origin of a checkpoint begins so.
const statement = "hearkeep/"

// Key is the key that checks checkpoints and statements, in the form of
// golang.org/x/mod/sumdb/note: name+hash+key.
func (l *Ledger) Key() string { return l.verifier }
