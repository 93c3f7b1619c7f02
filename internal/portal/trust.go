package portal

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"time"
)

// Trust is a keep's own certificate authority, as devices come to trust it.
type Trust struct {
	Certificate []byte // the root, DER
	Origin      string // where people reach the portal, https
}

// NewTrust returns the handler of a plain-http port for devices that do not
// trust the keep yet. It serves the authority's certificate and the page that
// explains it under any host name, since there is nothing to protect in them;
// everything else goes to elsewhere.
func NewTrust(t Trust, elsewhere http.Handler, log *slog.Logger) (http.Handler, error) {
	if elsewhere == nil || log == nil {
		return nil, errors.New("portal: a required part of the configuration is missing")
	}
	origin, err := parseOrigin(t.Origin)
	if err != nil {
		return nil, err
	}
	pages, err := loadPages()
	if err != nil {
		return nil, err
	}
	p := &portal{Config: Config{Trust: &t, Log: log, Zone: time.Local, Now: time.Now}, origin: origin, pages: pages}
	return p.keepToItself(p.mux(p.trustRoutes(elsewhere))), nil
}

// Fingerprint is the SHA-256 of a certificate (DER) as devices show it: pairs
// of hexadecimal digits with colons between.
func Fingerprint(certificate []byte) string {
	sum := sha256.Sum256(certificate)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":")
}

// trustPage helps each kind of device to trust the authority.
type trustPage struct {
	frame
	Origin  string
	Host    string
	Lines   []string // the fingerprint, in lines of eight pairs
	Hash    string   // the fingerprint as file tools print it
	Domains []string // what the authority may vouch for, besides private addresses
	Until   clock
	Plain   bool // the page came over plain http
}

func (p *portal) trust(w http.ResponseWriter, r *http.Request) error {
	if p.Trust == nil {
		return errNowhere
	}
	root, err := x509.ParseCertificate(p.Trust.Certificate)
	if err != nil {
		return fmt.Errorf("portal: the authority's certificate: %w", err)
	}
	page := &trustPage{
		frame: p.frame("Trust this keep"), Origin: p.origin.String(), Host: p.origin.Hostname(),
		Domains: root.PermittedDNSDomains, Until: p.clock(root.NotAfter), Plain: r.TLS == nil,
	}
	pairs := strings.Split(Fingerprint(root.Raw), ":")
	for ; len(pairs) > 0; pairs = pairs[8:] {
		page.Lines = append(page.Lines, strings.Join(pairs[:8], ":"))
	}
	page.Hash = strings.ToLower(strings.ReplaceAll(Fingerprint(root.Raw), ":", ""))
	p.show(w, http.StatusOK, "trust", page)
	return nil
}

func (p *portal) toTrust(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "/trust", http.StatusSeeOther)
	return nil
}

// trustFile serves the certificate in the form that a device takes.
func (p *portal) trustFile(w http.ResponseWriter, r *http.Request) error {
	if p.Trust == nil {
		return errNowhere
	}
	var kind string
	var body []byte
	switch name := r.PathValue("file"); name {
	case "hearkeep-ca.crt": // PEM: Android, Linux, macOS, Firefox
		kind, body = "application/x-x509-ca-cert", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Trust.Certificate})
	case "hearkeep-ca.cer": // DER: Windows, where the file's hash is the fingerprint
		kind, body = "application/pkix-cert", p.Trust.Certificate
	case "hearkeep-ca.mobileconfig":
		kind, body = "application/x-apple-aspen-config", mobileconfig(p.Trust.Certificate, p.origin.Hostname())
	default:
		return errNowhere
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="`+path.Base(r.PathValue("file"))+`"`)
	h.Set("Content-Length", fmt.Sprint(len(body)))
	w.Write(body)
	return nil
}

// mobileconfig is a configuration profile with the certificate as a root:
// Apple, "Configuration Profile Reference", com.apple.security.root.
func mobileconfig(certificate []byte, host string) []byte {
	sum := sha256.Sum256(certificate)
	id := func(b []byte) string { return fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:16]) }
	var profile bytes.Buffer
	profile.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` + "\n")
	fmt.Fprintf(&profile, `<plist version="1.0">
<dict>
<key>PayloadContent</key>
<array>
<dict>
<key>PayloadCertificateFileName</key><string>hearkeep-ca.cer</string>
<key>PayloadContent</key><data>%s</data>
<key>PayloadDisplayName</key><string>Hearkeep at %[2]s</string>
<key>PayloadIdentifier</key><string>hearkeep.%[3]s.root</string>
<key>PayloadType</key><string>com.apple.security.root</string>
<key>PayloadUUID</key><string>%[3]s</string>
<key>PayloadVersion</key><integer>1</integer>
</dict>
</array>
<key>PayloadDescription</key><string>Lets this device trust the keep at %[2]s. SHA-256: %[4]s</string>
<key>PayloadDisplayName</key><string>Hearkeep at %[2]s</string>
<key>PayloadIdentifier</key><string>hearkeep.%[3]s</string>
<key>PayloadType</key><string>Configuration</string>
<key>PayloadUUID</key><string>%[5]s</string>
<key>PayloadVersion</key><integer>1</integer>
</dict>
</plist>
`, base64.StdEncoding.EncodeToString(certificate), template.HTMLEscapeString(host), id(sum[:16]), Fingerprint(certificate), id(sum[16:]))
	return profile.Bytes()
}
