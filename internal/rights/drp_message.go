package rights

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"time"
	"unicode/utf8"

	"github.com/hearkeep/hearkeep"
)

// purpose is what a message is for. Members that belong to another purpose
// keep a message from being used for this one.
type purpose int

const (
	pairing purpose = iota
	exercising
	revoking
)

// maxValidity is the longest time for which a message may be good.
const maxValidity = 15 * time.Minute

// protocol is the version that is spoken here.
const protocol = "1.0"

// message is what an agent signed, after it was checked.
type message struct {
	fields  fields
	digest  [32]byte  // of the agent and of what was signed
	expires time.Time // zero where it does not say
}

// Refusals, one for each check, in the order of 3.07.
func errEncoding() error {
	return hearkeep.Errorf(hearkeep.Invalid, "The body is not a signed message in base64.").WithHint("Base64 of an Ed25519 signature of 64 bytes and the JSON that it signs.")
}
func errSignature() error {
	return hearkeep.Errorf(hearkeep.Forbidden, "The signature does not verify.").WithHint("Sign with the key that stands in the directory.")
}
func errJSON() error {
	return hearkeep.Errorf(hearkeep.Invalid, "What was signed is not one JSON object whose members are each there once.")
}
func errWhoseAgent() error {
	return hearkeep.Errorf(hearkeep.Forbidden, "The message is another agent's.").WithHint("agent-id is whose token and key it is.")
}
func errWhoseBusiness() error {
	return hearkeep.Errorf(hearkeep.Forbidden, "The message is for another business.")
}
func errEarly() error {
	return hearkeep.Errorf(hearkeep.Forbidden, "The message was issued in the future.").WithHint("Set your clock.")
}
func errLate() error {
	return hearkeep.Errorf(hearkeep.Forbidden, "The message has expired.").WithHint("Sign a new one.")
}
func errLong() error {
	return hearkeep.Errorf(hearkeep.Forbidden, "The message is good for too long.").WithHint("At most 15 minutes from issued-at to expires-at.")
}
func errVersion() error {
	return hearkeep.Errorf(hearkeep.Invalid, "Another version of the protocol is spoken here.").WithHint("drp.version is %q.", protocol)
}
func errPurpose() error {
	return hearkeep.Errorf(hearkeep.Invalid, "The message was signed for something else.")
}
func errField(name string) error {
	return hearkeep.Errorf(hearkeep.Invalid, "The member %s is missing, or is not what it should be.", name)
}

// read checks an envelope in the order of 3.07: base64, signature under the
// key of the agent whose token came with it, whose it is, for whom it is, and
// when. What follows the order is ours: for how long, in which version, and
// for what. Whether it was taken before is for once to say.
func (a *Agents) read(agent Agent, body []byte, for_ purpose) (message, error) {
	raw, err := decode(body)
	if err != nil || len(raw) <= ed25519.SignatureSize {
		return message{}, errEncoding()
	}
	signature, text := raw[:ed25519.SignatureSize], raw[ed25519.SignatureSize:]
	if len(agent.key) != ed25519.PublicKeySize || !ed25519.Verify(agent.key, text, signature) {
		return message{}, errSignature()
	}
	f, err := parseFields(text)
	if err != nil {
		return message{}, errJSON()
	}
	m := message{fields: f, digest: sha256.Sum256(append([]byte(agent.ID+"\x00"), text...))}
	if for_ == revoking && !f.has("agent-id") && !f.has("expires-at") {
		return m, f.noneOf("exercise") // 2.04 asks for a reason alone
	}
	if id, ok := f.text("agent-id", 100); !ok || id != agent.ID {
		return message{}, errWhoseAgent()
	}
	if id, ok := f.text("business-id", 100); !ok || id != a.Business {
		return message{}, errWhoseBusiness()
	}
	issued, ok := f.time("issued-at")
	if !ok {
		return message{}, errField("issued-at")
	}
	expires, ok := f.time("expires-at")
	now := a.now()
	switch {
	case !ok:
		return message{}, errField("expires-at")
	case now.Before(issued):
		return message{}, errEarly()
	case !now.Before(expires):
		return message{}, errLate()
	case expires.Sub(issued) > maxValidity:
		return message{}, errLong()
	}
	if v, ok := f.text("drp.version", 10); !ok || v != protocol {
		return message{}, errVersion()
	}
	m.expires = expires
	switch for_ {
	case pairing:
		return m, f.noneOf("exercise", "reason")
	case revoking:
		return m, f.noneOf("exercise")
	}
	return m, f.noneOf("reason")
}

// decode reads base64, with its padding, in one spelling; space around it is
// left away.
func decode(body []byte) ([]byte, error) {
	body = bytes.TrimSpace(body)
	if bytes.ContainsAny(body, "\r\n") {
		return nil, errors.New("rights: base64 of several lines")
	}
	return base64.StdEncoding.Strict().AppendDecode(nil, body)
}

// fields is a JSON object by its members, in their very spelling: to
// encoding/json "Agent-ID" would be "agent-id", and of two the last would win.
type fields map[string]json.RawMessage

var errNotFields = errors.New("rights: not a JSON object whose members are each there once")

func parseFields(text []byte) (fields, error) {
	if !utf8.Valid(text) {
		return nil, errNotFields
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, errNotFields
	}
	f := fields{}
	for dec.More() {
		name, err := dec.Token()
		key, ok := name.(string)
		if err != nil || !ok || f.has(key) {
			return nil, errNotFields
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, errNotFields
		}
		f[key] = value
	}
	if _, err := dec.Token(); err != nil { // the closing brace
		return nil, errNotFields
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotFields
	}
	return f, nil
}

func (f fields) has(name string) bool { _, ok := f[name]; return ok }

// noneOf fails where one of the members is there.
func (f fields) noneOf(names ...string) error {
	for _, name := range names {
		if f.has(name) {
			return errPurpose()
		}
	}
	return nil
}

// text is a member that is a string of at most limit bytes.
func (f fields) text(name string, limit int) (string, bool) {
	var s *string
	if json.Unmarshal(f[name], &s) != nil || s == nil || len(*s) > limit {
		return "", false
	}
	return *s, true
}

// optional is text, or "" where there is no such member, or it is null.
func (f fields) optional(name string, limit int) (string, error) {
	if !f.has(name) || string(f[name]) == "null" {
		return "", nil
	}
	s, ok := f.text(name, limit)
	if !ok {
		return "", errField(name)
	}
	return s, nil
}

// time is a member that is a time with an offset: RFC 3339.
func (f fields) time(name string) (time.Time, bool) {
	s, ok := f.text(name, 40)
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil
}

// timestamp is a time as agents are told it: at most six digits of a second,
// and an offset in digits, since some read no Z.
func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000-07:00")
}
