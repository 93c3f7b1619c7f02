package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// maxDepth bounds how deep what a body holds may lie.
const maxDepth = 8

// ParseBody reads the body of an entry so that whoever checks it reads the
// same (docs/ledger.md): one JSON object, no name twice, and of
// the names that people are told of, the one spelling that the log writes. Other
// names are those of a newer log, and are passed over. It fails with
// ErrMalformed.
func ParseBody(body []byte) (Entry, error) {
	e, err := parseBody(body)
	if err != nil {
		return Entry{}, fmt.Errorf("%w: its body is no entry: %v", ErrMalformed, err)
	}
	return e, nil
}

func parseBody(body []byte) (e Entry, err error) {
	if !utf8.Valid(body) || slices.ContainsFunc(body, func(c byte) bool { return c < ' ' || c == 0x7f }) {
		return e, errors.New("not text")
	}
	if err := once(body); err != nil {
		return e, err
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return e, errors.New("a value of another type")
	}
	if e.Kind == "" || e.At.Location() != time.UTC || !printable(string(e.Kind)+string(e.Role)+e.Session+e.Purpose+e.Filter) {
		return e, errors.New("kind, time or words that no entry has")
	}
	if !e.At.Equal(e.At.Truncate(time.Millisecond)) || !printable(e.Token) || !e.nested() {
		return e, errors.New("times, tokens, keys or runs that no entry has")
	}
	written, err := json.Marshal(e)
	if err != nil {
		return e, err
	}
	var have, want map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(body, &have), json.Unmarshal(written, &want)); err != nil {
		return e, err
	}
	for _, name := range inOneSpelling() {
		if !bytes.Equal(have[name], want[name]) {
			return e, fmt.Errorf("%s is spelled otherwise", name)
		}
	}
	for name := range have {
		if name != strings.ToLower(name) {
			return e, errors.New("a name in capitals")
		}
	}
	return e, nil
}

// inOneSpelling are the names of an entry that people are told of.
func inOneSpelling() []string {
	return []string{"kind", "at", "role", "account", "vault", "binding", "session", "purpose", "filter", "count", "items",
		"receipt", "request", "archive", "report", "incident", "token", "continues", "expired"}
}

// nested says whether what lies in an entry has nothing empty, and runs that
// are some.
func (e *Entry) nested() bool {
	if c := e.Continues; c != nil && (c.Key == "" || !printable(c.Key) || len(c.Checkpoint) == 0) {
		return false
	}
	return !slices.ContainsFunc(e.Expired, func(r Expired) bool {
		raw, err := hex.DecodeString(r.Digest)
		return err != nil || len(raw) != sha256.Size || hex.EncodeToString(raw) != r.Digest || r.From < 0 || r.To < r.From
	})
}

// once says whether data is one JSON object in which no object, at any depth,
// has a name twice, in capitals or not: readers differ in which one they take.
func once(data []byte) error {
	in := json.NewDecoder(bytes.NewReader(data))
	in.UseNumber()
	if len(data) == 0 || data[0] != '{' {
		return errors.New("not an object")
	}
	if err := onceIn(in, maxDepth); err != nil {
		return err
	}
	if in.InputOffset() != int64(len(data)) {
		return errors.New("more than one value")
	}
	return nil
}

func onceIn(in *json.Decoder, depth int) error {
	token, err := in.Token()
	if err != nil {
		return errors.New("not JSON")
	}
	open, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	if depth == 0 {
		return errors.New("too deep")
	}
	seen := make(map[string]bool)
	for in.More() {
		if open == '{' {
			token, err := in.Token()
			name, ok := token.(string)
			if err != nil || !ok || !isName(name) || seen[strings.ToLower(name)] {
				return errors.New("a name that stands twice, or is none")
			}
			seen[strings.ToLower(name)] = true
		}
		if err := onceIn(in, depth-1); err != nil {
			return err
		}
	}
	if _, err := in.Token(); err != nil {
		return errors.New("not JSON")
	}
	return nil
}

// isName says whether s is a name that a body may use: letters, digits, lines.
func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-')
	})
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' })
}
