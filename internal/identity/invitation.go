package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// InvitationLife is how long an invitation's link works.
const InvitationLife = 7 * 24 * time.Hour

// maxInvitations bounds how many a household has open by itself.
const maxInvitations = 50

// Offer is what an invitation offers. Vault is zero where it is to the
// household alone.
type Offer struct {
	ID        hearkeep.InvitationID
	House     hearkeep.HouseholdID
	Household string // its name; empty where it has none
	From      string // who made it
	By        hearkeep.AccountID
	Vault     hearkeep.VaultID
	VaultName string
	As        string // "holder", "guardian" or "child"
	Past      bool
	Admin     bool
	Accepted  string // who accepted and waits for a keyholder; empty while open
	Expires   time.Time
}

func (d *Desk) offerOf(ctx context.Context, tx *store.Tx, i store.Invitation) (Offer, error) {
	o := Offer{
		ID: i.ID, House: i.Household, By: i.By, Vault: i.Vault, As: i.As, Past: i.Past, Admin: i.Role == roleAdmin, Expires: i.Expires,
	}
	house, err := tx.Houses.Household(ctx, i.Household)
	if err != nil {
		return Offer{}, err
	}
	o.Household = d.houseName(house)
	if o.From, err = displayOf(ctx, tx, i.By); err != nil {
		return Offer{}, err
	}
	if o.Accepted, err = displayOf(ctx, tx, i.Account); err != nil || i.Vault.IsZero() {
		return o, err
	}
	v, err := tx.Vaults.Vault(ctx, i.Vault)
	if err != nil {
		return Offer{}, err
	}
	o.VaultName = d.openName(v.ID, v.Label)
	return o, nil
}

