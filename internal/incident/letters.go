package incident

import (
	"time"

	"github.com/hearkeep/hearkeep"
)

// Communication is a letter to a person in their language (B5): what happened,
// whom to ask, what may follow, what was done, what they can do. It says
// nothing of what was recorded.
type Communication struct {
	Language     hearkeep.Language
	Subject      string
	Nature       string
	Contact      string
	Consequences string
	Measures     string
	Advice       string
	Headings     [5]string // of Nature to Advice, in that language
}

// acknowledged is what the acknowledgement of a report says.
type acknowledged struct {
	Report hearkeep.ReportID
	At     time.Time // when it came
	Frozen bool      // what it concerns is frozen
	Link   string    // the way back to it, for somebody without an account; empty for whoever signs in
}

// letterAcknowledged answers a reporter at once. Its Text stands alone: pages
// show it too.
func (d *Desk) letterAcknowledged(l hearkeep.Language, a acknowledged) hearkeep.Letter {
	return hearkeep.Letter{Topic: "report received"}
}

// letterFrozen tells keyholders that a report froze what they hold.
func (d *Desk) letterFrozen(l hearkeep.Language, at time.Time) hearkeep.Letter {
	return hearkeep.Letter{Topic: "report froze"}
}

// letterClosed tells a reporter, or a person concerned, that a case has ended.
// link is as in acknowledged; frozen says that something was, and is freed.
func (d *Desk) letterClosed(l hearkeep.Language, at time.Time, frozen bool, link string) hearkeep.Letter {
	return hearkeep.Letter{Topic: "case closed"}
}

// letterOffered tells a person that something is offered to make good; the
// offer itself is the operator's text.
func (d *Desk) letterOffered(l hearkeep.Language, offer string) hearkeep.Letter {
	return hearkeep.Letter{Topic: "case offer"}
}

// stepLine says a step of a case (StepOpened …) to its reporter; empty for
// steps that are not theirs to know. Of a person it says nothing.
func stepLine(l hearkeep.Language, step string) string { return "" }

// communication is what an affected person is told: hows are the ways in which
// theirs are concerned. It is what the letter says, and what NoticesOf shows.
func (d *Desk) communication(l hearkeep.Language, t telling) Communication { return Communication{} }

// telling is what a communication is made of: a case, and one person's part in it.
type telling struct {
	What     string // the case's
	AwareAt  time.Time
	At       time.Time // when it happened, the first of theirs
	Hows     []string  // HowHanded …
	Sealed   bool      // what left is noise to whoever has it (Assessment.SealedOnly)
	Frozen   bool      // it was frozen
	Asked    bool      // the recipient was asked to delete it
	Attested bool      // and attests that
	Measures string    // the operator's words
	Again    bool      // they were told before: this is what is new
}
