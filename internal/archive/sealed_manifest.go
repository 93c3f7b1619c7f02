package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
)

// Members of a sealed archive, in a folder named as the file is. Those of a
// vault stand in a folder of their own: vault-1, vault-2 and so on.
const (
	memberReadme   = "README.txt"
	memberOpener   = "open.html"
	memberManifest = "manifest.txt"
	memberKeys     = "keys.json"
	memberIndex    = "index.sealed" // the index key's wrap, and the index under it
	memberWraps    = "wraps.sealed" // of each part: its key's wrap, and its ciphertext's hash
	memberText     = "text.sealed"  // words, turns and waveforms, one after the other
	memberSound    = "sound.sealed" // sounds, one after the other
)

func vaultMember(i int, name string) string { return fmt.Sprintf("vault-%d/%s", i+1, name) }

// sealedFormat is the manifest's first line; ledger.Sign wants its beginning.
const sealedFormat = "hearkeep/sealed/v1"

// Bounds of what is read whole, in bytes and in members.
const (
	maxManifest = 1 << 19
	maxMembers  = 4096
)

// manifest is what the service signs of a sealed archive: which members it
// has, and for which request of which account. It names nobody.
type manifest struct {
	service    string
	key        string // what checks the signature, as golang.org/x/mod/sumdb/note writes keys
	account    hearkeep.AccountID
	request    hearkeep.RequestID
	kind       hearkeep.RequestKind
	archive    hearkeep.ArchiveID
	made       time.Time
	vaults     int
	recordings int
	members    []listedMember
}

// listedMember is one line. Sounds are hashed one by one, in the wraps.
type listedMember struct {
	name   string
	size   int64
	hash   [sha256.Size]byte
	hashed bool
}

func (m *manifest) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nservice %s\nkey %s\naccount %s\nrequest %s\nkind %s\narchive %s\nmade %s\nvaults %d\nrecordings %d\n",
		sealedFormat, unbroken(m.service), unbroken(m.key), m.account, m.request, unbroken(string(m.kind)), m.archive,
		m.made.UTC().Format(time.RFC3339), m.vaults, m.recordings)
	for _, l := range m.members {
		hash := "-"
		if l.hashed {
			hash = hex.EncodeToString(l.hash[:])
		}
		fmt.Fprintf(&b, "member %d %s %s\n", l.size, hash, l.name)
	}
	return b.String()
}

// unbroken keeps what stands in a line from beginning another.
func unbroken(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

var errManifest = errors.New("archive: not the manifest of a sealed archive")

// parseManifest reads a signed manifest. signed is false where the signature
// is not of the key that the manifest itself names; the text is read all the
// same, so that what opens can be shown.
func parseManifest(b []byte) (m *manifest, signed bool, err error) {
	end := bytes.LastIndex(b, []byte("\n\n"))
	if len(b) > maxManifest || end < 0 {
		return nil, false, errManifest
	}
	if m, err = parseManifestText(string(b[:end+1])); err != nil {
		return nil, false, err
	}
	verifier, err := note.NewVerifier(m.key)
	if err != nil {
		return m, false, nil
	}
	opened, err := note.Open(b, note.VerifierList(verifier))
	return m, err == nil && opened.Text == string(b[:end+1]), nil
}

func parseManifestText(text string) (*manifest, error) {
	r := lines{rest: text}
	r.want(sealedFormat)
	m := &manifest{service: r.field("service"), key: r.field("key")}
	r.id(&m.account, "account")
	r.id(&m.request, "request")
	m.kind = hearkeep.RequestKind(r.field("kind"))
	r.id(&m.archive, "archive")
	made, err := time.Parse(time.RFC3339, r.field("made"))
	r.fail(err)
	m.made = made
	m.vaults = int(r.number("vaults", maxMembers))
	m.recordings = int(r.number("recordings", 1<<40))
	for r.rest != "" && r.err == nil {
		if len(m.members) == maxMembers {
			return nil, errManifest
		}
		m.members = append(m.members, r.member())
	}
	if r.err != nil {
		return nil, errManifest
	}
	return m, nil
}

// lines reads lines of a name, a space and a value, and remembers that one was
// not what was asked for.
type lines struct {
	rest string
	err  error
}

func (r *lines) fail(err error) {
	if err != nil && r.err == nil {
		r.err = err
	}
}

func (r *lines) next() string {
	line, rest, found := strings.Cut(r.rest, "\n")
	if !found {
		r.fail(errManifest)
	}
	r.rest = rest
	return line
}

func (r *lines) want(line string) {
	if r.next() != line {
		r.fail(errManifest)
	}
}

func (r *lines) field(name string) string {
	value, found := strings.CutPrefix(r.next(), name+" ")
	if !found {
		r.fail(errManifest)
	}
	return value
}

func (r *lines) id(to encoding.TextUnmarshaler, name string) {
	r.fail(to.UnmarshalText([]byte(r.field(name))))
}

func (r *lines) number(name string, most int64) int64 { return r.count(r.field(name), most) }

// count reads a number in its one spelling.
func (r *lines) count(s string, most int64) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > most || strconv.FormatInt(n, 10) != s {
		r.fail(errManifest)
		return 0
	}
	return n
}

func (r *lines) member() (l listedMember) {
	size, rest, _ := strings.Cut(r.field("member"), " ")
	hash, name, _ := strings.Cut(rest, " ")
	l.size, l.name, l.hashed = r.count(size, seal.MaxPart), name, hash != "-"
	if l.hashed {
		sum, err := hex.DecodeString(hash)
		if err != nil || len(sum) != len(l.hash) {
			r.fail(errManifest)
			return l
		}
		copy(l.hash[:], sum)
	}
	return l
}

// Fingerprint is a service's key as people compare it: the first 128 bits of
// its SHA-256 as eight groups of four hexadecimal digits. key is of the form
// of ledger.Key.
func Fingerprint(key string) string {
	sum := sha256.Sum256([]byte(key))
	digits := hex.EncodeToString(sum[:16])
	var groups []string
	for ; digits != ""; digits = digits[4:] {
		groups = append(groups, digits[:4])
	}
	return strings.Join(groups, " ")
}
