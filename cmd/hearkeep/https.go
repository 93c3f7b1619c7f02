package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/portal"
)

// httpsFlags say how other devices than this machine reach the portal. Beyond
// loopback nothing is served without TLS: passphrases and speech would travel
// in the clear, and browsers give the microphone and passkeys to pages of a
// secure context only. See docs/https.md.
type httpsFlags struct {
	TLS           string         `name:"tls" help:"HTTPS for other devices: local (a certificate authority of this keep's own), acme (a public certificate), off (this machine only, or --behind-proxy)." enum:"off,local,acme" default:"off"`
	TrustListen   string         `help:"With --tls local: the plain-http port where devices get the authority's certificate, and nothing else; by default 127.0.0.1:8485." placeholder:"ADDRESS"`
	ACMEEmail     string         `name:"acme-email" help:"With --tls acme: your address for the authority; giving it accepts the authority's terms." placeholder:"ADDRESS"`
	ACMEDirectory string         `name:"acme-directory" help:"With --tls acme: the authority's directory; by default Let's Encrypt's." placeholder:"URL"`
	ACMECARoot    string         `name:"acme-ca-root" help:"With --tls acme: trust the directory by the certificates in this PEM file." type:"path" placeholder:"FILE"`
	ACMEHTTP      string         `name:"acme-http" help:"With --tls acme: also answer http-01 challenges here, and redirect the rest to https; the name's port 80 must lead here." placeholder:"ADDRESS"`
	BehindProxy   []netip.Prefix `help:"Serve plain http to these addresses only, which are proxies that do the TLS; take the client's address from X-Forwarded-For." placeholder:"CIDR"`
	ChangeOrigin  bool           `help:"Accept that the origin is another than at set-up: everybody signs in again, and passkeys made there stop working."`
}

// trustListen is on this machine only: whoever wants phones to reach it says so.
const trustListen = "127.0.0.1:8485"

// front is where people reach the portal: bound ports, and what stands
// between them and the portal's handler.
type front struct {
	flags    httpsFlags
	log      *slog.Logger
	origin   *url.URL
	listener net.Listener // the portal's, without TLS
	plain    net.Listener // --trust-listen or --acme-http; nil where neither is wanted
	local    *localTLS    // with --tls local
	acme     *acmeTLS     // with --tls acme
}

// listen binds the ports before anything else is touched.
func (cmd serveCmd) listen(log *slog.Logger) (*front, error) {
	host, port, err := net.SplitHostPort(cmd.Listen)
	if err != nil {
		return nil, hearkeep.Errorf(hearkeep.Invalid, "%q is not an address and port.", cmd.Listen).WithHint("Such as 127.0.0.1:8484.").Because(err)
	}
	f := &front{flags: cmd.httpsFlags, log: log}
	if f.origin, err = f.flags.check(host, port, cmd.Origin); err != nil {
		return nil, err
	}
	take := bind
	if f.flags.TLS == "off" && len(f.flags.BehindProxy) == 0 {
		take = bindLoopback
	}
	if f.listener, err = take(cmd.Listen, "--listen"); err != nil {
		return nil, err
	}
	if f.origin == nil {
		f.origin = &url.URL{Scheme: "http", Host: fmt.Sprintf("localhost:%d", portOf(f.listener))}
	}
	if addr, flag := f.flags.plainAddress(); addr != "" {
		if f.plain, err = bind(addr, flag); err != nil {
			f.listener.Close()
			return nil, err
		}
	}
	return f, nil
}

// check refuses what would serve in the clear, or under no usable name. It
// returns no origin where the port must be known first.
func (h httpsFlags) check(host, port, origin string) (*url.URL, error) {
	if err := h.together(); err != nil {
		return nil, err
	}
	open := h.TLS == "off" && len(h.BehindProxy) == 0
	if open && !loopbackName(host) {
		return nil, hearkeep.Errorf(hearkeep.Invalid, "Beyond this machine Hearkeep needs HTTPS: %s is not a loopback address.", host).
			WithHint("In a home: --tls local. With a public name: --tls acme. Behind a proxy that does TLS: --behind-proxy. See docs/https.md, or use an SSH tunnel to 127.0.0.1.")
	}
	if open && origin == "" {
		return nil, nil
	}
	if origin == "" {
		return nil, hearkeep.Errorf(hearkeep.Invalid, "With HTTPS, --origin must say where people reach the portal.").
			WithHint("Such as --origin https://%s; choose well: sign-ins and passkeys are bound to it.", net.JoinHostPort(localName(), port))
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, hearkeep.Errorf(hearkeep.Invalid, "%q is not an origin.", origin).WithHint("Such as https://keep.local:8443.").Because(err)
	}
	u = &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host)}
	if u.Scheme == "https" { // browsers leave its own port out
		u.Host = strings.TrimSuffix(u.Host, ":443")
	}
	switch {
	case open && (u.Scheme != "http" || !loopbackName(u.Hostname())):
		return nil, hearkeep.Errorf(hearkeep.Invalid, "Without HTTPS the origin must be http on this machine.").
			WithHint("Leave --origin out, or add --tls local, --tls acme, or --behind-proxy with the proxy's address.")
	case !open && u.Scheme != "https":
		return nil, hearkeep.Errorf(hearkeep.Invalid, "The origin %s must be https.", u).
			WithHint("Browsers give the microphone and passkeys to https pages only.")
	case h.TLS == "acme" && h.ACMEDirectory == "" && !realName(u.Hostname()):
		return nil, hearkeep.Errorf(hearkeep.Invalid, "No public authority vouches for %s.", u.Hostname()).
			WithHint("Give --origin a name of yours in the public DNS, or use --tls local.")
	}
	return u, nil
}

