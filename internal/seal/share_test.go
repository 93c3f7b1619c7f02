package seal

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
)

// A roster comes back in ascending order, whoever stood first.
func TestRoster(t *testing.T) {
	k, vault := must(NewVaultKey()), hearkeep.NewID[hearkeep.VaultID]()
	members := newMembers("holder", "guardian", "child")
	given := []RosterMember{members[2], members[0], members[1]}
	roster := must(SignRoster(k, vault, gen, given))
	if given[0].Account != members[2].Account {
		t.Error("SignRoster sorted its caller's list")
	}
	got, err := OpenRoster(PublicOfVault(k).Verify, vault, gen, roster)
	if err != nil || len(got) != len(members) {
		t.Fatalf("got %d members, %v, want %d", len(got), err, len(members))
	}
	for i, m := range got {
		if m.Account != members[i].Account || m.As != members[i].As || !m.Public.Equal(members[i].Public) {
			t.Errorf("member %d: got %v as %s, want %v as %s with its own key", i, m.Account, m.As, members[i].Account, members[i].As)
		}
	}
	if again := must(SignRoster(k, vault, gen, members)); !bytes.Equal(again, roster) {
		t.Error("one set of members has two rosters")
	}
}

func TestRosterRefuses(t *testing.T) {
	k, vault := must(NewVaultKey()), hearkeep.NewID[hearkeep.VaultID]()
	token := func(write bool) VaultKey {
		c := TokenContext{Write: write}
		return must(OpenToken([32]byte{}, must(WrapToken([32]byte{}, k, c)), c))
	}
	two := newMembers("holder", "holder")
	change := func(edit func(*RosterMember)) []RosterMember {
		changed := slices.Clone(two)
		edit(&changed[1])
		return changed
	}
	many := make([]RosterMember, MaxRoster+1)
	for i := range many {
		many[i] = RosterMember{hearkeep.NewID[hearkeep.AccountID](), "holder", two[0].Public}
	}
	for _, c := range []struct {
		name    string
		by      VaultKey
		members []RosterMember
		want    error
	}{
		{"the zero key", VaultKey{}, two, ErrKey},
		{"a reading token", token(false), two, ErrToken},
		{"a writing token", token(true), two, ErrToken},
		{"nobody", k, nil, ErrFormat},
		{"too many", k, many, ErrFormat},
		{"as many as may be", k, many[1:], nil},
		{"an account twice, with two keys", k, change(func(m *RosterMember) { m.Account = two[0].Account }), ErrFormat},
		{"an unknown role", k, change(func(m *RosterMember) { m.As = "hacker" }), ErrFormat},
		{"no role", k, change(func(m *RosterMember) { m.As = "" }), ErrFormat},
		{"no key", k, change(func(m *RosterMember) { m.Public = AccountPublic{} }), ErrKey},
	} {
		roster, err := SignRoster(c.by, vault, gen, c.members)
		if !errors.Is(err, c.want) || (err != nil) != (roster == nil) {
			t.Errorf("%s: got %d bytes, %v, want %v", c.name, len(roster), err, c.want)
		}
	}
	// A keyholder who signs one that is too long is not followed either.
	var entries [][]byte
	for _, m := range many {
		entries = append(entries, entry(m))
	}
	slices.SortFunc(entries, bytes.Compare)
	verify := PublicOfVault(k).Verify
	if _, err := OpenRoster(verify, vault, gen, signedEntries(k, vault, gen, entries[1:]...)); err != nil {
		t.Errorf("as many as may be: got %v, want it to open", err)
	}
	if _, err := OpenRoster(verify, vault, gen, signedEntries(k, vault, gen, entries...)); !errors.Is(err, ErrFormat) {
		t.Errorf("too many, signed: got %v, want %v", err, ErrFormat)
	}
}

