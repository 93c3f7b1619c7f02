package identity_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// keep is a house whose room of vaults makes new keys.
type keep struct {
	house
	rekeys *rekeys
	config identity.Config
}

// rekeys stands for room vault at Rekey.
type rekeys struct {
	identity.Vaults
	mu        sync.Mutex
	to        []identity.Verified
	fail      error
	commits   []error // what the first commits come to
	committed int
	meanwhile func() // runs between what is prepared and what is committed
}

func (r *rekeys) Rekey(_ context.Context, _, to identity.Verified) (func(*store.Tx) error, error) {
	r.mu.Lock()
	r.to = append(r.to, to)
	fail, meanwhile := r.fail, r.meanwhile
	r.mu.Unlock()
	if meanwhile != nil {
		meanwhile()
	}
	return func(*store.Tx) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.committed++
		if r.committed <= len(r.commits) {
			return r.commits[r.committed-1]
		}
		return nil
	}, fail
}

func openKeep(t *testing.T) keep {
	t.Helper()
	k := keep{house: openHouse(t), rekeys: &rekeys{}}
	k.config = identity.Config{
		Store: k.store, Ledger: k.ledger, House: k.key, Costs: cheap, Letters: k.letters, Vaults: k.rekeys, Origin: origin,
	}
	k.restart(t)
	return k
}

// restart makes the Desk anew, with all attempts given back.
func (k *keep) restart(t *testing.T) {
	t.Helper()
	var err error
	if k.desk, err = identity.New(k.config); err != nil {
		t.Fatal(err)
	}
}

// way returns who's way of a kind, the first there is.
func (k keep) way(t *testing.T, who identity.Verified, kind string) identity.Way {
	t.Helper()
	for _, w := range k.ways(t, who) {
		if w.Kind == kind {
			return w
		}
	}
	t.Fatalf("there is no %s", kind)
	return identity.Way{}
}

func (k keep) ways(t *testing.T, who identity.Verified) []identity.Way {
	t.Helper()
	ways, err := k.desk.Ways(t.Context(), who)
	if err != nil {
		t.Fatal(err)
	}
	return ways
}

// rows is what a copy of the database holds of an account, its passphrase
// before its kit.
func (k keep) rows(t *testing.T, account hearkeep.AccountID) (a store.Account, unlockers []store.Unlocker) {
	t.Helper()
	k.view(t, func(tx *store.Tx) (err error) {
		if a, err = tx.Identity.Account(t.Context(), account); err != nil {
			return err
		}
		unlockers, err = tx.Identity.Unlockers(t.Context(), account)
		return err
	})
	slices.SortStableFunc(unlockers, func(a, b store.Unlocker) int { return strings.Compare(b.Kind, a.Kind) })
	return a, unlockers
}

// again returns who a cookie belongs to.
func (k keep) again(t *testing.T, in identity.SignedIn) identity.Verified {
	t.Helper()
	who, err := k.desk.Authenticate(t.Context(), in.Cookie)
	if err != nil {
		t.Fatalf("the new cookie: %v", err)
	}
	return who
}

func (k keep) ended(t *testing.T, what, cookie string) {
	t.Helper()
	_, err := k.desk.Authenticate(t.Context(), cookie)
	wantCode(t, what, err, hearkeep.Unauthorized)
}

