package identity

import (
	"context"
	"encoding/json"
)

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

// Half is somebody whose passkey signed them in and cannot unlock: the name to
// go on with, and a mark that counts their attempts apart (Visitor.Known).
type Half struct {
	Name  string
	Known string
}

// PasskeyToSignIn begins a sign-in. It answers every name alike.
func (d *Desk) PasskeyToSignIn(ctx context.Context, name string, from Visitor) (PasskeyCeremony, error) {
	return PasskeyCeremony{}, errNotYet
}

// SignInWithPasskey ends it. A passkey that cannot unlock gives a Half.
func (d *Desk) SignInWithPasskey(ctx context.Context, a PasskeyAnswer, from Visitor) (SignedIn, *Half, error) {
	return SignedIn{}, nil, errNotYet
}

// PasskeyToStepUp begins a step-up with one of who's passkeys that unlock.
func (d *Desk) PasskeyToStepUp(ctx context.Context, who Verified) (PasskeyCeremony, error) {
	return PasskeyCeremony{}, errNotYet
}

// NewPasskey begins to add one. Needs Fresh.
func (d *Desk) NewPasskey(ctx context.Context, who Verified) (PasskeyCeremony, error) {
	return PasskeyCeremony{}, errNotYet
}

// AddPasskey adds it. Needs Fresh; the session goes on under a new cookie.
func (d *Desk) AddPasskey(ctx context.Context, who Verified, name string, a PasskeyAnswer, from Visitor) (SignedIn, Way, error) {
	return SignedIn{}, Way{}, errNotYet
}
