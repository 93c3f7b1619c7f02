package rights

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// receiver takes callbacks.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []Status
	answer int
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{answer: http.StatusOK}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		var s Status
		json.Unmarshal(body, &s)
		r.mu.Lock()
		defer r.mu.Unlock()
		if q.URL.Path == "/moved" {
			http.Redirect(w, q, "/update_status", http.StatusTemporaryRedirect)
			return
		}
		r.got = append(r.got, s)
		w.WriteHeader(r.answer)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) statuses() (list []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.got {
		list = append(list, s.RequestID+" "+s.Status)
	}
	return list
}

// An agent is called back at a host that the directory names, and is tried
// again until it answers; always with what is true by then.
func TestCallbacks(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	b := newBureau(t, strings.TrimPrefix(r.URL, "http://"))
	anna := b.person("Anna", annas)
	a, two := b.agent(first), b.agent(second)
	if _, err := b.agents.Exercise(t.Context(), two, b.signed(second, b.claim(second, map[string]any{"exercise": "access", "status_callback": r.URL + "/x"}))); hearkeep.CodeOf(err) != hearkeep.Invalid {
		t.Errorf("the host of another agent: got %v, want invalid", err)
	}
	s := b.ask(a, "access", annas, map[string]any{"status_callback": r.URL + "/update_status"})
	moved := b.ask(a, "deletion", annas, map[string]any{"status_callback": r.URL + "/moved"})
	b.turn()
	if got := r.statuses(); len(got) != 0 {
		t.Errorf("before anything changed: got %v, want no call", got)
	}
	list, err := b.desk.Requests(t.Context(), anna.Who)
	b.must(err)
	r.answer = http.StatusServiceUnavailable
	for _, q := range list {
		b.must(b.home.Store.Update(t.Context(), func(tx *store.Tx) error {
			row, err := tx.Rights.Request(t.Context(), anna.Who.Account(), q.ID)
			if err != nil {
				return err
			}
			return b.desk.take(t.Context(), tx, &row, stepConfirmed, person(anna.Who))
		}))
	}
	b.turn()
	b.turn() // at once it is not tried again
	b.skew = 10 * time.Minute
	r.answer = http.StatusOK
	for _, q := range list {
		if _, err := b.desk.Withdraw(t.Context(), anna.Who, q.ID); err != nil {
			t.Fatal(err)
		}
	}
	b.turn()
	b.skew = 20 * time.Hour
	b.turn()
	for _, got := range r.statuses() {
		if strings.HasPrefix(got, moved.RequestID) {
			t.Errorf("a redirect was followed: %v", got)
		}
	}
	got := r.statuses()
	if len(got) < 2 || len(got) > 4 || got[0] != s.RequestID+" in_progress" || got[len(got)-1] != s.RequestID+" denied" {
		t.Errorf("calls: got %v, want one that was not taken and then the newest", got)
	}
	var jobs []store.Job
	b.must(b.home.Store.View(context.Background(), func(tx *store.Tx) (err error) {
		jobs, err = tx.Jobs.Due(t.Context(), jobCallback, now().AddDate(1, 0, 0), 100)
		return err
	}))
	for _, j := range jobs {
		if got, want := uuid(hearkeep.AgentRequestID(j.Payload[:16])), moved.RequestID; got != want {
			t.Errorf("a call waits for %s, want none but for %s", got, want)
		}
	}
}

// An agent can name as many addresses as it likes, and hold up the asking of
// people by a few of them alone.
func TestSilentAddresses(t *testing.T) {
	t.Parallel()
	const many = 12
	r := newReceiver(t)
	b := newBureau(t, strings.TrimPrefix(r.URL, "http://"))
	a := b.agent(first)
	for i := range many {
		b.ask(a, "access", nobodys, map[string]any{"status_callback": fmt.Sprintf("%s/%d", r.URL, i)})
	}
	r.answer = http.StatusServiceUnavailable
	b.skew = 40 * 24 * time.Hour // they expire, which their agent is told
	b.turn()
	if got := len(r.statuses()); got != maxSilent {
		t.Errorf("got %d calls where nothing is answered, want %d", got, maxSilent)
	}
	r.answer = http.StatusOK
	b.skew += time.Hour
	b.turn()
	if got, want := len(r.statuses()), maxSilent+many; got != want {
		t.Errorf("got %d calls after it answers again, want %d", got, want)
	}
}
