package wyoming

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Message is the data of one type of event. Required fields are checked both
// ways; null is as good as absent wherever a field is not required.
type Message interface{ Type() string }

// checker is a Message that can be wrong. The error says what, never with what
// value where that may be speech.
type checker interface{ check() error }

// New makes the event of a message.
func New(m Message) (Event, error) {
	e := Event{Type: m.Type()}
	if c, ok := m.(checker); ok {
		if err := c.check(); err != nil {
			return Event{}, fmt.Errorf("wyoming: make a %s: %w", m.Type(), err)
		}
	}
	data, err := json.Marshal(m)
	if err != nil {
		return Event{}, fmt.Errorf("wyoming: make a %s: %w", m.Type(), err)
	}
	if string(data) != "{}" {
		e.Data = data
	}
	if p, ok := m.(interface{ payload() []byte }); ok {
		e.Payload = p.payload()
	}
	return e, nil
}

// Decode reads the event's data into m, a pointer to the message of its type.
// Unknown fields are ignored; an absent data object is an empty one. What does
// not fit is ErrMalformed.
func (e Event) Decode(m Message) error {
	if e.Type != m.Type() {
		return fmt.Errorf("wyoming: a %s event read as %s", cut(e.Type), m.Type())
	}
	if len(e.Data) > 0 && json.Unmarshal(e.Data, m) != nil {
		return fmt.Errorf("%w: data of %s", ErrMalformed, m.Type())
	}
	if chunk, ok := m.(*AudioChunk); ok {
		chunk.PCM = e.Payload
	}
	if c, ok := m.(checker); ok {
		if err := c.check(); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrMalformed, m.Type(), err)
		}
	}
	return nil
}

// need refuses an absent text.
func need(t Text) error {
	if t.IsZero() {
		return fmt.Errorf("text is missing")
	}
	return nil
}

// Messages without data.
type (
	Describe        struct{} // asks for Info, at any time
	AudioStop       struct{} // ends an utterance or a spoken answer
	TranscriptStop  struct{}
	SynthesizeStop  struct{} // ends a text given in chunks
	SynthesizeEnded struct{} // synthesize-stopped: the answer to it is complete
	HandledStop     struct{}
	NotDetected     struct{}
	Played          struct{} // the speaker is done
	VoiceStarted    struct{}
	VoiceStopped    struct{}
	RunSatellite    struct{}
	PauseSatellite  struct{}
)

func (Describe) Type() string        { return "describe" }
func (AudioStop) Type() string       { return "audio-stop" }
func (TranscriptStop) Type() string  { return "transcript-stop" }
func (SynthesizeStop) Type() string  { return "synthesize-stop" }
func (SynthesizeEnded) Type() string { return "synthesize-stopped" }
func (HandledStop) Type() string     { return "handled-stop" }
func (NotDetected) Type() string     { return "not-detected" }
func (Played) Type() string          { return "played" }
func (VoiceStarted) Type() string    { return "voice-started" }
func (VoiceStopped) Type() string    { return "voice-stopped" }
func (RunSatellite) Type() string    { return "run-satellite" }
func (PauseSatellite) Type() string  { return "pause-satellite" }

// Ping asks for a Pong with the same text.
type Ping struct {
	Text Text `json:"text,omitzero"`
}

// Pong answers a Ping.
type Pong struct {
	Text Text `json:"text,omitzero"`
}

func (Ping) Type() string { return "ping" }
func (Pong) Type() string { return "pong" }

// Failure is an error event: a sentence shown to a person, and a code.
type Failure struct {
	Text Text   `json:"text"`
	Code string `json:"code,omitempty"`
}

func (Failure) Type() string   { return "error" }
func (f Failure) check() error { return need(f.Text) }

// AudioFormat is how PCM is laid out: little-endian, signed (unsigned where
// Width is 1), channels interleaved.
type AudioFormat struct {
	Rate     int `json:"rate"`     // in hertz, 4000 to 192000
	Width    int `json:"width"`    // bytes a sample: 1, 2 or 4
	Channels int `json:"channels"` // 1 to 8
}

// Frame is how many bytes one sample of every channel takes.
func (f AudioFormat) Frame() int { return f.Width * f.Channels }

func (f AudioFormat) check() error {
	if f.Rate < 4000 || f.Rate > 192000 || f.Width != 1 && f.Width != 2 && f.Width != 4 || f.Channels < 1 || f.Channels > 8 {
		return fmt.Errorf("no audio format: %d Hz, %d bytes, %d channels", f.Rate, f.Width, f.Channels)
	}
	return nil
}

// AudioStart opens an utterance or a spoken answer.
type AudioStart struct{ AudioFormat }

// AudioChunk is a piece of one, in a format of its own.
type AudioChunk struct {
	AudioFormat
	PCM []byte `json:"-"` // the event's payload
}

func (AudioStart) Type() string { return "audio-start" }
func (AudioChunk) Type() string { return "audio-chunk" }