func TestAnotherPassphrase(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	in, kit := k.create(t, "Anna")
	if _, err := k.desk.SetPassphrase(ctx, in.Who, "short", at("10.0.0.1")); err == nil {
		t.Error("a short passphrase was taken")
	}
	next, err := k.desk.SetPassphrase(ctx, in.Who, "another long passphrase", at("10.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	k.ended(t, "the cookie from before", in.Cookie)
	if got := k.again(t, next); got.Expires() != in.Who.Expires() || got.SteppedUp() != in.Who.SteppedUp() {
		t.Error("a new cookie changed how long the session lasts, or when an unlocker was shown")
	}
	_, err = k.desk.SignIn(ctx, "Anna", passphrase, at("10.0.0.2"))
	wantCode(t, "the passphrase from before", err, hearkeep.Unauthorized)
	if _, err = k.desk.SignIn(ctx, "Anna", "another long passphrase", at("10.0.0.1")); err != nil {
		t.Error(err)
	}
	if _, err = k.desk.SignInWithKit(ctx, "Anna", kit, at("10.0.0.1")); err != nil {
		t.Errorf("the kit: %v", err)
	}
	if got := len(k.ways(t, next.Who)); got != 2 {
		t.Errorf("got %d ways, want 2", got)
	}
	// What was done with the old cookie is not done with the new one's rights.
	_, err = k.desk.SetPassphrase(ctx, in.Who, "a third long passphrase", at("10.0.0.1"))
	wantCode(t, "a tab that was left open", err, hearkeep.Conflict)
	_, err = k.desk.SetPassphrase(ctx, identity.Verified{}, "a third long passphrase", at("10.0.0.1"))
	wantCode(t, "nobody", err, hearkeep.StepUp)
}

// The kit of the set-up is in force at once; the check only says so.
// A thief of the rows cannot try all groups on a ticket, and a writer of rows
// cannot have the account key wrapped to a kit of their own.
// Whoever sits before an open session keeps nobody from signing in by it, and
// fills nothing.
func TestChangesOfWaysAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, ctx := openKeep(t), t.Context()
		in, _ := k.create(t, "Anna")
		var err error
		for range 5 {
			if in, err = k.desk.SetPassphrase(ctx, in.Who, passphrase, at("10.0.0.1")); err != nil {
				t.Fatal(err)
			}
		}
		wantCode(t, "a sixth passphrase", second(k.desk.SetPassphrase(ctx, in.Who, passphrase, at("10.9.0.1"))), hearkeep.TooMany)
		for range 10 {
			if _, _, err := k.desk.NewKit(ctx, in.Who); err != nil {
				t.Fatal(err)
			}
		}
		_, _, err = k.desk.NewKit(ctx, in.Who)
		wantCode(t, "an eleventh kit", err, hearkeep.TooMany)
		time.Sleep(time.Minute)
		if _, err = k.desk.SetPassphrase(ctx, in.Who, passphrase, at("10.0.0.1")); err != nil {
			t.Errorf("a minute later: %v", err)
		}
	})
}

// Who removes a way in that somebody else had ends what that one let in.
func TestInvitationsEndWithAWay(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	anna, _ := k.create(t, "Anna")
	bert := k.make(t, "Bert")
	if err := k.desk.Accept(ctx, bert, k.invite(t, anna.Who)); err != nil {
		t.Fatal(err)
	}
	if err := k.desk.SetAdmin(ctx, anna.Who, bert.Account(), true); err != nil {
		t.Fatal(err)
	}
	hers, his := k.invite(t, anna.Who), k.invite(t, bert)
	if _, err := k.desk.RemoveWay(ctx, anna.Who, k.way(t, anna.Who, identity.KindKit).ID, at("10.0.0.1")); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "an invitation of hers", second(k.desk.Offered(ctx, hers)), hearkeep.NotFound)
	if _, err := k.desk.Offered(ctx, his); err != nil {
		t.Errorf("one of another admin: %v", err)
	}
}

