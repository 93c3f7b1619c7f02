// Package hear carries one turn: audio in, the end of speech found,
// recognised, understood, done, answered, and kept.
//
// It promises that every stage has a deadline and its time is kept with the
// turn, that keeping never delays the answer, and that a turn whose engine
// dies, hangs or is absent ends with an apology while the recording is kept,
// marked "not transcribed". It refuses to keep what voice activity or the
// recogniser says was not speech to it: only a counter stays.
package hear

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/act"
	"github.com/hearkeep/hearkeep/internal/speech"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/understand"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// Limits of what one turn takes in.
const (
	MaxBytes    = 32 << 20
	MaxDuration = 2 * time.Minute
	MaxSamples  = 12_000_000 // two minutes of CD stereo: a small file can hold very many more
)

// Deadlines of the stages. Recognition has as long again as the audio is.
const (
	recogniseWithin  = 10 * time.Second
	understandWithin = time.Second
	actWithin        = 5 * time.Second
	answerWithin     = 8 * time.Second
	keepWithin       = time.Minute
)

// Counters of a binding: what was heard and not kept.
const (
	CountNoSpeech = "no-speech"
	CountNotMeant = "not-meant" // speech, but not a request, as far as the recogniser can tell
)

// Engine is what recognises and speaks: the worker, or an engine elsewhere.
type Engine interface {
	Recognise(ctx context.Context, audio speech.Audio) (speech.Heard, error)
	Synthesise(ctx context.Context, words hearkeep.Words, lang string) (speech.Sound, error)
}

// Config is what an Ear works with.
type Config struct {
	Engine    Engine
	Voice     *speech.VoiceActivity // nil: the energy of the sound decides what is speech
	Sentences *understand.Sentences
	Act       *act.Desk
	Store     store.Store // for the counters
	Log       *slog.Logger
	// Aloud reports whether there is a notice to be said at a door, and notes
	// that it was: of each, once. Nil has none.
	Aloud func(ctx context.Context, binding hearkeep.BindingID) (bool, error)
	// Peer is told which machine speaks at a listener, now and then; nil tells
	// nobody. It may take its time, and is called on a goroutine of its own.
	Peer func(ctx context.Context, binding hearkeep.BindingID, from netip.Addr)
}

// Ear takes turns. It may be used concurrently.
type Ear struct {
	engine    Engine
	voice     *speech.VoiceActivity
	sentences *understand.Sentences
	act       *act.Desk
	store     store.Store
	log       *slog.Logger
	aloud     func(context.Context, hearkeep.BindingID) (bool, error)
	peer      func(context.Context, hearkeep.BindingID, netip.Addr)

	later   sync.WaitGroup // keeps that nobody waits for
	mu      sync.Mutex
	keeping map[hearkeep.BindingID][]chan struct{} // keeps under way, closed when they end
}

// New returns an Ear.
func New(c Config) *Ear {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Ear{
		engine: c.Engine, voice: c.Voice, sentences: c.Sentences, act: c.Act, store: c.Store, log: c.Log, peer: c.Peer, aloud: c.Aloud,
		keeping: map[hearkeep.BindingID][]chan struct{}{},
	}
}

// Event is something that a turn tells as it happens: Heard, Answered, and
// then Kept or NotKept.
type Event interface{ event() }

// Heard tells what was recognised. Words are empty where nothing was.
type Heard struct {
	Words      hearkeep.Words
	Speech     bool
	Understood bool
}

// Answered is the answer in words and, where an engine could speak, as WAV.
type Answered struct {
	Words  hearkeep.Words
	Sound  []byte
	Did    string
	Stages []hearkeep.StageTime
}

// Kept tells that the recording is on the disk.
type Kept struct{ Recording hearkeep.RecordingID }

// NotKept tells why nothing was kept, in a sentence. Failed says that it
// should have been.
type NotKept struct {
	Reason string
	Failed bool
}

func (Heard) event()    {}
func (Answered) event() {}
func (Kept) event()     {}
func (NotKept) event()  {}

