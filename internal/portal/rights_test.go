package portal

import (
	"context"
	"encoding/xml"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/rights"
)

// asks makes a request by its page and returns that page's path.
func (p *person) asks(kind hearkeep.RequestKind) string {
	p.t.Helper()
	resp, body := p.post("/rights", url.Values{"kind": {string(kind)}})
	to := resp.Header.Get("Location")
	if resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, "/rights/requests/") {
		p.t.Fatalf("asking for %s: %d %s", kind, resp.StatusCode, body)
	}
	return to
}

// TestRightsByForms goes through every kind of request as a browser without
// JavaScript does.
func TestRightsByForms(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	rec := anna.speak(canary)
	own := anna.room().ID().String()
	resp, page := anna.get("/rights")
	want(t, resp, http.StatusOK, page, "Get a copy of everything", "Have it erased", "Article 21")
	if to := anna.asks(hearkeep.RequestAccess); to != anna.asks(hearkeep.RequestAccess) {
		t.Error("asking twice makes two requests")
	}

	// Correct: the words, and the request about it.
	to := anna.asks(hearkeep.RequestRectification)
	resp, page = anna.get("/recordings/" + rec.String() + "/words")
	want(t, resp, http.StatusOK, page, canary)
	resp, page = anna.post("/recordings/"+rec.String()+"/words", url.Values{"words": {"  "}})
	want(t, resp, http.StatusUnprocessableEntity, page, "cannot be kept")
	resp, _ = anna.post("/recordings/"+rec.String()+"/words", url.Values{"words": {"the owl waits"}})
	wantRedirect(t, resp, "/recordings/"+rec.String()+"?done=corrected")
	resp, page = anna.get("/recordings/" + rec.String() + "?done=corrected")
	want(t, resp, http.StatusOK, page, "the owl waits", "Corrected, version 2", "The words are corrected")
	if strings.Contains(page, canary) {
		t.Error("the words before are still there")
	}
	resp, _ = anna.post(to+"/rectified", nil)
	wantRedirect(t, resp, to+"?done=rectified")
	resp, note := anna.get(to + "/answer")
	want(t, resp, http.StatusOK, note, "hearkeep/answer/v1")

	// Freeze one recording, and free it on its page.
	resp, _ = anna.post("/recordings/"+rec.String()+"/restrict", nil)
	wantRedirect(t, resp, "/recordings/"+rec.String())
	resp, page = anna.get("/recordings/" + rec.String())
	want(t, resp, http.StatusOK, page, "This recording is frozen</strong>", "Were it not frozen")
	lift := regexp.MustCompile(`action="(/restrictions/[0-9a-f]{32}/lift)"`).FindStringSubmatch(page)[1]
	resp, _ = anna.post(lift, url.Values{"back": {"recording"}})
	wantRedirect(t, resp, "/recordings/"+rec.String())

	// Freeze the vault: no archive leaves, and it can be freed.
	to = anna.asks(hearkeep.RequestRestriction)
	resp, page = anna.post(to+"/restrict", nil)
	want(t, resp, http.StatusUnprocessableEntity, page, "No vault was chosen")
	resp, _ = anna.post(to+"/restrict", url.Values{"vault": {own}})
	wantRedirect(t, resp, to+"?done=frozen")
	resp, page = anna.get("/kept")
	want(t, resp, http.StatusOK, page, "Everything in “Your keep” is frozen")
	access := anna.asks(hearkeep.RequestAccess)
	anna.post(access+"/archive", nil)
	resp, page = anna.get(access)
	want(t, resp, http.StatusOK, page, `role="alert" id="problem"`)
	if strings.Contains(page, "/rights/archives/") {
		t.Error("what is frozen leaves")
	}
	lift = regexp.MustCompile(`action="(/restrictions/[0-9a-f]{32}/lift)"`).FindStringSubmatch(page)[1]
	resp, _ = anna.post(lift, nil)
	wantRedirect(t, resp, "/rights?done=lifted")

	// Object: doors keep nothing.
	to = anna.asks(hearkeep.RequestObjection)
	resp, _ = anna.post(to+"/object", nil)
	wantRedirect(t, resp, to)
	if door := anna.door(hearkeep.SourceUpload); door.Rule.Keep != hearkeep.KeepNothing {
		t.Errorf("a door keeps %s", door.Rule.Keep)
	}

	// Erase: not without the word, not what is not chosen.
	to = anna.asks(hearkeep.RequestErasure)
	resp, page = anna.get(to + "/erase")
	want(t, resp, http.StatusOK, page, "1 recording", "Destroyed with the erasure itself")
	for _, form := range []url.Values{{}, {"vault": {own}}, {"vault": {own}, "sure": {"yes"}}, {"sure": {"erase"}}} {
		resp, page = anna.post(to+"/erase", form)
		want(t, resp, http.StatusUnprocessableEntity, page, `id="problem"`)
	}
	resp, _ = anna.post(to+"/erase", url.Values{"vault": {hearkeep.NewID[hearkeep.VaultID]().String()}, "sure": {"erase"}})
	if resp.StatusCode != http.StatusNotFound || anna.count() != 1 {
		t.Errorf("a vault that is not there: %d, %d recordings are kept", resp.StatusCode, anna.count())
	}
	resp, page = anna.post(to+"/erase", url.Values{"vault": {own}, "sure": {"Erase "}})
	want(t, resp, http.StatusOK, page, "Receipt: Your keep", "1 recording")
	if anna.count() != 0 {
		t.Error("something is still kept")
	}

	// Withdrawn, and nothing is kept: answered at once.
	resp, _ = anna.post(access+"/withdraw", nil)
	wantRedirect(t, resp, "/rights?done=withdrawn")
	to = anna.asks(hearkeep.RequestPortability)
	resp, page = anna.get(to)
	want(t, resp, http.StatusOK, page, "Answered on", "Save the signed answer")
}

