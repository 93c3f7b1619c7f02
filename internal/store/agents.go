package store

import (
	"context"
	"time"

	"github.com/hearkeep/hearkeep"
)

// Agents is the rows of those who ask in somebody's name (Data Rights
// Protocol): the token that each has, what they signed lately, and what they
// asked for. Which agents there are, and their keys, is for the operator's
// directory to say, not for a row.
type Agents interface {
	// PutAgentToken replaces the token of an agent, who has one at a time.
	PutAgentToken(ctx context.Context, t AgentToken) error
	// AgentToken finds an agent by their token.
	AgentToken(ctx context.Context, hash [32]byte) (AgentToken, error)

	// RememberMessage notes that a signed message was taken; ErrExists where it
	// was taken before.
	RememberMessage(ctx context.Context, hash [32]byte, until time.Time) error
	// ExpireMessages forgets messages whose time ended before a time.
	ExpireMessages(ctx context.Context, before time.Time) (int, error)

	InsertAgentRequest(ctx context.Context, r AgentRequest) error
	// AgentRequest returns one of an agent's; ErrNotFound where it is another's.
	AgentRequest(ctx context.Context, agent string, id hearkeep.AgentRequestID) (AgentRequest, error)
	// SetAgentRequest replaces all but whose it is, what it asks for, and when
	// it came.
	SetAgentRequest(ctx context.Context, r AgentRequest) error
	// NewAgentRequests lists those for whose person nobody has looked yet,
	// oldest first.
	NewAgentRequests(ctx context.Context, limit int) ([]AgentRequest, error)
	// OpenAgentRequests lists those that have not ended, by id, above after.
	OpenAgentRequests(ctx context.Context, after hearkeep.AgentRequestID, limit int) ([]AgentRequest, error)
	// AgentRequestFor returns the one that led to a request of an account.
	AgentRequestFor(ctx context.Context, account hearkeep.AccountID, id hearkeep.RequestID) (AgentRequest, error)
	// CountAgentRequests counts what an agent asked for at or after a time.
	CountAgentRequests(ctx context.Context, agent string, since time.Time) (int, error)
	// ExpireAgentRequests removes those that ended before a time.
	ExpireAgentRequests(ctx context.Context, before time.Time) (int, error)

	// ConfirmedEmails lists confirmed e-mail channels of all accounts, by id,
	// above after.
	ConfirmedEmails(ctx context.Context, after hearkeep.ChannelID, limit int) ([]Channel, error)
}

// AgentToken is what an agent shows with each call.
type AgentToken struct {
	Agent string   // its id in the directory
	Hash  [32]byte // SHA-256 of the token
	Key   [32]byte // SHA-256 of the agent's key when it was given: it ends with that key
	Made  time.Time
}

// AgentRequest is what an agent asked for in somebody's name.
type AgentRequest struct {
	ID       hearkeep.AgentRequestID
	Agent    string
	Exercise string             // of the protocol's list: "access", "deletion"
	State    string             // "waiting", "confirmed", "fulfilled", "denied", "revoked", "expired"
	Reason   string             // of the protocol's list, where it was denied
	Looked   bool               // whether somebody's request came of it was found out
	Account  hearkeep.AccountID // whose; zero where no account was found
	Request  hearkeep.RequestID // of theirs; zero where none came of it
	Sealed   []byte             // what the agent wrote that is still needed
	Received time.Time
	Due      time.Time
	Ended    time.Time // zero while it can change
}
