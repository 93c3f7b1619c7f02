package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
)

// kept is content as a keep has it: each part is sealed under a key of its
// own, wrapped under an envelope's; the sound lies in files.
type kept struct {
	folder   string
	envelope seal.EnvelopeKey
	vault    hearkeep.VaultID
	door     Door
	items    []keptItem
}

type keptItem struct {
	start       time.Time
	soundWrap   []byte
	sound       Sound
	wordsWrap   []byte
	wordsSealed []byte
}

func (k *kept) part(i int, p hearkeep.Part) seal.PartContext {
	return seal.PartContext{EnvelopeContext: seal.EnvelopeContext{Vault: k.vault}, Recording: id[hearkeep.RecordingID](i), Part: p}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newKept seals n recordings of a size, and also writes them as they are to plain.
func newKept(b *testing.B, n, size int, plain string) *kept {
	b.Helper()
	key, err := seal.NewVaultKey()
	must(b, err)
	k := &kept{folder: b.TempDir(), vault: id[hearkeep.VaultID](1)}
	k.envelope, _, err = seal.NewEnvelope(seal.PublicOfVault(key), seal.EnvelopeContext{Vault: k.vault})
	must(b, err)
	noise := rand.NewChaCha8([32]byte{})
	sound := make([]byte, size)
	for i := range n {
		it := keptItem{start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * 20 * time.Minute)}
		noise.Read(sound)
		it.sound = Sound{int64(size), crc32.ChecksumIEEE(sound), sha256.Sum256(sound), "audio/flac"}
		var pk seal.PartKey
		pk, it.soundWrap, err = seal.NewPartKey(k.envelope, k.part(i, hearkeep.PartAudio))
		must(b, err)
		sealed, err := seal.SealPart(pk, "audio/flac", sound)
		must(b, err)
		must(b, os.WriteFile(k.path(i), sealed, 0o600))
		if plain != "" {
			must(b, os.WriteFile(filepath.Join(plain, fmt.Sprintf("%06d.flac", i)), sound, 0o600))
		}
		pk, it.wordsWrap, err = seal.NewPartKey(k.envelope, k.part(i, hearkeep.PartWords))
		must(b, err)
		it.wordsSealed, err = seal.SealPart(pk, "text/plain", fmt.Appendf(nil, "set a timer for %d minutes and tell me when it is over", i))
		must(b, err)
		k.items = append(k.items, it)
	}
	k.door = Door{Binding: id[hearkeep.BindingID](2), Name: "Kitchen", Source: hearkeep.SourceWyoming, Last: n, In: n}
	return k
}

func (k *kept) path(i int) string { return filepath.Join(k.folder, fmt.Sprint(i)) }

func (k *kept) facts() Facts {
	return Facts{Archive: id[hearkeep.ArchiveID](3), Kind: hearkeep.RequestAccess, Name: "Anna", Service: "https://keep.example",
		Made: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), Vaults: []Vault{{k.vault, "Anna's own", "personal", []Door{k.door}}}}
}

func (k *kept) Count() int { return len(k.items) }

func (k *kept) Recordings(_ context.Context, from int, fn func(int, Recording) error) error {
	for i := from; i < len(k.items); i++ {
		it := &k.items[i]
		pk, err := seal.OpenPartKey(k.envelope, it.wordsWrap, k.part(i, hearkeep.PartWords))
		if err != nil {
			return err
		}
		words, _, err := seal.ReadPart(pk, it.wordsSealed)
		if err != nil {
			return err
		}
		sound := it.sound
		err = fn(i, Recording{ID: id[hearkeep.RecordingID](i), Vault: k.vault, Binding: k.door.Binding, Number: hearkeep.Number(i + 1), From: k.door.Name,
			Source: k.door.Source, Start: it.start, Duration: 3 * time.Second, Sound: &sound, Words: hearkeep.NewWords(string(words)), HasWords: true, Version: 1})
		if err != nil {
			return err
		}
	}
	return nil
}

type keptSound struct {
	*seal.PartReader
	file *os.File
}

func (s keptSound) Close() error { return s.file.Close() }

func (k *kept) Sound(_ context.Context, i int) (SoundReader, error) {
	pk, err := seal.OpenPartKey(k.envelope, k.items[i].soundWrap, k.part(i, hearkeep.PartAudio))
	if err != nil {
		return nil, err
	}
	f, err := os.Open(k.path(i))
	if err != nil {
		return nil, err
	}
	r, err := seal.OpenPart(pk, f, seal.SealedPartSize(k.items[i].sound.Size))
	if err != nil {
		f.Close()
		return nil, err
	}
	return keptSound{r, f}, nil
}

func (k *kept) Openings(context.Context, func(Opening) error) error { return nil }

// archived plans and writes an archive to a file, and returns how long planning took.
func archived(b *testing.B, k *kept, file string) (plan time.Duration) {
	b.Helper()
	began := time.Now()
	bag := newBag(b, k.facts(), k)
	plan = time.Since(began)
	f, err := os.Create(file)
	must(b, err)
	must(b, bag.Write(b.Context(), f, k, 0, bag.Size()))
	must(b, f.Close())
	return plan
}

