package speech

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
)

// ask has the recognising worker try something.
func ask(t testing.TB, e *Engine, p probing) probed {
	t.Helper()
	var got probed
	ev, err := newEvent("probe", p, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = e.recogniser.call(t.Context(), []event{ev}, func(ev event) (bool, error) { return true, ev.expect("probed", &got) })
	if err != nil {
		t.Fatalf("%s %s: %v", p.Try, p.On, err)
	}
	return got
}

// accounts runs a test as whoever we are, and if that is root, also as an
// ordinary account, which owns the folder it is given.
func accounts(t *testing.T, test func(t *testing.T, self []string, folder string)) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Run("this account", func(t *testing.T) { test(t, []string{self}, t.TempDir()) })
	if os.Getuid() != 0 {
		return
	}
	t.Run("ordinary account", func(t *testing.T) {
		const nobody = 65534
		folder, err := os.MkdirTemp("", "hearkeep-cage-") // t.TempDir is closed to others
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(folder) })
		program, err := os.ReadFile(self)
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, "speech.test"), program, 0o755)
		}
		if err := errors.Join(err, os.Chown(folder, nobody, nobody), os.Chmod(folder, 0o755)); err != nil {
			t.Fatal(err)
		}
		own := filepath.Join(folder, "own")
		if err := errors.Join(os.Mkdir(own, 0o755), os.Chown(own, nobody, nobody)); err != nil {
			t.Fatal(err)
		}
		test(t, []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", filepath.Join(folder, "speech.test")}, own)
	})
}

