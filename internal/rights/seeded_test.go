package rights

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSeededBugs plants bugs that would put one's speech into another's
// archive, or leave one's own out, one at a time, and has TestHistories look:
// what does not find them would not find ours either.
func TestSeededBugs(t *testing.T) {
	if underRace || testing.Short() {
		t.Skip("compiles the rooms anew for each bug; runs without the race detector")
	}
	for _, bug := range []struct{ name, file, from, to string }{
		{"a shared key", "../seal/vault.go", "return vaultKeyFrom(newKey()), nil", "return vaultKeyFrom(&key{1}), nil"},
		{"a dropped vault check", "../store/sqlite/recordings.go", `selectRecording+"WHERE vault = ? AND binding = ? AND number > ? ORDER BY number LIMIT ?",
		vault, binding, after, limit)`, `selectRecording+"WHERE number > ? ORDER BY number LIMIT ?",
		after, limit)`},
		{"a cached id", "../vault/release.go", "rec := &p.recs[i-p.from]\n\tif r.keep.silenced", "rec := &p.recs[0]\n\tif r.keep.silenced"},
		{"a mixed job", "prepare.go", "return f.ID == id && f.bag != nil && f.account == who.Account() && f.of == who.Session()", "return f.bag != nil"},
		{"an archive that leaves the last out", "content.go", "func (e *entered) Count() int { return e.count() }", "func (e *entered) Count() int { return max(e.count()-1, 0) }"},
	} {
		t.Run(bug.name, func(t *testing.T) {
			t.Parallel()
			out, err := runWith(t, bug.file, bug.from, bug.to)
			if err == nil || !strings.Contains(out, "--- FAIL: TestHistories") {
				t.Errorf("it was not found (%v):\n%s", err, out)
			}
		})
	}
}

// runWith runs TestHistories on these rooms with one thing changed.
func runWith(t *testing.T, file, from, to string) (string, error) {
	t.Helper()
	path, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(source), from) != 1 {
		t.Fatalf("%s does not say %q once: the bug cannot be planted", file, from)
	}
	dir := t.TempDir()
	planted := filepath.Join(dir, "planted.go")
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: planted}})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	for name, data := range map[string][]byte{planted: []byte(strings.Replace(string(source), from, to, 1)), list: overlay} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	out, err := exec.CommandContext(ctx, "go", "test", "-overlay", list, "-run", "^TestHistories$", "-count=1", ".",
		"-histories", "80", "-rapid.nofailfile", "-rapid.shrinktime", "1s").CombinedOutput()
	return string(out), err
}
