package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/hearkeep/hearkeep"
)

// How long before its end a certificate is worth a word. A leaf is made anew
// when a third of its life is left: one that is not was forgotten.
const (
	leafSoon = 7 * 24 * time.Hour
	caSoon   = 365 * 24 * time.Hour
)

// https says how other devices reach the portal, as far as the keep knows, and
// how long certificates last.
func (d *doctor) https() {
	k, err := readKept(d.Keep)
	if err != nil {
		_, says, mend := hearkeep.Explain(err)
		d.problem("https", mend, "%s", says)
		return
	}
	u, err := url.Parse(k.Origin)
	switch {
	case k.Origin == "" || err != nil:
		return // never served
	case u.Scheme == "https":
		d.ok("https", "Sign-ins and passkeys are bound to %s.", k.Origin)
	default:
		d.note("https", "docs/https.md has the ways to HTTPS; in a home, hearkeep serve --tls local", "The portal is for this machine only, at %s: other devices need HTTPS.", k.Origin)
	}
	d.authority()
	d.public()
}

// host is the name that the portal's certificate is for.
func (d *doctor) host() string {
	k, err := readKept(d.Keep)
	if err != nil {
		return ""
	}
	u, err := url.Parse(k.Origin)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// authority looks at the keep's own certificate authority, of --tls local.
func (d *doctor) authority() {
	certs, err := os.ReadFile(filepath.Join(d.Keep, fileCACerts))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var a *ca
	if err == nil {
		a, err = loadCA(d.Keep, certs)
	}
	if err != nil {
		_, says, mend := hearkeep.Explain(err)
		d.problem("https", mend, "%s", says)
		return
	}
	d.certificate("This keep's certificate authority", a.issuer, caSoon, newCA(d.Keep))
}

// public looks at the certificates of --tls acme.
func (d *doctor) public() {
	files, err := filepath.Glob(filepath.Join(d.Keep, dirACME, "certificates", "*", "*", "*.crt"))
	if err != nil {
		return // a folder's name that is a pattern
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		block, _ := pem.Decode(data)
		if block == nil {
			continue
		}
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			d.certificate("The public certificate "+filepath.Base(file), cert, leafSoon, "look at the server's log for \"acme\": it renews when a third of the time is left")
		}
	}
}

// certificate says how long one lasts.
func (d *doctor) certificate(what string, cert *x509.Certificate, soon time.Duration, mend string) {
	left := cert.NotAfter.Sub(d.now)
	days := countOf(int(left/(24*time.Hour)), "day")
	switch {
	case left <= 0:
		d.problem("https", mend, "%s ended on %s.", what, cert.NotAfter.Format(time.DateOnly))
	case left < soon:
		d.note("https", mend, "%s ends in %s.", what, days)
	default:
		d.ok("https", "%s lasts %s.", what, days)
	}
}
