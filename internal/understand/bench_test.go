package understand_test

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/understand"
)

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := understand.English(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGrammar(b *testing.B) {
	s := english(b)
	for b.Loop() {
		s.Grammar()
	}
}

// BenchmarkMatch compares Match with the two ways that need no matcher, on
// the same sentences: a map of expanded sentences (here 100,000 of them, a
// small part of what the templates say) and one regular expression for a
// single template of many.
func BenchmarkMatch(b *testing.B) {
	s := english(b)
	var said []hearkeep.Words
	for _, x := range s.Sample(rand.New(rand.NewPCG(1, 2)), 1000) {
		said = append(said, hearkeep.NewWords(x.Text))
	}
	b.Run("templates", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			s.Match(said[i%len(said)])
		}
	})
	b.Run("chatter", func(b *testing.B) {
		chatter := hearkeep.NewWords("so i told her that the timer on the old oven was broken again")
		for b.Loop() {
			s.Match(chatter)
		}
	})
	b.Run("map", func(b *testing.B) {
		expanded := map[string]string{}
		for _, x := range s.Sample(rand.New(rand.NewPCG(3, 4)), 100_000) {
			expanded[x.Text] = x.Intent
		}
		found := 0
		for i := 0; b.Loop(); i++ {
			if _, ok := expanded[strings.ToLower(said[i%len(said)].Reveal())]; ok {
				found++
			}
		}
		b.ReportMetric(100*float64(found)/float64(b.N), "%found")
		b.ReportMetric(float64(len(expanded)), "sentences")
	})
	b.Run("regexp", func(b *testing.B) {
		re := regexp.MustCompile(`^(?:(?:set|start|create|make|begin) (?:(?:a|an|another|one|the|my) )?)?(?:([a-z]+) )?timer (?:for|of) ([a-z ]+?) (hours?|minutes?|seconds?)$`)
		for i := 0; b.Loop(); i++ {
			re.FindStringSubmatch(said[i%len(said)].Reveal())
		}
	})
}
