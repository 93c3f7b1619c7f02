package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const passphrase = "correct horse battery"

// program is the real binary, built once for all tests.
var program string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "hearkeep-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "hearkeep")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// server is a Hearkeep that runs as its user runs it.
type server struct {
	keep  string
	temp  string // its folder for temporary files
	url   string
	setup string // the set-up link's path, empty once an account exists
	cmd   *exec.Cmd
	ended chan error

	mu     sync.Mutex
	stderr bytes.Buffer
	stdout bytes.Buffer
}

var (
	setupLine = regexp.MustCompile(`(https?://[^/\s]+)(/setup/\w+)`)
	plainLine = regexp.MustCompile(`answers at (https?://\S+)`)
	pairLine  = regexp.MustCompile(`hearkeep pair (https?://\S+) (\w+)`)
)

// start runs `hearkeep serve` on a folder until it says where it answers.
func start(keep string, args ...string) (*server, error) {
	s := &server{keep: keep, ended: make(chan error, 1)}
	s.cmd = exec.Command(program, append([]string{"serve", "--keep", keep, "--listen", "127.0.0.1:0", "--timezone", "Europe/Berlin"}, args...)...)
	s.temp = keep + ".tmp"
	if err := os.MkdirAll(s.temp, 0o700); err != nil {
		return nil, err
	}
	s.cmd.Env = append(os.Environ(), "TMPDIR="+s.temp)
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.cmd.Stderr = writer{&s.mu, &s.stderr}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			fmt.Fprintln(writer{&s.mu, &s.stdout}, lines.Text())
			if m := setupLine.FindStringSubmatch(lines.Text()); m != nil {
				s.setup = m[2]
				ready <- m[1]
			} else if m := plainLine.FindStringSubmatch(lines.Text()); m != nil {
				ready <- m[1]
			}
		}
		s.ended <- s.cmd.Wait()
	}()
	select {
	case s.url = <-ready:
		return s, nil
	case err := <-s.ended:
		return nil, fmt.Errorf("serve ended: %v\n%s", err, s.log())
	case <-time.After(time.Minute):
		s.cmd.Process.Kill()
		return nil, fmt.Errorf("serve did not say where it answers\n%s", s.log())
	}
}

type writer struct {
	mu *sync.Mutex
	to *bytes.Buffer
}

func (w writer) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(b)
}

// log is all that the server printed.
func (s *server) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stdout.String() + s.stderr.String()
}

// stop ends the server with a signal and returns how it ended.
func (s *server) stop(sig syscall.Signal) error {
	s.cmd.Process.Signal(sig)
	select {
	case err := <-s.ended:
		if err != nil && sig != syscall.SIGKILL {
			err = fmt.Errorf("the server ended with %w\n%s", err, s.log())
		}
		return err
	case <-time.After(30 * time.Second):
		s.cmd.Process.Kill()
		return fmt.Errorf("the server did not end\n%s", s.log())
	}
}

// browser is a person with a cookie jar.
type browser struct {
	server *server
	client http.Client
}

func (s *server) browser() *browser {
	jar, _ := cookiejar.New(nil) // never fails without options
	return &browser{s, http.Client{Jar: jar, Timeout: time.Minute}}
}

// get returns a page's status and text.
func (b *browser) get(path string) (int, string, error) {
	return b.do(http.MethodGet, path, "", nil)
}

// post sends a form as this origin's own page does.
func (b *browser) post(path string, form url.Values) (int, string, error) {
	return b.do(http.MethodPost, path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
}

func (b *browser) do(method, path, mediaType string, body io.Reader) (int, string, error) {
	req, err := http.NewRequestWithContext(context.Background(), method, b.server.url+path, body)
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if mediaType != "" {
		req.Header.Set("Content-Type", mediaType)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// settle goes through set-up as a person named name, and pairs a terminal.
func (b *browser) settle(setup, name, device string) error {
	status, page, err := b.post(setup, url.Values{"name": {name}, "passphrase": {passphrase}})
	if err != nil || status != http.StatusOK || !strings.Contains(page, "recovery kit") {
		return fmt.Errorf("set-up: status %d, %v", status, err)
	}
	if status, page, err = b.get("/"); err != nil || status != http.StatusOK {
		return fmt.Errorf("home: status %d, %v", status, err)
	}
	m := pairLine.FindStringSubmatch(page)
	if m == nil {
		return fmt.Errorf("no line to paste on the empty keep's page")
	}
	out, err := exec.Command(program, "pair", m[1], m[2], "--device", device).CombinedOutput()
	if err != nil {
		return fmt.Errorf("pair: %v\n%s", err, out)
	}
	return nil
}

// house is a started server with one person and a paired terminal.
type house struct {
	*server
	*browser
	device string
}

func newHouse(t *testing.T) *house {
	t.Helper()
	dir := t.TempDir()
	h := &house{device: filepath.Join(dir, "device.json")}
	h.start(t, filepath.Join(dir, "keep"))
	t.Cleanup(func() { h.server.cmd.Process.Kill() })
	h.browser = h.server.browser()
	if err := h.settle(h.setup, "Anna", h.device); err != nil {
		t.Fatalf("%v\n%s", err, h.log())
	}
	return h
}

func (h *house) start(t *testing.T, keep string) {
	t.Helper()
	s, err := start(keep)
	if err != nil {
		t.Fatal(err)
	}
	h.server = s
}

// restart starts the server again on the same folder; the port is a new one,
// so the browser's cookies and the terminal's file are pointed at it.
func (h *house) restart(t *testing.T) {
	t.Helper()
	old := h.server
	h.start(t, old.keep)
	h.browser.server = h.server
	data, err := os.ReadFile(h.device)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.device, bytes.ReplaceAll(data, []byte(old.url), []byte(h.url)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run runs a command and returns its output and exit code.
func (h *house) run(args ...string) (string, int) {
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "HEARKEEP_DEVICE="+h.device)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		return err.Error(), -1
	}
	return string(out), cmd.ProcessState.ExitCode()
}
