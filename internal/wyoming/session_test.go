package wyoming

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// in runs fn against a session in a bubble, where deadlines come at once.
func in(t *testing.T, name string, l Limits, fn func(*testing.T, *peer)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := meet(t, parrot{"parrot"}, l, Deadlines{})
			fn(t, p)
			p.conn.Close()
			<-p.end
		})
	})
}

func TestSession(t *testing.T) {
	in(t, "the language comes back, and the context", Limits{}, func(t *testing.T, p *peer) {
		p.send(Transcribe{Language: "en", Context: []byte(`{"a":[1]}`)}, chunk(1, 1), AudioStop{})
		p.want("transcript", `{"text":"parrot heard 1: 1 samples at 16000/2/1","language":"en","context":{"a":[1]}}`)
		p.send(chunk(1, 1), AudioStop{}) // the next utterance has neither
		p.wantHeard("parrot heard 1: 1 samples at 16000/2/1")
	})
	in(t, "handled, not handled, not recognized, with their contexts", Limits{}, func(t *testing.T, p *peer) {
		context := []byte(`{"conversation_id":"a","satellite_id":null}`)
		p.send(Transcript{Text: NewText("lights"), Context: context}, Transcript{Text: NewText("nonsense"), Context: context},
			Transcript{Text: NewText("more")}, Recognize{NewText("lights"), context}, Recognize{Text: NewText("more")})
		p.want("handled", `{"text":"parrot did lights","context":{"conversation_id":"a","satellite_id":null}}`)
		p.want("not-handled", `{"text":"what?","context":{"conversation_id":"a","satellite_id":null}}`)
		p.want("handled", `{"text":"parrot did more"}`)
		p.want("not-recognized", `{"context":{"conversation_id":"a","satellite_id":null}}`)
		p.want("not-recognized", "")
	})
	in(t, "a spoken answer", Limits{}, func(t *testing.T, p *peer) {
		p.send(Synthesize{Text: NewText("ab")}, Synthesize{Text: NewText("")})
		p.want("audio-start", `{"rate":22050,"width":2,"channels":1}`)
		for _, b := range []uint16{'a', 'b'} {
			e := p.want("audio-chunk", `{"rate":22050,"width":2,"channels":1}`)
			if !bytes.Equal(e.Payload, voice(b, 100)) {
				t.Errorf("got %v, want 100 samples of %c", e, b)
			}
		}
		p.want("audio-stop", "")
		p.want("audio-start", `{"rate":16000,"width":2,"channels":1}`) // nothing to say has a format, too
		p.want("audio-stop", "")
	})
	in(t, "a text in chunks, with the one for others ignored", Limits{}, func(t *testing.T, p *peer) {
		p.send(SynthesizeStart{}, SynthesizeChunk{NewText("a")}, SynthesizeChunk{NewText("b")}, Synthesize{Text: NewText("ab")}, SynthesizeStop{})
		p.want("audio-start", `{"rate":22050,"width":2,"channels":1}`)
		p.want("audio-chunk", `{"rate":22050,"width":2,"channels":1}`)
		p.want("audio-chunk", `{"rate":22050,"width":2,"channels":1}`)
		p.want("audio-stop", "")
		p.want("synthesize-stopped", "")
		p.send(SynthesizeChunk{NewText("stray")}, SynthesizeStop{})
		p.wantNothing()
		p.send(Synthesize{Text: NewText("")})
		p.want("audio-start", `{"rate":16000,"width":2,"channels":1}`)
		p.want("audio-stop", "")
	})
	in(t, "a text without end", Limits{}, func(t *testing.T, p *peer) {
		p.send(SynthesizeStart{}, SynthesizeChunk{NewText(strings.Repeat("a", MaxData-100))}, SynthesizeChunk{NewText(strings.Repeat("a", 101))})
		p.want("error", `{"text":"That text is too long to be spoken.","code":"too_large"}`)
		p.send(SynthesizeStop{})
		p.wantNothing()
	})
	in(t, "errors have a sentence and a code, and no chain", Limits{}, func(t *testing.T, p *peer) {
		p.send(Transcribe{Name: "stuck"}, chunk(1, 1), AudioStop{}, Synthesize{NewText("a"), Voice{Name: "mute"}, "", nil})
		p.want("error", `{"text":"The engine is away.","code":"unavailable"}`)
		p.want("error", `{"text":"That is not offered here.","code":"invalid"}`)
		p.send(chunk(2, 1), AudioStop{})
		p.wantHeard("parrot heard 2: 1 samples at 16000/2/1")
	})
	in(t, "an answer that takes too long", Limits{Answer: time.Minute}, func(t *testing.T, p *peer) {
		begin := time.Now()
		p.send(Transcript{Text: NewText("wait")})
		p.want("error", `{"text":"That took too long. Try again.","code":"unavailable"}`)
		if got := time.Since(begin); got != time.Minute {
			t.Errorf("got %v, want a minute", got)
		}
		p.send(Transcribe{Name: "slow"}, chunk(1, 1), AudioStop{})
		p.want("error", `{"text":"That took too long. Try again.","code":"unavailable"}`)
		p.wantNothing()
	})
	in(t, "an utterance that is too long", Limits{Utterance: time.Second}, func(t *testing.T, p *peer) {
		for range 101 {
			p.send(chunk(1, 160))
		}
		p.want("error", `{"text":"That was longer than 1s.","code":"too_large"}`)
		for range 1000 { // dropped
			p.send(chunk(1, 160))
		}
		p.send(AudioStop{}, chunk(2, 160), AudioStop{})
		p.wantHeard("parrot heard 2: 160 samples at 16000/2/1")
		for range 100 {
			p.send(chunk(3, 160))
		}
		p.send(AudioStop{})
		p.wantHeard("parrot heard 3: 16000 samples at 16000/2/1") // a second is not longer than a second
	})
	in(t, "an utterance that is begun anew is dropped", Limits{}, func(t *testing.T, p *peer) {
		p.send(AudioStart{mono16()}, chunk(1, 160), AudioStart{mono16()}, chunk(2, 160), AudioStop{})
		p.wantHeard("parrot heard 2: 160 samples at 16000/2/1")
		p.send(Transcribe{}, chunk(1, 160), Transcribe{Language: "de"}, chunk(2, 160), AudioStop{})
		p.want("transcript", `{"text":"parrot heard 2: 160 samples at 16000/2/1","language":"de"}`)
		p.wantNothing()
	})
	in(t, "transcribe after audio-start holds for it", Limits{}, func(t *testing.T, p *peer) {
		p.send(AudioStart{mono16()}, Transcribe{Language: "de"}, chunk(2, 160), AudioStop{})
		p.want("transcript", `{"text":"parrot heard 2: 160 samples at 16000/2/1","language":"de"}`)
	})
	in(t, "frames that are cut anywhere", Limits{}, func(t *testing.T, p *peer) {
		pcm := voice(0x0203, 100)
		for n := 0; len(pcm) > 0; n = (n + 1) % 5 {
			n := min(n, len(pcm))
			p.send(AudioChunk{mono16(), pcm[:n]})
			pcm = pcm[n:]
		}
		p.send(AudioStop{})
		p.wantHeard("parrot heard 515: 100 samples at 16000/2/1")
		p.send(AudioChunk{mono16(), []byte{1}}, chunk(2, 1), AudioChunk{AudioFormat{8000, 2, 1}, []byte{4, 0}}, AudioStop{})
		p.wantHeard("parrot heard mixed: 2 samples at 16000/2/1, 8000/2/1") // 1 2|0 dropped|4 0
	})
	in(t, "what is unknown is ignored", Limits{}, func(t *testing.T, p *peer) {
		p.line(event("unheard-of", `{"a":1}`, "payload"))
		p.send(RunPipeline{StartStage: StageWake, EndStage: StageTTS}, Played{}, Info{}, Pong{})
		p.wantNothing()
	})
	in(t, "a describe and a ping while an answer is being found", Limits{}, func(t *testing.T, p *peer) {
		p.send(Transcript{Text: NewText("wait")}, Describe{}, Ping{})
		if e := <-p.in; e.Type != "info" {
			t.Errorf("got %v, want the info", e)
		}
		p.want("pong", "")
	})
}

