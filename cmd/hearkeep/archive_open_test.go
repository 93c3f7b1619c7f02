package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/archive"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
)

// oneSealed is a sealed archive of one recording, and the kit that opens it.
func oneSealed(t *testing.T) (raw, ciphertext []byte, kit seal.Kit) {
	t.Helper()
	ctx, folder := t.Context(), t.TempDir()
	st, err := sqlite.Open(ctx, folder)
	must(t, err)
	defer st.Close()
	l, err := ledger.Open(ctx, st, filepath.Join(folder, fileLedger))
	must(t, err)
	account, unlocker, vault := hearkeep.NewID[hearkeep.AccountID](), hearkeep.NewID[hearkeep.UnlockerID](), hearkeep.NewID[hearkeep.VaultID]()
	kit = seal.NewKit()
	root := seal.NewAccountKey()
	private, public, err := seal.NewAccountPair()
	must(t, err)
	kitWrap, err := seal.WrapAccountKey(root, seal.PublicOfUnlocker(seal.KitUnlocker(kit, account)), account, unlocker)
	must(t, err)
	sealedPrivate, err := seal.SealAccountPrivate(root, account, private)
	must(t, err)
	key, err := seal.NewVaultKey()
	must(t, err)
	vaultWrap, err := seal.SealVaultKey(key, public, vault, 1, account)
	must(t, err)
	ec := seal.EnvelopeContext{Vault: vault, Generation: 1, Envelope: hearkeep.NewID[hearkeep.EnvelopeID](), Binding: hearkeep.NewID[hearkeep.BindingID]()}
	env, envWrap, err := seal.NewEnvelope(seal.PublicOfVault(key), ec)
	must(t, err)
	pc := seal.PartContext{EnvelopeContext: ec, Number: 1, Recording: hearkeep.NewID[hearkeep.RecordingID](), Start: time.Date(2026, 7, 2, 12, 0, 0, 0, time.UTC), Part: hearkeep.PartAudio, Version: 1}
	pk, wrap, err := seal.NewPartKey(env, pc)
	must(t, err)
	ciphertext, err = seal.SealPart(pk, "audio/flac", bytes.Repeat([]byte("fLaC"), 500))
	must(t, err)
	content := sealedOne{archive.SealedRecording{
		ID: pc.Recording, Binding: ec.Binding, Number: 1, Generation: 1, Envelope: ec.Envelope, EnvelopeWrap: envWrap, Start: pc.Start, Duration: time.Second,
		Parts: []archive.SealedPart{{Part: hearkeep.PartAudio, Version: 1, Size: int64(len(ciphertext)), Hash: sha256.Sum256(ciphertext), Until: pc.Start, Wrap: wrap}},
		Audio: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(ciphertext)), nil },
	}}
	bag, err := archive.NewSealed(ctx, archive.SealedFacts{
		Archive: hearkeep.NewID[hearkeep.ArchiveID](), Request: hearkeep.NewID[hearkeep.RequestID](), Kind: hearkeep.RequestAccess, Account: account,
		Service: "http://localhost:8484", Made: time.Date(2026, 7, 3, 12, 0, 0, 0, time.UTC), Key: l.Key(), Sign: l.Sign,
		Keys: archive.SealedKeys{Kits: []archive.SealedKit{{Unlocker: unlocker, Wrap: kitWrap}}, AccountPrivate: sealedPrivate},
		Vaults: []archive.SealedVault{{ID: vault, Kind: "personal", Doors: []archive.Door{{Binding: ec.Binding, Name: "Kitchen\x1b[2J", Last: 1, In: 1}},
			Held: []archive.SealedKey{{Generation: 1, Wrap: vaultWrap, Public: seal.PublicOfVault(key)}}, Content: content}},
	})
	must(t, err)
	var b bytes.Buffer
	must(t, bag.Write(ctx, &b, 0, bag.Size()))
	return b.Bytes(), ciphertext, kit
}

type sealedOne struct{ r archive.SealedRecording }

func (sealedOne) Len() int { return 1 }

func (s sealedOne) Each(_ context.Context, from int, fn func(int, archive.SealedRecording) error) error {
	if from > 0 {
		return nil
	}
	return fn(0, s.r)
}

