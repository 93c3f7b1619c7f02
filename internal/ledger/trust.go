package ledger

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Signature types of signed-note that are known here.
const (
	typeLog     = 0x01 // Ed25519
	typeWitness = 0x04 // Ed25519 of a tlog-cosignature, with its time
)

// Trust makes verifiers of the keys that a reader trusts, as vkeys of C2SP
// signed-note in their one spelling: of logs, and of witnesses.
func Trust(vkeys ...string) (note.Verifiers, error) {
	var all []note.Verifier
	for _, vkey := range vkeys {
		v, err := trusted(vkey)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return note.VerifierList(all...), nil
}

func trusted(vkey string) (note.Verifier, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	_, encoded, _ := strings.Cut(rest, "+")
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(key) != 1+ed25519.PublicKeySize {
		return nil, fmt.Errorf("%w: a key cannot be read", ErrMalformed)
	}
	// What a file names is printed: letters, and nothing that a terminal obeys.
	if !printable(name) {
		return nil, fmt.Errorf("%w: a key's name has other characters than letters", ErrMalformed)
	}
	sum := sha256.Sum256(append([]byte(name+"\n"), key...))
	hash := binary.BigEndian.Uint32(sum[:4])
	// The form is compared as a whole, so that one key has one spelling.
	if vkey != fmt.Sprintf("%s+%08x+%s", name, hash, encoded) {
		return nil, fmt.Errorf("%w: a key is spelled otherwise", ErrMalformed)
	}
	switch key[0] {
	case typeLog:
		v, err := note.NewVerifier(vkey)
		if err != nil {
			return nil, fmt.Errorf("%w: a key cannot be read", ErrMalformed)
		}
		return v, nil
	case typeWitness:
		// note knows what a name may be, and not this type of key.
		if _, err := note.NewEd25519VerifierKey(name, key[1:]); err != nil {
			return nil, fmt.Errorf("%w: a key cannot be read", ErrMalformed)
		}
		return witness{name, hash, key[1:]}, nil
	}
	return nil, fmt.Errorf("%w: a key is of another type than Ed25519", ErrMalformed)
}

// IsWitness says whether a vkey that Trust takes is a witness', and not a log's.
func IsWitness(vkey string) bool {
	v, err := trusted(vkey)
	_, ok := v.(witness)
	return err == nil && ok
}

// witness checks the cosignatures of one witness: C2SP tlog-cosignature.
type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (w witness) Name() string    { return w.name }
func (w witness) KeyHash() uint32 { return w.hash }

func (w witness) Verify(msg, sig []byte) bool {
	at, ok := cosignedAt(sig)
	if !ok {
		return false
	}
	return ed25519.Verify(w.key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, msg), sig[8:])
}

// cosignedAt reads the time that a cosignature begins with, in seconds since 1970.
func cosignedAt(sig []byte) (uint64, bool) {
	if len(sig) != 8+ed25519.SignatureSize {
		return 0, false
	}
	at := binary.BigEndian.Uint64(sig)
	return at, at < maxSeconds
}

// maxSeconds is when years have more than four digits.
const maxSeconds = 253_402_300_800

// Cosignature says that a witness has seen a checkpoint: the largest that it
// knew of this log at that time, and consistent with all before it.
type Cosignature struct {
	Witness string // its key's name
	At      time.Time
}

// Cosignatures are those on a checkpoint by witnesses of known, in the order of
// their lines. OpenCheckpoint has found them right.
func (c Checkpoint) Cosignatures(known note.Verifiers) []Cosignature {
	opened, err := note.Open(c.Signed, known)
	if err != nil {
		return nil
	}
	var all []Cosignature
	for _, sig := range opened.Sigs {
		raw, err := base64.StdEncoding.DecodeString(sig.Base64)
		if err != nil || len(raw) < 4 || !cosigned(sig, known) {
			continue
		}
		at, _ := cosignedAt(raw[4:])
		all = append(all, Cosignature{sig.Name, time.Unix(int64(at), 0).UTC()})
	}
	return all
}

// cosigned says whether a signature is a witness', and not a log's.
func cosigned(sig note.Signature, known note.Verifiers) bool {
	v, err := known.Verifier(sig.Name, sig.Hash)
	_, ok := v.(witness)
	return err == nil && ok
}