// Hear takes a whole recording, whose end is the end of speech. Input that is
// not usable audio fails with an *hearkeep.Error before any event; after the
// first event the turn ends with Kept or NotKept.
func (e *Ear) Hear(ctx context.Context, in *vault.Inbox, data []byte, tell func(Event)) error {
	return e.HearAt(ctx, in, time.Now(), data, tell)
}

// HearAt is Hear of what was said at a time before now: the door's rule and
// what is asked are of that time. What is kept of it is kept from now on.
func (e *Ear) HearAt(ctx context.Context, in *vault.Inbox, at time.Time, data []byte, tell func(Event)) error {
	if in.Rule().Paused {
		return errPaused()
	}
	t := newTurn(e, in, tell)
	t.start = at
	if err := t.decode(data); err != nil {
		return err
	}
	t.run(ctx)
	return nil
}

// Say speaks a text and hears it as any recording.
func (e *Ear) Say(ctx context.Context, in *vault.Inbox, text hearkeep.Words, tell func(Event)) error {
	if text.IsEmpty() {
		return hearkeep.Errorf(hearkeep.Invalid, "There is nothing to say.").WithHint("Write a sentence, such as: set a timer for ten minutes.")
	}
	in, err := listening(ctx, in)
	if err != nil {
		return err
	}
	t := newTurn(e, in, tell)
	if err := t.speak(ctx, text); err != nil {
		return err
	}
	t.run(ctx)
	return nil
}

// activity finds where speech begins and ends.
func (e *Ear) activity(samples []int16) (begin, end int, speaks bool) {
	if e.voice != nil {
		return e.voice.Activity(samples)
	}
	return speech.Activity(samples)
}

// listening is the door as it is now: what is given may have been on its way
// for minutes.
func listening(ctx context.Context, in *vault.Inbox) (*vault.Inbox, error) {
	in, err := in.Again(ctx)
	if err == nil && in.Rule().Paused {
		err = errPaused()
	}
	return in, err
}

func errPaused() error {
	return hearkeep.Errorf(hearkeep.Forbidden, "This door is paused: nothing was heard.").
		WithHint("Its keeper can let it listen again on the keep's page.")
}

// count adds to a binding's counter; that one is lost is not worth failing for.
func (e *Ear) count(ctx context.Context, binding hearkeep.BindingID, counter string) {
	err := e.store.Update(ctx, func(tx *store.Tx) error { return tx.Acts.Count(ctx, binding, counter, 1) })
	if err != nil {
		e.log.Warn("a counter was not written", "binding", binding, "counter", counter, "err", err)
	}
}

// begin marks that a binding's recording is being kept; the returned function
// ends that.
func (e *Ear) begin(binding hearkeep.BindingID) (done func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ended := make(chan struct{})
	e.keeping[binding] = append(e.keeping[binding], ended)
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		close(ended)
		left := slices.DeleteFunc(e.keeping[binding], func(c chan struct{}) bool { return c == ended })
		if e.keeping[binding] = left; len(left) == 0 {
			delete(e.keeping, binding)
		}
	}
}

// settle waits until what a binding said before is kept, so that "delete what
// I just said" finds it.
func (e *Ear) settle(ctx context.Context, binding hearkeep.BindingID) error {
	e.mu.Lock()
	underWay := slices.Clone(e.keeping[binding])
	e.mu.Unlock()
	for _, ended := range underWay {
		select {
		case <-ended:
		case <-ctx.Done():
			return fmt.Errorf("hear: wait for earlier keeps: %w", ctx.Err())
		}
	}
	return nil
}

// Settle waits for the keeps that nobody waits for, before the store closes.
func (e *Ear) Settle() { e.later.Wait() }

// speechError says for a turn's note what became of the engine.
func speechError(err error) string {
	switch {
	case errors.Is(err, speech.ErrAbsent):
		return "engine absent"
	case errors.Is(err, context.DeadlineExceeded):
		return "timed out"
	}
	return "engine failed"
}
