package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/rights/bring"
)

// sender sends recordings of an archive to a vault, over connections that it
// keeps.
type sender struct {
	*client
	by       http.RoundTripper
	address  string
	provider string
}

func (cmd importCmd) sender(ctx context.Context, c *console) (*sender, error) {
	cl, path, err := cmd.enter(ctx, c, cmd.sessionFile)
	if err != nil {
		return nil, err
	}
	by, err := device{URL: cl.URL, CA: cl.CA}.transport()
	if err != nil {
		return nil, err
	}
	by.MaxIdleConnsPerHost = bring.AtOnce
	return &sender{client: cl, by: by, address: cl.URL + path + "/imports"}, nil
}

// bring sends the items, and says how it went. What was kept stays when it is
// interrupted, and the same line goes on from there.
func (s *sender) bring(ctx context.Context, c *console, a *bring.Archive, items []bring.Item) error {
	s.provider = a.Provider
	shown := newBar(c)
	p, err := a.Run(ctx, items[:1], s.keep, func(bring.Progress) {}) // the first makes the door
	rest := bring.Progress{Of: len(items) - 1}
	if err == nil {
		rest, err = a.Run(ctx, items[1:], s.keep, func(rest bring.Progress) { shown.show(sum(p, rest)) })
	}
	p = sum(p, rest)
	shown.end()
	fmt.Fprintf(c.out, "%d of %d recordings: %d kept, %d were here already, %d could not be read\n", p.Done, p.Of, p.Kept, p.Known, p.Refused)
	switch {
	case err != nil && p.Done > 0 && errors.Is(err, context.Canceled):
		return codedError{exitPartly, hearkeep.Errorf(hearkeep.Unavailable, "It was stopped.").WithHint("Run the same line again: it goes on where it ended, and keeps nothing twice.")}
	case err != nil:
		return err
	case p.Refused > 0:
		return codedError{exitPartly, hearkeep.Errorf(hearkeep.Invalid, "Not all of it could be read.").WithHint("See the lines above, or --report.")}
	}
	return nil
}

func sum(a, b bring.Progress) bring.Progress {
	return bring.Progress{Done: a.Done + b.Done, Of: a.Of + b.Of, Kept: a.Kept + b.Kept, Known: a.Known + b.Known, Refused: a.Refused + b.Refused}
}

// sentItem is a recording as the API takes it.
type sentItem struct {
	Provider string    `json:"provider"`
	Time     time.Time `json:"time,omitzero"`
	TimeFrom string    `json:"time_from,omitempty"`
	Words    string    `json:"words,omitempty"`
	Answer   string    `json:"answer,omitempty"`
	Device   string    `json:"device,omitempty"`
	SHA256   string    `json:"sha256,omitempty"`
}

// keep implements bring.Keeper. A keep that is busy, or away for a moment, is
// asked again.
func (s *sender) keep(ctx context.Context, it bring.Item, data []byte) (bool, error) {
	item := sentItem{Provider: s.provider, Time: it.Time, TimeFrom: it.TimeFrom, Words: it.Words.Reveal(), Answer: it.Answer.Reveal(), Device: it.Device}
	if it.Sum != nil {
		item.SHA256 = hex.EncodeToString(it.Sum[:])
	}
	kind, body, err := importForm(item, data)
	if err != nil {
		return false, err
	}
	for try := 0; ; try++ {
		kept, err := s.once(ctx, kind, body)
		code := hearkeep.CodeOf(err)
		if err == nil || try == 5 || ctx.Err() != nil || code != hearkeep.TooMany && code != hearkeep.Unavailable {
			return kept, err
		}
		select {
		case <-time.After(250 * time.Millisecond << try):
		case <-ctx.Done():
		}
	}
}

func importForm(item sentItem, data []byte) (kind string, body []byte, err error) {
	var buf bytes.Buffer
	form := multipart.NewWriter(&buf)
	text, err := json.Marshal(item)
	if err == nil {
		err = form.WriteField("item", string(text))
	}
	if err == nil && data != nil {
		var part io.Writer
		if part, err = form.CreateFormFile("sound", "sound"); err == nil {
			_, err = part.Write(data)
		}
	}
	err = errors.Join(err, form.Close()) // which writes the form's last line
	return form.FormDataContentType(), buf.Bytes(), err
}

func (s *sender) once(ctx context.Context, kind string, body []byte) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.address, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Authorization", "Bearer "+s.Session)
	resp, err := device{URL: s.URL, CA: s.CA}.sendBy(s.by, req, 5*time.Minute)
	if err != nil {
		return false, err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return false, s.explain(problemOf(s.URL, resp))
	}
	defer resp.Body.Close()
	var out struct{ Kept bool }
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&out); err != nil {
		return false, notHearkeep(s.URL, err)
	}
	io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<10)) // so that the connection is used again
	return out.Kept, nil
}
