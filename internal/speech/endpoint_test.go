package speech

import (
	"math"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
)

// The sound of these measurements: a recording of a person, cut to its speech,
// between silence, with pink noise over all of it.
const (
	silenceBefore = hearkeep.SampleRate
	silenceAfter  = 2 * hearkeep.SampleRate
)

// cutToSpeech takes from a clean recording what is before and after its
// speech: frames of 10 ms more than 30 dB below its loud ones, which are its
// 95th percentile.
func cutToSpeech(clean []int16) []int16 {
	const frame = hearkeep.SampleRate / 100
	var level []float64
	for i := 0; i+frame <= len(clean); i += frame {
		level = append(level, frameLevel(clean[i:i+frame]))
	}
	if len(level) == 0 {
		return nil
	}
	least := percentile(level, 0.95) - 30
	loud := func(l float64) bool { return l > least }
	first := slices.IndexFunc(level, loud)
	last := len(level) - 1
	for !loud(level[last]) {
		last--
	}
	return clean[first*frame : (last+1)*frame]
}

// between puts speech between silence, under noise at a ratio in dB to the
// speech.
func between(said []int16, ratio float64, seed uint64) []int16 {
	var power float64
	for _, s := range said {
		power += float64(s) * float64(s) / float64(len(said))
	}
	gain := math.Sqrt(power / math.Pow(10, ratio/10))
	noise := pink(silenceBefore+len(said)+silenceAfter, seed)
	out := make([]int16, len(noise))
	for i := range out {
		x := gain * noise[i]
		if at := i - silenceBefore; at >= 0 && at < len(said) {
			x += float64(said[at])
		}
		out[i] = int16(max(-32768, min(32767, math.Round(x))))
	}
	return out
}

// found is what a way of finding speech made of many sounds. Times in ms.
type found struct {
	all, missed, early int
	begins, ends       []float64 // later than the truth
	off                []float64 // an end, either way
	known              []float64 // later than the true end
}

// add counts one sound, whose speech is of a length, found from begin to end,
// without margins. Cut early is speech that ends 300 ms too soon.
func (f *found) add(speech bool, begin, end, length int) {
	f.all++
	if !speech {
		f.missed++
		return
	}
	late := inMS(end - silenceBefore - length)
	if late < -300 {
		f.early++
		return
	}
	f.begins = append(f.begins, inMS(begin-silenceBefore))
	f.ends = append(f.ends, late)
	f.off = append(f.off, math.Abs(late))
}

func inMS(samples int) float64 { return float64(samples) * 1000 / hearkeep.SampleRate }

// rolled is how much is kept before and after speech, by Endpointer and
// Activity alike.
const rolled = hearkeep.SampleRate / 5

// feed gives an Endpointer the chunks of 20 ms that a satellite sends, until
// something final happens, and says after how many samples that was.
func feed(e *Endpointer, sound []int16) (last Endpoint, known int) {
	for last.Event < EndpointEnded && known < len(sound) {
		chunk := sound[known:min(len(sound), known+320)]
		known += len(chunk)
		last = e.Feed(chunk)
	}
	return e.Finish(), known
}

// stream counts what an Endpointer makes of a sound.
func (f *found) stream(v *VoiceActivity, sound []int16, length int) {
	got, known := feed(NewEndpointer(v, EndpointOptions{MaxSpeech: time.Hour}), sound)
	f.add(got.Event == EndpointEnded, got.Begin+rolled, got.End-rolled, length)
	f.known = append(f.known, inMS(known-silenceBefore-length))
}

func (f *found) whole(activity func([]int16) (int, int, bool), sound []int16, length int) {
	begin, end, speech := activity(sound)
	f.add(speech, begin+rolled, end-rolled, length)
}

// speakers lists recordings of people, without those of monkeys and of the
// tone of a conference.
func speakers(t testing.TB) []string {
	return slices.DeleteFunc(humans(t), func(file string) bool {
		name := filepath.Base(file)
		return name == "tt-monkeys.g722" || name == "confbridge-join.g722" || name == "confbridge-leave.g722"
	})
}

