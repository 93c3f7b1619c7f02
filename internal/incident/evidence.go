package incident

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// evidence is what a report is about, as far as it was shown. The zero value
// is none: nothing is frozen then, and nobody is affected by it.
type evidence struct {
	archive   hearkeep.ArchiveID
	recording hearkeep.RecordingID
	binding   hearkeep.BindingID
	vault     hearkeep.VaultID
	clauses   []Clause
}

func (e evidence) none() bool { return len(e.clauses) == 0 }

// evidence looks at what a filing names. What is not there and what is not the
// reporter's is no evidence, alike.
func (d *Desk) evidence(ctx context.Context, tx *store.Tx, f Filing) (evidence, error) {
	switch {
	case f.Via == hearkeep.ReportVoice:
		return d.spokenAt(ctx, tx, f)
	case !f.Recording.IsZero() && !f.By.IsZero():
		return recordingOf(ctx, tx, f.By, f.Recording)
	case !f.Binding.IsZero() && !f.By.IsZero():
		return bindingOf(ctx, tx, f.By, f.Binding)
	}
	archive := f.Archive
	if f.Receipt != "" {
		archive = d.archiveIn(f.Receipt)
	}
	// One that does not exist is looked for all the same: it takes as long.
	row, err := tx.Incidents.ArchiveByID(ctx, archive)
	if errors.Is(err, store.ErrNotFound) {
		return evidence{}, nil
	}
	if err != nil {
		return evidence{}, err
	}
	return evidence{archive: row.ID, clauses: []Clause{{Archive: row.ID}}}, nil
}

// spokenAt is which door a report was spoken at. Anybody may speak there, so
// that it shows nothing: it is for whoever holds the vault to confirm.
func (d *Desk) spokenAt(ctx context.Context, tx *store.Tx, f Filing) (evidence, error) {
	b, err := tx.Vaults.Binding(ctx, f.Binding)
	if err != nil {
		return evidence{}, err
	}
	if b.Vault != f.Vault || !b.Ended.IsZero() {
		return evidence{}, store.ErrNotFound
	}
	return evidence{binding: b.ID, vault: b.Vault}, nil
}

// recordingOf is a recording of a vault that an account holds, in a generation
// that it opens.
func recordingOf(ctx context.Context, tx *store.Tx, by hearkeep.AccountID, id hearkeep.RecordingID) (evidence, error) {
	vaults, err := tx.Vaults.VaultsOf(ctx, by)
	if err != nil {
		return evidence{}, err
	}
	for _, v := range vaults {
		rec, err := tx.Vaults.Recording(ctx, v.ID, id)
		if err == nil {
			err = holds(ctx, tx, by, v.ID, rec.Generation)
		}
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return evidence{}, err
		}
		return evidence{
			recording: rec.ID, binding: rec.Binding, vault: rec.Vault,
			clauses: []Clause{{Binding: rec.Binding, Number: rec.Number, From: rec.Start}},
		}, nil
	}
	return evidence{}, nil
}

// bindingOf is a door of a vault that an account holds.
func bindingOf(ctx context.Context, tx *store.Tx, by hearkeep.AccountID, id hearkeep.BindingID) (evidence, error) {
	b, err := tx.Vaults.Binding(ctx, id)
	if err == nil {
		err = holds(ctx, tx, by, b.Vault, 0)
	}
	if errors.Is(err, store.ErrNotFound) {
		return evidence{}, nil
	}
	if err != nil {
		return evidence{}, err
	}
	return evidence{binding: b.ID, vault: b.Vault, clauses: []Clause{{Binding: b.ID}}}, nil
}

// holds fails with ErrNotFound where an account does not hold a vault now, or
// not a generation of it; zero is any.
func holds(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, vault hearkeep.VaultID, n hearkeep.Generation) error {
	holders, err := holdersOf(ctx, tx, vault)
	if err != nil {
		return err
	}
	for _, h := range holders {
		if h != account {
			continue
		}
		rows, err := tx.Vaults.Keyholder(ctx, vault, account)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if n == 0 || row.Generation <= n {
				return nil
			}
		}
	}
	return store.ErrNotFound
}

// holdersOf returns who holds a vault's newest generation, as rows have it.
func holdersOf(ctx context.Context, tx *store.Tx, id hearkeep.VaultID) ([]hearkeep.AccountID, error) {
	gens, err := tx.Vaults.Generations(ctx, id)
	if err != nil || len(gens) == 0 {
		return nil, err
	}
	rows, err := tx.Vaults.Keyholders(ctx, id, gens[len(gens)-1].N)
	if err != nil {
		return nil, err
	}
	leaving, err := tx.Vaults.Departures(ctx, id)
	gone := map[hearkeep.AccountID]bool{}
	for _, l := range leaving {
		gone[l.Account] = true
	}
	var holders []hearkeep.AccountID
	for _, h := range rows {
		if !gone[h.Account] {
			holders = append(holders, h.Account)
		}
	}
	return holders, err
}

// archiveIn finds which archive a text names: its id, or a receipt of this
// keep that it was handed over, as a text, a page or an address. Zero for none.
func (d *Desk) archiveIn(text string) hearkeep.ArchiveID {
	bare := strings.ToLower(strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \n-:", r) {
			return -1
		}
		return r
	}, text))
	if id, err := hearkeep.ParseID[hearkeep.ArchiveID](bare); err == nil {
		return id
	}
	receipt, err := ledger.ReadReceipt([]byte(text + "\n"))
	if err != nil {
		return hearkeep.ArchiveID{}
	}
	proven, err := d.Ledger.Check(receipt.Proof) // what it says its key is does not count
	if err != nil || proven.Entry.Kind != ledger.KindDisclosed || proven.Entry.Archive == nil {
		return hearkeep.ArchiveID{}
	}
	return *proven.Entry.Archive
}

// How long before a report of Hearkeep's own lies what it may be about.
const (
	beforeNoticed = time.Hour
	beforeCounted = 24 * time.Hour // of what is counted by the day
)

// drawn is what a report of Hearkeep's own leads to look for. What was damaged
// or is missing is in nobody's hands by that: there is nothing to look for, and
// whoever holds it was told by the room that noticed.
func drawn(ctx context.Context, tx *store.Tx, r store.Report) ([]Clause, error) {
	switch r.What {
	case WhatPlace:
		if !r.Archive.IsZero() {
			return []Clause{{Archive: r.Archive}}, nil
		}
	case WhatTwice:
		return []Clause{{Binding: r.Binding, From: r.At.Add(-beforeCounted)}}, nil
	case WhatSession:
		return openedIn(ctx, tx, r, beforeNoticed)
	case WhatVolume:
		return openedIn(ctx, tx, r, beforeCounted)
	}
	return nil, nil
}

// openedIn is what was opened of the vault that a report names, or of those
// that its account holds, within some time before it.
func openedIn(ctx context.Context, tx *store.Tx, r store.Report, before time.Duration) (clauses []Clause, err error) {
	vaults := []store.Vault{{ID: r.Vault}}
	if r.Vault.IsZero() {
		if vaults, err = tx.Vaults.VaultsOf(ctx, r.Account); err != nil {
			return nil, err
		}
	}
	for _, v := range vaults {
		clauses = append(clauses, Clause{Vault: v.ID, From: r.At.Add(-before), To: r.At.Add(tick)})
	}
	return clauses, nil
}