// startAs runs an engine with a whole command line, and not only an argument.
func startAs(t testing.TB, o Options) *Engine {
	t.Helper()
	e, err := Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// TestCage asks a worker from inside what it can do, and has one without a
// cage do the same, so that a refusal is known to be the cage's.
func TestCage(t *testing.T) {
	accounts(t, func(t *testing.T, self []string, folder string) {
		key := filepath.Join(folder, "house.key")
		if err := os.WriteFile(key, []byte("a secret"), 0o600); err != nil {
			t.Fatal(err)
		}
		owner, err := os.Stat(folder)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(key, int(owner.Sys().(*syscall.Stat_t).Uid), -1); err != nil {
			t.Fatal(err)
		}
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer tcp.Close()
		unix, err := net.Listen("unix", filepath.Join(folder, "socket"))
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close()
		if err := os.Chmod(filepath.Join(folder, "socket"), 0o777); err != nil {
			t.Fatal(err)
		}
		caged := startAs(t, Options{Command: append(slices.Clone(self), "probe"), Stderr: os.Stderr})
		free := startAs(t, Options{Command: append(slices.Clone(self), "probe-uncaged"), Stderr: os.Stderr})
		other := startAs(t, Options{Command: append(slices.Clone(self), "probe-uncaged"), Stderr: os.Stderr})
		ask(t, other, probing{Try: "state"})
		pid := workerOf(other.recogniser) // a process of the same account
		scratch, memory := fmt.Sprintf("/tmp/hearkeep-cage-%d", pid), fmt.Sprintf("/dev/shm/hearkeep-cage-%d", pid)
		for _, p := range []probing{
			{Try: "read", On: "/etc/passwd"}, {Try: "read", On: key}, {Try: "list", On: "/"}, {Try: "list", On: folder},
			{Try: "read", On: "/proc/self/environ"}, {Try: "list", On: "/proc"},
			{Try: "write", On: key}, {Try: "chmod", On: key}, {Try: "truncate", On: key}, {Try: "link", On: key},
			{Try: "create", On: filepath.Join(folder, "new")}, {Try: "create", On: scratch}, {Try: "create", On: memory},
			{Try: "mkdir", On: filepath.Join(folder, "made")},
			{Try: "remove", On: scratch}, {Try: "remove", On: memory}, {Try: "rename", On: key},
			{Try: "tcp", On: tcp.Addr().String()}, {Try: "udp", On: "127.0.0.1:53"}, {Try: "unix", On: unix.Addr().String()},
			{Try: "listen", On: "127.0.0.1:0"},
			{Try: "ptrace", Pid: pid}, {Try: "memory", Pid: pid}, {Try: "limit", Pid: pid}, {Try: "signal", Pid: pid},
			{Try: "execute", On: "/bin/sh"},
		} {
			if got := ask(t, caged, p); !got.Denied {
				t.Errorf("%s %s in the cage: got %q, want a refusal", p.Try, p.On, got.Refused)
			}
			if got := ask(t, free, p); got.Refused != "" {
				t.Errorf("%s %s without a cage: got %q, want no refusal", p.Try, p.On, got.Refused)
			}
		}
		for _, try := range []string{"namespace", "numbered calls"} {
			if got := ask(t, caged, probing{Try: try}); !got.Denied {
				t.Errorf("%s in the cage: got %q, want a refusal", try, got.Refused)
			}
		}
		if got := ask(t, caged, probing{Try: "unknown call"}); got.Refused != syscall.ENOSYS.Error() {
			t.Errorf("a call that is younger: got %q", got.Refused)
		}
	})
}

// TestWorkInCage: all that a worker is for works in the cage, for every account.
func TestWorkInCage(t *testing.T) {
	accounts(t, func(t *testing.T, self []string, folder string) {
		e := startAs(t, Options{Command: append(slices.Clone(self), "probe"), Stderr: os.Stderr})
		if err := e.SetGrammar(t.Context(), testGrammar()); err != nil {
			t.Fatal(err)
		}
		if h := recognise(t, e, testVoices[0].say(t, "what time is it")); h.Words.Reveal() != "what time is it" {
			t.Error("recognises nothing")
		}
		for lang, want := range map[string]string{"en": "flite slt", "de": "espeak-ng"} {
			got, err := e.Synthesise(t.Context(), hearkeep.NewWords("Hallo Anna"), lang)
			if err != nil || got.Engine != want || len(got.Samples) == 0 {
				t.Errorf("%s: got %q, %d samples, %v", lang, got.Engine, len(got.Samples), err)
			}
		}
		want, err := Native{}.withDefaults().pronounce([]string{"zbigniew"})
		if err != nil {
			t.Fatal(err)
		}
		if got := ask(t, e, probing{Try: "sounds"}); got.Refused != "" || got.Lines[0] != want {
			t.Errorf("espeak-ng does not say how a name sounds: %v", got.Refused)
		}
		cage, err := e.Cage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(cage.Missing) > 0 || len(cage.Applied) != 6 {
			t.Errorf("cage: got %+v", cage)
		}
	})
}

// TestWorkerHoldsNothing: what its parent has, a worker must not have.
func TestWorkerHoldsNothing(t *testing.T) {
	t.Setenv("HEARKEEP_CANARY", "a secret")
	secret, err := os.Open("/etc/hostname")
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()
	e := withGrammar(t, Options{Command: []string{"probe"}})
	stderr, err := os.Readlink("/proc/self/fd/2")
	if err != nil {
		t.Fatal(err)
	}
	held := map[string]bool{}
	for _, line := range ask(t, e, probing{Try: "state"}).Lines {
		held[line] = true
		if to, ok := strings.CutPrefix(line, "fd "); ok {
			_, to, _ = strings.Cut(to, " ")
			if to != stderr && !strings.HasPrefix(to, "pipe:") && !strings.HasPrefix(to, "anon_inode:") {
				t.Errorf("open in the worker: %s", to)
			}
		}
	}
	want := []string{
		"environment PATH=" + searchPath, "environment LC_ALL=C.UTF-8", "environment HOME=/dev/null",
		"limit core 1 1", "dumpable 0", "no new privileges 1", "seccomp 2", "privileges 0", "folder /", "mask 77",
	}
	if !raceDetector {
		want = append(want, fmt.Sprintf("limit data %d %[1]d", memoryMost), fmt.Sprintf("limit address %d %[1]d", addressMost))
	}
	for _, line := range want {
		if !held[line] {
			t.Errorf("the worker's state lacks %q", line)
		}
	}
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", workerOf(e.recogniser)))
	if os.Getuid() != 0 {
		if !errors.Is(err, os.ErrPermission) {
			t.Errorf("the worker's environment, for an ordinary account: got %v, want a refusal", err)
		}
		return
	}
	var names []string
	for variable := range strings.SplitSeq(strings.TrimSuffix(string(environment), "\x00"), "\x00") {
		name, _, _ := strings.Cut(variable, "=")
		names = append(names, name)
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{setupVariable, "HOME", "LC_ALL", "PATH"}, names); diff != "" || err != nil {
		t.Errorf("environment: %v\n%s", err, diff)
	}
}

// TestBareKernel: without Landlock and seccomp the worker works, and says so.
func TestBareKernel(t *testing.T) {
	e := withGrammar(t, Options{Command: []string{"bare-kernel"}})
	if h := recognise(t, e, testVoices[0].say(t, "what time is it")); h.Words.Reveal() != "what time is it" {
		t.Error("recognises nothing")
	}
	cage, err := e.Cage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"The files of its account are open to it: the kernel's Landlock is not there or not switched on (function not implemented).",
		"The network and other processes are open to it; seccomp cannot be used: function not implemented.",
	}
	if diff := cmp.Diff(want, cage.Missing); diff != "" {
		t.Error(diff)
	}
	if len(cage.Applied) != 4 {
		t.Errorf("applied: got %q", cage.Applied)
	}
}

