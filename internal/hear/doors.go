package hear

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/wyoming"
)

// Doors opens and closes the listeners that keyholders asked for. It may be
// used concurrently.
type Doors struct {
	ear  *Ear
	keep *vault.Keep
	log  *slog.Logger

	refreshing sync.Mutex // one Refresh at a time
	mu         sync.Mutex
	open       map[hearkeep.BindingID]*openDoor
	failed     map[hearkeep.BindingID]string
	closed     bool
}

// openDoor is a listener at work.
type openDoor struct {
	door vault.Door
	stop context.CancelFunc
	done chan struct{}
}

// NewDoors returns Doors that are all closed; Refresh opens them.
func NewDoors(ear *Ear, keep *vault.Keep, log *slog.Logger) *Doors {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Doors{ear: ear, keep: keep, log: log, open: map[hearkeep.BindingID]*openDoor{}, failed: map[hearkeep.BindingID]string{}}
}

// Refresh makes the open listeners those that are bound. One whose address is
// not free is left closed, and Status says why.
func (d *Doors) Refresh(ctx context.Context) error {
	d.refreshing.Lock()
	defer d.refreshing.Unlock()
	want, err := d.keep.Listeners(ctx)
	if err != nil {
		return fmt.Errorf("hear: refresh doors: %w", err)
	}
	bound := map[hearkeep.BindingID]vault.Listener{}
	for _, w := range want {
		bound[w.Binding] = w
	}
	d.mu.Lock()
	var stale []hearkeep.BindingID
	for id, o := range d.open {
		if w, ok := bound[id]; !ok || !sameDoor(w.Door, o.door) {
			stale = append(stale, id)
		}
	}
	clear(d.failed)
	d.mu.Unlock()
	for _, id := range stale {
		d.shut(id)
	}
	for _, w := range want {
		d.start(w)
	}
	return nil
}

// sameDoor says whether a listener may stay open: a new name changes nothing.
func sameDoor(a, b vault.Door) bool {
	return a.Listen == b.Listen && a.Relay == b.Relay && slices.Equal(a.Allow, b.Allow)
}

func (d *Doors) start(w vault.Listener) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open[w.Binding] != nil || d.closed {
		return
	}
	l, err := net.Listen("tcp", w.Door.Listen)
	if err != nil {
		d.log.Error("a listener was not opened", "binding", w.Binding, "err", err)
		d.failed[w.Binding] = "The address " + w.Door.Listen + " is not free on this machine."
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	o := &openDoor{door: w.Door, stop: stop, done: make(chan struct{})}
	d.open[w.Binding] = o
	service := &listener{ear: d.ear, keep: d.keep, binding: w.Binding, relay: w.Door.Relay}
	d.log.Info("a listener is open", "binding", w.Binding, "address", l.Addr().String())
	go func() {
		defer close(o.done)
		defer service.close()
		err := wyoming.Serve(ctx, allowed{l, w.Door.Allow, d.log, d.told(w)}, wyoming.Options{
			Handler: wyoming.Sessions(service, wyoming.Limits{Utterance: MaxDuration}, d.log), Log: d.log,
		})
		if err != nil {
			d.log.Error("a listener ended", "binding", w.Binding, "err", err)
		}
	}()
}

// shut closes a listener and waits until its answers under way are given.
func (d *Doors) shut(id hearkeep.BindingID) {
	d.mu.Lock()
	o := d.open[id]
	delete(d.open, id)
	d.mu.Unlock()
	if o != nil {
		o.stop()
		<-o.done
	}
}

// Status returns a sentence for each door that is bound and does not listen.
func (d *Doors) Status() map[hearkeep.BindingID]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := map[hearkeep.BindingID]string{}
	for id, why := range d.failed {
		out[id] = why
	}
	return out
}

// Run opens the doors and closes them when ctx ends, after what was said is
// kept.
func (d *Doors) Run(ctx context.Context) error {
	if err := d.Refresh(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	d.mu.Lock()
	d.closed = true
	var ids []hearkeep.BindingID
	for id := range d.open {
		ids = append(ids, id)
	}
	d.mu.Unlock()
	for _, id := range ids {
		d.shut(id)
	}
	d.ear.Settle()
	return nil
}

// tellEvery is how often a machine that speaks at a door is told of.
const tellEvery = 10 * time.Minute

// told returns who is told of the machines that speak at a door.
func (d *Doors) told(w vault.Listener) func(netip.Addr) {
	last := map[netip.Addr]time.Time{} // of the accepting goroutine alone
	return func(from netip.Addr) {
		now := time.Now()
		maps.DeleteFunc(last, func(_ netip.Addr, at time.Time) bool { return now.Sub(at) >= tellEvery })
		if _, ok := last[from]; ok || d.ear.peer == nil {
			return
		}
		last[from] = now
		d.ear.later.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), keepWithin)
			defer cancel()
			d.ear.peer(ctx, w.Binding, from)
		})
	}
}

// addressOf is the address of a peer; the zero value where it has none.
func addressOf(from net.Addr) netip.Addr {
	if tcp, ok := from.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// allowed is a listener for loopback and whoever is on the list.
type allowed struct {
	net.Listener
	list []netip.Prefix
	log  *slog.Logger
	tell func(netip.Addr)
}

// Accept closes the connections of everybody else without a word.
func (a allowed) Accept() (net.Conn, error) {
	for {
		c, err := a.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if a.may(c.RemoteAddr()) {
			a.tell(addressOf(c.RemoteAddr()))
			return c, nil
		}
		a.log.Warn("a connection was refused: not on the listener's list", "from", c.RemoteAddr().String())
		err = c.Close()
		if err != nil && !errors.Is(err, net.ErrClosed) {
			a.log.Debug("close a refused connection", "err", err)
		}
	}
}

func (a allowed) may(from net.Addr) bool {
	ip := addressOf(from)
	return ip.IsLoopback() || slices.ContainsFunc(a.list, func(p netip.Prefix) bool { return p.Contains(ip) })
}
