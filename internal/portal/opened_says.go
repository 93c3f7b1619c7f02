package portal

import (
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
)

// openedGroup is what people choose from when they look who opened what.
type openedGroup string

// Groups. Every kind of entry is in exactly one of them.
const (
	groupOpened  openedGroup = "opened"
	groupLeft    openedGroup = "left"
	groupKeys    openedGroup = "keys"
	groupDoors   openedGroup = "doors"
	groupErased  openedGroup = "erased"
	groupSignIns openedGroup = "sign-ins"
	groupRights  openedGroup = "rights"
	groupReports openedGroup = "reports"
)

// openedGroups lists them with their names, in the order shown.
func openedGroups() []choice {
	return []choice{
		{string(groupOpened), "Opened"},
		{string(groupLeft), "Handed over"},
		{string(groupKeys), "Keys and people"},
		{string(groupDoors), "Doors"},
		{string(groupErased), "Erased or changed"},
		{string(groupSignIns), "Sign-ins"},
		{string(groupRights), "Requests"},
		{string(groupReports), "Reports and operator"},
	}
}

// choice is one of a few, with its name.
type choice struct{ Value, Name string }

// groupOf is the group of a kind; empty where nobody put it into one.
func groupOf(kind ledger.Kind) openedGroup {
	switch kind {
	case ledger.KindOpened, ledger.KindOpeningFailed:
		return groupOpened
	case ledger.KindDisclosed, ledger.KindStopped:
		return groupLeft
	case ledger.KindKeys, ledger.KindHousehold, ledger.KindToken:
		return groupKeys
	case ledger.KindBound, ledger.KindUnbound, ledger.KindDoorChanged, ledger.KindPaired:
		return groupDoors
	case ledger.KindErased, ledger.KindExpired, ledger.KindKeepFailed, ledger.KindCorrected:
		return groupErased
	case ledger.KindSignedIn, ledger.KindSignedOut:
		return groupSignIns
	case ledger.KindRequest, ledger.KindRestricted, ledger.KindFarewell:
		return groupRights
	case ledger.KindReported, ledger.KindIncident, ledger.KindBackup, ledger.KindOperator, ledger.KindBodies:
		return groupReports
	}
	return ""
}

// says is an entry in plain words, as what follows the name of who did it:
// "played the sound of". It ends in "of" where recordings follow. ok is false
// where nobody wrote a sentence for what is recorded: what is shown then is
// true of every entry of its kind.
func says(e ledger.Entry) (text string, ok bool) {
	if text, ok = saysKnown()[e.Kind][e.Purpose]; ok {
		return text, true
	}
	switch e.Kind {
	case ledger.KindSignedIn:
		if by, found := strings.CutPrefix(e.Purpose, "step-up by "); found {
			return "showed a " + by + " again, to do what needs one", true
		}
	case ledger.KindBound:
		return "connected a door" + keepsText(e.Purpose), isSource(e.Purpose)
	case ledger.KindDoorChanged:
		return "changed a door" + keepsText(e.Purpose), isSource(e.Purpose)
	case ledger.KindUnbound:
		if strings.HasSuffix(e.Purpose, " by an admin") {
			return "disconnected a door, as an admin of the household", isSource(e.Purpose)
		}
		return "disconnected a door", isSource(e.Purpose)
	case ledger.KindRequest:
		return saysRequest(e.Purpose)
	case ledger.KindDisclosed, ledger.KindStopped:
		return saysArchive(e)
	case ledger.KindBackup:
		if strings.HasPrefix(e.Purpose, "restored from ") {
			return "put a backup in the place of what was here", true
		}
	case ledger.KindReported:
		return "reported that something is wrong: " + e.Purpose, e.Purpose != ""
	case ledger.KindOperator:
		return "did this: " + e.Purpose, e.Purpose != ""
	}
	return saysAnyhow(e.Kind), false
}

