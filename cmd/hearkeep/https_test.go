package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/portal"
)

// TestWaysThatAreTaken: what would be served in the clear, or under no usable
// name, is refused before a port is bound.
func TestWaysThatAreTaken(t *testing.T) {
	acme := httpsFlags{TLS: "acme", ACMEEmail: "a@example.com"}
	own := httpsFlags{TLS: "acme", ACMEEmail: "a@example.com", ACMEDirectory: "https://ca.internal/dir"}
	local, off, proxy := httpsFlags{TLS: "local"}, httpsFlags{TLS: "off"}, httpsFlags{TLS: "off", BehindProxy: prefixes("10.0.0.1/32")}
	for _, tc := range []struct {
		name         string
		flags        httpsFlags
		host, origin string
		want         string // the origin, or part of the refusal
	}{
		{"loopback", off, "127.0.0.1", "", "-"},
		{"loopback by name", off, "localhost", "http://127.0.0.1:8484", "http://127.0.0.1:8484"},
		{"loopback, IPv6", off, "::1", "", "-"},
		{"the network in the clear", off, "0.0.0.0", "", "needs HTTPS"},
		{"all interfaces in the clear", off, "", "", "needs HTTPS"},
		{"a name in the clear", off, "keep.local", "", "needs HTTPS"},
		{"the network in the clear, said to be https", off, "192.168.1.5", "https://keep.local", "needs HTTPS"},
		{"loopback, said to be https", off, "127.0.0.1", "https://keep.example.com", "must be http on this machine"},
		{"loopback, said to be elsewhere", off, "127.0.0.1", "http://keep.local:8484", "must be http on this machine"},
		{"local", local, "0.0.0.0", "https://keep.local:8443", "https://keep.local:8443"},
		{"local, with a slash and capitals", local, "0.0.0.0", "https://Keep.local:8443/", "https://keep.local:8443"},
		{"local at the usual port", local, "0.0.0.0", "https://[fd12::5]:443", "https://[fd12::5]"},
		{"local by address", local, "0.0.0.0", "https://192.168.1.5:8443", "https://192.168.1.5:8443"},
		{"local without an origin", local, "0.0.0.0", "", "--origin must say"},
		{"local in the clear", local, "0.0.0.0", "http://keep.local:8443", "must be https"},
		{"local, a path", local, "0.0.0.0", "https://keep.local/x", "is not an origin"},
		{"local, no host", local, "0.0.0.0", "https://:8443", "is not an origin"},
		{"acme", acme, "0.0.0.0", "https://keep.example.com", "https://keep.example.com"},
		{"acme for an address", acme, "0.0.0.0", "https://203.0.113.7", "No public authority"},
		{"acme for a private name", acme, "0.0.0.0", "https://keep.local", "No public authority"},
		{"acme for a private name, own directory", own, "0.0.0.0", "https://keep.internal", "https://keep.internal"},
		{"acme without an address", httpsFlags{TLS: "acme"}, "0.0.0.0", "https://keep.example.com", "needs --acme-email"},
		{"proxy", proxy, "0.0.0.0", "https://keep.example.com", "https://keep.example.com"},
		{"proxy in the clear", proxy, "0.0.0.0", "http://keep.example.com", "must be https"},
		{"proxy in the clear on loopback", proxy, "127.0.0.1", "http://localhost:8484", "must be https"},
		{"proxy without an origin", proxy, "127.0.0.1", "", "--origin must say"},
		{"everybody a proxy", httpsFlags{TLS: "off", BehindProxy: prefixes("10.0.0.1/32", "0.0.0.0/0")}, "0.0.0.0", "https://keep.example.com", "is everybody"},
		{"proxy and local", httpsFlags{TLS: "local", BehindProxy: proxy.BehindProxy}, "0.0.0.0", "https://keep.local", "exclude each other"},
		{"a trust port without local", httpsFlags{TLS: "off", TrustListen: ":80"}, "127.0.0.1", "", "goes with --tls local"},
		{"acme's port with local", httpsFlags{TLS: "local", ACMEHTTP: ":80"}, "0.0.0.0", "https://keep.local", "goes with --tls acme"},
	} {
		got, err := tc.flags.check(tc.host, "8443", tc.origin)
		switch {
		case err != nil:
			if hearkeep.CodeOf(err) != hearkeep.Invalid || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
			}
		case got == nil && tc.want != "-", got != nil && got.String() != tc.want:
			t.Errorf("%s: got %v, want %q", tc.name, got, tc.want)
		}
	}
}

// TestSettingsOfHTTPS: every flag is a key of the settings file, too.
func TestSettingsOfHTTPS(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "settings.yaml")
	must(t, os.WriteFile(file, []byte("listen: 0.0.0.0:0\nbehind-proxy: [192.0.2.0/28, '2001:db8::/64']\norigin: http://keep.example.com\n"), 0o600))
	out, err := exec.Command(program, "serve", "--keep", filepath.Join(dir, "keep"), "--config", file).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "http://keep.example.com must be https") {
		t.Errorf("got %v\n%s", err, out)
	}
	must(t, os.WriteFile(file, []byte("behind-proxy: nonsense\n"), 0o600))
	if out, err := exec.Command(program, "serve", "--config", file).CombinedOutput(); err == nil || !strings.Contains(string(out), "behind-proxy") {
		t.Errorf("got %v\n%s", err, out)
	}
}

