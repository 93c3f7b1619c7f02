package incident

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// CodeAgain is the purpose of the ledger's entry of a pairing code that was
// used, and came again from another network: two have seen it.
const CodeAgain = "code used again elsewhere"

// Bounds of what is remembered of doors.
const (
	maxSightings = 16   // of one door's token
	maxPeers     = 4096 // machines that speak at listeners
)

// doorsHeard is from where doors were spoken at, lately. It lies in memory
// alone, begins anew at a restart, and no address of it is ever written.
type doorsHeard struct {
	tokens map[hearkeep.BindingID][]fromNetwork
	peers  map[netip.Addr]map[hearkeep.BindingID]time.Time
}

// fromNetwork is a network that a device's token came from.
type fromNetwork struct {
	network string
	at      time.Time
}

// HeardToken notes that a device showed the token of a door, from a network.
// A token that comes from two networks in turn is in two places: a copy, as a
// device that moves does not come back that often. IPv4 and IPv6 of one home
// are two networks of one place, and are looked at apart.
func (d *Desk) HeardToken(ctx context.Context, vault hearkeep.VaultID, binding hearkeep.BindingID, network string, v6 bool) error {
	now := time.Now()
	if network == "" || !d.watching.returns(binding, fromNetwork{family(network, v6), now}, d.thresholds()) {
		return nil
	}
	return d.inTwoPlaces(ctx, now, vault, binding)
}

func family(network string, v6 bool) string {
	if v6 {
		return "6 " + network
	}
	return "4 " + network
}

// returns notes where a token was seen, and reports whether it came back too
// often to networks that it had left.
func (w *watching) returns(binding hearkeep.BindingID, s fromNetwork, t Thresholds) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.doors.tokens == nil {
		w.doors.tokens = map[hearkeep.BindingID][]fromNetwork{}
	}
	maps.DeleteFunc(w.doors.tokens, func(_ hearkeep.BindingID, seen []fromNetwork) bool {
		return s.at.Sub(seen[len(seen)-1].at) >= t.PlacesAt
	})
	seen := slices.DeleteFunc(w.doors.tokens[binding], func(o fromNetwork) bool { return s.at.Sub(o.at) >= t.PlacesAt })
	same := slices.DeleteFunc(slices.Clone(seen), func(o fromNetwork) bool { return o.network[0] != s.network[0] })
	if len(same) == 0 || same[len(same)-1].network != s.network {
		seen, same = append(seen, s), append(same, s)
	}
	if len(seen) > maxSightings {
		seen = seen[len(seen)-maxSightings:]
	}
	w.doors.tokens[binding] = seen
	back := 0
	for i, o := range same {
		if slices.ContainsFunc(same[:i], func(before fromNetwork) bool { return before.network == o.network }) {
			back++
		}
	}
	return back >= t.Returns
}

// HeardPeer notes that a machine spoke at a listener. One that speaks at doors
// of two vaults whose keyholders have nothing to do with one another is one
// device that is bound twice, or in the wrong home. Machines behind one
// address, such as loopback, cannot be told apart, and are not looked at.
func (d *Desk) HeardPeer(ctx context.Context, binding hearkeep.BindingID, peer netip.Addr) error {
	peer = peer.Unmap().WithZone("")
	if !peer.IsValid() || peer.IsLoopback() {
		return nil
	}
	now := time.Now()
	others := d.watching.spokeElsewhere(binding, peer, now, d.thresholds().OnePeer)
	if len(others) == 0 {
		return nil
	}
	var here store.Binding
	apart := false
	err := d.Store.View(ctx, func(tx *store.Tx) (err error) {
		if here, err = tx.Vaults.Binding(ctx, binding); err != nil {
			return err
		}
		for _, id := range others {
			other, err := tx.Vaults.Binding(ctx, id)
			if errors.Is(err, store.ErrNotFound) || err == nil && !other.Ended.IsZero() {
				continue
			}
			if err == nil && other.Vault != here.Vault && !apart {
				apart, err = strangers(ctx, tx, here.Vault, other.Vault)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("incident: who speaks at door %s: %w", binding, err)
	}
	if !apart {
		return nil
	}
	return d.inTwoPlaces(ctx, now, here.Vault, binding)
}

// spokeElsewhere notes that a peer spoke at a door, and returns the other doors
// at which it spoke lately.
func (w *watching) spokeElsewhere(binding hearkeep.BindingID, peer netip.Addr, now time.Time, within time.Duration) (others []hearkeep.BindingID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.doors.peers == nil {
		w.doors.peers = map[netip.Addr]map[hearkeep.BindingID]time.Time{}
	}
	if w.doors.peers[peer] == nil {
		if len(w.doors.peers) >= maxPeers {
			clear(w.doors.peers)
		}
		w.doors.peers[peer] = map[hearkeep.BindingID]time.Time{}
	}
	at := w.doors.peers[peer]
	maps.DeleteFunc(at, func(_ hearkeep.BindingID, last time.Time) bool { return now.Sub(last) >= within })
	for id := range at {
		if id != binding {
			others = append(others, id)
		}
	}
	at[binding] = now
	return others
}

// strangers reports whether no keyholder of one vault holds the other, or lives
// in a household with one of its keyholders.
func strangers(ctx context.Context, tx *store.Tx, a, b hearkeep.VaultID) (bool, error) {
	ofA, err := circle(ctx, tx, a)
	if err != nil {
		return false, err
	}
	ofB, err := circle(ctx, tx, b)
	if err != nil {
		return false, err
	}
	for id := range ofA {
		if ofB[id] {
			return false, nil
		}
	}
	return len(ofA) > 0 && len(ofB) > 0, nil
}

// circle is the accounts that hold a vault now, and their households.
func circle(ctx context.Context, tx *store.Tx, vault hearkeep.VaultID) (map[[16]byte]bool, error) {
	generations, err := tx.Vaults.Generations(ctx, vault)
	if err != nil || len(generations) == 0 {
		return nil, err
	}
	holders, err := tx.Vaults.Keyholders(ctx, vault, generations[len(generations)-1].N)
	if err != nil {
		return nil, err
	}
	in := map[[16]byte]bool{}
	for _, h := range holders {
		in[h.Account] = true
		m, err := tx.Houses.Member(ctx, h.Account)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		in[m.Household] = true
	}
	return in, nil
}

// inTwoPlaces opens the report of one door.
func (d *Desk) inTwoPlaces(ctx context.Context, now time.Time, vault hearkeep.VaultID, binding hearkeep.BindingID) error {
	err := d.Store.Update(ctx, func(tx *store.Tx) error {
		return d.report(ctx, tx, now, store.Report{What: WhatTwice, Vault: vault, Binding: binding})
	})
	if err != nil {
		return fmt.Errorf("incident: door %s is in two places: %w", binding, err)
	}
	return nil
}

// device finds a pairing code that two have seen.
func (f *follow) device(ctx context.Context, _ store.LedgerEntry, e ledger.Entry) error {
	if e.Kind != ledger.KindPaired || e.Purpose != CodeAgain {
		return nil
	}
	return f.open(ctx, e, WhatTwice)
}
