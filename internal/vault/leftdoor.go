package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// What somebody who holds a vault no more could still do at its doors: hear,
// through an engine that a door relays to, and speak, from a terminal that they
// connected. Which engine is whose nobody can tell, so that every door that
// relays is paused. The household's speakers go on: who is let in by address
// hears nothing of what others say there.

// stops reports whether a door is closed, or paused, when accounts go.
func (d setDoor) stops(source hearkeep.Source, gone []hearkeep.AccountID) (closed, paused bool) {
	closed = source == hearkeep.SourceSay && slices.Contains(gone, d.By)
	return closed, len(gone) > 0 && d.Relay != ""
}

// leavingFrom are those who are refused at a vault already, while its keys are
// theirs too: nobody was there yet who could sign for its doors. Where who
// holds it is not what was signed, whoever is said to leave counts.
func (k *Keep) leavingFrom(ctx context.Context, tx *store.Tx, vault hearkeep.VaultID) (gone []hearkeep.AccountID, err error) {
	rows, err := tx.Vaults.Departures(ctx, vault)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	l, err := k.lineage(ctx, tx, vault)
	if err == nil {
		rows = l.leaving
	} else if !errors.Is(err, errAltered) {
		return nil, err
	}
	for _, d := range rows {
		gone = append(gone, d.Account)
	}
	return gone, nil
}

// stopDoors closes and pauses the doors that who is gone could still use, in
// the transaction that makes the generation without them and signed by it, and
// tells those who stay. It comes after moveDoors: a door whose pin did not
// advance is refused, and not signed anew.
func (k *Keep) stopDoors(ctx context.Context, tx *store.Tx, s successor) error {
	doors, err := tx.Vaults.Bindings(ctx, s.gen.Vault)
	if err != nil || len(s.gone) == 0 {
		return err
	}
	var said []string
	for _, b := range doors {
		if !b.Ended.IsZero() {
			continue
		}
		d, err := k.signedBy(b, s.gen.N)
		if err != nil {
			k.log.Error("a door that may relay is left as it is: it is refused", "binding", b.ID, "err", err)
			continue
		}
		switch closed, paused := d.stops(b.Source, s.gone); {
		case closed:
			said = append(said, fmt.Sprintf("“%s” is disconnected: who left had connected it.", d.Name))
			err = k.closeTerminal(ctx, tx, s, b, d)
		case paused && !b.Rule.Paused:
			said = append(said, fmt.Sprintf("“%s” is paused: it asked another speech engine first, at %s.", d.Name, d.Relay))
			err = k.pause(ctx, tx, s, b, d)
		}
		if err != nil {
			return err
		}
	}
	if len(said) == 0 {
		return nil
	}
	v, err := tx.Vaults.Vault(ctx, s.gen.Vault)
	if err != nil {
		return err
	}
	var names []string
	for _, account := range s.gone {
		names = append(names, nameIn(ctx, tx, account))
	}
	return k.tell(ctx, tx, nil, s.gen.Keyholders, letterDoors(k.called(v), names, said))
}

// signedBy returns a door that is what a keyholder signed, and whose pin is at
// generation n.
func (k *Keep) signedBy(b store.Binding, n hearkeep.Generation) (d setDoor, err error) {
	p, err := k.readPin(b)
	if err == nil {
		err = seal.VerifyBinding(p.SignedBy, bindingStatement(b), b.Signature)
	}
	if err == nil && p.Generation != n {
		err = fmt.Errorf("vault: binding %s stayed with generation %d", b.ID, p.Generation)
	}
	if err != nil {
		return d, err
	}
	return k.openSet(b)
}

func (k *Keep) pause(ctx context.Context, tx *store.Tx, s successor, b store.Binding, d setDoor) error {
	b.Rule.Paused = true
	return k.signStopped(ctx, tx, s, b, d, ledger.KindDoorChanged)
}

func (k *Keep) closeTerminal(ctx context.Context, tx *store.Tx, s successor, b store.Binding, d setDoor) error {
	b.Rule = shutRule()
	if err := k.signStopped(ctx, tx, s, b, d, ledger.KindUnbound); err != nil {
		return err
	}
	if err := tx.Vaults.EndBinding(ctx, b.Vault, b.ID, time.Now()); err != nil {
		return err
	}
	return tx.Identity.DeleteToken(ctx, b.ID)
}

func (k *Keep) signStopped(ctx context.Context, tx *store.Tx, s successor, b store.Binding, d setDoor, kind ledger.Kind) error {
	if err := k.signBinding(s.key, s.gen.N, &b, d); err != nil {
		return err
	}
	if err := tx.Vaults.SetBinding(ctx, b); err != nil {
		return err
	}
	e := entryOf(s.actor, b.Vault, kind, string(b.Source)+" "+b.Rule.String())
	e.Binding = &b.ID
	_, err := k.ledger.Append(ctx, tx, e)
	return err
}
