package portal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// sessionPrefix begins a session as a terminal bears it. What follows is what
// a browser has as its cookie.
const sessionPrefix = "hks_"

// scope is what a caller of the API must have. Each holds what stands above it.
type scope string

const (
	scopeNone   scope = ""       // nothing: whoever signs in
	scopeRead   scope = "read"   // a session, or any token of the vault
	scopeWrite  scope = "write"  // a session, or a token that may write
	scopePerson scope = "person" // a person's own session
)

// call is one request of the API by somebody it was opened for.
type call struct {
	w       http.ResponseWriter
	r       *http.Request
	who     identity.Verified // nobody for a program
	session string            // the session's secret; empty for a program
	bearer  bool              // it came in a header, as terminals send it
	token   string            // a program's; empty for a person
	room    *vault.Room       // the vault that the address names; a program's own where it names none
}

// visit is the call as the pages know it.
func (c *call) visit() *visit { return &visit{who: c.who, room: c.room, cookie: c.session} }

// endpoint is a route of the API: what it does, in a sentence, with the Go
// types of what it takes and gives. The document is made of them, requests are
// checked against them, and the handler has no others.
type endpoint struct {
	says    string
	in, out reflect.Type // nil for none; of GET and DELETE, in is the query
	takes   []string     // media types of a body that is not JSON
	gives   string       // media type of an answer that is not JSON
	status  int          // of success
	serve   func(*portal, *call) error
}

// none is nothing to take, or to give.
type none struct{}

// answers makes the endpoint of a handler.
func answers[In, Out any](says string, handle func(context.Context, *call, In) (Out, error)) *endpoint {
	e := &endpoint{says: says, status: http.StatusOK, in: typeOf[In](), out: typeOf[Out]()}
	if e.out == nil {
		e.status = http.StatusNoContent
	}
	e.serve = func(p *portal, c *call) error {
		var in In
		if err := p.read(c, e, &in); err != nil {
			return err
		}
		out, err := handle(c.r.Context(), c, in)
		if err != nil {
			return err
		}
		return reply(c.w, e.status, out)
	}
	return e
}

// made is answers for what makes something: 201.
func made[In, Out any](says string, handle func(context.Context, *call, In) (Out, error)) *endpoint {
	e := answers(says, handle)
	e.status = http.StatusCreated
	return e
}

// sends makes the endpoint of a handler that writes its answer by itself.
func sends(says, mediaType string, handle func(*call) error) *endpoint {
	return &endpoint{says: says, gives: mediaType, status: http.StatusOK, serve: func(p *portal, c *call) error {
		if err := p.read(c, &endpoint{}, &none{}); err != nil {
			return err
		}
		return handle(c)
	}}
}

// taking says which bodies an endpoint takes where that is not JSON.
func (e *endpoint) taking(mediaTypes ...string) *endpoint {
	e.takes = mediaTypes
	return e
}

func typeOf[T any]() reflect.Type {
	if t := reflect.TypeFor[T](); t != reflect.TypeFor[none]() {
		return t
	}
	return nil
}

func reply(w http.ResponseWriter, status int, v any) error {
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return nil
	}
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(status)
	w.Write(append(body, '\n'))
	return nil
}

// called carries out a route of the API.
func (p *portal) called(w http.ResponseWriter, r *http.Request, row route) error {
	c := &call{w: w, r: r}
	if row.scope != scopeNone {
		if err := p.admit(c, row); err != nil {
			return err
		}
	}
	return row.api.serve(p, c)
}

// admit finds out who calls, whether that is enough for the route, and enters
// the vault that the address names. A vault that is not there and one that is
// somebody else's are nowhere alike.
func (p *portal) admit(c *call, row route) error {
	if err := p.identify(c, row); err != nil {
		return err
	}
	if row.admins {
		if err := p.Identity.Admin(c.r.Context(), c.who); err != nil {
			return err
		}
	}
	if row.fresh {
		if err := c.who.Fresh(); err != nil {
			return err
		}
	}
	if !strings.Contains(row.pattern, "{vault}") {
		return nil
	}
	id, err := hearkeep.ParseID[hearkeep.VaultID](c.r.PathValue("vault"))
	if err != nil {
		return errNowhere
	}
	if c.token == "" {
		c.room, err = p.Keep.Enter(c.r.Context(), c.who, id)
		return err
	}
	if c.room.ID() != id {
		return errNowhere
	}
	return nil
}

