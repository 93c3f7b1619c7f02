package hear

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/sound"
	"github.com/hearkeep/hearkeep/internal/speech"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/wyoming"
)

// handleWithin is for how long after a transcript the request to handle the
// same text is of the same turn.
const handleWithin = 10 * time.Second

// listener is the Wyoming service of one binding: asr, handle and tts. A
// request carries no user and no device, so that the listener is the binding:
// nothing is attributed by time or by a peer's word. The asr and the handle
// of one text are one recording.
type listener struct {
	ear     *Ear
	keep    *vault.Keep
	binding hearkeep.BindingID
	relay   string // another engine's host:port; empty where ours recognises

	mu      sync.Mutex
	waiting *waiting // a transcript that may yet be handled
}

// waiting is a turn that was recognised and whose handling may follow.
type waiting struct {
	turn  *turn
	timer *time.Timer
}

// Info says what is offered.
func (l *listener) Info(context.Context) (wyoming.Info, error) {
	made := func(name, description string) wyoming.Artifact {
		return wyoming.Artifact{Name: name, Description: description, Installed: true,
			Attribution: wyoming.Attribution{Name: "Hearkeep", URL: "https://github.com/hearkeep/hearkeep"}}
	}
	english := wyoming.List[string]{"en"}
	return wyoming.Info{
		ASR: wyoming.List[wyoming.ASRProgram]{{
			Artifact: made("hearkeep", "Hears, and keeps for its keeper"),
			Models:   wyoming.List[wyoming.Model]{{Artifact: made("keep", "What this keep understands"), Languages: english}},
		}},
		Handle: wyoming.List[wyoming.HandleProgram]{{
			Artifact: made("hearkeep", "Does what was asked, and keeps it"),
			Models:   wyoming.List[wyoming.Model]{{Artifact: made("keep", "What this keep does"), Languages: english}},
		}},
		TTS: wyoming.List[wyoming.TTSProgram]{{
			Artifact: made("hearkeep", "Speaks"),
			Voices:   wyoming.List[wyoming.TTSVoice]{{Artifact: made("default", "The installed voice"), Languages: english}},
		}},
	}, nil
}

// inbox is asked for at each request: a changed rule holds at once.
func (l *listener) inbox(ctx context.Context) (*vault.Inbox, error) {
	in, err := l.keep.Listener(ctx, l.binding)
	if err == nil && in.Rule().Paused {
		err = errPaused()
	}
	return in, err
}

// Transcribe hears one utterance to its end, or to the end of the speech in
// it, and recognises it. The recording waits for its handling.
func (l *listener) Transcribe(ctx context.Context, how wyoming.Transcribe, audio *wyoming.Audio) (wyoming.Transcript, error) {
	in, err := l.inbox(ctx)
	if err != nil {
		return wyoming.Transcript{}, err
	}
	t := newTurn(l.ear, in, func(Event) {})
	if err := l.collect(ctx, t, how, audio); err != nil {
		return wyoming.Transcript{}, err
	}
	if no := t.listen(ctx); no != nil {
		l.ear.count(ctx, l.binding, no.counter)
		return wyoming.Transcript{Text: wyoming.NewText("")}, nil
	}
	if ctx.Err() != nil { // the peer went away in the middle
		return wyoming.Transcript{}, context.Cause(ctx)
	}
	l.wait(t)
	return wyoming.Transcript{Text: wyoming.NewText(t.heard.Words.Reveal()), Language: "en"}, nil
}

