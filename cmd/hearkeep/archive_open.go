package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/archive"
	"github.com/hearkeep/hearkeep/internal/seal"
)

type archiveOpenCmd struct {
	Archive string `arg:"" help:"The sealed archive: the ZIP file as it was fetched." type:"path" placeholder:"FILE"`
	Out     string `help:"The folder to write; it must not be there, or be empty. By default the archive's name with -opened, here." type:"path" placeholder:"FOLDER"`
	KitFile string `help:"Read the recovery kit from this file instead of asking for it." type:"path" placeholder:"FILE"`
}

// Help says what becomes of it, and how scripts go about it.
func (archiveOpenCmd) Help() string {
	return "The folder has everything as sound and text, with a page that plays it: whoever can read it can listen. " +
		"What was altered, taken away or put in is named, and the rest is written; then this ends with 11. " +
		"The kit is asked for without showing it; for scripts it is taken from --kit-file, or from standard input."
}

// Run opens a sealed archive, without the keep that it came from.
func (cmd archiveOpenCmd) Run(ctx context.Context, c *console) error {
	keepMemoryPrivate(slog.New(slog.NewTextHandler(c.err, nil)))
	f, err := os.Open(cmd.Archive)
	if err != nil {
		return noArchive(cmd.Archive, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return noArchive(cmd.Archive, errors.Join(err, fs.ErrInvalid))
	}
	file, err := archive.OpenSealed(f, info.Size())
	if err != nil {
		return err
	}
	about := file.About()
	cmd.introduce(c.out, about)
	kit, err := cmd.kit(ctx, c)
	if err != nil {
		return err
	}
	u, err := file.Unlock(kit)
	if err != nil {
		return err
	}
	to, err := cmd.folder(about)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(to)
	if err != nil {
		return fmt.Errorf("folder %s: %w", to, err)
	}
	defer root.Close()
	faults, err := u.Folder(ctx, root, time.Local, progressTo(c.err))
	if err != nil {
		return fmt.Errorf("folder %s is not complete: %w", to, err)
	}
	return cmd.told(c.out, to, u.Count(), faults)
}

// introduce says whose signature there is, and what that is worth.
func (cmd archiveOpenCmd) introduce(out io.Writer, a archive.SealedAbout) {
	fmt.Fprintf(out, "sealed archive %s of %s, made %s\n", a.Archive, quoted(a.Service), a.Made.Format(time.RFC3339))
	if a.Signed {
		fmt.Fprintf(out, "signed under the key %s\n", a.Fingerprint)
		fmt.Fprintln(out, "Only if the page of your keep shows these same digits was it made there.")
	} else {
		fmt.Fprintln(out, "It is not signed by the key that it names: anybody may have made or altered it.")
	}
}

// maxKitFile is more than any spelling of a kit.
const maxKitFile = 4 << 10

func (cmd archiveOpenCmd) kit(ctx context.Context, c *console) (seal.Kit, error) {
	if cmd.KitFile == "" {
		typed, err := c.hidden(ctx, "Recovery kit: ") // never the passphrase of the environment
		if err != nil {
			return seal.Kit{}, err
		}
		return seal.ParseKit(typed)
	}
	f, err := os.Open(cmd.KitFile)
	if err != nil {
		return seal.Kit{}, hearkeep.Errorf(hearkeep.Invalid, "The recovery kit's file cannot be read.").WithHint("Give a file with nothing but the kit in it.").Because(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKitFile))
	if err != nil {
		return seal.Kit{}, fmt.Errorf("kit file: %w", err)
	}
	return seal.ParseKit(string(text))
}

// folder makes the folder to write, which nobody else may read.
func (cmd archiveOpenCmd) folder(a archive.SealedAbout) (string, error) {
	to := cmd.Out
	if to == "" {
		to = fmt.Sprintf("hearkeep-%s-%s-opened", a.Made.Format(time.DateOnly), a.Archive.String()[:6])
	}
	err := os.Mkdir(to, 0o700)
	if errors.Is(err, fs.ErrExist) {
		entries, failed := os.ReadDir(to)
		if failed != nil || len(entries) > 0 {
			return "", hearkeep.Errorf(hearkeep.Conflict, "There is something at %s already.", to).WithHint("Name a new folder with --out.").Because(failed)
		}
		err = nil
	}
	if err != nil {
		return "", fmt.Errorf("make the folder: %w", err)
	}
	return to, nil
}

// progressTo tells a terminal how far the check has come.
func progressTo(out io.Writer) func(done, of int) {
	if !isTerminal(out) {
		return nil
	}
	return func(done, of int) {
		if done%25 == 0 || done == of {
			fmt.Fprintf(out, "\rchecked %d of %d", done, of)
		}
		if done == of {
			fmt.Fprintln(out)
		}
	}
}

// told names what is wrong; with anything, it ends with 11.
func (cmd archiveOpenCmd) told(out io.Writer, to string, count int, faults []archive.Fault) error {
	fmt.Fprintf(out, "%s in %s; open index.html there to listen\n", counted(count, "recording"), to)
	if len(faults) == 0 {
		fmt.Fprintln(out, "Every one of them opened as it was sealed.")
		return nil
	}
	for _, f := range faults {
		fmt.Fprintln(out, "fault ", printable(f.String()))
	}
	return codedError{exitDamaged, hearkeep.Errorf(hearkeep.Invalid, "This archive is not as it was made: %s.", counted(len(faults), "fault")).
		WithHint("What is named was left out; the rest is what was archived. Fetch it again; if a fresh one has faults too, report it to the service that made it.")}
}
