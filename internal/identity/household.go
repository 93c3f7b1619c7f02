package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
	"golang.org/x/text/unicode/norm"
)

// Vaults is what identity asks of room vault, which stands above it.
type Vaults interface {
	// Rekey prepares a new generation of every vault that from holds, and all
	// that from holds sealed to to's new keys; commit writes it.
	Rekey(ctx context.Context, from, to Verified) (commit func(*store.Tx) error, err error)
	// Depart ends, in tx, what an account holds of a household's vaults. What
	// it alone holds goes with it: tx has the account in its new household.
	Depart(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, house hearkeep.HouseholdID, by hearkeep.AccountID) error
	// Forget erases all that an account alone holds, and ends what it holds
	// with others. It may be repeated.
	Forget(ctx context.Context, account hearkeep.AccountID) error
}

// Household is who lives together, as a member sees it.
type Household struct {
	ID          hearkeep.HouseholdID
	Name        string // empty where it has none
	Admin       bool   // whether who asks is one
	Members     []Member
	Invitations []Offer // that are open or wait for a keyholder; of others, for admins only
}

// Member is somebody of a household.
type Member struct {
	Account hearkeep.AccountID
	Name    string
	Admin   bool
	Since   time.Time
	You     bool
}

// Household returns the household that who belongs to. Its admins see all of
// its invitations, other members those that they made.
func (d *Desk) Household(ctx context.Context, who Verified) (Household, error) {
	if !who.Valid() {
		return Household{}, errSignIn(nil)
	}
	var h Household
	err := d.store.View(ctx, func(tx *store.Tx) error {
		you, err := tx.Houses.Member(ctx, who.Account())
		if err != nil {
			return err
		}
		row, err := tx.Houses.Household(ctx, you.Household)
		if err != nil {
			return err
		}
		h = Household{ID: row.ID, Name: d.houseName(row), Admin: you.Role == roleAdmin}
		if h.Members, err = membersOf(ctx, tx, row.ID, who.Account()); err != nil {
			return err
		}
		invitations, err := tx.Houses.Invitations(ctx, row.ID)
		if err != nil {
			return err
		}
		for _, i := range invitations {
			if !h.Admin && i.By != who.Account() || i.Account.IsZero() && !time.Now().Before(i.Expires) {
				continue
			}
			o, err := d.offerOf(ctx, tx, i)
			if err != nil {
				return err
			}
			h.Invitations = append(h.Invitations, o)
		}
		return nil
	})
	if err != nil {
		return Household{}, fmt.Errorf("identity: household of %s: %w", who.Account(), err)
	}
	return h, nil
}

func membersOf(ctx context.Context, tx *store.Tx, house hearkeep.HouseholdID, you hearkeep.AccountID) ([]Member, error) {
	rows, err := tx.Houses.Members(ctx, house)
	if err != nil {
		return nil, err
	}
	var members []Member
	for _, m := range rows {
		a, err := tx.Identity.Account(ctx, m.Account)
		if err != nil {
			return nil, err
		}
		members = append(members, Member{
			Account: m.Account, Name: a.Display, Admin: m.Role == roleAdmin, Since: m.Since, You: m.Account == you,
		})
	}
	return members, nil
}

// Admin fails with NotFound where who is no admin of their household.
func (d *Desk) Admin(ctx context.Context, who Verified) error {
	if !who.Valid() {
		return errSignIn(nil)
	}
	err := d.store.View(ctx, func(tx *store.Tx) error {
		_, err := asAdmin(ctx, tx, who)
		return err
	})
	if err != nil {
		return fmt.Errorf("identity: admin %s: %w", who.Account(), err)
	}
	return nil
}

// asAdmin returns the membership of who, an admin as the rows of tx have it:
// whoever was one when the session began may be one no more.
func asAdmin(ctx context.Context, tx *store.Tx, who Verified) (store.Member, error) {
	m, err := tx.Houses.Member(ctx, who.Account())
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return store.Member{}, err
	}
	if err != nil || m.Role != roleAdmin {
		return store.Member{}, errNothing(err)
	}
	return m, nil
}

// errNothing answers what is not there and what is not theirs to manage, in
// the words of the other rooms.
func errNothing(err error) error {
	return hearkeep.Errorf(hearkeep.NotFound, "There is nothing here.").
		WithHint("It may have been erased, or its time may be over.").Because(err)
}

// change runs what who does to a household in one transaction. A request that
// was let in, and then took its time, does nothing once its session has ended.
func (d *Desk) change(ctx context.Context, who Verified, act string, fn func(tx *store.Tx) error) error {
	if !who.Valid() {
		return errSignIn(nil)
	}
	err := d.store.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Identity.Session(ctx, who.of.row.IDHash); errors.Is(err, store.ErrNotFound) {
			return errSignIn(err)
		} else if err != nil {
			return err
		}
		return fn(tx)
	})
	if err != nil {
		return fmt.Errorf("identity: %s, for %s: %w", act, who.Account(), err)
	}
	return nil
}

