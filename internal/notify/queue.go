package notify

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// States of a delivery.
const (
	queued = "queued"
	sent   = "sent"
	failed = "failed"
)

// Bounds of a letter, in bytes.
const (
	maxSubject = 200
	maxText    = 16 << 10
)

// topics is how a topic may look, so that none carries an address or a name
// with digits into the log.
var topics = regexp.MustCompile(`^[a-z][a-z -]{0,39}$`)

// letter is what lies sealed in a delivery's row. ID is random and stays from
// one attempt to the next, so that who gets it twice can tell.
type letter struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind"`
	Address string    `json:"address"`
	Topic   string    `json:"topic"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	At      time.Time `json:"at"`

	Language hearkeep.Language `json:"language,omitempty"`
}

// Tell queues a letter to every confirmed channel of an account, in tx. An
// account without any is told nothing, which is no error. A channel that does
// not open is logged and left out: damage of one row must not keep anybody
// from changing a passphrase.
func (d *Desk) Tell(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, l hearkeep.Letter) error {
	_, err := d.Queue(ctx, tx, account, l)
	return err
}

// Queue is Tell, and returns what it queued, one delivery for each channel,
// for who must be able to show later that a letter arrived.
func (d *Desk) Queue(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, l hearkeep.Letter) ([]store.Delivery, error) {
	if d == nil {
		return nil, nil
	}
	channels, err := tx.Letters.Channels(ctx, account)
	if err != nil {
		return nil, fmt.Errorf("notify: channels of account %s: %w", account, err)
	}
	var all []store.Delivery
	for _, c := range channels {
		if c.Confirmed.IsZero() || c.Kind == Spoken && !l.Aloud {
			continue
		}
		address, err := d.Open(c)
		if err != nil {
			d.Log.Error("a channel is left out: its row was altered or is damaged", "channel", c.ID, "err", err)
			continue
		}
		row, err := d.queue(ctx, tx, c, address, l)
		if err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, nil
}

// Write queues a letter to an e-mail address of nobody's account, in tx: of
// who made a report without one, or was sent what is another's. It ends where
// its text does, since its reader cannot sign in. Nobody showed that they read
// there, so that a letter must be one that does no harm in a stranger's hands.
// Unavailable where this keep sends no e-mail, Invalid where it is no address.
func (d *Desk) Write(ctx context.Context, tx *store.Tx, address string, l hearkeep.Letter) (store.Delivery, error) {
	if !d.Can(Email) {
		return store.Delivery{}, hearkeep.Errorf(hearkeep.Unavailable, "This keep cannot send e-mail.")
	}
	address, err := checkEmail(address)
	if err != nil {
		return store.Delivery{}, err
	}
	return d.queue(ctx, tx, store.Channel{ID: hearkeep.NewID[hearkeep.ChannelID](), Kind: Email}, address, l)
}

// TellOne queues a letter to one channel, confirmed or not: the code that
// confirms it, or that it was removed.
func (d *Desk) TellOne(ctx context.Context, tx *store.Tx, c store.Channel, l hearkeep.Letter) error {
	if d == nil {
		return hearkeep.Errorf(hearkeep.Unavailable, "This keep cannot send letters.")
	}
	if c.Kind == Spoken {
		return nil // a door says of no letter what it is about
	}
	address, err := d.Open(c)
	if err != nil {
		return err
	}
	_, err = d.queue(ctx, tx, c, address, l)
	return err
}

func (d *Desk) queue(ctx context.Context, tx *store.Tx, c store.Channel, address string, l hearkeep.Letter) (row store.Delivery, err error) {
	if !topics.MatchString(l.Topic) {
		return row, errors.New("notify: a letter's topic is a few lower-case words")
	}
	now := time.Now()
	due := now
	if c.Kind == Spoken { // what is never said lies nowhere, and it waits to be fetched
		l.Subject, l.Text, due = "", "", now.Add(spokenFor)
	}
	text := body(l.Text)
	if !c.Account.IsZero() && c.Kind != Spoken {
		text += "\n\n" + signIn(l.Language) + "\n" + d.Origin
	}
	plain, err := json.Marshal(letter{
		ID: rand.Text(), Kind: c.Kind, Address: address,
		Topic: l.Topic, Subject: line(l.Subject), Text: text + "\n", At: now.UTC().Truncate(time.Second), Language: l.Language,
	})
	if err != nil {
		return row, errors.New("notify: a letter cannot be written") // the cause would quote it
	}
	sealed, err := seal.SealHouse(d.House, seal.HouseLetter, c.ID, plain)
	if err != nil {
		return row, fmt.Errorf("notify: seal a letter to channel %s: %w", c.ID, err)
	}
	row = store.Delivery{
		Account: c.Account, Channel: c.ID, Kind: c.Kind, Topic: l.Topic, Sealed: sealed,
		State: queued, Created: now, Due: due,
	}
	if row.ID, err = tx.Letters.InsertDelivery(ctx, row); err != nil {
		return row, fmt.Errorf("notify: queue a letter to channel %s: %w", c.ID, err)
	}
	select { // Run's next transaction comes after this one, or finds nothing
	case d.wake <- struct{}{}:
	default:
	}
	return row, nil
}

// open returns the letter of a delivery's row.
func (d *Desk) open(row store.Delivery) (l letter, err error) {
	plain, err := seal.OpenHouse(d.House, seal.HouseLetter, row.Channel, row.Sealed)
	if err != nil {
		return l, err
	}
	if json.Unmarshal(plain, &l) != nil {
		return letter{}, seal.ErrFormat // the cause would quote it
	}
	return l, nil
}

// line makes one line of a subject: what would end a header becomes a space.
func line(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return cut(strings.Join(strings.Fields(s), " "), maxSubject)
}

// body is a letter's text as it may stand in a letter.
func body(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\r\n", "\n")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return ' '
		}
		return r
	}, s)
	return cut(strings.TrimSpace(s), maxText)
}

// signIn stands below every letter to an account, before where that is.
func signIn(l hearkeep.Language) string {
	switch l.Or() {
	case "de":
		return "Hier melden Sie sich an:"
	case "fr":
		return "Pour vous connecter :"
	case "es":
		return "Para iniciar sesión:"
	case "it":
		return "Per accedere:"
	case "nl":
		return "Hier meldt u zich aan:"
	}
	return "Sign in at:"
}

// cut shortens s to n bytes, between characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
