package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hearkeep/hearkeep/internal/ledger"
)

// TestLedgerAtTheTerminal: checkpoints, proofs and exports beside a running
// server; a database that was put back is refused by everything that looks,
// and gone on with under another origin where somebody says so.
func TestLedgerAtTheTerminal(t *testing.T) {
	h := newHouse(t)
	dir := t.TempDir()
	run := func(want int, args ...string) string {
		t.Helper()
		out, code := h.run(args...)
		if code != want {
			t.Fatalf("%s: exit %d, want %d\n%s", strings.Join(args, " "), code, want, out)
		}
		return out
	}
	first := filepath.Join(dir, "first")
	must(t, os.WriteFile(first, []byte(run(0, "ledger", "checkpoint", "--keep", h.keep)), 0o600))
	key := strings.TrimSpace(run(0, "ledger", "keys", "--keep", h.keep))
	must(t, h.server.stop(syscall.SIGTERM))
	old := copyOf(t, h.keep)
	h.restart(t)
	run(0, "backup", "--keep", h.keep, "--to", filepath.Join(dir, "rows"), "--keys-to", filepath.Join(dir, "keys")) // writes an entry
	proof := run(0, "ledger", "consistency", "--keep", h.keep, first)
	if !strings.HasPrefix(proof, "old ") || !strings.Contains(proof, "\n\nhearkeep.local/") {
		t.Errorf("consistency proof: got\n%s", proof)
	}
	export := filepath.Join(dir, "log")
	run(0, "ledger", "export", "--keep", h.keep, "--to", export)
	held, err := os.ReadFile(first)
	must(t, err)
	older, err := ledger.ParseCheckpoint(held, key)
	must(t, err)
	if _, err := ledger.CheckFolder(t.Context(), os.DirFS(export), []ledger.Checkpoint{older}, []string{key}, nil); err != nil {
		t.Errorf("exported folder: %v", err)
	}

	// Yesterday's rows among today's files.
	must(t, h.server.stop(syscall.SIGTERM))
	back := copyOf(t, h.keep)
	rows, err := os.ReadFile(filepath.Join(old, fileRows))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(back, fileRows), rows, 0o600))
	for _, log := range []string{"-wal", "-shm"} {
		must(t, os.RemoveAll(filepath.Join(back, fileRows)+log))
		if data, err := os.ReadFile(filepath.Join(old, fileRows) + log); err == nil {
			must(t, os.WriteFile(filepath.Join(back, fileRows)+log, data, 0o600))
		} else if !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"serve", "--keep", back, "--listen", "127.0.0.1:0"}, {"ledger", "checkpoint", "--keep", back}, {"check", "--keep", back},
	} {
		if out := run(exitDamaged, args...); args[0] == "serve" && !strings.Contains(out, "THE LEDGER WENT BACK") {
			t.Errorf("serve: got\n%s", out)
		}
	}
	run(exitUsage, "ledger", "continue", "--keep", back)
	if out := run(0, "ledger", "continue", "--keep", back, "--accept-loss"); !strings.Contains(out, "goes on as hearkeep.local/") {
		t.Errorf("continue: got\n%s", out)
	}
	run(0, "check", "--keep", back)
	if keys := strings.Fields(run(0, "ledger", "keys", "--keep", back)); len(keys) != 2 || keys[0] != key {
		t.Errorf("keys: got %v, want the old one and another", keys)
	}
	run(0, "ledger", "consistency", "--keep", back, first) // under another origin, and the same entries
}
