package wyoming

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"time"
)

// Handler carries a connection. The connection is closed when it returns; ctx
// ends when the connection is to end at once.
type Handler func(ctx context.Context, c *Conn) error

// Options are how a listener is served. Zero fields take the defaults.
type Options struct {
	Handler Handler // Sessions(service, limits)
	Deadlines
	MaxConns int           // connections at once: 16,384
	PerAddr  int           // of them from one address, where it has one: MaxConns
	Grace    time.Duration // for answers under way when ctx ends: 5 s
	Log      *slog.Logger  // ids and counts, never what was said
}

func (o Options) orDefaults() Options {
	o.Deadlines = o.Deadlines.orDefaults()
	o.MaxConns = cmp.Or(o.MaxConns, 16384)
	o.PerAddr = cmp.Or(o.PerAddr, o.MaxConns)
	o.Grace = cmp.Or(o.Grace, 5*time.Second)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	return o
}

// Serve accepts connections until ctx ends, and returns nil once all have
// ended: those that wait at once, those being answered within Options.Grace.
// Any other error is the listener's. The listener is closed either way.
//
// When there are MaxConns, or PerAddr from one address, a further connection
// takes the place of one that has not sent a whole event within a second, the
// oldest first, or else of the one silent for longest; a connection being
// answered keeps its place.
func Serve(ctx context.Context, l net.Listener, o Options) error {
	s := &server{o: o.orDefaults(), conns: map[*Conn]string{}, hosts: map[string]int{}}
	lives, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	err := s.accept(ctx, lives, l)
	l.Close()
	s.stopAll()
	defer time.AfterFunc(s.o.Grace, end).Stop()
	s.running.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("wyoming: serve %s: %w", l.Addr(), err)
}

type server struct {
	o       Options
	running sync.WaitGroup

	mu    sync.Mutex
	conns map[*Conn]string // to the host they are counted by; "" is not counted
	hosts map[string]int
}

// accept starts a goroutine per connection. Where the system has no room for
// one more (file descriptors), the one least missed makes it.
func (s *server) accept(ctx, lives context.Context, l net.Listener) error {
	const shortest, longest = 5 * time.Millisecond, time.Second
	wait := shortest
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			wait = shortest
			s.admit(lives, NewConn(conn, s.o.Deadlines))
			continue
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF):
			return err
		}
		s.o.Log.Warn("a connection was not accepted", "addr", l.Addr(), "err", err)
		s.mu.Lock()
		s.evict(func(string) bool { return true })
		s.mu.Unlock()
		select {
		case <-time.After(wait):
			wait = min(2*wait, longest)
		case <-ctx.Done():
		}
	}
}

// admit makes room for c and runs it.
func (s *server) admit(lives context.Context, c *Conn) {
	host := c.host()
	if !s.enter(c, host) {
		s.o.Log.Warn("a connection was refused: all others are being answered", "from", host)
		c.Close()
		return
	}
	s.running.Go(func() {
		ctx, cancel := context.WithCancel(lives)
		defer cancel()
		defer c.interrupt(ctx)()
		err := s.o.Handler(ctx, c)
		s.leave(c)
		c.Close()
		if err != nil && !quiet(err) {
			s.o.Log.Info("a connection ended", "from", host, "err", err)
		}
	})
}

// quiet reports whether err is the usual end of a connection.
func quiet(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, ErrStopped) || errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded)
}

// enter registers c, in another's place where there is none free. It reports
// false where every place is taken by a connection being answered.
func (s *server) enter(c *Conn, host string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	crowded := host != "" && s.hosts[host] >= s.o.PerAddr
	if crowded || len(s.conns) >= s.o.MaxConns {
		if !s.evict(func(h string) bool { return !crowded || h == host }) {
			return false
		}
	}
	s.conns[c] = host
	s.hosts[host]++
	return true
}

// evict ends the connection least missed, among those whose host is eligible;
// s.mu is held. It reports false where all of them are being answered.
func (s *server) evict(eligible func(host string) bool) bool {
	justCame := time.Now().Add(-time.Second).UnixNano()
	var out *Conn
	var met bool
	var last int64
	for c, host := range s.conns {
		if c.busy.Load() || !eligible(host) {
			continue
		}
		l := c.lastEvent.Load()
		m := c.met.Load() || l > justCame
		if out == nil || !m && met || m == met && l < last {
			out, met, last = c, m, l
		}
	}
	if out == nil {
		return false
	}
	s.remove(out)
	out.Close()
	return true
}

func (s *server) leave(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(c)
}

// remove forgets a connection, once; s.mu is held.
func (s *server) remove(c *Conn) {
	host, ok := s.conns[c]
	if !ok {
		return
	}
	delete(s.conns, c)
	if s.hosts[host]--; s.hosts[host] == 0 {
		delete(s.hosts, host)
	}
}

// stopAll ends the reads of all connections: those that wait return.
func (s *server) stopAll() {
	s.mu.Lock()
	all := slices.Collect(maps.Keys(s.conns))
	s.mu.Unlock()
	for _, c := range all {
		c.stop()
	}
}
