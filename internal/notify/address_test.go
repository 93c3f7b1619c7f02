package notify

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/hearkeep/hearkeep"
)

func TestCheckEmail(t *testing.T) {
	var d *Desk
	for _, c := range []struct{ name, in, want string }{
		{"plain", "anna@example.org", "anna@example.org"},
		{"capitals and blanks around", " Anna.Maria+keep@Example.ORG ", "anna.maria+keep@example.org"},
		{"on this machine", "root@localhost", "root@localhost"},
		{"international domain", "anna@xn--bcher-kva.example", "anna@xn--bcher-kva.example"},
		{"longest", strings.Repeat("a", 64) + "@" + strings.Repeat("b.", 90) + "example", strings.Repeat("a", 64) + "@" + strings.Repeat("b.", 90) + "example"},
	} {
		if got, err := d.Check(Email, c.in); got != c.want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", c.name, got, err, c.want)
		}
	}
	for name, in := range map[string]string{
		"empty":                 "",
		"no at":                 "anna",
		"nobody":                "@example.org",
		"nowhere":               "anna@",
		"two":                   "anna@example.org, eve@example.org",
		"two at":                "anna@eve@example.org",
		"display name":          "Anna <anna@example.org>",
		"brackets":              "<anna@example.org>",
		"comment":               "anna@example.org (Anna)",
		"group":                 "all: anna@example.org;",
		"header":                "anna@example.org\r\nBcc: eve@example.org",
		"line feed in the name": "an\nna@example.org",
		"null":                  "anna\x00@example.org",
		"quoted":                `"anna eve"@example.org`,
		"quoted line":           "\"anna\r\n\"@example.org",
		"address of a machine":  "anna@[192.168.1.5]",
		"dots":                  "anna..m@example.org",
		"dot first":             ".anna@example.org",
		"blank in the domain":   "anna@exa mple.org",
		"domain's dots":         "anna@example..org",
		"domain's dash":         "anna@-example.org",
		"other letters":         "änna@example.org",
		"other domain":          "anna@bücher.example",
		"Kelvin sign":           "anna@\u212aeep.example",
		"long name":             strings.Repeat("a", 65) + "@example.org",
		"long":                  "a@" + strings.Repeat("b.", 130) + "org",
	} {
		if got, err := d.Check(Email, in); hearkeep.CodeOf(err) != hearkeep.Invalid {
			t.Errorf("%s: got %q, %v, want Invalid", name, got, err)
		} else if strings.Contains(err.Error(), "example.org") && !strings.Contains(err.Error(), "such as") {
			t.Errorf("%s: the error quotes the address: %v", name, err)
		}
	}
	if _, err := d.Check("pigeon", "anna@example.org"); hearkeep.CodeOf(err) != hearkeep.Invalid {
		t.Errorf("a kind that is not: got %v, want Invalid", err)
	}
}

