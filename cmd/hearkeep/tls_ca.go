package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
)

// How long certificates are valid. A leaf is made anew after two thirds.
const (
	caLife   = 10 * 365 * 24 * time.Hour
	leafLife = 90 * 24 * time.Hour
	backdate = 24 * time.Hour // for devices whose clock is behind
)

// privateDomains never name anything on the internet: RFC 6762 (local),
// RFC 8375 (home.arpa), ICANN's board on 2024-07-29 (internal), RFC 6761
// (test, localhost); home and lan are not delegated and used in homes.
var privateDomains = []string{"local", "home.arpa", "internal", "home", "lan", "localhost", "test"}

// privateNetworks are the addresses of homes: RFC 1918, RFC 4193, link-local,
// loopback, and RFC 6598, which overlay networks use.
var privateNetworks = []string{
	"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8",
	"fc00::/7", "fe80::/10", "::1/128",
}

// ca is a keep's own certificate authority, in two steps. The root, which
// devices trust, signs the issuer when it is made, and then its key is gone:
// it was never written. The key that is left, ca.key, is the issuer's, and
// the issuer is confined to private names and addresses by a critical
// extension. Devices may ignore such constraints of a root (RFC 5280 leaves
// it to them) but not of what a root has signed, so a stolen ca.key opens no
// connection to the rest of the internet.
type ca struct {
	root   []byte // DER
	issuer *x509.Certificate
	key    *ecdsa.PrivateKey
}

// loadOrCreateCA reads a keep's authority, or makes one that may vouch for
// origin's host besides private names.
func loadOrCreateCA(folder, host, machine string, now time.Time) (*ca, error) {
	certs, missing := os.ReadFile(filepath.Join(folder, fileCACerts))
	if errors.Is(missing, fs.ErrNotExist) {
		return createCA(folder, host, machine, now)
	}
	if missing != nil {
		return nil, missing
	}
	a, err := loadCA(folder, certs)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	if now.After(a.issuer.NotAfter) {
		return nil, hearkeep.Errorf(hearkeep.Conflict, "The certificate authority of this keep ended on %s.", a.issuer.NotAfter.Format(time.DateOnly)).WithHint("%s", newCA(folder))
	}
	if !a.vouchesFor(host) {
		return nil, hearkeep.Errorf(hearkeep.Conflict, "The certificate authority of this keep may not vouch for %s.", host).WithHint("%s", newCA(folder))
	}
	return a, nil
}

func newCA(folder string) string {
	return fmt.Sprintf("Remove %s and %s to have a new one made; every device must then trust the new one.",
		filepath.Join(folder, fileCACerts), filepath.Join(folder, fileCAKey))
}

func loadCA(folder string, certs []byte) (*ca, error) {
	issuer, rest := pem.Decode(certs)
	root, _ := pem.Decode(rest)
	if issuer == nil || root == nil {
		return nil, hearkeep.Errorf(hearkeep.Invalid, "The file %s is damaged.", filepath.Join(folder, fileCACerts)).WithHint("%s", newCA(folder))
	}
	path := filepath.Join(folder, fileCAKey)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hearkeep.Errorf(hearkeep.NotFound, "The key of this keep's certificate authority is missing.").
			WithHint("Put %s back. If it is lost: %s", path, newCA(folder))
	}
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, hearkeep.Errorf(hearkeep.Forbidden, "Other users of this machine may read %s.", path).
			WithHint("Run chmod 600 on it. If somebody may have: %s", newCA(folder))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(pem.EncodeToMemory(issuer), data) // that they belong together
	if err != nil {
		return nil, hearkeep.Errorf(hearkeep.Invalid, "The key of this keep's certificate authority does not fit its certificate.").WithHint("%s", newCA(folder)).Because(err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, hearkeep.Errorf(hearkeep.Invalid, "The key of this keep's certificate authority is of another kind.").WithHint("%s", newCA(folder))
	}
	return &ca{root.Bytes, pair.Leaf, key}, nil
}

