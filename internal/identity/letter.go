package identity

import (
	"fmt"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// What people are told of their ways in and their addresses. The topics stand
// in the ledger too.

const notYou = "If this was not you, sign in, remove what you do not know, and end your other sessions."

func letterEnrolled(kind, account string, again, unlocks bool) hearkeep.Letter {
	what, done := called(kind), "added"
	if again {
		done = "changed"
	}
	text := fmt.Sprintf("The account %s has a new %s.", account, what)
	if again {
		text += " The earlier one no longer opens it."
	}
	if !unlocks {
		text += " It signs in only; it does not open the vault."
	}
	return hearkeep.Letter{
		Topic: what + " " + done, Subject: "Your " + what + " was " + done,
		Text: text + "\nArchives and tokens wait for a while now.\n" + notYou,
	}
}

func letterWayRemoved(u store.Unlocker, account string) hearkeep.Letter {
	what, which := called(u.Kind), ""
	if u.Name != "" {
		which = " “" + u.Name + "”"
	}
	text := fmt.Sprintf("The %s%s of the account %s was removed.", what, which, account)
	if u.Wrap != nil {
		text += " The account has new keys, and all its other sessions and tokens have ended."
	}
	return hearkeep.Letter{Topic: what + " removed", Subject: "A way in was removed", Text: text + "\n" + notYou}
}

func letterCode(account, code string) hearkeep.Letter {
	return hearkeep.Letter{
		Topic: "address code", Subject: "Your code",
		Text: fmt.Sprintf("The account %s wants its letters to come here. The code is\n\n%s\n\n"+
			"It works once and for one hour. If you know nothing of this, do nothing; no more letters come.", account, code),
	}
}

func letterAddressAdded(account, address string, waits bool) hearkeep.Letter {
	text := fmt.Sprintf("Letters to the account %s go to %s too from now on.", account, address)
	if waits {
		text += "\nArchives and tokens wait for a while now."
	}
	return hearkeep.Letter{Topic: "address added", Subject: "An address was added", Text: text + "\n" + notYou}
}

func letterAddressRemoved(account, address string) hearkeep.Letter {
	return hearkeep.Letter{
		Topic: "address removed", Subject: "An address was removed",
		Text: fmt.Sprintf("Letters to the account %s no longer go to %s.\nArchives and tokens wait for a while now.\n", account, address) + notYou,
	}
}
