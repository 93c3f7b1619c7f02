package sound

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/hearkeep/hearkeep"
)

// rates are common ones, and ones whose ratio to 16 kHz has no small terms.
var rates = [...]int{4000, 8000, 11025, 22050, 24000, 32000, 44100, 44101, 48000, 96000, 191999, 192000}

// gain measures a sine of hz and of level, 1 being full scale, through a fresh
// copy of r in decibels, leaving out the edges, where the signal begins and ends.
func gain(r resampler, hz, level float64) float64 {
	in := make([]float32, r.from/4)
	for i := range in {
		in[i] = float32(level * 32767 * math.Sin(2*math.Pi*hz*float64(i)/float64(r.from)))
	}
	r.window = slices.Clone(r.window)
	r.write(in)
	out := r.close()
	out = out[len(out)/4 : 3*len(out)/4]
	power := 0.0
	for _, s := range out {
		power += float64(s) * float64(s)
	}
	return 10*math.Log10(power/float64(len(out))+1e-9) - 20*math.Log10(level*32767/math.Sqrt2)
}

// Up to 90 % of the lower Nyquist frequency nothing changes; above it nothing
// comes back as something else. What is to vanish goes in at a thousand times
// full scale, or what is left of it would round to silence.
func TestResampleFilter(t *testing.T) {
	for _, from := range rates {
		t.Run(fmt.Sprint(from), func(t *testing.T) {
			r := newResampler(from)
			nyquist := float64(min(from, hearkeep.SampleRate)) / 2
			ripple := 0.0
			for part := .1; part < .901; part += .1 {
				ripple = max(ripple, math.Abs(gain(*r, part*nyquist, .5)))
			}
			if ripple > .01 {
				t.Errorf("got a passband ripple of %.4f dB, want at most 0.01", ripple)
			}
			worst := math.Inf(-1)
			if from > hearkeep.SampleRate {
				for hz := nyquist + 1; hz < float64(from)/2; hz += (float64(from)/2 - nyquist) / 12.3 {
					worst = max(worst, gain(*r, hz, 1000))
				}
				if worst > -80 {
					t.Errorf("got aliases at %.1f dB, want below -80", worst)
				}
			}
			t.Logf("ripple %.4f dB, aliases %.1f dB", ripple, worst)
		})
	}
}

// Against the sine that should come out: level, frequency, phase and images in one number.
func TestResampleIsExactAndNotDelayed(t *testing.T) {
	for _, from := range rates {
		const hz = 997
		got := Resample(sine(from, hz, .5, from), from)
		if len(got) != hearkeep.SampleRate {
			t.Errorf("%d Hz: got %d samples of a second, want %d", from, len(got), hearkeep.SampleRate)
			continue
		}
		want := sine(len(got), hz, .5, hearkeep.SampleRate)
		if db := snr(want[2000:14000], got[2000:14000]); db < 75 {
			t.Errorf("%d Hz: got %.1f dB, want at least 75", from, db)
		}
	}
}

func TestResampleEdges(t *testing.T) {
	for _, from := range []int{MinRate - 1, MaxRate + 1, 0, -16000} {
		if got := Resample([]int16{1, 2}, from); got != nil {
			t.Errorf("%d Hz: got %v, want nil", from, got)
		}
	}
	same := sine(100, 440, 1, 16000)
	if got := Resample(same, 16000); !slices.Equal(got, same) {
		t.Error("16 kHz did not pass as it was")
	}
	for _, n := range []int{0, 1, 2, 11, 12, 13, 1000} { // one output sample for each begun period
		for _, from := range rates {
			want := (n*hearkeep.SampleRate + from - 1) / from
			if got := len(Resample(make([]int16, n), from)); got != want {
				t.Errorf("%d samples of %d Hz: got %d, want %d", n, from, got, want)
			}
		}
	}
	loud := slices.Repeat([]int16{math.MaxInt16}, 4800) // overshoot at the edges is clipped, not wrapped
	for i, s := range Resample(loud, 48000) {
		if s < 0 && (i == 800 || i == 801) {
			t.Errorf("sample %d wrapped to %d", i, s)
		}
	}
}

// Blocks of any length give what one block gives.
func TestResampleBlocks(t *testing.T) {
	in := make([]float32, 5000)
	for i, s := range sine(len(in), 997, .5, 44100) {
		in[i] = float32(s)
	}
	whole := newResampler(44100)
	whole.write(in)
	want := whole.close()
	for _, size := range []int{1, 7, 441, 4999} {
		r := newResampler(44100)
		for block := range slices.Chunk(in, size) {
			r.write(block)
		}
		if !slices.Equal(r.close(), want) {
			t.Errorf("blocks of %d give other samples", size)
		}
	}
}

func BenchmarkResample(b *testing.B) {
	for _, from := range []int{8000, 22050, 44100, 44101, 48000, 192000} {
		b.Run(fmt.Sprint(from), func(b *testing.B) {
			in := sine(10*from, 440, .5, from)
			for b.Loop() {
				Resample(in, from)
			}
			b.ReportMetric(10*float64(b.N)/b.Elapsed().Seconds(), "audio-s/s")
		})
	}
}
