package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
)

func aLetter() letter {
	return letter{
		ID: "ABCDEFGH", Kind: Email, Address: "anna@example.org", Topic: "passkey added",
		Subject: "A passkey was added: Annas Schlüssel", At: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC),
		Text: "Zoë's phone signs in from now on.\n.\n" + strings.Repeat("long ", 400) + "\n\nSign in at:\nhttps://keep.local:8443\n",
	}
}

func TestMail(t *testing.T) {
	p := new(post).open(t, "127.0.0.1", nil, false)
	l := aLetter()
	if err := mailServer(t, p.url("smtp", ""), "").send(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	got := p.letters()
	if len(got) != 1 {
		t.Fatalf("got %d letters, want 1", len(got))
	}
	g := got[0]
	if g.from != "keep@example.org" || g.to != "anna@example.org" || g.user != "" {
		t.Errorf("got %s for %s by %q", g.from, g.to, g.user)
	}
	for header, want := range map[string]string{
		"To":             "<anna@example.org>",
		"Date":           "Sun, 22 Nov 2026 10:00:00 +0000",
		"Message-ID":     "<ABCDEFGH@example.org>",
		"Auto-Submitted": "auto-generated",
		"Content-Type":   "text/plain; charset=UTF-8",
		"MIME-Version":   "1.0",
		"Cc":             "",
		"Bcc":            "",
		"X-Mailer":       "",
	} {
		if got := g.Header.Get(header); got != want {
			t.Errorf("%s: got %q, want %q", header, got, want)
		}
	}
	if subject, err := new(mime.WordDecoder).DecodeHeader(g.Header.Get("Subject")); subject != l.Subject || err != nil {
		t.Errorf("got subject %q, %v", subject, err)
	}
	if from, err := mail.ParseAddress(g.Header.Get("From")); err != nil || from.Name != "The keep of Ängström" {
		t.Errorf("got from %v, %v", from, err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(g.body)))
	if text := strings.ReplaceAll(string(body), "\r\n", "\n"); err != nil || strings.TrimSpace(text) != strings.TrimSpace(l.Text) {
		t.Errorf("got text %q, %v", text, err)
	}
	for line := range strings.Lines(g.raw) {
		if len(line) > 100 || strings.ContainsFunc(line, func(r rune) bool { return r >= 0x80 }) {
			t.Errorf("a line that a server may break: %q", line)
		}
	}
}

// Whatever a subject or an address holds, the headers stay the same.
func TestHeaderInjection(t *testing.T) {
	p := new(post).open(t, "127.0.0.1", nil, false)
	s := mailServer(t, p.url("smtp", ""), "")
	for _, subject := range []string{"Hello\r\nBcc: eve@example.org", "Hello\nX-Evil: 1\n\nbody", "a\u2028Bcc: b", "=?utf-8?q?a=0D=0ABcc:_eve?=", strings.Repeat("ü", 500), "\x00\x7f"} {
		l := aLetter()
		l.Subject = line(subject)
		if err := s.send(t.Context(), l); err != nil {
			t.Fatalf("%q: %v", subject, err)
		}
		l.Subject = subject // as if the queue had let it through
		if err := s.send(t.Context(), l); err != nil {
			t.Fatalf("%q: %v", subject, err)
		}
	}
	got := p.letters()
	for _, g := range got {
		if g.Header.Get("Bcc") != "" || g.Header.Get("X-Evil") != "" || len(g.Header) != len(got[0].Header) || g.to != "anna@example.org" {
			t.Errorf("got headers %v", g.Header)
		}
	}
	for _, address := range []string{"anna@example.org\r\nRCPT TO:<eve@example.org>", "<anna@example.org> NOTIFY=x", "anna@example.org,eve@example.org"} {
		l := aLetter()
		l.Address = address
		var why refusal
		if err := s.send(t.Context(), l); !errors.As(err, &why) || !why.forGood {
			t.Errorf("%q: got %v, want a refusal for good", address, err)
		}
	}
	if n := len(p.letters()); n != len(got) {
		t.Errorf("%d letters went to altered addresses", n-len(got))
	}
}

func TestMailRefused(t *testing.T) {
	for _, c := range []struct {
		name    string
		post    *post
		want    string
		forGood bool
	}{
		{"busy", &post{atRcpt: answer(451, "try later, anna@example.org")}, "the answer was 451", false},
		{"no such mailbox", &post{atRcpt: answer(550, "no anna@example.org here")}, "the answer was 550", true},
		{"not from this sender", &post{atMail: answer(553, "not keep@example.org")}, "the answer was 553", false},
		{"full", &post{atData: answer(452, "mailbox of anna@example.org is full")}, "the answer was 452", false},
		{"spam", &post{atData: answer(554, "A passkey was added: spam")}, "the answer was 554", true},
		{"ends at once", &post{closes: "greeting"}, errNoAnswer.Error(), false},
		{"ends midway", &post{closes: "data"}, errNoAnswer.Error(), false},
		{"ends before it answers", &post{closes: "answer"}, errNoAnswer.Error(), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := c.post.open(t, "127.0.0.1", nil, false)
			err := mailServer(t, p.url("smtp", ""), "").send(t.Context(), aLetter())
			var why refusal
			if !errors.As(err, &why) || err.Error() != c.want || why.forGood != c.forGood {
				t.Errorf("got %v (for good: %v), want %s (%v)", err, why.forGood, c.want, c.forGood)
			}
			sayNothingOf(t, c.name, err, "anna", "keep@", "passkey", "127.0.0.1")
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		s := mailServer(t, "smtp://"+l.Addr().String(), "")
		if err := s.send(t.Context(), aLetter()); err == nil || err.Error() != errNoAnswer.Error() {
			t.Errorf("got %v", err)
		}
		if err := s.Probe(t.Context()); err == nil || err.Error() != errNoAnswer.Error() {
			t.Errorf("probe: got %v", err)
		}
	})
	t.Run("hangs", func(t *testing.T) {
		p := &post{hangs: make(chan struct{})}
		t.Cleanup(func() { close(p.hangs) })
		p.open(t, "127.0.0.1", nil, false)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		err := mailServer(t, p.url("smtp", ""), "").send(ctx, aLetter())
		if why := (refusal{}); !errors.As(err, &why) || why.forGood {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no server", func(t *testing.T) {
		if err := (MailServer{}).send(t.Context(), aLetter()); err == nil {
			t.Error("a letter went nowhere without an error")
		}
	})
}

func TestMailTLS(t *testing.T) {
	config, roots := testCertificate(t)
	for _, c := range []struct {
		name     string
		scheme   string
		offers   bool // TLS
		trusted  bool
		clear    bool
		want     string
		wantsTLS bool
	}{
		{"STARTTLS", "smtp", true, true, false, "", true},
		{"STARTTLS, a certificate of nobody's", "smtp", true, false, false, errTLS.Error(), false},
		{"STARTTLS taken out", "smtp", false, true, false, errStartTLS.Error(), false},
		{"none, as asked for", "smtp", false, true, true, "", false},
		{"offered, where none would do", "smtp", true, true, true, "", true},
		{"offered and wrong, where none would do", "smtp", true, false, true, errTLS.Error(), false},
		{"smtps", "smtps", true, true, false, "", true},
		{"smtps, a certificate of nobody's", "smtps", true, false, false, errTLS.Error(), false},
		{"smtps to what speaks none", "smtps", false, true, false, errTLS.Error(), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &post{password: "a secret of tests"}
			offered := config
			if !c.offers {
				offered = nil
			}
			if c.clear && !c.offers {
				p.password = "" // it would not be told
			}
			p.open(t, "127.0.0.2", offered, c.offers && c.scheme == "smtps")
			user := "anna"
			if p.password == "" {
				user = ""
			}
			s := mailServer(t, p.url(c.scheme, user), p.password)
			s.Cleartext = c.clear
			if c.trusted {
				s.Roots = roots
			}
			probed, err := s.Probe(t.Context()), s.send(t.Context(), aLetter())
			if got := fmt.Sprint(err); err == nil && c.want != "" || err != nil && got != c.want || fmt.Sprint(probed) != got {
				t.Errorf("got %v, probe %v, want %q", err, probed, c.want)
			}
			for _, g := range p.letters() {
				if g.tls != c.wantsTLS || g.user != user {
					t.Errorf("got TLS %v by %q, want %v", g.tls, g.user, c.wantsTLS)
				}
			}
			if n := len(p.letters()); (n == 1) != (c.want == "") {
				t.Errorf("%d letters went", n)
			}
		})
	}
}

func TestMailAuth(t *testing.T) {
	p := (&post{password: "a secret of tests"}).open(t, "127.0.0.1", nil, false)
	if err := mailServer(t, p.url("smtp", "anna%40example.org"), p.password).send(t.Context(), aLetter()); err != nil {
		t.Errorf("within this machine: %v", err)
	}
	if got := p.letters(); len(got) != 1 || got[0].user != "anna@example.org" {
		t.Errorf("got %v", got)
	}
	err := mailServer(t, p.url("smtp", "anna"), "another").send(t.Context(), aLetter())
	if why := (refusal{}); !errors.As(err, &why) || why.code != 535 || why.forGood {
		t.Errorf("a wrong password: got %v, want 535 and to be tried again", err)
	}
	if err := mailServer(t, p.url("smtp", ""), "").send(t.Context(), aLetter()); err == nil {
		t.Error("without signing in it went")
	}

	// A password never travels in the clear.
	p = (&post{password: "a secret of tests"}).open(t, "127.0.0.2", nil, false)
	s := mailServer(t, p.url("smtp", "anna"), p.password)
	s.Cleartext = true
	if err := s.send(t.Context(), aLetter()); err == nil || err.Error() != errAuth.Error() {
		t.Errorf("in the clear: got %v, want %v", err, errAuth)
	}

	p = new(post).open(t, "127.0.0.1", nil, false)
	if err := mailServer(t, p.url("smtp", "anna"), "x").send(t.Context(), aLetter()); err == nil || err.Error() != errAuth.Error() {
		t.Errorf("a server without users: got %v, want %v", err, errAuth)
	}
}

func TestParseMailServer(t *testing.T) {
	for _, c := range []struct {
		url, user, protection string
		port                  int
	}{
		{"smtps://anna%40example.org@mail.example.org", "anna@example.org", "over TLS", 465},
		{"smtp://anna@Mail.example.org/", "anna", "over STARTTLS", 587},
		{"smtp://mail.example.org:25", "", "over STARTTLS", 25},
		{"smtp://localhost", "", "within this machine", 25},
		{"smtp://anna@[::1]:1025", "anna", "within this machine", 1025},
	} {
		password := c.user
		s, err := ParseMailServer(c.url, "keep@example.org", password)
		if err != nil || s.User != c.user || s.Port != c.port || s.Protection() != c.protection {
			t.Errorf("%s: got %+v, %s, %v", c.url, s, s.Protection(), err)
		}
	}
	for name, c := range map[string]struct{ url, from, password string }{
		"no scheme":            {"mail.example.org:25", "keep@example.org", ""},
		"web":                  {"https://mail.example.org", "keep@example.org", ""},
		"no host":              {"smtp://:25", "keep@example.org", ""},
		"port":                 {"smtp://mail.example.org:0", "keep@example.org", ""},
		"path":                 {"smtp://mail.example.org/x", "keep@example.org", ""},
		"password in the URL":  {"smtp://anna:geheim@mail.example.org", "keep@example.org", "geheim"},
		"user, no password":    {"smtp://anna@mail.example.org", "keep@example.org", ""},
		"password for nobody":  {"smtp://mail.example.org", "keep@example.org", "geheim"},
		"from nobody":          {"smtp://mail.example.org", "", ""},
		"from two":             {"smtp://mail.example.org", "a@example.org, b@example.org", ""},
		"from with a new line": {"smtp://mail.example.org", "a@example.org\r\nBcc: b@example.org", ""},
	} {
		_, err := ParseMailServer(c.url, c.from, c.password)
		if hearkeep.CodeOf(err) != hearkeep.Invalid {
			t.Errorf("%s: got %v, want Invalid", name, err)
		}
		sayNothingOf(t, name, err, "geheim")
	}
	s := mailServer(t, "smtps://anna@mail.example.org", "geheim")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, &Desk{Config: Config{Mail: s}}); strings.Contains(got, "geheim") {
			t.Errorf("%s prints the password", verb)
		}
	}
}
