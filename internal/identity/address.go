package identity

import (
	"context"
	"time"

	"github.com/hearkeep/hearkeep"
)

// Address is where letters to an account go.
type Address struct {
	ID        hearkeep.ChannelID
	Kind      string // "email" or "webhook"
	Address   string
	Created   time.Time
	Confirmed time.Time // zero until its owner typed the code back
}

// Sent is a line of the delivery log.
type Sent struct {
	Topic   string
	Kind    string // of the channel
	State   string // "queued", "sent", "failed"
	Created time.Time
	Sent    time.Time
}

// Addresses lists where letters to who go, oldest first.
func (d *Desk) Addresses(ctx context.Context, who Verified) ([]Address, error) { return nil, errNotYet }

// AddAddress notes an address and sends a code to it. Needs Fresh. Nothing
// else is sent there before ConfirmAddress.
func (d *Desk) AddAddress(ctx context.Context, who Verified, kind, address string) (hearkeep.ChannelID, error) {
	return hearkeep.ChannelID{}, errNotYet
}

// ConfirmAddress takes the code, and from then on letters go there. Old and
// new addresses are told; unless it is the first, archives and tokens wait.
func (d *Desk) ConfirmAddress(ctx context.Context, who Verified, id hearkeep.ChannelID, code string, from Visitor) (SignedIn, error) {
	return SignedIn{}, errNotYet
}

// RemoveAddress removes an address, which is told so. Needs Fresh.
func (d *Desk) RemoveAddress(ctx context.Context, who Verified, id hearkeep.ChannelID, from Visitor) (SignedIn, error) {
	return SignedIn{}, errNotYet
}

// Letters lists what was sent to who lately, newest first.
func (d *Desk) Letters(ctx context.Context, who Verified) ([]Sent, error) { return nil, errNotYet }
