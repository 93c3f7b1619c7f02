package sound

import (
	"math"

	"github.com/hearkeep/hearkeep"
)

// The filter: a sinc cut off between 90 % and 100 % of the lower of the two
// Nyquist frequencies, under a Kaiser window. Measured in resample_test.go:
// ripple below 0.01 dB up to 90 %, aliases below -80 dB.
const (
	zeroCrossings = 56   // of the sinc, to each side
	kaiserBeta    = 8.5  // about 86 dB of rejection
	cutoff        = 0.95 // the middle of the transition, in Nyquist frequencies
	maxPhases     = 1024 // beyond these, neighbouring phases are interpolated
	manyPhases    = 512  // their number then
)

// Resample converts mono audio of from hertz to hearkeep.SampleRate. The
// result has one sample for each begun sample period and is not delayed. A
// rate outside MinRate to MaxRate gives nil.
func Resample(samples []int16, from int) []int16 {
	if from < MinRate || from > MaxRate {
		return nil
	}
	r := newResampler(from)
	r.expect(int64(len(samples)))
	const block = 4096
	buf := make([]float32, 0, block)
	for len(samples) > 0 {
		n := min(len(samples), block)
		buf = buf[:0]
		for _, s := range samples[:n] {
			buf = append(buf, float32(s))
		}
		r.write(buf)
		samples = samples[n:]
	}
	return r.close()
}

// resampler is a polyphase filter over a stream. Positions are counted in
// integers, so that no length of audio makes it drift.
type resampler struct {
	from   int64
	half   int         // taps to each side of a position
	phases int         // positions between two input samples that have taps of their own
	bank   [][]float32 // phases+1 rows of 2*half taps
	window []float32   // input still needed; window[0] is at position first
	first  int64
	total  int64 // input samples so far
	next   int64 // index of the next output sample
	out    []int16
}

func newResampler(from int) *resampler {
	r := &resampler{from: int64(from)}
	if from == hearkeep.SampleRate {
		return r // samples pass as they are
	}
	r.phases = hearkeep.SampleRate / gcd(from, hearkeep.SampleRate)
	if r.phases > maxPhases {
		r.phases = manyPhases
	}
	band := min(1, float64(hearkeep.SampleRate)/float64(from)) // the lower Nyquist frequency over the input's
	r.half = int(math.Ceil(zeroCrossings / band))
	r.bank = make([][]float32, r.phases+1)
	for p := range r.bank {
		r.bank[p] = taps(r.half, float64(p)/float64(r.phases), band*cutoff)
	}
	r.window = make([]float32, r.half) // silence before the beginning
	r.first = -int64(r.half)
	return r
}

// taps are the filter at a position of frac behind an input sample, normalised
// so that a constant stays what it is.
func taps(half int, frac, cut float64) []float32 {
	row := make([]float64, 2*half)
	sum := 0.0
	for i := range row {
		x := float64(i-half+1) - frac
		row[i] = cut * sinc(cut*x) * kaiser(x/float64(half))
		sum += row[i]
	}
	out := make([]float32, len(row))
	for i, v := range row {
		out[i] = float32(v / sum)
	}
	return out
}

// expect makes room for the output of length input samples. A header's claim
// buys at most a minute of room; what is more must be there.
func (r *resampler) expect(length int64) {
	n := (length*hearkeep.SampleRate + r.from - 1) / r.from
	r.out = make([]int16, 0, min(n, 60*hearkeep.SampleRate))
}

// write takes input in units of a 16-bit sample.
func (r *resampler) write(samples []float32) {
	r.total += int64(len(samples))
	if r.bank == nil {
		for _, v := range samples {
			r.out = append(r.out, round(v))
		}
		return
	}
	r.window = append(r.window, samples...)
	r.run()
}

// close puts silence behind the end and returns the output.
func (r *resampler) close() []int16 {
	if r.bank != nil {
		r.window = append(r.window, make([]float32, r.half+1)...)
		r.run()
	}
	return r.out
}

// run gives out every sample whose taps are covered by the window.
func (r *resampler) run() {
	end := r.first + int64(len(r.window))
	for ; r.next*r.from < r.total*hearkeep.SampleRate; r.next++ {
		at := r.next * r.from / hearkeep.SampleRate
		begin := at - int64(r.half) + 1
		if begin+int64(2*r.half) > end {
			break
		}
		x := r.window[begin-r.first:][:2*r.half]
		frac := int(r.next*r.from%hearkeep.SampleRate) * r.phases
		p, between := frac/hearkeep.SampleRate, frac%hearkeep.SampleRate
		v := dot(x, r.bank[p])
		if between != 0 {
			v += (dot(x, r.bank[p+1]) - v) * float32(between) / hearkeep.SampleRate
		}
		r.out = append(r.out, round(v))
	}
	if done := r.next*r.from/hearkeep.SampleRate - int64(r.half) + 1 - r.first; done > 0 {
		done = min(done, int64(len(r.window)))
		r.window = r.window[:copy(r.window, r.window[done:])]
		r.first += done
	}
}

// dot sums in four lanes, which a processor does at once; len(a) is even.
func dot(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	b = b[:len(a)]
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + s2 + s3
}

// round gives the nearest 16-bit sample, clipped.
func round(v float32) int16 {
	if i := int16(v); float32(i) == v { // it is one, as in all that is 16 kHz already
		return i
	}
	return int16(min(max(math.RoundToEven(float64(v)), math.MinInt16), math.MaxInt16))
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the window at x, which runs from -1 to 1, but for a factor that
// taps normalises away.
func kaiser(x float64) float64 {
	if x < -1 || x > 1 {
		return 0
	}
	return bessel(kaiserBeta * math.Sqrt(1-x*x))
}

// bessel is the modified Bessel function of the first kind, order zero, by its
// power series.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= (x / (2 * k)) * (x / (2 * k))
		sum += term
	}
	return sum
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
