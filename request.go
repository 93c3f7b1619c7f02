package hearkeep

// RequestKind is which of their rights somebody uses (GDPR Art. 15 to 21).
type RequestKind string

// Kinds of requests.
const (
	RequestAccess        RequestKind = "access"        // Art. 15: a copy of all that is kept, and what it is for
	RequestPortability   RequestKind = "portability"   // Art. 20: the same, to take along
	RequestErasure       RequestKind = "erasure"       // Art. 17
	RequestRestriction   RequestKind = "restriction"   // Art. 18: keep it, and do nothing else with it
	RequestRectification RequestKind = "rectification" // Art. 16: a transcript is wrong
	RequestObjection     RequestKind = "objection"     // Art. 21: stop keeping what is said
)

// RequestKinds lists all kinds in the order in which people are shown them.
func RequestKinds() []RequestKind {
	return []RequestKind{RequestAccess, RequestPortability, RequestErasure, RequestRestriction, RequestRectification, RequestObjection}
}

// Valid reports whether k is one of the kinds above.
func (k RequestKind) Valid() bool {
	for _, known := range RequestKinds() {
		if k == known {
			return true
		}
	}
	return false
}

// Via is how a request came.
type Via string

// Ways in which requests come.
const (
	ViaPortal Via = "portal" // signed in, in the browser
	ViaAPI    Via = "api"    // signed in, by the terminal or a program
	ViaVoice  Via = "voice"  // spoken at a door: its person has to confirm it
	ViaAgent  Via = "agent"  // told by an agent (Data Rights Protocol): its person has to confirm it
)

// RequestState is where a request stands.
type RequestState string

// States. The clock runs in all but the last three.
const (
	RequestAsked     RequestState = "asked"     // spoken, or told by an agent: waits for its person to confirm it
	RequestOpen      RequestState = "open"      // received, and being answered
	RequestReady     RequestState = "ready"     // its answer can be fetched
	RequestStopped   RequestState = "stopped"   // a release did not add up: nothing was handed over
	RequestAnswered  RequestState = "answered"  // done
	RequestWithdrawn RequestState = "withdrawn" // by its person
	RequestLapsed    RequestState = "lapsed"    // asked, and never confirmed
)

// Ended reports whether nothing more is to come.
func (s RequestState) Ended() bool {
	return s == RequestAnswered || s == RequestWithdrawn || s == RequestLapsed
}