// identify reads the one credential of a request: what it bears, else its
// cookie. One that is not good is refused, and no other looked for.
func (p *portal) identify(c *call, row route) (err error) {
	ctx := c.r.Context()
	defer func() {
		if err == nil && c.who.Valid() { // a program's place is not its person's
			p.usedBy(c.r, c.who.Account())
		}
	}()
	header, given := c.r.Header["Authorization"]
	if !given {
		cookie, err := c.r.Cookie(p.cookieName("hearkeep"))
		if err != nil {
			return errSignIn
		}
		c.session = cookie.Value
		c.who, err = p.Identity.Authenticate(ctx, c.session)
		return err
	}
	scheme, value, _ := strings.Cut(header[0], " ")
	if len(header) != 1 || !strings.EqualFold(scheme, "Bearer") {
		return errSignIn
	}
	if strings.HasPrefix(value, vault.TokenPrefix) {
		c.token = value
		if c.room, err = p.Keep.Program(ctx, value); err != nil {
			return err
		}
		switch {
		case row.scope == scopePerson:
			return hearkeep.Errorf(hearkeep.Forbidden, "This is for people who are signed in, not for a token.").
				WithHint("A token reaches what one vault keeps; accounts, keys and doors are their person's own.")
		case row.scope == scopeWrite && !c.room.Writes():
			return hearkeep.Errorf(hearkeep.Forbidden, "This token may read and change nothing.").WithHint("Make one that may write.")
		}
		return nil
	}
	if c.session, given = strings.CutPrefix(value, sessionPrefix); !given {
		return errSignIn
	}
	c.bearer = true
	c.who, err = p.Identity.Authenticate(ctx, c.session)
	return err
}

// read takes a request's query or JSON body apart: what the endpoint's type
// does not have is refused, as is what its schema does not allow.
func (p *portal) read(c *call, e *endpoint, in any) error {
	if c.r.Method != http.MethodGet && c.r.Method != http.MethodHead && c.r.Method != http.MethodDelete {
		if len(c.r.URL.RawQuery) > 0 {
			return errQuery("this address")
		}
		if e.in == nil {
			return nil
		}
		return p.readBody(c, e, in)
	}
	query := c.r.URL.Query()
	given := make(map[string]any, len(query))
	for name, values := range query {
		var is any = values[0]
		if !p.api.has(e.in, name) || len(values) != 1 {
			return errQuery(strconv.Quote(clipText(name, 40)))
		}
		if p.api.isNumber(e.in, name) {
			n, err := strconv.ParseInt(values[0], 10, 32)
			if err != nil {
				return hearkeep.Errorf(hearkeep.Invalid, "%s is not a number.", name)
			}
			is = float64(n)
		}
		given[name] = is
	}
	if e.in == nil {
		return nil
	}
	body, err := json.Marshal(given)
	if err != nil {
		return err
	}
	return p.api.decode(e.in, body, in)
}

func errQuery(what string) error {
	return hearkeep.Errorf(hearkeep.Invalid, "The query of the address is not understood: %s.", what).
		WithHint("/v1/openapi.json lists what each address takes.")
}

func clipText(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "")
}

func (p *portal) readBody(c *call, e *endpoint, in any) error {
	kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return hearkeep.Errorf(hearkeep.Invalid, "Send JSON, and say so: Content-Type: application/json.").Because(err)
	}
	body, err := io.ReadAll(c.r.Body)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return errTooLarge(tooLarge.Limit)
	}
	if err != nil {
		return hearkeep.Errorf(hearkeep.Invalid, "The request did not arrive whole.").Because(err)
	}
	return p.api.decode(e.in, body, in)
}

// decode reads JSON of a type that the document describes. What is wrong is
// told by name and never by value, which may be a secret.
func (d *document) decode(t reflect.Type, body []byte, in any) error {
	var loose any
	if err := json.Unmarshal(body, &loose); err != nil {
		return hearkeep.Errorf(hearkeep.Invalid, "That is not JSON.").Because(err)
	}
	if wrong := d.check(t, loose); wrong != "" {
		return hearkeep.Errorf(hearkeep.Invalid, "The request is not as described: %s.", wrong).
			WithHint("/v1/openapi.json describes each request.")
	}
	strict := json.NewDecoder(bytes.NewReader(body))
	strict.DisallowUnknownFields()
	if err := strict.Decode(in); err != nil {
		return hearkeep.Errorf(hearkeep.Invalid, "The request is not as described.").
			WithHint("/v1/openapi.json describes each request.").Because(err)
	}
	return nil
}

// apiNowhere answers addresses of the API that are not in the table, and
// methods that an address of the table does not have.
func (p *portal) apiNowhere(w http.ResponseWriter, r *http.Request) error {
	var allowed []string
	for _, row := range p.api.rows {
		if row.method != "" && matches(row.pattern, r.URL.Path) {
			allowed = append(allowed, row.method)
		}
	}
	if len(allowed) == 0 {
		return errNowhere
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	tellProblem(w, problem{
		Title: "This address does not take " + clipText(r.Method, 10) + ".", Status: http.StatusMethodNotAllowed,
		Detail: "It takes " + strings.Join(allowed, ", ") + ".", Code: "method_not_allowed",
	})
	return nil
}

// matches reports whether a path is one of a pattern without "...".
func matches(pattern, path string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i, w := range want {
		if w != got[i] && (!strings.HasPrefix(w, "{") || got[i] == "") {
			return false
		}
	}
	return true
}

// tellProblem answers with a problem in the form of RFC 9457.
func tellProblem(w http.ResponseWriter, pr problem) {
	body, _ := json.Marshal(pr) // strings and a number
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(pr.Status)
	w.Write(append(body, '\n'))
}
