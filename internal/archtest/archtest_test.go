package archtest

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
)

// TestSource is the rule itself, on this project.
func TestSource(t *testing.T) {
	found, err := Check(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		t.Error(v)
	}
}

// TestCheck gives the checker small trees, bad and good. The comment of each
// is the violations that must be found in it, no fewer and no more.
func TestCheck(t *testing.T) {
	trees, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(trees) == 0 {
		t.Fatalf("got %d trees, %v", len(trees), err)
	}
	for _, name := range trees {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			want, tree := readTree(t, name)
			found, err := Check(tree)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for _, v := range found {
				fmt.Fprintln(&got, v)
			}
			if diff := cmp.Diff(want, got.String()); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

// readTree reads a txtar file: a comment, then files, each behind a line with
// its name between dashes.
func readTree(t *testing.T, name string) (comment string, tree fstest.MapFS) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	tree = fstest.MapFS{}
	var file *fstest.MapFile
	for line := range strings.Lines(string(text)) {
		if path, ok := strings.CutPrefix(line, "-- "); ok {
			file = &fstest.MapFile{}
			tree[strings.TrimSuffix(path, " --\n")] = file
		} else if file != nil {
			file.Data = append(file.Data, line...)
		} else {
			comment += line
		}
	}
	return comment, tree
}

func TestCheckRefusesWhatItCannotParse(t *testing.T) {
	if _, err := Check(fstest.MapFS{"broken.go": {Data: []byte("package")}}); err == nil {
		t.Error("got no error for a file that does not parse")
	}
}

// The table is a table: no row twice, none that imports what has no row, and
// no room that can reach itself.
func TestRows(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rows() { // in the order of building: a row needs only rows above it
		if seen[r.room] {
			t.Errorf("%s has two rows", r.room)
		}
		for _, to := range r.may {
			if !seen[to] {
				t.Errorf("%s may import %s, which has no row above it", r.room, to)
			}
		}
		seen[r.room] = true
	}
	for _, to := range testHelpers() {
		if !seen[to] {
			t.Errorf("tests may import %s, which has no row", to)
		}
	}
}

// Words stay out of logs however they are handed over: STYLE's habit 10.
func TestWordsDoNotLog(t *testing.T) {
	const canary = "purple elephant"
	words := hearkeep.NewWords(canary)
	turn := hearkeep.Turn{Answer: words, Slots: []hearkeep.Slot{{Name: "name", Spoken: words, Value: words}}}
	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		log := slog.New(handler)
		log.Info("kept", "words", words, "pointer", &words, "turn", turn, "slots", turn.Slots, "any", map[string]any{"w": words})
		log.Info(fmt.Sprintf("%v %+v %#v %s %q %x %d", turn, turn, turn, words, &words, words, words))
	}
	if strings.Contains(out.String(), canary) || strings.Contains(out.String(), fmt.Sprintf("%x", canary)) {
		t.Errorf("words reached the log:\n%s", out.String())
	}
}
