package portal

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// mailbox is a program of somebody's that takes their letters: a webhook.
type mailbox struct {
	server *httptest.Server
	mu     sync.Mutex
	came   []letterTaken
}

type letterTaken struct{ At, Topic, Text string }

func newMailbox(t *testing.T) *mailbox {
	m := &mailbox{}
	m.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var l letterTaken
		if err := json.NewDecoder(r.Body).Decode(&struct {
			Topic *string
			Text  *string
		}{&l.Topic, &l.Text}); err != nil {
			t.Errorf("a letter that cannot be read: %v", err)
		}
		l.At = r.URL.Path
		m.mu.Lock()
		defer m.mu.Unlock()
		m.came = append(m.came, l)
	}))
	t.Cleanup(m.server.Close)
	return m
}

func (m *mailbox) host() string {
	return strings.TrimPrefix(m.server.URL, "http://")
}

// delivers sends letters until the test ends.
func (h *home) delivers() {
	ctx, cancel := context.WithCancel(h.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); h.letters.Run(ctx) }()
	h.t.Cleanup(func() { cancel(); <-done })
}

// letter waits for the n-th letter with a topic, from 1, at one of the
// mailbox's addresses.
func (h *home) letter(at, topic string, n int) string {
	h.t.Helper()
	for range 1000 {
		seen := 0
		h.post.mu.Lock()
		came := h.post.came
		h.post.mu.Unlock()
		for _, l := range came {
			if l.At == at && l.Topic == topic {
				if seen++; seen == n {
					return l.Text
				}
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	h.t.Fatalf("letter %d with the topic %q never came to %s: %v", n, topic, at, h.post.came)
	return ""
}

// code reads a code out of a letter.
func codeIn(t *testing.T, text string) string {
	t.Helper()
	code := regexp.MustCompile(`\b\d{8}\b`).FindString(text)
	if code == "" {
		t.Fatalf("no code in %q", text)
	}
	return code
}

// linkIn reads the path of a link of ours out of a letter.
func (h *home) linkIn(text string) string {
	h.t.Helper()
	i := strings.Index(text, h.server.URL+"/")
	if i < 0 {
		h.t.Fatalf("no link in %q", text)
	}
	return strings.Fields(text[i+len(h.server.URL):])[0]
}

// addAddress adds a webhook of the mailbox's and confirms it.
func (p *person) addAddress(at string) {
	p.t.Helper()
	resp, _ := p.post("/account/addresses", url.Values{"kind": {"webhook"}, "address": {p.home.post.server.URL + at}})
	where := resp.Header.Get("Location")
	if resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(where, "/account/addresses/") {
		p.t.Fatalf("adding an address answered %d to %q", resp.StatusCode, where)
	}
	resp, body := p.post(where, url.Values{"code": {codeIn(p.t, p.home.letter(at, "address code", 1))}})
	if resp.StatusCode != http.StatusSeeOther {
		p.t.Fatalf("confirming an address: %d %s", resp.StatusCode, body)
	}
}
