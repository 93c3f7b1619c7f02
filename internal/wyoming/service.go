package wyoming

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"time"
)

// Service is what answers on a listener. Its methods are called concurrently,
// for different connections; for one connection a request waits for the one
// before, except Info, which is asked at any time.
//
// The context of a call ends when the peer goes away, when the server stops,
// or at the deadline that Limits gives; a method returns soon after. An error
// is told to the peer with the sentence that hearkeep.Explain finds in it;
// ErrUnsupported says that this service does not do that.
type Service interface {
	// Info says what the service offers. Home Assistant waits one second for
	// it, so ctx ends a little before.
	Info(ctx context.Context) (Info, error)

	// Transcribe recognises one utterance, whose audio comes as it is spoken.
	// It is called at the first audio, never for an utterance without any. It
	// may return before the audio ends: the transcript is sent at once and
	// the rest of the audio dropped. An empty text says that nothing was said.
	// A peer that begins anew instead of ending its utterance, or goes away in
	// the middle, ends ctx: what came so far is to be dropped.
	Transcribe(ctx context.Context, how Transcribe, audio *Audio) (Transcript, error)

	// Handle does what was said.
	Handle(ctx context.Context, said Transcript) (Answer, error)

	// Synthesize speaks a text. It gives the sound to say, in pieces of any
	// length, in the order in which they are to be heard.
	Synthesize(ctx context.Context, what Synthesize, say func(AudioChunk) error) error
}

// Answer is what became of a request. Its Context, where nil, is the request's.
type Answer struct {
	Done    bool // handled, or else not-handled
	Text    Text // to be spoken; may be absent
	Context json.RawMessage
}

// Errors of a session.
var (
	// ErrUnsupported is a request that a Service does not serve.
	ErrUnsupported = errors.New("not offered here")
	// ErrAbandoned is the cause with which the context of a Transcribe ends
	// when its utterance will have no end.
	ErrAbandoned = errors.New("the utterance was abandoned")
	// ErrTooLong is the cause with which it ends when an utterance is longer
	// than Limits.Utterance.
	ErrTooLong = errors.New("the utterance is too long")
)

// Limits of a session. Zero fields take the defaults.
type Limits struct {
	Utterance time.Duration // of audio in one: 2 minutes
	Answer    time.Duration // for any answer; that to an utterance has Utterance more: 30 s
}

func (l Limits) orDefaults() Limits {
	return Limits{Utterance: cmp.Or(l.Utterance, 2*time.Minute), Answer: cmp.Or(l.Answer, 30*time.Second)}
}

// describeWithin leaves the network something of Home Assistant's second.
const describeWithin = 900 * time.Millisecond

// Audio is one utterance as it arrives. It is read by one goroutine at a time.
type Audio struct {
	chunks chan AudioChunk // closed at audio-stop
	rest   AudioChunk      // the begin of a frame whose end comes with the next chunk
}

// pending is how many chunks wait to be read before the peer has to.
const pending = 4

// Next returns the next piece: whole frames, at least one, in a format that
// may differ from the piece before. Its PCM is the caller's to keep. io.EOF is
// the utterance's end; any other error is the cause for which ctx ended.
func (a *Audio) Next(ctx context.Context) (AudioChunk, error) {
	if err := context.Cause(ctx); err != nil {
		return AudioChunk{}, err
	}
	for {
		select {
		case c, ok := <-a.chunks:
			if !ok {
				return AudioChunk{}, io.EOF
			}
			if c = a.whole(c); len(c.PCM) > 0 {
				return c, nil
			}
		case <-ctx.Done():
			return AudioChunk{}, context.Cause(ctx)
		}
	}
}

// whole completes a chunk by the rest of the one before and cuts it to whole
// frames: some peers cut their stream anywhere. A rest in another format, or
// at the end, is less than a frame and is dropped.
func (a *Audio) whole(c AudioChunk) AudioChunk {
	if len(a.rest.PCM) > 0 && a.rest.AudioFormat == c.AudioFormat {
		c.PCM = append(a.rest.PCM, c.PCM...)
	}
	n := len(c.PCM) - len(c.PCM)%c.Frame()
	a.rest = AudioChunk{c.AudioFormat, c.PCM[n:len(c.PCM):len(c.PCM)]}
	c.PCM = c.PCM[:n:n]
	return c
}

// Sessions returns a Handler that answers each connection from the service.
func Sessions(service Service, l Limits, log *slog.Logger) Handler {
	l, log = l.orDefaults(), cmp.Or(log, slog.New(slog.DiscardHandler))
	return func(ctx context.Context, c *Conn) error {
		s := &session{conn: c, service: service, limits: l, log: log}
		s.ctx, s.cancel = context.WithCancel(ctx)
		return s.run()
	}
}
