package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// desk is somebody at a terminal with a configuration folder of their own.
type desk struct {
	t     *testing.T
	house *house
	dir   string
	env   []string
}

func (h *house) desk(t *testing.T) *desk {
	t.Helper()
	return &desk{t, h, t.TempDir(), nil}
}

// command is hearkeep as its user runs it there.
func (d *desk) command(typed string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(d.t.Context(), program, args...)
	cmd.Dir = d.dir
	cmd.Env = append(append(os.Environ(), "XDG_CONFIG_HOME="+d.dir), d.env...)
	cmd.Stdin = strings.NewReader(typed)
	return cmd
}

// run types something into a command, and returns what it printed on standard
// output, or on both where it fails.
func (d *desk) run(want int, typed string, args ...string) string {
	d.t.Helper()
	var out, err bytes.Buffer
	cmd := d.command(typed, args...)
	cmd.Stdout, cmd.Stderr = &out, &err
	cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != want {
		d.t.Fatalf("hearkeep %s: exit %d, want %d\n%s%s\n%s", strings.Join(args, " "), got, want, &out, &err, d.house.log())
	}
	if want != 0 {
		return out.String() + err.String()
	}
	return out.String()
}

// session is the file that sign-in wrote.
func (d *desk) session() (signedIn, os.FileMode) {
	d.t.Helper()
	path := filepath.Join(d.dir, "hearkeep", "session.json")
	info, err := os.Stat(path)
	must(d.t, err)
	data, err := os.ReadFile(path)
	must(d.t, err)
	var s signedIn
	must(d.t, json.Unmarshal(data, &s))
	return s, info.Mode().Perm()
}

// TestSignedInTerminal goes through a day at a terminal with the real binary.
func TestSignedInTerminal(t *testing.T) {
	h := newHouse(t)
	d := h.desk(t)
	if out := d.run(1, "", "history"); !strings.Contains(out, "hearkeep sign-in") {
		t.Errorf("without a session: %s", out)
	}
	if out := d.run(1, "Anna\nnot the passphrase\n", "sign-in", h.url); strings.Contains(out, "not the passphrase") {
		t.Errorf("a wrong passphrase is printed: %s", out)
	}
	for _, args := range [][]string{{"sign-in", "http://192.0.2.1:8484"}, {"sign-in", "http://keep.example"}} {
		if out := d.run(1, "Anna\n"+passphrase+"\n", args...); !strings.Contains(out, "without encryption") {
			t.Errorf("%v: %s", args, out)
		}
	}
	out := d.run(0, "Anna\n"+passphrase+"\n", "sign-in", h.url)
	s, mode := d.session()
	if mode != 0o600 || !strings.HasPrefix(s.Session, "hks_") || strings.Contains(out, s.Session) || strings.Contains(out, passphrase) {
		t.Errorf("the session lies in a file of mode %o, and sign-in prints %s", mode, out)
	}
	if out := d.run(0, "", "history"); out != "Nothing is kept.\n" {
		t.Errorf("an empty history is %q", out)
	}
	events := d.follow()
	for range 2 {
		if out, code := h.run("say", "set a timer for ten minutes"); code != 0 {
			t.Fatalf("say: exit %d\n%s", code, out)
		}
	}
	if e := events.next(); e.Event != "kept" || e.Count != 1 || e.By == "" {
		t.Errorf("the first event is %+v", e)
	}
	out = d.run(0, "", "history")
	ids := regexp.MustCompile(`(?m)^[0-9a-f]{32}`).FindAllString(out, -1)
	if len(ids) != 2 || !strings.Contains(out, "Terminal") {
		t.Fatalf("the history is\n%s", out)
	}
	var page struct{ Recordings []recorded }
	must(t, json.Unmarshal([]byte(d.run(0, "", "history", "--json", "--limit", "1")), &page))
	if len(page.Recordings) != 1 || page.Recordings[0].ID != ids[0] {
		t.Errorf("as JSON, the newest is %+v", page)
	}
	if out := d.run(0, "", "show", ids[0]); !strings.Contains(out, "started a timer") || !strings.Contains(out, "recognise") {
		t.Errorf("one recording is shown as\n%s", out)
	}
	d.run(0, "", "listen", ids[0])
	if out := d.run(1, "", "listen", ids[0]); !strings.Contains(out, "already") {
		t.Errorf("a file is written over: %s", out)
	}
	file, err := os.ReadFile(filepath.Join(d.dir, ids[0]+".flac"))
	if err != nil || !strings.HasPrefix(string(file), "fLaC") || d.run(0, "", "listen", ids[0], "--out", "-") != string(file) {
		t.Errorf("the sound is %d bytes, %v", len(file), err)
	}
	if out := d.run(1, "no\n", "erase", ids[0]); !strings.Contains(out, "Nothing was erased") {
		t.Errorf("erase, and no: %s", out)
	}
	d.run(1, "", "erase", "--all")
	d.run(2, "", "erase")
	d.run(0, "yes\n", "erase", ids[0])
	if out := d.run(0, "", "erase", "--all", "--yes"); !strings.Contains(out, "Erased for good: 1.") {
		t.Errorf("erase all: %s", out)
	}
	for e := (happened{}); e.Event != "erased"; {
		e = events.next()
	}
	if out := d.run(1, "", "show", ids[1]); !strings.Contains(out, "There is nothing here") {
		t.Errorf("an erased recording: %s", out)
	}
	if out := d.run(0, "", "doors", "pause"); strings.Count(out, "paused") != 2 {
		t.Errorf("the paused doors are\n%s", out)
	}
	if out := d.run(0, "", "doors", "listen") + d.run(0, "", "doors"); strings.Count(out, "listening") != 4 {
		t.Errorf("the doors are\n%s", out)
	}
	if out := d.run(0, "", "vaults"); !strings.Contains(out, "Your keep") {
		t.Errorf("the vaults are\n%s", out)
	}
	must(t, h.stop(syscall.SIGTERM))
	if out := d.run(12, "", "history"); !strings.Contains(out, "No Hearkeep answers") {
		t.Errorf("without a server: %s", out)
	}
}

