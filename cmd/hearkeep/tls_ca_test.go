package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearkeep/hearkeep"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// kitchen is a machine in a home, with an address that the internet sees.
func kitchen() (string, []netip.Addr) {
	return "kitchen", []netip.Addr{netip.MustParseAddr("192.168.1.5"), netip.MustParseAddr("fd12::5"), netip.MustParseAddr("fe80::5%eth0"), netip.MustParseAddr("2a01:db8::5")}
}

func newLocalTLS(t *testing.T, folder, host string) *localTLS {
	t.Helper()
	l, err := openLocalTLS(folder, host, kitchen, quiet())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func poolOf(t *testing.T, der ...[]byte) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	for _, d := range der {
		c, err := x509.ParseCertificate(d)
		if err != nil {
			t.Fatal(err)
		}
		pool.AddCert(c)
	}
	return pool
}

// TestDevicesTrustTheKeepAlone: a device that trusts the root reaches the keep
// under each of its names, and one that does not reaches it under none.
func TestDevicesTrustTheKeepAlone(t *testing.T) {
	l, other := newLocalTLS(t, t.TempDir(), "keep.local"), newLocalTLS(t, t.TempDir(), "keep.local")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }))
	server.Listener = tls.NewListener(server.Listener, &tls.Config{GetCertificate: l.certificate})
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.Start()
	defer server.Close()
	for _, tc := range []struct {
		name  string
		trust *x509.CertPool // nil: the system's
		host  string
		want  bool
	}{
		{"the origin", poolOf(t, l.ca.root), "keep.local", true},
		{"the machine's name", poolOf(t, l.ca.root), "kitchen", true},
		{"its name in the network", poolOf(t, l.ca.root), "kitchen.local", true},
		{"its address", poolOf(t, l.ca.root), "192.168.1.5", true},
		{"its private IPv6 address", poolOf(t, l.ca.root), "fd12::5", true},
		{"another name", poolOf(t, l.ca.root), "router.local", false},
		{"a public address", poolOf(t, l.ca.root), "2a01:db8::5", false},
		{"the system's trust", nil, "keep.local", false},
		{"another keep's authority", poolOf(t, other.ca.root), "keep.local", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conn, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{RootCAs: tc.trust, ServerName: tc.host})
			if err == nil {
				if v := conn.ConnectionState().Version; v != tls.VersionTLS13 {
					t.Errorf("got TLS version %x, want 1.3", v)
				}
				conn.Close()
			}
			if (err == nil) != tc.want {
				t.Errorf("got %v, want trust %t", err, tc.want)
			}
		})
	}
	if _, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{RootCAs: poolOf(t, l.ca.root), ServerName: "keep.local", MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

// TestStolenKeyVouchesForNothingPublic uses the key as a thief would. What is
// forged is refused by Go and by OpenSSL, and the twin inside the constraints
// is not, so the refusals are theirs.
func TestStolenKeyVouchesForNothingPublic(t *testing.T) {
	folder := t.TempDir()
	l := newLocalTLS(t, folder, "keep.local")
	roots := filepath.Join(folder, "root.pem")
	must(t, os.WriteFile(roots, certPEM(l.ca.root), 0o600))
	issuer := filepath.Join(folder, "issuer.pem")
	must(t, os.WriteFile(issuer, certPEM(l.ca.issuer.Raw), 0o600))
	for host, want := range map[string]bool{
		"other.local": true, "10.1.2.3": true, "fd00::1": true,
		"bank.example": false, "keep.local.evil.example": false, "notlocal": false, "8.8.8.8": false, "2a01::1": false,
	} {
		cert, err := l.ca.issue([]string{host}, time.Now())
		must(t, err)
		inter := x509.NewCertPool()
		inter.AddCert(l.ca.issuer)
		_, err = cert.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: poolOf(t, l.ca.root), Intermediates: inter})
		if (err == nil) != want {
			t.Errorf("%s: Go says %v, want trust %t", host, err, want)
		}
		forged := filepath.Join(folder, "forged.pem")
		must(t, os.WriteFile(forged, certPEM(cert.Certificate[0]), 0o600))
		out, err := exec.Command("openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", roots, "-untrusted", issuer, forged).CombinedOutput()
		if (err == nil) != want || !want && !strings.Contains(string(out), "permitted subtree violation") {
			t.Errorf("%s: OpenSSL says %s, want trust %t", host, out, want)
		}
	}
	for _, der := range [][]byte{l.ca.root, l.ca.issuer.Raw} { // clients may ignore a root's
		c, err := x509.ParseCertificate(der)
		must(t, err)
		if !c.PermittedDNSDomainsCritical || len(c.PermittedDNSDomains) == 0 || len(c.PermittedIPRanges) != len(privateNetworks) {
			t.Errorf("%s is not constrained", c.Subject)
		}
	}
	// An authority below it is refused by its length of path.
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	below := authority("below", "keep.local", "", time.Now())
	der, err := x509.CreateCertificate(rand.Reader, below, l.ca.issuer, key.Public(), l.ca.key)
	must(t, err)
	below, err = x509.ParseCertificate(der)
	must(t, err)
	cert, err := (&ca{l.ca.root, below, key}).issue([]string{"x.local"}, time.Now())
	must(t, err)
	inter := x509.NewCertPool()
	inter.AddCert(l.ca.issuer)
	inter.AddCert(below)
	if _, err := cert.Leaf.Verify(x509.VerifyOptions{DNSName: "x.local", Roots: poolOf(t, l.ca.root), Intermediates: inter}); err == nil {
		t.Error("an authority made by the thief is trusted")
	}
}

