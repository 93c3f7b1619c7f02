package incident

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/store"
)

// post is a real mail server and a webhook on this machine, and what they got.
type post struct {
	mail string // smtp://…
	hook string // http://…

	mu      sync.Mutex
	letters []arrived
	refuse  string // an address that takes nothing
}

// arrived is a letter that came.
type arrived struct {
	to, subject, text, language string
}

func openPost(t *testing.T) *post {
	t.Helper()
	p := &post{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &talk{post: p}, nil }))
	s.Domain = "mail.test"
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
	p.mail = "smtp://" + l.Addr().String()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var got struct{ Subject, Text, Language string }
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		p.take(arrived{"webhook", got.Subject, got.Text, got.Language})
	}))
	t.Cleanup(web.Close)
	p.hook = web.URL + "/"
	return p
}

func (p *post) take(l arrived) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.letters = append(p.letters, l)
}

// to is what came for an address, or for the webhook.
func (p *post) to(address string) (list []arrived) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.letters {
		if l.to == address {
			list = append(list, l)
		}
	}
	return list
}

type talk struct {
	post *post
	to   string
}

func (s *talk) Mail(string, *smtp.MailOptions) error { return nil }

func (s *talk) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.to = to; to == s.post.refuse {
		return &smtp.SMTPError{Code: 550, Message: "no such mailbox"}
	}
	return nil
}

func (s *talk) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		return err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	s.post.take(arrived{s.to, subject, strings.ReplaceAll(string(text), "\r\n", "\n"), m.Header.Get("Content-Language")})
	return err
}

func (s *talk) Reset()        {}
func (s *talk) Logout() error { return nil }

// posts has the desk's letters go by a real mail server.
func (b *bureau) posts() *post {
	b.Helper()
	p := openPost(b.T)
	server, err := notify.ParseMailServer(p.mail, "keep@keep.example", "")
	b.must(err)
	host := strings.TrimSuffix(strings.TrimPrefix(p.hook, "http://"), "/")
	b.desk.Letters, err = notify.New(notify.Config{Store: b.home.Store, House: b.home.House, Origin: "https://keep.example", Mail: server, WebhookHosts: []string{host}})
	b.must(err)
	return p
}

// deliver sends what is queued, and ends.
func (b *bureau) deliver(want int) {
	b.Helper()
	ctx, cancel := contextOf(b.T)
	done := make(chan struct{})
	go func() { defer close(done); b.desk.Letters.Run(ctx) }()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		left := 0
		b.view(func(tx *store.Tx) (err error) {
			left, err = tx.Letters.CountDeliveries(b.Context(), "queued")
			return err
		})
		if left == want {
			break
		}
		if time.Now().After(deadline) {
			b.Fatalf("%d letters still wait, want %d", left, want)
		}
	}
	cancel()
	<-done
}

func (b *bureau) speaks(account hearkeep.AccountID, l hearkeep.Language) {
	b.Helper()
	b.must(b.desk.SetLanguage(b.Context(), account, l))
}
