package vault_test

import (
	"slices"
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// A child is never left alone with a vault that it cannot take over, whichever
// way its guardians go.
func TestLastGuardianStays(t *testing.T) {
	h := vaulttest.New(t)
	admin, bert, anna, kim := h.Person(t, "Clara"), h.Person(t, "Bert"), h.Person(t, "Anna"), h.Person(t, "Kim")
	ctx := t.Context()
	join(t, h, admin, "member", anna, bert, kim)
	nursery := h.Vault(t, anna, vault.Child)
	bert = h.Joined(t, nursery, bert, vault.Invitation{As: "guardian", Past: true})
	kim = h.Joined(t, nursery, kim, vault.Invitation{As: "child"})
	before := say(t, nursery, "one, two, three")

	must(t, h.Desk.RemoveMember(ctx, admin.Who, bert.Who.Account())) // Anna is left
	wantCode(t, "an admin removes the last guardian", h.Desk.RemoveMember(ctx, admin.Who, anna.Who.Account()), hearkeep.Conflict)
	wantCode(t, "she leaves the household", h.Desk.Leave(ctx, anna.Who), hearkeep.Conflict)
	wantCode(t, "she leaves the vault", h.Enter(t, nursery).Leave(ctx), hearkeep.Conflict)
	wantOpens(t, h, "the last guardian", nursery, before, true)
	wantCode(t, "the child takes it over", h.Enter(t, kim).TakeOver(ctx), hearkeep.Forbidden)

	must(t, h.Enter(t, nursery).HandOver(ctx))
	must(t, h.Desk.RemoveMember(ctx, admin.Who, anna.Who.Account()))
	must(t, h.Enter(t, kim).TakeOver(ctx))
	wantOpens(t, h, "the child, once it may", kim, before, true)
	wantSound(t, h)
}

// A farewell is not refused: the child may take its vault over at once.
func TestFarewellOfTheLastGuardian(t *testing.T) {
	h := vaulttest.New(t)
	anna, kim := h.Person(t, "Anna"), h.Person(t, "Kim")
	ctx := t.Context()
	nursery := h.Vault(t, anna, vault.Child)
	before := say(t, nursery, "one, two, three")
	kim = h.Joined(t, nursery, kim, vault.Invitation{As: "child"})
	for range 2 { // it may be repeated
		must(t, h.Keep.Forget(ctx, anna.Who.Account()))
	}
	wantOpens(t, h, "who said farewell", nursery, before, false)
	if !slices.Contains(h.Mail.To(kim.Who.Account()), "vault handed over") {
		t.Error("the child was not told that the vault is there to be taken over")
	}
	must(t, h.Enter(t, kim).TakeOver(ctx))
	wantOpens(t, h, "the child", kim, before, true)
	wantSound(t, h)
}
