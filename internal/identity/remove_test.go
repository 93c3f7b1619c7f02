package identity_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/store"
)

func TestFailedRemovalChangesNothing(t *testing.T) {
	for _, tc := range []struct {
		name string
		set  func(*keep)
		want hearkeep.Code
	}{
		{"no room vault", func(k *keep) { k.config.Vaults = nil }, hearkeep.Internal},
		{"vaults that cannot be prepared", func(k *keep) { k.rekeys.fail = errors.New("no") }, hearkeep.Internal},
		{"vaults that cannot be committed", func(k *keep) { k.rekeys.commits = []error{errors.New("no")} }, hearkeep.Internal},
		{"vaults that others keep changing", func(k *keep) {
			k.rekeys.commits = []error{errFirst, errFirst, errFirst}
		}, hearkeep.Conflict},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k, ctx := openKeep(t), t.Context()
			tc.set(&k)
			k.restart(t)
			in, kit := k.create(t, "Anna")
			before, rows := k.rows(t, in.Who.Account())
			_, err := k.desk.RemoveWay(ctx, in.Who, k.way(t, in.Who, identity.KindPassphrase).ID, at("10.0.0.1"))
			wantCode(t, tc.name, err, tc.want)
			after, now := k.rows(t, in.Who.Account())
			if !bytes.Equal(before.SealedPrivate, after.SealedPrivate) || len(rows) != len(now) || !bytes.Equal(rows[1].Wrap, now[1].Wrap) {
				t.Error("the rows changed")
			}
			k.again(t, in)
			if _, err := k.desk.SignInWithKit(ctx, "Anna", kit, at("10.0.0.1")); err != nil {
				t.Error(err)
			}
		})
	}
}

var errFirst = hearkeep.Errorf(hearkeep.Conflict, "Somebody was first.")

func TestRemovalBeginsAgain(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	k.rekeys.commits = []error{errFirst, nil}
	in, kit := k.create(t, "Anna")
	if _, err := k.desk.RemoveWay(ctx, in.Who, k.way(t, in.Who, identity.KindPassphrase).ID, at("10.0.0.1")); err != nil {
		t.Fatalf("a vault's keys changed meanwhile: %v", err)
	}
	if got := len(k.rekeys.to); got != 2 {
		t.Errorf("prepared %d times, want 2", got)
	}
	if _, err := k.desk.SignInWithKit(ctx, "Anna", kit, at("10.0.0.1")); err != nil {
		t.Error(err)
	}
}

func TestTwoRemovals(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	in, kit := k.create(t, "Anna")
	key, prf := newKey(t), bytes.Repeat([]byte{7}, 32)
	in = k.addPasskey(t, in, key, prf)
	var both sync.WaitGroup
	both.Add(2)
	k.rekeys.meanwhile = func() { both.Done(); both.Wait() } // both have prepared
	results := make([]error, 2)
	signed := make([]identity.SignedIn, 2)
	var run sync.WaitGroup
	for i, kind := range []string{identity.KindPassphrase, identity.KindKit} {
		id := k.way(t, in.Who, kind).ID
		run.Go(func() { signed[i], results[i] = k.desk.RemoveWay(ctx, in.Who, id, at("10.0.0.1")) })
	}
	run.Wait()
	won := slices.Index(results, nil)
	if won < 0 {
		t.Fatalf("neither happened: %v", results)
	}
	wantCode(t, "the other", results[1-won], hearkeep.Conflict)
	who := k.again(t, signed[won])
	if got := len(k.ways(t, who)); got != 2 || k.rekeys.committed != 1 {
		t.Errorf("got %d ways after %d commits, want 2 after 1", got, k.rekeys.committed)
	}
	_, byPassphrase := k.desk.SignIn(ctx, "Anna", passphrase, at("10.0.0.1"))
	_, byKit := k.desk.SignInWithKit(ctx, "Anna", kit, at("10.0.0.1"))
	if (byPassphrase == nil) != (won == 1) || (byKit == nil) != (won == 0) {
		t.Errorf("after removing way %d: passphrase %v, kit %v", won, byPassphrase, byKit)
	}
}

