package vault

import "context"

// Imports returns the Inbox for what a person brings from another provider,
// bound at its first use; from is how the door is called: "Alexa".
func (r *Room) Imports(ctx context.Context, from string) (*Inbox, error) { return nil, errNotYet }

// Brought is a recording that another provider handed out.
type Brought struct {
	Taken
	Digest [32]byte // SHA-256 of the file as it came, and of its time: the same is kept once
}

// Bring keeps a recording through an Inbox of Imports, unless this vault has
// it already: then it returns false. What a person erased is not known any
// more, and can be brought again.
func (r *Room) Bring(ctx context.Context, in *Inbox, b Brought) (bool, error) {
	return false, errNotYet
}