// displayOf is how somebody wrote their name; empty for nobody, and for who is
// gone.
func displayOf(ctx context.Context, tx *store.Tx, id hearkeep.AccountID) (string, error) {
	if id.IsZero() {
		return "", nil
	}
	a, err := tx.Identity.Account(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	return a.Display, err
}

// Invite makes an invitation to the household alone, for its admins, and
// returns the secret of its link. Needs Fresh.
func (d *Desk) Invite(ctx context.Context, who Verified, admin bool) (string, error) {
	var secret [32]byte
	rand.Read(secret[:])
	now := time.Now().UTC().Truncate(time.Millisecond)
	err := d.change(ctx, who, "invite", func(tx *store.Tx) error {
		m, err := asAdmin(ctx, tx, who)
		if err != nil {
			return err
		}
		if err := who.Fresh(); err != nil {
			return err
		}
		open, err := tx.Houses.Invitations(ctx, m.Household)
		if err != nil {
			return err
		}
		if len(open) >= maxInvitations {
			return hearkeep.Errorf(hearkeep.Conflict, "This household has many open invitations.").
				WithHint("Withdraw those that nobody will use.")
		}
		i := store.Invitation{
			ID: hearkeep.NewID[hearkeep.InvitationID](), Hash: sha256.Sum256(secret[:]), Household: m.Household,
			By: who.Account(), Role: roleMember, Created: now, Expires: now.Add(InvitationLife),
		}
		if admin {
			i.Role = roleAdmin
		}
		if err := tx.Houses.InsertInvitation(ctx, i); err != nil {
			return err
		}
		return d.noteAdmin(ctx, tx, who, "invitation made", hearkeep.AccountID{})
	})
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(secret[:]), nil
}

// Withdraw ends an invitation, accepted or not, that no keyholder completed:
// for who made it, and for admins of the household. To all others it is not
// there.
func (d *Desk) Withdraw(ctx context.Context, who Verified, id hearkeep.InvitationID) error {
	return d.change(ctx, who, "withdraw invitation", func(tx *store.Tx) error {
		i, role, err := withdrawable(ctx, tx, who.Account(), id)
		if err != nil {
			return err
		}
		if err := tx.Houses.DeleteInvitation(ctx, id); err != nil {
			return err
		}
		e := who.entry(ledger.KindHousehold, "invitation withdrawn")
		e.Role = role
		if !i.Vault.IsZero() {
			e.Vault = &i.Vault
		}
		_, err = d.ledger.Append(ctx, tx, e)
		return err
	})
}

// withdrawable finds an invitation among those of an account's household and
// of the vaults it holds, and says as what the account may end it.
func withdrawable(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, id hearkeep.InvitationID) (store.Invitation, hearkeep.Role, error) {
	m, err := tx.Houses.Member(ctx, account)
	if err != nil {
		return store.Invitation{}, "", err
	}
	found, err := tx.Houses.Invitations(ctx, m.Household)
	if err != nil {
		return store.Invitation{}, "", err
	}
	held, err := tx.Vaults.VaultsOf(ctx, account)
	if err != nil {
		return store.Invitation{}, "", err
	}
	for _, v := range held { // the vault of another household may be among them
		to, err := tx.Houses.InvitationsTo(ctx, v.ID)
		if err != nil {
			return store.Invitation{}, "", err
		}
		found = append(found, to...)
	}
	for _, i := range found {
		switch {
		case i.ID != id:
		case i.By == account:
			return i, hearkeep.RoleKeyholder, nil
		case i.Household == m.Household && m.Role == roleAdmin:
			return i, hearkeep.RoleAdmin, nil
		}
	}
	return store.Invitation{}, "", errNothing(nil)
}

// endInvitations removes those of a household that are meant.
func endInvitations(ctx context.Context, tx *store.Tx, house hearkeep.HouseholdID, meant func(store.Invitation) bool) error {
	all, err := tx.Houses.Invitations(ctx, house)
	if err != nil {
		return err
	}
	for _, i := range all {
		if !meant(i) {
			continue
		}
		if err := tx.Houses.DeleteInvitation(ctx, i.ID); err != nil {
			return err
		}
	}
	return nil
}

// ofMember are those that an account made or accepted.
func ofMember(account hearkeep.AccountID) func(store.Invitation) bool {
	return func(i store.Invitation) bool { return i.By == account || i.Account == account }
}

// errInvitation is the one answer to links that are used, expired, withdrawn,
// altered or made up.
func errInvitation(err error) error {
	return hearkeep.Errorf(hearkeep.NotFound, "This invitation no longer works.").
		WithHint("It works once and for seven days. Ask whoever invited you for a new one.").Because(err)
}

// readInvitation reads the secret of a link: base64url of 32 bytes, in the one
// spelling.
func readInvitation(link string) (secret [32]byte, err error) {
	raw, ok := decode(link)
	if !ok || len(raw) != len(secret) {
		return secret, errInvitation(nil)
	}
	return [32]byte(raw), nil
}

// openInvitation returns the invitation of a link that works: open, and from
// somebody who may still invite to what it offers.
func openInvitation(ctx context.Context, tx *store.Tx, secret [32]byte) (store.Invitation, error) {
	i, err := tx.Houses.Invitation(ctx, sha256.Sum256(secret[:]), time.Now())
	if err == nil && !i.Account.IsZero() {
		err = store.ErrNotFound // somebody was first
	}
	if err == nil {
		err = mayInvite(ctx, tx, i)
	}
	if errors.Is(err, store.ErrNotFound) {
		return store.Invitation{}, errInvitation(err)
	}
	return i, err
}

// mayInvite fails with ErrNotFound where who made an invitation could not make
// it now: an admin no more, or a keyholder no more.
func mayInvite(ctx context.Context, tx *store.Tx, i store.Invitation) error {
	if !i.Vault.IsZero() {
		holds, leaving, err := holding(ctx, tx, i.Vault, i.By)
		if err == nil && (!holds || leaving) {
			err = store.ErrNotFound
		}
		return err
	}
	m, err := tx.Houses.Member(ctx, i.By)
	if err == nil && (m.Household != i.Household || m.Role != roleAdmin) {
		err = store.ErrNotFound
	}
	return err
}

// holding says whether an account holds a vault by its rows, and whether it is
// about to hold it no more.
func holding(ctx context.Context, tx *store.Tx, vault hearkeep.VaultID, account hearkeep.AccountID) (holds, leaving bool, err error) {
	_, err = tx.Vaults.Keyholder(ctx, vault, account)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, false, err
	}
	holds = err == nil
	departures, err := tx.Vaults.Departures(ctx, vault)
	for _, dep := range departures {
		leaving = leaving || dep.Account == account
	}
	return holds, leaving, err
}