// together refuses flags that do not go together, so that none is ignored.
func (h httpsFlags) together() error {
	if h.TLS != "off" && len(h.BehindProxy) > 0 {
		return hearkeep.Errorf(hearkeep.Invalid, "--tls and --behind-proxy exclude each other.").WithHint("Behind a proxy, the proxy does the TLS.")
	}
	for _, p := range h.BehindProxy {
		if p.Bits() == 0 {
			return hearkeep.Errorf(hearkeep.Invalid, "--behind-proxy %s is everybody.", p).WithHint("Name the proxies' addresses, such as 10.0.0.2/32.")
		}
	}
	for _, f := range []struct{ name, value, needs string }{
		{"--trust-listen", h.TrustListen, "local"}, {"--acme-email", h.ACMEEmail, "acme"},
		{"--acme-directory", h.ACMEDirectory, "acme"}, {"--acme-ca-root", h.ACMECARoot, "acme"}, {"--acme-http", h.ACMEHTTP, "acme"},
	} {
		if f.value != "" && h.TLS != f.needs {
			return hearkeep.Errorf(hearkeep.Invalid, "%s goes with --tls %s only.", f.name, f.needs)
		}
	}
	if h.TLS == "acme" && h.ACMEEmail == "" {
		return hearkeep.Errorf(hearkeep.Invalid, "--tls acme needs --acme-email.").
			WithHint("The authority wants an address for its notices; giving it accepts its terms.")
	}
	return nil
}

// plainAddress is the second port to bind, and the flag that names it.
func (h httpsFlags) plainAddress() (addr, flag string) {
	switch {
	case h.TLS == "local" && h.TrustListen == "":
		return trustListen, "--trust-listen"
	case h.TLS == "local":
		return h.TrustListen, "--trust-listen"
	}
	return h.ACMEHTTP, "--acme-http"
}

func bind(addr, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, codedError{exitInUse, notFree(addr, flag, err)}
	}
	return l, nil
}

func notFree(addr, flag string, err error) error {
	return hearkeep.Errorf(hearkeep.Conflict, "The address %s is not free.", addr).
		WithHint("Is another Hearkeep running? Stop it, or choose another port with %s.", flag).Because(err)
}

func portOf(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// prepare holds the origin against the one that the keep was set up at, and
// makes what the way needs in the keep's folder, which is locked.
func (f *front) prepare(ctx context.Context, keep *folder, out io.Writer) error {
	err := fixOrigin(ctx, keep.path, keep.store, f.origin, f.flags.ChangeOrigin, out)
	if err != nil {
		return err
	}
	switch f.flags.TLS {
	case "local":
		f.local, err = openLocalTLS(keep.path, f.origin.Hostname(), thisMachine, f.log)
	case "acme":
		f.acme, err = openACME(keep.path, f)
	}
	return err
}

// secured is the listener that the portal is served on.
func (f *front) secured() net.Listener {
	config := &tls.Config{NextProtos: []string{"h2", "http/1.1"}} // the rest: Go's defaults, TLS 1.2 and later
	switch {
	case f.local != nil:
		config.GetCertificate = f.local.certificate
	case f.acme != nil:
		config.GetCertificate = f.acme.config.GetCertificate
		config.NextProtos = append(config.NextProtos, tlsALPN)
	default:
		return f.listener
	}
	return tls.NewListener(f.listener, config)
}

// tlsALPN is the protocol of the tls-alpn-01 challenge: RFC 8737.
const tlsALPN = "acme-tls/1"

// trust is what the page that helps devices to trust the authority shows.
func (f *front) trust() *portal.Trust {
	if f.local == nil {
		return nil
	}
	return &portal.Trust{Certificate: f.local.ca.root, Origin: f.origin.String()}
}

// guard puts before the portal what the way asks for.
func (f *front) guard(next http.Handler) http.Handler {
	if f.local != nil {
		return f.local.atOrigin(f.origin, next)
	}
	if f.origin.Scheme == "https" && realName(f.origin.Hostname()) {
		next = strictTransport(next)
	}
	if len(f.flags.BehindProxy) > 0 {
		next = behindProxy(f.flags.BehindProxy, f.origin, next)
	}
	return next
}

// strictTransport makes browsers use https for this name for a year. It is
// for certificates that everybody trusts: with an authority of one's own it
// would lock a device out for as long, once that authority is replaced or no
// longer trusted there. Browsers ignore it for IP addresses anyway (RFC 6797).
func strictTransport(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		next.ServeHTTP(w, r)
	})
}

