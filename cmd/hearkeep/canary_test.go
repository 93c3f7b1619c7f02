package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep/internal/sound"
)

// A canary is spoken through the real binary, found in the history, and then
// searched for in everything that a thief of the stopped server would have.
func TestCanary(t *testing.T) {
	h := newHouse(t)
	wav := filepath.Join(t.TempDir(), "canary.wav")
	must(t, exec.Command("flite", "-voice", "slt", "-t", "set a pasta timer for seventeen minutes", "-o", wav).Run())
	human := humanRecording(t)

	out, code := h.run("say", wav)
	if code != 0 || !strings.Contains(out, "heard    set a pasta timer for seventeen minutes") || !strings.Contains(out, "\nkept ") {
		t.Fatalf("say: exit %d\n%s\n%s", code, out, h.log())
	}
	h.upload(t, human)
	ids := h.eventually(t, 2)

	var played [][]byte
	for _, id := range ids {
		status, flac, err := h.get("/recordings/" + id + "/audio")
		if err != nil || status != http.StatusOK || !strings.HasPrefix(flac, "fLaC") {
			t.Fatalf("audio of %s: status %d, %v", id, status, err)
		}
		played = append(played, []byte(flac))
	}
	_, page, err := h.get("/")
	must(t, err)
	if !strings.Contains(page, "set a pasta timer for seventeen minutes") {
		t.Error("the history does not show what was heard")
	}
	searchAll(t, "running", h, wav, human, played)
	must(t, h.stop(syscall.SIGTERM))
	searchAll(t, "stopped", h, wav, human, played)
	if out, code := h.run("check", "--keep", h.keep); code != 0 || !strings.Contains(out, "read back 2 recordings") {
		t.Errorf("check: exit %d\n%s", code, out)
	}
}

func searchAll(t *testing.T, when string, h *house, wav, human string, played [][]byte) {
	t.Helper()
	needles := map[string][]byte{
		"words": []byte("pasta timer"), "a slot": []byte("seventeen"), "a name": []byte("pasta"),
		"an intent": []byte("HassStartTimer"), "the answer": []byte("starting now"), "the passphrase": []byte(passphrase),
	}
	for _, file := range []string{wav, human} {
		data, err := os.ReadFile(file)
		must(t, err)
		clip, _, err := sound.Decode(data, sound.Limits{})
		must(t, err)
		middle := len(clip.Samples) / 2
		needles["PCM of "+filepath.Base(file)] = pcm(clip.Samples[middle : middle+64])
	}
	for i, flac := range played {
		needles[fmt.Sprintf("FLAC frames of recording %d", i)] = flac[len(flac)/2 : len(flac)/2+48]
		needles[fmt.Sprintf("FLAC header of recording %d", i)] = flac[:42]
	}
	control := false // that the search finds what does stand there
	roots := []string{h.keep, h.temp, "/dev/shm"}
	for what, needle := range needles {
		if bytes.Contains([]byte(h.log()), needle) {
			t.Errorf("%s: the log holds %s", when, what)
		}
	}
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return nil // a log or temporary file that was there a moment ago
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return nil
			}
			control = control || bytes.Contains(data, []byte("browse"))
			for what, needle := range needles {
				if bytes.Contains(data, needle) {
					t.Errorf("%s: %s stands in %s", when, what, path)
				}
			}
			return nil
		})
		must(t, err)
	}
	if !control {
		t.Errorf("%s: the search does not find the ledger's own word for a page that was opened", when)
	}
}

func pcm(samples []int16) []byte {
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, samples) // never fails on a Buffer
	return b.Bytes()
}

// humanRecording converts a person's recording from Debian's Asterisk sounds.
func humanRecording(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/usr/share/asterisk/sounds/en_US_f_Allison/vm-tomakecall.g722")
	must(t, err)
	if len(found) != 1 {
		t.Fatal("asterisk-core-sounds-en-g722 is not installed: run make test")
	}
	out := filepath.Join(t.TempDir(), "human.wav")
	convert := exec.Command("ffmpeg", "-loglevel", "error", "-f", "g722", "-i", found[0], "-ar", "16000", "-ac", "1", out)
	if text, err := convert.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, text)
	}
	return out
}

// upload gives a file in the browser's form.
func (h *house) upload(t *testing.T, path string) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("sound", filepath.Base(path))
	must(t, err)
	data, err := os.ReadFile(path)
	must(t, err)
	_, err = part.Write(data)
	must(t, err)
	must(t, form.Close())
	status, page, err := h.do(http.MethodPost, "/recordings", form.FormDataContentType(), &body)
	if err != nil || status != http.StatusOK {
		t.Fatalf("upload: status %d, %v\n%s", status, err, page)
	}
}

var recordingLink = regexp.MustCompile(`/recordings/([0-9a-f]{32})"`)

// eventually waits until the history shows n recordings, at most a second
// after they were kept, and returns their ids, newest first.
func (h *house) eventually(t *testing.T, n int) []string {
	t.Helper()
	var ids []string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		_, page, err := h.get("/")
		must(t, err)
		seen := map[string]bool{}
		ids = nil
		for _, m := range recordingLink.FindAllStringSubmatch(page, -1) {
			if !seen[m[1]] {
				seen[m[1]] = true
				ids = append(ids, m[1])
			}
		}
		if len(ids) == n {
			return ids
		}
	}
	t.Fatalf("the history shows %d recordings, want %d\n%s", len(ids), n, h.log())
	return nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
