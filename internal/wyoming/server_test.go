package wyoming

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestCrowd: ten thousand connections that are slow, broken, half-open or
// send garbage, and beside them every good request gets its own answer.
func TestCrowd(t *testing.T) {
	addr := serve(t, Options{Handler: Sessions(parrot{"parrot"}, Limits{}, nil), MaxConns: 2 * crowdSize, Grace: time.Millisecond})
	t.Log(spawn(t, self("crowd "+addr.String())))
	var good sync.WaitGroup
	for who := range uint16(8) {
		good.Go(func() {
			for i := range uint16(12) {
				if err := request(t.Context(), addr, who<<8|i); err != nil {
					t.Errorf("client %d, request %d: %v", who, i, err)
				}
			}
		})
	}
	good.Wait()
}

// request asks everything once, as Home Assistant does: a connection each.
func request(ctx context.Context, addr net.Addr, value uint16) error {
	on := func(ask func(*Client) (got, want string, err error)) error {
		c, err := Dial(ctx, "tcp://"+addr.String(), Deadlines{})
		if err != nil {
			return err
		}
		defer c.Close()
		got, want, err := ask(c)
		if err == nil && got != want {
			err = fmt.Errorf("got %q, want %q", got, want)
		}
		return err
	}
	text := NewText(fmt.Sprint("sentence ", value))
	return errors.Join(
		on(func(c *Client) (string, string, error) {
			info, err := c.Describe(ctx)
			return fmt.Sprint(len(info.ASR)), "1", err
		}),
		on(func(c *Client) (string, string, error) {
			got, err := c.Transcribe(ctx, Transcribe{}, speech(value, 20))
			return got.Text.Plain(), fmt.Sprintf("parrot heard %d: 3200 samples at 16000/2/1", value), err
		}),
		on(func(c *Client) (string, string, error) {
			got, err := c.Handle(ctx, Transcript{Text: text})
			return got.Text.Plain(), "parrot did " + text.Plain(), err
		}),
		on(func(c *Client) (string, string, error) {
			var got []byte
			err := c.Synthesize(ctx, Synthesize{Text: text}, func(a AudioChunk) error {
				got = append(got, a.PCM[0])
				return nil
			})
			return string(got), text.Plain(), err
		}),
	)
}

// TestFullHouse: who has not said a word in a second makes room first, then
// who was silent for longest; who is being answered stays.
func TestFullHouse(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    Options
	}{{"in all", Options{MaxConns: 3}}, {"from one address", Options{PerAddr: 3}}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.o.Handler = parrotOptions().Handler
				h := newHouse(t, tt.o)
				known, asking, mute := h.connect(), h.connect(), h.connect()
				h.describe(known, true)
				asking.conn.Send(Transcript{Text: NewText("wait")})
				time.Sleep(2 * time.Second)

				first := h.connect()
				h.describe(first, true)
				h.describe(mute, false)
				h.describe(known, true)
				second := h.connect() // the first was silent for longest
				third := h.connect()  // the second has only just come, so the known one goes
				h.describe(second, true)
				h.describe(third, true)
				h.describe(first, false)
				h.describe(known, false)
				asking.conn.Send(Ping{})
				if e, err := asking.conn.Read(); err != nil || e.Type != "pong" {
					t.Errorf("the one being answered: got %v, %v", e, err)
				}
			})
		})
	}
}

// house is a server in memory, for bubbles.
type house struct {
	t     *testing.T
	conns chan net.Conn
	ended chan error
	stop  context.CancelFunc
}

func newHouse(t *testing.T, o Options) house {
	h := house{t: t, conns: make(chan net.Conn), ended: make(chan error, 1)}
	var ctx context.Context
	ctx, h.stop = context.WithCancel(t.Context())
	go func() {
		defer close(h.ended)
		h.ended <- Serve(ctx, pipes{h.conns, make(chan struct{}), new(sync.Once)}, o)
	}()
	t.Cleanup(func() {
		h.stop()
		for range h.ended {
		}
	})
	return h
}

func (h house) connect() *Client {
	here, there := net.Pipe()
	h.conns <- far{there}
	h.t.Cleanup(func() { here.Close() })
	synctest.Wait()
	time.Sleep(time.Millisecond) // so that no two are as old
	return NewClient(NewConn(here, Deadlines{}))
}

func (h house) describe(c *Client, ok bool) {
	h.t.Helper()
	if _, err := c.Describe(h.t.Context()); (err == nil) != ok {
		h.t.Errorf("describe: got %v, want ok %v", err, ok)
	}
	time.Sleep(time.Millisecond)
}

