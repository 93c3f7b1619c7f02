package portal

import (
	"context"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// holderJSON is somebody who holds a vault.
type holderJSON struct {
	Account hearkeep.AccountID `json:"account"`
	Name    string             `json:"name"`
	As      string             `json:"as" doc:"holder, guardian or child"`
	Past    bool               `json:"past" doc:"With all that was kept before they came"`
	You     bool               `json:"you"`
	Leaving bool               `json:"leaving,omitempty" doc:"Refused already; the vault's new keys are still to be made"`
}

type holdersJSON struct {
	Holders     []holderJSON  `json:"holders"`
	Invitations []invitedJSON `json:"invitations" doc:"Open, or accepted and waiting for a keyholder"`
}

// invitedJSON is an invitation to a vault, as every keyholder of it sees it.
type invitedJSON struct {
	ID       hearkeep.InvitationID `json:"id"`
	From     string                `json:"from" doc:"Who made it"`
	As       string                `json:"as" doc:"holder, guardian or child"`
	Past     bool                  `json:"past,omitempty" doc:"With what was kept before"`
	Accepted string                `json:"accepted,omitempty" doc:"Who accepted, and waits for a keyholder"`
	Expires  time.Time             `json:"expires"`
}

func (p *portal) apiHolders(ctx context.Context, c *call, _ none) (holdersJSON, error) {
	out := holdersJSON{[]holderJSON{}, []invitedJSON{}}
	all, err := c.room.Holders(ctx)
	if err != nil {
		return out, err
	}
	for _, h := range all {
		out.Holders = append(out.Holders, holderJSON(h))
	}
	invited, err := c.room.Invited(ctx)
	for _, i := range invited {
		out.Invitations = append(out.Invitations, invitedJSON{i.ID, i.From, i.As, i.Past, i.Accepted, i.Expires.UTC()})
	}
	return out, err
}

// holderID is the account that an address names, which must hold the vault.
func holderID(c *call) (hearkeep.AccountID, error) {
	h, err := holderOf(c.r, c.visit())
	return h.Account, err
}

func (p *portal) apiRemoveHolder(ctx context.Context, c *call, _ none) (none, error) {
	account, err := holderID(c)
	if err != nil {
		return none{}, err
	}
	return none{}, c.room.RemoveHolder(context.WithoutCancel(ctx), account)
}

func (p *portal) apiGivePast(ctx context.Context, c *call, _ none) (none, error) {
	account, err := holderID(c)
	if err != nil {
		return none{}, err
	}
	return none{}, c.room.GivePast(context.WithoutCancel(ctx), account)
}

type inviteJSON struct {
	As   string `json:"as,omitempty" enum:"holder,guardian,child" default:"holder"`
	Past bool   `json:"past,omitempty" doc:"With what was kept before"`
}

type linkJSON struct {
	Link string `json:"link" doc:"For one person, once; this is the only time it is told"`
}

func (p *portal) apiInviteHolder(ctx context.Context, c *call, in inviteJSON) (linkJSON, error) {
	if in.As == "" {
		in.As = "holder"
	}
	secret, err := c.room.Invite(ctx, vault.Invitation{As: in.As, Past: in.Past})
	if err != nil {
		return linkJSON{}, err
	}
	return linkJSON{p.joinLink(secret)}, nil
}

func (p *portal) apiLeaveVault(ctx context.Context, c *call, _ none) (none, error) {
	return none{}, c.room.Leave(context.WithoutCancel(ctx))
}

func (p *portal) apiHandOver(ctx context.Context, c *call, _ none) (none, error) {
	return none{}, c.room.HandOver(context.WithoutCancel(ctx))
}

func (p *portal) apiTakeOver(ctx context.Context, c *call, _ none) (none, error) {
	return none{}, c.room.TakeOver(context.WithoutCancel(ctx))
}

// offerJSON is what an invitation offers.
type offerJSON struct {
	ID        hearkeep.InvitationID `json:"id"`
	Household string                `json:"household"`
	From      string                `json:"from" doc:"Who made it"`
	Vault     *hearkeep.VaultID     `json:"vault,omitempty" doc:"Absent where it is to the household alone"`
	VaultName string                `json:"vault_name,omitempty"`
	As        string                `json:"as,omitempty"`
	Past      bool                  `json:"past,omitempty"`
	Admin     bool                  `json:"admin,omitempty"`
	Accepted  string                `json:"accepted,omitempty" doc:"Who accepted, and waits for a keyholder"`
	Expires   time.Time             `json:"expires"`
}

func offerOf(o identity.Offer) offerJSON {
	out := offerJSON{
		ID: o.ID, Household: o.Household, From: o.From, VaultName: o.VaultName, As: o.As, Past: o.Past, Admin: o.Admin,
		Accepted: o.Accepted, Expires: o.Expires.UTC(),
	}
	if !o.Vault.IsZero() {
		out.Vault = &o.Vault
	}
	return out
}

type secretJSON struct {
	Secret string `json:"secret" maxLength:"200" doc:"The end of an invitation's link"`
}

// apiOffered says what a link offers. Its secret comes in the body, since
// addresses stand in logs.
func (p *portal) apiOffered(ctx context.Context, _ *call, in secretJSON) (offerJSON, error) {
	o, err := p.Identity.Offered(ctx, in.Secret)
	return offerOf(o), err
}

func (p *portal) apiAccept(ctx context.Context, c *call, in secretJSON) (none, error) {
	return none{}, p.Identity.Accept(ctx, c.who, in.Secret)
}

// householdJSON is who lives together.
type householdJSON struct {
	ID          hearkeep.HouseholdID `json:"id"`
	Name        string               `json:"name"`
	Admin       bool                 `json:"admin" doc:"Whether you are one"`
	Members     []memberJSON         `json:"members"`
	Invitations []offerJSON          `json:"invitations"`
}

type memberJSON struct {
	Account hearkeep.AccountID `json:"account"`
	Name    string             `json:"name"`
	Admin   bool               `json:"admin"`
	Since   time.Time          `json:"since"`
	You     bool               `json:"you"`
}

func (p *portal) apiHousehold(ctx context.Context, c *call, _ none) (householdJSON, error) {
	home, err := p.Identity.Household(ctx, c.who)
	out := householdJSON{home.ID, home.Name, home.Admin, []memberJSON{}, []offerJSON{}}
	for _, m := range home.Members {
		out.Members = append(out.Members, memberJSON{m.Account, m.Name, m.Admin, m.Since.UTC(), m.You})
	}
	for _, o := range home.Invitations {
		out.Invitations = append(out.Invitations, offerOf(o))
	}
	return out, err
}

func (p *portal) apiRenameHousehold(ctx context.Context, c *call, in nameJSON) (none, error) {
	return none{}, p.Identity.RenameHousehold(ctx, c.who, in.Name)
}

type adminJSON struct {
	Admin bool `json:"admin" doc:"Whether they may manage the household; that opens no vault"`
}

func (p *portal) apiInviteMember(ctx context.Context, c *call, in adminJSON) (linkJSON, error) {
	secret, err := p.Identity.Invite(ctx, c.who, in.Admin)
	if err != nil {
		return linkJSON{}, err
	}
	return linkJSON{p.joinLink(secret)}, nil
}

func (p *portal) apiWithdraw(ctx context.Context, c *call, _ none) (none, error) {
	id, err := pathID[hearkeep.InvitationID](c.r)
	if err != nil {
		return none{}, err
	}
	return none{}, p.Identity.Withdraw(ctx, c.who, id)
}

func (p *portal) apiSetAdmin(ctx context.Context, c *call, in adminJSON) (none, error) {
	id, err := pathID[hearkeep.AccountID](c.r)
	if err != nil {
		return none{}, err
	}
	return none{}, p.Identity.SetAdmin(ctx, c.who, id, in.Admin)
}

func (p *portal) apiRemoveMember(ctx context.Context, c *call, _ none) (none, error) {
	id, err := pathID[hearkeep.AccountID](c.r)
	if err != nil {
		return none{}, err
	}
	return none{}, p.Identity.RemoveMember(context.WithoutCancel(ctx), c.who, id)
}

func (p *portal) apiLeaveHousehold(ctx context.Context, c *call, _ none) (none, error) {
	return none{}, p.Identity.Leave(context.WithoutCancel(ctx), c.who)
}

// houseDoorJSON is a door of a household's shared vault.
type houseDoorJSON struct {
	Door      doorJSON         `json:"door"`
	Vault     hearkeep.VaultID `json:"vault"`
	VaultName string           `json:"vault_name"`
}

type houseDoorsJSON struct {
	Doors []houseDoorJSON `json:"doors"`
}

func (p *portal) apiHouseDoors(ctx context.Context, c *call, _ none) (houseDoorsJSON, error) {
	all, err := p.Keep.HouseDoors(ctx, c.who)
	out := houseDoorsJSON{make([]houseDoorJSON, 0, len(all))}
	for _, d := range all {
		out.Doors = append(out.Doors, houseDoorJSON{p.doorJSON(d.Binding), d.Vault, d.VaultName})
	}
	return out, err
}

func (p *portal) apiDisconnectHouse(ctx context.Context, c *call, _ none) (none, error) {
	id, err := pathID[hearkeep.BindingID](c.r)
	if err != nil {
		return none{}, err
	}
	ctx = context.WithoutCancel(ctx)
	if err := p.Keep.Disconnect(ctx, c.who, id); err != nil {
		return none{}, err
	}
	p.codes.unbound(id)
	return none{}, p.changed(ctx)
}
