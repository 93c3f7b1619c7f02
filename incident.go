package hearkeep

import "time"

// ReportVia is how a report came.
type ReportVia string

// Ways in which reports come.
const (
	ReportPortal ReportVia = "portal" // signed in, in the browser or by a program
	ReportVoice  ReportVia = "voice"  // spoken at a door
	ReportForm   ReportVia = "form"   // from somebody without an account
	ReportMail   ReportVia = "mail"   // came as a letter, entered by the operator
	ReportSelf   ReportVia = "self"   // Hearkeep noticed it by itself
)

// IncidentState is where a case stands (B3).
type IncidentState string

// States. The clock runs in all but the last.
const (
	IncidentOpen     IncidentState = "open"     // a report came; nothing is decided
	IncidentDecided  IncidentState = "decided"  // whether to notify is decided, with reasons (B4)
	IncidentNotified IncidentState = "notified" // the authority has the initial notification, or more
	IncidentClosed   IncidentState = "closed"   // documented, also where it was nothing (Art. 33(5))
)

// IncidentClock is how long the authority may wait for a notification: Art.
// 33(1). A setting replaces it, since laws change (B8).
const IncidentClock = 72 * time.Hour

// Language is one that letters about incidents are written in: an IETF tag of
// two letters. The zero value is English.
type Language string

// Languages lists them in the order in which people are offered them.
func Languages() []Language { return []Language{"en", "de", "fr", "es", "it", "nl"} }

// Valid reports whether letters are written in l.
func (l Language) Valid() bool {
	for _, known := range Languages() {
		if l == known {
			return true
		}
	}
	return false
}

// Or returns l, or English where nothing is written in l.
func (l Language) Or() Language {
	if l.Valid() {
		return l
	}
	return "en"
}
