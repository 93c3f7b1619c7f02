package notify

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep/internal/store"
)

// A letter is tried again after 1, 5, 30 and 120 minutes, then hourly, and
// given up before it is three days old.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t)
		defer h.close()
		d := h.desk(MailServer{}) // which cannot send e-mail now
		d.poll = 30 * time.Second // three days of seconds are long
		h.channel(d, Email, "anna@example.org", true)
		defer run(t, d)()
		h.tell(d, removed())
		begin := time.Now()
		time.Sleep(time.Second)
		var tried []time.Duration
		for over := false; !over && time.Since(begin) < 2*giveUp; {
			synctest.Wait()
			over = h.states()[failed] > 0
			if n := h.deliveries()[0].Attempts; n > len(tried) {
				tried = append(tried, time.Since(begin).Truncate(time.Minute))
			}
			time.Sleep(d.poll)
		}
		want := []time.Duration{0, time.Minute, 6 * time.Minute, 36 * time.Minute, 156 * time.Minute}
		for next := want[4] + time.Hour; next <= giveUp; next += time.Hour {
			want = append(want, next)
		}
		if diff := cmp.Diff(want, tried); diff != "" {
			t.Error(diff)
		}
		row := h.deliveries()[0]
		if row.State != failed || row.Sealed != nil || !row.Sent.IsZero() {
			t.Errorf("got %+v, want a failed one without its letter", row)
		}
		if got := strings.Count(h.logged(), "a letter was given up"); got != 1 {
			t.Errorf("given up %d times in the log", got)
		}

		if err := d.Expire(t.Context(), row.Due.Add(keepFor-time.Minute)); err != nil || len(h.deliveries()) != 1 {
			t.Errorf("got %v, %d lines before their time", err, len(h.deliveries()))
		}
		h.tell(d, removed())
		if err := d.Expire(t.Context(), row.Due.Add(keepFor+time.Minute)); err != nil || len(h.deliveries()) != 1 || h.deliveries()[0].State != queued {
			t.Errorf("got %v, %v: the old line goes, what waits stays", err, h.states())
		}
	})
}

// A server that comes back gets what waited, after the wait and not before.
func TestTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t)
		defer h.close()
		d := h.desk(MailServer{})
		h.channel(d, Email, "anna@example.org", true)
		stop := run(t, d)
		h.tell(d, removed())
		time.Sleep(10 * time.Second)
		stop()
		again := h.desk(MailServer{}) // a restart
		stop = run(t, again)
		time.Sleep(40 * time.Second)
		if n := h.deliveries()[0].Attempts; n != 1 {
			t.Errorf("got %d attempts within a minute, want 1", n)
		}
		time.Sleep(15 * time.Second)
		if n := h.deliveries()[0].Attempts; n != 2 {
			t.Errorf("got %d attempts after a minute, want 2", n)
		}
		stop()
	})
}

// Refused for good is not tried again; an altered row neither, and it says so.
func TestForGood(t *testing.T) {
	h := newHome(t)
	defer h.close()
	p := &post{atRcpt: answer(550, "no such user")}
	p.open(t, "127.0.0.1", nil, false)
	d := h.desk(mailServer(t, p.url("smtp", ""), ""))
	c := h.channel(d, Email, "anna@example.org", true)
	h.tell(d, removed())
	h.update(func(tx *store.Tx) error {
		_, err := tx.Letters.InsertDelivery(t.Context(), store.Delivery{
			Account: h.account, Channel: c.ID, Kind: Email, Topic: "test", Sealed: []byte("altered"), State: queued, Created: time.Now(), Due: time.Now(),
		})
		return err
	})
	defer run(t, d)()
	until(t, "both", func() bool { return h.states()[failed] == 2 })
	if got := h.logged(); !strings.Contains(got, "the answer was 550") || !strings.Contains(got, "altered or is damaged") {
		t.Errorf("got %s", got)
	}
}

// A store that fails for a while loses nothing and sends nothing twice.
func TestStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t)
		defer h.close()
		d := h.desk(MailServer{})
		h.channel(d, Email, "anna@example.org", true)
		h.tell(d, removed())
		f := &failing{Store: h.store}
		d.Store = f
		f.fail(true)
		defer run(t, d)()
		time.Sleep(3 * pause)
		if n := h.deliveries()[0].Attempts; n != 0 {
			t.Errorf("%d attempts that could not be noted", n)
		}
		f.fail(false)
		time.Sleep(pause + 2*poll)
		if n := h.deliveries()[0].Attempts; n != 1 {
			t.Errorf("got %d attempts, want 1", n)
		}
	})
}

// failing is a store whose disk is full at times.
type failing struct {
	store.Store
	mu   sync.Mutex
	full bool
}

func (f *failing) fail(full bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.full = full
}

func (f *failing) Update(ctx context.Context, fn func(*store.Tx) error) error {
	f.mu.Lock()
	full := f.full
	f.mu.Unlock()
	if full {
		return store.ErrFull
	}
	return f.Store.Update(ctx, fn)
}
