package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
)

// maildrop is a mail server of another make (aiosmtpd), which puts what it
// takes into a Maildir.
type maildrop struct{ addr, dir string }

const maildropProgram = `
import sys, time
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox
c = Controller(Mailbox(sys.argv[1]), hostname="127.0.0.1", port=int(sys.argv[2]), ident="maildrop")
c.start()
print("ready", flush=True)
sys.stdin.read()
c.stop()
`

func openMaildrop(t *testing.T) maildrop {
	t.Helper()
	m := maildrop{addr: freeAddress(t), dir: filepath.Join(t.TempDir(), "mail")}
	_, port, _ := net.SplitHostPort(m.addr)
	cmd := exec.Command("/usr/bin/python3", "-c", maildropProgram, m.dir, port) // Debian's, which has python3-aiosmtpd
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the mail server did not start: %q, %v; script/install --test installs it", line, err)
	}
	return m
}

// letters is what came so far.
func (m maildrop) letters(t *testing.T) (all []*mail.Message) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(m.dir, "new", "*"))
	must(t, err)
	for _, file := range files {
		f, err := os.Open(file)
		must(t, err)
		l, err := mail.ReadMessage(f)
		must(t, err)
		must(t, f.Close())
		all = append(all, l)
	}
	return all
}

// queueLetter puts a letter into a keep that nobody serves, as a room would.
func queueLetter(t *testing.T, keep, to, subject string) {
	t.Helper()
	ctx := context.Background()
	st, err := sqlite.Open(ctx, keep)
	must(t, err)
	house, err := seal.LoadOrCreateHouseKey(filepath.Join(keep, fileHouse))
	must(t, err)
	desk, err := notify.New(notify.Config{Store: st, House: house, Origin: "http://localhost:8484"})
	must(t, err)
	c := store.Channel{ID: hearkeep.NewID[hearkeep.ChannelID](), Account: hearkeep.NewID[hearkeep.AccountID](), Kind: notify.Email}
	c.Address, err = desk.Seal(c.ID, to)
	must(t, err)
	must(t, st.Update(ctx, func(tx *store.Tx) error {
		return desk.TellOne(ctx, tx, c, hearkeep.Letter{Topic: "test", Subject: subject, Text: "Canary sentence."})
	}))
	must(t, st.Close())
}

// A letter that waits goes out when the program starts, once, to a mail server
// that we did not write; doctor sees the server and what waits.
func TestLetters(t *testing.T) {
	keep := filepath.Join(t.TempDir(), "keep")
	s, err := start(keep)
	must(t, err)
	must(t, s.stop(syscall.SIGTERM))
	queueLetter(t, keep, "canary@example.org", "Über einen neuen Schlüssel")

	h := &house{server: s}
	found, _ := h.doctor(t, "--listen", freeAddress(t))
	if !found.has(stateNote, "cannot send e-mail") || !found.has(stateOK, "1 letter waits to be sent") {
		t.Errorf("doctor found %v", found.of("letters"))
	}
	drop := openMaildrop(t)
	settings := []string{"--smtp", "smtp://" + drop.addr, "--smtp-from", "Our keep <keep@example.org>"}
	for range 2 { // and a restart sends nothing twice
		s, err = start(keep, settings...)
		must(t, err)
		for begin := time.Now(); len(drop.letters(t)) == 0; time.Sleep(20 * time.Millisecond) {
			if time.Since(begin) > 30*time.Second {
				t.Fatalf("no letter came\n%s", s.log())
			}
		}
		must(t, s.stop(syscall.SIGTERM))
		if strings.Contains(s.log(), "canary") || strings.Contains(s.log(), "Schl") {
			t.Errorf("the log holds the address or the letter\n%s", s.log())
		}
	}
	got := drop.letters(t)
	if len(got) != 1 || got[0].Header.Get("To") != "<canary@example.org>" || got[0].Header.Get("Auto-Submitted") != "auto-generated" ||
		got[0].Header.Get("X-RcptTo") != "canary@example.org" {
		t.Fatalf("got %d letters, %v", len(got), got)
	}
	found, _ = h.doctor(t, append(settings, "--listen", freeAddress(t), "--wait", "5s")...)
	if !found.has(stateOK, "The mail server 127.0.0.1 answers; letters go within this machine.") || !found.has(stateNote, "The waiting time is 5s") || found.has(stateOK, "waits to be sent") {
		t.Errorf("doctor found %v", found.of("letters"))
	}
	found, code := h.doctor(t, "--listen", freeAddress(t), "--smtp", "smtp://"+freeAddress(t), "--smtp-from", "keep@example.org")
	if !found.has(stateProblem, "does not take letters") || code != exitFailed {
		t.Errorf("without the mail server: exit %d, doctor found %v", code, found.of("letters"))
	}
}

func TestLettersSettings(t *testing.T) {
	t.Setenv(passwordVariable, "")
	file := filepath.Join(t.TempDir(), "password")
	must(t, os.WriteFile(file, []byte("a secret of tests\n\n"), 0o600))
	fine := lettersFlags{Wait: time.Hour, SMTP: "smtps://anna@mail.example.org", SMTPFrom: "keep@example.org", SMTPPasswordFile: file}
	for name, alter := range map[string]func(*lettersFlags){
		"all":            func(*lettersFlags) {},
		"no mail server": func(f *lettersFlags) { *f = lettersFlags{Wait: time.Hour} },
		"a second":       func(f *lettersFlags) { f.Wait = time.Second },
		"hosts":          func(f *lettersFlags) { f.WebhookHosts = []string{"home.local"} },
	} {
		f := fine
		alter(&f)
		if _, err := f.letters(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, alter := range map[string]func(*lettersFlags){
		"no waiting":          func(f *lettersFlags) { f.Wait = 0 },
		"waiting backwards":   func(f *lettersFlags) { f.Wait = -time.Hour },
		"from, no server":     func(f *lettersFlags) { f.SMTP = "" },
		"server, from none":   func(f *lettersFlags) { f.SMTPFrom = "" },
		"no password":         func(f *lettersFlags) { f.SMTPPasswordFile = "" },
		"absent file":         func(f *lettersFlags) { f.SMTPPasswordFile += "x" },
		"password in the URL": func(f *lettersFlags) { f.SMTP = "smtps://anna:x@mail.example.org" },
	} {
		f := fine
		alter(&f)
		if _, err := f.letters(); hearkeep.CodeOf(err) != hearkeep.Invalid {
			t.Errorf("%s: got %v, want Invalid", name, err)
		} else if strings.Contains(fmt.Sprint(err), "a secret of tests") {
			t.Errorf("%s: the error holds the password", name)
		}
	}
	t.Setenv(passwordVariable, "another")
	f := fine
	f.SMTPPasswordFile = ""
	if _, err := f.letters(); err != nil {
		t.Errorf("from the environment: %v", err)
	}
}
