package wyoming

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// service is the far end of a client's connection, by hand: for each event it
// gets it sends the next of its answers, as written.
func service(t *testing.T, answers ...string) *Client {
	here, there := net.Pipe()
	t.Cleanup(func() { here.Close() })
	go func() {
		defer there.Close()
		r := NewReader(there)
		for {
			if _, err := r.Read(); err != nil {
				return
			}
			if len(answers) > 0 {
				io.WriteString(there, answers[0])
				answers = answers[1:]
			}
		}
	}()
	return NewClient(NewConn(here, Deadlines{Idle: time.Hour}))
}

func TestClientReadsAnswers(t *testing.T) {
	handle := func(answer string) (Answer, error) {
		return service(t, answer).Handle(t.Context(), Transcript{Text: NewText("lights")})
	}
	for _, tt := range []struct {
		name, answer string
		want         Answer
	}{
		{"handled", event("handled", `{"text":"on"}`, ""), Answer{Done: true, Text: NewText("on")}},
		{"without a text", event("handled", "", ""), Answer{Done: true}},
		{"not handled", event("not-handled", `{"text":"no"}`, ""), Answer{Text: NewText("no")}},
		{"not recognized", event("not-recognized", `{"text":"what"}`, ""), Answer{Text: NewText("what")}},
		{"an intent", event("intent", `{"name":"HassTurnOn","text":"do it yourself"}`, ""), Answer{Text: NewText("do it yourself")}},
		{"in chunks", event("handled-start", "", "") + event("handled-chunk", `{"text":"o"}`, "") + event("unheard-of", "", "") +
			event("handled", `{"text":"on"}`, "") + event("handled-stop", "", ""), Answer{Done: true, Text: NewText("on")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := handle(tt.answer)
			if err != nil || got.Done != tt.want.Done || !got.Text.Equal(tt.want.Text) {
				t.Errorf("got %v %q, %v, want %v %q", got.Done, got.Text.Plain(), err, tt.want.Done, tt.want.Text.Plain())
			}
		})
	}
	var remote *RemoteError
	if _, err := handle(event("error", `{"text":"canary","code":"x"}`, "")); !errors.As(err, &remote) || remote.Text.Plain() != "canary" || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v, want a RemoteError that does not print its text", err)
	}
	for answer, want := range map[string]error{
		"nonsense\n":                                      ErrMalformed,
		event("handled", `{"text":5}`, ""):                ErrMalformed,
		event("error", "{}", ""):                          ErrMalformed,
		`{"type":"handled","data_length":9999999}` + "\n": ErrMalformed,
	} {
		if _, err := handle(answer); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", answer, err, want)
		}
	}
}

func TestClientReadsLongInfo(t *testing.T) {
	voices := `{"tts":[{"name":"a","voices":[` + strings.Repeat(`{"name":"voice"},`, 20_000) + `{"name":"last"}]}]}`
	info, err := service(t, event("info", voices, "")).Describe(t.Context())
	if err != nil || len(info.TTS[0].Voices) != 20_001 {
		t.Errorf("got %v, want 20001 voices", err)
	}
}

