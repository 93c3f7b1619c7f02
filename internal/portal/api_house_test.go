package portal

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// TestAPIDoors adds, changes, pauses, pairs, moves and disconnects doors.
func TestAPIDoors(t *testing.T) {
	h := newHome(t)
	h.person("Anna")
	c := h.terminal("Anna")
	of := "/v1/vaults/" + c.vault()
	var d doorJSON
	c.must(http.StatusCreated, "POST", of+"/doors", newDoorJSON{
		Source: hearkeep.SourceWyoming, Name: "Kitchen", Keep: hearkeep.KeepWords, Quiet: "22:00-07:00",
		Listen: "0.0.0.0:10999", Allow: []string{"192.168.1.0/24", "192.168.2.7"}, Relay: "127.0.0.1:10998",
	}, &d)
	if d.Name != "Kitchen" || d.Quiet != "22:00-07:00" || !slices.Equal(d.Allow, []string{"192.168.1.0/24", "192.168.2.7"}) {
		t.Errorf("the door is %+v", d)
	}
	c.must(http.StatusConflict, "POST", of+"/doors", newDoorJSON{Source: hearkeep.SourceWyoming, Name: "Hall", Keep: hearkeep.KeepAll, Listen: "127.0.0.1:10999"}, nil)
	c.must(http.StatusUnprocessableEntity, "POST", of+"/doors", newDoorJSON{Source: hearkeep.SourceWyoming, Name: "Hall", Keep: hearkeep.KeepAll, Listen: "0.0.0.0:10997"}, nil)
	one := of + "/doors/" + d.ID.String()
	name, keep := "Pantry", hearkeep.KeepAll
	c.must(http.StatusOK, "PATCH", one, doorSettingsJSON{Name: &name, Keep: &keep}, &d)
	if d.Name != "Pantry" || d.Keep != hearkeep.KeepAll || d.Listen != "0.0.0.0:10999" || d.Quiet == "" || len(d.Allow) != 2 {
		t.Errorf("changed, the door is %+v: what was not given stays", d)
	}
	writes := c.program("write")
	var all doorsJSON
	writes.must(http.StatusOK, "PATCH", of+"/doors", pauseJSON{Paused: true, Doors: []hearkeep.BindingID{d.ID}}, &all)
	for _, door := range all.Doors {
		if door.Paused != (door.ID == d.ID) {
			t.Errorf("after one was paused, %s is paused: %t", door.Name, door.Paused)
		}
	}
	writes.must(http.StatusNotFound, "PATCH", of+"/doors", pauseJSON{Paused: true, Doors: []hearkeep.BindingID{hearkeep.NewID[hearkeep.BindingID]()}}, nil)
	writes.must(http.StatusOK, "PATCH", of+"/doors", pauseJSON{Paused: false}, nil)
	writes.must(http.StatusForbidden, "PATCH", one, doorSettingsJSON{Name: &name}, nil)
	c.must(http.StatusUnprocessableEntity, "POST", one+"/pairing-code", nil, nil)

	var say doorJSON
	c.must(http.StatusCreated, "POST", of+"/doors", newDoorJSON{Source: hearkeep.SourceSay, Name: "Desk", Keep: hearkeep.KeepAll}, &say)
	var pairing pairingJSON
	c.must(http.StatusCreated, "POST", of+"/doors/"+say.ID.String()+"/pairing-code", nil, &pairing)
	var device deviceJSON
	(&caller{t, h, ""}).must(http.StatusOK, "POST", "/v1/pair", pairJSON{pairing.Code}, &device)
	var other vaultJSON
	c.must(http.StatusCreated, "POST", "/v1/vaults", newVaultJSON{Name: "Study"}, &other)
	c.must(http.StatusNoContent, "PATCH", "/v1/vaults/"+other.ID.String(), nameJSON{"Library"}, nil)
	var moved doorJSON
	c.must(http.StatusOK, "POST", of+"/doors/"+say.ID.String()+"/move", toJSON{other.ID}, &moved)
	c.must(http.StatusNotFound, "GET", of+"/doors/"+say.ID.String(), nil, nil)
	c.must(http.StatusOK, "GET", "/v1/vaults/"+other.ID.String()+"/doors/"+moved.ID.String(), nil, nil)
	c.must(http.StatusNoContent, "DELETE", one, nil, nil)
	c.must(http.StatusNotFound, "DELETE", one, nil, nil)

	// Recordings move between vaults of one person, and to nobody else's.
	h.engine.hears("good morning")
	c.speakInto(c.vault())
	var page recordingsJSON
	c.must(http.StatusOK, "GET", of+"/recordings", nil, &page)
	id := page.Recordings[0].ID
	h.person("Ben")
	bens, err := hearkeep.ParseID[hearkeep.VaultID](h.terminal("Ben").vault())
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []hearkeep.VaultID{bens, hearkeep.NewID[hearkeep.VaultID]()} {
		c.must(http.StatusNotFound, "POST", of+"/move", moveJSON{to, []hearkeep.RecordingID{id}}, nil)
		c.must(http.StatusOK, "GET", of+"/recordings/"+id.String(), nil, nil)
	}
	c.must(http.StatusOK, "POST", of+"/move", moveJSON{other.ID, []hearkeep.RecordingID{id}}, nil)
	c.must(http.StatusOK, "GET", "/v1/vaults/"+other.ID.String()+"/recordings", nil, &page)
	if len(page.Recordings) != 1 || page.Recordings[0].Words != "good morning" {
		t.Errorf("after moving, the other vault keeps %+v", page)
	}
}

