package vault_test

import (
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// A session that was left open, or its stolen cookie, lays no way out that
// lasts: to another engine, or into a vault that others hold.
func TestOpenSessionLaysNoWayOut(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	ctx := t.Context()
	ours := h.Joined(t, h.Vault(t, bert, vault.Shared), anna, vault.Invitation{As: "holder", Past: true})
	own, id := anotherOf(t, h, anna), say(t, anna, "mine alone")
	all := hearkeep.RoomRule{Keep: hearkeep.KeepAll}
	door := vault.Door{Name: "Bedroom", Listen: "127.0.0.1:10300"}
	relays := door
	relays.Relay = "198.51.100.7:10300"

	left := h.Enter(t, anna)
	listener, err := left.Bind(ctx, hearkeep.SourceWyoming, door, all)
	must(t, err)
	vault.Unfresh(left)
	wantCode(t, "to relay", left.Change(ctx, listener, relays, all), hearkeep.StepUp)
	elsewhere := relays
	elsewhere.Listen = "127.0.0.1:10301"
	_, err = left.Bind(ctx, hearkeep.SourceWyoming, elsewhere, all)
	wantCode(t, "a new door that relays", err, hearkeep.StepUp)
	_, err = vault.Move(ctx, left, h.Enter(t, ours), id)
	wantCode(t, "a recording into a shared vault", err, hearkeep.StepUp)
	_, err = vault.MoveDoor(ctx, left, h.Enter(t, ours), listener)
	wantCode(t, "a door into a shared vault", err, hearkeep.StepUp)
	_, err = vault.Move(ctx, left, h.Enter(t, own), id)
	must(t, err)

	shown := h.Enter(t, anna)
	must(t, shown.Change(ctx, listener, relays, all))
	if got := h.Mail.To(anna.Who.Account()); got[len(got)-1] != "door relays" {
		t.Errorf("letters: got %v, want the last about the door", got)
	}
	vault.Unfresh(shown)
	relays.Name = "Bathroom"
	must(t, shown.Change(ctx, listener, relays, all)) // where it relays to stays
	_, err = vault.MoveDoor(ctx, h.Enter(t, anna), h.Enter(t, ours), listener)
	must(t, err)
}

// A request that was let in and takes its time, with a slow body, changes
// nothing once its session has ended.
func TestEndedSessionChangesNothing(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	ctx := t.Context()
	ours := h.Vault(t, anna, vault.Shared)
	h.Joined(t, ours, bert, vault.Invitation{As: "holder"})
	room, other, id := h.Enter(t, ours), h.Enter(t, anna), say(t, anna, "mine alone")
	sessions, err := h.Desk.Sessions(ctx, anna.Who)
	must(t, err)
	must(t, h.Desk.EndSession(ctx, anna.Who, sessions[0].ID))

	_, invited := room.Invite(ctx, vault.Invitation{As: "holder", Past: true})
	_, bound := room.Bind(ctx, hearkeep.SourceSay, vault.Door{Name: "Terminal"}, hearkeep.RoomRule{Keep: hearkeep.KeepAll})
	_, moved := vault.Move(ctx, other, room, id)
	_, made := h.Keep.Add(ctx, anna.Who, vault.NewVault{Name: "Another", Kind: vault.Shared})
	for what, err := range map[string]error{
		"invites": invited, "binds": bound, "moves": moved, "makes a vault": made,
		"gives the past": room.GivePast(ctx, bert.Who.Account()),
		"removes":        room.RemoveHolder(ctx, bert.Who.Account()),
		"unbinds":        room.Unbind(ctx, ours.Inbox.Binding()),
		"leaves":         room.Leave(ctx),
	} {
		wantCode(t, what, err, hearkeep.Unauthorized)
	}
}

// Who accepted an invitation to another household's vault, and then renewed
// their keys, is not taken for an intruder.
func TestAcceptedWithRenewedKeys(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert, carl := h.Person(t, "Anna"), h.Person(t, "Bert"), h.Person(t, "Carl")
	link, err := h.Desk.Invite(t.Context(), bert.Who, false)
	must(t, err)
	must(t, h.Desk.Accept(t.Context(), carl.Who, link)) // Bert stays with Carl
	ours := h.Vault(t, anna, vault.Shared)
	bert = h.Invited(t, ours, bert, vault.Invitation{As: "holder"})
	bert = h.Rekeyed(t, bert)
	h.Enter(t, ours)
	if n := kinds(t, h, ours.Vault)[ledger.KindOpeningFailed]; n != 0 {
		t.Errorf("got %d openings that failed, want none", n)
	}
	h.Joined(t, ours, bert, vault.Invitation{As: "holder"})
}
