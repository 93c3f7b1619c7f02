package incident

import (
	"context"
	"errors"
	"fmt"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Level is how grave a breach is for the people (B4): the scale of ENISA,
// "Recommendations for a methodology of the assessment of severity of personal
// data breaches", working document 1.0 of December 2013, which the EDPB's
// Guidelines 9/2022 name.
type Level string

// Levels: a score below 2, below 3, below 4, and from 4 on.
const (
	Low      Level = "low"
	Medium   Level = "medium"
	High     Level = "high"
	VeryHigh Level = "very high"
)

// Assessment is the scored form: what kind of breach it is, and why it weighs
// what it weighs. Texts are the operator's; counts come from the ledger. What
// it says of measures, the people concerned read too (Art. 34(2)).
type Assessment struct {
	Confidentiality, Integrity, Availability bool

	Sensitivity    int  // 1 to 4: of what was said, as far as can be known without hearing it
	Identification int  // 1 to 4: how easily people are found by it
	Malicious      bool // the recipient is known to mean harm
	Unknown        bool // who has it is not known, or how many
	Children       bool // a child's vault is among them, or children were heard
	SealedOnly     bool // what left is noise to whoever has it: Art. 34(3)(a) (B6)

	Nature       string // what happened
	Consequences string // likely ones
	Measures     string // taken, or proposed
	Reasons      string // for the scores, and for the decision

	Score float64 // computed
	Level Level   // computed
}

// manyPeople is from how many on ENISA's method raises a flag.
const manyPeople = 100

// Weigh sets Score and Level, and returns the reason of each part of the sum,
// in the order of the method: SE = DPC × EI + CB.
//
//   - DPC, the context of the data, is Sensitivity, 1 to 4. Children make it
//     one more, at most 4: the method raises it for vulnerable people.
//   - EI, ease of identification, is a quarter for each step of Identification.
//   - CB, circumstances: confidentiality 0.25 where who has it is known, else
//     0.5; integrity 0.25, since what is altered does not open and is not taken
//     for true; availability 0.5, since speech that is gone cannot be had
//     again; intent to harm 0.5.
//
// The method does not put the number of people and unintelligible data into
// the sum, and leaves both to judgement. More than a hundred people are a
// reason that stands there. Of what left sealed, and is noise to whoever has
// it, we count neither the identification (EI 0.25) nor the confidentiality;
// Art. 34(3)(a) is of that mind too.
func (a *Assessment) Weigh(of Size) (reasons []string) {
	add := func(format string, args ...any) { reasons = append(reasons, fmt.Sprintf(format, args...)) }
	dpc := float64(min(max(a.Sensitivity, 1), 4))
	add("Context of the data: %g of 4.", dpc)
	if a.Children && dpc < 4 {
		dpc++
		add("Children are among them: %g.", dpc)
	} else if a.Children {
		add("Children are among them: it is the highest already.")
	}
	ei := float64(min(max(a.Identification, 1), 4)) / 4
	if a.SealedOnly {
		ei = 0.25
		add("Ease of identification: 0.25, since what left is sealed and noise to whoever has it.")
	} else {
		add("Ease of identification: %g.", ei)
	}
	cb := 0.0
	part := func(so bool, weight float64, why string) {
		if so {
			cb += weight
			add("%s: +%g.", why, weight)
		}
	}
	part(a.Confidentiality && !a.SealedOnly && !a.Unknown, 0.25, "Confidentiality was lost to somebody who is known")
	part(a.Confidentiality && !a.SealedOnly && a.Unknown, 0.5, "Confidentiality was lost, and it is not known to whom or to how many")
	part(a.Integrity, 0.25, "Integrity was lost: something was altered")
	part(a.Availability, 0.5, "Availability was lost: what is gone cannot be had again")
	part(a.Malicious, 0.5, "Whoever has it means harm")
	a.Score = dpc*ei + cb
	a.Level = levelOf(a.Score)
	add("Sum: %g × %g + %g = %g, which is %s.", dpc, ei, cb, a.Score, a.Level)
	if of.People > manyPeople {
		add("%d people are concerned. The method counts more than %d as a reason to judge it graver than the sum.", of.People, manyPeople)
	}
	return reasons
}

// levelOf is the method's scale.
func levelOf(score float64) Level {
	switch {
	case score < 2:
		return Low
	case score < 3:
		return Medium
	case score < 4:
		return High
	}
	return VeryHigh
}

// Preset is what the rows of a case say of an assessment before anybody judged
// it: which kinds of breach it shows, whether a child's vault is among them,
// and whether all that left was sealed. Its weights are 0: those are for a
// person.
func (d *Desk) Preset(ctx context.Context, id hearkeep.IncidentID) (a Assessment, err error) {
	err = d.Store.View(ctx, func(tx *store.Tx) error {
		c, err := d.hold(ctx, tx, id)
		if err != nil {
			return err
		}
		rows, err := tx.Incidents.Affected(ctx, id)
		if err != nil {
			return err
		}
		a, err = presetOf(ctx, tx, c.Incident, c.file.Clauses, rows)
		return err
	})
	if err != nil {
		return Assessment{}, fmt.Errorf("incident: preset of %s: %w", id, err)
	}
	return a, nil
}

func presetOf(ctx context.Context, tx *store.Tx, c store.Incident, clauses []Clause, rows []store.Affected) (a Assessment, err error) {
	a.Confidentiality = len(rows) > 0
	switch c.What {
	case WhatFailed, "does not open", "foreign", WhatLedger:
		a.Integrity = true
	case "numbers missing", "numbers missing at start":
		a.Availability = true
	}
	a.Unknown = c.What == WhatPlace || c.What == WhatSession || c.What == WhatVolume
	looked := map[hearkeep.VaultID]bool{}
	for _, row := range rows {
		if looked[row.Vault] {
			continue
		}
		looked[row.Vault] = true
		v, err := tx.Vaults.Vault(ctx, row.Vault)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return a, err
		}
		a.Children = a.Children || err == nil && v.Kind == "child"
	}
	a.SealedOnly, err = sealedOnly(ctx, tx, clauses)
	return a, err
}
