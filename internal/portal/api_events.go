package portal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/vault"
)

const (
	// heartbeat is how long a stream of events is silent at most.
	heartbeat = 15 * time.Second
	// takeWithin is how long a reader may take for one event. One that is
	// slower is let go, and asks anew.
	takeWithin = 10 * time.Second
)

// eventJSON is what happened in a vault: ids and counts, and no words.
type eventJSON struct {
	At         time.Time              `json:"at"`
	Count      int                    `json:"count" doc:"How many recordings"`
	Recordings []hearkeep.RecordingID `json:"recordings" doc:"At most 100 of them"`
	By         hearkeep.Role          `json:"by,omitempty" doc:"keyholder, device, token, operator or system"`
	Purpose    string                 `json:"purpose,omitempty" doc:"Of an opening"`
}

// apiEvents tells of what happens in a vault as it happens, as server-sent
// events (WHATWG HTML, "Server-sent events"): kept, erased, opened, and
// missed where the reader did not keep up. It ends with the session or token,
// and when who holds the vault changes; its reader then asks anew.
func (p *portal) apiEvents(c *call) error {
	ctx, cancel := context.WithCancel(c.r.Context())
	defer cancel()
	if p.Ending != nil {
		defer context.AfterFunc(p.Ending, cancel)()
	}
	events, missed, err := c.room.Watch(ctx)
	if err != nil {
		return err
	}
	if c.r.Method == http.MethodHead {
		c.w.Header().Set("Content-Type", "text/event-stream")
		return nil
	}
	out := &eventStream{w: c.w, control: http.NewResponseController(c.w)}
	if err := out.begin(); err != nil {
		return err
	}
	defer out.end()
	silent := time.NewTicker(heartbeat)
	defer silent.Stop()
	for told := 0; err == nil; {
		select {
		case <-ctx.Done():
			return nil
		case e, more := <-events:
			if !more {
				return nil
			}
			if n := missed(); n > told {
				err = out.event("missed", struct {
					Count int `json:"count"`
				}{n - told})
				told = n
			}
			if err == nil {
				err = out.event(e.Kind, eventOf(e))
			}
		case <-silent.C:
			err = out.write([]byte(":\n\n"))
		}
	}
	return nil // the reader went away, or was too slow
}

func eventOf(e vault.Event) eventJSON {
	out := eventJSON{At: e.At.UTC(), Count: e.Count, Recordings: e.Recordings, By: e.By, Purpose: e.Purpose}
	if out.Recordings == nil {
		out.Recordings = []hearkeep.RecordingID{}
	}
	return out
}

// eventStream writes server-sent events, each within takeWithin.
type eventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// begin lifts the deadline for reading requests, which would end the stream,
// and answers before anything has happened.
func (s *eventStream) begin() error {
	if err := s.control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	s.w.Header().Set("Content-Type", "text/event-stream")
	s.w.Header().Set("X-Accel-Buffering", "no") // for proxies that would hold events back
	s.w.WriteHeader(http.StatusOK)
	return s.write([]byte("retry: 3000\n\n"))
}

// end leaves the connection as the next request expects it.
func (s *eventStream) end() { s.control.SetWriteDeadline(time.Time{}) }

func (s *eventStream) event(kind string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var event bytes.Buffer
	fmt.Fprintf(&event, "event: %s\ndata: %s\n\n", kind, data)
	return s.write(event.Bytes())
}

func (s *eventStream) write(b []byte) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(takeWithin)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := s.w.Write(b); err != nil {
		return err
	}
	return s.control.Flush()
}
