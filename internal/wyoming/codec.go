package wyoming

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
)

// Limits of one event, in bytes. Information about a service may be longer
// when we ask for it: one that offers hundreds of voices names them all.
const (
	MaxHeader     = 64 << 10 // accepted
	MaxHeaderSent = 8 << 10
	MaxData       = 64 << 10
	MaxPayload    = 64 << 10
	maxInfoData   = 1 << 20 // accepted by a client
)

// readBuffer is what a waiting connection costs in buffers: one audio-chunk of
// 64 ms at 16 kHz with its header fits, longer ones are read past it.
const readBuffer = 4 << 10

// blockStep is how much of an announced block is taken before its bytes come,
// so that announcing costs us nothing.
const blockStep = 4 << 10

// maxRemembered bounds the header line and the data that a Reader remembers.
const maxRemembered = 256

// protocolVersion is what the header says we speak.
const protocolVersion = "1.9.0"

// header is the line that opens an event. Lengths are bytes; null is 0.
type header struct {
	Type          string          `json:"type"`
	Data          json.RawMessage `json:"data"`
	DataLength    int             `json:"data_length"`
	PayloadLength int             `json:"payload_length"`
}

// Reader reads events from a stream, one after the other. It is not for
// concurrent use.
type Reader struct {
	buf     *bufio.Reader
	maxData int

	// The chunks of one stream open with the same line and, from most peers,
	// the same data. Each is parsed once.
	lastLine []byte
	last     header
	lastData json.RawMessage
}

// NewReader returns a Reader that holds events to the limits above.
func NewReader(r io.Reader) *Reader {
	return &Reader{buf: bufio.NewReaderSize(r, readBuffer), maxData: MaxData}
}

// Read returns the next event. Data and Payload are the caller's to keep; Data,
// which events may share, is not to be changed. io.EOF means that the stream ended between events; after any other
// error nothing more can be read. Errors hold nothing of what was sent.
func (r *Reader) Read() (Event, error) {
	h, err := r.header()
	if err != nil {
		return Event{}, err
	}
	e := Event{Type: h.Type}
	if e.Data, err = r.data(h); err != nil {
		return Event{}, err
	}
	if e.Payload, err = r.block(h.PayloadLength); err != nil {
		return Event{}, err
	}
	return e, nil
}

// header reads and checks the line that opens an event.
func (r *Reader) header() (header, error) {
	line, err := r.line()
	if err != nil {
		return header{}, err
	}
	if bytes.Equal(line, r.lastLine) {
		return r.last, nil
	}
	var h header
	switch err := json.Unmarshal(line, &h); {
	case err != nil || h.Type == "":
		return header{}, fmt.Errorf("%w: header", ErrMalformed)
	case h.DataLength < 0 || h.DataLength > r.maxData:
		return header{}, fmt.Errorf("%w: data of %d bytes", ErrMalformed, h.DataLength)
	case h.PayloadLength < 0 || h.PayloadLength > MaxPayload:
		return header{}, fmt.Errorf("%w: payload of %d bytes", ErrMalformed, h.PayloadLength)
	}
	if h.Data == nil && len(line) <= maxRemembered {
		r.lastLine, r.last = append(r.lastLine[:0], line...), h
	}
	return h, nil
}

// line reads up to and including the next newline. It is valid until the next
// read.
func (r *Reader) line() ([]byte, error) {
	part, err := r.buf.ReadSlice('\n')
	if err == nil || err == io.EOF && len(part) == 0 {
		return part, err
	}
	var line []byte
	for err == bufio.ErrBufferFull && len(line)+len(part) < MaxHeader {
		line = append(line, part...)
		part, err = r.buf.ReadSlice('\n')
	}
	switch line = append(line, part...); {
	case errors.Is(err, bufio.ErrBufferFull) || len(line) > MaxHeader:
		return nil, fmt.Errorf("%w: header over %d bytes", ErrMalformed, MaxHeader)
	case err != nil:
		return nil, unexpected(err)
	}
	return line, nil
}

