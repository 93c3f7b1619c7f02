package identity

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"sync"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// redeemed is from where the pairing codes of the last hour were used. It lies
// in memory alone. The zero value is none.
type redeemed struct {
	mu sync.Mutex
	by map[[32]byte]redemption
}

type redemption struct {
	from netip.Addr
	at   time.Time
}

func (r *redeemed) took(code [32]byte, from netip.Addr, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = map[[32]byte]redemption{}
	}
	maps.DeleteFunc(r.by, func(_ [32]byte, o redemption) bool { return now.Sub(o.at) >= PairingLife })
	r.by[code] = redemption{from, now}
}

// elsewhere reports, once of a code, whether it was used lately and now comes
// from another network. The two protocols of one home are no two networks.
func (r *redeemed) elsewhere(code [32]byte, from netip.Addr, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	first, ok := r.by[code]
	if !ok || now.Sub(first.at) >= PairingLife || first.from.Unmap().Is6() != from.Unmap().Is6() || site(first.from) == site(from) {
		return false
	}
	delete(r.by, code)
	return true
}

// usedAgain is the answer to a pairing code that no longer works. One that was
// used already, and comes again from another network, two have seen: that
// stands in the ledger, where the breach desk finds it.
func (d *Desk) usedAgain(ctx context.Context, binding hearkeep.BindingID, code [32]byte, from Visitor, cause error) error {
	if !d.redeemed.elsewhere(code, from.Addr, time.Now()) {
		return errPairing(cause)
	}
	err := d.store.Update(ctx, func(tx *store.Tx) error {
		b, err := tx.Vaults.Binding(ctx, binding)
		if err != nil {
			return err
		}
		_, err = d.ledger.Append(ctx, tx, ledger.Entry{
			Kind: ledger.KindPaired, Role: hearkeep.RoleDevice, Vault: &b.Vault, Binding: &binding, Purpose: PurposeCodeAgain,
		})
		return err
	})
	if err != nil {
		d.log.Error("a pairing code that came again was not written down", "binding", binding, "err", err)
		return fmt.Errorf("identity: pairing code used again: %w", err)
	}
	return errPairing(cause)
}

// PurposeCodeAgain is the purpose of a ledger entry: a pairing code that was
// used came again, from another network.
const PurposeCodeAgain = "code used again elsewhere"