func TestStrictTransportIsForNamesThatEverybodyTrusts(t *testing.T) {
	l := newLocalTLS(t, t.TempDir(), "keep.local")
	for _, tc := range []struct {
		name   string
		front  *front
		origin string
		want   bool
	}{
		{"acme", &front{acme: &acmeTLS{}}, "https://keep.example.com", true},
		{"acme, a private name", &front{acme: &acmeTLS{}}, "https://keep.internal", false},
		{"local", &front{local: l}, "https://keep.local:8443", false},
		{"local, an address", &front{local: l}, "https://192.168.1.5:8443", false},
		{"loopback", &front{}, "http://localhost:8484", false},
	} {
		tc.front.origin, _ = url.Parse(tc.origin)
		w := httptest.NewRecorder()
		tc.front.guard(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("GET", tc.origin+"/", nil))
		if got := w.Header().Get("Strict-Transport-Security") != ""; got != tc.want {
			t.Errorf("%s: got %t, want %t", tc.name, got, tc.want)
		}
	}
}

func TestRedirectsStayHere(t *testing.T) {
	for target, want := range map[string]string{
		"/": "https://keep.example.com/", "/a%2Fb?c=d": "https://keep.example.com/a/b?c=d",
		"//evil.example/x": "https://keep.example.com/evil.example/x", "/@evil.example": "https://keep.example.com/@evil.example",
	} {
		r := httptest.NewRequest("GET", "http://x/", nil)
		r.URL, _ = url.ParseRequestURI(target)
		w := httptest.NewRecorder()
		toOrigin(keepExample).ServeHTTP(w, r)
		if got := w.Header().Get("Location"); w.Code != http.StatusTemporaryRedirect || got != want {
			t.Errorf("%s: got %d %q, want %q", target, w.Code, got, want)
		}
	}
	r := httptest.NewRequest("GET", "http://x/", nil)
	r.URL = &url.URL{Opaque: "@evil.example"}
	w := httptest.NewRecorder()
	toOrigin(keepExample).ServeHTTP(w, r)
	if got := w.Header().Get("Location"); got != "https://keep.example.com/" {
		t.Errorf("an opaque address: got %q", got)
	}
}

// TestOtherNamesOfTheMachine: pages lead to the origin, devices are answered.
func TestOtherNamesOfTheMachine(t *testing.T) {
	l := newLocalTLS(t, t.TempDir(), "keep.local")
	origin := &url.URL{Scheme: "https", Host: "keep.local:8443"}
	handler := l.atOrigin(origin, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Host) }))
	for _, tc := range []struct {
		method, url string
		status      int
		want        string
	}{
		{"GET", "https://keep.local:8443/kept", 200, "keep.local:8443"},
		{"GET", "https://192.168.1.5:8443/kept", 307, "https://keep.local:8443/kept"},
		{"GET", "https://[fd12::5]:8443/", 307, "https://keep.local:8443/"},
		{"GET", "https://KITCHEN.local/", 307, "https://keep.local:8443/"},
		{"POST", "https://192.168.1.5:8443/sign-in", 403, ""},
		{"POST", "https://192.168.1.5:8443/v1/say", 200, "keep.local:8443"},
		{"GET", "https://evil.example/", 200, "evil.example"},        // the portal refuses it
		{"POST", "https://evil.example/v1/say", 200, "evil.example"}, // likewise
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(tc.method, tc.url, nil))
		got := w.Body.String()
		if tc.status == 307 {
			got = w.Header().Get("Location")
		}
		if w.Code != tc.status || !strings.Contains(got, tc.want) {
			t.Errorf("%s %s: got %d %q, want %d %q", tc.method, tc.url, w.Code, got, tc.status, tc.want)
		}
	}
}

// freePort is a port that nobody has at this moment.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return portOf(l)
}

// trusting makes a browser that trusts some roots, and finds every name here.
func (s *server) trusting(roots *x509.CertPool) *browser {
	b := s.browser()
	b.client.Transport = &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		Dial: func(network, addr string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			return net.Dial(network, "127.0.0.1:"+port)
		},
	}
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return b
}

