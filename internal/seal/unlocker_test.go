package seal

import (
	"bytes"
	stdcontext "context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/hearkeep/hearkeep"
)

// cheap is Argon2id at its lowest, for tests.
func cheap(salt byte) Argon2Params {
	return Argon2Params{Memory: 8, Time: 1, Lanes: 1, Salt: bytes.Repeat([]byte{salt}, 16)}
}

func TestPassphrase(t *testing.T) {
	s := NewStretcher()
	public := func(passphrase string, p Argon2Params) []byte {
		return PublicOfUnlocker(must(s.Passphrase(t.Context(), passphrase, p))).Bytes()
	}
	want := public("caf\u00e9", cheap(1))
	if !bytes.Equal(public("cafe\u0301", cheap(1)), want) {
		t.Error("two spellings of one passphrase differ: want NFKC")
	}
	more := cheap(1)
	more.Time = 2
	for name, got := range map[string][]byte{
		"another passphrase": public("cafe", cheap(1)),
		"trimmed":            public("caf\u00e9 ", cheap(1)),
		"another salt":       public("caf\u00e9", cheap(2)),
		"another cost":       public("caf\u00e9", more),
	} {
		if bytes.Equal(got, want) {
			t.Errorf("%s gives the same unlocker", name)
		}
	}
	_, err := s.Passphrase(t.Context(), strings.Repeat("x", MaxPassphrase+1), cheap(1))
	if hearkeep.CodeOf(err) != hearkeep.TooLarge {
		t.Errorf("a huge passphrase: got %v, want %s", err, hearkeep.TooLarge)
	}
	if _, err := s.Passphrase(t.Context(), "x", Argon2Params{}); !errors.Is(err, ErrFormat) {
		t.Errorf("no parameters: got %v, want %v", err, ErrFormat)
	}
}

// Two passphrases are stretched at once; the third waits, and gives up with
// its context.
func TestStretcherIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewStretcher()
		for range atOnce {
			s.slots <- struct{}{} // as two that are being stretched
		}
		ctx, cancel := stdcontext.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := s.Passphrase(ctx, "x", cheap(1))
			done <- err
		}()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("a third was let in: %v", err)
		default:
		}
		cancel()
		if err := <-done; !errors.Is(err, stdcontext.Canceled) {
			t.Errorf("got %v, want %v", err, stdcontext.Canceled)
		}
		go func() {
			_, err := s.Passphrase(t.Context(), "x", cheap(1))
			done <- err
		}()
		synctest.Wait()
		<-s.slots
		if err := <-done; err != nil {
			t.Errorf("a place became free: %v", err)
		}
		if len(s.slots) != atOnce-1 {
			t.Errorf("got %d places taken, want %d: a place was not given back", len(s.slots), atOnce-1)
		}
		// A context that is over takes no free place.
		if _, err := s.Passphrase(ctx, "x", cheap(1)); !errors.Is(err, stdcontext.Canceled) {
			t.Errorf("got %v, want %v", err, stdcontext.Canceled)
		}
	})
}

func TestArgon2Params(t *testing.T) {
	p := DefaultArgon2()
	if p.Memory != 64<<10 || p.Time != 3 || p.Lanes != 1 || len(p.Salt) != 16 {
		t.Errorf("default: got %d KiB, %d passes, %d lanes, salt of %d", p.Memory, p.Time, p.Lanes, len(p.Salt))
	}
	if bytes.Equal(p.Salt, DefaultArgon2().Salt) {
		t.Error("two defaults share a salt")
	}
	got, err := ParseArgon2(p.Encode())
	if err != nil || !bytes.Equal(got.Encode(), p.Encode()) {
		t.Errorf("parameters do not survive their bytes: %v", err)
	}
	if _, err := ParseArgon2(cheap(1).Encode()); err != nil {
		t.Errorf("parameters below the floor of new ones do not parse: %v", err)
	}
	for name, costs := range map[string][3]uint32{
		"memory below the floor": {minArgon2Memory - 1, 3, 1},
		"passes below the floor": {64 << 10, minArgon2Time - 1, 1},
		"memory over the cap":    {maxArgon2Memory + 1, 3, 1},
		"passes over the cap":    {64 << 10, maxArgon2Time + 1, 1},
		"no lanes":               {64 << 10, 3, 0},
		"lanes over the cap":     {64 << 10, 3, maxArgon2Lanes + 1},
	} {
		if _, err := NewArgon2(costs[0], costs[1], costs[2]); hearkeep.CodeOf(err) != hearkeep.Invalid {
			t.Errorf("new with %s: got %v, want %s", name, err, hearkeep.Invalid)
		}
	}
	if _, err := NewArgon2(minArgon2Memory, minArgon2Time, 1); err != nil {
		t.Errorf("new at the floor: %v", err)
	}
}

