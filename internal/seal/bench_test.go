package seal

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
)

// benchSize is a recording of some seconds as FLAC.
const benchSize = 150_000

// against runs two things in turns, so that a shared machine's noise falls on
// both, and reports the first in ns/op and as a multiple of the second.
func against(b *testing.B, ours, bare func()) {
	b.Helper()
	var oursTook, bareTook time.Duration
	for b.Loop() {
		start := time.Now()
		ours()
		middle := time.Now()
		bare()
		oursTook += middle.Sub(start)
		bareTook += time.Since(middle)
	}
	b.ReportMetric(float64(oursTook.Nanoseconds())/float64(b.N), "ns/op")
	b.ReportMetric(float64(bareTook.Nanoseconds())/float64(b.N), "bare-ns/op")
	b.ReportMetric(float64(oursTook)/float64(bareTook), "x-bare")
}

func BenchmarkSealPart(b *testing.B) {
	plain := randomBytes(benchSize)
	aead := newGCM(newKey())
	ek := EnvelopeKey{k: newKey()}
	var pk PartKey
	against(b, func() {
		pk, _, _ = NewPartKey(ek, PartContext{}) // each part has its own key
		if _, err := SealPart(pk, "audio/flac", plain); err != nil {
			b.Fatal(err)
		}
	}, func() {
		aead.Seal(nil, make([]byte, nonceSize), plain, nil)
	})
}

func BenchmarkOpenPart(b *testing.B) {
	plain := randomBytes(benchSize)
	pk := freshPartKey()
	sealed := must(SealPart(pk, "audio/flac", plain))
	aead := newGCM(newKey())
	whole := aead.Seal(nil, make([]byte, nonceSize), plain, nil)
	buf := make([]byte, benchSize)
	against(b, func() {
		r, err := OpenPart(pk, bytes.NewReader(sealed), int64(len(sealed)))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.ReadAt(buf, 0); err != nil && err != io.EOF {
			b.Fatal(err)
		}
	}, func() {
		if _, err := aead.Open(buf[:0], make([]byte, nonceSize), whole, nil); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkOpenEnvelope compares the first opening, by HPKE, with those after
// it, of the re-wrapped key.
func BenchmarkOpenEnvelope(b *testing.B) {
	vk := must(NewVaultKey())
	c := EnvelopeContext{Generation: 1}
	ek, wrap, err := NewEnvelope(PublicOfVault(vk), c)
	if err != nil {
		b.Fatal(err)
	}
	for name, w := range map[string][]byte{"hpke": wrap, "rewrapped": must(RewrapEnvelope(vk, ek, c))} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := OpenEnvelope(vk, w, c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNewEnvelope(b *testing.B) {
	public := PublicOfVault(must(NewVaultKey()))
	for b.Loop() {
		if _, _, err := NewEnvelope(public, EnvelopeContext{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenPartKey(b *testing.B) {
	ek := EnvelopeKey{k: newKey()}
	c := PartContext{Part: hearkeep.PartAudio}
	_, wrap, _ := NewPartKey(ek, c)
	for b.Loop() {
		if _, err := OpenPartKey(ek, wrap, c); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPassphrase is one stretching at the default cost.
func BenchmarkPassphrase(b *testing.B) {
	s, p := NewStretcher(), DefaultArgon2()
	for b.Loop() {
		if _, err := s.Passphrase(b.Context(), "correct horse", p); err != nil {
			b.Fatal(err)
		}
	}
}
