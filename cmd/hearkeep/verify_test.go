package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
)

// written is a log with everything that leaves one, as files.
type written struct {
	log    *ledger.Ledger
	key    string
	folder string
	paths  []string // of what hearkeep verify takes one by one, all right
	old    string   // a checkpoint, and
	new    string   // one of more entries, with
	proof  string   // what leads from one to the other
	tiles  string
}

// write makes a log in which a person has entries, and writes what they can
// take away.
func write(t *testing.T, entries int) written {
	t.Helper()
	ctx, dir := t.Context(), t.TempDir()
	st, err := sqlite.Open(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	l, err := ledger.Open(ctx, st, filepath.Join(dir, fileLedger))
	if err != nil {
		t.Fatal(err)
	}
	w := written{log: l, key: l.Key(), folder: t.TempDir()}
	account, vault := hearkeep.NewID[hearkeep.AccountID](), hearkeep.NewID[hearkeep.VaultID]()
	binding, other := hearkeep.NewID[hearkeep.BindingID](), hearkeep.NewID[hearkeep.AccountID]()
	var batch []ledger.Entry
	for i := range entries {
		e := ledger.Entry{Kind: ledger.KindOpened, Account: &account, Vault: &vault, Role: hearkeep.RoleKeyholder, Purpose: "listen", Count: i%5 + 1}
		switch i % 7 {
		case 1:
			e = ledger.Entry{Kind: ledger.KindErased, Account: &other, Vault: &vault, Role: hearkeep.RoleKeyholder, Count: 3,
				Items: []hearkeep.Run{{Binding: binding, From: 4, To: 5}, {Binding: binding, From: 9, To: 9}}}
		case 2:
			e = ledger.Entry{Kind: ledger.KindSignedIn, Account: &other, Session: "00112233aabbccdd"}
		case 3:
			e.At = time.Now().AddDate(-1, 0, -2)
		}
		batch = append(batch, e)
	}
	half := entries / 2
	for _, part := range [][]ledger.Entry{batch[:half], batch[half:]} {
		if _, err := l.Write(ctx, part...); err != nil {
			t.Fatal(err)
		}
		signed, err := l.Checkpoint(ctx)
		if err != nil {
			t.Fatal(err)
		}
		w.old, w.new = w.new, w.put(t, fmt.Sprintf("checkpoint-%d", len(w.paths)), signed)
		w.paths = append(w.paths, w.new)
	}
	path, err := l.Consistency(ctx, int64(half), int64(entries))
	if err != nil {
		t.Fatal(err)
	}
	proof := fmt.Appendf(nil, "old %d\n", half)
	for _, h := range path {
		proof = fmt.Appendf(proof, "%s\n", base64.StdEncoding.EncodeToString(h[:]))
	}
	signed, err := os.ReadFile(w.new)
	if err != nil {
		t.Fatal(err)
	}
	w.proof = w.put(t, "consistency", append(append(proof, '\n'), signed...))
	for _, seq := range []int64{0, int64(half), int64(entries) - 1} {
		p, err := l.Proof(ctx, seq)
		if err != nil {
			t.Fatal(err)
		}
		page := "<!doctype html>\n<p>What it says</p><code id=\"key\">" + html.EscapeString(w.key) + "</code>\n<pre id=\"proof\">" + html.EscapeString(string(p.Text())) + "</pre>\n"
		w.paths = append(w.paths, w.put(t, fmt.Sprintf("entry-%d.tlog-proof", seq), p.Text()), w.put(t, fmt.Sprintf("entry-%d.html", seq), []byte(page)))
	}
	if _, err := l.Expire(ctx, time.Now()); err != nil {
		t.Fatal(err)
	}
	var mine bytes.Buffer
	if err := l.WriteEntries(ctx, &mine, account, []hearkeep.VaultID{vault}); err != nil {
		t.Fatal(err)
	}
	w.paths = append(w.paths, w.put(t, "mine.hearkeep-entries", mine.Bytes()))
	w.tiles = filepath.Join(w.folder, "tiles")
	if _, err := l.Export(ctx, w.tiles); err != nil {
		t.Fatal(err)
	}
	w.paths = append(w.paths, w.tiles)
	return w
}

func (w written) put(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(w.folder, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// byUs and byNode give the verdict on every path, and what else was found.
func byUs(t *testing.T, args ...string) []map[string]any {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), append([]string{"verify", "--json"}, args...), &console{nil, &out, &errs}); code != exitDone && code != exitDamaged {
		t.Fatalf("hearkeep verify: exit %d\n%s%s", code, out.String(), errs.String())
	}
	return lines(t, out.Bytes())
}

func byNode(t *testing.T, args ...string) []map[string]any {
	t.Helper()
	var out, errs bytes.Buffer
	node := exec.CommandContext(t.Context(), "node", append([]string{"../../verify/cli.mjs", "--json"}, args...)...)
	node.Stdout, node.Stderr = &out, &errs
	if err := node.Run(); err != nil && node.ProcessState.ExitCode() != exitDamaged {
		t.Fatalf("node verify/cli.mjs: %v\n%s%s", err, out.String(), errs.String())
	}
	return lines(t, out.Bytes())
}

func lines(t *testing.T, out []byte) (all []map[string]any) {
	t.Helper()
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var one map[string]any
		if err := dec.Decode(&one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

// agree compares what both verifiers found, and returns the verdicts.
func agree(t *testing.T, ours, theirs []map[string]any) (verdicts []string) {
	t.Helper()
	if len(ours) != len(theirs) {
		t.Fatalf("we say %d things, the second verifier %d", len(ours), len(theirs))
	}
	for i := range ours {
		verdicts = append(verdicts, fmt.Sprint(ours[i]["verdict"]))
		for _, name := range []string{"path", "kind", "origin", "size", "root", "index", "key", "entries", "expired", "kept"} {
			if ours[i][name] == nil && fmt.Sprint(theirs[i][name]) == "0" {
				continue
			}
			if diff := cmp.Diff(ours[i][name], theirs[i][name]); diff != "" {
				t.Errorf("%s: %s (-ours +theirs)\n%s\nours %v\ntheirs %v", ours[i]["path"], name, diff, ours[i], theirs[i])
			}
		}
		good := func(v any) bool { return v == verdictProven || v == verdictConsistent }
		if good(ours[i]["verdict"]) != good(theirs[i]["verdict"]) {
			t.Errorf("%s: we say %v (%v), the second verifier %v (%v)", ours[i]["path"], ours[i]["verdict"], ours[i]["why"], theirs[i]["verdict"], theirs[i]["why"])
		}
	}
	return verdicts
}

// Two verifiers, of which one was written from the formats alone, say the same
// of what is right, and of hundreds of files that somebody has altered.
func TestTwoVerifiersAgree(t *testing.T) {
	w := write(t, 700)
	for _, args := range [][]string{{"--key", w.key}, nil} {
		paths := w.paths
		if args == nil {
			paths = nil
			for _, p := range w.paths { // those that name their key
				if strings.HasSuffix(p, ".html") || strings.HasSuffix(p, "-entries") || p == w.tiles {
					paths = append(paths, p)
				}
			}
		}
		for i, v := range agree(t, byUs(t, append(args, paths...)...), byNode(t, append(args, paths...)...)) {
			if want := map[bool]string{true: verdictConsistent, false: verdictProven}[args == nil]; v != want {
				t.Errorf("%s: got %s, want %s", paths[i], v, want)
			}
		}
	}
	bad := w.tampered(t, rand.New(rand.NewPCG(6, 2)))
	for i, v := range agree(t, byUs(t, append([]string{"--key", w.key}, bad...)...), byNode(t, append([]string{"--key", w.key}, bad...)...)) {
		if v == verdictProven {
			t.Errorf("%s holds although it was altered", bad[i])
		}
	}
}

// tampered writes altered copies of everything, several hundred.
func (w written) tampered(t *testing.T, rng *rand.Rand) (paths []string) {
	t.Helper()
	for _, path := range w.paths {
		for n := range 40 {
			if path == w.tiles {
				paths = append(paths, w.tamperedTiles(t, rng, n))
				continue
			}
			good, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			bad := altered(rng, good)
			if strings.HasSuffix(path, ".html") { // what a page says besides is not what is verified
				from, to := bytes.Index(good, []byte(`<pre id="proof">`))+len(`<pre id="proof">`), bytes.Index(good, []byte("</pre>"))
				bad = slices.Concat(good[:from], altered(rng, good[from:to]), good[to:])
			}
			if !bytes.Equal(bad, good) {
				paths = append(paths, w.put(t, fmt.Sprintf("bad-%d-%s", n, filepath.Base(path)), bad))
			}
		}
	}
	return paths
}

// tamperedTiles is a copy of the folder in which one file is altered.
func (w written) tamperedTiles(t *testing.T, rng *rand.Rand, n int) string {
	t.Helper()
	copied := filepath.Join(w.folder, fmt.Sprintf("bad-tiles-%d", n))
	if err := os.CopyFS(copied, os.DirFS(w.tiles)); err != nil {
		t.Fatal(err)
	}
	var files []string
	if err := filepath.WalkDir(copied, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "ledger.keys" {
			files = append(files, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	path := files[rng.IntN(len(files))]
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := altered(rng, good)
	if filepath.Base(path) == "checkpoints" { // when a line was kept is not signed
		at := bytes.LastIndex(good, []byte(`"checkpoint":"`)) + len(`"checkpoint":"`)
		bad = append(bytes.Clone(good[:at]), append([]byte{good[at] ^ 1}, good[at+1:]...)...)
	}
	if bytes.Equal(bad, good) {
		bad = append(bad, '\n')
	}
	if err := os.WriteFile(path, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	return copied
}

// altered is data with a bit, a byte, a line or the end of it changed.
func altered(rng *rand.Rand, good []byte) []byte {
	bad, at := bytes.Clone(good), rng.IntN(len(good))
	switch rng.IntN(5) {
	case 0:
		bad[at] ^= 1 << rng.IntN(8)
	case 1:
		bad = append(bad[:at], bad[at+1:]...)
	case 2:
		bad = append(bad[:at], append([]byte{byte(rng.IntN(256))}, good[at:]...)...)
	case 3:
		bad = bad[:at]
	case 4:
		parts := bytes.Split(bad, []byte("\n"))
		a, b := rng.IntN(len(parts)), rng.IntN(len(parts))
		parts[a], parts[b] = parts[b], parts[a]
		bad = bytes.Join(parts, []byte("\n"))
	}
	return bad
}

func TestTwoVerifiersAgreeOnCheckpoints(t *testing.T) {
	w := write(t, 300)
	rng := rand.New(rand.NewPCG(6, 2))
	args := func(proof string) []string {
		a := []string{"--key", w.key, "--old", w.old, "--new", w.new}
		if proof != "" {
			a = append(a, "--proof", proof)
		}
		return a
	}
	for _, proof := range []string{w.proof, w.tiles} {
		if v := agree(t, byUs(t, args(proof)...), byNode(t, args(proof)...)); v[0] != verdictProven {
			t.Errorf("with %s: got %s, want proven", filepath.Base(proof), v[0])
		}
	}
	good, err := os.ReadFile(w.proof)
	if err != nil {
		t.Fatal(err)
	}
	bads := []string{""}
	for n := range 12 {
		bads = append(bads, w.put(t, fmt.Sprintf("bad-consistency-%d", n), altered(rng, good)))
	}
	for _, bad := range bads {
		if data, _ := os.ReadFile(bad); bytes.Equal(data, good) {
			continue
		}
		if v := agree(t, byUs(t, args(bad)...), byNode(t, args(bad)...)); v[0] == verdictProven {
			t.Errorf("with %q: proven", bad)
		}
	}
}

func TestVerifySaysWhatIsNotProven(t *testing.T) {
	w := write(t, 20)
	for _, tc := range []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"a receipt's text", []string{"--key", w.key, w.folder + "/entry-10.tlog-proof"}, exitDone,
			[]string{"Proven: entry 10 of the ledger hearkeep.local/", "which had 20 entries", "A keyholder opened recordings.", "Not proven: what else"}},
		{"its text, with no key", []string{w.folder + "/entry-10.tlog-proof"}, exitDamaged, []string{"Unknown-key: it names no key"}},
		{"its page, with no key", []string{w.folder + "/entry-10.html"}, exitDone,
			[]string{"Consistent: entry 10", "Nothing but this file vouches for its key", w.key}},
		{"under another key", []string{"--key", write(t, 1).key, w.folder + "/entry-10.html"}, exitDamaged, []string{"Unknown-key: it is of another key"}},
		{"entries", []string{"--key", w.key, w.folder + "/mine.hearkeep-entries"}, exitDone, []string{"Proven: ", "Not proven: that these are all"}},
		{"a whole log", []string{"--key", w.key, w.tiles}, exitDone, []string{"the whole ledger hearkeep.local/", "of 21 entries"}},
		{"what is no key", []string{"--key", "mallory", w.tiles}, exitUsage, []string{"This is not a key"}},
		{"nothing", nil, exitUsage, []string{"Name what to verify"}},
		{"what is not there", []string{w.folder + "/none"}, exitFailed, []string{"Unread: "}},
		{"something else", []string{"verify_test.go"}, exitDamaged, []string{"Malformed: it is no receipt"}},
	} {
		var out bytes.Buffer
		code := run(context.Background(), append([]string{"verify"}, tc.args...), &console{nil, &out, &out})
		if code != tc.code {
			t.Errorf("%s: exit %d, want %d\n%s", tc.name, code, tc.code, out.String())
		}
		for _, want := range tc.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: lacks %q:\n%s", tc.name, want, out.String())
			}
		}
	}
}
