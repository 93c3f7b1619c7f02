package storetest

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// NewAccount makes up an account.
func NewAccount(name string) store.Account {
	return store.Account{ID: hearkeep.NewID[hearkeep.AccountID](), Name: name, Display: name,
		Public: bytesOf(1216), SealedPrivate: bytesOf(113), SealedList: bytesOf(500), Created: noon}
}

func accounts(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	anna, ben := NewAccount("anna"), NewAccount("ben")
	first := store.Unlocker{ID: hearkeep.NewID[hearkeep.UnlockerID](), Account: anna.ID, Kind: "passphrase", Params: bytesOf(24), Wrap: bytesOf(1169), Created: noon}
	second := store.Unlocker{ID: hearkeep.NewID[hearkeep.UnlockerID](), Account: anna.ID, Kind: "kit", Wrap: bytesOf(1169), Created: noon.Add(time.Second)}
	update(t, st, func(tx *store.Tx) error {
		for _, a := range []store.Account{anna, ben} {
			if err := tx.Identity.InsertAccount(ctx, a); err != nil {
				return err
			}
		}
		if err := tx.Identity.InsertUnlocker(ctx, second); err != nil {
			return err
		}
		return tx.Identity.InsertUnlocker(ctx, first)
	})
	update(t, st, func(tx *store.Tx) error {
		wantErr(t, "taken name", tx.Identity.InsertAccount(ctx, NewAccount("anna")), store.ErrExists)
		taken := NewAccount("carla")
		taken.ID = ben.ID
		wantErr(t, "taken id", tx.Identity.InsertAccount(ctx, taken), store.ErrExists)
		wantErr(t, "taken unlocker", tx.Identity.InsertUnlocker(ctx, first), store.ErrExists)
		nobodys := first
		nobodys.ID, nobodys.Account = hearkeep.NewID[hearkeep.UnlockerID](), hearkeep.NewID[hearkeep.AccountID]()
		wantErr(t, "nobody's unlocker", tx.Identity.InsertUnlocker(ctx, nobodys), store.ErrNotFound)
		return nil
	})
	view(t, st, func(tx *store.Tx) error {
		got, err := tx.Identity.Account(ctx, anna.ID)
		wantErr(t, "Account", err, nil)
		equal(t, "Account", got, anna)
		got, err = tx.Identity.AccountByName(ctx, "ben")
		wantErr(t, "AccountByName", err, nil)
		equal(t, "AccountByName", got, ben)
		_, err = tx.Identity.AccountByName(ctx, "carla")
		wantErr(t, "absent name", err, store.ErrNotFound)
		_, err = tx.Identity.Account(ctx, hearkeep.AccountID{})
		wantErr(t, "zero id", err, store.ErrNotFound)
		n, err := tx.Identity.CountAccounts(ctx)
		wantErr(t, "CountAccounts", err, nil)
		equal(t, "CountAccounts", n, 2)
		unlockers, err := tx.Identity.Unlockers(ctx, anna.ID)
		equal(t, "Unlockers", unlockers, []store.Unlocker{first, second})
		return err
	})
}

