package seal

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
)

// RosterMember is a keyholder of a generation, with the key that the next
// generation is to be sealed to. As is "holder", "guardian" or "child".
type RosterMember struct {
	Account hearkeep.AccountID
	As      string
	Public  AccountPublic
}

// MaxRoster bounds how many keyholders a vault has.
const MaxRoster = 64

// rosterEntry is account ‖ first byte of As ‖ public key.
const rosterEntry = 16 + 1 + PublicKeySize

func rosterContext(vault hearkeep.VaultID, n hearkeep.Generation, entries []byte) context {
	return contextOf(purposeRoster).id(vault).uint(uint64(n)).bytes(entries)
}

// SignRoster writes who holds generation n of a vault, signed by that
// generation's own key: 0x01 ‖ signature (64) ‖ entries in ascending order of
// account. Whoever makes generation n+1 seals it to these keys and never to
// those of bare rows, which anybody who writes rows could exchange. A token's
// key is refused with ErrToken, and with ErrFormat a roster that is empty or
// overlong, that names an account twice, or in it an unknown As.
func SignRoster(by VaultKey, vault hearkeep.VaultID, n hearkeep.Generation, members []RosterMember) ([]byte, error) {
	if err := by.whole(); err != nil {
		return nil, err
	}
	if len(members) == 0 || len(members) > MaxRoster {
		return nil, fmt.Errorf("%w: a roster of %d", ErrFormat, len(members))
	}
	members = slices.SortedFunc(slices.Values(members), func(a, b RosterMember) int { return bytes.Compare(a.Account[:], b.Account[:]) })
	var entries []byte
	for i, m := range members {
		if m.Public.key == nil {
			return nil, ErrKey
		}
		as, ok := rosterLetter(m.As)
		if !ok || i > 0 && m.Account == members[i-1].Account {
			return nil, fmt.Errorf("%w: a member of a roster", ErrFormat)
		}
		entries = append(append(append(entries, m.Account[:]...), as), m.Public.Bytes()...)
	}
	sig, err := sign(by, rosterContext(vault, n, entries))
	if err != nil {
		return nil, err
	}
	return append(append([]byte{0x01}, sig...), entries...), nil
}

// OpenRoster reads what SignRoster wrote, after it has checked the signature
// by the given Ed25519 key of generation n: ErrVerify where it is not, and
// ErrFormat for what SignRoster never writes, an account that stands in it
// twice among it. The members come in ascending order of account.
func OpenRoster(verify []byte, vault hearkeep.VaultID, n hearkeep.Generation, roster []byte) ([]RosterMember, error) {
	if len(roster) < 1+ed25519.SignatureSize+rosterEntry || roster[0] != 0x01 {
		return nil, fmt.Errorf("%w: roster", ErrFormat)
	}
	sig, entries := roster[1:1+ed25519.SignatureSize], roster[1+ed25519.SignatureSize:]
	if len(entries)%rosterEntry != 0 || len(entries)/rosterEntry > MaxRoster {
		return nil, fmt.Errorf("%w: roster", ErrFormat)
	}
	if err := verifySignature(verify, rosterContext(vault, n, entries), sig); err != nil {
		return nil, err
	}
	var members []RosterMember
	for ; len(entries) > 0; entries = entries[rosterEntry:] {
		m := RosterMember{Account: hearkeep.AccountID(entries[:16])}
		as, ok := rosterName(entries[16])
		public, err := ParseAccountPublic(entries[17:rosterEntry])
		if n := len(members); !ok || err != nil || n > 0 && bytes.Compare(members[n-1].Account[:], m.Account[:]) >= 0 {
			return nil, fmt.Errorf("%w: a member of a roster", ErrFormat)
		}
		m.As, m.Public = as, public
		members = append(members, m)
	}
	return members, nil
}

func rosterLetter(as string) (byte, bool) {
	switch as {
	case "holder", "guardian", "child":
		return as[0], true
	}
	return 0, false
}

func rosterName(letter byte) (string, bool) {
	switch letter {
	case 'h':
		return "holder", true
	case 'g':
		return "guardian", true
	case 'c':
		return "child", true
	}
	return "", false
}