// Offered says what an invitation's link offers, without accepting it. A link
// that is used, expired, altered or unknown fails with NotFound.
func (d *Desk) Offered(ctx context.Context, link string) (Offer, error) {
	secret, err := readInvitation(link)
	if err != nil {
		return Offer{}, err
	}
	var o Offer
	begin := time.Now()
	err = d.store.View(ctx, func(tx *store.Tx) error {
		i, err := openInvitation(ctx, tx, secret)
		if err != nil {
			return err
		}
		o, err = d.offerOf(ctx, tx, i)
		return err
	})
	if err != nil {
		evenly(ctx, begin)
		return Offer{}, fmt.Errorf("identity: invitation: %w", err)
	}
	return o, nil
}

// Awaits lists the invitations that who accepted and that wait for somebody
// who holds the vault, oldest first.
func (d *Desk) Awaits(ctx context.Context, who Verified) ([]Offer, error) {
	if !who.Valid() {
		return nil, errSignIn(nil)
	}
	var offers []Offer
	err := d.store.View(ctx, func(tx *store.Tx) error {
		accepted, err := tx.Houses.InvitationsOf(ctx, who.Account())
		if err != nil {
			return err
		}
		for _, i := range accepted {
			o, err := d.offerOf(ctx, tx, i)
			if err != nil {
				return err
			}
			offers = append(offers, o)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("identity: what %s waits for: %w", who.Account(), err)
	}
	return offers, nil
}

// Accept takes an invitation for an account that is there. One to the
// household alone is for somebody who lives alone; the vaults of a household
// that is empty thereafter belong to none, and stay with who holds them. One to
// a vault waits until a keyholder signs in; whoever belongs to others stays
// with them. Needs Fresh.
func (d *Desk) Accept(ctx context.Context, who Verified, link string) error {
	if !who.Valid() {
		return errSignIn(nil)
	}
	secret, err := readInvitation(link)
	if err != nil {
		return err
	}
	return d.change(ctx, who, "accept invitation", func(tx *store.Tx) error {
		return d.accept(ctx, tx, who, secret)
	})
}

// CreateInvited makes an account for whoever has an invitation's link, signs
// it in, and takes the invitation.
func (d *Desk) CreateInvited(ctx context.Context, link, name, passphrase string, from Visitor) (SignedIn, string, KitCheck, error) {
	secret, err := readInvitation(link)
	if err != nil {
		return SignedIn{}, "", KitCheck{}, err
	}
	// A link that does not work is not worth a passphrase's computation.
	if _, err := d.Offered(ctx, link); err != nil {
		return SignedIn{}, "", KitCheck{}, err
	}
	return d.create(ctx, hashSecret(link), name, passphrase, from, "invitation", func(tx *store.Tx, who Verified, a store.Account) error {
		if err := settle(ctx, tx, a); err != nil {
			return err
		}
		return d.accept(ctx, tx, who, secret)
	})
}

// accept takes an invitation in tx. Its MAC says which account, with which
// key, had the secret: the key comes from the session and not from a row.
func (d *Desk) accept(ctx context.Context, tx *store.Tx, who Verified, secret [32]byte) error {
	i, err := openInvitation(ctx, tx, secret)
	if err != nil {
		return err
	}
	if err := notTwice(ctx, tx, i, who.Account()); err != nil {
		return err
	}
	if err := who.Fresh(); err != nil {
		return err
	}
	public := seal.PublicOfAccount(who.Private())
	i.Account, i.Public = who.Account(), public.Bytes()
	i.MAC = seal.MACAcceptance(secret, seal.Acceptance{Invitation: i.ID, Vault: i.Vault, Account: i.Account, Public: public})
	err = tx.Houses.AcceptInvitation(ctx, i, time.Now())
	if errors.Is(err, store.ErrNotFound) {
		return errInvitation(err)
	}
	if err != nil {
		return err
	}
	if err := d.join(ctx, tx, who, i); err != nil {
		return err
	}
	if i.Vault.IsZero() {
		return tx.Houses.DeleteInvitation(ctx, i.ID)
	}
	return d.noteTaken(ctx, tx, who, i)
}

// notTwice refuses one's own invitation, and one to a vault that the account
// holds, or is about to hold or to leave.
func notTwice(ctx context.Context, tx *store.Tx, i store.Invitation, account hearkeep.AccountID) error {
	if i.By == account {
		return hearkeep.Errorf(hearkeep.Conflict, "This is your own invitation.").
			WithHint("Give its link to the person it is for.")
	}
	if i.Vault.IsZero() {
		return nil
	}
	holds, leaving, err := holding(ctx, tx, i.Vault, account)
	switch {
	case err != nil:
		return err
	case leaving:
		return hearkeep.Errorf(hearkeep.Conflict, "What you held of this vault before has not ended yet.").
			WithHint("It ends when somebody who holds it signs in; then this invitation works.")
	case holds:
		return hearkeep.Errorf(hearkeep.Conflict, "You hold this vault already.").
			WithHint("The link still works for somebody else.")
	}
	others, err := tx.Houses.InvitationsTo(ctx, i.Vault)
	for _, other := range others {
		if other.Account == account {
			return hearkeep.Errorf(hearkeep.Conflict, "You accepted an invitation to this vault already.").
				WithHint("It opens to you once somebody who holds it has signed in.")
		}
	}
	return err
}

// join makes who a member of the household that invites, and leaves whoever
// belongs to others where they are.
func (d *Desk) join(ctx context.Context, tx *store.Tx, who Verified, i store.Invitation) error {
	m, err := tx.Houses.Member(ctx, who.Account())
	if err != nil {
		return err
	}
	together, err := tx.Houses.Members(ctx, m.Household)
	if err != nil {
		return err
	}
	switch alone := i.Vault.IsZero(); {
	case m.Household == i.Household && alone:
		return hearkeep.Errorf(hearkeep.Conflict, "You belong to this household already.").
			WithHint("The link still works for somebody else.")
	case len(together) > 1 && alone:
		return hearkeep.Errorf(hearkeep.Conflict, "You belong to another household.").
			WithHint("Leave it first; then this link works.")
	case m.Household == i.Household || len(together) > 1:
		return nil
	}
	joined := store.Member{Household: i.Household, Account: who.Account(), Role: i.Role, Since: time.Now()}
	if err := tx.Houses.PutMember(ctx, joined); err != nil {
		return err
	}
	if err := disband(ctx, tx, m.Household); err != nil {
		return err
	}
	return d.noteJoined(ctx, tx, who, i)
}

func (d *Desk) noteJoined(ctx context.Context, tx *store.Tx, who Verified, i store.Invitation) error {
	if _, err := d.ledger.Append(ctx, tx, who.entry(ledger.KindHousehold, "household joined")); err != nil {
		return err
	}
	house, err := tx.Houses.Household(ctx, i.Household)
	if err != nil {
		return err
	}
	if err := d.letters.Tell(ctx, tx, who.Account(), letterJoined(d.houseName(house))); err != nil || !i.Vault.IsZero() {
		return err // of an invitation to a vault, noteTaken tells who made it
	}
	return d.letters.Tell(ctx, tx, i.By, letterAccepted(who.Name(), nil))
}

// noteTaken records that somebody waits for a vault, and tells both.
func (d *Desk) noteTaken(ctx context.Context, tx *store.Tx, who Verified, i store.Invitation) error {
	e := who.entry(ledger.KindHousehold, "invitation accepted")
	e.Vault = &i.Vault
	if _, err := d.ledger.Append(ctx, tx, e); err != nil {
		return err
	}
	v, err := tx.Vaults.Vault(ctx, i.Vault)
	if err != nil {
		return err
	}
	name := d.openName(v.ID, v.Label)
	if err := d.letters.Tell(ctx, tx, who.Account(), letterTaken(name)); err != nil {
		return err
	}
	return d.letters.Tell(ctx, tx, i.By, letterAccepted(who.Name(), &name))
}
