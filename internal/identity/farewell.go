package identity

import (
	"context"
	"time"
)

// AskFarewell is for somebody whose every unlocker is lost: if the address is
// one of that name's confirmed ones, a link goes there. It answers every name
// and address alike.
func (d *Desk) AskFarewell(ctx context.Context, name, address string, from Visitor) error {
	return errNotYet
}

// FarewellLink says whose account a link would erase, without using it.
func (d *Desk) FarewellLink(ctx context.Context, secret string) (name string, err error) {
	return "", errNotYet
}

// ConfirmFarewell uses the link: after the waiting time everything that the
// account alone holds is erased, and the account with it. All channels are
// told, and whoever still signs in can stop it.
func (d *Desk) ConfirmFarewell(ctx context.Context, secret string) (due time.Time, err error) {
	return time.Time{}, errNotYet
}

// SayFarewell is the same for who is signed in. Needs Fresh.
func (d *Desk) SayFarewell(ctx context.Context, who Verified) (due time.Time, err error) {
	return time.Time{}, errNotYet
}

// Farewell is when who's account is to be erased; zero where it is not.
func (d *Desk) Farewell(ctx context.Context, who Verified) (due time.Time, err error) {
	return time.Time{}, errNotYet
}

// StopFarewell keeps the account.
func (d *Desk) StopFarewell(ctx context.Context, who Verified) error { return errNotYet }