// isSource reports whether a purpose begins with a kind of door.
func isSource(purpose string) bool {
	source, _, _ := strings.Cut(purpose, " ")
	switch hearkeep.Source(source) {
	case hearkeep.SourceSay, hearkeep.SourceUpload, hearkeep.SourceBrowser, hearkeep.SourceWyoming, hearkeep.SourceMoved, hearkeep.SourceImport:
		return true
	}
	return false
}

// keepsText is what a door may keep, as a purpose ends with it.
func keepsText(purpose string) string {
	_, text, _ := strings.Cut(purpose, " ")
	rule, err := hearkeep.ParseRoomRule(text)
	switch {
	case err != nil:
		return ""
	case rule.Paused:
		return ", paused"
	}
	keeps := ruleText(rule)
	return ": it keeps " + strings.ToLower(keeps[:1]) + keeps[1:]
}

// saysKnown is the sentence of each purpose that the rooms write.
func saysKnown() map[ledger.Kind]map[string]string {
	return map[ledger.Kind]map[string]string{
		ledger.KindOpened: {
			"listen":   "played the sound of",
			"read":     "read what is kept of",
			"browse":   "read, in a list, the words of",
			"waveform": "looked at the loudness of",
			"move":     "opened, to move it to another vault,",
			"archive":  "opened, to put it into an archive,",
		},
		ledger.KindOpeningFailed: {
			"listen":     "tried to play what did not open:",
			"read":       "tried to read what did not open:",
			"browse":     "tried to list what did not open:",
			"waveform":   "tried to draw what did not open:",
			"move":       "tried to move what did not open:",
			"archive":    "tried to put into an archive what did not open:",
			"audio":      "tried to open a sound that did not open:",
			"words":      "tried to read words that did not open:",
			"turn":       "tried to read what was done, which did not open:",
			"correct":    "tried to correct words that did not open:",
			"invitation": "found an invitation that was altered, and refused it",
		},
		ledger.KindErased: {
			"chosen":                "erased",
			"everything":            "erased everything:",
			"by voice":              "erased, because it was asked to aloud,",
			"moved":                 "erased here what was moved to another vault:",
			"moved, finished later": "erased here, later, what was moved to another vault:",
			"finished at start":     "finished an erasure that was begun before a restart:",
			"opens for nobody":      "erased what nobody can open any more:",
			"farewell":              "erased, with an account that ended,",
		},
		ledger.KindExpired:    {"retention": "erased, because its time was over,"},
		ledger.KindKeepFailed: {"": "could not keep", "found at start": "found, at a restart, that it had not kept"},
		ledger.KindCorrected:  {"words": "corrected the words of"},
		ledger.KindKeys: {
			"account made":                "made the account",
			"passphrase added":            "set a passphrase",
			"passphrase changed":          "changed the passphrase",
			"passphrase removed":          "removed the passphrase",
			"passkey added":               "added a passkey",
			"passkey removed":             "removed a passkey",
			"passkey renamed":             "renamed a passkey",
			"recovery kit added":          "made a recovery kit",
			"recovery kit changed":        "made a new recovery kit",
			"recovery kit removed":        "removed the recovery kit",
			"recovery kit checked":        "showed that the recovery kit is on paper",
			"address added":               "added an address for letters",
			"address removed":             "removed an address for letters",
			"vault made":                  "made a vault",
			"vault renamed":               "renamed a vault",
			"vault ended":                 "ended a vault, with the account that alone held it",
			"vault handed over":           "let the child take its vault over",
			"vault taken over":            "took the vault over from its guardians",
			"generation made":             "made new keys for a vault",
			"keys of a keyholder renewed": "renewed a keyholder’s keys",
			"keyholder added":             "gave somebody the keys of a vault",
			"keyholder left":              "gave a vault up",
			"keyholder removed":           "took a vault’s keys from somebody",
			"past given":                  "gave somebody the keys to what was kept before they came",
			"invited as holder":           "invited somebody to hold a vault",
			"invited as guardian":         "invited a guardian to a child’s vault",
			"invited as child":            "invited a child to their vault",
			"invitation ended: no place":  "ended an invitation that came too late",
		},
		ledger.KindHousehold: {
			"household renamed":    "renamed the household",
			"household joined":     "joined a household",
			"household left":       "left the household",
			"member removed":       "removed somebody from the household",
			"invitation made":      "made an invitation",
			"invitation accepted":  "accepted an invitation",
			"invitation withdrawn": "withdrew an invitation",
			"admin made":           "made somebody an admin of the household",
			"admin no longer":      "made somebody an admin of the household no longer",
		},
		ledger.KindToken: {
			"token made: reads":                "made an API token, which reads",
			"token made: reads and writes":     "made an API token, which reads and changes",
			"token ended":                      "ended an API token",
			"tokens ended with the generation": "ended API tokens, with the keys that they had",
		},
		ledger.KindUnbound:  {"farewell": "disconnected a door, with an account that ended"},
		ledger.KindPaired:   {"": "was connected with a device"},
		ledger.KindSignedIn: {"passphrase": "signed in with a passphrase", "passkey": "signed in with a passkey", "kit": "signed in with the recovery kit", "set-up": "signed in, with a new account", "invitation": "signed in, with a new account, by an invitation", "": "signed in"},
		ledger.KindSignedOut: {
			"": "signed out", "by its account": "signed another browser or terminal out", "all others": "signed all others out",
		},
		ledger.KindFarewell: {
			"asked for": "asked to have the account erased", "asked for by letter": "asked, by the link of a letter, to have the account erased",
			"stopped": "decided to keep the account", "account erased": "erased the account",
		},
		ledger.KindRestricted: {
			"restricted": "froze what is kept", "lifted": "freed again what was frozen",
			"lifted: holds it no more": "freed what was frozen for somebody who holds it no more",
			"report":                   "froze what a report concerns", "report closed": "freed what a report had frozen",
		},
		ledger.KindBackup: {
			"made": "made a backup", "verified": "made a backup and read it back", "keys destroyed": "destroyed an old copy of keys", "restored": "put a backup in the place of what was here",
		},
		ledger.KindOperator: {"signed in": "signed in to the operator’s page"},
		ledger.KindBodies:   {"": "forgot what entries of the ledger said that were older than a year"},
		ledger.KindIncident: saysSteps(),
		ledger.KindReported: saysReports(),
	}
}

