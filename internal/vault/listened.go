package vault

import (
	"maps"
	"sync"
	"time"

	"github.com/hearkeep/hearkeep"
)

// An account listens to at most maxListened different recordings in
// listenWindow, and to as many again after each step-up: a session that was
// left open, or its stolen cookie, does not play a whole vault (A2). Words do
// not count. The counts are in memory and begin anew at a restart.
const (
	maxListened  = 200
	listenWindow = time.Hour
)

// listened is what accounts have listened to lately. The zero value is nothing.
type listened struct {
	mu sync.Mutex
	by map[hearkeep.AccountID]*listens
}

type listens struct {
	at      map[hearkeep.RecordingID]time.Time
	granted time.Time // the step-up that began this count; zero before the first
}

// add counts a recording that an actor is about to listen to, or fails with
// StepUp. Listening again within the hour costs nothing.
func (l *listened) add(a actor, id hearkeep.RecordingID, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(now)
	mine := l.by[a.account]
	if mine == nil {
		mine = &listens{at: map[hearkeep.RecordingID]time.Time{}}
		l.by[a.account] = mine
	}
	if _, ok := mine.at[id]; ok {
		return nil
	}
	if len(mine.at) >= maxListened {
		if err := a.fresh(); err != nil {
			return errListened(err)
		}
		shown := a.who.SteppedUp()
		if !shown.After(mine.granted) {
			return errListened(nil)
		}
		mine.granted = shown
		clear(mine.at)
	}
	mine.at[id] = now
	return nil
}

func (l *listened) forget(now time.Time) {
	if l.by == nil {
		l.by = map[hearkeep.AccountID]*listens{}
	}
	for _, of := range l.by {
		maps.DeleteFunc(of.at, func(_ hearkeep.RecordingID, at time.Time) bool { return now.Sub(at) >= listenWindow })
	}
	maps.DeleteFunc(l.by, func(_ hearkeep.AccountID, of *listens) bool {
		return len(of.at) == 0 && now.Sub(of.granted) >= listenWindow
	})
}

func errListened(err error) error {
	_, _, hint := hearkeep.Explain(err)
	if err == nil {
		hint = "Show your passphrase, passkey or recovery kit once more, and it goes on."
	}
	return hearkeep.Errorf(hearkeep.StepUp, "That was %d recordings within an hour.", maxListened).WithHint("%s", hint).Because(err)
}
