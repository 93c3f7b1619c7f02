package vault

import (
	"context"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
)

// An envelope ends at one hour, 2^20 recordings, a restart, an unbinding or a
// new generation (DESIGN "Keys").
const (
	envelopeLife = time.Hour
	envelopeMax  = 1 << 20
)

type envelope struct {
	key     seal.EnvelopeKey
	context seal.EnvelopeContext
	made    time.Time
	count   int
}

// envelope returns the binding's current envelope key, or makes one and
// stores its wrap before it is used.
func (in *Inbox) envelope(ctx context.Context) (envelope, error) {
	k := in.keep
	if e, ok := k.currentEnvelope(in.binding.ID, in.pin.Generation); ok {
		return e, nil
	}
	c := seal.EnvelopeContext{Vault: in.binding.Vault, Generation: in.pin.Generation, Envelope: hearkeep.NewID[hearkeep.EnvelopeID](), Binding: in.binding.ID}
	key, wrap, err := seal.NewEnvelope(in.pin.Public, c)
	if err != nil {
		return envelope{}, err
	}
	if err := k.store.Keys().PutEnvelope(ctx, c.Vault, c.Envelope, wrap); err != nil {
		return envelope{}, err
	}
	e := &envelope{key: key, context: c, made: time.Now(), count: 1}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.envelopes[in.binding.ID] = e
	return *e, nil
}

func (k *Keep) currentEnvelope(binding hearkeep.BindingID, gen hearkeep.Generation) (envelope, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.envelopes[binding]
	if e == nil || e.context.Generation != gen || time.Since(e.made) >= envelopeLife || e.count >= envelopeMax {
		delete(k.envelopes, binding)
		return envelope{}, false
	}
	e.count++
	return *e, true
}
