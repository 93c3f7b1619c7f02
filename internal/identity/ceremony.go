package identity

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Half is somebody whose passkey signed them in and cannot unlock: the name to
// go on with, and a mark that counts their attempts apart (Visitor.Known).
type Half struct {
	Name  string
	Known string
}

// shown is a passkey, real or made up, as a browser is told of it.
type shown struct {
	id   []byte
	salt [32]byte
}

// PasskeyToSignIn begins a sign-in. It answers every name alike: with
// MaxPasskeys passkeys, those of the account among made up ones that are the
// same each time, in the order of their ids.
func (d *Desk) PasskeyToSignIn(ctx context.Context, name string, from Visitor) (PasskeyCeremony, error) {
	defer evenly(ctx, time.Now())
	if d.party == nil {
		return PasskeyCeremony{}, errNoPasskeys(d.noParty)
	}
	attempt := []allowance{
		{"ceremony " + network(from.Addr), 30, 2 * time.Second},
		{"ceremonies " + site(from.Addr), 150, 500 * time.Millisecond},
	}
	if wait := d.attempts.take(time.Now(), attempt); wait > 0 {
		return PasskeyCeremony{}, errTooMany(wait)
	}
	folded := foldName(clip(name, 4*maxName))
	account, _, err := d.find(ctx, folded, KindPasskey)
	if err != nil {
		return PasskeyCeremony{}, err
	}
	rows, err := d.unlockers(ctx, account.ID)
	if err != nil {
		return PasskeyCeremony{}, err
	}
	list := d.passkeys(rows, false)
	real := ids(list)
	for n := range MaxPasskeys { // all are made, for the same work
		if made := d.madeUp(folded, n); len(list) < MaxPasskeys {
			list = append(list, made)
		}
	}
	return d.ask(ctx, ceremony{For: forSignIn, Account: account.ID}, list, real, nil)
}

// madeUp is a passkey that nobody has. Its id is of one of the lengths that
// authenticators in use give theirs.
func (d *Desk) madeUp(name string, n int) shown {
	id := slices.Concat(seal.DecoyCredential(d.house, name, 3*n), seal.DecoyCredential(d.house, name, 3*n+1))
	salt := seal.DecoyCredential(d.house, name, 3*n+2)
	lengths := []int{16, 20, 32, 32, 32, 48, 64}
	return shown{id[:lengths[int(salt[0])%len(lengths)]], [32]byte(salt)}
}

// passkeys lists those of rows that this origin can use; unlocking only those
// that unlock. A damaged row is no passkey.
func (d *Desk) passkeys(rows []store.Unlocker, unlocking bool) []shown {
	var list []shown
	for _, u := range rows {
		if u.Kind != KindPasskey || unlocking && u.Wrap == nil {
			continue
		}
		if p, ok := d.readPasskey(u); ok && p.Party == d.party.Config.RPID {
			list = append(list, shown{p.Credential.ID, [32]byte(p.Salt)})
		}
	}
	return list
}

func ids(list []shown) (ids [][]byte) {
	for _, s := range list {
		ids = append(ids, s.id)
	}
	return ids
}

// PasskeyToStepUp begins a step-up with one of who's passkeys that unlock.
func (d *Desk) PasskeyToStepUp(ctx context.Context, who Verified) (PasskeyCeremony, error) {
	if !who.Valid() {
		return PasskeyCeremony{}, errSignIn(nil)
	}
	if d.party == nil {
		return PasskeyCeremony{}, errNoPasskeys(d.noParty)
	}
	rows, err := d.unlockers(ctx, who.Account())
	if err != nil {
		return PasskeyCeremony{}, err
	}
	list := d.passkeys(rows, true)
	if len(list) == 0 {
		return PasskeyCeremony{}, hearkeep.Errorf(hearkeep.Invalid, "This account has no passkey that unlocks.").
			WithHint("A passkey without the PRF extension only signs in. Use your passphrase or recovery kit.")
	}
	// Those that do not unlock may answer too, to be told why not.
	return d.ask(ctx, ceremony{For: forStepUp, Account: who.Account(), Session: who.Session()}, list, ids(d.passkeys(rows, false)),
		func(tx *store.Tx) error { return standing(ctx, tx, who) })
}

// ask begins a ceremony with the passkeys of a list, of which allowed may answer.
func (d *Desk) ask(ctx context.Context, c ceremony, list []shown, allowed [][]byte, first func(*store.Tx) error) (PasskeyCeremony, error) {
	slices.SortFunc(list, func(a, b shown) int { return bytes.Compare(a.id, b.id) })
	asked, salts := party{id: string(c.Account[:])}, map[string]protocol.PRFValues{}
	for _, s := range list {
		asked.credentials = append(asked.credentials, webauthn.Credential{ID: s.id})
		salts[base64.RawURLEncoding.EncodeToString(s.id)] = prfValues(s.salt)
	}
	options, data, err := d.party.BeginLogin(asked,
		webauthn.WithAssertionExtensions(webauthn.WithExtensionPRFByCredential(salts, nil)))
	if err != nil {
		return PasskeyCeremony{}, fmt.Errorf("identity: ask for a passkey: %w", err)
	}
	c.Data = *data
	c.Data.AllowedCredentialIDs = allowed
	return d.begun(ctx, options.Response, c, first)
}

