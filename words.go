package hearkeep

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Words is text that was spoken, or that tells what was: a transcript, an
// answer, the name of a timer. It prints as [words] under every verb and in
// every log; Reveal is the one way to the text, so that a search for Reveal
// finds all places where speech becomes readable.
//
// The text stands behind a pointer because a plain string in an unexported
// field still leaks through %v of a struct that holds it. The zero value has
// no text.
type Words struct{ text *string }

// redacted is what every rendering of Words shows.
const redacted = "[words]"

// NewWords takes text into keeping.
func NewWords(text string) Words { return Words{&text} }

// Reveal returns the text.
func (w Words) Reveal() string {
	if w.text == nil {
		return ""
	}
	return *w.text
}

// IsEmpty reports whether there is nothing but white space.
func (w Words) IsEmpty() bool { return strings.TrimSpace(w.Reveal()) == "" }

// Equal compares the texts.
func (w Words) Equal(o Words) bool { return w.Reveal() == o.Reveal() }

// String returns [words].
func (w Words) String() string { return redacted }

// GoString returns [words].
func (w Words) GoString() string { return redacted }

// Format writes [words] under every verb.
func (w Words) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// LogValue keeps speech out of structured logs.
func (w Words) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText refuses: what may be written out is written with Reveal, by name.
func (w Words) MarshalText() ([]byte, error) {
	return nil, errors.New("hearkeep: words are not marshalled; use Reveal where speech may leave")
}