func TestCheckWebhook(t *testing.T) {
	d, err := New(Config{WebhookHosts: []string{"Home.local", "192.168.1.5:8123", "fd00::5"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, in, want string }{
		{"plain", "https://hooks.example.org/T0/B1?key=Secret%20One", "https://hooks.example.org/T0/B1?key=Secret%20One"},
		{"its one spelling", " HTTPS://Hooks.Example.ORG:443 ", "https://hooks.example.org/"},
		{"another port", "https://example.org:8443/x", "https://example.org:8443/x"},
		{"public address", "https://[2606:4700::1111]/x", "https://[2606:4700::1111]/x"},
		{"named host, any port", "http://home.local:8123/api", "http://home.local:8123/api"},
		{"named host's usual port", "http://home.local:80/", "http://home.local/"},
		{"named address and port", "http://192.168.1.5:8123/api", "http://192.168.1.5:8123/api"},
		{"named IPv6", "https://[fd00::5]:9/", "https://[fd00::5]:9/"},
	} {
		if got, err := d.Check(Webhook, c.in); got != c.want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", c.name, got, err, c.want)
		}
	}
	for name, in := range map[string]string{
		"empty":                    "",
		"no scheme":                "hooks.example.org/x",
		"in the clear":             "http://hooks.example.org/x",
		"file":                     "file:///etc/passwd",
		"gopher":                   "gopher://example.org/",
		"opaque":                   "https:example.org",
		"no host":                  "https:///x",
		"name and password":        "https://anna:secret@example.org/",
		"fragment":                 "https://example.org/#x",
		"empty fragment":           "https://example.org/#",
		"port":                     "https://example.org:99999/",
		"port 0":                   "https://example.org:0/",
		"no port":                  "https://example.org:/",
		"line":                     "https://example.org/\r\nHost: x",
		"blank":                    "https://example.org/a b",
		"other letters":            "https://bücher.example/",
		"loopback":                 "https://127.0.0.1/",
		"this machine":             "https://localhost:8484/",
		"below localhost":          "https://x.localhost/",
		"private":                  "https://10.1.2.3/",
		"link-local":               "https://169.254.169.254/latest/meta-data/",
		"zone":                     "https://[fe80::1%25eth0]/",
		"mapped":                   "https://[::ffff:127.0.0.1]/",
		"named address, elsewhere": "http://192.168.1.5:22/",
		"long":                     "https://example.org/" + strings.Repeat("x", maxURL),
	} {
		if got, err := d.Check(Webhook, in); hearkeep.CodeOf(err) != hearkeep.Invalid {
			t.Errorf("%s: got %q, %v, want Invalid", name, got, err)
		}
	}
}

func TestWebhookHosts(t *testing.T) {
	for _, bad := range []string{"", "https://home.local", "home.local/x", "home.local:0", "home.local:x", "10.0.0.0/8", "*"} {
		if _, err := New(Config{WebhookHosts: []string{bad}}); hearkeep.CodeOf(err) != hearkeep.Invalid {
			t.Errorf("%q: got %v, want Invalid", bad, err)
		}
	}
}

func TestInternal(t *testing.T) {
	for _, ip := range []string{
		"127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1",
		"169.254.169.254", "100.64.0.1", "192.0.0.8", "198.18.0.1", "224.0.0.251", "240.0.0.1", "255.255.255.255", "192.0.2.1",
		"::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::fb", "2001:db8::1", "2001::1", "3fff::1",
		"::ffff:10.0.0.1", "::ffff:127.0.0.1", "::127.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "fe80::1%eth0",
	} {
		if !internal(netip.MustParseAddr(ip)) {
			t.Errorf("%s is taken for public", ip)
		}
	}
	for _, ip := range []string{"1.1.1.1", "9.9.9.9", "172.32.0.1", "100.128.0.1", "192.169.0.1", "2606:4700::1111", "2a00:1450::1", "::ffff:1.1.1.1", "64:ff9b::101:101"} {
		if internal(netip.MustParseAddr(ip)) {
			t.Errorf("%s is taken for internal", ip)
		}
	}
}

// What Check lets through has one spelling and breaks no header.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"anna@example.org", "Anna <a@b>", "a@b\r\nBcc: c@d", "https://example.org", "http://home.local:80", "https://[::1%25a]/", "https://a%0d%0a.org/"} {
		f.Add(s)
	}
	d, err := New(Config{WebhookHosts: []string{"home.local"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, kind := range []string{Email, Webhook} {
			one, err := d.Check(kind, s)
			if err != nil {
				continue
			}
			if again, err := d.Check(kind, one); again != one || err != nil {
				t.Errorf("%s %q: got %q, then %q, %v", kind, s, one, again, err)
			}
			if strings.ContainsFunc(one, func(r rune) bool { return r <= ' ' || r >= 0x7f }) || strings.ContainsAny(one, "<>\"") && kind == Email {
				t.Errorf("%s %q: got %q", kind, s, one)
			}
		}
	})
}
