package wyoming

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The traps of the protocol, by the numbers under which we know them. Some
// are somebody else's to mind (what recognises, what dials satellites); of
// those the test holds what is this room's part.

func trap(t *testing.T, name string, fn func(*testing.T, *peer)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := meet(t, parrot{"parrot"}, Limits{}, Deadlines{})
			fn(t, p)
			p.conn.Close()
			<-p.end
		})
	})
}

func TestTraps(t *testing.T) {
	trap(t, "1: audio-stop with no chunk is an empty transcript", func(t *testing.T, p *peer) {
		p.send(Transcribe{}, AudioStart{mono16()}, AudioStop{})
		p.wantHeard("")
		p.send(AudioStart{mono16()}, AudioChunk{mono16(), nil}, AudioStop{})
		p.wantHeard("")
		p.send(AudioStop{})
		p.wantHeard("")
		p.wantNothing()
	})
	trap(t, "2: silence is handed on as it is and an empty transcript comes back", func(t *testing.T, p *peer) {
		p.send(AudioStart{mono16()}, chunk(0, 160), AudioStop{})
		p.wantHeard("parrot heard 0: 160 samples at 16000/2/1")
	})
	for _, stamp := range []string{`1722334455667788990`, `1.5e300`, `-1`, `null`, `"noon"`} {
		trap(t, "3: a timestamp is not read: "+stamp, func(t *testing.T, p *peer) {
			format := `{"rate":16000,"width":2,"channels":1,"timestamp":` + stamp + `}`
			p.line(event("audio-start", format, "") + event("audio-chunk", format, "ab") + event("audio-stop", `{"timestamp":`+stamp+`}`, ""))
			p.wantHeard("parrot heard 25185: 1 samples at 16000/2/1")
		})
	}
	trap(t, "4: null is absent", func(t *testing.T, p *peer) {
		p.line(event("transcribe", `{"name":null,"language":null,"context":null}`, "") +
			event("audio-chunk", `{"rate":16000,"width":2,"channels":1,"timestamp":null}`, "ab") + event("audio-stop", `{"timestamp":null}`, ""))
		p.want("transcript", `{"text":"parrot heard 25185: 1 samples at 16000/2/1","context":null}`)
		p.line(event("ping", `{"text":null}`, ""))
		p.want("pong", "")
		for _, tt := range []struct {
			m    Message
			data string
		}{
			{&Detection{}, `{"name":null,"timestamp":null,"speaker":null}`},
			{&Detect{}, `{"names":null}`},
			{&Synthesize{}, `{"text":"a","voice":null}`},
			{&Synthesize{}, `{"text":"a","voice":{"name":null,"speaker":null}}`},
			{&RunPipeline{}, `{"start_stage":"asr","end_stage":"tts","restart_on_end":null,"wake_word_name":null}`},
			{&Info{}, `{"asr":null,"satellite":null}`},
		} {
			if err := (Event{Type: tt.m.Type(), Data: []byte(tt.data)}).Decode(tt.m); err != nil {
				t.Errorf("%s %s: %v", tt.m.Type(), tt.data, err)
			}
		}
	})
	t.Run("5: a satellite that has a server closes, and that is an error", func(t *testing.T) {
		here, there := net.Pipe()
		go func() {
			NewReader(there).Read()
			there.Close()
		}()
		if _, err := NewClient(NewConn(here, Deadlines{})).Describe(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want %v", err, ErrClosed)
		}
	})
	t.Run("6: who pings gets a pong, from the server and from the client", testPings)
	trap(t, "7: audio for wake words is nobody's", func(t *testing.T, p *peer) {
		p.send(RunSatellite{}, Detect{}, AudioStart{mono16()}, chunk(7, 160), chunk(7, 160), AudioStop{})
		p.want("not-detected", "")
		p.send(AudioStart{mono16()}, chunk(8, 160), AudioStop{})
		p.wantHeard("parrot heard 8: 160 samples at 16000/2/1")
	})
	trap(t, "8: what is streamed on after the transcript is nobody's", func(t *testing.T, p *peer) {
		p.send(Transcribe{Name: "early"}, AudioStart{mono16()}, chunk(1, 160))
		p.wantHeard("parrot heard 1: 160 samples at 16000/2/1")
		for range 100 {
			p.send(chunk(2, 160))
		}
		p.wantNothing()
		p.send(Transcribe{}, AudioStart{mono16()}, chunk(3, 160), AudioStop{})
		p.wantHeard("parrot heard 3: 160 samples at 16000/2/1")
		p.wantNothing()
	})
	trap(t, "9: no data at all", func(t *testing.T, p *peer) {
		p.line(`{"type":"transcribe"}` + "\n" + `{"type":"ping"}` + "\n" + `{"type":"audio-stop"}` + "\n")
		p.want("pong", "")
		p.wantHeard("")
	})
	trap(t, "10: audio-chunk before audio-start", func(t *testing.T, p *peer) {
		p.send(chunk(5, 160), chunk(5, 160), AudioStop{})
		p.wantHeard("parrot heard 5: 320 samples at 16000/2/1")
	})
	trap(t, "11: several utterances on one connection", func(t *testing.T, p *peer) {
		for i := range uint16(10) {
			p.send(Transcribe{}, AudioStart{mono16()}, chunk(i, 160), AudioStop{})
		}
		for i := range 10 {
			p.wantHeard(fmt.Sprintf("parrot heard %d: 160 samples at 16000/2/1", i))
		}
		p.wantNothing()
	})
	trap(t, "12: describe in the middle", func(t *testing.T, p *peer) {
		p.send(Describe{}, Transcribe{}, AudioStart{mono16()}, chunk(5, 160), Describe{}, chunk(5, 160))
		info, _ := parrot{}.Info(t.Context())
		want, err := New(info)
		if err != nil {
			t.Fatal(err)
		}
		p.want("info", string(want.Data))
		p.want("info", string(want.Data))
		p.send(AudioStop{})
		p.wantHeard("parrot heard 5: 320 samples at 16000/2/1")
	})
	trap(t, "13: real files come at 44.1 kHz stereo, and may change", func(t *testing.T, p *peer) {
		p.send(AudioStart{AudioFormat{44100, 2, 2}}, AudioChunk{AudioFormat{44100, 2, 2}, voice(9, 882)}, chunk(9, 160), AudioStop{})
		p.wantHeard("parrot heard 9: 601 samples at 44100/2/2, 16000/2/1")
	})
	t.Run("14: one listener is one binding", testTwoListeners)
}

