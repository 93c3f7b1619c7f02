package storetest

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Bench measures a driver: durable keeps beside what the same disk does in
// bare fsyncs in the same run, and a page of a long history. open opens an
// empty store and names a folder on its disk.
//
//	go test -run '^$' -bench . ./internal/store/sqlite
func Bench(b *testing.B, open func(*testing.B) (st store.Store, dir string)) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("keep/writers=%d", writers), func(b *testing.B) { benchKeep(b, open, writers) })
	}
	b.Run("page of 50 at 100000", func(b *testing.B) { benchPage(b, open) })
}

// benchKeep inserts a recording and its four parts in one Update.
func benchKeep(b *testing.B, open func(*testing.B) (store.Store, string), writers int) {
	st, dir := open(b)
	v := NewVault(b, st)
	before := probe(b, dir)
	var number atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range writers {
		wg.Go(func() {
			for {
				n := number.Add(1)
				if n > int64(b.N) {
					return
				}
				r, parts := NewRecording(v, hearkeep.Number(n), noon)
				err := st.Update(b.Context(), func(tx *store.Tx) error {
					return tx.Vaults.InsertRecording(b.Context(), r, parts)
				})
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	disk := (before + probe(b, dir)) / 2
	rate := float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(rate, "keeps/s")
	b.ReportMetric(disk, "fsyncs/s")
	b.ReportMetric(rate/disk, "keeps/fsync")
}

// probe appends 4 KiB and syncs, for half a second, and returns the rate.
func probe(b *testing.B, dir string) float64 {
	f, err := os.Create(filepath.Join(dir, "probe"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 4096)
	rand.Read(page)
	start, n := time.Now(), 0
	for time.Since(start) < 500*time.Millisecond {
		if _, err := f.Write(page); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		n++
	}
	return float64(n) / time.Since(start).Seconds()
}

// benchPage lists 50 recordings in the middle of 100,000, with their words.
func benchPage(b *testing.B, open func(*testing.B) (store.Store, string)) {
	st, _ := open(b)
	v := NewVault(b, st)
	ctx := b.Context()
	const rows, batch = 100_000, 1000
	var middle store.Cursor
	for first := 0; first < rows; first += batch {
		err := st.Update(ctx, func(tx *store.Tx) error {
			for i := first; i < first+batch; i++ {
				r, parts := NewRecording(v, hearkeep.Number(i+1), noon.Add(time.Duration(i)*time.Minute))
				if i == rows/2 {
					middle = store.Cursor{Start: r.Start, ID: r.ID}
				}
				if err := tx.Vaults.InsertRecording(ctx, r, parts[1:2]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		err := st.View(ctx, func(tx *store.Tx) error {
			page, err := tx.Vaults.Recordings(ctx, v.ID, store.Span{}, middle, 50)
			if err != nil {
				return err
			}
			ids := make([]hearkeep.RecordingID, len(page))
			for i, r := range page {
				ids[i] = r.ID
			}
			words, err := tx.Vaults.PartsOf(ctx, v.ID, ids, hearkeep.PartWords)
			if len(words) != 50 {
				b.Fatalf("page: got %d recordings with words, want 50", len(words))
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
