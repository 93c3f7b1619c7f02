package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/hearkeep/hearkeep"
)

// TestRightsAtTheTerminal uses each right with the real binary.
func TestRightsAtTheTerminal(t *testing.T) {
	h := newHouse(t)
	d := h.desk(t)
	d.run(0, "Anna\n"+passphrase+"\n", "sign-in", h.url)
	if out := d.run(0, "", "rights"); !strings.Contains(out, "You have made no request") {
		t.Errorf("at first: %s", out)
	}
	for range 2 {
		if out, code := h.run("say", "set a timer for ten minutes"); code != 0 {
			t.Fatalf("say: exit %d\n%s", code, out)
		}
	}
	if out := d.run(0, "", "rights", "archive", "--out", "mine.zip"); !strings.Contains(out, "mine.zip, ") {
		t.Errorf("archive: %s", out)
	}
	d.run(0, "", "archive", "verify", "mine.zip")
	if out := d.run(1, "", "rights", "archive", "--out", "mine.zip"); !strings.Contains(out, "already") {
		t.Errorf("an archive is written over: %s", out)
	}
	if info, err := os.Stat(filepath.Join(d.dir, "mine.zip")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the archive is of mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(d.dir, "*.part*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	if out := d.run(0, "", "rights", "sealed", "--out", "sealed.zip"); !strings.Contains(out, "sealed.zip, ") {
		t.Errorf("sealed: %s", out)
	}
	first := regexp.MustCompile(`(?m)^([0-9a-f]{32})  access +answered`).FindAllStringSubmatch(d.run(0, "", "rights"), -1)
	if len(first) == 0 {
		t.Fatalf("the requests are\n%s", d.run(0, "", "rights"))
	}
	if out := d.run(0, "", "rights", "answer", first[0][1]); !strings.HasPrefix(out, "hearkeep/answer/v1\n") {
		t.Errorf("the answer is %s", out)
	}

	recording := regexp.MustCompile(`(?m)^[0-9a-f]{32}`).FindString(d.run(0, "", "history"))
	if out := d.run(0, "", "correct", recording, "set a timer for two minutes"); !strings.Contains(out, "Corrected.") {
		t.Errorf("correct: %s", out)
	}
	if out := d.run(0, "", "show", recording); !strings.Contains(out, "set a timer for two minutes") {
		t.Errorf("corrected, it is\n%s", out)
	}
	d.run(1, "", "correct", recording, " ")

	d.run(0, "", "rights", "restrict")
	frozen := regexp.MustCompile(`(?m)^([0-9a-f]{32}) .* everything  you`).FindStringSubmatch(d.run(0, "", "rights", "frozen"))
	if frozen == nil {
		t.Fatalf("what is frozen: %s", d.run(0, "", "rights", "frozen"))
	}
	if out := d.run(1, "", "rights", "archive", "--out", "frozen.zip"); !strings.Contains(out, "hint") {
		t.Errorf("of what is frozen: %s", out)
	}
	d.run(0, "", "rights", "lift", frozen[1])
	if out := d.run(0, "", "rights", "frozen"); out != "Nothing is frozen.\n" {
		t.Errorf("after that: %s", out)
	}

	if out := d.run(0, "", "rights", "object"); !strings.Contains(out, "Doors that keep nothing from now on: ") {
		t.Errorf("object: %s", out)
	}
	out := d.run(0, "", "rights", "ask", "rectification")
	id := regexp.MustCompile(`[0-9a-f]{32}`).FindString(out)
	if !strings.Contains(out, "rights rectified "+id) {
		t.Errorf("asked: %s", out)
	}
	d.run(0, "", "rights", "rectified", id)
	if out := d.run(1, "", "rights", "show", strings.Repeat("0f", 16)); !strings.Contains(out, "There is nothing here") {
		t.Errorf("what is not there: %s", out)
	}
	if out := d.run(1, "no\n", "rights", "erase"); !strings.Contains(out, "Nothing was erased") {
		t.Errorf("erase, and no: %s", out)
	}
	if out := d.run(0, "erase\n", "rights", "erase"); !regexp.MustCompile(`(?m)^[0-9a-f]{32}  2 `).MatchString(out) {
		t.Errorf("erase: %s", out)
	}
	open := regexp.MustCompile(`(?m)^([0-9a-f]{32})  access +(open|ready)`).FindStringSubmatch(d.run(0, "", "rights"))
	if open == nil {
		t.Fatalf("the requests are\n%s", d.run(0, "", "rights"))
	}
	d.run(0, "", "rights", "withdraw", open[1])
	if out := d.run(1, "", "rights", "archive"); !strings.Contains(out, "Nothing is kept of you") {
		t.Errorf("of nothing: %s", out)
	}

	// A link is printed beside the running server, which has no such page.
	keep := regexp.MustCompile(`http\S+/operator/\S+`).FindString(d.run(0, "", "operator", "--keep", h.keep, "--origin", h.url))
	if status, _, err := h.get(strings.TrimPrefix(keep, h.url)); err != nil || status != http.StatusNotFound {
		t.Errorf("the operator's page: %d %v", status, err)
	}
}

// broken serves a file and breaks off after so many bytes each time.
type broken struct {
	body  []byte
	tag   atomic.Value
	after int
	asked atomic.Int32
}

func (b *broken) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.asked.Add(1)
	tag := b.tag.Load().(string)
	if r.Header.Get("If-Match") != tag {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusPreconditionFailed)
		fmt.Fprint(w, `{"title":"It is another.","status":412,"code":"changed"}`)
		return
	}
	from := 0
	fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
	w.Header().Set("ETag", tag)
	w.Header().Set("Content-Length", fmt.Sprint(len(b.body)-from))
	if from > 0 {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(b.body)-1, len(b.body)))
		w.WriteHeader(http.StatusPartialContent)
	}
	rest := b.body[from:]
	w.Write(rest[:min(len(rest), b.after)])
	if len(rest) > b.after {
		panic(http.ErrAbortHandler)
	}
}

