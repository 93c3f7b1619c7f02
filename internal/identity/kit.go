package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// KitCheckLife is for how long a new kit can be checked.
const KitCheckLife = time.Hour

const (
	kitGroups = 9
	kitChosen = 2
)

// KitCheck is how a person shows that a kit was written down: by typing two of
// its groups back. Ticket works once and for an hour.
type KitCheck struct {
	Ticket string
	Groups [2]int // which groups to type, from 1
}

// kitTicket is what is kept of a kit until it is checked. The hash is over the
// ticket's own secret too, so that the row does not let anybody guess groups.
type kitTicket struct {
	Account  hearkeep.AccountID  `json:"account"`
	Unlocker hearkeep.UnlockerID `json:"unlocker"`
	Groups   [kitChosen]int      `json:"groups"`
	Hash     []byte              `json:"hash"`
	List     []byte              `json:"list,omitempty"` // the kit's public key, under the account key; nil for a kit that is in force
}

// newKitCheck chooses two groups, and the row that waits for them.
func newKitCheck(kit seal.Kit, t kitTicket) (KitCheck, store.Link, error) {
	secret, hash := newSecret()
	first := rand.IntN(kitGroups)
	second := (first + 1 + rand.IntN(kitGroups-1)) % kitGroups
	t.Groups = [kitChosen]int{min(first, second) + 1, max(first, second) + 1}
	groups := strings.Split(kit.Reveal(), "-")
	sum := hashGroups(secret, groups[t.Groups[0]-1], groups[t.Groups[1]-1])
	t.Hash = sum[:]
	payload, err := json.Marshal(t)
	if err != nil {
		return KitCheck{}, store.Link{}, fmt.Errorf("identity: kit check: %w", err)
	}
	link := store.Link{Kind: linkKit, Hash: hash, Payload: payload, Expires: time.Now().Add(KitCheckLife)}
	return KitCheck{Ticket: secret, Groups: t.Groups}, link, nil
}

func hashGroups(secret string, groups ...string) [32]byte {
	parts := []string{secret}
	for _, g := range groups {
		parts = append(parts, readGroup(g))
	}
	return hashSecret(strings.Join(parts, " "))
}

// readGroup spells a group of a kit as it is printed: people type in either
// case, with spaces, and O for 0, I and L for 1.
func readGroup(typed string) string {
	return strings.Map(func(r rune) rune {
		switch r = unicode.ToUpper(r); {
		case unicode.IsSpace(r) || unicode.Is(unicode.Pd, r):
			return -1
		case r == 'O':
			return '0'
		case r == 'I' || r == 'L':
			return '1'
		}
		return r
	}, clip(typed, 64))
}

// NewKit makes a recovery kit. It is returned once; it takes the place of an
// earlier one only when CheckKit has seen two of its groups. Needs Fresh.
func (d *Desk) NewKit(ctx context.Context, who Verified) (kit string, check KitCheck, err error) {
	return "", KitCheck{}, errNotYet
}

// CheckKit compares two groups of a new kit, as typed, and puts it in force.
// Wrong groups fail with Invalid and may be tried again.
func (d *Desk) CheckKit(ctx context.Context, who Verified, ticket string, groups [2]string, from Visitor) (SignedIn, error) {
	return SignedIn{}, errNotYet
}
