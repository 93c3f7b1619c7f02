package rights

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Wrong codes of all sources together, after which guesses are told to wait.
// It keeps no code from working that was sent: 60 bits keep guesses out (a
// thousand a second find one in twenty million years), and each takes
// redeemEvenly.
const (
	wrongBurst = 1000
	wrongEvery = 100 * time.Millisecond
)

// allowance is wrongBurst at once, and then one every wrongEvery.
type allowance struct {
	mu   sync.Mutex
	full time.Time // when all of it is back
}

// over is how long to wait until there is one again.
func (a *allowance) over(now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.full.Before(now) {
		return 0
	}
	return a.full.Sub(now) - wrongBurst*wrongEvery
}

// take uses one up.
func (a *allowance) take(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.full.Before(now) {
		a.full = now
	}
	a.full = a.full.Add(wrongEvery)
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

// codeError answers all codes that do not work alike.
func codeError(err error) error {
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, errAltered) {
		return hearkeep.Errorf(hearkeep.NotFound, "This code does not work.").
			WithHint("Codes work once, and for seven days; and not while a change of your account is new. Compare it with the letter, or ask for another.").Because(err)
	}
	return fmt.Errorf("rights: redeem a code: %w", err)
}
