package seal

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hearkeep/hearkeep"
)

// item is something sealed in a random tree and the way to open it. open
// returns what was opened, under the handle and the context of any item of
// the same kind.
type item struct {
	name  string
	wrap  []byte
	inner []byte // what it must open to
	open  func(wrap []byte) ([]byte, error)
}

// cross checks that each item opens by its own handle and context, and that
// its wrap opens by no other's.
func cross(t *rapid.T, items []item) {
	for i, a := range items {
		got, err := a.open(a.wrap)
		if err != nil || !bytes.Equal(got, a.inner) {
			t.Fatalf("%s %d does not open: %v", a.name, i, err)
		}
		for j, b := range items {
			if i == j {
				continue
			}
			if got, err := b.open(a.wrap); !errors.Is(err, ErrOpen) || got != nil {
				t.Fatalf("%s %d under the handle of %s %d: got %v, want %v", a.name, i, b.name, j, err, ErrOpen)
			}
		}
	}
}

// For random trees of accounts, vaults, generations, envelopes and parts,
// what was sealed for one opens under no other handle or context.
func TestTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := func(name string, most int) int { return rapid.IntRange(1, most).Draw(t, name) }
		var accounts, vaultKeys, envelopes, rewraps, partKeys []item
		var parts []struct {
			key    PartKey
			sealed []byte
		}
		nAccounts := count("accounts", 3)
		private, public := make([]AccountPrivate, nAccounts), make([]AccountPublic, nAccounts)
		ids := make([]hearkeep.AccountID, nAccounts)
		for i := range nAccounts {
			ids[i] = hearkeep.NewID[hearkeep.AccountID]()
			private[i], public[i], _ = NewAccountPair()
			ak, unlocker := NewAccountKey(), PRFUnlocker([32]byte(randomBytes(32)))
			uid := hearkeep.NewID[hearkeep.UnlockerID]()
			wrap := must(WrapAccountKey(ak, PublicOfUnlocker(unlocker), ids[i], uid))
			accounts = append(accounts, item{"account key", wrap, ak.k[:], func(w []byte) ([]byte, error) {
				got, err := UnwrapAccountKey(w, unlocker, ids[i], uid)
				return keyBytes(got.k), err
			}})
		}
		for range count("vaults", 3) {
			vault := hearkeep.NewID[hearkeep.VaultID]()
			for g := range count("generations", 2) {
				gen := hearkeep.Generation(g + 1)
				vk := must(NewVaultKey())
				holder := rapid.IntRange(0, nAccounts-1).Draw(t, "keyholder")
				wrap := must(SealVaultKey(vk, public[holder], vault, gen, ids[holder]))
				vaultKeys = append(vaultKeys, item{"vault key", wrap, vk.v.s[:], func(w []byte) ([]byte, error) {
					got, err := OpenVaultKey(w, private[holder], vault, gen, ids[holder])
					if err != nil {
						return nil, err
					}
					return got.v.s[:], nil
				}})
				for range count("envelopes", 2) {
					c := EnvelopeContext{vault, gen, hearkeep.NewID[hearkeep.EnvelopeID](), hearkeep.NewID[hearkeep.BindingID]()}
					ek, wrap, err := NewEnvelope(PublicOfVault(vk), c)
					if err != nil {
						t.Fatal(err)
					}
					open := func(w []byte) ([]byte, error) {
						got, err := OpenEnvelope(vk, w, c)
						return keyBytes(got.k), err
					}
					envelopes = append(envelopes, item{"envelope", wrap, ek.k[:], open})
					rewraps = append(rewraps, item{"re-wrapped envelope", must(RewrapEnvelope(vk, ek, c)), ek.k[:], open})
					for n := range count("parts", 2) {
						pc := PartContext{c, hearkeep.Number(n + 1), hearkeep.NewID[hearkeep.RecordingID](),
							time.UnixMilli(day), rapid.SampledFrom(hearkeep.Parts()).Draw(t, "part"), 1}
						pk, wrap, err := NewPartKey(ek, pc)
						if err != nil {
							t.Fatal(err)
						}
						partKeys = append(partKeys, item{"part key", wrap, pk.k[:], func(w []byte) ([]byte, error) {
							got, err := OpenPartKey(ek, w, pc)
							return keyBytes(got.k), err
						}})
						sealed := must(SealPart(pk, "text/plain", randomBytes(20)))
						parts = append(parts, struct {
							key    PartKey
							sealed []byte
						}{reading(pk), sealed})
					}
				}
			}
		}
		for _, items := range [][]item{accounts, vaultKeys, envelopes, rewraps, partKeys} {
			cross(t, items)
		}
		for i, a := range parts {
			for j, b := range parts {
				if _, _, err := ReadPart(b.key, a.sealed); (i == j) != (err == nil) {
					t.Fatalf("part %d under the key of part %d: got %v", i, j, err)
				}
			}
		}
	})
}

