package rights

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Kinds of one-use links of this room. Their payload begins with an account's
// id, so that they go with it.
const (
	linkFetch  = "fetch"        // a code that was sent
	linkTicket = "fetch-ticket" // what it was redeemed for
)

// CodeLife is for how long the code of a sealed archive works, once.
const CodeLife = 7 * 24 * time.Hour

// FetchLife is for how long a redeemed code can be used to go on fetching.
const FetchLife = 24 * time.Hour

const (
	codeLength   = 12 // characters: 60 random bits
	codesADay    = 3
	redeemEvenly = 50 * time.Millisecond // what an answer's time is rounded up to
)

// crockford is Crockford's base 32: no I, L, O and U.
func crockford() *base32.Encoding {
	return base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)
}

// newCode returns a code as people read it, in groups of four, and its hash.
func newCode() (code string, hash [32]byte) {
	var b [8]byte
	rand.Read(b[:])
	code = crockford().EncodeToString(b[:])[:codeLength]
	return code[:4] + "-" + code[4:8] + "-" + code[8:], codeHash(code)
}

// readCode is a code as it was typed: case, spaces and hyphens do not count,
// and what looks alike is taken for what it must be. It is "" for no code.
func readCode(typed string) string {
	if len(typed) > 64 {
		return ""
	}
	code := strings.NewReplacer(" ", "", "-", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(typed))
	if len(code) != codeLength || strings.Trim(code, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") != "" {
		return ""
	}
	return code
}

func codeHash(code string) [32]byte { return sha256.Sum256([]byte("hearkeep fetch code " + code)) }

func ticketHash(ticket string) [32]byte {
	return sha256.Sum256([]byte("hearkeep fetch ticket " + ticket))
}

// Offer sends a one-time code for the sealed archive of an access or
// portability request to every confirmed channel of its account. It fails
// with Conflict where no channel is confirmed: SealedHere is the way then.
func (d *Desk) Offer(ctx context.Context, who identity.Verified, id hearkeep.RequestID) error {
	_, err := d.change(ctx, who, id, "offer", func(tx *store.Tx, row *store.Request) error {
		if err := ofKind(*row, archives()...); err != nil {
			return err
		}
		if err := d.waits(who.Waits()); err != nil {
			return err
		}
		if err := move(new(*row), stepOffered, now()); err != nil {
			return err
		}
		channels, err := reached(ctx, tx, row.Account)
		if err != nil {
			return err
		}
		if len(channels) == 0 {
			return hearkeep.Errorf(hearkeep.Conflict, "No address of your account is confirmed, so that no code can be sent.").
				WithHint("Add an address under your account, or fetch the archive here.")
		}
		if sent, err := codesSince(ctx, tx, row.Account, time.Now().Add(-24*time.Hour)); err != nil || sent >= codesADay {
			if err == nil {
				err = hearkeep.Errorf(hearkeep.TooMany, "%d codes were sent today.", sent).WithHint("Each works for seven days. Another one can be sent tomorrow.")
			}
			return err
		}
		return d.sendCode(ctx, tx, row, person(who))
	})
	return err
}

// reached returns the channels of an account at which letters can be read.
func reached(ctx context.Context, tx *store.Tx, account hearkeep.AccountID) ([]store.Channel, error) {
	channels, err := tx.Letters.Channels(ctx, account)
	return slices.DeleteFunc(channels, func(c store.Channel) bool { return c.Confirmed.IsZero() || c.Kind == notify.Spoken }), err
}

// codesSince counts the codes that were sent to an account.
func codesSince(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, since time.Time) (n int, err error) {
	sent, err := tx.Letters.Deliveries(ctx, account, maxCounted)
	per := map[hearkeep.ChannelID]int{}
	for _, l := range sent {
		if l.Topic == topicCode && l.Created.After(since) {
			per[l.Channel]++
			n = max(n, per[l.Channel])
		}
	}
	return n, err
}

// sendCode makes a code and queues its letter.
func (d *Desk) sendCode(ctx context.Context, tx *store.Tx, row *store.Request, by actor) error {
	code, hash := newCode()
	l := store.Link{
		Kind: linkFetch, Hash: hash, Payload: slices.Concat(row.Account[:], row.ID[:]), Expires: time.Now().Add(CodeLife),
	}
	if err := tx.Identity.PutLink(ctx, l); err != nil {
		return err
	}
	if err := move(row, stepOffered, now()); err != nil {
		return err
	}
	if err := tx.Rights.SetRequest(ctx, *row); err != nil {
		return err
	}
	if _, err := d.Ledger.Append(ctx, tx, by.entry(*row, stepOffered)); err != nil {
		return err
	}
	return d.Letters.Tell(ctx, tx, row.Account, d.letterCode(ctx, tx, *row, code))
}

// offerInTime sends the code of what would come late to an account that can
// be reached, and whose waiting time is over; else it reports false.
func (d *Desk) offerInTime(ctx context.Context, tx *store.Tx, row *store.Request, now time.Time) (bool, error) {
	channels, err := reached(ctx, tx, row.Account)
	if err != nil || len(channels) == 0 {
		return false, err
	}
	until, err := d.waitsOf(ctx, tx, row.Account)
	if err != nil || now.Before(until) {
		return false, err
	}
	return true, d.sendCode(ctx, tx, row, hearkeepItself())
}

// waitsOf is until when archives of an account wait, with nobody signed in.
func (d *Desk) waitsOf(ctx context.Context, tx *store.Tx, account hearkeep.AccountID) (time.Time, error) {
	row, err := tx.Identity.Account(ctx, account)
	if err != nil || row.Changed.IsZero() {
		return time.Time{}, err
	}
	return row.Changed.Add(d.Wait), nil
}

// Redeem takes a one-time code, once, and returns the ticket that stands for
// it for FetchLife: what a cookie holds. Codes that were not sent, that are
// over, and that were used fail alike. So do codes of an account whose waiting
// time runs; those work once it is over.
//
// Whoever calls it limits how often each source may try.
func (d *Desk) Redeem(ctx context.Context, code string) (ticket string, err error) {
	defer evenly(ctx, time.Now(), redeemEvenly)
	ticket = rand.Text()
	code = readCode(code) // what is no code is looked up all the same
	err = d.Store.Update(ctx, func(tx *store.Tx) error {
		at := time.Now()
		l, err := tx.Identity.Link(ctx, linkFetch, codeHash(code), at)
		if err != nil {
			return err
		}
		row, err := d.fetchable(ctx, tx, l.Payload)
		if err != nil {
			return err
		}
		if until, err := d.waitsOf(ctx, tx, row.Account); err != nil || at.Before(until) {
			return cmpErr(err, store.ErrNotFound)
		}
		if _, err := tx.Identity.TakeLink(ctx, linkFetch, codeHash(code), at); err != nil {
			return err
		}
		return tx.Identity.PutLink(ctx, store.Link{
			Kind: linkTicket, Hash: ticketHash(ticket), Payload: l.Payload, Expires: at.Add(FetchLife),
		})
	})
	if err == nil {
		return ticket, nil
	}
	// Whoever guesses must not keep others from using what they were sent: a
	// code that works is never refused for what was tried before it.
	if wait := d.wrong.over(time.Now()); wait > 0 {
		return "", hearkeep.Errorf(hearkeep.TooMany, "Too many codes that are none were tried.").
			WithHint("Wait %d seconds and try again.", int(wait/time.Second)+1).After(wait)
	}
	d.wrong.take(time.Now())
	return "", codeError(err)
}

// cmpErr is the first of two failures that is one.
func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
