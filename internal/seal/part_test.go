package seal

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"hash/crc32"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// reading is the key as somebody who opened its wrap has it.
func reading(pk PartKey) PartKey { return PartKey{k: pk.k} }

func TestPartSizes(t *testing.T) {
	for _, n := range []int{0, 1, 15, 16, chunkSize - 1, chunkSize, chunkSize + 1, 2 * chunkSize, 3*chunkSize + 77} {
		pk, plain := freshPartKey(), randomBytes(n)
		sealed := must(SealPart(pk, "audio/flac", plain))
		if got, want := int64(len(sealed)), SealedPartSize(int64(n)); got != want {
			t.Errorf("%d bytes: got %d sealed, want %d", n, got, want)
		}
		got, header, err := ReadPart(reading(pk), sealed)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes do not come back: %v", n, err)
		}
		want := PartHeader{int64(n), "audio/flac", crc32.ChecksumIEEE(plain), sha256.Sum256(plain)}
		if diff := cmp.Diff(want, header); diff != "" {
			t.Errorf("%d bytes: header (-want +got):\n%s", n, diff)
		}
	}
}

// Every truncation of a part of several chunks fails to open: not one only
// shows at its end.
func TestEveryTruncationIsSeenAtOnce(t *testing.T) {
	pk := freshPartKey()
	sealed := must(SealPart(pk, "", randomBytes(2*chunkSize+5)))
	for n := 0; n < len(sealed); n += 13 {
		if _, err := OpenPart(reading(pk), bytes.NewReader(sealed), int64(n)); !errors.Is(err, ErrOpen) {
			t.Fatalf("cut to %d bytes: got %v, want %v", n, err, ErrOpen)
		}
		if _, err := OpenPart(reading(pk), bytes.NewReader(sealed[:n]), int64(len(sealed))); !errors.Is(err, ErrOpen) {
			t.Fatalf("only %d bytes are there: got %v, want %v", n, err, ErrOpen)
		}
	}
}

func TestPartReaderSeeks(t *testing.T) {
	pk, plain := freshPartKey(), randomBytes(3*chunkSize+100)
	sealed := must(SealPart(pk, "audio/flac", plain))
	r, err := OpenPart(reading(pk), bytes.NewReader(sealed), int64(len(sealed)))
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []struct{ off, n int }{
		{0, 1}, {0, len(plain)}, {chunkSize - 1, 2}, {chunkSize, chunkSize}, {2*chunkSize + 9, chunkSize},
		{3 * chunkSize, 100}, {len(plain) - 1, 1}, {5, 0},
	} {
		got := make([]byte, at.n)
		if n, err := r.ReadAt(got, int64(at.off)); err != nil || n != at.n || !bytes.Equal(got, plain[at.off:at.off+at.n]) {
			t.Errorf("%d at %d: got %d bytes, %v", at.n, at.off, n, err)
		}
	}
	if n, err := r.ReadAt(make([]byte, 9), r.Size()-4); n != 4 || err != io.EOF {
		t.Errorf("over the end: got %d, %v; want 4 and EOF", n, err)
	}
	if _, err := r.ReadAt(make([]byte, 1), r.Size()); err != io.EOF {
		t.Errorf("at the end: got %v, want EOF", err)
	}
	if _, err := r.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("before the begin: got no error")
	}
	got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err != nil || !bytes.Equal(got, plain) {
		t.Errorf("streaming: %v", err)
	}
}

// io.ReaderAt promises that readers may work at the same moment.
func TestPartReaderConcurrently(t *testing.T) {
	pk, plain := freshPartKey(), randomBytes(4*chunkSize)
	sealed := must(SealPart(pk, "", plain))
	r, err := OpenPart(reading(pk), bytes.NewReader(sealed), int64(len(sealed)))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 20 {
				off := (w*50_021 + i*13_001) % (len(plain) - 1000)
				got := make([]byte, 1000)
				if _, err := r.ReadAt(got, int64(off)); err != nil || !bytes.Equal(got, plain[off:off+1000]) {
					t.Errorf("1000 at %d: %v", off, err)
				}
			}
		})
	}
	wg.Wait()
}

// A damaged chunk gives none of its bytes, and the others go on.
func TestDamagedChunk(t *testing.T) {
	pk, plain := freshPartKey(), randomBytes(3*chunkSize)
	sealed := must(SealPart(pk, "", plain))
	sealed[sealedHeader+sealedChunkSize+7] ^= 1
	r, err := OpenPart(reading(pk), bytes.NewReader(sealed), int64(len(sealed)))
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(plain))
	n, err := r.ReadAt(got, 0)
	if n != chunkSize || !errors.Is(err, ErrOpen) || !bytes.Equal(got[:n], plain[:n]) {
		t.Errorf("got %d bytes and %v, want the first chunk and %v", n, err, ErrOpen)
	}
	if !bytes.Equal(got[n:], make([]byte, len(got)-n)) {
		t.Error("bytes of a chunk that does not open were given out")
	}
	for _, off := range []int64{0, 2 * chunkSize} {
		if _, err := r.ReadAt(got[:10], off); err != nil || !bytes.Equal(got[:10], plain[off:off+10]) {
			t.Errorf("an undamaged chunk at %d: %v", off, err)
		}
	}
}

