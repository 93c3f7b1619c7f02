package vaulttest

import (
	"database/sql"
	"hash/fnv"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/sound"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// Sound is half a second of FLAC that stands for some words: a tone of their
// own, so that no two words sound the same.
func Sound(t testing.TB, words string) []byte {
	t.Helper()
	h := fnv.New64a()
	h.Write([]byte(words))
	hertz := 200 + float64(h.Sum64()%200_000)/100
	samples := make([]int16, hearkeep.SampleRate/2)
	for i := range samples {
		samples[i] = int16(8000 * math.Sin(2*math.Pi*hertz*float64(i)/hearkeep.SampleRate))
	}
	file, err := sound.EncodeFLAC(sound.Clip{Samples: samples})
	must(t, err)
	return file
}

// Taken is a recording of somebody who says words, just now.
func Taken(t testing.TB, words string) vault.Taken {
	t.Helper()
	return vault.Taken{
		ID: hearkeep.NewID[hearkeep.RecordingID](), Start: time.Now(), Duration: 500 * time.Millisecond,
		Audio: Sound(t, words), Waveform: []byte{10, 200, 90, 10}, Words: hearkeep.NewWords(words), HasWords: true,
		Turn: hearkeep.Turn{Intent: "HassNevermind", Did: "nothing", Answer: hearkeep.NewWords("You said: " + words)},
	}
}

// Say keeps one recording of p at their terminal, with real FLAC.
func (h *Home) Say(t testing.TB, p Person, words string) hearkeep.RecordingID {
	t.Helper()
	taken := Taken(t, words)
	in, err := h.Keep.Device(t.Context(), p.Device)
	must(t, err)
	must(t, in.Keep(t.Context(), taken))
	return taken.ID
}

// SQL writes to the rows behind the program's back, as somebody with the
// database file can, while it is open or closed. It returns how many rows
// changed.
func (h *Home) SQL(t testing.TB, statement string, args ...any) int64 {
	t.Helper()
	return h.write(t, "hearkeep.db", statement, args...)
}

// KeysSQL is SQL on the file of wrapped keys.
func (h *Home) KeysSQL(t testing.TB, statement string, args ...any) int64 {
	t.Helper()
	return h.write(t, "keys.db", statement, args...)
}

func (h *Home) write(t testing.TB, file, statement string, args ...any) int64 {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(h.Dir, file)+"?_pragma=busy_timeout(5000)")
	must(t, err)
	defer db.Close()
	res, err := db.ExecContext(t.Context(), statement, args...)
	must(t, err)
	n, err := res.RowsAffected()
	must(t, err)
	return n
}

// AudioFile is where the ciphertext of a recording's audio lies.
func (h *Home) AudioFile(id hearkeep.RecordingID) string {
	name := id.String()
	return filepath.Join(h.Dir, "audio", name[:2], name)
}

// Copy restarts the keep, and returns its databases as they were in between.
func (h *Home) Copy(t testing.TB) map[string][]byte {
	t.Helper()
	h.shut()
	files := map[string][]byte{}
	for _, name := range []string{"hearkeep.db", "keys.db"} {
		data, err := os.ReadFile(filepath.Join(h.Dir, name))
		must(t, err)
		files[name] = data
	}
	h.open(t)
	return files
}

// Restore restarts the keep on what Copy returned; audio and the erasure
// journal stay as they are.
func (h *Home) Restore(t testing.TB, files map[string][]byte) {
	t.Helper()
	h.shut()
	for name, data := range files {
		for _, log := range []string{"-wal", "-shm"} {
			must(t, os.RemoveAll(filepath.Join(h.Dir, name+log)))
		}
		must(t, os.WriteFile(filepath.Join(h.Dir, name), data, 0o600))
	}
	h.open(t)
}