func TestEndpointerFindsPeople(t *testing.T) {
	v := voiceActivity(t)
	files := speakers(t)
	var f found
	for i := 0; i < len(files); i += len(files) / 20 {
		said := cutToSpeech(load(t, files[i]))
		f.stream(v, between(said, 15, uint64(i)), len(said))
	}
	off, known := percentile(f.off, 0.5), percentile(f.known, 0.5)
	t.Logf("%d sounds, %d missed, %d cut early, end off by %.0f ms (median), known after %.0f ms", f.all, f.missed, f.early, off, known)
	if f.all < 20 || f.missed > 0 || f.early > 1 || off > 100 || known > 1000 {
		t.Errorf("got %+v", f)
	}
}

func TestEndpointerEvents(t *testing.T) {
	v := voiceActivity(t)
	said := cutToSpeech(load(t, "/usr/share/asterisk/sounds/en_US_f_Allison/vm-deleted.g722"))
	silence := func(d time.Duration) []int16 { return make([]int16, inSamples(d)) }
	second := silence(time.Second)
	at := func(event EndpointEvent, begin, end int) Endpoint { return Endpoint{event, begin, end} }
	ends := len(second) + len(said)
	const ms = hearkeep.SampleRate / 1000
	for name, c := range map[string]struct {
		options EndpointOptions
		sound   []int16
		want    Endpoint
		known   int // at most; 0 is when the sound ends
	}{
		"an utterance":              {EndpointOptions{}, slices.Concat(second, said, second, second), at(EndpointEnded, len(second)-rolled, ends+rolled), ends + 900*ms},
		"a longer trailing silence": {EndpointOptions{Trailing: 2 * time.Second}, slices.Concat(second, said, second, second, second), at(EndpointEnded, len(second)-rolled, ends+rolled), ends + 2200*ms},
		"two, a short pause apart":  {EndpointOptions{}, slices.Concat(second, said, silence(400*time.Millisecond), said, second), at(EndpointEnded, len(second)-rolled, ends+len(said)+400*ms+rolled), 0},
		"two, a long pause apart":   {EndpointOptions{}, slices.Concat(second, said, second, said), at(EndpointEnded, len(second)-rolled, ends+rolled), ends + 900*ms},
		"from the first sample":     {EndpointOptions{}, slices.Concat(said, second), at(EndpointEnded, 0, len(said)+rolled), len(said) + 900*ms},
		"no roll":                   {EndpointOptions{PreRoll: 1, PostRoll: 1}, slices.Concat(second, said, second), at(EndpointEnded, len(second), ends), 0},
		"the sound ends in it":      {EndpointOptions{}, slices.Concat(second, said[:len(said)/2]), at(EndpointEnded, len(second)-rolled, len(second)+len(said)/2), 0},
		"too long":                  {EndpointOptions{MaxSpeech: time.Second}, slices.Concat(second, said, said, said), at(EndpointTooLong, len(second)-rolled, len(second)-rolled+1000*ms), 2000*ms + sileroFrame + 320},
		"nobody in time":            {EndpointOptions{MaxWait: time.Second}, slices.Concat(second, second, said), at(EndpointNothing, 0, 0), 1000*ms + sileroFrame + 320},
		"just in time":              {EndpointOptions{MaxWait: 1200 * time.Millisecond}, slices.Concat(second, said, second), at(EndpointEnded, len(second)-rolled, ends+rolled), 0},
		"silence to the end":        {EndpointOptions{}, second, at(EndpointNothing, 0, 0), 0},
		"no sound":                  {EndpointOptions{}, nil, at(EndpointNothing, 0, 0), 0},
		"less speech than believed": {EndpointOptions{MinSpeech: 5 * time.Second}, slices.Concat(second, said, second), at(EndpointNothing, 0, 0), 0},
	} {
		got, known := feed(NewEndpointer(v, c.options), c.sound)
		near := func(a, b int) bool { return max(a-b, b-a) <= 120*ms }
		if got.Event != c.want.Event || !near(got.Begin, c.want.Begin) || !near(got.End, c.want.End) {
			t.Errorf("%s: got %+v, want about %+v", name, got, c.want)
		}
		if c.known > 0 && known > c.known {
			t.Errorf("%s: known after %d samples, want at most %d", name, known, c.known)
		}
		if got.End > len(c.sound) || got.End-got.Begin > inSamples(c.options.withDefaults().MaxSpeech) {
			t.Errorf("%s: got %+v of %d samples, over a limit", name, got, len(c.sound))
		}
	}
}