// createCA makes root and issuer, and writes the key before what names it.
func createCA(folder, host, machine string, now time.Time) (*ca, error) {
	if addr, err := netip.ParseAddr(host); err == nil && !slices.ContainsFunc(networks(), func(n *net.IPNet) bool { return n.Contains(addr.AsSlice()) }) {
		return nil, hearkeep.Errorf(hearkeep.Invalid, "A keep's own authority vouches for no public address, and %s is one.", host).
			WithHint("Use a name, or --tls acme.")
	}
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	root := authority(fmt.Sprintf("Hearkeep at %s, %s", host, now.Format(time.DateOnly)), host, machine, now)
	root.MaxPathLen = 1
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: root: %w", err)
	}
	if root, err = x509.ParseCertificate(rootDER); err != nil { // for its key id
		return nil, err
	}
	issuer := authority(fmt.Sprintf("Hearkeep at %s, issuer", host), host, machine, now)
	issuer.MaxPathLenZero = true
	issuer.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} // neither mail nor code
	issuerDER, err := x509.CreateCertificate(rand.Reader, issuer, root, key.Public(), rootKey)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: issuer: %w", err)
	}
	if issuer, err = x509.ParseCertificate(issuerDER); err != nil {
		return nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := writeWhole(filepath.Join(folder, fileCAKey), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})); err != nil {
		return nil, err
	}
	certs := append(certPEM(issuerDER), certPEM(rootDER)...)
	return &ca{rootDER, issuer, key}, writeWhole(filepath.Join(folder, fileCACerts), certs)
}

// authority is what root and issuer have in common. Its serial number is
// drawn by x509.
func authority(name, host, machine string, now time.Time) *x509.Certificate {
	domains := slices.Clone(privateDomains)
	for _, name := range []string{machine, host} {
		if _, err := netip.ParseAddr(name); err != nil && name != "" && !within(name, domains) {
			domains = append(domains, name)
		}
	}
	return &x509.Certificate{
		Subject:                     pkix.Name{Organization: []string{"Hearkeep"}, CommonName: name[:min(len(name), 64)]}, // RFC 5280, ub-common-name
		NotBefore:                   now.Add(-backdate),
		NotAfter:                    now.Add(caLife),
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid:       true,
		IsCA:                        true,
		PermittedDNSDomainsCritical: true, // all of the constraints
		PermittedDNSDomains:         domains,
		PermittedIPRanges:           networks(),
	}
}

func networks() []*net.IPNet {
	var all []*net.IPNet
	for _, s := range privateNetworks {
		_, n, _ := net.ParseCIDR(s) // the table's are well formed; a test says so
		all = append(all, n)
	}
	return all
}

// vouchesFor reports whether the constraints permit a name or an address.
func (a *ca) vouchesFor(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return slices.ContainsFunc(a.issuer.PermittedIPRanges, func(n *net.IPNet) bool { return n.Contains(addr.AsSlice()) })
	}
	return within(host, a.issuer.PermittedDNSDomains)
}

// within reports whether a name is one of domains, or below one.
func within(name string, domains []string) bool {
	return slices.ContainsFunc(domains, func(d string) bool { return name == d || strings.HasSuffix(name, "."+d) })
}

// issue makes a leaf for hosts, with a key that is never written.
func (a *ca) issue(hosts []string, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{
		Subject:     pkix.Name{Organization: []string{"Hearkeep"}},
		NotBefore:   now.Add(-backdate),
		NotAfter:    now.Add(leafLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if leaf.NotAfter.After(a.issuer.NotAfter) {
		leaf.NotAfter = a.issuer.NotAfter
	}
	for _, h := range hosts {
		if addr, err := netip.ParseAddr(h); err == nil {
			leaf.IPAddresses = append(leaf.IPAddresses, addr.AsSlice())
		} else {
			leaf.DNSNames = append(leaf.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.issuer, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: leaf: %w", err)
	}
	if leaf, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der, a.issuer.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
