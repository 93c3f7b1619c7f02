package vault_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// withTerminal is a person with a terminal that they connected themselves.
func withTerminal(t *testing.T, h *vaulttest.Home, p vaulttest.Person) vaulttest.Person {
	t.Helper()
	p.Room = h.Enter(t, p)
	p.Device = h.Terminal(t, p, hearkeep.RoomRule{Keep: hearkeep.KeepAll})
	var err error
	p.Inbox, err = h.Keep.Device(t.Context(), p.Device)
	must(t, err)
	return p
}

// withSpeaker is a person who speaks to the household's speaker, which goes on
// for those who stay whoever connected it.
func withSpeaker(t *testing.T, h *vaulttest.Home, p vaulttest.Person) vaulttest.Person {
	t.Helper()
	id, err := h.Enter(t, p).Bind(t.Context(), hearkeep.SourceWyoming, vault.Door{Name: "Speaker", Listen: "127.0.0.1:10300"}, hearkeep.RoomRule{Keep: hearkeep.KeepAll})
	must(t, err)
	p.Inbox, err = h.Keep.Listener(t.Context(), id)
	must(t, err)
	return p
}

// Who holds a vault no more hears and says nothing through its doors any more,
// whichever way they went: neither through an engine that a door relays to,
// nor from a terminal that they connected or still have a code for.
func TestDoorsOfWhoIsGone(t *testing.T) {
	for _, tc := range []struct {
		name    string
		signed  bool // with a new generation at once
		holders bool // Bert goes; else a guardian, as the child takes over
		goes    func(t *testing.T, h *vaulttest.Home, anna, bert vaulttest.Person)
	}{
		{"removed by a holder", true, true, func(t *testing.T, h *vaulttest.Home, anna, bert vaulttest.Person) {
			must(t, h.Enter(t, anna).RemoveHolder(t.Context(), bert.Who.Account()))
		}},
		{"left", false, true, func(t *testing.T, h *vaulttest.Home, _, bert vaulttest.Person) {
			must(t, h.Enter(t, bert).Leave(t.Context()))
		}},
		{"removed by an admin", false, true, func(t *testing.T, h *vaulttest.Home, anna, bert vaulttest.Person) {
			must(t, h.Desk.RemoveMember(t.Context(), anna.Who, bert.Who.Account()))
		}},
		{"a child takes over", true, false, func(t *testing.T, h *vaulttest.Home, anna, bert vaulttest.Person) {
			must(t, h.Enter(t, bert).HandOver(t.Context()))
			must(t, h.Enter(t, anna).TakeOver(t.Context()))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h, ctx := vaulttest.New(t), t.Context()
			anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
			if tc.holders {
				anna = h.Vault(t, anna, vault.Shared)
				bert = h.Joined(t, anna, bert, vault.Invitation{As: "holder", Past: true})
			} else {
				bert = h.Vault(t, bert, vault.Child)
				anna = h.Joined(t, bert, anna, vault.Invitation{As: "child"})
				anna.Device = h.Terminal(t, anna, hearkeep.RoomRule{Keep: hearkeep.KeepAll})
			}
			all := hearkeep.RoomRule{Keep: hearkeep.KeepAll}
			bind := func(p vaulttest.Person, d vault.Door) hearkeep.BindingID {
				t.Helper()
				id, err := h.Enter(t, p).Bind(ctx, hearkeep.SourceWyoming, d, all)
				must(t, err)
				return id
			}
			relay := bind(bert, vault.Door{Name: "Bedroom", Listen: "127.0.0.1:10300", Relay: "198.51.100.7:10300"})
			hers := bind(anna, vault.Door{Name: "Study", Listen: "127.0.0.1:10301", Relay: "192.0.2.7:10300"})
			his := bind(bert, vault.Door{Name: "Hall", Listen: "0.0.0.0:10302", Allow: []netip.Prefix{netip.MustParsePrefix("203.0.113.9/32")}})
			own := bind(anna, vault.Door{Name: "Kitchen", Listen: "127.0.0.1:10303"})
			bert.Room = h.Enter(t, bert)
			terminal := h.Terminal(t, bert, all)
			unused, err := h.Enter(t, bert).Bind(ctx, hearkeep.SourceSay, vault.Door{Name: "Laptop"}, all)
			must(t, err)
			code, err := h.Desk.PairingCode(ctx, bert.Who, unused)
			must(t, err)
			open, err := h.Keep.Device(ctx, terminal)
			must(t, err)

			tc.goes(t, h, anna, bert)
			check := func(when string) {
				t.Helper()
				for id, want := range map[hearkeep.BindingID]bool{relay: true, hers: true, his: false, own: false} {
					in, err := h.Keep.Listener(ctx, id)
					must(t, err)
					if got := in.Rule().Paused; got != want {
						d, _ := in.Door()
						t.Errorf("%s: %s is paused: %v, want %v", when, d.Name, got, want)
					}
				}
				_, err := h.Keep.Device(ctx, terminal)
				wantCode(t, when+": a terminal of who is gone", err, hearkeep.NotFound)
				if err := open.Keep(ctx, taken("from his laptop")); err == nil {
					t.Errorf("%s: an Inbox that was open keeps", when)
				}
				if token, err := h.Desk.Redeem(ctx, code, identity.Visitor{Addr: netip.MustParseAddr("127.0.0.1")}); err == nil {
					d, err := h.Desk.Device(ctx, token)
					must(t, err)
					_, err = h.Keep.Device(ctx, d)
					wantCode(t, when+": a code of who is gone", err, hearkeep.NotFound)
				}
				if _, err := h.Keep.Device(ctx, anna.Device); err != nil {
					t.Errorf("%s: a terminal of who stays: %v", when, err)
				}
			}
			if !tc.signed {
				check("before anybody came by")
			}
			room := h.Enter(t, anna)
			check("with new keys")
			letter := h.Mail.Sent[slices.IndexFunc(h.Mail.Sent, func(x vaulttest.Told) bool { return x.Letter.Topic == "doors stopped" })]
			if letter.To != anna.Who.Account() || !strings.Contains(letter.Letter.Text, "Bert") || !strings.Contains(letter.Letter.Text, "198.51.100.7:10300") || strings.Contains(letter.Letter.Text, "Kitchen") {
				t.Errorf("letter: got %+v", letter)
			}
			must(t, room.Change(ctx, hers, vault.Door{Name: "Study", Listen: "127.0.0.1:10301", Relay: "192.0.2.7:10300"}, all))
			if in, err := h.Keep.Listener(ctx, hers); err != nil || in.Rule().Paused {
				t.Errorf("a door that she let listen again: %v", err)
			}
			wantSound(t, h)
		})
	}
}