// TestSpokenRequestIsConfirmed: at a door it is only begun.
func TestSpokenRequestIsConfirmed(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	anna.speak(canary)
	door := anna.door(hearkeep.SourceUpload)
	if err := h.rights.Spoken(t.Context(), anna.room().ID(), door.ID, hearkeep.RequestErasure); err != nil {
		t.Fatal(err)
	}
	_, page := anna.get("/rights")
	to := regexp.MustCompile(`href="(/rights/requests/[0-9a-f]{32})"[^>]*>Confirm it`).FindStringSubmatch(page)
	if to == nil {
		t.Fatalf("it does not wait to be confirmed: %s", page)
	}
	resp, page := anna.get(to[1])
	want(t, resp, http.StatusOK, page, "Is this your request?", "spoken at a door")
	if resp, _ := anna.post(to[1]+"/erase", url.Values{"vault": {anna.room().ID().String()}, "sure": {"erase"}}); resp.StatusCode != http.StatusConflict || anna.count() != 1 {
		t.Errorf("before it is confirmed: %d, %d are kept", resp.StatusCode, anna.count())
	}
	resp, _ = anna.post(to[1]+"/confirm", nil)
	wantRedirect(t, resp, to[1]+"?done=confirmed")
	_, page = anna.get(to[1])
	if !strings.Contains(page, "See what goes") {
		t.Error("confirmed, it does not go on")
	}
}

// TestArchiveWaits: after a change of ways in or addresses no archive leaves
// for a while, and the page says until when.
func TestArchiveWaits(t *testing.T) {
	h := newHome(t)
	h.delivers()
	anna := h.person("Anna")
	anna.speak(canary)
	anna.addAddress("/anna")
	anna.addAddress("/elsewhere") // the first of an account changes nothing: there was none to tell
	to := anna.asks(hearkeep.RequestAccess)
	resp, page := anna.get(to)
	want(t, resp, http.StatusOK, page, "no archive leaves", "It can be prepared from then on", "A code can be sent from then on")
	anna.post(to+"/archive", nil)
	anna.post(to+"/sealed", nil)
	if resp, _ := anna.post(to+"/code", nil); resp.StatusCode != http.StatusForbidden {
		t.Errorf("a code: %d", resp.StatusCode)
	}
	_, page = anna.get(to)
	if strings.Contains(page, "/rights/archives/") || strings.Contains(page, to+"/sealed\" download") {
		t.Error("an archive was prepared in the waiting time")
	}
}