// RenameHousehold is for its admins. An empty name takes the name away.
func (d *Desk) RenameHousehold(ctx context.Context, who Verified, name string) error {
	name, err := checkHouseName(name)
	if err != nil {
		return err
	}
	return d.change(ctx, who, "rename household", func(tx *store.Tx) error {
		admin, err := asAdmin(ctx, tx, who)
		if err != nil {
			return err
		}
		row := store.Household{ID: admin.Household}
		if name != "" {
			if row.Label, err = seal.SealHouse(d.house, seal.HouseName, row.ID, []byte(name)); err != nil {
				return err
			}
		}
		if err := tx.Houses.SetHousehold(ctx, row); err != nil {
			return err
		}
		return d.noteAdmin(ctx, tx, who, "household renamed", hearkeep.AccountID{})
	})
}

func checkHouseName(name string) (string, error) {
	name = strings.Join(strings.Fields(norm.NFKC.String(name)), " ")
	switch {
	case !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxName:
		return "", hearkeep.Errorf(hearkeep.Invalid, "That name is too long.").WithHint("At most %d characters.", maxName)
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "", hearkeep.Errorf(hearkeep.Invalid, "That name has characters that cannot be shown.").WithHint("Use letters, digits and spaces.")
	}
	return name, nil
}

// houseName opens a household's name; one that does not open is not shown.
func (d *Desk) houseName(h store.Household) string {
	return d.openName(h.ID, h.Label)
}

func (d *Desk) openName(id [16]byte, label []byte) string {
	if label == nil {
		return ""
	}
	text, err := seal.OpenHouse(d.house, seal.HouseName, id, label)
	if err != nil {
		d.log.Warn("a name does not open", "of", hearkeep.HouseholdID(id), "err", err)
		return ""
	}
	return string(text)
}

// SetAdmin makes a member an admin or no longer one, and tells them and all
// admins. The last admin stays. Needs Fresh; after six changes by one admin
// there is one more every ten minutes, so that nobody buries another's letters
// under those of the same news: TooMany.
func (d *Desk) SetAdmin(ctx context.Context, who Verified, account hearkeep.AccountID, admin bool) error {
	return d.change(ctx, who, "set admin", func(tx *store.Tx) error {
		m, err := managed(ctx, tx, who, account)
		if err != nil {
			return err
		}
		if err := who.Fresh(); err != nil {
			return err
		}
		if (m.Role == roleAdmin) == admin {
			return nil
		}
		if !admin {
			if err := notTheLast(ctx, tx, m); err != nil {
				return err
			}
		}
		// By who acts, and not by household: one admin's changes must not use up
		// what another needs to undo them.
		if wait := d.attempts.take(time.Now(), []allowance{{"admins by " + who.Account().String(), 6, 10 * time.Minute}}); wait > 0 {
			return errTooManyChanges(wait)
		}
		m.Role = roleAdmin
		purpose, letter := "admin made", letterAdminMade()
		if !admin {
			// What an admin invited to the household falls with the role.
			if err := endInvitations(ctx, tx, m.Household, func(i store.Invitation) bool {
				return i.By == account && i.Vault.IsZero()
			}); err != nil {
				return err
			}
			m.Role = roleMember
			purpose, letter = "admin no longer", letterAdminEnded()
		}
		if err := tx.Houses.PutMember(ctx, m); err != nil {
			return err
		}
		if err := d.noteAdmin(ctx, tx, who, purpose, account); err != nil {
			return err
		}
		if err := d.letters.Tell(ctx, tx, account, letter); err != nil {
			return err
		}
		return d.tellAdmins(ctx, tx, who, m)
	})
}

// tellAdmins tells the admins of a household, who acted among them, that one
// of them is new, or one no longer.
func (d *Desk) tellAdmins(ctx context.Context, tx *store.Tx, who Verified, of store.Member) error {
	name, err := displayOf(ctx, tx, of.Account)
	if err != nil {
		return err
	}
	members, err := tx.Houses.Members(ctx, of.Household)
	if err != nil {
		return err
	}
	for _, m := range members {
		// Whoever steps down has a letter of their own.
		if m.Account == of.Account || m.Role != roleAdmin && m.Account != who.Account() {
			continue
		}
		if err := d.letters.Tell(ctx, tx, m.Account, letterAdmins(name, who.Name(), of.Role == roleAdmin)); err != nil {
			return err
		}
	}
	return nil
}

func errTooManyChanges(wait time.Duration) error {
	return hearkeep.Errorf(hearkeep.TooMany, "You changed this very often within the hour.").
		WithHint("Wait %d minutes and try again.", int(wait/time.Minute)+1).After(wait)
}

