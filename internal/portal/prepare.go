package portal

import (
	"context"
	"sync"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/rights"
)

// An archive is checked whole before its first byte, which takes as long as
// there is much to check: so it goes on beside the page that began it. It
// is one session's, and no other sees it.
const (
	preparingAtOnce = 2
	preparingWithin = time.Hour
	preparedLife    = 24 * time.Hour  // as long as room rights holds a frozen archive
	preparedSoon    = 2 * time.Second // within which a page shows what came of it
	preparedByCall  = 4 * time.Minute // and within which a call of the API does
	againIn         = 3               // seconds until a page looks again
)

// preparations are the checks that go on or are done, in memory.
type preparations struct {
	now   func() time.Time
	slots chan struct{}

	mu sync.Mutex
	of map[preparation]*prepared
}

// preparation names one: whose session, for which request, and which archive.
type preparation struct {
	session string
	request hearkeep.RequestID
	sealed  bool
}

// prepared is one. open and err are read once done is closed.
type prepared struct {
	began time.Time
	done  chan struct{}
	open  rights.Open
	err   error
}

func newPreparations(now func() time.Time) *preparations {
	return &preparations{now: now, slots: make(chan struct{}, preparingAtOnce), of: map[preparation]*prepared{}}
}

// ended reports whether it goes on no more.
func (j *prepared) ended() bool {
	select {
	case <-j.done:
		return true
	default:
		return false
	}
}

// get returns what goes on or is done for a session's request; nil for nothing.
func (s *preparations) get(key preparation) *prepared {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.of[key]
}

// drop forgets what is done.
func (s *preparations) drop(key preparation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j := s.of[key]; j != nil && j.ended() {
		delete(s.of, key)
	}
}

// start begins a check, or joins the one that goes on. A browser that goes
// away does not end it; ending does.
func (s *preparations) start(ctx, ending context.Context, key preparation, check func(context.Context) (rights.Open, error)) *prepared {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for k, j := range s.of {
		if j.ended() && now.Sub(j.began) > preparedLife {
			delete(s.of, k)
		}
	}
	if j := s.of[key]; j != nil && !j.ended() {
		return j
	}
	j := &prepared{began: now, done: make(chan struct{})}
	s.of[key] = j
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), preparingWithin)
	if ending != nil {
		context.AfterFunc(ending, cancel)
	}
	go func() {
		defer close(j.done)
		defer cancel()
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
			j.open, j.err = check(ctx)
		case <-ctx.Done():
			j.err = ctx.Err()
		}
	}()
	return j
}

// wait waits for a check for so long at most, and says whether it is done.
func (j *prepared) wait(ctx context.Context, most time.Duration) bool {
	enough := time.NewTimer(most)
	defer enough.Stop()
	select {
	case <-j.done:
	case <-enough.C:
	case <-ctx.Done():
	}
	return j.ended()
}

// prepare begins to freeze and check an archive for somebody's session.
func (p *portal) prepare(ctx context.Context, who identity.Verified, id hearkeep.RequestID, sealed bool) *prepared {
	return p.preparing.start(ctx, p.Ending, preparation{who.Session(), id, sealed}, func(ctx context.Context) (rights.Open, error) {
		if sealed {
			open, _, err := p.Rights.SealedHere(ctx, who, id)
			return open, err
		}
		return p.Rights.Prepare(ctx, who, id)
	})
}

// preparedFor is what is prepared, or goes on, for a request in this session.
func (p *portal) preparedFor(ctx context.Context, who identity.Verified, id hearkeep.RequestID, sealed bool) (*prepared, error) {
	key := preparation{who.Session(), id, sealed}
	j := p.preparing.get(key)
	if j == nil || !j.ended() || j.err != nil || sealed {
		return j, nil
	}
	_, err := p.Rights.Prepared(ctx, who, j.open.ID)
	if hearkeep.CodeOf(err) == hearkeep.NotFound { // its time is over
		p.preparing.drop(key)
		return nil, nil
	}
	return j, err
}
