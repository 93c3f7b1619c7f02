package portal

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/hear"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// Limits of what may be heard at once. maxText is far above any sentence.
const (
	maxSound    = hear.MaxBytes
	maxText     = 4 << 10
	sayBytes    = maxSound
	uploadBytes = maxSound + 64<<10 // a form's own lines around the file
)

// unkeptPage answers an upload of which nothing was kept.
type unkeptPage struct {
	frame
	Reason string
	Heard  string
	Answer string
}

// upload hears a file from a form and shows what became of it.
func (p *portal) upload(w http.ResponseWriter, r *http.Request, v *visit) error {
	v, err := p.named(w, r, v)
	if err != nil {
		return err
	}
	release, err := p.holdUpload(w, r, v.room.ID())
	if err != nil {
		return err
	}
	defer release()
	data, err := formFile(r, "sound")
	if err != nil {
		return err
	}
	in, err := v.room.Uploads(r.Context())
	if err != nil {
		return err
	}
	page := &unkeptPage{frame: p.frameOf(v, "Nothing was kept", "")}
	var kept hearkeep.RecordingID
	err = p.Ear.Hear(r.Context(), in, data, func(e hear.Event) {
		switch e := e.(type) {
		case hear.Heard:
			page.Heard = e.Words.Reveal()
		case hear.Answered:
			page.Answer = e.Words.Reveal()
		case hear.Kept:
			kept = e.Recording
		case hear.NotKept:
			page.Reason = e.Reason
		}
	})
	if err != nil {
		return err
	}
	if kept.IsZero() {
		p.show(w, http.StatusOK, "unkept", page)
		return nil
	}
	http.Redirect(w, r, "/recordings/"+kept.String(), http.StatusSeeOther)
	return nil
}

// sendWithin is how long a sound may take to arrive, and seatWithin how long
// it waits for a place in memory.
const (
	sendWithin = 90 * time.Second
	seatWithin = 10 * time.Second
)

// holdUpload waits for one of the few places for sound in memory.
func (p *portal) holdUpload(w http.ResponseWriter, r *http.Request, of hearkeep.VaultID) (release func(), err error) {
	return p.hold(w, r, p.seats, of)
}

// hold waits for a seat. A vault has its share of them and no more, and a
// sender who is slow loses his: nobody holds everybody's speech.
func (p *portal) hold(w http.ResponseWriter, r *http.Request, seats *seats, of hearkeep.VaultID) (release func(), err error) {
	wait, cancel := context.WithTimeout(r.Context(), seatWithin)
	defer cancel()
	if release, err = seats.take(wait, of); err != nil {
		return nil, hearkeep.Errorf(hearkeep.Unavailable, "Too much is being sent at once.").WithHint("Try again in a moment.").Because(err)
	}
	// A server without deadlines, as in tests, has none to set.
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(sendWithin)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		release()
		return nil, err
	}
	return release, nil
}

// formFile reads one file of a multipart form into memory. ParseMultipartForm
// is not used: it writes large files to the disk, in the clear.
func formFile(r *http.Request, field string) ([]byte, error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, hearkeep.Errorf(hearkeep.Invalid, "No file was given.").WithHint("Choose a sound file first.").Because(err)
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, hearkeep.Errorf(hearkeep.Invalid, "No file was given.").WithHint("Choose a sound file first.")
		}
		if err != nil {
			return nil, bodyError(err)
		}
		if part.FormName() == field {
			return filePart(part)
		}
	}
}

func filePart(part *multipart.Part) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(part, maxSound+1))
	switch {
	case err != nil:
		return nil, bodyError(err)
	case len(data) > maxSound:
		return nil, errTooLarge(maxSound)
	case part.FileName() == "" && len(data) == 0:
		return nil, hearkeep.Errorf(hearkeep.Invalid, "No file was given.").WithHint("Choose a sound file first.")
	}
	return data, nil
}

// bodyError is what a person is told of a body that could not be read.
func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return errTooLarge(maxSound)
	}
	return hearkeep.Errorf(hearkeep.Invalid, "The file did not arrive whole.").WithHint("Send it again.").Because(err)
}

