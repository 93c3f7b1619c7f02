package sqlite

import (
	"context"
	"errors"
	"fmt"
)

var (
	errClosed   = errors.New("sqlite: store is closed")
	errReadOnly = errors.New("sqlite: opened to read only")
	errLost     = errors.New("sqlite: the shared transaction was rolled back")
)

// maxBatch bounds how many callers share a commit, and so how long the first
// of them waits for the others.
const maxBatch = 256

// writer lets one caller at a time write to its connection, and commits once
// for all that came while it was busy: the fsync is what costs.
//
// A caller's function runs on the caller's own goroutine, in a savepoint, so
// that its panic stays its own.
type writer struct {
	c     *conn
	queue chan *turn // unbuffered: who is taken from it has its turn at once
	quit  chan struct{}
	done  chan struct{}
}

// turn is one caller's place in a batch.
type turn struct {
	begin chan error // nil says: run now
	ran   chan bool  // false says: the transaction is lost for everybody
	end   chan error // how the commit went
}

func newWriter(c *conn) *writer {
	w := &writer{c: c, queue: make(chan *turn), quit: make(chan struct{}), done: make(chan struct{})}
	go w.loop()
	return w
}

// do runs fn and returns after its rows are on disk. A ctx that is done
// before fn's turn keeps it from running; afterwards the commit is awaited,
// so that the answer is true.
func (w *writer) do(ctx context.Context, fn func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := &turn{begin: make(chan error, 1), ran: make(chan bool), end: make(chan error, 1)}
	select {
	case w.queue <- t:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.quit:
		return errClosed
	}
	if err := <-t.begin; err != nil {
		return err
	}
	if err := w.run(ctx, t, fn); err != nil {
		return err
	}
	return <-t.end
}

// run runs fn in a savepoint, and gives the connection back however fn ends.
func (w *writer) run(ctx context.Context, t *turn, fn func(*tx) error) error {
	x := &tx{c: w.c, write: true}
	kept, stands := false, true
	defer func() {
		x.over.Store(true)
		if !kept {
			stands = w.undo()
		}
		t.ran <- stands
	}()
	if err := w.exec("SAVEPOINT caller"); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := fn(x); err != nil {
		return err
	}
	if err := w.exec("RELEASE caller"); err != nil {
		return err
	}
	kept = true
	return nil
}

// undo takes back one caller's rows. It reports false where SQLite has rolled
// back the whole transaction, as it may when the disk is full.
func (w *writer) undo() bool {
	return w.exec("ROLLBACK TO caller") == nil && w.exec("RELEASE caller") == nil
}

func (w *writer) loop() {
	defer close(w.done)
	for {
		select {
		case t := <-w.queue:
			w.batch(t)
		case <-w.quit:
			return
		}
	}
}

// batch runs t and everybody who is waiting, and commits.
func (w *writer) batch(t *turn) {
	if err := w.start(); err != nil {
		t.begin <- err
		return
	}
	var batch []*turn
	stands := true
	for t != nil {
		batch = append(batch, t)
		t.begin <- nil
		if stands = <-t.ran; !stands {
			break
		}
		t = w.next(len(batch))
	}
	err := errLost
	if stands {
		err = w.exec("COMMIT")
	}
	if err != nil {
		w.exec("ROLLBACK") // fails where SQLite has done it already
	}
	for _, t := range batch {
		t.end <- err
	}
}

// next is a caller that is waiting now, or nil.
func (w *writer) next(n int) *turn {
	if n >= maxBatch {
		return nil
	}
	select {
	case t := <-w.queue:
		return t
	default:
		return nil
	}
}

// start begins a transaction, ending one that a failed rollback left behind.
func (w *writer) start() error {
	err := w.exec("BEGIN IMMEDIATE")
	if err != nil && w.exec("ROLLBACK") == nil {
		err = w.exec("BEGIN IMMEDIATE")
	}
	return err
}

func (w *writer) exec(command string) error {
	if err := w.c.exec(context.Background(), command); err != nil {
		return failure(fmt.Errorf("%s: %w", command, err))
	}
	return nil
}

// close lets the running batch finish.
func (w *writer) close() {
	close(w.quit)
	<-w.done
}
