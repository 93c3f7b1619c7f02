package identity

import (
	"encoding/json"
	"testing"

	"github.com/hearkeep/hearkeep"
)

// CookieHash is the key under which a cookie's session is stored.
func CookieHash(cookie string) [32]byte {
	hash, _, _ := splitCookie(cookie)
	return hash
}

// SecretHash is the key under which a link's row is stored.
func SecretHash(secret string) [32]byte { return hashSecret(secret) }

// AlterKitTicket is what a writer of rows makes of a kit's ticket.
func AlterKitTicket(t *testing.T, payload []byte, id hearkeep.UnlockerID, list []byte) []byte {
	var ticket kitTicket
	if err := json.Unmarshal(payload, &ticket); err != nil {
		t.Fatal(err)
	}
	ticket.Unlocker, ticket.List = id, list
	payload, err := json.Marshal(ticket)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}
