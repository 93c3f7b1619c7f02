package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep/internal/speech"
)

// diagnosis is what doctor found, in order.
type diagnosis []finding

// parse reads the lines of --json; what is no finding is an error.
func parseDiagnosis(t *testing.T, out string) (found diagnosis) {
	t.Helper()
	for line := range strings.Lines(out) {
		var f finding
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&f); err != nil || f.Area == "" || f.Says == "" {
			t.Fatalf("not a finding: %v: %s", err, line)
		}
		found = append(found, f)
	}
	return found
}

// of returns what was found in an area, as "state: sentence".
func (d diagnosis) of(area string) (says []string) {
	for _, f := range d {
		if f.Area == area {
			says = append(says, string(f.State)+": "+f.Says)
		}
	}
	return says
}

// has reports whether something of a state was found whose sentence, or what
// mends it, holds a text.
func (d diagnosis) has(s state, text string) bool {
	for _, f := range d {
		if f.State == s && strings.Contains(f.Says+" "+f.Mend, text) {
			return true
		}
	}
	return false
}

func (d diagnosis) count(s state) (n int) {
	for _, f := range d {
		if f.State == s {
			n++
		}
	}
	return n
}

// doctor runs the real program on a keep, and returns what it found and its
// exit code.
func (h *house) doctor(t *testing.T, args ...string) (diagnosis, int) {
	t.Helper()
	out, code := h.run(append([]string{"doctor", "--json", "--keep", h.keep, "--timezone", "Europe/Berlin"}, args...)...)
	out, _, _ = strings.Cut(out, "hearkeep: error:") // what follows goes to stderr
	return parseDiagnosis(t, out), code
}

func TestDoctor(t *testing.T) {
	h := newHouse(t)
	found, code := h.doctor(t, "--listen", strings.TrimPrefix(h.url, "http://"))
	if code != exitDone || found.count(stateProblem) > 0 {
		t.Fatalf("a healthy keep in use: exit %d, found %v", code, found)
	}
	for area, want := range map[string]string{
		"server": "ok: A Hearkeep runs on this keep.", "portal": "ok: The portal answers at " + strings.TrimPrefix(h.url, "http://") + ".",
		"doors": "ok: 2 doors: each as its keeper signed it.", "journal": "ok: The erasure journal is readable: 0 erasures.",
	} {
		if got := found.of(area); len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %q, want %q", area, got, want)
		}
	}
	for _, area := range []string{"program", "folder", "disk", "database", "ledger", "numbers", "clock", "speech", "https", "not here"} {
		if len(found.of(area)) == 0 {
			t.Errorf("nothing was said of %s", area)
		}
	}
	if ledger := strings.Join(found.of("ledger"), "\n"); !strings.Contains(ledger, "ok: Sealed archives of this keep show the fingerprint ") {
		t.Errorf("the key that signs archives: got %q", ledger)
	}
	if text, _ := h.run("doctor", "--keep", h.keep); strings.Contains(text, "Anna") {
		t.Errorf("it names a person:\n%s", text)
	}
	if found, code := h.doctor(t, "--listen", "127.0.0.1:1"); code != exitFailed || len(found.of("portal")) != 1 {
		t.Errorf("no portal at the address: exit %d, %q", code, found.of("portal"))
	}

	must(t, h.stop(syscall.SIGTERM))
	before := listing(t, h.keep)
	free := freeAddress(t)
	found, code = h.doctor(t, "--listen", free)
	if code != exitDone || !found.has(stateNote, "No Hearkeep runs on this keep") || !found.has(stateOK, free+" is free") {
		t.Errorf("a healthy keep at rest: exit %d, found %v", code, found)
	}
	t.Run("somebody else's port", func(t *testing.T) { h.otherProgram(t) })
	t.Run("permissions", func(t *testing.T) { h.permissions(t, free) })
	t.Run("clock", func(t *testing.T) { h.clockBack(t) })
	t.Run("damage", func(t *testing.T) { h.damages(t, free) })
	if diff := cmp.Diff(before, listing(t, h.keep)); diff != "" {
		t.Errorf("doctor changed the folder (-before +after):\n%s", diff)
	}
}

