package identity_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// ask asks for a farewell and waits until it was looked up.
func (h house) ask(t *testing.T, name, address, from string) error {
	t.Helper()
	err := h.desk.AskFarewell(t.Context(), name, address, at(from))
	h.desk.AwaitAsks()
	return err
}

// farewellLink is the secret in the last letter to an account.
func (h house) farewellLink(t *testing.T, who identity.Verified) string {
	t.Helper()
	post := h.post(t, who.Account())
	if len(post) == 0 {
		t.Fatal("no letter came")
	}
	m := regexp.MustCompile(regexp.QuoteMeta(origin) + `/farewell/([a-z0-9]+)\n`).FindStringSubmatch(post[len(post)-1].Text)
	if m == nil {
		t.Fatal("the letter has no link")
	}
	return m[1]
}

// leaving makes somebody with an address, and the link of a farewell.
func (h house) leaving(t *testing.T, name string) (identity.Verified, string) {
	t.Helper()
	who := h.make(t, name)
	address := strings.ToLower(name) + "@example.org"
	h.channel(t, who, address, true)
	if err := h.ask(t, name, address, "10.0.0.1"); err != nil {
		t.Fatal(err)
	}
	return who, h.farewellLink(t, who)
}

// Who asks learns nothing: neither of names, nor of addresses.
func TestFarewellAnswersAlike(t *testing.T) {
	h := openHouse(t)
	anna, bert := h.make(t, "Anna"), h.make(t, "Bert")
	h.channel(t, anna, "anna@example.org", true)
	h.channel(t, anna, "new@example.org", false)
	h.channel(t, bert, "bert@example.org", true)
	for i, tc := range []struct{ name, nick, address string }{
		{"unknown name", "Nobody", "anna@example.org"},
		{"wrong address", "Anna", "mallory@example.org"},
		{"unconfirmed address", "Anna", "new@example.org"},
		{"another's address", "Anna", "bert@example.org"},
		{"no address", "Anna", ""},
		{"no name", "", ""},
		{"rubbish", "\xff", strings.Repeat("\x00", 1<<20)},
	} {
		if err := h.ask(t, tc.nick, tc.address, "10.0."+string(rune('0'+i))+".1"); err != nil {
			t.Errorf("%s: got %v, want no error", tc.name, err)
		}
		if a, b := h.post(t, anna.Account()), h.post(t, bert.Account()); len(a)+len(b) != 0 {
			t.Fatalf("%s: somebody got a letter", tc.name)
		}
	}
	if err := h.ask(t, " ANNA ", "Anna@Example.org", "10.0.9.1"); err != nil {
		t.Fatal(err)
	}
	got := h.post(t, anna.Account())
	if len(got) != 1 || got[0].Topic != "farewell link" || got[0].Address != "anna@example.org" {
		t.Errorf("the right address: got %+v, want one link to it and none to the other", got)
	}
}

func TestFarewellNeedsLetters(t *testing.T) {
	f := open(t)
	f.create(t, "Anna")
	for _, name := range []string{"Anna", "Nobody"} {
		err := f.desk.AskFarewell(t.Context(), name, "anna@example.org", at("10.0.0.1"))
		wantCode(t, "where no letters are sent, "+name, err, hearkeep.Unavailable)
	}
}

// Asking is limited for who asks, and for whom the letters are: the former is
// told, the latter is not shown.
func TestFarewellIsRateLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := openHouse(t)
		anna := h.make(t, "Anna")
		h.channel(t, anna, "anna@example.org", true)
		for i := range 5 {
			name := [...]string{"Anna", "Nobody"}[i%2]
			if err := h.ask(t, name, "mallory@example.org", "10.0.0.1"); err != nil {
				t.Fatal(err)
			}
		}
		wantCode(t, "a sixth time, for a name that is there", h.ask(t, "Anna", "x@example.org", "10.0.0.1"), hearkeep.TooMany)
		wantCode(t, "a sixth time, for one that is not", h.ask(t, "Nobody", "x@example.org", "10.0.0.1"), hearkeep.TooMany)
		for i := range 5 {
			if err := h.ask(t, "Anna", "anna@example.org", "10.1.1."+string(rune('1'+i))); err != nil {
				t.Errorf("from another address: %v", err)
			}
		}
		if got := len(h.post(t, anna.Account())); got != 3 {
			t.Errorf("letters in a moment: got %d, want 3", got)
		}
		time.Sleep(24 * time.Hour)
		if err := h.ask(t, "Anna", "anna@example.org", "10.0.0.1"); err != nil {
			t.Errorf("a day later: %v", err)
		}
		if got := len(h.post(t, anna.Account())); got != 4 {
			t.Errorf("letters a day later: got %d, want 4", got)
		}
	})
}

