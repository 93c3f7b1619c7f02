package speech

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

func voiceActivity(t testing.TB) *VoiceActivity {
	t.Helper()
	v, err := NewVoiceActivity()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// probabilities is what the network makes of each whole frame.
func (v *VoiceActivity) probabilities(samples []int16) (all []float64) {
	var l listener
	for ; len(samples) >= sileroFrame; samples = samples[sileroFrame:] {
		all = append(all, float64(l.hear(v, (*[sileroFrame]int16)(samples))))
	}
	return all
}

func TestSileroModelIsAsPublished(t *testing.T) {
	const want = "2623a2953f6ff3d2c1e61740c6cdb7168133479b267dfef114a4a3cc5bdd788f"
	if got := fmt.Sprintf("%x", sha256.Sum256(sileroModel)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The references name a recording, its samples' sum, and what ONNX Runtime
// makes of them (testdata/silero/reference.mjs).
func TestSileroGivesWhatONNXRuntimeGives(t *testing.T) {
	v := voiceActivity(t)
	files, err := filepath.Glob("testdata/silero/*.txt")
	if err != nil || len(files) < 6 {
		t.Fatalf("got references %v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Fields(string(text))
		recording, sum, reference := lines[1], lines[4], lines[5:]
		samples := load(t, filepath.Join("/usr/share", recording))
		var pcm bytes.Buffer
		if err := binary.Write(&pcm, binary.LittleEndian, samples); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(pcm.Bytes())); got != sum {
			t.Fatalf("%s: got samples %s, want those of the reference, %s", recording, got, sum)
		}
		got := v.probabilities(samples)
		if len(got) != len(reference) {
			t.Fatalf("%s: got %d frames, want %d", recording, len(got), len(reference))
		}
		largest := 0.0
		for i, line := range reference {
			want, err := strconv.ParseFloat(line, 64)
			if err != nil {
				t.Fatal(err)
			}
			largest = max(largest, math.Abs(got[i]-want))
		}
		t.Logf("%s: %d frames, largest difference %.1e", recording, len(got), largest)
		if !(largest < 1e-4) {
			t.Errorf("%s: got a largest difference of %g, want less than 1e-4", recording, largest)
		}
	}
}

func TestSileroAllocatesNothing(t *testing.T) {
	v := voiceActivity(t)
	var l listener
	var frame [sileroFrame]int16
	if got := testing.AllocsPerRun(10, func() { l.hear(v, &frame) }); got != 0 {
		t.Errorf("got %g allocations a frame, want 0", got)
	}
}

func TestSileroStaysFinite(t *testing.T) {
	v := voiceActivity(t)
	square := make([]int16, 3*16000)
	for i := range square {
		square[i] = math.MaxInt16
		if i/40%2 == 0 {
			square[i] = math.MinInt16
		}
	}
	for _, p := range v.probabilities(append(square, make([]int16, 16000)...)) {
		if !(p >= 0 && p <= 1) {
			t.Fatalf("got probability %g", p)
		}
	}
}

func TestSileroIsUsedConcurrently(t *testing.T) {
	v, sound := voiceActivity(t), load(t, "/usr/share/asterisk/sounds/en_US_f_Allison/vm-deleted.g722")
	begin, end, _ := v.Activity(sound)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if b, e, speech := v.Activity(sound); b != begin || e != end || !speech {
				t.Errorf("got %d to %d, %v, want %d to %d", b, e, speech, begin, end)
			}
		})
	}
	all.Wait()
}

// BenchmarkSilero gives the processor's milliseconds for a second of sound.
func BenchmarkSilero(b *testing.B) {
	v, l := voiceActivity(b), listener{}
	samples := load(b, "/usr/share/asterisk/sounds/en_US_f_Allison/vm-deleted.g722")
	before, at := cpu(b), 0
	b.ReportAllocs()
	for b.Loop() {
		if at+sileroFrame > len(samples) {
			at = 0
		}
		l.hear(v, (*[sileroFrame]int16)(samples[at:]))
		at += sileroFrame
	}
	b.ReportMetric((cpu(b)-before).Seconds()*1000/float64(b.N)/(sileroFrame/16000.0), "cpu-ms/s")
}

func BenchmarkNewVoiceActivity(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		voiceActivity(b)
	}
}
