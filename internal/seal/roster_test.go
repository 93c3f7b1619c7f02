package seal

import (
	"bytes"
	"errors"
	"testing"

	"github.com/hearkeep/hearkeep"
)

// A keyholder signs another roster with the generation's own key: the house
// key says that the program did not write it.
func TestRosterIsTheProgramsOwn(t *testing.T) {
	hk, vault := NewHouseKey(), hearkeep.VaultID{1}
	key := must(NewVaultKey())
	_, public, err := NewAccountPair()
	if err != nil {
		t.Fatal(err)
	}
	written := must(SignRoster(key, vault, 2, []RosterMember{{hearkeep.AccountID{1}, "holder", public}}))
	forged := must(SignRoster(key, vault, 2, []RosterMember{{hearkeep.AccountID{2}, "holder", public}}))
	mac := MACRoster(hk, vault, 2, written)
	if err := VerifyRoster(hk, vault, 2, written, mac); err != nil {
		t.Errorf("the roster that was written: got %v", err)
	}
	for name, err := range map[string]error{
		"another roster":     VerifyRoster(hk, vault, 2, forged, mac),
		"another generation": VerifyRoster(hk, vault, 3, written, mac),
		"another vault":      VerifyRoster(hk, hearkeep.VaultID{2}, 2, written, mac),
		"another house":      VerifyRoster(NewHouseKey(), vault, 2, written, mac),
		"no MAC":             VerifyRoster(hk, vault, 2, written, nil),
	} {
		if !errors.Is(err, ErrVerify) {
			t.Errorf("%s: got %v, want %v", name, err, ErrVerify)
		}
	}
	if err := VerifyRoster(HouseKey{}, vault, 2, written, nil); !errors.Is(err, ErrKey) {
		t.Errorf("the zero house key: got %v, want %v", err, ErrKey)
	}
	if bytes.Equal(mac, MACPin(hk, PinStatement{Vault: vault, Generation: 2})) {
		t.Error("a roster's MAC is a pin's")
	}
}

// Another keyholder's name, or more than was offered, is not what was made.
func TestInvitationIsWhoMadeIt(t *testing.T) {
	hk, by := NewHouseKey(), hearkeep.AccountID{1}
	c := InvitationContext{Vault: hearkeep.VaultID{1}, Generation: 2, Invitation: hearkeep.InvitationID{3}, As: "holder"}
	mac := MACInvitation(hk, by, c)
	if err := VerifyInvitation(hk, by, c, mac); err != nil {
		t.Errorf("the invitation that was made: got %v", err)
	}
	more := c
	more.Past = true
	for name, err := range map[string]error{
		"in another's name": VerifyInvitation(hk, hearkeep.AccountID{2}, c, mac),
		"with the past":     VerifyInvitation(hk, by, more, mac),
		"of another house":  VerifyInvitation(NewHouseKey(), by, c, mac),
	} {
		if !errors.Is(err, ErrVerify) {
			t.Errorf("%s: got %v, want %v", name, err, ErrVerify)
		}
	}
}
