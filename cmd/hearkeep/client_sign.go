package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/user"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"golang.org/x/sys/unix"
)

type signInCmd struct {
	URL  string `arg:"" optional:"" help:"Where the keep is; by default where this terminal was signed in or paired before, else http://localhost:8484."`
	Name string `help:"Your name there; asked for where it is not given." placeholder:"NAME"`
	CA   string `name:"ca" help:"Trust this keep by its own certificate authority: hearkeep-ca.crt of its trust page." type:"path" placeholder:"FILE"`
	sessionFile
	deviceFile
}

// Help tells scripts how to go about it.
func (signInCmd) Help() string {
	return "The passphrase is asked for without showing it. For scripts, it is taken from HEARKEEP_PASSPHRASE, or from standard input: the name's line, where --name does not give it, then the passphrase's. A recovery kit does as well."
}

// Run signs in and remembers the session.
func (cmd signInCmd) Run(ctx context.Context, c *console) error {
	before, err := cmd.read()
	if err != nil {
		return err
	}
	s, err := cmd.where(before)
	if err != nil {
		return err
	}
	if s.Name = cmd.Name; s.Name == "" {
		if s.Name, err = c.line(ctx, "Name: "); err != nil {
			return err
		}
	}
	secret, err := c.secret(ctx, "Passphrase (or recovery kit): ")
	if err != nil {
		return err
	}
	in := signInAs{Name: s.Name, Terminal: terminalName(), Known: s.Known, proof: proofOf(secret)}
	cl := &client{s, cmd.sessionFile, c}
	var on rotated
	if _, err := cl.call(ctx, http.MethodPost, "/v1/sessions", in, &on); err != nil {
		return err
	}
	if err := cl.remember(on); err != nil {
		return err
	}
	cl.endBefore(ctx, before)
	path, err := cmd.sessionFile.path()
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "Signed in at %s as %s, until %s.\nThe session is in %s; hearkeep sign-out ends it.\n",
		cl.URL, printable(s.Name), on.Expires.Local().Format("2 January 15:04"), path)
	return nil
}

// endBefore ends the session that this one takes the place of.
func (c *client) endBefore(ctx context.Context, before signedIn) {
	if before.Session == "" || before.URL != c.URL {
		return
	}
	old := &client{before, c.file, c.console}
	old.call(ctx, http.MethodDelete, "/v1/sessions/current", nil, nil) // one that is over has none to end
}

// where finds the keep, and how it is trusted.
func (cmd signInCmd) where(before signedIn) (signedIn, error) {
	s := before
	s.Session = ""
	paired, err := cmd.deviceFile.load()
	if s.URL == "" && err == nil {
		s.URL, s.CA = paired.URL, paired.CA
	}
	if cmd.URL != "" {
		base, err := keepURL(cmd.URL)
		if err != nil {
			return s, err
		}
		if base != s.URL {
			s = signedIn{URL: base}
			if base == paired.URL {
				s.CA = paired.CA
			}
		}
	}
	if s.URL == "" {
		s.URL = "http://localhost:8484"
	}
	if s.URL, err = keepURL(s.URL); err != nil {
		return s, err
	}
	if cmd.CA != "" {
		certs, err := os.ReadFile(cmd.CA)
		if err != nil {
			return s, hearkeep.Errorf(hearkeep.Invalid, "The file %s cannot be read.", cmd.CA).Because(err)
		}
		s.CA = string(certs)
	}
	return s, nil
}

// proof is an unlocker as the API takes it.
type proof struct {
	Passphrase string `json:"passphrase,omitempty"`
	Kit        string `json:"kit,omitempty"`
}

type signInAs struct {
	Name     string `json:"name"`
	Terminal string `json:"terminal"`
	Known    string `json:"known,omitempty"`
	proof
}

// proofOf tells a recovery kit, which has check symbols, from a passphrase.
func proofOf(secret string) proof {
	if _, err := seal.ParseKit(secret); err == nil {
		return proof{Kit: secret}
	}
	return proof{Passphrase: secret}
}

