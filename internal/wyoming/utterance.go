package wyoming

import (
	"context"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
)

// hearing is an utterance that is coming in.
type hearing struct {
	audio  *Audio
	length time.Duration
	cut    context.CancelCauseFunc // ends Transcribe with a cause
	left   chan struct{}           // closed when Transcribe wants no more audio
}

// transcribe says how the next utterance is to be recognised, and ends one
// that was not ended.
func (s *session) transcribe(how Transcribe) error {
	s.abandon()
	s.how, s.wake = how, false
	return nil
}

// audioStart may come without a transcribe before it. An utterance begins
// with its first chunk, which says its format itself.
func (s *session) audioStart(AudioStart) error {
	s.abandon()
	return nil
}

// detect makes the audio that follows nobody's: it is for wake words, for
// which we do not listen here, and is never heard or kept.
func (s *session) detect(Detect) error {
	s.abandon()
	s.wake = true
	return nil
}

// audioChunk hands audio on, and begins the utterance where none has begun.
func (s *session) audioChunk(c AudioChunk) error {
	if s.wake || len(c.PCM) == 0 {
		return nil
	}
	if s.hearing == nil {
		if err := s.hear(); err != nil {
			return err
		}
	}
	h := s.hearing
	h.length += time.Duration(len(c.PCM)/c.Frame()) * time.Second / time.Duration(c.Rate)
	if h.length > s.limits.Utterance {
		h.cut(ErrTooLong)
		return nil
	}
	select {
	case h.audio.chunks <- c:
	case <-h.left: // the transcript was early; the rest of the audio is nobody's
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	}
	return nil
}

// hear begins an utterance.
func (s *session) hear() error {
	if err := s.settle(); err != nil {
		return err
	}
	ctx, cut := context.WithCancelCause(s.ctx)
	h := &hearing{audio: &Audio{chunks: make(chan AudioChunk, pending)}, cut: cut, left: make(chan struct{})}
	how := s.how
	s.hearing, s.how = h, Transcribe{}
	return s.ask("utterance", s.limits.Utterance+s.limits.Answer, func(deadline context.Context) (Message, error) {
		defer cut(nil)
		defer context.AfterFunc(deadline, func() { cut(context.Cause(deadline)) })()
		t, err := s.service.Transcribe(ctx, how, h.audio)
		close(h.left)
		if cause := context.Cause(ctx); cause != nil { // whatever became of it
			return nil, cause
		}
		if t.Context == nil {
			t.Context = how.Context
		}
		if t.Text.IsZero() {
			t.Text = NewText("")
		}
		return t, err
	})
}

// audioStop ends an utterance. One without audio is answered here: nothing
// was said.
func (s *session) audioStop() error {
	switch h := s.hearing; {
	case s.wake:
		s.wake = false
		return s.conn.Send(NotDetected{})
	case h != nil:
		close(h.audio.chunks)
		s.hearing = nil
		return nil
	}
	how := s.how
	s.how = Transcribe{}
	return s.ask("utterance", s.limits.Answer, func(context.Context) (Message, error) {
		return Transcript{Text: NewText(""), Context: how.Context}, nil
	})
}

// abandon drops an utterance that will have no end. One that was answered
// early is over already.
func (s *session) abandon() {
	if s.hearing != nil {
		s.hearing.cut(ErrAbandoned)
		s.hearing = nil
	}
}

// gathering is a text that comes in chunks.
type gathering struct {
	start SynthesizeStart
	text  strings.Builder
}

// say is how much of an answer's sound goes into one event, in bytes: at
// 22,050 Hz about a third of a second.
const say = 16 << 10

// synthesize speaks a text. In the middle of a text that comes in chunks it is
// there for servers that do not know chunks, and ignored.
func (s *session) synthesize(what Synthesize) error {
	if s.text != nil {
		return nil
	}
	return s.speak(what, false)
}

func (s *session) synthesizeStart(start SynthesizeStart) error {
	s.text = &gathering{start: start}
	return nil
}

func (s *session) synthesizeChunk(c SynthesizeChunk) error {
	switch {
	case s.text == nil:
		return nil
	case s.text.text.Len()+len(c.Text.Plain()) > MaxData:
		s.text = nil
		return s.fail("synthesize-chunk", hearkeep.Errorf(hearkeep.TooLarge, "That text is too long to be spoken."))
	}
	s.text.text.WriteString(c.Text.Plain())
	return nil
}

func (s *session) synthesizeStop() error {
	if s.text == nil {
		return nil
	}
	start, text := s.text.start, s.text.text.String()
	s.text = nil
	return s.speak(Synthesize{NewText(text), start.Voice, start.TextFormat, start.Context}, true)
}

// speak answers with sound: audio-start, chunks, audio-stop, and for a text
// that came in chunks synthesize-stopped.
func (s *session) speak(what Synthesize, streamed bool) error {
	return s.ask("synthesize", s.limits.Answer, func(ctx context.Context) (Message, error) {
		m := &mouth{conn: s.conn}
		err := s.service.Synthesize(ctx, what, m.say)
		if err == nil {
			err = m.close()
		}
		if err != nil || !streamed {
			return nil, err
		}
		return SynthesizeEnded{}, nil
	})
}

// mouth sends one spoken answer.
type mouth struct {
	conn   *Conn
	opened bool
}

// say sends sound in pieces of whole frames.
func (m *mouth) say(c AudioChunk) error {
	if err := c.check(); err != nil {
		return err
	}
	if err := m.open(c.AudioFormat); err != nil {
		return err
	}
	for most := say - say%c.Frame(); len(c.PCM) > 0; {
		n := min(most, len(c.PCM))
		if err := m.conn.Send(AudioChunk{c.AudioFormat, c.PCM[:n]}); err != nil {
			return err
		}
		c.PCM = c.PCM[n:]
	}
	return nil
}

func (m *mouth) open(f AudioFormat) error {
	if m.opened {
		return nil
	}
	m.opened = true
	return m.conn.Send(AudioStart{f})
}

// close ends the answer. Silence too has a format.
func (m *mouth) close() error {
	if err := m.open(AudioFormat{hearkeep.SampleRate, 2, 1}); err != nil {
		return err
	}
	return m.conn.Send(AudioStop{})
}
