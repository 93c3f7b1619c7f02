package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
)

// home is an account on a real store, and what is logged.
type home struct {
	t       *testing.T
	dir     string
	house   seal.HouseKey
	store   store.Store
	account hearkeep.AccountID
	log     bytes.Buffer
	mu      sync.Mutex
}

func (h *home) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.Write(p)
}

func (h *home) logged() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.String()
}

func newHome(t *testing.T) *home {
	t.Helper()
	h := &home{t: t, dir: t.TempDir(), house: seal.NewHouseKey(), account: hearkeep.NewID[hearkeep.AccountID]()}
	h.open()
	h.update(func(tx *store.Tx) error {
		return tx.Identity.InsertAccount(t.Context(), store.Account{ID: h.account, Name: "anna", Display: "Anna", Created: time.Now()})
	})
	return h
}

func (h *home) open() {
	h.t.Helper()
	s, err := sqlite.Open(context.Background(), h.dir)
	if err != nil {
		h.t.Fatal(err)
	}
	h.store = s
}

func (h *home) close() {
	h.t.Helper()
	if err := h.store.Close(); err != nil {
		h.t.Error(err)
	}
}

func (h *home) update(fn func(*store.Tx) error) {
	h.t.Helper()
	if err := h.store.Update(h.t.Context(), fn); err != nil {
		h.t.Fatal(err)
	}
}

