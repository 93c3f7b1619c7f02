package portal

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// document describes the API in OpenAPI 3.1. It is made of the table of
// routes and of the Go types that the handlers take and give, and requests
// are checked against the same schemas. It does not change once it is made.
type document struct {
	rows    []route
	schemas huma.Registry
	of      map[reflect.Type]*huma.Schema // what requests are checked against
	api     *huma.OpenAPI
	body    []byte
}

// described is the endpoint of a route of the API, nil for a page.
func (r route) described() *endpoint {
	if r.api != nil {
		return r.api
	}
	return r.doc
}

const documentAbout = `Everything that a keep does for its person, for programs and terminals.

A **session** (` + "`hks_…`" + `, from POST /v1/sessions) is a person's own, for two weeks. An **API token** (` + "`hkt_…`" + `)
is a program's: it reaches one vault, and only reads unless it was made to write. A **device token** (` + "`hkd_…`" + `) adds and reads nothing.
Each is sent as ` + "`Authorization: Bearer …`" + `. A browser's session cookie works too, from the keep's own pages.

` + "`x-scope`" + ` says what a call needs: read, write, or person (a session; no token). Where ` + "`x-fresh`" + ` is true, an unlocker
must have been shown within five minutes: else the answer is a problem with the code step_up, and POST /v1/step-up mends that.

Failures are problems (RFC 9457): title is a sentence for people, detail says what to do, code tells kinds apart. What is not there and
what is somebody else's answer alike. Requests with members, or a query, that this document does not list are refused.`

// newDocument describes the rows of a table that belong to the API.
func newDocument(rows []route) (*document, error) {
	d := &document{
		rows: rows, schemas: huma.NewMapRegistry(schemasAt, schemaName), of: map[reflect.Type]*huma.Schema{},
	}
	d.api = &huma.OpenAPI{
		OpenAPI:    "3.1.0",
		Info:       &huma.Info{Title: "Hearkeep", Version: "1", Description: documentAbout},
		Servers:    []*huma.Server{{URL: "/", Description: "This keep"}},
		Components: &huma.Components{Schemas: d.schemas, SecuritySchemes: securitySchemes()},
	}
	d.api.Components.Responses = map[string]*huma.Response{"Problem": {
		Description: "A failure (RFC 9457)",
		Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: d.schemas.Schema(reflect.TypeFor[problem](), true, "")}},
	}}
	d.schemas.Schema(reflect.TypeFor[eventJSON](), true, "") // the data of an event
	for _, row := range rows {
		if e := row.described(); e != nil {
			d.api.AddOperation(d.operation(row, e))
		}
	}
	for name, s := range d.schemas.Map() {
		refine(s, d.schemas.TypeFromRef(schemasAt+name))
	}
	var err error
	d.body, err = json.Marshal(d.api)
	return d, err
}

const schemasAt = "#/components/schemas/"

// refine says of a type's members what huma does not know: lists may be empty
// and are never null, and ids are 32 hexadecimal digits.
func refine(s *huma.Schema, t reflect.Type) {
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		member := s.Properties[name]
		if member == nil {
			continue
		}
		of, is := t.Field(i).Type, member
		if of.Kind() == reflect.Slice && is.Type == huma.TypeArray {
			member.Nullable, of, is = false, of.Elem(), is.Items
		}
		if of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		if of.Kind() == reflect.Array && of.Len() == 16 && is.Type == huma.TypeString {
			is.Pattern = "^[0-9a-f]{32}$"
			is.PrecomputeMessages()
		}
	}
}

// schemaName calls a Go type such as recordingJSON Recording.
func schemaName(t reflect.Type, hint string) string {
	return strings.TrimSuffix(huma.DefaultSchemaNamer(t, hint), "JSON")
}

func securitySchemes() map[string]*huma.SecurityScheme {
	return map[string]*huma.SecurityScheme{
		"session": {Type: "http", Scheme: "bearer", BearerFormat: "hks_…", Description: "A person's session, from POST /v1/sessions."},
		"cookie":  {Type: "apiKey", In: "cookie", Name: "__Host-hearkeep", Description: "A browser's session; over plain http on this machine its name is hearkeep. Requests that change something must come from the keep's own pages."},
		"token":   {Type: "http", Scheme: "bearer", BearerFormat: "hkt_…", Description: "An API token of one vault, from POST /v1/vaults/{vault}/tokens."},
		"device":  {Type: "http", Scheme: "bearer", BearerFormat: "hkd_…", Description: "A device token, from POST /v1/pair."},
	}
}

// security is what a route can be called with, one of them each time.
func security(row route) []map[string][]string {
	person := []map[string][]string{{"session": {}}, {"cookie": {}}}
	switch {
	case row.device != nil:
		return []map[string][]string{{"device": {}}}
	case row.api == nil || row.scope == scopeNone:
		return []map[string][]string{}
	case row.scope == scopePerson:
		return person
	}
	return append(person, map[string][]string{"token": {}})
}

