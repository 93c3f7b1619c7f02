package hear_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/hear"
	"github.com/hearkeep/hearkeep/internal/sound"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
	"github.com/hearkeep/hearkeep/internal/wyoming"
)

// doorway is a Wyoming listener of a person's keep.
type doorway struct {
	*fixture
	doors   *hear.Doors
	address string
	binding hearkeep.BindingID
}

func free(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

func newDoorway(t testing.TB, relay string) *doorway {
	t.Helper()
	d := &doorway{fixture: newFixture(t)}
	d.doors = hear.NewDoors(d.ear, d.Keep, nil)
	d.address, d.binding = d.bind(t, d.anna, relay)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.doors.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		must(t, <-done)
	})
	must(t, d.doors.Refresh(t.Context()))
	return d
}

func (f *fixture) bind(t testing.TB, p vaulttest.Person, relay string) (string, hearkeep.BindingID) {
	t.Helper()
	for {
		address := free(t)
		id, err := p.Room.Bind(t.Context(), hearkeep.SourceWyoming, vault.Door{Name: "Kitchen", Listen: address, Relay: relay}, hearkeep.RoomRule{Keep: hearkeep.KeepAll})
		if hearkeep.CodeOf(err) == hearkeep.Conflict {
			continue // the kernel gave a port that another door has
		}
		must(t, err)
		return address, id
	}
}

