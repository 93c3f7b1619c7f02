package portal

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/rights"
)

func TestOneRange(t *testing.T) {
	const size = 1000
	for _, c := range []struct {
		header   string
		from, to int64
		found    bool
	}{
		{"", 0, 0, false}, {"bytes=0-", 0, size, true}, {"bytes=0-0", 0, 1, true}, {"Bytes = 5-9", 5, 10, true}, {"bytes=990-2000", 990, size, true},
		{"bytes=-10", 990, size, true}, {"bytes=-5000", 0, size, true}, {"bytes=-0", size, size, true}, {"bytes=1000-", size, size, true},
		{"bytes=99999999999999999999-", 1<<62 - 1, size, true}, {"bytes=0-99999999999999999999", 0, size, true},
		{"bytes=9-5", 0, 0, false}, {"bytes=a-", 0, 0, false}, {"bytes=+1-2", 0, 0, false}, {"bytes=-", 0, 0, false}, {"bytes=5", 0, 0, false},
		{"bytes=0-1,5-6", 0, 0, false}, {"items=0-1", 0, 0, false}, {"bytes=--5", 0, 0, false},
	} {
		from, to, found := oneRange(c.header, size)
		if from != c.from || to != c.to && from < size || found != c.found {
			t.Errorf("%q: got [%d, %d) %t, want [%d, %d) %t", c.header, from, to, found, c.from, c.to, c.found)
		}
	}
}

func FuzzOneRange(f *testing.F) {
	f.Add("bytes=5-9", int64(1000))
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size <= 0 {
			return
		}
		from, to, found := oneRange(header, size)
		if found && from < to && (from < 0 || to > size) {
			t.Errorf("%q of %d: [%d, %d)", header, size, from, to)
		}
	})
}

func TestPlaces(t *testing.T) {
	s := newPlaces(3, 2)
	enter := func(whose string, may bool) func() {
		t.Helper()
		leave, err := s.enter(whose)
		if may != (err == nil) || !may && hearkeep.CodeOf(err) != hearkeep.TooMany {
			t.Fatalf("%s: %v, want entered: %t", whose, err, may)
		}
		return leave
	}
	first := enter("a", true)
	enter("a", true)
	enter("a", false) // two of one
	enter("b", true)
	enter("c", false) // three in all
	first()
	first() // leaving twice frees one place
	enter("c", true)
	enter("b", false)
	if len(s.of) != 3 {
		t.Errorf("remembers %d", len(s.of))
	}
}

func TestPreparations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPreparations(time.Now)
		ending, end := context.WithCancel(t.Context())
		one, other := preparation{session: "a"}, preparation{session: "b"}
		runs := 0
		check := func(ctx context.Context) (rights.Open, error) {
			runs++
			select {
			case <-time.After(time.Minute):
				return rights.Open{Count: runs}, nil
			case <-ctx.Done():
				return rights.Open{}, ctx.Err()
			}
		}
		gone, leave := context.WithCancel(t.Context())
		j := s.start(gone, ending, one, check)
		leave() // a browser that goes away does not end it
		if j.wait(t.Context(), 10*time.Second) || s.start(t.Context(), ending, one, check) != j {
			t.Error("it is done at once, or begun twice")
		}
		if s.get(other) != nil {
			t.Error("another session sees it")
		}
		if !j.wait(t.Context(), time.Hour) || j.err != nil || j.open.Count != 1 || runs != 1 {
			t.Errorf("got %+v, %v after %d runs", j.open, j.err, runs)
		}
		again := s.start(t.Context(), ending, one, check)
		if again == j {
			t.Error("what is done is not begun anew")
		}
		end()
		if !again.wait(t.Context(), time.Second) || again.err == nil {
			t.Error("it goes on after the program's end")
		}
		time.Sleep(2 * preparedLife)
		s.start(t.Context(), nil, other, check).wait(t.Context(), time.Hour)
		if s.get(one) != nil {
			t.Error("it is remembered for ever")
		}
	})
}

// access asks for a copy of everything and prepares it.
func (p *person) access() (request, archive string) {
	p.t.Helper()
	resp, _ := p.post("/rights", url.Values{"kind": {"access"}})
	to := resp.Header.Get("Location")
	if resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, "/rights/requests/") {
		p.t.Fatalf("asking: %d to %q", resp.StatusCode, to)
	}
	request = strings.TrimPrefix(to, "/rights/requests/")
	if resp, body := p.post(to+"/archive", nil); resp.StatusCode != http.StatusSeeOther {
		p.t.Fatalf("preparing: %d %s", resp.StatusCode, body)
	}
	for range 100 {
		_, page := p.get(to)
		if _, rest, ok := strings.Cut(page, `href="/rights/archives/`); ok {
			archive, _, _ = strings.Cut(rest, `"`)
			return request, archive
		}
		if !strings.Contains(page, "Being checked since") {
			p.t.Fatalf("nothing is prepared: %s", page)
		}
		time.Sleep(20 * time.Millisecond)
	}
	p.t.Fatal("it is checked for ever")
	return "", ""
}