func TestEndpointerTellsOnce(t *testing.T) {
	said := cutToSpeech(load(t, "/usr/share/asterisk/sounds/en_US_f_Allison/vm-deleted.g722"))
	sound := slices.Concat(make([]int16, silenceBefore), said, make([]int16, silenceAfter))
	e := NewEndpointer(voiceActivity(t), EndpointOptions{})
	var events []EndpointEvent
	var ended Endpoint
	for at := 0; at < len(sound) && ended.Event != EndpointEnded; at += 100 {
		ended = e.Feed(sound[at:min(len(sound), at+100)])
		if ended.Event != EndpointNone {
			events = append(events, ended.Event)
		} else if ended != (Endpoint{}) {
			t.Fatalf("got %+v with no event", ended)
		}
	}
	if want := []EndpointEvent{EndpointBegan, EndpointEnded}; !slices.Equal(events, want) {
		t.Errorf("got events %v, want %v", events, want)
	}
	for range 3 { // and then it listens no more
		if got := e.Feed(sound); got != ended {
			t.Errorf("fed after the end: got %+v, want %+v", got, ended)
		}
	}
	if got := e.Finish(); got != ended {
		t.Errorf("finished after the end: got %+v, want %+v", got, ended)
	}
}

// However sound is cut into chunks, the endpoint is the same.
func TestEndpointerInAnyChunks(t *testing.T) {
	v := voiceActivity(t)
	said := cutToSpeech(load(t, "/usr/share/asterisk/sounds/en_US_f_Allison/vm-deleted.g722"))
	sound := between(said, 15, 1)[silenceBefore/2:]
	want := NewEndpointer(v, EndpointOptions{}).Feed(sound)
	if want.Event != EndpointEnded {
		t.Fatalf("got %+v", want)
	}
	for _, size := range []int{1, 160, 511, 512, 513, 16000} {
		e := NewEndpointer(v, EndpointOptions{})
		for chunk := range slices.Chunk(sound, size) {
			e.Feed(chunk)
		}
		if got := e.Finish(); got != want {
			t.Errorf("in chunks of %d: got %+v, want %+v", size, got, want)
		}
	}
}

func TestEndpointerAllocatesNothing(t *testing.T) {
	e, sound := NewEndpointer(voiceActivity(t), EndpointOptions{MaxWait: time.Hour}), make([]int16, 2*sileroFrame)
	if got := testing.AllocsPerRun(10, func() { e.Feed(sound) }); got != 0 {
		t.Errorf("got %g allocations, want 0", got)
	}
}

func TestVoiceActivityFindsNoSpeech(t *testing.T) {
	v := voiceActivity(t)
	for name, sound := range noSpeech() {
		if begin, end, speech := v.Activity(sound); speech {
			t.Errorf("%s: got speech from %d to %d, want none", name, begin, end)
		}
		if got, _ := feed(NewEndpointer(v, EndpointOptions{}), sound); got.Event != EndpointNothing {
			t.Errorf("%s: got %+v, want nothing", name, got)
		}
	}
	for n := 0; n < 2000; n += 37 { // of any length, and none
		v.Activity(make([]int16, n))
	}
}

// Activity spans everything said, whatever the pauses.
func TestVoiceActivitySpansPauses(t *testing.T) {
	v := voiceActivity(t)
	said := cutToSpeech(load(t, "/usr/share/asterisk/sounds/en_US_f_Allison/vm-deleted.g722"))
	pause := make([]int16, 3*hearkeep.SampleRate)
	sound := slices.Concat(pause, said, pause, said, pause)
	begin, end, speech := v.Activity(sound)
	first, last := len(pause)-rolled, 2*len(pause)+2*len(said)+rolled
	if !speech || math.Abs(inMS(begin-first)) > 120 || math.Abs(inMS(end-last)) > 120 {
		t.Errorf("got %d to %d, %v, want about %d to %d", begin, end, speech, first, last)
	}
	if begin, end, speech := v.Activity(said); !speech || begin < 0 || end > len(said) {
		t.Errorf("without silence around: got %d to %d of %d, %v", begin, end, len(said), speech)
	}
}

