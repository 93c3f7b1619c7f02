package portal

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
)

// form sends parts to an address of the API, in their order.
func (p *person) form(to string, parts ...[2]string) (status int, body []byte) {
	p.t.Helper()
	var buf bytes.Buffer
	form := multipart.NewWriter(&buf)
	for _, part := range parts {
		w, err := form.CreateFormFile(part[0], part[0])
		if err == nil {
			_, err = w.Write([]byte(part[1]))
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
	form.Close()
	req, err := http.NewRequestWithContext(p.t.Context(), "POST", p.home.server.URL+to, &buf)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	resp, text := p.send(req)
	return resp.StatusCode, []byte(text)
}

// imports is the address of a person's open vault.
func (p *person) imports() string {
	p.t.Helper()
	_, page := p.get("/bring")
	_, after, ok := strings.Cut(page, `data-vault="`)
	if !ok {
		p.t.Fatalf("the page names no vault:\n%s", page)
	}
	return "/v1/vaults/" + after[:32] + "/imports"
}

// TestBringOne keeps a recording of another provider once, whatever comes
// beside it, and again once it was erased.
func TestBringOne(t *testing.T) {
	h := newHome(t)
	anna, ben := h.person("Anna"), h.person("Ben")
	to := anna.imports()
	item := func(change string) [2]string {
		return [2]string{"item", `{"provider":"Alexa","time":"2021-03-04T05:06:07Z","time_from":"list","device":"Kitchen Echo"` + change + `}`}
	}
	sound := [2]string{"sound", string(h.speech)}
	for _, test := range []struct {
		name   string
		parts  [][2]string
		status int
		says   string
	}{
		{"kept", [][2]string{item(`,"words":"` + canary + `","answer":"yes"`), sound}, 200, `{"kept":true}`},
		{"the same", [][2]string{item(""), sound}, 200, `{"kept":false}`},
		{"words alone", [][2]string{item(`,"words":"stop"`)}, 200, `{"kept":true}`},
		{"its hash", [][2]string{item(`,"sha256":"` + strings.Repeat("ab", 32) + `"`), sound}, 422, "altered"},
		{"no hash", [][2]string{item(`,"sha256":"xyz"`), sound}, 422, "sha256"},
		{"nothing", [][2]string{item("")}, 422, "neither sound nor words"},
		{"no sound", [][2]string{item(""), {"sound", "<html>"}}, 422, "not audio"},
		{"cut off", [][2]string{item(""), {"sound", string(h.speech[:60])}}, 422, ""},
		{"of nobody", [][2]string{{"item", `{"provider":"Mallory"}`}, sound}, 422, "provider is one of"},
		{"a member too many", [][2]string{{"item", `{"provider":"Alexa","account":"x"}`}, sound}, 422, "not as described"},
		{"a time that is none", [][2]string{{"item", `{"provider":"Alexa","time":"0900-03-04T05:06:07Z","time_from":"list"}`}, sound}, 422, "no time"},
		{"another source of time", [][2]string{{"item", `{"provider":"Alexa","time":"2021-03-04T05:06:07Z","time_from":"moon"}`}, sound}, 422, "time_from"},
		{"sound first", [][2]string{sound, item("")}, 422, "item (JSON) and sound"},
		{"twice", [][2]string{item(""), item(""), sound}, 422, "item (JSON) and sound"},
		{"another part", [][2]string{item(""), {"more", "x"}}, 422, "item (JSON) and sound"},
		{"empty", nil, 422, ""},
		{"a long item", [][2]string{item(`,"words":"` + strings.Repeat("x", 70<<10) + `"`)}, 413, ""},
	} {
		status, body := anna.form(to, test.parts...)
		if status != test.status || !strings.Contains(string(body), test.says) {
			t.Errorf("%s: status %d, want %d saying %q:\n%s", test.name, status, test.status, test.says, body)
		}
	}
	if n := anna.count(); n != 2 {
		t.Errorf("%d recordings are kept, want 2", n)
	}
	_, page := anna.get("/")
	want(t, nil, 0, page, canary, "Alexa", "stop")
	if status, _ := ben.form(to, item(""), sound); status != http.StatusNotFound {
		t.Errorf("into somebody else's vault: status %d", status)
	}
	if resp, _ := anna.post("/erase", map[string][]string{"sure": {"yes"}, "of": {to[len("/v1/vaults/"):][:32]}}); resp.StatusCode >= 400 {
		t.Fatalf("erase all: status %d", resp.StatusCode)
	}
	if status, body := anna.form(to, item(""), sound); status != 200 || !strings.Contains(string(body), "true") {
		t.Errorf("once it was erased it is not brought again: %d %s", status, body)
	}
}

// TestBringAtOnce sends the same recordings from several sides at once.
func TestBringAtOnce(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	to := anna.imports()
	send := func(i int) string {
		_, body := anna.form(to, [2]string{"item", fmt.Sprintf(`{"provider":"Google","time":"2021-03-04T05:06:%02dZ","time_from":"list"}`, i)}, [2]string{"sound", string(h.speech)})
		return string(body)
	}
	send(0)
	var all sync.WaitGroup
	var mu sync.Mutex
	kept := 0
	for i := range 24 {
		all.Go(func() {
			if strings.Contains(send(i%12), "true") {
				mu.Lock()
				defer mu.Unlock()
				kept++
			}
		})
	}
	all.Wait()
	if kept != 11 || anna.count() != 12 {
		t.Errorf("%d were new and %d are kept, want 11 and 12", kept, anna.count())
	}
}

// TestBringCheck tells what is in an archive that lies in a browser.
func TestBringCheck(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	to := anna.imports() + "/check"
	list := "Timestamp,Device Name,Transcript,Audio File,Customer ID\n2021-03-04T05:06:07Z,Kitchen,hello,a.wav,A1\n2021-03-05 00:30:00,Bath,bye,b.wav,B7\n"
	describe := func(name, content string) map[string]any {
		return map[string]any{"name": name, "size": len(content), "head": []byte(content[:min(len(content), 64)]), "modified": 1614834367000}
	}
	files, err := json.Marshal([]any{describe("Alexa/a.wav", string(h.speech)), describe("Alexa/b.wav", string(h.speech)), describe("Alexa/list.csv", list), describe("../x.wav", "RIFF")})
	if err != nil {
		t.Fatal(err)
	}
	status, body := anna.form(to, [2]string{"zone", "Europe/Berlin"}, [2]string{"files", string(files)}, [2]string{"2", list})
	var got bringCheckJSON
	if err := json.Unmarshal(body, &got); err != nil || status != http.StatusOK {
		t.Fatalf("status %d, %v: %s", status, err, body)
	}
	var rows []string
	for _, it := range got.Items {
		rows = append(rows, fmt.Sprint(it.File, it.Time.Format(" 2006-01-02 15:04 "), it.TimeFrom, " ", it.Words, " ", it.Device))
	}
	if diff := cmp.Diff([]string{"0 2021-03-04 05:06 list hello Kitchen", "1 2021-03-04 23:30 list bye Bath"}, rows); diff != "" {
		t.Errorf("got the items (+):\n%s", diff)
	}
	if got.Provider != "Alexa" || len(got.Devices) != 2 || !slices.Equal(got.Accounts, []string{"A1", "B7"}) || len(got.Unread) != 1 || len(got.Samples) != 2 {
		t.Errorf("got the check %+v", got)
	}
	if n := anna.count(); n != 0 {
		t.Errorf("looking keeps %d recordings", n)
	}
	for name, parts := range map[string][][2]string{
		"nothing": nil, "no list of files": {{"0", "x"}}, "files twice": {{"files", "[]"}, {"files", "[]"}}, "no file of the list": {{"files", "[]"}, {"7", "x"}},
		"no number": {{"files", "[]"}, {"seven", "x"}}, "no JSON": {{"files", "{"}}, "a member too many": {{"files", `[{"path":"x"}]`}},
	} {
		if status, body := anna.form(to, parts...); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d: %s", name, status, body)
		}
	}
}

// alexaArchive is an archive with the recordings of two devices, one of which
// is somebody else's.
func alexaArchive(t *testing.T, speech []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	add := func(name string, data []byte) {
		m, err := w.Create(name)
		if err == nil {
			_, err = m.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	list := "Timestamp,Device Name,Transcript,Audio File,Customer ID\n"
	for i := range 9 {
		device := []string{"Anna’s Echo", "Anna’s Echo", "Fire TV stick"}[i%3]
		list += fmt.Sprintf("2021-03-%02dT05:06:07Z,%s,%s %d,r%d.wav,%s\n", i+1, device, canary, i, i, []string{"A1", "A1", "B7"}[i%3])
		add(fmt.Sprintf("Alexa/Audio/r%d.wav", i), speech)
	}
	add("Alexa/Audio/broken.wav", speech[:100])
	add("Alexa/Transcripts.csv", []byte(list))
	add("Alexa/Transcripts.pdf", []byte("%PDF-1.4"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// bringBody is a form of an archive's recording, or of what is in an archive.
func (w *town) bringBody(row route) (kind string, body []byte) {
	parts := [][2]string{{"item", `{"provider":"Alexa","time":"2021-03-04T05:06:07Z","time_from":"list"}`}, {"sound", string(w.speech)}}
	if strings.HasSuffix(row.pattern, "/check") {
		parts = [][2]string{{"files", `[{"name":"a.wav","size":1}]`}}
	}
	var buf bytes.Buffer
	form := multipart.NewWriter(&buf)
	for _, part := range parts {
		to, err := form.CreateFormFile(part[0], part[0])
		w.must(err)
		to.Write([]byte(part[1]))
	}
	w.must(form.Close())
	return form.FormDataContentType(), buf.Bytes()
}

// TestBringManyFiles: a list of files takes no more memory than there may be
// files, however short each is written.
func TestBringManyFiles(t *testing.T) {
	text := slices.Concat([]byte("[{}"), bytes.Repeat([]byte(",{}"), 4<<20), []byte("]"))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := readFiles(text)
	runtime.ReadMemStats(&after)
	if hearkeep.CodeOf(err) != hearkeep.TooLarge {
		t.Errorf("got %v, want too large", err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 512<<20 {
		t.Errorf("got %d MB for a list of 12 MB", got>>20)
	}
}
