// Package incident is the breach desk: it takes up reports that something is
// wrong, works out from the ledger whose recordings a case concerns, keeps the
// clock of Art. 33 GDPR, tells the people concerned and whoever was handed
// what is another's, and writes the notification and the register.
//
// It promises that every report is acknowledged in the transaction that takes
// it; that who is affected is computed, item by item, and never typed in; that
// those people are told without anybody's decision once TellWithin has passed,
// unless the operator holds that with reasons; and that each step of a case
// stands in the ledger. It follows the ledger from its first entry, and opens
// reports of its own.
//
// It refuses to open anything: it has no key to a recording, reads none, and
// its pages show ids, counts and times. What people write to it is sealed
// under the house key.
package incident

import (
	"errors"
	"log/slog"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// TellWithin is how long the operator has to look at a case before the people
// whom it concerns are told without them: C6, within the hour.
const TellWithin = time.Hour

// Config is what a Desk works with.
type Config struct {
	Store   store.Store
	Ledger  *ledger.Ledger
	Letters *notify.Desk // nil: people are told by their pages alone
	House   seal.HouseKey
	Origin  string         // where people sign in
	Zone    *time.Location // of the times in letters and documents; nil is UTC
	Log     *slog.Logger   // nil logs nowhere

	Clock      time.Duration // of the notification; zero is hearkeep.IncidentClock (B8)
	TellWithin time.Duration // zero is TellWithin
	// AlarmTo is the operator's address for alarms of the clock; empty for none.
	AlarmTo    string
	Controller Controller
	Thresholds Thresholds // the zero value is DefaultThresholds
}

// Controller is who answers for this keep, as the documents name them
// (Art. 33(3)(b)). All of it is settings of the operator.
type Controller struct {
	Name      string
	Contact   string // of the data protection officer, or another contact point
	Authority string // which authority is competent
}

// Desk is the breach desk. It may be used concurrently.
type Desk struct {
	Config
	watching watching
	forms    counts        // reports by form, by network
	counts   counts        // of accounts, doors and addresses
	looked   looked        // at the rows
	forgot   looked        // what others wrote
	even     time.Duration // fileEvenly, but in tests
}

// New returns a Desk.
func New(c Config) (*Desk, error) {
	if c.Store == nil || c.Ledger == nil {
		return nil, errors.New("incident: no store or no ledger")
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Clock == 0 {
		c.Clock = hearkeep.IncidentClock
	}
	if c.TellWithin == 0 {
		c.TellWithin = TellWithin
	}
	return &Desk{Config: c, forms: counts{most: maxForms}, even: fileEvenly}, nil
}
