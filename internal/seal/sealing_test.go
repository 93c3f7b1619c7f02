package seal

import (
	"bytes"
	"crypto/hpke"
	"crypto/rand"
	"encoding/hex"
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/cryptotest"

	"github.com/hearkeep/hearkeep"
)

//go:generate go test -run TestSealingVectors -update

// update is the tests' one flag; the program has none.
var update = flag.Bool("update", false, "write the sealing vectors anew")

// named is a vector and its file's name.
type named struct {
	name string
	vector
}

// Sealing under a fixed source of randomness gives the bytes in testdata,
// on the pinned release of Go.
func TestSealingVectors(t *testing.T) {
	want := map[string][]byte{}
	for _, family := range families() {
		seed := fnv.New64a()
		seed.Write([]byte(family.kind))
		cryptotest.SetGlobalRandom(t, seed.Sum64())
		for _, n := range family.make(t) {
			name := family.kind + "_" + strings.ReplaceAll(n.name, " ", "-")
			if want[name] != nil {
				t.Fatalf("two vectors are named %s", name)
			}
			expect := n.name
			if strings.HasPrefix(expect, "ok ") {
				expect = "ok" // several of a family open
			}
			n.lines = slices.Insert(n.lines, 0, line{"kind", family.kind}, line{"expect", expect})
			want[name] = n.encode()
		}
	}
	if *update {
		writeVectors(t, want)
	}
	files, err := filepath.Glob(filepath.Join(vectorDir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if want[filepath.Base(file)] == nil {
			t.Errorf("%s is made by no family", file)
		}
	}
	for name, b := range want {
		got, err := os.ReadFile(filepath.Join(vectorDir, name))
		if err != nil {
			t.Fatalf("%v (run go generate)", err)
		}
		if !bytes.Equal(got, b) {
			t.Errorf("%s: sealing gives other bytes", name)
		}
	}
}

func writeVectors(t *testing.T, files map[string][]byte) {
	t.Helper()
	if err := os.RemoveAll(vectorDir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(vectorDir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(vectorDir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

type family struct {
	kind string
	make func(*testing.T) []named
}

func families() []family {
	return []family{
		{"unlock-passphrase", passphraseVectors}, {"unlock-kit", unlockKitVectors},
		{"unlock-passkey", passkeyVectors}, {"prf-input", prfVectors}, {"kit", kitVectors},
		{"account-key", accountKeyVectors}, {"unlockers", unlockersVectors},
		{"account-private", accountPrivateVectors}, {"session", sessionVectors},
		{"vault-public", vaultPublicVectors}, {"vault-key", vaultKeyVectors}, {"token", tokenVectors},
		{"envelope", envelopeVectors}, {"envelope-rewrapped", rewrappedVectors},
		{"part-key", partKeyVectors}, {"part", partVectors},
		{"generation", generationVectors}, {"binding", bindingVectors},
		{"pin", pinVectors}, {"holder", holderVectors}, {"browser", browserVectors}, {"house", houseVectors},
		{"house-channel", houseItemVectors(HouseChannel, "https://example.org/hook")},
		{"house-letter", houseItemVectors(HouseLetter, "anna@example.org\nA passkey was added.")},
		{"roster", rosterVectors}, {"roster-mac", rosterMACVectors}, {"invitation", invitationVectors}, {"accept", acceptVectors}, {"decoy", decoyVectors},
		{"invitation-mac", invitationMACVectors},
		{"house-claim", houseItemVectors(HouseClaim, "It was in your kitchen, on Sunday.")},
		{"house-agent", houseItemVectors(HouseAgent, `{"name":"Anna"}`)},
		{"house-report", houseItemVectors(HouseReport, `{"about":"These are not mine.","reach":"anna@example.org"}`)},
		{"house-incident", houseItemVectors(HouseIncident, `{"kind":"decided","n":7,"text":"yes: it was opened"}`)},
		{"house-recipient", houseItemVectors(HouseRecipient, `{"reach":"anna@example.org"}`)},
		{"place", placeVectors},
		{"request", requestVectors}, {"index", indexVectors}, {"import", importVectors},
	}
}

// ok is the vector that opens, with what it opens to.
func ok(opens, body []byte, lines ...line) named {
	if opens != nil {
		lines = append(slices.Clip(lines), line{"opens", short(opens)})
	}
	return named{"ok", vector{lines, body}}
}

// but returns a vector of v that fails with the class of error, with a name
// that says what is wrong.
func (v vector) but(wrong, class string, edit func(*vector)) named {
	w := vector{slices.Clone(v.lines), bytes.Clone(v.body)}
	w.lines = slices.DeleteFunc(w.lines, func(l line) bool { return l.name == "opens" })
	w.lines = append(w.lines, line{"error", class})
	edit(&w)
	return named{wrong, w}
}

func (v *vector) set(name, value string) {
	for i := range v.lines {
		if v.lines[i].name == name {
			v.lines[i].value = value
			return
		}
	}
	panic("no line " + name)
}

// wrongEach makes a vector for each named line with another value there.
func (v vector) wrongEach(class string, names ...string) []named {
	var all []named
	for _, name := range names {
		all = append(all, v.but("wrong "+name, class, func(w *vector) {
			old, _ := w.get(name)
			w.set(name, other(old))
		}))
	}
	return all
}

// other is another value of the same kind: hex with its last bit flipped, the
// next integer, another word of those that have one.
func other(s string) string {
	words := map[string]string{
		"audio": "words", "say": "upload", "audio+words": "nothing", "label": "name", "0": "1", "1": "0",
		"channel": "letter", "letter": "channel", "guardian": "holder",
		"claim": "agent", "agent": "claim", "report": "incident", "incident": "recipient", "recipient": "report", "access": "erasure", "voice": "portal",
	}
	if w, is := words[s]; is {
		return w
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return strconv.FormatInt(n+1, 10)
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		panic("no other value of " + s)
	}
	b[len(b)-1] ^= 1
	return hex.EncodeToString(b)
}

// flip flips one bit of the body.
func flip(at int) func(*vector) {
	return func(v *vector) { v.body[at] ^= 0x10 }
}

func cut(n int) func(*vector) { return func(v *vector) { v.body = v.body[:n] } }

// symmetricDamage is what can happen to a symmetric wrap. Where its length is
// not fixed, a cut changes the ciphertext and not the form.
func (v vector) symmetricDamage(fixed bool) []named {
	length := "open"
	if fixed {
		length = "format"
	}
	n := len(v.body)
	return []named{
		v.but("flipped salt", "open", flip(1)),
		v.but("flipped commitment", "open", flip(1+saltSize)),
		v.but("flipped ciphertext", "open", flip(1+saltSize+commitmentSize)),
		v.but("flipped tag", "open", flip(n-1)),
		v.but("truncated", length, cut(n-1)),
		v.but("appended byte", length, func(w *vector) { w.body = append(w.body, 0) }),
		v.but("truncated to the salt", "format", cut(1+saltSize)),
		v.but("empty", "format", cut(0)),
		v.but("old format", "format", func(w *vector) { w.body[0] = 0x00 }),
		v.but("unknown format", "format", func(w *vector) { w.body[0] = 0x03 }),
		v.but("format of the other construction", "format", func(w *vector) { w.body[0] = formatHPKE }),
	}
}

// publicDamage is what can happen to an HPKE wrap.
func (v vector) publicDamage() []named {
	n := len(v.body)
	return []named{
		v.but("flipped ML-KEM ciphertext", "open", flip(1)),
		v.but("flipped X25519 point", "open", flip(1+1088)),
		v.but("flipped ciphertext", "open", flip(1+encSize)),
		v.but("flipped tag", "open", flip(n-1)),
		v.but("truncated", "format", cut(n-1)),
		v.but("appended byte", "format", func(w *vector) { w.body = append(w.body, 0) }),
		v.but("truncated to the encapsulation", "format", cut(1+encSize)),
		v.but("empty", "format", cut(0)),
		v.but("old format", "format", func(w *vector) { w.body[0] = 0x00 }),
		v.but("unknown format", "format", func(w *vector) { w.body[0] = 0x03 }),
		v.but("format of the other construction", "format", func(w *vector) { w.body[0] = formatSymmetric }),
	}
}

// privatePair reads a private key as RFC 9180 serialises it.
func privatePair(t *testing.T, v vector, name string) hpke.PrivateKey {
	t.Helper()
	pair, err := suite().NewPrivateKey(v.hex(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func hexLine(name string, b []byte) line { return line{name, hex.EncodeToString(b)} }

func idLine(name string) (line, [16]byte) {
	id := [16]byte(randomBytes(16))
	return hexLine(name, id[:]), id
}

func intLine[T ~int64 | ~uint64](name string, n T) line { return line{name, fmt.Sprint(n)} }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// The first day of speech in these vectors, in Unix milliseconds.
const day = 1_790_000_000_000

const gen = hearkeep.Generation(3)
