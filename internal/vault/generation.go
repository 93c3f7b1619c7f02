package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// What a keyholder is of a vault, as its roster says.
const (
	asHolder   = "holder"
	asGuardian = "guardian"
	asChild    = "child"
)

// holderPin says which keys are the vault's that an account holds, with a MAC
// under the house key: anybody can seal a key of his own to an account, and
// doors bound under it would be his. Roster is a MAC over that generation's
// roster: whoever holds, or held, a generation can sign another one for it.
type holderPin struct {
	Public seal.VaultPublic
	MAC    []byte
	Roster []byte `json:",omitempty"` // absent in a first generation without a roster, and where only the past was given
}

// makeHolderPin pins an account to a generation's keys, and to its roster
// where one is given.
func (k *Keep) makeHolderPin(h store.Keyholder, public seal.VaultPublic, roster []byte) ([]byte, error) {
	p := holderPin{Public: public, MAC: seal.MACHolder(k.house, holderStatement(h, public))}
	if roster != nil {
		p.Roster = seal.MACRoster(k.house, h.Vault, h.Generation, roster)
	}
	return json.Marshal(p)
}

func holderStatement(h store.Keyholder, public seal.VaultPublic) seal.HolderStatement {
	return seal.HolderStatement{Account: h.Account, Vault: h.Vault, Generation: h.Generation, Public: public}
}

// checkHolder returns the keys that a keyholder's row is pinned to.
func (k *Keep) checkHolder(h store.Keyholder) (seal.VaultPublic, error) {
	p, err := k.readHolder(h)
	return p.Public, err
}

func (k *Keep) readHolder(h store.Keyholder) (p holderPin, err error) {
	if err = json.Unmarshal(h.Pin, &p); err == nil {
		err = seal.VerifyHolder(k.house, holderStatement(h, p.Public), p.MAC)
	}
	if err != nil {
		return holderPin{}, fmt.Errorf("vault: %s is not known to hold generation %d of %s: %w", h.Account, h.Generation, h.Vault, err)
	}
	return p, nil
}

func statementOf(g store.Generation) seal.GenerationStatement {
	return seal.GenerationStatement{Vault: g.Vault, N: g.N, Keyholders: g.Keyholders, Public: publicOf(g)}
}

func publicOf(g store.Generation) seal.VaultPublic {
	return seal.VaultPublic{HPKE: g.HPKEPublic, Verify: g.SignPublic}
}

// lineage is who holds a vault and since when, checked: each generation is
// signed by the one before, and the newest, with its roster, is the one that
// the house key pinned. The house key counts beside the signatures because
// whoever held a generation once can sign for it for ever.
type lineage struct {
	vault   store.Vault
	gens    []store.Generation // from 1 on, without a gap
	members []seal.RosterMember
	leaving []store.Departure // of members: they are refused already
}

// errAltered says that the rows about a vault's keyholders are not what was
// signed and pinned.
var errAltered = errors.New("vault: who holds it is not what was signed")

// errStale says that what was prepared does not follow on what is there now.
var errStale = fmt.Errorf("vault: somebody else was first: %w", store.ErrExists)

func (l lineage) newest() store.Generation { return l.gens[len(l.gens)-1] }

// holders are the members without those who leave.
func (l lineage) holders() []seal.RosterMember {
	return slices.DeleteFunc(slices.Clone(l.members), func(m seal.RosterMember) bool { return l.leaves(m.Account) })
}

func (l lineage) leaves(account hearkeep.AccountID) bool {
	return slices.ContainsFunc(l.leaving, func(d store.Departure) bool { return d.Account == account })
}

// holder returns what an account is of the vault, if it holds it.
func (l lineage) holder(account hearkeep.AccountID) (seal.RosterMember, bool) {
	at := slices.IndexFunc(l.members, isMember(account))
	if at < 0 || l.leaves(account) {
		return seal.RosterMember{}, false
	}
	return l.members[at], true
}

func isMember(account hearkeep.AccountID) func(seal.RosterMember) bool {
	return func(m seal.RosterMember) bool { return m.Account == account }
}

// same reports whether nothing has happened between two looks at a vault.
func (l lineage) same(o lineage) bool {
	return l.newest().N == o.newest().N && bytes.Equal(l.newest().Signature, o.newest().Signature) &&
		l.vault.Kind == o.vault.Kind && l.vault.OfAge.Equal(o.vault.OfAge) &&
		slices.EqualFunc(l.leaving, o.leaving, func(a, b store.Departure) bool { return a.Account == b.Account })
}

// lineage reads and checks who holds a vault. Where the rows are not what they
// should be, it fails with errAltered, and returns what it read of the vault.
func (k *Keep) lineage(ctx context.Context, tx *store.Tx, vault hearkeep.VaultID) (l lineage, err error) {
	if l.vault, err = tx.Vaults.Vault(ctx, vault); err != nil {
		return l, err
	}
	if l.gens, err = tx.Vaults.Generations(ctx, vault); err != nil {
		return l, err
	}
	if err := checkChain(l.gens); err != nil {
		return l, fmt.Errorf("%w: %s: %w", errAltered, vault, err)
	}
	rows, err := tx.Vaults.Keyholders(ctx, vault, l.newest().N)
	if err != nil {
		return l, err
	}
	if l.members, err = k.roster(l.newest(), rows); err != nil {
		return l, fmt.Errorf("%w: %s: %w", errAltered, vault, err)
	}
	gone, err := tx.Vaults.Departures(ctx, vault)
	for _, d := range gone {
		if slices.ContainsFunc(l.members, isMember(d.Account)) {
			l.leaving = append(l.leaving, d)
		}
	}
	return l, err
}

