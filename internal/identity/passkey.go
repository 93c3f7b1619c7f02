package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// CeremonyLife is for how long a browser may ask its person for a passkey.
const CeremonyLife = 5 * time.Minute

// MaxPasskeys is how many passkeys an account may have. Every name is answered
// with as many, real and made up.
const MaxPasskeys = 8

// PasskeyCeremony is what a browser is asked to do with a passkey: Options go
// to navigator.credentials, ID comes back with the answer. It works once and
// for five minutes.
type PasskeyCeremony struct {
	ID      string          `json:"ceremony"`
	Options json.RawMessage `json:"options"`
}

// PasskeyAnswer is what came of it. PRF is the 32 bytes that the passkey's PRF
// extension gave; empty where it has none. They are derived from, and kept
// nowhere.
type PasskeyAnswer struct {
	Ceremony string          `json:"ceremony"`
	Response json.RawMessage `json:"response"` // PublicKeyCredential.toJSON(), without PRF results
	PRF      []byte          `json:"prf"`
}

// purpose is what a ceremony is for.
type purpose string

const (
	forSignIn purpose = "sign-in"
	forStepUp purpose = "step-up"
	forAdding purpose = "add"
)

// ceremony is what is kept until the answer comes. Account is zero for a name
// that nobody has.
type ceremony struct {
	For     purpose              `json:"for"`
	Account hearkeep.AccountID   `json:"account"`
	Session string               `json:"session,omitempty"` // whose page began it
	Salt    []byte               `json:"salt,omitempty"`    // of the passkey to be made
	Data    webauthn.SessionData `json:"data"`
}

// passkey is the Params of a passkey's row. No PRF result ever stands there.
type passkey struct {
	Credential webauthn.Credential `json:"credential"`
	Salt       []byte              `json:"salt"` // what its PRF is evaluated on, through seal.PRFInput
	Party      string              `json:"rp"`   // the relying party that it was made for
}

// readPasskey reads a passkey's row. A damaged one is told to the operator: it
// must not keep anybody from the other ways in.
func (d *Desk) readPasskey(u store.Unlocker) (p passkey, ok bool) {
	err := json.Unmarshal(u.Params, &p)
	if err == nil && len(p.Salt) == 32 && len(p.Credential.ID) > 0 {
		return p, true
	}
	d.log.Error("a passkey's row is damaged", "account", u.Account, "unlocker", u.ID)
	return passkey{}, false
}

// party is an account as the WebAuthn library sees one.
type party struct {
	id, name    string
	credentials []webauthn.Credential
}

func (p party) WebAuthnID() []byte                         { return []byte(p.id) }
func (p party) WebAuthnName() string                       { return p.name }
func (p party) WebAuthnDisplayName() string                { return p.name }
func (p party) WebAuthnCredentials() []webauthn.Credential { return p.credentials }

// newRelyingParty binds passkeys to the host of an origin. Browsers make none
// for addresses of numbers, nor without TLS outside the machine itself.
func newRelyingParty(origin string) (*webauthn.WebAuthn, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("identity: passkeys need to know where browsers reach the portal")
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if _, err := netip.ParseAddr(host); err == nil {
		return nil, fmt.Errorf("identity: browsers make no passkeys for an address of numbers (%s)", host)
	}
	if u.Scheme != "https" && host != "localhost" && !strings.HasSuffix(host, ".localhost") {
		return nil, fmt.Errorf("identity: browsers make no passkeys without TLS (%s)", host)
	}
	if err := protocol.ValidateRPID(host); err != nil {
		return nil, fmt.Errorf("identity: passkeys cannot be bound to %s: %w", host, err)
	}
	reached := u.Scheme + "://" + host
	if port != "" && port != map[string]string{"https": "443", "http": "80"}[u.Scheme] {
		reached += ":" + port
	}
	timeout := webauthn.TimeoutConfig{Enforce: true, Timeout: CeremonyLife, TimeoutUVD: CeremonyLife}
	return webauthn.New(&webauthn.Config{
		RPID: host, RPDisplayName: "Hearkeep", RPOrigins: []string{reached},
		AttestationPreference: protocol.PreferNoAttestation,
		// An authenticator's PRF has one secret for verified people and one for
		// whoever is present: always ask for the first.
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementPreferred, UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{Login: timeout, Registration: timeout},
	})
}

func errNoPasskeys(err error) error {
	return hearkeep.Errorf(hearkeep.Unavailable, "Passkeys do not work at this address.").
		WithHint("They need https and a domain name, such as keep.example, or localhost. Use your passphrase or recovery kit.").Because(err)
}

// NewPasskey begins to add one. Needs Fresh.
func (d *Desk) NewPasskey(ctx context.Context, who Verified) (PasskeyCeremony, error) {
	if err := who.Fresh(); err != nil {
		return PasskeyCeremony{}, err
	}
	if d.party == nil {
		return PasskeyCeremony{}, errNoPasskeys(d.noParty)
	}
	mine, err := d.passkeysOf(ctx, who)
	if err != nil {
		return PasskeyCeremony{}, err
	}
	var known []protocol.CredentialDescriptor
	for _, c := range mine.credentials {
		known = append(known, protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: c.ID})
	}
	salt := newSalt()
	options, data, err := d.party.BeginRegistration(mine, webauthn.WithExclusions(known),
		webauthn.WithExtensions(webauthn.WithExtensionPRF(prfValues(salt))))
	if err != nil {
		return PasskeyCeremony{}, fmt.Errorf("identity: new passkey: %w", err)
	}
	return d.begun(ctx, options.Response, ceremony{For: forAdding, Account: who.Account(), Session: who.Session(), Salt: salt[:], Data: *data},
		func(tx *store.Tx) error { return standing(ctx, tx, who) })
}