// TestStoppedIsTold: where a number is missing, nothing leaves, and the page
// says so.
func TestStoppedIsTold(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	anna.speak("good morning")
	rec := anna.speak(canary)
	var files []string
	err := filepath.WalkDir(h.blobs, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(path, rec.String()) {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("the sound of the recording was not found: %v", err)
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	to := anna.asks(hearkeep.RequestAccess)
	anna.post(to+"/archive", nil)
	page := ""
	for range 100 {
		if _, page = anna.get(to); !strings.Contains(page, "Being checked since") {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	for _, says := range []string{"It was stopped, and nothing was handed over", "has a report to answer", "Stopped. Nothing was handed over."} {
		if !strings.Contains(page, says) {
			t.Errorf("the page does not say %q", says)
		}
	}
	if strings.Contains(page, "/rights/archives/") {
		t.Error("an archive is offered")
	}
	if all, err := h.rights.Overview(t.Context()); err != nil || all.Reports == 0 {
		t.Errorf("no report is open: %v", err)
	}
}

// TestFetchSealed: the code of a letter gives a day in which the sealed archive
// is fetched by whoever has it, and nothing else.
func TestFetchSealed(t *testing.T) {
	h := newHomeWaiting(t, nil, noWait)
	h.delivers()
	anna := h.person("Anna")
	anna.speak(canary)
	anna.addAddress("/anna")
	to := anna.asks(hearkeep.RequestAccess)
	resp, _ := anna.post(to+"/code", nil)
	wantRedirect(t, resp, to+"?done=code")
	letter := h.letter("/anna", "archive code", 1)
	code := regexp.MustCompile(`\b[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}\b`).FindString(letter)
	if code == "" {
		t.Fatalf("no code came: %s", letter)
	}
	stranger := h.stranger()
	for _, wrong := range []string{"", "AAAA-AAAA-AAAA", strings.Repeat("x", 100)} {
		if resp, page := stranger.post("/fetch", url.Values{"code": {wrong}}); resp.StatusCode < 400 || !strings.Contains(page, `id="problem"`) {
			t.Errorf("%q: %d", wrong, resp.StatusCode)
		}
	}
	if resp, _ := stranger.get("/fetch/archive"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("without a ticket: %d", resp.StatusCode)
	}
	resp, _ = stranger.post("/fetch", url.Values{"code": {strings.ToLower(code)}})
	wantRedirect(t, resp, "/fetch")
	cookie := resp.Header.Get("Set-Cookie")
	for _, part := range []string{"hearkeep-fetch=", "Path=/fetch", "HttpOnly", "SameSite=Strict", "Max-Age=86400"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("the cookie lacks %s: %s", part, cookie)
		}
	}
	resp, page := stranger.get("/fetch")
	want(t, resp, http.StatusOK, page, "It is ready", "1 recording")
	resp, whole := stranger.get("/fetch/archive")
	if resp.StatusCode != http.StatusOK || resp.ContentLength != int64(len(whole)) || strings.Contains(whole, canary) {
		t.Fatalf("the archive: %d, %d bytes of %d", resp.StatusCode, len(whole), resp.ContentLength)
	}
	resp, end := stranger.fetch("GET", "/fetch/archive", map[string]string{"Range": "bytes=1000-", "If-Range": resp.Header.Get("ETag")})
	if resp.StatusCode != http.StatusPartialContent || end != whole[1000:] {
		t.Errorf("the rest of it: %d, %d bytes", resp.StatusCode, len(end))
	}
	// It works once, and opens no page.
	if resp, _ := h.stranger().post("/fetch", url.Values{"code": {code}}); resp.StatusCode != http.StatusNotFound {
		t.Errorf("again: %d", resp.StatusCode)
	}
	for _, path := range []string{"/", "/rights", to, "/kept", "/operator"} {
		if resp, body := stranger.get(path); resp.StatusCode == http.StatusOK || strings.Contains(body, canary) {
			t.Errorf("%s: a ticket is served", path)
		}
	}
}

// TestSealedHere: in the session that asked for it, and in no other.
func TestSealedHere(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	anna.speak(canary)
	to := anna.asks(hearkeep.RequestPortability)
	if resp, _ := anna.get(to + "/sealed"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("before it was asked for: %d", resp.StatusCode)
	}
	anna.post(to+"/sealed", nil)
	resp, whole := anna.get(to + "/sealed")
	if resp.StatusCode != http.StatusOK || strings.Contains(whole, canary) || len(whole) < 1000 {
		t.Errorf("got %d, %d bytes", resp.StatusCode, len(whole))
	}
	if resp, _ := h.signIn("Anna", passphrase).get(to + "/sealed"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("another browser of hers: %d", resp.StatusCode)
	}
}

// TestOperatorHasNobodysHands: the overview has one control, which names a
// request and reasons and nothing else; it shows no name, no account, no words
// and nothing to download; and its cookie opens nobody's page.
func TestOperatorHasNobodysHands(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	rec := anna.speak(canary)
	to := anna.asks(hearkeep.RequestAccess)
	request := strings.TrimPrefix(to, "/rights/requests/")
	operator := h.stranger()
	link, err := h.desk.OperatorLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/operator", "/operator/" + strings.Repeat("a", 26)} {
		for _, who := range []*person{operator, anna} {
			if resp, _ := who.get(path); resp.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %d without a link", path, resp.StatusCode)
			}
		}
	}
	resp, _ := operator.get("/operator/" + link) // looking uses nothing up
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("the link: %d", resp.StatusCode)
	}
	resp, _ = operator.post("/operator/"+link, nil)
	wantRedirect(t, resp, "/operator")
	if resp, _ := h.stranger().post("/operator/"+link, nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("the link works twice: %d", resp.StatusCode)
	}
	resp, page := operator.get("/operator")
	want(t, resp, http.StatusOK, page, "access", "Give it two more months", request)
	who, err := h.desk.Authenticate(t.Context(), anna.cookie("hearkeep"))
	if err != nil {
		t.Fatal(err)
	}
	for _, private := range []string{"Anna", canary, "heron", who.Account().String(), anna.room().ID().String(), rec.String(), "/rights/", "/v1/", "download"} {
		if strings.Contains(page, private) {
			t.Errorf("the page shows %q", private)
		}
	}
	checkControls(t, page)
	for _, form := range []url.Values{
		{"request": {request}}, {"request": {"x"}, "reason": {"There are so many requests at once."}},
		{"request": {hearkeep.NewID[hearkeep.RequestID]().String()}, "reason": {"There are so many requests at once."}},
	} {
		if resp, page := operator.post("/operator", form); resp.StatusCode < 400 || !strings.Contains(page, `id="problem"`) {
			t.Errorf("%v: %d", form, resp.StatusCode)
		}
	}
	before, err := h.rights.Requests(t.Context(), who)
	if err != nil {
		t.Fatal(err)
	}
	const reason = "So many asked at once that it takes longer."
	resp, _ = operator.post("/operator", url.Values{"request": {request}, "reason": {reason}, "account": {"x"}, "state": {"answered"}})
	wantRedirect(t, resp, "/operator?done=extended")
	after, err := h.rights.Requests(t.Context(), who)
	if err != nil {
		t.Fatal(err)
	}
	was, is := before[0], after[0]
	if !is.Due.After(was.Due.AddDate(0, 1, 0)) || is.Reason != reason {
		t.Errorf("extended to %s for %q", is.Due, is.Reason)
	}
	was.Due, was.Extended, was.Reason = is.Due, is.Extended, is.Reason
	if !sameRequest(was, is) {
		t.Errorf("more than the clock changed: %+v, was %+v", is, was)
	}
	_, page = anna.get(to)
	if !strings.Contains(page, reason) {
		t.Error("its person is not told the reasons")
	}
	for _, row := range (&portal{}).routes() {
		if row.operator != nil || row.operating != nil || row.anyone != nil || row.scope == scopeNone && row.api != nil {
			continue
		}
		if got := operator.ask(row, rec.String(), "text/html", nil); got.Status < 300 || strings.Contains(got.Body, canary) {
			t.Errorf("%s serves an operator: %d", pattern(row), got.Status)
		}
	}
}

