package main

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep/internal/sound"
)

// handedOut is a data request as Alexa answers it, with the recordings of a
// stranger's device among them.
func handedOut(t *testing.T, n int) []byte {
	t.Helper()
	var buf, list bytes.Buffer
	w := zip.NewWriter(&buf)
	rows := csv.NewWriter(&list)
	rows.Write([]string{"Timestamp", "Device Name", "Transcript", "Audio File"})
	for i := range n {
		samples := make([]int16, 8000)
		for j := range samples {
			samples[j] = int16(9000 * math.Sin(float64(j)*(0.03+float64(i)*0.0007)))
		}
		m, err := w.Create(fmt.Sprintf("Alexa/Audio/r%d.wav", i))
		must(t, err)
		m.Write(sound.EncodeWAV(samples, 16000))
		device := "Anna's Echo"
		if i%5 == 4 {
			device = "Fire TV stick"
		}
		rows.Write([]string{fmt.Sprintf("2021-03-04T%02d:%02d:07Z", i/60, i%60), device, fmt.Sprintf("words %d", i), fmt.Sprintf("r%d.wav", i)})
	}
	rows.Flush()
	for name, data := range map[string][]byte{"Alexa/list.csv": list.Bytes(), "Alexa/broken.wav": []byte("RIFF0000WAVEfmt and no more"), "Alexa/x.pdf": []byte("%PDF-1.4")} {
		m, err := w.Create(name)
		must(t, err)
		m.Write(data)
	}
	must(t, w.Close())
	return buf.Bytes()
}

// TestImport brings an archive by the real program: nothing before somebody
// said what is theirs; killed in the middle, it goes on without doubles and
// without loss; and what was erased can be brought again.
func TestImport(t *testing.T) {
	h := newHouse(t)
	d := h.desk(t)
	const n = 150
	must(t, os.WriteFile(filepath.Join(d.dir, "alexa.zip"), handedOut(t, n), 0o600))
	if out := d.run(1, "", "import", "alexa.zip"); !strings.Contains(out, "Nobody is signed in") {
		t.Errorf("without a session: %s", out)
	}
	if out := d.run(0, "", "import", "alexa.zip", "--dry-run"); !strings.Contains(out, "Fire TV stick: 30 recordings") || strings.Contains(out, "words 1") {
		t.Errorf("the check is\n%s", out)
	}
	d.run(0, passphrase+"\n", "sign-in", h.url, "--name", "Anna")
	kept := func() int { return strings.Count(d.run(0, "", "history", "--all", "--json"), `"start"`) }
	if out := d.run(1, "no\n", "import", "alexa.zip"); !strings.Contains(out, "Nothing was kept") || !strings.Contains(out, `"words`) {
		t.Errorf("no is answered with\n%s", out)
	}
	d.run(1, "", "import", "alexa.zip")
	d.run(1, "", "import", "alexa.zip", "--yes-all-mine", "--from", "2022-01-01")
	d.run(2, "", "import", "alexa.zip", "--from", "someday")
	if got := kept(); got != 0 {
		t.Fatalf("%d are kept before anybody said that they are theirs", got)
	}

	cmd := d.command("", "import", "alexa.zip", "--device", "Anna's Echo")
	must(t, cmd.Start())
	for kept() < 10 && cmd.ProcessState == nil {
		time.Sleep(10 * time.Millisecond)
	}
	cmd.Process.Kill()
	cmd.Wait()
	before := kept()
	t.Logf("killed with %d kept", before)
	if out := d.run(0, "", "import", "alexa.zip", "--device", "Anna's Echo"); !strings.Contains(out, fmt.Sprintf("%d kept", 120-kept0(t, out))) {
		t.Errorf("it goes on with\n%s", out)
	}
	history := d.run(0, "", "history", "--all", "--json")
	if got := strings.Count(history, `"start"`); got != 120 {
		t.Errorf("%d are kept, want 120", got)
	}
	for i := range n {
		if got, want := strings.Count(history, fmt.Sprintf(`"words": "words %d"`, i)), btoi(i%5 != 4); got != want {
			t.Errorf("words %d is kept %d times, want %d", i, got, want)
		}
	}
	if out := d.run(3, "", "import", "alexa.zip", "--yes-all-mine", "--report", "report.csv"); !strings.Contains(out, "30 kept, 120 were here already, 1 could not be read") {
		t.Errorf("all of it:\n%s", out)
	}
	report, err := os.ReadFile(filepath.Join(d.dir, "report.csv"))
	if err != nil || !strings.Contains(string(report), "x.pdf") || !strings.Contains(string(report), "broken.wav") {
		t.Errorf("the report is %q, %v", report, err)
	}
	d.run(0, "", "erase", "--all", "--yes")
	if out := d.run(0, "2\n", "import", "alexa.zip"); !strings.Contains(out, "30 kept") {
		t.Errorf("after an erasure:\n%s", out)
	}
	if log := h.log(); strings.Contains(log, "words 1") || strings.Contains(log, "Fire TV") {
		t.Error("the server's log tells what was brought")
	}
}

// kept0 is how many were here already, as a run tells it.
func kept0(t *testing.T, out string) (known int) {
	t.Helper()
	_, rest, ok := strings.Cut(out, " kept, ")
	if _, err := fmt.Sscanf(rest, "%d were here already", &known); !ok || err != nil {
		t.Fatalf("a run ends with\n%s", out)
	}
	return known
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
