package identity

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestAttemptsReturnWithTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, of := newLimiter(), attemptOf("anna", Visitor{Addr: netip.MustParseAddr("192.0.2.1")}, false)
		for i := range 5 {
			if wait := l.take(time.Now(), of); wait != 0 {
				t.Fatalf("attempt %d: got wait %s, want none", i, wait)
			}
		}
		wait := l.take(time.Now(), of)
		if wait != 20*time.Second {
			t.Fatalf("sixth attempt: got wait %s, want 20s", wait)
		}
		time.Sleep(wait)
		if wait := l.take(time.Now(), of); wait != 0 {
			t.Errorf("after waiting: got wait %s, want none", wait)
		}
		if wait := l.take(time.Now(), of); wait == 0 {
			t.Error("one attempt returned, and two were given")
		}
	})
}

func TestOneNetworkIsOneAddress(t *testing.T) {
	a, b, c := netip.MustParseAddr("2001:db8:1:2::1"), netip.MustParseAddr("2001:db8:1:2:ffff::9"), netip.MustParseAddr("2001:db8:1:3::1")
	if network(a) != network(b) {
		t.Error("two addresses of one /64 count apart")
	}
	if network(a) == network(c) {
		t.Error("two networks count as one")
	}
	if got, want := network(netip.MustParseAddr("::ffff:192.0.2.1")), "192.0.2.1"; got != want {
		t.Errorf("mapped address: got %s, want %s", got, want)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	l, now := newLimiter(), time.Now()
	for i := range maxKeys + 100 {
		l.take(now, []allowance{{fmt.Sprint(i), 5, time.Minute}})
	}
	if got := len(l.full); got > maxKeys {
		t.Errorf("got %d keys, want at most %d", got, maxKeys)
	}
}