// toOrigin sends browsers to the same page over https. What would change
// something is refused: it has travelled in the clear already.
func toOrigin(origin *url.URL) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(w, "Use "+origin.String()+".", http.StatusForbidden)
			return
		}
		to := *origin
		to.Path, to.RawPath, to.RawQuery = "/"+strings.TrimLeft(r.URL.Path, "/"), "", r.URL.RawQuery
		http.Redirect(w, r, to.String(), http.StatusTemporaryRedirect)
	})
}

// run keeps certificates in force and serves the plain port until ctx ends.
func (f *front) run(ctx context.Context) error {
	tasks := []func(context.Context) error{}
	switch {
	case f.local != nil:
		page, err := portal.NewTrust(*f.trust(), toOrigin(f.origin), f.log)
		if err != nil {
			return err
		}
		tasks = append(tasks, f.local.run, f.servePlain(page))
	case f.acme != nil:
		tasks = append(tasks, f.acme.run)
		if f.plain != nil {
			tasks = append(tasks, f.servePlain(f.acme.issuer.HTTPChallengeHandler(toOrigin(f.origin))))
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, len(tasks))
	for _, task := range tasks {
		go func() { ended <- task(ctx) }()
	}
	var first error
	select {
	case <-ctx.Done():
	case first = <-ended:
		cancel()
	}
	return first
}

// servePlain serves the second port. Nothing that is sent there is large.
func (f *front) servePlain(handler http.Handler) func(context.Context) error {
	return func(ctx context.Context) error {
		server := &http.Server{
			Handler:     http.MaxBytesHandler(handler, 64<<10),
			ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10,
			ErrorLog: slog.NewLogLogger(f.log.Handler(), slog.LevelDebug),
		}
		defer context.AfterFunc(ctx, func() { server.Close() })()
		if err := server.Serve(f.plain); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
}

// tell prints what a person needs to trust the authority, or to point a
// proxy here.
func (f *front) tell(w io.Writer) {
	if len(f.flags.BehindProxy) > 0 {
		fmt.Fprintf(w, "The proxy reaches Hearkeep in plain http at %s.\n", f.listener.Addr())
	}
	if f.local == nil {
		return
	}
	fmt.Fprintf(w, "HTTPS is by this keep's own certificate authority. Each device trusts it once, here:\n\n")
	for _, addr := range f.trustAddresses() {
		fmt.Fprintf(w, "  http://%s/trust\n", addr)
	}
	print := strings.Split(portal.Fingerprint(f.local.ca.root), ":")
	fmt.Fprintf(w, "\nBefore you trust it, compare its SHA-256 fingerprint on the device with this one:\n\n  %s\n  %s\n\n",
		strings.Join(print[:16], ":"), strings.Join(print[16:], ":"))
	if _, err := netip.ParseAddr(f.origin.Hostname()); err == nil {
		fmt.Fprintf(w, "Note: browsers use passkeys at names only, and %s is an address.\n\n", f.origin.Hostname())
	}
}

// trustAddresses are where devices reach the plain port.
func (f *front) trustAddresses() []string {
	at := f.plain.Addr().(*net.TCPAddr)
	if !at.IP.IsUnspecified() {
		return []string{at.String()}
	}
	var found []string
	_, addrs := thisMachine()
	for _, a := range addrs {
		if a.Is4() && a.IsPrivate() {
			found = append(found, netip.AddrPortFrom(a, uint16(at.Port)).String())
		}
	}
	return append(found, net.JoinHostPort(localName(), fmt.Sprint(at.Port)))
}

func (f *front) close() {
	f.listener.Close()
	if f.plain != nil {
		f.plain.Close()
	}
	if f.acme != nil {
		f.acme.cache.Stop()
	}
}

func loopbackName(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// realName reports whether host may stand in the public DNS.
func realName(host string) bool {
	_, err := netip.ParseAddr(host)
	return err != nil && strings.Contains(host, ".") && !within(host, privateDomains)
}

// localName is this machine's name in the local network: RFC 6762.
func localName() string {
	host, _ := thisMachine()
	if host == "" {
		host = "keep"
	}
	label, _, _ := strings.Cut(host, ".")
	return label + ".local"
}

// thisMachine returns the machine's name, lower case, and its addresses.
func thisMachine() (host string, addrs []netip.Addr) {
	host, _ = os.Hostname()
	found, _ := net.InterfaceAddrs()
	for _, a := range found {
		if p, ok := a.(*net.IPNet); ok {
			if addr, ok := netip.AddrFromSlice(p.IP); ok && !addr.Unmap().IsLoopback() {
				addrs = append(addrs, addr.Unmap())
			}
		}
	}
	return strings.ToLower(host), addrs
}
