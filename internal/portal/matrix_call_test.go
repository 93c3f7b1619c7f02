package portal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/rights"
)

// path fills the pattern of a cell's row.
func (c cell) path() string {
	id, in := strings.Repeat("0", 32), c.open.String()
	if c.object != nil {
		id = c.object.id
	}
	if c.odd != "" {
		in = c.odd
	}
	if c.row.pattern == "/doors/new" {
		return "/doors/new?kind=say"
	}
	return strings.NewReplacer("{vault}", in, "{id}", id, "{secret}", id, "{$}", "", "{file}", "style.css").Replace(c.row.pattern)
}

// target is the vault that a body names.
func (c cell) target() hearkeep.VaultID {
	if c.to != nil {
		return *c.to
	}
	return own(c.caller)
}

// body is a request that is in order, so that nothing but the table refuses it.
func (w *town) body(c cell) (kind string, body []byte) {
	row := c.row
	switch {
	case row.body == 0:
		return "", nil
	case row.pattern == "/talk":
		return "audio/wav", w.speech
	case pattern(row) == "POST /recordings":
		var form bytes.Buffer
		parts := multipart.NewWriter(&form)
		part, err := parts.CreateFormFile("sound", "sound.wav")
		w.must(err)
		part.Write(w.speech)
		w.must(parts.Close())
		return parts.FormDataContentType(), form.Bytes()
	case strings.Contains(row.pattern, "/imports"):
		return w.bringBody(row)
	case row.device != nil, row.api != nil && len(row.api.takes) > 0:
		return "text/plain", []byte("what time is it")
	case row.described() != nil:
		text, err := json.Marshal(w.example(c))
		w.must(err)
		return "application/json", text
	}
	form := url.Values{
		"name": {"Rosa"}, "sure": {"yes"}, "passphrase": {"another long passphrase"}, "keep": {string(hearkeep.KeepAll)},
		"vault": {c.target().String()}, "of": {c.open.String()}, "admin": {"yes"}, "days": {"30"}, "code": {"00000000"},
		"kind": {"say"}, "address": {w.post.server.URL + "/new"}, "past": {"yes"},
	}
	if c.caller.who != nil {
		form.Set("code", w.codes[c.caller.who.account])
	}
	if row.operator != nil {
		form = w.operatorForm(c)
	}
	switch row.pattern {
	case "/account/addresses":
		form.Set("kind", "webhook")
	case "/vaults":
		form.Set("kind", "shared")
	case "/sharing/invite":
		form.Set("as", map[bool]string{true: "guardian", false: "holder"}[c.open != w.vaults["shared"] && w.isShared(c.open) && c.open != w.vaults["studio"]])
	case "/rights":
		form.Set("kind", "access")
	case "/rights/requests/{id}/erase":
		form.Set("sure", eraseWord)
	case "/recordings/{id}/words":
		form.Set("words", "what was really said")
	case "/claim":
		form = url.Values{"place": {"the hall"}, "day": {time.Now().UTC().Format(time.DateOnly)}, "from": {"00:00"}, "to": {"00:00"}, "about": {"I sang."}}
	case "/report", "/reports/new", "/recordings/{id}/not-mine", "/doors/{id}/not-mine":
		form = url.Values{"about": {"I do not know these people."}}
	case "/attest/{secret}":
		form.Set("answer", "yes")
	case "/account/language":
		form = url.Values{"language": {"nl"}}
	case "/claims/{id}":
		form.Set("how", rights.AnswerErase)
	case "/unlock":
		form = url.Values{"passphrase": {passphrase}}
	case "/sign-in":
		form = url.Values{"name": {"Sven"}, "passphrase": {"not the passphrase"}}
	}
	if row.setUp != nil || row.invited != nil {
		form.Set("name", "Newcomer")
	}
	return "application/x-www-form-urlencoded", []byte(form.Encode())
}