// TestArchiveOpen is the program on a sealed archive, with its kit and without.
func TestArchiveOpen(t *testing.T) {
	raw, ciphertext, kit := oneSealed(t)
	folder := t.TempDir()
	put := func(name string, b []byte) string {
		path := filepath.Join(folder, name)
		must(t, os.WriteFile(path, b, 0o600))
		return path
	}
	file, kitFile, full := put("mine.zip", raw), put("kit.txt", []byte(kit.Reveal()+"\n")), filepath.Join(folder, "full")
	must(t, os.MkdirAll(filepath.Join(full, "x"), 0o700))
	altered := bytes.Clone(raw)
	altered[bytes.Index(raw, ciphertext)+200] ^= 1
	spoilt := put("altered.zip", altered)
	foreign, _, _ := oneSealed(t)
	theirs := put("theirs.zip", foreign)
	out := func(name string) string { return filepath.Join(folder, name) }
	for _, test := range []struct {
		name, in string
		args     []string
		code     int
		says     []string
	}{
		{"kit from standard input", kit.Reveal() + "\n", []string{file, "--out", out("a")}, exitDone, []string{"signed under the key ", "1 recording in ", "opened as it was sealed"}},
		{"kit from a file", "", []string{file, "--out", out("b"), "--kit-file", kitFile}, exitDone, []string{"1 recording in "}},
		{"altered", kit.Reveal(), []string{spoilt, "--out", out("c")}, exitDamaged, []string{`fault  the sound of recording 1 of "Kitchen\x1b[2J" was altered`, "hint: What is named was left out"}},
		{"another's", kit.Reveal(), []string{theirs, "--out", out("d")}, exitFailed, []string{"does not open this archive", "noise to you"}},
		{"mistyped", kit.Reveal()[:10], []string{file, "--out", out("e")}, exitFailed, []string{"36 letters and digits"}},
		{"something there", kit.Reveal(), []string{file, "--out", full}, exitFailed, []string{"There is something at"}},
		{"no archive", kit.Reveal(), []string{kitFile}, exitFailed, []string{"not a sealed archive"}},
		{"not there", kit.Reveal(), []string{out("none.zip")}, exitFailed, []string{"There is no archive at"}},
		{"a folder", kit.Reveal(), []string{full}, exitFailed, []string{"There is no archive at"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := exec.Command(program, append([]string{"archive", "open"}, test.args...)...)
			cmd.Stdin, cmd.Dir = strings.NewReader(test.in), folder
			cmd.Env = append(os.Environ(), "HEARKEEP_PASSPHRASE=for a keep, and no kit")
			said, _ := cmd.CombinedOutput()
			if got := cmd.ProcessState.ExitCode(); got != test.code {
				t.Errorf("exit %d, want %d: %s", got, test.code, said)
			}
			for _, want := range test.says {
				if !strings.Contains(string(said), want) {
					t.Errorf("got %s, want %q in it", said, want)
				}
			}
			if strings.Contains(string(said), kit.Reveal()) || bytes.ContainsRune(said, 0x1b) {
				t.Errorf("it says too much: %q", said)
			}
		})
	}
	for name, sounds := range map[string]int{"a": 1, "b": 1, "c": 0} {
		found, err := filepath.Glob(filepath.Join(out(name), "data", "recordings", "*", "*.flac"))
		must(t, err)
		if len(found) != sounds {
			t.Errorf("%s: %d sounds, want %d", name, len(found), sounds)
		}
		if said, err := exec.Command(program, "archive", "verify", out(name)).CombinedOutput(); err != nil {
			t.Errorf("%s does not verify: %s", name, said)
		}
		info, err := os.Stat(out(name))
		must(t, err)
		if info.Mode().Perm() != 0o700 {
			t.Errorf("%s may be read by others: %s", name, info.Mode())
		}
	}
	for _, name := range []string{"d", "e"} {
		if _, err := os.Stat(out(name)); err == nil {
			t.Errorf("%s was written", name)
		}
	}
}

// TestKitStaysOutOfDumps looks at a program that has been asked for a kit.
func TestKitStaysOutOfDumps(t *testing.T) {
	raw, _, _ := oneSealed(t)
	file := filepath.Join(t.TempDir(), "mine.zip")
	must(t, os.WriteFile(file, raw, 0o600))
	cmd := exec.Command(program, "archive", "open", file, "--out", filepath.Join(t.TempDir(), "out"))
	in, err := cmd.StdinPipe()
	must(t, err)
	asked, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())
	_, err = io.ReadFull(asked, make([]byte, len("Recovery kit: ")))
	must(t, err)
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", cmd.Process.Pid))
	must(t, err)
	must(t, in.Close())
	cmd.Wait()
	for line := range strings.Lines(string(limits)) {
		if rest, found := strings.CutPrefix(line, "Max core file size"); found && strings.Fields(rest)[0] != "1" {
			t.Errorf("got %q, want no core dump", line)
		}
	}
}