// TestLocalAuthority runs the real program with an authority of its own, and
// walks the way of a phone and of a terminal. Then the keep moves.
func TestLocalAuthority(t *testing.T) {
	keep := filepath.Join(t.TempDir(), "keep")
	port, trust := freePort(t), freePort(t)
	// The origin is an address so that the terminal, a process of its own, finds it.
	origin := fmt.Sprintf("https://127.0.0.1:%d", port)
	args := []string{"--tls", "local", "--listen", fmt.Sprintf("127.0.0.1:%d", port), "--origin", origin, "--trust-listen", fmt.Sprintf("127.0.0.1:%d", trust)}
	s, err := start(keep, args...)
	must(t, err)
	defer func() { s.cmd.Process.Kill() }()
	if s.url != origin {
		t.Fatalf("it answers at %s, want %s", s.url, origin)
	}

	// Before it trusts: a warning over https, and the page over plain http.
	if _, _, err := s.browser().get("/sign-in"); err == nil {
		t.Error("a browser that trusts nothing of ours opens the portal")
	}
	plain := s.trusting(nil)
	plain.server = &server{url: fmt.Sprintf("http://127.0.0.1:%d", trust)}
	status, page, err := plain.get("/trust")
	if err != nil || status != http.StatusOK || !strings.Contains(page, "This page came without encryption") {
		t.Errorf("the trust page: %d, %v", status, err)
	}
	for path, want := range map[string]int{"/": 303, "/sign-in": 307, "/v1/say": 307, "/setup/x": 307} {
		if status, _, err := plain.get(path); err != nil || status != want {
			t.Errorf("%s in plain http: got %d %v, want %d", path, status, err, want)
		}
	}
	if status, _, err := plain.post("/sign-in", url.Values{"name": {"Anna"}}); err != nil || status != http.StatusForbidden {
		t.Errorf("a form in plain http: got %d %v, want 403", status, err)
	}
	status, der, err := plain.get("/trust/hearkeep-ca.cer")
	if err != nil || status != http.StatusOK {
		t.Fatalf("the certificate: %d, %v", status, err)
	}
	print := strings.Split(portal.Fingerprint([]byte(der)), ":")
	for _, half := range []string{strings.Join(print[:16], ":"), strings.Join(print[16:], ":")} {
		if !strings.Contains(s.log(), half) {
			t.Errorf("the terminal does not print the fingerprint %s", half)
		}
	}

	// After: set-up, a terminal with the certificate, and one without.
	b := s.trusting(poolOf(t, []byte(der)))
	if status, _, err = b.post(s.setup, url.Values{"name": {"Anna"}, "passphrase": {passphrase}}); err != nil || status != http.StatusOK {
		t.Fatalf("set-up: %d, %v", status, err)
	}
	if _, page, err = b.get("/"); err != nil {
		t.Fatal(err)
	}
	line := pairLine.FindStringSubmatch(page)
	if line == nil {
		t.Fatalf("no line to paste on %s\n%s", page, s.log())
	}
	h := &house{server: s, device: filepath.Join(t.TempDir(), "device.json")}
	if out, code := h.run("pair", line[1], line[2]); code != exitUnreachable || !strings.Contains(out, "--ca") {
		t.Errorf("a terminal without the certificate: exit %d\n%s", code, out)
	}
	crt := filepath.Join(t.TempDir(), "hearkeep-ca.crt")
	_, text, err := plain.get("/trust/hearkeep-ca.crt")
	must(t, err)
	must(t, os.WriteFile(crt, []byte(text), 0o600))
	if out, code := h.run("pair", line[1], line[2], "--ca", crt); code != 0 {
		t.Errorf("a terminal with it: exit %d\n%s", code, out)
	}
	if out, code := h.run("say", "what time is it"); code != 0 {
		t.Errorf("say: exit %d\n%s", code, out)
	}

	// Back to plain loopback: refused without the flag, loud with it.
	must(t, s.stop(syscall.SIGTERM))
	if _, err := start(keep); err == nil || !strings.Contains(err.Error(), "--change-origin") || !strings.Contains(err.Error(), origin) {
		t.Errorf("another origin: got %v", err)
	}
	if s, err = start(keep, args...); err != nil {
		t.Fatalf("the same origin: %v", err)
	}
	must(t, s.stop(syscall.SIGTERM))
	if s, err = start(keep, "--change-origin"); err != nil {
		t.Fatalf("another origin, meant: %v", err)
	}
	if !strings.Contains(s.log(), "WARNING: the origin changes from "+origin) {
		t.Error("no warning")
	}
	must(t, s.stop(syscall.SIGTERM))
	if s, err = start(keep); err != nil { // another port of the same host
		t.Fatalf("another port: %v", err)
	}
	link, err := exec.Command(program, "setup-link", "--keep", keep).CombinedOutput()
	if err != nil || !strings.Contains(string(link), s.url+"/setup/") {
		t.Errorf("setup-link: %v\n%s, want it at %s", err, link, s.url)
	}
	must(t, s.stop(syscall.SIGTERM))
}

func TestNamesOfThisMachine(t *testing.T) {
	for name, want := range map[string]bool{
		"keep.example.com": true, "keep": false, "keep.local": false, "localhost": false, "192.168.1.5": false, "::1": false, "a.home.arpa": false, "notlocal.example": true,
	} {
		if got := realName(name); got != want {
			t.Errorf("realName(%q) = %t, want %t", name, got, want)
		}
	}
	host, addrs := thisMachine()
	for _, a := range addrs {
		if !a.IsValid() || a.IsLoopback() || a.Is4In6() {
			t.Errorf("%s is listed", a)
		}
	}
	if label, tail, _ := strings.Cut(localName(), "."); label == "" || tail != "local" {
		t.Errorf("%q is called %q in the network", host, localName())
	}
}