func accountChanges(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	anna, ben := NewAccount("anna"), NewAccount("ben")
	key := store.Unlocker{ID: hearkeep.NewID[hearkeep.UnlockerID](), Account: anna.ID, Kind: "passkey", Name: "Blue key",
		Params: bytesOf(90), Wrap: bytesOf(1169), Created: noon, Used: noon.Add(time.Hour)}
	kit := store.Unlocker{ID: hearkeep.NewID[hearkeep.UnlockerID](), Account: anna.ID, Kind: "kit", Wrap: bytesOf(1169), Created: noon.Add(time.Second)}
	update(t, st, func(tx *store.Tx) error {
		return errors.Join(tx.Identity.InsertAccount(ctx, anna), tx.Identity.InsertAccount(ctx, ben),
			tx.Identity.InsertUnlocker(ctx, key), tx.Identity.InsertUnlocker(ctx, kit))
	})
	update(t, st, func(tx *store.Tx) error {
		anna.Public, anna.SealedPrivate, anna.SealedList, anna.Changed = bytesOf(1216), bytesOf(113), bytesOf(60), noon.Add(time.Minute)
		renamed := anna
		renamed.Name, renamed.Display, renamed.Created = "ben", "Anna B.", noon.Add(time.Hour) // not what SetAccount replaces
		wantErr(t, "SetAccount", tx.Identity.SetAccount(ctx, renamed), nil)
		wantErr(t, "SetAccount, absent", tx.Identity.SetAccount(ctx, NewAccount("carla")), store.ErrNotFound)

		key.Name, key.Params, key.Wrap, key.Used = "Old key", bytesOf(91), nil, noon.Add(2*time.Hour) // it unlocks no more
		wantErr(t, "SetUnlocker", tx.Identity.SetUnlocker(ctx, key), nil)
		theirs := key
		theirs.Account, theirs.Name = ben.ID, "Ben's now"
		wantErr(t, "SetUnlocker of another's", tx.Identity.SetUnlocker(ctx, theirs), store.ErrNotFound)
		wantErr(t, "DeleteUnlocker of another's", tx.Identity.DeleteUnlocker(ctx, ben.ID, key.ID), store.ErrNotFound)
		wantErr(t, "DeleteUnlocker", tx.Identity.DeleteUnlocker(ctx, anna.ID, kit.ID), nil)
		wantErr(t, "DeleteUnlocker again", tx.Identity.DeleteUnlocker(ctx, anna.ID, kit.ID), store.ErrNotFound)
		wantErr(t, "SetUnlocker, absent", tx.Identity.SetUnlocker(ctx, kit), store.ErrNotFound)
		return nil
	})
	view(t, reopen(), func(tx *store.Tx) error {
		got, err := tx.Identity.Account(ctx, anna.ID)
		wantErr(t, "Account", err, nil)
		equal(t, "changed account", got, anna)
		got, err = tx.Identity.AccountByName(ctx, "ben")
		wantErr(t, "AccountByName", err, nil)
		equal(t, "other account", got, ben)
		left, err := tx.Identity.Unlockers(ctx, anna.ID)
		equal(t, "Unlockers", left, []store.Unlocker{key})
		return err
	})
}

