package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/backup"
	"github.com/hearkeep/hearkeep/internal/blob"
	"github.com/hearkeep/hearkeep/internal/blob/files"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
)

// backupFlags are the settings of backups that a server makes by itself;
// doctor has them too, to see whether they are made.
type backupFlags struct {
	BackupTo      string        `help:"Back up rows, audio and what was erased to this folder." type:"path" placeholder:"DIR"`
	BackupKeysTo  string        `help:"With --backup-to: the folder for copies of the keys, apart from the other." type:"path" placeholder:"DIR"`
	BackupEvery   time.Duration `help:"With --backup-to: how often." default:"24h"`
	BackupKeysFor time.Duration `help:"For how long a copy of the keys is kept where a newer backup is verified. Receipts say so." default:"168h"`
}

// places is where to, empty for nowhere.
func (f backupFlags) places() (backup.Places, error) {
	if (f.BackupTo == "") != (f.BackupKeysTo == "") {
		return backup.Places{}, codedError{exitUsage, hearkeep.Errorf(hearkeep.Invalid, "A backup needs both --backup-to and --backup-keys-to.")}
	}
	if f.BackupTo != "" && f.BackupEvery < time.Minute || f.BackupKeysFor < 0 {
		return backup.Places{}, codedError{exitUsage, hearkeep.Errorf(hearkeep.Invalid, "--backup-every is at least a minute, and --backup-keys-for not less than nothing.")}
	}
	return backup.Places{To: f.BackupTo, KeysTo: f.BackupKeysTo, By: hearkeep.RoleSystem}, nil
}

type backupCmd struct {
	Keep    string        `help:"The keep's folder; it may be in use." default:"./keep" type:"path"`
	To      string        `help:"The folder for rows, audio and what was erased." type:"path" placeholder:"DIR" required:""`
	KeysTo  string        `help:"The folder for the copy of the keys, apart from the other." type:"path" placeholder:"DIR" required:""`
	KeysFor time.Duration `help:"For how long a copy of the keys is kept where a newer backup is verified; while a server runs, its --backup-keys-for counts." default:"168h"`
}

// Run asks the server that runs on the folder for a backup, and makes it
// itself where none does.
func (cmd backupCmd) Run(ctx context.Context, c *console) error {
	if isBackup(cmd.Keep) {
		return hearkeep.Errorf(hearkeep.Invalid, "%s is a backup, and no keep.", cmd.Keep).WithHint("Copy it with any program, or name the keep with --keep.")
	}
	if !hasFile(cmd.Keep, fileRows) {
		return folderError(cmd.Keep, fs.ErrNotExist)
	}
	tell := func(step string) { fmt.Fprintf(c.out, "%s …\n", step) }
	made, err := askForBackup(ctx, cmd, tell)
	if errors.Is(err, errNoServer) {
		made, err = cmd.here(ctx, c, tell)
	}
	if err != nil {
		return err
	}
	return tellBackup(c, made)
}

// here makes the backup in this process, which takes the folder for it.
func (cmd backupCmd) here(ctx context.Context, c *console, tell func(string)) (made backup.Made, err error) {
	log := slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	known, err := readKept(cmd.Keep)
	if err != nil {
		return made, err
	}
	f, err := openFolder(ctx, cmd.Keep, time.Local, notify.Config{Origin: known.Origin}, log)
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	f.backups.KeysFor = cmd.KeysFor
	return f.backups.Make(ctx, backup.Places{To: cmd.To, KeysTo: cmd.KeysTo, By: hearkeep.RoleOperator}, tell)
}

// tellBackup says what was made and, the first time, what is in no backup.
func tellBackup(c *console, made backup.Made) error {
	fmt.Fprintf(c.out, "verified: %s, %s, of which %s were copied\n  rows, audio, erasures  %s\n  keys                   %s\n",
		countOf(made.Recordings, "recording"), bytesText(made.Bytes), bytesText(made.Copied), made.Place, made.Keys)
	if made.First {
		fmt.Fprintf(c.out, `
In neither folder: %s, %s, and %s where --tls local is used. They do not change:
copy them once, by hand, to a third place. Without %s no door is trusted and no
timer opens, without %s the record of who opened what does not go on, and no
backup can be restored without the two. Nobody's recordings open without a way
in of theirs: a backup does not help who has lost every passphrase and kit.
`, fileHouse, fileLedger, fileCAKey, fileHouse, fileLedger)
	}
	for _, w := range made.Warnings {
		fmt.Fprintf(c.out, "note: %s\n", w)
	}
	return nil
}

// backupDesk is the desk of an opened folder.
func (f *folder) backupDesk(st *sqlite.Store, blobs blob.Store, log *slog.Logger) *backup.Desk {
	return backup.New(backup.Config{
		Keep: f.path, LedgerKey: filepath.Join(f.path, fileLedger), Extra: []string{fileKept},
		Store: f.pressing(), Copier: st, Blobs: blobs, Journal: f.journal, Ledger: f.ledger, Log: log,
		OpenCopy: func(ctx context.Context, rows, keys string) (store.Store, error) {
			return sqlite.OpenCopy(ctx, rows, keys)
		},
		OpenBlobs: openBlobs,
	})
}

func openBlobs(folder string) (blob.Store, error) { return files.Open(folder) }

// isBackup reports whether a folder is where backups go.
func isBackup(path string) bool {
	return hasFile(path, "backup.note") || hasFile(path, "hearkeep-keys")
}

func hasFile(folder, name string) bool {
	var st syscall.Stat_t
	return syscall.Stat(filepath.Join(folder, name), &st) == nil
}
