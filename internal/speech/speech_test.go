package speech

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"golang.org/x/sys/unix"
)

// TestMain lets the test binary be the worker, and workers that misbehave.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "worker":
			exit(RunWorker(os.Stdin, os.Stdout))
		case "probe": // can be asked what it may do
			exit(runWorker(os.Stdin, os.Stdout, probe))
		case "probe-uncaged":
			unix.Prctl(unix.PR_SET_PTRACER, ^uintptr(0), 0, 0, 0) // Yama must not do the cage's work
			w := newWorker(setup{}, os.Stdin, os.Stdout)
			w.other = probe
			exit(w.run())
		case "bare-kernel":
			loseCalls(unix.SYS_LANDLOCK_CREATE_RULESET, unix.SYS_SECCOMP)
			exit(RunWorker(os.Stdin, os.Stdout))
		case "no-landlock":
			loseCalls(unix.SYS_LANDLOCK_CREATE_RULESET)
			exit(runWorker(os.Stdin, os.Stdout, probe))
		case "babble":
			for range 1000 {
				fmt.Println("INFO: pocketsphinx.c(152): Parsed model-specific feature parameters")
			}
			os.Exit(0)
		case "boast": // a length that no memory holds
			fmt.Println(`{"type":"transcript","payload_length":99999999999}`)
			select {}
		case "mute":
			select {}
		case "noisy": // prints into descriptor 1 as a native library might
			exit(RunWorker(printingReader{}, os.Stdout))
		case "quit":
			os.Exit(3)
		}
	}
	os.Exit(m.Run())
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// printingReader reads standard input, and prints to standard output first.
type printingReader struct{}

func (printingReader) Read(b []byte) (int, error) {
	syscall.Write(1, []byte("INFO: fe_interface.c(324): noise\n"))
	return os.Stdin.Read(b)
}

// start runs an engine whose worker is this binary.
func start(t testing.TB, o Options) *Engine {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Command) == 0 {
		o.Command = []string{"worker"}
	}
	o.Command = append([]string{self}, o.Command...)
	o.Stderr = os.Stderr
	e, err := Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// withGrammar runs an engine that knows the test grammar.
func withGrammar(t testing.TB, o Options) *Engine {
	t.Helper()
	e := start(t, o)
	if err := e.SetGrammar(t.Context(), testGrammar()); err != nil {
		t.Fatal(err)
	}
	return e
}