// accountGoes deletes an account: what is the account's goes with it, what is
// its vaults' and what is another's stays.
func accountGoes(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	v := NewVault(t, st)
	anna, ben := NewAccount("anna"), NewAccount("ben")
	anna.ID = v.Account
	house := store.Household{ID: hearkeep.NewID[hearkeep.HouseholdID](), Created: noon}
	insert := func(tx *store.Tx, a store.Account, n byte) error {
		return errors.Join(
			tx.Identity.InsertAccount(ctx, a),
			tx.Identity.InsertUnlocker(ctx, store.Unlocker{ID: hearkeep.NewID[hearkeep.UnlockerID](), Account: a.ID, Kind: "kit", Created: noon}),
			tx.Identity.InsertSession(ctx, store.Session{IDHash: [32]byte{n}, Account: a.ID, Created: noon, Expires: noon.Add(time.Hour)}),
			tx.Houses.PutMember(ctx, store.Member{Household: house.ID, Account: a.ID, Role: "admin", Since: noon}),
			tx.Houses.PutFarewell(ctx, store.Farewell{Account: a.ID, Asked: noon, Due: noon}),
			tx.Letters.InsertChannel(ctx, store.Channel{ID: hearkeep.NewID[hearkeep.ChannelID](), Account: a.ID, Kind: "email", Address: bytesOf(90), Created: noon}),
		)
	}
	count := func(tx *store.Tx, a store.Account) (rows int) {
		unlockers, err1 := tx.Identity.Unlockers(ctx, a.ID)
		sessions, err2 := tx.Identity.Sessions(ctx, a.ID)
		channels, err3 := tx.Letters.Channels(ctx, a.ID)
		wantErr(t, "listings", errors.Join(err1, err2, err3), nil)
		rows = len(unlockers) + len(sessions) + len(channels)
		if _, err := tx.Houses.Member(ctx, a.ID); err == nil {
			rows++
		}
		if _, err := tx.Houses.Farewell(ctx, a.ID); err == nil {
			rows++
		}
		return rows
	}
	goodbye := store.Delivery{Account: anna.ID, Channel: hearkeep.NewID[hearkeep.ChannelID](), Kind: "email", Topic: "account erased",
		Sealed: bytesOf(300), State: "queued", Created: noon, Due: noon}
	update(t, st, func(tx *store.Tx) (err error) {
		if err := errors.Join(tx.Houses.InsertHousehold(ctx, house), insert(tx, anna, 1), insert(tx, ben, 2)); err != nil {
			return err
		}
		goodbye.ID, err = tx.Letters.InsertDelivery(ctx, goodbye)
		return err
	})
	update(t, st, func(tx *store.Tx) error {
		equal(t, "rows before", count(tx, anna), 5)
		wantErr(t, "DeleteAccount", tx.Identity.DeleteAccount(ctx, anna.ID), nil)
		wantErr(t, "DeleteAccount again", tx.Identity.DeleteAccount(ctx, anna.ID), store.ErrNotFound)
		return nil
	})
	view(t, st, func(tx *store.Tx) error {
		_, err := tx.Identity.Account(ctx, anna.ID)
		wantErr(t, "deleted account", err, store.ErrNotFound)
		equal(t, "rows after", count(tx, anna), 0)
		equal(t, "another's rows after", count(tx, ben), 5)
		due, err := tx.Letters.DueDeliveries(ctx, noon, 10)
		wantErr(t, "DueDeliveries", err, nil)
		equal(t, "the letter that says goodbye", due, []store.Delivery{goodbye})
		held, err := tx.Vaults.Keyholder(ctx, v.ID, anna.ID) // room vault's own
		equal(t, "what the account held", len(held), 1)
		return err
	})
}

func accountSessions(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	anna, ben := NewAccount("anna"), NewAccount("ben")
	session := func(n byte, a store.Account, used time.Time) store.Session {
		return store.Session{IDHash: [32]byte{n}, Account: a.ID, Wrap: bytesOf(113), Created: noon, Expires: noon.Add(24 * time.Hour), Used: used}
	}
	mine := []store.Session{session(2, anna, noon.Add(2*time.Hour)), session(3, anna, noon.Add(time.Hour)), session(1, anna, noon)}
	other := session(4, ben, noon)
	update(t, st, func(tx *store.Tx) error {
		if err := errors.Join(tx.Identity.InsertAccount(ctx, anna), tx.Identity.InsertAccount(ctx, ben)); err != nil {
			return err
		}
		for _, s := range append(slices.Clone(mine), other) {
			if err := tx.Identity.InsertSession(ctx, s); err != nil {
				return err
			}
		}
		return nil
	})
	update(t, st, func(tx *store.Tx) error {
		got, err := tx.Identity.Sessions(ctx, anna.ID)
		wantErr(t, "Sessions", err, nil)
		equal(t, "Sessions, the last used first", got, mine)
		got, err = tx.Identity.Sessions(ctx, NewAccount("carla").ID)
		wantErr(t, "Sessions of nobody", err, nil)
		equal(t, "Sessions of nobody", got, []store.Session{})
		n, err := tx.Identity.DeleteSessions(ctx, anna.ID, mine[1].IDHash)
		wantErr(t, "DeleteSessions", err, nil)
		equal(t, "DeleteSessions", n, 2)
		got, err = tx.Identity.Sessions(ctx, anna.ID)
		wantErr(t, "Sessions", err, nil)
		equal(t, "the excepted session", got, mine[1:2])
		n, err = tx.Identity.DeleteSessions(ctx, anna.ID, other.IDHash) // another's excepts nothing
		wantErr(t, "DeleteSessions", err, nil)
		equal(t, "DeleteSessions of the rest", n, 1)
		got, err = tx.Identity.Sessions(ctx, ben.ID)
		equal(t, "another's sessions", got, []store.Session{other})
		return err
	})
}

