package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// How long one step of a conversation with the mail server may take, and all
// of it.
const (
	mailStep = 15 * time.Second
	mailLife = 45 * time.Second
)

// MailServer is what e-mail is given to: a provider's submission server, or
// one on this machine. The zero value is none.
type MailServer struct {
	Host      string
	Port      int
	User      string         // empty does not sign in
	From      string         // keep@example.org, or "Our keep" <keep@example.org>
	Implicit  bool           // TLS from the first byte: smtps
	Cleartext bool           // goes on without TLS where the server offers none
	Roots     *x509.CertPool // whose certificates are trusted; nil is the system's

	password *string // behind a pointer, so that it does not print
}

// ParseMailServer reads a mail server's URL: smtps://user@host:465 for TLS
// from the first byte, smtp://user@host:587 for STARTTLS, which is demanded of
// every server but one on this machine. Ports may be left out. The password
// comes apart from it. It fails with Invalid.
func ParseMailServer(address, from, password string) (MailServer, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Scheme != "smtps" && u.Scheme != "smtp" ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return MailServer{}, hearkeep.Errorf(hearkeep.Invalid, "This is not the address of a mail server.").
			WithHint("Such as smtps://user@mail.example.org:465, smtp://user@mail.example.org:587 or smtp://localhost:25.")
	}
	if _, has := u.User.Password(); has {
		return MailServer{}, hearkeep.Errorf(hearkeep.Invalid, "A mail server's password does not stand in its address.").
			WithHint("Others on this machine may read a command line. Put it into a file.")
	}
	s := MailServer{
		Host: strings.ToLower(u.Hostname()), User: u.User.Username(), From: from,
		Implicit: u.Scheme == "smtps", password: &password,
	}
	if (s.User == "") != (password == "") {
		return MailServer{}, hearkeep.Errorf(hearkeep.Invalid, "A mail server is signed in to with a user and a password, or with neither.").
			WithHint("The user stands in its address: smtps://user@host. An @ in the user is written %%40.")
	}
	if s.Port, err = s.port(u.Port()); err != nil {
		return MailServer{}, err
	}
	sender, err := mail.ParseAddress(from)
	if err == nil {
		_, err = checkEmail(sender.Address)
	}
	if err != nil {
		return MailServer{}, hearkeep.Errorf(hearkeep.Invalid, "Letters need an address that they come from.").
			WithHint("Such as keep@example.org: one that the mail server lets you write from.")
	}
	return s, nil
}

// port is the given one, or the usual one.
func (s MailServer) port(given string) (int, error) {
	switch {
	case given != "" && !portNumber(given):
		return 0, hearkeep.Errorf(hearkeep.Invalid, "%q is not a port.", given)
	case given != "":
		return strconv.Atoi(given)
	case s.Implicit:
		return 465, nil
	case s.loopback() && s.User == "":
		return 25, nil
	}
	return 587, nil
}

// IsZero reports whether there is no mail server.
func (s MailServer) IsZero() bool { return s.Host == "" }

// loopback reports whether the server is on this machine: nobody is between.
func (s MailServer) loopback() bool {
	return s.Host == "localhost" || s.Host == "127.0.0.1" || s.Host == "::1"
}

// Protection says how letters travel to the server.
func (s MailServer) Protection() string {
	switch {
	case s.Implicit:
		return "over TLS"
	case s.loopback():
		return "within this machine"
	case s.Cleartext:
		return "over TLS where the server offers it, and in the clear where it does not"
	}
	return "over STARTTLS"
}

// policy is what is demanded of a connection that did not begin with TLS.
func (s MailServer) policy() gomail.TLSPolicy {
	switch {
	case s.Implicit, s.loopback():
		return gomail.NoTLS
	case s.Cleartext:
		return gomail.TLSOpportunistic
	}
	return gomail.TLSMandatory
}

// Probe connects, speaks TLS, signs in where there is a user, and leaves. Its
// error says what did not work, by the server's reply code where there is one.
func (s MailServer) Probe(ctx context.Context) error {
	t, err := s.talk(ctx)
	if err != nil {
		return mailFailure(err)
	}
	t.end()
	return nil
}

// send gives one letter to the server.
func (s MailServer) send(ctx context.Context, l letter) error {
	if s.IsZero() {
		return refusal{why: errors.New("there is no mail server in the settings")}
	}
	m, err := s.message(l)
	if err != nil {
		return refusal{why: errors.New("the letter cannot be written as e-mail"), forGood: true}
	}
	t, err := s.talk(ctx)
	if err != nil {
		return mailFailure(err)
	}
	defer t.end()
	err = t.client.SendWithSMTPClient(t.smtp, m)
	if m.IsDelivered() { // taken, whatever the server did after that
		return nil
	}
	return mailFailure(err)
}

// message writes a letter as e-mail. Headers are go-mail's to encode; what
// would break one was taken out when the letter was queued.
func (s MailServer) message(l letter) (*gomail.Msg, error) {
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := m.From(s.From); err != nil {
		return nil, err
	}
	to, err := checkEmail(l.Address)
	if err != nil {
		return nil, err
	}
	if err := m.To(to); err != nil {
		return nil, err
	}
	sender, err := mail.ParseAddress(s.From)
	if err != nil {
		return nil, err
	}
	_, domain, _ := strings.Cut(sender.Address, "@")
	m.Subject(line(l.Subject))
	m.SetMessageIDWithValue(l.ID + "@" + domain)
	m.SetDateWithValue(l.At)
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody's absence answers it
	if l.Language.Valid() {
		m.SetGenHeader("Content-Language", string(l.Language)) // RFC 3282
	}
	m.SetBodyString(gomail.TypeTextPlain, l.Text)
	return m, nil
}

// talk is a conversation with the mail server that has come as far as sending.
type talk struct {
	client *gomail.Client
	smtp   *smtp.Client
	hangUp func()
}

// end takes leave. What the server took before is taken.
func (t talk) end() {
	_ = t.client.CloseWithSMTPClient(t.smtp)
	t.hangUp()
}

// talk begins a conversation. It is broken off after mailLife, and when ctx is
// done.
func (s MailServer) talk(ctx context.Context) (_ talk, err error) {
	ctx, cancel := context.WithTimeout(ctx, mailLife)
	hangUp := cancel
	defer func() {
		if err != nil {
			hangUp()
		}
	}()
	config := &tls.Config{ServerName: s.Host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12}
	dial := func(connecting context.Context, network, _ string) (net.Conn, error) {
		plain, err := new(net.Dialer).DialContext(connecting, network, net.JoinHostPort(s.Host, strconv.Itoa(s.Port)))
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { plain.Close() })
		if !s.Implicit {
			return plain, nil
		}
		conn := tls.Client(plain, config)
		return conn, conn.HandshakeContext(connecting)
	}
	options := []gomail.Option{
		gomail.WithPort(s.Port), gomail.WithTimeout(mailStep), gomail.WithoutNoop(), gomail.WithoutRset(), gomail.WithoutSMTPUTF8(),
		gomail.WithDialContextFunc(dial), gomail.WithTLSConfig(config), gomail.WithTLSPolicy(s.policy()),
	}
	if s.User != "" { // PLAIN and LOGIN refuse to go in the clear, but within this machine
		options = append(options, gomail.WithUsername(s.User), gomail.WithPassword(*s.password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin, gomail.SMTPAuthCramMD5))
	}
	client, err := gomail.NewClient(s.Host, options...)
	if err != nil {
		return talk{}, err
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	return talk{client, conn, hangUp}, err
}
