package wyoming

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// messages is one of every type, with every field.
func messages() []Message {
	context := json.RawMessage(`{"conversation_id":"c","device_id":"d","satellite_id":"s"}`)
	text, three := NewText("canary"), 3
	a := Artifact{"name", Attribution{"who", "https://example.org"}, true, "what", "1"}
	model := Model{a, List[string]{"en"}, "hey"}
	return []Message{
		Describe{}, AudioStop{}, TranscriptStop{}, SynthesizeStop{}, SynthesizeEnded{}, HandledStop{}, NotDetected{},
		Played{}, VoiceStarted{}, VoiceStopped{}, RunSatellite{}, PauseSatellite{},
		Ping{text}, Pong{text}, Failure{text, "code"},
		AudioStart{mono16()}, AudioChunk{mono16(), []byte("ab")},
		Transcribe{"model", "en", context, "relaxed"}, Transcript{text, "en", context},
		TranscriptStart{"en", context}, TranscriptChunk{text},
		Synthesize{text, Voice{"slt", "en", "a"}, "ssml", context}, SynthesizeStart{Voice{"slt", "en", "a"}, "ssml", context}, SynthesizeChunk{text},
		Handled{text, context}, NotHandled{text, context}, HandledStart{context}, HandledChunk{text},
		Recognize{text, context}, Intent{"HassTurnOn", []Entity{{"area", json.RawMessage(`"kitchen"`)}}, text, context}, NotRecognized{text, context},
		Detect{[]string{"alexa"}}, Detection{"alexa"},
		RunPipeline{StageWake, StageTTS, true, "alexa", []string{"alexa"}, text},
		TimerStarted{"id", 90, text, &three, &three, &three}, TimerUpdated{"id", true, 80}, TimerCancelled{"id"}, TimerFinished{"id"},
		Info{
			ASR:    List[ASRProgram]{{a, List[Model]{model}, true, true}},
			TTS:    List[TTSProgram]{{a, List[TTSVoice]{{a, List[string]{"en"}, []TTSSpeaker{{"a"}}}}, true}},
			Handle: List[HandleProgram]{{a, List[Model]{model}, true}},
			Intent: List[IntentProgram]{{a, List[Model]{model}}},
			Wake:   List[WakeProgram]{{a, List[Model]{model}}},
			Mic:    List[MicProgram]{{a, mono16()}},
			Snd:    List[SndProgram]{{a, mono16()}},
		},
	}
}

// fresh is a pointer to a zero message of m's type.
func fresh(m Message) Message { return reflect.New(reflect.TypeOf(m)).Interface().(Message) }

func TestEveryMessageComesBack(t *testing.T) {
	for _, want := range messages() {
		e, err := New(want)
		if err != nil {
			t.Errorf("%s: %v", want.Type(), err)
			continue
		}
		got := fresh(want)
		if err := e.Decode(got); err != nil {
			t.Errorf("%s: %v", want.Type(), err)
		}
		if diff := cmp.Diff(want, reflect.ValueOf(got).Elem().Interface()); diff != "" {
			t.Errorf("%s:\n%s", want.Type(), diff)
		}
		if err := (Event{Type: "other", Data: e.Data}).Decode(got); err == nil {
			t.Errorf("%s: an event of another type was read", want.Type())
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v %s %q", e, e, e, e, e), "canary") {
			t.Errorf("%s: the event prints its words", want.Type())
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v", want, want, want), "canary") {
			t.Errorf("%s: the message prints its words", want.Type())
		}
	}
}

