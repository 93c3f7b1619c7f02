package archive

import (
	"io"
	"sync"
)

const (
	pieceSize = 1 << 20 // bytes
	pieces    = 4
)

// filler is a writer with room of its own, into which others read.
type filler interface {
	// fill takes as many of the next n bytes as there is room for, has them read
	// by read, then or later, in a goroutine of its own, and returns how many
	// they are. Each read is called, in the order of the calls, also with no
	// bytes, and even after a failure.
	fill(n int64, read func(p []byte) error) (int64, error)
}

// fill writes some of the next n bytes to w as read has them: into w's own room
// where it has some.
func fill(w io.Writer, n int64, read func(p []byte) error) (int64, error) {
	if f, ok := w.(filler); ok {
		return f.fill(n, read)
	}
	p := make([]byte, min(n, pieceSize))
	if err := read(p); err != nil || n == 0 {
		return 0, err
	}
	_, err := w.Write(p)
	return int64(len(p)), err
}

// behind writes in a goroutine of its own, and is filled in another one: what
// comes next is found, what came is read and opened, and what is whole leaves,
// at the same time. It holds four pieces. Of one into which something could
// not be read nothing leaves, nor of those after it.
type behind struct {
	full, free chan *block
	piece      *block
	fills      chan func()
	done       sync.WaitGroup
	mu         sync.Mutex
	err        error // the first
}

// block is a piece, of which some bytes are not there yet.
type block struct {
	bytes   []byte
	awaited sync.WaitGroup
	err     error // why some never will be
}

func newBlock() *block { return &block{bytes: make([]byte, 0, pieceSize)} }

func (p *block) room() int { return cap(p.bytes) - len(p.bytes) }

// newBehind writes to w until close has returned.
func newBehind(w io.Writer) *behind {
	b := &behind{full: make(chan *block, pieces), free: make(chan *block, pieces), fills: make(chan func(), 16), piece: newBlock()}
	for range pieces - 1 {
		b.free <- newBlock()
	}
	b.done.Go(func() {
		for f := range b.fills {
			f()
		}
	})
	b.done.Go(func() { b.leave(w) })
	return b
}

// leave writes pieces to w, up to the first that is not whole.
func (b *behind) leave(w io.Writer) {
	var stopped error
	for p := range b.full {
		p.awaited.Wait()
		if stopped == nil {
			stopped = p.err
		}
		if stopped == nil {
			_, stopped = w.Write(p.bytes)
			b.fail(stopped)
		}
		p.bytes, p.err = p.bytes[:0], nil
		b.free <- p
	}
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
		p = p[copy(b.take(min(b.piece.room(), len(p))), p):]
		b.pass(1)
	}
	return n, nil
}

// fill implements filler. It begins a new piece where the rest of this one is
// too small, so that a sound of usual size is read at once.
func (b *behind) fill(n int64, read func(p []byte) error) (int64, error) {
	n = min(n, pieceSize)
	b.pass(int(n))
	into, p := b.piece, b.take(int(n))
	into.awaited.Add(1)
	b.fills <- func() {
		if err := read(p); err != nil {
			into.err = err
			b.fail(err)
		}
		into.awaited.Done()
	}
	b.pass(1)
	return n, b.failed()
}

// take appends n bytes to the piece.
func (b *behind) take(n int) []byte {
	at := len(b.piece.bytes)
	b.piece.bytes = b.piece.bytes[:at+n]
	return b.piece.bytes[at:]
}

// pass hands the piece on if it has no room for n bytes.
func (b *behind) pass(n int) {
	if b.piece.room() < n {
		b.full <- b.piece
		b.piece = <-b.free
	}
}

// close writes what is left, and returns once nothing more is read or written.
func (b *behind) close() error {
	close(b.fills)
	b.full <- b.piece
	close(b.full)
	b.done.Wait()
	return b.failed()
}
