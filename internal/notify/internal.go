package notify

import (
	"net"
	"net/netip"
)

// internal reports whether an address is not of the public internet: this
// machine, its network, or a range that leads to one. The ranges are those of
// the IANA special-purpose registries that are not globally reachable. Of an
// IPv6 address that carries an IPv4 one, that one counts.
func internal(ip netip.Addr) bool {
	ip = ip.Unmap()
	if ip.Zone() != "" {
		return true
	}
	if ip.Is6() && nat64().Contains(ip) {
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	if ip.Is6() && !netip.MustParsePrefix("2000::/3").Contains(ip) {
		return true // loopback, unique local, link-local, multicast, and what is not given out
	}
	for _, p := range reserved() {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// nat64 is how a network of IPv6 alone reaches the internet of IPv4: RFC 6052.
func nat64() netip.Prefix { return netip.MustParsePrefix("64:ff9b::/96") }

func reserved() []netip.Prefix {
	var all []netip.Prefix
	for _, p := range []string{
		"0.0.0.0/8",       // this host
		"10.0.0.0/8",      // private
		"100.64.0.0/10",   // carrier's NAT
		"127.0.0.0/8",     // loopback
		"169.254.0.0/16",  // link-local; clouds answer for machines here
		"172.16.0.0/12",   // private
		"192.0.0.0/24",    // protocol assignments
		"192.0.2.0/24",    // documentation
		"192.88.99.0/24",  // 6to4 relays
		"192.168.0.0/16",  // private
		"198.18.0.0/15",   // benchmarks
		"198.51.100.0/24", // documentation
		"203.0.113.0/24",  // documentation
		"224.0.0.0/4",     // multicast
		"240.0.0.0/4",     // reserved, broadcast
		"2001::/23",       // protocol assignments, Teredo
		"2001:db8::/32",   // documentation
		"2002::/16",       // 6to4: carries an IPv4 address
		"3fff::/20",       // documentation
	} {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}

// ownNetworks are the networks that this machine's interfaces are in. In a
// home with IPv6 the neighbours have public addresses, and are inside all the
// same.
func ownNetworks() ([]netip.Prefix, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var own []netip.Prefix
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, p.Masked())
		}
	}
	return own, nil
}
