package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/archive"
)

// archiveCmd is what one does with an archive that one has, without the keep
// that it came from.
type archiveCmd struct {
	Verify archiveVerifyCmd `cmd:"" help:"Check that an archive is whole: nothing missing, added or altered."`
	Open   archiveOpenCmd   `cmd:"" help:"Open a sealed archive with a recovery kit, into a folder that plays it."`
}

type archiveVerifyCmd struct {
	Archive string `arg:"" help:"The ZIP file, or the folder into which it was unpacked." type:"path" placeholder:"FILE"`
	JSON    bool   `help:"Print one JSON object a line: faults, or what the archive says of itself." name:"json"`
}

// Run checks an archive, unpacking nothing, and ends with 11 where it is not
// as it was made.
func (cmd archiveVerifyCmd) Run(ctx context.Context, c *console) error {
	v, err := verifyAt(ctx, cmd.Archive)
	if bad, ok := errors.AsType[*archive.Faults](err); ok {
		return cmd.tell(c, bad)
	}
	if err != nil {
		return err
	}
	if cmd.JSON {
		return json.NewEncoder(c.out).Encode(map[string]any{"archive": v.Archive, "service": v.Service, "made": v.Made,
			"recordings": v.Recordings, "files": v.Files, "bytes": v.Bytes, "hash": fmt.Sprintf("%x", v.Hash)})
	}
	_, err = fmt.Fprintf(c.out, "whole: %s with sound, %s, %s; nothing is missing, and each fits its hash\narchive %s of %s, made %s\nhash %x\n"+
		"Whoever can alter an archive can make it whole again: only the same hash in your keep's ledger says that this is what was handed over.\n",
		counted(v.Recordings, "recording"), counted(v.Files, "file"), counted(int(v.Bytes), "byte"), quoted(v.Archive), quoted(v.Service), quoted(v.Made), v.Hash)
	return err
}

// tell names every fault, and ends with 11.
func (cmd archiveVerifyCmd) tell(c *console, bad *archive.Faults) error {
	out := json.NewEncoder(c.out)
	for _, f := range bad.Faults {
		if cmd.JSON {
			out.Encode(map[string]string{"fault": f.What, "member": f.Member})
			continue
		}
		fmt.Fprintf(c.out, "fault  %s\n", f)
	}
	n := len(bad.Faults) + bad.More
	if bad.More > 0 && !cmd.JSON {
		fmt.Fprintf(c.out, "and %d more\n", bad.More)
	}
	return codedError{exitDamaged, hearkeep.Errorf(hearkeep.Invalid, "This archive is not as it was made: %s.", counted(n, "fault")).
		WithHint("Fetch it again. If a fresh one has faults too, report it to the service that made it.")}
}

// verifyAt checks a ZIP file or a folder.
func verifyAt(ctx context.Context, path string) (archive.Verified, error) {
	info, err := os.Stat(path)
	if err != nil {
		return archive.Verified{}, noArchive(path, err)
	}
	if info.IsDir() {
		return archive.VerifyFolder(ctx, bagIn(path))
	}
	if !info.Mode().IsRegular() {
		return archive.Verified{}, noArchive(path, fs.ErrInvalid)
	}
	f, err := os.Open(path)
	if err != nil {
		return archive.Verified{}, noArchive(path, err)
	}
	defer f.Close()
	v, err := archive.Verify(ctx, f, info.Size())
	if err != nil && sealed(f, info.Size()) {
		return v, hearkeep.Errorf(hearkeep.Invalid, "This is a sealed archive, which only its owner's recovery kit opens.").
			WithHint("hearkeep archive open %s", path)
	}
	return v, err
}

// bagIn is the bag in a folder: itself, or the one folder in it, as programs
// that unpack into a folder of the file's name leave it.
func bagIn(folder string) string {
	entries, err := os.ReadDir(folder)
	if err == nil && len(entries) == 1 && entries[0].IsDir() {
		return filepath.Join(folder, entries[0].Name())
	}
	return folder
}

func sealed(r io.ReaderAt, size int64) bool {
	_, err := archive.OpenSealed(r, size)
	return err == nil
}

func noArchive(path string, err error) error {
	return hearkeep.Errorf(hearkeep.Invalid, "There is no archive at %s.", path).
		WithHint("Give the ZIP file that you fetched, or the folder into which you unpacked it.").Because(err)
}

// quoted is a word from outside, quoted where a terminal could take it for more.
func quoted(s string) string {
	if q := fmt.Sprintf("%+q", s); s == "" || q != `"`+s+`"` {
		return q
	}
	return s
}