// begun keeps a ceremony's state until its answer comes.
func (d *Desk) begun(ctx context.Context, options any, c ceremony, first func(*store.Tx) error) (PasskeyCeremony, error) {
	public, err := json.Marshal(options)
	if err != nil {
		return PasskeyCeremony{}, fmt.Errorf("identity: passkey options: %w", err)
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return PasskeyCeremony{}, fmt.Errorf("identity: passkey ceremony: %w", err)
	}
	id, hash := newSecret()
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if first != nil {
			if err := first(tx); err != nil {
				return err
			}
		}
		return tx.Identity.PutLink(ctx, store.Link{Kind: linkPasskey, Hash: hash, Payload: payload, Expires: time.Now().Add(CeremonyLife)})
	})
	if err != nil {
		return PasskeyCeremony{}, fmt.Errorf("identity: passkey ceremony: %w", err)
	}
	return PasskeyCeremony{ID: id, Options: public}, nil
}

// takeCeremony uses a ceremony up, whatever comes of it.
func (d *Desk) takeCeremony(ctx context.Context, id string, what purpose, session string) (c ceremony, err error) {
	if d.party == nil {
		return c, errNoPasskeys(d.noParty)
	}
	var link store.Link
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		link, err = tx.Identity.TakeLink(ctx, linkPasskey, hashSecret(id), time.Now())
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return c, what.refuse(err)
	}
	if err != nil {
		return c, fmt.Errorf("identity: passkey ceremony: %w", err)
	}
	if err := json.Unmarshal(link.Payload, &c); err != nil {
		return c, fmt.Errorf("identity: passkey ceremony: %w", err)
	}
	if c.For != what || c.Session != session {
		return c, what.refuse(nil)
	}
	return c, nil
}

// assert checks an answer against its ceremony, and returns whose passkey
// gave it, with the passkey's counter moved on.
func (d *Desk) assert(ctx context.Context, a PasskeyAnswer, what purpose, session string) (store.Account, store.Unlocker, error) {
	var account store.Account
	var none store.Unlocker
	c, err := d.takeCeremony(ctx, a.Ceremony, what, session)
	if err != nil {
		return account, none, err
	}
	answer, err := protocol.ParseCredentialRequestResponseBytes(a.Response)
	if err != nil {
		return account, none, what.refuse(err)
	}
	var rows []store.Unlocker
	err = d.store.View(ctx, func(tx *store.Tx) error {
		if account, err = tx.Identity.Account(ctx, c.Account); err != nil {
			return err
		}
		rows, err = tx.Identity.Unlockers(ctx, c.Account)
		return err
	})
	if errors.Is(err, store.ErrNotFound) { // a name that nobody has
		return account, none, what.refuse(err)
	}
	if err != nil {
		return account, none, fmt.Errorf("identity: passkey of %s: %w", c.Account, err)
	}
	for _, u := range rows {
		if u.Kind != KindPasskey {
			continue
		}
		p, ok := d.readPasskey(u)
		if !ok || !bytes.Equal(p.Credential.ID, answer.RawID) {
			continue
		}
		if u.Params, err = d.verifyAnswer(c, p, answer); err != nil {
			d.log.Info("passkey refused", "account", account.ID, "unlocker", u.ID)
			return account, none, err
		}
		return account, u, nil
	}
	return account, none, what.refuse(nil)
}

// verifyAnswer checks an answer by a passkey and returns its new Params.
func (d *Desk) verifyAnswer(c ceremony, p passkey, answer *protocol.ParsedCredentialAssertionData) ([]byte, error) {
	if !slices.ContainsFunc(c.Data.AllowedCredentialIDs, func(id []byte) bool { return bytes.Equal(id, p.Credential.ID) }) {
		return nil, c.For.refuse(nil)
	}
	// The library wants to see all that were allowed; this one is enough.
	data := c.Data
	data.AllowedCredentialIDs = [][]byte{p.Credential.ID}
	used, err := d.party.ValidateLogin(party{id: string(c.Account[:]), credentials: []webauthn.Credential{p.Credential}}, data, answer)
	if err != nil {
		return nil, c.For.refuse(err)
	}
	if used.Authenticator.CloneWarning {
		return nil, c.For.refuse(errors.New("its counter went back, as that of a copy does"))
	}
	p.Credential = *used
	params, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("identity: passkey: %w", err)
	}
	return params, nil
}

// SignInWithPasskey ends it. A passkey that cannot unlock gives a Half.
func (d *Desk) SignInWithPasskey(ctx context.Context, a PasskeyAnswer, from Visitor) (SignedIn, *Half, error) {
	defer evenly(ctx, time.Now()) // a made-up passkey has no signature to check
	attempt := []allowance{
		{"addr " + network(from.Addr), 30, 4 * time.Second},
		{"site " + site(from.Addr), 150, time.Second},
	}
	if wait := d.attempts.take(time.Now(), attempt); wait > 0 {
		return SignedIn{}, nil, errTooMany(wait)
	}
	account, u, err := d.assert(ctx, a, forSignIn, "")
	if err != nil {
		return SignedIn{}, nil, err
	}
	if u.Wrap == nil || len(a.PRF) == 0 {
		err := d.store.Update(ctx, func(tx *store.Tx) error { return noteUse(ctx, tx, u) })
		if err != nil {
			return SignedIn{}, nil, fmt.Errorf("identity: note use of %s: %w", u.ID, err)
		}
		return SignedIn{}, &Half{Name: account.Display, Known: d.browserMark(account.ID)}, nil
	}
	with, err := prfUnlocker(a.PRF)
	if err != nil {
		return SignedIn{}, nil, err
	}
	key, err := seal.UnwrapAccountKey(u.Wrap, with, account.ID, u.ID)
	if err != nil {
		return SignedIn{}, nil, forSignIn.refuse(err)
	}
	in, err := d.admit(ctx, account, u, key, from)
	if err != nil {
		return SignedIn{}, nil, err
	}
	d.attempts.forgive(attempt)
	return in, nil, nil
}

// newSalt is what a new passkey's PRF will be evaluated on.
func newSalt() (salt [32]byte) {
	rand.Read(salt[:])
	return salt
}
