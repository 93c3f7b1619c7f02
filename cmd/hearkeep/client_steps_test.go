package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// strictKeep answers as a keep does whose session wants an unlocker: until one
// was shown, and then for the session that goes on.
func strictKeep(t *testing.T) *httptest.Server {
	mux := http.NewServeMux()
	fresh := false
	mux.HandleFunc("POST /v1/step-up", func(w http.ResponseWriter, r *http.Request) {
		var in proof
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Passphrase != passphrase {
			problemTo(w, http.StatusUnauthorized, "unauthorized")
			return
		}
		fresh = true
		fmt.Fprint(w, `{"session":"hks_second","expires":"2027-01-01T00:00:00Z","fresh_until":"2027-01-01T00:00:00Z"}`)
	})
	mux.HandleFunc("GET /v1/vaults", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"vaults":[{"id":"0f","name":"\u001b[31mred"},{"id":"1e","name":"Study"}]}`)
	})
	mux.HandleFunc("POST /v1/vaults/{vault}/tokens", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !fresh:
			problemTo(w, http.StatusForbidden, "step_up")
		case r.Header.Get("Authorization") != "Bearer hks_second" || r.PathValue("vault") != "1e":
			problemTo(w, http.StatusUnauthorized, "unauthorized")
		default:
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, `{"id":"2d","scope":"read","token":"hkt_made"}`)
		}
	})
	mux.HandleFunc("GET /v1/tokens", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/elsewhere", http.StatusTemporaryRedirect)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func problemTo(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"title":"A sentence.","status":%d,"code":%q}`, status, code)
}

// TestTerminalStepsUp: where the keep wants an unlocker, it is asked for once,
// shown nowhere, and the command goes on under the session's new secret.
func TestTerminalStepsUp(t *testing.T) {
	keep := strictKeep(t)
	file := filepath.Join(t.TempDir(), "session.json")
	must(t, writeSecret(file, signedIn{URL: keep.URL, Name: "Anna", Session: "hks_first"}))
	call := func(typed string, args ...string) (int, string, string) {
		var out, err bytes.Buffer
		code := run(t.Context(), append(args, "--session", file), &console{strings.NewReader(typed), &out, &err})
		return code, out.String(), err.String()
	}
	if code, out, told := call("", "tokens", "make", "x", "--vault", "Study"); code == 0 || !strings.Contains(told, "Nothing was typed") {
		t.Errorf("without an unlocker: exit %d, %s%s", code, out, told)
	}
	code, out, told := call(passphrase+"\n", "tokens", "make", "x", "--vault", "Study")
	if code != 0 || out != "hkt_made\n" || strings.Count(told, "once more") != 1 || strings.Contains(told, passphrase) {
		t.Errorf("exit %d, %q, %q", code, out, told)
	}
	var s signedIn
	data, err := os.ReadFile(file)
	must(t, err)
	must(t, json.Unmarshal(data, &s))
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 || s.Session != "hks_second" {
		t.Errorf("the session is %q in a file of mode %o", s.Session, info.Mode().Perm())
	}
	if code, out, told := call("", "tokens"); code == 0 { // a secret goes where it belongs, or nowhere
		t.Errorf("a keep that sends elsewhere is followed: %s%s", out, told)
	}
	if _, out, _ := call("", "vaults"); strings.Contains(out, "\x1b") {
		t.Errorf("a vault's name steers the terminal: %q", out)
	}
	if code, _, told := call("", "history", "--vault", "Garden"); code != 1 || !strings.Contains(told, "hearkeep vaults") {
		t.Errorf("a vault that is not held: exit %d, %s", code, told)
	}
}

// TestSessionsGoToThisMachineOrEncrypted: a session's file that names another
// address over plain http sends nothing.
func TestSessionsGoToThisMachineOrEncrypted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "session.json")
	for _, url := range []string{"http://192.0.2.1", "http://keep.example:8484", "ftp://localhost", ""} {
		must(t, writeSecret(file, signedIn{URL: url, Name: "Anna", Session: "hks_first"}))
		var told bytes.Buffer
		if code := run(t.Context(), []string{"history", "--session", file}, &console{strings.NewReader(""), io.Discard, &told}); code != 1 {
			t.Errorf("%q: exit %d, %s", url, code, &told)
		}
	}
}

func TestLinesAreReadOneByOne(t *testing.T) {
	c := &console{in: strings.NewReader("Anna\r\nfour unrelated words here\nlast"), out: io.Discard, err: io.Discard}
	for _, want := range []string{"Anna", "four unrelated words here", "last"} {
		if got, err := c.line(t.Context(), "? "); err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if got, err := c.line(t.Context(), "? "); err == nil {
		t.Errorf("after the end: got %q", got)
	}
}