func TestRemovedUnlockerOpensNothing(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	in, kit := k.create(t, "Anna")
	other, err := k.desk.SignIn(ctx, "Anna", passphrase, at("10.0.0.3"))
	if err != nil {
		t.Fatal(err)
	}
	before, unlockers := k.rows(t, in.Who.Account())
	next, err := k.desk.RemoveWay(ctx, in.Who, k.way(t, in.Who, identity.KindPassphrase).ID, at("10.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	k.ended(t, "the cookie from before", in.Cookie)
	k.ended(t, "another session", other.Cookie)
	who := k.again(t, next)
	_, err = k.desk.SignIn(ctx, "Anna", passphrase, at("10.0.0.2"))
	wantCode(t, "the removed passphrase", err, hearkeep.Unauthorized)
	if _, err = k.desk.SignInWithKit(ctx, "Anna", kit, at("10.0.0.1")); err != nil {
		t.Errorf("the kit, which stayed: %v", err)
	}

	// With a copy of the database from before, it opens what was, not what is.
	after, _ := k.rows(t, in.Who.Account())
	params, err := seal.ParseArgon2(unlockers[0].Params)
	if err != nil {
		t.Fatal(err)
	}
	with, err := seal.NewStretcher().Passphrase(ctx, passphrase, params)
	if err != nil {
		t.Fatal(err)
	}
	old, err := seal.UnwrapAccountKey(unlockers[0].Wrap, with, before.ID, unlockers[0].ID)
	if err != nil {
		t.Fatalf("the copy: %v", err)
	}
	was, err := seal.OpenAccountPrivate(old, before.ID, before.SealedPrivate)
	if err != nil {
		t.Fatalf("the copy: %v", err)
	}
	if _, err := seal.OpenAccountPrivate(old, after.ID, after.SealedPrivate); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("the old account key on the new private key: got %v, want ErrOpen", err)
	}
	if _, err := seal.OpenUnlockerList(old, after.ID, after.SealedList); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("the old account key on the new list: got %v, want ErrOpen", err)
	}
	now := seal.PublicOfAccount(who.Private())
	if now.Equal(seal.PublicOfAccount(was)) || !bytes.Equal(now.Bytes(), after.Public) {
		t.Error("the account did not get a pair of its own")
	}
	if len(k.rekeys.to) != 1 || k.rekeys.committed != 1 || !seal.PublicOfAccount(k.rekeys.to[0].Private()).Equal(now) || k.rekeys.to[0].Account() != who.Account() {
		t.Error("the vaults were not asked once, for the new pair of the same account")
	}
}

// Whoever writes rows has the new account key sent to nobody.
func TestRowWriterAtRemoval(t *testing.T) {
	evil := seal.NewKit()
	for _, tc := range []struct {
		name  string
		alter func(tx *store.Tx, a store.Account, mine, bert []store.Unlocker) error
	}{
		{"an unlocker of their own", func(tx *store.Tx, a store.Account, _, _ []store.Unlocker) error {
			u := store.Unlocker{ID: hearkeep.NewID[hearkeep.UnlockerID](), Account: a.ID, Kind: "passkey", Params: []byte("{}"), Created: time.Now()}
			var err error
			u.Wrap, err = seal.WrapAccountKey(seal.NewAccountKey(), seal.PublicOfUnlocker(seal.KitUnlocker(evil, a.ID)), a.ID, u.ID)
			if err != nil {
				return err
			}
			return tx.Identity.InsertUnlocker(t.Context(), u)
		}},
		{"another's wrap in the kit's row", func(tx *store.Tx, _ store.Account, mine, bert []store.Unlocker) error {
			mine[1].Wrap = bert[1].Wrap
			return tx.Identity.SetUnlocker(t.Context(), mine[1])
		}},
		{"the passphrase's params and wrap in the kit's row", func(tx *store.Tx, _ store.Account, mine, _ []store.Unlocker) error {
			mine[1].Wrap, mine[1].Params = mine[0].Wrap, mine[0].Params
			return tx.Identity.SetUnlocker(t.Context(), mine[1])
		}},
		{"another public key of the account", func(tx *store.Tx, a store.Account, _, _ []store.Unlocker) error {
			_, public, err := seal.NewAccountPair()
			if err != nil {
				return err
			}
			a.Public = public.Bytes()
			return tx.Identity.SetAccount(t.Context(), a)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k, ctx := openKeep(t), t.Context()
			in, kit := k.create(t, "Anna")
			bert, _ := k.create(t, "Bert")
			a, mine := k.rows(t, in.Who.Account())
			_, berts := k.rows(t, bert.Who.Account())
			gone := mine[0].ID
			k.update(t, func(tx *store.Tx) error { return tc.alter(tx, a, mine, berts) })
			next, err := k.desk.RemoveWay(ctx, in.Who, gone, at("10.0.0.1"))
			if err != nil {
				t.Fatal(err)
			}
			after, rows := k.rows(t, a.ID)
			if len(rows) != 1 || rows[0].Kind != identity.KindKit {
				t.Errorf("got %d ways, want the kit alone", len(rows))
			}
			if !bytes.Equal(after.Public, seal.PublicOfAccount(next.Who.Private()).Bytes()) {
				t.Error("the account's public key is not its own")
			}
			if _, err := k.desk.SignInWithKit(ctx, "Anna", kit, at("10.0.0.1")); err != nil {
				t.Errorf("the kit, which stayed: %v", err)
			}
			_, err = k.desk.SignInWithKit(ctx, "Anna", evil.Reveal(), at("10.0.0.1"))
			wantCode(t, "the row writer's", err, hearkeep.Unauthorized)
		})
	}
}

