package speech

import (
	"math"
	"math/rand/v2"
	"strings"
)

// Bounds of what counts as a sentence of the grammar, chosen on the recordings
// of docs/speech.md, where a person can see what each costs.
const (
	scoreLeast   = -24.0 // of all words together, per frame
	wordLeast    = -60.0 // of the worst word, per frame
	pauseLongest = 80    // frames between two words
	fillerMost   = 0.40  // share of silence and noise in what was said
	wordsSlowest = 1.4   // words a second of speech
	wordsFastest = 8.0

	scoreNothing = -1000.0 // nothing in the grammar fits at all
)

// verdict is what the recogniser makes of an utterance.
type verdict struct {
	text     string
	score    float64
	rejected bool
}

// recognise finds the sentence of the grammar that fits samples best, and
// judges whether it fits: a second pass finds the best sequence of any sounds
// whatsoever, and where the sentence explains its own words much worse than
// that, something else was said. pocketsphinx's own confidence is no use here:
// it is constant under a grammar.
func (d *decoder) recognise(samples []int16) (verdict, error) {
	if len(samples) < frameLength {
		return verdict{score: scoreNothing, rejected: true}, nil
	}
	samples = dithered(samples)
	if err := d.listen(samples); err != nil {
		return verdict{}, err
	}
	sentence, err := d.pass(searchGrammar, samples)
	if err != nil {
		return verdict{}, err
	}
	words := make([]segment, 0, len(sentence))
	for _, s := range sentence {
		if !s.isFiller() {
			words = append(words, s)
		}
	}
	if len(words) == 0 {
		return verdict{score: scoreNothing, rejected: true}, nil
	}
	sounds, err := d.pass(searchPhones, samples)
	if err != nil {
		return verdict{}, err
	}
	return judge(words, sentence[len(sentence)-1].to+1, sounds), nil
}

// judge weighs words, found in an utterance of some frames, against the sounds
// found in it.
func judge(words []segment, frames int, sounds []segment) verdict {
	best := make([]float64, frames) // acoustic score of each frame in the phone pass
	for _, s := range sounds {
		for i := s.from; i <= s.to && i < frames; i++ {
			best[i] = float64(s.acoustic) / float64(s.to-s.from+1)
		}
	}
	var (
		v           verdict
		text        []string
		total       float64
		spoken      int
		worst       = 0.0
		pause, last = 0, words[0].from
	)
	for _, w := range words {
		name, _, _ := strings.Cut(w.word, "(") // a(2) is the second pronunciation of a
		text = append(text, name)
		n := max(1, w.to-w.from+1)
		excess := float64(w.acoustic)
		for i := w.from; i <= w.to && i < frames; i++ {
			excess -= best[i]
		}
		total += excess
		spoken += n
		worst = min(worst, excess/float64(n))
		pause = max(pause, w.from-last)
		last = w.to + 1
	}
	v.text = strings.Join(text, " ")
	v.score = min(0, total/float64(spoken))
	rate := float64(len(words)) * 100 / float64(spoken)
	filler := 1 - float64(spoken)/float64(frames)
	v.rejected = v.score < scoreLeast || worst < wordLeast || pause > pauseLongest ||
		filler > fillerMost || rate < wordsSlowest || rate > wordsFastest
	return v
}

// isFiller reports whether s is silence or noise rather than a word.
func (s segment) isFiller() bool { return s.word == "" || strings.ContainsAny(s.word[:1], "<[+") }

// Noise added before recognition: its level against that of the speech, and
// at least, in units of a sample.
const (
	ditherShare = 0.03 // 30 dB below
	ditherLeast = 8.0
)

// dithered adds a little noise, the same to the same sound. The model comes of
// rooms and has never heard silence between formants, let alone digital
// silence: without noise, a third of clean synthetic speech fits no sentence.
func dithered(samples []int16) []int16 {
	var power float64
	for _, s := range samples {
		power += float64(s) * float64(s)
	}
	level := max(ditherLeast, ditherShare*math.Sqrt(power/float64(len(samples))))
	noise := rand.New(rand.NewPCG(1, 1))
	out := make([]int16, len(samples))
	for i, s := range samples {
		out[i] = int16(max(-32768, min(32767, float64(s)+level*noise.NormFloat64())))
	}
	return out
}
