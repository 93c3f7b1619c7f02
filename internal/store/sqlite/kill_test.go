package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/store/storetest"
)

var began = time.Date(2026, time.March, 29, 12, 0, 0, 0, time.UTC)

// childEnv names the folder in which a re-executed test binary keeps.
const childEnv = "HEARKEEP_SQLITE_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		fmt.Fprintln(os.Stderr, keepUntilKilled(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// keepUntilKilled keeps from four goroutines, erases each fifth recording, and
// says on stdout what was acknowledged.
func keepUntilKilled(dir string) error {
	ctx := context.Background()
	st, err := Open(ctx, dir)
	if err != nil {
		return err
	}
	v, err := newVault(ctx, st)
	if err != nil {
		return err
	}
	say := func(what string, id hearkeep.RecordingID) { fmt.Printf("%s %s %s\n", what, v.ID, id) }
	failed := make(chan error)
	for range 4 {
		go func() {
			for i := 0; ; i++ {
				id, err := keepOne(ctx, st, v)
				if err == nil {
					say("kept", id)
					if i%5 == 4 {
						say("erasing", id)
						if err = eraseOne(ctx, st, v, id); err == nil {
							say("erased", id)
						}
					}
				}
				if err != nil {
					failed <- err
				}
			}
		}()
	}
	return <-failed
}

func newVault(ctx context.Context, st *Store) (v storetest.Vault, err error) {
	v = storetest.Vault{ID: hearkeep.NewID[hearkeep.VaultID](), Binding: hearkeep.NewID[hearkeep.BindingID]()}
	return v, st.Update(ctx, func(tx *store.Tx) error {
		return errors.Join(tx.Vaults.InsertVault(ctx, store.Vault{ID: v.ID, Created: began}),
			tx.Vaults.InsertBinding(ctx, store.Binding{ID: v.Binding, Vault: v.ID, Created: began}))
	})
}

// keepOne keeps in the order of DESIGN: number, key, row.
func keepOne(ctx context.Context, st *Store, v storetest.Vault) (hearkeep.RecordingID, error) {
	r, parts := storetest.NewRecording(v, 0, began)
	err := st.Update(ctx, func(tx *store.Tx) (err error) {
		r.Number, err = tx.Vaults.HandOut(ctx, v.ID, v.Binding)
		return err
	})
	if err != nil {
		return r.ID, err
	}
	key := store.PartKey{Recording: r.ID, Part: hearkeep.PartAudio, Version: 1, Wrap: append(make([]byte, 97), r.ID[:]...)}
	if err := st.Keys().Put(ctx, v.ID, []store.PartKey{key}); err != nil {
		return r.ID, err
	}
	return r.ID, st.Update(ctx, func(tx *store.Tx) error { return tx.Vaults.InsertRecording(ctx, r, parts) })
}

func eraseOne(ctx context.Context, st *Store, v storetest.Vault, id hearkeep.RecordingID) error {
	if err := st.Keys().Destroy(ctx, v.ID, []hearkeep.RecordingID{id}, nil); err != nil {
		return err
	}
	return st.Update(ctx, func(tx *store.Tx) error { return tx.Vaults.DeleteRecording(ctx, v.ID, id) })
}

// TestKill kills a process that keeps and erases, three times on the same
// files: everything that it had acknowledged is so.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	said := map[string]string{} // the last word on each recording
	for _, lines := range []int{1, 60, 150} {
		runAndKill(t, dir, lines, said)
		st := openStore(t, dir)
		if err := st.Check(t.Context()); err != nil {
			t.Errorf("Check: %v", err)
		}
		for ids, what := range said {
			checkSaid(t, st, ids, what)
		}
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(said) < 100 {
		t.Errorf("recordings: got %d, want more than 100", len(said))
	}
}

// runAndKill kills the child after some lines, and reads what else it said.
func runAndKill(t *testing.T, dir string, lines int, said map[string]string) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childEnv+"="+dir)
	var stderr strings.Builder
	child.Stderr = &stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	kill := sync.OnceFunc(func() { child.Process.Kill() }) // SIGKILL
	defer kill()
	read := bufio.NewScanner(out)
	for read.Scan() {
		what, ids, _ := strings.Cut(read.Text(), " ")
		said[ids] = what
		if lines--; lines == 0 {
			kill()
		}
	}
	child.Wait()
	if lines > 0 {
		t.Fatalf("the child ended by itself: %s", stderr.String())
	}
}

func checkSaid(t *testing.T, st *Store, ids, what string) {
	t.Helper()
	ctx := t.Context()
	v, r, _ := strings.Cut(ids, " ")
	vault, verr := hearkeep.ParseID[hearkeep.VaultID](v)
	id, rerr := hearkeep.ParseID[hearkeep.RecordingID](r)
	if verr != nil || rerr != nil {
		return // the last line was torn by the kill
	}
	_, key := st.Keys().Part(ctx, vault, id, hearkeep.PartAudio, 1)
	var parts []store.Part
	row := st.View(ctx, func(tx *store.Tx) (err error) {
		parts, err = tx.Vaults.Parts(ctx, vault, id)
		return err
	})
	switch {
	case what == "kept" && (key != nil || row != nil || len(parts) != len(hearkeep.Parts())):
		t.Errorf("kept %s: got key %v, row %v, %d parts; want all of it", id, key, row, len(parts))
	case what == "erased" && (key != store.ErrNotFound || row != store.ErrNotFound):
		t.Errorf("erased %s: got key %v, row %v; want neither", id, key, row)
	}
}
