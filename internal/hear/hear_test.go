package hear_test

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/act"
	"github.com/hearkeep/hearkeep/internal/hear"
	"github.com/hearkeep/hearkeep/internal/sound"
	"github.com/hearkeep/hearkeep/internal/speech"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/understand"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// engine stands for the worker process, which package speech tests for real.
type engine struct {
	heard    speech.Heard
	err      error // of recognising
	mute     error // of synthesising
	hang     bool
	mu       sync.Mutex
	answered []string
}

func (e *engine) Recognise(ctx context.Context, _ speech.Audio) (speech.Heard, error) {
	if e.hang {
		<-ctx.Done()
		return speech.Heard{}, ctx.Err()
	}
	return e.heard, e.err
}

func (e *engine) Synthesise(_ context.Context, w hearkeep.Words, _ string) (speech.Sound, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answered = append(e.answered, w.Reveal())
	return speech.Sound{Samples: make([]int16, 800), Rate: 8000, Engine: "test voice"}, e.mute
}

func says(words string) speech.Heard {
	return speech.Heard{Words: hearkeep.NewWords(words), Speech: true, Engine: "test ears"}
}

// voice is somebody who really speaks: Debian's flite.
func voice(t testing.TB) []byte {
	t.Helper()
	return command(t, "flite", "-voice", "slt", "-t", "set a timer for ten minutes", "-o", "OUT")
}

// command runs a program that writes a WAV file, and returns the file.
func command(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.wav")
	for i := range args {
		if args[i] == "OUT" {
			args[i] = out
		}
	}
	if text, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, text)
	}
	return readFile(t, out)
}

type fixture struct {
	*vaulttest.Home
	anna   vaulttest.Person
	engine *engine
	ear    *hear.Ear
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{Home: vaulttest.New(t), engine: &engine{heard: says("set a timer for ten minutes")}}
	f.anna = f.Person(t, "Anna")
	sentences, err := understand.English()
	must(t, err)
	desk, err := act.New(t.Context(), act.Config{Store: f.Store, House: f.House, Forgetter: forgetter{f.Keep}})
	must(t, err)
	activity, err := speech.NewVoiceActivity()
	must(t, err)
	f.ear = hear.New(hear.Config{Engine: f.engine, Voice: activity, Sentences: sentences, Act: desk, Store: f.Store})
	return f
}

type forgetter struct{ keep *vault.Keep }

func (f forgetter) ForgetLast(ctx context.Context, v hearkeep.VaultID, b hearkeep.BindingID) (string, error) {
	r, err := f.keep.Eraser(v).Last(ctx, b)
	return r.ID.String(), err
}

// told collects the events of a turn.
type told struct {
	heard    hear.Heard
	answered hear.Answered
	kept     hearkeep.RecordingID
	notKept  string
	order    []string
}

func (f *fixture) hear(t *testing.T, in *vault.Inbox, data []byte) told {
	t.Helper()
	var got told
	must(t, f.ear.Hear(t.Context(), in, data, got.take))
	return got
}

func (g *told) take(ev hear.Event) {
	switch ev := ev.(type) {
	case hear.Heard:
		g.heard = ev
		g.order = append(g.order, "heard")
	case hear.Answered:
		g.answered = ev
		g.order = append(g.order, "answered")
	case hear.Kept:
		g.kept = ev.Recording
		g.order = append(g.order, "kept")
	case hear.NotKept:
		g.notKept = ev.Reason
		g.order = append(g.order, "not kept")
	}
}

