package ledger_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"golang.org/x/mod/sumdb/note"
)

// verifiers are the log's own, from its key as a person writes it down.
func (f fixture) verifiers(t *testing.T) note.Verifiers {
	t.Helper()
	v, err := note.NewVerifier(f.log.Key())
	if err != nil {
		t.Fatal(err)
	}
	return note.VerifierList(v)
}

func TestProofOfEveryEntry(t *testing.T) {
	f, ctx := open(t), t.Context()
	vault, account := hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.AccountID]()
	sizes := int64(70)
	if underRace {
		sizes = 20
	}
	for size := range sizes {
		if _, err := f.log.Write(ctx, entry(vault, account)); err != nil {
			t.Fatal(err)
		}
		for seq := range size + 1 {
			p, err := f.log.Proof(ctx, seq)
			if err != nil {
				t.Fatal(err)
			}
			read, err := ledger.ParseProof(p.Text())
			if err != nil {
				t.Fatalf("parse what was written: %v\n%s", err, p.Text())
			}
			if diff := cmp.Diff(p, read, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("proof read back (-want +got):\n%s", diff)
			}
			got, err := read.Check(f.verifiers(t))
			if err != nil {
				t.Fatalf("entry %d of %d: %v", seq, size+1, err)
			}
			if got.Index != seq || got.Under.Size != size+1 || *got.Entry.Vault != vault || got.Entry.Kind != ledger.KindOpened {
				t.Errorf("entry %d of %d says %+v", seq, size+1, got)
			}
		}
	}
}

func TestNoProofOfWhatIsNotThere(t *testing.T) {
	f, ctx := open(t), t.Context()
	if _, err := f.log.Proof(ctx, 0); !errors.Is(err, ledger.ErrNoEntry) {
		t.Errorf("of an empty log: got %v, want ErrNoEntry", err)
	}
	f.fill(t, 3)
	for _, seq := range []int64{-1, 3, 1 << 62} {
		if _, err := f.log.Proof(ctx, seq); !errors.Is(err, ledger.ErrNoEntry) {
			t.Errorf("of entry %d: got %v, want ErrNoEntry", seq, err)
		}
	}
	f.rewrite(t, `UPDATE ledger_entries SET body = NULL, salt = NULL WHERE seq = 1`)
	if _, err := f.log.Proof(ctx, 1); !errors.Is(err, ledger.ErrExpired) {
		t.Errorf("of an expired entry: got %v, want ErrExpired", err)
	}
}

// A proof is somebody's word until it is checked under a key that was not
// taken from it.
func TestProofOfAnotherLogIsUnknown(t *testing.T) {
	f, other := open(t), open(t)
	f.fill(t, 5)
	p, err := f.log.Proof(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.log.Check(p); !errors.Is(err, ledger.ErrUnknownKey) {
		t.Errorf("under another log's key: got %v, want ErrUnknownKey", err)
	}
	if _, err := f.log.Check(p); err != nil {
		t.Errorf("under its own: %v", err)
	}
}

// Whatever bit of a proof is altered, it is not proven any more.
func TestTamperedProofIsFound(t *testing.T) {
	f := open(t)
	f.fill(t, 77)
	known := f.verifiers(t)
	rng := rand.New(rand.NewPCG(6, 2))
	for range 300 {
		p, err := f.log.Proof(t.Context(), rng.Int64N(77))
		if err != nil {
			t.Fatal(err)
		}
		good := p.Text()
		for range 10 {
			bad := tamper(rng, good)
			if bytes.Equal(bad, good) {
				continue
			}
			if read, err := ledger.ParseProof(bad); err == nil {
				if _, err = read.Check(known); err == nil {
					t.Fatalf("holds although it was altered:\n%s\nas\n%s", good, bad)
				}
			}
		}
	}
}

// tamper alters a text in one of the ways in which texts are altered.
func tamper(rng *rand.Rand, good []byte) []byte {
	bad, at := bytes.Clone(good), rng.IntN(len(good))
	switch rng.IntN(5) {
	case 0:
		bad[at] ^= 1 << rng.IntN(8)
	case 1:
		bad = append(bad[:at], bad[at+1:]...)
	case 2:
		bad = append(bad[:at], append([]byte{byte(rng.IntN(256))}, good[at:]...)...)
	case 3:
		bad = bad[:at]
	case 4:
		lines := bytes.Split(bad, []byte("\n"))
		a, b := rng.IntN(len(lines)), rng.IntN(len(lines))
		lines[a], lines[b] = lines[b], lines[a]
		bad = bytes.Join(lines, []byte("\n"))
	}
	return bad
}

func (f fixture) fill(t *testing.T, n int) {
	t.Helper()
	entries := make([]ledger.Entry, n)
	for i := range entries {
		entries[i] = entry(hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.AccountID]())
	}
	if _, err := f.log.Write(t.Context(), entries...); err != nil {
		t.Fatal(err)
	}
}

