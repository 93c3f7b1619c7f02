package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/hearkeep/hearkeep"
)

// signedIn is what a terminal that somebody signed in remembers. Session opens
// all that its person may open, until it ends.
type signedIn struct {
	URL     string `json:"url"`
	CA      string `json:"ca,omitempty"` // PEM; empty for the authorities that the system trusts
	Name    string `json:"name"`
	Session string `json:"session,omitempty"` // empty once signed out
	Known   string `json:"known,omitempty"`   // tells this terminal's attempts from strangers'
}

// sessionFile is where a session is remembered.
type sessionFile struct {
	Session string `help:"Where this terminal's session is kept (mode 0600)." type:"path" placeholder:"FILE"`
}

func (f sessionFile) path() (string, error) { return remembered(f.Session, "session") }

// read returns what is remembered, the zero value where nothing is.
func (f sessionFile) read() (signedIn, error) {
	path, err := f.path()
	if err != nil {
		return signedIn{}, err
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return signedIn{}, nil
	}
	var s signedIn
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		return signedIn{}, hearkeep.Errorf(hearkeep.Invalid, "The file %s cannot be read.", path).WithHint("Remove it and sign in again.").Because(err)
	}
	return s, nil
}

func (f sessionFile) write(s signedIn) error {
	path, err := f.path()
	if err != nil {
		return err
	}
	return writeSecret(path, s)
}

// client is a keep as somebody signed in at this terminal reaches it.
type client struct {
	signedIn
	file    sessionFile
	console *console
}

// open takes the remembered session up.
func (f sessionFile) open(c *console) (*client, error) {
	s, err := f.read()
	if err != nil {
		return nil, err
	}
	if s.Session == "" {
		return nil, hearkeep.Errorf(hearkeep.Unauthorized, "Nobody is signed in at this terminal.").WithHint("Run hearkeep sign-in.")
	}
	if s.URL, err = keepURL(s.URL); err != nil { // the file may have been edited
		return nil, err
	}
	return &client{s, f, c}, nil
}

// request sends one call. A status of 400 or more is an error, and the answer
// is closed then. stream lets it go on for ever.
func (c *client) request(ctx context.Context, method, path string, in any, stream bool) (*http.Response, error) {
	resp, err := c.once(ctx, method, path, in, stream)
	if hearkeep.CodeOf(err) != hearkeep.StepUp {
		return resp, err
	}
	if err := c.stepUp(ctx); err != nil {
		return nil, err
	}
	return c.once(ctx, method, path, in, stream)
}

func (c *client) once(ctx context.Context, method, path string, in any, stream bool) (*http.Response, error) {
	body := io.Reader(http.NoBody)
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, body)
	if err != nil {
		return nil, err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.Session != "" {
		req.Header.Set("Authorization", "Bearer "+c.Session)
	}
	timeout := 5 * time.Minute
	if stream {
		timeout = 0
	}
	resp, err := device{URL: c.URL, CA: c.CA}.send(req, timeout)
	if err != nil || resp.StatusCode < http.StatusBadRequest && resp.StatusCode != http.StatusMisdirectedRequest {
		return resp, err
	}
	return nil, c.explain(problemOf(c.URL, resp))
}

// explain adds to a refusal what mends it at a terminal, and takes out of it
// what would steer the terminal.
func (c *client) explain(err error) error {
	var told *hearkeep.Error
	switch {
	case !errors.As(err, &told):
		return err
	case told.Code == hearkeep.Unauthorized && c.Session != "":
		return hearkeep.Errorf(hearkeep.Unauthorized, "This terminal's session has ended.").WithHint("Run hearkeep sign-in.")
	}
	told.Message, told.Hint = printable(told.Message), printable(told.Hint)
	return err
}

// call sends one call and reads its answer. raw is the answer's JSON.
func (c *client) call(ctx context.Context, method, path string, in, out any) (raw []byte, err error) {
	resp, err := c.request(ctx, method, path, in, false)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if raw, err = io.ReadAll(io.LimitReader(resp.Body, 64<<20)); err != nil {
		return nil, codedError{exitUnreachable, hearkeep.Errorf(hearkeep.Unavailable, "The connection to your keep broke off.").Because(err)}
	}
	if out == nil || resp.StatusCode == http.StatusNoContent {
		return raw, nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return nil, notHearkeep(c.URL, err)
	}
	return raw, nil
}

// rotated is a session that begins, or goes on under another secret.
type rotated struct {
	Session string    `json:"session"`
	Known   string    `json:"known"`
	Expires time.Time `json:"expires"`
}

// stepUp shows the passphrase again, as the keep wants it for what weighs more.
func (c *client) stepUp(ctx context.Context) error {
	secret, err := c.console.secret(ctx, "This needs your passphrase (or recovery kit) once more: ")
	if err != nil {
		return err
	}
	var on rotated
	if _, err := c.call(ctx, http.MethodPost, "/v1/step-up", proofOf(secret), &on); err != nil {
		return err
	}
	return c.remember(on)
}

func (c *client) remember(on rotated) error {
	c.Session = on.Session
	if on.Known != "" {
		c.Known = on.Known
	}
	return c.file.write(c.signedIn)
}

// held is a vault as the API lists it.
type held struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	As      string `json:"as"`
	Holders int    `json:"holders"`
}

// Title is a name for people.
func (h held) Title() string {
	if h.Name == "" {
		return "Your keep"
	}
	return h.Name
}

// vaultFlag chooses a vault.
type vaultFlag struct {
	Vault string `help:"Which vault, by name or id; by default your first." placeholder:"VAULT"`
}

// in returns the path of the chosen vault: /v1/vaults/<id>.
func (f vaultFlag) enter(ctx context.Context, c *console, s sessionFile) (cl *client, path string, err error) {
	if cl, err = s.open(c); err == nil {
		path, err = f.in(ctx, cl)
	}
	return cl, path, err
}

func (f vaultFlag) in(ctx context.Context, c *client) (string, error) {
	var all struct{ Vaults []held }
	if _, err := c.call(ctx, http.MethodGet, "/v1/vaults", nil, &all); err != nil {
		return "", err
	}
	for _, v := range all.Vaults {
		if f.Vault == "" || f.Vault == v.ID || f.Vault == v.Title() {
			return "/v1/vaults/" + url.PathEscape(v.ID), nil
		}
	}
	return "", hearkeep.Errorf(hearkeep.NotFound, "You hold no vault called %q.", f.Vault).WithHint("hearkeep vaults lists them.")
}

// print writes an answer's JSON as the API gave it, or lets show write it for
// people.
func (c *client) print(asJSON bool, raw []byte, show func(w io.Writer)) error {
	if !asJSON {
		show(c.console.out)
		return nil
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, bytes.TrimSpace(raw), "", "  "); err != nil {
		return notHearkeep(c.URL, err)
	}
	_, err := fmt.Fprintln(c.console.out, pretty.String())
	return err
}
