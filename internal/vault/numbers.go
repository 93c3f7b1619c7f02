package vault

import (
	"context"
	"sync"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// numbers knows the numbers that this process has handed out and that stand
// for nothing yet, so that a release tells what is on its way to the disk from
// what is missing. The zero value is none.
type numbers struct {
	handing sync.RWMutex // held for reading while a number is handed out and noted

	mu    sync.Mutex
	doors map[hearkeep.BindingID]*doorNumbers
}

type doorNumbers struct {
	last   hearkeep.Number              // the highest that was handed out
	flying map[hearkeep.Number]struct{} // being kept
	failed map[hearkeep.Number]struct{} // not kept, and not accounted for yet
}

// note calls handOut and notes the number that it gives as flying.
func (n *numbers) note(door hearkeep.BindingID, handOut func() (hearkeep.Number, error)) (hearkeep.Number, error) {
	n.handing.RLock()
	defer n.handing.RUnlock()
	number, err := handOut()
	if err != nil {
		return 0, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.doors[door]
	if d == nil {
		d = &doorNumbers{flying: map[hearkeep.Number]struct{}{}, failed: map[hearkeep.Number]struct{}{}}
		if n.doors == nil {
			n.doors = map[hearkeep.BindingID]*doorNumbers{}
		}
		n.doors[door] = d
	}
	d.last = max(d.last, number)
	d.flying[number] = struct{}{}
	return number, nil
}

// landed says that a number stands for something now: a recording or a
// tombstone. One that failed is still to be accounted for.
func (n *numbers) landed(door hearkeep.BindingID, number hearkeep.Number, failed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.doors[door]
	if d == nil {
		return
	}
	delete(d.flying, number)
	delete(d.failed, number)
	if failed {
		d.failed[number] = struct{}{}
	}
}

// last is the highest number that a door handed out in this process; 0 for none.
func (n *numbers) last(door hearkeep.BindingID) hearkeep.Number {
	n.mu.Lock()
	defer n.mu.Unlock()
	if d := n.doors[door]; d != nil {
		return d.last
	}
	return 0
}

// idle returns what of some runs is not on its way: nothing will stand there.
// It first waits for whoever is being given a number right now.
func (n *numbers) idle(runs []hearkeep.Run) []hearkeep.Run {
	n.handing.Lock()
	defer n.handing.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []hearkeep.Run
	for _, run := range runs {
		rest := []hearkeep.Run{run}
		if d := n.doors[run.Binding]; d != nil {
			for number := range d.flying {
				rest = without(rest, number)
			}
			for number := range d.failed {
				rest = without(rest, number)
			}
		}
		out = append(out, rest...)
	}
	return out
}

// without takes a number out of the runs of one door.
func without(runs []hearkeep.Run, number hearkeep.Number) (out []hearkeep.Run) {
	for _, run := range runs {
		if number < run.From || number > run.To {
			out = append(out, run)
			continue
		}
		if run.From < number {
			out = append(out, hearkeep.Run{Binding: run.Binding, From: run.From, To: number - 1})
		}
		if number < run.To {
			out = append(out, hearkeep.Run{Binding: run.Binding, From: number + 1, To: run.To})
		}
	}
	return out
}

// common returns what two lists of runs have in common. Each is ascending
// within a door.
func common(a, b []hearkeep.Run) (out []hearkeep.Run) {
	theirs := map[hearkeep.BindingID][]hearkeep.Run{}
	for _, run := range b {
		theirs[run.Binding] = append(theirs[run.Binding], run)
	}
	for _, run := range a {
		for rest := theirs[run.Binding]; len(rest) > 0; rest = rest[1:] {
			if rest[0].To < run.From { // and so it is for every later run of a
				theirs[run.Binding] = rest[1:]
				continue
			}
			if rest[0].From > run.To {
				break
			}
			out = append(out, hearkeep.Run{Binding: run.Binding, From: max(run.From, rest[0].From), To: min(run.To, rest[0].To)})
		}
	}
	return out
}

// accountFailed writes down the failed keep of numbers, which undo could not.
func (k *Keep) accountFailed(ctx context.Context, vault hearkeep.VaultID) error {
	var left []hearkeep.Run
	k.numbers.mu.Lock()
	for door, d := range k.numbers.doors {
		for number := range d.failed {
			left = append(left, hearkeep.Run{Binding: door, From: number, To: number})
		}
	}
	k.numbers.mu.Unlock()
	for _, run := range left {
		var of hearkeep.VaultID
		err := k.store.View(ctx, func(tx *store.Tx) error {
			b, err := tx.Vaults.Binding(ctx, run.Binding)
			of = b.Vault
			return err
		})
		if err == nil && of == vault {
			err = k.failedKeep(ctx, vault, run)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// failedKeep accounts for a number that was handed out and stands for nothing.
func (k *Keep) failedKeep(ctx context.Context, vault hearkeep.VaultID, run hearkeep.Run) error {
	runs := []hearkeep.Run{run}
	err := k.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.Vaults.InsertTombstones(ctx, vault, hearkeep.OutcomeFailed, time.Now(), runs); err != nil {
			return err
		}
		_, err := k.ledger.Append(ctx, tx, ledger.Entry{Kind: ledger.KindKeepFailed, Role: hearkeep.RoleSystem, Vault: &vault, Binding: &run.Binding, Count: 1, Items: runs})
		return err
	})
	k.numbers.landed(run.Binding, run.From, err != nil)
	return err
}
