package wyoming

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestPythonClient lets a client loose on the server that shares no line with
// it.
func TestPythonClient(t *testing.T) {
	host, port, _ := net.SplitHostPort(serve(t, parrotOptions()).String())
	ask := func(t *testing.T, args ...string) (answer map[string]any) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "python3", append([]string{"testdata/client.py", host, port}, args...)...).Output()
		if err != nil {
			if e, ok := err.(*exec.ExitError); ok {
				t.Logf("%s", e.Stderr)
			}
			t.Fatalf("%s: %v", args, err)
		}
		if err := json.Unmarshal(out, &answer); err != nil {
			t.Fatalf("%s: %v", args, err)
		}
		return answer
	}
	for _, tt := range []struct {
		request string
		want    map[string]any
	}{
		{"stt 1234 150", map[string]any{"text": "parrot heard 1234: 24000 samples at 16000/2/1"}},
		{"early 77", map[string]any{"text": "parrot heard 77: 160 samples at 16000/2/1"}},
		{"silence", map[string]any{"text": ""}},
		{"tts Zwölf", map[string]any{"rate": 22050.0, "text": "Zwölf"}},
		{"tts-stream Zwölf/Uhr", map[string]any{"rate": 22050.0, "text": "ZwölfUhr"}},
		{"handle lights", map[string]any{"kind": "handled", "text": "parrot did lights"}},
		{"handle nonsense", map[string]any{"kind": "not-handled", "text": "what?"}},
	} {
		t.Run(tt.request, func(t *testing.T) {
			args := strings.Split(tt.request, " ")
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "/", " ")
			}
			if diff := cmp.Diff(tt.want, ask(t, args...)); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("describe", func(t *testing.T) { // the client gives it one second
		got := ask(t, "describe")
		t.Logf("info after %v s", got["took"])
		if got["asr"] != 1.0 || got["tts"] != 1.0 || got["handle"] != 1.0 {
			t.Errorf("got %v, want one of each", got)
		}
	})
}

// BenchmarkAgainstPython sends the same utterances to our server and to a
// plain asyncio one, each in a process of its own, and reports how many
// audio-chunks each takes per second of processor time, and the ratio: chunks
// of Home Assistant's 10 ms and of a satellite's 64 ms as fast as they are
// taken, and of 10 ms as they are spoken, where the kernel's share is largest.
func BenchmarkAgainstPython(b *testing.B) {
	for _, bm := range []struct {
		name                            string
		size, conns, utterances, chunks int
		every                           time.Duration
	}{
		{"10ms", 320, 4, 40, 300, 0},
		{"64ms", 2048, 4, 40, 300, 0},
		{"10ms-live", 320, 50, 1, 200, 10 * time.Millisecond},
	} {
		b.Run(bm.name, func(b *testing.B) {
			ours, ourPID := spawn(b, self("server"))
			theirs, theirPID := spawn(b, exec.Command("python3", "testdata/server.py"))
			utterance := utteranceOf(b, bm.size, bm.chunks)
			events := 0
			ourTime, theirTime := -processorTime(b, ourPID), -processorTime(b, theirPID)
			for b.Loop() {
				drive(b, ours, utterance, bm.conns, bm.utterances, bm.every)
				drive(b, theirs, utterance, bm.conns, bm.utterances, bm.every)
				events += bm.conns * bm.utterances * bm.chunks
			}
			ourTime += processorTime(b, ourPID)
			theirTime += processorTime(b, theirPID)
			b.ReportMetric(float64(events)/ourTime, "go-events/cpu-s")
			b.ReportMetric(float64(events)/theirTime, "python-events/cpu-s")
			b.ReportMetric(theirTime/ourTime, "ratio")
		})
	}
}

// utteranceOf is the events of one, as the reference library writes them.
func utteranceOf(t testing.TB, size, chunks int) [][]byte {
	data := `{"rate": 16000, "width": 2, "channels": 1, "timestamp": null}`
	all := []string{event("transcribe", `{"language": "en"}`, ""), event("audio-start", data, "")}
	for range chunks {
		all = append(all, event("audio-chunk", data, string(make([]byte, size))))
	}
	all = append(all, event("audio-stop", `{"timestamp": null}`, ""))
	var events [][]byte
	for _, e := range all {
		events = append(events, []byte(e))
	}
	return events
}

// drive speaks utterances one after the other on each of some connections: an
// event every so often, or all at once.
func drive(t testing.TB, addr string, utterance [][]byte, conns, utterances int, every time.Duration) {
	if every == 0 {
		utterance = [][]byte{bytes.Join(utterance, nil)}
	}
	speak := func() error {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		defer c.Close()
		r := NewReader(c)
		for range utterances {
			next := time.Now()
			for _, e := range utterance {
				if _, err := c.Write(e); err != nil {
					return err
				}
				next = next.Add(every)
				time.Sleep(time.Until(next))
			}
			if e, err := r.Read(); err != nil || e.Type != "transcript" {
				return fmt.Errorf("got %v, %w, want a transcript", e, err)
			}
		}
		return nil
	}
	var all sync.WaitGroup
	for range conns {
		all.Go(func() {
			if err := speak(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// processorTime is what a process has used so far, in seconds: user and
// system, from /proc, whose clock ticks a hundred times a second.
func processorTime(t testing.TB, pid int) float64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		t.Fatalf("%v, %v", err1, err2)
	}
	return float64(user+system) / 100
}
