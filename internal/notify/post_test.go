package notify

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/mail"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// post is a real mail server, which behaves as its fields say.
type post struct {
	addr string // where it listens

	atMail, atRcpt, atData error         // its answers; nil takes
	closes                 string        // where it breaks off: "greeting", "data", "answer"
	hangs                  chan struct{} // until it is closed, DATA is not answered
	password               string

	mu  sync.Mutex
	got []taken
}

// taken is a letter that the server took.
type taken struct {
	from, to, user string
	tls            bool
	raw            string
	*mail.Message
	body string
}

// open serves on 127.0.0.1, or on host. With tlsConfig it offers STARTTLS, or
// speaks TLS from the first byte where implicit is set.
func (p *post) open(t *testing.T, host string, config *tls.Config, implicit bool) *post {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	p.addr = l.Addr().String()
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		if p.closes == "greeting" {
			c.Conn().Close()
		}
		_, secured := c.TLSConnectionState()
		return &session{post: p, conn: c.Conn(), letter: taken{tls: secured}}, nil
	}))
	s.Domain, s.ErrorLog, s.AllowInsecureAuth = "mail.test", silent{}, true
	s.TLSConfig = config
	if implicit {
		l = tls.NewListener(l, config)
	}
	served := make(chan struct{})
	go func() { defer close(served); s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-served })
	return p
}

// url is where the server is, for a user or for nobody.
func (p *post) url(scheme, user string) string {
	if user != "" {
		user += "@"
	}
	return scheme + "://" + user + p.addr
}

// letters is what came so far.
func (p *post) letters() []taken {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]taken(nil), p.got...)
}

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

type session struct {
	*post
	conn   net.Conn
	letter taken
}

func (s *session) AuthMechanisms() []string {
	if s.password == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != s.password {
			return smtp.ErrAuthFailed
		}
		s.letter.user = user
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.password != "" && s.letter.user == "" {
		return smtp.ErrAuthRequired
	}
	s.letter.from = from
	return s.atMail
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.letter.to = to
	return s.atRcpt
}

func (s *session) Data(r io.Reader) error {
	if s.closes == "data" {
		s.conn.Close()
		return errors.New("gone")
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.atData != nil {
		return s.atData
	}
	if s.hangs != nil {
		<-s.hangs
		return errors.New("over")
	}
	l := s.letter
	if l.Message, err = mail.ReadMessage(bytes.NewReader(raw)); err != nil {
		return err
	}
	body, err := io.ReadAll(l.Body)
	if err != nil {
		return err
	}
	l.raw, l.body = string(raw), string(body)
	s.mu.Lock()
	s.got = append(s.got, l)
	s.mu.Unlock()
	if s.closes == "answer" {
		s.conn.Close()
	}
	return nil
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

// testCertificate is for 127.0.0.1 and 127.0.0.2.
func testCertificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	pem, err := os.ReadFile("testdata/mail.pem")
	if err != nil {
		t.Fatal(err)
	}
	cert, err := tls.X509KeyPair(pem, pem)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return &tls.Config{Certificates: []tls.Certificate{cert}}, roots
}

// mailServer is the client's side, as the settings would give it.
func mailServer(t *testing.T, url, password string) MailServer {
	t.Helper()
	s, err := ParseMailServer(url, "The keep of Ängström <keep@example.org>", password)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// answer is what a server says to what it refuses.
func answer(code int, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: text}
}

func sayNothingOf(t *testing.T, what string, err error, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		if err != nil && strings.Contains(err.Error(), s) {
			t.Errorf("%s: the error holds %q: %v", what, s, err)
		}
	}
}

func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }
