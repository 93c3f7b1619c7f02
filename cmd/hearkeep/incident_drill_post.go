package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/mail"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/hearkeep/hearkeep"
)

// drillPost is a mail server on loopback that keeps what it takes, for the drill.
type drillPost struct {
	addr   string
	server *smtp.Server
	served chan error

	mu  sync.Mutex
	got []mailed
	now chan struct{} // closed and replaced when a letter comes
}

// mailed is a letter that came.
type mailed struct {
	to  string
	raw []byte
}

// topic is what a letter's header says that it is about, of notify.
func (m mailed) subject() string {
	in, err := mail.ReadMessage(bytes.NewReader(m.raw))
	if err != nil {
		return ""
	}
	return in.Header.Get("Subject")
}

func openPost() (*drillPost, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &drillPost{addr: l.Addr().String(), served: make(chan error, 1), now: make(chan struct{})}
	p.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &postSession{drillPost: p}, nil }))
	p.server.Domain, p.server.ErrorLog = "drill.example", silentPost{}
	go func() { p.served <- p.server.Serve(l) }()
	return p, nil
}

func (p *drillPost) close() error {
	err := p.server.Close()
	<-p.served
	return err
}

// all is what came so far.
func (p *drillPost) all() []mailed {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]mailed(nil), p.got...)
}

// postWait is how long a letter is waited for.
const postWait = 2 * time.Minute

// next waits for a letter to an address, beyond those that came before.
func (p *drillPost) next(ctx context.Context, to string, before int) (mailed, error) {
	ctx, cancel := context.WithTimeout(ctx, postWait)
	defer cancel()
	for {
		p.mu.Lock()
		got, changed := p.got, p.now
		p.mu.Unlock()
		for _, m := range got[min(before, len(got)):] {
			if m.to == to {
				return m, nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return mailed{}, hearkeep.Errorf(hearkeep.Unavailable, "No letter came to %s.", to).Because(ctx.Err())
		}
	}
}

// postSession is one conversation.
type postSession struct {
	*drillPost
	to []string
}

func (s *postSession) Mail(string, *smtp.MailOptions) error { return nil }

func (s *postSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, strings.ToLower(to))
	return nil
}

func (s *postSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, to := range s.to {
		s.got = append(s.got, mailed{to, raw})
	}
	close(s.now)
	s.now = make(chan struct{})
	return nil
}

func (s *postSession) Reset()        { s.to = nil }
func (s *postSession) Logout() error { return nil }

type silentPost struct{}

func (silentPost) Printf(string, ...any) {}
func (silentPost) Println(...any)        {}
