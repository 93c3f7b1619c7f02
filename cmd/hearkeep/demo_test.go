package main

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	demoLink   = regexp.MustCompile(`(http://localhost:\d+)(/demo/\w+)`)
	demoFolder = regexp.MustCompile(`It all lies in (\S+) and goes`)
)

// A household speaks for a day through the real engines; its history shows
// rooms, and nothing of the one that keeps nothing.
func TestDemo(t *testing.T) {
	temp := t.TempDir()
	cmd := exec.Command(program, "demo", "--quick")
	cmd.Env = append(os.Environ(), "TMPDIR="+temp, "TZ=Europe/Berlin")
	out, err := cmd.StdoutPipe()
	must(t, err)
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	defer cmd.Process.Kill()

	s := &server{}
	var link, dir, printed string
	for lines := bufio.NewScanner(out); dir == "" && lines.Scan(); {
		printed += lines.Text() + "\n"
		if m := demoLink.FindStringSubmatch(lines.Text()); m != nil {
			s.url, link = m[1], m[2]
		}
		if m := demoFolder.FindStringSubmatch(lines.Text()); m != nil {
			dir = m[1]
		}
	}
	if link == "" || dir == "" {
		t.Fatalf("no way in was printed:\n%s", printed)
	}

	stranger := s.browser()
	if status, page, err := stranger.get("/demo/" + strings.Repeat("a", 26)); err != nil || status != http.StatusNotFound || strings.Contains(page, "Kitchen") {
		t.Errorf("a guessed link: status %d, %v", status, err)
	}
	b := s.browser()
	status, page, err := b.get(link)
	if err != nil || status != http.StatusOK {
		t.Fatalf("the link: status %d, %v\n%s", status, err, page)
	}
	for _, want := range []string{"Kitchen", "Living room", "laundry timer"} {
		if !strings.Contains(page, want) {
			t.Errorf("the history does not show %q", want)
		}
	}
	if !regexp.MustCompile(`(pizza|potato|chicken) timer`).MatchString(page) {
		t.Error("the history does not show yesterday's supper")
	}
	if strings.Contains(page, "bath timer") {
		t.Error("the history shows what was said in the room that keeps nothing")
	}
	if !strings.Contains(printed, "this room keeps nothing") {
		t.Errorf("what was printed does not say so:\n%s", printed)
	}

	h := &house{server: &server{keep: dir}}
	found, code := h.doctor(t, "--listen", strings.TrimPrefix(s.url, "http://"))
	if len(found.of("listeners")) != len(demoRooms()) || code == exitDamaged {
		t.Errorf("doctor beside it: exit %d, %q", code, found.of("listeners"))
	}
	for _, says := range found.of("listeners") {
		if !strings.HasPrefix(says, "ok: ") {
			t.Error(says)
		}
	}

	must(t, cmd.Process.Signal(syscall.SIGTERM))
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestDemoRefusesAFolderInUse(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "somebody's")
	must(t, os.WriteFile(file, []byte("words"), 0o600))
	out, code := (&house{}).run("demo", "--quick", "--keep", dir)
	if code != exitFailed || !strings.Contains(out, "is not empty") {
		t.Errorf("exit %d\n%s", code, out)
	}
	if found := listing(t, dir); len(found) != 1 {
		t.Errorf("the folder holds %v", found)
	}
}

// What is said is the same at every call, in order, and never of the future.
func TestSaid(t *testing.T) {
	now := time.Date(2026, 5, 6, 11, 30, 0, 0, time.UTC) // a Wednesday
	all := said(now, demoDays)
	again := said(now, demoDays)
	rooms := map[string]int{}
	for i, u := range all {
		if u != again[i] {
			t.Fatalf("utterance %d differs from call to call", i)
		}
		if !u.at.Before(now) || i > 0 && u.at.Before(all[i-1].at) || u.day < 1 || u.day > demoDays {
			t.Errorf("utterance %d is at %v, day %d", i, u.at, u.day)
		}
		if voices()[u.who] == nil {
			t.Errorf("utterance %d has no voice", i)
		}
		rooms[u.room]++
	}
	for _, r := range demoRooms() {
		if rooms[r.name] < 10 {
			t.Errorf("%d things were said in the %s", rooms[r.name], r.name)
		}
	}
	if n := len(all); n < 120 || n > 200 {
		t.Errorf("%d things were said", n)
	}
}