func sessions(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	anna := NewAccount("anna")
	session := func(n byte, expires time.Time) store.Session {
		return store.Session{IDHash: [32]byte{n}, Account: anna.ID, Wrap: bytesOf(113), Created: noon, Expires: expires, Used: noon, Agent: "Firefox"}
	}
	short, long := session(1, noon.Add(time.Hour)), session(2, noon.Add(2*time.Hour))
	long.SteppedUp = noon.Add(time.Minute)
	update(t, st, func(tx *store.Tx) error {
		wantErr(t, "session without an account", tx.Identity.InsertSession(ctx, short), store.ErrNotFound)
		if err := tx.Identity.InsertAccount(ctx, anna); err != nil {
			return err
		}
		if err := tx.Identity.InsertSession(ctx, short); err != nil {
			return err
		}
		wantErr(t, "taken session id", tx.Identity.InsertSession(ctx, short), store.ErrExists)
		return tx.Identity.InsertSession(ctx, long)
	})
	update(t, st, func(tx *store.Tx) error {
		got, err := tx.Identity.Session(ctx, short.IDHash)
		equal(t, "Session", got, short) // its zero SteppedUp comes back as zero
		if err != nil {
			return err
		}
		short.Used = noon.Add(5 * time.Minute)
		wantErr(t, "TouchSession", tx.Identity.TouchSession(ctx, short.IDHash, short.Used), nil)
		wantErr(t, "TouchSession, absent", tx.Identity.TouchSession(ctx, [32]byte{9}, noon), store.ErrNotFound)
		got, err = tx.Identity.Session(ctx, short.IDHash)
		equal(t, "touched session", got, short)
		if err != nil {
			return err
		}
		for _, c := range []struct {
			name string
			now  time.Time
			want int
		}{
			{"a millisecond before", short.Expires.Add(-time.Millisecond), 0},
			{"at its end", short.Expires, 1},
			{"again", short.Expires, 0},
		} {
			n, err := tx.Identity.ExpireSessions(ctx, c.now)
			wantErr(t, "ExpireSessions "+c.name, err, nil)
			equal(t, "ExpireSessions "+c.name, n, c.want)
		}
		_, err = tx.Identity.Session(ctx, short.IDHash)
		wantErr(t, "expired session", err, store.ErrNotFound)
		got, err = tx.Identity.Session(ctx, long.IDHash)
		equal(t, "other session", got, long)
		if err != nil {
			return err
		}
		wantErr(t, "DeleteSession", tx.Identity.DeleteSession(ctx, long.IDHash), nil)
		wantErr(t, "DeleteSession again", tx.Identity.DeleteSession(ctx, long.IDHash), nil)
		_, err = tx.Identity.Session(ctx, long.IDHash)
		wantErr(t, "deleted session", err, store.ErrNotFound)
		return nil
	})
}

func tokens(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	token := store.Token{Binding: hearkeep.NewID[hearkeep.BindingID](), SecretHash: [32]byte{1}, Created: noon}
	update(t, st, func(tx *store.Tx) error {
		if err := tx.Identity.PutToken(ctx, token); err != nil {
			return err
		}
		token.SecretHash = [32]byte{2} // a new token replaces the old one
		if err := tx.Identity.PutToken(ctx, token); err != nil {
			return err
		}
		got, err := tx.Identity.Token(ctx, token.Binding)
		equal(t, "Token", got, token)
		if err != nil {
			return err
		}
		wantErr(t, "DeleteToken", tx.Identity.DeleteToken(ctx, token.Binding), nil)
		wantErr(t, "DeleteToken again", tx.Identity.DeleteToken(ctx, token.Binding), nil)
		_, err = tx.Identity.Token(ctx, token.Binding)
		wantErr(t, "deleted token", err, store.ErrNotFound)
		return nil
	})
}