func TestTheAuthorityStaysTheSame(t *testing.T) {
	folder := t.TempDir()
	a, b := newLocalTLS(t, folder, "keep.local"), newLocalTLS(t, folder, "keep.home")
	if string(a.ca.root) != string(b.ca.root) {
		t.Error("a restart made another authority")
	}
	if string(a.current.Load().cert.Certificate[0]) == string(b.current.Load().cert.Certificate[0]) {
		t.Error("a leaf's key outlived the program")
	}
	info, err := os.Stat(filepath.Join(folder, fileCAKey))
	must(t, err)
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("ca.key has mode %o, want 600", got)
	}
}

// TestAuthoritiesThatAreRefused says of each what a person can do.
func TestAuthoritiesThatAreRefused(t *testing.T) {
	for _, tc := range []struct {
		name, host string
		spoil      func(t *testing.T, key, certs string)
		want       string
	}{
		{"a key that others may read", "keep.local", func(t *testing.T, key, _ string) { must(t, os.Chmod(key, 0o640)) }, "Other users of this machine may read"},
		{"a lost key", "keep.local", func(t *testing.T, key, _ string) { must(t, os.Remove(key)) }, "is missing"},
		{"another's key", "keep.local", func(t *testing.T, key, _ string) {
			other := t.TempDir()
			newLocalTLS(t, other, "keep.local")
			data, err := os.ReadFile(filepath.Join(other, fileCAKey))
			must(t, err)
			must(t, os.WriteFile(key, data, 0o600))
		}, "does not fit"},
		{"damaged certificates", "keep.local", func(t *testing.T, _, certs string) { must(t, os.WriteFile(certs, []byte("x"), 0o600)) }, "is damaged"},
		{"a name that it may not vouch for", "keep.example.com", func(*testing.T, string, string) {}, "may not vouch for keep.example.com"},
		{"a public address", "8.8.8.8", func(*testing.T, string, string) {}, "may not vouch for 8.8.8.8"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			folder := t.TempDir()
			newLocalTLS(t, folder, "keep.local")
			tc.spoil(t, filepath.Join(folder, fileCAKey), filepath.Join(folder, fileCACerts))
			_, err := openLocalTLS(folder, tc.host, kitchen, quiet())
			var told *hearkeep.Error
			if !errors.As(err, &told) || !strings.Contains(told.Message, tc.want) || told.Hint == "" {
				t.Errorf("got %v, want %q and a hint", err, tc.want)
			}
		})
	}
	if _, err := openLocalTLS(t.TempDir(), "8.8.8.8", kitchen, quiet()); hearkeep.CodeOf(err) != hearkeep.Invalid {
		t.Errorf("a new authority for a public address: got %v", err)
	}
	// A name of one's own is vouched for if the authority was made for it.
	if l := newLocalTLS(t, t.TempDir(), "keep.example.com"); !l.ca.vouchesFor("keep.example.com") || l.ca.vouchesFor("example.com") {
		t.Error("an authority made for keep.example.com vouches for it and not for example.com: got otherwise")
	}
	folder := t.TempDir()
	newLocalTLS(t, folder, "keep.local")
	if _, err := loadOrCreateCA(folder, "keep.local", "", time.Now().Add(caLife+time.Hour)); hearkeep.CodeOf(err) != hearkeep.Conflict {
		t.Errorf("after ten years: got %v", err)
	}
}

