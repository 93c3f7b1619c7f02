package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/archive"
)

// oneSentence is an archive of one recording.
type oneSentence struct {
	vault   hearkeep.VaultID
	binding hearkeep.BindingID
	sound   []byte
}

func (o *oneSentence) facts() archive.Facts {
	return archive.Facts{Archive: hearkeep.NewID[hearkeep.ArchiveID](), Kind: hearkeep.RequestAccess, Service: "http://localhost:8484",
		Made: time.Date(2026, 7, 3, 12, 0, 0, 0, time.UTC),
		Vaults: []archive.Vault{{ID: o.vault, Name: "Anna's own", Kind: "personal",
			Doors: []archive.Door{{Binding: o.binding, Name: "Kitchen", Source: hearkeep.SourceSay, Last: 1, In: 1}}}}}
}

func (o *oneSentence) Count() int { return 1 }

func (o *oneSentence) Recordings(_ context.Context, from int, fn func(int, archive.Recording) error) error {
	if from > 0 {
		return nil
	}
	return fn(0, archive.Recording{Vault: o.vault, Binding: o.binding, Number: 1, From: "Kitchen", Start: time.Date(2026, 7, 2, 12, 0, 0, 0, time.UTC),
		Words: hearkeep.NewWords("what time is it"), HasWords: true, Version: 1,
		Sound: &archive.Sound{Size: int64(len(o.sound)), CRC32: crc32.ChecksumIEEE(o.sound), SHA256: sha256.Sum256(o.sound), MediaType: "audio/flac"}})
}

func (o *oneSentence) Sound(context.Context, int) (archive.SoundReader, error) {
	return struct {
		io.ReaderAt
		io.Closer
	}{bytes.NewReader(o.sound), io.NopCloser(nil)}, nil
}

func (o *oneSentence) Openings(context.Context, func(archive.Opening) error) error { return nil }

// TestArchiveVerify is the program on a whole archive, on the same unpacked,
// and on spoilt ones.
func TestArchiveVerify(t *testing.T) {
	o := &oneSentence{hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.BindingID](), bytes.Repeat([]byte("fLaC"), 1000)}
	f := o.facts()
	bag, err := archive.New(t.Context(), f, o)
	must(t, err)
	var b bytes.Buffer
	must(t, bag.Write(t.Context(), &b, o, 0, bag.Size()))
	folder := t.TempDir()
	file := filepath.Join(folder, bag.Name())
	must(t, os.WriteFile(file, b.Bytes(), 0o600))
	unpacked := filepath.Join(folder, "unpacked")
	must(t, exec.Command("unzip", "-qq", file, "-d", unpacked).Run())
	bad := filepath.Join(folder, "bad.zip")
	at := bytes.Index(b.Bytes(), []byte("fLaC"))
	must(t, os.WriteFile(bad, append(append(bytes.Clone(b.Bytes()[:at]), 'F'), b.Bytes()[at+1:]...), 0o600))

	for _, test := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"ZIP", []string{file}, exitDone, []string{"whole: 1 recording with sound", "made 2026-07-03", f.Archive.String()}},
		{"folder", []string{filepath.Join(unpacked, strings.TrimSuffix(bag.Name(), ".zip"))}, exitDone, []string{"whole: 1 recording"}},
		{"folder around it", []string{unpacked}, exitDone, []string{"whole: 1 recording"}},
		{"JSON", []string{"--json", file}, exitDone, []string{`"recordings":1`}},
		{"altered", []string{bad}, exitDamaged, []string{"kitchen_000001.flac is altered", "1 fault", "hint: Fetch it again"}},
		{"altered, JSON", []string{"--json", bad}, exitDamaged, []string{`"fault":"is altered`}},
		{"no archive", []string{program}, exitDamaged, []string{"the archive is no ZIP file"}},
		{"not there", []string{filepath.Join(folder, "none.zip")}, exitFailed, []string{"There is no archive at"}},
		{"an empty folder", []string{t.TempDir()}, exitDamaged, []string{"bagit.txt is missing"}},
		{"nothing given", nil, exitUsage, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := exec.Command(program, append([]string{"archive", "verify"}, test.args...)...)
			out, _ := cmd.CombinedOutput()
			if got := cmd.ProcessState.ExitCode(); got != test.code {
				t.Errorf("exit %d, want %d: %s", got, test.code, out)
			}
			for _, want := range test.says {
				if !strings.Contains(string(out), want) {
					t.Errorf("got %s, want %q in it", out, want)
				}
			}
		})
	}
}
