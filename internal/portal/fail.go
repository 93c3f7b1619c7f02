package portal

import (
	"bytes"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/hearkeep/hearkeep"
)

// Answers that more than one route gives. Missing and not yours are one
// value, so that they cannot come to differ.
var (
	errNowhere = hearkeep.Errorf(hearkeep.NotFound, "There is nothing here.").
			WithHint("It may have been erased, or its time may be over.")
	errSignIn = hearkeep.Errorf(hearkeep.Unauthorized, "Sign in first.")
)

func errTooLarge(limit int64) *hearkeep.Error {
	return hearkeep.Errorf(hearkeep.TooLarge, "That is too large: at most %s can be taken.", sizeText(limit))
}

// statuses maps codes to HTTP; what is not here is 500.
var statuses = map[hearkeep.Code]int{
	hearkeep.Invalid:      http.StatusUnprocessableEntity,
	hearkeep.NotFound:     http.StatusNotFound,
	hearkeep.Unauthorized: http.StatusUnauthorized,
	hearkeep.Forbidden:    http.StatusForbidden,
	hearkeep.StepUp:       http.StatusForbidden, // and code says which of the two
	hearkeep.Conflict:     http.StatusConflict,
	hearkeep.TooLarge:     http.StatusRequestEntityTooLarge,
	hearkeep.TooMany:      http.StatusTooManyRequests,
	hearkeep.Unavailable:  http.StatusServiceUnavailable,
	hearkeep.Stopped:      http.StatusConflict,
	hearkeep.Changed:      http.StatusPreconditionFailed,
}

func statusOf(code hearkeep.Code) int {
	if s, ok := statuses[code]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// problem is what a person or a program is told of a failure, in the members
// of RFC 9457. Its title is the sentence and its detail the hint, so that a
// program can show both; code tells kinds of failure apart.
type problem struct {
	Title  string        `json:"title"`
	Status int           `json:"status"`
	Detail string        `json:"detail,omitempty"`
	Code   hearkeep.Code `json:"code"`
}

// explain makes the problem of an error.
func explain(err error) problem {
	code, message, hint := hearkeep.Explain(err)
	return problem{message, statusOf(code), hint, code}
}

// StatusText is the status in words.
func (pr problem) StatusText() string { return http.StatusText(pr.Status) }

// fail turns an error into a page or, for programs, into problem+json. It is
// the only place that does. The operator's log gets the chain of what is our
// fault, with the route's pattern, never the path: a path may hold a secret.
func (p *portal) fail(w http.ResponseWriter, r *http.Request, err error) {
	pr := explain(err)
	if pr.Status >= http.StatusInternalServerError && r.Context().Err() == nil {
		p.Log.Error("request failed", "route", r.Pattern, "code", pr.Code, "err", err)
	}
	w.Header().Del("Content-Range")
	if pr.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="hearkeep"`)
	}
	if told := (*hearkeep.Error)(nil); errors.As(err, &told) && told.Wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(told.Wait.Seconds()))))
	}
	p.tell(w, r, pr)
}

// tell answers with a problem, without what a handler said of another answer.
func (p *portal) tell(w http.ResponseWriter, r *http.Request, pr problem) error {
	for _, name := range []string{"Content-Length", "Content-Type", "Content-Disposition", "ETag", "Last-Modified", "Accept-Ranges"} {
		w.Header().Del(name)
	}
	w.Header().Set("Cache-Control", "no-store")
	if wantsJSON(r) {
		tellProblem(w, pr)
		return nil
	}
	p.show(w, pr.Status, "problem", &problemPage{frame: p.frame(pr.Title), Problem: pr})
	return nil
}

// wantsJSON reports whether a program asks: by an address of the API, or by
// preferring JSON over pages.
func wantsJSON(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return strings.HasPrefix(r.URL.Path, "/v1/") ||
		strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html")
}

// show writes a page. It is rendered whole first, so that a failing template
// leaves no half page.
func (p *portal) show(w http.ResponseWriter, status int, name string, page any) {
	var buf bytes.Buffer
	if err := p.pages.execute(&buf, name, page); err != nil {
		p.Log.Error("page failed", "page", name, "err", err)
		http.Error(w, "Something failed on our side. Try again; the operator's log says more.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(buf.Len()))
	w.WriteHeader(status)
	w.Write(buf.Bytes())
}