func TestTurn(t *testing.T) {
	f := newFixture(t)
	got := f.hear(t, f.anna.Inbox, voice(t))
	if want := []string{"heard", "answered", "kept"}; !slices.Equal(got.order, want) {
		t.Fatalf("events: got %v, want %v", got.order, want)
	}
	if !got.heard.Understood || got.answered.Did == "" || len(got.answered.Sound) == 0 {
		t.Errorf("got understood %v, did %q, %d bytes of sound", got.heard.Understood, got.answered.Did, len(got.answered.Sound))
	}
	it, err := f.Enter(t, f.anna).Read(t.Context(), got.kept)
	must(t, err)
	if it.Words.Reveal() != "set a timer for ten minutes" || it.Turn.Intent != "HassStartTimer" || it.Turn.Answer.Reveal() != got.answered.Words.Reveal() {
		t.Errorf("kept: got words %q, intent %s, answer %q", it.Words.Reveal(), it.Turn.Intent, it.Turn.Answer.Reveal())
	}
	var stages []hearkeep.Stage
	for _, s := range it.Turn.Stages {
		stages = append(stages, s.Stage)
	}
	want := []hearkeep.Stage{hearkeep.StageDecode, hearkeep.StageEndpoint, hearkeep.StageRecognise, hearkeep.StageUnderstand, hearkeep.StageAct, hearkeep.StageAnswer}
	if !slices.Equal(stages, want) {
		t.Errorf("stages: got %v, want %v", stages, want)
	}
	a, err := f.Enter(t, f.anna).Listen(t.Context(), got.kept)
	must(t, err)
	defer a.Close()
	flac := make([]byte, a.Size())
	_, err = a.ReadAt(flac, 0)
	must(t, err)
	clip, info, err := sound.Decode(flac, sound.Limits{})
	must(t, err)
	if info.Format != "FLAC" || clip.Duration() < time.Second || clip.Duration() > 4*time.Second {
		t.Errorf("kept audio: got %s of %s", info.Format, clip.Duration())
	}
}

// Nothing that was not speech to it is kept; a counter stays (V8).
func TestWhatIsNotKept(t *testing.T) {
	silence := sound.EncodeWAV(make([]int16, 3*hearkeep.SampleRate), hearkeep.SampleRate)
	rejected := says("cancel the timer")
	rejected.Rejected = true
	for _, tc := range []struct {
		name    string
		data    []byte
		heard   speech.Heard
		counter string
	}{
		{"silence", silence, says("set a timer"), hear.CountNoSpeech},
		{"hiss", command(t, "sox", "-n", "-r", "16000", "-c", "1", "-b", "16", "OUT", "synth", "3", "whitenoise", "vol", "0.02"), speech.Heard{}, hear.CountNoSpeech},
		{"speech outside the grammar", voice(t), rejected, hear.CountNotMeant},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t)
			f.engine.heard = tc.heard
			got := f.hear(t, f.anna.Inbox, tc.data)
			if got.notKept == "" || !got.kept.IsZero() || got.heard.Words.Reveal() != "" || got.answered.Did != "" {
				t.Errorf("got kept %v, not kept %q, words %q, did %q", got.kept, got.notKept, got.heard.Words.Reveal(), got.answered.Did)
			}
			totals, err := f.Enter(t, f.anna).Totals(t.Context())
			must(t, err)
			if totals.Recordings != 0 {
				t.Errorf("%d recordings are kept", totals.Recordings)
			}
			must(t, f.Store.View(t.Context(), func(tx *store.Tx) error {
				n, err := tx.Acts.Counters(t.Context(), f.anna.Inbox.Binding())
				if n[tc.counter] != 1 {
					t.Errorf("counter %s: got %d, want 1", tc.counter, n[tc.counter])
				}
				return err
			}))
		})
	}
}

// A file that a person gives in the browser is no false activation: it is
// kept, and nothing is done on the strength of a guess.
func TestUploadOutsideTheGrammarIsKept(t *testing.T) {
	f := newFixture(t)
	f.engine.heard = says("delete everything")
	f.engine.heard.Rejected = true
	in, err := f.anna.Room.Uploads(t.Context())
	must(t, err)
	got := f.hear(t, in, voice(t))
	if got.kept.IsZero() || got.answered.Did != "" {
		t.Fatalf("got kept %v, did %q", got.kept, got.answered.Did)
	}
	it, err := f.Enter(t, f.anna).Read(t.Context(), got.kept)
	must(t, err)
	if it.HasWords || !strings.HasPrefix(it.Turn.Note, "not transcribed") || !it.HasAudio {
		t.Errorf("got words %v, note %q, audio %v", it.HasWords, it.Turn.Note, it.HasAudio)
	}
}

