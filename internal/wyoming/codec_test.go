package wyoming

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestReader(t *testing.T) {
	long := strings.Repeat("x", MaxData)
	for _, tt := range []struct {
		name, in string
		want     []string // type, data, payload
		err      error
	}{
		{"nothing", "", nil, io.EOF},
		{"as the reference library writes", `{"type": "transcript", "version": "1.9.0", "data_length": 14}` + "\n" + `{"text": "hi"}`, []string{`transcript {"text": "hi"} `}, io.EOF},
		{"inline", `{"type":"a","data":{"b":1}}` + "\n", []string{`a {"b":1} `}, io.EOF},
		{"the block wins", `{"type":"a","data":{"b":1,"c":2},"data_length":7}` + "\n" + `{"b":3}`, []string{`a {"b":3,"c":2} `}, io.EOF},
		{"nulls", `{"type":"a","data":null,"data_length":null,"payload_length":null,"version":null}` + "\n", []string{`a  `}, io.EOF},
		{"inline null and a block", `{"type":"a","data":null,"data_length":7}` + "\n" + `{"b":3}`, []string{`a {"b":3} `}, io.EOF},
		{"lengths are bytes", `{"type":"a","data_length":12}` + "\n" + `{"b":"ää"}` + "{}\n", []string{`a {"b":"ää"} `}, ErrMalformed},
		{"a payload of newlines", `{"type":"a","payload_length":2}` + "\n\n\n" + `{"type":"b"}` + "\n", []string{"a  \n\n", "b  "}, io.EOF},
		{"the same line twice", event("a", `{"b":1}`, "c") + event("a", `{"b":2}`, "d"), []string{`a {"b":1} c`, `a {"b":2} d`}, io.EOF},
		{"a header at the limit", `{"type":"a"` + strings.Repeat(" ", MaxHeader-13) + "}\n", []string{"a  "}, io.EOF},
		{"a header over it", `{"type":"a"` + strings.Repeat(" ", MaxHeader-12) + "}\n", nil, ErrMalformed},
		{"an endless header", strings.Repeat("x", 10*MaxHeader), nil, ErrMalformed},
		{"payload at the limit", `{"type":"a","payload_length":65536}` + "\n" + long, []string{"a  " + long}, io.EOF},
		{"payload over it", `{"type":"a","payload_length":65537}` + "\n" + long + "x", nil, ErrMalformed},
		{"data over it", `{"type":"a","data_length":65537}` + "\n" + long + "x", nil, ErrMalformed},
		{"a negative length", `{"type":"a","data_length":-1}` + "\n", nil, ErrMalformed},
		{"a huge length", `{"type":"a","payload_length":99999999999999999999}` + "\n", nil, ErrMalformed},
		{"a length that is a string", `{"type":"a","payload_length":"1"}` + "\n", nil, ErrMalformed},
		{"no type", "{}\n", nil, ErrMalformed},
		{"null type", `{"type":null}` + "\n", nil, ErrMalformed},
		{"an empty line", "\n", nil, ErrMalformed},
		{"HTTP", "GET / HTTP/1.1\r\n\r\n", nil, ErrMalformed},
		{"data is a list", event("a", "[]", ""), nil, ErrMalformed},
		{"inline data is a list", `{"type":"a","data":[]}` + "\n", nil, ErrMalformed},
		{"data is not JSON", event("a", "{", ""), nil, ErrMalformed},
		{"deep data", event("a", `{"a":`+strings.Repeat("[", 30000)+strings.Repeat("]", 30000)+"}", ""), nil, ErrMalformed},
		{"ends in the header", `{"type":"a"}`, nil, io.ErrUnexpectedEOF},
		{"ends in the data", `{"type":"a","data_length":5}` + "\n{}", nil, io.ErrUnexpectedEOF},
		{"ends before the payload", `{"type":"a","payload_length":5}` + "\n", nil, io.ErrUnexpectedEOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, in := range []io.Reader{strings.NewReader(tt.in), iotest.DataErrReader(iotest.HalfReader(strings.NewReader(tt.in)))} {
				var got []string
				r := NewReader(in)
				var err error
				for {
					var e Event
					if e, err = r.Read(); err != nil {
						break
					}
					got = append(got, fmt.Sprintf("%s %s %s", e.Type, []byte(e.Data), e.Payload))
				}
				if diff := cmp.Diff(tt.want, got); diff != "" || !errors.Is(err, tt.err) {
					t.Errorf("got %v, want %v; events:\n%s", err, tt.err, diff)
				}
			}
		})
	}
}

// TestAnnouncedIsNotAllocated: ten thousand peers that announce and do not
// send must cost little.
func TestAnnouncedIsNotAllocated(t *testing.T) {
	r := NewReader(strings.NewReader(`{"type":"a","data_length":65536}` + "\n{"))
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.buf.Reset(strings.NewReader(`{"type":"a","payload_length":65536}` + "\nx"))
			if _, err := r.Read(); err != io.ErrUnexpectedEOF {
				b.Fatal(err)
			}
		}
	})
	if got := result.AllocedBytesPerOp(); got > 2*blockStep {
		t.Errorf("64 KiB announced: got %d bytes allocated, want at most %d", got, 2*blockStep)
	}
}

