package vault_test

import (
	"slices"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// opens reports whether a person opens words and sound of a recording in the
// vault that p is in.
func opens(t *testing.T, h *vaulttest.Home, p vaulttest.Person, id hearkeep.RecordingID) bool {
	t.Helper()
	room, err := h.Keep.Enter(t.Context(), p.Who, p.Vault)
	if hearkeep.CodeOf(err) == hearkeep.NotFound {
		return false
	}
	must(t, err)
	it, err := room.Read(t.Context(), id)
	if hearkeep.CodeOf(err) == hearkeep.NotFound {
		return false
	}
	must(t, err)
	return it.HasWords && !it.Damaged
}

func wantOpens(t *testing.T, h *vaulttest.Home, what string, p vaulttest.Person, id hearkeep.RecordingID, want bool) {
	t.Helper()
	if got := opens(t, h, p, id); got != want {
		t.Errorf("%s: opens %v, want %v", what, got, want)
	}
}

// wantSound checks what `hearkeep check` says.
func wantSound(t *testing.T, h *vaulttest.Home) {
	t.Helper()
	if _, err := vault.Check(t.Context(), h.Store, h.Blobs, h.House, func(d vault.Damage) { t.Errorf("check: %s", d) }); err != nil {
		t.Error(err)
	}
	doors, err := vault.CheckDoors(t.Context(), h.Store, h.House)
	must(t, err)
	for _, d := range doors {
		if d.Refused != nil {
			t.Errorf("check doors: %v", d.Refused)
		}
	}
}

func TestNewKeyholderAndThePast(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert, carl := h.Person(t, "Anna"), h.Person(t, "Bert"), h.Person(t, "Carl")
	living := h.Vault(t, anna, vault.Shared)
	before := say(t, living, "before anybody came")

	bert = h.Invited(t, living, bert, vault.Invitation{As: "holder"})
	wantOpens(t, h, "accepted, and no keyholder came by", bert, before, false)
	h.Enter(t, living)
	between := say(t, living, "since Bert came")
	wantOpens(t, h, "the past, which was not given", bert, before, false)
	wantOpens(t, h, "the present", bert, between, true)
	room := h.Enter(t, bert)
	if totals, err := room.Totals(t.Context()); err != nil || totals.Recordings != 1 {
		t.Errorf("totals of who came later: got %d recordings, %v", totals.Recordings, err)
	}
	if _, err := room.Erase(t.Context(), before); hearkeep.CodeOf(err) != hearkeep.NotFound {
		t.Errorf("erasing what is not there for him: got %v", err)
	}

	carl = h.Joined(t, living, carl, vault.Invitation{As: "holder", Past: true})
	after := say(t, living, "since Carl came")
	for _, id := range []hearkeep.RecordingID{before, between, after} {
		wantOpens(t, h, "with the past", carl, id, true)
		wantOpens(t, h, "who made it", living, id, true)
	}
	wantOpens(t, h, "the next generation", bert, after, true)

	must(t, h.Enter(t, living).GivePast(t.Context(), bert.Who.Account()))
	wantOpens(t, h, "the past, given later", bert, before, true)
	err := h.Enter(t, living).GivePast(t.Context(), bert.Who.Account())
	wantCode(t, "given twice", err, hearkeep.Conflict)
	if err := h.Enter(t, living).GivePast(t.Context(), hearkeep.NewID[hearkeep.AccountID]()); hearkeep.CodeOf(err) != hearkeep.NotFound {
		t.Errorf("given to nobody: got %v", err)
	}

	holders, err := h.Enter(t, living).Holders(t.Context())
	must(t, err)
	if len(holders) != 3 || !holders[0].You || holders[0].Name != "Anna" {
		t.Errorf("holders: got %+v", holders)
	}
	for _, x := range holders {
		if !x.Past || x.As != "holder" || x.Leaving {
			t.Errorf("holder: got %+v", x)
		}
	}
	for _, p := range []vaulttest.Person{anna, bert, carl} {
		if !slices.Contains(h.Mail.To(p.Who.Account()), "keyholder added") {
			t.Errorf("%s had no letter", p.Who.Name())
		}
	}
	if n := kinds(t, h, living.Vault)[ledger.KindKeys]; n < 5 {
		t.Errorf("%d entries about keys", n)
	}
	wantSound(t, h)
}

// An invitation in two vaults of one kind or another, and who may make one.
func TestWhoMayInvite(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	ctx := t.Context()
	_, err := h.Enter(t, anna).Invite(ctx, vault.Invitation{As: "holder"})
	wantCode(t, "to a personal vault", err, hearkeep.Invalid)
	living, kid := h.Vault(t, anna, vault.Shared), h.Vault(t, anna, vault.Child)
	for _, as := range []string{"", "guardian", "child", "owner"} {
		_, err := h.Enter(t, living).Invite(ctx, vault.Invitation{As: as})
		wantCode(t, "to a shared vault as "+as, err, hearkeep.Invalid)
	}
	_, err = h.Enter(t, kid).Invite(ctx, vault.Invitation{As: "holder"})
	wantCode(t, "to a child's vault as holder", err, hearkeep.Invalid)
	link, err := h.Enter(t, living).Invite(ctx, vault.Invitation{As: "holder"})
	must(t, err)
	must(t, h.Desk.Accept(ctx, bert.Who, link))
	err = h.Desk.Accept(ctx, bert.Who, link)
	wantCode(t, "accepted twice", err, hearkeep.NotFound)
	room := h.Enter(t, living)
	token, _, err := room.MakeToken(ctx, "cron", true, time.Hour)
	must(t, err)
	program, err := h.Keep.Program(ctx, token)
	must(t, err)
	for what, err := range map[string]error{
		"invite":   second(program.Invite(ctx, vault.Invitation{As: "holder"})),
		"remove":   program.RemoveHolder(ctx, bert.Who.Account()),
		"leave":    program.Leave(ctx),
		"past":     program.GivePast(ctx, bert.Who.Account()),
		"takeover": program.TakeOver(ctx),
		"handover": program.HandOver(ctx),
		"holders":  second(program.Holders(ctx)),
	} {
		wantCode(t, "a program: "+what, err, hearkeep.Forbidden)
	}
}

func second[T any](_ T, err error) error { return err }

func TestStaleSessionDecidesNothing(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	living := h.Vault(t, anna, vault.Shared)
	h.Joined(t, living, bert, vault.Invitation{As: "holder"})
	room := h.Enter(t, living)
	vault.Unfresh(room)
	ctx := t.Context()
	for what, err := range map[string]error{
		"invite":   second(room.Invite(ctx, vault.Invitation{As: "holder"})),
		"remove":   room.RemoveHolder(ctx, bert.Who.Account()),
		"past":     room.GivePast(ctx, bert.Who.Account()),
		"takeover": room.TakeOver(ctx),
	} {
		wantCode(t, what, err, hearkeep.StepUp)
	}
}

func TestRemovedKeyholder(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert, carl := h.Person(t, "Anna"), h.Person(t, "Bert"), h.Person(t, "Carl")
	living := h.Vault(t, anna, vault.Shared)
	bert = h.Joined(t, living, bert, vault.Invitation{As: "holder", Past: true})
	carl = h.Joined(t, living, carl, vault.Invitation{As: "holder"})
	before := say(t, living, "while Bert was there")
	open, err := h.Enter(t, living).Invite(t.Context(), vault.Invitation{As: "holder"})
	must(t, err)
	must(t, h.Enter(t, living).RemoveHolder(t.Context(), bert.Who.Account()))
	after := say(t, living, "without Bert")
	_, err = h.Keep.Enter(t.Context(), bert.Who, bert.Vault)
	_, missing := h.Keep.Enter(t.Context(), bert.Who, hearkeep.NewID[hearkeep.VaultID]())
	sameAnswer(t, "removed", err, missing)
	wantOpens(t, h, "who stays", carl, after, true)
	wantOpens(t, h, "who removed", living, before, true)
	if err := h.Enter(t, living).RemoveHolder(t.Context(), bert.Who.Account()); hearkeep.CodeOf(err) != hearkeep.NotFound {
		t.Errorf("removed twice: got %v", err)
	}
	if err := h.Enter(t, living).RemoveHolder(t.Context(), anna.Who.Account()); hearkeep.CodeOf(err) != hearkeep.Invalid {
		t.Errorf("removing oneself: got %v", err)
	}
	if _, err := h.Desk.Offered(t.Context(), open); hearkeep.CodeOf(err) != hearkeep.NotFound {
		t.Errorf("an invitation that Bert could have forged still works: %v", err)
	}
	for _, p := range []vaulttest.Person{anna, bert, carl} {
		if !slices.Contains(h.Mail.To(p.Who.Account()), "keyholder removed") {
			t.Errorf("%s had no letter", p.Who.Name())
		}
	}
	held, err := h.Keep.Vaults(t.Context(), bert.Who)
	must(t, err)
	if len(held) != 1 {
		t.Errorf("Bert is shown %d vaults", len(held))
	}
	wantSound(t, h)
}

// Who leaves is refused at once; the generation without them is made when the
// next keyholder comes by, and the doors go on numbering.
func TestLeaving(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	living := h.Vault(t, anna, vault.Shared)
	first := say(t, living, "one")
	bert = h.Joined(t, living, bert, vault.Invitation{As: "holder"})
	say(t, living, "two")
	err := h.Enter(t, living).Leave(t.Context())
	wantCode(t, "who alone opens the past", err, hearkeep.Conflict)
	must(t, h.Enter(t, bert).Leave(t.Context()))
	_, err = h.Keep.Enter(t.Context(), bert.Who, bert.Vault)
	wantCode(t, "who left", err, hearkeep.NotFound)
	must(t, living.Inbox.Keep(t.Context(), taken("three, before anybody came by")))
	must(t, h.Keep.Complete(t.Context(), anna.Who))
	last := say(t, living, "four")
	room := h.Enter(t, living)
	it, err := room.Read(t.Context(), last)
	must(t, err)
	if it.Number != 4 {
		t.Errorf("number: got %d, want 4", it.Number)
	}
	wantOpens(t, h, "who stays", living, first, true)
	err = room.Leave(t.Context())
	wantCode(t, "the last keyholder", err, hearkeep.Conflict)
	holders, err := room.Holders(t.Context())
	must(t, err)
	if len(holders) != 1 {
		t.Errorf("holders: got %+v", holders)
	}
	// Who left can come again, and then sees what comes then.
	bert = h.Joined(t, living, bert, vault.Invitation{As: "holder"})
	wantOpens(t, h, "who came again", bert, last, false)
	wantOpens(t, h, "who came again", bert, say(t, living, "five"), true)
	wantSound(t, h)
}

func TestChildTakesOver(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert, kim := h.Person(t, "Anna"), h.Person(t, "Bert"), h.Person(t, "Kim")
	ctx := t.Context()
	room := h.Vault(t, anna, vault.Child)
	held, err := h.Keep.Vaults(ctx, anna.Who)
	must(t, err)
	if held[1].Kind != vault.Child || held[1].As != "guardian" || held[1].OfAge.IsZero() {
		t.Errorf("held: got %+v", held[1])
	}
	if got := h.Enter(t, room).Retention().Audio; got != 30*24*time.Hour {
		t.Errorf("a child's vault keeps for %s", got)
	}
	before := say(t, room, "when Kim was small")
	err = h.Enter(t, room).HandOver(ctx)
	wantCode(t, "handed to nobody", err, hearkeep.Conflict)
	bert = h.Joined(t, room, bert, vault.Invitation{As: "guardian"})
	kim = h.Joined(t, room, kim, vault.Invitation{As: "child"})
	wantOpens(t, h, "the child, the past", kim, before, true)
	_, err = h.Enter(t, room).Invite(ctx, vault.Invitation{As: "child"})
	wantCode(t, "a second child", err, hearkeep.Invalid)

	for what, err := range map[string]error{
		"takes over too early": h.Enter(t, kim).TakeOver(ctx),
		"hands over":           h.Enter(t, kim).HandOver(ctx),
		"removes a guardian":   h.Enter(t, kim).RemoveHolder(ctx, anna.Who.Account()),
		"invites":              second(h.Enter(t, kim).Invite(ctx, vault.Invitation{As: "guardian"})),
	} {
		wantCode(t, "the child "+what, err, hearkeep.Forbidden)
	}
	err = h.Enter(t, room).TakeOver(ctx)
	wantCode(t, "a guardian takes over", err, hearkeep.Forbidden)
	must(t, h.Enter(t, bert).Leave(ctx))
	err = h.Enter(t, room).Leave(ctx)
	wantCode(t, "the last guardian leaves", err, hearkeep.Conflict)

	must(t, h.Enter(t, room).HandOver(ctx))
	err = h.Enter(t, room).RemoveHolder(ctx, kim.Who.Account())
	wantCode(t, "a guardian removes the child", err, hearkeep.Forbidden)
	must(t, h.Enter(t, kim).TakeOver(ctx))
	after := say(t, withTerminal(t, h, kim), "Kim's own")
	wantOpens(t, h, "Kim, the past", kim, before, true)
	wantOpens(t, h, "Kim, the present", kim, after, true)
	wantOpens(t, h, "a guardian", room, before, false)
	held, err = h.Keep.Vaults(ctx, kim.Who)
	must(t, err)
	if len(held) != 2 || held[1].ID != room.Vault || held[1].Kind != vault.Personal || held[1].Holders != 1 || held[1].As != "holder" {
		t.Errorf("held: got %+v", held)
	}
	_, err = h.Enter(t, kim).Invite(ctx, vault.Invitation{As: "guardian"})
	wantCode(t, "inviting to what is personal now", err, hearkeep.Invalid)
	wantSound(t, h)
}

func TestRekey(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	living := h.Vault(t, anna, vault.Shared)
	bert = h.Joined(t, living, bert, vault.Invitation{As: "holder"})
	before := say(t, living, "before")
	_, _, err := h.Enter(t, bert).MakeToken(t.Context(), "cron", false, time.Hour)
	must(t, err)
	old := anna.Who
	anna = h.Rekeyed(t, anna)
	living.Who = anna.Who
	after := say(t, living, "after")
	for _, id := range []hearkeep.RecordingID{before, after} {
		wantOpens(t, h, "with new keys", living, id, true)
	}
	wantOpens(t, h, "the other", bert, after, true)
	for _, v := range []hearkeep.VaultID{living.Vault, anna.Vault} {
		sealedTo(t, h, v, 0, old.Private()) // nor is anything older left under the old key
	}
	if _, err := h.Keep.Enter(t.Context(), old, living.Vault); err == nil {
		t.Error("the old keys enter")
	}
	if _, err := h.Keep.Enter(t.Context(), old, anna.Vault); err == nil {
		t.Error("the old keys enter the first vault")
	}
	if tokens, err := h.Keep.Tokens(t.Context(), bert.Who); err != nil || len(tokens) != 0 {
		t.Errorf("tokens of the generation before: got %d, %v", len(tokens), err)
	}
	wantOpens(t, h, "her own vault", anna, say(t, anna, "alone"), true)
	wantSound(t, h)
}

// Somebody makes a generation while keys are renewed: nothing is half done.
func TestRekeyConflict(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert, carl := h.Person(t, "Anna"), h.Person(t, "Bert"), h.Person(t, "Carl")
	living := h.Vault(t, anna, vault.Shared)
	bert = h.Joined(t, living, bert, vault.Invitation{As: "holder"})
	carl = h.Joined(t, living, carl, vault.Invitation{As: "holder"})
	commit, err := h.Keep.Rekey(t.Context(), anna.Who, anna.Who)
	must(t, err)
	must(t, h.Enter(t, bert).RemoveHolder(t.Context(), carl.Who.Account()))
	err = h.Store.Update(t.Context(), commit)
	wantCode(t, "a generation was made meanwhile", err, hearkeep.Conflict)
	commit, err = h.Keep.Rekey(t.Context(), anna.Who, anna.Who)
	must(t, err)
	must(t, h.Enter(t, bert).Leave(t.Context()))
	err = h.Store.Update(t.Context(), commit)
	wantCode(t, "somebody left meanwhile", err, hearkeep.Conflict)
	commit, err = h.Keep.Rekey(t.Context(), anna.Who, anna.Who)
	must(t, err)
	_, err = h.Keep.Add(t.Context(), anna.Who, vault.NewVault{Name: "Another", Kind: vault.Personal})
	must(t, err)
	err = h.Store.Update(t.Context(), commit)
	wantCode(t, "a vault came meanwhile", err, hearkeep.Conflict)
	_, err = h.Keep.Rekey(t.Context(), anna.Who, bert.Who)
	wantCode(t, "to somebody else", err, hearkeep.Unauthorized)
	_, err = h.Keep.Rekey(t.Context(), identity.Verified{}, identity.Verified{})
	wantCode(t, "of nobody", err, hearkeep.Unauthorized)
	wantOpens(t, h, "all is as it was", living, say(t, living, "still"), true)
	wantSound(t, h)
}

// Whoever speaks at a door is told anew when one more comes to hear it (V1).
func TestDoorsTellOfWhoComes(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	living := h.Vault(t, anna, vault.Shared)
	due := func(what string, want bool) {
		t.Helper()
		got, err := living.Inbox.TakeNotice(t.Context())
		must(t, err)
		if got != want {
			t.Errorf("%s: a notice is due: %v, want %v", what, got, want)
		}
	}
	due("a new door", true)
	due("told once", false)
	h.Joined(t, living, bert, vault.Invitation{As: "holder"})
	due("somebody came", true)
	must(t, h.Enter(t, living).RemoveHolder(t.Context(), bert.Who.Account()))
	due("somebody left", false)
}
