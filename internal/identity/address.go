package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// AddressCodeLife is for how long the code that went to an address works.
const AddressCodeLife = time.Hour

const (
	maxAddresses  = 8
	codeDigits    = 8
	codeTries     = 5
	lettersListed = 100
)

// Address is where letters to an account go.
type Address struct {
	ID        hearkeep.ChannelID
	Kind      string // "email", "webhook" or "spoken"
	Address   string
	Created   time.Time
	Confirmed time.Time // zero until its owner typed the code back
}

// Sent is a line of the delivery log.
type Sent struct {
	Topic   string
	Kind    string // of the channel
	State   string // "queued", "sent", "failed"
	Created time.Time
	Sent    time.Time
}

// Addresses lists where letters to who go, oldest first.
func (d *Desk) Addresses(ctx context.Context, who Verified) ([]Address, error) {
	if !who.Valid() {
		return nil, errSignIn(nil)
	}
	var list []Address
	err := d.store.View(ctx, func(tx *store.Tx) (err error) {
		list, err = d.addresses(ctx, tx, who.Account())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("identity: addresses of %s: %w", who.Account(), err)
	}
	return list, nil
}

func (d *Desk) addresses(ctx context.Context, tx *store.Tx, account hearkeep.AccountID) ([]Address, error) {
	if d.letters == nil {
		return nil, nil
	}
	rows, err := tx.Letters.Channels(ctx, account)
	if err != nil {
		return nil, err
	}
	list := make([]Address, len(rows))
	for i, c := range rows {
		list[i] = Address{ID: c.ID, Kind: c.Kind, Created: c.Created, Confirmed: c.Confirmed}
		list[i].Address = d.addressOf(c)
	}
	return list, nil
}

// addressOf is the address of a row, empty where the row is damaged: that must
// not keep anybody from removing it.
func (d *Desk) addressOf(c store.Channel) string {
	address, err := d.letters.Open(c)
	if err != nil {
		d.log.Error("an address does not open", "account", c.Account, "channel", c.ID, "err", err)
	}
	return address
}

// pendingCode is the code that went to an address. It lies under the house
// key: whoever has the rows alone cannot try all codes on it.
type pendingCode struct {
	Code string `json:"code"`
	Left int    `json:"left"` // attempts
}

// codeHash names the row of a channel's code, and codeID what it is sealed for.
func codeHash(id hearkeep.ChannelID) [32]byte {
	return sha256.Sum256(append([]byte("address code "), id[:]...))
}

func codeID(id hearkeep.ChannelID) [16]byte {
	hash := codeHash(id)
	return [16]byte(hash[:16])
}

func (d *Desk) putCode(ctx context.Context, tx *store.Tx, id hearkeep.ChannelID, p pendingCode, expires time.Time) error {
	plain, err := json.Marshal(p)
	if err != nil {
		return err
	}
	sealed, err := seal.SealHouse(d.house, seal.HouseLetter, codeID(id), plain)
	if err != nil {
		return err
	}
	return tx.Identity.PutLink(ctx, store.Link{Kind: linkAddress, Hash: codeHash(id), Payload: sealed, Expires: expires})
}

// CanWrite reports whether this keep sends letters of a kind.
func (d *Desk) CanWrite(kind string) bool { return d.letters.Can(kind) }

// AddAddress notes an address and sends a code to it. Needs Fresh. Nothing
// else is sent there before ConfirmAddress. An address that waits for its code
// already gets another one; the one before no longer works.
func (d *Desk) AddAddress(ctx context.Context, who Verified, kind, address string) (hearkeep.ChannelID, error) {
	var none hearkeep.ChannelID
	if err := who.Fresh(); err != nil {
		return none, err
	}
	if kind == notify.Spoken {
		return none, hearkeep.Errorf(hearkeep.Invalid, "A door needs no code.").WithHint("Choose the door on the page of your addresses.")
	}
	if !d.CanWrite(kind) {
		return none, hearkeep.Errorf(hearkeep.Unavailable, "This keep cannot send such letters.").
			WithHint("Whoever runs it can name a mail server in its settings.")
	}
	address, err := d.letters.Check(kind, address)
	if err != nil {
		return none, err
	}
	// Somebody else's mailbox is not to be filled.
	attempt := []allowance{{"letter " + who.Account().String(), 5, 10 * time.Minute}}
	if wait := d.attempts.take(time.Now(), attempt); wait > 0 {
		return none, errTooMany(wait)
	}
	n, err := rand.Int(rand.Reader, big.NewInt(100_000_000))
	if err != nil {
		return none, fmt.Errorf("identity: address code: %w", err)
	}
	code := fmt.Sprintf("%0*d", codeDigits, n)
	var c store.Channel
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := standing(ctx, tx, who); err != nil {
			return err
		}
		if c, err = d.pending(ctx, tx, who, kind, address); err != nil {
			return err
		}
		if err := d.putCode(ctx, tx, c.ID, pendingCode{code, codeTries}, time.Now().Add(AddressCodeLife)); err != nil {
			return err
		}
		return d.letters.TellOne(ctx, tx, c, letterCode(who.Name(), code))
	})
	if err != nil {
		return none, fmt.Errorf("identity: add address: %w", err)
	}
	return c.ID, nil
}

