package archive

import (
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/hearkeep/hearkeep"
)

// Fault is one thing that is wrong with a sealed archive: what, and where. It
// holds no words. What no fault names is what was archived.
type Fault struct {
	Member string          // of the ZIP file; empty where a recording or a door is named
	Vault  string          // as its keyholder calls it; empty for an account's first
	Door   string          // as its keyholder calls it
	Number hearkeep.Number // of the door's recordings; 0 where all of the door is meant
	Part   hearkeep.Part   // empty where all of the recording is meant
	What   string          // "was altered": what the sentence goes on with
}

// What is wrong.
const (
	faultMissing   = "is missing"
	faultAltered   = "was altered"
	faultForeign   = "does not belong here: it does not open with your keys"
	faultAdded     = "was put in: it is not on the signed list"
	faultTwice     = "is there twice"
	faultCut       = "was cut off or altered: it is not of the size that is on the signed list"
	faultUnsigned  = "is not signed by the key that it names: anybody may have made or altered this archive"
	faultStored    = "is packed in a way that no sealed archive is"
	faultCount     = "does not hold as many recordings as the signed list says"
	faultLeftovers = "holds more or less than its index says"
)

// Error is String, so that a fault can be returned.
func (f Fault) Error() string { return f.String() }

// String is a sentence without its full stop: `the sound of recording 12 of
// "Kitchen" was altered`.
func (f Fault) String() string {
	if f.Member != "" {
		return f.Member + " " + f.What
	}
	door := fmt.Sprintf("%q", f.Door)
	if f.Vault != "" {
		door += fmt.Sprintf(" in %q", f.Vault)
	}
	what := door
	if f.Number > 0 {
		what = fmt.Sprintf("recording %d of %s", f.Number, door)
	}
	if f.Part != "" {
		what = partName(f.Part) + " of " + what
	}
	return what + " " + f.What
}

// Sentence is String with a capital letter, as a line of its own begins.
func (f Fault) Sentence() string {
	s := f.String()
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}

// Text says what is left out as people read it.
func (w Withheld) Text() string {
	what := fmt.Sprintf("%d recordings", w.Count)
	if w.Count == 1 {
		what = "1 recording"
	}
	if w.Door != "" {
		what += fmt.Sprintf(" of %q", w.Door)
	}
	return what + ": " + w.Why
}

func partName(p hearkeep.Part) string {
	switch p {
	case hearkeep.PartAudio:
		return "the sound"
	case hearkeep.PartWords:
		return "the transcript"
	case hearkeep.PartTurn:
		return "what was done"
	}
	return "the waveform"
}

// numbering holds the recordings of an index against what it says of its
// doors: each number is there once, or is accounted for as gone.
func (x *index) numbering(vault string) []Fault {
	var faults []Fault
	numbers := make([][]hearkeep.Number, len(x.head.Doors))
	ids := make(map[hearkeep.RecordingID]bool, len(x.rows))
	for i := range x.rows {
		r := &x.rows[i]
		if ids[r.id] {
			faults = append(faults, Fault{Vault: vault, Door: x.head.Doors[r.door].Name, Number: r.number, What: faultTwice})
		}
		ids[r.id] = true
		numbers[r.door] = append(numbers[r.door], r.number)
	}
	for i, d := range x.head.Doors {
		faults = append(faults, d.account(vault, numbers[i])...)
	}
	return faults
}

// maxNamed bounds how many numbers of a door are named one by one.
const maxNamed = 100

// account names the numbers of a door that are twice there, beyond the last,
// or neither there nor gone.
func (d indexDoor) account(vault string, numbers []hearkeep.Number) []Fault {
	var faults []Fault
	slices.Sort(numbers)
	say := func(n hearkeep.Number, what string) {
		if len(faults) < maxNamed {
			faults = append(faults, Fault{Vault: vault, Door: d.Name, Number: n, What: what})
		}
	}
	var gaps []hearkeep.Run
	gone, before := 0, hearkeep.Number(0)
	gap := func(to hearkeep.Number) { // the numbers after before and up to to
		if to > before {
			gone += int(to - before)
			gaps = append(gaps, hearkeep.Run{From: before + 1, To: to})
		}
	}
	for _, n := range numbers {
		switch {
		case n == 0:
			say(0, "has a recording without a number")
			continue
		case n == before:
			say(n, faultTwice)
			continue
		case n > hearkeep.Number(max(d.Last, 0)):
			say(n, "has a number that its door never gave")
		}
		gap(n - 1)
		before = n
	}
	gap(hearkeep.Number(max(d.Last, 0)))
	if d.In != len(numbers) || gone != d.Erased+d.Expired+d.Failed+d.Withheld {
		say(0, fmt.Sprintf("does not add up: it gave %d numbers; %d are said to be here and %d are; %d are said to be erased, expired, failed or withheld; not here are%s",
			d.Last, d.In, len(numbers), d.Erased+d.Expired+d.Failed+d.Withheld, runsText(gaps)))
	}
	return faults
}

func runsText(runs []hearkeep.Run) string {
	text := ""
	for i, r := range runs {
		switch {
		case i == maxNamed:
			return text + " and more"
		case r.From == r.To:
			text += fmt.Sprintf(" %d", r.From)
		default:
			text += fmt.Sprintf(" %d-%d", r.From, r.To)
		}
	}
	if text == "" {
		return " none"
	}
	return text
}
