package portal

import (
	"fmt"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
)

// unframed is the frame of a page for nobody in particular.
func unframed(title string) frame { return frame{Title: title, Zone: "UTC"} }

func sampleWays() []wayView {
	old := at(day0.AddDate(0, -2, 0))
	way := func(n int, kind, label string) wayView {
		return wayView{ID: fmt.Sprintf("%032x", n), Kind: kind, Label: label, Created: old, Used: due(-time.Hour), Unlocks: true}
	}
	ways := []wayView{
		way(1, identity.KindPassphrase, "Passphrase"), way(2, identity.KindKit, "Recovery kit"), way(3, identity.KindPasskey, "Anna’s phone"),
		way(4, identity.KindPasskey, nasty), way(5, identity.KindPasskey, strings.Repeat("W", 64)),
	}
	ways[1].Used, ways[3].Unlocks = nil, false
	return ways
}

func sampleToken(n int, name string) tokenView {
	return tokenView{ID: fmt.Sprintf("%032x", n), Name: name, Vault: "Living room", May: "May read", Created: at(day0), Expires: at(day0.AddDate(0, 3, 0))}
}

func sampleAccount(change func(*accountPage)) *accountPage {
	page := &accountPage{
		frame: framed("Your account", "account"), Ways: sampleWays(), HasPhrase: true, HasKit: true,
		Addresses: []addressView{
			{fmt.Sprintf("%032x", 1), "E-mail", "email", "anna@example.org", at(day0), true},
			{fmt.Sprintf("%032x", 2), "Webhook", "webhook", "https://example.org/" + strings.Repeat("w", 80), at(day0), false},
			{fmt.Sprintf("%032x", 3), "Said at a door", "spoken", "Door K7QD-2M9X", at(day0), true},
		},
		Sessions: []sessionView{
			{"00000000000000aa", "Firefox on Linux", at(day0), at(day0), true},
			{"00000000000000ab", nasty, at(day0), at(day0), false},
		},
		Tokens: []tokenView{sampleToken(1, "Backup at night"), sampleToken(2, nasty)},
	}
	change(page)
	return page
}

