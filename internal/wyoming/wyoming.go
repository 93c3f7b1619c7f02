// Package wyoming speaks the Wyoming protocol, and nothing else: events in,
// events out. It has the codec, a server of connections, the session of a
// service that recognises, handles and speaks (Service), and a client.
//
// It promises a cap on every length and a deadline on every read and write;
// that a connection which waits costs a few kilobytes, and one that is slow,
// broken or malicious costs the others nothing; and that an utterance is told
// from the next, so that no answer is given to another's question. It keeps no
// audio and no words: what arrives is handed on, or dropped.
//
// It refuses to say who speaks. A request to recognise carries no person and
// no device, so one listener is one binding (whoever calls Serve knows which),
// and timestamps, which satellites send in units of their own, are not read.
//
// The protocol has no authentication and no encryption. Both are the
// listener's: loopback, an allow-list, or TLS with client certificates.
package wyoming

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"unicode/utf8"
)

// ErrMalformed is a peer that does not speak the protocol, or goes over its
// limits. Nothing after it on the same stream can be trusted.
var ErrMalformed = errors.New("not a well-formed event")

// Event is one event on the stream. Its Format says type and sizes only: data
// and payload may be speech.
type Event struct {
	Type    string
	Data    json.RawMessage // a JSON object; nil for none
	Payload []byte          // PCM of an audio-chunk; nil for none
}

// Format writes the type and how many bytes there are, under every verb.
func (e Event) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%q event (%d bytes of data, %d of payload)", cut(e.Type), len(e.Data), len(e.Payload))
}

// cut shortens what a peer chose, for a log.
func cut(s string) string {
	const most = 32
	if len(s) <= most {
		return s
	}
	n := most
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// Text is what was or is to be said. Like hearkeep.Words it prints as [words]
// under every verb and in every log; Plain is the one way to the text. Unlike
// Words it goes onto the wire, which is what this room is for. The zero value
// is an absent text, which is not an empty one.
type Text struct{ text *string }

// NewText takes a text for the wire.
func NewText(s string) Text { return Text{&s} }

// Plain returns the text, empty where it is absent.
func (t Text) Plain() string {
	if t.text == nil {
		return ""
	}
	return *t.text
}

// IsZero reports whether the text is absent.
func (t Text) IsZero() bool { return t.text == nil }

// Equal compares the texts; an absent one equals an absent one only.
func (t Text) Equal(o Text) bool { return t.IsZero() == o.IsZero() && t.Plain() == o.Plain() }

// Format writes [words] under every verb.
func (t Text) Format(f fmt.State, _ rune) { io.WriteString(f, "[words]") }

// LogValue keeps speech out of structured logs.
func (t Text) LogValue() slog.Value { return slog.StringValue("[words]") }

// MarshalJSON writes the text as a JSON string, null where it is absent.
func (t Text) MarshalJSON() ([]byte, error) { return json.Marshal(t.text) }

// UnmarshalJSON reads a JSON string; null is an absent text.
func (t *Text) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &t.text) }

// Conversation is what Home Assistant puts into the context of a request to
// handle: the only identifiers that the protocol knows, none of them of a
// person. They say which device spoke to Home Assistant, not which binding it
// is here.
type Conversation struct {
	ConversationID string `json:"conversation_id"`
	DeviceID       string `json:"device_id"`
	SatelliteID    string `json:"satellite_id"`
}

// ConversationOf reads a context. One that is absent or different gives the
// zero value: a context is the peer's own and may hold anything.
func ConversationOf(context json.RawMessage) Conversation {
	var c Conversation
	if json.Unmarshal(context, &c) != nil {
		return Conversation{}
	}
	return c
}
