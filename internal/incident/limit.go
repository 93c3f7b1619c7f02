package incident

import (
	"context"
	"crypto/sha256"
	"strings"
	"sync"
	"time"

	"github.com/hearkeep/hearkeep"
)

// How much is taken in a day, of a day that begins with the first.
const (
	formsADay   = 10   // reports by form, of one network
	maxForms    = 2000 // of all networks together
	reportsADay = 50   // of an account
	voiceADay   = 5    // of one door
	answersADay = 3    // letters to one address of nobody's account

)

// counts counts what came, by whom it came from, so that nobody takes the room
// of all others.
type counts struct {
	mu    sync.Mutex
	since time.Time
	of    map[[32]byte]int
	all   int
	most  int // in all; zero for no bound
}

// admit counts one, and reports whether that is not too many.
func (c *counts) admit(kind, source string, most int, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil || now.Sub(c.since) >= 24*time.Hour || now.Before(c.since) {
		c.since, c.of, c.all = now, map[[32]byte]int{}, 0
	}
	key := sha256.Sum256([]byte(kind + "\x00" + source))
	if c.of[key] >= most || c.most > 0 && c.all >= c.most {
		return false
	}
	c.of[key]++
	c.all++
	return true
}

// admit fails with TooMany where too many reports came from where this one does.
func (d *Desk) admit(f Filing, source string, now time.Time) error {
	ok := true
	switch f.Via {
	case hearkeep.ReportForm:
		ok = d.forms.admit("network", source, formsADay, now)
	case hearkeep.ReportPortal:
		ok = d.counts.admit("account", f.By.String(), reportsADay, now)
	case hearkeep.ReportVoice:
		ok = d.counts.admit("door", f.Binding.String(), voiceADay, now)
	}
	if ok {
		return nil
	}
	return hearkeep.Errorf(hearkeep.TooMany, "Too many reports came from here today.").
		WithHint("Those stand. Try again tomorrow, or write to whoever runs this keep.").After(24 * time.Hour)
}

// answers counts a letter to an address that nobody has shown to be theirs.
func (d *Desk) answers(reach string, now time.Time) bool {
	return d.counts.admit("answer", strings.ToLower(reach), answersADay, now)
}

// evenly waits until a whole number of steps has passed since begin, so that
// how long an answer took says little about what was found.
func evenly(ctx context.Context, begin time.Time, step time.Duration) {
	timer := time.NewTimer(step - time.Since(begin)%step)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
