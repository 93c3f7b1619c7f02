package portal

import (
	"net/http"
	"testing"
)

// TestKnownHasOneSpelling: line breaks within what tells a terminal from
// strangers give nobody attempts anew.
func TestKnownHasOneSpelling(t *testing.T) {
	h := newHome(t)
	h.person("Anna")
	c := &caller{t, h, ""}
	var in sessionJSON
	c.must(http.StatusCreated, "POST", "/v1/sessions", signInJSON{Name: "Anna", Passphrase: passphrase}, &in)
	guess := func(known string) int {
		return c.do("POST", "/v1/sessions", signInJSON{Name: "Anna", Passphrase: "a guess at it", Known: known}, nil).Status
	}
	got := 0
	for i := 1; i <= 20; i++ {
		if got = guess(in.Known[:i] + "\r\n" + in.Known[i:]); got == http.StatusTooManyRequests {
			break
		}
	}
	if got != http.StatusTooManyRequests {
		t.Errorf("the 20th guess in another spelling answers %d, want %d", got, http.StatusTooManyRequests)
	}
	if got := guess(in.Known); got != http.StatusUnauthorized {
		t.Errorf("a guess in the one spelling, which nobody used up, answers %d", got)
	}
}
