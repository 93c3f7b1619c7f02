package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// localTLS serves a certificate of the keep's own authority for the origin's
// host and for whatever this machine is called now.
type localTLS struct {
	ca      *ca
	host    string // the origin's
	machine func() (host string, addrs []netip.Addr)
	log     *slog.Logger
	current atomic.Pointer[leaf]
}

// leaf is a certificate in force, and the hosts that it was made for.
type leaf struct {
	cert  *tls.Certificate
	hosts []string
}

func openLocalTLS(folder, host string, machine func() (string, []netip.Addr), log *slog.Logger) (*localTLS, error) {
	name, _ := machine()
	now := time.Now()
	a, err := loadOrCreateCA(folder, host, name, now)
	if err != nil {
		return nil, err
	}
	if left := a.issuer.NotAfter.Sub(now); left < 365*24*time.Hour {
		log.Warn("the certificate authority ends soon; a new one must be made and trusted on every device", "days", int(left/(24*time.Hour)))
	}
	l := &localTLS{ca: a, host: host, machine: machine, log: log}
	return l, l.renew(now)
}

// hosts are what a certificate names: the origin's host first, then the
// machine's names and addresses, as far as the authority may vouch for them.
func (l *localTLS) hosts() []string {
	hosts := []string{l.host}
	add := func(h string) {
		if h != "" && l.ca.vouchesFor(h) && !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	name, addrs := l.machine()
	add(name)
	if label, _, _ := strings.Cut(name, "."); label != "" {
		add(label + ".local")
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	for _, a := range addrs {
		if a.Zone() == "" && !a.IsLinkLocalUnicast() { // those mean another machine on another network
			add(a.String())
		}
	}
	return hosts
}

// due reports whether a certificate must be made anew: two thirds of its life
// are over, or it names other hosts than these.
func (c *leaf) due(hosts []string, now time.Time) bool {
	if c == nil || !slices.Equal(c.hosts, hosts) {
		return true
	}
	begin, end := c.cert.Leaf.NotBefore.Add(backdate), c.cert.Leaf.NotAfter
	return !now.Before(begin.Add(end.Sub(begin) * 2 / 3))
}

// renew makes a certificate where one is due.
func (l *localTLS) renew(now time.Time) error {
	hosts := l.hosts()
	if !l.current.Load().due(hosts, now) {
		return nil
	}
	cert, err := l.ca.issue(hosts, now)
	if err != nil {
		return err
	}
	l.current.Store(&leaf{cert, hosts})
	l.log.Info("made a certificate", "hosts", len(hosts), "until", cert.Leaf.NotAfter)
	return nil
}

// run looks every minute whether a certificate is due, until ctx ends.
func (l *localTLS) run(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if err := l.renew(now); err != nil {
				l.log.Error("no new certificate could be made; the old one stays", "err", err)
			}
		}
	}
}

func (l *localTLS) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return l.current.Load().cert, nil
}

// atOrigin answers for the machine's other names: pages are sent to the
// origin, since sign-ins and passkeys are bound to it; devices, which bear a
// token and may not resolve the origin's name, are answered as there.
func (l *localTLS) atOrigin(origin *url.URL, next http.Handler) http.Handler {
	elsewhere := toOrigin(origin)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = strings.Trim(r.Host, "[]")
		}
		host = strings.ToLower(host)
		switch {
		case strings.EqualFold(r.Host, origin.Host) || !slices.Contains(l.current.Load().hosts, host):
			next.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, "/v1/"):
			r = r.Clone(r.Context())
			r.Host = origin.Host
			next.ServeHTTP(w, r)
		default:
			elsewhere.ServeHTTP(w, r)
		}
	})
}
