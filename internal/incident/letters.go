package incident

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Topics of letters about cases, as the delivery log has them.
const (
	topicReceived = "report received"
	topicSpoken   = "report spoken"
	topicFroze    = "report froze"
	topicTold     = "case told"
	topicOffer    = "case offer"
	topicAsked    = "case asks to delete"
	topicClosed   = "case closed"
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
	Which        string    // where to see which recordings; for the letter, since a page shows them
}

// letter is the communication as it is sent.
func (c Communication) letter() hearkeep.Letter {
	part := func(heading, text string) string {
		return heading + "\n" + strings.Repeat("-", utf8.RuneCountInString(heading)) + "\n" + text
	}
	return hearkeep.Letter{
		Topic: topicTold, Subject: c.Subject, Language: c.Language, Aloud: true,
		Text: paragraphs(part(c.Headings[0], paragraphs(c.Nature, c.Which)), part(c.Headings[2], c.Consequences),
			part(c.Headings[3], c.Measures), part(c.Headings[4], c.Advice), part(c.Headings[1], c.Contact)),
	}
}

// telling is what a communication is made of: a case, and one person's part in it.
type telling struct {
	Incident hearkeep.IncidentID
	What     string // the case's
	AwareAt  time.Time
	At       time.Time // when it happened, the first of theirs
	Hows     []string  // HowHanded …, of theirs
	Sealed   bool      // what left is noise to whoever has it (Assessment.SealedOnly)
	Frozen   bool      // it was frozen
	Asked    bool      // the recipient was asked to delete it
	Attested bool      // and attests that
	Measures string    // the operator's words
	Again    bool      // they were told before: this is what is new
}

// communication is what an affected person is told: what the letter says, and
// what NoticesOf shows.
func (d *Desk) communication(l hearkeep.Language, t telling) Communication {
	w := textsIn(l)
	fill := d.filler(w, "aware", t.AwareAt, "at", t.At, "case", t.Incident, "measures", t.Measures,
		"contact", d.Controller.Contact, "authority", d.Controller.Authority)
	c := Communication{Language: l.Or(), Subject: w.toldSubject, Headings: w.headings, Which: w.list}
	if t.Again {
		c.Subject = w.againSubject
	}
	has := func(how string) bool { return slices.Contains(t.Hows, how) }
	handed, noise := has(HowHanded), has(HowHanded) && t.Sealed
	heard := handed && !noise || has(HowOpened)

	c.Nature = fill(paragraphs(
		sentences(w.aware, only(t.Again, w.again), w.source(t.What), only(!t.At.IsZero() && t.AwareAt.Sub(t.At) >= time.Minute, w.began)),
		only(noise, w.handedSealed), only(handed && !noise, w.handed), only(has(HowOpened), w.opened),
		only(has(HowReach), w.reach), only(has(HowKept), w.kept)))
	c.Consequences = fill(paragraphs(only(heard, w.mayHear), only(has(HowReach) && !heard, w.mayHave),
		only(has(HowKept), w.mayKept), only(noise && !heard && !has(HowReach) && !has(HowKept), w.mayNothing)))
	c.Measures = fill(paragraphs(only(t.Frozen, w.wasFrozen), only(t.Attested, w.wasAttested),
		only(t.Asked && !t.Attested, w.wasAsked), w.wasWritten, only(t.Measures != "", w.wasOperator)))
	complain := w.doComplain
	if d.Controller.Authority != "" {
		complain = w.doAuthority
	}
	c.Advice = fill(paragraphs(w.doLook, only(noise, w.doKit), only(heard || has(HowReach), w.doWords), only(has(HowReach), w.doKeys),
		only(has(HowKept), w.doKept), only(heard || has(HowReach) || has(HowKept), w.doOthers), w.doRights, complain))
	c.Contact = fill(w.contact)
	if d.Controller.Contact == "" {
		c.Contact = fill(w.contactNone)
	}
	return c
}