// The engine may die, hang, or be absent: an apology, and the recording is
// kept, marked "not transcribed"; the next turn works.
func TestEngineFailures(t *testing.T) {
	for _, tc := range []struct {
		name   string
		break_ func(*engine)
		note   string
	}{
		{"absent", func(e *engine) { e.err, e.mute = speech.ErrAbsent, speech.ErrAbsent }, "engine absent"},
		{"died", func(e *engine) { e.err = speech.ErrWorker }, "engine failed"},
		{"timed out", func(e *engine) { e.err = context.DeadlineExceeded }, "timed out"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t)
			tc.break_(f.engine)
			got := f.hear(t, f.anna.Inbox, voice(t))
			if got.kept.IsZero() || got.answered.Words.IsEmpty() || got.answered.Did != "" {
				t.Fatalf("got kept %v, answer empty %v, did %q", got.kept, got.answered.Words.IsEmpty(), got.answered.Did)
			}
			it, err := f.Enter(t, f.anna).Read(t.Context(), got.kept)
			must(t, err)
			i := slices.IndexFunc(it.Turn.Stages, func(s hearkeep.StageTime) bool { return s.Stage == hearkeep.StageRecognise })
			if it.HasWords || !it.HasAudio || it.Turn.Note != "not transcribed" || it.Turn.Stages[i].Note != tc.note {
				t.Errorf("got words %v, audio %v, note %q, stage %q", it.HasWords, it.HasAudio, it.Turn.Note, it.Turn.Stages[i].Note)
			}
			f.engine.err, f.engine.mute = nil, nil
			if next := f.hear(t, f.anna.Inbox, voice(t)); !next.heard.Understood {
				t.Error("the next turn does not work")
			}
		})
	}
}

// Keeping that fails costs the recording, loudly, and never the answer.
func TestKeepingFails(t *testing.T) {
	f := newFixture(t)
	f.Blobs.Fail = errors.New("a disk that lies")
	got := f.hear(t, f.anna.Inbox, voice(t))
	if want := []string{"heard", "answered", "not kept"}; !slices.Equal(got.order, want) {
		t.Fatalf("events: got %v, want %v", got.order, want)
	}
	if got.answered.Did == "" || f.Keep.Status().Failing == "" {
		t.Errorf("got did %q, status %q", got.answered.Did, f.Keep.Status().Failing)
	}
}

// Privacy costs no act: everything works with keeping switched off.
func TestRoomThatKeepsNothing(t *testing.T) {
	f := newFixture(t)
	in, err := f.Keep.Device(t.Context(), f.Terminal(t, f.anna, hearkeep.RoomRule{Keep: hearkeep.KeepNothing}))
	must(t, err)
	got := f.hear(t, in, voice(t))
	if got.answered.Did == "" || got.notKept == "" {
		t.Errorf("got did %q, not kept %q", got.answered.Did, got.notKept)
	}
}

// "Delete what I just said", said as soon as the answer is heard, finds the
// recording that is still being kept.
func TestForgetWaitsForTheKeep(t *testing.T) {
	f := newFixture(t)
	data := voice(t)
	var first, second told
	forgotten := make(chan error, 1)
	err := f.ear.Hear(t.Context(), f.anna.Inbox, data, func(ev hear.Event) {
		first.take(ev)
		if _, ok := ev.(hear.Answered); ok {
			f.engine.heard = says("delete what i just said")
			go func() { forgotten <- f.ear.Hear(context.Background(), f.anna.Inbox, data, second.take) }()
			time.Sleep(50 * time.Millisecond) // the second turn overtakes, if it can
		}
	})
	must(t, err)
	must(t, <-forgotten)
	_, err = f.Enter(t, f.anna).Read(t.Context(), first.kept)
	if hearkeep.CodeOf(err) != hearkeep.NotFound {
		t.Errorf("the recording is still there after it was deleted by voice: %v", err)
	}
	if _, err := f.Enter(t, f.anna).Read(t.Context(), second.kept); err != nil {
		t.Errorf("the request to delete is kept itself: %v", err)
	}
}

// Who hung up after the answer is kept all the same.
func TestAskerLeaves(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	var got told
	must(t, f.ear.Hear(ctx, f.anna.Inbox, voice(t), func(ev hear.Event) {
		got.take(ev)
		if _, ok := ev.(hear.Answered); ok {
			cancel()
		}
	}))
	if got.kept.IsZero() {
		t.Errorf("not kept: %q", got.notKept)
	}
}

