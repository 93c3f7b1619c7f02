// Package ledgertest forges what leaves a ledger, for tests of whoever checks
// it: receipts that say what no ledger writes, under keys of the forger's own.
package ledgertest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/hearkeep/hearkeep/internal/ledger"
	"golang.org/x/mod/sumdb/tlog"
)

// Types of keys and signatures.
const (
	Log     = 1
	Witness = 4
)

// Forger has a key of their own, and writes with it whatever they like.
type Forger struct {
	Name string
	key  ed25519.PrivateKey
}

// NewForger makes a forger under a name, which may be somebody else's.
func NewForger(t testing.TB, name string) Forger {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return Forger{name, key}
}

func (f Forger) material(kind byte) []byte {
	return append([]byte{kind}, f.key.Public().(ed25519.PublicKey)...)
}

func (f Forger) hash(kind byte) []byte {
	sum := sha256.Sum256(append([]byte(f.Name+"\n"), f.material(kind)...))
	return sum[:4]
}

// Key is the forger's vkey, as a log's or as a witness'.
func (f Forger) Key(kind byte) string {
	return fmt.Sprintf("%s+%x+%s", f.Name, f.hash(kind), base64.StdEncoding.EncodeToString(f.material(kind)))
}

// Line signs a text, as a log or, where there is a time, as a witness.
func (f Forger) Line(text string, at uint64) string {
	raw, message := bytes.Clone(f.hash(Log)), text
	if at > 0 {
		raw = binary.BigEndian.AppendUint64(bytes.Clone(f.hash(Witness)), at)
		message = fmt.Sprintf("cosignature/v1\ntime %d\n%s", at, text)
	}
	return fmt.Sprintf("— %s %s\n", f.Name, base64.StdEncoding.EncodeToString(append(raw, ed25519.Sign(f.key, []byte(message))...)))
}

// Receipt is of a log of one entry, with further lines of signatures.
func (f Forger) Receipt(body string, more func(text string) string) []byte {
	salt := bytes.Repeat([]byte{7}, 32)
	leaf := ledger.Leaf(salt, []byte(body))
	root := tlog.RecordHash(leaf[:])
	text := fmt.Sprintf("%s\n1\n%s\n", f.Name, base64.StdEncoding.EncodeToString(root[:]))
	signed := text + "\n" + f.Line(text, 0)
	if more != nil {
		signed += more(text)
	}
	return ledger.Proof{Salt: salt, Body: []byte(body), Checkpoint: []byte(signed)}.Text()
}