func sameRequest(a, b rights.Request) bool {
	return a.ID == b.ID && a.Kind == b.Kind && a.State == b.State && a.Via == b.Via && a.Received.Equal(b.Received) && a.Ended.Equal(b.Ended) && string(a.Answer) == string(b.Answer)
}

// checkControls holds each form and link of the operator's page against what
// it may have.
func checkControls(t *testing.T, page string) {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(page))
	dec.Strict, dec.Entity = false, xml.HTMLEntity
	forms, fields := 0, []string{}
	for {
		tok, err := dec.RawToken()
		if err != nil {
			break
		}
		e, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		attr := map[string]string{}
		for _, a := range e.Attr {
			attr[a.Name.Local] = a.Value
		}
		switch e.Name.Local {
		case "form":
			forms++
			if attr["action"] != "/operator" || attr["method"] != "post" {
				t.Errorf("a form goes to %s", attr["action"])
			}
		case "input", "textarea", "select":
			fields = append(fields, attr["name"])
		case "button":
			if attr["formaction"] != "" || attr["name"] != "" {
				t.Errorf("a button says more: %v", attr)
			}
		case "a":
			if !slices.Contains([]string{"/", "#content", "/claim", "/report", "/verify"}, attr["href"]) && !strings.HasPrefix(attr["href"], "/operator/") { // those before are for everybody, around each page
				t.Errorf("a link leads to %s", attr["href"])
			}
		}
	}
	slices.Sort(fields)
	if fields = slices.Compact(fields); forms == 0 || !slices.Equal(fields, []string{"reason", "request"}) {
		t.Errorf("%d forms have the fields %v, want request and reason", forms, fields)
	}
}

// TestNoOperatorsPage: where Hearkeep is not served with one, it is not there.
func TestNoOperatorsPage(t *testing.T) {
	h := newHome(t)
	link, err := h.desk.OperatorLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cookie, _, err := h.desk.UseOperatorLink(context.WithoutCancel(t.Context()), link)
	if err != nil {
		t.Fatal(err)
	}
	p := &portal{Config: Config{Identity: h.desk}}
	r, err := http.NewRequestWithContext(t.Context(), "GET", "/operator", nil)
	if err != nil {
		t.Fatal(err)
	}
	p.origin = &url.URL{Scheme: "http"}
	r.AddCookie(&http.Cookie{Name: operatorCookie, Value: cookie})
	if err := p.asOperator(r); hearkeep.CodeOf(err) != hearkeep.NotFound {
		t.Errorf("got %v, want NotFound", err)
	}
	p.Operator = true
	if err := p.asOperator(r); err != nil {
		t.Errorf("with one: %v", err)
	}
}