// listing is a folder's files with their modes, but for SQLite's own, which a
// reader may make.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	files := map[string]string{}
	for _, e := range entries {
		info, err := e.Info()
		must(t, err)
		if !strings.HasSuffix(e.Name(), "-wal") && !strings.HasSuffix(e.Name(), "-shm") {
			files[e.Name()] = info.Mode().String()
		}
	}
	return files
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

func (h *house) otherProgram(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	if found, code := h.doctor(t, "--listen", l.Addr().String()); code != exitFailed || !found.has(stateProblem, "Another program has") {
		t.Errorf("exit %d, %q", code, found.of("portal"))
	}
}

func (h *house) permissions(t *testing.T, free string) {
	key := filepath.Join(h.keep, fileHouse)
	must(t, os.Chmod(key, 0o644))
	must(t, os.Chmod(h.keep, 0o755))
	found, code := h.doctor(t, "--listen", free)
	must(t, os.Chmod(key, 0o600))
	must(t, os.Chmod(h.keep, 0o700))
	if code != exitFailed || !found.has(stateProblem, "chmod 600 "+key) || !found.has(stateProblem, "chmod 700 "+h.keep) {
		t.Errorf("exit %d, %q", code, found.of("folder"))
	}
}

// A clock that stands behind the newest entry of the ledger jumped back.
func (h *house) clockBack(t *testing.T) {
	for by, problems := range map[time.Duration]int{0: 0, 3 * time.Hour: 1} {
		d, found := h.inside(t)
		d.now = d.now.Add(-by)
		d.stored(t.Context())
		d.clock()
		if got := parseDiagnosis(t, found.String()).count(stateProblem); got != problems {
			t.Errorf("%s back: got %d problems, want %d\n%s", by, got, problems, found)
		}
	}
}

// inside is a doctor in this process.
func (h *house) inside(t *testing.T) (*doctor, *bytes.Buffer) {
	var out bytes.Buffer
	d := newDoctor(doctorCmd{Keep: h.keep, Timezone: "Europe/Berlin", JSON: true, lettersFlags: lettersFlags{Wait: 72 * time.Hour}}, &out)
	d.speech.Command = []string{program, "worker"}
	return d, &out
}

func (h *house) damages(t *testing.T, free string) {
	for _, c := range []struct{ name, file, says string }{
		{"rows", fileRows, "hearkeep.db is damaged"},
		{"keys", fileKeys, "keys.db is damaged"},
		{"journal", fileJournal, "journal: line 1 is damaged"},
		{"lost house key", fileHouse, "house.key is missing"},
		{"lost journal", fileJournal, "erasures.journal is missing"},
		{"ledger from elsewhere", fileLedger, "does not lead to its signed checkpoint"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &house{server: &server{keep: copyOf(t, h.keep)}}
			path := filepath.Join(h.keep, c.file)
			whole, err := os.ReadFile(path)
			must(t, err)
			switch {
			case strings.HasPrefix(c.name, "lost"):
				must(t, os.Remove(path))
			case c.file == fileLedger:
				must(t, os.WriteFile(path, []byte(otherLedgerKey), 0o600))
			default:
				must(t, os.WriteFile(path, append([]byte("rubbish, where a header was\n"), whole[min(len(whole), 28):]...), 0o600))
				must(t, errors.Join(os.RemoveAll(path+"-wal"), os.RemoveAll(path+"-shm"))) // a header is in the log, too
			}
			found, code := h.doctor(t, "--listen", free)
			if code != exitDamaged || !found.has(stateProblem, c.says) {
				t.Errorf("exit %d, found %v", code, found)
			}
			if _, err := os.Stat(path); strings.HasPrefix(c.name, "lost") && err == nil {
				t.Errorf("doctor made a new %s", c.file)
			}
		})
	}
}

// copyOf is a copy of a keep's folder.
func copyOf(t *testing.T, keep string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keep")
	must(t, os.CopyFS(dir, os.DirFS(keep)))
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o600)
		if e.IsDir() {
			mode = 0o700
		}
		return os.Chmod(path, mode)
	}))
	return dir
}