func TestMalformedEndsTheConnection(t *testing.T) {
	for _, line := range []string{
		"hello\n", event("audio-chunk", `{"rate":16000,"width":0,"channels":1}`, "a"),
		event("audio-start", "", ""), event("transcript", "{}", ""), `{"type":"a","payload_length":99999}` + "\n",
		event("audio-chunk", `{"rate":16000,"width":2,"channels":1}`, "ab") + event("audio-chunk", `{"rate":16000,"width":2,"channels":1000000000}`, "ab"),
	} {
		synctest.Test(t, func(t *testing.T) {
			p := meet(t, parrot{}, Limits{}, Deadlines{})
			p.line(line)
			p.want("error", `{"text":"That is not an event I can read.","code":"invalid"}`)
			p.wantEnd(ErrMalformed)
		})
	}
}

func TestDeadlines(t *testing.T) {
	d := Deadlines{Idle: time.Hour, Event: 10 * time.Second, Write: 5 * time.Second}
	bubble := func(name string, fn func(*testing.T, *peer)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { fn(t, meet(t, parrot{}, Limits{}, d)) })
		})
	}
	ends := func(t *testing.T, p *peer, after time.Duration) {
		t.Helper()
		begin := time.Now()
		p.wantEnd(os.ErrDeadlineExceeded)
		if got := time.Since(begin); got != after {
			t.Errorf("ended after %v, want %v", got, after)
		}
	}
	bubble("nothing at all", func(t *testing.T, p *peer) { ends(t, p, d.Event) })
	bubble("silence after an event", func(t *testing.T, p *peer) {
		p.wantNothing()
		ends(t, p, d.Idle)
	})
	bubble("a byte a second", func(t *testing.T, p *peer) {
		p.wantNothing()
		begin := time.Now()
		for {
			if _, err := io.WriteString(p.conn, " "); err != nil {
				break
			}
			time.Sleep(700 * time.Millisecond)
		}
		if got := time.Since(begin); got < d.Event || got > d.Event+time.Second {
			t.Errorf("ended after %v, want %v", got, d.Event)
		}
		p.wantEnd(os.ErrDeadlineExceeded)
	})
	bubble("half a payload in the same segment as a whole event", func(t *testing.T, p *peer) {
		p.line(`{"type":"ping"}` + "\n" + `{"type":"ping","payload_length":5}` + "\nab")
		p.want("pong", "")
		ends(t, p, d.Event)
	})
	bubble("half an hour between events is no matter", func(t *testing.T, p *peer) {
		for range 5 {
			p.wantNothing()
			time.Sleep(30 * time.Minute)
		}
		p.wantNothing()
		synctest.Wait()
		p.conn.Close()
		p.wantEnd(io.EOF)
	})
	t.Run("a peer that does not read", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			here, there := net.Pipe()
			end := make(chan error, 1)
			go func() { end <- Sessions(parrot{}, Limits{}, nil)(t.Context(), NewConn(there, d)) }()
			begin := time.Now()
			io.WriteString(here, `{"type":"describe"}`+"\n")
			if err := <-end; !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != d.Write {
				t.Errorf("ended with %v after %v, want %v", err, time.Since(begin), d.Write)
			}
		})
	})
}

