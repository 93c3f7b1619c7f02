package identity

import (
	"context"
	"runtime"
	"time"
)

// tick is what the time of an answer about a name, or about a link that does
// not work, is rounded up to. Finding a row and finding none differ by some
// tens of microseconds, however much the work is made alike: far less than a
// tick.
const tick = 10 * time.Millisecond

// coarse is how late a timer may be. It counts whole milliseconds from when it
// was set, so that it alone would pass on when that was.
const coarse = 2 * time.Millisecond

// evenly waits until a whole number of ticks has passed since begin, or ctx
// ends, so that how long it took says nothing about what was found.
func evenly(ctx context.Context, begin time.Time) {
	end := begin.Add(time.Since(begin).Truncate(tick) + tick)
	timer := time.NewTimer(time.Until(end) - coarse)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return
	}
	var last time.Time
	for now := time.Now(); now.Before(end); now = time.Now() {
		if now.Equal(last) { // a clock that is coarse, or a test's that stands still
			time.Sleep(end.Sub(now))
			return
		}
		last = now
		runtime.Gosched()
	}
}
