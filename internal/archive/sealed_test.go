package archive

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
)

// TestSealedOpens: what goes in comes out, for the kit of its account.
func TestSealedOpens(t *testing.T) {
	p, s := newPerson(t), newService(t)
	a, b := sealedVault(t, p, "", 23, noise(70000)), sealedVault(t, p, "Living room", 4, noise(10))
	b.Withheld = []Withheld{{b.ID, "Kitchen", 3, "From before you joined."}}
	facts := sealedFacts(s, p, a, b)
	bag := newSealed(t, facts)
	u := unlock(t, sealedBytes(t, bag), p.kit)
	if got := everything(t, u); len(got) > 0 {
		t.Errorf("an honest archive has faults: %q", got)
	}
	if got, want := u.Count(), 27; got != want || bag.Count() != want {
		t.Fatalf("got %d recordings, want %d", got, want)
	}
	about := u.About()
	if !about.Signed || about.Fingerprint != Fingerprint(s.key) || about.Archive != facts.Archive || about.Recordings != 27 {
		t.Errorf("got %+v", about)
	}
	if got := u.Vaults(); got[1].Name != "Living room" || got[0].ID != a.ID || !cmp.Equal(got[0].Doors, a.Doors) {
		t.Errorf("got vaults %+v", got)
	}
	if diff := cmp.Diff(b.Withheld, u.Withheld()); diff != "" {
		t.Error(diff)
	}
	for i := range 23 {
		want := a.Content.(*cargo).rows[i]
		r, faults, err := u.Recording(i)
		ok(t, err)
		if len(faults) > 0 || r.ID != want.ID || r.Number != want.Number || !r.Start.Equal(want.Start) || r.Duration != want.Duration || !r.Until.Equal(want.Parts[0].Until) {
			t.Fatalf("recording %d: got %+v %v", i, r, faults)
		}
		if r.HasWords != (i%7 != 6) || r.HasWords && !strings.HasPrefix(r.Words.Reveal(), "set timer ") {
			t.Errorf("recording %d: words %q", i, r.Words.Reveal())
		}
		if (r.Sound != nil) != (i%5 != 4) || !r.HasTurn || r.Turn.Slots[0].Value.Reveal() != "10" {
			t.Errorf("recording %d: %+v", i, r)
		}
		if r.Sound == nil {
			continue
		}
		sound, err := u.Sound(i)
		ok(t, err)
		got, err := io.ReadAll(io.NewSectionReader(sound, 0, sound.Size()))
		ok(t, err)
		if !bytes.Equal(got, noise(70000)(i)) {
			t.Errorf("recording %d: another sound", i)
		}
	}
}

// TestSealedSaysNothing: nothing that was said, and no name, stands in it.
func TestSealedSaysNothing(t *testing.T) {
	p := newPerson(t)
	v := sealedVault(t, p, "Grandmother's room", 12, noise(100))
	raw := sealedBytes(t, newSealed(t, sealedFacts(newService(t), p, v)))
	for _, name := range []string{"Kitchen", "Grandmother", "set timer", "HassStartTimer", "sound 1", p.kit.Reveal()} {
		if bytes.Contains(raw, []byte(name)) {
			t.Errorf("%q stands in a sealed archive", name)
		}
	}
}

// TestSealedWithoutKit: nobody could open it.
func TestSealedWithoutKit(t *testing.T) {
	p := newPerson(t)
	facts := sealedFacts(newService(t), p, sealedVault(t, p, "", 1, noise(10)))
	facts.Keys.Kits = nil
	_, err := NewSealed(context.Background(), facts)
	codeIs(t, err, hearkeep.Conflict)
	if _, _, hint := hearkeep.Explain(err); !strings.Contains(hint, "recovery kit") {
		t.Errorf("hint %q does not say what to do", hint)
	}
}