// fetch asks for a path with headers.
func (p *person) fetch(method, path string, header map[string]string) (*http.Response, string) {
	p.t.Helper()
	req := p.request(method, path, "", nil)
	for name, value := range header {
		req.Header.Set(name, value)
	}
	return p.send(req)
}

// TestArchiveIsDownloaded: whole, in pieces that join to the same bytes, and
// as the conditions of a request say.
func TestArchiveIsDownloaded(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	anna.speak(canary)
	anna.speak("good morning")
	_, id := anna.access()
	path := "/rights/archives/" + id
	resp, whole := anna.get(path)
	size := len(whole)
	tag := resp.Header.Get("ETag")
	if resp.StatusCode != http.StatusOK || resp.ContentLength != int64(size) || !strings.HasPrefix(tag, `"`) ||
		resp.Header.Get("Accept-Ranges") != "bytes" || resp.Header.Get("Cache-Control") != "private, no-store" || resp.Header.Get("Content-Type") != "application/zip" ||
		!strings.HasPrefix(resp.Header.Get("Content-Disposition"), `attachment; filename="hearkeep-`) || resp.Header.Get("Content-Encoding") != "" {
		t.Fatalf("whole: %d, %v", resp.StatusCode, resp.Header)
	}
	bag, err := zip.NewReader(bytes.NewReader([]byte(whole)), int64(size))
	if err != nil || !slices.ContainsFunc(bag.File, func(f *zip.File) bool { return strings.HasSuffix(f.Name, "/index.html") }) {
		t.Fatalf("it is no archive: %v", err)
	}
	heard := ""
	for _, f := range bag.File {
		if strings.HasSuffix(f.Name, "transcripts.csv") {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			heard = string(text)
		}
	}
	if !strings.Contains(heard, canary) {
		t.Error("what was said is not in it")
	}
	var joined strings.Builder
	for from := 0; from < size; from += size/7 + 1 {
		to := min(from+size/7, size-1)
		resp, piece := anna.fetch("GET", path, map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", from, to), "If-Range": tag})
		if want := fmt.Sprintf("bytes %d-%d/%d", from, to, size); resp.StatusCode != http.StatusPartialContent || resp.Header.Get("Content-Range") != want {
			t.Fatalf("a piece: %d %v, want %s", resp.StatusCode, resp.Header, want)
		}
		joined.WriteString(piece)
	}
	if joined.String() != whole {
		t.Error("the pieces are not the whole")
	}
	for _, c := range []struct {
		name   string
		method string
		header map[string]string
		status int
		body   int
	}{
		{"head", "HEAD", nil, 200, 0},
		{"a head with a range", "HEAD", map[string]string{"Range": "bytes=0-1"}, 200, 0},
		{"several ranges", "GET", map[string]string{"Range": "bytes=0-1,4-5"}, 200, size},
		{"a range of another archive", "GET", map[string]string{"Range": "bytes=5-", "If-Range": `"other"`}, 200, size},
		{"a range since a day", "GET", map[string]string{"Range": "bytes=5-", "If-Range": "Sun, 22 Nov 2026 16:00:00 GMT"}, 200, size},
		{"past the end", "GET", map[string]string{"Range": fmt.Sprintf("bytes=%d-", size)}, 416, -1},
		{"had already", "GET", map[string]string{"If-None-Match": `"x", ` + tag}, 304, 0},
		{"another one only", "GET", map[string]string{"If-Match": `"x"`}, 412, -1},
		{"this one only", "GET", map[string]string{"If-Match": tag, "Range": "bytes=-3"}, 206, 3},
	} {
		resp, body := anna.fetch(c.method, path, c.header)
		if resp.StatusCode != c.status || c.body >= 0 && len(body) != c.body {
			t.Errorf("%s: %d with %d bytes, want %d with %d", c.name, resp.StatusCode, len(body), c.status, c.body)
		}
		if c.status == 416 && resp.Header.Get("Content-Range") != fmt.Sprintf("bytes */%d", size) {
			t.Errorf("%s: %v", c.name, resp.Header)
		}
	}
	if resp, page := anna.get("/rights"); resp.StatusCode != 200 || !strings.Contains(page, "Answered on") {
		t.Error("the request is not answered by that")
	}
}

// TestArchiveIsItsSessionsAlone: another browser of the same person, another
// person, a program and a device get what is not there; and when the session
// ends, so does the archive.
func TestArchiveIsItsSessionsAlone(t *testing.T) {
	h := newHome(t)
	anna, ben := h.person("Anna"), h.person("Ben")
	anna.speak(canary)
	ben.speak("good morning")
	request, id := anna.access()
	other := h.signIn("Anna", passphrase)
	terminal := h.terminal("Anna")
	paths := []string{"/rights/archives/" + id, "/v1/archives/" + id}
	for _, path := range paths {
		missing := strings.Replace(path, id, hearkeep.NewID[hearkeep.ArchiveID]().String(), 1)
		for name, who := range map[string]*person{"another browser of hers": other, "another person": ben} {
			resp, got := who.get(path)
			_, want := who.get(missing)
			if resp.StatusCode != http.StatusNotFound || got != want {
				t.Errorf("%s: %s gets %d %q", path, name, resp.StatusCode, got)
			}
		}
	}
	if got := terminal.do("GET", "/v1/archives/"+id, nil, nil); got.Status != http.StatusNotFound {
		t.Errorf("another terminal of hers gets %d", got.Status)
	}
	for name, bearer := range map[string]string{"a program": terminal.program("write").bearer, "a device": anna.token()} {
		for _, path := range []string{"/v1/archives/" + id, "/v1/requests", "/v1/requests/" + request} {
			got := (&caller{t, h, bearer}).do("GET", path, nil, nil)
			if got.Status != http.StatusForbidden && got.Status != http.StatusUnauthorized || strings.Contains(got.Body, request) {
				t.Errorf("%s: %s gets %d %s", path, name, got.Status, got.Body)
			}
		}
	}
	if resp, page := other.get("/rights/requests/" + request); resp.StatusCode != 200 || strings.Contains(page, id) {
		t.Errorf("another browser of hers is shown the archive: %d", resp.StatusCode)
	}
	cookie := anna.cookie("hearkeep")
	anna.post("/sign-out", nil)
	resp, _ := h.stranger().fetch("GET", paths[0], map[string]string{"Cookie": "hearkeep=" + cookie})
	if resp.StatusCode != http.StatusSeeOther {
		t.Errorf("after signing out: %d", resp.StatusCode)
	}
}

// TestArchiveOfWhatWasErasedMeanwhile: what was begun breaks off rather than
// end, nothing of what was erased comes, and from then on it is not there.
func TestArchiveOfWhatWasErasedMeanwhile(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	id := anna.speak(canary)
	anna.speak("good morning")
	_, archive := anna.access()
	path := "/rights/archives/" + archive
	resp, _ := anna.fetch("HEAD", path, nil)
	size := resp.ContentLength
	anna.erase(id)
	resp, err := anna.client.Do(anna.request("GET", path, "", nil))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode == http.StatusOK && err == nil || int64(len(body)) >= size || strings.Contains(string(body), canary) {
		t.Errorf("got %d, %d of %d bytes, %v", resp.StatusCode, len(body), size, err)
	}
	resp, told := anna.fetch("GET", path, map[string]string{"Accept": "application/json"})
	if resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("after that: %d", resp.StatusCode)
	}
	for _, name := range []string{"ETag", "Content-Disposition", "Accept-Ranges"} {
		if resp.Header.Get(name) != "" {
			t.Errorf("the problem has %s: %s", name, resp.Header.Get(name))
		}
	}
	var pr problem
	if err := json.Unmarshal([]byte(told), &pr); err != nil || pr.Title == "" {
		t.Errorf("no problem is told: %v %s", err, told)
	}
}

