package wyoming

import (
	"encoding/json"
	"errors"
)

// List is a list that is never null: Home Assistant cannot read null where it
// wants a list, and a nil slice would be written so.
type List[T any] []T

// MarshalJSON writes [] for nil.
func (l List[T]) MarshalJSON() ([]byte, error) {
	if l == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]T(l))
}

// Info says what a service offers. Of several recognisers Home Assistant uses
// the first. A satellite entry hides every other service from it, so New
// refuses an Info with both.
type Info struct {
	ASR       List[ASRProgram]    `json:"asr"`
	TTS       List[TTSProgram]    `json:"tts"`
	Handle    List[HandleProgram] `json:"handle"`
	Intent    List[IntentProgram] `json:"intent"`
	Wake      List[WakeProgram]   `json:"wake"`
	Mic       List[MicProgram]    `json:"mic"`
	Snd       List[SndProgram]    `json:"snd"`
	Satellite *Satellite          `json:"satellite,omitempty"`
}

// Attribution is who made something and where it is from.
type Attribution struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// Artifact is what every program, model and voice says of itself.
type Artifact struct {
	Name        string      `json:"name"`
	Attribution Attribution `json:"attribution"`
	Installed   bool        `json:"installed"`
	Description string      `json:"description,omitempty"`
	Version     string      `json:"version,omitempty"`
}

// Model is a model of a program, for some languages.
type Model struct {
	Artifact
	Languages List[string] `json:"languages"`
	Phrase    string       `json:"phrase,omitempty"` // of a wake word
}

// ASRProgram recognises speech.
type ASRProgram struct {
	Artifact
	Models                      List[Model] `json:"models"`
	SupportsTranscriptStreaming bool        `json:"supports_transcript_streaming"`
	RequiresExternalVAD         bool        `json:"requires_external_vad"` // false: a transcript may come before audio-stop
}

// HandleProgram does what is asked.
type HandleProgram struct {
	Artifact
	Models              List[Model] `json:"models"`
	SupportsHomeControl bool        `json:"supports_home_control"`
}

// IntentProgram finds the intent of a text.
type IntentProgram struct {
	Artifact
	Models List[Model] `json:"models"`
}

// WakeProgram listens for wake words.
type WakeProgram struct {
	Artifact
	Models List[Model] `json:"models"`
}

// TTSProgram speaks.
type TTSProgram struct {
	Artifact
	Voices                      List[TTSVoice] `json:"voices"`
	SupportsSynthesizeStreaming bool           `json:"supports_synthesize_streaming"`
}

// TTSVoice is a voice of it.
type TTSVoice struct {
	Artifact
	Languages List[string] `json:"languages"`
	Speakers  []TTSSpeaker `json:"speakers,omitempty"`
}

// TTSSpeaker is one of several in a voice.
type TTSSpeaker struct {
	Name string `json:"name"`
}

// MicProgram takes in sound.
type MicProgram struct {
	Artifact
	Format AudioFormat `json:"mic_format"`
}

// SndProgram plays sound.
type SndProgram struct {
	Artifact
	Format AudioFormat `json:"snd_format"`
}

// Satellite is a device that a server dials.
type Satellite struct {
	Artifact
	Area               string   `json:"area,omitempty"`
	HasVAD             bool     `json:"has_vad"`
	ActiveWakeWords    []string `json:"active_wake_words,omitempty"`
	MaxActiveWakeWords int      `json:"max_active_wake_words,omitempty"`
	SupportsTrigger    bool     `json:"supports_trigger"`
}

func (Info) Type() string { return "info" }

// MarshalJSON writes what Home Assistant can read, and refuses the rest. What
// others say of themselves is read without these checks.
func (i Info) MarshalJSON() ([]byte, error) {
	services := len(i.ASR) + len(i.TTS) + len(i.Handle) + len(i.Intent) + len(i.Wake)
	if i.Satellite != nil && services > 0 {
		return nil, errors.New("a satellite hides every service beside it")
	}
	for _, a := range i.artifacts() {
		if a.Name == "" {
			return nil, errors.New("a program, model or voice has no name")
		}
	}
	type plain Info
	return json.Marshal(plain(i))
}

// artifacts lists everything that must have a name.
func (i Info) artifacts() (all []Artifact) {
	models := func(a Artifact, models List[Model]) {
		all = append(all, a)
		for _, m := range models {
			all = append(all, m.Artifact)
		}
	}
	for _, p := range i.ASR {
		models(p.Artifact, p.Models)
	}
	for _, p := range i.Handle {
		models(p.Artifact, p.Models)
	}
	for _, p := range i.Intent {
		models(p.Artifact, p.Models)
	}
	for _, p := range i.Wake {
		models(p.Artifact, p.Models)
	}
	for _, p := range i.TTS {
		all = append(all, p.Artifact)
		for _, v := range p.Voices {
			all = append(all, v.Artifact)
		}
	}
	for _, p := range i.Mic {
		all = append(all, p.Artifact)
	}
	for _, p := range i.Snd {
		all = append(all, p.Artifact)
	}
	if i.Satellite != nil {
		all = append(all, i.Satellite.Artifact)
	}
	return all
}