// A roster is one generation's of one vault, and no other signature of the
// same key passes for one.
func TestRosterIsOneGenerations(t *testing.T) {
	members := newMembers("holder", "holder")
	type place struct {
		key   VaultKey
		vault hearkeep.VaultID
		n     hearkeep.Generation
	}
	k, vault := must(NewVaultKey()), hearkeep.NewID[hearkeep.VaultID]()
	places := []place{{k, vault, 1}, {k, vault, 2}, {k, hearkeep.NewID[hearkeep.VaultID](), 1}, {must(NewVaultKey()), vault, 1}}
	for i, a := range places {
		roster := must(SignRoster(a.key, a.vault, a.n, members))
		for j, b := range places {
			if _, err := OpenRoster(PublicOfVault(b.key).Verify, b.vault, b.n, roster); (i == j) != (err == nil) || i != j && !errors.Is(err, ErrVerify) {
				t.Errorf("roster of place %d at place %d: got %v", i, j, err)
			}
		}
	}
	sig := must(SignGeneration(k, GenerationStatement{Vault: vault, N: 1, Public: PublicOfVault(k), Keyholders: []hearkeep.AccountID{members[0].Account}}))
	if _, err := OpenRoster(PublicOfVault(k).Verify, vault, 1, slices.Concat([]byte{0x01}, sig, entry(members[0]))); !errors.Is(err, ErrVerify) {
		t.Errorf("a generation's signature as a roster's: got %v, want %v", err, ErrVerify)
	}
}

// The secret of an invitation opens for keyholders, and for what it offers.
func TestInvitation(t *testing.T) {
	k, secret := must(NewVaultKey()), [32]byte{1}
	c := InvitationContext{hearkeep.NewID[hearkeep.VaultID](), 2, hearkeep.NewID[hearkeep.InvitationID](), "holder", false, time.UnixMilli(day)}
	sealed := must(SealInvitation(k, secret, c))
	if got, err := OpenInvitation(k, sealed, c); err != nil || got != secret {
		t.Fatalf("got %v, want the secret", err)
	}
	for name, edit := range map[string]func(*InvitationContext){
		"vault":      func(c *InvitationContext) { c.Vault[0] ^= 1 },
		"generation": func(c *InvitationContext) { c.Generation++ },
		"invitation": func(c *InvitationContext) { c.Invitation[15] ^= 1 },
		"as":         func(c *InvitationContext) { c.As = "guardian" },
		"past":       func(c *InvitationContext) { c.Past = true },
		"expires":    func(c *InvitationContext) { c.Expires = c.Expires.Add(time.Millisecond) },
	} {
		other := c
		edit(&other)
		if got, err := OpenInvitation(k, sealed, other); !errors.Is(err, ErrOpen) || got != [32]byte{} {
			t.Errorf("with another %s: got %v, want %v and no secret", name, err, ErrOpen)
		}
	}
	if _, err := OpenInvitation(must(NewVaultKey()), sealed, c); !errors.Is(err, ErrOpen) {
		t.Errorf("under another generation's key: got %v, want %v", err, ErrOpen)
	}
	for _, write := range []bool{false, true} {
		tc := TokenContext{Write: write}
		token := must(OpenToken(secret, must(WrapToken(secret, k, tc)), tc))
		if _, err := SealInvitation(token, secret, c); !errors.Is(err, ErrToken) {
			t.Errorf("SealInvitation by a token, write=%t: got %v, want %v", write, err, ErrToken)
		}
		if _, err := OpenInvitation(token, sealed, c); !errors.Is(err, ErrToken) {
			t.Errorf("OpenInvitation by a token, write=%t: got %v, want %v", write, err, ErrToken)
		}
	}
}

