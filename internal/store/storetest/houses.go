package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// newHousehold inserts a household with these accounts, the first its admin.
func newHousehold(t *testing.T, st store.Store, names ...string) (store.Household, []store.Member) {
	t.Helper()
	ctx := t.Context()
	house := store.Household{ID: hearkeep.NewID[hearkeep.HouseholdID](), Label: bytesOf(50), Created: noon}
	var members []store.Member
	update(t, st, func(tx *store.Tx) error {
		if err := tx.Houses.InsertHousehold(ctx, house); err != nil {
			return err
		}
		role := "admin"
		for i, name := range names {
			a := NewAccount(name)
			m := store.Member{Household: house.ID, Account: a.ID, Role: role, Since: noon.Add(time.Duration(i) * time.Hour)}
			if err := errors.Join(tx.Identity.InsertAccount(ctx, a), tx.Houses.PutMember(ctx, m)); err != nil {
				return err
			}
			members = append(members, m)
			role = "member"
		}
		return nil
	})
	return house, members
}

func households(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	house, members := newHousehold(t, st, "anna", "ben")
	other, others := newHousehold(t, st, "carla")
	anna, ben, carla := members[0], members[1], others[0]
	update(t, st, func(tx *store.Tx) error {
		n, err := tx.Houses.CountHouseholds(ctx)
		wantErr(t, "CountHouseholds", err, nil)
		equal(t, "CountHouseholds", n, 2)
		wantErr(t, "taken household id", tx.Houses.InsertHousehold(ctx, house), store.ErrExists)
		house.Label = bytesOf(60)
		wantErr(t, "SetHousehold", tx.Houses.SetHousehold(ctx, house), nil)
		wantErr(t, "SetHousehold, absent", tx.Houses.SetHousehold(ctx, store.Household{ID: hearkeep.NewID[hearkeep.HouseholdID]()}), store.ErrNotFound)
		nobody := store.Member{Household: house.ID, Account: hearkeep.NewID[hearkeep.AccountID](), Role: "member"}
		wantErr(t, "membership of nobody", tx.Houses.PutMember(ctx, nobody), store.ErrNotFound)
		nowhere := store.Member{Household: hearkeep.NewID[hearkeep.HouseholdID](), Account: carla.Account, Role: "member"}
		wantErr(t, "membership in nothing", tx.Houses.PutMember(ctx, nowhere), store.ErrNotFound)
		return nil
	})
	view(t, st, func(tx *store.Tx) error {
		got, err := tx.Houses.Household(ctx, house.ID)
		wantErr(t, "Household", err, nil)
		equal(t, "Household", got, house)
		_, err = tx.Houses.Household(ctx, hearkeep.NewID[hearkeep.HouseholdID]())
		wantErr(t, "absent household", err, store.ErrNotFound)
		one, err := tx.Houses.Member(ctx, carla.Account)
		wantErr(t, "Member", err, nil)
		equal(t, "Member", one, carla)
		_, err = tx.Houses.Member(ctx, hearkeep.NewID[hearkeep.AccountID]())
		wantErr(t, "member of none", err, store.ErrNotFound)
		list, err := tx.Houses.Members(ctx, house.ID)
		equal(t, "Members, the first to join first", list, []store.Member{anna, ben})
		return err
	})
	update(t, st, func(tx *store.Tx) error {
		wantErr(t, "DeleteHousehold with a member", tx.Houses.DeleteHousehold(ctx, other.ID), store.ErrExists)
		carla.Household, carla.Role, carla.Since = house.ID, "member", noon.Add(-time.Hour) // she moves: one household each
		wantErr(t, "PutMember", tx.Houses.PutMember(ctx, carla), nil)
		list, err := tx.Houses.Members(ctx, house.ID)
		wantErr(t, "Members", err, nil)
		equal(t, "Members after a move", list, []store.Member{carla, anna, ben})
		wantErr(t, "invitation", tx.Houses.InsertInvitation(ctx, newInvitation(other.ID, anna.Account, 9)), nil)
		wantErr(t, "DeleteHousehold", tx.Houses.DeleteHousehold(ctx, other.ID), nil)
		wantErr(t, "DeleteHousehold again", tx.Houses.DeleteHousehold(ctx, other.ID), store.ErrNotFound)
		_, err = tx.Houses.Invitation(ctx, [32]byte{9}, noon)
		wantErr(t, "invitation to a household that is gone", err, store.ErrNotFound)
		wantErr(t, "DeleteMember", tx.Houses.DeleteMember(ctx, ben.Account), nil)
		wantErr(t, "DeleteMember again", tx.Houses.DeleteMember(ctx, ben.Account), nil)
		list, err = tx.Houses.Members(ctx, house.ID)
		equal(t, "Members after one left", list, []store.Member{carla, anna})
		_, aerr := tx.Identity.Account(ctx, ben.Account)
		wantErr(t, "account of who left", aerr, nil)
		return err
	})
}

