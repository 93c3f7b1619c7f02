package archive

import (
	"encoding/csv"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSomebodyElseChecksIt has Python's standard library read ZIP, bag, JSON
// Schema and tables.
func TestSomebodyElseChecksIt(t *testing.T) {
	for _, n := range []int{0, 1, 35, 520} {
		f, c := home(t, n)
		file := filepath.Join(t.TempDir(), "bag.zip")
		if err := os.WriteFile(file, written(t, newBag(t, f, c), c), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, command := range [][]string{{"python3", "../../script/check-bag", file}, {"unzip", "-tqq", file}} {
			if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
				t.Errorf("%d recordings: %s: %s", n, command[0], out)
			}
		}
	}
}

// TestSomebodyElseRefusesIt makes sure that the checker checks.
func TestSomebodyElseRefusesIt(t *testing.T) {
	for name, spoil := range map[string]func(o *opened){
		"schema":  func(o *opened) { o.swap(t, "data/data.json", `"number":1,`, `"number":"1",`) },
		"unknown": func(o *opened) { o.swap(t, "data/data.json", `"number":1,`, `"number":1,"x":1,`) },
		"count":   func(o *opened) { o.swap(t, "data/data.json", `"count":6`, `"count":7`) },
		"formula": func(o *opened) { o.swap(t, "data/transcripts.csv", `"'=`, `"=`) },
		"player":  func(o *opened) { o.swap(t, "player/00001.js", "ten minutes", "two minutes") },
		"sums":    func(o *opened) { o.swap(t, "data/numbers.csv", `"1"`, `"2"`) },
	} {
		o := open(t, smallBag(t))
		spoil(o)
		o.seal()
		file := filepath.Join(t.TempDir(), "bag.zip")
		if err := os.WriteFile(file, o.pack(t), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("python3", "../../script/check-bag", file).CombinedOutput()
		if err == nil || strings.Contains(string(out), "SHA-256") {
			t.Errorf("%s: got %v: %s", name, err, out)
		}
	}
}

func TestSpreadsheetsDoNotCalculate(t *testing.T) {
	for said, want := range map[string]string{
		"set a timer":              "set a timer",
		"=1+1":                     "'=1+1",
		"+49 30 1234":              "'+49 30 1234",
		"-5":                       "'-5",
		"@SUM(A1)":                 "'@SUM(A1)",
		"\t=1":                     "'\t'=1",
		"\rx":                      "'\rx",
		"  =1":                     "  '=1",
		`"=1`:                      `"'=1`,
		"\uff1d1":                  "'\uff1d1",
		"ab;=1":                    "ab;'=1",
		"ab; =1":                   "ab; '=1",
		"ab\n=1":                   "ab\n'=1",
		"it is 5-3=2":              "it is 5-3=2",
		"a\x00\x1bb":               "a\uFFFD\uFFFDb",
		"a\xffb":                   "a\uFFFDb",
		"=HYPERLINK(\"http://x\")": "'=HYPERLINK(\"http://x\")",
	} {
		if got := Cell(said); got != want {
			t.Errorf("%q: got %q, want %q", said, got, want)
		}
	}
}

func TestTranscripts(t *testing.T) {
	f, c := home(t, 7)
	text := unzipped(t, written(t, newBag(t, f, c), c))["data/transcripts.csv"]
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, byteOrderMark))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(rows), 8; got != want {
		t.Fatalf("got %d rows, want %d: one a recording, those without words as well", got, want)
	}
	want := []string{"2026-03-29 01:30:00", "2026-03-29T00:30:00.120Z", "Anna's own", "Küche/Kitchen", "1", "2.3", "set a timer for ten minutes", "",
		"HassStartTimer", "started a timer", "A timer for ten minutes.", "", "recognise: pocketsphinx en-us", "2026-06-27T00:30:00.120Z",
		"recordings/2026-03/2026-03-29_01-30-00_kuche-kitchen_000001.flac", c.recordings[0].ID.String()}
	if d := cmp.Diff(rows[1], want); d != "" {
		t.Error(d)
	}
	if got, want := rows[3][0], "2026-03-29 03:04:00"; got != want { // the clocks went forward between
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestOpeningsAndNumbers(t *testing.T) {
	f, c := home(t, 4)
	files := unzipped(t, written(t, newBag(t, f, c), c))
	if want := "\"Anna's own\",\"opened\",\"keyholder\",\"Anna Grün\",\"listen\",\"2\",\"Küche/Kitchen 1-2\",\"5\"\r\n"; !strings.Contains(files["data/who-opened.csv"], want) {
		t.Errorf("got %s, want %s", files["data/who-opened.csv"], want)
	}
	if want := "\"Anna's own\",\"Küche/Kitchen\",\"wyoming\",\"kuche-kitchen\",\"5\",\"1\",\"2\",\"1\",\"1\",\"0\"\r\n"; !strings.Contains(files["data/numbers.csv"], want) {
		t.Errorf("got %s, want %s", files["data/numbers.csv"], want)
	}
	if want := "\"Living room\",\"küche kitchen\",\"3\",\"From before you joined.\"\r\n"; !strings.Contains(files["data/withheld.csv"], want) {
		t.Errorf("got %s, want %s", files["data/withheld.csv"], want)
	}
}

// TestHostileWords: what was said, and what things are called, is data
// everywhere.
func TestHostileWords(t *testing.T) {
	const evil = "</script><img src=x onerror=alert(1)>\r\nPayload-Oxum: 1.1\u2028"
	f, c := home(t, 7)
	f.Name, f.Service, f.Vaults[0].Name, f.Vaults[0].Doors[0].Name = evil, evil, evil, evil
	f.Notice = append(f.Notice, Section{evil, []string{evil}})
	f.Withheld[0].Why, c.openings[0].Who, c.openings[0].Purpose = evil, evil, evil
	for i := range c.recordings {
		c.recordings[i].From = evil
	}
	whole := written(t, newBag(t, f, c), c)
	if _, err := verify(t, whole); err != nil {
		t.Error(err)
	}
	for name, body := range unzipped(t, whole) {
		if ext := filepath.Ext(name); (ext == ".html" || ext == ".js" || ext == ".json") && strings.Contains(body, "<img") {
			t.Errorf("%s holds markup that was said", name)
		}
		if strings.HasSuffix(name, ".js") && strings.Contains(body, "\u2028") {
			t.Errorf("%s holds a line separator that was said", name)
		}
	}
}

// TestPagesAskNobody: no page of a bag names another origin, or lets anything be fetched.
func TestPagesAskNobody(t *testing.T) {
	f, c := home(t, 3)
	outside := regexp.MustCompile(`(?i)(https?:)?//[a-z0-9]`)
	for name, body := range unzipped(t, written(t, newBag(t, f, c), c)) {
		ext := filepath.Ext(name)
		if strings.HasPrefix(name, "player/0") || name == "player/index.js" || ext != ".html" && ext != ".js" && ext != ".css" {
			continue
		}
		body = strings.ReplaceAll(strings.ReplaceAll(body, f.Service, ""), "http://www.w3.org/2000/svg", "") // a name, not a place
		if found := outside.FindString(body); found != "" {
			t.Errorf("%s names %s", name, found)
		}
		if ext == ".html" && !strings.Contains(body, `content="default-src 'none'`) {
			t.Errorf("%s does not forbid the network", name)
		}
	}
}
