package ledger

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// signedBy is a checkpoint of a fresh log, and its verifiers.
func signedBy(t testing.TB, size int64) (Checkpoint, note.Verifiers) {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, "hearkeep.local/0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := note.Sign(&note.Note{Text: formatCheckpoint(signer.Name(), size, tlog.Hash{1})}, signer)
	if err != nil {
		t.Fatal(err)
	}
	known, err := verifiers(vkey)
	if err != nil {
		t.Fatal(err)
	}
	c, err := parseSigned(signed, known)
	if err != nil {
		t.Fatal(err)
	}
	return c, known
}

// witnessKey is a fresh witness' vkey, by tlog-cosignature.
func witnessKey(t testing.TB) (string, ed25519.PrivateKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := append([]byte{typeWitness}, public...)
	sum := sha256.Sum256(append([]byte("witness.example/w1\n"), key...))
	return fmt.Sprintf("witness.example/w1+%x+%s", sum[:4], base64.StdEncoding.EncodeToString(key)), private
}

// What is read of a file of checkpoints is what would be written of it, up to
// where its lines are whole.
func FuzzKept(f *testing.F) {
	c, known := signedBy(f, 7)
	line, err := formatKept(c, time.Unix(1_700_000_000, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line)
	f.Add(append(bytes.Clone(line), line...))
	f.Add(line[:len(line)/2])
	f.Add(append(bytes.Clone(line), 0, 0, 0))
	f.Add(append(bytes.Clone(line), "{\"at\":\""...))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		lines, end, err := parseKept(data, known)
		if err != nil {
			return
		}
		var written []byte
		for _, l := range lines {
			line, err := formatKept(l.Checkpoint, l.At)
			if err != nil {
				t.Fatal(err)
			}
			written = append(written, line...)
		}
		if !bytes.Equal(written, data[:end]) {
			t.Errorf("read and written again: got %q, want %q", written, data[:end])
		}
		if rest := data[end:]; bytes.ContainsRune(rest, '\n') || bytes.Contains(rest, line) {
			t.Errorf("left out as torn: %q", rest)
		}
	})
}

// What a witness answers never becomes part of a checkpoint unless it has
// signed that one.
func FuzzCosignature(f *testing.F) {
	c, known := signedBy(f, 7)
	key, private := witnessKey(f)
	other := ed25519.Sign(private, fmt.Appendf(nil, "cosignature/v1\ntime 1700000000\n%s\n8\n", c.Origin))
	hash, err := hex.DecodeString(strings.Split(key, "+")[1])
	if err != nil {
		f.Fatal(err)
	}
	raw := append(binary.BigEndian.AppendUint64(hash, 1_700_000_000), other...)
	f.Add(fmt.Appendf(nil, "— witness.example/w1 %s\n", base64.StdEncoding.EncodeToString(raw)))
	f.Add([]byte("— somebody.example AAAAAAAAAAAA\n"))
	f.Add([]byte("\n\n— witness.example/w1 AAAA\n"))
	f.Fuzz(func(t *testing.T, lines []byte) {
		signed, err := addCosignature(c.Signed, lines, key, time.Now())
		if err == nil {
			t.Errorf("took %q for a cosignature: %s", lines, signed)
		}
		if _, err := parseSigned(c.Signed, known); err != nil {
			t.Errorf("the checkpoint was changed: %v", err)
		}
	})
}

func FuzzWitnessSize(f *testing.F) {
	f.Add("text/x.tlog.size", []byte("7\n"))
	f.Add("text/x.tlog.size; charset=utf-8", []byte("07\n"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		if size, ok := parseSize(kind, body); ok && size < 0 {
			t.Errorf("size %d of %q", size, body)
		}
	})
}

func FuzzWitnessSetting(f *testing.F) {
	key, _ := witnessKey(f)
	if _, err := ParseWitness(key + " https://w.example/prefix"); err != nil {
		f.Fatal(err)
	}
	f.Add(key + " https://w.example/prefix")
	f.Fuzz(func(t *testing.T, setting string) {
		w, err := ParseWitness(setting)
		if err != nil {
			return
		}
		if again, err := ParseWitness(w.Key + " " + w.URL); err != nil || again != w {
			t.Errorf("read again: got %v, %v, want %v", again, err, w)
		}
	})
}