func TestBadInput(t *testing.T) {
	f := newFixture(t)
	good := voice(t)
	for name, data := range map[string][]byte{
		"empty": nil, "text": []byte("this is not audio at all, just text"),
		"truncated": good[:len(good)/2], "a PDF": []byte("%PDF-1.7 and more"),
		"too dense": command(t, "sox", "-n", "-r", "192000", "-c", "8", "-b", "16", "OUT", "synth", "10", "sine", "300"),
		"too long":  sound.EncodeWAV(make([]int16, int(hear.MaxDuration.Seconds()+1)*8000), 8000),
	} {
		var got told
		err := f.ear.Hear(t.Context(), f.anna.Inbox, data, got.take)
		code, message, hint := hearkeep.Explain(err)
		if (code != hearkeep.Invalid && code != hearkeep.TooLarge) || message == "" || hint == "" || len(got.order) > 0 {
			t.Errorf("%s: got %s %q %q and events %v, want one clear sentence with a hint, and no event", name, code, message, hint, got.order)
		}
	}
	if err := f.ear.Say(t.Context(), f.anna.Inbox, hearkeep.NewWords("  "), func(hear.Event) {}); hearkeep.CodeOf(err) != hearkeep.Invalid {
		t.Errorf("saying nothing: got %v", err)
	}
	for _, rate := range []int{8000, 22050, 44100, 48000} {
		wav := command(t, "sox", "-t", "wav", writeFile(t, good), "-r", itoa(rate), "-c", "2", "OUT")
		if got := f.hear(t, f.anna.Inbox, wav); got.kept.IsZero() {
			t.Errorf("%d Hz stereo is not kept: %q", rate, got.notKept)
		}
	}
}

// An engine that hangs is given up on at the stage's deadline.
func TestHangingEngineEndsAtTheDeadline(t *testing.T) {
	data := voice(t)
	synctest.Test(t, func(t *testing.T) {
		ear := hear.New(hear.Config{Engine: &engine{hang: true}})
		begin := time.Now()
		took, note := ear.RecogniseOnly(context.Background(), data)
		if note != "timed out" || took < 10*time.Second || took > 15*time.Second || time.Since(begin) != took {
			t.Errorf("got %q after %s", note, took)
		}
	})
}

// No words in what the ear logs.
func TestLogsHoldNoWords(t *testing.T) {
	f := newFixture(t)
	var log bytes.Buffer
	f.ear = f.ear.Logging(&log)
	f.Blobs.Fail = errors.New("broken")
	f.engine.mute = speech.ErrWorker
	f.hear(t, f.anna.Inbox, voice(t))
	if log.Len() == 0 || strings.Contains(log.String(), "timer") {
		t.Errorf("log: %q", log.String())
	}
}

// A new door, and one whose rule changed, says once what is kept (V1).
func TestNewDoorSpeaksANotice(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	data := voice(t)
	starts := func(want bool, fragment string) {
		t.Helper()
		in, err := f.Keep.Device(ctx, f.anna.Device)
		must(t, err)
		got := f.hear(t, in, data).answered.Words.Reveal()
		if has := strings.HasPrefix(got, "This is Hearkeep.") && strings.Contains(got, fragment); has != want {
			t.Errorf("answer %q: notice %v, want %v with %q", got, has, want, fragment)
		}
	}
	starts(true, "deleted after 90 days")
	starts(false, "")
	must(t, f.anna.Room.Change(ctx, f.anna.Inbox.Binding(), vault.Door{Name: "Bath"}, hearkeep.RoomRule{Keep: hearkeep.KeepNothing}))
	starts(true, "Nothing of what is said here is kept")
	starts(false, "")
}

func TestPausedDoorHearsNothing(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	must(t, f.anna.Room.Change(ctx, f.anna.Inbox.Binding(), vault.Door{Name: "Kitchen"}, hearkeep.RoomRule{Keep: hearkeep.KeepAll, Paused: true}))
	in, err := f.Keep.Device(ctx, f.anna.Device)
	must(t, err)
	var got told
	for _, err := range []error{
		f.ear.Hear(ctx, in, voice(t), got.take), f.ear.Say(ctx, in, hearkeep.NewWords("what time is it"), got.take),
	} {
		if hearkeep.CodeOf(err) != hearkeep.Forbidden || len(got.order) > 0 {
			t.Errorf("got %v and events %v, want Forbidden and none", err, got.order)
		}
	}
}
