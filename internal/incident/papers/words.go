package papers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
)

// moment is a time in the zone and in UTC.
func (on Basis) moment(at time.Time) string {
	if at.IsZero() {
		return "–"
	}
	utc := at.UTC()
	if on.Zone == nil {
		return utc.Format("2 January 2006, 15:04 UTC")
	}
	here := at.In(on.Zone)
	if here.Format("15:04 MST") == utc.Format("15:04 MST") {
		return utc.Format("2 January 2006, 15:04 UTC")
	}
	if here.Day() == utc.Day() {
		return here.Format("2 January 2006, 15:04 MST") + utc.Format(" (15:04 UTC)")
	}
	return here.Format("2 January 2006, 15:04 MST") + utc.Format(" (2 January, 15:04 UTC)")
}

// short is moment for a table's cell, to the second.
func (on Basis) short(at time.Time) string {
	if at.IsZero() {
		return "–"
	}
	utc := at.UTC().Format("2006-01-02 15:04:05 UTC")
	if on.Zone == nil {
		return utc
	}
	here := at.In(on.Zone).Format("2006-01-02 15:04:05 MST")
	if here == utc {
		return utc
	}
	return here + "\n" + utc
}

// What a report says, as a document says it.
func what(s string) string {
	switch s {
	case incident.WhatNotMine:
		return "Somebody reported that they have what is not theirs."
	case incident.WhatOther:
		return "Somebody reported that something is wrong."
	case incident.WhatFailed:
		return "Recordings did not open: rows, keys or files had been altered or exchanged."
	case incident.WhatSession:
		return "Recordings were opened without a session that the keep knows."
	case incident.WhatVolume:
		return "Unusually many recordings were opened within a day."
	case incident.WhatTwice:
		return "One device seemed to be in two places."
	case incident.WhatPlace:
		return "An archive was fetched from a network where its account had never been used."
	case incident.WhatClock:
		return "The clock of the machine jumped."
	case incident.WhatRestored:
		return "The keep was restored from a backup."
	case incident.WhatLedger:
		return "The ledger was put back to an earlier state."
	case incident.WhatUnwatched:
		return "The ledger was not followed for a time."
	case incident.CodeAgain:
		return "A device's pairing code that was used came again from another network."
	case "numbers missing", "numbers missing at start":
		return "Recordings that were numbered are not there, and nothing accounts for them."
	case "does not open":
		return "Something that is kept does not open."
	case "foreign":
		return "Something that is kept belongs to another vault."
	}
	return "Hearkeep noticed: " + s + "."
}

// via is how a report came.
func via(v hearkeep.ReportVia) string {
	switch v {
	case hearkeep.ReportPortal:
		return "signed in"
	case hearkeep.ReportVoice:
		return "by voice, at a device"
	case hearkeep.ReportForm:
		return "by form, without an account"
	case hearkeep.ReportMail:
		return "by letter"
	}
	return "Hearkeep itself"
}

// how is a way in which recordings were concerned.
func how(s string) string {
	switch s {
	case incident.HowHanded:
		return "handed over: they left in an archive"
	case incident.HowOpened:
		return "opened: they became sound or words"
	case incident.HowReach:
		return "within reach: keys to them were in other hands"
	case incident.HowKept:
		return "kept wrongly: they lie in a vault that is not their speaker's"
	}
	return s
}

// stepText is a step's name in the documents.
func stepText(kind string) string {
	switch kind {
	case incident.StepOpened:
		return "A case was opened"
	case incident.StepJoined:
		return "Another report joined it"
	case incident.StepAcknowledged:
		return "The report was acknowledged"
	case incident.StepFrozen:
		return "What it concerns was frozen"
	case incident.StepScoped:
		return "Who is affected was computed"
	case incident.StepWidened:
		return "The search was widened"
	case incident.StepNarrowed:
		return "The search was narrowed"
	case incident.StepAssessed:
		return "Severity was assessed"
	case incident.StepDecided:
		return "Notifying the authority was decided"
	case incident.StepHeld:
		return "Telling the people was held back"
	case incident.StepTold:
		return "The people were told"
	case incident.StepAsked:
		return "A recipient was asked to delete it"
	case incident.StepAttested:
		return "A recipient answered"
	case incident.StepOffered:
		return "Something was offered to make good"
	case incident.StepNotified:
		return "The authority was notified"
	case incident.StepAlarmed:
		return "The clock gave an alarm"
	case incident.StepClosed:
		return "The case was closed"
	}
	return kind
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func orElse(s, other string) string {
	if strings.TrimSpace(s) == "" {
		return other
	}
	return s
}

func yes(so bool) string {
	if so {
		return "yes"
	}
	return "no"
}

// span says a duration in whole hours, or days where they are whole.
func span(d time.Duration) string {
	switch {
	case d <= 0:
		return "none"
	case d%(24*time.Hour) == 0 && d > 72*time.Hour:
		return count(int(d/(24*time.Hour)), "day", "days")
	case d%time.Hour == 0:
		return count(int(d/time.Hour), "hour", "hours")
	case d < time.Hour:
		return count(int((d+time.Minute/2)/time.Minute), "minute", "minutes")
	}
	return fmt.Sprintf("%d h %d min", int(d/time.Hour), int(d%time.Hour/time.Minute))
}

// maxRuns is how many runs are listed; the table of who is affected has all.
const maxRuns = 60

// runs writes numbers, each once, as runs: 3, 5–9.
func runs(numbers []int64) string {
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	var out []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		if i == j {
			out = append(out, fmt.Sprint(numbers[i]))
		} else {
			out = append(out, fmt.Sprintf("%d–%d", numbers[i], numbers[j]))
		}
		i = j + 1
	}
	if len(out) > maxRuns {
		return fmt.Sprintf("%d entries, from %d to %d", len(numbers), numbers[0], numbers[len(numbers)-1])
	}
	return strings.Join(out, ", ")
}