func TestChangeDuringRemoval(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	in, kit := k.create(t, "Anna")
	other, err := k.desk.SignIn(ctx, "Anna", passphrase, at("10.0.0.3"))
	if err != nil {
		t.Fatal(err)
	}
	k.rekeys.meanwhile = func() {
		if _, err := k.desk.SetPassphrase(ctx, other.Who, "another long passphrase", at("10.0.0.3")); err != nil {
			t.Error(err)
		}
	}
	_, err = k.desk.RemoveWay(ctx, in.Who, k.way(t, in.Who, identity.KindKit).ID, at("10.0.0.1"))
	wantCode(t, "the removal", err, hearkeep.Conflict)
	if _, err := k.desk.SignIn(ctx, "Anna", "another long passphrase", at("10.0.0.1")); err != nil {
		t.Error(err)
	}
	if _, err := k.desk.SignInWithKit(ctx, "Anna", kit, at("10.0.0.1")); err != nil {
		t.Error(err)
	}
}

type between struct {
	store.Store
	then func()
}

func (b *between) Update(ctx context.Context, fn func(*store.Tx) error) error {
	if then := b.then; then != nil {
		b.then = nil
		then()
	}
	return b.Store.Update(ctx, fn)
}

func TestSignInDuringRemoval(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	in, _ := k.create(t, "Anna")
	gate := &between{Store: k.store}
	remover := k.desk
	k.config.Store = gate
	k.restart(t)
	gate.then = func() {
		if _, err := remover.RemoveWay(ctx, in.Who, k.way(t, in.Who, identity.KindPassphrase).ID, at("10.0.0.1")); err != nil {
			t.Error(err)
		}
	}
	got, err := k.desk.SignIn(ctx, "Anna", passphrase, at("10.0.0.2"))
	wantCode(t, "signing in meanwhile", err, hearkeep.Conflict)
	if got.Cookie != "" {
		t.Error("it signed in")
	}
	k.view(t, func(tx *store.Tx) error {
		sessions, err := tx.Identity.Sessions(ctx, in.Who.Account())
		if err != nil || len(sessions) != 1 {
			t.Errorf("got %d sessions, %v, want the remover's", len(sessions), err)
		}
		return nil
	})
}

func TestRemovalEndsTokens(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	in, _ := k.create(t, "Anna")
	bert, _ := k.create(t, "Bert")
	vault := hearkeep.NewID[hearkeep.VaultID]()
	var house hearkeep.HouseholdID
	invite := func(tx *store.Tx, account hearkeep.AccountID) error {
		i := store.Invitation{
			ID: hearkeep.NewID[hearkeep.InvitationID](), Hash: identity.SecretHash(account.String()), Household: house,
			Vault: vault, Generation: 1, By: bert.Who.Account(), Role: "member", As: "holder", Sealed: []byte{1},
			Created: time.Now(), Expires: time.Now().Add(time.Hour),
		}
		if err := tx.Houses.InsertInvitation(ctx, i); err != nil {
			return err
		}
		i.Account, i.Public, i.MAC = account, []byte{1}, []byte{1}
		return tx.Houses.AcceptInvitation(ctx, i, time.Now())
	}
	k.update(t, func(tx *store.Tx) error {
		m, err := tx.Houses.Member(ctx, in.Who.Account())
		if err != nil {
			return err
		}
		house = m.Household
		if err := tx.Vaults.InsertVault(ctx, store.Vault{ID: vault, Kind: "personal", Created: time.Now()}); err != nil {
			return err
		}
		for _, a := range []hearkeep.AccountID{in.Who.Account(), bert.Who.Account()} {
			err := tx.Vaults.InsertAPIToken(ctx, store.APIToken{
				ID: hearkeep.NewID[hearkeep.TokenID](), Account: a, Vault: vault, Generation: 1,
				Wrap: []byte{1}, Created: time.Now(), Expires: time.Now().Add(time.Hour),
			})
			if err != nil {
				return err
			}
			if err := invite(tx, a); err != nil {
				return err
			}
		}
		return nil
	})
	if _, err := k.desk.RemoveWay(ctx, in.Who, k.way(t, in.Who, identity.KindKit).ID, at("10.0.0.1")); err != nil {
		t.Fatal(err)
	}
	k.view(t, func(tx *store.Tx) error {
		mine, err := tx.Vaults.APITokens(ctx, in.Who.Account())
		if err != nil || len(mine) != 0 {
			t.Errorf("got %d tokens of the account, %v, want none", len(mine), err)
		}
		theirs, err := tx.Vaults.APITokens(ctx, bert.Who.Account())
		if err != nil || len(theirs) != 1 {
			t.Errorf("got %d tokens of another, %v, want 1", len(theirs), err)
		}
		open, err := tx.Houses.Invitations(ctx, house)
		if err != nil || len(open) != 1 || open[0].Account != bert.Who.Account() {
			t.Errorf("got %d invitations, %v, want the other's", len(open), err)
		}
		return nil
	})
}
