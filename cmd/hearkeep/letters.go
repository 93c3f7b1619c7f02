package main

import (
	"os"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/notify"
)

// lettersFlags say how letters leave, and for how long what a thief would do
// first waits for them to be read. See docs/letters.md.
type lettersFlags struct {
	SMTP             string        `name:"smtp" help:"The mail server that letters are given to: smtps://user@host:465, or smtp://user@host:587 for STARTTLS. Without one there is no e-mail." placeholder:"URL"`
	SMTPFrom         string        `name:"smtp-from" help:"With --smtp: the address that letters come from." placeholder:"ADDRESS"`
	SMTPPasswordFile string        `name:"smtp-password-file" help:"With --smtp: the file with its password; or set HEARKEEP_SMTP_PASSWORD." type:"path" placeholder:"FILE"`
	SMTPCleartext    bool          `name:"smtp-cleartext" help:"With --smtp: send letters without TLS where the mail server offers none."`
	WebhookHosts     []string      `help:"Hosts inside your network, name or name:port, that people's webhooks may go to, also over plain http." placeholder:"HOST"`
	Wait             time.Duration `help:"For how long archives and tokens wait after a way to sign in was added or changed, so that its letter can be read first." default:"72h"`
}

// passwordVariable holds the mail server's password. It is no flag: others on
// the machine may read a command line.
const passwordVariable = "HEARKEEP_SMTP_PASSWORD"

// Bounds of --wait.
const (
	leastWait = time.Second
	shortWait = time.Hour // less is hardly time to read a letter
)

// letters is the room's settings. It fails where they do not go together.
func (f lettersFlags) letters() (notify.Config, error) {
	if f.Wait < leastWait {
		return notify.Config{}, hearkeep.Errorf(hearkeep.Invalid, "--wait %s is no waiting time.", f.Wait).
			WithHint("Leave it out for 72h. One second is the least; doctor calls less than an hour weak.")
	}
	server, err := f.mailServer()
	if err != nil {
		return notify.Config{}, err
	}
	return notify.Config{Mail: server, WebhookHosts: f.WebhookHosts}, nil
}

func (f lettersFlags) mailServer() (notify.MailServer, error) {
	if f.SMTP == "" {
		if f.SMTPFrom != "" || f.SMTPPasswordFile != "" || f.SMTPCleartext {
			return notify.MailServer{}, hearkeep.Errorf(hearkeep.Invalid, "--smtp-from, --smtp-password-file and --smtp-cleartext go with --smtp only.")
		}
		return notify.MailServer{}, nil
	}
	password, err := f.password()
	if err != nil {
		return notify.MailServer{}, err
	}
	server, err := notify.ParseMailServer(f.SMTP, f.SMTPFrom, password)
	server.Cleartext = f.SMTPCleartext
	return server, err
}

// password is the file's first line, or the variable.
func (f lettersFlags) password() (string, error) {
	if f.SMTPPasswordFile == "" {
		return os.Getenv(passwordVariable), nil
	}
	data, err := os.ReadFile(f.SMTPPasswordFile)
	if err != nil {
		return "", hearkeep.Errorf(hearkeep.Invalid, "The mail server's password cannot be read.").
			WithHint("--smtp-password-file names a file that this user may read.").Because(err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}
