package speech

import (
	"math"
	"slices"

	"github.com/hearkeep/hearkeep"
)

// Frames of the voice activity gate, in samples.
const (
	frameStep   = hearkeep.SampleRate / 100     // 10 ms
	frameLength = hearkeep.SampleRate * 4 / 100 // 40 ms: two periods of a low voice

	activeOver  = 9.0   // dB over the noise floor make a frame active
	floorLowest = -66.0 // dB of full scale: no floor is taken to be lower
	quietest    = -54.0 // dB of full scale: nothing below is speech
	tonalBelow  = 1e-4  // what four coefficients leave of a tone's energy; of voices, more
	voicedAbove = 0.45  // correlation with itself a pitch period later; of hiss, less
	voicedLeast = 7     // frames of voice, one after the other, in anything said; an edge of a beep is in 4
	pitchDrift  = 0.2   // by which share pitch changes from a frame to the next, at most
	gapLongest  = 80    // frames within which a pause does not end the speech
	margin      = 20    // frames kept before and after
)

// Activity says whether there is speech in 16 kHz mono samples and, if so,
// from which sample to which (end not included), with a short margin.
//
// It looks at energy against the noise floor, and asks of what stands out
// that some of it be voiced: periodic at the pitch of a voice, and not a tone.
// Silence, steady noise, beeps and dialling tones are not speech to it. A
// whisper is not either; music is. It keeps no state and may be called
// concurrently.
func Activity(samples []int16) (begin, end int, speech bool) {
	n := (len(samples)-frameLength)/frameStep + 1
	if n < voicedLeast {
		return 0, 0, false
	}
	level := make([]float64, n)
	for i := range level {
		level[i] = frameLevel(samples[i*frameStep:][:frameLength])
	}
	floor := max(percentile(level, 0.1), floorLowest)
	// Where speech fills a recording, the floor found is speech itself: never
	// ask for more than most of the way to the loudest.
	over := min(floor+activeOver, percentile(level, 0.95)-activeOver/2)
	over = max(over, quietest)

	first, last := -1, -1 // active frames of the stretch at hand
	run, longest := 0, 0  // voiced frames on end in it: now, and at most
	pitch := 0            // of the frame before; 0 is none
	from, to := -1, -1    // frames found to be speech
	settle := func() {
		if longest >= voicedLeast {
			if from < 0 {
				from = first
			}
			to = last
		}
		first, last, run, longest, pitch = -1, -1, 0, 0, 0
	}
	for i, l := range level {
		if l < over {
			run, pitch = 0, 0
			continue
		}
		if first >= 0 && i-last > gapLongest {
			settle()
		}
		if first < 0 {
			first = i
		}
		last = i
		before := pitch
		if pitch = pitchOf(samples[i*frameStep:][:frameLength]); pitch == 0 {
			run = 0
			continue
		}
		if before != 0 && math.Abs(float64(pitch-before)) > pitchDrift*float64(before) {
			run = 0
		}
		run++
		longest = max(longest, run)
	}
	settle()
	if from < 0 {
		return 0, 0, false
	}
	begin = max(0, from-margin) * frameStep
	end = min(len(samples), (to+margin)*frameStep+frameLength)
	return begin, end, true
}

// frameLevel is a frame's energy in dB of full scale, its offset taken out.
func frameLevel(frame []int16) float64 {
	var sum, squares float64
	for _, s := range frame {
		sum += float64(s)
		squares += float64(s) * float64(s)
	}
	n := float64(len(frame))
	power := (squares - sum*sum/n) / n
	return 10 * math.Log10(power/(32768*32768)+1e-12)
}

// pitchOf is the period, in samples at 4 kHz, at which a frame repeats as a
// voice does, 60 to 400 Hz, without being one or two pure tones; 0 where it
// does not.
func pitchOf(frame []int16) int {
	const (
		decimate = 4
		shortest = hearkeep.SampleRate / decimate / 400
		longest  = hearkeep.SampleRate / decimate / 60
	)
	// The difference takes out the slope of a voice's spectrum, and of a
	// room's noise, which would correlate with itself.
	var x [frameLength/decimate - 1]float64
	for i := range x {
		for k, s := range frame[(i+1)*decimate:][:decimate] {
			x[i] += float64(s) - float64(frame[i*decimate+k])
		}
	}
	best, period := voicedAbove, 0
	still := x[longest:]
	var a float64
	for _, v := range still {
		a += v * v
	}
	for lag := shortest; lag <= longest; lag++ {
		var dot, b float64
		for i, v := range x[longest-lag:][:len(still)] {
			dot += still[i] * v
			b += v * v
		}
		if c := dot / math.Sqrt(a*b+1); c > best {
			best, period = c, lag
		}
	}
	if period == 0 || residual(frame) < tonalBelow {
		return 0
	}
	return period
}

// residual is the share of a frame's energy that prediction from the four
// samples before does not explain (Levinson and Durbin, windowed). Four
// coefficients explain two sinusoids wholly, and no voice.
func residual(frame []int16) float64 {
	const order = 4
	var r [order + 1]float64
	x := make([]float64, len(frame))
	for i, s := range frame {
		x[i] = float64(s) * (0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(len(frame))))
	}
	for lag := range r {
		for i := lag; i < len(x); i++ {
			r[lag] += x[i] * x[i-lag]
		}
	}
	if r[0] == 0 {
		return 1
	}
	var a [order + 1]float64
	left := r[0]
	for i := 1; i <= order; i++ {
		k := r[i]
		for j := 1; j < i; j++ {
			k -= a[j] * r[i-j]
		}
		k /= left
		next := a
		next[i] = k
		for j := 1; j < i; j++ {
			next[j] = a[j] - k*a[i-j]
		}
		a = next
		if left *= 1 - k*k; left <= 0 {
			return 0
		}
	}
	return left / r[0]
}

// percentile is the value below which a share of v lies.
func percentile(v []float64, share float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[int(share*float64(len(s)-1))]
}
