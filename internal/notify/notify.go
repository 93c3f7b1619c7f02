// Package notify sends letters to the channels of an account: e-mail and
// webhooks; and e-mail to those who have none and are concerned all the same.
// It owns the addresses, and keeps a log of what was sent.
//
// It promises that a letter is queued in the transaction that it tells of and
// goes out only if that commits, that it is tried again for three days while
// an address does not take it, that two workers never send one letter, and
// that addresses and waiting letters lie sealed under the house key. A letter
// never says what was recorded.
//
// A letter that an address took in the moment in which the program was killed
// may come twice, with one Message-ID: of a letter about somebody's account,
// twice is better than never.
//
// It refuses to write to an account at an address that nobody confirmed, except
// for the code that confirms it; to say at a door more than that there is a
// notice, or to say that for somebody who no longer holds the door's vault; and
// to call a webhook inside the network that Hearkeep runs in unless the
// operator names its host. Errors and logs hold ids and the
// other side's reply code, never an address or a letter.
package notify

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Kinds of channels.
const (
	Email   = "email"
	Webhook = "webhook"
	Spoken  = "spoken" // the address is a door, which says that there is a notice
)

// Config is what a Desk works with.
type Config struct {
	Store  store.Store
	House  seal.HouseKey
	Origin string // where people sign in; stands below every letter
	Log    *slog.Logger

	Mail MailServer // what e-mail is given to; the zero value is none

	// WebhookHosts are the hosts of webhooks, "name" or "name:port", that may
	// lie inside the network that Hearkeep runs in, and may be called without
	// TLS. All others are https on the public internet.
	WebhookHosts []string
}

// Desk sends letters. It may be used concurrently. The nil Desk can nothing
// and tells nobody.
type Desk struct {
	Config
	hooks  *http.Client
	inside hosts
	wake   chan struct{} // something was queued
	poll   time.Duration
}

// New returns a Desk. It sends what is queued once Run runs.
func New(c Config) (*Desk, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	inside, err := parseHosts(c.WebhookHosts)
	if err != nil {
		return nil, fmt.Errorf("notify: %w", err)
	}
	return &Desk{
		Config: c, inside: inside, poll: poll, wake: make(chan struct{}, 1),
		hooks: hookClient(dialer{inside: inside, own: ownNetworks}),
	}, nil
}

// Can reports whether this keep can send letters of a kind: e-mail needs a
// mail server in the settings.
func (d *Desk) Can(kind string) bool {
	switch {
	case d == nil:
		return false
	case kind == Email:
		return !d.Mail.IsZero()
	}
	return kind == Webhook || kind == Spoken
}