// concernedNoMore is what somebody reads in the place of what they were told,
// where it was found later that it does not concern them: who narrows a case
// takes from nobody that they were told.
func (d *Desk) concernedNoMore(l hearkeep.Language, c store.Incident, told time.Time) Communication {
	w := textsIn(l)
	fill := d.filler(w, "told", told, "case", c.ID, "contact", d.Controller.Contact, "authority", d.Controller.Authority)
	complain, contact := w.doComplain, w.contact
	if d.Controller.Authority != "" {
		complain = w.doAuthority
	}
	if d.Controller.Contact == "" {
		contact = w.contactNone
	}
	return Communication{
		Language: l.Or(), Subject: w.toldSubject, Headings: w.headings, Which: w.list,
		Nature: fill(w.noMore), Advice: fill(paragraphs(w.doRights, complain)), Contact: fill(contact),
	}
}

// source says how a case became known.
func (w texts) source(what string) string {
	switch what {
	case WhatNotMine:
		return w.fromMine
	case WhatOther:
		return w.fromReport
	case WhatPlace:
		return w.fromPlace
	case WhatVolume:
		return w.fromVolume
	case WhatSession:
		return w.fromSession
	case WhatFailed, "does not open", "foreign":
		return w.fromDamage
	case "numbers missing", "numbers missing at start":
		return w.fromMissing
	case WhatTwice, CodeAgain:
		return w.fromTwice
	case WhatRestored, WhatLedger, WhatUnwatched:
		return w.fromLog
	}
	return w.fromSelf
}

// acknowledged is what the acknowledgement of a report says.
type acknowledged struct {
	Report hearkeep.ReportID
	At     time.Time // when it came
	Frozen bool      // what it concerns is frozen; where it must not be told, false says nothing
	Link   string    // the way back to it, for somebody without an account; empty for whoever signs in
}

// letterAcknowledged answers a reporter at once. Its Text stands alone: pages
// show it too.
func (d *Desk) letterAcknowledged(l hearkeep.Language, a acknowledged) hearkeep.Letter {
	w := textsIn(l)
	freeze, back := w.gotOpen, w.gotPage
	if a.Frozen {
		freeze = w.gotFrozen
	}
	if a.Link != "" {
		back = w.gotLink
	}
	fill := d.filler(w, "at", a.At, "report", a.Report, "link", a.Link)
	return hearkeep.Letter{Topic: topicReceived, Subject: w.gotSubject, Language: l.Or(), Text: fill(paragraphs(w.got, freeze, w.gotNext, back))}
}

// letterSpoken tells keyholders that somebody reported something by voice at a
// door of theirs, which they can confirm.
func (d *Desk) letterSpoken(l hearkeep.Language, at time.Time) hearkeep.Letter {
	w := textsIn(l)
	return hearkeep.Letter{Topic: topicSpoken, Subject: w.spokeSubject, Language: l.Or(), Text: d.filler(w, "at", at)(w.spoke)}
}

// letterFrozen tells keyholders that a report froze what they hold.
func (d *Desk) letterFrozen(l hearkeep.Language, at time.Time) hearkeep.Letter {
	w := textsIn(l)
	return hearkeep.Letter{Topic: topicFroze, Subject: w.frozeSubject, Language: l.Or(), Text: d.filler(w, "at", at)(w.froze)}
}

// letterClosed tells a reporter, or a person concerned, that a case has ended.
// at is when it came, link as in acknowledged; frozen says that something was,
// and is freed.
func (d *Desk) letterClosed(l hearkeep.Language, at time.Time, frozen bool, link string) hearkeep.Letter {
	w := textsIn(l)
	back, complain := w.endPage, w.doComplain
	if link != "" {
		back = w.endLink
	}
	if d.Controller.Authority != "" {
		complain = w.doAuthority
	}
	fill := d.filler(w, "at", at, "link", link, "authority", d.Controller.Authority)
	return hearkeep.Letter{
		Topic: topicClosed, Subject: w.endSubject, Language: l.Or(),
		Text: fill(paragraphs(sentences(w.end, only(frozen, w.endFreed)), back, complain)),
	}
}