func TestDecode(t *testing.T) {
	format := func(rate, width, channels string) string {
		return fmt.Sprintf(`{"rate":%s,"width":%s,"channels":%s}`, rate, width, channels)
	}
	for _, tt := range []struct {
		m    Message
		data string
		ok   bool
	}{
		{&AudioChunk{}, format("16000", "2", "1"), true},
		{&AudioChunk{}, format("4000", "1", "8"), true},
		{&AudioChunk{}, format("192000", "4", "2"), true},
		{&AudioChunk{}, format("0", "2", "1"), false},
		{&AudioChunk{}, format("-16000", "2", "1"), false},
		{&AudioChunk{}, format("1000000000", "2", "1"), false},
		{&AudioChunk{}, format("1e99", "2", "1"), false},
		{&AudioChunk{}, format("16000", "0", "1"), false}, // the reference server divides by it
		{&AudioChunk{}, format("16000", "3", "1"), false},
		{&AudioChunk{}, format("16000", "2", "0"), false},
		{&AudioChunk{}, format("16000", "2", "9"), false},
		{&AudioChunk{}, format("null", "2", "1"), false},
		{&AudioChunk{}, `{"width":2,"channels":1}`, false},
		{&AudioStart{}, "", false},
		{&AudioStop{}, "", true},
		{&Transcribe{}, "", true},
		{&Transcribe{}, `{"language":5}`, false},
		{&Transcribe{}, `{"unheard-of":5}`, true},
		{&Transcript{}, "", false},
		{&Transcript{}, `{"text":null}`, false},
		{&Transcript{}, `{"text":5}`, false},
		{&Transcript{}, `{"text":""}`, true},
		{&Handled{}, "", true},
		{&Handled{}, `{"text":null,"context":null}`, true},
		{&Synthesize{}, `{}`, false},
		{&Recognize{}, `{}`, false},
		{&Failure{}, `{"code":"x"}`, false},
		{&Intent{}, `{"entities":[]}`, false},
		{&Intent{}, `{"name":"x","entities":null}`, true},
		{&Intent{}, `{"name":"x","entities":[{"value":1}]}`, false},
		{&RunPipeline{}, `{"start_stage":"wake","end_stage":"wake"}`, true},
		{&RunPipeline{}, `{"start_stage":"tts","end_stage":"wake"}`, false},
		{&RunPipeline{}, `{"start_stage":"cellar","end_stage":"tts"}`, false},
		{&RunPipeline{}, `{"start_stage":"wake"}`, false},
		{&TimerStarted{}, `{"total_seconds":5}`, false},
		{&TimerStarted{}, `{"id":"a","total_seconds":-5}`, false},
		{&TimerUpdated{}, `{"id":"a","is_active":false,"total_seconds":5}`, true},
		{&TimerCancelled{}, `{}`, false},
		{&Info{}, `{}`, true},
		{&Info{}, `{"asr":[{"name":"a","models":null,"new":{}}],"satellite":{"name":"b"}}`, true},
	} {
		err := Event{Type: tt.m.Type(), Data: []byte(tt.data)}.Decode(tt.m)
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s %s: got %v, want ok %v", tt.m.Type(), tt.data, err, tt.ok)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	named := Artifact{Name: "a"}
	for _, m := range []Message{
		Transcript{}, Synthesize{}, Failure{}, AudioStart{}, AudioChunk{}, Intent{}, TimerFinished{}, RunPipeline{},
		Info{ASR: List[ASRProgram]{{Artifact: named}}, Satellite: &Satellite{Artifact: named}},
		Info{ASR: List[ASRProgram]{{}}},
		Info{TTS: List[TTSProgram]{{Artifact: named, Voices: List[TTSVoice]{{}}}}},
		Transcribe{Context: json.RawMessage("{")},
	} {
		if e, err := New(m); err == nil {
			t.Errorf("got %v of a %s, want an error", e, m.Type())
		}
	}
}

// TestInfoHasNoNull: a nil slice anywhere breaks Home Assistant.
func TestInfoHasNoNull(t *testing.T) {
	a := Artifact{Name: "a"}
	for _, info := range []Info{
		{},
		{Satellite: &Satellite{Artifact: a}, Mic: List[MicProgram]{{a, mono16()}}},
		{
			ASR:    List[ASRProgram]{{Artifact: a}, {Artifact: a, Models: List[Model]{{Artifact: a}}}},
			TTS:    List[TTSProgram]{{Artifact: a}, {Artifact: a, Voices: List[TTSVoice]{{Artifact: a}}}},
			Handle: List[HandleProgram]{{Artifact: a}}, Intent: List[IntentProgram]{{Artifact: a}}, Wake: List[WakeProgram]{{Artifact: a}},
		},
	} {
		e, err := New(info)
		if err != nil {
			t.Fatal(err)
		}
		for _, list := range []string{"asr", "tts", "handle", "intent", "wake", "mic", "snd"} {
			if !strings.Contains(string(e.Data), `"`+list+`":[`) {
				t.Errorf("%s: no list %s", e.Data, list)
			}
		}
		if strings.Contains(string(e.Data), "null") {
			t.Errorf("null in %s", e.Data)
		}
	}
}

func TestTextDoesNotPrint(t *testing.T) {
	text := NewText("canary")
	hidden := struct{ text Text }{text}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("a", "text", text, "error", &RemoteError{Failure{text, "code"}})
	all := fmt.Sprintf("%v %+v %#v %s %q %x %v %+v %#v %v", text, text, text, text, text, text, hidden, hidden, hidden, &RemoteError{Failure{text, "code"}})
	if strings.Contains(all+log.String(), "canary") {
		t.Errorf("the text leaks: %s %s", all, &log)
	}
}

func TestConversationOf(t *testing.T) {
	for in, want := range map[string]Conversation{
		``: {}, `null`: {}, `[]`: {}, `{"device_id":5}`: {}, `{"conversation_id":null}`: {},
		`{"conversation_id":"a","device_id":"b","satellite_id":"c","more":1}`: {"a", "b", "c"},
	} {
		if got := ConversationOf(json.RawMessage(in)); got != want {
			t.Errorf("%s: got %v, want %v", in, got, want)
		}
	}
}
