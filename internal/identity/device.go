package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// A device token is tokenPrefix and base64url(binding id 16 ‖ secret 32). The
// binding stands in the token itself, so that an altered row cannot turn a
// device towards another binding.
const (
	tokenPrefix = "hkd_"
	tokenBytes  = 16 + 32
)

// Device is a binding whose token was shown. Only this package makes one; the
// zero value is no device and refused.
type Device struct {
	binding hearkeep.BindingID
	shown   bool
}

// Binding is what the device may add to; ok is false for the zero value.
func (d Device) Binding() (id hearkeep.BindingID, ok bool) { return d.binding, d.shown }

// PairingCode returns a code, good once and for an hour, with which a terminal
// or device fetches the token of a binding. The caller holds the binding's
// vault: package vault makes bindings for its keyholders only.
func (d *Desk) PairingCode(ctx context.Context, who Verified, binding hearkeep.BindingID) (string, error) {
	if !who.Valid() {
		return "", errSignIn(nil)
	}
	code, hash := newPairingCode(binding)
	err := d.store.Update(ctx, func(tx *store.Tx) error {
		b, err := tx.Vaults.Binding(ctx, binding)
		if err != nil {
			return err
		}
		if _, err := tx.Vaults.Keyholder(ctx, b.Vault, who.Account()); err != nil {
			return err
		}
		return tx.Identity.PutLink(ctx, store.Link{Kind: linkPair, Hash: hash, Expires: time.Now().Add(PairingLife)})
	})
	if errors.Is(err, store.ErrNotFound) {
		return "", hearkeep.Errorf(hearkeep.NotFound, "There is no such door.").Because(err)
	}
	if err != nil {
		return "", fmt.Errorf("identity: pairing code for binding %s: %w", binding, err)
	}
	return code, nil
}

// Redeem uses up a pairing code and returns the binding's device token. An
// earlier token of the binding ends.
func (d *Desk) Redeem(ctx context.Context, code string, from Visitor) (string, error) {
	attempt := []allowance{{"pair " + network(from.Addr), 10, 6 * time.Second}}
	if wait := d.attempts.take(time.Now(), attempt); wait > 0 {
		return "", hearkeep.Errorf(hearkeep.TooMany, "Too many attempts from here.").WithHint("Wait a minute and try again.").After(wait)
	}
	id, hash, ok := readPairingCode(code)
	if !ok {
		return "", errPairing(nil)
	}
	var raw [tokenBytes]byte
	rand.Read(raw[:])
	copy(raw[:16], id[:])
	err := d.store.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Identity.TakeLink(ctx, linkPair, hash, time.Now()); err != nil {
			return err
		}
		b, err := tx.Vaults.Binding(ctx, id)
		if err != nil {
			return err
		}
		if !b.Ended.IsZero() {
			return store.ErrNotFound
		}
		token := store.Token{Binding: id, SecretHash: sha256.Sum256(raw[16:]), Created: time.Now()}
		if err := tx.Identity.PutToken(ctx, token); err != nil {
			return err
		}
		_, err = d.ledger.Append(ctx, tx, ledger.Entry{Kind: ledger.KindPaired, Role: hearkeep.RoleDevice, Vault: &b.Vault, Binding: &id})
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return "", d.usedAgain(ctx, id, hash, from, err)
	}
	if err != nil {
		return "", fmt.Errorf("identity: redeem pairing code: %w", err)
	}
	d.redeemed.took(hash, from.Addr, time.Now())
	d.attempts.forgive(attempt)
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(raw[:]), nil
}

// A pairing code is the binding's id and 128 random bits, in base32: the
// binding stands in the code itself, so that an altered row cannot send the
// terminal that redeems it to another binding.
func newPairingCode(binding hearkeep.BindingID) (code string, hash [32]byte) {
	var raw [32]byte
	copy(raw[:16], binding[:])
	rand.Read(raw[16:])
	return strings.ToLower(pairingAlphabet().EncodeToString(raw[:])), sha256.Sum256(raw[:])
}

func readPairingCode(code string) (binding hearkeep.BindingID, hash [32]byte, ok bool) {
	raw, err := pairingAlphabet().DecodeString(strings.ToUpper(strings.TrimSpace(code)))
	if err != nil || len(raw) != 32 {
		return binding, hash, false
	}
	return hearkeep.BindingID(raw[:16]), sha256.Sum256(raw), true
}

func pairingAlphabet() *base32.Encoding { return base32.StdEncoding.WithPadding(base32.NoPadding) }

func errPairing(err error) error {
	return hearkeep.Errorf(hearkeep.NotFound, "This pairing code no longer works.").
		WithHint("It works once and for one hour. Get a new line from your keep's page.").Because(err)
}

// Device returns whose token this is, or fails with Unauthorized.
func (d *Desk) Device(ctx context.Context, token string) (Device, error) {
	raw, ok := decode(strings.TrimPrefix(token, tokenPrefix))
	if !ok || len(raw) != tokenBytes || !strings.HasPrefix(token, tokenPrefix) {
		return Device{}, errDevice(nil)
	}
	id := hearkeep.BindingID(raw[:16])
	var row store.Token
	err := d.store.View(ctx, func(tx *store.Tx) (err error) {
		row, err = tx.Identity.Token(ctx, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return Device{}, errDevice(nil)
	}
	if err != nil {
		return Device{}, fmt.Errorf("identity: device of binding %s: %w", id, err)
	}
	if !equalHash(row.SecretHash, sha256.Sum256(raw[16:])) {
		return Device{}, errDevice(nil)
	}
	return Device{id, true}, nil
}

func errDevice(err error) error {
	return hearkeep.Errorf(hearkeep.Unauthorized, "This device is not connected to a keep.").
		WithHint("Get a new line from your keep's page and run it here.").Because(err)
}