// TestAPIHousehold invites Ben to a shared vault, which he then holds; an
// admin who holds nothing opens nothing.
func TestAPIHousehold(t *testing.T) {
	h := newHome(t)
	h.person("Anna")
	h.person("Ben")
	a, b := h.terminal("Anna"), h.terminal("Ben")
	var living vaultJSON
	a.must(http.StatusCreated, "POST", "/v1/vaults", newVaultJSON{Name: "Living room", Kind: vault.Shared}, &living)
	of := "/v1/vaults/" + living.ID.String()
	a.speakInto(living.ID.String())
	b.must(http.StatusNotFound, "GET", of+"/recordings", nil, nil)
	a.must(http.StatusNoContent, "PATCH", "/v1/household", nameJSON{"Mill Lane"}, nil)

	var link linkJSON
	a.must(http.StatusCreated, "POST", of+"/invitations", inviteJSON{}, &link)
	secret := link.Link[strings.LastIndex(link.Link, "/")+1:]
	b.must(http.StatusNotFound, "POST", "/v1/invitations/offer", secretJSON{secret[:len(secret)-2] + "AA"}, nil)
	var offer offerJSON
	b.must(http.StatusOK, "POST", "/v1/invitations/offer", secretJSON{secret}, &offer)
	if offer.From != "Anna" || offer.VaultName != "Living room" || offer.Vault == nil || *offer.Vault != living.ID {
		t.Errorf("the offer is %+v", offer)
	}
	b.must(http.StatusNoContent, "POST", "/v1/invitations/accept", secretJSON{secret}, nil)
	b.must(http.StatusNotFound, "POST", "/v1/invitations/accept", secretJSON{secret}, nil)
	var holders holdersJSON
	a.must(http.StatusOK, "GET", of+"/holders", nil, &holders) // entering completes it
	a.must(http.StatusOK, "GET", of+"/holders", nil, &holders)
	i := slices.IndexFunc(holders.Holders, func(o holderJSON) bool { return o.Name == "Ben" && !o.Past })
	if i < 0 {
		t.Fatalf("who holds it: %+v", holders)
	}
	ben := holders.Holders[i].Account.String()
	var page recordingsJSON
	b.must(http.StatusOK, "GET", of+"/recordings", nil, &page)
	if len(page.Recordings) != 0 {
		t.Errorf("without the past, Ben sees %+v", page)
	}
	a.must(http.StatusNoContent, "POST", of+"/holders/"+ben+"/past", nil, nil)
	b.must(http.StatusOK, "GET", of+"/recordings", nil, &page)
	if len(page.Recordings) != 1 {
		t.Errorf("with the past, Ben sees %+v", page)
	}
	var home householdJSON
	b.must(http.StatusOK, "GET", "/v1/household", nil, &home)
	if home.Name != "Mill Lane" || len(home.Members) != 2 || home.Admin {
		t.Errorf("to Ben, the household is %+v", home)
	}
	anna := home.Members[slices.IndexFunc(home.Members, func(m memberJSON) bool { return m.Name == "Anna" })].Account.String()
	// What is for admins is not there for him.
	for _, call := range []struct {
		method, path string
		in           any
	}{
		{"PATCH", "/v1/household", nameJSON{"Ben's"}}, {"POST", "/v1/household/invitations", adminJSON{}}, {"GET", "/v1/household/doors", nil},
		{"PATCH", "/v1/household/members/" + ben, adminJSON{true}}, {"DELETE", "/v1/household/members/" + anna, nil},
	} {
		if got := b.do(call.method, call.path, call.in, nil); got.Status != http.StatusNotFound {
			t.Errorf("%s %s answers a member %d %s", call.method, call.path, got.Status, got.Body)
		}
	}
	a.must(http.StatusNoContent, "DELETE", of+"/holders/"+ben, nil, nil)
	b.must(http.StatusNotFound, "GET", of+"/recordings", nil, nil)
	a.must(http.StatusNoContent, "PATCH", "/v1/household/members/"+ben, adminJSON{true}, nil)
	var doors houseDoorsJSON
	b.must(http.StatusOK, "GET", "/v1/household/doors", nil, &doors)
	if len(doors.Doors) != 1 || doors.Doors[0].VaultName != "Living room" {
		t.Fatalf("to an admin who holds nothing, the doors are %+v", doors)
	}
	b.must(http.StatusNotFound, "GET", of+"/recordings", nil, nil)
	b.must(http.StatusNotFound, "GET", of+"/doors/"+doors.Doors[0].Door.ID.String(), nil, nil)
	b.must(http.StatusCreated, "POST", "/v1/household/invitations", adminJSON{}, &link)
	b.must(http.StatusOK, "GET", "/v1/household", nil, &home)
	if len(home.Invitations) != 1 {
		t.Fatalf("the invitations are %+v", home.Invitations)
	}
	b.must(http.StatusNoContent, "DELETE", "/v1/household/invitations/"+home.Invitations[0].ID.String(), nil, nil)
	b.must(http.StatusNoContent, "POST", "/v1/household/leave", nil, nil)
}