// managed returns a member of the household that who is an admin of. Nobody
// else's members are there.
func managed(ctx context.Context, tx *store.Tx, who Verified, account hearkeep.AccountID) (store.Member, error) {
	admin, err := asAdmin(ctx, tx, who)
	if err != nil {
		return store.Member{}, err
	}
	// Looked for among their own: others' rows are not even read.
	members, err := tx.Houses.Members(ctx, admin.Household)
	if err != nil {
		return store.Member{}, err
	}
	i := slices.IndexFunc(members, func(m store.Member) bool { return m.Account == account })
	if i < 0 {
		return store.Member{}, errNothing(nil)
	}
	return members[i], nil
}

// notTheLast refuses to take away the last admin of others.
func notTheLast(ctx context.Context, tx *store.Tx, m store.Member) error {
	if m.Role != roleAdmin {
		return nil
	}
	members, err := tx.Houses.Members(ctx, m.Household)
	if err != nil {
		return err
	}
	for _, other := range members {
		if other.Account != m.Account && other.Role == roleAdmin {
			return nil
		}
	}
	if len(members) == 1 {
		return hearkeep.Errorf(hearkeep.Conflict, "Nobody else belongs to this household.").
			WithHint("Somebody who lives alone manages their household.")
	}
	return hearkeep.Errorf(hearkeep.Conflict, "This household would have no admin.").
		WithHint("Make another member an admin first.")
}

// RemoveMember is for admins: the member leaves with their own vaults, and
// holds the household's shared vaults no more. Needs Fresh.
func (d *Desk) RemoveMember(ctx context.Context, who Verified, account hearkeep.AccountID) error {
	if account == who.Account() {
		return d.Leave(ctx, who)
	}
	return d.change(ctx, who, "remove member", func(tx *store.Tx) error {
		m, err := managed(ctx, tx, who, account)
		if err != nil {
			return err
		}
		if err := who.Fresh(); err != nil {
			return err
		}
		if err := d.moveOut(ctx, tx, m, who.Account()); err != nil {
			return err
		}
		if err := d.noteAdmin(ctx, tx, who, "member removed", account); err != nil {
			return err
		}
		return d.letters.Tell(ctx, tx, account, letterRemoved())
	})
}

// Leave is RemoveMember of oneself, for every member. Needs Fresh.
func (d *Desk) Leave(ctx context.Context, who Verified) error {
	return d.change(ctx, who, "leave household", func(tx *store.Tx) error {
		m, err := tx.Houses.Member(ctx, who.Account())
		if err != nil {
			return err
		}
		if err := who.Fresh(); err != nil {
			return err
		}
		if err := notTheLast(ctx, tx, m); err != nil {
			return err
		}
		if err := d.moveOut(ctx, tx, m, who.Account()); err != nil {
			return err
		}
		if _, err := d.ledger.Append(ctx, tx, who.entry(ledger.KindHousehold, "household left")); err != nil {
			return err
		}
		return d.letters.Tell(ctx, tx, who.Account(), letterLeft())
	})
}

var errNoVaults = errors.New("identity: room vault is not there")

// moveOut gives a member a household of their own. What they invited to in the
// old one, and what they accepted there and nobody completed, ends: whoever is
// sent away may know the links.
func (d *Desk) moveOut(ctx context.Context, tx *store.Tx, m store.Member, by hearkeep.AccountID) error {
	if d.vaults == nil {
		return errNoVaults
	}
	if err := settle(ctx, tx, store.Account{ID: m.Account, Created: time.Now()}); err != nil {
		return err
	}
	if err := endInvitations(ctx, tx, m.Household, ofMember(m.Account)); err != nil {
		return err
	}
	return d.vaults.Depart(ctx, tx, m.Account, m.Household, by)
}

// disband removes a household that nobody belongs to any more, with its
// invitations. Its vaults belong to none from then on, and stay with those who
// hold them: a household's admins manage what was made in it, and not what
// somebody brought.
func disband(ctx context.Context, tx *store.Tx, house hearkeep.HouseholdID) error {
	vaults, err := tx.Vaults.VaultsIn(ctx, house)
	if err != nil {
		return err
	}
	for _, v := range vaults {
		v.Household = hearkeep.HouseholdID{}
		if err := tx.Vaults.SetVault(ctx, v); err != nil {
			return err
		}
	}
	return tx.Houses.DeleteHousehold(ctx, house)
}

// noteAdmin records what an admin did, and with whom: it stands in the lists
// of both.
func (d *Desk) noteAdmin(ctx context.Context, tx *store.Tx, who Verified, purpose string, with hearkeep.AccountID) error {
	e := who.entry(ledger.KindHousehold, purpose)
	e.Role = hearkeep.RoleAdmin
	entries := []ledger.Entry{e}
	if !with.IsZero() && with != who.Account() {
		entries = append(entries, ledger.Entry{Kind: e.Kind, Account: &with, Role: hearkeep.RoleAdmin, Purpose: purpose})
	}
	_, err := d.ledger.Append(ctx, tx, entries...)
	return err
}
