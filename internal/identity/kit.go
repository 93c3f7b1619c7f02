package identity

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// KitCheckLife is for how long a new kit can be checked.
const KitCheckLife = time.Hour

const (
	kitGroups = 9
	kitChosen = 2
)

// KitCheck is how a person shows that a kit was written down: by typing two of
// its groups back. Ticket works once and for an hour.
type KitCheck struct {
	Ticket string
	Groups [2]int // which groups to type, from 1
}

// kitTicket is what is kept of a kit until it is checked. The hash is over the
// ticket's own secret too, so that the row does not let anybody guess groups.
type kitTicket struct {
	Account  hearkeep.AccountID  `json:"account"`
	Unlocker hearkeep.UnlockerID `json:"unlocker"`
	Groups   [kitChosen]int      `json:"groups"`
	Hash     []byte              `json:"hash"`
	List     []byte              `json:"list,omitempty"` // the kit's public key, under the account key; nil for a kit that is in force
}

// newKitCheck chooses two groups, and the row that waits for them.
func newKitCheck(kit seal.Kit, t kitTicket) (KitCheck, store.Link, error) {
	secret, hash := newSecret()
	first := rand.IntN(kitGroups)
	second := (first + 1 + rand.IntN(kitGroups-1)) % kitGroups
	t.Groups = [kitChosen]int{min(first, second) + 1, max(first, second) + 1}
	groups := strings.Split(kit.Reveal(), "-")
	sum := hashGroups(secret, groups[t.Groups[0]-1], groups[t.Groups[1]-1])
	t.Hash = sum[:]
	payload, err := json.Marshal(t)
	if err != nil {
		return KitCheck{}, store.Link{}, fmt.Errorf("identity: kit check: %w", err)
	}
	link := store.Link{Kind: linkKit, Hash: hash, Payload: payload, Expires: time.Now().Add(KitCheckLife)}
	return KitCheck{Ticket: secret, Groups: t.Groups}, link, nil
}

func hashGroups(secret string, groups ...string) [32]byte {
	parts := []string{secret}
	for _, g := range groups {
		parts = append(parts, readGroup(g))
	}
	return hashSecret(strings.Join(parts, " "))
}

// readGroup spells a group of a kit as it is printed: people type in either
// case, with spaces, and O for 0, I and L for 1.
func readGroup(typed string) string {
	return strings.Map(func(r rune) rune {
		switch r = unicode.ToUpper(r); {
		case unicode.IsSpace(r) || unicode.Is(unicode.Pd, r):
			return -1
		case r == 'O':
			return '0'
		case r == 'I' || r == 'L':
			return '1'
		}
		return r
	}, clip(typed, 64))
}

// NewKit makes a recovery kit. It is returned once; it takes the place of an
// earlier one only when CheckKit has seen two of its groups. Needs Fresh. An
// account may make ten at once, then one in six minutes: each leaves a ticket
// for an hour.
func (d *Desk) NewKit(ctx context.Context, who Verified) (kit string, check KitCheck, err error) {
	if err := who.Fresh(); err != nil {
		return "", KitCheck{}, err
	}
	account, made := who.Account(), seal.NewKit()
	if wait := d.attempts.take(time.Now(), []allowance{{"kits of " + account.String(), 10, 6 * time.Minute}}); wait > 0 {
		return "", KitCheck{}, errTooMany(wait)
	}
	ticket := kitTicket{Account: account, Unlocker: hearkeep.NewID[hearkeep.UnlockerID]()}
	public := seal.PublicOfUnlocker(seal.KitUnlocker(made, account))
	// Until it is checked, its public key waits under the account key, so that
	// nobody who writes rows can put another into its place.
	ticket.List, err = seal.SealUnlockerList(who.of.key, account, []seal.ListedUnlocker{{ID: ticket.Unlocker, Public: public}})
	if err != nil {
		return "", KitCheck{}, fmt.Errorf("identity: new kit of %s: %w", account, err)
	}
	check, link, err := newKitCheck(made, ticket)
	if err != nil {
		return "", KitCheck{}, err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := standing(ctx, tx, who); err != nil {
			return err
		}
		return tx.Identity.PutLink(ctx, link)
	})
	if err != nil {
		return "", KitCheck{}, fmt.Errorf("identity: new kit of %s: %w", account, err)
	}
	return made.Reveal(), check, nil
}

