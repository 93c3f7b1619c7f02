package archive

import (
	"io"
	"sync"
)

const (
	pieceSize = 512 << 10 // bytes
	pieces    = 3
)

// lender is a writer that lends its own buffer: what is read into it, and
// written next, is not copied.
type lender interface{ lend(n int64) []byte }

// lent returns room for some of the next n bytes for w, n being 1 or more: w's
// own where it lends.
func lent(w io.Writer, n int64) []byte {
	if l, ok := w.(lender); ok {
		return l.lend(n)
	}
	return make([]byte, min(n, pieceSize))
}

// behind writes in a goroutine of its own, so that the next piece is read and
// opened while the last one leaves. It holds three pieces, and is a lender.
type behind struct {
	full, free chan []byte
	piece      []byte
	done       chan struct{}
	mu         sync.Mutex
	err        error // the first of the writer
}

// newBehind writes to w until close has returned.
func newBehind(w io.Writer) *behind {
	b := &behind{full: make(chan []byte, pieces), free: make(chan []byte, pieces), done: make(chan struct{})}
	for range pieces - 1 {
		b.free <- make([]byte, 0, pieceSize)
	}
	b.piece = make([]byte, 0, pieceSize)
	go func() {
		defer close(b.done)
		for p := range b.full {
			if b.failed() == nil {
				_, err := w.Write(p)
				b.fail(err)
			}
			b.free <- p[:0]
		}
	}()
	return b
}

func (b *behind) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

func (b *behind) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
	}
}

func (b *behind) Write(p []byte) (int, error) {
	if err := b.failed(); err != nil {
		return 0, err
	}
	n := len(p)
	for len(p) > 0 {
		room := b.piece[len(b.piece):cap(b.piece)]
		m := min(len(room), len(p))
		if &room[0] != &p[0] { // it is there already where it was lent
			copy(room, p)
		}
		b.piece, p = b.piece[:len(b.piece)+m], p[m:]
		if len(b.piece) == cap(b.piece) {
			b.pass()
		}
	}
	return n, nil
}

// lend begins a new piece where the rest of this one is too small.
func (b *behind) lend(n int64) []byte {
	n = min(n, pieceSize)
	if int64(cap(b.piece)-len(b.piece)) < n {
		b.pass()
	}
	return b.piece[len(b.piece) : len(b.piece)+int(n)]
}

// pass hands the piece to the writer. The next one has room.
func (b *behind) pass() {
	b.full <- b.piece
	b.piece = <-b.free
}

// close writes what is left, and returns once nothing more is written.
func (b *behind) close() error {
	b.full <- b.piece
	close(b.full)
	<-b.done
	return b.failed()
}