// TestAPIFarewell says farewell and stays after all; letters and addresses are
// listed.
func TestAPIFarewell(t *testing.T) {
	h := newHome(t)
	h.person("Anna")
	c := h.terminal("Anna")
	var f farewellJSON
	c.must(http.StatusOK, "GET", "/v1/farewell", nil, &f)
	if !f.Due.IsZero() {
		t.Errorf("nobody said farewell, and it is due %s", f.Due)
	}
	c.must(http.StatusCreated, "POST", "/v1/farewell", nil, &f)
	var me meJSON
	c.must(http.StatusOK, "GET", "/v1/me", nil, &me)
	if f.Due.IsZero() || !me.Farewell.Equal(f.Due) {
		t.Errorf("it is due %s, and me says %s", f.Due, me.Farewell)
	}
	c.must(http.StatusNoContent, "DELETE", "/v1/farewell", nil, nil)
	c.must(http.StatusOK, "GET", "/v1/me", nil, &me)
	c.must(http.StatusOK, "GET", "/v1/addresses", nil, &addressesJSON{})
	c.must(http.StatusOK, "GET", "/v1/letters", nil, &lettersJSON{})
	if got := c.do("GET", "/v1/letters?"+url.Values{"x": {"y"}}.Encode(), nil, nil); got.Status != http.StatusUnprocessableEntity {
		t.Errorf("a query that is not described answers %d", got.Status)
	}
}
