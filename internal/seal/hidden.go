package seal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// hidden gives the types that embed it a form that shows nothing under any
// verb, in any log and to any marshaller. Their secrets stand behind pointers
// as well, because fmt does not call methods on unexported fields.
type hidden struct{}

const redacted = "[key]"

// String returns [key].
func (hidden) String() string { return redacted }

// GoString returns [key].
func (hidden) GoString() string { return redacted }

// Format writes [key] under every verb.
func (hidden) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// LogValue keeps keys out of structured logs.
func (hidden) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText refuses: a key leaves this package wrapped or not at all.
func (hidden) MarshalText() ([]byte, error) {
	return nil, errors.New("seal: keys are not marshalled")
}

// key is 32 secret bytes. A nil *key is the zero value of what holds it.
type key [keySize]byte

func newKey() *key {
	var k key
	rand.Read(k[:]) // never fails: crypto/rand aborts the program instead
	return &k
}