func TestBodiesThatReadersWouldReadDifferentlyAreRefused(t *testing.T) {
	const at = `"at":"2026-11-22T18:00:00.5Z"`
	for name, body := range map[string]string{
		"as the log writes it": `{"kind":"opened",` + at + `,"role":"keyholder","count":2}`,
		"of a newer log":       `{"kind":"opened",` + at + `,"role":"keyholder","newer":{"a":[1.5,"x"]}}`,
	} {
		if _, err := ledger.ParseBody([]byte(body)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, body := range map[string]string{
		"a name twice":              `{"kind":"opened",` + at + `,"role":"","role":"device"}`,
		"a name twice, in capitals": `{"kind":"opened",` + at + `,"role":"","KIND":"erased"}`,
		"a name in capitals":        `{"Kind":"opened",` + at + `,"role":""}`,
		"a name that folds":         `{"\u212aind":"opened",` + at + `,"role":""}`,
		"a name twice, deeper":      `{"kind":"opened",` + at + `,"role":"","x":[{"a":1,"a":2}]}`,
		"no kind":                   `{` + at + `,"role":""}`,
		"no role":                   `{"kind":"opened",` + at + `}`,
		"another zone":              `{"kind":"opened","at":"2026-11-22T18:00:00+01:00","role":""}`,
		"zeros after the time":      `{"kind":"opened","at":"2026-11-22T18:00:00.500Z","role":""}`,
		"a number with a fraction":  `{"kind":"opened",` + at + `,"role":"","count":2.0}`,
		"an empty value":            `{"kind":"opened",` + at + `,"role":"","count":0}`,
		"null":                      `{"kind":"opened",` + at + `,"role":"","account":null}`,
		"an escaped letter":         `{"kind":"\u006fpened",` + at + `,"role":""}`,
		"not ASCII":                 `{"kind":"opened",` + at + `,"role":"","purpose":"é"}`,
		"not ASCII, escaped":        `{"kind":"opened",` + at + `,"role":"","purpose":"\u00e9"}`,
		"more after it":             `{"kind":"opened",` + at + `,"role":""} `,
		"two":                       `{"kind":"opened",` + at + `,"role":""}{}`,
		"a list":                    `["opened"]`,
		"nothing":                   ``,
		"too deep":                  `{"kind":"opened",` + at + `,"role":"","x":[[[[[[[[1]]]]]]]]}`,
		"items spelled otherwise":   `{"kind":"opened",` + at + `,"role":"","items":[{"binding":"00112233445566778899aabbccddeeff","from":1,"To":2}]}`,
	} {
		if e, err := ledger.ParseBody([]byte(body)); !errors.Is(err, ledger.ErrMalformed) {
			t.Errorf("%s: got %+v, %v, want ErrMalformed", name, e, err)
		}
	}
}

func FuzzParseProof(f *testing.F) {
	f.Add([]byte("c2sp.org/tlog-proof@v1\nextra AAAA\nindex 0\n\norigin\n1\nAAAA\n\n— a b\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ledger.ParseProof(text)
		if err != nil {
			return
		}
		if got := p.Text(); !bytes.Equal(got, text) {
			t.Errorf("got %q, want %q", got, text)
		}
		p.Check(note.VerifierList()) // whatever it holds, it ends
	})
}
