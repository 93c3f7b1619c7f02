package identity_test

import (
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
)

// A request that was let in and takes its time does nothing once its session
// has ended.
func TestEndedSessionDoesNothing(t *testing.T) {
	h := openHouse(t)
	anna := h.make(t, "Anna")
	bert, carl := h.member(t, anna, "Bert"), h.make(t, "Carl")
	link := h.invite(t, anna)
	for _, who := range []identity.Verified{anna, carl} {
		sessions, err := h.desk.Sessions(t.Context(), who)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.desk.EndSession(t.Context(), who, sessions[0].ID); err != nil {
			t.Fatal(err)
		}
	}
	_, invited := h.desk.Invite(t.Context(), anna, true)
	_, left := h.desk.SayFarewell(t.Context(), anna)
	for what, err := range map[string]error{
		"invites an admin": invited, "says farewell": left,
		"makes an admin": h.desk.SetAdmin(t.Context(), anna, bert.Account(), true),
		"removes":        h.desk.RemoveMember(t.Context(), anna, bert.Account()),
		"accepts":        h.desk.Accept(t.Context(), carl, link),
	} {
		wantCode(t, what, err, hearkeep.Unauthorized)
	}
	h.wantNames(t, bert, "Anna*", "Bert")
}

// Who removes an address that somebody else reads ends the link that went there.
func TestFarewellLinkOfRemovedAddress(t *testing.T) {
	h := openHouse(t)
	anna, link := h.leaving(t, "Anna")
	addresses, err := h.desk.Addresses(t.Context(), anna)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.desk.FarewellLink(t.Context(), link); err != nil {
		t.Fatal(err)
	}
	in, err := h.desk.RemoveAddress(t.Context(), anna, addresses[0].ID, identity.Visitor{})
	if err != nil {
		t.Fatal(err)
	}
	_, shown := h.desk.FarewellLink(t.Context(), link)
	_, confirmed := h.desk.ConfirmFarewell(t.Context(), link)
	wantCode(t, "shown", shown, hearkeep.NotFound)
	wantCode(t, "confirmed", confirmed, hearkeep.NotFound)
	if due, err := h.desk.Farewell(t.Context(), in.Who); err != nil || !due.IsZero() {
		t.Errorf("got %v, %v: want no farewell", due, err)
	}
}
