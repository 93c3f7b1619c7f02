package identity

import (
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
)

// What people are told of their household and of a farewell. None says what
// was recorded.

func letterJoined(house string) hearkeep.Letter {
	return hearkeep.Letter{
		Topic:   "household joined",
		Subject: "You joined a household",
		Text: "You accepted an invitation and belong to " + named(house, "a household") + " now.\n" +
			"If you did not do this, sign in, leave it, and end your other sessions.",
	}
}

func letterAccepted(by string, vault *string) hearkeep.Letter {
	text := by + " accepted your invitation and belongs to your household now.\n" +
		"If that is not whom you meant, sign in and remove them."
	if vault != nil {
		text = by + " accepted your invitation to " + named(*vault, "a vault") + ".\n" +
			"They can open it once somebody who holds it has signed in. Until then the invitation can be withdrawn;" +
			" do so if that is not whom you meant."
	}
	return hearkeep.Letter{Topic: "invitation accepted", Subject: "Your invitation was accepted", Text: text}
}

func letterTaken(vault string) hearkeep.Letter {
	return hearkeep.Letter{
		Topic:   "invitation taken",
		Subject: "You accepted an invitation",
		Text: "You accepted an invitation to " + named(vault, "a vault") + ".\n" +
			"You can open it once somebody who holds it has signed in.\n" +
			"If you did not do this, sign in and end your other sessions.",
	}
}

func letterAdminMade() hearkeep.Letter {
	return hearkeep.Letter{
		Topic:   "admin made",
		Subject: "You manage your household now",
		Text:    "An admin of your household made you one too. You can invite and remove people. It lets you listen to nothing that you could not listen to before.",
	}
}

func letterAdminEnded() hearkeep.Letter {
	return hearkeep.Letter{
		Topic:   "admin no longer",
		Subject: "You no longer manage your household",
		Text:    "You are a member of your household still, and no longer its admin. The invitations to it that you had made have ended.",
	}
}

// letterAdmins tells the others who manage a household what by did to name.
func letterAdmins(name, by string, made bool) hearkeep.Letter {
	l := hearkeep.Letter{
		Topic:   "admin made",
		Subject: "Your household has another admin",
		Text: by + " made " + name + " an admin of your household: " + name + " can invite and remove people now, you among them.\n" +
			"If that is not meant to be, sign in and make them one no longer. If you are " + by + " and did not do this," +
			" sign out your other browsers, and remove the way in that somebody else may have.",
	}
	if !made {
		l.Topic, l.Subject = "admin no longer", "Your household has an admin less"
		l.Text = by + " took from " + name + " that they manage your household. " + name + " is a member of it still.\n" +
			"If that is not meant to be, sign in and make them one again."
	}
	return l
}

func letterHeir() hearkeep.Letter {
	return hearkeep.Letter{
		Topic:   "admin made",
		Subject: "You manage your household now",
		Text:    "The last admin of your household is gone. You have belonged to it for the longest time, so you manage it now.",
	}
}

func letterRemoved() hearkeep.Letter {
	return hearkeep.Letter{
		Topic:   "household left",
		Subject: "You were removed from your household",
		Text: "An admin removed you from the household. Its shared vaults are closed to you from now on.\n" +
			"What you alone hold is yours as before, in a household of your own.",
	}
}

func letterLeft() hearkeep.Letter {
	return hearkeep.Letter{
		Topic:   "household left",
		Subject: "You left your household",
		Text: "You left the household. Its shared vaults are closed to you from now on.\n" +
			"What you alone hold is yours as before, in a household of your own.\n" +
			"If you did not do this, sign in and end your other sessions.",
	}
}

func letterFarewellLink(name, link string) hearkeep.Letter {
	return hearkeep.Letter{
		Topic:   "farewell link",
		Subject: "Erase your account",
		Text: fmt.Sprintf("Somebody asked to have the account %s erased, because every way in to it is lost. "+
			"If that was you, open this link within a day:\n\n%s\n\n"+
			"Without a way in nothing that the account keeps can be opened, by you or by anybody; it can only be erased. "+
			"If it was not you, do nothing, and nothing happens.", name, link),
	}
}

func letterFarewellBegun(name string, due time.Time) hearkeep.Letter {
	return hearkeep.Letter{
		Topic:   "farewell begun",
		Subject: "Your account will be erased",
		Text: fmt.Sprintf("The account %s will be erased on %s, with everything that it alone holds. "+
			"Nothing brings it back after that.\n"+
			"If you do not want this, sign in before then and stop it.", name, due.UTC().Format("2 January 2006 at 15:04 UTC")),
	}
}

func letterFarewellStopped(name string) hearkeep.Letter {
	return hearkeep.Letter{
		Topic:   "farewell stopped",
		Subject: "Your account stays",
		Text: fmt.Sprintf("Somebody signed in to the account %s and stopped its erasure. Nothing was erased.\n"+
			"If it was not you who asked for it, look at your addresses: somebody may read your letters.", name),
	}
}

func letterFarewellDone(name string) hearkeep.Letter {
	return hearkeep.Letter{
		Topic:   "account erased",
		Subject: "Your account is erased",
		Text: fmt.Sprintf("The account %s and everything that it alone held are erased, as asked for. "+
			"This is the last letter to this address.", name),
	}
}

// named puts a name in a sentence, or what it is where it has none.
func named(name, what string) string {
	if name == "" {
		return what
	}
	return "“" + name + "”"
}
