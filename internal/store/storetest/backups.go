package storetest

import (
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

func backups(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	first := store.Backup{ID: hearkeep.NewID[hearkeep.BackupID](), Place: "/a", Keys: "/k/1", Begun: noon, Until: noon.Add(time.Hour), Erasures: 3}
	second := store.Backup{ID: hearkeep.NewID[hearkeep.BackupID](), Place: "/b", Keys: "/k/2", Begun: noon.Add(time.Minute), Until: noon.Add(2 * time.Hour)}
	update(t, st, func(tx *store.Tx) error { return tx.Backups.InsertBackup(ctx, second) })
	update(t, st, func(tx *store.Tx) error { return tx.Backups.InsertBackup(ctx, first) })
	wantErr(t, "a second row of one backup", st.Update(ctx, func(tx *store.Tx) error { return tx.Backups.InsertBackup(ctx, first) }), store.ErrExists)
	first.Verified, first.Recordings, first.Bytes, first.Keys = noon.Add(time.Second), 7, 1<<40, "/k/one"
	update(t, st, func(tx *store.Tx) error { return tx.Backups.SetBackup(ctx, first) })
	missing := store.Backup{ID: hearkeep.NewID[hearkeep.BackupID]()}
	wantErr(t, "SetBackup of none", st.Update(ctx, func(tx *store.Tx) error { return tx.Backups.SetBackup(ctx, missing) }), store.ErrNotFound)
	want := func(what string, want ...store.Backup) {
		t.Helper()
		view(t, st, func(tx *store.Tx) error {
			got, err := tx.Backups.Backups(ctx)
			wantErr(t, what, err, nil)
			equal(t, what, got, want)
			return nil
		})
	}
	st = reopen()
	want("Backups, oldest first", first, second)
	expired := func(before time.Time, want int) {
		t.Helper()
		update(t, st, func(tx *store.Tx) error {
			n, err := tx.Backups.ExpireBackups(ctx, before)
			equal(t, "ExpireBackups", n, want)
			return err
		})
	}
	expired(noon.Add(99*time.Hour), 0) // whatever exists stays
	first.Destroyed = noon.Add(2 * time.Hour)
	update(t, st, func(tx *store.Tx) error { return tx.Backups.SetBackup(ctx, first) })
	expired(first.Destroyed, 0)
	expired(first.Destroyed.Add(time.Millisecond), 1)
	want("Backups after one expired", second)

	v := NewVault(t, st)
	for want := range int64(3) {
		update(t, st, func(tx *store.Tx) error {
			n, err := tx.Backups.LastErasure(ctx)
			equal(t, "LastErasure", n, want)
			if err != nil {
				return err
			}
			_, err = tx.Vaults.InsertErasure(ctx, store.Erasure{Receipt: hearkeep.NewID[hearkeep.ReceiptID](), Vault: v.ID, Outcome: hearkeep.OutcomeErased, At: noon})
			return err
		})
	}
}

// accessEnds ends what lets anybody in, and leaves ways in, vaults and doors.
func accessEnds(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	v := NewVault(t, st)
	a := NewAccount("someone")
	hash := [32]byte{7}
	device := store.Token{Binding: v.Binding, SecretHash: [32]byte{9}, Created: noon}
	update(t, st, func(tx *store.Tx) error {
		house := store.Household{ID: hearkeep.NewID[hearkeep.HouseholdID](), Created: noon}
		for _, err := range []error{
			tx.Identity.InsertAccount(ctx, a),
			tx.Identity.InsertSession(ctx, store.Session{IDHash: hash, Account: a.ID, Created: noon, Expires: noon.Add(time.Hour), Used: noon}),
			tx.Identity.PutLink(ctx, store.Link{Kind: "setup", Hash: hash, Expires: noon.Add(time.Hour)}),
			tx.Identity.PutToken(ctx, device),
			tx.Agents.PutAgentToken(ctx, store.AgentToken{Agent: "an agent", Hash: hash, Key: hash, Made: noon}),
			tx.Houses.InsertHousehold(ctx, house),
			tx.Houses.InsertInvitation(ctx, store.Invitation{ID: hearkeep.NewID[hearkeep.InvitationID](), Hash: hash, Household: house.ID, By: a.ID, Role: "member", As: "holder", Created: noon, Expires: noon.Add(time.Hour)}),
			tx.Vaults.InsertAPIToken(ctx, store.APIToken{ID: hearkeep.NewID[hearkeep.TokenID](), Account: a.ID, Vault: v.ID, Generation: 1, Name: "n", Wrap: []byte{1}, Created: noon, Expires: noon.Add(time.Hour)}),
		} {
			if err != nil {
				return err
			}
		}
		_, err := tx.Letters.InsertDelivery(ctx, store.Delivery{Account: a.ID, Channel: hearkeep.NewID[hearkeep.ChannelID](), Kind: "email", Topic: "t", Sealed: []byte{1}, State: "queued", Created: noon, Due: noon})
		return err
	})
	update(t, st, func(tx *store.Tx) error {
		got, err := tx.Backups.EndAccess(ctx, noon.Add(time.Minute))
		equal(t, "EndAccess", got, store.Ended{Sessions: 1, Links: 1, Invitations: 1, Tokens: 1, Agents: 1, Letters: 1})
		return err
	})
	view(t, st, func(tx *store.Tx) error {
		_, err := tx.Identity.Session(ctx, hash)
		wantErr(t, "a session", err, store.ErrNotFound)
		_, err = tx.Identity.Link(ctx, "setup", hash, noon)
		wantErr(t, "a link", err, store.ErrNotFound)
		_, err = tx.Houses.Invitation(ctx, hash, noon)
		wantErr(t, "an invitation", err, store.ErrNotFound)
		tokens, err := tx.Vaults.APITokens(ctx, a.ID)
		wantErr(t, "APITokens", err, nil)
		equal(t, "API tokens", len(tokens), 0)
		_, err = tx.Agents.AgentToken(ctx, hash)
		wantErr(t, "an agent's token", err, store.ErrNotFound)
		due, err := tx.Letters.DueDeliveries(ctx, noon.Add(time.Hour), 9)
		wantErr(t, "DueDeliveries", err, nil)
		equal(t, "letters that wait", len(due), 0)
		got, err := tx.Identity.Account(ctx, a.ID)
		wantErr(t, "an account", err, nil)
		equal(t, "when its ways in changed", got.Changed, noon.Add(time.Minute))
		token, err := tx.Identity.Token(ctx, v.Binding)
		wantErr(t, "a device's token", err, nil)
		equal(t, "a device's token", token, device)
		return nil
	})
}

func skipNumbers(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	v, ended := NewVault(t, st), NewVault(t, st)
	update(t, st, func(tx *store.Tx) error {
		if _, err := tx.Vaults.HandOut(ctx, v.ID, v.Binding); err != nil {
			return err
		}
		if err := tx.Vaults.EndBinding(ctx, ended.ID, ended.Binding, noon); err != nil {
			return err
		}
		return tx.Backups.SkipNumbers(ctx, 1000, noon)
	})
	update(t, st, func(tx *store.Tx) error {
		n, err := tx.Vaults.HandOut(ctx, v.ID, v.Binding)
		equal(t, "the next number", n, hearkeep.Number(1002))
		if err != nil {
			return err
		}
		stones, err := tx.Vaults.Tombstones(ctx, v.ID)
		equal(t, "tombstones", stones, []store.Tombstone{{Run: hearkeep.Run{Binding: v.Binding, From: 2, To: 1001}, Outcome: hearkeep.OutcomeFailed, At: noon}})
		if err != nil {
			return err
		}
		stones, err = tx.Vaults.Tombstones(ctx, ended.ID)
		equal(t, "tombstones of a door that has ended", len(stones), 0)
		return err
	})
}
