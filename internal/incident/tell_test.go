package incident

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/store"
)

func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(context.WithoutCancel(t.Context()))
}

// Two people's recordings went to a third, in one archive: each is told in
// their language on every address, once; the ledger has it; the log follows.
func TestTold(t *testing.T) {
	b := openBureau(t)
	p := b.posts()
	anna, ben, eve := b.person("Anna"), b.person("Ben"), b.person("Eve")
	b.speaks(anna.Who.Account(), "de")
	b.speaks(ben.Who.Account(), "fr")
	hook := hearkeep.NewID[hearkeep.ChannelID]()
	sealed, err := b.desk.Letters.Seal(hook, p.hook)
	b.must(err)
	b.update(func(tx *store.Tx) error {
		return tx.Letters.InsertChannel(t.Context(), store.Channel{ID: hook, Account: ben.Who.Account(), Kind: notify.Webhook, Address: sealed, Created: stamp(), Confirmed: stamp()})
	})
	annas, bens := b.recording(anna, "canary of Anna"), b.recording(ben, "canary of Ben")
	archive, _ := b.hands(eve, false, annas, bens)
	id := b.files(byForm(archive.String(), "I have what is not mine, says Eve Example")).Incident

	b.must(b.desk.Tell(t.Context(), id))
	c := b.theCase(id)
	if !slices.Contains(kinds(c), StepTold) || !c.TellBy.IsZero() {
		t.Errorf("steps %v, tell by %v", kinds(c), c.TellBy)
	}
	if got, want := c.Reached(), []Reached{{"email", "queued", 2}, {"webhook", "queued", 1}}; cmp.Diff(want, got) != "" {
		t.Errorf("got %v, want %v", got, want)
	}
	b.deliver(0)
	b.must(b.desk.followLetters(t.Context(), time.Now()))
	c = b.theCase(id)
	if got, want := c.Reached(), []Reached{{"email", "sent", 2}, {"webhook", "sent", 1}}; cmp.Diff(want, got) != "" {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, tt := range []struct {
		to       string
		language hearkeep.Language
	}{{"anna@example.org", "de"}, {"ben@example.org", "fr"}, {"webhook", "fr"}} {
		w := textsIn(tt.language)
		got := slices.DeleteFunc(p.to(tt.to), func(l arrived) bool { return l.subject != w.toldSubject })
		if len(got) != 1 {
			t.Errorf("%s got %d letters that tell them, want 1: %+v", tt.to, len(got), p.to(tt.to))
			continue
		}
		for _, want := range []string{w.headings[0], w.fromMine, w.handed, w.mayHear, w.wasFrozen, w.doLook, id.String(), "https://keep.example"} {
			if !strings.Contains(got[0].text, want) {
				t.Errorf("%s is not told %q:\n%s", tt.to, want, got[0].text)
			}
		}
		if got[0].language != string(tt.language) {
			t.Errorf("%s: language %q", tt.to, got[0].language)
		}
		for _, secret := range []string{"canary", "Eve", "Anna", "Ben", archive.String()} {
			if strings.Contains(got[0].text, secret) {
				t.Errorf("the letter to %s says %q", tt.to, secret)
			}
		}
	}
	if got := p.to("eve@example.org"); len(got) != 0 {
		t.Errorf("who has what is another's is told of it as if it were theirs: %+v", got)
	}
	for _, who := range []hearkeep.AccountID{anna.Who.Account(), ben.Who.Account()} {
		if n := b.toldEntries(who, id); n != 1 {
			t.Errorf("the ledger tells %s %d times, want once", who, n)
		}
		notices, err := b.desk.NoticesOf(t.Context(), who)
		if err != nil || len(notices) != 1 || len(notices[0].Items) != 1 {
			t.Errorf("notices: got %+v, %v", notices, err)
		}
	}
	b.wants(hearkeep.Conflict, "telling again what was told", b.desk.Tell(t.Context(), id))

	// More is found: only whom it is new to is told, of that, as news.
	second := b.recording(anna, "another canary")
	more, _ := b.hands(eve, false, second)
	b.must(b.desk.Widen(t.Context(), id, Clause{Archive: more, Reason: "Eve wrote again."}))
	b.must(b.desk.Tell(t.Context(), id))
	b.deliver(0)
	if got := p.to("anna@example.org"); got[len(got)-1].subject != german().againSubject || !strings.Contains(got[len(got)-1].text, german().again) {
		t.Errorf("Anna's last letter is %+v", got[len(got)-1])
	}
	if n := b.toldEntries(ben.Who.Account(), id); n != 1 {
		t.Errorf("Ben is told %d times, want once", n)
	}
	if n := b.toldEntries(anna.Who.Account(), id); n != 2 {
		t.Errorf("Anna is told %d times, want twice", n)
	}
	b.checked()
}

// toldEntries counts an account's entries of the ledger that say it was told.
func (b *bureau) toldEntries(account hearkeep.AccountID, id hearkeep.IncidentID) (n int) {
	b.Helper()
	list, err := b.home.Ledger.EntriesOf(b.Context(), account, nil, math.MaxInt64, 1000)
	b.must(err)
	for _, e := range list {
		if e.Kind == ledger.KindIncident && e.Purpose == StepTold && e.Incident != nil && *e.Incident == id {
			n++
		}
	}
	return n
}

// A sealed archive is noise to who has it, and its person is told so (B6).
func TestToldOfNoise(t *testing.T) {
	b := openBureau(t)
	p := b.posts()
	anna, eve := b.person("Anna"), b.person("Eve")
	archive, _ := b.hands(eve, true, b.recording(anna, "canary"))
	id := b.files(byForm(archive.String(), "not mine")).Incident
	if c := b.theCase(id); !c.Assessment.SealedOnly {
		t.Error("a sealed archive is not recorded as such")
	}
	b.must(b.desk.Tell(t.Context(), id))
	b.deliver(0)
	got := slices.DeleteFunc(p.to("anna@example.org"), func(l arrived) bool { return l.subject != english().toldSubject }) // letters overtake each other
	if len(got) == 0 || !strings.Contains(got[len(got)-1].text, english().handedSealed) || !strings.Contains(got[len(got)-1].text, english().doKit) || strings.Contains(got[len(got)-1].text, english().mayHear) {
		t.Errorf("got %+v", got)
	}
}

// Whoever has no address is told by their page, and one that takes nothing is
// in the log as such.
func TestToldByPage(t *testing.T) {
	b := openBureau(t)
	p := b.posts()
	p.refuse = "anna@example.org"
	anna, carl, eve := b.person("Anna"), b.home.Person(t, "Carl"), b.person("Eve")
	archive, _ := b.hands(eve, false, b.recording(anna, "one"), b.recording(carl, "two"))
	id := b.files(byForm(archive.String(), "not mine")).Incident
	b.expire(time.Now().Add(TellWithin + time.Second)) // nobody decided anything (C6)
	c := b.theCase(id)
	if got, want := c.Reached(), []Reached{{"email", "queued", 1}, {"page", "queued", 1}}; cmp.Diff(want, got) != "" {
		t.Errorf("got %v, want %v", got, want)
	}
	told := c.Steps[len(c.Steps)-1]
	if told.Kind != StepTold || told.By != hearkeep.RoleSystem || told.Text != "2 people: 1 by their page alone, 1 letter by email" {
		t.Errorf("got %+v", told)
	}
	b.deliver(0)
	b.expire(time.Now())
	b.must(b.desk.Read(t.Context(), id, carl.Who.Account(), stamp()))
	if got, want := b.theCase(id).Reached(), []Reached{{"email", "failed", 1}, {"page", "shown", 1}}; cmp.Diff(want, got) != "" {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A spoken notice says that there is something to read; the page tells it.
func TestToldAloud(t *testing.T) {
	b := openBureau(t)
	b.posts()
	carl, eve := b.home.Person(t, "Carl"), b.person("Eve")
	rec := b.recording(carl, "canary")
	id := hearkeep.NewID[hearkeep.ChannelID]()
	sealed, err := b.desk.Letters.Seal(id, rec.Binding.String())
	b.must(err)
	b.update(func(tx *store.Tx) error {
		return tx.Letters.InsertChannel(t.Context(), store.Channel{ID: id, Account: carl.Who.Account(), Kind: notify.Spoken, Address: sealed, Created: stamp(), Confirmed: stamp()})
	})
	archive, _ := b.hands(eve, false, rec)
	about := b.files(byForm(archive.String(), "not mine")).Incident
	b.must(b.desk.Tell(t.Context(), about))
	c := b.theCase(about)
	if got, want := c.Reached(), []Reached{{"page", "queued", 1}, {"spoken", "queued", 1}}; cmp.Diff(want, got) != "" {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := c.Steps[len(c.Steps)-1].Text; got != "1 person: 1 by their page alone, 1 spoken notice" {
		t.Errorf("got %q", got)
	}
	if said, err := b.desk.Letters.Aloud(t.Context(), rec.Binding); err != nil || !said {
		t.Errorf("said %v, %v", said, err)
	}
	b.must(b.desk.followLetters(t.Context(), time.Now()))
	if got, want := b.theCase(about).Reached(), []Reached{{"page", "queued", 1}, {"spoken", "sent", 1}}; cmp.Diff(want, got) != "" {
		t.Errorf("got %v, want %v", got, want)
	}
}

// breaking is a store that fails once some transactions have come through.
type breaking struct {
	store.Store
	left int
}

var errBroke = errors.New("the disk is full")

func (s *breaking) Update(ctx context.Context, fn func(*store.Tx) error) error {
	if s.left--; s.left < 0 {
		return errBroke
	}
	return s.Store.Update(ctx, fn)
}

// crowd makes a case that concerns many people, as rows.
func (b *bureau) crowd(n int) (hearkeep.IncidentID, []hearkeep.AccountID) {
	b.Helper()
	id := b.files(byForm("", "everything lies on the street")).Incident
	var accounts []hearkeep.AccountID
	var rows []store.Affected
	b.update(func(tx *store.Tx) error {
		for i := range n {
			a := store.Account{ID: hearkeep.NewID[hearkeep.AccountID](), Name: fmt.Sprintf("person %d", i), Display: "Person", Public: []byte{1}, SealedPrivate: []byte{1}, SealedList: []byte{1}, Created: stamp()}
			if err := tx.Identity.InsertAccount(b.Context(), a); err != nil {
				return err
			}
			accounts = append(accounts, a.ID)
			rows = append(rows, store.Affected{Incident: id, Account: a.ID, Vault: hearkeep.NewID[hearkeep.VaultID](), Run: hearkeep.Run{Binding: hearkeep.NewID[hearkeep.BindingID](), From: 1, To: 9}, How: HowReach, Entry: -1, At: stamp()})
		}
		return tx.Incidents.SetAffected(b.Context(), id, rows)
	})
	return id, accounts
}

// A crowd is told in pieces. What breaks off in the middle goes on where it
// was, and nobody is told twice.
func TestToldInPieces(t *testing.T) {
	b := openBureau(t)
	id, accounts := b.crowd(2*tellAtOnce + 30)
	whole := b.desk.Store
	b.desk.Store = &breaking{whole, 2}
	if err := b.desk.Tell(t.Context(), id); !errors.Is(err, errBroke) {
		t.Fatalf("got %v, want %v", err, errBroke)
	}
	b.desk.Store = whole
	if n := len(b.theCase(id).Letters); n != 2*tellAtOnce {
		t.Errorf("%d were told before it broke, want %d", n, 2*tellAtOnce)
	}
	if slices.Contains(kinds(b.theCase(id)), StepTold) {
		t.Error("it says that all were told")
	}
	b.expire(time.Now().Add(TellWithin + time.Second))
	c := b.theCase(id)
	perPerson := map[hearkeep.AccountID]int{}
	for _, l := range c.Letters {
		perPerson[l.Account]++
	}
	for _, a := range accounts {
		if perPerson[a] != 1 || b.toldEntries(a, id) != 1 {
			t.Fatalf("%s was told %d times, the ledger says %d", a, perPerson[a], b.toldEntries(a, id))
		}
	}
	if told := c.Steps[len(c.Steps)-1]; told.Kind != StepTold || told.Text != fmt.Sprintf("%d people: %d by their page alone", len(accounts), len(accounts)) {
		t.Errorf("got %+v", told)
	}
	b.checked()
}

// The clock and the operator tell at the same time: everybody once.
func TestToldAtOnce(t *testing.T) {
	b := openBureau(t)
	id, accounts := b.crowd(tellAtOnce + 20)
	var all sync.WaitGroup
	for _, by := range []hearkeep.Role{hearkeep.RoleOperator, hearkeep.RoleSystem, hearkeep.RoleSystem} {
		all.Go(func() {
			if _, err := b.desk.tellAll(t.Context(), id, by); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	c := b.theCase(id)
	if n := len(c.Letters); n != len(accounts) {
		t.Errorf("%d letters to %d people", n, len(accounts))
	}
	steps := slices.DeleteFunc(kinds(c), func(kind string) bool { return kind != StepTold })
	if len(steps) != 1 {
		t.Errorf("it is written down %d times, want once", len(steps))
	}
	b.checked()
}

// What the operator holds back is not told by the clock, not even the rest of
// a crowd; the operator may tell it all the same.
func TestHeldBack(t *testing.T) {
	b := openBureau(t)
	id, _ := b.crowd(3)
	b.must(b.desk.Hold(t.Context(), id, "The police asked for a day."))
	b.must(b.desk.tell(t.Context(), id, hearkeep.RoleSystem))
	if n := len(b.theCase(id).Letters); n != 0 {
		t.Errorf("%d were told by the clock", n)
	}
	b.must(b.desk.Tell(t.Context(), id))
	if n := len(b.theCase(id).Letters); n != 3 {
		t.Errorf("%d were told by the operator, want 3", n)
	}
	b.wants(hearkeep.NotFound, "a case that is not there", b.desk.Tell(t.Context(), hearkeep.NewID[hearkeep.IncidentID]()))
	nothing := b.files(byForm("", "nothing to find")).Incident
	b.wants(hearkeep.Conflict, "nobody to tell", b.desk.Tell(t.Context(), nothing))
}

// Who was erased since cannot be told, and the log says so.
func TestToldTooLate(t *testing.T) {
	b := openBureau(t)
	id, _ := b.crowd(1)
	b.update(func(tx *store.Tx) error {
		rows, err := tx.Incidents.Affected(t.Context(), id)
		rows[0].Account = hearkeep.NewID[hearkeep.AccountID]()
		return errors.Join(err, tx.Incidents.SetAffected(t.Context(), id, rows))
	})
	b.must(b.desk.Tell(t.Context(), id))
	if got, want := b.theCase(id).Reached(), []Reached{{"page", "failed", 1}}; cmp.Diff(want, got) != "" {
		t.Errorf("got %v, want %v", got, want)
	}
}