// TestWithoutLandlock: what seccomp refuses, it refuses alone.
func TestWithoutLandlock(t *testing.T) {
	e := start(t, Options{Command: []string{"no-landlock"}})
	other := start(t, Options{Command: []string{"probe-uncaged"}})
	ask(t, other, probing{Try: "state"})
	pid := workerOf(other.recogniser)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []probing{
		{Try: "tcp", On: "127.0.0.1:9"}, {Try: "udp", On: "127.0.0.1:9"}, {Try: "listen", On: "127.0.0.1:0"},
		{Try: "chmod", On: file}, {Try: "truncate", On: file}, {Try: "rename", On: file}, {Try: "link", On: file}, {Try: "remove", On: file},
		{Try: "mkdir", On: file + "2"}, {Try: "ptrace", Pid: pid}, {Try: "limit", Pid: pid}, {Try: "signal", Pid: pid}, {Try: "signal", Pid: -1},
		{Try: "namespace"}, {Try: "numbered calls"},
	} {
		if got := ask(t, e, p); !got.Denied {
			t.Errorf("%s %s: got %q, want a refusal", p.Try, p.On, got.Refused)
		}
	}
	if got := ask(t, e, probing{Try: "read", On: file}); got.Refused != "" {
		t.Errorf("read: got %q; was Landlock there?", got.Refused)
	}
}