func TestStretch(t *testing.T) {
	for name, c := range map[string]struct {
		probabilities []float32
		ended         int // after which frame; -1 is never
		first, last   int
	}{
		"nothing":                       {[]float32{0, .1, .4, .49, .2, 0, 0, 0, 0}, -1, 0, 0},
		"speech":                        {[]float32{0, .9, .9, .9, 0, 0, 0, 0}, 6, 1, 3},
		"too short":                     {[]float32{0, .9, .9, 0, 0, 0, 0, 0}, -1, 0, 0},
		"short and short":               {[]float32{.9, .9, 0, .9, .9, 0, 0, 0, 0}, -1, 0, 0},
		"a short one belongs to it":     {[]float32{.9, 0, 0, .9, .9, .9, 0, 0, 0}, 8, 0, 5},
		"a short one long before":       {[]float32{.9, 0, 0, 0, .9, .9, .9, 0, 0, 0}, 9, 4, 6},
		"goes on below the threshold":   {[]float32{.6, .4, .36, .4, 0, 0, 0}, 6, 0, 3},
		"does not begin below it":       {[]float32{.4, .4, .4, .4, 0, 0, 0}, -1, 0, 0},
		"nor begin again after a pause": {[]float32{.9, .9, .9, .1, .4, .4, .4}, 5, 0, 2},
		"has not ended":                 {[]float32{.9, .9, .9, 0, 0}, -1, 0, 0},
	} {
		s, ended := stretch{threshold: 0.5, least: 3, pause: 3}, -1
		for i, p := range c.probabilities {
			if s.next(p) {
				ended = i
				break
			}
		}
		if ended != c.ended || ended >= 0 && (s.first != c.first || s.last != c.last) {
			t.Errorf("%s: got an end at %d, of %d to %d, want at %d, of %d to %d", name, ended, s.first, s.last, c.ended, c.first, c.last)
		}
	}
}

// BenchmarkEndpoint says how well speech of people is found under noise, by
// the network and by the energy gate: docs/endpointing.md has the table and
// the command. It takes minutes.
func BenchmarkEndpoint(b *testing.B) {
	v := voiceActivity(b)
	var all [][]int16
	for _, file := range speakers(b) {
		if said := cutToSpeech(load(b, file)); len(said) >= hearkeep.SampleRate/5 {
			all = append(all, said)
		}
	}
	for _, c := range []struct {
		name         string
		ratio, level float64 // dB; level against that of the recording
		every        int     // which recordings
	}{
		{"40dB", 40, 0, 1}, {"15dB", 15, 0, 1}, {"5dB", 5, 0, 1},
		{"30dB-lower-by-30dB", 30, -30, 8}, {"30dB-lower-by-40dB", 30, -40, 8},
	} {
		var streaming, network, energy found
		for i := 0; i < len(all); i += c.every {
			length := len(all[i])
			sound := between(all[i], c.ratio, uint64(i))
			for j, s := range sound {
				sound[j] = int16(math.Round(float64(s) * math.Pow(10, c.level/20)))
			}
			streaming.stream(v, sound, length)
			network.whole(v.Activity, sound, length)
			energy.whole(Activity, sound, length)
		}
		streaming.report(b, c.name+"/endpointer")
		network.report(b, c.name+"/activity")
		energy.report(b, c.name+"/energy-gate")
	}
	var levels []float64
	for _, said := range all {
		levels = append(levels, frameLevel(said))
	}
	b.Run("recordings", func(b *testing.B) {
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(percentile(levels, 0.5), "dB-of-full-scale")
	})
}

func (f *found) report(b *testing.B, name string) {
	b.Run(name, func(b *testing.B) {
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(f.all), "sounds")
		b.ReportMetric(float64(f.missed), "missed")
		b.ReportMetric(float64(f.early), "cut-early")
		b.ReportMetric(percentile(f.begins, 0.5), "ms-begin-median")
		b.ReportMetric(percentile(f.ends, 0.5), "ms-end-median")
		b.ReportMetric(percentile(f.off, 0.5), "ms-end-off-median")
		b.ReportMetric(percentile(f.off, 0.9), "ms-end-off-p90")
		if f.known != nil {
			b.ReportMetric(percentile(f.known, 0.5), "ms-known-median")
			b.ReportMetric(percentile(f.known, 0.9), "ms-known-p90")
		}
	})
}
