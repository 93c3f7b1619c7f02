package ledger

import (
	"fmt"
	"strconv"
	"strings"
)

// Sentence says in plain words who did what, such as "A keyholder erased
// recordings." It names nobody, and has no time.
func (e Entry) Sentence() string {
	return whoDid(string(e.Role)) + " " + whatDone(e.Kind) + "."
}

func whoDid(role string) string {
	switch role {
	case "keyholder":
		return "A keyholder"
	case "guardian":
		return "A guardian"
	case "device":
		return "A device"
	case "operator":
		return "Whoever runs this Hearkeep"
	case "system":
		return "Hearkeep by itself"
	case "admin":
		return "An admin of the household"
	case "token":
		return "A program with a keyholder’s token"
	case "":
		return "Somebody"
	}
	return "Somebody in the role " + strconv.Quote(role)
}

func whatDone(k Kind) string {
	switch k {
	case KindOpened:
		return "opened recordings"
	case KindOpeningFailed:
		return "could not open what is stored: it is altered, or somebody else’s"
	case KindErased:
		return "erased recordings"
	case KindExpired:
		return "let recordings go whose time was over"
	case KindKeepFailed:
		return "handed out numbers under which nothing was kept"
	case KindKeys:
		return "changed keys, or made an account, a way in or a vault"
	case KindBound:
		return "bound a device to a vault"
	case KindUnbound:
		return "disconnected a device from a vault"
	case KindDoorChanged:
		return "changed a door’s name, settings or rule"
	case KindSignedIn:
		return "signed in"
	case KindSignedOut:
		return "signed out"
	case KindPaired:
		return "gave a device its token"
	case KindHousehold:
		return "changed who belongs to a household"
	case KindToken:
		return "made or ended an API token"
	case KindFarewell:
		return "asked for an account to be erased, or changed that"
	case KindRequest:
		return "used a right, or a step of that was taken"
	case KindDisclosed:
		return "handed over an archive"
	case KindStopped:
		return "stopped an archive that did not add up"
	case KindRestricted:
		return "froze handing over and expiry, or ended that"
	case KindReported:
		return "filed or closed a report"
	case KindCorrected:
		return "corrected words"
	case KindBackup:
		return "made, checked, destroyed or restored a backup"
	case KindOperator:
		return "worked on this Hearkeep"
	case KindBodies:
		return "let go what old entries said, whose time was over"
	case KindIncident:
		return "took a step in a case"
	}
	return "did what this version does not know: " + strconv.Quote(string(k))
}

// Fact is one thing that an entry says, for people.
type Fact struct{ Name, Text string }

// Facts are what an entry says besides its sentence: time, counts, ids.
func (e Entry) Facts() []Fact {
	all := []Fact{
		{"When", e.At.UTC().Format("2006-01-02 15:04:05.000 UTC")},
		{"Purpose", e.Purpose}, {"Filter", e.Filter}, {"How many", ""}, {"Numbers", e.numbers()},
		{"Account", idText(e.Account)}, {"Vault", idText(e.Vault)}, {"Binding", idText(e.Binding)}, {"Session", e.Session},
		{"Receipt", idText(e.Receipt)}, {"Request", idText(e.Request)}, {"Archive", idText(e.Archive)},
		{"Report", idText(e.Report)}, {"Case", idText(e.Incident)},
	}
	if e.Count != 0 {
		all[3].Text = strconv.Itoa(e.Count)
	}
	said := all[:0]
	for _, f := range all {
		if f.Text != "" {
			said = append(said, f)
		}
	}
	return said
}

// idText is an id where there is one.
func idText[T fmt.Stringer](id *T) string {
	if id == nil {
		return ""
	}
	return (*id).String()
}

func (e Entry) numbers() string {
	var runs []string
	for _, r := range e.Items {
		text := fmt.Sprintf("%d", r.From)
		if r.To != r.From {
			text += fmt.Sprintf(" to %d", r.To)
		}
		runs = append(runs, text+" of binding "+r.Binding.String())
	}
	return strings.Join(runs, "; ")
}
