package archive

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
)

// parcel is a sealed archive taken apart, to be altered.
type parcel struct {
	top     string
	members map[string][]byte
	twice   map[string][]byte // put in a second time
	method  uint16
}

func unpack(t testing.TB, raw []byte) *parcel {
	t.Helper()
	zr, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	ok(t, err)
	p := &parcel{members: map[string][]byte{}, twice: map[string][]byte{}}
	for _, f := range zr.File {
		r, err := f.Open()
		ok(t, err)
		top, name, _ := strings.Cut(f.Name, "/")
		p.top = top
		p.members[name], err = io.ReadAll(r)
		ok(t, err)
	}
	return p
}

func (p *parcel) pack(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	zw := zip.NewWriter(&out)
	for _, from := range []map[string][]byte{p.members, p.twice} {
		for _, name := range slices.Sorted(maps.Keys(from)) {
			w, err := zw.CreateHeader(&zip.FileHeader{Name: p.top + "/" + name, Method: p.method})
			ok(t, err)
			_, err = w.Write(from[name])
			ok(t, err)
		}
	}
	ok(t, zw.Close())
	return out.Bytes()
}

// resign lists the members as they now are, under a service's signature: what
// somebody could do who has its key.
func (p *parcel) resign(t testing.TB, s service, change func(*manifest)) {
	t.Helper()
	m, _, err := parseManifest(p.members[memberManifest])
	ok(t, err)
	m.key = s.key
	for i := range m.members {
		l := &m.members[i]
		l.size, l.hash = int64(len(p.members[l.name])), sha256.Sum256(p.members[l.name])
	}
	if change != nil {
		change(m)
	}
	p.members[memberManifest], err = s.sign(m.text())
	ok(t, err)
}

// attack is one way to alter an archive, and what its owner is to be told.
type attack struct {
	name string
	harm func(t *testing.T, p *parcel)
	want []string // in one of the faults, each
	open int      // how many recordings still open without a fault of their own
}

// sealedScene is an archive, another of the same account and vault for another
// request, and one of somebody else.
type sealedScene struct {
	s             service
	p, other      person
	v             SealedVault
	facts         SealedFacts
	mine, another []byte
	theirs        []byte
}

func newSealedScene(t *testing.T) *sealedScene {
	x := &sealedScene{s: newService(t), p: newPerson(t), other: newPerson(t)}
	x.v = sealedVault(t, x.p, "", 12, noise(200))
	x.facts = sealedFacts(x.s, x.p, x.v)
	x.mine = sealedBytes(t, newSealed(t, x.facts))
	again := x.facts
	again.Request, again.Archive = hearkeep.NewID[hearkeep.RequestID](), hearkeep.NewID[hearkeep.ArchiveID]()
	x.another = sealedBytes(t, newSealed(t, again))
	x.theirs = sealedBytes(t, newSealed(t, sealedFacts(x.s, x.other, sealedVault(t, x.other, "", 12, noise(200)))))
	return x
}

// part is where a part of the i-th recording lies in its member.
func (x *sealedScene) part(i int, of hearkeep.Part) (at, size int) {
	for k, r := range x.v.Content.(*cargo).rows[:i+1] {
		parts, _ := sortedParts(r)
		for _, p := range parts {
			switch {
			case p == nil || (p.Part == hearkeep.PartAudio) != (of == hearkeep.PartAudio):
			case k == i && p.Part == of:
				return at, int(p.Size)
			default:
				at += int(p.Size)
			}
		}
	}
	panic("no such part")
}

// wrap is where the wrap of a part of the i-th recording lies.
func (x *sealedScene) wrap(i int, of hearkeep.Part) (at int) {
	for k, r := range x.v.Content.(*cargo).rows[:i+1] {
		parts, _ := sortedParts(r)
		for _, p := range parts {
			if p != nil && k == i && p.Part == of {
				return at
			} else if p != nil {
				at += sealedWrapSize
			}
		}
	}
	panic("no such part")
}

