package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
)

// TestSealedIndexBombs: who can seal an index can claim what they like; the
// reader holds no more than it was given.
func TestSealedIndexBombs(t *testing.T) {
	head := func(h string) []byte {
		b := binary.AppendUvarint([]byte(indexMagic), uint64(len(h)))
		return append(b, h...)
	}
	huge := binary.AppendUvarint(nil, 1<<62)
	for name, plain := range map[string][]byte{
		"empty":            nil,
		"no head":          []byte(indexMagic),
		"a head of 2^62":   append([]byte(indexMagic), huge...),
		"not JSON":         head("["),
		"2^40 recordings":  head(`{"recordings":1099511627776}`),
		"2^26 recordings":  head(`{"recordings":67108864}`),
		"-1 recordings":    head(`{"recordings":-1}`),
		"a door too far":   append(head(`{"recordings":1,"doors":[]}`), make([]byte, 60)...),
		"a wrap of 2^62":   append(append(head(`{"recordings":1,"doors":[{}]}`), make([]byte, 2+16+1+1+16)...), huge...),
		"more than it had": append(head(`{"recordings":0,"doors":[]}`), 1),
	} {
		if _, err := readIndex(bytes.NewReader(plain), int64(len(plain))); err != errIndex {
			t.Errorf("%s: got %v, want %v", name, err, errIndex)
		}
	}
}

// TestSealedIndexOfSomebody: what an index says that its own maker made up.
func TestSealedIndexOfSomebody(t *testing.T) {
	x := newSealedScene(t)
	rows := x.v.Content.(*cargo).rows
	for _, test := range []struct {
		name   string
		change func(*SealedVault)
		want   string
	}{
		{"a recording twice", func(v *SealedVault) { v.Content = &cargo{rows: append(slices.Clone(rows), rows[3])} }, "recording 2 of " + fmt.Sprintf("%q", x.v.Doors[1].Name) + " is there twice"},
		{"a recording left out", func(v *SealedVault) { v.Content = &cargo{rows: slices.Concat(rows[:4], rows[5:])} }, `"Kitchen" does not add up: it gave 9 numbers; 6 are said to be here and 5 are; 3 are said to be erased, expired, failed or withheld; not here are 3 7-9`},
		{"a number beyond the last", func(v *SealedVault) {
			c := &cargo{rows: slices.Clone(rows)}
			c.rows[4].Number = 1 << 50
			v.Content = c
		}, "has a number that its door never gave"},
		{"number 0", func(v *SealedVault) {
			c := &cargo{rows: slices.Clone(rows)}
			c.rows[4].Number = 0
			v.Content = c
		}, "has a recording without a number"},
		{"a part of 2^41 bytes", func(v *SealedVault) {
			c := &cargo{rows: slices.Clone(rows)}
			c.rows[0].Parts = slices.Clone(c.rows[0].Parts)
			c.rows[0].Parts[0].Size = 1 << 40
			v.Content = c
		}, "holds more or less than its index says"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := x.v
			test.change(&v)
			w, err := newIndexWriter(&v)
			ok(t, err)
			for _, r := range v.Content.(*cargo).rows {
				ok(t, w.add(r))
			}
			sealed, err := sealIndex(&x.facts, &v, w.plain)
			ok(t, err)
			p := unpack(t, x.mine)
			p.members[vaultMember(0, memberIndex)] = sealed
			p.resign(t, x.s, nil)
			u := unlock(t, p.pack(t), x.p.kit)
			said := everything(t, u)
			if !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, test.want) }) {
				t.Errorf("nothing says %q; said: %q", test.want, said)
			}
			folder, _ := folderOf(t, u)
			if _, err := VerifyFolder(t.Context(), folder); err != nil {
				t.Errorf("its folder is no whole bag: %v", err)
			}
		})
	}
}