// Nobody without the link's secret can say that somebody accepted, or put
// another key in the place of theirs.
func TestAcceptance(t *testing.T) {
	secret := [32]byte{1}
	people := newMembers("holder", "holder")
	a := Acceptance{hearkeep.NewID[hearkeep.InvitationID](), hearkeep.NewID[hearkeep.VaultID](), people[0].Account, people[0].Public}
	mac := MACAcceptance(secret, a)
	if err := VerifyAcceptance(secret, a, mac); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*Acceptance){
		"invitation":        func(a *Acceptance) { a.Invitation = hearkeep.NewID[hearkeep.InvitationID]() },
		"vault":             func(a *Acceptance) { a.Vault = hearkeep.VaultID{} },
		"account":           func(a *Acceptance) { a.Account = people[1].Account },
		"key":               func(a *Acceptance) { a.Public = people[1].Public },
		"account and key":   func(a *Acceptance) { a.Account, a.Public = people[1].Account, people[1].Public },
		"no key":            func(a *Acceptance) { a.Public = AccountPublic{} },
		"vault and account": func(a *Acceptance) { a.Vault, a.Account = hearkeep.VaultID(a.Account), hearkeep.AccountID(a.Vault) },
	} {
		other := a
		edit(&other)
		if err := VerifyAcceptance(secret, other, mac); !errors.Is(err, ErrVerify) {
			t.Errorf("with another %s: got %v, want %v", name, err, ErrVerify)
		}
	}
	for name, got := range map[string][]byte{"none": nil, "short": mac[:31], "long": append(bytes.Clone(mac), 0),
		"of another link": MACAcceptance([32]byte{2}, a)} {
		if err := VerifyAcceptance(secret, a, got); !errors.Is(err, ErrVerify) {
			t.Errorf("MAC %s: got %v, want %v", name, err, ErrVerify)
		}
	}
}

// A name's decoys are the same each time and nobody else's.
func TestDecoyCredential(t *testing.T) {
	hk := NewHouseKey()
	seen := map[string]bool{}
	for _, key := range []HouseKey{hk, NewHouseKey()} {
		for _, name := range []string{"", "anna", "ben"} {
			for n := range 4 {
				id := DecoyCredential(key, name, n)
				if len(id) != 32 || !bytes.Equal(id, DecoyCredential(key, name, n)) {
					t.Errorf("decoy %d of %q: got %d bytes, want the same 32 each time", n, name, len(id))
				}
				if seen[string(id)] {
					t.Errorf("decoy %d of %q is another's too", n, name)
				}
				seen[string(id)] = true
			}
		}
	}
	if got := DecoyCredential(HouseKey{}, "anna", 0); got != nil {
		t.Errorf("of the zero key: got %d bytes, want none", len(got))
	}
}

// FuzzOpenRoster gives arbitrary bytes to OpenRoster. The signature is made
// over them, so that what follows it is reached: what opens must be what
// SignRoster writes.
func FuzzOpenRoster(f *testing.F) {
	k, vault := vaultKeyFrom(&key{1}), hearkeep.VaultID{2}
	_, public, err := NewAccountPair()
	if err != nil {
		f.Fatal(err)
	}
	for _, members := range [][]RosterMember{
		{{hearkeep.AccountID{1}, "holder", public}},
		{{hearkeep.AccountID{1}, "guardian", public}, {hearkeep.AccountID{2}, "child", public}},
	} {
		f.Add(must(SignRoster(k, vault, gen, members)), false)
		f.Add(must(SignRoster(k, vault, gen, members)), true)
	}
	f.Add([]byte{0x01}, true)
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, roster []byte, sign bool) {
		if sign && len(roster) > 1+64 {
			roster = append(bytes.Clone(roster[:1]), signedEntries(k, vault, gen, roster[1+64:])[1:]...)
		}
		members, err := OpenRoster(PublicOfVault(k).Verify, vault, gen, roster)
		if err != nil {
			if members != nil || !errors.Is(err, ErrFormat) && !errors.Is(err, ErrVerify) {
				t.Errorf("got %d members, %v, want %v or %v", len(members), err, ErrFormat, ErrVerify)
			}
			return
		}
		if again, err := SignRoster(k, vault, gen, members); err != nil || !bytes.Equal(again, roster) {
			t.Errorf("what opened is not what signing writes: %v", err)
		}
	})
}