// A list of unlockers that is not under the account key stops everything.
func TestForeignListIsRefused(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	in, _ := k.create(t, "Anna")
	bert, _ := k.create(t, "Bert")
	b, _ := k.rows(t, bert.Who.Account())
	a, _ := k.rows(t, in.Who.Account())
	a.SealedList = b.SealedList
	k.update(t, func(tx *store.Tx) error { return tx.Identity.SetAccount(ctx, a) })
	who, err := k.desk.Authenticate(ctx, in.Cookie)
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.desk.RemoveWay(ctx, who, k.way(t, who, identity.KindKit).ID, at("10.0.0.1"))
	wantCode(t, "removing under another's list", err, hearkeep.Internal)
	_, err = k.desk.SetPassphrase(ctx, who, "another long passphrase", at("10.0.0.1"))
	wantCode(t, "a passphrase under another's list", err, hearkeep.Internal)
	if _, err := k.desk.SignIn(ctx, "Anna", passphrase, at("10.0.0.1")); err != nil {
		t.Errorf("what was refused changed something: %v", err)
	}
}

func TestLastUnlockingWayStays(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	in, _ := k.create(t, "Anna")
	key := newKey(t)
	in = k.addPasskey(t, in, key, nil) // signs in, and does not unlock
	in, err := k.desk.RemoveWay(ctx, in.Who, k.way(t, in.Who, identity.KindKit).ID, at("10.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.desk.RemoveWay(ctx, in.Who, k.way(t, in.Who, identity.KindPassphrase).ID, at("10.0.0.1"))
	wantCode(t, "the last way that unlocks", err, hearkeep.Conflict)
	if _, err := k.desk.SignIn(ctx, "Anna", passphrase, at("10.0.0.1")); err != nil {
		t.Error(err)
	}
	_, err = k.desk.RemoveWay(ctx, in.Who, hearkeep.NewID[hearkeep.UnlockerID](), at("10.0.0.1"))
	wantCode(t, "a way that is not there", err, hearkeep.NotFound)
	before := len(k.rekeys.to)
	in, err = k.desk.RemoveWay(ctx, in.Who, k.way(t, in.Who, identity.KindPasskey).ID, at("10.0.0.1"))
	if err != nil {
		t.Fatalf("a passkey that does not unlock: %v", err)
	}
	if len(k.rekeys.to) != before || len(k.ways(t, in.Who)) != 1 {
		t.Error("a passkey without the account key made new keys, or stayed")
	}
}

// Nothing is done by halves.
// errFirst is what room vault says where another keyholder was first.
// Two removals at the same moment: one happens, and the other is told.
// A passphrase that is changed while keys are made is not lost.
// between runs something before the next transaction that writes.
// An unlocker that is removed while somebody signs in with it signs nobody in.
// The tokens of an account end with the keys that it had, and so do the
// invitations that it accepted with them.
func TestRenamePasskey(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	in, _ := k.create(t, "Anna")
	bert, _ := k.create(t, "Bert")
	in = k.addPasskey(t, in, newKey(t), nil)
	id := k.way(t, in.Who, identity.KindPasskey).ID
	if err := k.desk.RenameWay(ctx, in.Who, id, "  blue   key "); err != nil {
		t.Fatal(err)
	}
	if got := k.purposes(t, in.Who.Account(), ledger.KindKeys); got[len(got)-1] != "keyholder: passkey renamed" {
		t.Errorf("the ledger says %q", got)
	}
	if got, want := k.way(t, in.Who, identity.KindPasskey).Name, "blue key"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	wantCode(t, "another's", k.desk.RenameWay(ctx, bert.Who, id, "mine"), hearkeep.NotFound)
	wantCode(t, "a passphrase", k.desk.RenameWay(ctx, in.Who, k.way(t, in.Who, identity.KindPassphrase).ID, "x"), hearkeep.NotFound)
	wantCode(t, "no name", k.desk.RenameWay(ctx, in.Who, id, " "), hearkeep.Invalid)
}
