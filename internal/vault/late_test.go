package vault_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// letterTo returns the last letter of a topic to a person, or fails.
func letterTo(t *testing.T, h *vaulttest.Home, p vaulttest.Person, topic string) hearkeep.Letter {
	t.Helper()
	for _, told := range slices.Backward(h.Mail.Sent) {
		if told.To == p.Who.Account() && told.Letter.Topic == topic {
			return told.Letter
		}
	}
	t.Fatalf("%s had no letter %q", p.Who.Name(), topic)
	return hearkeep.Letter{}
}

// Two who accepted to be the child are no intruders: the first is, and the
// other is told.
func TestSecondChildIsTooLate(t *testing.T) {
	h, ctx := vaulttest.New(t), t.Context()
	anna, kim, lou := h.Person(t, "Anna"), h.Person(t, "Kim"), h.Person(t, "Lou")
	nursery := h.Vault(t, anna, vault.Child)
	var links []string
	for range 2 {
		link, err := h.Enter(t, nursery).Invite(ctx, vault.Invitation{As: "child"})
		must(t, err)
		links = append(links, link)
	}
	must(t, h.Desk.Accept(ctx, kim.Who, links[0]))
	must(t, h.Desk.Accept(ctx, lou.Who, links[1]))
	room := h.Enter(t, nursery)
	holders, err := room.Holders(ctx)
	must(t, err)
	invited, err := room.Invited(ctx)
	must(t, err)
	if len(holders) != 2 || len(invited) != 0 {
		t.Errorf("got %d holders and %d invitations, want 2 and none", len(holders), len(invited))
	}
	if n := kinds(t, h, nursery.Vault)[ledger.KindOpeningFailed]; n != 0 {
		t.Errorf("got %d openings that failed, want none", n)
	}
	late, in := lou, kim
	if slices.ContainsFunc(holders, func(x vault.Holder) bool { return x.Account == lou.Who.Account() }) {
		late, in = kim, lou
	}
	letterTo(t, h, late, "invitation ended")
	letterTo(t, h, anna, "invitation ended")
	letterTo(t, h, in, "keyholder added")
	wantSound(t, h)
}

// Who accepted, and whose invitation ends because somebody left, is told.
func TestAcceptedAndThenEnded(t *testing.T) {
	for name, goes := range map[string]func(t *testing.T, h *vaulttest.Home, anna, bert vaulttest.Person){
		"left": func(t *testing.T, h *vaulttest.Home, _, bert vaulttest.Person) { must(t, bert.Room.Leave(t.Context())) },
		"farewell": func(t *testing.T, h *vaulttest.Home, _, bert vaulttest.Person) {
			must(t, h.Keep.Forget(t.Context(), bert.Who.Account()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := vaulttest.New(t)
			anna, bert, carl, dora := h.Person(t, "Anna"), h.Person(t, "Bert"), h.Person(t, "Carl"), h.Person(t, "Dora")
			living := h.Vault(t, anna, vault.Shared)
			bert = h.Joined(t, living, bert, vault.Invitation{As: "holder", Past: true})
			_, err := bert.Room.Invite(t.Context(), vault.Invitation{As: "holder"}) // nobody accepted this one
			must(t, err)
			h.Invited(t, living, carl, vault.Invitation{As: "holder"})
			bert.Room = h.Enter(t, bert) // Carl is in
			link, err := bert.Room.Invite(t.Context(), vault.Invitation{As: "holder"})
			must(t, err)
			must(t, h.Desk.Accept(t.Context(), dora.Who, link))
			goes(t, h, living, bert)
			if l := letterTo(t, h, dora, "invitation ended"); !strings.Contains(l.Text, "ask for another") {
				t.Errorf("letter: got %+v", l)
			}
			if slices.Contains(h.Mail.To(carl.Who.Account()), "invitation ended") {
				t.Error("who holds it already was told that an invitation ended")
			}
		})
	}
}

// A letter says how much of the past was given, and not more.
func TestLetterSaysWhatWasGiven(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert, carl, dora := h.Person(t, "Anna"), h.Person(t, "Bert"), h.Person(t, "Carl"), h.Person(t, "Dora")
	living := h.Vault(t, anna, vault.Shared)
	bert = h.Joined(t, living, bert, vault.Invitation{As: "holder"})
	link, err := h.Enter(t, living).Invite(t.Context(), vault.Invitation{As: "holder", Past: true})
	must(t, err)
	must(t, h.Desk.Accept(t.Context(), carl.Who, link))
	h.Enter(t, bert) // who has a part of it
	if l := letterTo(t, h, carl, "keyholder added"); !strings.Contains(l.Text, "the newer part") {
		t.Errorf("a part was given, and the letter says %q", l.Text)
	}
	h.Joined(t, living, dora, vault.Invitation{As: "holder", Past: true}) // by who has it all
	if l := letterTo(t, h, dora, "keyholder added"); !strings.Contains(l.Text, "and what was kept before.") {
		t.Errorf("all was given, and the letter says %q", l.Text)
	}
	if l := letterTo(t, h, bert, "keyholder added"); !strings.Contains(l.Text, "Dora") {
		t.Errorf("the letter to who holds it: %q", l.Text)
	}
}
