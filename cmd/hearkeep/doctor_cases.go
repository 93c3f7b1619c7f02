package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/hearkeep/hearkeep/internal/incident"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// cases looks at the breach desk: what is open, when it is due, and whether
// its rows are what was stored.
func (d *doctor) cases(ctx context.Context, st store.Store) {
	path := filepath.Join(d.Keep, fileHouse)
	if _, err := os.Stat(path); err != nil {
		return // said already; a new key would fit nothing
	}
	house, err := seal.LoadOrCreateHouseKey(path)
	if err != nil {
		return // said with the doors
	}
	look, err := incident.Look(ctx, st, house)
	if err != nil {
		d.problem("cases", "hearkeep check --keep "+d.Keep, "The cases cannot be looked at: %s.", firstLine(err))
		return
	}
	for _, f := range look.Faults {
		d.damage("cases", "find out who can write "+fileRows+"; read \"When the rows are altered\" in docs/incidents.md", "%s.", f)
	}
	if look.Waiting > 0 && !d.running {
		d.note("cases", "hearkeep serve --keep "+d.Keep, "%s in no case yet: no clock is looked at while no server runs.", countOf(look.Waiting, "report"))
	}
	const desk = "open /operator (hearkeep operator gives a link), or: hearkeep incident list"
	left := time.Until(look.Due)
	switch {
	case look.Open == 0:
		d.ok("cases", "No case is open.")
	case look.Due.IsZero():
		d.note("cases", desk, "%s open, with the authority told or that decided.", countOf(look.Open, "case"))
	case left <= 0:
		d.problem("cases", desk, "%s open, and the time to notify the authority is over since %s.", countOf(look.Open, "case"), look.Due.Local().Format(time.DateTime))
	default:
		say := d.note
		if left <= 24*time.Hour {
			say = d.problem
		}
		say("cases", desk, "%s open: the authority is to be notified by %s, or that is to be decided with reasons; %d hours are left.",
			countOf(look.Open, "case"), look.Due.Local().Format(time.DateTime), int(left.Hours()))
	}
}