func TestWhenALeafIsDue(t *testing.T) {
	l := newLocalTLS(t, t.TempDir(), "keep.local")
	c := l.current.Load()
	made := c.cert.Leaf.NotBefore.Add(backdate)
	for _, tc := range []struct {
		name  string
		leaf  *leaf
		hosts []string
		after time.Duration
		want  bool
	}{
		{"none yet", nil, c.hosts, 0, true},
		{"fresh", c, c.hosts, 0, false},
		{"a day before two thirds", c, c.hosts, 59 * 24 * time.Hour, false},
		{"at two thirds", c, c.hosts, 60 * 24 * time.Hour, true},
		{"other addresses", c, append([]string{"192.168.9.9"}, c.hosts...), 0, true},
		{"fewer addresses", c, c.hosts[1:], 0, true},
	} {
		if got := tc.leaf.due(tc.hosts, made.Add(tc.after)); got != tc.want {
			t.Errorf("%s: got %t, want %t", tc.name, got, tc.want)
		}
	}
}

// TestCertificatesAreRenewed lets half a year and a move pass.
func TestCertificatesAreRenewed(t *testing.T) {
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var addr atomic.Pointer[netip.Addr]
		move := func(to string) { a := netip.MustParseAddr(to); addr.Store(&a) }
		move("192.168.1.5")
		machine := func() (string, []netip.Addr) { return "kitchen", []netip.Addr{*addr.Load()} }
		l, err := openLocalTLS(folder, "keep.local", machine, quiet())
		must(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.run(ctx) }()
		first := l.current.Load().cert
		for range 180 {
			time.Sleep(24 * time.Hour)
			synctest.Wait()
			if leaf := l.current.Load().cert.Leaf; time.Until(leaf.NotAfter) < 29*24*time.Hour {
				t.Fatalf("a leaf with %s left is served", time.Until(leaf.NotAfter))
			}
		}
		if l.current.Load().cert == first {
			t.Error("half a year later the first leaf is served")
		}
		move("192.168.77.1")
		time.Sleep(time.Minute)
		synctest.Wait()
		if err := l.current.Load().cert.Leaf.VerifyHostname("192.168.77.1"); err != nil {
			t.Error(err)
		}
		if err := l.current.Load().cert.Leaf.VerifyHostname("192.168.1.5"); err == nil {
			t.Error("the address of before the move is still named")
		}
		cancel()
		must(t, <-ended)
	})
}

func TestTablesOfPrivateNetworks(t *testing.T) {
	for i, n := range networks() {
		if n == nil {
			t.Errorf("%q is no network", privateNetworks[i])
		} else if ip := net.IP(n.IP); !(ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || n.String() == "100.64.0.0/10" || n.String() == "fc00::/7") {
			t.Errorf("%s is public", n)
		}
	}
}
