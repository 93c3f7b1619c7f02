package vault_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, what string, err error, want hearkeep.Code) {
	t.Helper()
	if got := hearkeep.CodeOf(err); err == nil || got != want {
		t.Errorf("%s: got %v (%s), want %s", what, err, got, want)
	}
}

// audio stands for FLAC: package vault seals bytes of any kind.
var audio = bytes.Repeat([]byte("fLaC canary audio of somebody's kitchen; "), 5000)

func taken(words string) vault.Taken {
	return vault.Taken{
		ID: hearkeep.NewID[hearkeep.RecordingID](), Start: time.Now(), Duration: 3 * time.Second,
		Audio: audio, Waveform: []byte{1, 2, 3}, Words: hearkeep.NewWords(words), HasWords: true,
		Turn: hearkeep.Turn{
			Intent: "HassStartTimer", Did: "started a timer", Answer: hearkeep.NewWords("Ten minutes, " + words),
			Slots:  []hearkeep.Slot{{Name: "name", Spoken: hearkeep.NewWords(words), Value: hearkeep.NewWords(words)}},
			Stages: []hearkeep.StageTime{{Stage: hearkeep.StageRecognise, Took: 72 * time.Millisecond, Engine: "pocketsphinx en-us"}},
		},
	}
}

// say keeps one recording and returns its id.
func say(t *testing.T, p vaulttest.Person, words string) hearkeep.RecordingID {
	t.Helper()
	r := taken(words)
	must(t, p.Inbox.Keep(t.Context(), r))
	return r.ID
}

// kinds counts a vault's ledger entries by kind.
func kinds(t *testing.T, h *vaulttest.Home, v hearkeep.VaultID) map[ledger.Kind]int {
	t.Helper()
	entries, err := h.Ledger.Entries(t.Context(), v, 0, 10_000)
	must(t, err)
	n := map[ledger.Kind]int{}
	for _, e := range entries {
		n[e.Kind]++
	}
	return n
}

// onDisk returns the files under the home that hold needle.
func onDisk(t *testing.T, h *vaulttest.Home, needle []byte) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(h.Dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, needle) {
			found = append(found, path)
		}
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	})
	must(t, err)
	return found
}

func readAll(t *testing.T, r *vault.Room, id hearkeep.RecordingID) []byte {
	t.Helper()
	a, err := r.Listen(t.Context(), id)
	must(t, err)
	defer a.Close()
	got, err := io.ReadAll(a)
	must(t, err)
	return got
}
