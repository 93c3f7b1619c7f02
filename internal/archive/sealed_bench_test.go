package archive

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
)

const (
	benchRecordings = 1700
	benchSize       = 150 << 10 // of the sound's ciphertext, in bytes
)

// onDisk is content whose sounds are files, as blobs are. Wraps and ciphertext
// are random: to write them it does not matter what they are.
type onDisk struct {
	dir string
	n   int
	sum func(i int) [sha256.Size]byte
	at  time.Time
	key []byte
}

func (c *onDisk) Len() int { return c.n }

func (c *onDisk) Each(ctx context.Context, from int, fn func(int, SealedRecording) error) error {
	var small [400]byte
	for i := from; i < c.n; i++ {
		var id hearkeep.RecordingID
		binary.BigEndian.PutUint64(id[:], uint64(i))
		var envelope hearkeep.EnvelopeID
		binary.BigEndian.PutUint64(envelope[:], uint64(i/20))
		parts := []SealedPart{
			{Part: hearkeep.PartAudio, Version: 1, Size: benchSize, Hash: c.sum(i), Until: c.at, Wrap: c.key},
			{Part: hearkeep.PartWords, Version: 1, Size: 200, Until: c.at, Wrap: c.key, Bytes: small[:200]},
			{Part: hearkeep.PartTurn, Version: 1, Size: 400, Until: c.at, Wrap: c.key, Bytes: small[:]},
		}
		err := fn(i, SealedRecording{ID: id, Binding: hearkeep.BindingID{1}, Number: hearkeep.Number(i + 1), Generation: 1, Envelope: envelope, EnvelopeWrap: c.key,
			Start: c.at.Add(time.Duration(i) * time.Minute), Duration: 5 * time.Second, Parts: parts,
			Audio: func(context.Context) (io.ReadCloser, error) {
				return os.Open(filepath.Join(c.dir, fmt.Sprintf("%06d", i)))
			},
			Damaged: func(context.Context, error) error { return nil },
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func benchVault(t testing.TB, p person, c *onDisk) SealedVault {
	key, err := seal.NewVaultKey()
	ok(t, err)
	v := SealedVault{ID: hearkeep.NewID[hearkeep.VaultID](), Held: []SealedKey{{Generation: 1, Wrap: []byte("x"), Public: seal.PublicOfVault(key)}},
		Doors: []Door{{Binding: hearkeep.BindingID{1}, Name: "Kitchen", Last: c.n, In: c.n}}, Content: c}
	c.key, c.at = make([]byte, seal.SymmetricWrapSize), time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	return v
}

// BenchmarkSealedArchive writes 1,700 recordings of 150 KiB in each of three
// ways: as a sealed archive in one file, laid out and hashed on the way; copied
// file by file; and by cp -r. Ratios of the bytes a second are medians of
// rounds, in each of which all three run, in turns first. With synced=true
// `sync -f` follows each, which measures the disk, and what others write to it;
// then it also comes before each. TMPDIR says on which file system.
func BenchmarkSealedArchive(b *testing.B) {
	dir := b.TempDir()
	from := filepath.Join(dir, "blobs")
	ok(b, os.Mkdir(from, 0o700))
	sums := make([][sha256.Size]byte, benchRecordings)
	one := make([]byte, benchSize)
	for i := range sums {
		binary.BigEndian.PutUint64(one, uint64(i))
		sums[i] = sha256.Sum256(one)
		ok(b, os.WriteFile(filepath.Join(from, fmt.Sprintf("%06d", i)), one, 0o600))
	}
	p, s := newPerson(b), newService(b)
	facts := sealedFacts(s, p, benchVault(b, p, &onDisk{dir: from, n: benchRecordings, sum: func(i int) [sha256.Size]byte { return sums[i] }}))
	ways := []func(to string){
		func(to string) { writeSealedTo(b, facts, to) },
		func(to string) { copyEach(b, from, to) },
		func(to string) { run(b, dir, "cp", "-r", from, to) },
	}
	for _, synced := range []bool{false, true} {
		b.Run(fmt.Sprintf("synced=%t", synced), func(b *testing.B) {
			run(b, dir, "sync", "-f", ".")
			var sealed, ofCopied, ofCp []float64
			for round := 0; b.Loop(); round++ {
				var took [3]float64
				for i := range ways {
					way, to := (round+i)%len(ways), filepath.Join(dir, "to")
					began := time.Now()
					ways[way](to)
					if synced {
						run(b, dir, "sync", "-f", ".")
					}
					took[way] = time.Since(began).Seconds()
					ok(b, os.RemoveAll(to))
					if synced {
						run(b, dir, "sync", "-f", ".")
					}
				}
				sealed, ofCopied, ofCp = append(sealed, took[0]), append(ofCopied, took[1]/took[0]), append(ofCp, took[2]/took[0])
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(benchRecordings*benchSize/1e6/median(sealed), "sealed-MB/s")
			b.ReportMetric(median(ofCopied), "of-copied")
			b.ReportMetric(median(ofCp), "of-cp")
		})
	}
}

func writeSealedTo(b *testing.B, facts SealedFacts, to string) {
	f, err := os.Create(to)
	ok(b, err)
	bag := newSealed(b, facts)
	ok(b, bag.Write(context.Background(), f, 0, bag.Size()))
	ok(b, f.Close())
}

// copyEach copies the same bytes as plainly as can be: each file to its own.
func copyEach(b *testing.B, from, to string) {
	ok(b, os.Mkdir(to, 0o700))
	entries, err := os.ReadDir(from)
	ok(b, err)
	for _, e := range entries {
		in, err := os.Open(filepath.Join(from, e.Name()))
		ok(b, err)
		out, err := os.Create(filepath.Join(to, e.Name()))
		ok(b, err)
		_, err = io.Copy(out, in)
		ok(b, err)
		ok(b, in.Close())
		ok(b, out.Close())
	}
}

// TestSealedMemory: what a bag of 100,000 recordings holds is its index and
// forty bytes more for each.
func TestSealedMemory(t *testing.T) {
	const n = 100_000
	p := newPerson(t)
	c := &onDisk{n: n, sum: func(int) [sha256.Size]byte { return [sha256.Size]byte{} }}
	facts := sealedFacts(newService(t), p, benchVault(t, p, c))
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	b := newSealed(t, facts)
	if got, want := heap()-before, uint64(n*150); got > want {
		t.Errorf("a bag of %d recordings holds %d bytes, want at most %d", n, got, want)
	}
	var most uint64
	// All but the sounds, which pass through buffers of their own.
	to := b.zip.body(len(b.members) - 1)
	before = heap()
	w := bufio.NewWriterSize(&watching{every: 8 << 20, see: func() { most = max(most, heap()) }}, 1<<16)
	ok(t, b.Write(context.Background(), w, 0, to))
	if most > before+8<<20 {
		t.Errorf("writing takes %d bytes more, want at most 8 MiB", most-before)
	}
	runtime.KeepAlive(b)
}

// watching looks every so many bytes.
type watching struct {
	n, every int
	see      func()
}

func (w *watching) Write(b []byte) (int, error) {
	if w.n += len(b); w.n >= w.every {
		w.n = 0
		w.see()
	}
	return len(b), nil
}