// slowReader takes nothing of a body until it is let go.
type slowReader struct {
	header  http.Header
	reached chan<- struct{}
	free    <-chan struct{}
}

func (s *slowReader) Header() http.Header { return s.header }
func (s *slowReader) WriteHeader(int)     {}
func (s *slowReader) Write(b []byte) (int, error) {
	s.reached <- struct{}{}
	<-s.free
	return len(b), nil
}

// TestDownloadsOfOnePerson: many sessions of one person take no more places
// than one, so that there are some for everybody.
func TestDownloadsOfOnePerson(t *testing.T) {
	h := newHome(t)
	anna, ben := h.person("Anna"), h.person("Ben")
	anna.speak(canary)
	ben.speak("good morning")
	_, id := anna.access()
	reached, free := make(chan struct{}), make(chan struct{})
	var reading sync.WaitGroup
	for range downloadsOfOne {
		r := httptest.NewRequest("GET", h.server.URL+"/rights/archives/"+id, nil)
		r.AddCookie(&http.Cookie{Name: "hearkeep", Value: anna.cookie("hearkeep")})
		reading.Go(func() {
			h.server.Config.Handler.ServeHTTP(&slowReader{http.Header{}, reached, free}, r)
		})
		<-reached
	}
	go func() {
		for range reached { // what comes after the first piece
		}
	}()
	other := h.signIn("Anna", passphrase)
	_, third := other.access()
	if resp, _ := other.get("/rights/archives/" + third); resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Errorf("another session of hers: %d", resp.StatusCode)
	}
	_, bens := ben.access()
	if resp, _ := ben.get("/rights/archives/" + bens); resp.StatusCode != http.StatusOK {
		t.Errorf("another person: %d", resp.StatusCode)
	}
	close(free)
	reading.Wait()
	close(reached)
	if resp, _ := other.get("/rights/archives/" + third); resp.StatusCode != http.StatusOK {
		t.Errorf("once they are done: %d", resp.StatusCode)
	}
}
