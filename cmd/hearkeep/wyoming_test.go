package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hearkeep/hearkeep/internal/wyoming"
)

// addListener makes a Wyoming door on its page and returns its address.
func (h *house) addListener(t *testing.T, name string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address := l.Addr().String()
	must(t, l.Close())
	status, page, err := h.post("/doors/new", url.Values{"kind": {"wyoming"}, "name": {name}, "listen": {address}, "keep": {"audio+words"}})
	if err != nil || status != http.StatusOK || !strings.Contains(page, name) {
		t.Fatalf("add a door: status %d, %v", status, err)
	}
	return address
}

// A client of the protocol that knows nothing of our code speaks real speech
// at a door, as Home Assistant would: it is heard, done, answered and kept.
func TestWyomingDoor(t *testing.T) {
	h := newHouse(t)
	address := h.addListener(t, "Kitchen")
	host, port, err := net.SplitHostPort(address)
	must(t, err)
	wav := filepath.Join(t.TempDir(), "say.wav")
	must(t, exec.Command("flite", "-voice", "slt", "-t", "set a timer for ten minutes", "-o", wav).Run())
	python := func(args ...string) (got map[string]any) {
		t.Helper()
		out, err := exec.Command("python3", append([]string{"../../internal/wyoming/testdata/client.py", host, port}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s\n%s", args, err, out, h.log())
		}
		must(t, json.Unmarshal(out, &got))
		return got
	}
	if info := python("describe"); info["asr"] != 1.0 || info["handle"] != 1.0 || info["tts"] != 1.0 {
		t.Errorf("describe: got %v", info)
	}
	got := python("say", wav)
	if got["text"] != "set a timer for ten minutes" || !strings.Contains(fmt.Sprint(got["answer"]), "Ten minutes, starting now.") || !strings.Contains(fmt.Sprint(got["answer"]), "handled") {
		t.Errorf("say: got %v", got)
	}
	if silence := python("silence"); silence["text"] != "" {
		t.Errorf("silence: got %v", silence)
	}
	ids := h.eventually(t, 1)
	_, page, err := h.get("/recordings/" + ids[0])
	must(t, err)
	for _, want := range []string{"Kitchen", "set a timer for ten minutes", "HassStartTimer", "pocketsphinx"} {
		if !strings.Contains(page, want) {
			t.Errorf("the recording's page lacks %q", want)
		}
	}
}

// A thousand devices that are connected and silent cost little, and a hundred
// that ask beside them are answered.
func TestThousandIdleDevices(t *testing.T) {
	h := newHouse(t)
	address := h.addListener(t, "Kitchen")
	before := h.resident(t)
	var idle []*wyoming.Client
	for range 1000 {
		c, err := wyoming.Dial(t.Context(), "tcp://"+address, wyoming.Deadlines{})
		must(t, err)
		defer c.Close()
		if _, err := c.Describe(t.Context()); err != nil {
			t.Fatal(err)
		}
		idle = append(idle, c)
	}
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			c, err := wyoming.Dial(t.Context(), "tcp://"+address, wyoming.Deadlines{})
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			a, err := c.Handle(t.Context(), wyoming.Transcript{Text: wyoming.NewText("what time is it")})
			if err != nil || !a.Done {
				t.Errorf("got %v, %v", a.Done, err)
			}
		})
	}
	all.Wait()
	after := h.resident(t)
	t.Logf("resident memory of the server: %d MiB before, %d MiB with 1,000 idle devices", before>>20, after>>20)
	if after > 200<<20 {
		t.Errorf("with 1,000 idle devices the server has %d MiB, want below 200", after>>20)
	}
	if _, err := idle[999].Describe(t.Context()); err != nil {
		t.Errorf("an idle device is not answered any more: %v", err)
	}
}

// resident is the server's resident memory in bytes.
func (h *house) resident(t *testing.T) int64 {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.server.cmd.Process.Pid))
	must(t, err)
	for line := range strings.Lines(string(data)) {
		var kb int64
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kb); n == 1 {
			return kb << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
