package ledger

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
	"golang.org/x/mod/sumdb/note"
)

// Files that lie beside the signing key.
const (
	// FileKeys lists the log's public keys, for whoever checks what it signed.
	FileKeys = "ledger.keys"
	// FileCheckpoints is the log's head outside of its database.
	FileCheckpoints = "checkpoints"
	// next is added to the name of a signing key that takes over.
	next = ".next"
)

// Key is the key that checks checkpoints and statements, in the form of
// golang.org/x/mod/sumdb/note: name+hash+key.
func (l *Ledger) Key() string { return l.verifier }

// Keys are the keys of the log, oldest first; the last is Key. Those before it
// signed what was handed out before the keep was restored.
func (l *Ledger) Keys() []string {
	var keys []string
	for _, k := range l.keys {
		keys = append(keys, k.Key)
	}
	return keys
}

// Origin names the log in its checkpoints.
func (l *Ledger) Origin() string { return l.signer.Name() }

// readKey reads the signing key. A key that was about to take over when a crash
// came, and has, takes its place; and a log that is empty gets one: both only
// where it may write.
func readKey(path string, keys []store.LedgerKey, size int64, write bool) (string, error) {
	skey, err := os.ReadFile(path)
	if coming, e := os.ReadFile(path + next); e == nil && len(keys) > 0 {
		if vkey, e := verifierKey(strings.TrimSpace(string(coming))); e == nil && vkey == keys[len(keys)-1].Key {
			skey, err = coming, nil
			if write {
				err = replaceFile(path+next, path)
			}
		}
	}
	if errors.Is(err, fs.ErrNotExist) && write && size == 0 {
		skey, err = makeKey(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", hearkeep.Errorf(hearkeep.Conflict, "The ledger's signing key is missing.").
			WithHint("Put %s back from where it was copied; without it the record of who opened what cannot go on.", path).Because(err)
	}
	if err != nil {
		return "", fmt.Errorf("ledger: signing key: %w", err)
	}
	return strings.TrimSpace(string(skey)), nil
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
	return []byte(skey), writeNew(path, []byte(skey+"\n"))
}

// writeNew writes a file that is not there yet, its owner's only, durably.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close(), syncFolder(filepath.Dir(path)))
}

// rewrite puts a file in the place of another one, in one step.
func rewrite(path string, data []byte) error {
	beside := path + ".new"
	if err := os.Remove(beside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeNew(beside, data); err != nil {
		return err
	}
	return replaceFile(beside, path)
}

func replaceFile(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(to))
}

func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
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
	own, err := verifiers(vkey)
	if err != nil {
		return nil, err
	}
	return &Ledger{store: st, signer: signer, verifier: vkey, own: own, known: own, keys: []store.LedgerKey{{Key: vkey}}}, nil
}

func verifiers(keys ...string) (note.Verifiers, error) {
	var known []note.Verifier
	for _, k := range keys {
		v, err := note.NewVerifier(k)
		if err != nil {
			return nil, fmt.Errorf("ledger: key: %w", err)
		}
		known = append(known, v)
	}
	return note.VerifierList(known...), nil
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

// adopt takes the keys that the database knows. They end in the one that signs.
func (l *Ledger) adopt(keys []store.LedgerKey) error {
	if len(keys) == 0 || len(keys) == 1 && keys[0].Key == l.verifier {
		return nil
	}
	if keys[len(keys)-1].Key != l.verifier {
		return fmt.Errorf("%w: the signing key is not the log's", ErrForked)
	}
	l.keys = keys
	known, err := verifiers(l.Keys()...)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrForked, err)
	}
	l.known = known
	return nil
}

// checkKeys follows the keys from each to the one before: an entry of the log
// says from which checkpoint it went on.
func (l *Ledger) checkKeys(ctx context.Context, tx *store.Tx) error {
	for i, k := range l.keys {
		if i == 0 {
			if k.First != 0 {
				return fmt.Errorf("%w: the keys before entry %d are missing", ErrForked, k.First)
			}
			continue
		}
		rows, err := tx.Ledger.Entries(ctx, hearkeep.VaultID{}, k.First, 1)
		if err != nil {
			return fmt.Errorf("ledger: entry %d: %w", k.First, err)
		}
		if len(rows) == 0 || rows[0].Seq != k.First {
			return fmt.Errorf("%w: entry %d is missing", ErrForked, k.First)
		}
		if rows[0].Body == nil { // it never expires: see Expire
			return fmt.Errorf("%w: what entry %d said of the key before is gone", ErrForked, k.First)
		}
		if err := l.follows(ctx, tx, rows[0], l.keys[i-1], k); err != nil {
			return err
		}
	}
	return nil
}

// follows checks that an entry goes on from what an earlier key has signed.
func (l *Ledger) follows(ctx context.Context, tx *store.Tx, row store.LedgerEntry, from, to store.LedgerKey) error {
	e, err := decode(row)
	if err != nil {
		return err
	}
	if e.Continues == nil || e.Continues.Key != from.Key {
		return fmt.Errorf("%w: entry %d does not go on from the key before", ErrForked, row.Seq)
	}
	old, err := ParseCheckpoint(e.Continues.Checkpoint, from.Key)
	if err != nil {
		return err
	}
	if old.Size != to.First {
		return fmt.Errorf("%w: entry %d goes on from %d", ErrForked, row.Seq, old.Size)
	}
	return compare(old.Size, old.Root, hashes(ctx, tx))
}

// listKeys writes FileKeys, where it is not what the database says.
func listKeys(path string, keys []store.LedgerKey) error {
	behind, err := keysBehind(path, keys)
	if err != nil || behind == nil {
		return err
	}
	if err := rewrite(path, behind); err != nil {
		return fmt.Errorf("ledger: keys: %w", err)
	}
	return nil
}

// keysBehind is what FileKeys should say, nil where it does. A file that knows
// keys which the database does not is of a newer log.
func keysBehind(path string, keys []store.LedgerKey) ([]byte, error) {
	want := []byte("# Public keys of this keep's ledger, oldest first: key, and the number of entries when it took over.\n")
	for _, k := range keys {
		want = fmt.Appendf(want, "%s %d\n", k.Key, k.First)
	}
	have, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return want, nil
	case err != nil:
		return nil, fmt.Errorf("ledger: keys: %w", err)
	case !bytes.HasPrefix(want, have):
		return nil, fmt.Errorf("%w: %s lists other keys than the database", ErrForked, FileKeys)
	case len(have) == len(want):
		return nil, nil
	}
	return want, nil
}