// CheckKit compares two groups of a new kit, as typed, and puts it in force.
// Wrong groups fail with Invalid and may be tried again. The session goes on
// under a new cookie.
func (d *Desk) CheckKit(ctx context.Context, who Verified, ticket string, groups [2]string, from Visitor) (SignedIn, error) {
	if !who.Valid() {
		return SignedIn{}, errSignIn(nil)
	}
	hash := hashSecret(ticket)
	attempt := []allowance{{"kit " + string(hash[:]), 10, 10 * time.Second}}
	if wait := d.attempts.take(time.Now(), attempt); wait > 0 {
		return SignedIn{}, errTooMany(wait)
	}
	t, err := d.kitTicket(ctx, who, hash)
	if err != nil {
		return SignedIn{}, err
	}
	if sum := hashGroups(ticket, groups[0], groups[1]); subtle.ConstantTimeCompare(sum[:], t.Hash) != 1 {
		return SignedIn{}, hearkeep.Errorf(hearkeep.Invalid, "These are not groups %d and %d of your kit.", t.Groups[0], t.Groups[1]).
			WithHint("Look at what you wrote down or printed, and type them again.")
	}
	use := func(tx *store.Tx) error {
		_, err := tx.Identity.TakeLink(ctx, linkKit, hash, time.Now())
		return kitError(err)
	}
	if t.List == nil {
		return d.noteChecked(ctx, who, t.Unlocker, from, use)
	}
	list, err := seal.OpenUnlockerList(who.of.key, t.Account, t.List)
	if err != nil || len(list) != 1 || list[0].ID != t.Unlocker {
		return SignedIn{}, kitError(store.ErrNotFound) // under an earlier account key
	}
	u := store.Unlocker{ID: t.Unlocker, Kind: KindKit, Params: kitChecked()}
	return d.enrol(ctx, who, u, list[0].Public, from, use)
}

// kitChecked is the Params of a kit whose two groups were typed back; before,
// there are none.
func kitChecked() []byte { return []byte{1} }

// kitTicket returns a ticket of who's.
func (d *Desk) kitTicket(ctx context.Context, who Verified, hash [32]byte) (t kitTicket, err error) {
	var link store.Link
	err = d.store.View(ctx, func(tx *store.Tx) error {
		link, err = tx.Identity.Link(ctx, linkKit, hash, time.Now())
		return err
	})
	if err == nil {
		err = json.Unmarshal(link.Payload, &t)
	}
	if err == nil && t.Account != who.Account() {
		err = store.ErrNotFound
	}
	return t, kitError(err)
}

// kitError gives one sentence for tickets that are used, expired or unknown.
func kitError(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return hearkeep.Errorf(hearkeep.NotFound, "This kit can no longer be checked.").
			WithHint("It can be for one hour, once. Make a new kit.").Because(err)
	case err != nil:
		return fmt.Errorf("identity: check kit: %w", err)
	}
	return nil
}

// noteChecked notes of the kit in force that it was written down.
func (d *Desk) noteChecked(ctx context.Context, who Verified, id hearkeep.UnlockerID, from Visitor, use func(*store.Tx) error) (SignedIn, error) {
	in, row, err := d.goOn(who, who.of.account, who.of.key, who.SteppedUp(), from)
	if err != nil {
		return SignedIn{}, err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := standing(ctx, tx, who); err != nil {
			return err
		}
		if err := use(tx); err != nil {
			return err
		}
		rows, err := tx.Identity.Unlockers(ctx, who.Account())
		if err != nil {
			return err
		}
		i := slices.IndexFunc(rows, func(u store.Unlocker) bool { return u.ID == id && u.Kind == KindKit })
		if i < 0 {
			return kitError(store.ErrNotFound) // another took its place
		}
		rows[i].Params = kitChecked()
		if err := tx.Identity.SetUnlocker(ctx, rows[i]); err != nil {
			return err
		}
		if err := replace(ctx, tx, who, row); err != nil {
			return err
		}
		_, err = d.ledger.Append(ctx, tx, in.Who.entry(ledger.KindKeys, "recovery kit checked"))
		return err
	})
	if err != nil {
		return SignedIn{}, fmt.Errorf("identity: check kit of %s: %w", who.Account(), err)
	}
	return in, nil
}
