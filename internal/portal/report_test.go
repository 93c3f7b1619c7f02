package portal

import (
	"archive/zip"
	"bytes"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearkeep/hearkeep"
)

// clocks lets the desk's clocks run until a time.
func (h *home) clocks(in time.Duration) {
	h.t.Helper()
	if err := h.incidents.Expire(h.t.Context(), time.Now().Add(in)); err != nil {
		h.t.Fatal(err)
	}
}

var noticeLink = regexp.MustCompile(`href="(/notices/[0-9a-f]{32})"`)

// TestNotMine: somebody says of a recording and of a door that they are not
// theirs, and is answered at once; it is frozen; whoever holds it is told, once
// the hour is over, exactly which recordings, and nobody else is (C4, C6).
func TestNotMine(t *testing.T) {
	h := newHome(t)
	anna, ben := h.person("Anna"), h.person("Ben")
	one, two := anna.speak(canary), anna.speak("good morning")
	ben.speak("good evening")
	at := "/recordings/" + one.String()
	before := h.entries()
	resp, page := anna.get(at + "/not-mine")
	want(t, resp, http.StatusOK, page, "This is not mine", "Nobody is told who reported it")
	if strings.Contains(page, canary) || h.entries() != before {
		t.Error("the form opens the recording")
	}
	resp, page = anna.post(at+"/not-mine", url.Values{"about": {nasty + canary}})
	want(t, resp, http.StatusOK, page, "Your report has come in", "Something that is not yours", "What it concerns is frozen")
	if strings.Contains(page, "<script>alert") {
		t.Error("a report became markup")
	}
	resp, page = anna.get(at)
	want(t, resp, http.StatusOK, page, "is frozen", "something is being looked into")
	resp, page = anna.get("/reports")
	want(t, resp, http.StatusOK, page, "Something that is not yours", "Number ")
	if _, page := ben.get("/reports"); !strings.Contains(page, "You have reported nothing.") {
		t.Error("Ben is shown a report of Anna's")
	}
	if _, page := anna.get("/notices"); !strings.Contains(page, "There is nothing that you should know.") || strings.Contains(page, "Something happened to recordings") {
		t.Error("Anna is told before her hour is over")
	}

	h.clocks(2 * time.Hour)
	_, page = anna.get("/doors")
	link := noticeLink.FindStringSubmatch(page)
	if link == nil || !strings.Contains(page, "Something happened to recordings of yours") {
		t.Fatalf("no banner leads to the notice: %s", page)
	}
	resp, page = anna.get(link[1])
	want(t, resp, http.StatusOK, page, `<a href="/recordings/`+one.String()+`">`, "It concerns 1 recording of yours", "What happened", "What may come of it", "What was done", "What you can do", "Whom you can ask", "Exactly which recordings")
	if n := strings.Count(page, "<h2>"); n != 5 {
		t.Errorf("the notice has %d parts, want 5", n)
	}
	if strings.Contains(page, two.String()) || strings.Contains(page, "Something happened to recordings of yours") {
		t.Error("the notice names another recording, or leads to itself")
	}
	if _, page := anna.get("/doors"); strings.Contains(page, "Something happened to recordings") {
		t.Error("the banner stays after the notice was read")
	}
	resp, page = anna.get("/notices")
	want(t, resp, http.StatusOK, page, link[1])
	if _, page := ben.get("/notices"); strings.Contains(page, link[1]) {
		t.Error("Ben is shown a notice of Anna's")
	}
	if diff := cmp.Diff(ben.asks404("/notices/"+hearkeep.NewID[hearkeep.IncidentID]().String(), nil), ben.asks404(link[1], nil)); diff != "" {
		t.Errorf("to Ben a notice of Anna's differs from one that never was:\n%s", diff)
	}

	// What was erased meanwhile is said so.
	anna.erase(one)
	resp, page = anna.get(link[1])
	want(t, resp, http.StatusOK, page, "1 recording kept no more")

	// A door.
	door := "/doors/" + anna.door(hearkeep.SourceUpload).ID.String()
	resp, page = anna.get(door)
	want(t, resp, http.StatusOK, page, door+"/not-mine")
	resp, page = anna.get(door + "/not-mine")
	want(t, resp, http.StatusOK, page, "This device is not mine")
	resp, page = anna.post(door+"/not-mine", nil)
	want(t, resp, http.StatusOK, page, "Your report has come in")
	h.clocks(2 * time.Hour)
	_, page = anna.get("/doors")
	if link := noticeLink.FindStringSubmatch(page); link == nil {
		t.Error("nobody is told of a door that is another's")
	} else if _, page := anna.get(link[1]); !strings.Contains(page, two.String()) {
		t.Errorf("what the door kept is not in the notice: %s", page)
	}

	// The same from a terminal.
	c := h.terminal("Anna")
	var taken takenJSON
	c.must(http.StatusCreated, "POST", "/v1/reports", newReportJSON{Recording: two, About: "And this."}, &taken)
	if !taken.Frozen || taken.Says == "" || taken.Incident == (hearkeep.IncidentID{}) {
		t.Errorf("the acknowledgement is %+v", taken)
	}
	c.must(http.StatusUnprocessableEntity, "POST", "/v1/reports", newReportJSON{}, nil)
	var said reportsJSON
	if c.must(http.StatusOK, "GET", "/v1/reports", nil, &said); len(said.Reports) != 3 || said.Reports[0].ID != taken.ID {
		t.Errorf("the reports are %+v", said)
	}
	var told noticesJSON
	if c.must(http.StatusOK, "GET", "/v1/notices", nil, &told); len(told.Notices) != 2 || len(told.Notices[0].Items) == 0 || len(told.Notices[0].Texts) != 5 {
		t.Errorf("the notices are %+v", told)
	}
	b := h.terminal("Ben")
	if b.must(http.StatusOK, "GET", "/v1/notices", nil, &told); len(told.Notices) != 0 {
		t.Errorf("to Ben the notices are %+v", told)
	}
	if b.must(http.StatusCreated, "POST", "/v1/reports", newReportJSON{Recording: two, About: "Mine!"}, &taken); taken.Frozen {
		t.Error("Ben freezes a recording of Anna's")
	}

	// Something else needs words, and theirs alone is theirs.
	resp, page = anna.post("/reports/new", url.Values{"about": {" "}})
	want(t, resp, http.StatusUnprocessableEntity, page, "Report something")
	resp, page = anna.post("/reports/new", url.Values{"about": {strings.Repeat("a", 4001)}})
	want(t, resp, http.StatusRequestEntityTooLarge, page, "That is too much text.")
	for _, path := range []string{at, door} {
		if diff := cmp.Diff(ben.asks404("/recordings/"+hearkeep.NewID[hearkeep.RecordingID]().String()+"/not-mine", nil), ben.asks404(path+"/not-mine", nil)); diff != "" {
			t.Errorf("to Ben %s differs from what never was:\n%s", path, diff)
		}
		if resp, _ := ben.post(path+"/not-mine", url.Values{"about": {"mine!"}}); resp.StatusCode != http.StatusNotFound {
			t.Errorf("Ben reports %s: %d", path, resp.StatusCode)
		}
	}
}

