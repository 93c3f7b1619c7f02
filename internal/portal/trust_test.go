package portal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"encoding/xml"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
)

// newRoot is the certificate of an authority that `hearkeep serve --tls local
// --origin https://keep.local:8443` made; its key was thrown away.
func newRoot(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/authority.pem")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	return block.Bytes
}

// newTrustPort serves the plain-http port; elsewhere answers 418.
func newTrustPort(t *testing.T, root []byte) *httptest.Server {
	t.Helper()
	elsewhere := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	handler, err := NewTrust(Trust{root, "https://keep.local:8443"}, elsewhere, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func fetch(t *testing.T, url string) (*http.Response, []byte) {
	t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

// TestTrustPage: over plain http the page warns of itself and shows the
// fingerprint; each file is the certificate and nothing more.
func TestTrustPage(t *testing.T) {
	root := newRoot(t)
	sum := sha256.Sum256(root)
	print := Fingerprint(root)
	if got := strings.ToLower(strings.ReplaceAll(print, ":", "")); got != hex.EncodeToString(sum[:]) || len(print) != 95 {
		t.Fatalf("got the fingerprint %s of %x", print, sum)
	}
	server := newTrustPort(t, root)
	resp, page := fetch(t, server.URL+"/trust")
	want(t, resp, http.StatusOK, string(page), "https://keep.local:8443", "This page came without encryption", print[:23], print[72:],
		"<code>local</code>, <code>home.arpa</code>,", "iPhone", "Android", "Windows", "Firefox", "19 November 2036")
	if strings.Contains(string(page), "<script>") || strings.Contains(string(page), " style=") || strings.Contains(string(page), "onclick") {
		t.Error("the page has something inline")
	}
	if got := resp.Header.Get("Content-Security-Policy"); got != csp {
		t.Errorf("the policy is %q", got)
	}

	_, der := fetch(t, server.URL+"/trust/hearkeep-ca.cer")
	_, text := fetch(t, server.URL+"/trust/hearkeep-ca.crt")
	block, rest := pem.Decode(text)
	if !bytes.Equal(der, root) || block == nil || !bytes.Equal(block.Bytes, root) || len(rest) > 0 {
		t.Error("a file is not the certificate alone")
	}
	resp, profile := fetch(t, server.URL+"/trust/hearkeep-ca.mobileconfig")
	if got := resp.Header.Get("Content-Type"); got != "application/x-apple-aspen-config" {
		t.Errorf("the profile is served as %s", got)
	}
	var plist struct {
		Data string `xml:"dict>array>dict>data"`
	}
	if err := xml.Unmarshal(profile, &plist); err != nil || plist.Data == "" || !strings.Contains(string(profile), "com.apple.security.root") {
		t.Errorf("the profile: %v\n%s", err, profile)
	}
	for path, want := range map[string]int{
		"/": http.StatusSeeOther, "/static/style.css": http.StatusOK, "/trust/ca.key": http.StatusNotFound, "/trust/../ca.key": http.StatusTeapot,
		"/sign-in": http.StatusTeapot, "/v1/pair": http.StatusTeapot, "/healthz": http.StatusTeapot, "/setup/x": http.StatusTeapot,
	} {
		if resp, _ := fetch(t, server.URL+path); resp.StatusCode != want && !(path == "/trust/../ca.key" && resp.StatusCode >= 300) {
			t.Errorf("%s: got %d, want %d", path, resp.StatusCode, want)
		}
	}
	if _, err := NewTrust(Trust{root, "http://keep.local"}, http.NotFoundHandler(), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("an origin in the clear is taken")
	}
}

// TestTrustPageNeedsAnAuthority: with a public certificate, or on loopback,
// there is nothing to trust.
func TestTrustPageNeedsAnAuthority(t *testing.T) {
	h := newHome(t)
	for _, path := range []string{"/trust", "/trust/hearkeep-ca.crt"} {
		resp, body := h.stranger().get(path)
		want(t, resp, http.StatusNotFound, body, "There is nothing here")
	}
}

// TestMobileconfigEscapesItsHost: a host is the operator's, and still no markup.
func TestMobileconfigEscapesItsHost(t *testing.T) {
	profile := mobileconfig([]byte("x"), "<&>")
	if err := xml.Unmarshal(profile, new(struct{})); err != nil || bytes.Contains(profile, []byte("<&>")) {
		t.Errorf("%v\n%s", err, profile)
	}
}

// TestTrustPageInChromium opens every device's steps, without scripts, in both
// schemes and on a phone's width.
func TestTrustPageInChromium(t *testing.T) {
	server := newTrustPort(t, newRoot(t))
	b := newBrowser(t, server.URL)
	send(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.open("/")
	b.until(`location.pathname === "/trust"`)
	if n := eval[int](b, `document.querySelectorAll("details").forEach(d => d.open = true), document.querySelectorAll("details[open]").length`); n != 5 {
		t.Errorf("%d kinds of devices, want 5", n)
	}
	b.shoot("trust")
}
