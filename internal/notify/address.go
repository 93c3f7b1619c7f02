package notify

import (
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Bounds of an address, in bytes.
const (
	maxEmail = 254 // RFC 5321 4.5.3.1.3, without the angle brackets
	maxLocal = 64  // RFC 5321 4.5.3.1.1
	maxURL   = 2048
)

// Check returns an address in its one spelling, or fails with Invalid. Two
// addresses are the same where their spellings are. Whether letters arrive
// there is another matter, which the code that confirms it shows.
func (d *Desk) Check(kind, address string) (string, error) {
	switch {
	case kind == Email:
		return checkEmail(address)
	case kind == Webhook && d != nil:
		return d.inside.checkWebhook(address)
	case kind == Spoken:
		door, err := hearkeep.ParseID[hearkeep.BindingID](address)
		if err != nil {
			return "", hearkeep.Errorf(hearkeep.Invalid, "There is no such door.")
		}
		return door.String(), nil
	}
	return "", hearkeep.Errorf(hearkeep.Invalid, "Letters go by e-mail or to a webhook.")
}

// checkEmail takes one bare address in ASCII, and folds it to lower case:
// servers that tell Anna from anna are extinct, and people write both.
func checkEmail(address string) (string, error) {
	address = strings.TrimSpace(address)
	folded := strings.ToLower(address)
	local, domain, _ := strings.Cut(folded, "@")
	parsed, err := mail.ParseAddress(folded)
	if err != nil || !visible(address) || parsed.Name != "" || parsed.Address != folded ||
		len(folded) > maxEmail || len(local) > maxLocal || !dotAtom(local) || !hostName(domain) {
		return "", hearkeep.Errorf(hearkeep.Invalid, "This is not an e-mail address that letters can go to.").
			WithHint("Write the address alone, such as anna@example.org; of a domain with other letters than a to z, its xn-- form.")
	}
	return folded, nil
}

// dotAtom reports whether s is the left side of an address as people have
// them: RFC 5322's dot-atom, without its quoted strings. That dots stand alone
// and between letters is for net/mail to see.
func dotAtom(s string) bool {
	const atoms = "abcdefghijklmnopqrstuvwxyz0123456789.!#$%&'*+-/=?^_`{|}~"
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(atoms, r) })
}

// visible reports whether s is nothing but visible ASCII. It is asked before s
// is folded: there are other letters whose lower case is in ASCII.
func visible(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// hostName reports whether s is a name in the DNS, in lower case.
func hostName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.ContainsFunc(label, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }) {
			return false
		}
	}
	return true
}

// hosts are the hosts that the operator lets webhooks go to inside: "name" or
// "name:port" in lower case, addresses without brackets where no port follows.
type hosts map[string]bool

func parseHosts(list []string) (hosts, error) {
	h := hosts{}
	for _, entry := range list {
		ascii := visible(entry)
		entry = strings.ToLower(entry)
		host, port, err := net.SplitHostPort(entry)
		if err != nil { // without a port
			host, port = strings.TrimSuffix(strings.TrimPrefix(entry, "["), "]"), ""
		}
		if _, err := netip.ParseAddr(host); !ascii || err != nil && !hostName(host) || port != "" && !portNumber(port) {
			return nil, hearkeep.Errorf(hearkeep.Invalid, "%q is not a host that webhooks may go to.", entry).
				WithHint("Name hosts as they stand in the webhooks' addresses, such as homeassistant.local or 192.168.1.5:8123.")
		}
		if port != "" {
			host = net.JoinHostPort(host, port)
		}
		h[host] = true
	}
	return h, nil
}

// holds reports whether the operator named a host, for this port or for all.
func (h hosts) holds(host, port string) bool {
	host = strings.ToLower(host)
	return h[host] || h[net.JoinHostPort(host, port)]
}

// checkWebhook takes an absolute https URL, and an http one to a host that the
// operator named. An address inside is refused here already where the URL
// says it; what a name leads to is looked at when it is called.
func (h hosts) checkWebhook(address string) (string, error) {
	invalid := hearkeep.Errorf(hearkeep.Invalid, "This is not a webhook's address.").
		WithHint("It begins with https:// and has no name, password or # in it.")
	address = strings.TrimSpace(address)
	if len(address) > maxURL || !visible(address) {
		return "", invalid
	}
	u, err := url.Parse(address)
	if err != nil || u.Opaque != "" || u.User != nil || strings.Contains(address, "#") {
		return "", invalid
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	ip, err := netip.ParseAddr(host)
	if err != nil && !hostName(host) || err == nil && ip.Zone() != "" || port != "" && !portNumber(port) || strings.HasSuffix(u.Host, ":") {
		return "", invalid
	}
	if port == "" {
		port = defaultPort(u.Scheme)
	}
	named := h.holds(host, port)
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return "", invalid
	case u.Scheme == "http" && !named:
		return "", hearkeep.Errorf(hearkeep.Invalid, "A webhook's address begins with https://.").
			WithHint("The operator may allow a host without: --webhook-hosts.")
	case !named && (err == nil && internal(ip) || host == "localhost" || strings.HasSuffix(host, ".localhost")):
		return "", hearkeep.Errorf(hearkeep.Invalid, "This webhook lies inside the network that Hearkeep runs in.").
			WithHint("The operator may allow its host: --webhook-hosts.")
	}
	u.Host = host
	if ip.Is6() {
		u.Host = "[" + host + "]"
	}
	if port != defaultPort(u.Scheme) {
		u.Host += ":" + port
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u.String(), nil
}

func defaultPort(scheme string) string {
	if scheme == "http" {
		return "80"
	}
	return "443"
}

func portNumber(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == s
}

// Seal keeps an address in a channel's row.
func (d *Desk) Seal(id hearkeep.ChannelID, address string) ([]byte, error) {
	sealed, err := seal.SealHouse(d.House, seal.HouseChannel, id, []byte(address))
	if err != nil {
		return nil, fmt.Errorf("notify: seal channel %s: %w", id, err)
	}
	return sealed, nil
}

// Open returns the address of a channel's row.
func (d *Desk) Open(c store.Channel) (string, error) {
	address, err := seal.OpenHouse(d.House, seal.HouseChannel, c.ID, c.Address)
	if err != nil {
		return "", fmt.Errorf("notify: open channel %s: %w", c.ID, err)
	}
	return string(address), nil
}