var reportLink = regexp.MustCompile(`href="(/report/[A-Z2-7]{26})"`)

// TestReportByAnybody: whoever was handed somebody's archive says so without
// an account, in their language, and is told the same whether what they name
// is known; the person whose it is, is told.
func TestReportByAnybody(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	one := anna.speak(canary)
	_, archive := anna.access()
	_, whole := anna.get("/rights/archives/" + archive)
	readme := ""
	bag, err := zip.NewReader(bytes.NewReader([]byte(whole)), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range bag.File {
		if strings.HasSuffix(f.Name, "/README.txt") {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			readme = string(text)
		}
	}
	id := regexp.MustCompile(`Archive: +([0-9a-f]{32})`).FindStringSubmatch(readme)
	if id == nil || !strings.Contains(readme, h.server.URL+"/report\n") {
		t.Fatalf("the archive does not tell whoever should not have it what to do:\n%s", readme)
	}

	says := func(language, evidence string) (shape, link string) {
		t.Helper()
		carl := h.stranger()
		req := carl.request("POST", "/report", "application/x-www-form-urlencoded", []byte(url.Values{
			"about": {"I got this. " + nasty}, "evidence": {evidence}, "reach": {"carl@example.org"}, "lang": {language},
		}.Encode()))
		began := time.Now()
		resp, page := carl.send(req)
		if took := time.Since(began); took < 200*time.Millisecond {
			t.Errorf("the answer comes after %v: it tells whether something was found", took)
		}
		want(t, resp, http.StatusOK, page)
		m := reportLink.FindStringSubmatch(page)
		if m == nil || strings.Contains(page, "<script>alert") || len(resp.Cookies()) > 0 {
			t.Fatalf("the answer to %q: %s", evidence, page)
		}
		shape = strings.ReplaceAll(page, strings.TrimPrefix(m[1], "/report/"), "SECRET")
		shape = regexp.MustCompile(`[0-9a-f]{32}|\d\d:\d\d`).ReplaceAllString(shape, "X")
		return shape, m[1]
	}
	known, link := says("de", id[1])
	never, _ := says("de", hearkeep.NewID[hearkeep.ArchiveID]().String())
	odd, _ := says("de", "\x00../../etc/passwd "+nasty)
	if diff := cmp.Diff(never, known); diff != "" {
		t.Errorf("the answer tells whether an archive is known (-never was +known):\n%s", diff)
	}
	if diff := cmp.Diff(never, odd); diff != "" {
		t.Errorf("the answer tells what is no id:\n%s", diff)
	}
	if !strings.Contains(known, `<html lang="de">`) || !strings.Contains(known, "Behalten Sie diese Adresse") {
		t.Errorf("it is not in German: %s", known)
	}
	resp, page := h.stranger().get(link)
	want(t, resp, http.StatusOK, page, "What was done")
	resp, page = h.stranger().get("/report/" + strings.Repeat("A", 26))
	want(t, resp, http.StatusNotFound, page, "There is no")
	resp, page = anna.get("/recordings/" + one.String())
	want(t, resp, http.StatusOK, page, "is frozen")
	h.clocks(2 * time.Hour)
	_, page = anna.get("/doors")
	told := noticeLink.FindStringSubmatch(page)
	if told == nil {
		t.Fatal("Anna is not told that another has her archive")
	}
	resp, page = anna.get(told[1])
	want(t, resp, http.StatusOK, page, "Handed over to somebody else", one.String())
	if strings.Contains(page, "carl@") || strings.Contains(page, "I got this") {
		t.Error("Anna is told who reported it")
	}

	// Carl is asked to delete it, and says that he did: by a form, never by the link alone.
	caseOf, err := hearkeep.ParseID[hearkeep.IncidentID](strings.TrimPrefix(told[1], "/notices/"))
	if err != nil {
		t.Fatal(err)
	}
	ask, err := h.incidents.AskRecipient(t.Context(), caseOf, hearkeep.AccountID{}, "", "de")
	if err != nil {
		t.Fatal(err)
	}
	ask = strings.TrimPrefix(ask, h.server.URL)
	carl := h.stranger()
	for range 2 {
		resp, page = carl.get(ask)
		want(t, resp, http.StatusOK, page, `<html lang="de">`, "Bitte öffnen Sie die Aufnahmen nicht", `name="answer"`)
	}
	resp, page = carl.post(ask, url.Values{"name": {nasty}, "answer": {"maybe"}})
	want(t, resp, http.StatusUnprocessableEntity, page, "Choose one of the two answers.", "&lt;script&gt;")
	resp, page = carl.post(ask, url.Values{"answer": {"yes"}, "name": {" "}})
	want(t, resp, http.StatusUnprocessableEntity, page, "Write your name.")
	resp, _ = carl.post(ask, url.Values{"answer": {"no"}, "name": {"Carl"}, "statement": {nasty}})
	wantRedirect(t, resp, ask)
	resp, page = carl.get(ask)
	want(t, resp, http.StatusOK, page, wordsIn("de").Refused, `name="answer"`)
	resp, _ = carl.post(ask, url.Values{"answer": {"yes"}, "name": {"Carl"}})
	wantRedirect(t, resp, ask)
	resp, page = carl.get(ask)
	want(t, resp, http.StatusOK, page, wordsIn("de").Attested)
	if strings.Contains(page, `name="answer"`) || strings.Contains(page, "Carl") {
		t.Error("what was attested is asked again, or shown to whoever has the link")
	}
	resp, page = carl.post(ask, url.Values{"answer": {"no"}, "name": {"Carl"}})
	want(t, resp, http.StatusConflict, page, "This was answered already.")
	resp, page = carl.post("/attest/"+strings.Repeat("a", 26), url.Values{"answer": {"yes"}, "name": {"Carl"}})
	want(t, resp, http.StatusNotFound, page)
	resp, page = anna.get(told[1])
	want(t, resp, http.StatusOK, page, "confirmed in writing that it is deleted")

	// A mistake comes back with what was typed, as text; strangers' sites send nothing.
	resp, page = h.stranger().post("/report", url.Values{"about": {nasty}, "reach": {"javascript:alert(1)"}})
	want(t, resp, http.StatusUnprocessableEntity, page, "That is no e-mail address.", "&lt;script&gt;alert(1)")
	req := h.stranger().request("POST", "/report", "application/x-www-form-urlencoded", []byte("about=x"))
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	resp, page = h.stranger().send(req)
	want(t, resp, http.StatusForbidden, page)
	refused := 0
	for range 40 { // one network's flood ends; what it is about is never said
		if resp, _ := h.stranger().post("/report", url.Values{"about": {"again"}}); resp.StatusCode == http.StatusTooManyRequests {
			refused++
			break
		}
	}
	if refused == 0 {
		t.Error("one network may report without end")
	}
}

// TestLanguages: the browser's language is noted with the account, and their
// own choice stays; public pages are in what the browser asks for.
func TestLanguages(t *testing.T) {
	h := newHome(t)
	anna := h.stranger()
	req := anna.request("POST", "/setup/"+h.setupLink(), "application/x-www-form-urlencoded", []byte(url.Values{"name": {"Anna"}, "passphrase": {passphrase}}.Encode()))
	req.Header.Set("Accept-Language", "pt-BR, nl;q=0.8, en;q=0.5")
	resp, page := anna.send(req)
	want(t, resp, http.StatusOK, page)
	is := func(want hearkeep.Language) {
		t.Helper()
		if got, err := h.incidents.Language(t.Context(), anna.who().Account()); err != nil || got != want {
			t.Errorf("letters are in %q, want %q: %v", got, want, err)
		}
	}
	is("nl")
	resp, page = anna.get("/account")
	want(t, resp, http.StatusOK, page, `<option value="nl" lang="nl" selected>Nederlands`)
	resp, _ = anna.post("/account/language", url.Values{"language": {"it"}})
	wantRedirect(t, resp, "/account?done=language")
	is("it")
	resp, page = anna.post("/account/language", url.Values{"language": {"xx"}})
	want(t, resp, http.StatusUnprocessableEntity, page)
	again := h.stranger()
	req = again.request("POST", "/sign-in", "application/x-www-form-urlencoded", []byte(url.Values{"name": {"Anna"}, "passphrase": {passphrase}}.Encode()))
	req.Header.Set("Accept-Language", "fr")
	again.send(req)
	is("it")
	for header, lang := range map[string]string{"": "en", "fr-CH": "fr", "xx, es;q=0.1": "es", "de;q=0": "en", "it;q=NaN, nl;q=0.2": "nl", "en;q=0.1,de;q=0.9": "de", strings.Repeat("x,", 5000): "en"} {
		req := again.request("GET", "/report", "", nil)
		req.Header.Set("Accept-Language", header)
		if _, page := again.send(req); !strings.Contains(page, `<html lang="`+lang+`">`) {
			t.Errorf("to %q the page is not in %s", clipText(header, 40), lang)
		}
	}
}