func run(b *testing.B, folder, name string, args ...string) {
	b.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%s: %v: %s", name, err, out)
	}
}

// BenchmarkOpenArchive makes an archive of 1,700 sealed recordings of 150 KB,
// opening each, next to what zip and tar need to pack the same sounds from
// plain files. x-zip and x-tar are how many times as fast it is, planning
// included: medians of rounds, in each of which all three run, in turns first.
// All read what was written just before the first round and is on the disk and
// in memory, write to the same folder, where what they made is removed before
// the next begins, and sync nothing. TMPDIR says on which file system.
func BenchmarkOpenArchive(b *testing.B) {
	const n, size = 1700, 150 << 10
	plain, out := b.TempDir(), b.TempDir()
	k := newKept(b, n, size, plain)
	run(b, out, "sync", "-f", ".")
	var plan time.Duration
	ways := []func(to string){
		func(to string) { plan = archived(b, k, to) },
		func(to string) { run(b, plain, "zip", "-0", "-q", "-r", to, ".") },
		func(to string) { run(b, plain, "tar", "cf", to, ".") },
	}
	var ours, plans, ofZip, ofTar []float64
	for round := 0; b.Loop(); round++ {
		var took [3]float64
		for i := range ways {
			way := (round + i) % len(ways)
			to := filepath.Join(out, "archive.zip") // zip would append .zip
			began := time.Now()
			ways[way](to)
			took[way] = time.Since(began).Seconds()
			must(b, os.Remove(to))
		}
		ours, plans = append(ours, took[0]), append(plans, plan.Seconds()*1000)
		ofZip, ofTar = append(ofZip, took[1]/took[0]), append(ofTar, took[2]/took[0])
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(n*size/1e6/median(ours), "MB/s")
	b.ReportMetric(median(ofZip), "x-zip")
	b.ReportMetric(median(ofTar), "x-tar")
	b.ReportMetric(median(plans), "plan-ms")
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}

// BenchmarkOpenArchiveMemory is the most heap that an archive takes while it
// is planned and written, less what its contents took before.
func BenchmarkOpenArchiveMemory(b *testing.B) {
	for _, test := range []struct{ n, size int }{{1700, 150 << 10}, {100_000, 64}} {
		b.Run(fmt.Sprintf("recordings=%d/bytes=%d", test.n, test.size), func(b *testing.B) {
			c := newSynthetic(test.n, test.size)
			var most uint64
			for b.Loop() {
				runtime.GC()
				before := heap()
				bag := newBag(b, c.facts(), c)
				planned := heap() - before
				w := &heapWatch{every: 4 << 20}
				must(b, bag.Write(b.Context(), w, c, 0, bag.Size()))
				most = max(most, planned, w.most-before)
			}
			b.ReportMetric(float64(most)/(1<<20), "heap-MB")
		})
	}
}

// heap is what the heap holds now, in bytes, garbage included.
func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// heapWatch looks at the heap every so many bytes.
type heapWatch struct {
	every, n int
	most     uint64
}

func (w *heapWatch) Write(b []byte) (int, error) {
	if w.n += len(b); w.n >= w.every {
		w.n, w.most = 0, max(w.most, heap())
	}
	return len(b), nil
}

// synthetic is any number of recordings that cost nothing to hold.
type synthetic struct {
	n     int
	sound []byte
	meta  Sound
}

func newSynthetic(n, size int) *synthetic {
	s := bytes.Repeat([]byte{7}, size)
	return &synthetic{n, s, Sound{int64(size), crc32.ChecksumIEEE(s), sha256.Sum256(s), "audio/flac"}}
}

func (s *synthetic) facts() Facts {
	return Facts{Archive: id[hearkeep.ArchiveID](3), Made: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), Vaults: []Vault{{id[hearkeep.VaultID](1), "Anna's own", "personal",
		[]Door{{Binding: id[hearkeep.BindingID](2), Name: "Kitchen", Last: s.n, In: s.n}}}}}
}

func (s *synthetic) Count() int { return s.n }

func (s *synthetic) Recordings(_ context.Context, from int, fn func(int, Recording) error) error {
	vault, binding := id[hearkeep.VaultID](1), id[hearkeep.BindingID](2)
	wave := make([]byte, 200)
	for i := from; i < s.n; i++ {
		err := fn(i, Recording{ID: id[hearkeep.RecordingID](i), Vault: vault, Binding: binding, Number: hearkeep.Number(i + 1), From: "Kitchen",
			Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Minute), Duration: time.Second, Sound: &s.meta,
			Words: hearkeep.NewWords(fmt.Sprintf("set a timer for %d minutes and tell me when it is over", i)), HasWords: true, Waveform: wave})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *synthetic) Sound(context.Context, int) (SoundReader, error) {
	return reading{bytes.NewReader(s.sound)}, nil
}

func (s *synthetic) Openings(context.Context, func(Opening) error) error { return nil }
