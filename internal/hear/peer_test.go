package hear_test

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/hear"
)

// Who speaks at a listener is told of, once in a while and not each time.
func TestPeersAreTold(t *testing.T) {
	f := newFixture(t)
	type peer struct {
		binding hearkeep.BindingID
		from    netip.Addr
	}
	told := make(chan peer, 8)
	f.ear = hear.New(hear.Config{Engine: f.engine, Store: f.Store, Peer: func(_ context.Context, binding hearkeep.BindingID, from netip.Addr) {
		told <- peer{binding, from}
	}})
	doors := hear.NewDoors(f.ear, f.Keep, nil)
	address, binding := f.bind(t, f.anna, "")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- doors.Run(ctx) }()
	must(t, doors.Refresh(t.Context()))
	for range 3 {
		c, err := net.Dial("tcp", address)
		must(t, err)
		must(t, c.Close())
	}
	if got, want := <-told, (peer{binding, netip.MustParseAddr("127.0.0.1")}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	cancel()
	must(t, <-done)
	f.ear.Settle()
	if n := len(told); n != 0 {
		t.Errorf("told again: got %d times, want 0", n)
	}
}
