package speech

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Limits of one event. A header line and its data are small; what a payload
// may be is the reader's business: the worker accepts a grammar, its parent
// only chunks of sound.
const (
	maxHeader       = 64 << 10
	maxData         = 64 << 10
	maxSoundPayload = 64 << 10 // one audio-chunk
	maxGrammar      = 4 << 20  // one grammar
)

// errFraming is a peer that does not speak the protocol. Nothing after it on
// the same stream can be trusted.
var errFraming = errors.New("not a well-formed event")

// event is one Wyoming event: what it is, its data as a JSON object (nil for
// none), and bytes. On the stream it is a JSON header line, then exactly
// data_length bytes of JSON, then exactly payload_length bytes.
//
// Turn is ours: the number of a call, which each event of its answer repeats.
// Without it, an answer too many would be the answer to the next call, and
// that may be somebody else's speech.
type event struct {
	Turn    uint64
	Type    string
	Data    json.RawMessage
	Payload []byte
}

// header is the line that opens an event.
type header struct {
	Type          string          `json:"type"`
	Turn          uint64          `json:"turn,omitempty"`
	Data          json.RawMessage `json:"data,omitempty"` // accepted inline, written as a block
	DataLength    int             `json:"data_length,omitempty"`
	PayloadLength int             `json:"payload_length,omitempty"`
}

// eventReader reads events one after the other; not for concurrent use.
type eventReader struct {
	r          *bufio.Reader
	maxPayload int
}

func newEventReader(r io.Reader, maxPayload int) *eventReader {
	return &eventReader{bufio.NewReaderSize(r, maxHeader), maxPayload}
}

// read returns the next event. io.EOF means that the stream ended between
// events; every other error ends the stream, too.
func (e *eventReader) read() (event, error) {
	line, err := e.r.ReadSlice('\n')
	switch {
	case err == io.EOF && len(line) == 0:
		return event{}, io.EOF
	case err == bufio.ErrBufferFull:
		return event{}, fmt.Errorf("%w: header over %d bytes", errFraming, maxHeader)
	case err == io.EOF:
		return event{}, io.ErrUnexpectedEOF
	case err != nil:
		return event{}, err
	}
	var h header
	if json.Unmarshal(line, &h) != nil || h.Type == "" {
		return event{}, fmt.Errorf("%w: header", errFraming)
	}
	if h.DataLength < 0 || h.DataLength > maxData || h.PayloadLength < 0 || h.PayloadLength > e.maxPayload {
		return event{}, fmt.Errorf("%w: lengths %d and %d", errFraming, h.DataLength, h.PayloadLength)
	}
	ev := event{Turn: h.Turn, Type: h.Type, Data: h.Data} // Unmarshal copied Data out of line
	if h.DataLength > 0 {
		if ev.Data, err = e.block(h.DataLength); err != nil {
			return event{}, err
		}
		if !json.Valid(ev.Data) {
			return event{}, fmt.Errorf("%w: data", errFraming)
		}
	}
	if ev.Payload, err = e.block(h.PayloadLength); err != nil {
		return event{}, err
	}
	return ev, nil
}

// block reads exactly n bytes; nil for none.
func (e *eventReader) block(n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(e.r, b); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return b, nil
}

// writeEvent writes one event, in one Write.
func writeEvent(w io.Writer, ev event) error {
	line, err := json.Marshal(header{Type: ev.Type, Turn: ev.Turn, DataLength: len(ev.Data), PayloadLength: len(ev.Payload)})
	if err != nil {
		return err
	}
	b := make([]byte, 0, len(line)+1+len(ev.Data)+len(ev.Payload))
	b = append(append(b, line...), '\n')
	b = append(append(b, ev.Data...), ev.Payload...)
	_, err = w.Write(b)
	return err
}

// newEvent makes an event of typ with data as its JSON object; nil for none.
func newEvent(typ string, data any, payload []byte) (event, error) {
	ev := event{Type: typ, Payload: payload}
	if data == nil {
		return ev, nil
	}
	var err error
	ev.Data, err = json.Marshal(data)
	return ev, err
}

// decode reads the event's data into v. No data leaves v as it is.
func (ev event) decode(v any) error {
	if len(ev.Data) == 0 {
		return nil
	}
	if err := json.Unmarshal(ev.Data, v); err != nil {
		return fmt.Errorf("%w: data of %s", errFraming, ev.Type)
	}
	return nil
}