// example is the body of a row of the API.
func (w *town) example(c cell) any {
	id := ""
	if c.object != nil {
		id = c.object.id
	}
	rec, _ := hearkeep.ParseID[hearkeep.RecordingID](id)
	door, _ := hearkeep.ParseID[hearkeep.BindingID](id)
	switch in := example(c.row).(type) {
	case eraseJSON:
		return eraseJSON{Recordings: []hearkeep.RecordingID{rec}}
	case moveJSON:
		return moveJSON{To: c.target(), Recordings: []hearkeep.RecordingID{rec}}
	case chooseJSON:
		return chooseJSON{Vaults: []hearkeep.VaultID{own(c.caller)}}
	case toJSON:
		return toJSON{To: c.target()}
	case pauseJSON:
		return pauseJSON{Paused: true, Doors: []hearkeep.BindingID{door}}
	case secretJSON:
		return secretJSON{Secret: id}
	case nameJSON:
		return nameJSON{Name: "Rosa"}
	case newVaultJSON:
		return newVaultJSON{Name: "More", Kind: "shared"}
	case passphraseJSON:
		return passphraseJSON{Passphrase: "another long passphrase"}
	case stepUpJSON:
		return stepUpJSON{Passphrase: passphrase}
	case signInJSON:
		return signInJSON{Name: "Sven", Passphrase: "not the passphrase"}
	case newAddressJSON:
		return newAddressJSON{Kind: "webhook", Address: w.post.server.URL + "/new"}
	case codeJSON:
		if c.caller.who == nil {
			return codeJSON{Code: "00000000"}
		}
		return codeJSON{Code: w.codes[c.caller.who.account]}
	case inviteJSON:
		if c.open != w.vaults["shared"] && w.isShared(c.open) && c.open != w.vaults["studio"] {
			return inviteJSON{As: "guardian"}
		}
		return inviteJSON{As: "holder"}
	default:
		return in
	}
}

// call really calls a cell.
func (w *town) call(c cell, accept string) answerTo {
	w.t.Helper()
	kind, body := w.body(c)
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	method := c.row.method
	if method == "" {
		method = "GET"
	}
	req, err := http.NewRequestWithContext(ctx, method, w.server.URL+c.path(), bytes.NewReader(body))
	w.must(err)
	for name, values := range c.caller.header {
		req.Header[name] = values
	}
	if c.row.api == nil && c.caller.browser && c.open != own(c.caller) {
		req.Header["Cookie"] = []string{c.caller.header.Get("Cookie") + "; " + vaultCookie + "=" + c.open.String()}
	}
	req.Header.Set("Accept", accept)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := w.client().Do(req)
	w.must(err)
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") == "text/event-stream" { // it goes on for ever
		first := make([]byte, 1)
		_, err := io.ReadFull(resp.Body, first)
		w.must(err)
		cancel()
		return answerTo{resp.StatusCode, resp.Header, ""}
	}
	text, err := io.ReadAll(resp.Body)
	w.must(err)
	resp.Header.Del("Date")
	return answerTo{resp.StatusCode, resp.Header, string(text)}
}

func (w *town) client() *http.Client {
	return &http.Client{
		Transport:     w.transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// goesOnAt is where a page that asks for an unlocker goes on: it names what
// was asked for, which the caller knows.
var goesOnAt = regexp.MustCompile(`next=[^"&]*`)

// withoutNext is an answer without that.
func withoutNext(a answerTo) answerTo {
	a.Body = goesOnAt.ReplaceAllString(a.Body, "next=")
	a.Header = a.Header.Clone()
	if to := a.Header.Get("Location"); to != "" {
		a.Header.Set("Location", goesOnAt.ReplaceAllString(to, "next="))
	}
	a.Header.Del("Content-Length") // of the body without it
	return a
}

// outcomeOf reads an answer.
func outcomeOf(a answerTo) outcome {
	to := a.Header.Get("Location")
	switch {
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusSeeOther && to == "/sign-in":
		return signIn
	case a.Status == http.StatusSeeOther && strings.HasPrefix(to, "/unlock?next="),
		a.Status == http.StatusForbidden && (strings.Contains(a.Body, `"code":"step_up"`) || strings.Contains(a.Body, "/unlock?next=")):
		return unlock
	case a.Status == http.StatusForbidden:
		return refused
	case a.Status == http.StatusNotFound:
		return nowhere
	case a.Status < 400:
		return served
	}
	return outcome(fmt.Sprint(a.Status))
}
