package incident

import (
	"context"
	"time"

	"github.com/hearkeep/hearkeep"
)

// Thresholds are what counts as unusual. They are settings, and shown.
type Thresholds struct {
	FailedOpenings int           // within Window, of one vault
	Openings       int           // recordings that one account opened within a day
	Window         time.Duration // of FailedOpenings
	ClockJump      time.Duration
}

// DefaultThresholds are those that a simulation of 10,000 normal days settled.
func DefaultThresholds() Thresholds {
	return Thresholds{FailedOpenings: 1, Openings: 1000, Window: time.Hour, ClockJump: 24 * time.Hour}
}

// What Hearkeep reports by itself, besides what rooms vault, rights and backup do.
const (
	WhatFailed    = "openings failed"
	WhatSession   = "opened without a session"
	WhatVolume    = "unusually many openings"
	WhatTwice     = "a device in two places"
	WhatPlace     = "fetched from a new place"
	WhatClock     = "the clock jumped"
	WhatRestored  = "restored"
	WhatLedger    = "the ledger was rewound"
	WhatUnwatched = "the ledger was not followed"
)

// Follow reads the ledger on from where it was left, from its first entry, and
// opens a report for what is wrong in it.
func (d *Desk) Follow(ctx context.Context, now time.Time) error { return errNotYet }

// ClockJumped opens a report that the clock on the wall ran away from the one
// that only counts.
func (d *Desk) ClockJumped(ctx context.Context, by time.Duration) error { return errNotYet }

// Seen notes that an account was used from a network, and says whether that
// was its first time there while it had been used elsewhere before.
func (d *Desk) Seen(ctx context.Context, account hearkeep.AccountID, network string) (fresh bool, err error) {
	return false, errNotYet
}

// Fetched reports an archive that was fetched from a place where its account
// was never used.
func (d *Desk) Fetched(ctx context.Context, account hearkeep.AccountID, archive hearkeep.ArchiveID, network string) error {
	return errNotYet
}