func (d *document) operation(row route, e *endpoint) *huma.Operation {
	op := &huma.Operation{
		Method: row.method, Path: row.pattern, OperationID: operationID(row), Summary: strings.TrimSuffix(e.says, "."),
		Tags: []string{tagOf(row.pattern)}, Security: security(row), Responses: d.responses(row, e),
		Extensions: map[string]any{},
	}
	if row.api != nil && row.scope != scopeNone {
		op.Extensions["x-scope"] = string(row.scope)
	}
	if row.fresh {
		op.Extensions["x-fresh"] = true
	}
	for _, name := range wildcard.FindAllString(row.pattern, -1) {
		name = strings.Trim(name, "{}")
		op.Parameters = append(op.Parameters, &huma.Param{Name: name, In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}})
	}
	switch query := row.method == http.MethodGet || row.method == http.MethodDelete; {
	case e.in != nil && query:
		d.parameters(op, e.in)
	case e.in != nil:
		d.of[e.in] = d.schemas.Schema(e.in, true, "")
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: d.of[e.in]}}}
	case len(e.takes) > 0:
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{}}
		for _, kind := range e.takes {
			op.RequestBody.Content[kind] = &huma.MediaType{Schema: &huma.Schema{}}
		}
	}
	return op
}

// parameters turns the members of a query's type into parameters.
func (d *document) parameters(op *huma.Operation, t reflect.Type) {
	s := huma.SchemaFromType(d.schemas, t)
	d.of[t] = s
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		member := s.Properties[name]
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: name, In: "query", Schema: member, Description: member.Description, Required: slices.Contains(s.Required, name),
		})
	}
}

// responses lists the success, and the problems that the route can have.
func (d *document) responses(row route, e *endpoint) map[string]*huma.Response {
	ok := &huma.Response{Description: http.StatusText(e.status)}
	switch {
	case e.out != nil:
		ok.Content = map[string]*huma.MediaType{"application/json": {Schema: d.schemas.Schema(e.out, true, "")}}
	case e.gives != "":
		ok.Content = map[string]*huma.MediaType{e.gives: {Schema: &huma.Schema{}}}
	}
	all := map[string]*huma.Response{strconv.Itoa(e.status): ok}
	failures := []int{http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusMethodNotAllowed,
		http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusNotFound, http.StatusConflict}
	if len(security(row)) > 0 || row.on == account {
		failures = append(failures, http.StatusUnauthorized)
	}
	if row.body > 0 {
		failures = append(failures, http.StatusRequestEntityTooLarge)
	}
	if e.gives == soundType || e.gives == zipType {
		all[strconv.Itoa(http.StatusPartialContent)] = &huma.Response{Description: "A range of it", Content: ok.Content}
		all[strconv.Itoa(http.StatusRequestedRangeNotSatisfiable)] = &huma.Response{Description: "No such range"}
		all[strconv.Itoa(http.StatusNotModified)] = &huma.Response{Description: "It is what If-None-Match names"}
	}
	for _, status := range failures {
		all[strconv.Itoa(status)] = &huma.Response{Ref: "#/components/responses/Problem"}
	}
	all["default"] = &huma.Response{Ref: "#/components/responses/Problem"}
	return all
}

var wildcard = regexp.MustCompile(`\{\w+\}`)

// operationID is such as getVaultsVaultRecordings.
func operationID(row route) string {
	id := strings.ToLower(row.method)
	for _, word := range strings.FieldsFunc(strings.TrimPrefix(row.pattern, "/v1/"), func(r rune) bool { return strings.ContainsRune("/{}-.", r) }) {
		id += strings.ToUpper(word[:1]) + word[1:]
	}
	return id
}

// tagOf groups addresses by what they are about.
func tagOf(pattern string) string {
	segments := strings.Split(strings.TrimPrefix(pattern, "/v1/"), "/")
	if segments[0] == "vaults" && len(segments) > 2 {
		return segments[2]
	}
	return segments[0]
}

// check says what of a value is not as a type's schema has it; empty if it is.
// Members are told apart by case, which neither huma nor encoding/json does.
func (d *document) check(t reflect.Type, v any) string {
	if members, ok := v.(map[string]any); ok {
		for name := range members {
			if !d.has(t, name) {
				return clipText(name, 80) + ": there is no such member"
			}
		}
	}
	var found huma.ValidateResult
	huma.Validate(d.schemas, d.of[t], huma.NewPathBuffer(nil, 0), huma.ModeWriteToServer, v, &found)
	if len(found.Errors) == 0 {
		return ""
	}
	var detail *huma.ErrorDetail
	if !errors.As(found.Errors[0], &detail) {
		return "it does not fit"
	}
	if detail.Location == "" {
		return detail.Message
	}
	return clipText(detail.Location, 80) + ": " + detail.Message
}

// member is the schema of a member of a request's type; nil where it has none.
func (d *document) member(t reflect.Type, name string) *huma.Schema {
	if t == nil {
		return nil
	}
	s := d.of[t]
	if s.Ref != "" {
		s = d.schemas.SchemaFromRef(s.Ref)
	}
	return s.Properties[name]
}

func (d *document) has(t reflect.Type, name string) bool { return d.member(t, name) != nil }

func (d *document) isNumber(t reflect.Type, name string) bool {
	return d.member(t, name).Type == huma.TypeInteger
}

// openapi serves the document.
func (p *portal) openapi(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/vnd.oai.openapi+json;version=3.1")
	w.Header().Set("Content-Length", strconv.Itoa(len(p.api.body)))
	w.Write(p.api.body)
	return nil
}
