package portal

import (
	"fmt"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
)

func sampleAwaits() []awaitView { return []awaitView{{"Living room", "Ben"}, {nasty, nasty}} }

func sampleHousehold(change func(*householdPage)) *householdPage {
	id := func(n int) string { return fmt.Sprintf("%032x", n) }
	old, week := at(day0.AddDate(0, -2, 0)), at(day0.AddDate(0, 0, 7))
	page := &householdPage{
		frame: framed("Mill Lane", "household"), Named: "Mill Lane", Admin: true,
		Members: []memberView{
			{id(1), "Anna Lindqvist", true, true, true, old}, {id(2), "Ben", false, false, false, at(day0)}, {id(3), nasty, false, false, false, at(day0)},
		},
		Invitations: []offerView{
			{id(1), "The household", "Anna Lindqvist", "", true, week}, {id(2), "“Living room”, with what was kept before", "Anna Lindqvist", "Carl", true, week},
			{id(3), "“" + nasty + "”, from then on", nasty, nasty, true, week},
		},
		Doors: []houseDoorView{
			{id(1), "Kitchen", sourceKind(hearkeep.SourceWyoming), "Living room", "Sound and words", old, false},
			{id(2), nasty, sourceKind(hearkeep.SourceUpload), nasty, "Paused", old, true},
		},
		Departing: []departingView{{"Dora", "Living room", at(day0)}},
	}
	change(page)
	return page
}

func sampleSharing(change func(*sharingPage)) *sharingPage {
	id := func(n int) string { return fmt.Sprintf("%032x", n) }
	page := &sharingPage{
		frame: inVault("Living room", "vaults"), Of: sampleVaults()[1].ID, Named: "Living room", Kind: "shared", As: "holder", MayInvite: true, MayLeave: true,
		Holders: []holderView{
			{id(1), "Anna Lindqvist", "Holds it", true, true, false, false, false}, {id(2), "Ben", "Holds it", false, false, false, true, true},
			{id(3), nasty, "Holds it", false, true, false, true, false}, {id(4), "Carl", "Holds it", false, false, true, false, false},
		},
		Invitations: []offerView{
			{id(1), "To hold it, from then on", "Anna Lindqvist", "", true, at(day0.AddDate(0, 0, 7))},
			{id(2), "To hold it, with what was kept before", nasty, nasty, false, at(day0.AddDate(0, 0, 7))},
		},
	}
	change(page)
	return page
}

func sampleJoin(change func(*joinPage)) *joinPage {
	page := &joinPage{
		frame: unframed("You are invited"), Link: "abc", Until: at(day0.AddDate(0, 0, 7)), MinPassphrase: identity.MinPassphrase, SignIn: "/sign-in?next=%2Fjoin%2Fabc",
		Offer: identity.Offer{Household: "Mill Lane", From: "Anna Lindqvist", Vault: hearkeep.VaultID{1}, VaultName: "Living room", As: "holder"},
	}
	change(page)
	return page
}

func signedJoin(change func(*joinPage)) *joinPage {
	return sampleJoin(func(page *joinPage) {
		page.frame, page.As = framed(page.Title, ""), fmt.Sprintf("%032x", 1)
		change(page)
	})
}

