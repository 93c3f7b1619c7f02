package main

import (
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// kill -9 while recordings are being kept: what was acknowledged is there,
// what was not is accounted for, and nothing is damaged.
func TestKillDuringKeep(t *testing.T) {
	h := newHouse(t)
	wav := filepath.Join(t.TempDir(), "say.wav")
	must(t, exec.Command("flite", "-voice", "slt", "-t", "what time is it", "-o", wav).Run())
	for round := range 2 {
		var mu sync.Mutex
		var kept []string
		var all sync.WaitGroup
		stop := make(chan struct{})
		for range 4 {
			all.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					out, _ := h.run("say", "--json", wav)
					if id := keptID(out); id != "" {
						mu.Lock()
						kept = append(kept, id)
						mu.Unlock()
					}
				}
			})
		}
		time.Sleep(time.Duration(1500+round*370) * time.Millisecond)
		h.stop(syscall.SIGKILL) // its error is the kill
		close(stop)
		all.Wait()
		h.restart(t)
		if len(kept) == 0 {
			t.Fatal("nothing was kept before the kill: the test shows nothing")
		}
		for _, id := range kept {
			if status, _, err := h.get("/recordings/" + id); err != nil || status != 200 {
				t.Errorf("an acknowledged recording answers %d, %v", status, err)
			}
		}
		if out, code := h.run("check", "--keep", h.keep); code != 0 {
			t.Errorf("check after the kill: exit %d\n%s", code, out)
		}
	}
}

func keptID(out string) string {
	for line := range strings.Lines(out) {
		var e event
		if json.Unmarshal([]byte(line), &e) == nil && e.Event == "kept" {
			return e.Recording
		}
	}
	return ""
}

// kill -9 while everything is being erased: the next start finishes it.
func TestKillDuringErase(t *testing.T) {
	h := newHouse(t)
	wav := filepath.Join(t.TempDir(), "say.wav")
	must(t, exec.Command("flite", "-voice", "slt", "-t", "what is the date", "-o", wav).Run())
	for range 6 {
		if out, code := h.run("say", wav); code != 0 {
			t.Fatalf("say: exit %d\n%s", code, out)
		}
	}
	journal := filepath.Join(h.keep, fileJournal)
	before := fileSize(journal)
	erased := make(chan struct{})
	go func() {
		defer close(erased)
		h.post("/erase", url.Values{"sure": {"yes"}}) // whatever it answers: the server is killed under it
	}()
	for fileSize(journal) == before {
		time.Sleep(time.Millisecond)
	}
	h.stop(syscall.SIGKILL)
	<-erased
	h.restart(t)
	_, page, err := h.get("/")
	must(t, err)
	if recordingLink.MatchString(page) {
		t.Error("what stands in the journal as erased is shown again")
	}
	if out, code := h.run("check", "--keep", h.keep); code != 0 {
		t.Errorf("check after the kill: exit %d\n%s", code, out)
	}
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// Bad input from the terminal: one sentence, a hint, the documented code, and
// nothing kept.
func TestBadInput(t *testing.T) {
	h := newHouse(t)
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, data, 0o600))
		return path
	}
	whole := filepath.Join(dir, "whole.wav")
	must(t, exec.Command("flite", "-voice", "slt", "-t", "what time is it", "-o", whole).Run())
	data, err := os.ReadFile(whole)
	must(t, err)
	for _, tc := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"empty", []string{"say", file("empty.wav", nil)}, exitFailed, "empty"},
		{"text", []string{"say", file("text.wav", []byte(strings.Repeat("hello ", 100)))}, exitFailed, "not audio"},
		{"truncated", []string{"say", file("cut.wav", data[:len(data)/2])}, exitFailed, "cut off"},
		{"absent", []string{"say", filepath.Join(dir, "absent.wav")}, exitFailed, "no file"},
		{"a folder", []string{"say", dir}, exitFailed, "folder"},
		{"no words", []string{"say", "   "}, exitFailed, "nothing to say"},
		{"a second server", []string{"serve", "--keep", h.keep, "--listen", "127.0.0.1:0"}, exitInUse, "Another Hearkeep"},
		{"an open address", []string{"serve", "--keep", dir, "--listen", "0.0.0.0:0"}, exitFailed, "loopback"},
		{"no such zone", []string{"serve", "--keep", dir, "--timezone", "Mars/Base"}, exitFailed, "time zone"},
		{"not a keep", []string{"check", "--keep", dir}, exitFailed, "no keep"},
		{"not a Hearkeep", []string{"pair", "http://127.0.0.1:1", "code"}, exitUnreachable, "No Hearkeep answers"},
		{"speech in the clear", []string{"pair", "http://192.0.2.1:8484", "code"}, exitFailed, "without encryption"},
		{"a used code", []string{"pair", h.url, "nosuchcode", "--device", filepath.Join(dir, "d.json")}, exitFailed, "no longer works"},
		{"no such command", []string{"sya", "x"}, exitUsage, "unexpected"},
		{"a misspelt setting", []string{"--config", file("c.yaml", []byte("kep: ./keep\n")), "check"}, exitUsage, "kep"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, code := h.run(tc.args...)
			if code != tc.code || !strings.Contains(out, tc.says) || !strings.Contains(out, "hearkeep: error: ") || !strings.Contains(out, "hearkeep: hint: ") {
				t.Errorf("exit %d, want %d, with %q and a hint\n%s", code, tc.code, tc.says, out)
			}
		})
	}
	_, page, err := h.get("/")
	must(t, err)
	if recordingLink.MatchString(page) {
		t.Error("bad input left a recording")
	}
}

// Settings come from the file, are overruled by the environment, and that by
// the command line.
func TestSettings(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "hearkeep.yaml")
	must(t, os.WriteFile(config, []byte("keep: "+filepath.Join(dir, "from-file")+"\n"), 0o600))
	for _, tc := range []struct {
		env  string
		args []string
		want string
	}{
		{"", nil, "from-file"}, {"from-env", nil, "from-env"}, {"from-env", []string{"--keep", filepath.Join(dir, "from-flag")}, "from-flag"},
	} {
		cmd := exec.Command(program, append([]string{"check", "--config", config}, tc.args...)...)
		cmd.Env = os.Environ()
		if tc.env != "" {
			cmd.Env = append(cmd.Env, "HEARKEEP_KEEP="+filepath.Join(dir, tc.env))
		}
		out, _ := cmd.CombinedOutput()
		if !strings.Contains(string(out), "There is no keep at "+filepath.Join(dir, tc.want)) {
			t.Errorf("want %s\n%s", tc.want, out)
		}
	}
}