func TestClientTranscribes(t *testing.T) {
	addr := serve(t, parrotOptions())
	for _, tt := range []struct {
		name  string
		how   Transcribe
		audio *pieces
		want  string
	}{
		{"an utterance", Transcribe{}, speech(3, 300), "parrot heard 3: 48000 samples at 16000/2/1"},
		{"silence", Transcribe{}, speech(3, 0), ""},
		{"an early transcript", Transcribe{Name: "early"}, speech(4, 5), "parrot heard 4: 160 samples at 16000/2/1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := dial(t, addr).Transcribe(t.Context(), tt.how, tt.audio)
			if err != nil || got.Text.Plain() != tt.want {
				t.Errorf("got %q, %v, want %q", got.Text.Plain(), err, tt.want)
			}
		})
	}
	t.Run("an early transcript ends a source that has no end", func(t *testing.T) {
		c := dial(t, addr)
		for range 3 { // and leaves the connection fit for the next
			got, err := c.Transcribe(t.Context(), Transcribe{Name: "early"}, &endless{})
			if want := "parrot heard 5: 1 samples at 16000/2/1"; err != nil || got.Text.Plain() != want {
				t.Errorf("got %q, %v, want %q", got.Text.Plain(), err, want)
			}
		}
	})
	t.Run("a source that fails", func(t *testing.T) {
		broken := errors.New("the microphone was unplugged")
		if _, err := dial(t, addr).Transcribe(t.Context(), Transcribe{}, failing{broken}); !errors.Is(err, broken) {
			t.Errorf("got %v, want %v", err, broken)
		}
	})
	t.Run("an asker who has had enough", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		source := &endless{asked: cancel}
		if _, err := dial(t, addr).Transcribe(ctx, Transcribe{}, source); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	})
	t.Run("a relay", func(t *testing.T) { // what one session hears is another's source
		front := serve(t, Options{Handler: Sessions(relay{parrot{}, addr}, Limits{}, nil)})
		got, err := dial(t, front).Transcribe(t.Context(), Transcribe{}, speech(6, 100))
		if want := "parrot heard 6: 16000 samples at 16000/2/1"; err != nil || got.Text.Plain() != want {
			t.Errorf("got %q, %v, want %q", got.Text.Plain(), err, want)
		}
	})
}

// endless gives one chunk, and then waits.
type endless struct {
	begun bool
	asked func()
}

func (e *endless) Next(ctx context.Context) (AudioChunk, error) {
	if !e.begun {
		e.begun = true
		return chunk(5, 1), nil
	}
	if e.asked != nil {
		e.asked()
	}
	<-ctx.Done()
	return AudioChunk{}, ctx.Err()
}

type failing struct{ error }

func (f failing) Next(context.Context) (AudioChunk, error) { return AudioChunk{}, f.error }

// relay asks another engine.
type relay struct {
	parrot
	engine net.Addr
}

func (r relay) Transcribe(ctx context.Context, how Transcribe, audio *Audio) (Transcript, error) {
	c, err := Dial(ctx, "tcp://"+r.engine.String(), Deadlines{})
	if err != nil {
		return Transcript{}, err
	}
	defer c.Close()
	return c.Transcribe(ctx, how, audio)
}

func TestClientWaitsNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := service(t).Describe(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of ctx", err)
		}
		begin := time.Now()
		if _, err := service(t).Describe(t.Context()); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != time.Hour {
			t.Errorf("got %v after %v, want the deadline after an hour", err, time.Since(begin))
		}
	})
}

func TestDialRefuses(t *testing.T) {
	for _, uri := range []string{"", "http://127.0.0.1:1", "stdio://", "tcp://127.0.0.1:1", "unix:///nowhere/at/all", "%"} {
		if _, err := Dial(t.Context(), uri, Deadlines{}); err == nil {
			t.Errorf("%q: got no error", uri)
		}
	}
}

// TestTLS: the protocol has none; the listener and the caller bring it.
func TestTLS(t *testing.T) {
	web := httptest.NewTLSServer(nil) // lends its certificate
	defer web.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: web.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	addr := serveOn(t, l, parrotOptions())
	trusted := x509.NewCertPool()
	trusted.AddCert(web.Certificate())
	conn, err := tls.Dial("tcp", addr.String(), &tls.Config{RootCAs: trusted, ServerName: "example.com"})
	if err != nil {
		t.Fatal(err)
	}
	c := NewClient(NewConn(conn, Deadlines{}))
	defer c.Close()
	got, err := c.Transcribe(t.Context(), Transcribe{}, speech(4, 10))
	if want := "parrot heard 4: 1600 samples at 16000/2/1"; err != nil || got.Text.Plain() != want {
		t.Errorf("got %q, %v, want %q", got.Text.Plain(), err, want)
	}
	plain := dial(t, addr)
	if _, err := plain.Describe(t.Context()); err == nil {
		t.Error("described without TLS")
	}
}
