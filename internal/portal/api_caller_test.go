package portal

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// caller is a terminal or a program: no cookies, one credential.
type caller struct {
	t      *testing.T
	home   *home
	bearer string
}

// terminal signs somebody in as a terminal does.
func (h *home) terminal(name string) *caller {
	h.t.Helper()
	c := &caller{h.t, h, ""}
	var in sessionJSON
	c.must(http.StatusCreated, "POST", "/v1/sessions", signInJSON{Name: name, Passphrase: passphrase, Terminal: "of " + name}, &in)
	c.bearer = in.Session
	return c
}

// program is a caller with an API token of this one's first vault.
func (c *caller) program(scope string) *caller {
	c.t.Helper()
	var made tokenJSON
	c.must(http.StatusCreated, "POST", "/v1/vaults/"+c.vault()+"/tokens", newTokenJSON{Name: "program", Scope: scope}, &made)
	return &caller{c.t, c.home, made.Token}
}

// vault is the id of the caller's first vault.
func (c *caller) vault() string {
	c.t.Helper()
	var all vaultsJSON
	c.must(http.StatusOK, "GET", "/v1/vaults", nil, &all)
	if len(all.Vaults) == 0 {
		c.t.Fatal("no vault is held")
	}
	return all.Vaults[0].ID.String()
}

// must calls, checks the status, and reads the answer.
func (c *caller) must(status int, method, path string, in, out any) {
	c.t.Helper()
	got := c.do(method, path, in, nil)
	if got.Status != status {
		c.t.Fatalf("%s %s answers %d %s, want %d", method, path, got.Status, got.Body, status)
	}
	if out == nil {
		return
	}
	strict := json.NewDecoder(strings.NewReader(got.Body))
	strict.DisallowUnknownFields()
	if err := strict.Decode(out); err != nil {
		c.t.Fatalf("%s %s: %v in %s", method, path, err, got.Body)
	}
}

// do calls, with a body as JSON, and holds the answer against the document.
func (c *caller) do(method, path string, in any, header http.Header) answerTo {
	c.t.Helper()
	body := io.Reader(http.NoBody)
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			c.t.Fatal(err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.home.server.URL+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if c.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	resp.Header.Del("Date")
	got := answerTo{resp.StatusCode, resp.Header, string(text)}
	checkAnswer(c.t, method, strings.SplitN(path, "?", 2)[0], got)
	return got
}

// described is the document as it is served, made once for all tests.
var described = sync.OnceValues(func() (*document, error) { return newDocument((&portal{}).routes()) })

// checkAnswer holds an answer against the document: its status is described,
// and its body is of the schema.
func checkAnswer(t *testing.T, method, path string, got answerTo) {
	t.Helper()
	d, err := described()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range apiRows() {
		if row.method != method || !matches(row.pattern, path) {
			continue
		}
		op := operationOf(d.api, row)
		described, ok := op.Responses[strconv.Itoa(got.Status)]
		if ok && described.Ref != "" {
			described = d.api.Components.Responses["Problem"]
		}
		if !ok {
			t.Errorf("%s answers %d, which the document does not have", pattern(row), got.Status)
			return
		}
		kind, _, _ := strings.Cut(got.Header.Get("Content-Type"), ";")
		if kind != "application/json" && kind != "application/problem+json" {
			return
		}
		content, ok := described.Content[kind]
		if !ok {
			t.Errorf("%s answers %d with %s, which the document does not have", pattern(row), got.Status, kind)
			return
		}
		var body any
		if err := json.Unmarshal([]byte(got.Body), &body); err != nil {
			t.Fatal(err)
		}
		var found huma.ValidateResult
		huma.Validate(d.schemas, content.Schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, body, &found)
		for _, err := range found.Errors {
			t.Errorf("%s answers %d, and not as described: %v", pattern(row), got.Status, err)
		}
		return
	}
	if got.Status != http.StatusNotFound && got.Status != http.StatusMethodNotAllowed {
		t.Errorf("%s %s is no route and answers %d", method, path, got.Status)
	}
}

func operationOf(api *huma.OpenAPI, row route) *huma.Operation {
	item := api.Paths[row.pattern]
	if item == nil {
		return nil
	}
	return map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete}[row.method]
}
