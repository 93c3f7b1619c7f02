package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var keepExample = &url.URL{Scheme: "https", Host: "keep.example.com"}

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, s := range texts {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

// TestWhoTheClientIs: of what X-Forwarded-For says, only what trusted hops
// added counts.
func TestWhoTheClientIs(t *testing.T) {
	trusted := prefixes("10.0.0.0/8", "::1/128")
	for _, tc := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"no header", "10.0.0.1", nil, "10.0.0.1"},
		{"one hop", "10.0.0.1", []string{"203.0.113.7"}, "203.0.113.7"},
		{"a spoofed start", "10.0.0.1", []string{"198.51.100.1, 203.0.113.7"}, "203.0.113.7"},
		{"a trusted address spoofed", "10.0.0.1", []string{"10.0.0.9, 203.0.113.7"}, "203.0.113.7"},
		{"two proxies", "10.0.0.1", []string{"198.51.100.1, 203.0.113.7, 10.0.0.2"}, "203.0.113.7"},
		{"two headers", "10.0.0.1", []string{"198.51.100.1", "203.0.113.7,10.0.0.2"}, "203.0.113.7"},
		{"only proxies", "10.0.0.1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"from outside", "203.0.113.9", []string{"192.0.2.1"}, "203.0.113.9"},
		{"nonsense last", "10.0.0.1", []string{"192.0.2.1, unknown"}, "10.0.0.1"},
		{"nonsense behind a proxy", "10.0.0.1", []string{"192.0.2.1, x, 10.0.0.2"}, "10.0.0.2"},
		{"empty", "10.0.0.1", []string{""}, "10.0.0.1"},
		{"with a port", "10.0.0.1", []string{"203.0.113.7:4711"}, "203.0.113.7"},
		{"IPv6", "::1", []string{"2001:db8::7"}, "2001:db8::7"},
		{"IPv6 in brackets, with a port", "::1", []string{"[2001:db8::7]:80"}, "2001:db8::7"},
		{"IPv6 with a zone", "::1", []string{"fe80::7%eth0"}, "fe80::7"},
		{"mapped IPv4", "::ffff:10.0.0.1", []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
	} {
		got := clientOf(netip.MustParseAddr(tc.peer), tc.forwarded, trusted)
		if got.String() != tc.want {
			t.Errorf("%s: got %s, want %s", tc.name, got, tc.want)
		}
	}
}

func FuzzClientOf(f *testing.F) {
	f.Add("1.2.3.4, 10.0.0.1")
	f.Add("[::1]:80,,%")
	trusted := prefixes("10.0.0.0/8")
	f.Fuzz(func(t *testing.T, header string) {
		outside := netip.MustParseAddr("203.0.113.9")
		if got := clientOf(outside, []string{header}, trusted); got != outside {
			t.Errorf("a stranger's header makes them %s", got)
		}
		if got := clientOf(netip.MustParseAddr("10.0.0.1"), []string{header + ", 203.0.113.9"}, trusted); got != outside {
			t.Errorf("the proxy saw %s, got %s", outside, got)
		}
	})
}

func TestBehindAProxy(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.RemoteAddr) })
	f := &front{flags: httpsFlags{TLS: "off", BehindProxy: prefixes("192.0.2.0/28")}, origin: keepExample}
	for _, tc := range []struct {
		name, method, peer string
		header             http.Header
		status             int
		says               string
	}{
		{"the proxy", "GET", "192.0.2.1:99", http.Header{"X-Forwarded-For": {"203.0.113.7"}, "X-Forwarded-Proto": {"https"}}, 200, "203.0.113.7:0"},
		{"a silent proxy", "GET", "192.0.2.1:99", nil, 200, "192.0.2.1:0"},
		{"a stranger", "GET", "203.0.113.9:99", nil, 403, "through its proxy only"},
		{"a stranger who says to be the proxy", "GET", "203.0.113.9:99", http.Header{"X-Forwarded-For": {"192.0.2.1"}, "Forwarded": {"for=192.0.2.1"}, "X-Real-Ip": {"192.0.2.1"}}, 403, "through its proxy only"},
		{"this machine", "GET", "127.0.0.1:99", nil, 403, "through its proxy only"},
		{"other headers than the one", "GET", "192.0.2.1:99", http.Header{"Forwarded": {"for=198.51.100.1"}, "X-Real-Ip": {"198.51.100.1"}}, 200, "192.0.2.1:0"},
		{"plain http at the proxy", "GET", "192.0.2.1:99", http.Header{"X-Forwarded-Proto": {"http"}}, 307, ""},
		{"a form in plain http", "POST", "192.0.2.1:99", http.Header{"X-Forwarded-Proto": {"http"}}, 403, "https://keep.example.com"},
		{"no address", "GET", "@", nil, 403, "through its proxy only"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := httptest.NewRequest(tc.method, "/kept?before=1", nil)
			r.RemoteAddr = tc.peer
			for k, v := range tc.header {
				r.Header[k] = v
			}
			w := httptest.NewRecorder()
			f.guard(echo).ServeHTTP(w, r)
			if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.says) {
				t.Errorf("got %d %q, want %d %q", w.Code, w.Body, tc.status, tc.says)
			}
			if tc.status == 307 && w.Header().Get("Location") != "https://keep.example.com/kept?before=1" {
				t.Errorf("redirected to %q", w.Header().Get("Location"))
			}
			if got := w.Header().Get("Strict-Transport-Security") != ""; got != (tc.status == 200) {
				t.Errorf("strict transport: %t", got)
			}
		})
	}
}

// TestGuessesThroughAProxy runs the real program: who guesses is told apart
// by what the proxy saw, and inventing hops before that helps nobody.
func TestGuessesThroughAProxy(t *testing.T) {
	s, err := start(filepath.Join(t.TempDir(), "keep"), "--behind-proxy", "127.0.0.1/32", "--origin", keepExample.String())
	must(t, err)
	defer func() { s.cmd.Process.Kill() }()
	port := regexp.MustCompile(`plain http at 127\.0\.0\.1:(\d+)`).FindStringSubmatch(s.log())
	if port == nil {
		t.Fatalf("it does not say where the proxy reaches it\n%s", s.log())
	}
	ask := func(path, client string, form url.Values) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:"+port[1]+path, strings.NewReader(form.Encode()))
		must(t, err)
		req.Host = keepExample.Host
		req.Header = http.Header{
			"Content-Type": {"application/x-www-form-urlencoded"}, "Sec-Fetch-Site": {"same-origin"},
			"X-Forwarded-For": {client}, "X-Forwarded-Proto": {"https"},
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		must(t, err)
		resp.Body.Close()
		if resp.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s: no strict transport", path)
		}
		return resp.StatusCode
	}
	if got := ask(s.setup, "198.51.100.1", url.Values{"name": {"Anna"}, "passphrase": {passphrase}}); got != http.StatusOK {
		t.Fatalf("set-up: %d", got)
	}
	wrong := url.Values{"name": {"Anna"}, "passphrase": {"not the passphrase"}}
	got := 0
	for i := range 6 {
		got = ask("/sign-in", fmt.Sprintf("192.0.2.%d, 203.0.113.7", i), wrong)
	}
	if got != http.StatusTooManyRequests {
		t.Errorf("a sixth guess from one client, under invented hops: got %d, want 429", got)
	}
	if got := ask("/sign-in", "198.51.100.2", wrong); got != http.StatusUnauthorized {
		t.Errorf("a first guess from another client: got %d, want 401", got)
	}
}
