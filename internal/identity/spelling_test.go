package identity

import (
	"strings"
	"testing"
	"time"
)

// A secret with a line break in it is another spelling of the same, and would
// have attempts of its own.
func TestSecretsHaveOneSpelling(t *testing.T) {
	good := strings.Repeat("A", 43)
	if _, ok := decode(good); !ok {
		t.Fatal("the one spelling is refused")
	}
	for _, odd := range []string{good[:5] + "\n" + good[5:], good + "\r\n", "\n" + good, good + "=", " " + good, good[:42] + "B"} {
		if _, ok := decode(odd); ok {
			t.Errorf("%q is taken for the same secret", odd)
		}
	}
}

// Marks that are given anew each time share what a name may be tried.
func TestMarksOfOneNameShareAttempts(t *testing.T) {
	l, now := newLimiter(), time.Now()
	tried := 0
	for mark := range 100 {
		for range 10 {
			if l.take(now, attemptOf("anna", Visitor{Known: string(rune('a' + mark))}, true)) > 0 {
				break
			}
			tried++
		}
	}
	if tried != 50 {
		t.Errorf("got %d attempts with ever new marks, want 50", tried)
	}
	if l.take(now, attemptOf("ben", Visitor{Known: "z"}, true)) > 0 {
		t.Error("another name is delayed by it")
	}
}
