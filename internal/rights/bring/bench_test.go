package bring

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep/internal/sound"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// intoRoom is a Keeper that keeps in a vault of this process.
func intoRoom(room *vault.Room, in *vault.Inbox) Keeper {
	return func(ctx context.Context, it Item, data []byte) (bool, error) {
		b, err := Take(Folder, it, data)
		if err != nil {
			return false, err
		}
		return room.Bring(ctx, in, b)
	}
}

// folderOf writes n recordings of about 150 KB into a folder, as WAV or FLAC.
func folderOf(tb testing.TB, n int, format string) (dir string, bytes int64) {
	tb.Helper()
	f := files{}
	for i := range n {
		data := tone(i, 4700)
		if format == "flac" {
			data = noisy(i)
			clip, _, err := sound.Decode(data, sound.Limits{})
			if err == nil {
				data, err = sound.EncodeFLAC(clip)
			}
			if err != nil {
				tb.Fatal(err)
			}
		}
		bytes += int64(len(data))
		f[fmt.Sprintf("%04d_20210304_0506%02d.%s", i, i%60, format)] = data
	}
	return f.folder(tb), bytes
}

// BenchmarkImport brings WAV and FLAC files of about 150 KB, and in turn with
// it copies the same files one after the other, each with fsync, and once more
// with so many at once. It reports how fast the import is next to both: medians
// of the ratios of each turn, before and after which the copy is made.
func BenchmarkImport(b *testing.B) {
	for _, format := range []string{"wav", "flac"} {
		b.Run(format, func(b *testing.B) { benchmarkImport(b, format) })
	}
}

func benchmarkImport(b *testing.B, format string) {
	const n = 200
	dir, size := folderOf(b, n, format)
	var alone, together, rates []float64
	for b.Loop() {
		home := vaulttest.New(b)
		room := home.Enter(b, home.Person(b, "Anna"))
		in, err := room.Imports(b.Context(), Folder)
		if err != nil {
			b.Fatal(err)
		}
		a := read(b, dir)
		copying := took(func() { copySynced(b, a) })
		importing := took(func() {
			a := read(b, dir)
			p, err := a.Run(b.Context(), a.Items, intoRoom(room, in), func(Progress) {})
			if err != nil || p.Kept != n {
				b.Fatalf("got %+v, %v", p, err)
			}
		})
		copying = (copying + took(func() { copySynced(b, a) })) / 2
		to := b.TempDir()
		atOnce := took(func() {
			if _, err := a.Run(b.Context(), a.Items, func(_ context.Context, it Item, data []byte) (bool, error) {
				writeSynced(b, filepath.Join(to, a.NameOf(it)), data)
				return true, nil
			}, func(Progress) {}); err != nil {
				b.Fatal(err)
			}
		})
		alone = append(alone, copying/importing)
		together = append(together, atOnce/importing)
		rates = append(rates, n/importing)
	}
	b.SetBytes(size)
	b.ReportMetric(median(alone), "of-copy")
	b.ReportMetric(median(together), "of-copy-at-once")
	b.ReportMetric(median(rates), "recordings/s")
}

// took is how long something takes, in seconds.
func took(do func()) float64 {
	begin := time.Now()
	do()
	return time.Since(begin).Seconds()
}

func median(of []float64) float64 {
	slices.Sort(of)
	return (of[(len(of)-1)/2] + of[len(of)/2]) / 2
}

// copySynced copies the files of an archive, one after the other.
func copySynced(tb testing.TB, a *Archive) {
	to := tb.TempDir()
	for _, it := range a.Items {
		data, err := a.Sound(it)
		if err != nil {
			tb.Fatal(err)
		}
		writeSynced(tb, filepath.Join(to, a.NameOf(it)), data)
	}
}

func writeSynced(tb testing.TB, name string, data []byte) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = bytes.NewReader(data).WriteTo(f)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		tb.Fatal(err)
	}
	f.Close()
}

// noisy is a WAV file of noise, which FLAC hardly makes smaller.
func noisy(n int) []byte {
	samples := make([]int16, 16*5500)
	state := uint32(n + 1)
	for i := range samples {
		state = state*1664525 + 1013904223
		samples[i] = int16(int32(state) >> 17)
	}
	return sound.EncodeWAV(samples, 16000)
}