// TestTheAskerIsGone: nobody works for a peer that broke off in the middle of
// an utterance; an answer to a whole request is found to its end, for a peer
// that only closed its half.
func TestTheAskerIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heard := make(chan error, 1)
		p := meet(t, listener{parrot{}, heard}, Limits{}, Deadlines{})
		p.send(Transcribe{}, chunk(1, 160))
		synctest.Wait()
		p.conn.Close()
		if err := <-heard; !errors.Is(err, ErrAbandoned) {
			t.Errorf("got %v, want %v", err, ErrAbandoned)
		}
		p.wantEnd(io.EOF)
	})
	addr := serve(t, parrotOptions())
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, m := range []Message{chunk(1, 160), AudioStop{}, Transcript{Text: NewText("lights")}} {
		e, _ := New(m)
		NewWriter(conn).Write(e)
	}
	conn.(*net.TCPConn).CloseWrite()
	r := NewReader(conn)
	var got []string
	for {
		e, err := r.Read()
		if err != nil {
			break
		}
		got = append(got, e.Type)
	}
	if want := "transcript handled"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// listener tells with which error an utterance ended.
type listener struct {
	parrot
	ended chan error
}

func (l listener) Transcribe(ctx context.Context, _ Transcribe, audio *Audio) (Transcript, error) {
	for {
		if _, err := audio.Next(ctx); err != nil {
			l.ended <- err
			return Transcript{}, err
		}
	}
}

// wire is a connection on which everything was sent before.
type wire struct {
	net.Conn
	in  *bytes.Reader
	out bytes.Buffer
}

func (w *wire) Read(p []byte) (int, error)       { return w.in.Read(p) }
func (w *wire) Write(p []byte) (int, error)      { return w.out.Write(p) }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
func (w *wire) Close() error                     { return nil }

// FuzzSession: whatever is sent, a session ends, says only events, and never
// more transcripts than it heard utterances.
func FuzzSession(f *testing.F) {
	for _, seed := range seeds() {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		w := &wire{in: bytes.NewReader(sent)}
		Sessions(parrot{"parrot"}, Limits{Utterance: time.Second, Answer: 100 * time.Millisecond}, nil)(t.Context(), NewConn(w, Deadlines{}))
		transcripts, stops := 0, bytes.Count(sent, []byte("audio-chunk"))+bytes.Count(sent, []byte("audio-stop"))
		for r := NewReader(&w.out); ; {
			e, err := r.Read()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("the session sent what is no event: %v", err)
			}
			if e.Type == "transcript" {
				transcripts++
			}
		}
		if transcripts > stops && !bytes.Contains(sent, []byte(`\u`)) {
			t.Fatalf("got %d transcripts, want at most %d", transcripts, stops)
		}
	})
}
