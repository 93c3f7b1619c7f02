package main

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// behindProxy admits the proxies' connections only, and gives their requests
// the address of the client. Whoever connects otherwise is refused whatever
// headers it sends: there would be no TLS in between.
func behindProxy(trusted []netip.Prefix, origin *url.URL, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !inside(peer.Addr(), trusted) {
			w.Header().Set("Connection", "close")
			http.Error(w, "Hearkeep is reached through its proxy only, at "+origin.String()+".", http.StatusForbidden)
			return
		}
		// A proxy that also takes plain http says so here; one that says
		// nothing is taken at the word of --origin.
		proto, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
		if proto != "" && !strings.EqualFold(strings.TrimSpace(proto), "https") {
			toOrigin(origin).ServeHTTP(w, r)
			return
		}
		r = r.Clone(r.Context())
		r.RemoteAddr = netip.AddrPortFrom(clientOf(peer.Addr(), r.Header.Values("X-Forwarded-For"), trusted), 0).String()
		next.ServeHTTP(w, r)
	})
}

// clientOf walks from the connection's peer back through X-Forwarded-For for
// as long as each hop is trusted, since only a trusted hop's word about the
// hop before it counts. What stands further left anybody could have written.
func clientOf(peer netip.Addr, forwarded []string, trusted []netip.Prefix) netip.Addr {
	client := peer.Unmap()
	hops := strings.Split(strings.Join(forwarded, ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !inside(client, trusted) {
			break
		}
		addr, ok := parseHop(strings.TrimSpace(hop))
		if !ok {
			break
		}
		client = addr
	}
	return client
}

// parseHop reads an address as proxies write it: bare, in brackets, with a port.
func parseHop(hop string) (netip.Addr, bool) {
	if host, _, err := net.SplitHostPort(hop); err == nil {
		hop = host
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(hop, "["), "]"))
	return addr.Unmap().WithZone(""), err == nil
}

func inside(addr netip.Addr, prefixes []netip.Prefix) bool {
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}