// TestSealedRanges: any range of it is what the whole has there.
func TestSealedRanges(t *testing.T) {
	p := newPerson(t)
	b := newSealed(t, sealedFacts(newService(t), p, sealedVault(t, p, "", 17, noise(300000)), sealedVault(t, p, "x", 3, noise(5))))
	whole := sealedBytes(t, b)
	var several sync.WaitGroup
	for i := range uint64(3) {
		several.Go(func() {
			rnd := rand.New(rand.NewPCG(1, i))
			for range 15 {
				from := rnd.Int64N(b.Size())
				to := min(b.Size(), from+rnd.Int64N(400000))
				var out bytes.Buffer
				if err := b.Write(context.Background(), &out, from, to); err != nil || !bytes.Equal(out.Bytes(), whole[from:to]) {
					t.Errorf("bytes %d to %d differ: %v", from, to, err)
				}
			}
		})
	}
	several.Wait()
	zr, err := zip.NewReader(bytes.NewReader(whole), b.Size())
	ok(t, err)
	for _, f := range zr.File { // reads and checks every CRC
		r, err := f.Open()
		ok(t, err)
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

// TestSealedWrongKit: another kit opens nothing, nor does mine open another's.
func TestSealedWrongKit(t *testing.T) {
	mine, other, s := newPerson(t), newPerson(t), newService(t)
	raw := sealedBytes(t, newSealed(t, sealedFacts(s, other, sealedVault(t, other, "", 3, noise(10)))))
	for _, kit := range []seal.Kit{mine.kit, seal.NewKit(), {}} {
		_, err := openSealed(t, raw).Unlock(kit)
		codeIs(t, err, hearkeep.Forbidden)
		if _, _, hint := hearkeep.Explain(err); !strings.Contains(hint, "noise to you") {
			t.Errorf("hint: %q", hint)
		}
	}
}

// TestSealedDamaged: ciphertext that is not what was stored does not leave
// whole, and its Courier is told.
func TestSealedDamaged(t *testing.T) {
	for _, test := range []struct {
		name string
		size int
		harm func([]byte) []byte
	}{
		{"small", 1000, func(b []byte) []byte { b[5] ^= 1; return b }},
		{"large", 900000, func(b []byte) []byte { b[5] ^= 1; return b }},
		{"short", 1000, func(b []byte) []byte { return b[:len(b)-1] }},
		{"long", 1000, func(b []byte) []byte { return append(b, 0) }},
		{"large and short", 900000, func(b []byte) []byte { return b[:300000] }},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPerson(t)
			v := sealedVault(t, p, "", 9, noise(test.size))
			b := newSealed(t, sealedFacts(newService(t), p, v))
			whole := sealedBytes(t, b)
			c := v.Content.(*cargo)
			row := &c.rows[5]
			in, err := row.Audio(context.Background())
			ok(t, err)
			stored, err := io.ReadAll(in)
			ok(t, err)
			harmed := test.harm(bytes.Clone(stored))
			row.Audio = func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(harmed)), nil }
			var out bytes.Buffer
			err = b.Write(context.Background(), &out, 0, b.Size())
			codeIs(t, err, hearkeep.Stopped)
			if len(c.damaged) != 1 {
				t.Errorf("its Courier was told %d times, want 1", len(c.damaged))
			}
			if bytes.Contains(out.Bytes(), harmed) {
				t.Error("the altered sound left whole")
			}
			if sent := out.Len(); sent > len(whole) {
				t.Errorf("%d bytes left of %d", sent, len(whole))
			}
		})
	}
}

// TestSealedChanged: what was erased or corrected meanwhile ends it.
func TestSealedChanged(t *testing.T) {
	p := newPerson(t)
	for name, change := range map[string]func(*cargo){
		"erased":    func(c *cargo) { c.rows = append(c.rows[:3], c.rows[4:]...) },
		"corrected": func(c *cargo) { c.rows[3].Parts[len(c.rows[3].Parts)-1].Wrap[40] ^= 1 },
		"swapped":   func(c *cargo) { c.rows[3], c.rows[4] = c.rows[4], c.rows[3] },
		"sound":     func(c *cargo) { c.rows[3].Parts[0].Hash[0] ^= 1 },
	} {
		t.Run(name, func(t *testing.T) {
			v := sealedVault(t, p, "", 9, noise(1000))
			b := newSealed(t, sealedFacts(newService(t), p, v))
			change(v.Content.(*cargo))
			err := b.Write(context.Background(), io.Discard, 0, b.Size())
			codeIs(t, err, hearkeep.Changed)
		})
	}
}

// TestSealedReaderGone: a writer that fails ends it, without a leak.
func TestSealedReaderGone(t *testing.T) {
	p := newPerson(t)
	b := newSealed(t, sealedFacts(newService(t), p, sealedVault(t, p, "", 30, noise(300000))))
	if err := b.Write(context.Background(), &failing{left: b.Size() / 2}, 0, b.Size()); err != errDisk {
		t.Errorf("got %v, want %v", err, errDisk)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := b.Write(ctx, io.Discard, 0, b.Size()); err == nil {
		t.Error("a context that ended is not minded")
	}
}

type failing struct{ left int64 }

func (f *failing) Write(b []byte) (int, error) {
	if f.left -= int64(len(b)); f.left < 0 {
		return 0, errDisk
	}
	return len(b), nil
}
