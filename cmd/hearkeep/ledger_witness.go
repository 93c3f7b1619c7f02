package main

import (
	"context"
	"log/slog"

	"github.com/hearkeep/hearkeep/internal/incident"
	"github.com/hearkeep/hearkeep/internal/ledger"
)

// witnessFlags are who cosigns what the ledger signs. See docs/ledger.md.
type witnessFlags struct {
	Witness []string `help:"Have a witness cosign the ledger's checkpoints, so that a history which is replaced is found out: its key, a space, its address. It sees how many entries there are, and nothing else. May be given several times." placeholder:"VKEY URL" sep:"none"`
}

// witnesses reads the settings. It fails where one cannot be understood.
func (f witnessFlags) witnesses() (all []ledger.Witness, _ error) {
	for _, setting := range f.Witness {
		w, err := ledger.ParseWitness(setting)
		if err != nil {
			return nil, codedError{exitUsage, err}
		}
		all = append(all, w)
	}
	return all, nil
}

// askWitnesses asks them while the server runs. A ledger of which one of them
// has seen more, or other, opens a report, of each fault one.
func askWitnesses(f *folder, desk *incident.Desk, all []ledger.Witness, log *slog.Logger) func(context.Context) error {
	return ledger.NewWitnesses(ledger.WitnessConfig{
		Ledger: f.ledger, Witnesses: all, Log: log,
		Gone: func(ctx context.Context, _ string) error { return desk.LedgerRewound(ctx) },
	}).Run
}