// passkeysOf returns all passkeys of who's, or fails with Conflict where there
// is no room for another.
func (d *Desk) passkeysOf(ctx context.Context, who Verified) (party, error) {
	rows, err := d.unlockers(ctx, who.Account())
	if err != nil {
		return party{}, err
	}
	account := who.Account()
	p := party{id: string(account[:]), name: who.Name()}
	for _, u := range rows {
		if u.Kind != KindPasskey {
			continue
		}
		if key, ok := d.readPasskey(u); ok {
			p.credentials = append(p.credentials, key.Credential)
		}
	}
	if len(p.credentials) >= MaxPasskeys {
		return p, hearkeep.Errorf(hearkeep.Conflict, "There are %d passkeys already.", MaxPasskeys).WithHint("Remove one first.")
	}
	return p, nil
}

// AddPasskey adds it. Needs Fresh; the session goes on under a new cookie.
func (d *Desk) AddPasskey(ctx context.Context, who Verified, name string, a PasskeyAnswer, from Visitor) (SignedIn, Way, error) {
	if err := who.Fresh(); err != nil {
		return SignedIn{}, Way{}, err
	}
	if strings.TrimSpace(name) == "" {
		name = "Passkey"
	}
	name, _, err := checkName(name)
	if err != nil {
		return SignedIn{}, Way{}, err
	}
	c, err := d.takeCeremony(ctx, a.Ceremony, forAdding, who.Session())
	if err != nil {
		return SignedIn{}, Way{}, err
	}
	mine, err := d.passkeysOf(ctx, who)
	if err != nil {
		return SignedIn{}, Way{}, err
	}
	answer, err := protocol.ParseCredentialCreationResponseBytes(a.Response)
	if err != nil {
		return SignedIn{}, Way{}, forAdding.refuse(err)
	}
	made, err := d.party.CreateCredential(mine, c.Data, answer)
	if err != nil {
		return SignedIn{}, Way{}, forAdding.refuse(err)
	}
	for _, known := range mine.credentials {
		if bytes.Equal(known.ID, made.ID) {
			return SignedIn{}, Way{}, hearkeep.Errorf(hearkeep.Conflict, "This passkey is one of yours already.")
		}
	}
	made.Attestation = webauthn.CredentialAttestation{} // nobody asks for it again
	params, err := json.Marshal(passkey{Credential: *made, Salt: c.Salt, Party: d.party.Config.RPID})
	if err != nil {
		return SignedIn{}, Way{}, fmt.Errorf("identity: add passkey: %w", err)
	}
	u := store.Unlocker{ID: hearkeep.NewID[hearkeep.UnlockerID](), Kind: KindPasskey, Name: name, Params: params}
	var public seal.UnlockerPublic
	if len(a.PRF) > 0 {
		with, err := prfUnlocker(a.PRF)
		if err != nil {
			return SignedIn{}, Way{}, err
		}
		public = seal.PublicOfUnlocker(with)
	}
	in, err := d.enrol(ctx, who, u, public, from, nil)
	if err != nil {
		return SignedIn{}, Way{}, err
	}
	way := wayOf(u)
	way.Created, way.Unlocks = in.Who.of.account.Changed, len(a.PRF) > 0
	return in, way, nil
}

// prfUnlocker derives from what a PRF extension gave.
func prfUnlocker(prf []byte) (seal.UnlockerPrivate, error) {
	if len(prf) != 32 {
		return seal.UnlockerPrivate{}, hearkeep.Errorf(hearkeep.Invalid, "What this passkey gave cannot be used.").
			WithHint("Try again, or use your passphrase or recovery kit.")
	}
	return seal.PRFUnlocker([32]byte(prf)), nil
}

func prfValues(salt [32]byte) protocol.PRFValues {
	input := seal.PRFInput(salt)
	return protocol.PRFValues{First: input[:]}
}

// refuse answers every answer of a passkey that is not good, in the same
// words. The code tells what it was for: Unauthorized would say, to somebody
// who is signed in, that the session ended.
func (p purpose) refuse(err error) error {
	code := hearkeep.Unauthorized
	switch p {
	case forStepUp:
		code = hearkeep.Forbidden
	case forAdding:
		code = hearkeep.Invalid
	}
	return hearkeep.Errorf(code, "This passkey was not accepted.").
		WithHint("Start again, or use your passphrase or recovery kit.").Because(err)
}

func errCannotUnlock() error {
	return hearkeep.Errorf(hearkeep.Forbidden, "This passkey signs in, but it cannot unlock your vault.").
		WithHint("It, or this browser, lacks the PRF extension, which gives the key. Use your passphrase, recovery kit, or another passkey.")
}