// Nothing of one kind opens as another, under one and the same key and ids.
func TestPurposesAreApart(t *testing.T) {
	k, id := newKey(), [16]byte{1}
	all := []purpose{
		purposePassphrase, purposeKit, purposePasskey, purposeAccountKey, purposeVaultKey, purposeEnvelope,
		purposeUnlockers, purposeAccountPrivate, purposeSession, purposeToken, purposePart,
		purposeHouseTimer, purposeHouseLabel, purposeHouseName, purposeHouseChannel, purposeHouseLetter, purposeInvitation,
		purposeGeneration, purposeBinding, purposePin, purposeHolder, purposeBrowser, purposeRoster, purposeAccept, purposeDecoy,
	}
	for _, a := range all {
		wrap := must(sealUnder(k, contextOf(a).id(id), k[:]))
		for _, b := range all {
			if _, err := openUnder(k, contextOf(b).id(id), wrap); (a == b) != (err == nil) {
				t.Errorf("sealed as %s, opened as %s: got %v", a, b, err)
			}
		}
	}
}

// FuzzWraps gives arbitrary bytes to everything that opens a wrap. The keys
// are fixed, because the fuzzer's workers are processes of their own: what
// opens must be what one of them sealed.
func FuzzWraps(f *testing.F) {
	vk, ak, ek := vaultKeyFrom(&key{1}), AccountKey{k: &key{2}}, EnvelopeKey{k: &key{3}}
	hk, secret, unlocker := HouseKey{k: &key{4}}, [32]byte{5}, PRFUnlocker([32]byte{6})
	var a hearkeep.AccountID
	var u hearkeep.UnlockerID
	list := []ListedUnlocker{{u, PublicOfUnlocker(unlocker)}}
	for _, w := range [][]byte{
		must(sealTo(vk.v.pair.PublicKey(), EnvelopeContext{}.fields(purposeEnvelope), ek.k)),
		must(RewrapEnvelope(vk, ek, EnvelopeContext{})),
		must(sealUnder(ek.k, PartContext{}.context(), ek.k[:])),
		must(WrapAccountKey(ak, PublicOfUnlocker(unlocker), a, u)),
		must(SealUnlockerList(ak, a, list)),
		must(WrapSession(secret, ak, SessionContext{})),
		must(WrapToken(secret, vk, TokenContext{})),
		must(SealHouse(hk, HouseName, a, []byte("Kitchen"))),
		must(SealInvitation(vk, secret, InvitationContext{})),
		{},
	} {
		f.Add(w)
	}
	f.Fuzz(func(t *testing.T, w []byte) {
		check := func(opener string, err error, same func() bool) {
			switch {
			case err == nil && !same():
				t.Errorf("%s: opened what nobody sealed", opener)
			case err != nil && !errors.Is(err, ErrOpen) && !errors.Is(err, ErrFormat):
				t.Errorf("%s: got %v, want %v or %v", opener, err, ErrOpen, ErrFormat)
			}
		}
		e, err := OpenEnvelope(vk, w, EnvelopeContext{})
		check("OpenEnvelope", err, func() bool { return *e.k == *ek.k })
		pk, err := OpenPartKey(ek, w, PartContext{})
		check("OpenPartKey", err, func() bool { return *pk.k == *ek.k })
		k, err := UnwrapAccountKey(w, unlocker, a, u)
		check("UnwrapAccountKey", err, func() bool { return *k.k == *ak.k })
		got, err := OpenUnlockerList(ak, a, w)
		check("OpenUnlockerList", err, func() bool { return len(got) == 1 && got[0].Public.Equal(list[0].Public) })
		k, err = UnwrapSession(secret, w, SessionContext{})
		check("UnwrapSession", err, func() bool { return *k.k == *ak.k })
		v, err := OpenToken(secret, w, TokenContext{})
		check("OpenToken", err, func() bool { return *v.v.ikm == *vk.v.ikm && *v.v.wrap == *vk.v.wrap })
		name, err := OpenHouse(hk, HouseName, a, w)
		check("OpenHouse", err, func() bool { return string(name) == "Kitchen" })
		link, err := OpenInvitation(vk, w, InvitationContext{})
		check("OpenInvitation", err, func() bool { return link == secret })
	})
}
