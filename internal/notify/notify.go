// Package notify sends letters to the channels of an account: e-mail and
// webhooks. It owns the addresses, and keeps a log of what was sent.
//
// It promises that a letter is queued in the transaction that it tells of,
// that it is tried again while an address does not take it, and that addresses
// and letters that wait lie sealed under the house key. A letter never says
// what was recorded. It refuses to write to an address that nobody confirmed,
// except for the code that confirms it.
package notify

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Kinds of channels.
const (
	Email   = "email"
	Webhook = "webhook"
)

// Config is what a Desk works with.
type Config struct {
	Store  store.Store
	House  seal.HouseKey
	Origin string // where people sign in; stands below every letter
	Log    *slog.Logger
}

// Desk sends letters. It may be used concurrently.
type Desk struct{ Config }

var errNotYet = errors.New("notify: not built")

// New returns a Desk.
func New(c Config) (*Desk, error) { return &Desk{c}, nil }

// Can reports whether this keep can send letters of a kind: e-mail needs a
// mail server in the settings.
func (d *Desk) Can(kind string) bool { return false }

// Check returns an address in its one spelling, or fails with Invalid.
func (d *Desk) Check(kind, address string) (string, error) { return "", errNotYet }

// Seal and Open keep an address in a channel's row.
func (d *Desk) Seal(id hearkeep.ChannelID, address string) ([]byte, error) { return nil, errNotYet }

// Open returns the address of a channel's row.
func (d *Desk) Open(c store.Channel) (string, error) { return "", errNotYet }

// Tell queues a letter to every confirmed channel of an account, in tx.
func (d *Desk) Tell(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, l hearkeep.Letter) error {
	return errNotYet
}

// TellOne queues a letter to one channel, confirmed or not: the code that
// confirms it, or that it was removed.
func (d *Desk) TellOne(ctx context.Context, tx *store.Tx, c store.Channel, l hearkeep.Letter) error {
	return errNotYet
}

// Run sends what is due until ctx ends.
func (d *Desk) Run(ctx context.Context) error { return errNotYet }

// Expire forgets old lines of the delivery log.
func (d *Desk) Expire(ctx context.Context, now time.Time) error { return errNotYet }