// accountSamples are the pages of the account, and of getting in without one's
// passphrase.
func accountSamples(wrong *problem, groups []string) []sample {
	check := checkForm{nasty, [2]int{3, 7}, "/account?done=kit"}
	noted := framed("Your account", "account")
	noted.Farewell, noted.KitUnchecked = due(70*time.Hour), true
	addresses := sampleAccount(func(*accountPage) {}).Addresses
	stale := explain(hearkeep.Errorf(hearkeep.StepUp, "Please show that it is you."))
	return []sample{
		{"account", "account", sampleAccount(func(*accountPage) {})},
		{"account-new", "account", sampleAccount(func(a *accountPage) {
			a.Ways, a.Addresses, a.Sessions, a.Tokens = a.Ways[:2], nil, a.Sessions[:1], nil
			a.Ways[1].Checked, a.Done = true, done("kit")
		})},
		{"account-noted", "account", sampleAccount(func(a *accountPage) { a.frame, a.Waits = noted, due(48*time.Hour) })},
		{"account-passkey-only", "account", sampleAccount(func(a *accountPage) {
			a.Ways, a.HasPhrase, a.HasKit = a.Ways[2:3], false, false
			a.Ways[0].Only = true
		})},
		{"kit-new", "kit", &kitPage{frame: unframed("Your recovery kit"), For: nasty, Origin: "http://localhost:8484", Made: at(day0), Groups: groups, Check: check}},
		{"newkit", "newkit", &plainPage{frame: framed("Make a recovery kit", "account")}},
		{"newkit-wrong", "newkit", &plainPage{framed("Make a recovery kit", "account"), wrong}},
		{"kitcheck", "kitcheck", &kitCheckPage{frame: framed("Check your recovery kit", "account"), Check: check}},
		{"kitcheck-wrong", "kitcheck", &kitCheckPage{framed("Check your recovery kit", "account"), check, wrong}},
		{"passphrase", "passphrase", &passphrasePage{framed("Choose a passphrase", "account"), nasty, 12, nil}},
		{"passphrase-wrong", "passphrase", &passphrasePage{framed("Choose a passphrase", "account"), "Anna", 12, wrong}},
		{"newpasskey", "newpasskey", &newPasskeyPage{framed("Add a passkey", "account"), "Firefox on Linux", nil}},
		{"newpasskey-wrong", "newpasskey", &newPasskeyPage{framed("Add a passkey", "account"), nasty, wrong}},
		{"way", "way", &wayPage{framed("Anna’s phone", "account"), sampleWays()[2], "Anna’s phone", nil}},
		{"way-kit", "way", &wayPage{framed("Recovery kit", "account"), sampleWays()[1], "", nil}},
		{"way-wrong", "way", &wayPage{framed(nasty, "account"), sampleWays()[3], nasty, wrong}},
		{"removeway", "removeway", &wayPage{framed("Remove this way in?", "account"), sampleWays()[4], "", nil}},
		{"removeway-wrong", "removeway", &wayPage{framed("Remove this way in?", "account"), sampleWays()[3], "", wrong}},
		{"newaddress", "newaddress", &newAddressPage{framed("Add an address", "account"), false, "email", "", nil, []doorChoice{{fmt.Sprintf("%032x", 7), "Kitchen", "K7QD-2M9X"}, {fmt.Sprintf("%032x", 8), nasty, "K7QD-2M9Y"}, {fmt.Sprintf("%032x", 9), "", "K7QD-2M9Z"}}}},
		{"newaddress-wrong", "newaddress", &newAddressPage{framed("Add an address", "account"), true, "webhook", nasty, wrong, nil}},
		{"address", "address", &addressPage{framed("A", "account"), addresses[1], nil}},
		{"address-confirmed", "address", &addressPage{framed("A", "account"), addresses[0], nil}},
		{"address-spoken", "address", &addressPage{framed("A", "account"), addresses[2], nil}},
		{"removeaddress-spoken", "removeaddress", &addressPage{framed("Remove this address?", "account"), addresses[2], nil}},
		{"address-wrong", "address", &addressPage{framed("A", "account"), addressView{ID: "1", Kind: "E-mail", Address: nasty}, wrong}},
		{"removeaddress", "removeaddress", &addressPage{framed("Remove this address?", "account"), addresses[0], nil}},
		{"removeaddress-wrong", "removeaddress", &addressPage{framed("Remove this address?", "account"), addresses[1], wrong}},
		{"letters", "letters", &lettersPage{framed("What was sent", "account"), []letterView{
			{"passkey added", "E-mail", "Sent", at(day0)}, {nasty, "Webhook", "Could not be delivered", at(day0)}, {"address code", "E-mail", "Waits to be sent", at(day0)},
		}}},
		{"letters-none", "letters", &lettersPage{frame: framed("What was sent", "account")}},
		{"newtoken", "newtoken", &newTokenPage{frame: framed("Make a token", "account"), Vaults: sampleVaults(), Chosen: sampleVaults()[1].ID, Days: "90"}},
		{"newtoken-wrong", "newtoken", &newTokenPage{frame: framed("Make a token", "account"), Vaults: sampleVaults()[:1], Given: nasty, Write: true, Days: nasty, Problem: wrong}},
		{"newtoken-waits", "newtoken", &newTokenPage{frame: framed("Make a token", "account"), Waits: due(48 * time.Hour)}},
		{"token", "token", &madeTokenPage{framed("Your token", "account"), sampleToken(1, nasty), "hkt_" + strings.Repeat("A", 86)}},
		{"farewell", "farewell", &farewellPage{frame: framed("Erase my account", "account"), Given: nasty, Wait: "3 days"}},
		{"farewell-wrong", "farewell", &farewellPage{frame: framed("Erase my account", "account"), Given: "Anna", Wait: "3 days", Problem: wrong}},
		{"unlock", "unlock", &unlockPage{framed("Show that it is you", ""), "Anna", "/account/kit", true, true, true, nil}},
		{"unlock-wrong", "unlock", &unlockPage{framed("Show that it is you", ""), nasty, "/x?" + nasty, true, false, false, wrong}},
		{"unlock-kit", "unlock", &unlockPage{framed("Show that it is you", ""), "Anna", "/account", false, true, true, nil}},
		{"stale", "stale", &stalePage{unframed(stale.Title), stale, "/unlock?next=%2Faccount%2Fkit"}},
		{"half", "half", &halfPage{unframed("Almost there"), nasty, "/join/abc"}},
		{"help", "help", &farewellPage{frame: unframed("Help with signing in"), Wait: "3 days"}},
		{"lost", "lost", &lostPage{frame: unframed("Every way in is lost")}},
		{"lost-wrong", "lost", &lostPage{unframed("Every way in is lost"), wrong}},
		{"lostsent", "lostsent", &lostPage{frame: unframed("Look for a letter")}},
		{"leaving", "leaving", &farewellPage{frame: unframed("Nobody can open it any more"), Given: "Anna Lindqvist", Link: "abc", Wait: "3 days"}},
		{"leaving-wrong", "leaving", &farewellPage{frame: unframed("Nobody can open it any more"), Given: nasty, Link: "abc", Wait: "3 days", Problem: wrong}},
		{"leaving-agreed", "leaving", &farewellPage{frame: unframed("It will be erased"), Given: nasty, Wait: "3 days", Due: due(72 * time.Hour)}},
	}
}
