package vault_test

import (
	"context"
	"crypto/rand"
	"io"
	"sync"
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// BenchmarkRelease is what the 2018 case weighs: 1,700 recordings of 150 KB.
func BenchmarkRelease(b *testing.B) {
	const n, size = 1700, 150_000
	h := vaulttest.New(b)
	anna := h.Person(b, "Anna")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			file := make([]byte, size)
			for range n / 8 {
				rand.Read(file)
				r := taken("what is the weather like tomorrow")
				r.Audio, r.Waveform = file, make([]byte, 400)
				must(b, anna.Inbox.Keep(context.Background(), r))
			}
		})
	}
	wg.Wait()
	fresh := func() *vault.Release {
		l, err := h.Enter(b, anna).Release(b.Context(), hearkeep.NewID[hearkeep.ArchiveID]())
		must(b, err)
		return l
	}
	l := fresh()
	b.Run("preflight", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			fresh()
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*l.Len()), "µs/recording")
	})
	b.Run("words", func(b *testing.B) {
		for b.Loop() {
			r := h.Enter(b, anna)
			must(b, r.Each(b.Context(), l, 0, func(int, vault.Released) error { return nil }))
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*l.Len()), "µs/recording")
	})
	b.Run("sounds", func(b *testing.B) {
		b.SetBytes(int64(l.Len()) * size)
		buf := make([]byte, 256<<10)
		for b.Loop() {
			r := h.Enter(b, anna)
			for i := range l.Len() {
				a, err := r.Sound(b.Context(), l, i)
				must(b, err)
				_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{a}, buf)
				must(b, err)
				must(b, a.Close())
			}
		}
	})
	b.Run("ciphertext", func(b *testing.B) {
		carriers, err := h.Keep.Couriers(b.Context(), anna.Who.Account())
		must(b, err)
		cargo, err := carriers[0].Freeze(b.Context(), hearkeep.NewID[hearkeep.ArchiveID]())
		must(b, err)
		b.SetBytes(int64(l.Len()) * size)
		buf := make([]byte, 256<<10)
		for b.Loop() {
			must(b, carriers[0].Each(b.Context(), cargo, 0, func(_ int, s vault.Sealed) error {
				a, err := carriers[0].Audio(b.Context(), s)
				if err != nil {
					return err
				}
				defer a.Close()
				_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{a}, buf)
				return err
			}))
		}
	})
}