// say hears what a device sends, sound or text, and streams what becomes of
// it: one JSON object a line (application/x-ndjson), each sent as it happens.
// A failure before the first event is a problem with its own status; a later
// one is a last line {"event":"failed"}.
func (p *portal) say(w http.ResponseWriter, r *http.Request, in *vault.Inbox) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	text := kind == "text/plain"
	if err != nil || !text && kind != "application/octet-stream" && !strings.HasPrefix(kind, "audio/") {
		return hearkeep.Errorf(hearkeep.Invalid, "Send sound as audio/* or a sentence as text/plain.").Because(err)
	}
	if text {
		r.Body = http.MaxBytesReader(w, r.Body, maxText)
	} else {
		release, err := p.holdUpload(w, r, in.Vault())
		if err != nil {
			return err
		}
		defer release()
	}
	data, err := wholeBody(r)
	if err != nil {
		return err
	}
	return p.stream(w, r, func(tell func(hear.Event)) error {
		if text {
			return p.Ear.Say(r.Context(), in, hearkeep.NewWords(string(data)), tell)
		}
		return p.Ear.Hear(r.Context(), in, data, tell)
	})
}

// wholeBody reads a body into memory, up to the limit it was given.
func wholeBody(r *http.Request) ([]byte, error) {
	data, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, errTooLarge(tooLarge.Limit)
	}
	if err != nil {
		return nil, bodyError(err)
	}
	return data, nil
}

// stream sends a turn's events as they happen.
func (p *portal) stream(w http.ResponseWriter, r *http.Request, turn func(tell func(hear.Event)) error) error {
	out := &eventWriter{w: w}
	err := turn(out.tell)
	if err != nil && !out.begun() {
		return err
	}
	if err != nil {
		pr := explain(err)
		p.Log.Error("a turn failed", "route", r.Pattern, "code", pr.Code, "err", err)
		out.line(map[string]any{"event": "failed", "title": pr.Title, "detail": pr.Detail})
	}
	return nil
}

// eventWriter writes a turn's events as lines. Keeping reports from beside the
// answer, so that it locks.
type eventWriter struct {
	mu      sync.Mutex
	w       http.ResponseWriter
	started bool
}

func (o *eventWriter) begun() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.started
}

// stageJSON is a stage as devices read it.
type stageJSON struct {
	Stage  hearkeep.Stage `json:"stage"`
	TookMS float64        `json:"took_ms"`
	Engine string         `json:"engine,omitempty"`
	Note   string         `json:"note,omitempty"`
}

// tell writes one event. The words go back to whoever just spoke them.
func (o *eventWriter) tell(e hear.Event) {
	switch e := e.(type) {
	case hear.Heard:
		o.line(struct {
			Event      string `json:"event"`
			Words      string `json:"words"`
			Speech     bool   `json:"speech"`
			Understood bool   `json:"understood"`
		}{"heard", e.Words.Reveal(), e.Speech, e.Understood})
	case hear.Answered:
		stages := make([]stageJSON, 0, len(e.Stages))
		for _, s := range e.Stages {
			stages = append(stages, stageJSON{s.Stage, float64(s.Took.Microseconds()) / 1000, s.Engine, s.Note})
		}
		o.line(struct {
			Event  string      `json:"event"`
			Words  string      `json:"words"`
			Did    string      `json:"did,omitempty"`
			Sound  []byte      `json:"sound,omitempty"` // WAV, base64
			Stages []stageJSON `json:"stages"`
		}{"answered", e.Words.Reveal(), e.Did, e.Sound, stages})
	case hear.Kept:
		o.line(struct {
			Event     string `json:"event"`
			Recording string `json:"recording"`
		}{"kept", e.Recording.String()})
	case hear.NotKept:
		o.line(struct {
			Event  string `json:"event"`
			Reason string `json:"reason"`
			Failed bool   `json:"failed,omitempty"` // it should have been kept
		}{"not-kept", e.Reason, e.Failed})
	}
}

// line sends one object. A device that went away is noticed by its context.
func (o *eventWriter) line(v any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.started {
		o.started = true
		o.w.Header().Set("Content-Type", "application/x-ndjson")
		o.w.WriteHeader(http.StatusOK)
	}
	json.NewEncoder(o.w).Encode(v) // appends the line's end
	http.NewResponseController(o.w).Flush()
}