// TestTerminalTokensAndSessions makes a program's token, ends it, and ends sessions.
func TestTerminalTokensAndSessions(t *testing.T) {
	h := newHouse(t)
	d := h.desk(t)
	d.run(0, passphrase+"\n", "sign-in", h.url, "--name", "Anna")
	token := strings.TrimSpace(d.run(0, "", "tokens", "make", "a program"))
	if !regexp.MustCompile(`^hkt_[\w-]{60,}$`).MatchString(token) {
		t.Fatalf("tokens make prints %q alone on standard output", token)
	}
	if status := h.bears(t, token, http.MethodGet, "/v1/vaults"); status != http.StatusOK {
		t.Errorf("the token reads with %d", status)
	}
	if status := h.bears(t, token, http.MethodGet, "/v1/tokens"); status != http.StatusForbidden {
		t.Errorf("the token lists tokens with %d", status)
	}
	list := d.run(0, "", "tokens")
	id := regexp.MustCompile(`(?m)^[0-9a-f]{32}`).FindString(list)
	if !strings.Contains(list, "a program") || strings.Contains(list, token) {
		t.Errorf("the tokens are\n%s", list)
	}
	d.run(0, "", "tokens", "end", id)
	if status := h.bears(t, token, http.MethodGet, "/v1/vaults"); status != http.StatusUnauthorized {
		t.Errorf("an ended token reads with %d", status)
	}

	other := h.desk(t)
	other.env = []string{"HEARKEEP_PASSPHRASE=" + passphrase, "HEARKEEP_NAME=Anna"}
	other.run(0, "", "sign-in", h.url)
	sessions := d.run(0, "", "sessions")
	if strings.Count(sessions, "Terminal ") != 2 || !strings.Contains(sessions, "(this one)") {
		t.Errorf("the sessions are\n%s", sessions)
	}
	d.run(0, "", "sessions", "others")
	if out := other.run(1, "", "history"); !strings.Contains(out, "session has ended") {
		t.Errorf("a session that was ended elsewhere: %s", out)
	}
	// Signing in again ends the session before; signing out ends it at the keep too.
	before, _ := d.session()
	d.run(0, passphrase+"\n", "sign-in", "--name", "Anna")
	now, _ := d.session()
	if status := h.bears(t, before.Session, http.MethodGet, "/v1/me"); status != http.StatusUnauthorized || now.Session == before.Session {
		t.Errorf("the session before answers %d", status)
	}
	d.run(0, "", "sign-out")
	if status := h.bears(t, now.Session, http.MethodGet, "/v1/me"); status != http.StatusUnauthorized {
		t.Errorf("after sign-out the session answers %d", status)
	}
	if s, _ := d.session(); s.Session != "" || s.URL != h.url {
		t.Errorf("after sign-out the file holds %+v", s)
	}
	if strings.Contains(h.log(), "hks_") || strings.Contains(h.log(), "hkt_") {
		t.Error("a secret stands in the log")
	}
}