// saysSteps are the steps of a case (incident.Step…), as whom it concerns
// reads them.
func saysSteps() map[string]string {
	return map[string]string{
		"opened":          "opened a case about a report",
		"joined":          "added a report to a case",
		"acknowledged":    "answered a report",
		"frozen":          "froze what a case concerns",
		"scoped":          "worked out whom a case concerns",
		"widened":         "looked for more that a case concerns",
		"narrowed":        "found that a case concerns less",
		"assessed":        "weighed how grave a case is",
		"decided":         "decided whether the authority is told of a case",
		"held":            "let telling people of a case wait, with reasons",
		"told":            "told the people whom a case concerns",
		"asked to delete": "asked whoever was handed what is another’s to delete it",
		"attested":        "were told that whoever was handed what is another’s has deleted it",
		"offered":         "offered something to make good",
		"notified":        "told the authority of a case",
		"alarmed":         "reminded the operator of a case’s deadline",
		"closed":          "closed a case",
	}
}

// saysReports are what reports say.
func saysReports() map[string]string {
	return map[string]string{
		"not mine":                    "reported something that is not theirs",
		"other":                       "reported that something is wrong",
		"numbers missing":             "noticed that numbers are missing",
		"numbers missing at start":    "noticed, at a restart, that numbers are missing",
		"does not open":               "noticed that something does not open",
		"foreign":                     "noticed something that does not belong here",
		"openings failed":             "noticed openings that failed",
		"opened without a session":    "noticed an opening without anybody signed in",
		"unusually many openings":     "noticed unusually many openings",
		"a device in two places":      "noticed a device in two places",
		"fetched from a new place":    "noticed that an archive was fetched from a new place",
		"the clock jumped":            "noticed that its clock jumped",
		"restored":                    "noticed that a backup was put in the place of what was here",
		"the ledger was rewound":      "noticed that the ledger was rewound",
		"the ledger was not followed": "noticed that the ledger was not followed for a while",
		"report closed":               "closed a report",
	}
}