func TestWriterRefuses(t *testing.T) {
	for _, e := range []Event{
		{},
		{Type: strings.Repeat("x", MaxHeaderSent)},
		{Type: "a", Data: make([]byte, MaxData+1)},
		{Type: "a", Payload: make([]byte, MaxPayload+1)},
	} {
		var b bytes.Buffer
		if err := NewWriter(&b).Write(e); err == nil || b.Len() > 0 {
			t.Errorf("%v: got %v and %d bytes, want an error and none", e, err, b.Len())
		}
	}
}

// TestWriter holds the bytes on the wire.
func TestWriter(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b)
	for _, m := range []Message{
		Describe{},
		Transcript{Text: NewText("zwölf & mehr")},
		AudioChunk{mono16(), []byte("ab")},
		Info{},
	} {
		e, err := New(m)
		if err == nil {
			err = w.Write(e)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	want := `{"type": "describe", "version": "1.9.0"}` + "\n" +
		`{"type": "transcript", "version": "1.9.0", "data_length": 30}` + "\n" + `{"text":"zwölf \u0026 mehr"}` +
		`{"type": "audio-chunk", "version": "1.9.0", "data_length": 37, "payload_length": 2}` + "\n" + `{"rate":16000,"width":2,"channels":1}ab` +
		`{"type": "info", "version": "1.9.0", "data_length": 73}` + "\n" + `{"asr":[],"tts":[],"handle":[],"intent":[],"wake":[],"mic":[],"snd":[]}`
	want = strings.Replace(want, `"data_length": 30`, fmt.Sprintf(`"data_length": %d`, len(`{"text":"zwölf \u0026 mehr"}`)), 1)
	want = strings.Replace(want, `"data_length": 73`, fmt.Sprintf(`"data_length": %d`, len(`{"asr":[],"tts":[],"handle":[],"intent":[],"wake":[],"mic":[],"snd":[]}`)), 1)
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestEventsAreReadAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []Event
		var b bytes.Buffer
		w := NewWriter(&b)
		for range rapid.IntRange(1, 5).Draw(t, "events") {
			e := Event{Type: rapid.StringMatching(`.{1,20}`).Draw(t, "type"), Payload: rapid.SliceOfN(rapid.Byte(), 0, 9000).Draw(t, "payload")}
			if text := rapid.String().Draw(t, "text"); text != "" {
				e.Data, _ = json.Marshal(map[string]string{"text": text})
			}
			want = append(want, e)
			if err := w.Write(e); err != nil {
				t.Fatal(err)
			}
		}
		r := NewReader(&b)
		for i := range want {
			got, err := r.Read()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want[i], got, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		}
	})
}

func FuzzReader(f *testing.F) {
	for _, seed := range seeds() {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReader(bytes.NewReader(in))
		for {
			e, err := r.Read()
			if err != nil {
				if err != io.EOF && err != io.ErrUnexpectedEOF && !errors.Is(err, ErrMalformed) {
					t.Fatalf("got %v", err)
				}
				return
			}
			if e.Type == "" || len(e.Data) > MaxHeader+MaxData || len(e.Payload) > MaxPayload || len(e.Data) > 0 && !isObject(e.Data) {
				t.Fatalf("read %v", e)
			}
			for _, m := range messages() {
				if m = fresh(m); e.Type == m.Type() && e.Decode(m) == nil {
					if _, err := New(m); err != nil && e.Type != "info" {
						t.Fatalf("read %v, and cannot write it: %v", e, err)
					}
				}
			}
			var out bytes.Buffer
			if NewWriter(&out).Write(e) != nil {
				continue // over what we send
			}
			again, err := NewReader(&out).Read()
			if diff := cmp.Diff(e, again, cmpopts.EquateEmpty()); err != nil || diff != "" {
				t.Fatalf("written and read again: %v\n%s", err, diff)
			}
		}
	})
}

// seeds is what fuzzing begins with: every message, and every oddity above.
func seeds() []string {
	all := []string{
		"", "\n", "{}\n", `{"type":"x","data":{"a":1},"data_length":2,"payload_length":1}` + "\n{}z",
		`{"type":"x","payload_length":-1}` + "\n", `{"type":"x","data_length":1000000000000}` + "\n", event("x", "]", ""),
		event("audio-chunk", `{"rate":16000,"width":2,"channels":1,"timestamp":null}`, "abc") +
			event("audio-chunk", `{"rate":16000,"width":2,"channels":1}`, "d") + event("audio-stop", "{}", ""),
		event("audio-chunk", `{"rate":16000,"width":0,"channels":1}`, "abc"),
		event("audio-chunk", `{"rate":1000000000,"width":2,"channels":-1}`, "abc"),
		event("synthesize-start", "{}", "") + event("synthesize-chunk", `{"text":"a"}`, "") + event("synthesize", `{"text":"a"}`, "") + event("synthesize-stop", "{}", ""),
		event("detect", `{"names":null}`, "") + event("audio-stop", "{}", ""),
	}
	var conversation bytes.Buffer
	for _, m := range messages() {
		var b bytes.Buffer
		if e, err := New(m); err == nil {
			NewWriter(io.MultiWriter(&b, &conversation)).Write(e)
		}
		all = append(all, b.String())
	}
	return append(all, conversation.String())
}
