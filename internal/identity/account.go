package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// MinPassphrase is the least number of characters of a passphrase. At Argon2's
// cost a stolen database tries a few guesses a second and core; length is what
// makes that hopeless.
const MinPassphrase = 12

const (
	maxName       = 64   // characters
	maxPassphrase = 1024 // bytes
)

// SetupLink returns the secret of the first account's set-up link and ends any
// earlier one. Once somebody has an account it fails with Conflict.
func (d *Desk) SetupLink(ctx context.Context) (string, error) {
	return d.setupLink(ctx, func(tx *store.Tx, now time.Time) error {
		n, err := tx.Identity.CountAccounts(ctx)
		if err != nil {
			return err
		}
		if n > 0 {
			return hearkeep.Errorf(hearkeep.Conflict, "This keep is set up already.").
				WithHint("Sign in, or make a link for another person with hearkeep setup-link.")
		}
		return tx.Identity.DeleteLinks(ctx, linkSetup, now)
	})
}

// AnotherLink returns the secret of a set-up link for one more person. It is
// for whoever runs the program: the account it leads to holds a vault of its
// own and nothing of anybody else's.
func (d *Desk) AnotherLink(ctx context.Context) (string, error) {
	return d.setupLink(ctx, func(*store.Tx, time.Time) error { return nil })
}

func (d *Desk) setupLink(ctx context.Context, first func(*store.Tx, time.Time) error) (string, error) {
	secret, hash := newSecret()
	now := time.Now()
	err := d.store.Update(ctx, func(tx *store.Tx) error {
		if err := first(tx, now); err != nil {
			return err
		}
		return tx.Identity.PutLink(ctx, store.Link{Kind: linkSetup, Hash: hash, Expires: now.Add(SetupLife)})
	})
	if err != nil {
		return "", fmt.Errorf("identity: set-up link: %w", err)
	}
	return secret, nil
}

// CheckSetup says whether a set-up link still works, without using it.
func (d *Desk) CheckSetup(ctx context.Context, secret string) error {
	err := d.store.View(ctx, func(tx *store.Tx) error {
		_, err := tx.Identity.Link(ctx, linkSetup, hashSecret(secret), time.Now())
		return err
	})
	return linkError(err, "set-up")
}

// linkError gives one sentence for links that are used, expired or unknown.
func linkError(err error, what string) error {
	if errors.Is(err, store.ErrNotFound) {
		return hearkeep.Errorf(hearkeep.NotFound, "This %s link no longer works.", what).
			WithHint("It works once and for one hour. Ask for a new one.").Because(err)
	}
	return err
}

// Create uses up a set-up link, makes an account with a passphrase and a
// recovery kit in a household of its own, and signs it in. The kit is returned
// once, nine groups of four, and is kept nowhere; the check is how its owner
// shows that it was written down.
func (d *Desk) Create(ctx context.Context, secret, name, passphrase string, from Visitor) (SignedIn, string, KitCheck, error) {
	if err := d.CheckSetup(ctx, secret); err != nil {
		return SignedIn{}, "", KitCheck{}, err
	}
	return d.create(ctx, hashSecret(secret), name, passphrase, from, "set-up", func(tx *store.Tx, _ Verified, a store.Account) error {
		if _, err := tx.Identity.TakeLink(ctx, linkSetup, hashSecret(secret), time.Now()); err != nil {
			return linkError(err, "set-up")
		}
		return settle(ctx, tx, a)
	})
}

// settle puts a new account into a household of its own.
func settle(ctx context.Context, tx *store.Tx, a store.Account) error {
	house := store.Household{ID: hearkeep.NewID[hearkeep.HouseholdID](), Created: a.Created}
	if err := tx.Houses.InsertHousehold(ctx, house); err != nil {
		return err
	}
	return tx.Houses.PutMember(ctx, store.Member{Household: house.ID, Account: a.ID, Role: roleAdmin, Since: a.Created})
}

// create makes an account and signs it in. admit runs in the transaction that
// makes it, once its row is there: it uses up what let the person in, and
// gives them a household.
//
// link is the hash of the link that lets them in. It stays open where a name
// is taken, so tries are counted by link and network before anything is
// computed: TooMany.
func (d *Desk) create(ctx context.Context, link [32]byte, name, passphrase string, from Visitor, by string, admit func(*store.Tx, Verified, store.Account) error) (SignedIn, string, KitCheck, error) {
	var none KitCheck
	display, folded, err := checkName(name)
	if err != nil {
		return SignedIn{}, "", none, err
	}
	if err := checkPassphrase(passphrase); err != nil {
		return SignedIn{}, "", none, err
	}
	attempt := attemptToCreate(link, from)
	if wait := d.attempts.take(time.Now(), attempt); wait > 0 {
		return SignedIn{}, "", none, errTooMany(wait)
	}
	kit := seal.NewKit()
	made, err := d.forge(ctx, display, folded, passphrase, kit)
	if err != nil {
		return SignedIn{}, "", none, fmt.Errorf("identity: make account: %w", err)
	}
	in, row, err := d.begin(made.account, made.key, from)
	if err != nil {
		return SignedIn{}, "", none, err
	}
	check, ticket, err := newKitCheck(kit, kitTicket{Account: made.account.ID, Unlocker: made.kit})
	if err != nil {
		return SignedIn{}, "", none, err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := made.insert(ctx, tx); err != nil {
			return err
		}
		if err := admit(tx, in.Who, made.account); err != nil {
			return err
		}
		if err := tx.Identity.InsertSession(ctx, row); err != nil {
			return err
		}
		if err := tx.Identity.PutLink(ctx, ticket); err != nil {
			return err
		}
		_, err := d.ledger.Append(ctx, tx,
			in.Who.entry(ledger.KindKeys, "account made"), in.Who.entry(ledger.KindSignedIn, by))
		return err
	})
	if err != nil {
		return SignedIn{}, "", none, fmt.Errorf("identity: make account %s: %w", made.account.ID, err)
	}
	d.attempts.forgive(attempt)
	return in, kit.Reveal(), check, nil
}

