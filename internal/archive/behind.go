package archive

import (
	"io"
	"sync"
)

const (
	pieceSize = 256 << 10 // bytes: whole chunks of sealed parts
	pieces    = 3
)

// behind writes in a goroutine of its own, so that the next piece is read and
// opened while the last one leaves. It holds three pieces.
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
		m := copy(room, p)
		b.piece, p = b.piece[:len(b.piece)+m], p[m:]
		if len(b.piece) == cap(b.piece) {
			b.full <- b.piece
			b.piece = <-b.free
		}
	}
	return n, nil
}

// close writes what is left, and returns once nothing more is written.
func (b *behind) close() error {
	b.full <- b.piece
	close(b.full)
	<-b.done
	return b.failed()
}
