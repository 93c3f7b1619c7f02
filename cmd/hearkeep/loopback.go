package main

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
)

// bindLoopback binds an address of this machine for the origin
// http://localhost. A browser takes that name for 127.0.0.1 or for ::1: who
// had the other one would be Hearkeep to it, and be given the passphrase. So
// both are taken, or none.
func bindLoopback(addr, flag string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	for tries := 0; ; tries++ {
		first, err := bind(addr, flag)
		if err != nil {
			return nil, err
		}
		second, err := net.Listen("tcp", net.JoinHostPort(otherLoopback(host), fmt.Sprint(portOf(first))))
		switch {
		case err == nil:
			return newTwin(first, second), nil
		case errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EAFNOSUPPORT):
			return first, nil // this machine has one of the two
		}
		first.Close()
		if port != "0" || tries == 10 {
			return nil, codedError{exitInUse, notFree(net.JoinHostPort(otherLoopback(host), port), flag, err)}
		}
	}
}

func otherLoopback(host string) string {
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		return "127.0.0.1"
	}
	return "::1"
}

// twin is two listeners as one.
type twin struct {
	net.Listener
	second net.Listener
	conns  chan accepted
	closed chan struct{}
	once   sync.Once
}

type accepted struct {
	conn net.Conn
	err  error
}

func newTwin(first, second net.Listener) *twin {
	t := &twin{Listener: first, second: second, conns: make(chan accepted), closed: make(chan struct{})}
	go t.take(first)
	go t.take(second)
	return t
}

func (t *twin) take(l net.Listener) {
	for {
		c, err := l.Accept()
		select {
		case t.conns <- accepted{c, err}:
		case <-t.closed:
			if c != nil {
				c.Close()
			}
			return
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

// Accept returns the next connection of either.
func (t *twin) Accept() (net.Conn, error) {
	select {
	case a := <-t.conns:
		return a.conn, a.err
	case <-t.closed:
		return nil, net.ErrClosed
	}
}

// Close closes both.
func (t *twin) Close() error {
	t.once.Do(func() { close(t.closed) })
	return errors.Join(t.Listener.Close(), t.second.Close())
}
