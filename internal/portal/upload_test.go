package portal

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/hearkeep/hearkeep"
)

// TestUpload gives files to the form: one that is kept, and what cannot be.
func TestUpload(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	h.engine.hears(canary)
	resp, body := anna.upload("sound", "speech.wav", h.speech)
	if resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("got status %d: %s", resp.StatusCode, body)
	}
	_, body = anna.get(resp.Header.Get("Location"))
	want(t, nil, 0, body, canary, "Uploads")
	for _, bad := range []struct {
		name, field string
		data        []byte
		status      int
		says        string
	}{
		{"empty", "sound", nil, http.StatusUnprocessableEntity, ""},
		{"not sound", "sound", []byte("<html>hello</html>"), http.StatusUnprocessableEntity, ""},
		{"another field", "other", h.speech, http.StatusUnprocessableEntity, "No file was given"},
		{"truncated", "sound", h.speech[:60], http.StatusUnprocessableEntity, ""},
		{"enormous", "sound", make([]byte, uploadBytes+1), http.StatusRequestEntityTooLarge, "too large: at most"},
	} {
		resp, body := anna.upload(bad.field, "x.wav", bad.data)
		if resp.StatusCode != bad.status || !strings.Contains(body, bad.says) {
			t.Errorf("%s: status %d, want %d saying %q", bad.name, resp.StatusCode, bad.status, bad.says)
		}
	}
	silence := make([]byte, len(h.speech))
	copy(silence, h.speech[:44])
	resp, body = anna.upload("sound", "silence.wav", silence)
	want(t, resp, http.StatusOK, body, "Nothing was kept")
	if resp, _ := anna.post("/recordings", url.Values{"sound": {"x"}}); resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a form without a file: status %d", resp.StatusCode)
	}
	if n := anna.count(); n != 1 {
		t.Errorf("%d recordings are kept, want 1", n)
	}
}

// upload posts one file as a form does.
func (p *person) upload(field, name string, data []byte) (*http.Response, string) {
	p.t.Helper()
	return p.uploadTo("/recordings", field, name, data)
}

// uploadTo is upload by the form of a page.
func (p *person) uploadTo(to, field, name string, data []byte) (*http.Response, string) {
	p.t.Helper()
	var buf bytes.Buffer
	form := multipart.NewWriter(&buf)
	part, err := form.CreateFormFile(field, name)
	if err == nil {
		_, err = part.Write(data)
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(p.t.Context(), "POST", p.home.server.URL+to, &buf)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	return p.send(req)
}

// FuzzFormFile: whatever arrives as a form, the answer is a sentence.
func FuzzFormFile(f *testing.F) {
	f.Add("multipart/form-data; boundary=b", []byte("--b\r\nContent-Disposition: form-data; name=\"sound\"; filename=\"x\"\r\n\r\nhello\r\n--b--\r\n"))
	f.Add("multipart/form-data; boundary=b", []byte("--b\r\n\r\n"))
	f.Add("multipart/form-data", []byte("--"))
	f.Add("text/plain", []byte{})
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		r := &http.Request{Method: "POST", Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(bytes.NewReader(body))}
		data, err := formFile(r, "sound")
		if err != nil && hearkeep.CodeOf(err) != hearkeep.Invalid && hearkeep.CodeOf(err) != hearkeep.TooLarge {
			t.Errorf("failed with %s", hearkeep.CodeOf(err))
		}
		if err == nil && len(data) > len(body) {
			t.Errorf("%d bytes came out of %d", len(data), len(body))
		}
	})
}
