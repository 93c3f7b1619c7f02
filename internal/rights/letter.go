package rights

import (
	"context"
	"fmt"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// What people are told of their requests: where each stands and what to do.
// Never what was recorded, nor how much.

// topicCode is of the letters that carry a code: they are counted by it.
const topicCode = "archive code"

const notYours = "If you know nothing of this, sign in, end your other sessions, and change your passphrase."

// called says what a request asks for, in a sentence.
func called(kind hearkeep.RequestKind) string {
	switch kind {
	case hearkeep.RequestAccess:
		return "for a copy of everything that is kept of you"
	case hearkeep.RequestPortability:
		return "to take along everything that is kept of you"
	case hearkeep.RequestErasure:
		return "to erase what is kept of you"
	case hearkeep.RequestRestriction:
		return "to freeze what is kept of you"
	case hearkeep.RequestRectification:
		return "to correct what is kept of you"
	}
	return "to stop keeping what you say"
}

// next says what its person can do about an open request.
func next(kind hearkeep.RequestKind) string {
	switch kind {
	case hearkeep.RequestAccess, hearkeep.RequestPortability:
		return "Sign in and fetch it under your rights."
	case hearkeep.RequestErasure:
		return "Sign in and say under your rights what to erase."
	case hearkeep.RequestRestriction:
		return "Sign in and say under your rights what to freeze."
	case hearkeep.RequestRectification:
		return "Sign in and correct what is wrong."
	}
	return "Sign in and carry it out under your rights."
}

// letter is what the person of a request is told of a step.
func (d *Desk) letter(ctx context.Context, tx *store.Tx, row store.Request, s step) hearkeep.Letter {
	ask := fmt.Sprintf("The account %s asked %s.", nameOf(ctx, tx, row.Account), called(row.Kind))
	if row.Via == hearkeep.ViaVoice || row.Via == hearkeep.ViaAgent {
		ask = fmt.Sprintf("Somebody asked %s, in the name of the account %s.", called(row.Kind), nameOf(ctx, tx, row.Account))
	}
	l := func(topic, subject string, text ...string) hearkeep.Letter {
		return hearkeep.Letter{Topic: topic, Subject: subject, Text: ask + "\n" + strings.Join(text, "\n")}
	}
	by := "An answer is due by " + d.day(row.Due) + "."
	switch s {
	case stepAsked:
		how := "It was spoken at a door of a vault that you hold."
		if row.Via == hearkeep.ViaAgent {
			how = "An agent that acts for people sent it."
		}
		return l("request to confirm", "A request waits for you", how, "Sign in and confirm that it is yours, or withdraw it. Nothing is handed over or erased before. "+by)
	case stepReceived:
		return l("request received", "Your request was received", by, next(row.Kind), notYours)
	case stepConfirmed:
		return l("request confirmed", "Your request was confirmed", by, next(row.Kind), notYours)
	case stepReady:
		return l("archive ready", "An archive was prepared", "It can be fetched in the session that prepared it, for a day, and nowhere else.", notYours)
	case stepDisclosed:
		return l("archive left", "An archive is being handed over", "It began to leave in a session, or with a code that was sent to your addresses.", notYours)
	case stepStopped:
		return l("archive stopped", "An archive was stopped", "What was to be handed over did not add up, so nothing was. A report is open, and whoever runs this keep can see that. Your vault is not frozen: once it is mended, try again. "+by)
	case stepExtended:
		return l("request extended", "Your request takes longer", "The answer will take until "+d.day(row.Due)+". The reason given is:", row.Reason,
			"You can complain about this to a data protection authority, or go to court (GDPR Art. 12(4)).")
	case stepReminded:
		what := next(row.Kind)
		if row.State == hearkeep.RequestAsked {
			what = "Sign in and confirm that it is yours, or withdraw it; else it lapses then."
		}
		return l("request reminder", "A request waits for you", "It is due by "+d.day(row.Due)+". "+what)
	case stepAnswered:
		return l("request answered", "Your request was answered", "The answer, which is signed, stands among your requests.", notYours)
	case stepWithdrawn:
		return l("request withdrawn", "Your request was withdrawn", "You can ask again at any time.", notYours)
	}
	return l("request lapsed", "A request has lapsed", "It waited for you until "+d.day(row.Due)+", and nothing was handed over or erased. You can ask again at any time.")
}

// letterCode carries the one-time code of a sealed archive.
func (d *Desk) letterCode(ctx context.Context, tx *store.Tx, row store.Request, code string) hearkeep.Letter {
	return hearkeep.Letter{
		Topic: topicCode, Subject: "Your archive can be fetched",
		Text: fmt.Sprintf("The account %s asked %s. It can be fetched with this code, sealed:\n\n%s\n\n"+
			"Type it in at %s/fetch. It works once, for seven days, without signing in. "+
			"What you get opens with your recovery kit, and with nothing else: to anybody else it is noise.\n%s",
			nameOf(ctx, tx, row.Account), called(row.Kind), code, d.Origin, notYours),
	}
}

// letterErased tells others who hold a vault that one of them had it erased (Art. 19).
func letterErased(vault, who string) hearkeep.Letter {
	return hearkeep.Letter{
		Topic: "vault erased", Subject: "A vault was erased",
		Text: who + " had everything erased that " + vault + " kept, which you hold too: erased for one is erased for all.\nWhat you saved elsewhere is yours to erase; please do.",
	}
}

// nameOf is how an account's person wrote their name.
func nameOf(ctx context.Context, tx *store.Tx, account hearkeep.AccountID) string {
	row, err := tx.Identity.Account(ctx, account)
	if err != nil || row.Display == "" {
		return "that was erased"
	}
	return row.Display
}