// houseSamples are the pages of the household, of vaults and who holds them,
// and of invitations.
func houseSamples(wrong *problem) []sample {
	of := "?of=" + sampleVaults()[1].ID
	return []sample{
		{"household", "household", sampleHousehold(func(*householdPage) {})},
		{"household-alone", "household", sampleHousehold(func(h *householdPage) {
			h.Title, h.Named, h.Alone, h.Done = "Household", "", true, householdDone("left")
			h.Members, h.Invitations, h.Doors, h.Departing = h.Members[:1], nil, nil, nil
		})},
		{"household-member", "household", sampleHousehold(func(h *householdPage) {
			h.Admin, h.Invitations, h.Doors, h.Departing = false, h.Invitations[1:2], nil, nil
		})},
		{"household-wrong", "household", sampleHousehold(func(h *householdPage) { h.Title, h.Named, h.Problem = nasty, nasty, wrong })},
		{"invite", "invite", &linkPage{frame: framed("Invite to the household", "household"), Back: "/household"}},
		{"link", "link", &linkPage{frame: inVault("An invitation to “Living room”", "vaults"), Back: "/sharing" + of,
			Link: "http://localhost:8484/join/" + strings.Repeat("Ab3_", 10) + "xyz", Says: []string{linkSays, nasty}}},
		{"sharing", "sharing", sampleSharing(func(*sharingPage) {})},
		{"sharing-new", "sharing", sampleSharing(func(s *sharingPage) { s.Holders, s.Invitations, s.MayLeave = s.Holders[:1], nil, false })},
		{"sharing-personal", "sharing", sampleSharing(func(s *sharingPage) {
			s.frame, s.Named, s.Kind, s.Holders, s.Invitations = framed("Your keep", "vaults"), "", "personal", s.Holders[:1], nil
			s.Problem = wrong
		})},
		{"sharing-child", "sharing", sampleSharing(func(s *sharingPage) {
			s.Kind, s.As, s.Done = "child", "guardian", sharingDone("past")
			s.Holders[0].As, s.Holders[1].As, s.Holders[2].As = "Guardian", "The child it is for", "Guardian"
			s.Age = &ageView{Day: at(day0.AddDate(9, 0, 0)), Child: true, MayHandOver: true}
		})},
		{"sharing-childless", "sharing", sampleSharing(func(s *sharingPage) {
			s.Kind, s.As, s.Holders = "child", "guardian", s.Holders[:1]
			s.Age = &ageView{Day: at(day0.AddDate(9, 0, 0))}
		})},
		{"sharing-of-age", "sharing", sampleSharing(func(s *sharingPage) {
			s.Kind, s.As, s.MayInvite = "child", "child", false
			s.Age = &ageView{Day: at(day0), Come: true, Child: true, MayTakeOver: true}
		})},
		{"share", "share", &sharePage{frame: inVault("Invite to “Living room”", "vaults"), Of: sampleVaults()[1].ID, Kind: "shared", As: "holder"}},
		{"share-child", "share", &sharePage{frame: inVault("Invite to “"+nasty+"”", "vaults"), Of: sampleVaults()[1].ID, Kind: "child", Child: true, As: "child", Past: true, Problem: wrong}},
		{"confirm", "confirm", &confirmPage{frame: inVault("Take “Living room” from Ben?", "vaults"), Button: "Take it from Ben", Action: "/sharing" + of, Back: "/sharing" + of,
			Says: []string{"They can open nothing of it any more.", "They are told."}}},
		{"confirm-what", "confirm", &confirmPage{frame: framed("Disconnect this door?", "household"), What: nasty, Button: "Disconnect it", Action: "/household", Back: "/household", Says: []string{nasty}}},
		{"vaults", "vaults", &vaultsPage{inVault("Vaults", "vaults"), sampleVaults(), sampleAwaits()}},
		{"vaults-one", "vaults", &vaultsPage{frame: framed("Vaults", "vaults"), Vaults: sampleVaults()[:1]}},
		{"newvault", "newvault", &newVaultPage{frame: framed("Add a vault", "vaults"), Kind: "personal"}},
		{"newvault-wrong", "newvault", &newVaultPage{framed("Add a vault", "vaults"), nasty, "child", "2035-02-01", wrong}},
		{"join", "join", sampleJoin(func(*joinPage) {})},
		{"join-wrong", "join", sampleJoin(func(j *joinPage) {
			j.Given, j.Problem, j.Offer = nasty, wrong, identity.Offer{From: nasty, Household: nasty, Admin: true}
		})},
		{"join-signed-in", "join", signedJoin(func(j *joinPage) { j.Moves, j.Own = true, []string{"Attic", nasty} })},
		{"join-stays", "join", signedJoin(func(j *joinPage) { j.Stays, j.Offer.As, j.Offer.Past = true, "guardian", true })},
		{"join-cannot", "join", signedJoin(func(j *joinPage) { j.Cannot = wrong })},
	}
}
