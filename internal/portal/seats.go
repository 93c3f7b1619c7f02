package portal

import (
	"context"
	"sync"

	"github.com/hearkeep/hearkeep"
)

// seats are places for sound in memory: so many in all, and so many of one
// vault, so that one sender leaves room for the others.
type seats struct {
	all  chan struct{}
	most int

	mu   sync.Mutex
	of   map[hearkeep.VaultID]int
	left chan struct{} // closed and replaced when somebody leaves
}

func newSeats(all, most int) *seats {
	return &seats{all: make(chan struct{}, all), most: most, of: map[hearkeep.VaultID]int{}, left: make(chan struct{})}
}

// take waits for a seat until ctx ends.
func (s *seats) take(ctx context.Context, vault hearkeep.VaultID) (release func(), err error) {
	if err := s.share(ctx, vault); err != nil {
		return nil, err
	}
	select {
	case s.all <- struct{}{}:
		return func() { <-s.all; s.leave(vault) }, nil
	case <-ctx.Done():
		s.leave(vault)
		return nil, ctx.Err()
	}
}

// share waits until the vault has fewer than its most.
func (s *seats) share(ctx context.Context, vault hearkeep.VaultID) error {
	for {
		s.mu.Lock()
		if s.of[vault] < s.most {
			s.of[vault]++
			s.mu.Unlock()
			return nil
		}
		left := s.left
		s.mu.Unlock()
		select {
		case <-left:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *seats) leave(vault hearkeep.VaultID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[vault]--; s.of[vault] == 0 {
		delete(s.of, vault)
	}
	close(s.left)
	s.left = make(chan struct{})
}