// The three kinds of unlocker never coincide, even of the same bytes.
func TestUnlockersAreApart(t *testing.T) {
	kit := Kit{b: &[kitSize]byte{}}
	a, b := hearkeep.NewID[hearkeep.AccountID](), hearkeep.NewID[hearkeep.AccountID]()
	all := map[string][]byte{}
	for name, u := range map[string]UnlockerPrivate{
		"kit":                    KitUnlocker(kit, a),
		"kit of another account": KitUnlocker(kit, b),
		"passkey":                PRFUnlocker([32]byte{}),
		"passphrase":             unlockerFrom(make([]byte, 32), contextOf(purposePassphrase)),
	} {
		got := PublicOfUnlocker(u).Bytes()
		for other, o := range all {
			if bytes.Equal(got, o) {
				t.Errorf("%s and %s are one unlocker", name, other)
			}
		}
		all[name] = got
	}
}

func TestKitText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b [kitSize]byte
		copy(b[:], rapid.SliceOfN(rapid.Byte(), kitSize, kitSize).Draw(t, "bytes"))
		text := Kit{b: &b}.Reveal()
		if groups := strings.Split(text, "-"); len(groups) != 9 || len(text) != 44 {
			t.Fatalf("got %d groups in %d characters, want nine in 44", len(groups), len(text))
		}
		typed := text
		if rapid.Bool().Draw(t, "lower") {
			typed = strings.ToLower(typed)
		}
		if rapid.Bool().Draw(t, "letters") {
			typed = strings.NewReplacer("0", "o", "1", "L").Replace(typed)
		}
		sep := rapid.SampledFrom([]string{"", " ", "-", " - ", "\u00a0", "\u2011", "\u2212\n"}).Draw(t, "separator")
		got, err := ParseKit(strings.ReplaceAll(typed, "-", sep))
		if err != nil || *got.b != b {
			t.Fatalf("a kit does not survive being typed: %v", err)
		}
	})
}

func FuzzParseKit(f *testing.F) {
	f.Add(NewKit().Reveal())
	f.Add("")
	f.Add(strings.Repeat("0", kitSymbols))
	f.Add("\xff\xfe-OIL")
	f.Add(strings.Repeat("-", maxKitText+1))
	f.Fuzz(func(t *testing.T, s string) {
		k, err := ParseKit(s)
		if err != nil {
			if !errors.Is(err, ErrFormat) || hearkeep.CodeOf(err) != hearkeep.Invalid {
				t.Errorf("got %v, want %v", err, ErrFormat)
			}
			return
		}
		if again, err := ParseKit(k.Reveal()); err != nil || *again.b != *k.b {
			t.Errorf("what was read does not read again: %v", err)
		}
	})
}

func FuzzParseArgon2(f *testing.F) {
	f.Add(cheap(1).Encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParseArgon2(b)
		if err == nil && !bytes.Equal(p.Encode(), b) {
			t.Error("two encodings of one set of parameters")
		}
		if err != nil && !errors.Is(err, ErrFormat) {
			t.Errorf("got %v, want %v", err, ErrFormat)
		}
	})
}
