package vault

import (
	"context"
	"fmt"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// tell writes down, in tx, what became of a vault's keyholders, and queues a
// letter about it to each of the accounts.
func (k *Keep) tell(ctx context.Context, tx *store.Tx, entries []ledger.Entry, to []hearkeep.AccountID, l hearkeep.Letter) error {
	if _, err := k.ledger.Append(ctx, tx, entries...); err != nil {
		return err
	}
	told := map[hearkeep.AccountID]bool{}
	for _, account := range to {
		if told[account] {
			continue
		}
		told[account] = true
		if err := k.write(ctx, tx, account, l); err != nil {
			return err
		}
	}
	return nil
}

// called names a vault within a sentence.
func (k *Keep) called(v store.Vault) string {
	if name := k.name(v); name != "" {
		return "the vault “" + name + "”"
	}
	return "a vault"
}

// nameIn is how an account's person wrote their name.
func nameIn(ctx context.Context, tx *store.Tx, account hearkeep.AccountID) string {
	row, err := tx.Identity.Account(ctx, account)
	if err != nil || row.Display == "" {
		return "Somebody who has no account any more"
	}
	return row.Display
}

func letterAdded(vault, who, as string, past hearkeep.Generation) hearkeep.Letter {
	opens := "what is kept from now on"
	switch {
	case past == 1:
		opens = "what is kept from now on, and what was kept before"
	case past > 1:
		opens = "what is kept from now on, and of what was kept before the newer part: as much as who gave it can open"
	}
	if as == asGuardian || as == asChild {
		who += ", as " + as + ","
	}
	return hearkeep.Letter{
		Topic: "keyholder added", Subject: "Somebody now holds a vault with you",
		Text: fmt.Sprintf("%s now holds %s and can open %s.\n\nIf you did not expect that, look at who holds it, and remove who does not belong there.", who, vault, opens),
	}
}

func letterNoPlace(vault, who string) hearkeep.Letter {
	return hearkeep.Letter{
		Topic: "invitation ended", Subject: "An invitation came too late",
		Text: fmt.Sprintf("%s accepted an invitation to %s, and does not hold it: another was first, and there is no place left for who was invited as that.", who, vault),
	}
}

func letterInvitationEnded(vault string) hearkeep.Letter {
	return hearkeep.Letter{
		Topic: "invitation ended", Subject: "An invitation that you accepted has ended",
		Text: fmt.Sprintf("You accepted an invitation to %s. Before anybody who holds it came by, who holds it or where it belongs changed, which ends all invitations. If you are still to hold it, ask for another one.", vault),
	}
}

func letterRemoved(vault, who, by string) hearkeep.Letter {
	return hearkeep.Letter{
		Topic: "keyholder removed", Subject: "Somebody holds a vault no more",
		Text: fmt.Sprintf("%s removed %s from %s. What is kept there from now on opens for the others only.", by, who, vault),
	}
}

func letterLeft(vault, who string) hearkeep.Letter {
	return hearkeep.Letter{
		Topic: "keyholder left", Subject: "Somebody holds a vault no more",
		Text: fmt.Sprintf("%s left %s. What is kept there from now on opens for the others only, as soon as one of them has signed in.", who, vault),
	}
}

func letterRelays(vault, by string) hearkeep.Letter {
	return hearkeep.Letter{
		Topic: "door relays", Subject: "What a door hears now goes to another engine",
		Text: fmt.Sprintf("%s had a door of %s ask another speech engine first. What is said there is sent to that engine as it is heard.\n\nIf you did not expect that, look at the doors of this vault, and disconnect that one.", by, vault),
	}
}

func letterDoors(vault string, who, said []string) hearkeep.Letter {
	return hearkeep.Letter{
		Topic: "doors stopped", Subject: "Doors of a vault were stopped",
		Text: fmt.Sprintf("%s held %s until now.\n\n%s\n\nLook at what each of them is set to before you let it listen again. A terminal can be connected anew.",
			strings.Join(who, ", "), vault, strings.Join(said, "\n")),
	}
}

func letterPast(vault, who, by string) hearkeep.Letter {
	return hearkeep.Letter{
		Topic: "past given", Subject: "Somebody can open more of a vault",
		Text: fmt.Sprintf("%s let %s open what was kept before in %s.", by, who, vault),
	}
}

func letterHandedOver(vault, by string) hearkeep.Letter {
	return hearkeep.Letter{
		Topic: "vault handed over", Subject: "A child's vault can be taken over",
		Text: fmt.Sprintf("%s let the child take %s over. From then on it is the child's alone.", by, vault),
	}
}

func letterTakenOver(vault, by string) hearkeep.Letter {
	return hearkeep.Letter{
		Topic: "vault taken over", Subject: "A child's vault was taken over",
		Text: fmt.Sprintf("%s took %s over. It opens for nobody else any more.", by, vault),
	}
}

func letterMissing(vault string, count int) hearkeep.Letter {
	return hearkeep.Letter{
		Topic: "numbers missing", Subject: "Something that was begun is not in your keep",
		Text: fmt.Sprintf("Hearkeep numbers what each door keeps, without a gap. When it started just now, it looked at %s: %s.\n\nWhere the power failed, or the machine stopped, while something was being kept, a few such numbers are normal, and nothing else is lost. Where it did not, or where they are many, somebody may have taken recordings away: ask whoever runs this keep. That it happened is written down.",
			vault, notThere(count)),
	}
}

// letterTaken tells of what is missing while the program runs: no crash
// explains that.
func letterTaken(vault string, count int) hearkeep.Letter {
	return hearkeep.Letter{
		Topic: "numbers missing", Subject: "Recordings are missing from your keep",
		Text: fmt.Sprintf("Hearkeep numbers what each door keeps, without a gap. It looked at %s just now: %s.\n\nNobody erased them, and Hearkeep was not stopped in between: they were lost, or somebody took them out of the database. Whether they can be heard by anybody is not known; without a key of that vault they cannot. Ask whoever runs this keep. Which numbers they are stands in the ledger, and until that is settled no archive of that vault is made.",
			vault, notThere(count)),
	}
}

func notThere(count int) string {
	if count == 1 {
		return "one recording was begun and is not there"
	}
	return fmt.Sprintf("%d recordings were begun and are not there", count)
}