func (h *home) desk(mail MailServer, inside ...string) *Desk {
	h.t.Helper()
	d, err := New(Config{
		Store: h.store, House: h.house, Origin: "https://keep.local:8443", Mail: mail, WebhookHosts: inside,
		Log: slog.New(slog.NewTextHandler(h, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return d
}

// channel is a row of the account's, confirmed or not.
func (h *home) channel(d *Desk, kind, address string, confirmed bool) store.Channel {
	h.t.Helper()
	c := store.Channel{ID: hearkeep.NewID[hearkeep.ChannelID](), Account: h.account, Kind: kind, Created: time.Now()}
	if confirmed {
		c.Confirmed = c.Created
	}
	var err error
	if c.Address, err = d.Seal(c.ID, address); err != nil {
		h.t.Fatal(err)
	}
	h.update(func(tx *store.Tx) error { return tx.Letters.InsertChannel(h.t.Context(), c) })
	return c
}

func (h *home) tell(d *Desk, l hearkeep.Letter) {
	h.t.Helper()
	h.update(func(tx *store.Tx) error { return d.Tell(h.t.Context(), tx, h.account, l) })
}

func (h *home) deliveries() (rows []store.Delivery) {
	h.t.Helper()
	err := h.store.View(context.Background(), func(tx *store.Tx) (err error) {
		rows, err = tx.Letters.Deliveries(context.Background(), h.account, 1000)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return rows
}

// states counts deliveries by state.
func (h *home) states() map[string]int {
	h.t.Helper()
	n := map[string]int{}
	for _, row := range h.deliveries() {
		n[row.State]++
	}
	return n
}

// run runs desks until the function it returns is called.
func run(t *testing.T, desks ...*Desk) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, d := range desks {
		all.Go(func() {
			if err := d.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	return sync.OnceFunc(func() { cancel(); all.Wait() })
}

// until waits for something that happens in its own time.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never came: %s", what)
		}
	}
}

func removed() hearkeep.Letter {
	return hearkeep.Letter{Topic: "passkey removed", Subject: "A passkey was removed", Text: "Canary's phone does not sign in any more."}
}

func TestTell(t *testing.T) {
	h := newHome(t)
	defer h.close()
	p := new(post).open(t, "127.0.0.1", nil, false)
	hooked := newHook(t, noContent)
	d := h.desk(mailServer(t, p.url("smtp", ""), ""), hooked.host())
	if !d.Can(Email) || !d.Can(Webhook) || d.Can("pigeon") || h.desk(MailServer{}).Can(Email) {
		t.Error("Can is wrong")
	}
	defer run(t, d)()
	h.channel(d, Email, "anna@example.org", true)
	h.channel(d, Email, "eve@example.org", false)
	h.channel(d, Webhook, hooked.URL+"/", true)
	h.tell(d, removed())
	until(t, "two letters", func() bool { return h.states()[sent] == 2 })
	if got := p.letters(); len(got) != 1 || got[0].to != "anna@example.org" || hooked.calls.Load() != 1 {
		t.Errorf("got %d letters, %d calls; nothing goes to whom nobody confirmed", len(got), hooked.calls.Load())
	} else if want := "Canary's phone does not sign in any more.\r\n\r\nSign in at:\r\nhttps://keep.local:8443\r\n"; got[0].body != want {
		t.Errorf("got %q, want %q", got[0].body, want)
	}
	for _, row := range h.deliveries() {
		if row.Sealed != nil || row.Sent.IsZero() || row.Attempts != 1 || row.Topic != "passkey removed" {
			t.Errorf("got %+v", row)
		}
	}

	code := h.channel(d, Email, "maria@example.org", false)
	h.update(func(tx *store.Tx) error {
		return d.TellOne(t.Context(), tx, code, hearkeep.Letter{Topic: "code", Subject: "Your code", Text: "123456"})
	})
	until(t, "the code", func() bool { return h.states()[sent] == 3 })
	if got := p.letters(); len(got) != 2 || got[1].to != "maria@example.org" {
		t.Errorf("got %d letters", len(got))
	}

	bad := removed()
	bad.Topic = "anna@example.org"
	if err := h.store.Update(t.Context(), func(tx *store.Tx) error { return d.Tell(t.Context(), tx, h.account, bad) }); err == nil {
		t.Error("a topic with an address went into the log")
	}
	for _, secret := range []string{"example.org", "Canary", "123456", hooked.host()} {
		if strings.Contains(h.logged(), secret) {
			t.Errorf("the log holds %q:\n%s", secret, h.logged())
		}
	}
}

// An account without a channel, and a desk that is not there, tell nobody.
func TestTellNobody(t *testing.T) {
	h := newHome(t)
	defer h.close()
	d := h.desk(MailServer{})
	h.tell(d, removed())
	h.tell(nil, removed())
	if (*Desk)(nil).Can(Webhook) {
		t.Error("the nil Desk can")
	}
	altered := h.channel(d, Email, "anna@example.org", true)
	h.channel(d, Email, "maria@example.org", true)
	h.update(func(tx *store.Tx) error {
		if err := tx.Letters.DeleteChannel(t.Context(), h.account, altered.ID); err != nil {
			return err
		}
		altered.ID = hearkeep.NewID[hearkeep.ChannelID]() // whose address was sealed for another
		return tx.Letters.InsertChannel(t.Context(), altered)
	})
	h.tell(d, removed())
	if got := h.states(); got[queued] != 1 || !strings.Contains(h.logged(), altered.ID.String()) {
		t.Errorf("got %v: an altered channel keeps the others from being told, or is not in the log", got)
	}
	if err := h.store.Update(t.Context(), func(tx *store.Tx) error { return d.TellOne(t.Context(), tx, altered, removed()) }); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("got %v, want %v", err, seal.ErrOpen)
	}
}

// What was queued in a transaction that was undone is never sent.
func TestRolledBack(t *testing.T) {
	h := newHome(t)
	defer h.close()
	p := new(post).open(t, "127.0.0.1", nil, false)
	d := h.desk(mailServer(t, p.url("smtp", ""), ""))
	h.channel(d, Email, "anna@example.org", true)
	defer run(t, d)()
	undone := errors.New("undone")
	for range 20 {
		err := h.store.Update(t.Context(), func(tx *store.Tx) error {
			if err := d.Tell(t.Context(), tx, h.account, removed()); err != nil {
				return err
			}
			return undone
		})
		if !errors.Is(err, undone) {
			t.Fatal(err)
		}
	}
	kept := removed()
	kept.Subject = "kept"
	h.tell(d, kept)
	until(t, "the kept one", func() bool { return h.states()[sent] == 1 })
	if got := p.letters(); len(got) != 1 || got[0].Header.Get("Subject") != "kept" {
		t.Errorf("got %d letters, want the kept one alone", len(got))
	}
}

// Two desks on one store send each letter once, and so does the next start.
func TestOnce(t *testing.T) {
	h := newHome(t)
	p := new(post).open(t, "127.0.0.1", nil, false)
	server := mailServer(t, p.url("smtp", ""), "")
	one := h.desk(server)
	h.channel(one, Email, "anna@example.org", true)
	const letters = 60
	for i := range letters / 3 {
		h.tell(one, hearkeep.Letter{Topic: "test", Subject: fmt.Sprint("before ", i)})
	}
	h.close() // as if the program had ended before it sent any
	h.open()
	one, two := h.desk(server), h.desk(server)
	stop := run(t, one, two)
	for i := range letters / 3 {
		h.tell(one, hearkeep.Letter{Topic: "test", Subject: fmt.Sprint("one ", i)})
		h.tell(two, hearkeep.Letter{Topic: "test", Subject: fmt.Sprint("two ", i)})
	}
	until(t, "some letters", func() bool { return len(p.letters()) > letters/3 })
	stop()
	h.close()
	h.open()
	defer h.close()
	defer run(t, h.desk(server))()
	until(t, "all letters", func() bool { return h.states()[sent] == letters })
	ids := map[string]int{}
	for _, l := range p.letters() {
		ids[l.Header.Get("Message-ID")]++
	}
	if len(p.letters()) != letters || len(ids) != letters {
		t.Errorf("got %d letters with %d ids, want %d", len(p.letters()), len(ids), letters)
	}
}

// The end does not wait for a mail server that hangs, and the letter is tried
// again at the next start.
func TestEndWhileSending(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	defer h.close()
	p := &post{hangs: make(chan struct{})}
	defer close(p.hangs)
	p.open(t, "127.0.0.1", nil, false)
	d := h.desk(mailServer(t, p.url("smtp", ""), ""))
	h.channel(d, Email, "anna@example.org", true)
	stop := run(t, d)
	h.tell(d, removed())
	until(t, "the attempt", func() bool { return h.deliveries()[0].Attempts == 1 })
	stop()
	row := h.deliveries()[0]
	if row.State != queued || row.Attempts != 0 || row.Due.After(time.Now()) || row.Sealed == nil {
		t.Errorf("got %+v, want one that is due", row)
	}

	fine := new(post).open(t, "127.0.0.1", nil, false)
	defer run(t, h.desk(mailServer(t, fine.url("smtp", ""), "")))()
	until(t, "the letter", func() bool { return h.states()[sent] == 1 })
	if n := len(fine.letters()); n != 1 {
		t.Errorf("got %d letters, want 1", n)
	}
}

// One address that hangs does not hold up the others.
func TestBeside(t *testing.T) {
	h := newHome(t)
	defer h.close()
	over := make(chan struct{})
	slow := newHook(t, func(_ http.ResponseWriter, r *http.Request) { <-over })
	p := new(post).open(t, "127.0.0.1", nil, false)
	d := h.desk(mailServer(t, p.url("smtp", ""), ""), slow.host())
	h.channel(d, Webhook, slow.URL, true)
	h.channel(d, Email, "anna@example.org", true)
	stop := run(t, d)
	h.tell(d, removed())
	until(t, "the other", func() bool { return h.states()[sent] == 1 })
	close(over)
	until(t, "both", func() bool { return h.states()[sent] == 2 })
	stop()
}

// On disk there is neither an address nor a letter, while it waits and after.
func TestSealedOnDisk(t *testing.T) {
	h := newHome(t)
	p := &post{atRcpt: answer(451, "not now")}
	p.open(t, "127.0.0.1", nil, false)
	d := h.desk(mailServer(t, p.url("smtp", ""), ""))
	h.channel(d, Email, "canary.address@example.org", true)
	look := func(when string) {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(h.dir, "*"))
		if err != nil || len(files) < 2 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{"canary.address", "example.org", "Canary's", "passkey was", "keep.local"} {
				if bytes.Contains(data, []byte(secret)) {
					t.Errorf("%s: %s holds %q", when, filepath.Base(file), secret)
				}
			}
		}
	}
	h.tell(d, removed())
	look("queued")
	stop := run(t, d)
	until(t, "the attempt", func() bool { return strings.Contains(h.logged(), "the answer was 451") })
	stop()
	look("waiting")
	h.close()
	look("closed")
}
