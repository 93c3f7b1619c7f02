package identity

import (
	"net/netip"
	"sync"
	"time"
)

// limiter counts sign-in attempts in memory: so many at once, then one every
// so often. It delays a guesser and locks nobody out: what one address uses
// up is that address's alone, and a browser that signed in before has
// attempts of its own.
type limiter struct {
	mu   sync.Mutex
	full map[string]time.Time // when a key will have all its attempts back
}

// allowance is how many attempts a key has, and how long one takes to return.
type allowance struct {
	key   string
	burst int
	every time.Duration
}

const maxKeys = 100_000

func newLimiter() *limiter { return &limiter{full: map[string]time.Time{}} }

// attemptOf is what one attempt draws on: the name as tried from this address
// (or by this known browser), and the address as a whole.
func attemptOf(name string, from Visitor, known bool) []allowance {
	if known {
		// Whoever has a passkey that cannot unlock is given a new mark each time:
		// all marks of a name together have a bound of their own.
		return []allowance{{"known " + from.Known, 10, 10 * time.Second}, {"known as " + name, 50, 10 * time.Second}}
	}
	addr := network(from.Addr)
	return []allowance{
		{"name " + addr + " " + name, 5, 20 * time.Second},
		{"addr " + addr, 30, 4 * time.Second},
		{"site " + site(from.Addr), 150, time.Second},
	}
}

// attemptToCreate is what an attempt to make an account draws on: the link that
// lets the person in, and what signing in draws on of the network.
func attemptToCreate(link [32]byte, from Visitor) []allowance {
	return []allowance{
		{"link " + string(link[:]), 5, time.Minute},
		{"addr " + network(from.Addr), 30, 4 * time.Second},
		{"site " + site(from.Addr), 150, time.Second},
	}
}

// network is what counts as one address: an IPv6 customer has a /64 to himself.
func network(a netip.Addr) string {
	return within(a, 64)
}

// site is a wider network that one party may have: a /48.
func site(a netip.Addr) string { return within(a, 48) }

// within is an address, or the network of an IPv6 address. All of loopback is
// one: whoever is on this machine has 2^24 of its addresses.
func within(a netip.Addr, bits int) string {
	a = a.Unmap().WithZone("")
	if a.IsLoopback() {
		return "loopback"
	}
	if a.Is6() {
		if p, err := a.Prefix(bits); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// take uses up one attempt of every allowance, or none and says how long to
// wait until there is one again.
func (l *limiter) take(now time.Time, of []allowance) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	var wait time.Duration
	for _, a := range of {
		// The last of the burst is taken when full lies burst-1 steps ahead.
		if over := later(l.full[a.key], now).Sub(now) - time.Duration(a.burst-1)*a.every; over > wait {
			wait = over
		}
	}
	if wait > 0 {
		return wait
	}
	l.makeRoom(now)
	for _, a := range of {
		l.full[a.key] = later(l.full[a.key], now).Add(a.every)
	}
	return 0
}

// forgive gives the attempts back: the sign-in succeeded.
func (l *limiter) forgive(of []allowance) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range of {
		l.full[a.key] = l.full[a.key].Add(-a.every)
	}
}

// makeRoom bounds the memory: first what has all its attempts back goes, then
// what has nearly. A flood from very many networks may reset the counts in
// the end; two Argon2 computations at once remain the brake then.
func (l *limiter) makeRoom(now time.Time) {
	if len(l.full) < maxKeys {
		return
	}
	for _, nearly := range []time.Duration{0, 5 * time.Second, 21 * time.Second, time.Minute} {
		for key, full := range l.full {
			if full.Sub(now) <= nearly {
				delete(l.full, key)
			}
		}
		if len(l.full) < maxKeys {
			return
		}
	}
	clear(l.full)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