// dial is a new connection, as Home Assistant makes one for each utterance.
func dial(t *testing.T, address string) *wyoming.Client {
	t.Helper()
	c, err := wyoming.Dial(t.Context(), "tcp://"+address, wyoming.Deadlines{})
	must(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// stream gives a file's PCM in the pieces that a satellite sends.
type stream struct {
	samples []int16
	after   func() // called at the end
}

func (s *stream) Next(context.Context) (wyoming.AudioChunk, error) {
	if len(s.samples) == 0 {
		if s.after != nil {
			s.after()
		}
		return wyoming.AudioChunk{}, io.EOF
	}
	n := min(1024, len(s.samples))
	pcm := make([]byte, 0, 2*n)
	for _, v := range s.samples[:n] {
		pcm = append(pcm, byte(v), byte(uint16(v)>>8))
	}
	s.samples = s.samples[n:]
	return wyoming.AudioChunk{AudioFormat: wyoming.AudioFormat{Rate: hearkeep.SampleRate, Width: 2, Channels: 1}, PCM: pcm}, nil
}

func spoken(t testing.TB) *stream {
	t.Helper()
	clip, _, err := sound.Decode(voice(t), sound.Limits{})
	must(t, err)
	return &stream{samples: clip.Samples}
}

func (d *doorway) transcribe(t *testing.T) string {
	t.Helper()
	got, err := dial(t, d.address).Transcribe(t.Context(), wyoming.Transcribe{Language: "en"}, spoken(t))
	must(t, err)
	return got.Text.Plain()
}

func (d *doorway) handle(t *testing.T, text string) wyoming.Answer {
	t.Helper()
	got, err := dial(t, d.address).Handle(t.Context(), wyoming.Transcript{Text: wyoming.NewText(text)})
	must(t, err)
	return got
}

// items waits for the keeps that nobody waits for, and lists.
func (d *doorway) items(t *testing.T, p vaulttest.Person) []vault.Item {
	t.Helper()
	d.ear.Settle()
	items, _, _, err := d.Enter(t, p).List(t.Context(), vault.Cursor{}, 50)
	must(t, err)
	return items
}

// The asr and the handle of one turn, on two connections, are one recording.
func TestOneTurnIsOneRecording(t *testing.T) {
	d := newDoorway(t, "")
	text := d.transcribe(t)
	if text != "set a timer for ten minutes" {
		t.Fatalf("transcript: got %q", text)
	}
	answer := d.handle(t, text)
	if !answer.Done || !strings.HasPrefix(answer.Text.Plain(), "This is Hearkeep.") || !strings.Contains(answer.Text.Plain(), "Ten minutes") {
		t.Errorf("answer: got %v %q, want done, with a new door's notice (V1)", answer.Done, answer.Text.Plain())
	}
	items := d.items(t, d.anna)
	if len(items) != 1 {
		t.Fatalf("kept %d recordings, want 1", len(items))
	}
	it := items[0]
	if !it.HasAudio || it.Words.Reveal() != text || it.Turn.Intent != "HassStartTimer" || it.From != "Kitchen" || it.Source != hearkeep.SourceWyoming {
		t.Errorf("kept: audio %v, words %q, intent %q, from %q", it.HasAudio, it.Words.Reveal(), it.Turn.Intent, it.From)
	}
	var pcm int
	must(t, dial(t, d.address).Synthesize(t.Context(), wyoming.Synthesize{Text: wyoming.NewText("hello")}, func(c wyoming.AudioChunk) error {
		pcm += len(c.PCM)
		return nil
	}))
	if pcm != 1600 {
		t.Errorf("speech: got %d bytes, want the voice's 1600", pcm)
	}
}

func TestTurnHandledElsewhereIsKept(t *testing.T) {
	d := newDoorway(t, "")
	d.transcribe(t)
	d.transcribe(t) // the next utterance ends the wait for the first one's handling
	if items := d.items(t, d.anna); len(items) != 1 || !items[0].HasAudio || !strings.Contains(items[0].Turn.Note, "handled elsewhere") {
		t.Errorf("got %d recordings", len(items))
	}
	d.handle(t, "what time is it") // typed: not the words that were spoken
	items := d.items(t, d.anna)
	if len(items) != 2 || items[0].HasAudio || items[0].Words.Reveal() != "what time is it" {
		t.Errorf("got %d recordings; a typed request keeps its words and no audio", len(items))
	}
}

func TestSilenceIsAnEmptyTranscript(t *testing.T) {
	d := newDoorway(t, "")
	for name, audio := range map[string]*stream{
		"silence": {samples: make([]int16, 2*hearkeep.SampleRate)}, "no audio at all": {},
	} {
		got, err := dial(t, d.address).Transcribe(t.Context(), wyoming.Transcribe{}, audio)
		if err != nil || got.Text.Plain() != "" {
			t.Errorf("%s: got %q, %v", name, got.Text.Plain(), err)
		}
	}
	if n := len(d.items(t, d.anna)); n != 0 {
		t.Errorf("kept %d recordings of silence", n)
	}
}

// One listener is one binding: many people's listeners, all at once, and
// nothing is attributed to another's.
func TestListenersDoNotMix(t *testing.T) {
	d := newDoorway(t, "")
	people := map[string]vaulttest.Person{d.address: d.anna}
	for _, name := range []string{"Bert", "Carl", "Dora"} {
		p := d.Person(t, name)
		address, _ := d.bind(t, p, "")
		people[address] = p
	}
	must(t, d.doors.Refresh(t.Context()))
	var all sync.WaitGroup
	for address := range people {
		for range 5 {
			audio := spoken(t)
			all.Go(func() {
				c, err := wyoming.Dial(t.Context(), "tcp://"+address, wyoming.Deadlines{})
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				if _, err := c.Transcribe(t.Context(), wyoming.Transcribe{}, audio); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	d.doors.ShutAll() // what waits for its handling is kept
	for _, p := range people {
		if n := len(d.items(t, p)); n != 5 {
			t.Errorf("a vault keeps %d recordings, want its own 5", n)
		}
	}
}

// closeDoor unbinds a listener, which keeps what still waits.
func (d *doorway) closeDoor(t *testing.T, p vaulttest.Person, address string) {
	t.Helper()
	bindings, err := p.Room.Bindings(t.Context())
	must(t, err)
	for _, b := range bindings {
		if b.Door.Listen == address {
			must(t, p.Room.Unbind(t.Context(), b.ID))
		}
	}
	must(t, d.doors.Refresh(t.Context()))
	if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
		c.Close()
		t.Error("an unbound door still answers")
	}
}

// A door that is disconnected keeps nothing more: not what waited to be
// handled either.
func TestUnboundDoorKeepsNothingMore(t *testing.T) {
	d := newDoorway(t, "")
	d.transcribe(t)
	d.closeDoor(t, d.anna, d.address)
	if n := len(d.items(t, d.anna)); n != 0 {
		t.Errorf("kept %d recordings after the door was disconnected", n)
	}
}

// other is another Wyoming engine, as faster-whisper would be one.
type other struct {
	hears string
	got   int
	fail  bool
	mu    sync.Mutex
}

func (o *other) Info(context.Context) (wyoming.Info, error) { return wyoming.Info{}, nil }
func (o *other) Transcribe(ctx context.Context, _ wyoming.Transcribe, audio *wyoming.Audio) (wyoming.Transcript, error) {
	for {
		c, err := audio.Next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return wyoming.Transcript{}, err
		}
		o.mu.Lock()
		o.got += len(c.PCM)
		o.mu.Unlock()
		if o.fail {
			return wyoming.Transcript{}, io.ErrUnexpectedEOF
		}
	}
	return wyoming.Transcript{Text: wyoming.NewText(o.hears)}, nil
}
func (o *other) Handle(context.Context, wyoming.Transcript) (wyoming.Answer, error) {
	return wyoming.Answer{}, wyoming.ErrUnsupported
}
func (o *other) Synthesize(context.Context, wyoming.Synthesize, func(wyoming.AudioChunk) error) error {
	return wyoming.ErrUnsupported
}

func (o *other) serve(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- wyoming.Serve(ctx, l, wyoming.Options{Handler: wyoming.Sessions(o, wyoming.Limits{}, nil)})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return l.Addr().String()
}

// The same listener in front of another engine: its transcript is returned
// and kept, and the recording says who made it (V17).
func TestRelay(t *testing.T) {
	engine := &other{hears: "Turn on the kitchen light, please."}
	d := newDoorway(t, engine.serve(t))
	if got := d.transcribe(t); got != engine.hears {
		t.Fatalf("transcript: got %q, want the other engine's", got)
	}
	d.doors.ShutAll()
	items := d.items(t, d.anna)
	if len(items) != 1 || items[0].Words.Reveal() != engine.hears || !items[0].HasAudio {
		t.Fatalf("got %d recordings", len(items))
	}
	if by := processedBy(items[0]); !strings.HasPrefix(by, "Wyoming engine at 127.0.0.1:") {
		t.Errorf("processed by %q", by)
	}
	if want := 2 * len(spoken(t).samples); engine.got != want {
		t.Errorf("the other engine got %d bytes, want all %d", engine.got, want)
	}
}

func TestRelayFallsBack(t *testing.T) {
	for name, relay := range map[string]func(testing.TB) string{
		"nobody there":        free,
		"fails in the middle": func(t testing.TB) string { return (&other{fail: true}).serve(t) },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoorway(t, relay(t))
			if got := d.transcribe(t); got != "set a timer for ten minutes" {
				t.Fatalf("transcript: got %q, want our own engine's", got)
			}
			d.doors.ShutAll()
			items := d.items(t, d.anna)
			if len(items) != 1 || processedBy(items[0]) != "test ears" {
				t.Fatalf("got %d recordings", len(items))
			}
			var noted bool
			for _, s := range items[0].Turn.Stages {
				noted = noted || s.Note == "the other engine did not answer"
			}
			if !noted {
				t.Error("the recording does not say that the other engine did not answer")
			}
		})
	}
}

// processedBy is the engine of the last recognition.
func processedBy(it vault.Item) (by string) {
	for _, s := range it.Turn.Stages {
		if s.Stage == hearkeep.StageRecognise {
			by = s.Engine
		}
	}
	return by
}

func TestAddressThatIsNotFree(t *testing.T) {
	d := newDoorway(t, "")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	id, err := d.anna.Room.Bind(t.Context(), hearkeep.SourceWyoming, vault.Door{Name: "Hall", Listen: taken.Addr().String()}, hearkeep.RoomRule{Keep: hearkeep.KeepAll})
	must(t, err)
	must(t, d.doors.Refresh(t.Context()))
	if why := d.doors.Status()[id]; !strings.Contains(why, "not free") {
		t.Errorf("status: got %q", why)
	}
	if d.transcribe(t) == "" {
		t.Error("the other door does not answer")
	}
}

func TestPausedListener(t *testing.T) {
	d := newDoorway(t, "")
	door := vault.Door{Name: "Kitchen", Listen: d.address}
	must(t, d.anna.Room.Change(t.Context(), d.binding, door, hearkeep.RoomRule{Keep: hearkeep.KeepAll, Paused: true}))
	if _, err := dial(t, d.address).Transcribe(t.Context(), wyoming.Transcribe{}, spoken(t)); err == nil {
		t.Error("a paused door transcribes")
	}
	if _, err := dial(t, d.address).Handle(t.Context(), wyoming.Transcript{Text: wyoming.NewText("what time is it")}); err == nil {
		t.Error("a paused door handles")
	}
	if n := len(d.items(t, d.anna)); n != 0 {
		t.Errorf("a paused door kept %d recordings", n)
	}
}

func TestOnlyTheListMayConnect(t *testing.T) {
	may := hear.MayConnect
	list := []netip.Prefix{netip.MustParsePrefix("192.168.1.20/32"), netip.MustParsePrefix("fd00::/64")}
	for addr, want := range map[string]bool{
		"127.0.0.1:5": true, "[::1]:5": true, "192.168.1.20:5": true, "[::ffff:192.168.1.20]:5": true, "[fd00::7]:5": true,
		"192.168.1.21:5": false, "10.0.0.1:5": false, "[fd01::7]:5": false,
	} {
		if got := may(list, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr))); got != want {
			t.Errorf("%s: got %v, want %v", addr, got, want)
		}
	}
}