// saysRequest is a step of a request or of a claim: "access confirmed".
func saysRequest(purpose string) (string, bool) {
	if state, ok := strings.CutPrefix(purpose, "claim "); ok {
		text, ok := map[string]string{
			"received":   "took a claim by somebody without an account that a door heard them",
			"counted":    "answered a claim: how much is kept",
			"erased":     "answered a claim by erasing what it named",
			"invited":    "answered a claim with an invitation",
			"nothing":    "answered a claim: nothing is kept",
			"withdrawn":  "took note that a claim was withdrawn",
			"unanswered": "let a claim end that nobody answered",
		}[state]
		if !ok {
			text = "took a step of a claim by somebody without an account"
		}
		return text, ok
	}
	kind, step, _ := strings.Cut(purpose, " ")
	what, ok := map[hearkeep.RequestKind]string{
		hearkeep.RequestAccess: "a request for a copy of everything", hearkeep.RequestPortability: "a request to take it all along",
		hearkeep.RequestErasure: "a request to erase", hearkeep.RequestRestriction: "a request to freeze",
		hearkeep.RequestRectification: "a request to correct", hearkeep.RequestObjection: "a request to stop keeping",
	}[hearkeep.RequestKind(kind)]
	if !ok {
		return "took a step of a request", false
	}
	form, ok := map[string]string{
		"asked": "noted %, to be confirmed", "received": "made %", "confirmed": "confirmed %", "ready": "prepared the archive of %",
		"code sent": "sent the code for the archive of %", "extended": "gave % more time", "reminded": "sent a reminder of %",
		"answered": "answered %", "withdrawn": "withdrew %", "lapsed": "let % lapse, which nobody confirmed", "stopped": "stopped the archive of %",
		"disclosed": "handed over the archive of %",
	}[step]
	if !ok {
		form = "took a step of %"
	}
	return strings.ReplaceAll(form, "%", what), ok
}

// saysArchive is an archive that began to leave, or did not: "access disclosed,
// sealed".
func saysArchive(e ledger.Entry) (string, bool) {
	kind, step, _ := strings.Cut(e.Purpose, " ")
	known := hearkeep.RequestKind(kind).Valid()
	if e.Kind == ledger.KindStopped {
		return "stopped an archive that did not add up, so that nothing left", known && step == "stopped"
	}
	if step == "disclosed, sealed" {
		return "handed over a sealed archive, which opens with the recovery kit alone, of", known
	}
	return "handed over an archive of", known && step == "disclosed, open"
}

// saysAnyhow is what is true of every entry of a kind.
func saysAnyhow(kind ledger.Kind) string {
	text, ok := map[ledger.Kind]string{
		ledger.KindOpened: "opened", ledger.KindOpeningFailed: "tried to open what did not open:", ledger.KindErased: "erased",
		ledger.KindExpired: "erased, because its time was over,", ledger.KindKeepFailed: "could not keep", ledger.KindKeys: "changed keys",
		ledger.KindBound: "connected a door", ledger.KindUnbound: "disconnected a door", ledger.KindDoorChanged: "changed a door",
		ledger.KindSignedIn: "signed in", ledger.KindSignedOut: "signed out", ledger.KindPaired: "was connected with a device",
		ledger.KindHousehold: "changed the household", ledger.KindToken: "changed API tokens", ledger.KindFarewell: "took a step towards the end of an account",
		ledger.KindRequest: "took a step of a request", ledger.KindDisclosed: "handed over, in an archive,", ledger.KindStopped: "stopped an archive; nothing left",
		ledger.KindRestricted: "froze or freed what is kept", ledger.KindReported: "reported that something is wrong", ledger.KindCorrected: "corrected",
		ledger.KindBackup: "did something about a backup", ledger.KindOperator: "did something as the operator", ledger.KindIncident: "took a step of a case", ledger.KindBodies: "forgot what entries of the ledger said",
	}[kind]
	if !ok {
		return "did something"
	}
	return text
}