func checkChain(gens []store.Generation) error {
	if len(gens) == 0 {
		return errors.New("there is no generation")
	}
	for i, g := range gens {
		if g.N != hearkeep.Generation(i+1) {
			return fmt.Errorf("generation %d has no predecessor", g.N)
		}
		if err := seal.VerifyGeneration(gens[max(i-1, 0)].SignPublic, statementOf(g), g.Signature); err != nil {
			return fmt.Errorf("generation %d: %w", g.N, err)
		}
	}
	return nil
}

// roster returns who holds a generation and with which keys, out of the rows
// of its keyholders: one of them, at least, must be pinned to this generation
// and to this roster. A first generation may be without one where it has one
// keyholder, whose key only their own session knows then: Public is zero.
func (k *Keep) roster(g store.Generation, rows []store.Keyholder) ([]seal.RosterMember, error) {
	for _, h := range rows {
		p, err := k.readHolder(h)
		if err != nil || !slices.Contains(g.Keyholders, h.Account) || !p.Public.Equal(publicOf(g)) {
			continue
		}
		if p.Roster == nil {
			if g.Roster == nil && len(g.Keyholders) == 1 {
				return []seal.RosterMember{{Account: h.Account, As: asHolder}}, nil
			}
			continue
		}
		if err := seal.VerifyRoster(k.house, g.Vault, g.N, g.Roster, p.Roster); err != nil {
			continue
		}
		members, err := seal.OpenRoster(g.SignPublic, g.Vault, g.N, g.Roster)
		if err != nil {
			return nil, fmt.Errorf("roster of generation %d: %w", g.N, err)
		}
		if !slices.Equal(accountsOf(members), sorted(g.Keyholders)) {
			return nil, fmt.Errorf("roster of generation %d names others than its keyholders", g.N)
		}
		return members, nil
	}
	return nil, fmt.Errorf("generation %d is not pinned", g.N)
}

func accountsOf(members []seal.RosterMember) []hearkeep.AccountID {
	ids := make([]hearkeep.AccountID, len(members))
	for i, m := range members {
		ids[i] = m.Account
	}
	return sorted(ids)
}

func sorted(ids []hearkeep.AccountID) []hearkeep.AccountID {
	return slices.SortedFunc(slices.Values(ids), func(a, b hearkeep.AccountID) int { return bytes.Compare(a[:], b[:]) })
}

// reached is the newest generation of a vault that this process has seen.
type reached struct {
	n      hearkeep.Generation
	verify [32]byte
}

// advances fails with errStale where a vault's newest generation, as rows have
// it, is older than one that this process has seen, or another: somebody put
// older rows back.
func (k *Keep) advances(vault hearkeep.VaultID, n hearkeep.Generation, public seal.VaultPublic) error {
	if len(public.Verify) != 32 {
		return fmt.Errorf("%w: generation %d of %s", errAltered, n, vault)
	}
	at := reached{n, [32]byte(public.Verify)}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch was := k.reached[vault]; {
	case n > was.n:
		k.reached[vault] = at
	case n < was.n, at != was:
		return fmt.Errorf("%w: generation %d of %s is an older one", errStale, n, vault)
	}
	return nil
}

// follow walks the signed chain of generations from a pin and advances it. A
// generation that the one before did not sign, or that the house key did not
// pin, is refused, and so is a second successor: one number has one generation.
func (k *Keep) follow(ctx context.Context, b store.Binding, p pin) (pin, error) {
	at, err := k.walk(ctx, b, p)
	if errors.Is(err, errStale) { // a generation was made between two looks; or older rows were put back
		at, err = k.walk(ctx, b, p)
	}
	if err != nil || at.Generation == p.Generation {
		return at, err
	}
	stored, err := k.makePin(b, at)
	if err != nil {
		return pin{}, err
	}
	err = k.store.Update(ctx, func(tx *store.Tx) error { return tx.Vaults.SetPin(ctx, b.Vault, b.ID, stored) })
	if err != nil {
		return pin{}, fmt.Errorf("vault: advance pin of binding %s: %w", b.ID, err)
	}
	return at, nil
}

func (k *Keep) walk(ctx context.Context, b store.Binding, p pin) (at pin, err error) {
	err = k.store.View(ctx, func(tx *store.Tx) error {
		gens, err := tx.Vaults.Generations(ctx, b.Vault)
		if err != nil {
			return err
		}
		if at, err = successorOf(gens, b.Vault, p); err != nil || at.Generation == p.Generation {
			return err
		}
		rows, err := tx.Vaults.Keyholders(ctx, b.Vault, at.Generation)
		if err == nil {
			_, err = k.roster(gens[len(gens)-1], rows)
		}
		return err
	})
	if err == nil {
		err = k.advances(b.Vault, at.Generation, at.Public)
	}
	if err != nil {
		return pin{}, fmt.Errorf("vault: generations of %s: %w", b.Vault, err)
	}
	return at, nil
}

// successorOf is a pin at the newest of a vault's generations.
func successorOf(gens []store.Generation, vault hearkeep.VaultID, p pin) (pin, error) {
	at := p
	for _, g := range gens {
		if g.N <= at.Generation {
			continue
		}
		if g.N != at.Generation+1 {
			return pin{}, fmt.Errorf("vault: generation %d of %s has no predecessor", g.N, vault)
		}
		if err := seal.VerifyGeneration(at.Public.Verify, statementOf(g), g.Signature); err != nil {
			return pin{}, fmt.Errorf("vault: generation %d of %s: %w", g.N, vault, err)
		}
		at = pin{g.N, publicOf(g), p.SignedBy}
	}
	return at, nil
}