func swap(b []byte, i, j, n int) {
	hold := bytes.Clone(b[i : i+n])
	copy(b[i:i+n], b[j:j+n])
	copy(b[j:j+n], hold)
}

func TestSealedAttacks(t *testing.T) {
	x := newSealedScene(t)
	index, wraps, text, sound := vaultMember(0, memberIndex), vaultMember(0, memberWraps), vaultMember(0, memberText), vaultMember(0, memberSound)
	terminal := fmt.Sprintf("%q", x.v.Doors[1].Name)
	from := func(raw []byte, names ...string) func(*testing.T, *parcel) {
		return func(t *testing.T, p *parcel) {
			q := unpack(t, raw)
			for _, name := range names {
				p.members[name] = q.members[name]
			}
		}
	}
	and := func(fs ...func(*testing.T, *parcel)) func(*testing.T, *parcel) {
		return func(t *testing.T, p *parcel) {
			for _, f := range fs {
				f(t, p)
			}
		}
	}
	resigned := func(t *testing.T, p *parcel) { p.resign(t, x.s, nil) }
	for _, test := range []attack{
		{"a sound altered", func(_ *testing.T, p *parcel) { at, _ := x.part(2, hearkeep.PartAudio); p.members[sound][at+150] ^= 1 },
			[]string{`the sound of recording 2 of "Kitchen" was altered`}, 11},
		{"words altered", func(_ *testing.T, p *parcel) { at, _ := x.part(3, hearkeep.PartWords); p.members[text][at+150] ^= 1 },
			[]string{"the transcript of recording 2 of " + terminal + " was altered"}, 11},
		{"two sounds swapped", func(_ *testing.T, p *parcel) {
			i, n := x.part(0, hearkeep.PartAudio)
			j, _ := x.part(2, hearkeep.PartAudio)
			swap(p.members[sound], i, j, n)
		}, []string{`sound of recording 1 of "Kitchen" was altered`, `sound of recording 2 of "Kitchen" was altered`}, 10},
		{"two sounds swapped, with their keys, by who can sign", func(t *testing.T, p *parcel) {
			i, n := x.part(0, hearkeep.PartAudio)
			j, _ := x.part(2, hearkeep.PartAudio)
			swap(p.members[sound], i, j, n)
			swap(p.members[wraps], x.wrap(0, hearkeep.PartAudio), x.wrap(2, hearkeep.PartAudio), sealedWrapSize)
			resigned(t, p)
		}, []string{`sound of recording 1 of "Kitchen" does not belong here`, `sound of recording 2 of "Kitchen" does not belong here`}, 10},
		{"keys of parts altered", func(_ *testing.T, p *parcel) { p.members[wraps][x.wrap(1, hearkeep.PartTurn)+70] ^= 1 },
			[]string{wraps + " was altered", "what was done of recording 1 of " + terminal + " does not belong here"}, 11},
		{"the index of another archive of mine", from(x.another, index), []string{index + " was altered", index + " does not belong here"}, 0},
		{"the index of another archive of mine, by who can sign", and(from(x.another, index), resigned), []string{index + " does not belong here"}, 0},
		{"all of another archive's vault", and(from(x.another, index, wraps, text, sound), resigned), []string{index + " does not belong here"}, 0},
		{"somebody else's index and keys", func(t *testing.T, p *parcel) {
			var mine, theirs sealedKeys
			ok(t, json.Unmarshal(p.members[memberKeys], &mine))
			ok(t, json.Unmarshal(unpack(t, x.theirs).members[memberKeys], &theirs))
			mine.Vaults = append(mine.Vaults, theirs.Vaults[0])
			p.members[memberKeys], _ = json.Marshal(mine)
			for name, b := range unpack(t, x.theirs).members {
				if rest, found := strings.CutPrefix(name, "vault-1/"); found {
					p.members["vault-2/"+rest] = b
				}
			}
		}, []string{"vault-2/index.sealed was put in", "keys.json was cut off or altered", "keys.json has a key for vault-2/, of generation 1, that does not belong here", "vault-2/index.sealed does not belong here"}, 12},
		{"somebody else's recordings", from(x.theirs, wraps, text, sound), []string{wraps + " was altered", `recording 1 of "Kitchen" does not belong here`}, 0},
		{"the manifest altered", func(_ *testing.T, p *parcel) {
			p.members[memberManifest] = bytes.Replace(p.members[memberManifest], []byte("keep.example"), []byte("evil.example"), 1)
		}, []string{"manifest.txt is not signed"}, 12},
		{"another request on the manifest", func(t *testing.T, p *parcel) {
			p.resign(t, x.s, func(m *manifest) { m.request = hearkeep.NewID[hearkeep.RequestID]() })
		}, []string{index + " does not belong here"}, 0},
		{"a member removed", func(_ *testing.T, p *parcel) { delete(p.members, text) }, []string{text + " is missing", `transcript of recording 1 of "Kitchen" is missing`}, 0},
		{"the sounds removed", func(_ *testing.T, p *parcel) { delete(p.members, sound) }, []string{sound + " is missing", `sound of recording 1 of "Kitchen" is missing`}, 2},
		{"the index removed", func(_ *testing.T, p *parcel) { delete(p.members, index) }, []string{index + " is missing"}, 0},
		{"a member added", func(_ *testing.T, p *parcel) { p.members["open me.exe"] = []byte("x") }, []string{"open me.exe was put in"}, 12},
		{"a member that climbs", func(_ *testing.T, p *parcel) { p.members["../../etc/passwd\n\x1b[2J"] = []byte("x") }, []string{`"../../etc/passwd\n\x1b[2J" was put in`}, 12},
		{"a member twice", func(_ *testing.T, p *parcel) { p.twice[memberReadme] = []byte("call this number") }, []string{memberReadme + " is there twice"}, 12},
		{"the opener replaced", func(_ *testing.T, p *parcel) { p.members[memberReadme] = []byte("call this number") }, []string{memberReadme + " was cut off or altered"}, 12},
		{"the end of the sounds cut", func(_ *testing.T, p *parcel) { p.members[sound] = p.members[sound][:len(p.members[sound])-10] },
			[]string{sound + " was cut off", sound + " holds more or less", "sound of recording 6 of " + terminal + " is missing"}, 11},
		{"sizes that lie", func(t *testing.T, p *parcel) {
			p.resign(t, x.s, func(m *manifest) {
				for i := range m.members {
					m.members[i].size = seal.MaxPart
				}
			})
		}, []string{sound + " was cut off", memberKeys + " was cut off"}, 12},
		{"a count that lies", func(t *testing.T, p *parcel) { p.resign(t, x.s, func(m *manifest) { m.recordings = 13 }) }, []string{"the archive does not hold as many"}, 12},
		{"a vault left out", func(t *testing.T, p *parcel) {
			var k sealedKeys
			ok(t, json.Unmarshal(p.members[memberKeys], &k))
			k.Vaults = nil
			p.members[memberKeys], _ = json.Marshal(k)
		}, []string{"keys.json was cut off or altered", "the archive does not hold as many"}, 0},
		{"packed", func(_ *testing.T, p *parcel) { p.members["zeros"] = make([]byte, 1<<20); p.twice["zeros.packed"] = nil }, []string{"zeros was put in"}, 12},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := unpack(t, x.mine)
			test.harm(t, p)
			u := unlock(t, p.pack(t), x.p.kit)
			said := everything(t, u)
			for _, want := range test.want {
				if !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, want) }) {
					t.Errorf("nothing says %q; said: %q", want, said)
				}
			}
			open := 0
			for i := range u.Count() {
				if faults, err := u.Check(i); err == nil && len(faults) == 0 {
					open++
				}
			}
			if open != test.open {
				t.Errorf("%d recordings open, want %d; said: %q", open, test.open, said)
			}
		})
	}
}

