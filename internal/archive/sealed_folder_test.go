package archive

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
)

func folderOf(t *testing.T, u *Unlocked) (string, []Fault) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "opened")
	ok(t, os.Mkdir(to, 0o700))
	root, err := os.OpenRoot(to)
	ok(t, err)
	defer root.Close()
	faults, err := u.Folder(context.Background(), root, time.UTC, nil)
	ok(t, err)
	return to, faults
}

func sounds(t *testing.T, folder string) []string {
	t.Helper()
	var found []string
	ok(t, filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".flac") {
			found = append(found, path)
		}
		return err
	}))
	return found
}

// TestSealedFolder: the folder is a bag that verifies, holds every sound, and
// stays inside itself whatever a door is called.
func TestSealedFolder(t *testing.T) {
	p := newPerson(t)
	v := sealedVault(t, p, "../../up", 12, noise(70000))
	v.Doors[0].Name, v.Withheld = "../../../etc/cron.d\x00/\\..\\x", []Withheld{{v.ID, "Kitchen", 0, "Nothing."}}
	u := unlock(t, sealedBytes(t, newSealed(t, sealedFacts(newService(t), p, v))), p.kit)
	to, faults := folderOf(t, u)
	if len(faults) > 0 {
		t.Errorf("faults: %q", faults)
	}
	if _, err := VerifyFolder(context.Background(), to); err != nil {
		t.Errorf("the folder is no whole bag: %v", err)
	}
	found := sounds(t, to)
	if len(found) != 10 {
		t.Fatalf("%d sounds, want 10: %q", len(found), found)
	}
	var first []byte
	for _, path := range found {
		b, err := os.ReadFile(path)
		ok(t, err)
		if bytes.Equal(b, noise(70000)(0)) {
			first = b
		}
	}
	if first == nil {
		t.Error("the first sound is not there as it was")
	}
	words, err := os.ReadFile(filepath.Join(to, "data", "transcripts.csv"))
	ok(t, err)
	if !bytes.Contains(words, []byte("set timer 11")) {
		t.Error("the transcripts lack words")
	}
	if entries, _ := os.ReadDir(filepath.Dir(to)); len(entries) != 1 {
		t.Errorf("something was written beside the folder: %v", entries)
	}
}

// TestSealedFolderWithFaults: what does not open is left out and named, and
// the rest is whole.
func TestSealedFolderWithFaults(t *testing.T) {
	x := newSealedScene(t)
	p := unpack(t, x.mine)
	at, _ := x.part(2, hearkeep.PartAudio)
	p.members[vaultMember(0, memberSound)][at+150] ^= 1
	at, _ = x.part(3, hearkeep.PartWords)
	p.members[vaultMember(0, memberText)][at+150] ^= 1
	to, faults := folderOf(t, unlock(t, p.pack(t), x.p.kit))
	if len(faults) != 2 || !strings.Contains(faults[0].String(), `sound of recording 2 of "Kitchen"`) || !strings.Contains(faults[1].String(), "transcript of recording 2 of") {
		t.Errorf("faults: %q", faults)
	}
	if _, err := VerifyFolder(context.Background(), to); err != nil {
		t.Errorf("the folder is no whole bag: %v", err)
	}
	if got := len(sounds(t, to)); got != 9 {
		t.Errorf("%d sounds, want 9", got)
	}
	told, err := os.ReadFile(filepath.Join(to, "data", "information.html"))
	ok(t, err)
	if !bytes.Contains(told, []byte("was altered")) {
		t.Error("the folder does not say what is left out")
	}
}

// TestSealedFolderOfNothing: an archive whose index is gone gives an empty bag.
func TestSealedFolderOfNothing(t *testing.T) {
	x := newSealedScene(t)
	p := unpack(t, x.mine)
	delete(p.members, vaultMember(0, memberIndex))
	to, faults := folderOf(t, unlock(t, p.pack(t), x.p.kit))
	if len(faults) == 0 || len(sounds(t, to)) > 0 {
		t.Errorf("faults %q, sounds %q", faults, sounds(t, to))
	}
}
