package rights

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hearkeep/hearkeep"
)

func TestDirectory(t *testing.T) {
	t.Parallel()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, key2 := base64.StdEncoding.EncodeToString(public), base64.StdEncoding.EncodeToString(other)
	one := fmt.Sprintf(`{"id":"CR_AA_DRP_ID_001","name":"An agent","verify_key":%q,"web_url":"https://example.org","business_contact":"x"}`, key)
	for _, c := range []struct {
		name, file string
		want       int // agents; -1 for a refusal
	}{
		{"nobody", `[]`, 0},
		{"as it is published", "[" + one + "]\n", 1},
		{"with hosts", `[` + strings.Replace(one, `"name"`, `"callback_hosts":["127.0.0.1:8003"],"name"`, 1) + `]`, 1},
		{"two", `[` + one + fmt.Sprintf(`,{"id":"yorba_aa_prod_v1","name":"Y","verify_key":%q}`, key2) + `]`, 2},
		{"one id twice", `[` + one + `,` + strings.Replace(one, key, key2, 1) + `]`, -1},
		{"one key twice", `[` + one + `,` + strings.Replace(one, "001", "002", 1) + `]`, -1},
		{"no list", one, -1},
		{"more behind it", `[` + one + `] []`, -1},
		{"no id", `[` + strings.Replace(one, "CR_AA_DRP_ID_001", "", 1) + `]`, -1},
		{"an id that is a path", `[` + strings.Replace(one, "CR_AA_DRP_ID_001", "a/../b", 1) + `]`, -1},
		{"no name", `[` + strings.Replace(one, "An agent", " ", 1) + `]`, -1},
		{"a name of two lines", `[` + strings.Replace(one, "An agent", `An\nagent`, 1) + `]`, -1},
		{"a name that turns the line round", `[` + strings.Replace(one, "An agent", `An \u202eagent`, 1) + `]`, -1},
		{"no key", `[` + strings.Replace(one, key, "", 1) + `]`, -1},
		{"a key in hex", `[` + strings.Replace(one, key, fmt.Sprintf("%x", []byte(public)), 1) + `]`, -1},
		{"a key that everybody can sign for", `[` + strings.Replace(one, key, base64.StdEncoding.EncodeToString(append([]byte{1}, make([]byte, 31)...)), 1) + `]`, -1},
		{"hosts that are none", `[` + strings.Replace(one, `"name"`, `"callback_hosts":["http://x/"],"name"`, 1) + `]`, -1},
		{"too large", `[` + one + `]` + strings.Repeat(" ", maxDirectory), -1},
	} {
		agents, err := parseDirectory([]byte(c.file))
		switch {
		case c.want < 0 && hearkeep.CodeOf(err) != hearkeep.Invalid:
			t.Errorf("%s: got %d agents, %v, want a refusal", c.name, len(agents), err)
		case c.want >= 0 && (err != nil || len(agents) != c.want):
			t.Errorf("%s: got %d agents, %v, want %d", c.name, len(agents), err, c.want)
		}
	}
}

// A directory that became wrong leaves the one before in force; a key that
// left it ends its token, and no message brings in a new one.
func TestDirectoryChanges(t *testing.T) {
	t.Parallel()
	b := newBureau(t)
	token, err := b.agents.Pair(t.Context(), first, b.signed(first, b.claim(first, nil)))
	if err != nil {
		t.Fatal(err)
	}
	works := func(what string, want bool) {
		t.Helper()
		_, err := b.agents.Bearer(t.Context(), token)
		if got := err == nil; got != want {
			t.Errorf("%s: the token: got %v, want it to work: %v", what, err, want)
		}
	}
	works("paired", true)
	b.must(os.WriteFile(b.file, []byte("[{"), 0o600))
	if _, err := b.agents.Directory.Reload(); err == nil {
		t.Error("Reload took half a file")
	}
	works("the file is damaged", true)
	b.must(os.Remove(b.file))
	if _, err := b.agents.Directory.Reload(); err == nil {
		t.Error("Reload took a file that is not there")
	}
	works("the file is gone", true)

	_, next, err := ed25519.GenerateKey(nil)
	b.must(err)
	before := b.keys[first]
	b.keys[first] = next
	if _, err := b.agents.Pair(t.Context(), first, b.signed(first, b.claim(first, nil))); err == nil {
		t.Error("a key that is not in the directory got a token")
	}
	works("somebody came with another key", true)
	b.list()
	if changed, err := b.agents.Directory.Reload(); err != nil || !changed {
		t.Errorf("Reload: got %v, %v, want a change", changed, err)
	}
	works("its key is another", false)
	b.agent(first)
	b.keys[first] = before
	if _, err := b.agents.Pair(t.Context(), first, b.signed(first, b.claim(first, nil))); err == nil {
		t.Error("a key that left the directory got a token")
	}
	delete(b.keys, first)
	b.list()
	if _, err := b.agents.Directory.Reload(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.agents.Bearer(t.Context(), token); err == nil {
		t.Error("an agent that left the directory has a token")
	}
}

// For a point of small order one signature of zeros verifies for some of a few
// messages: that finds them without the table, which has to have found them too.
func TestKeysThatEverybodyCanSignFor(t *testing.T) {
	t.Parallel()
	zeros := append([]byte{1}, make([]byte, ed25519.SignatureSize-1)...) // R is the neutral point, S is 0
	points := 0
	for _, y := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000", "0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		for _, sign := range []byte{0, 0x80} {
			key, err := hex.DecodeString(y)
			if err != nil {
				t.Fatal(err)
			}
			key[31] |= sign
			for m := range 256 {
				if ed25519.Verify(key, []byte{byte(m)}, zeros) {
					points++
					break
				}
			}
			if _, err := parseKey(base64.StdEncoding.EncodeToString(key)); err == nil {
				t.Errorf("%x was taken", key)
			}
		}
	}
	if points < 8 {
		t.Errorf("points that everybody can sign for: got %d, want all 8", points)
	}
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseKey(base64.StdEncoding.EncodeToString(public)); err != nil {
		t.Errorf("a key: got %v", err)
	}
}