// Chunks are opened in the caller's buffer where it has room, of any length:
// what comes after the bytes read is no ciphertext, no tag and no chunk that
// did not open.
func TestReadsOfEveryLengthAroundChunks(t *testing.T) {
	pk, plain := freshPartKey(), randomBytes(3*chunkSize+9)
	sealed := must(SealPart(pk, "", plain))
	for damaged := range 4 { // the last of them is none
		bad := bytes.Clone(sealed)
		upTo := len(plain)
		if damaged < 3 {
			bad[sealedHeader+damaged*sealedChunkSize+chunkSize-1] ^= 1
			upTo = damaged * chunkSize
		}
		r, err := OpenPart(reading(pk), bytes.NewReader(bad), int64(len(bad)))
		if err != nil {
			t.Fatal(err)
		}
		for _, from := range []int{0, 1, chunkSize - 1, chunkSize, 2 * chunkSize} {
			for _, chunks := range []int{1, 2, 3} {
				for _, more := range []int{-1, 0, 1, tagSize - 1, tagSize, tagSize + 1} {
					got := make([]byte, chunks*chunkSize+more)
					n, err := r.ReadAt(got, int64(from))
					want := max(0, min(len(got), len(plain)-from, upTo-from))
					if from/chunkSize > damaged { // begins after it
						want = min(len(got), len(plain)-from)
					}
					if n != want || (err == nil) != (n == len(got)) {
						t.Fatalf("chunk %d damaged, %d at %d: got %d bytes and %v, want %d", damaged, len(got), from, n, err, want)
					}
					if !bytes.Equal(got[:n], plain[from:from+n]) || !bytes.Equal(got[n:], make([]byte, len(got)-n)) {
						t.Fatalf("chunk %d damaged, %d at %d: other bytes were given out", damaged, len(got), from)
					}
				}
			}
		}
	}
}

// A failing disk is not a failed opening: the one opens an incident, the
// other is retried.
func TestReadErrorIsNotErrOpen(t *testing.T) {
	pk := freshPartKey()
	must(SealPart(pk, "", nil))
	broken := errors.New("disk on fire")
	_, err := OpenPart(reading(pk), readerAt(func([]byte, int64) (int, error) { return 0, broken }), SealedPartSize(5))
	if !errors.Is(err, broken) || errors.Is(err, ErrOpen) {
		t.Errorf("got %v, want the disk's own error", err)
	}
}

type readerAt func([]byte, int64) (int, error)

func (f readerAt) ReadAt(b []byte, off int64) (int, error) { return f(b, off) }

func TestPartKeySealsOnce(t *testing.T) {
	ek := EnvelopeKey{k: newKey()}
	pk, wrap, err := NewPartKey(ek, PartContext{})
	if err != nil {
		t.Fatal(err)
	}
	copied := pk
	if _, err := SealPart(pk, strings.Repeat("m", MaxMediaType+1), nil); !errors.Is(err, ErrFormat) {
		t.Errorf("a long media type: got %v, want %v", err, ErrFormat)
	}
	sealed, err := SealPart(pk, strings.Repeat("m", MaxMediaType), []byte("one"))
	if err != nil {
		t.Fatalf("a refused media type used the key up: %v", err)
	}
	opened := must(OpenPartKey(ek, wrap, PartContext{}))
	for name, k := range map[string]PartKey{"used": pk, "copy of a used one": copied, "opened": opened} {
		if _, err := SealPart(k, "", []byte("two")); !errors.Is(err, ErrUsed) {
			t.Errorf("%s: got %v, want %v", name, err, ErrUsed)
		}
	}
	if got, header, err := ReadPart(opened, sealed); err != nil || string(got) != "one" || len(header.MediaType) != MaxMediaType {
		t.Errorf("the opened key does not read what was sealed: %v", err)
	}
}

// Of goroutines that race to seal under one key, exactly one does.
func TestPartKeySealsOnceConcurrently(t *testing.T) {
	pk := freshPartKey()
	results := make(chan error)
	for range 8 {
		go func() {
			_, err := SealPart(pk, "", []byte("x"))
			results <- err
		}()
	}
	sealed := 0
	for range 8 {
		switch err := <-results; {
		case err == nil:
			sealed++
		case !errors.Is(err, ErrUsed):
			t.Errorf("got %v, want %v", err, ErrUsed)
		}
	}
	if sealed != 1 {
		t.Errorf("sealed %d times, want once", sealed)
	}
}

func FuzzOpenPart(f *testing.F) {
	pk := freshPartKey()
	pk.k = &key{1} // the same in each of the fuzzer's processes
	plain := []byte("turn on the light")
	sealed := must(SealPart(pk, "text/plain", plain))
	f.Add(sealed)
	f.Add(sealed[:sealedHeader])
	f.Add([]byte{})
	f.Add(append(bytes.Clone(sealed), sealed...))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, _, err := ReadPart(reading(pk), b)
		if err == nil && (!bytes.Equal(b, sealed) || !bytes.Equal(got, plain)) {
			t.Error("bytes that nobody sealed were opened")
		}
		if err != nil && !errors.Is(err, ErrOpen) && !errors.Is(err, ErrFormat) {
			t.Errorf("got %v, want %v or %v", err, ErrOpen, ErrFormat)
		}
	})
}

// FuzzPartHeader reaches what a header may say once it authenticates.
func FuzzPartHeader(f *testing.F) {
	f.Add(encodeHeader("audio/flac", []byte("x")))
	f.Add(make([]byte, headerSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != headerSize {
			return
		}
		h, err := decodeHeader(b)
		if err == nil && (h.Length < 0 || h.Length > MaxPart || len(h.MediaType) > MaxMediaType) {
			t.Errorf("accepted %+v", h)
		}
	})
}
