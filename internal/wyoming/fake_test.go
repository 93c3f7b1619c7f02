package wyoming

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
)

// parrot is a service that answers with what it was given, so that an answer
// to another's question shows.
type parrot struct {
	name string // of its listener's binding
}

func (p parrot) Info(context.Context) (Info, error) {
	a := Artifact{Name: "parrot", Attribution: Attribution{"Test", "https://example.org"}, Installed: true}
	model := Model{Artifact: a, Languages: []string{"en"}}
	return Info{
		ASR:    List[ASRProgram]{{Artifact: a, Models: List[Model]{model}}},
		Handle: List[HandleProgram]{{Artifact: a, Models: List[Model]{model}}},
		TTS:    List[TTSProgram]{{Artifact: a, Voices: List[TTSVoice]{{Artifact: a, Languages: []string{"en"}}}, SupportsSynthesizeStreaming: true}},
	}, nil
}

// Transcribe tells which samples it heard, how many, and in which formats. The
// model "early" answers at the first chunk; "slow" waits for ctx; "stuck"
// fails.
func (p parrot) Transcribe(ctx context.Context, how Transcribe, audio *Audio) (Transcript, error) {
	var samples int
	var value string
	var formats []string
	for {
		c, err := audio.Next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return Transcript{}, err
		}
		if v := spoken(c); value == "" {
			value = v
		} else if v != value {
			value = "mixed"
		}
		samples += len(c.PCM) / c.Frame()
		if f := fmt.Sprintf("%d/%d/%d", c.Rate, c.Width, c.Channels); len(formats) == 0 || formats[len(formats)-1] != f {
			formats = append(formats, f)
		}
		if how.Name == "early" {
			break
		}
	}
	switch how.Name {
	case "slow":
		<-ctx.Done()
		return Transcript{}, context.Cause(ctx)
	case "stuck":
		return Transcript{}, hearkeep.Errorf(hearkeep.Unavailable, "The engine is away.").Because(errors.New("secret chain"))
	}
	text := fmt.Sprintf("%s heard %s: %d samples at %s", p.name, value, samples, strings.Join(formats, ", "))
	return Transcript{Text: NewText(text), Language: how.Language}, nil
}

// spoken is the value of all 16-bit samples of c.
func spoken(c AudioChunk) string {
	if c.Width != 2 {
		return "noise"
	}
	for i := 0; i+2 <= len(c.PCM); i += 2 {
		if !bytes.Equal(c.PCM[i:i+2], c.PCM[:2]) {
			return "mixed"
		}
	}
	return fmt.Sprint(binary.LittleEndian.Uint16(c.PCM))
}

func (p parrot) Handle(ctx context.Context, said Transcript) (Answer, error) {
	switch said.Text.Plain() {
	case "nonsense":
		return Answer{Text: NewText("what?")}, nil
	case "wait":
		<-ctx.Done()
		return Answer{}, context.Cause(ctx)
	}
	return Answer{Done: true, Text: NewText(p.name + " did " + said.Text.Plain())}, nil
}

// Synthesize speaks a sample for each byte of the text, 100 times.
func (p parrot) Synthesize(ctx context.Context, what Synthesize, say func(AudioChunk) error) error {
	if what.Voice.Name == "mute" {
		return ErrUnsupported
	}
	for _, b := range []byte(what.Text.Plain()) {
		if err := say(AudioChunk{AudioFormat{22050, 2, 1}, bytes.Repeat([]byte{b, 0}, 100)}); err != nil {
			return err
		}
	}
	return nil
}

// voice is n samples of one value.
func voice(value uint16, n int) []byte {
	return bytes.Repeat(binary.LittleEndian.AppendUint16(nil, value), n)
}

func mono16() AudioFormat { return AudioFormat{16000, 2, 1} }

// pieces is audio that is all there.
type pieces []AudioChunk

