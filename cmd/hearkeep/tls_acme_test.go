package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	pebbleca "github.com/letsencrypt/pebble/v2/ca"
	pebbledb "github.com/letsencrypt/pebble/v2/db"
	pebbleva "github.com/letsencrypt/pebble/v2/va"
	pebblewfe "github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
	"go.uber.org/zap"
)

const acmeName = "keep.example.com"

// pebble is a public authority on loopback, as Let's Encrypt makes it for
// tests, with a DNS in which every name is this machine.
type pebble struct {
	server *httptest.Server
	ca     *pebbleca.CAImpl
	roots  string // a PEM file that vouches for its directory
}

func newPebble(t *testing.T, httpPort, tlsPort int) *pebble {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	quiet := log.New(new(bytes.Buffer), "", 0)
	db := pebbledb.NewMemoryStore()
	p := &pebble{ca: pebbleca.New(quiet, db, "", "ecdsa", 0, 1, map[string]pebbleca.Profile{"default": {Description: "default"}})}
	va := pebbleva.New(quiet, httpPort, tlsPort, false, newDNS(t), db)
	wfe := pebblewfe.New(quiet, db, va, p.ca, []string{"pebble.example"}, false, false, 0, 0)
	p.server = httptest.NewTLSServer(wfe.Handler())
	t.Cleanup(p.server.Close)
	p.roots = filepath.Join(t.TempDir(), "roots.pem")
	must(t, os.WriteFile(p.roots, certPEM(p.server.Certificate().Raw), 0o600))
	return p
}

// newDNS answers for every name that it is 127.0.0.1, and returns its address.
func newDNS(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // pebble asks over TCP
	must(t, err)
	server := &dns.Server{Listener: listener, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 1)})
		}
		w.WriteMsg(m)
	})}
	go server.ActivateAndServe()
	t.Cleanup(func() { server.Shutdown() })
	return listener.Addr().String()
}

// trusted is the pool of what the authority's certificates lead to.
func (p *pebble) trusted(t *testing.T) *x509.CertPool {
	t.Helper()
	block, _ := pem.Decode(p.ca.GetRootCert(0).PEM())
	return poolOf(t, block.Bytes)
}

// TestACME runs the real program against pebble, by either challenge, and
// then without the authority: the certificate is in the keep.
func TestACME(t *testing.T) {
	for _, challenge := range []string{"tls-alpn-01", "http-01"} {
		t.Run(challenge, func(t *testing.T) {
			keep := filepath.Join(t.TempDir(), "keep")
			port, plain, nobody := freePort(t), freePort(t), freePort(t)
			args := []string{
				"--tls", "acme", "--acme-email", "anna@example.com", "--listen", fmt.Sprintf("127.0.0.1:%d", port),
				"--origin", fmt.Sprintf("https://%s:%d", acmeName, port),
			}
			httpPort, tlsPort := nobody, port
			if challenge == "http-01" {
				httpPort, tlsPort = plain, nobody
				args = append(args, "--acme-http", fmt.Sprintf("127.0.0.1:%d", plain))
			}
			p := newPebble(t, httpPort, tlsPort)
			args = append(args, "--acme-directory", p.server.URL+"/dir", "--acme-ca-root", p.roots)
			s, err := start(keep, args...)
			must(t, err)
			defer func() { s.cmd.Process.Kill() }()
			serial := s.eventuallyTrusted(t, p.trusted(t))
			if _, _, err := s.browser().get("/sign-in"); err == nil {
				t.Error("a browser that does not trust the authority opens the portal")
			}
			if challenge == "http-01" {
				b := s.trusting(nil)
				b.server = &server{url: fmt.Sprintf("http://127.0.0.1:%d", plain)}
				if status, _, err := b.get("/sign-in"); err != nil || status != 307 {
					t.Errorf("plain http: got %d %v, want a redirect", status, err)
				}
			}
			must(t, s.stop(syscall.SIGTERM))
			p.server.Close()
			if s, err = start(keep, args...); err != nil {
				t.Fatal(err)
			}
			if again := s.eventuallyTrusted(t, p.trusted(t)); again != serial {
				t.Error("a restart without the authority serves another certificate")
			}
			must(t, s.stop(syscall.SIGTERM))
			if strings.Contains(s.log(), "anna@example.com") {
				t.Error("the log holds the account's address")
			}
			must(t, filepath.WalkDir(filepath.Join(keep, dirACME), func(path string, e fs.DirEntry, err error) error {
				if info, e := os.Stat(path); e == nil && info.Mode().Perm()&0o077 != 0 {
					t.Errorf("%s has mode %o", path, info.Mode().Perm())
				}
				return err
			}))
		})
	}
}

// eventuallyTrusted waits until a browser that trusts roots opens the portal,
// and returns the serial number of the certificate that it was shown.
func (s *server) eventuallyTrusted(t *testing.T, roots *x509.CertPool) string {
	t.Helper()
	b := s.trusting(roots)
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		resp, e := b.client.Get(s.url + "/sign-in")
		if err = e; e != nil {
			continue
		}
		resp.Body.Close()
		if resp.Header.Get("Strict-Transport-Security") == "" {
			t.Error("no strict transport under a name that everybody trusts")
		}
		return resp.TLS.PeerCertificates[0].SerialNumber.String()
	}
	t.Fatalf("the portal's certificate is not trusted: %v\n%s", err, s.log())
	return ""
}

// TestBridge: the library's everyday messages are for debugging, its warnings
// reach the operator with their fields.
func TestBridge(t *testing.T) {
	var out bytes.Buffer
	log := zap.New(bridge{slog.NewTextHandler(&out, nil), nil}).With(zap.String("name", acmeName))
	log.Info("everyday")
	log.Warn("odd", zap.Int("attempt", 2))
	log.Error("bad")
	got := out.String()
	if strings.Contains(got, "everyday") || !strings.Contains(got, `level=WARN msg=odd name=keep.example.com attempt=2`) || !strings.Contains(got, "level=ERROR msg=bad name=keep.example.com") {
		t.Errorf("got %s", got)
	}
}