// letterOffered tells a person that something is offered to make good; the
// offer itself is the operator's text.
func (d *Desk) letterOffered(l hearkeep.Language, offer string) hearkeep.Letter {
	w := textsIn(l)
	return hearkeep.Letter{Topic: topicOffer, Subject: w.offerSubject, Language: l.Or(), Text: d.filler(w, "offer", offer)(w.offer)}
}

// asking is what a wrong recipient is asked, in paragraphs, without the link.
func (d *Desk) asking(l hearkeep.Language, until time.Time) []string {
	w := textsIn(l)
	fill := d.filler(w, "until", until)
	return []string{w.ask, w.askDont, w.askHow, w.askHelp, fill(w.askNo)}
}

// letterAsked asks whoever was handed what is another's to delete it.
func (d *Desk) letterAsked(l hearkeep.Language, until time.Time, link string) hearkeep.Letter {
	w := textsIn(l)
	contact := d.Controller.Contact
	if contact == "" {
		contact = d.Origin
	}
	fill := d.filler(w, "until", until, "link", link, "contact", contact)
	return hearkeep.Letter{
		Topic: topicAsked, Subject: w.askSubject, Language: l.Or(),
		Text: fill(paragraphs(w.ask, w.askDont, w.askHow, w.askLink, w.askHelp, w.askNo, w.askThanks)),
	}
}

// stepLine says a step of a case (StepOpened …) to its reporter; empty for
// steps that are not theirs to know. Of a person it says nothing.
func stepLine(l hearkeep.Language, step string) string {
	known := reporterSteps()
	if i := slices.Index(known[:], step); i >= 0 {
		return textsIn(l).steps[i]
	}
	return ""
}

// filler fills in what stands in braces, once: what is filled in is not
// looked at again. Times are the keep's, with how far its zone is from UTC.
func (d *Desk) filler(w texts, pairs ...any) func(string) string {
	var all []string
	for i := 0; i < len(pairs); i += 2 {
		var value string
		switch v := pairs[i+1].(type) {
		case time.Time:
			value = w.momentOf(v.In(d.Zone))
		case string:
			value = strings.TrimSpace(v)
		case fmt.Stringer:
			value = v.String()
		}
		all = append(all, "{"+pairs[i].(string)+"}", value)
	}
	return strings.NewReplacer(all...).Replace
}

// momentOf writes a moment as people do: 2 November 2026, 14:05 (UTC+1).
func (w texts) momentOf(at time.Time) string {
	_, offset := at.Zone()
	zone := "UTC"
	if offset != 0 {
		zone = fmt.Sprintf("UTC%+d", offset/3600)
		if minutes := offset % 3600 / 60; minutes != 0 {
			zone += fmt.Sprintf(":%02d", max(minutes, -minutes))
		}
	}
	return strings.NewReplacer("{day}", strconv.Itoa(at.Day()), "{month}", w.months[at.Month()-1],
		"{year}", strconv.Itoa(at.Year()), "{time}", at.Format("15:04")).Replace(w.moment) + " (" + zone + ")"
}

// tellingOf is one person's part in a case; rows are theirs.
func tellingOf(row store.Incident, rows []store.Affected) telling {
	t := telling{Incident: row.ID, What: row.What, AwareAt: row.AwareAt}
	for _, a := range rows {
		if !slices.Contains(t.Hows, a.How) {
			t.Hows = append(t.Hows, a.How)
		}
		if t.At.IsZero() || !a.At.IsZero() && a.At.Before(t.At) {
			t.At = a.At
		}
	}
	return t
}

func only(so bool, text string) string {
	if so {
		return text
	}
	return ""
}

func paragraphs(texts ...string) string { return joined("\n\n", texts) }

func sentences(texts ...string) string { return joined(" ", texts) }

func joined(by string, texts []string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(texts), func(s string) bool { return s == "" }), by)
}
