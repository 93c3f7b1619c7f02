package incident

import "github.com/hearkeep/hearkeep"

// texts is all that is written in one language. What stands in braces is
// filled in. Each language has every text, with the same braces: a test looks.
type texts struct {
	months [12]string
	moment string // {day} {month} {year} {time}

	// The acknowledgement of a report.
	gotSubject string
	got        string // {at} {report}
	gotFrozen  string
	gotOpen    string // where nothing is said about freezing: true whether something was or not
	gotNext    string
	gotLink    string // {link}
	gotPage    string

	// To the keyholders of a vault at whose door a report was spoken.
	spokeSubject string
	spoke        string // {at}

	// To the keyholders of what was frozen.
	frozeSubject string
	froze        string // {at}

	// The end of a case.
	endSubject string
	end        string // {at}
	endFreed   string
	endLink    string // {link}
	endPage    string

	// What is offered to make good.
	offerSubject string
	offer        string // {offer}

	// To whoever was handed what is another's.
	askSubject string
	ask        string
	askDont    string
	askHow     string
	askLink    string // {link}
	askHelp    string
	askNo      string // {until}
	askThanks  string // {contact}
	attestYes  string
	attestNo   string

	// What a person concerned is told (B5).
	toldSubject  string
	againSubject string
	headings     [5]string
	aware        string // {aware}
	again        string
	noMore       string // {told}: where it was found later that they are not concerned
	began        string // {at}
	fromReport   string // how it became known
	fromMine     string // by whoever was given it
	fromSelf     string
	fromPlace    string
	fromVolume   string
	fromSession  string
	fromDamage   string
	fromMissing  string
	fromTwice    string
	fromLog      string
	handed       string // the ways in which recordings are concerned
	handedSealed string
	opened       string
	reach        string
	kept         string
	list         string
	contact      string // {contact} {case}
	contactNone  string // {case}
	mayHear      string // what may follow
	mayHave      string
	mayKept      string
	mayNothing   string
	wasFrozen    string // what was done
	wasAsked     string
	wasAttested  string
	wasWritten   string
	wasOperator  string // {measures}
	doLook       string // what they can do
	doWords      string
	doKeys       string
	doKept       string
	doKit        string
	doOthers     string
	doRights     string
	doComplain   string
	doAuthority  string // {authority}

	// Steps of a case, to its reporter.
	steps [12]string // in the order of reporterSteps
}

// textsIn returns those of a language, or of English where there are none.
func textsIn(l hearkeep.Language) texts {
	switch l.Or() {
	case "de":
		return german()
	case "fr":
		return french()
	case "es":
		return spanish()
	case "it":
		return italian()
	case "nl":
		return dutch()
	}
	return english()
}

// reporterSteps are the steps of a case that its reporter is told of, in the
// order of texts.steps. What was held back, offered, asked of others or
// attested by them is not theirs to know.
func reporterSteps() [12]string {
	return [12]string{
		StepOpened, StepJoined, StepAcknowledged, StepFrozen, StepScoped, StepWidened,
		StepNarrowed, StepAssessed, StepDecided, StepTold, StepNotified, StepClosed,
	}
}