// pending returns the row of an address that is not confirmed, and makes it
// where there is none.
func (d *Desk) pending(ctx context.Context, tx *store.Tx, who Verified, kind, address string) (store.Channel, error) {
	rows, err := tx.Letters.Channels(ctx, who.Account())
	if err != nil {
		return store.Channel{}, err
	}
	for _, c := range rows {
		if c.Kind != kind || d.addressOf(c) != address {
			continue
		}
		if !c.Confirmed.IsZero() {
			return c, hearkeep.Errorf(hearkeep.Conflict, "Letters go to this address already.")
		}
		return c, nil
	}
	if len(rows) >= maxAddresses {
		return store.Channel{}, hearkeep.Errorf(hearkeep.Conflict, "There are %d addresses already.", maxAddresses).WithHint("Remove one first.")
	}
	c := store.Channel{ID: hearkeep.NewID[hearkeep.ChannelID](), Account: who.Account(), Kind: kind, Created: time.Now()}
	if c.Address, err = d.letters.Seal(c.ID, address); err != nil {
		return c, err
	}
	return c, tx.Letters.InsertChannel(ctx, c)
}

// ConfirmAddress takes the code, and from then on letters go there. Old and
// new addresses are told; unless it is the first, archives and tokens wait.
// A wrong code fails with Invalid; after five a new one is needed.
func (d *Desk) ConfirmAddress(ctx context.Context, who Verified, id hearkeep.ChannelID, code string, from Visitor) (SignedIn, error) {
	if !who.Valid() {
		return SignedIn{}, errSignIn(nil)
	}
	if err := d.tryCode(ctx, who, id, code); err != nil {
		return SignedIn{}, fmt.Errorf("identity: confirm address %s: %w", id, err)
	}
	in, err := d.readdress(ctx, who, id, from, func(tx *store.Tx, c store.Channel, others int) (bool, hearkeep.Letter, error) {
		if _, err := tx.Identity.TakeLink(ctx, linkAddress, codeHash(id), time.Now()); err != nil {
			return false, hearkeep.Letter{}, codeError(err)
		}
		c.Confirmed = time.Now()
		if err := tx.Letters.SetChannel(ctx, c); err != nil {
			return false, hearkeep.Letter{}, err
		}
		return others > 0, letterAddressAdded(who.Name(), d.addressOf(c), others > 0), nil
	})
	if err != nil {
		return SignedIn{}, fmt.Errorf("identity: confirm address %s: %w", id, err)
	}
	return in, nil
}

// tryCode compares the code of an address; a wrong one uses up an attempt.
func (d *Desk) tryCode(ctx context.Context, who Verified, id hearkeep.ChannelID, typed string) error {
	typed = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '-' {
			return -1
		}
		return r
	}, clip(typed, 64))
	var wrong bool
	err := d.store.Update(ctx, func(tx *store.Tx) error {
		if err := standing(ctx, tx, who); err != nil {
			return err
		}
		if err := owns(ctx, tx, who.Account(), id); err != nil {
			return err
		}
		link, err := tx.Identity.Link(ctx, linkAddress, codeHash(id), time.Now())
		if err != nil {
			return codeError(err)
		}
		plain, err := seal.OpenHouse(d.house, seal.HouseLetter, codeID(id), link.Payload)
		if err != nil {
			return err
		}
		var p pendingCode
		if err := json.Unmarshal(plain, &p); err != nil || len(p.Code) != codeDigits {
			return seal.ErrFormat // the cause would quote it
		}
		if wrong = subtle.ConstantTimeCompare([]byte(p.Code), []byte(typed)) != 1; !wrong {
			return nil
		}
		if p.Left--; p.Left > 0 {
			return d.putCode(ctx, tx, id, p, link.Expires)
		}
		_, err = tx.Identity.TakeLink(ctx, linkAddress, link.Hash, time.Now())
		return err
	})
	if err == nil && wrong {
		err = hearkeep.Errorf(hearkeep.Invalid, "That is not the code.").
			WithHint("After %d attempts a new one is needed.", codeTries)
	}
	return err
}

