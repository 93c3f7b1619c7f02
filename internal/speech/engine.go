package speech

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/hearkeep/hearkeep"
)

// Limits of one call.
const (
	// MaxUtterance is the longest speech that is recognised; a command is
	// never longer. Longer speech is Rejected.
	MaxUtterance = 30 * time.Second
	// DefaultDeadline ends a call whose context does not end it sooner.
	DefaultDeadline = 20 * time.Second

	maxSynthesis = 10 * 60 * 48000 // samples accepted from a synthesiser
)

// Options of Start. The zero value uses Debian's engines.
type Options struct {
	Command  []string      // the program that calls RunWorker; default: this one, with the argument "worker"
	Log      *slog.Logger  // workers that start and end; default: none
	Stderr   io.Writer     // what workers print, which may hold words; default: thrown away
	Deadline time.Duration // of every call; default: DefaultDeadline
	Native   Native
}

// Engine recognises and synthesises in two worker processes, one for each, so
// that an answer does not wait for somebody else's question. Each does one
// thing at a time; calls wait for their turn. All methods may be called
// concurrently.
type Engine struct {
	deadline                time.Duration
	recogniser, synthesiser *lane
}

// Start makes ready; a worker runs from the first call that needs it. That
// an engine is absent is no error here: Status tells, and so does each call
// that needs it. The end of ctx is a Close.
func Start(ctx context.Context, o Options) (*Engine, error) {
	if len(o.Command) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("speech: find the worker's program: %w", err)
		}
		o.Command = []string{self, "worker"}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Deadline <= 0 {
		o.Deadline = DefaultDeadline
	}
	e := &Engine{o.Deadline, newLane("recogniser", o), newLane("synthesiser", o)}
	context.AfterFunc(ctx, e.Close)
	return e, nil
}

// Close ends the workers. Calls under way, and later ones, fail.
func (e *Engine) Close() {
	e.recogniser.close()
	e.synthesiser.close()
}

