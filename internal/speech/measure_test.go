package speech

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
)

// unseenVoices had no say in the choice of the bounds in verdict.go.
var unseenVoices = []voice{
	{"flite", "kal"}, {"espeak-ng", "en-gb-x-rp"}, {"espeak-ng", "en-us+f1"}, {"espeak-ng", "en-us+m5"},
}

// BenchmarkVerdict measures how often commands are recognised and other
// speech is let through: docs/speech.md has the table and the command. It
// takes minutes.
func BenchmarkVerdict(b *testing.B) {
	clean := func(s []int16, _ int) []int16 { return s }
	noisy := func(ratio float64) func([]int16, int) []int16 {
		return func(s []int16, i int) []int16 { return withNoise(s, ratio, uint64(i)) }
	}
	commands := func(name string, voices []voice, every int, channel func([]int16, int) []int16) {
		b.Run("commands/"+name, func(b *testing.B) {
			e := withGrammar(b, Options{})
			all, right, wrong, refused := 0.0, 0.0, 0.0, 0.0
			for v, voice := range voices {
				for i := v % every; i < len(testCommands); i += every {
					h := recognise(b, e, channel(voice.say(b, testCommands[i]), i))
					all++
					switch same := h.Words.Reveal() == testCommands[i]; {
					case same && !h.Rejected:
						right++
					case same:
						refused++
					case h.Speech && !h.Rejected:
						wrong++
					}
				}
			}
			b.ReportMetric(all, "utterances")
			b.ReportMetric(100*right/all, "%right")
			b.ReportMetric(100*wrong/all, "%other-command")
			b.ReportMetric(100*refused/max(1, right+refused), "%right-but-rejected")
		})
	}
	others := func(name string, sounds func(yield func([]int16) bool)) {
		b.Run("others/"+name, func(b *testing.B) {
			e := withGrammar(b, Options{})
			all, silent, through := 0.0, 0.0, 0.0
			for samples := range sounds {
				h := recognise(b, e, samples)
				all++
				switch {
				case !h.Speech:
					silent++
				case !h.Rejected:
					through++
				}
			}
			b.ReportMetric(all, "utterances")
			b.ReportMetric(100*silent/all, "%no-speech")
			b.ReportMetric(100*through/all, "%through")
		})
	}
	chatter := func(voices []voice) func(func([]int16) bool) {
		return func(yield func([]int16) bool) {
			for _, v := range voices {
				for _, sentence := range testChatter {
					if !yield(v.say(b, sentence)) {
						return
					}
				}
			}
		}
	}
	commands("flite", testVoices[:4], 2, clean)
	commands("espeak-ng", testVoices[4:], 2, clean)
	commands("unseen-voices", unseenVoices, 2, clean)
	commands("noise-20dB", testVoices, 4, noisy(20))
	commands("noise-10dB", testVoices, 4, noisy(10))
	commands("noise-5dB", testVoices, 8, noisy(5))
	others("human", func(yield func([]int16) bool) {
		for _, file := range humans(b) {
			if !yield(load(b, file)) {
				return
			}
		}
	})
	others("chatter", chatter(testVoices))
	others("chatter-unseen-voices", chatter(unseenVoices))
	others("noise-and-beeps", func(yield func([]int16) bool) {
		for _, samples := range noSpeech() {
			if !yield(samples) {
				return
			}
		}
	})
}

// cpu is the processor time this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRecognise gives the processor's seconds for a second of sound, and
// what a worker holds in memory.
func BenchmarkRecognise(b *testing.B) {
	samples := testVoices[0].say(b, "set a timer for ten minutes")
	seconds := float64(len(samples)) / hearkeep.SampleRate
	native := Native{}.withDefaults()
	lib, err := native.openSphinx()
	if err != nil {
		b.Fatal(err)
	}
	dictionary, err := native.pronounce(testGrammar().Words)
	if err != nil {
		b.Fatal(err)
	}
	d, err := newDecoder(lib, native.Model, dictionary, testJSGF)
	if err != nil {
		b.Fatal(err)
	}
	defer d.close()
	b.Run("decoder", func(b *testing.B) {
		before := cpu(b)
		for b.Loop() {
			if v, err := d.recognise(samples); err != nil || v.rejected {
				b.Fatal(v.rejected, err)
			}
		}
		b.ReportMetric((cpu(b)-before).Seconds()/float64(b.N)/seconds, "cpu-s/s")
	})
	b.Run("activity", func(b *testing.B) {
		before := cpu(b)
		for b.Loop() {
			Activity(samples)
		}
		b.ReportMetric((cpu(b)-before).Seconds()/float64(b.N)/seconds, "cpu-s/s")
	})
	b.Run("engine", func(b *testing.B) {
		e := withGrammar(b, Options{})
		for b.Loop() {
			recognise(b, e, samples)
		}
		b.ReportMetric(residentMB(b, workerOf(e.recogniser)), "MB")
	})
}

// BenchmarkSetGrammar is what a timer's new name costs.
func BenchmarkSetGrammar(b *testing.B) {
	e := withGrammar(b, Options{})
	for b.Loop() {
		if err := e.SetGrammar(b.Context(), testGrammar()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSynthesise(b *testing.B) {
	words := hearkeep.NewWords("The timer is set for ten minutes.")
	for _, lang := range []string{"en", "de"} {
		b.Run(lang, func(b *testing.B) {
			e := start(b, Options{})
			for b.Loop() {
				if _, err := e.Synthesise(b.Context(), words, lang); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(residentMB(b, workerOf(e.synthesiser)), "MB")
		})
	}
}

// residentMB is how much memory of its own a process holds.
func residentMB(b *testing.B, pid int) float64 {
	status, err := os.ReadFile(procStatus(pid))
	if err != nil {
		b.Fatal(err)
	}
	return fieldKB(status, "RssAnon:") / 1024
}