func codeError(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return hearkeep.Errorf(hearkeep.NotFound, "This code no longer works.").
			WithHint("It works once and for one hour. Have another one sent.").Because(err)
	}
	return err
}

// RemoveAddress removes an address, which is told so. Needs Fresh. Where
// letters went there, archives and tokens wait: whoever takes away the last
// address could otherwise put their own in its place as if it were the first.
func (d *Desk) RemoveAddress(ctx context.Context, who Verified, id hearkeep.ChannelID, from Visitor) (SignedIn, error) {
	if err := who.Fresh(); err != nil {
		return SignedIn{}, err
	}
	in, err := d.readdress(ctx, who, id, from, func(tx *store.Tx, c store.Channel, _ int) (bool, hearkeep.Letter, error) {
		err := tx.Letters.DeleteChannel(ctx, c.Account, c.ID)
		if err != nil || c.Confirmed.IsZero() {
			return false, hearkeep.Letter{}, err
		}
		if c.Kind == notify.Spoken { // nothing could be read there
			return false, letterSpokenChanged(who.Name(), false), nil
		}
		address := d.addressOf(c)
		letter := letterAddressRemoved(who.Name(), address)
		if address != "" {
			err = d.letters.TellOne(ctx, tx, c, letter)
		}
		return true, letter, err
	})
	if err != nil {
		return SignedIn{}, fmt.Errorf("identity: remove address %s: %w", id, err)
	}
	return in, nil
}

// readdress changes one of who's addresses. change says whether archives and
// tokens wait from now on, and what the account's addresses are told; others
// is how many confirmed ones there are besides.
func (d *Desk) readdress(ctx context.Context, who Verified, id hearkeep.ChannelID, from Visitor,
	change func(tx *store.Tx, c store.Channel, others int) (waits bool, l hearkeep.Letter, err error)) (SignedIn, error) {
	if d.letters == nil {
		return SignedIn{}, errNoAddress(nil)
	}
	var in SignedIn
	err := d.store.Update(ctx, func(tx *store.Tx) error {
		if err := standing(ctx, tx, who); err != nil {
			return err
		}
		rows, err := tx.Letters.Channels(ctx, who.Account())
		if err != nil {
			return err
		}
		i := slices.IndexFunc(rows, func(c store.Channel) bool { return c.ID == id })
		if i < 0 {
			return errNoAddress(nil)
		}
		others := len(slices.DeleteFunc(slices.Clone(rows), func(c store.Channel) bool { return c.ID == id || c.Confirmed.IsZero() || c.Kind == notify.Spoken }))
		waits, letter, err := change(tx, rows[i], others)
		if err != nil {
			return err
		}
		account := who.of.account
		if waits {
			account.Changed = time.Now().UTC().Truncate(time.Millisecond)
			if err := tx.Identity.SetAccount(ctx, account); err != nil {
				return err
			}
		}
		var row store.Session
		if in, row, err = d.goOn(who, account, who.of.key, who.SteppedUp(), from); err != nil {
			return err
		}
		if err := replace(ctx, tx, who, row); err != nil {
			return err
		}
		if letter.Topic == "" { // letters never went there
			return nil
		}
		return d.announce(ctx, tx, in.Who, letter)
	})
	return in, err
}

func owns(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, id hearkeep.ChannelID) error {
	rows, err := tx.Letters.Channels(ctx, account)
	if err == nil && !slices.ContainsFunc(rows, func(c store.Channel) bool { return c.ID == id }) {
		err = errNoAddress(nil)
	}
	return err
}

func errNoAddress(err error) error {
	return hearkeep.Errorf(hearkeep.NotFound, "There is no such address.").WithHint("It may have been removed already.").Because(err)
}

// Letters lists what was sent to who lately, newest first.
func (d *Desk) Letters(ctx context.Context, who Verified) ([]Sent, error) {
	if !who.Valid() {
		return nil, errSignIn(nil)
	}
	var rows []store.Delivery
	err := d.store.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = tx.Letters.Deliveries(ctx, who.Account(), lettersListed)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("identity: letters to %s: %w", who.Account(), err)
	}
	list := make([]Sent, len(rows))
	for i, r := range rows {
		list[i] = Sent{Topic: r.Topic, Kind: r.Kind, State: r.State, Created: r.Created, Sent: r.Sent}
	}
	return list, nil
}