// TestSealedForged: somebody else's signature is a signature, with another
// fingerprint than the service's.
func TestSealedForged(t *testing.T) {
	x := newSealedScene(t)
	p, forger := unpack(t, x.mine), newService(t)
	p.resign(t, forger, nil)
	about := openSealed(t, p.pack(t)).About()
	if !about.Signed || about.Fingerprint == Fingerprint(x.s.key) || about.Fingerprint != Fingerprint(forger.key) {
		t.Errorf("got %+v", about)
	}
}

// TestSealedNoise: with somebody else's archive my kit opens nothing, though
// my own keys are put into it.
func TestSealedNoise(t *testing.T) {
	x := newSealedScene(t)
	_, err := openSealed(t, x.theirs).Unlock(x.p.kit)
	codeIs(t, err, hearkeep.Forbidden)
	p := unpack(t, x.theirs)
	p.members[memberKeys] = unpack(t, x.mine).members[memberKeys]
	_, err = openSealed(t, p.pack(t)).Unlock(x.p.kit)
	codeIs(t, err, hearkeep.Forbidden)
	p.resign(t, x.s, func(m *manifest) { m.account = x.p.account })
	u := unlock(t, p.pack(t), x.p.kit)
	if u.Count() != 0 || len(u.Faults()) == 0 {
		t.Errorf("%d of somebody else's recordings open; faults %q", u.Count(), u.Faults())
	}
}

