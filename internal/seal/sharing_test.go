package seal

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
)

// The families of what is shared; families_test.go has the others.

func houseItemVectors(p HousePurpose, text string) func(*testing.T) []named {
	return func(*testing.T) []named {
		id, i := idLine("id")
		hk := NewHouseKey()
		good := ok([]byte(text), must(SealHouse(hk, p, i, []byte(text))), hexLine("house-key", hk.k[:]), line{"purpose", string(p)}, id)
		return slices.Concat([]named{good}, good.wrongEach("open", "house-key", "purpose", "id"), good.symmetricDamage(false))
	}
}

// entry is one member as a roster holds it.
func entry(m RosterMember) []byte {
	return append(append(bytes.Clone(m.Account[:]), m.As[0]), m.Public.Bytes()...)
}

// signedEntries is a roster with these entries, whatever they are: what a
// keyholder could sign who does not use SignRoster.
func signedEntries(k VaultKey, vault hearkeep.VaultID, n hearkeep.Generation, entries ...[]byte) []byte {
	all := slices.Concat(entries...)
	return slices.Concat([]byte{0x01}, must(sign(k, rosterContext(vault, n, all))), all)
}

// newMembers makes up keyholders, in ascending order of account.
func newMembers(roles ...string) []RosterMember {
	var members []RosterMember
	for i, as := range roles {
		_, public, err := NewAccountPair()
		id := hearkeep.AccountID(randomBytes(16))
		id[0] = byte(i)
		members = append(members, RosterMember{id, as, must(public, err)})
	}
	return members
}

func rosterVectors(*testing.T) []named {
	vault, v := idLine("vault")
	k := must(NewVaultKey())
	members := newMembers("guardian", "child")
	a, b := entry(members[0]), entry(members[1])
	var plain []byte
	for _, m := range members {
		plain = append(append(append(plain, m.Account[:]...), m.As...), m.Public.Bytes()...)
	}
	good := ok(plain, must(SignRoster(k, v, gen, members)), vault, intLine("generation", gen), hexLine("by", PublicOfVault(k).Verify))
	const begin = 1 + 64
	signed := func(entries ...[]byte) func(*vector) {
		return func(w *vector) { w.body = signedEntries(k, v, gen, entries...) }
	}
	unknown := bytes.Clone(a)
	unknown[16] = 'x'
	alone := newMembers("holder")
	single := ok(append(append(bytes.Clone(alone[0].Account[:]), "holder"...), alone[0].Public.Bytes()...),
		must(SignRoster(k, v, gen, alone)), vault, intLine("generation", gen), hexLine("by", PublicOfVault(k).Verify))
	single.name = "ok of one holder"
	return slices.Concat([]named{good, single}, good.wrongEach("verify", "vault", "generation", "by"), []named{
		good.but("flipped signature", "verify", flip(1)),
		good.but("flipped account", "verify", flip(begin)),
		good.but("guardian made holder", "verify", func(w *vector) { w.body[begin+16] = 'h' }),
		good.but("flipped public key", "verify", flip(begin+rosterEntry-1)),
		good.but("public keys swapped", "verify", func(w *vector) {
			copy(w.body[begin+17:begin+rosterEntry], b[17:])
			copy(w.body[begin+rosterEntry+17:], a[17:])
		}),
		good.but("members swapped", "verify", func(w *vector) { copy(w.body[begin:], slices.Concat(b, a)) }),
		good.but("member removed", "verify", cut(begin+rosterEntry)),
		good.but("member added", "verify", func(w *vector) { w.body = append(w.body, entry(newMembers("holder")[0])...) }),
		good.but("signed by another generation", "verify", func(w *vector) { w.body = must(SignRoster(must(NewVaultKey()), v, gen, members)) }),
		good.but("signed with a member twice", "format", signed(a, a, b)),
		good.but("signed in another order", "format", signed(b, a)),
		good.but("signed with an unknown role", "format", signed(unknown, b)),
		good.but("signed with nobody", "format", signed()),
		good.but("short key", "verify", func(w *vector) { w.set("by", "00") }),
		good.but("half a member", "format", cut(begin+rosterEntry+20)),
		good.but("truncated", "format", cut(begin+2*rosterEntry-1)),
		good.but("appended byte", "format", func(w *vector) { w.body = append(w.body, 0) }),
		good.but("unknown format", "format", func(w *vector) { w.body[0] = 0x02 }),
		good.but("empty", "format", cut(0)),
	})
}

