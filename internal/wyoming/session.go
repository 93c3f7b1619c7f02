package wyoming

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/hearkeep/hearkeep"
)

// session answers one connection. The goroutine that reads runs it; each
// request is answered in a goroutine of its own, one after the other, so that
// a describe or a ping in the middle is answered, and a peer that goes away is
// noticed, at once.
type session struct {
	conn    *Conn
	service Service
	limits  Limits
	log     *slog.Logger
	ctx     context.Context // ends with the connection
	cancel  context.CancelFunc

	how     Transcribe    // how the next utterance is to be recognised
	hearing *hearing      // the utterance that is coming in, from its first chunk
	wake    bool          // the audio coming in is for wake words, which nobody asked us to keep
	answer  chan struct{} // closed when the last request was answered; nil before the first
	text    *gathering    // the text that is coming in, in chunks

	lastData   json.RawMessage // of the last audio-chunk, and the format it says
	lastFormat AudioFormat
}

// run reads until the peer or the server ends it.
func (s *session) run() error {
	defer s.cancel()
	for {
		e, err := s.conn.Read()
		if err == nil {
			err = s.event(e)
		}
		if err != nil {
			return s.end(err)
		}
	}
}

// end lets a request that came whole be answered, unless the connection broke:
// a peer may close its half and wait. What did not come whole is dropped.
func (s *session) end(err error) error {
	s.abandon()
	if errors.Is(err, ErrMalformed) {
		s.conn.Send(Failure{NewText("That is not an event I can read."), string(hearkeep.Invalid)})
	}
	if errors.Is(err, io.EOF) || errors.Is(err, ErrStopped) {
		s.settle()
	}
	s.cancel()
	if s.answer != nil {
		<-s.answer
	}
	return err
}

// event takes one event. What a service is not asked is ignored, as the
// protocol wants. An error ends the connection.
func (s *session) event(e Event) error {
	switch e.Type {
	case "audio-chunk":
		return s.chunk(e)
	case "audio-start":
		return with(e, s.audioStart)
	case "audio-stop":
		return s.audioStop()
	case "transcribe":
		return with(e, s.transcribe)
	case "detect":
		return with(e, s.detect)
	case "describe":
		return s.describe()
	case "ping":
		return with(e, func(p Ping) error { return s.conn.Send(Pong(p)) })
	case "transcript":
		return with(e, s.handle)
	case "recognize":
		return with(e, s.recognize)
	case "synthesize":
		return with(e, s.synthesize)
	case "synthesize-start":
		return with(e, s.synthesizeStart)
	case "synthesize-chunk":
		return with(e, s.synthesizeChunk)
	case "synthesize-stop":
		return s.synthesizeStop()
	}
	return nil
}

// chunk is with for audio-chunk, of which there are a hundred a second: data
// that is as it was is not decoded again.
func (s *session) chunk(e Event) error {
	if s.lastData == nil || !bytes.Equal(e.Data, s.lastData) {
		var c AudioChunk
		if err := e.Decode(&c); err != nil {
			return err
		}
		s.lastData, s.lastFormat = e.Data, c.AudioFormat
	}
	return s.audioChunk(AudioChunk{s.lastFormat, e.Payload})
}

// with decodes an event for the method that takes its message.
func with[M Message](e Event, take func(M) error) error {
	var m M
	if err := e.Decode(any(&m).(Message)); err != nil {
		return err
	}
	return take(m)
}

// describe answers at once, whatever else is under way.
func (s *session) describe() error {
	ctx, cancel := context.WithTimeout(s.ctx, describeWithin)
	defer cancel()
	info, err := s.service.Info(ctx)
	if err == nil {
		return s.conn.Send(info)
	}
	return s.fail("describe", err)
}

func (s *session) handle(said Transcript) error {
	return s.ask("transcript", s.limits.Answer, func(ctx context.Context) (Message, error) {
		a, err := s.service.Handle(ctx, said)
		if a.Context == nil {
			a.Context = said.Context
		}
		if a.Done {
			return Handled{a.Text, a.Context}, err
		}
		return NotHandled{a.Text, a.Context}, err
	})
}

// recognize knows no intents: what to do is decided where it is done, in
// Handle.
func (s *session) recognize(r Recognize) error {
	return s.ask("recognize", s.limits.Answer, func(context.Context) (Message, error) {
		return NotRecognized{Context: r.Context}, nil
	})
}

// ask answers a request in a goroutine of its own, once the one before is
// answered. A nil message was sent by answer itself.
func (s *session) ask(what string, within time.Duration, answer func(context.Context) (Message, error)) error {
	if err := s.settle(); err != nil {
		return err
	}
	done := make(chan struct{})
	s.answer = done
	s.conn.busy.Store(true)
	go func() {
		defer close(done)
		defer s.conn.busy.Store(false)
		ctx, cancel := context.WithTimeout(s.ctx, within)
		defer cancel()
		m, err := answer(ctx)
		if err != nil {
			err = s.fail(what, err)
		} else if m != nil {
			err = s.conn.Send(m)
		}
		if err != nil {
			s.log.Info("an answer was not sent", "to", what, "err", err)
			s.conn.Close() // a peer that waits for it must not wait on
		}
	}()
	return nil
}

// settle waits until the last request was answered.
func (s *session) settle() error {
	if s.answer == nil {
		return nil
	}
	select {
	case <-s.answer:
		return nil
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	}
}

// fail tells the peer of an error, in the sentence that people may read.
// Nobody hears an answer to what was abandoned or broken off.
func (s *session) fail(what string, err error) error {
	code, message, hint := hearkeep.Explain(err)
	switch {
	case errors.Is(err, ErrAbandoned) || errors.Is(err, context.Canceled):
		return nil
	case errors.Is(err, ErrUnsupported):
		code, message, hint = hearkeep.Invalid, "That is not offered here.", ""
	case errors.Is(err, ErrTooLong):
		code, message, hint = hearkeep.TooLarge, fmt.Sprintf("That was longer than %v.", s.limits.Utterance), ""
	case errors.Is(err, context.DeadlineExceeded) && code == hearkeep.Internal:
		code, message, hint = hearkeep.Unavailable, "That took too long.", "Try again."
	}
	s.log.Warn("a request was answered with an error", "to", what, "code", code, "err", err)
	if hint != "" {
		message += " " + hint
	}
	return s.conn.Send(Failure{NewText(message), string(code)})
}
