package ledger_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hearkeep/hearkeep/internal/ledger"
)

// seenBy adds the cosignature of a witness to a checkpoint, as C2SP
// tlog-cosignature says, and returns the witness' key.
func seenBy(t *testing.T, signed []byte, name string, at uint64) (cosigned []byte, vkey string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	material := append([]byte{4}, public...)
	id := sha256.Sum256(append([]byte(name+"\n"), material...))
	text, _, _ := strings.Cut(string(signed), "\n\n")
	sig := binary.BigEndian.AppendUint64(append([]byte{}, id[:4]...), at)
	sig = append(sig, ed25519.Sign(private, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s\n", at, text))...)
	return fmt.Appendf(append([]byte{}, signed...), "— %s %s\n", name, base64.StdEncoding.EncodeToString(sig)),
		fmt.Sprintf("%s+%x+%s", name, id[:4], base64.StdEncoding.EncodeToString(material))
}

// Cosignatures are found by both verifiers, a false one makes the checkpoint
// false, and those of witnesses that nobody asked for are passed over.
func TestCosignaturesAreChecked(t *testing.T) {
	f := open(t)
	f.fill(t, 3)
	signed, err := f.log.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const at = 1795374000
	good, witness := seenBy(t, signed, "witness.example/w1", at)
	bad := append([]byte{}, good...)
	if at := len(bad) - 10; bad[at] == 'A' {
		bad[at] = 'B'
	} else {
		bad[at] = 'A'
	}
	_, stranger := seenBy(t, signed, "witness.example/w2", at)
	for name, tc := range map[string]struct {
		note      []byte
		witnesses []string
		want      int
		fails     error
	}{
		"one, asked for":      {good, []string{witness, stranger}, 1, nil},
		"one, not asked for":  {good, nil, 0, nil},
		"none":                {signed, []string{witness}, 0, nil},
		"a false one":         {bad, []string{witness}, 0, ledger.ErrFalse},
		"a witness, no log":   {good, nil, 0, ledger.ErrUnknownKey},
		"a false one, unseen": {bad, []string{stranger}, 0, nil},
	} {
		keys := append([]string{f.log.Key()}, tc.witnesses...)
		if name == "a witness, no log" {
			keys = []string{witness}
		}
		known, err := ledger.Trust(keys...)
		if err != nil {
			t.Fatal(err)
		}
		c, err := ledger.OpenCheckpoint(tc.note, known)
		if !errors.Is(err, tc.fails) {
			t.Errorf("%s: got %v, want %v", name, err, tc.fails)
		}
		if got := c.Cosignatures(known); len(got) != tc.want || tc.want == 1 && (got[0].Witness != "witness.example/w1" || got[0].At.Unix() != at) {
			t.Errorf("%s: got %v, want %d", name, got, tc.want)
		}
		path := filepath.Join(t.TempDir(), "checkpoint")
		if err := os.WriteFile(path, tc.note, 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"../../verify/cli.mjs", "--key", keys[0]}
		for _, w := range keys[1:] {
			args = append(args, "--witness", w)
		}
		out, err := exec.CommandContext(t.Context(), "node", append(args, path)...).CombinedOutput()
		if (err != nil) != (tc.fails != nil) || strings.Count(string(out), "Cosigned by witness.example/w1, 2026-11-22T19:00:00.000Z") != tc.want {
			t.Errorf("%s: the second verifier: %v\n%s", name, err, out)
		}
	}
}

func TestKeysHaveOneSpelling(t *testing.T) {
	f := open(t)
	key := f.log.Key()
	if _, err := ledger.Trust(key); err != nil {
		t.Fatal(err)
	}
	name, rest, _ := strings.Cut(key, "+")
	for _, bad := range []string{"", name, key + "=", key + " ", name + "+" + strings.ToUpper(rest), "x" + key, strings.Replace(key, "+A", "+B", 1), name + "x+" + rest} {
		if bad == key {
			continue
		}
		if _, err := ledger.Trust(bad); !errors.Is(err, ledger.ErrMalformed) {
			t.Errorf("%q: got %v, want ErrMalformed", bad, err)
		}
	}
}
