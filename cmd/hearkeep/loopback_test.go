package main

import (
	"fmt"
	"net"
	"testing"
	"time"
)

// Whoever had the other loopback address would be Hearkeep to a browser.
func TestBothLoopbacksOrNone(t *testing.T) {
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Log("this machine has no ::1: there is nobody to take it")
		return
	} else {
		l.Close()
	}
	l, err := bindLoopback("127.0.0.1:0", "--listen")
	must(t, err)
	defer l.Close()
	for _, host := range []string{"127.0.0.1", "::1"} {
		addr := net.JoinHostPort(host, fmt.Sprint(portOf(l)))
		got := make(chan net.Conn, 1)
		go func() {
			if c, err := l.Accept(); err == nil {
				got <- c
			}
		}()
		c, err := net.DialTimeout("tcp", addr, time.Second)
		must(t, err)
		defer c.Close()
		defer (<-got).Close()
	}
	impostor, err := net.Listen("tcp", "[::1]:0")
	must(t, err)
	defer impostor.Close()
	if l, err := bindLoopback(fmt.Sprintf("127.0.0.1:%d", portOf(impostor)), "--listen"); err == nil {
		l.Close()
		t.Error("served beside somebody else's ::1")
	}
	must(t, l.Close())
	if _, err := l.Accept(); err == nil {
		t.Error("a closed listener accepts")
	}
}
