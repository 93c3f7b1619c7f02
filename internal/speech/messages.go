package speech

import (
	"encoding/binary"

	"github.com/hearkeep/hearkeep"
)

// Types of events. Those of Wyoming mean what they mean there, with a field
// more where our engines know more; grammar is our own.
const (
	typeGrammar    = "grammar"     // payload Grammar as JSON; answered by grammar-set
	typeGrammarSet = "grammar-set" //
	typeTranscribe = "transcribe"  // then audio; answered by transcript
	typeTranscript = "transcript"  // data transcript
	typeSynthesize = "synthesize"  // data synthesize; answered by audio
	typeAudioStart = "audio-start" // data audioFormat
	typeAudioChunk = "audio-chunk" // data audioFormat; payload little-endian 16-bit samples
	typeAudioStop  = "audio-stop"
	typeDescribe   = "describe" // answered by info
	typeInfo       = "info"     // data info
	typeError      = "error"    // data workerError; ends an answer
)

// chunkBytes is how much sound one audio-chunk carries.
const chunkBytes = 32 << 10

type audioFormat struct {
	Rate     int    `json:"rate"`
	Width    int    `json:"width"`
	Channels int    `json:"channels"`
	Engine   string `json:"engine,omitempty"` // what made it
}

type transcript struct {
	Text     string  `json:"text"`
	Score    float64 `json:"score"`
	Rejected bool    `json:"rejected"`
	Engine   string  `json:"engine"`
}

type synthesize struct {
	Text  string `json:"text"`
	Voice struct {
		Language string `json:"language,omitempty"`
	} `json:"voice"`
}

type info struct {
	ASR []program `json:"asr"`
	TTS []program `json:"tts"`

	Cage *Cage `json:"cage,omitempty"`
}

type program struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Installed   bool   `json:"installed"`
	Mend        string `json:"mend,omitempty"`
}

// Codes of a workerError.
const (
	codeAbsent    = "absent"     // ErrAbsent
	codeNoGrammar = "no-grammar" // ErrNoGrammar
	codeRefused   = "refused"    // the request cannot be served; the worker is well
)

// workerError is a failure a worker reports and survives. Its text never
// holds words.
type workerError struct {
	Text string `json:"text"`
	Code string `json:"code"`
}

func (e *workerError) Error() string { return e.Text }

// Unwrap gives the sentinel a caller acts on.
func (e *workerError) Unwrap() error {
	switch e.Code {
	case codeAbsent:
		return ErrAbsent
	case codeNoGrammar:
		return ErrNoGrammar
	}
	return nil
}

// audioEvents are samples as audio-start, audio-chunk … audio-stop.
func audioEvents(samples []int16, rate int, engine string) ([]event, error) {
	format := audioFormat{Rate: rate, Width: 2, Channels: 1}
	start := format
	start.Engine = engine
	first, err := newEvent(typeAudioStart, start, nil)
	if err != nil {
		return nil, err
	}
	events := []event{first}
	pcm, err := binary.Append(nil, binary.LittleEndian, samples)
	if err != nil {
		return nil, err
	}
	for len(pcm) > 0 {
		n := min(len(pcm), chunkBytes)
		chunk, err := newEvent(typeAudioChunk, format, pcm[:n])
		if err != nil {
			return nil, err
		}
		events, pcm = append(events, chunk), pcm[n:]
	}
	return append(events, event{Type: typeAudioStop}), nil
}

// samplesOf reads 16-bit samples; an odd last byte is dropped.
func samplesOf(pcm []byte) []int16 {
	samples := make([]int16, len(pcm)/2)
	for i := range samples {
		samples[i] = int16(binary.LittleEndian.Uint16(pcm[2*i:]))
	}
	return samples
}

// isSpeechFormat reports whether f is what engines here work with.
func (f audioFormat) isSpeechFormat() bool {
	return f.Rate == hearkeep.SampleRate && f.Width == 2 && f.Channels == 1
}