// TestSealedFailsClosed: what does not add up is not even laid out.
func TestSealedFailsClosed(t *testing.T) {
	x := newSealedScene(t)
	rows := x.v.Content.(*cargo).rows
	for _, test := range []struct {
		name   string
		change func(*SealedFacts, *SealedVault)
		want   hearkeep.Code
	}{
		{"a number that nothing accounts for", func(_ *SealedFacts, v *SealedVault) { v.Content = &cargo{rows: slices.Concat(rows[:4], rows[5:])} }, hearkeep.Stopped},
		{"a number twice", func(_ *SealedFacts, v *SealedVault) { v.Content = &cargo{rows: slices.Concat(rows[:5], rows[4:])} }, hearkeep.Stopped},
		{"a door that is not listed", func(_ *SealedFacts, v *SealedVault) { v.Doors = v.Doors[:1] }, hearkeep.Stopped},
		{"a door that does not add up", func(_ *SealedFacts, v *SealedVault) { v.Doors = slices.Clone(v.Doors); v.Doors[0].Last++ }, hearkeep.Stopped},
		{"fewer than it says", func(_ *SealedFacts, v *SealedVault) { v.Content = fewer{&cargo{rows: rows}} }, hearkeep.Changed},
		{"no key", func(_ *SealedFacts, v *SealedVault) { v.Held = nil }, hearkeep.Internal},
		{"a key that is none", func(_ *SealedFacts, v *SealedVault) { v.Held = []SealedKey{{Generation: 1}} }, hearkeep.Internal},
		{"a signature of another key", func(f *SealedFacts, _ *SealedVault) { f.Key = newService(t).key }, hearkeep.Internal},
		{"text on two lines", func(f *SealedFacts, _ *SealedVault) { f.Service = "x\nkey forged\n\nx" }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, v := x.facts, x.v
			test.change(&f, &v)
			f.Vaults = []SealedVault{v}
			_, err := NewSealed(context.Background(), f)
			if test.want == "" {
				ok(t, err)
				return
			}
			codeIs(t, err, test.want)
		})
	}
}

type fewer struct{ *cargo }

func (f fewer) Len() int { return f.cargo.Len() + 1 }

// FuzzSealedIndex: whatever an index holds, it is read or refused.
func FuzzSealedIndex(f *testing.F) {
	p := newPerson(f)
	v := sealedVault(f, p, "x", 5, noise(10))
	w, err := newIndexWriter(&v)
	ok(f, err)
	for _, r := range v.Content.(*cargo).rows {
		ok(f, w.add(r))
	}
	f.Add(w.plain)
	f.Fuzz(func(t *testing.T, plain []byte) {
		x, err := readIndex(bytes.NewReader(plain), int64(len(plain)))
		if err != nil {
			return
		}
		if len(x.rows) != x.head.Recordings {
			t.Errorf("%d rows, want %d", len(x.rows), x.head.Recordings)
		}
		x.numbering("")
		u := &Unlocked{file: &SealedFile{members: map[string]*io.SectionReader{}}}
		v := &unlockedVault{index: x, envelopes: map[int]openedEnvelope{}, keys: map[hearkeep.Generation]seal.VaultKey{}}
		u.layOut(v, 0)
		u.vaults = append(u.vaults, v)
		for i := range min(len(x.rows), 5) {
			if _, err := u.Check(i); err != nil {
				t.Errorf("recording %d of nothing: %v", i, err)
			}
		}
	})
}

// FuzzSealedFile: whatever a file holds, it is opened or refused.
func FuzzSealedFile(f *testing.F) {
	p := newPerson(f)
	f.Add(sealedBytes(f, newSealed(f, sealedFacts(newService(f), p, sealedVault(f, p, "x", 3, noise(10))))))
	f.Fuzz(func(t *testing.T, raw []byte) {
		file, err := OpenSealed(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			return
		}
		u, err := file.Unlock(p.kit)
		if err != nil {
			return
		}
		everything(t, u)
	})
}

// FuzzSealedManifest: what parses is written in one way, and read so again.
func FuzzSealedManifest(f *testing.F) {
	m := &manifest{service: "https://keep.example", key: "k+1+x", kind: "access", made: time.Unix(0, 0).UTC(), members: []listedMember{{name: "a b", size: 3, hashed: true}, {name: "c"}}}
	f.Add(m.text())
	f.Fuzz(func(t *testing.T, text string) {
		m, err := parseManifestText(text)
		if err != nil {
			return
		}
		if again, err := parseManifestText(m.text()); err != nil || again.text() != m.text() {
			t.Errorf("%q is read as %q", text, m.text())
		}
	})
}
