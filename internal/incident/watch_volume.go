package incident

import (
	"context"
	"encoding/hex"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// volumeNote is which recordings were opened on a day, by an account or of a
// vault. Opening one again adds nothing: a page that is loaded anew is not
// two openings.
type volumeNote struct {
	Runs     map[string][]hearkeep.Run // by binding, ascending, apart
	Count    int
	Reported bool
}

// add adds runs of numbers.
func (n *volumeNote) add(runs []hearkeep.Run) {
	if n.Runs == nil {
		n.Runs = map[string][]hearkeep.Run{}
	}
	for _, run := range runs {
		if run.To < run.From {
			continue
		}
		door := hex.EncodeToString(run.Binding[:])
		n.Count -= lengths(n.Runs[door])
		n.Runs[door] = insertRun(n.Runs[door], run)
		n.Count += lengths(n.Runs[door])
	}
}

func lengths(runs []hearkeep.Run) (n int) {
	for _, r := range runs {
		n += int(r.To - r.From + 1)
	}
	return n
}

// insertRun adds one run to runs of its binding, which are ascending and do not
// touch one another.
func insertRun(runs []hearkeep.Run, add hearkeep.Run) []hearkeep.Run {
	out := make([]hearkeep.Run, 0, len(runs)+1)
	for _, r := range runs {
		if r.To+1 < add.From || add.To+1 < r.From {
			out = append(out, r)
			continue
		}
		add.From, add.To = min(add.From, r.From), max(add.To, r.To)
	}
	at, _ := slices.BinarySearchFunc(out, add, func(a, b hearkeep.Run) int { return int(a.From) - int(b.From) })
	return slices.Insert(out, at, add)
}

// volume counts what each account opened on a day, and what of each vault was
// opened by all: sounds apart from words, of which a page shows many. What
// leaves in an archive is its own account's, and told in letters: it is no
// volume.
func (f *follow) volume(ctx context.Context, _ store.LedgerEntry, e ledger.Entry) error {
	if e.Kind != ledger.KindOpened || e.Archive != nil || e.Account == nil || e.Vault == nil {
		return nil
	}
	t := f.d.thresholds()
	what, most := "words ", t.Words
	if e.Purpose == "listen" || e.Purpose == "move" {
		what, most = "sounds ", t.Openings
	}
	day := e.At.In(f.d.Zone).Format(time.DateOnly) + " " + what
	for _, of := range []struct {
		key  string
		most int
		r    store.Report
	}{
		{day + "account " + string(e.Account[:]), most, store.Report{What: WhatVolume, Account: *e.Account}},
		{day + "vault " + string(e.Vault[:]), 2 * most, store.Report{What: WhatVolume, Vault: *e.Vault}},
	} {
		key := noteKey{noteVolume, of.key}
		n, err := recall[volumeNote](ctx, f, key)
		if err != nil {
			return err
		}
		if n.Reported {
			continue
		}
		n.add(e.Items)
		if n.Count > of.most {
			// Once a day, also where that report is closed meanwhile.
			n.Reported, n.Runs = true, nil
			if err := f.d.report(ctx, f.tx, f.now, of.r); err != nil {
				return err
			}
		}
		f.remember(key, e.At.Add(48*time.Hour))
	}
	return nil
}