// otherLedgerKey signs another log. It was made for this test.
const otherLedgerKey = "PRIVATE+KEY+hearkeep.local/0123456789abcdef+26edddc6+AXhXlb2uUwUiMHCZouK1e+bXZifWVU9Yn/HmiO3DDB+J\n"

func TestDoctorAbsentFolder(t *testing.T) {
	h := &house{server: &server{keep: filepath.Join(t.TempDir(), "none")}}
	found, code := h.doctor(t, "--listen", freeAddress(t))
	if code != exitFailed || !found.has(stateProblem, "There is no keep at "+h.keep) {
		t.Errorf("exit %d, found %v", code, found)
	}
	if _, err := os.Stat(h.keep); err == nil {
		t.Error("doctor made the folder")
	}
	h.keep = t.TempDir()
	if found, code := h.doctor(t, "--listen", freeAddress(t)); code != exitFailed || !found.has(stateProblem, "is a folder, and no keep") {
		t.Errorf("an empty folder: exit %d, found %v", code, found)
	}
}

// Without engines each is named with the line that installs it.
func TestDoctorWithoutEngines(t *testing.T) {
	h := &house{server: &server{keep: t.TempDir()}}
	d, out := h.inside(t)
	d.speech.Native = speech.Native{Pocketsphinx: "libabsent.so.3", Flite: "flite-absent", Espeak: "espeak-absent"}
	d.engines(t.Context())
	found := parseDiagnosis(t, out.String())
	for _, mend := range []string{"apt-get install libpocketsphinx3 pocketsphinx-en-us", "apt-get install flite", "apt-get install espeak-ng"} {
		if !found.has(stateNote, mend) {
			t.Errorf("no %q in %v", mend, found)
		}
	}
	if !found.has(stateProblem, "Nothing speaks here") {
		t.Errorf("found %v", found)
	}

	d, out = h.inside(t)
	d.speech.Native = speech.Native{Pocketsphinx: "libabsent.so.3"}
	d.engines(t.Context())
	if found := parseDiagnosis(t, out.String()); found.count(stateProblem) != 1 || !found.has(stateProblem, "Nothing recognises speech here") {
		t.Errorf("without a recogniser: found %v", found)
	}
}

func TestDoctorCertificates(t *testing.T) {
	h := &house{server: &server{keep: t.TempDir()}}
	now := time.Now()
	_, err := createCA(h.keep, "keep.local", "keep", now)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(h.keep, fileKept), []byte(`{"origin":"https://keep.local:8443"}`), 0o600))
	for _, c := range []struct {
		name  string
		after time.Duration
		state state
		says  string
	}{
		{"new", 0, stateOK, "lasts 3649 days"},
		{"in its last year", caLife - 30*24*time.Hour - time.Hour, stateNote, "ends in 30 days"},
		{"over", caLife + time.Hour, stateProblem, "ended on"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, out := h.inside(t)
			d.now = now.Add(c.after)
			d.https()
			if found := parseDiagnosis(t, out.String()); !found.has(c.state, c.says) || !found.has(stateOK, "https://keep.local:8443") {
				t.Errorf("found %v", found)
			}
		})
	}
	must(t, os.Remove(filepath.Join(h.keep, fileCAKey)))
	d, out := h.inside(t)
	d.https()
	if found := parseDiagnosis(t, out.String()); !found.has(stateProblem, "key of this keep's certificate authority is missing") {
		t.Errorf("without its key: found %v", found)
	}
}

func TestDoctorPage(t *testing.T) {
	var out bytes.Buffer
	p := newPage(&out, false)
	p.tell(finding{Area: "disk", State: stateOK, Says: "12 GiB of 32 GiB are free."})
	p.tell(finding{Area: "disk", State: stateNote, Says: strings.Repeat("word ", 17) + "end.", Mend: "make room"})
	p.tell(finding{Area: "clock", State: stateProblem, Says: "It jumped back."})
	want := "disk       ok       12 GiB of 32 GiB are free.\n" +
		"           note     " + strings.Repeat("word ", 15) + "word\n" +
		"                    word end.\n" +
		"                    -> make room\n" +
		"clock      problem  It jumped back.\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
