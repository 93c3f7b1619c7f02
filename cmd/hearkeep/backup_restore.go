package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/backup"
	"github.com/hearkeep/hearkeep/internal/blob"
	"github.com/hearkeep/hearkeep/internal/blob/files"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
	"github.com/hearkeep/hearkeep/internal/vault"
)

type restoreCmd struct {
	From      string `help:"The folder that backup --to was given." type:"path" placeholder:"DIR" required:""`
	KeysFrom  string `help:"A copy of the keys from the folder that backup --keys-to was given; or that folder, for the one that the backup was made with." type:"path" placeholder:"FILE" required:""`
	Keep      string `help:"The new keep's folder, empty but for keys that were put there by hand." type:"path" placeholder:"DIR" required:""`
	HouseKey  string `help:"The copy of house.key, where it is not in the new folder." type:"path" placeholder:"FILE"`
	LedgerKey string `help:"The copy of ledger.key, where it is not in the new folder." type:"path" placeholder:"FILE"`

	AcceptLostErasures bool `help:"Restore also where it is not known any more what was erased since. What people erased may be back."`
}

// Run makes a keep of a backup, erases again what was erased since, and ends
// all that lets somebody in by what they were once given.
func (cmd restoreCmd) Run(ctx context.Context, c *console) error {
	done, err := cmd.restore(ctx, c)
	if err != nil {
		return err
	}
	gone, err := cmd.finish(ctx, c, done)
	if err != nil {
		return hearkeep.Errorf(hearkeep.Unavailable, "The backup is restored, but what was erased since is not erased again yet.").
			WithHint("Do not hand out anything of it. Starting the server tries again.").Because(err)
	}
	cmd.tell(c.out, done, gone)
	return nil
}

func (cmd restoreCmd) restore(ctx context.Context, c *console) (done backup.Restored, err error) {
	if err := os.MkdirAll(cmd.Keep, 0o700); err != nil {
		return done, folderError(cmd.Keep, err)
	}
	lock, err := lockFolder(cmd.Keep)
	if err != nil {
		return done, err
	}
	defer lock.Close()
	return backup.Restore(ctx, backup.RestoreConfig{
		From: cmd.From, Keys: cmd.KeysFrom, To: cmd.Keep, House: cmd.HouseKey, Ledger: cmd.LedgerKey,
		AcceptLostErasures: cmd.AcceptLostErasures,
		Files:              backup.Files{Rows: fileRows, Keys: fileKeys, House: fileHouse, Ledger: fileLedger, Journal: fileJournal, Blobs: dirBlobs},
		Open:               func(ctx context.Context, folder string) (store.Store, error) { return sqlite.Open(ctx, folder) },
		ReadOnly:           func(folder string) (blob.Store, error) { return files.OpenReadOnly(folder) },
		Blobs:              openBlobs,
		Fits:               houseFits,
	}, func(step string) { fmt.Fprintf(c.out, "%s …\n", step) })
}

// houseFits opens with a house key what doors are pinned by.
func houseFits(ctx context.Context, st store.Store, path string) error {
	house, err := seal.LoadOrCreateHouseKey(path)
	if err != nil {
		return err
	}
	doors, err := vault.CheckDoors(ctx, st, house)
	if err != nil {
		return err
	}
	for _, door := range doors {
		if door.Refused == nil {
			return nil
		}
	}
	if len(doors) == 0 {
		return nil
	}
	return hearkeep.Errorf(hearkeep.Conflict, "This house key does not fit: it trusts no door of the backup.").WithHint("Name the house.key of the same keep. Nothing was restored.")
}

// finish opens the keep once: that erases what the journal says. Accounts that
// were erased since go as well, and the others are told.
func (cmd restoreCmd) finish(ctx context.Context, c *console, done backup.Restored) (gone int, err error) {
	log := slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: slog.LevelError}))
	known, err := readKept(cmd.Keep)
	if err != nil {
		return 0, err
	}
	f, err := openFolder(ctx, cmd.Keep, time.Local, notify.Config{Origin: known.Origin}, log)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	for _, account := range done.Erased {
		if err := f.keep.Forget(ctx, account); err != nil {
			return gone, err
		}
		err := f.store.Update(ctx, func(tx *store.Tx) error { return tx.Identity.DeleteAccount(ctx, account) })
		if err == nil {
			gone++
		} else if !errors.Is(err, store.ErrNotFound) {
			return gone, err
		}
	}
	return gone, f.store.Update(ctx, func(tx *store.Tx) error {
		return f.tellAll(ctx, tx, letterRestored(done.Made))
	})
}