// MACRoster authenticates a roster, as SignRoster wrote it, under the house
// key. Every keyholder of a generation, and whoever was one, has the key that
// signs its roster: this says that it is the one that the program wrote. Of
// the zero key it returns nil, which verifies under no key.
func MACRoster(hk HouseKey, vault hearkeep.VaultID, n hearkeep.Generation, roster []byte) []byte {
	return mac(hk, labelHouseRoster, rosterContext(vault, n, roster))
}

// VerifyRoster checks what MACRoster made; ErrVerify where it is not.
func VerifyRoster(hk HouseKey, vault hearkeep.VaultID, n hearkeep.Generation, roster, mac []byte) error {
	return verifyMAC(hk, labelHouseRoster, rosterContext(vault, n, roster), mac)
}

// InvitationContext is what the secret of an invitation is sealed for: with
// another As, Past or Expires in its row it does not open, so that whoever
// writes rows makes no guardian of a child and gives no past away.
type InvitationContext struct {
	Vault      hearkeep.VaultID
	Generation hearkeep.Generation
	Invitation hearkeep.InvitationID
	As         string    // what who accepts becomes: "holder", "guardian" or "child"
	Past       bool      // with what was kept before
	Expires    time.Time // of the link
}

func (c InvitationContext) context() context {
	return contextOf(purposeInvitation).id(c.Vault).uint(uint64(c.Generation)).id(c.Invitation).
		text(c.As).bool(c.Past).time(c.Expires)
}

// SealInvitation seals the secret of an invitation's link under the vault's
// symmetric key, so that any keyholder can check who accepted and the server
// alone cannot pretend that somebody did. A token's key is refused with
// ErrToken.
func SealInvitation(k VaultKey, secret [32]byte, c InvitationContext) ([]byte, error) {
	if err := k.whole(); err != nil {
		return nil, err
	}
	return sealUnder(k.v.wrap, c.context(), secret[:])
}

// OpenInvitation opens what SealInvitation made.
func OpenInvitation(k VaultKey, sealed []byte, c InvitationContext) ([32]byte, error) {
	if err := k.whole(); err != nil {
		return [32]byte{}, err
	}
	b, err := openKeyUnder(k.v.wrap, c.context(), sealed)
	if err != nil {
		return [32]byte{}, err
	}
	return *b, nil
}

// MACInvitation authenticates who made an invitation, and what it offers,
// under the house key: every keyholder has the key that its secret is sealed
// under, and could offer in another's name what that one alone may. Of the
// zero key it returns nil, which verifies under no key.
func MACInvitation(hk HouseKey, by hearkeep.AccountID, c InvitationContext) []byte {
	return mac(hk, labelHouseInvite, c.context().id(by))
}

// VerifyInvitation checks what MACInvitation made; ErrVerify where it is not.
func VerifyInvitation(hk HouseKey, by hearkeep.AccountID, c InvitationContext, mac []byte) error {
	return verifyMAC(hk, labelHouseInvite, c.context().id(by), mac)
}

// Acceptance says which account, with which key, accepted an invitation.
type Acceptance struct {
	Invitation hearkeep.InvitationID
	Vault      hearkeep.VaultID
	Account    hearkeep.AccountID
	Public     AccountPublic
}

func (a Acceptance) context() context {
	return contextOf(purposeAccept).id(a.Invitation).id(a.Vault).id(a.Account).bytes(a.Public.Bytes())
}

// MACAcceptance authenticates an acceptance under the secret of the link:
// HMAC-SHA256 under HKDF-SHA256(secret, no salt, label, 32).
func MACAcceptance(secret [32]byte, a Acceptance) []byte {
	h := hmac.New(sha256.New, derive(secret[:], nil, labelAccept, keySize))
	h.Write(a.context())
	return h.Sum(nil)
}

// VerifyAcceptance checks what MACAcceptance made; ErrVerify where it is not.
func VerifyAcceptance(secret [32]byte, a Acceptance, mac []byte) error {
	if !hmac.Equal(mac, MACAcceptance(secret, a)) {
		return ErrVerify
	}
	return nil
}

// DecoyCredential makes up the n-th passkey of a name that may have none: the
// same 32 bytes each time, which nobody without the house key can tell from
// random ones. Ids of other lengths than 32 bytes are for the caller to hide.
// nil of the zero key.
func DecoyCredential(hk HouseKey, name string, n int) []byte {
	return mac(hk, labelHouseDecoy, contextOf(purposeDecoy).text(name).bytes(binary.BigEndian.AppendUint32(nil, uint32(n))))
}
