package main

import (
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Somebody without an account reports to the real program; doctor sees the
// case and its clock, and that nobody has altered it.
func TestReportToTheProgram(t *testing.T) {
	h := newHouse(t)
	found, _ := h.doctor(t, "--listen", strings.TrimPrefix(h.url, "http://"))
	if got := found.of("cases"); len(got) != 1 || got[0] != "ok: No case is open." {
		t.Errorf("before: got %q", got)
	}
	answer, err := http.PostForm(h.url+"/report", url.Values{"about": {"These are not mine."}})
	must(t, err)
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("the form: got %s", answer.Status)
	}
	found, code := h.doctor(t, "--listen", strings.TrimPrefix(h.url, "http://"))
	if got := found.of("cases"); len(got) != 1 || !strings.HasPrefix(got[0], "note: 1 case open: the authority is to be notified by ") || !strings.HasSuffix(got[0], "71 hours are left.") {
		t.Errorf("after: got %q", got)
	}
	if code != exitDone {
		t.Errorf("doctor with a case that has days left: got exit %d, want %d", code, exitDone)
	}
}

// Clocks that make no sense are refused before anything is opened.
func TestIncidentFlags(t *testing.T) {
	for _, test := range []struct{ flag, value, want string }{
		{"--incident-clock", "30m", "is no time to notify within"},
		{"--incident-tell-within", "0s", "is no time to tell people within"},
		{"--incident-tell-within", "25h", "is no time to tell people within"},
		{"--incident-mail", "nobody", "is no e-mail address"},
		{"--incident-mail", "Anna <anna@example.org>", "is no e-mail address"},
	} {
		keep := filepath.Join(t.TempDir(), "keep")
		s, err := start(keep, test.flag, test.value)
		if err == nil {
			must(t, s.stop(syscall.SIGTERM))
			t.Errorf("%s %s: the server started", test.flag, test.value)
			continue
		}
		if !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %s: got %v, want %q", test.flag, test.value, err, test.want)
		}
	}
}