// recognise fails the test where the call fails.
func recognise(t testing.TB, e *Engine, samples []int16) Heard {
	t.Helper()
	h, err := e.Recognise(t.Context(), Audio{samples})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestRecogniseCommands(t *testing.T) {
	e := withGrammar(t, Options{})
	all, right := 0, map[string]int{}
	for i, v := range testVoices {
		for j := i; j < len(testCommands); j += 8 {
			h := recognise(t, e, v.say(t, testCommands[j]))
			all++
			switch {
			case !h.Speech:
				t.Errorf("%s, sentence %d: no speech found", v, j)
			case h.Rejected:
			case h.Words.Reveal() == testCommands[j]:
				right[v.engine]++
			}
			if h.Engine != "pocketsphinx en-us" {
				t.Fatalf("engine: got %q", h.Engine)
			}
		}
	}
	t.Logf("right: %v of %d each", right, all/2)
	if right["flite"] < all/2*9/10 || right["espeak-ng"] < all/2*6/10 {
		t.Errorf("right: got %v of %d each, want 90 %% and 60 %%", right, all/2)
	}
}

func TestRejectOtherSpeech(t *testing.T) {
	e := withGrammar(t, Options{})
	all, through := 0, 0
	check := func(samples []int16) {
		all++
		if h := recognise(t, e, samples); h.Speech && !h.Rejected {
			through++
		}
	}
	for i, file := range humans(t) {
		if i%16 == 0 {
			check(load(t, file))
		}
	}
	for i, sentence := range testChatter {
		if i%3 == 0 {
			check(testVoices[i%4].say(t, sentence))
		}
	}
	t.Logf("let through: %d of %d", through, all)
	if through*100 > all*8 {
		t.Errorf("let through: got %d of %d, want at most 8 %%", through, all)
	}
}

func TestSameSoundSameVerdict(t *testing.T) {
	e := withGrammar(t, Options{})
	samples := testVoices[0].say(t, "set a timer for ten minutes")
	first := recognise(t, e, samples)
	recognise(t, e, testVoices[1].say(t, "cancel all timers"))
	if again := recognise(t, e, samples); again.Score != first.Score || !again.Words.Equal(first.Words) {
		t.Errorf("after another utterance: got score %v, want %v", again.Score, first.Score)
	}
}

func TestNoSpeechAsksNoEngine(t *testing.T) {
	e := start(t, Options{Command: []string{"mute"}})
	for _, samples := range [][]int16{nil, make([]int16, 100), make([]int16, 32000), tone(1, 8000, 440)} {
		if h := recognise(t, e, samples); h != (Heard{}) {
			t.Errorf("%d samples: got %+v, want nothing", len(samples), h)
		}
	}
}

func TestTooLongIsRejected(t *testing.T) {
	e := start(t, Options{Command: []string{"mute"}})
	var samples []int16
	for said := testVoices[0].say(t, testCommands[0]); len(samples) < 31*16000; {
		samples = append(samples, said...)
	}
	if h := recognise(t, e, samples); !h.Speech || !h.Rejected {
		t.Errorf("31 s: got %+v, want rejected speech", h)
	}
}

func TestGrammarChanges(t *testing.T) {
	e := start(t, Options{})
	samples := testVoices[0].say(t, "cancel the xylophane timer")
	if _, err := e.Recognise(t.Context(), Audio{samples}); !errors.Is(err, ErrNoGrammar) {
		t.Fatalf("before a grammar: got %v, want ErrNoGrammar", err)
	}
	if err := e.SetGrammar(t.Context(), testGrammar()); err != nil {
		t.Fatal(err)
	}
	if h := recognise(t, e, samples); strings.Contains(h.Words.Reveal(), "xylophane") {
		t.Fatal("a name outside the grammar was recognised")
	}
	g := testGrammar() // a name no dictionary has
	g.JSGF = strings.Replace(g.JSGF, "pasta |", "pasta | xylophane | дмитрий | r2d2 | seán | '' |", 1)
	g.Words = append(g.Words, "xylophane", "дмитрий", "r2d2", "seán", "''")
	if err := e.SetGrammar(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	if h := recognise(t, e, samples); h.Rejected || h.Words.Reveal() != "cancel the xylophane timer" {
		t.Errorf("a name that was added: got rejected %v, %d bytes", h.Rejected, len(h.Words.Reveal()))
	}
	for name, bad := range map[string]Grammar{
		"not JSGF":         {JSGF: "public <hearkeep> = ((;", Words: []string{"a"}},
		"word not listed":  {JSGF: "#JSGF V1.0;\ngrammar x;\npublic <hearkeep> = hello there;\n", Words: []string{"hello"}},
		"word with spaces": {JSGF: testJSGF, Words: []string{"a b"}},
		"empty":            {},
	} {
		if err := e.SetGrammar(t.Context(), bad); err == nil || errors.Is(err, ErrWorker) {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
	}
	if h := recognise(t, e, samples); h.Rejected {
		t.Error("after refused grammars the one before does not stand")
	}
}

func TestConcurrentCalls(t *testing.T) {
	e := withGrammar(t, Options{})
	samples := testVoices[0].say(t, "what time is it")
	var wait sync.WaitGroup
	for i := range 12 {
		wait.Go(func() {
			switch i % 3 {
			case 0:
				if h, err := e.Recognise(t.Context(), Audio{samples}); err != nil || h.Words.Reveal() != "what time is it" {
					t.Errorf("recognise: %v", err)
				}
			case 1:
				if s, err := e.Synthesise(t.Context(), hearkeep.NewWords("it is noon"), "en"); err != nil || len(s.Samples) == 0 {
					t.Errorf("synthesise: %v", err)
				}
			case 2:
				if err := e.SetGrammar(t.Context(), testGrammar()); err != nil {
					t.Errorf("set grammar: %v", err)
				}
			}
		})
	}
	wait.Wait()
}

// workerOf waits until a lane is in use and returns the worker's process.
func workerOf(l *lane) int {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	return l.worker.cmd.Process.Pid
}

func TestWorkerKilledWhileRecognising(t *testing.T) {
	e := withGrammar(t, Options{})
	samples := testVoices[0].say(t, "what time is it")
	pid := workerOf(e.recogniser)
	syscall.Kill(pid, syscall.SIGSTOP) // so that it is asked, and cannot answer first
	failed := make(chan error)
	go func() {
		_, err := e.Recognise(t.Context(), Audio{samples})
		failed <- err
	}()
	for len(e.recogniser.turn) == 0 {
		time.Sleep(time.Millisecond)
	}
	syscall.Kill(pid, syscall.SIGKILL)
	if err := <-failed; !errors.Is(err, ErrWorker) {
		t.Errorf("killed: got %v, want ErrWorker", err)
	}
	if h := recognise(t, e, samples); h.Words.Reveal() != "what time is it" {
		t.Error("the next call does not recognise: the new worker lacks the grammar")
	}
}

func TestWorkerKilledWhileIdle(t *testing.T) {
	e := withGrammar(t, Options{})
	samples := testVoices[0].say(t, "what time is it")
	syscall.Kill(workerOf(e.recogniser), syscall.SIGKILL)
	<-e.recogniser.worker.gone
	if h := recognise(t, e, samples); h.Words.Reveal() != "what time is it" {
		t.Error("the call after does not recognise")
	}
}

func TestWorkerHangs(t *testing.T) {
	e := withGrammar(t, Options{})
	samples := testVoices[0].say(t, "what time is it")
	pid := workerOf(e.recogniser)
	syscall.Kill(pid, syscall.SIGSTOP)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := e.Recognise(ctx, Audio{samples})
	if !errors.Is(err, ErrWorker) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hanging: got %v, want ErrWorker and the deadline", err)
	}
	if h := recognise(t, e, samples); h.Words.Reveal() != "what time is it" {
		t.Error("the next call does not recognise")
	}
	if now := workerOf(e.recogniser); now == pid {
		t.Error("the hanging worker was not replaced")
	}
}

func TestWorkerMisbehaves(t *testing.T) {
	for _, how := range []string{"babble", "boast", "mute", "quit"} {
		t.Run(how, func(t *testing.T) {
			e := start(t, Options{Command: []string{how}, Deadline: 300 * time.Millisecond})
			for range 2 { // the second call comes after a restart
				if _, err := e.Synthesise(t.Context(), hearkeep.NewWords("hello"), "en"); !errors.Is(err, ErrWorker) {
					t.Errorf("got %v, want ErrWorker", err)
				}
			}
		})
	}
	e, err := Start(t.Context(), Options{Command: []string{"/no/such/program"}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.SetGrammar(t.Context(), testGrammar()); !errors.Is(err, ErrWorker) {
		t.Errorf("no program: got %v, want ErrWorker", err)
	}
}

func TestNativeNoiseStaysOut(t *testing.T) {
	e := withGrammar(t, Options{Command: []string{"noisy"}})
	if h := recognise(t, e, testVoices[0].say(t, "what time is it")); h.Words.Reveal() != "what time is it" {
		t.Error("a library that prints breaks into the answer")
	}
}

func TestAbsent(t *testing.T) {
	folder := t.TempDir()
	pocketsphinx := filepath.Join(folder, "libpocketsphinx.so")
	e := start(t, Options{Native: Native{Pocketsphinx: pocketsphinx, Flite: "no-flite", Espeak: "no-espeak"}})
	if err := e.SetGrammar(t.Context(), testGrammar()); !errors.Is(err, ErrAbsent) {
		t.Fatalf("set grammar: got %v, want ErrAbsent", err)
	}
	samples := testVoices[0].say(t, "what time is it")
	if h, err := e.Recognise(t.Context(), Audio{samples}); !errors.Is(err, ErrAbsent) || !h.Speech {
		t.Errorf("recognise: got %v, speech %v, want ErrAbsent and speech", err, h.Speech)
	}
	if _, err := e.Synthesise(t.Context(), hearkeep.NewWords("hello"), "en"); !errors.Is(err, ErrAbsent) {
		t.Errorf("synthesise: got %v, want ErrAbsent", err)
	}
	status, err := e.Status(t.Context())
	if err != nil || len(status) != 3 {
		t.Fatalf("status: got %+v, %v, want three engines", status, err)
	}
	for _, s := range status {
		if s.Present || !strings.HasPrefix(s.Mend, "apt-get install ") {
			t.Errorf("status: got %+v, want absent, with the command that mends it", s)
		}
	}
	// Installed while we run, it serves the next call.
	installed, err := filepath.Glob("/usr/lib/*/libpocketsphinx.so.3")
	if err != nil || len(installed) == 0 {
		t.Fatalf("libpocketsphinx3: got %q, %v", installed, err)
	}
	if err := os.Symlink(installed[0], pocketsphinx); err != nil {
		t.Fatal(err)
	}
	if h := recognise(t, e, samples); h.Words.Reveal() != "what time is it" {
		t.Error("an engine installed meanwhile is not used")
	}
}

func TestPresent(t *testing.T) {
	e := start(t, Options{})
	status, err := e.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range status {
		if !s.Present || s.Mend != "" {
			t.Errorf("got %+v, want present", s)
		}
	}
}

func TestCallsAfterClose(t *testing.T) {
	e := start(t, Options{})
	e.Close()
	if _, err := e.Status(t.Context()); err == nil {
		t.Error("a call after Close succeeds")
	}
}