// collect reads the utterance into the turn, and asks the other engine where
// there is one. The early end of speech counts only for an engine of our own:
// the other decides for itself.
func (l *listener) collect(ctx context.Context, t *turn, how wyoming.Transcribe, audio *wyoming.Audio) error {
	begin := time.Now()
	in := intake{voice: l.ear.voice, options: speech.EndpointOptions{MaxWait: MaxDuration}}
	if l.relay != "" { // it decides for itself when the speech is over: pauses are part of it
		in.options.Trailing, in.options.MaxSpeech = MaxDuration, MaxDuration
	}
	from := &teed{audio, &in}
	if l.relay != "" {
		t.relayed = l.askRelay(ctx, t, how, from)
	}
	for t.relayed == nil && !(l.relay == "" && in.over()) { // what no other engine took
		if _, err := from.Next(ctx); err != nil {
			break
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	t.clip, t.ended = in.clip(), in.endpoint()
	t.turn.Stages = append(t.turn.Stages, hearkeep.StageTime{Stage: hearkeep.StageDecode, Took: time.Since(begin)})
	return nil
}

// wait keeps a recognised turn at hand for its handling, and keeps the one
// before, whose handling never came.
func (l *listener) wait(t *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flushLocked()
	w := &waiting{turn: t}
	w.timer = time.AfterFunc(handleWithin, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.waiting == w {
			l.flushLocked()
		}
	})
	l.waiting = w
}

// flushLocked keeps the waiting turn as it is: recognised here, and done and
// answered by somebody else, or by nobody.
func (l *listener) flushLocked() {
	if l.waiting == nil {
		return
	}
	t := l.waiting.turn
	l.waiting.timer.Stop()
	l.waiting = nil
	t.turn.Note = strings.Join(append(nonEmpty(t.turn.Note), "handled elsewhere"), "; ")
	t.keepLater()
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// close keeps what waits.
func (l *listener) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flushLocked()
}

// take returns the turn whose transcript this text is, or nil.
func (l *listener) take(text hearkeep.Words) *turn {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.waiting
	if w == nil || !sameText(w.turn.heard.Words, text) {
		return nil
	}
	w.timer.Stop()
	l.waiting = nil
	return w.turn
}

func sameText(a, b hearkeep.Words) bool {
	return strings.EqualFold(strings.TrimSpace(a.Reveal()), strings.TrimSpace(b.Reveal()))
}

// Handle does what was said. A text without an utterance of this listener
// before it was typed, or recognised elsewhere: only its words are kept.
func (l *listener) Handle(ctx context.Context, said wyoming.Transcript) (wyoming.Answer, error) {
	in, err := l.inbox(ctx)
	if err != nil {
		return wyoming.Answer{}, err
	}
	words := hearkeep.NewWords(said.Text.Plain())
	t := l.take(words)
	if t == nil {
		t = newTurn(l.ear, in, func(Event) {})
		t.heard = speech.Heard{Words: words, Speech: true}
		t.turn.Note = "only its words came"
	}
	t.in = in // the rule of now
	understood := t.understand()
	t.act(ctx, understood)
	t.giveNotice(ctx)
	t.giveAloud(ctx)
	t.turn.Answer, t.answer.Stages = t.answer.Words, t.turn.Stages
	t.keepLater()
	return wyoming.Answer{Done: understood, Text: wyoming.NewText(t.answer.Words.Reveal())}, nil
}

// Synthesize speaks. A notice that no answer carried yet is spoken here.
func (l *listener) Synthesize(ctx context.Context, what wyoming.Synthesize, say func(wyoming.AudioChunk) error) error {
	in, err := l.inbox(ctx)
	if err != nil {
		return err
	}
	t := newTurn(l.ear, in, func(Event) {})
	t.answer.Words = hearkeep.NewWords(what.Text.Plain())
	t.giveNotice(ctx)
	language := "en"
	if what.Voice.Language != "" {
		language = what.Voice.Language
	}
	s, err := l.ear.engine.Synthesise(ctx, t.answer.Words, language)
	if err != nil {
		return hearkeep.Errorf(hearkeep.Unavailable, "The voice does not answer just now.").Because(fmt.Errorf("hear: synthesise for binding %s: %w", l.binding, err))
	}
	return say(wyoming.AudioChunk{AudioFormat: wyoming.AudioFormat{Rate: s.Rate, Width: 2, Channels: 1}, PCM: littleEndian(s.Samples)})
}

// errRelay says that the other engine could not be asked.
var errRelay = errors.New("the other engine did not answer")

// askRelay streams the utterance to the other engine and returns what it
// heard, or nil, with a note, where our own has to.
func (l *listener) askRelay(ctx context.Context, t *turn, how wyoming.Transcribe, audio wyoming.Source) *speech.Heard {
	begin := time.Now()
	name := "Wyoming engine at " + l.relay
	text, err := l.relayed(ctx, how, audio)
	stage := hearkeep.StageTime{Stage: hearkeep.StageRecognise, Took: time.Since(begin), Engine: name}
	if err != nil {
		l.ear.log.Warn("the other engine did not answer; ours does", "binding", l.binding, "err", err)
		stage.Note = errRelay.Error()
	}
	t.turn.Stages = append(t.turn.Stages, stage)
	if err != nil {
		return nil
	}
	return &speech.Heard{Words: text, Speech: !text.IsEmpty(), Engine: name}
}

func (l *listener) relayed(ctx context.Context, how wyoming.Transcribe, audio wyoming.Source) (hearkeep.Words, error) {
	dial, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	client, err := wyoming.Dial(dial, "tcp://"+l.relay, wyoming.Deadlines{})
	if err != nil {
		return hearkeep.Words{}, err
	}
	defer client.Close()
	got, err := client.Transcribe(ctx, how, audio)
	if err != nil {
		return hearkeep.Words{}, err
	}
	return hearkeep.NewWords(got.Text.Plain()), nil
}

// teed gives audio to the other engine and to the intake.
type teed struct {
	from wyoming.Source
	to   *intake
}

func (t *teed) Next(ctx context.Context) (wyoming.AudioChunk, error) {
	chunk, err := t.from.Next(ctx)
	if err == nil {
		t.to.add(chunk)
	}
	return chunk, err
}

// intake gathers PCM of any format as it comes and, at the recogniser's rate,
// finds the speech in it meanwhile, so that its end adds no time.
type intake struct {
	voice   *speech.VoiceActivity // nil: nothing is found meanwhile
	options speech.EndpointOptions

	done  []int16 // at hearkeep.SampleRate
	rate  int     // of raw
	raw   []int16 // mono, not yet resampled
	mixed bool    // other rates came, so that positions mean nothing
	ears  *speech.Endpointer
	heard speech.Endpoint
}

// add takes a chunk.
func (in *intake) add(c wyoming.AudioChunk) {
	if c.Rate != in.rate {
		in.settle()
		in.rate = c.Rate
	}
	mono := mixDown(c)
	in.raw = append(in.raw, mono...)
	in.mixed = in.mixed || c.Rate != hearkeep.SampleRate
	if in.voice == nil || in.mixed {
		return
	}
	if in.ears == nil {
		in.ears = speech.NewEndpointer(in.voice, in.options)
	}
	in.heard = in.ears.Feed(mono)
}

// over reports whether the speech has ended.
func (in *intake) over() bool {
	return !in.mixed && (in.heard.Event == speech.EndpointEnded || in.heard.Event == speech.EndpointTooLong)
}

// endpoint is where the speech lies, nil where that was not found meanwhile.
func (in *intake) endpoint() *speech.Endpoint {
	if in.ears == nil || in.mixed {
		return nil
	}
	end := in.ears.Finish()
	return &end
}

// settle resamples what has one format, whole, so that no seams are heard.
func (in *intake) settle() {
	if in.rate == hearkeep.SampleRate {
		in.done = append(in.done, in.raw...)
	} else if len(in.raw) > 0 {
		in.done = append(in.done, sound.Resample(in.raw, in.rate)...)
	}
	in.raw = nil
}

func (in *intake) clip() sound.Clip {
	in.settle()
	return sound.Clip{Samples: in.done}
}