// data reads the block that follows h and overlays it on h's own data.
func (r *Reader) data(h header) (json.RawMessage, error) {
	n := h.DataLength
	if h.Data == nil && n > 0 && n == len(r.lastData) && r.buf.Buffered() >= n {
		if next, _ := r.buf.Peek(n); bytes.Equal(next, r.lastData) {
			r.buf.Discard(n)
			return r.lastData, nil
		}
	}
	block, err := r.block(n)
	if err != nil {
		return nil, err
	}
	data, err := effective(h.Data, block)
	if err == nil && len(data) <= maxRemembered {
		r.lastData = data
	}
	return data, err
}

// block reads exactly n bytes; nil for none.
func (r *Reader) block(n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	b := make([]byte, min(n, blockStep))
	for read := 0; ; {
		m, err := io.ReadFull(r.buf, b[read:])
		if err != nil {
			return nil, unexpected(err)
		}
		if read += m; read == n {
			return b, nil
		}
		longer := make([]byte, min(n, 4*read))
		copy(longer, b)
		b = longer
	}
}

// unexpected says that a stream must not end inside an event.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// effective is the data of an event: the inline object, overlaid key by key
// by the block's.
func effective(inline, block json.RawMessage) (json.RawMessage, error) {
	if block != nil && !isObject(block) || inline != nil && !isObject(inline) && !isNull(inline) {
		return nil, fmt.Errorf("%w: data is no object", ErrMalformed)
	}
	switch {
	case inline == nil || isNull(inline):
		return block, nil
	case block == nil:
		return inline, nil
	}
	merged := map[string]json.RawMessage{}
	if json.Unmarshal(inline, &merged) != nil || json.Unmarshal(block, &merged) != nil {
		return nil, fmt.Errorf("%w: data", ErrMalformed)
	}
	return json.Marshal(merged)
}

func isObject(b []byte) bool {
	b = bytes.TrimLeft(b, " \t\r\n")
	return len(b) > 0 && b[0] == '{' && json.Valid(b)
}

func isNull(b []byte) bool { return string(b) == "null" }

// Writer writes events to a stream, each in one Write where the stream can
// gather (a TCP or unix connection), else in two. It is not for concurrent use.
type Writer struct{ w io.Writer }

// NewWriter returns a Writer.
func NewWriter(w io.Writer) *Writer { return &Writer{w} }

// Write writes an event as the reference library does: data as a block, never
// inline. What is over the limits is refused before a byte is written.
func (w *Writer) Write(e Event) error {
	head, err := appendHeader(make([]byte, 0, 128+len(e.Data)), e)
	if err != nil {
		return err
	}
	head = append(head, e.Data...)
	if len(e.Payload) == 0 {
		_, err = w.w.Write(head)
		return err
	}
	_, err = (&net.Buffers{head, e.Payload}).WriteTo(w.w)
	return err
}

// appendHeader appends the line that opens e.
func appendHeader(b []byte, e Event) ([]byte, error) {
	if e.Type == "" || len(e.Data) > MaxData || len(e.Payload) > MaxPayload {
		return nil, fmt.Errorf("wyoming: write a %v: over the limits", e)
	}
	typ, err := json.Marshal(e.Type)
	if err != nil || len(typ) > MaxHeaderSent/2 {
		return nil, fmt.Errorf("wyoming: write a %v: type of %d bytes", e, len(e.Type))
	}
	b = append(append(append(b, `{"type": `...), typ...), `, "version": "`+protocolVersion+`"`...)
	if len(e.Data) > 0 {
		b = strconv.AppendInt(append(b, `, "data_length": `...), int64(len(e.Data)), 10)
	}
	if len(e.Payload) > 0 {
		b = strconv.AppendInt(append(b, `, "payload_length": `...), int64(len(e.Payload)), 10)
	}
	return append(b, "}\n"...), nil
}
