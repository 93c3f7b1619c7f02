package main

import (
	"bytes"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/ledger/ledgertest"
	"golang.org/x/sys/unix"
)

func asPage(proof []byte, vkey string) []byte {
	return []byte("<!doctype html>\n<code id=\"key\">" + html.EscapeString(vkey) + "</code><pre id=\"proof\">" + html.EscapeString(string(proof)) + "</pre>")
}

// Whoever runs a log writes bodies that one reader would take, and another not.
func TestNoBodyIsReadTwice(t *testing.T) {
	f, dir := ledgertest.NewForger(t, "hearkeep.local/0011223344556677"), t.TempDir()
	const begin = `{"kind":"opened","at":"2026-11-22T18:50:00Z","role":"keyholder"`
	var paths []string
	for i, more := range []string{
		``, `,"continues":null`, `,"continues":{}`, `,"continues":{"key":"k","checkpoint":"AA"}`, `,"continues":{"key":"k","checkpoint":"AAA="}`,
		`,"continues":{"KEY":"k","checkpoint":"AAA="}`, `,"continues":{"key":"k","checkpoint":"AAA=","x":1}`, `,"continues":{"key":"k","checkpoint":"AAB="}`,
		`,"continues":{"key":"","checkpoint":"AAA="}`, `,"continues":{"key":"k","checkpoint":null}`, `,"continues":{"checkpoint":"AAA=","key":"k"}`,
		`,"continues":{"key":"<","checkpoint":"AAA="}`, `,"continues":{"key":"k","checkpoint":"A\nAA="}`,
		`,"expired":"x"`, `,"expired":[]`, `,"expired":null`, `,"expired":{}`, `,"expired":[{"From":1,"To":2,"Digest":"00"}]`, `,"expired":[{"from":1,"To":2,"Digest":"00"}]`,
		`,"expired":[{"From":-1,"To":2,"Digest":""}]`, `,"expired":[{"From":9223372036854775808,"To":2,"Digest":"00"}]`, `,"expired":[{"From":"1","To":2}]`,
		`,"token":5`, `,"token":"00112233aabbccdd"`, `,"token":""`, `,"token":null`, `,"token":"\u0041"`,
		`,"__proto__":"x"`, `,"constructor":1`, `,"other":"\ud800"`, `,"other":1e999`, `,"other":[[[[[[[[]]]]]]]]`, `,"other":[[[[[[[]]]]]]]`, `,"o\u0074her":1`,
		`,"items":[]`, `,"items":null`, `,"count":0`, `,"count":9223372036854775808`, `,"count":-9223372036854775808`, `,"count":1.0`, `,"count":1e1`,
		` ,"count" : 1 `, `,"session":""`, `,"Session":"x"`, `,"other":"` + "\u009b2K\u202e" + `"`, `,"ſession":"x"`,
		`,"items":[{"binding":"00112233445566778899aabbccddeeff","From":0,"To":18446744073709551615}` + strings.Repeat(`,{"binding":"00112233445566778899aabbccddeeff","From":1,"To":2}`, 10000) + `]`,
	} {
		path := filepath.Join(dir, fmt.Sprintf("more-%02d.tlog-proof", i))
		if err := os.WriteFile(path, f.Receipt(begin+more+"}", nil), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	for i, at := range []string{"2026-11-22T18:50:00.1234Z", "2026-11-22T18:50:00.123456789Z", "2026-11-22T18:50:00.120Z", "2026-11-22T24:00:00Z", "2026-11-22T18:50:00+00:00", "0000-02-29T00:00:00Z", "2026-02-29T00:00:00Z"} {
		path := filepath.Join(dir, fmt.Sprintf("at-%d.tlog-proof", i))
		if err := os.WriteFile(path, f.Receipt(`{"kind":"opened","at":"`+at+`","role":""}`, nil), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	args := append([]string{"--key", f.Key(ledgertest.Log)}, paths...)
	agree(t, byUs(t, args...), byNode(t, args...))
}

// One key signs a checkpoint once: of two lines readers would take different ones.
func TestNoKeySignsTwice(t *testing.T) {
	f, w, dir := ledgertest.NewForger(t, "hearkeep.local/0011223344556677"), ledgertest.NewForger(t, "witness.example/w"), t.TempDir()
	body := `{"kind":"opened","at":"2026-11-22T18:50:00Z","role":"keyholder"}`
	for name, more := range map[string]func(string) string{
		"a wrong second": func(text string) string { return f.Line("x"+text, 0) },
		"two times":      func(text string) string { return w.Line(text, 1000) + w.Line(text, 2000) },
		"no year":        func(text string) string { return w.Line(text, 1<<62) },
	} {
		path := filepath.Join(dir, "receipt")
		if err := os.WriteFile(path, f.Receipt(body, more), 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"--key", f.Key(ledgertest.Log), "--witness", w.Key(ledgertest.Witness), path}
		if v := agree(t, byUs(t, args...), byNode(t, args...)); v[0] == verdictProven {
			t.Errorf("%s: proven", name)
		}
	}
}

// A witness that publishes a log's key as its own would be believed as a log.
func TestWitnessIsNoLog(t *testing.T) {
	f, mallory := ledgertest.NewForger(t, "hearkeep.local/0011223344556677"), ledgertest.NewForger(t, "hearkeep.local/0011223344556677")
	path := filepath.Join(t.TempDir(), "receipt")
	if err := os.WriteFile(path, mallory.Receipt(`{"kind":"erased","at":"2026-11-22T18:50:00Z","role":"keyholder"}`, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--key", f.Key(ledgertest.Log), "--witness", mallory.Key(ledgertest.Log), path}, {"--key", f.Key(ledgertest.Witness), path}} {
		var out bytes.Buffer
		if code := run(t.Context(), append([]string{"verify"}, args...), &console{nil, &out, &out}); code != exitUsage {
			t.Errorf("hearkeep verify: exit %d, want %d\n%s", code, exitUsage, out.String())
		}
		if code := nodeCode(t, args...); code != exitUsage {
			t.Errorf("node verify/cli.mjs: exit %d, want %d", code, exitUsage)
		}
	}
}

// A name that a file chooses for itself is printed: it cannot move the cursor
// back to write Proven over Consistent, nor turn the text around.
func TestNamesAreLettersOnTheTerminal(t *testing.T) {
	for _, name := range []string{"hearkeep.local/\u009b2A\u009b2KProven", "hearkeep.local/\u202eabc", "hearkeep.local/\u3164Proven", "hearkeep.local/\x7f"} {
		f := ledgertest.NewForger(t, name)
		path := filepath.Join(t.TempDir(), "receipt.html")
		if err := os.WriteFile(path, asPage(f.Receipt(`{"kind":"erased","at":"2026-11-22T18:50:00Z","role":"keyholder"}`, nil), f.Key(ledgertest.Log)), 0o600); err != nil {
			t.Fatal(err)
		}
		if v := agree(t, byUs(t, path), byNode(t, path)); v[0] != verdictMalformed {
			t.Errorf("%q: got %s, want malformed", name, v[0])
		}
	}
}

// A folder shows the key that signed it, and not another one that it lists.
func TestFolderShowsTheKeyThatSigned(t *testing.T) {
	w := write(t, 20)
	mallory := ledgertest.NewForger(t, strings.Split(w.key, "+")[0])
	signed, err := os.ReadFile(filepath.Join(w.tiles, "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(string(signed), "\n\n")
	for name, data := range map[string]string{
		"checkpoint": text + "\n\n" + mallory.Line(text+"\n", 0), "checkpoints": "", ledger.FileKeys: mallory.Key(ledgertest.Log) + " 0\n" + w.key + " 5\n",
	} {
		if err := os.WriteFile(filepath.Join(w.tiles, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, got := range [][]map[string]any{byUs(t, w.tiles), byNode(t, w.tiles)} {
		if got[0]["key"] != mallory.Key(ledgertest.Log) {
			t.Errorf("the key that is shown: got %v, want the one that signed (%v)", got[0]["key"], got[0]["verdict"])
		}
	}
}

// A ledger of fewer entries does not begin with what it was when it had more.
func TestNewerIsNotShorter(t *testing.T) {
	w := write(t, 300)
	args := []string{"--key", w.key, "--old", w.new, "--new", w.old, "--proof", w.tiles}
	if v := agree(t, byUs(t, args...), byNode(t, args...)); v[0] == verdictProven {
		t.Error("proven: the ledger of 150 entries begins with all that it was at 300")
	}
}

// A folder that somebody sends holds no way out of it, and nothing without end.
func TestFolderIsReadWithinBounds(t *testing.T) {
	w := write(t, 20)
	for name, put := range map[string]func(path string) error{
		"a device": func(path string) error { return os.Symlink("/dev/zero", path) },
		"a pipe":   func(path string) error { return unix.Mkfifo(path, 0o600) },
		"a large hole": func(path string) error {
			f, err := os.Create(path)
			if err != nil {
				return err
			}
			defer f.Close()
			return f.Truncate(1 << 40)
		},
	} {
		for _, file := range []string{"checkpoint", "checkpoints", "ledger.keys", "tile/entries/000.p/21", "tile/0/000.p/21"} {
			tiles := filepath.Join(t.TempDir(), "tiles")
			if err := os.CopyFS(tiles, os.DirFS(w.tiles)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(tiles, file)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := put(path); err != nil {
				t.Fatal(err)
			}
			done := make(chan string, 1)
			go func() {
				var out bytes.Buffer
				run(t.Context(), []string{"verify", "--key", w.key, tiles}, &console{nil, &out, &out})
				done <- out.String()
			}()
			select {
			case out := <-done:
				if strings.Contains(out, "Proven: ") {
					t.Errorf("%s for %s: %s", name, file, out)
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("%s for %s: it is still being read", name, file)
			}
		}
	}
}

func nodeCode(t *testing.T, args ...string) int {
	t.Helper()
	node := exec.CommandContext(t.Context(), "node", append([]string{"../../verify/cli.mjs"}, args...)...)
	if err := node.Run(); err != nil && node.ProcessState == nil {
		t.Fatal(err)
	}
	return node.ProcessState.ExitCode()
}