func TestMemoryIsLimited(t *testing.T) {
	if raceDetector {
		return // it cannot run under the limit
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	e := startAs(t, Options{Command: []string{self, "probe"}, Stderr: io.Discard})
	ev, err := newEvent("probe", probing{Try: "allocate"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = e.recogniser.call(t.Context(), []event{ev}, func(event) (bool, error) { return true, nil })
	if !errors.Is(err, ErrWorker) {
		t.Errorf("over the limit: got %v, want ErrWorker", err)
	}
	if _, err := e.Cage(t.Context()); err != nil {
		t.Errorf("the next call: %v", err)
	}
}

// TestFuzzedStreamCostsOneTurn: whatever reaches a worker, the turn after the
// one it broke is served.
func TestFuzzedStreamCostsOneTurn(t *testing.T) {
	e := withGrammar(t, Options{})
	said := testVoices[0].say(t, "what time is it")
	random := rand.New(rand.NewPCG(1, 2))
	bytes := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	works := func(after string) {
		t.Helper()
		if _, err := e.Recognise(t.Context(), Audio{said}); err != nil && !errors.Is(err, ErrWorker) {
			t.Errorf("%s: the broken turn: got %v, want ErrWorker", after, err)
		}
		if h := recognise(t, e, said); h.Words.Reveal() != "what time is it" {
			t.Errorf("%s: the turn after is not recognised", after)
		}
	}
	for name, junk := range map[string][]byte{
		"bytes":                   bytes(20000),
		"lines":                   append(bytes(200), '\n'),
		"a header, then bytes":    append([]byte(`{"type":"audio-chunk","payload_length":9}`+"\n"), bytes(3000)...),
		"a length below zero":     []byte(`{"type":"audio-chunk","payload_length":-9}` + "\n"),
		"a length without end":    []byte(`{"type":"audio-chunk","payload_length":9000000000000000000}` + "\n"),
		"a number for an object":  []byte(`{"type":"transcribe"}` + "\n" + `{"type":"audio-chunk","data_length":1}` + "\n7"),
		"a transcribe in another": []byte(`{"type":"transcribe"}` + "\n" + `{"type":"transcribe"}` + "\n"),
		"sound without beginning": []byte(`{"type":"audio-stop"}` + "\n"),
		"a grammar of bytes":      append([]byte(`{"type":"grammar","payload_length":4000}`+"\n"), bytes(4000)...),
	} {
		e.recogniser.turn <- struct{}{}
		e.recogniser.worker.in.Write(junk)
		<-e.recogniser.turn
		works(name)
	}
	for range 12 { // well-formed, but no sound that a microphone gives
		send := []event{{Type: typeTranscribe}, {Type: typeAudioStart}}
		for range random.IntN(4) {
			chunk, err := newEvent(typeAudioChunk, audioFormat{Rate: 16000, Width: 2, Channels: 1}, bytes(random.IntN(chunkBytes)))
			if err != nil {
				t.Fatal(err)
			}
			send = append(send, chunk)
		}
		err := e.recogniser.call(t.Context(), append(send, event{Type: typeAudioStop}), func(event) (bool, error) { return true, nil })
		if errors.Is(err, ErrWorker) {
			t.Logf("random sound: %v", err)
		}
	}
	works("random sound")
}

// TestGivingUpIsNoFailure: callers that go away do not put off the next worker.
func TestGivingUpIsNoFailure(t *testing.T) {
	e := start(t, Options{Command: []string{"mute"}})
	for range 4 {
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error)
		go func() {
			_, err := e.Synthesise(ctx, hearkeep.NewWords("hello"), "en")
			failed <- err
		}()
		for len(e.synthesiser.turn) == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("given up: got %v, want context.Canceled", err)
		}
	}
	if got := e.synthesiser.failures; got != 0 {
		t.Errorf("failures: got %d, want 0", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := e.Synthesise(ctx, hearkeep.NewWords("hello"), "en"); !errors.Is(err, ErrWorker) || e.synthesiser.failures != 1 {
		t.Errorf("no answer in time: got %v and %d failures, want ErrWorker and 1", err, e.synthesiser.failures)
	}
}

// TestEngineInstalledLater: a cage opens files as they were; an engine that is
// installed or upgraded after that is used all the same.
func TestEngineInstalledLater(t *testing.T) {
	program, err := os.ReadFile("/usr/bin/flite")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "flite")
	e := start(t, Options{Native: Native{Flite: path}})
	install := func() {
		if err := os.WriteFile(path+".new", program, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	pids := map[int]bool{}
	for i, want := range []string{"espeak-ng", "flite slt", "flite slt", "flite slt"} {
		if i == 1 || i == 3 { // absent, installed, as it was, upgraded
			install()
		}
		got, err := e.Synthesise(t.Context(), hearkeep.NewWords("hello"), "en")
		if err != nil || got.Engine != want {
			t.Errorf("%d: got %q, %v, want %s", i, got.Engine, err, want)
		}
		pids[workerOf(e.synthesiser)] = true
	}
	if len(pids) != 3 {
		t.Errorf("workers: got %d, want 3: one for each change", len(pids))
	}
}

// BenchmarkWorkerStart is what a new worker costs, to its first answer.
func BenchmarkWorkerStart(b *testing.B) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	for name, how := range map[string]string{"caged": "worker", "uncaged": "probe-uncaged"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				p, err := startProcess(Options{Command: []string{self, how}})
				if err != nil {
					b.Fatal(err)
				}
				send := []event{{Type: typeTranscribe}, {Type: typeAudioStop}}
				if err := p.converse(b.Context(), send, func(event) (bool, error) { return true, nil }); !errors.Is(err, ErrNoGrammar) {
					b.Fatal(err)
				}
				p.kill()
				<-p.gone
			}
		})
	}
}