// TestSealedTruncated: wherever it ends, it is refused as not whole.
func TestSealedTruncated(t *testing.T) {
	x := newSealedScene(t)
	for n := 0; n < len(x.mine); n += 1 + len(x.mine)/150 {
		_, err := OpenSealed(bytes.NewReader(x.mine[:n]), int64(n))
		codeIs(t, err, hearkeep.Invalid)
	}
	_, err := OpenSealed(bytes.NewReader(nil), 0)
	codeIs(t, err, hearkeep.Invalid)
}

// TestSealedAlteredAnywhere: no byte can be changed of what matters that is
// not named. What the ZIP format says beside sizes and names does not matter.
func TestSealedAlteredAnywhere(t *testing.T) {
	x := newSealedScene(t)
	at := len(x.mine) / 60
	for i := at; i < len(x.mine); i += at {
		raw := bytes.Clone(x.mine)
		raw[i] ^= 0x41
		f, err := OpenSealed(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			continue // said, and nothing is shown
		}
		u, err := f.Unlock(x.p.kit)
		if err != nil {
			continue
		}
		if said := everything(t, u); len(said) == 0 && contents(t, u) != contents(t, unlock(t, x.mine, x.p.kit)) {
			t.Errorf("byte %d: altered, and nothing says so", i)
		}
	}
}

func contents(t testing.TB, u *Unlocked) string {
	var all strings.Builder
	fmt.Fprintf(&all, "%+v", u.About())
	for i := range u.Count() {
		r, _, err := u.Recording(i)
		ok(t, err)
		fmt.Fprintf(&all, "%s %s", r.ID, r.Words.Reveal())
	}
	return all.String()
}

// TestSealedPacked: a member that is compressed is not unpacked, whatever it
// says that it becomes.
func TestSealedPacked(t *testing.T) {
	x := newSealedScene(t)
	p := unpack(t, x.mine)
	p.method = zip.Deflate
	_, err := OpenSealed(bytes.NewReader(p.pack(t)), int64(len(p.pack(t))))
	codeIs(t, err, hearkeep.Invalid)
}

// TestSealedDirectoryBomb: a directory of a million entries is not read.
func TestSealedDirectoryBomb(t *testing.T) {
	var out bytes.Buffer
	zw := zip.NewWriter(&out)
	for i := range 60000 {
		_, err := zw.CreateRaw(&zip.FileHeader{Name: fmt.Sprintf("%070d", i)})
		ok(t, err)
	}
	ok(t, zw.Close())
	_, err := OpenSealed(bytes.NewReader(out.Bytes()), int64(out.Len()))
	codeIs(t, err, hearkeep.Invalid)
}