// newInvitation makes up an invitation to a household for an hour.
func newInvitation(house hearkeep.HouseholdID, by hearkeep.AccountID, n byte) store.Invitation {
	return store.Invitation{ID: hearkeep.NewID[hearkeep.InvitationID](), Hash: [32]byte{n}, Household: house, By: by,
		Role: "member", Created: noon.Add(time.Duration(n) * time.Second), Expires: noon.Add(time.Hour)}
}

func invitations(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	v := NewVault(t, st)
	house, members := newHousehold(t, st, "anna", "ben")
	other, _ := newHousehold(t, st)
	anna, ben := members[0].Account, members[1].Account
	plain, toVault, waits, foreign := newInvitation(house.ID, anna, 3), newInvitation(house.ID, anna, 2), newInvitation(house.ID, anna, 1), newInvitation(other.ID, anna, 4)
	for _, i := range []*store.Invitation{&toVault, &waits} {
		i.Vault, i.Generation, i.As, i.Past, i.Sealed = v.ID, 1, "guardian", true, bytesOf(113)
	}
	update(t, st, func(tx *store.Tx) error {
		for _, i := range []store.Invitation{plain, toVault, waits, foreign} {
			if err := tx.Houses.InsertInvitation(ctx, i); err != nil {
				return err
			}
		}
		wantErr(t, "taken invitation id", tx.Houses.InsertInvitation(ctx, plain), store.ErrExists)
		twin := newInvitation(house.ID, anna, 3)
		wantErr(t, "taken secret", tx.Houses.InsertInvitation(ctx, twin), store.ErrExists)
		nowhere := newInvitation(hearkeep.NewID[hearkeep.HouseholdID](), anna, 5)
		wantErr(t, "invitation to nothing", tx.Houses.InsertInvitation(ctx, nowhere), store.ErrNotFound)
		return nil
	})
	waits.Account, waits.Public, waits.MAC = ben, bytesOf(1216), bytesOf(32)
	update(t, st, func(tx *store.Tx) error {
		altered := waits
		altered.As, altered.Past, altered.Role, altered.Expires = "child", false, "admin", noon.Add(9*time.Hour) // not what it replaces
		wantErr(t, "AcceptInvitation", tx.Houses.AcceptInvitation(ctx, altered, noon), nil)
		again := waits
		again.Account = anna
		wantErr(t, "AcceptInvitation again", tx.Houses.AcceptInvitation(ctx, again, noon), store.ErrNotFound)
		late := toVault
		late.Account, late.Public, late.MAC = ben, bytesOf(1216), bytesOf(32)
		wantErr(t, "AcceptInvitation at its end", tx.Houses.AcceptInvitation(ctx, late, late.Expires), store.ErrNotFound)
		late.ID = hearkeep.NewID[hearkeep.InvitationID]()
		wantErr(t, "AcceptInvitation, absent", tx.Houses.AcceptInvitation(ctx, late, noon), store.ErrNotFound)
		return nil
	})
	st = reopen()
	view(t, st, func(tx *store.Tx) error {
		for _, want := range []store.Invitation{plain, toVault, waits} {
			got, err := tx.Houses.Invitation(ctx, want.Hash, want.Expires.Add(-time.Millisecond))
			wantErr(t, "Invitation", err, nil)
			equal(t, "Invitation", got, want)
			_, err = tx.Houses.Invitation(ctx, want.Hash, want.Expires)
			wantErr(t, "expired invitation", err, store.ErrNotFound)
		}
		list, err := tx.Houses.Invitations(ctx, house.ID)
		wantErr(t, "Invitations", err, nil)
		equal(t, "Invitations, oldest first", list, []store.Invitation{waits, toVault, plain})
		list, err = tx.Houses.InvitationsTo(ctx, v.ID)
		wantErr(t, "InvitationsTo", err, nil)
		equal(t, "InvitationsTo a vault", list, []store.Invitation{waits, toVault})
		list, err = tx.Houses.InvitationsOf(ctx, ben)
		wantErr(t, "InvitationsOf", err, nil)
		equal(t, "InvitationsOf who accepted", list, []store.Invitation{waits})
		for _, none := range []hearkeep.AccountID{anna, {}} {
			list, err = tx.Houses.InvitationsOf(ctx, none)
			wantErr(t, "InvitationsOf", err, nil)
			equal(t, "InvitationsOf nobody who accepted", list, []store.Invitation{})
		}
		list, err = tx.Houses.InvitationsTo(ctx, hearkeep.VaultID{})
		equal(t, "InvitationsTo no vault", list, []store.Invitation{})
		return err
	})
	update(t, st, func(tx *store.Tx) error {
		n, err := tx.Houses.ExpireInvitations(ctx, plain.Expires.Add(-time.Millisecond))
		wantErr(t, "ExpireInvitations", err, nil)
		equal(t, "ExpireInvitations a millisecond before", n, 0)
		n, err = tx.Houses.ExpireInvitations(ctx, plain.Expires)
		wantErr(t, "ExpireInvitations", err, nil)
		equal(t, "ExpireInvitations", n, 3)
		list, err := tx.Houses.Invitations(ctx, house.ID)
		wantErr(t, "Invitations", err, nil)
		equal(t, "what was accepted waits on", list, []store.Invitation{waits})
		wantErr(t, "DeleteInvitation", tx.Houses.DeleteInvitation(ctx, waits.ID), nil)
		wantErr(t, "DeleteInvitation again", tx.Houses.DeleteInvitation(ctx, waits.ID), nil)
		list, err = tx.Houses.InvitationsTo(ctx, v.ID)
		equal(t, "no invitations", list, []store.Invitation{})
		return err
	})
}