// TestDownloadGoesOn: what breaks off goes on from there, in one run and in
// another, and two archives are never joined.
func TestDownloadGoesOn(t *testing.T) {
	body := make([]byte, 1<<20)
	for i := range body {
		body[i] = byte(rand.Uint32())
	}
	b := &broken{body: body, after: 400 << 10}
	b.tag.Store(`"one"`)
	keep := httptest.NewServer(b)
	defer keep.Close()
	out := filepath.Join(t.TempDir(), "a.zip")
	fresh := func() *download {
		return &download{
			Path: "/v1/archives/x", Name: "hearkeep-x.zip", ETag: `"one"`, Bytes: int64(len(body)), URL: keep.URL,
			out: out, ask: func(*http.Request) {}, keep: device{URL: keep.URL}, told: &console{err: io.Discard},
		}
	}
	must(t, fresh().run(t.Context()))
	if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, body) || b.asked.Load() != 3 {
		t.Fatalf("%d bytes after %d calls, %v", len(got), b.asked.Load(), err)
	}
	must(t, os.Remove(out))

	// Another run goes on with what an earlier one left.
	must(t, writeSecret(out+".part.json", fresh()))
	must(t, os.WriteFile(out+".part", body[:900<<10], 0o600))
	if resumable(out, "http://elsewhere") != nil {
		t.Error("what came from elsewhere is gone on with")
	}
	d := resumable(out, keep.URL)
	if d == nil {
		t.Fatal("nothing is gone on with")
	}
	d.ask, d.keep, d.told = func(*http.Request) {}, device{URL: keep.URL}, &console{err: io.Discard}
	b.asked.Store(0)
	must(t, d.run(t.Context()))
	if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, body) || b.asked.Load() != 1 {
		t.Errorf("%d bytes after %d calls, %v", len(got), b.asked.Load(), err)
	}
	must(t, os.Remove(out))

	// Another archive under the same address is not joined to it.
	must(t, os.WriteFile(out+".part", body[:10], 0o600))
	b.tag.Store(`"two"`)
	if err := fresh().run(t.Context()); !errors.Is(err, errOver) {
		t.Errorf("got %v, want errOver", err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a part has the name of the whole")
	}
}

// TestDownloadGivesUp: where nothing comes any more, it ends and says how far
// it is; and with its context.
func TestDownloadGivesUp(t *testing.T) {
	out := filepath.Join(t.TempDir(), "a.zip")
	synctest.Test(t, func(t *testing.T) {
		d := &download{Path: "/x", ETag: `"x"`, Bytes: 10, URL: "http://127.0.0.1:1", out: out, ask: func(*http.Request) {}, keep: device{URL: "http://127.0.0.1:1"}, told: &console{err: io.Discard}}
		if err := d.run(t.Context()); hearkeep.CodeOf(err) != hearkeep.Unavailable || !strings.Contains(err.Error(), "0 of 10 bytes") {
			t.Errorf("got %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := d.run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("ended, it says %v", err)
		}
	})
}

func TestOutFile(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, want := range map[string]string{
		"hearkeep-2026-11-22.zip": "hearkeep-2026-11-22.zip", "../../etc/passwd": "hearkeep-archive.zip", "hearkeep-/../x.zip": "hearkeep-archive.zip",
		"": "hearkeep-archive.zip", "\x1b[31m.zip": "hearkeep-archive.zip",
	} {
		if got, err := outFile("", name); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", name, got, err, want)
		}
	}
	must(t, os.Symlink("/nowhere", "there.zip"))
	if _, err := outFile("there.zip", ""); hearkeep.CodeOf(err) != hearkeep.Conflict {
		t.Errorf("a file that is there: %v", err)
	}
}