// event writes an event by hand, its data as a block.
func event(typ, data, payload string) string {
	return fmt.Sprintf(`{"type":"%s","data_length":%d,"payload_length":%d}`+"\n%s%s", typ, len(data), len(payload), data, payload)
}

func testPings(t *testing.T) {
	p := meet(t, parrot{}, Limits{}, Deadlines{})
	p.send(Transcribe{}, chunk(1, 10), Ping{NewText("a")}, Ping{})
	p.want("pong", `{"text":"a"}`)
	p.want("pong", "")

	here, there := net.Pipe()
	pongs := make(chan Event, 1)
	go func() {
		r, w := NewReader(there), NewWriter(there)
		r.Read() // describe
		ping, _ := New(Ping{NewText("b")})
		w.Write(ping)
		pong, _ := r.Read()
		pongs <- pong
		info, _ := New(Info{})
		w.Write(info)
	}()
	if _, err := NewClient(NewConn(here, Deadlines{})).Describe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if pong := <-pongs; pong.Type != "pong" || string(pong.Data) != `{"text":"b"}` {
		t.Errorf("got %s %s, want the pong", pong.Type, pong.Data)
	}
}

// testTwoListeners speaks at two listeners at once. There is nothing in the
// request by which they could be told apart, and nothing by which they need
// to be: each has its own service.
func testTwoListeners(t *testing.T) {
	asked := make(chan error)
	names := []string{"kitchen", "bedroom"}
	const each = 20
	for i, name := range names {
		addr := serve(t, Options{Handler: Sessions(parrot{name}, Limits{}, nil)})
		for range each {
			go func() {
				asked <- func() error {
					ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
					defer cancel()
					c, err := Dial(ctx, "tcp://"+addr.String(), Deadlines{})
					if err != nil {
						return err
					}
					defer c.Close()
					heard, err := c.Transcribe(ctx, Transcribe{}, speech(uint16(i), 20))
					if want := fmt.Sprintf("%s heard %d: ", name, i); err == nil && !strings.HasPrefix(heard.Text.Plain(), want) {
						return fmt.Errorf("got %q, want %q", heard.Text.Plain(), want)
					}
					return err
				}()
			}()
		}
	}
	for range each * len(names) {
		if err := <-asked; err != nil {
			t.Error(err)
		}
	}
}
