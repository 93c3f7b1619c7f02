package incident

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// busy is a store in which something happens after each look into it.
type busy struct {
	store.Store
	views, updates int
	then           func(looks int)
}

func (s *busy) View(ctx context.Context, fn func(*store.Tx) error) error {
	err := s.Store.View(ctx, fn)
	s.views++
	s.then(s.views)
	return err
}

func (s *busy) Update(ctx context.Context, fn func(*store.Tx) error) error {
	s.updates++
	return s.Store.Update(ctx, fn)
}

// Who is affected is computed while others write, and nothing is missed that
// they wrote; where they do not stop, they wait in the end.
func TestLooksWhileOthersWrite(t *testing.T) {
	for _, test := range []struct {
		name    string
		opens   int           // after how many looks something is opened
		window  time.Duration // that is looked for, from an hour ago
		updates int           // each look is followed by one
		people  int
	}{
		{"nobody writes", 0, 2 * time.Hour, 1, 1},
		{"once", 1, 2 * time.Hour, 2, 2},
		{"all the time", 10, 2 * time.Hour, maxLooks, 2},
		{"what is not looked for", 10, 30 * time.Minute, 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := openBureau(t)
			anna, bert := b.person("Anna"), b.person("Bert")
			hers, his := b.recording(anna, "one"), b.recording(bert, "two")
			id := b.files(byForm("", "Something was opened.")).Incident
			b.opened(bert.Who.Account(), hers)
			whole, from := b.desk.Store, time.Now().Add(-time.Hour)
			s := &busy{Store: whole, then: func(looks int) {
				if looks <= test.opens {
					b.opened(anna.Who.Account(), his)
				}
			}}
			b.desk.Store = s
			b.must(b.desk.Widen(t.Context(), id, Clause{From: from, To: from.Add(test.window), Reason: "x"}))
			b.desk.Store = whole
			if c := b.theCase(id); c.People != test.people || s.updates != test.updates {
				t.Errorf("got %d people after %d tries, want %d after %d", c.People, s.updates, test.people, test.updates)
			}
			b.checked()
		})
	}
}

// adds finds what is new among very many rows, as it does among few.
func TestAdds(t *testing.T) {
	row := func(how string, from, to hearkeep.Number) store.Affected {
		return store.Affected{Run: hearkeep.Run{From: from, To: to}, How: how}
	}
	was := []store.Affected{row(HowHanded, 1, 9), row(HowOpened, 3, 4), row(HowOpened, 20, 21)}
	for _, test := range []struct {
		from, to hearkeep.Number
		want     bool
	}{{1, 9, false}, {5, 8, false}, {3, 4, false}, {9, 10, true}, {10, 19, true}, {19, 20, true}, {20, 21, false}, {21, 22, true}, {22, 22, true}} {
		if got := adds(was, []store.Affected{row(HowReach, test.from, test.to)}); got != test.want {
			t.Errorf("%s: got %v, want %v", fmt.Sprint(test.from, "-", test.to), got, test.want)
		}
	}
	if !adds(was, []store.Affected{{Account: hearkeep.AccountID{1}, Run: hearkeep.Run{From: 1, To: 2}}}) {
		t.Error("another person adds nothing")
	}
}