func links(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	link := func(kind string, n byte) store.Link {
		return store.Link{Kind: kind, Hash: [32]byte{n}, Payload: bytesOf(10), Expires: noon.Add(time.Hour)}
	}
	setup, pair := link("setup", 1), link("pair", 1)
	update(t, st, func(tx *store.Tx) error {
		for _, l := range []store.Link{setup, link("setup", 2), pair} {
			if err := tx.Identity.PutLink(ctx, l); err != nil {
				return err
			}
		}
		got, err := tx.Identity.Link(ctx, "setup", setup.Hash, noon)
		equal(t, "Link", got, setup)
		if err != nil {
			return err
		}
		_, err = tx.Identity.Link(ctx, "setup", setup.Hash, setup.Expires)
		wantErr(t, "expired link", err, store.ErrNotFound)
		_, err = tx.Identity.TakeLink(ctx, "setup", setup.Hash, setup.Expires)
		wantErr(t, "taking an expired link", err, store.ErrNotFound)
		_, err = tx.Identity.TakeLink(ctx, "pair", [32]byte{2}, noon)
		wantErr(t, "link of another kind", err, store.ErrNotFound)
		got, err = tx.Identity.TakeLink(ctx, "setup", setup.Hash, noon)
		equal(t, "TakeLink", got, setup)
		if err != nil {
			return err
		}
		_, err = tx.Identity.TakeLink(ctx, "setup", setup.Hash, noon)
		wantErr(t, "a link taken twice", err, store.ErrNotFound)
		if err := tx.Identity.DeleteLinks(ctx, "setup", noon); err != nil {
			return err
		}
		_, err = tx.Identity.Link(ctx, "setup", [32]byte{2}, noon)
		wantErr(t, "deleted link", err, store.ErrNotFound)
		_, err = tx.Identity.Link(ctx, "pair", pair.Hash, noon)
		wantErr(t, "link of another kind after DeleteLinks", err, nil)
		whose, other := hearkeep.NewID[hearkeep.AccountID](), hearkeep.NewID[hearkeep.AccountID]()
		for i, l := range []store.Link{
			{Kind: "farewell", Payload: slices.Concat(whose[:], []byte("channel"))},
			{Kind: "farewell", Payload: slices.Concat(other[:], whose[:])},
			{Kind: "pair", Payload: whose[:]},
		} {
			l.Hash, l.Expires = [32]byte{9, byte(i)}, setup.Expires
			if err := tx.Identity.PutLink(ctx, l); err != nil {
				return err
			}
		}
		if err := tx.Identity.DeleteLinksOf(ctx, "farewell", whose); err != nil {
			return err
		}
		_, err = tx.Identity.Link(ctx, "farewell", [32]byte{9, 0}, noon)
		wantErr(t, "link of an account after DeleteLinksOf", err, store.ErrNotFound)
		_, err = tx.Identity.Link(ctx, "farewell", [32]byte{9, 1}, noon)
		wantErr(t, "link of another account after DeleteLinksOf", err, nil)
		_, err = tx.Identity.Link(ctx, "pair", [32]byte{9, 2}, noon)
		wantErr(t, "link of another kind after DeleteLinksOf", err, nil)
		if err := tx.Identity.DeleteLinks(ctx, "setup", pair.Expires); err != nil {
			return err
		}
		_, err = tx.Identity.Link(ctx, "pair", pair.Hash, noon)
		wantErr(t, "expired link after DeleteLinks", err, store.ErrNotFound)
		return nil
	})
}

// linkOnce has 50 callers race for one link.
func linkOnce(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	link := store.Link{Kind: "setup", Hash: [32]byte{1}, Expires: noon.Add(time.Hour)}
	update(t, st, func(tx *store.Tx) error { return tx.Identity.PutLink(ctx, link) })
	var got atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			err := st.Update(ctx, func(tx *store.Tx) error {
				_, err := tx.Identity.TakeLink(ctx, "setup", link.Hash, noon)
				return err
			})
			if err == nil {
				got.Add(1)
			} else {
				wantErr(t, "a loser of the race", err, store.ErrNotFound)
			}
		})
	}
	wg.Wait()
	if got.Load() != 1 {
		t.Errorf("callers that took the link: got %d, want 1", got.Load())
	}
}
