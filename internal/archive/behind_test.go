package archive

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"testing"
)

// What is written and what is read in later leave in order, whatever the sizes.
func TestBehindKeepsTheOrder(t *testing.T) {
	noise := rand.NewChaCha8([32]byte{1})
	r := rand.New(noise)
	var got bytes.Buffer
	var want []byte
	b := newBehind(&got)
	sum := &summing{w: b}
	for range 200 {
		part := make([]byte, r.IntN(1+r.IntN(1<<r.IntN(21))))
		noise.Read(part)
		want = append(want, part...)
		if r.IntN(2) == 0 {
			if n, err := b.Write(part); n != len(part) || err != nil {
				t.Fatal(n, err)
			}
			continue
		}
		sum.crc, sum.n = 0, 0
		for rest := part; len(rest) > 0; {
			from := rest
			n, err := sum.fill(int64(len(rest)), func(p []byte) error { copy(p, from); return nil })
			if err != nil || n < 1 {
				t.Fatal(n, err)
			}
			rest = rest[n:]
		}
		done := make(chan error, 1)
		b.fill(0, func([]byte) error { done <- nil; return nil })
		<-done
		if sum.n != int64(len(part)) || sum.crc != crc32.ChecksumIEEE(part) {
			t.Errorf("got %d bytes of CRC %x, want %d of %x", sum.n, sum.crc, len(part), crc32.ChecksumIEEE(part))
		}
	}
	if err := b.close(); err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Errorf("got %d bytes and %v, want %d as they were written", got.Len(), err, len(want))
	}
}

// Of a piece that could not be filled nothing leaves, nor what comes after it,
// and whoever waits for a turn, to close something, still gets it.
func TestBehindStopsAtWhatCannotBeRead(t *testing.T) {
	var got bytes.Buffer
	b := newBehind(&got)
	broken := errors.New("does not open")
	b.Write(make([]byte, pieceSize))
	b.Write([]byte("the header of a sound"))
	b.fill(100, func(p []byte) error { p[0] = 1; return broken })
	closed := 0
	for range 10 {
		b.fill(pieceSize, func([]byte) error { closed++; return nil })
	}
	if _, err := b.Write([]byte("more")); err != broken {
		t.Errorf("got %v, want %v", err, broken)
	}
	if err := b.close(); err != broken || closed != 10 {
		t.Errorf("got %v and %d turns, want %v and 10", err, closed, broken)
	}
	if got.Len() != pieceSize {
		t.Errorf("%d bytes left, want the first piece's %d", got.Len(), pieceSize)
	}
}

func TestBehindStopsWhenNobodyTakesIt(t *testing.T) {
	r, w := io.Pipe()
	gone := errors.New("gone")
	r.CloseWithError(gone)
	b := newBehind(w)
	var err error
	for i := 0; err == nil && i < 100; i++ {
		_, err = b.fill(pieceSize, func([]byte) error { return nil })
	}
	if err != gone {
		t.Errorf("got %v, want %v", err, gone)
	}
	if err := b.close(); err != gone {
		t.Errorf("at the end: got %v, want %v", err, gone)
	}
}
