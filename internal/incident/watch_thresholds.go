package incident

import (
	"fmt"
	"time"
)

// Thresholds are what counts as unusual. They are settings, and shown: Explain.
// Of the zero value, and of each field that is zero, the default holds.
type Thresholds struct {
	FailedOpenings int           // within Window, of one vault
	Window         time.Duration // of FailedOpenings
	Openings       int           // sounds that one account may open within a day; of a vault twice as many
	Words          int           // recordings whose words one account may open within a day; of a vault twice as many

	SessionLife time.Duration // the longest that a session lives
	TokenLife   time.Duration // the longest that an API token lives
	Underway    time.Duration // for how long what was asked for before a session's end may still open

	Returns   int           // of one device's token to networks it had left, within PlacesAt
	PlacesAt  time.Duration // the span of Returns
	OnePeer   time.Duration // within which one machine that speaks at doors of strangers' vaults is one
	NewPlace  time.Duration // a network or a browser is new to an account for so long
	ClockJump time.Duration
	// Unfollowed is how far apart entries may lie that are followed at one time.
	Unfollowed time.Duration
}

// DefaultThresholds are those that a simulation of 10,000 normal days settled;
// docs/watch.md shows what it measured.
func DefaultThresholds() Thresholds {
	return Thresholds{
		FailedOpenings: 1, Window: time.Hour, Openings: 1000, Words: 50_000,
		SessionLife: 14 * 24 * time.Hour, TokenLife: 366 * 24 * time.Hour, Underway: 10 * time.Minute,
		Returns: 4, PlacesAt: time.Hour, OnePeer: 24 * time.Hour, NewPlace: 48 * time.Hour,
		ClockJump: 24 * time.Hour, Unfollowed: time.Hour,
	}
}

// thresholds are the Desk's, complete.
func (d *Desk) thresholds() Thresholds { return d.Thresholds.complete() }

func (t Thresholds) complete() Thresholds {
	is := DefaultThresholds()
	for _, n := range []struct {
		to   *int
		from int
	}{{&is.FailedOpenings, t.FailedOpenings}, {&is.Openings, t.Openings}, {&is.Words, t.Words}, {&is.Returns, t.Returns}} {
		if n.from > 0 {
			*n.to = n.from
		}
	}
	for _, n := range []struct {
		to   *time.Duration
		from time.Duration
	}{
		{&is.Window, t.Window}, {&is.SessionLife, t.SessionLife}, {&is.TokenLife, t.TokenLife}, {&is.Underway, t.Underway},
		{&is.PlacesAt, t.PlacesAt}, {&is.OnePeer, t.OnePeer}, {&is.NewPlace, t.NewPlace}, {&is.ClockJump, t.ClockJump}, {&is.Unfollowed, t.Unfollowed},
	} {
		if n.from > 0 {
			*n.to = n.from
		}
	}
	return is
}

// Explained is a threshold as people read it.
type Explained struct {
	Name  string // what is watched
	Value string // from where on it is reported
	Why   string // what is ordinary, and stays below
}

// Explain says what is reported and from where on, for the operator's page.
func (t Thresholds) Explain() []Explained {
	t = t.complete()
	return []Explained{
		{"Openings that failed", fmt.Sprintf("%s in one vault within %s", times(t.FailedOpenings, "time"), spell(t.Window)),
			"What was kept opens, always. Where it does not, something was altered, swapped or damaged."},
		{"Numbers missing", "one number; looked for at every start and every six hours",
			"Each recording has the next number of its door. One that stands for nothing was lost in a crash, or was taken away."},
		{"Openings without a session", fmt.Sprintf("one, later than %s after the end of its session or token", spell(t.Underway)),
			"Whoever opens something has signed in before, and that stands in the ledger. What was asked for just before signing out may still be under way."},
		{"Sounds opened in a day", fmt.Sprintf("more than %d different ones by one account, or %d of one vault", t.Openings, 2*t.Openings),
			"A long evening of listening, or moving a few hundred to another vault, stays below. Archives do not count: they are told in letters."},
		{"Words opened in a day", fmt.Sprintf("of more than %d different recordings by one account, or %d of one vault", t.Words, 2*t.Words),
			"A search looks at all words of a vault; a program that reads the same ones again counts once."},
		{"A device in two places", fmt.Sprintf("its token returns %s within %s to networks that it had left; or one machine speaks at doors of two vaults that have nobody in common, within %s; or a pairing code that was used comes again from another network", times(t.Returns, "time"), spell(t.PlacesAt), spell(t.OnePeer)),
			"A telephone changes its network on the way, and does not go back and forth. A family's Home Assistant speaks at doors of all its vaults."},
		{"An archive fetched from a new place", fmt.Sprintf("from a network where its account was first used less than %s ago, by a one-time code or in a browser that it was first used in as lately, while it is used elsewhere for longer", spell(t.NewPlace)),
			"Archives are fetched at home, or on the way in one's own browser. Networks and browsers are compared as marks: where and which they are is not kept."},
		{"The clock jumped", fmt.Sprintf("by %s or more", spell(t.ClockJump)),
			"Summer time moves no clock that this looks at, and a corrected clock moves by seconds."},
		{"A backup was restored", "every time", "It is the operator's act, and ends all sessions; people should know that an older state came back."},
		{"The ledger was rewound or altered", "every time", "It only grows."},
		{"The ledger was not followed", fmt.Sprintf("entries more than %s apart that wait together", spell(t.Unfollowed)),
			"It is followed every minute while Hearkeep runs."},
	}
}

func times(n int, noun string) string {
	if n == 1 {
		return "one " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// spell is a duration in its largest whole unit.
func spell(d time.Duration) string {
	for _, u := range []struct {
		of   time.Duration
		noun string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if d >= u.of && d%u.of == 0 && (d > u.of || u.noun != "day") {
			return times(int(d/u.of), u.noun)
		}
	}
	return d.String()
}