// terminalName is what the list of sessions calls this terminal.
func terminalName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "this machine"
	}
	if u, err := user.Current(); err == nil {
		host = u.Username + "@" + host
	}
	return host[:min(len(host), 100)]
}

type signOutCmd struct{ sessionFile }

// Run ends the session at the keep and forgets it here. What is forgotten
// here, whatever the keep says, is the secret.
func (cmd signOutCmd) Run(ctx context.Context, c *console) error {
	cl, err := cmd.open(c)
	if err != nil {
		return err
	}
	_, failed := cl.call(ctx, http.MethodDelete, "/v1/sessions/current", nil, nil)
	if hearkeep.CodeOf(failed) == hearkeep.Unauthorized { // it was over
		failed = nil
	}
	cl.Session = ""
	if err := cmd.write(cl.signedIn); err != nil {
		return err
	}
	if failed != nil {
		return codedError{exitPartly, fmt.Errorf("the session is forgotten here, and lasts at the keep until it is ended there: %w", failed)}
	}
	fmt.Fprintln(c.out, "Signed out.")
	return nil
}

// line asks for one line.
func (c *console) line(ctx context.Context, ask string) (string, error) {
	return c.ask(ctx, ask, c.readLine)
}

// secret asks for a secret without showing it: from HEARKEEP_PASSPHRASE, the
// terminal, or a line of standard input.
func (c *console) secret(ctx context.Context, ask string) (string, error) {
	if given := os.Getenv("HEARKEEP_PASSPHRASE"); given != "" {
		return given, nil
	}
	return c.hidden(ctx, ask)
}

// hidden asks for a secret without showing it: from the terminal, or a line of
// standard input.
func (c *console) hidden(ctx context.Context, ask string) (string, error) {
	in, ok := c.in.(*os.File)
	if !ok {
		return c.line(ctx, ask)
	}
	fd := int(in.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil { // not a terminal
		return c.line(ctx, ask)
	}
	silent := *before
	silent.Lflag &^= unix.ECHO
	silent.Lflag |= unix.ECHONL | unix.ICANON | unix.ISIG
	if err := unix.IoctlSetTermios(fd, unix.TCSETSF, &silent); err != nil {
		return "", fmt.Errorf("this terminal would show what is typed: %w", err)
	}
	defer unix.IoctlSetTermios(fd, unix.TCSETS, before)
	return c.line(ctx, ask)
}

// ask prompts and reads, until the program is told to end.
func (c *console) ask(ctx context.Context, prompt string, read func() (string, error)) (string, error) {
	fmt.Fprint(c.err, prompt)
	type answer struct {
		text string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		text, err := read()
		got <- answer{text, err}
	}()
	select {
	case a := <-got:
		if a.err != nil {
			return "", hearkeep.Errorf(hearkeep.Invalid, "Nothing was typed.").Because(a.err)
		}
		return a.text, nil
	case <-ctx.Done():
		fmt.Fprintln(c.err)
		return "", ctx.Err()
	}
}

// readLine reads one line, byte by byte: what follows is for the next.
func (c *console) readLine() (string, error) {
	var line strings.Builder
	in := bufio.NewReaderSize(oneByOne{c.in}, 16)
	for line.Len() < 8<<10 {
		b, err := in.ReadByte()
		switch {
		case b == '\n' && err == nil:
			return strings.TrimSuffix(line.String(), "\r"), nil
		case errors.Is(err, io.EOF) && line.Len() > 0:
			return line.String(), nil
		case err != nil:
			return "", err
		}
		line.WriteByte(b)
	}
	return "", errors.New("the line is too long")
}

// oneByOne reads no more than it is asked for.
type oneByOne struct{ io.Reader }

func (o oneByOne) Read(b []byte) (int, error) { return o.Reader.Read(b[:1]) }

// printable keeps text from elsewhere from steering this terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' {
			return ' '
		}
		return r
	}, s)
}
