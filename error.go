package hearkeep

import (
	"errors"
	"fmt"
	"time"
)

// Code says what kind of failure a person is told of.
type Code string

// Codes. Missing and not yours share NotFound: they answer the same bytes.
const (
	Internal     Code = "internal"     // ours; the operator's log has the chain
	Invalid      Code = "invalid"      // what was sent cannot be used
	NotFound     Code = "not_found"    // not there, or not yours
	Unauthorized Code = "unauthorized" // sign in first
	StepUp       Code = "step_up"      // signed in, but an unlocker must be shown again
	Forbidden    Code = "forbidden"    // known who asks, and it may not
	Conflict     Code = "conflict"     // somebody, or another process, was first
	TooLarge     Code = "too_large"    // over a stated limit
	TooMany      Code = "too_many"     // slow down
	Unavailable  Code = "unavailable"  // not now: a full disk, a missing engine
	Stopped      Code = "stopped"      // a release that did not add up; its owner is told, and a report is open
	Changed      Code = "changed"      // what a release had frozen was erased or corrected meanwhile
)

// Error is a failure with a sentence for the person and a hint at what to do.
// The wrapped chain is for the operator and never shown to people; neither
// holds words, names or audio.
type Error struct {
	Code    Code
	Message string        // one sentence
	Hint    string        // what to do next; may be empty
	Wait    time.Duration // when to try again, where that is known
	Err     error         // the chain, may be nil
}

// Error gives the operator's view: sentence and chain.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap returns the chain.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error with a formatted sentence.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// WithHint returns a copy that also says what to do.
func (e *Error) WithHint(format string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// After returns a copy that also says when to try again.
func (e *Error) After(wait time.Duration) *Error {
	c := *e
	c.Wait = wait
	return &c
}

// Because returns a copy that carries the operator's chain.
func (e *Error) Because(err error) *Error {
	c := *e
	c.Err = err
	return &c
}

// CodeOf returns the code of the first Error in the chain, or Internal.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// Explain returns what a person may read of err: a sentence and a hint. Of an
// error that carries none, it says only that something failed here.
func Explain(err error) (code Code, message, hint string) {
	var e *Error
	if errors.As(err, &e) {
		return e.Code, e.Message, e.Hint
	}
	return Internal, "Something failed on our side.", "Try again; the operator's log says more."
}