func rosterMACVectors(*testing.T) []named {
	vault, v := idLine("vault")
	hk := NewHouseKey()
	roster := must(SignRoster(must(NewVaultKey()), v, gen, newMembers("holder")))
	good := ok(nil, MACRoster(hk, v, gen, roster), hexLine("house-key", hk.k[:]), vault, intLine("generation", gen), hexLine("roster", roster))
	return slices.Concat([]named{good}, good.wrongEach("verify", "house-key", "vault", "generation", "roster"),
		[]named{good.but("flipped MAC", "verify", flip(0)), good.but("truncated MAC", "verify", cut(31)), good.but("empty", "verify", cut(0))})
}

func invitationMACVectors(*testing.T) []named {
	vault, v := idLine("vault")
	invitation, i := idLine("invitation")
	by, b := idLine("by")
	hk := NewHouseKey()
	c := InvitationContext{v, gen, i, "holder", true, time.UnixMilli(day)}
	good := ok(nil, MACInvitation(hk, b, c), hexLine("house-key", hk.k[:]), by, vault, intLine("generation", gen), invitation,
		line{"as", c.As}, line{"past", "1"}, intLine("expires", c.Expires.UnixMilli()))
	return slices.Concat([]named{good},
		good.wrongEach("verify", "house-key", "by", "vault", "generation", "invitation", "past", "expires"),
		[]named{good.but("flipped MAC", "verify", flip(0)), good.but("truncated MAC", "verify", cut(31)), good.but("empty", "verify", cut(0))})
}

func invitationVectors(*testing.T) []named {
	vault, v := idLine("vault")
	invitation, i := idLine("invitation")
	secret := [32]byte(randomBytes(32))
	k := must(NewVaultKey())
	c := InvitationContext{v, gen, i, "guardian", false, time.UnixMilli(day)}
	good := ok(secret[:], must(SealInvitation(k, secret, c)), hexLine("s", k.v.s[:]), vault, intLine("generation", gen), invitation,
		line{"as", c.As}, line{"past", "0"}, intLine("expires", c.Expires.UnixMilli()))
	return slices.Concat([]named{good},
		good.wrongEach("open", "s", "vault", "generation", "invitation", "as", "past", "expires"), good.symmetricDamage(true))
}

func acceptVectors(*testing.T) []named {
	invitation, i := idLine("invitation")
	vault, v := idLine("vault")
	account, a := idLine("account")
	secret := [32]byte(randomBytes(32))
	_, public, err := NewAccountPair()
	good := ok(nil, MACAcceptance(secret, Acceptance{i, v, a, must(public, err)}), hexLine("secret", secret[:]), invitation, vault, account,
		hexLine("public", public.Bytes()))
	return slices.Concat([]named{good}, good.wrongEach("verify", "secret", "invitation", "vault", "account", "public"),
		[]named{good.but("flipped MAC", "verify", flip(0)), good.but("truncated MAC", "verify", cut(31)), good.but("empty", "verify", cut(0))})
}

func placeVectors(*testing.T) []named {
	hk := NewHouseKey()
	account, a := idLine("account")
	of := func(suffix string, hk HouseKey, account line, a hearkeep.AccountID, network string) named {
		mark := PlaceMark(hk, a, network)
		v := ok(mark[:], nil, hexLine("house-key", hk.k[:]), account, line{"network", network})
		v.name += suffix
		return v
	}
	other, o := idLine("account")
	return []named{
		of("", hk, account, a, "192.0.2.0/24"), of(" of another network", hk, account, a, "2001:db8:1::/48"),
		of(" of another account", hk, other, o, "192.0.2.0/24"), of(" of another keep", NewHouseKey(), account, a, "192.0.2.0/24"),
	}
}

func decoyVectors(*testing.T) []named {
	hk := NewHouseKey()
	of := func(suffix, name string, n int) named {
		v := ok(DecoyCredential(hk, name, n), nil, hexLine("house-key", hk.k[:]), line{"name", name}, intLine("n", int64(n)))
		v.name += suffix
		return v
	}
	return []named{of("", "anna", 0), of(" of the next", "anna", 1), of(" of another name", "Ångström", 0)}
}