// newAccount is an account with its unlockers, before it is stored.
type newAccount struct {
	account   store.Account
	unlockers []store.Unlocker
	kit       hearkeep.UnlockerID
	key       seal.AccountKey
}

func (n newAccount) insert(ctx context.Context, tx *store.Tx) error {
	err := tx.Identity.InsertAccount(ctx, n.account)
	if errors.Is(err, store.ErrExists) {
		return hearkeep.Errorf(hearkeep.Conflict, "That name is taken here.").WithHint("Choose another.").Because(err)
	}
	if err != nil {
		return err
	}
	for _, u := range n.unlockers {
		if err := tx.Identity.InsertUnlocker(ctx, u); err != nil {
			return err
		}
	}
	return nil
}

// forge makes the key tree of a new account (DESIGN "Keys").
func (d *Desk) forge(ctx context.Context, display, folded, passphrase string, kit seal.Kit) (newAccount, error) {
	id, now := hearkeep.NewID[hearkeep.AccountID](), time.Now()
	key := seal.NewAccountKey()
	private, public, err := seal.NewAccountPair()
	if err != nil {
		return newAccount{}, err
	}
	params := d.costs()
	byPassphrase, err := d.stretcher.Passphrase(ctx, passphrase, params)
	if err != nil {
		return newAccount{}, err
	}
	n := newAccount{key: key, account: store.Account{ID: id, Name: folded, Display: display, Public: public.Bytes(), Created: now}}
	var listed []seal.ListedUnlocker
	for _, with := range []struct {
		kind   string
		params []byte
		key    seal.UnlockerPrivate
	}{
		{KindPassphrase, params.Encode(), byPassphrase},
		{KindKit, nil, seal.KitUnlocker(kit, id)},
	} {
		uid, pub := hearkeep.NewID[hearkeep.UnlockerID](), seal.PublicOfUnlocker(with.key)
		wrap, err := seal.WrapAccountKey(key, pub, id, uid)
		if err != nil {
			return newAccount{}, err
		}
		n.unlockers = append(n.unlockers, store.Unlocker{ID: uid, Account: id, Kind: with.kind, Params: with.params, Wrap: wrap, Created: now})
		listed = append(listed, seal.ListedUnlocker{ID: uid, Public: pub})
		n.kit = uid // the last
	}
	if n.account.SealedPrivate, err = seal.SealAccountPrivate(key, id, private); err != nil {
		return newAccount{}, err
	}
	n.account.SealedList, err = seal.SealUnlockerList(key, id, listed)
	return n, err
}

// checkName returns a name as written and in the form that sign-in looks up.
func checkName(name string) (display, folded string, err error) {
	display = strings.Join(strings.Fields(norm.NFKC.String(name)), " ")
	switch {
	case display == "":
		return "", "", hearkeep.Errorf(hearkeep.Invalid, "Please write a name.").WithHint("Any name you will remember; it is what you sign in with.")
	case !utf8.ValidString(display) || utf8.RuneCountInString(display) > maxName:
		return "", "", hearkeep.Errorf(hearkeep.Invalid, "That name is too long.").WithHint("At most %d characters.", maxName)
	case strings.ContainsFunc(display, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "", "", hearkeep.Errorf(hearkeep.Invalid, "That name has characters that cannot be shown.").WithHint("Use letters, digits and spaces.")
	}
	return display, foldName(display), nil
}

func foldName(name string) string {
	return cases.Fold().String(strings.Join(strings.Fields(norm.NFKC.String(name)), " "))
}

func checkPassphrase(p string) error {
	switch {
	case !utf8.ValidString(p) || len(p) > maxPassphrase:
		return hearkeep.Errorf(hearkeep.Invalid, "That passphrase is too long.").WithHint("At most %d bytes.", maxPassphrase)
	case utf8.RuneCountInString(norm.NFKC.String(p)) < MinPassphrase:
		return hearkeep.Errorf(hearkeep.Invalid, "That passphrase is too short.").
			WithHint("At least %d characters; four or five unrelated words are easy to remember and hard to guess.", MinPassphrase)
	}
	return nil
}