func (p *pieces) Next(context.Context) (AudioChunk, error) {
	if len(*p) == 0 {
		return AudioChunk{}, io.EOF
	}
	c := (*p)[0]
	*p = (*p)[1:]
	return c, nil
}

// speech is n chunks of 10 ms, as Home Assistant sends them.
func speech(value uint16, n int) *pieces {
	var p pieces
	for range n {
		p = append(p, AudioChunk{mono16(), voice(value, 160)})
	}
	return &p
}

// serve runs a server on loopback until the test ends, and then sees that it
// ends without an error.
func serve(t testing.TB, o Options) net.Addr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, l, o)
}

func serveOn(t testing.TB, l net.Listener, o Options) net.Addr {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l, o) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return l.Addr()
}

func parrotOptions() Options {
	return Options{Handler: Sessions(parrot{"parrot"}, Limits{}, nil)}
}

func dial(t testing.TB, addr net.Addr) *Client {
	t.Helper()
	c, err := Dial(t.Context(), addr.Network()+"://"+addr.String(), Deadlines{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// peer speaks the protocol by hand, against a session at the other end of a
// pipe. It is all in memory, so that it can stand in a synctest bubble.
type peer struct {
	t    testing.TB
	conn net.Conn
	in   chan Event // what the session sent; closed at its end
	end  chan error // what the handler returned
}

func meet(t testing.TB, s Service, l Limits, d Deadlines) *peer {
	here, there := net.Pipe()
	p := &peer{t: t, conn: here, in: make(chan Event, 1000), end: make(chan error, 1)}
	go func() {
		r := NewReader(here)
		defer close(p.in)
		for {
			e, err := r.Read()
			if err != nil {
				return
			}
			p.in <- e
		}
	}()
	go func() {
		c := NewConn(there, d)
		p.end <- Sessions(s, l, nil)(t.Context(), c)
		c.Close()
	}()
	t.Cleanup(func() { here.Close() })
	return p
}

// line sends events as written here: header, data and payload.
func (p *peer) line(raw string) {
	p.t.Helper()
	if _, err := io.WriteString(p.conn, raw); err != nil {
		p.t.Fatalf("send: %v", err)
	}
}

func (p *peer) send(messages ...Message) {
	p.t.Helper()
	for _, m := range messages {
		e, err := New(m)
		if err == nil {
			err = NewWriter(p.conn).Write(e)
		}
		if err != nil {
			p.t.Fatalf("send %s: %v", m.Type(), err)
		}
	}
}

// want reads one event and holds its type and data against these.
func (p *peer) want(typ, data string) Event {
	p.t.Helper()
	select {
	case e, ok := <-p.in:
		if !ok {
			p.t.Fatalf("got the end of the connection, want %s", typ)
		}
		if e.Type != typ || string(e.Data) != data {
			p.t.Fatalf("got %s %s, want %s %s", e.Type, e.Data, typ, data)
		}
		return e
	case <-time.After(time.Hour): // in a bubble: everything stands still
		p.t.Fatalf("got nothing, want %s", typ)
	}
	return Event{}
}

// wantHeard reads a transcript.
func (p *peer) wantHeard(text string) {
	p.t.Helper()
	p.want("transcript", fmt.Sprintf(`{"text":%q}`, text))
}

// wantNothing sees that the session has nothing more to say, with a ping that
// is answered.
func (p *peer) wantNothing() {
	p.t.Helper()
	p.send(Ping{NewText("still there?")})
	p.want("pong", `{"text":"still there?"}`)
}

// wantEnd sees that the session ended the connection.
func (p *peer) wantEnd(want error) {
	p.t.Helper()
	if e, ok := <-p.in; ok {
		p.t.Errorf("got %s %s, want the end of the connection", e.Type, e.Data)
	}
	if err := <-p.end; !errors.Is(err, want) {
		p.t.Errorf("ended with %v, want %v", err, want)
	}
}

func chunk(value uint16, n int) AudioChunk { return AudioChunk{mono16(), voice(value, n)} }
