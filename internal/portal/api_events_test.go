package portal

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearkeep/hearkeep"
)

// stream is an open stream of events.
type stream struct {
	t     *testing.T
	lines *bufio.Scanner
	close context.CancelFunc
	raw   *strings.Builder
}

// watch opens the stream of events of a vault.
func (c *caller) watch(vault string) *stream {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	c.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", c.home.server.URL+"/v1/vaults/"+vault+"/events", nil)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.bearer)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		c.t.Fatalf("events answers %d %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	s := &stream{c.t, bufio.NewScanner(resp.Body), cancel, &strings.Builder{}}
	if s.lines.Scan(); s.lines.Text() != "retry: 3000" {
		c.t.Fatalf("the stream begins with %q", s.lines.Text())
	}
	return s
}

// next waits for an event; ok is false where the stream has ended.
func (s *stream) next() (kind string, e eventJSON, ok bool) {
	s.t.Helper()
	for s.lines.Scan() {
		s.raw.WriteString(s.lines.Text() + "\n")
		name, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch name {
		case "event":
			kind = value
		case "data":
			if err := json.Unmarshal([]byte(value), &e); err != nil {
				s.t.Fatal(err)
			}
			return kind, e, true
		}
	}
	return "", eventJSON{}, false
}

// TestEventsTellIDsAndNoWords: what happens is told as it happens, to whoever
// holds the vault and to nobody else.
func TestEventsTellIDsAndNoWords(t *testing.T) {
	h := newHome(t)
	anna, ben := h.person("Anna"), h.person("Ben")
	c := h.terminal("Anna")
	vault := c.vault()
	s, program := c.watch(vault), c.program("read").watch(vault)
	ben.speak("good morning") // must not come
	id := anna.speak(canary)
	c.must(http.StatusOK, "GET", "/v1/vaults/"+vault+"/recordings/"+id.String(), nil, nil)
	c.must(http.StatusOK, "DELETE", "/v1/vaults/"+vault+"/recordings/"+id.String(), nil, nil)
	for _, stream := range []*stream{s, program} {
		for _, want := range []struct {
			kind, purpose string
			by            hearkeep.Role
		}{{"kept", "", hearkeep.RoleDevice}, {"opened", "read", hearkeep.RoleKeyholder}, {"erased", "", hearkeep.RoleKeyholder}} {
			kind, e, ok := stream.next()
			if !ok || kind != want.kind || e.Count != 1 || e.At.IsZero() || want.purpose != "" && e.Purpose != want.purpose {
				t.Fatalf("got %q %+v, %t, want %+v", kind, e, ok, want)
			}
			if diff := cmp.Diff([]hearkeep.RecordingID{id}, e.Recordings); diff != "" {
				t.Errorf("%s (-want +got):\n%s", kind, diff)
			}
			if kind != "kept" && e.By != want.by {
				t.Errorf("%s by %q, want %q", kind, e.By, want.by)
			}
		}
		if strings.Contains(stream.raw.String(), "heron") {
			t.Errorf("the stream holds words: %s", stream.raw)
		}
	}
}

// TestEventsEndWithTheirCredential: nothing is told after a session or a
// token has ended.
func TestEventsEndWithTheirCredential(t *testing.T) {
	h := newHome(t)
	h.person("Anna")
	c, other := h.terminal("Anna"), h.terminal("Anna")
	vault := c.vault()
	person, program := other.watch(vault), c.program("read").watch(vault)
	var tokens tokensJSON
	c.must(http.StatusOK, "GET", "/v1/tokens", nil, &tokens)
	c.must(http.StatusNoContent, "DELETE", "/v1/tokens/"+tokens.Tokens[0].ID.String(), nil, nil)
	var ended endedJSON
	c.must(http.StatusOK, "DELETE", "/v1/sessions", nil, &ended)
	if ended.Ended != 2 {
		t.Errorf("%d sessions were ended, want the browser's and the other terminal's", ended.Ended)
	}
	still := c.watch(vault)
	c.speakInto(vault)
	if kind, _, ok := still.next(); !ok || kind != "kept" {
		t.Errorf("a session that lasts is told %q", kind)
	}
	for name, s := range map[string]*stream{"session": person, "token": program} {
		if kind, e, ok := s.next(); ok {
			t.Errorf("an ended %s is told %s %+v", name, kind, e)
		}
	}
}

// speakInto keeps something by the API, as a sentence.
func (c *caller) speakInto(vault string) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), "POST", c.home.server.URL+"/v1/vaults/"+vault+"/recordings", strings.NewReader("good morning"))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/plain")
	req.Header.Set("Authorization", "Bearer "+c.bearer)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 64<<20)
	last := ""
	for lines.Scan() {
		last = lines.Text()
	}
	if resp.StatusCode != http.StatusOK || !strings.Contains(last, `"kept"`) {
		c.t.Fatalf("giving a sentence: %d, %s", resp.StatusCode, last)
	}
}

// TestSlowReaderIsLetGo: a reader that takes nothing does not hold its stream
// for ever, and one that reads is not hurried.
func TestSlowReaderIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()
		w := &pipeWriter{conn: near}
		s := &eventStream{w: w, control: http.NewResponseController(w)}
		began := make(chan error, 1)
		go func() { began <- s.begin() }()
		time.Sleep(takeWithin / 2)
		buf := make([]byte, 100)
		if n, err := far.Read(buf); err != nil || string(buf[:n]) != "retry: 3000\n\n" {
			t.Fatalf("got %q, %v", buf[:n], err)
		}
		if err := <-began; err != nil {
			t.Fatal(err)
		}
		if err := s.event("kept", eventJSON{}); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a reader that takes nothing gives %v", err)
		}
		s.end()
		if !w.deadline.IsZero() {
			t.Error("the connection keeps the deadline of its last event")
		}
	})
}

// pipeWriter answers into a connection.
type pipeWriter struct {
	conn     net.Conn
	header   http.Header
	deadline time.Time
}

func (w *pipeWriter) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}
func (w *pipeWriter) WriteHeader(int)                    {}
func (w *pipeWriter) Write(b []byte) (int, error)        { return w.conn.Write(b) }
func (w *pipeWriter) Flush()                             {}
func (w *pipeWriter) SetReadDeadline(at time.Time) error { return w.conn.SetReadDeadline(at) }
func (w *pipeWriter) SetWriteDeadline(at time.Time) error {
	w.deadline = at
	return w.conn.SetWriteDeadline(at)
}