// A transcript comes when the speech has ended, though the audio goes on: Home
// Assistant takes an early transcript as the end of the turn.
func TestTranscriptIsEarly(t *testing.T) {
	d := newDoorway(t, "")
	audio := spoken(t)
	speech := len(audio.samples)
	audio.samples = append(audio.samples, make([]int16, 60*hearkeep.SampleRate)...)
	counted := &counting{stream: audio}
	got, err := dial(t, d.address).Transcribe(t.Context(), wyoming.Transcribe{}, counted)
	must(t, err)
	if got.Text.Plain() != "set a timer for ten minutes" || counted.sent > speech+30*hearkeep.SampleRate {
		t.Errorf("got %q after %d of %d samples, want it before the minute of silence was sent", got.Text.Plain(), counted.sent, speech+60*hearkeep.SampleRate)
	}
}

// counting sends at most ten times as fast as it is spoken, as a peer does
// that has a microphone.
type counting struct {
	*stream
	sent int
}

func (c *counting) Next(ctx context.Context) (wyoming.AudioChunk, error) {
	select {
	case <-ctx.Done():
		return wyoming.AudioChunk{}, ctx.Err()
	case <-time.After(6 * time.Millisecond):
	}
	chunk, err := c.stream.Next(ctx)
	c.sent += len(chunk.PCM) / 2
	return chunk, err
}
