package bring

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep/internal/sound"
)

// tone is a WAV file of so many thousandths of a second, different for each n.
func tone(n int, ms int) []byte {
	samples := make([]int16, 16*ms)
	for i := range samples {
		samples[i] = int16(8000 * math.Sin(float64(i)*(0.05+0.003*float64(n%97))+float64(n)))
	}
	return sound.EncodeWAV(samples, 16000)
}

// files are what an archive of a test holds.
type files map[string][]byte

// zipped packs them, in a ZIP file of the disk.
func (f files) zip(t testing.TB) string {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for name, data := range f {
		m, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Date(2021, 5, 6, 7, 8, 10, 0, time.UTC)})
		if err == nil {
			_, err = m.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return write(t, "archive.zip", buf.Bytes())
}

// folder writes them in a folder.
func (f files) folder(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range f {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// read opens and reads an archive.
func read(t testing.TB, paths ...string) *Archive {
	t.Helper()
	s, err := Open(paths...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	a, err := Read(t.Context(), s, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// page is Google's activity as a page.
func page(cards ...string) []byte {
	return []byte(`<!doctype html><html><head><title>My Activity History</title><style>.mdl-grid{display:flex}</style></head><body><div class="mdl-grid">` +
		fmt.Sprint(cards) + `</div></body></html>`)
}

// card is an entry of it.
func cardOf(title, when, audio string) string {
	body := title + "<br>" + when + "<br>"
	if audio != "" {
		body += `<audio controls><source src="` + audio + `"></audio><a href="` + audio + `">Download</a>`
	}
	return `<div class="outer-cell mdl-cell mdl-cell--12-col mdl-shadow--2dp"><div class="mdl-grid"><div class="header-cell mdl-cell mdl-cell--12-col"><p class="mdl-typography--title">Voice and Audio<br></p></div>` +
		`<div class="content-cell mdl-cell mdl-cell--6-col mdl-typography--body-1">` + body + `</div>` +
		`<div class="content-cell mdl-cell mdl-cell--6-col mdl-typography--body-1 mdl-typography--text-right"></div>` +
		`<div class="content-cell mdl-cell mdl-cell--12-col mdl-typography--caption"><b>Products:</b><br>&emsp;Assistant<br></div></div></div>`
}

// utf16le is a text with its byte order mark.
func utf16le(s string) []byte {
	out := []byte{0xff, 0xfe}
	for _, r := range s {
		out = binary.LittleEndian.AppendUint16(out, uint16(r))
	}
	return out
}
