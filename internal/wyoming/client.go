package wyoming

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"

	"github.com/hearkeep/hearkeep"
)

// Client asks a Wyoming service. It takes one request at a time. Like Home
// Assistant, use a new one for each utterance: some services answer early, or
// once more, and a late answer must not be taken for the next one's.
//
// When a request fails, its ctx ends before the answer, or the peer sends what
// is no event, the connection is closed. Only a *RemoteError leaves it usable.
type Client struct{ conn *Conn }

// RemoteError is an error event in place of an answer. Its Error does not
// print the text, which is the peer's and may hold words.
type RemoteError struct{ Failure }

// Error says that there was an error, with its code.
func (e *RemoteError) Error() string { return fmt.Sprintf("answered with error %q", cut(e.Code)) }

// ErrClosed is a connection that the peer closed before it answered. A
// satellite does so when it has a server already.
var ErrClosed = errors.New("closed before the answer")

// Dial connects to tcp://host:port or unix:///path.
func Dial(ctx context.Context, uri string, d Deadlines) (*Client, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, fmt.Errorf("wyoming: dial: %w", err)
	}
	var conn net.Conn
	var dialer net.Dialer
	switch u.Scheme {
	case "tcp":
		conn, err = dialer.DialContext(ctx, "tcp", u.Host)
	case "unix":
		conn, err = dialer.DialContext(ctx, "unix", u.Path)
	default:
		return nil, fmt.Errorf("wyoming: dial: %q is neither tcp:// nor unix://", u.Scheme)
	}
	if err != nil {
		return nil, fmt.Errorf("wyoming: dial: %w", err)
	}
	return NewClient(NewConn(conn, d)), nil
}

// NewClient asks over a connection, which may be TLS.
func NewClient(c *Conn) *Client {
	c.r.maxData = maxInfoData
	c.met.Store(true) // who is asked speaks second, when it is ready
	return &Client{c}
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Describe asks what the service offers.
func (c *Client) Describe(ctx context.Context) (info Info, err error) {
	err = c.ask(ctx, Describe{}, func(e Event) (bool, error) {
		return take(e, &info)
	})
	return info, err
}

// Handle asks for something to be done.
func (c *Client) Handle(ctx context.Context, said Transcript) (a Answer, err error) {
	err = c.ask(ctx, said, func(e Event) (bool, error) {
		var handled Handled
		var not NotHandled
		var intent Intent
		var unknown NotRecognized
		switch e.Type {
		case handled.Type():
			ok, err := take(e, &handled)
			a = Answer{true, handled.Text, handled.Context}
			return ok, err
		case not.Type():
			ok, err := take(e, &not)
			a = Answer{false, not.Text, not.Context}
			return ok, err
		case intent.Type(): // understood, but left to the asker to do
			ok, err := take(e, &intent)
			a = Answer{false, intent.Text, intent.Context}
			return ok, err
		}
		ok, err := take(e, &unknown)
		a = Answer{false, unknown.Text, unknown.Context}
		return ok, err
	})
	return a, err
}

// Synthesize asks for a text to be spoken, and gives the sound to hear as it
// comes. An error of hear's breaks off, and is returned.
func (c *Client) Synthesize(ctx context.Context, what Synthesize, hear func(AudioChunk) error) error {
	return c.ask(ctx, what, func(e Event) (bool, error) {
		var chunk AudioChunk
		if ok, err := take(e, &chunk); ok || err != nil {
			if err == nil && len(chunk.PCM) > 0 {
				err = hear(chunk)
			}
			return false, err
		}
		return take(e, &AudioStop{})
	})
}

// Source gives audio in pieces, io.EOF at its end; when ctx ends it returns.
// *Audio is one.
type Source interface {
	Next(context.Context) (AudioChunk, error)
}

// Transcribe sends audio as it comes and returns the transcript, which may
// come before the audio ends; the rest is then not asked for. An error of the
// source's other than io.EOF breaks off, and is returned.
func (c *Client) Transcribe(ctx context.Context, how Transcribe, audio Source) (t Transcript, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	sent := make(chan struct{})
	defer func() {
		cancel(nil)
		<-sent
	}()
	go func() {
		defer close(sent)
		if err := c.stream(ctx, how, audio); err != nil {
			cancel(err)
		}
	}()
	err = c.await(ctx, func(e Event) (bool, error) { return take(e, &t) })
	return t, err
}

// stream sends one utterance, up to its end or the end of ctx.
func (c *Client) stream(ctx context.Context, how Transcribe, audio Source) error {
	if err := c.conn.Send(how); err != nil {
		return err
	}
	for first := true; ; first = false {
		chunk, err := audio.Next(ctx)
		if err != nil && err != io.EOF && ctx.Err() == nil {
			return err
		}
		if first {
			format := chunk.AudioFormat
			if err != nil { // no audio at all has a format too
				format = AudioFormat{hearkeep.SampleRate, 2, 1}
			}
			if err := c.conn.Send(AudioStart{format}); err != nil {
				return err
			}
		}
		if err != nil { // the transcript was early, or the audio has ended
			return c.conn.Send(AudioStop{})
		}
		if err := c.conn.Send(chunk); err != nil {
			return err
		}
	}
}

// ask sends a request and awaits its answer.
func (c *Client) ask(ctx context.Context, m Message, answer func(Event) (bool, error)) error {
	if err := c.conn.Send(m); err != nil {
		return broken(ctx, err)
	}
	return c.await(ctx, answer)
}

// await reads until answer reports the end of the answer. What else comes in
// between is ignored, a ping answered: who pings drops us without a pong.
func (c *Client) await(ctx context.Context, answer func(Event) (bool, error)) error {
	defer c.conn.interrupt(ctx)()
	for {
		e, err := c.conn.Read()
		var done bool
		if err == nil {
			done, err = c.event(e, answer)
		}
		var remote *RemoteError
		switch {
		case done && err == nil || errors.As(err, &remote):
			return err
		case err == nil:
			continue
		}
		c.conn.Close()
		return broken(ctx, err)
	}
}

// broken says why a request has no answer: its asker had enough, or the peer
// sent nonsense, was silent too long, or went away.
func broken(ctx context.Context, err error) error {
	var network net.Error
	gone := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) ||
		errors.As(err, &network) && !network.Timeout()
	switch cause := context.Cause(ctx); {
	case cause != nil:
		return cause
	case gone:
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return err
}

func (c *Client) event(e Event, answer func(Event) (bool, error)) (done bool, err error) {
	var ping Ping
	var failure Failure
	switch e.Type {
	case ping.Type():
		if err = e.Decode(&ping); err == nil {
			err = c.conn.Send(Pong(ping))
		}
		return false, err
	case failure.Type():
		if err = e.Decode(&failure); err == nil {
			err = &RemoteError{failure}
		}
		return false, err
	}
	return answer(e)
}

// take reads an event into m where it is of its type.
func take(e Event, m Message) (ok bool, err error) {
	if e.Type != m.Type() {
		return false, nil
	}
	return true, e.Decode(m)
}