// Recognise finds which sentence of the grammar was said. Where voice
// activity finds no speech, no engine is asked.
func (e *Engine) Recognise(ctx context.Context, a Audio) (Heard, error) {
	begin, end, speech := Activity(a.Samples)
	if !speech {
		return Heard{}, nil
	}
	said := a.Samples[begin:end]
	if time.Duration(len(said))*time.Second/hearkeep.SampleRate > MaxUtterance {
		return Heard{Speech: true, Rejected: true, Score: scoreNothing}, nil
	}
	audio, err := audioEvents(said, hearkeep.SampleRate, "")
	if err != nil {
		return Heard{}, fmt.Errorf("speech: recognise: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, e.deadline)
	defer cancel()
	heard := Heard{Speech: true}
	err = e.recogniser.call(ctx, append([]event{{Type: typeTranscribe}}, audio...), func(ev event) (bool, error) {
		var t transcript
		if err := ev.expect(typeTranscript, &t); err != nil {
			return false, err
		}
		heard.Words, heard.Score, heard.Rejected, heard.Engine = hearkeep.NewWords(t.Text), t.Score, t.Rejected, t.Engine
		return true, nil
	})
	if err != nil {
		return Heard{Speech: true}, fmt.Errorf("speech: recognise: %w", err)
	}
	return heard, nil
}

// Synthesise says words in a language (a BCP 47 tag; empty is English): by
// flite where it is English, else, and where flite is absent, by espeak-ng.
// Text is cut after MaxText bytes. Nothing to say is an empty Sound.
func (e *Engine) Synthesise(ctx context.Context, words hearkeep.Words, lang string) (Sound, error) {
	text := clean(words.Reveal())
	if text == "" {
		return Sound{Rate: hearkeep.SampleRate}, nil
	}
	request := synthesize{Text: text}
	request.Voice.Language = lang
	ev, err := newEvent(typeSynthesize, request, nil)
	if err != nil {
		return Sound{}, fmt.Errorf("speech: synthesise: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, e.deadline)
	defer cancel()
	var sound Sound
	err = e.synthesiser.call(ctx, []event{ev}, func(ev event) (bool, error) { return sound.take(ev) })
	if err != nil {
		return Sound{}, fmt.Errorf("speech: synthesise: %w", err)
	}
	return sound, nil
}

// take adds one event of audio to s and says whether it was the last.
func (s *Sound) take(ev event) (done bool, err error) {
	switch ev.Type {
	case typeAudioStart:
		var f audioFormat
		if err := ev.decode(&f); err != nil {
			return false, err
		}
		if f.Rate < 8000 || f.Rate > 48000 || f.Width != 2 || f.Channels != 1 {
			return false, fmt.Errorf("%w: audio format", errFraming)
		}
		*s = Sound{Rate: f.Rate, Engine: f.Engine}
		return false, nil
	case typeAudioChunk:
		s.Samples = append(s.Samples, samplesOf(ev.Payload)...)
		if s.Rate == 0 || len(s.Samples) > maxSynthesis {
			return false, fmt.Errorf("%w: audio before its start, or without end", errFraming)
		}
		return false, nil
	case typeAudioStop:
		return true, nil
	}
	return false, fmt.Errorf("%w: unexpected event", errFraming)
}

// SetGrammar makes g what is recognised from the next call on, also by a
// worker that is restarted. If it is refused, the grammar before stays. With
// ErrAbsent it is kept for when the engine is there.
func (e *Engine) SetGrammar(ctx context.Context, g Grammar) error {
	payload, err := json.Marshal(g)
	if err != nil {
		return fmt.Errorf("speech: set grammar: %w", err)
	}
	if len(payload) > maxGrammar {
		return fmt.Errorf("speech: set grammar: %d bytes, at most %d are taken", len(payload), maxGrammar)
	}
	ctx, cancel := context.WithTimeout(ctx, e.deadline)
	defer cancel()
	if err := e.recogniser.setGrammar(ctx, event{Type: typeGrammar, Payload: payload}); err != nil {
		return fmt.Errorf("speech: set grammar: %w", err)
	}
	return nil
}

// Status tells which engines are there.
func (e *Engine) Status(ctx context.Context) ([]EngineStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, e.deadline)
	defer cancel()
	var status []EngineStatus
	for _, l := range []*lane{e.recogniser, e.synthesiser} {
		var in info
		err := l.call(ctx, []event{{Type: typeDescribe}}, func(ev event) (bool, error) {
			return true, ev.expect(typeInfo, &in)
		})
		if err != nil {
			return nil, fmt.Errorf("speech: status: %w", err)
		}
		programs := in.TTS
		if l == e.recogniser {
			programs = in.ASR
		}
		for _, p := range programs {
			status = append(status, EngineStatus{p.Name, p.Description, p.Installed, p.Mend})
		}
	}
	return status, nil
}

// Cage tells what keeps the workers from doing anything but their work, as one
// of them reports it; both are caged alike.
func (e *Engine) Cage(ctx context.Context) (Cage, error) {
	ctx, cancel := context.WithTimeout(ctx, e.deadline)
	defer cancel()
	var in info
	err := e.synthesiser.call(ctx, []event{{Type: typeDescribe}}, func(ev event) (bool, error) {
		return true, ev.expect(typeInfo, &in)
	})
	if err == nil && in.Cage == nil {
		err = fmt.Errorf("%w: it does not know its cage", ErrWorker)
	}
	if err != nil {
		return Cage{}, fmt.Errorf("speech: cage: %w", err)
	}
	return *in.Cage, nil
}

// expect decodes the data of an event that must be of one type.
func (ev event) expect(typ string, v any) error {
	if ev.Type != typ {
		return fmt.Errorf("%w: unexpected event", errFraming)
	}
	return ev.decode(v)
}

// absent reports whether the worker is well and only its engine is missing.
func absent(err error) bool { return errors.Is(err, ErrAbsent) && !errors.Is(err, ErrWorker) }
