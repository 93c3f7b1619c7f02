package papers

import (
	"time"

	"github.com/hearkeep/hearkeep/internal/incident"
)

// Settings are what a running Hearkeep has set, as the impact assessment says
// it. Their zero values read as "off" or "none".
type Settings struct {
	Version    string
	Origin     string
	Vaults     int // that are kept
	Accounts   int
	Households int
	Retention  []Retention
	Doors      []Count // kinds of doors, in words, and how many are bound
	LongVaults int     // vaults that keep longer than the defaults
	Mail       string  // how e-mail leaves: "over TLS", "within this machine"; empty for none
	Webhooks   []string
	Engines    []Engine
	Backups    string // where to and how often, in words; empty for none
	BackupKeys time.Duration
	HTTPS      string // how the network is protected, in words
	Operator   bool   // the operator's pages are shown
	Wait       time.Duration
	Clock      time.Duration // of the notification
	TellWithin time.Duration
	Thresholds incident.Thresholds
	Witnesses  []string
	Agents     bool // agents may send requests in people's names
	Corpus     bool // recordings are used to improve recognition
}

// Retention is for how long a kind of thing is kept where nobody chose otherwise.
type Retention struct {
	Of  string
	For time.Duration
}

// Count is how many there are of something.
type Count struct {
	Of string
	N  int
}

// Engine is what turns sound into words, or words into sound.
type Engine struct {
	Name     string
	Does     string
	External bool   // it is a program that the operator named, beyond this machine's own
	Where    string // its address; empty within this machine
}
