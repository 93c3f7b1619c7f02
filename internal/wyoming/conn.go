package wyoming

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// ErrStopped is what Read returns once the connection is not to be read any
// more, because its server stops.
var ErrStopped = errors.New("stopped")

// Deadlines of a connection. Zero fields take the defaults.
type Deadlines struct {
	Idle  time.Duration // from one event to the first byte of the next: 10 minutes
	Event time.Duration // from an event's first byte to its last, and from connecting to the end of the first event: 10 s
	Write time.Duration // for one event: 10 s
}

func (d Deadlines) orDefaults() Deadlines {
	or := func(d *time.Duration, otherwise time.Duration) {
		if *d <= 0 {
			*d = otherwise
		}
	}
	or(&d.Idle, 10*time.Minute)
	or(&d.Event, 10*time.Second)
	or(&d.Write, 10*time.Second)
	return d
}

// Conn carries events over a connection, with a deadline on every read and
// write. One goroutine may read while others write; an event is written whole.
type Conn struct {
	conn      net.Conn
	deadlines Deadlines
	r         *Reader
	begun     time.Time // when the event being read began; zero while none has
	met       atomic.Bool
	busy      atomic.Bool  // a request is being answered
	lastEvent atomic.Int64 // when it connected or sent its last event, Unix nanoseconds
	stopped   atomic.Bool

	writing sync.Mutex
	w       *Writer
}

// NewConn takes over a connection: TCP, unix, TLS.
func NewConn(conn net.Conn, d Deadlines) *Conn {
	c := &Conn{conn: conn, deadlines: d.orDefaults(), w: NewWriter(conn)}
	c.r = NewReader((*timedReader)(c))
	c.lastEvent.Store(time.Now().UnixNano())
	return c
}

// Read returns the next event. Errors: those of Reader.Read, ErrStopped, and
// os.ErrDeadlineExceeded for a peer that was silent or slow.
func (c *Conn) Read() (Event, error) {
	c.begun = time.Time{}
	if c.r.buf.Buffered() > 0 || !c.met.Load() {
		c.begun = time.Now()
	}
	e, err := c.r.Read()
	if err != nil {
		return Event{}, err
	}
	c.met.Store(true)
	c.lastEvent.Store(time.Now().UnixNano())
	return e, nil
}

// timedReader is a Conn's connection, read under the deadline that holds at
// the moment.
type timedReader Conn

func (c *timedReader) Read(p []byte) (int, error) {
	deadline := c.begun.Add(c.deadlines.Event)
	if c.begun.IsZero() {
		deadline = time.Now().Add(c.deadlines.Idle)
	}
	if err := c.conn.SetReadDeadline(deadline); err != nil {
		return 0, err
	}
	if c.stopped.Load() { // after the deadline was set: stop sets its own after the flag
		return 0, ErrStopped
	}
	n, err := c.conn.Read(p)
	if n > 0 && c.begun.IsZero() {
		c.begun = time.Now()
	}
	if err != nil && c.stopped.Load() {
		err = ErrStopped
	}
	return n, err
}

// stop ends the read under way, and every later one, with ErrStopped.
func (c *Conn) stop() {
	c.stopped.Store(true)
	c.conn.SetReadDeadline(time.Unix(1, 0))
}

// Send writes the event of a message.
func (c *Conn) Send(m Message) error {
	e, err := New(m)
	if err != nil {
		return err
	}
	return c.Write(e)
}

// Write writes an event. After a failure in the middle of one the peer cannot
// follow any more, so the connection is closed.
func (c *Conn) Write(e Event) error {
	if _, err := appendHeader(nil, e); err != nil {
		return err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	err := c.conn.SetWriteDeadline(time.Now().Add(c.deadlines.Write))
	if err == nil {
		err = c.w.Write(e)
	}
	if err != nil {
		c.conn.Close()
		return fmt.Errorf("wyoming: write a %v: %w", e, err)
	}
	return nil
}

// Close ends the connection, and every read and write under way.
func (c *Conn) Close() error { return c.conn.Close() }

// RemoteAddr is the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// host is what connections are counted by; "" for a unix socket.
func (c *Conn) host() string {
	host, _, err := net.SplitHostPort(c.conn.RemoteAddr().String())
	if err != nil {
		return ""
	}
	return host
}

// interrupt closes the connection when ctx ends; the returned function calls
// that off.
func (c *Conn) interrupt(ctx context.Context) (release func() bool) {
	return context.AfterFunc(ctx, func() { c.conn.Close() })
}