func TestFarewellLinkWorksOnce(t *testing.T) {
	h, ctx := openHouse(t), t.Context()
	anna, link := h.leaving(t, "Anna")
	h.search(t, []byte(link))
	for range 2 { // looking does not use it up
		if name, err := h.desk.FarewellLink(ctx, link); err != nil || name != "Anna" {
			t.Fatalf("got %q, %v", name, err)
		}
	}
	setup, err := h.desk.AnotherLink(ctx)
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, "as a set-up link", h.desk.CheckSetup(ctx, link), hearkeep.NotFound)
	for name, bad := range map[string]string{
		"empty": "", "altered": "a" + link, "upper case": strings.ToUpper(link), "of another kind": setup, "huge": strings.Repeat("a", 1<<20),
	} {
		wantCode(t, name, second(h.desk.FarewellLink(ctx, bad)), hearkeep.NotFound)
		wantCode(t, name+", confirmed", second(h.desk.ConfirmFarewell(ctx, bad)), hearkeep.NotFound)
	}
	if due, err := h.desk.Farewell(ctx, anna); err != nil || !due.IsZero() {
		t.Errorf("before it is confirmed: due %s, %v", due, err)
	}
	before := time.Now()
	due, err := h.desk.ConfirmFarewell(ctx, link)
	if err != nil {
		t.Fatal(err)
	}
	if wait := due.Sub(before); wait < identity.WaitLife-time.Second {
		t.Errorf("due after %s, want %s", wait, identity.WaitLife)
	}
	wantCode(t, "replayed", second(h.desk.ConfirmFarewell(ctx, link)), hearkeep.NotFound)
	wantCode(t, "looked at afterwards", second(h.desk.FarewellLink(ctx, link)), hearkeep.NotFound)
	if got, err := h.desk.Farewell(ctx, anna); err != nil || !got.Equal(due) {
		t.Errorf("who is signed in sees %s, %v, want %s", got, err, due)
	}
}

func TestFarewellLinkExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, ctx := openHouse(t), t.Context()
		anna, link := h.leaving(t, "Anna")
		time.Sleep(identity.FarewellLife)
		wantCode(t, "looked at", second(h.desk.FarewellLink(ctx, link)), hearkeep.NotFound)
		wantCode(t, "confirmed", second(h.desk.ConfirmFarewell(ctx, link)), hearkeep.NotFound)
		if due, err := h.desk.Farewell(ctx, anna); err != nil || !due.IsZero() {
			t.Errorf("due %s, %v", due, err)
		}
	})
}

// Confirming again does not put it off, and cannot hurry it either.
func TestFarewellIsDueOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, ctx := openHouse(t), t.Context()
		anna, link := h.leaving(t, "Anna")
		due, err := h.desk.ConfirmFarewell(ctx, link)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		in, err := h.desk.SignIn(ctx, "Anna", passphrase, at("10.0.0.1"))
		if err != nil {
			t.Fatal(err)
		}
		again, err := h.desk.SayFarewell(ctx, in.Who)
		if err != nil || !again.Equal(due) {
			t.Errorf("said again: due %s, %v, want %s", again, err, due)
		}
		if got := h.topics(t, anna.Account()); !cmp.Equal(got, []string{"farewell link", "farewell begun"}) {
			t.Errorf("letters: got %q", got)
		}
	})
}

func TestFarewellIsDueAfterTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, ctx := openHouse(t), t.Context()
		anna, link := h.leaving(t, "Anna")
		bert := h.make(t, "Bert")
		if _, err := h.desk.ConfirmFarewell(ctx, link); err != nil {
			t.Fatal(err)
		}
		time.Sleep(identity.WaitLife - time.Millisecond)
		if err := h.desk.Expire(ctx, time.Now()); err != nil {
			t.Fatal(err)
		}
		if len(h.vaults.forgotten) != 0 {
			t.Fatal("erased before its time")
		}
		if err := h.desk.Admin(ctx, anna); err != nil {
			t.Errorf("a moment before: %v", err)
		}
		time.Sleep(time.Millisecond)
		h.vaults.then = func() {
			h.view(t, func(tx *store.Tx) error {
				sessions, err := tx.Identity.Sessions(ctx, anna.Account())
				if len(sessions) != 0 {
					t.Error("somebody is signed in while all that the account holds is erased")
				}
				return err
			})
		}
		wantCode(t, "stopped too late", h.desk.StopFarewell(ctx, anna), hearkeep.Conflict)
		for range 2 { // and once more, when nothing is left to do
			if err := h.desk.Expire(ctx, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]hearkeep.AccountID{anna.Account()}, h.vaults.forgotten); diff != "" {
			t.Errorf("forgotten (-want +got):\n%s", diff)
		}
		h.wantGone(t, anna)
		h.wantNames(t, bert, "Bert*")
		_, err := h.desk.SignIn(ctx, "Anna", passphrase, at("10.0.0.1"))
		wantCode(t, "signing in", err, hearkeep.Unauthorized)
		post := h.post(t, anna.Account())
		if last := post[len(post)-1]; last.Topic != "account erased" || last.Address != "anna@example.org" {
			t.Errorf("the last letter: got %+v", last)
		}
		want := []string{"keyholder: asked for by letter", "system: account erased"}
		if diff := cmp.Diff(want, h.purposes(t, anna.Account(), ledger.KindFarewell)); diff != "" {
			t.Errorf("ledger (-want +got):\n%s", diff)
		}
	})
}

func (h house) wantGone(t *testing.T, who identity.Verified) {
	t.Helper()
	ctx := t.Context()
	h.view(t, func(tx *store.Tx) error {
		if _, err := tx.Identity.Account(ctx, who.Account()); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the account: got %v, want it gone", err)
		}
		if _, err := tx.Houses.Member(ctx, who.Account()); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the membership: got %v, want it gone", err)
		}
		if _, err := tx.Houses.Farewell(ctx, who.Account()); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the farewell: got %v, want it gone", err)
		}
		ways, err := tx.Identity.Unlockers(ctx, who.Account())
		channels, err2 := tx.Letters.Channels(ctx, who.Account())
		sessions, err3 := tx.Identity.Sessions(ctx, who.Account())
		if len(ways)+len(channels)+len(sessions) != 0 {
			t.Errorf("left: %d unlockers, %d channels, %d sessions", len(ways), len(channels), len(sessions))
		}
		return errors.Join(err, err2, err3)
	})
}

// Somebody who still signs in stops what another asked for.
func TestFarewellIsStoppedBySigningIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, ctx := openHouse(t), t.Context()
		anna, link := h.leaving(t, "Anna")
		bert := h.make(t, "Bert")
		if _, err := h.desk.ConfirmFarewell(ctx, link); err != nil {
			t.Fatal(err)
		}
		time.Sleep(identity.WaitLife / 2)
		if err := h.ask(t, "Anna", "anna@example.org", "10.0.0.9"); err != nil {
			t.Fatal(err)
		}
		another := h.farewellLink(t, anna)
		if _, err := h.desk.FarewellLink(ctx, another); err != nil {
			t.Fatal(err)
		}
		if err := h.desk.StopFarewell(ctx, bert); err != nil {
			t.Errorf("stopping where nothing waits: %v", err)
		}
		wantCode(t, "nobody stops it", h.desk.StopFarewell(ctx, identity.Verified{}), hearkeep.Unauthorized)
		if due, err := h.desk.Farewell(ctx, anna); err != nil || due.IsZero() {
			t.Fatalf("another stopped it: due %s, %v", due, err)
		}
		in, err := h.desk.SignIn(ctx, "Anna", passphrase, at("10.0.0.1"))
		if err != nil {
			t.Fatal(err)
		}
		if err := h.desk.StopFarewell(ctx, in.Who); err != nil {
			t.Fatal(err)
		}
		_, err = h.desk.ConfirmFarewell(ctx, another)
		wantCode(t, "another link, once it was stopped", err, hearkeep.NotFound)
		time.Sleep(identity.WaitLife)
		if err := h.desk.Expire(ctx, time.Now()); err != nil {
			t.Fatal(err)
		}
		if len(h.vaults.forgotten) != 0 {
			t.Error("erased although it was stopped")
		}
		if got := h.topics(t, anna.Account()); !cmp.Equal(got, []string{"farewell link", "farewell begun", "farewell link", "farewell stopped"}) {
			t.Errorf("letters: got %q", got)
		}
	})
}