// acceptOnce has 30 people race for one invitation, of whom some give up.
func acceptOnce(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	house, members := newHousehold(t, st, "anna")
	offer := newInvitation(house.ID, members[0].Account, 1)
	update(t, st, func(tx *store.Tx) error { return tx.Houses.InsertInvitation(ctx, offer) })
	var winner atomic.Pointer[store.Invitation]
	var wg sync.WaitGroup
	for n := range 30 {
		wg.Go(func() {
			mine := offer
			mine.Account, mine.Public, mine.MAC = hearkeep.NewID[hearkeep.AccountID](), bytesOf(1216), bytesOf(32)
			err := st.Update(ctx, func(tx *store.Tx) error {
				err := tx.Houses.AcceptInvitation(ctx, mine, noon)
				if err == nil && n%2 == 0 {
					err = store.ErrFull // any error: it is open again
				}
				return err
			})
			switch {
			case err == nil && !winner.CompareAndSwap(nil, &mine):
				t.Error("two accepted one invitation")
			case err != nil && err != store.ErrNotFound && (n%2 != 0 || err != store.ErrFull):
				t.Errorf("a loser of the race: got error %v, want %v", err, store.ErrNotFound)
			}
		})
	}
	wg.Wait()
	view(t, st, func(tx *store.Tx) error {
		got, err := tx.Houses.Invitation(ctx, offer.Hash, noon)
		if w := winner.Load(); w == nil {
			t.Error("nobody accepted")
		} else {
			equal(t, "who accepted", got, *w)
		}
		return err
	})
}

func farewells(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	_, members := newHousehold(t, st, "anna", "ben")
	late := store.Farewell{Account: members[0].Account, Asked: noon, Due: noon.Add(3 * time.Hour)}
	soon := store.Farewell{Account: members[1].Account, Asked: noon, Due: noon.Add(time.Hour)}
	update(t, st, func(tx *store.Tx) error {
		nobody := store.Farewell{Account: hearkeep.NewID[hearkeep.AccountID](), Asked: noon, Due: noon}
		wantErr(t, "farewell of nobody", tx.Houses.PutFarewell(ctx, nobody), store.ErrNotFound)
		if err := errors.Join(tx.Houses.PutFarewell(ctx, late), tx.Houses.PutFarewell(ctx, soon)); err != nil {
			return err
		}
		late.Asked, late.Due = noon.Add(time.Minute), noon.Add(2*time.Hour)
		return tx.Houses.PutFarewell(ctx, late) // replaces
	})
	update(t, st, func(tx *store.Tx) error {
		got, err := tx.Houses.Farewell(ctx, late.Account)
		wantErr(t, "Farewell", err, nil)
		equal(t, "Farewell", got, late)
		for _, c := range []struct {
			name string
			now  time.Time
			want []store.Farewell
		}{
			{"a millisecond before", soon.Due.Add(-time.Millisecond), nil},
			{"at its time", soon.Due, []store.Farewell{soon}},
			{"of both, the longest due first", late.Due, []store.Farewell{soon, late}},
		} {
			due, err := tx.Houses.DueFarewells(ctx, c.now)
			wantErr(t, "DueFarewells", err, nil)
			equal(t, "DueFarewells "+c.name, due, c.want)
		}
		wantErr(t, "DeleteFarewell", tx.Houses.DeleteFarewell(ctx, late.Account), nil)
		wantErr(t, "DeleteFarewell again", tx.Houses.DeleteFarewell(ctx, late.Account), nil)
		_, err = tx.Houses.Farewell(ctx, late.Account)
		wantErr(t, "deleted farewell", err, store.ErrNotFound)
		return nil
	})
}
