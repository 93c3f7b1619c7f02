// Package hearkeep holds the words of a voice assistant that keeps what it
// hears for the person it belongs to and for nobody else: identifiers,
// recordings, what was understood and done, error codes. It imports the
// standard library only, and every room may import it.
//
// It promises that spoken text never prints by accident (Words), and that
// identifiers of different things cannot be swapped (ID).
package hearkeep

import "time"

// SampleRate is the rate in hertz at which speech is recognised and kept.
const SampleRate = 16000

// DefaultRetention is how long a recording's parts are kept unless its vault
// says otherwise (V6: "until the user deletes" is not a retention).
const DefaultRetention = 90 * 24 * time.Hour

// Role is what somebody was when they did something, as the ledger records it.
type Role string

// Roles.
const (
	RoleKeyholder Role = "keyholder"
	RoleDevice    Role = "device"
	RoleOperator  Role = "operator"
	RoleSystem    Role = "system" // Hearkeep by itself: retention, start-up
	RoleAdmin     Role = "admin"  // of a household: manages, and reads nothing thereby
	RoleToken     Role = "token"  // a program that a keyholder gave an API token
)

// Source says through which kind of door a binding's speech comes.
type Source string

// Sources.
const (
	SourceSay     Source = "say"     // the terminal
	SourceUpload  Source = "upload"  // a file given in the browser
	SourceBrowser Source = "browser" // push to talk in the browser
	SourceWyoming Source = "wyoming" // a Wyoming listener, as Home Assistant dials it
	SourceMoved   Source = "moved"   // recordings that came from another vault of the same person
	SourceImport  Source = "import"  // an archive that the person brought from another provider
)

// Generation counts a vault's key pairs from 1.
type Generation uint64

// Number counts a binding's recordings from 1, without gaps.
type Number uint64