// bears calls an address and returns its status.
func (h *house) bears(t *testing.T, credential, method, path string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, h.url+path, nil)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+credential)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	resp.Body.Close()
	return resp.StatusCode
}

// following is a running `hearkeep events`.
type following struct {
	t     *testing.T
	lines *bufio.Scanner
}

// follow runs it until the test ends, and returns when it watches.
func (d *desk) follow() *following {
	d.t.Helper()
	cmd := d.command("", "events", "--json")
	cmd = &exec.Cmd{Path: cmd.Path, Args: cmd.Args, Dir: cmd.Dir, Env: cmd.Env} // it ends when it is told to
	out, err := cmd.StdoutPipe()
	must(d.t, err)
	said, err := cmd.StderrPipe()
	must(d.t, err)
	must(d.t, cmd.Start())
	d.t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			d.t.Errorf("events, told to end, ends with %v", err)
		}
	})
	if line, err := bufio.NewReader(said).ReadString('\n'); line != "hearkeep: watching\n" {
		d.t.Fatalf("events says %q, %v", line, err)
	}
	return &following{d.t, bufio.NewScanner(out)}
}

func (f *following) next() (e happened) {
	f.t.Helper()
	if !f.lines.Scan() {
		f.t.Fatal("the events have ended")
	}
	must(f.t, json.Unmarshal(f.lines.Bytes(), &e))
	return e
}

// TestAPIExamples runs the examples of docs/api.md as they stand, against the
// real binary.
func TestAPIExamples(t *testing.T) {
	h := newHouse(t)
	d := h.desk(t)
	text, err := os.ReadFile("../../docs/api.md")
	must(t, err)
	script := "set -eu\n"
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(text, -1) {
		script += fmt.Sprintf("%s\necho\n", block[1])
	}
	must(t, os.Symlink(program, filepath.Join(d.dir, "hearkeep")))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-xc", script)
	cmd.Dir = d.dir
	cmd.Env = append(os.Environ(), "PATH="+d.dir+":"+os.Getenv("PATH"), "XDG_CONFIG_HOME="+filepath.Join(d.dir, "config"), "KEEP="+h.url, "NAME=Anna", "PASSPHRASE="+passphrase)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the examples of docs/api.md: %v\n%s\n%s", err, out, h.log())
	}
	sound, err := os.ReadFile(filepath.Join(d.dir, "recording.flac"))
	if err != nil || !strings.HasPrefix(string(sound), "fLaC") {
		t.Errorf("the sound is %d bytes, %v", len(sound), err)
	}
	for _, want := range []string{`"name":"Anna"`, `"words":"set a timer for ten minutes"`, `"count":1`, `"event":"kept"`, `"recordings": []`, "Signed out."} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the examples do not print %s\n%s", want, out)
		}
	}
}