// What fails or is interrupted between the vaults and the account begins anew,
// and holds up nobody else.
func TestFarewellGoesOnAfterACrash(t *testing.T) {
	h, ctx := openHouse(t), t.Context()
	anna, bert := h.make(t, "Anna"), h.make(t, "Bert")
	h.channel(t, anna, "anna@example.org", true)
	for _, who := range []identity.Verified{anna, bert} {
		if _, err := h.desk.SayFarewell(ctx, who); err != nil {
			t.Fatal(err)
		}
	}
	later := time.Now().Add(identity.WaitLife + time.Minute)

	h.vaults.fail = errors.New("disk full")
	if err := h.desk.Expire(ctx, later); err == nil {
		t.Fatal("a failure was kept quiet")
	}
	if got := len(h.vaults.forgotten); got != 2 {
		t.Errorf("tried: got %d, want both", got)
	}
	h.vaults.fail = nil

	killed, kill := context.WithCancel(ctx)
	h.vaults.then = kill // the vaults are forgotten, and then the program is gone
	if err := h.desk.Expire(killed, later); err == nil {
		t.Fatal("nothing was interrupted")
	}
	h.vaults.then = nil
	h.view(t, func(tx *store.Tx) error {
		_, err := tx.Identity.Account(ctx, anna.Account())
		return err // still there, to begin anew with
	})
	h.vaults.forgotten = nil
	if err := h.desk.Expire(ctx, later); err != nil {
		t.Fatal(err)
	}
	if got := len(h.vaults.forgotten); got != 2 {
		t.Errorf("forgotten again: got %d, want both", got)
	}
	h.wantGone(t, anna)
	h.wantGone(t, bert)
	if got := h.topics(t, anna.Account()); !cmp.Equal(got, []string{"farewell begun", "account erased"}) {
		t.Errorf("letters: got %q", got)
	}
}

// The household of who is gone is deleted where nobody stays in it, and has an
// admin where somebody does.
func TestFarewellLeavesAnOrderlyHousehold(t *testing.T) {
	h, ctx := openHouse(t), t.Context()
	anna := h.make(t, "Anna")
	bert, carl := h.member(t, anna, "Bert"), h.member(t, anna, "Carl")
	h.channel(t, bert, "bert@example.org", true)
	olga := h.make(t, "Olga")
	olgas := h.household(t, olga).ID
	link := h.invite(t, anna)
	for _, who := range []identity.Verified{anna, olga} {
		if _, err := h.desk.SayFarewell(ctx, who); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.desk.Expire(ctx, time.Now().Add(identity.WaitLife+time.Minute)); err != nil {
		t.Fatal(err)
	}
	h.wantGone(t, anna)
	h.wantGone(t, olga)
	h.wantNames(t, carl, "Bert*", "Carl")
	wantCode(t, "an invitation of who is gone", second(h.desk.Offered(ctx, link)), hearkeep.NotFound)
	if got := h.topics(t, bert.Account()); !cmp.Equal(got, []string{"admin made"}) {
		t.Errorf("letters to the heir: got %q", got)
	}
	h.view(t, func(tx *store.Tx) error {
		if _, err := tx.Houses.Household(ctx, olgas); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the household of somebody alone: got %v, want it gone", err)
		}
		return nil
	})
}