// tellAll queues a letter to every account that holds a vault.
func (f *folder) tellAll(ctx context.Context, tx *store.Tx, l hearkeep.Letter) error {
	vaults, err := tx.Vaults.AllVaults(ctx)
	if err != nil {
		return err
	}
	told := map[hearkeep.AccountID]bool{}
	for _, id := range vaults {
		generations, err := tx.Vaults.Generations(ctx, id)
		if err != nil {
			return err
		}
		for _, g := range generations {
			for _, account := range g.Keyholders {
				if told[account] {
					continue
				}
				told[account] = true
				if _, err := tx.Identity.Account(ctx, account); errors.Is(err, store.ErrNotFound) {
					continue
				}
				if err := f.letters.Tell(ctx, tx, account, l); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func letterRestored(made time.Time) hearkeep.Letter {
	day := made.UTC().Format("2 January 2006, 15:04 UTC")
	return hearkeep.Letter{
		Topic: "keep restored", Subject: "Your keep was restored from a backup",
		Text: "Whoever runs this keep has restored it from a backup of " + day + ". What was kept after that is lost, and so is what was changed: a passphrase or a passkey that was removed since then works again, somebody who was removed from a vault holds it again, and a door that was disconnected is connected again. What was erased stays erased.\n\nEverybody was signed out, and invitations, links, API tokens and tokens of agents have ended. Archives and new tokens wait, as after a change of a way in. Please sign in and look at your ways in, at who holds your vaults, and at your doors. If you know of no reason for this, ask who runs the keep.",
	}
}

func (cmd restoreCmd) tell(out io.Writer, done backup.Restored, accounts int) {
	fmt.Fprintf(out, "restored to %s: %s, as of %s\n", cmd.Keep, countOf(done.Recordings, "recording"), done.Made.UTC().Format(time.RFC3339))
	fmt.Fprintf(out, "ended: %s, %s, %s, %s, %s; every account's archives and new tokens wait\n",
		countOf(done.Ended.Sessions, "session"), countOf(done.Ended.Links, "link"), countOf(done.Ended.Invitations, "invitation"), countOf(done.Ended.Tokens, "API token"),
		countOf(done.Ended.Agents, "agent token"))
	fmt.Fprintf(out, "What was erased since is erased again. Queued for everybody: a letter that says so.\n")
	if accounts > 0 {
		fmt.Fprintf(out, "Accounts that were erased since are erased again: %d.\n", accounts)
	}
	if done.LostLedger > 0 {
		fmt.Fprintf(out, "note: the ledger went on by at least %d more: what was opened and changed since the backup. Whoever kept a checkpoint of that can show it.\n", done.LostLedger)
	}
	for _, n := range []struct {
		n    int
		says string
	}{
		{done.Damaged, "parts were damaged in the keep already when it was backed up, and do not open"},
		{done.Keyless, "parts have no key any more, and nothing says why: they count as erased"},
		{done.LostLines, "lines of the journal could not be read: what they erased may be back"},
	} {
		if n.n > 0 {
			fmt.Fprintf(out, "note: %d %s.\n", n.n, n.says)
		}
	}
	fmt.Fprintf(out, "\nThe ledger goes on under a new origin, and so with a new key: copy %s to where you keep the old one. The old one restores the backups that were made until now.\n", filepath.Join(cmd.Keep, fileLedger))
	fmt.Fprintf(out, "\nA passphrase, a keyholder or a door that was removed since the backup is back: everybody should look.\nServe it:  hearkeep serve --keep %s\nNever serve the old folder again, should it turn up: destroy it.\n", cmd.Keep)
}