// far is the server's end of a pipe, which has an address.
type far struct{ net.Conn }

func (far) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1} }

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Options{Handler: Sessions(slow{parrot{"parrot"}, 2 * time.Second}, Limits{}, nil), Grace: 5 * time.Second})
		idle, speaking, asking, stuck := h.connect(), h.connect(), h.connect(), h.connect()
		if _, err := idle.Describe(t.Context()); err != nil {
			t.Fatal(err)
		}
		speaking.conn.Send(chunk(1, 160))
		answered := make(chan error, 2)
		for c, text := range map[*Client]string{asking: "lights", stuck: "wait"} {
			go func() {
				_, err := c.Handle(t.Context(), Transcript{Text: NewText(text)})
				if (err == nil) != (c == asking) {
					t.Errorf("%s: got %v", text, err)
				}
				answered <- err
			}()
		}
		synctest.Wait()
		begin := time.Now()
		h.stop()
		if _, err := idle.conn.Read(); err == nil || time.Since(begin) > 0 {
			t.Errorf("idle: got %v after %v, want the end at once", err, time.Since(begin))
		}
		if _, err := speaking.conn.Read(); err == nil || time.Since(begin) > 0 {
			t.Errorf("in mid-utterance: got %v after %v, want the end at once", err, time.Since(begin))
		}
		<-answered
		<-answered
		if err := <-h.ended; err != nil || time.Since(begin) != 5*time.Second {
			t.Errorf("got %v after %v, want nil after the grace", err, time.Since(begin))
		}
	})
}

// slow takes its time for an answer.
type slow struct {
	parrot
	time.Duration
}

func (s slow) Handle(ctx context.Context, said Transcript) (Answer, error) {
	time.Sleep(s.Duration)
	return s.parrot.Handle(ctx, said)
}

// pipes is a listener in memory.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  *sync.Once
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

func TestListenerFails(t *testing.T) {
	l := pipes{make(chan net.Conn), make(chan struct{}), new(sync.Once)}
	l.Close()
	if err := Serve(t.Context(), l, parrotOptions()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want %v", err, net.ErrClosed)
	}
}

func TestUnixSocket(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, serveOn(t, l, parrotOptions()))
	got, err := c.Transcribe(t.Context(), Transcribe{}, speech(4, 10))
	if want := "parrot heard 4: 1600 samples at 16000/2/1"; err != nil || got.Text.Plain() != want {
		t.Errorf("got %q, %v, want %q", got.Text.Plain(), err, want)
	}
}

// TestNothingIsLeft: when a server has ended, so have all its goroutines.
func TestNothingIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("", func(t *testing.T) {
		addr := serve(t, parrotOptions())
		for i := range uint16(50) {
			if err := request(t.Context(), addr, i); err != nil {
				t.Error(err)
			}
			c := dial(t, addr)
			c.conn.Send(chunk(1, 160))
			if i%2 == 0 {
				io.WriteString(c.conn.conn, "nonsense\n")
			}
		}
	})
	for range 1000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("got %d goroutines, want %d:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
}

// idle connects n devices that have said who they are and now wait, and
// returns how many bytes of memory that costs, both ends of the sockets in
// this process, ours with all their buffers.
func idle(t testing.TB, n int) uint64 {
	memory := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	addr := serve(t, parrotOptions())
	before := memory()
	for range n {
		c, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		for range 3 { // an utterance before each wait
			e, _ := New(chunk(1, 1600))
			NewWriter(c).Write(e)
			io.WriteString(c, `{"type":"audio-stop"}`+"\n")
			got, err := NewReader(c).Read()
			if err != nil || !strings.Contains(string(got.Data), "1600 samples") {
				t.Fatalf("got %v, %v", got, err)
			}
		}
	}
	return max(memory(), before) - before
}

func TestIdleDevicesAreCheap(t *testing.T) {
	const devices, most = 1000, 200 << 20
	got := idle(t, devices)
	if got > most {
		t.Errorf("%d idle devices: got %d MB, want at most %d", devices, got>>20, most>>20)
	}
	t.Logf("%d idle devices: %d bytes each", devices, got/devices)
}

func BenchmarkIdleDevice(b *testing.B) {
	const devices = 1000
	for b.Loop() {
		b.ReportMetric(float64(idle(b, devices))/devices, "B/device")
	}
}