func (c AudioChunk) payload() []byte { return c.PCM }

// Format writes how much audio there is, under every verb, and none of it.
func (c AudioChunk) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%d bytes of audio at %d Hz", len(c.PCM), c.Rate)
}

// Transcribe says how the audio that follows is to be recognised.
type Transcribe struct {
	Name           string          `json:"name,omitempty"`     // of a model
	Language       string          `json:"language,omitempty"` // "en"
	Context        json.RawMessage `json:"context,omitempty"`
	VADSensitivity string          `json:"vad_sensitivity,omitempty"` // default, relaxed, aggressive
}

// Transcript answers a Transcribe; sent to a service that handles, it is the
// request.
type Transcript struct {
	Text     Text            `json:"text"`
	Language string          `json:"language,omitempty"`
	Context  json.RawMessage `json:"context,omitempty"`
}

// TranscriptStart opens a transcript that comes in chunks; the whole follows
// as a Transcript before TranscriptStop.
type TranscriptStart struct {
	Language string          `json:"language,omitempty"`
	Context  json.RawMessage `json:"context,omitempty"`
}

// TranscriptChunk is a piece of it.
type TranscriptChunk struct {
	Text Text `json:"text"`
}

func (Transcribe) Type() string        { return "transcribe" }
func (Transcript) Type() string        { return "transcript" }
func (TranscriptStart) Type() string   { return "transcript-start" }
func (TranscriptChunk) Type() string   { return "transcript-chunk" }
func (t Transcript) check() error      { return need(t.Text) }
func (t TranscriptChunk) check() error { return need(t.Text) }

// Voice is who is to speak: by name and speaker, or by language.
type Voice struct {
	Name     string `json:"name,omitempty"`
	Language string `json:"language,omitempty"`
	Speaker  string `json:"speaker,omitempty"`
}

// Synthesize asks for a text to be spoken.
type Synthesize struct {
	Text       Text            `json:"text"`
	Voice      Voice           `json:"voice,omitzero"`
	TextFormat string          `json:"text_format,omitempty"` // text (or empty), ssml
	Context    json.RawMessage `json:"context,omitempty"`
}

// SynthesizeStart opens a text that comes in chunks.
type SynthesizeStart struct {
	Voice      Voice           `json:"voice,omitzero"`
	TextFormat string          `json:"text_format,omitempty"`
	Context    json.RawMessage `json:"context,omitempty"`
}

// SynthesizeChunk is a piece of it.
type SynthesizeChunk struct {
	Text Text `json:"text"`
}

func (Synthesize) Type() string        { return "synthesize" }
func (SynthesizeStart) Type() string   { return "synthesize-start" }
func (SynthesizeChunk) Type() string   { return "synthesize-chunk" }
func (s Synthesize) check() error      { return need(s.Text) }
func (s SynthesizeChunk) check() error { return need(s.Text) }

// Handled says that a request was done, with the answer to speak.
type Handled struct {
	Text    Text            `json:"text,omitzero"`
	Context json.RawMessage `json:"context,omitempty"`
}

// NotHandled says that it was not.
type NotHandled struct {
	Text    Text            `json:"text,omitzero"`
	Context json.RawMessage `json:"context,omitempty"`
}

// HandledStart opens an answer that comes in chunks; the whole follows as a
// Handled before HandledStop.
type HandledStart struct {
	Context json.RawMessage `json:"context,omitempty"`
}

// HandledChunk is a piece of it.
type HandledChunk struct {
	Text Text `json:"text"`
}

func (Handled) Type() string        { return "handled" }
func (NotHandled) Type() string     { return "not-handled" }
func (HandledStart) Type() string   { return "handled-start" }
func (HandledChunk) Type() string   { return "handled-chunk" }
func (h HandledChunk) check() error { return need(h.Text) }

// Recognize asks for the intent of a text.
type Recognize struct {
	Text    Text            `json:"text"`
	Context json.RawMessage `json:"context,omitempty"`
}

// Intent is what a text means.
type Intent struct {
	Name     string          `json:"name"`
	Entities []Entity        `json:"entities,omitempty"`
	Text     Text            `json:"text,omitzero"`
	Context  json.RawMessage `json:"context,omitempty"`
}

// Entity is one named value of an intent: any JSON.
type Entity struct {
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"`
}

// NotRecognized says that a text means nothing known.
type NotRecognized struct {
	Text    Text            `json:"text,omitzero"`
	Context json.RawMessage `json:"context,omitempty"`
}

func (Recognize) Type() string     { return "recognize" }
func (Intent) Type() string        { return "intent" }
func (NotRecognized) Type() string { return "not-recognized" }
func (r Recognize) check() error   { return need(r.Text) }
func (i Intent) check() error {
	if i.Name == "" || slices.ContainsFunc(i.Entities, func(e Entity) bool { return e.Name == "" }) {
		return fmt.Errorf("a name is missing")
	}
	return nil
}
