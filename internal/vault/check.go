package vault

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/blob"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Damage is one thing that a check found wrong: what, and where.
type Damage struct {
	Vault     hearkeep.VaultID
	Recording hearkeep.RecordingID // zero where a whole vault is concerned
	Part      hearkeep.Part        // empty where the recording is concerned
	What      string
}

// String is for operators: ids only.
func (d Damage) String() string {
	s := "vault " + d.Vault.String()
	if !d.Recording.IsZero() {
		s += " recording " + d.Recording.String()
	}
	if d.Part != "" {
		s += " " + string(d.Part)
	}
	return s + ": " + d.What
}

// Checked counts what a check has read back.
type Checked struct {
	Vaults, Bindings, Recordings, Parts int
	Bytes                               int64
}

// Check reads back everything that is kept, without opening any of it:
// ciphertexts against their hashes, keys, pins and numbering. It tells of
// each damage as it is found. It may run beside a working Keep.
func Check(ctx context.Context, st store.Store, blobs blob.Store, house seal.HouseKey, tell func(Damage)) (Checked, error) {
	c := checker{st: st, blobs: blobs, keep: &Keep{store: st, house: house}, tell: tell}
	var vaults []hearkeep.VaultID
	err := st.View(ctx, func(tx *store.Tx) (err error) {
		vaults, err = tx.Vaults.AllVaults(ctx)
		return err
	})
	if err != nil {
		return c.sum, fmt.Errorf("vault: check: %w", err)
	}
	for _, vault := range vaults {
		if err := c.vault(ctx, vault); err != nil {
			return c.sum, fmt.Errorf("vault: check %s: %w", vault, err)
		}
	}
	return c.sum, nil
}

type checker struct {
	st    store.Store
	blobs blob.Store
	keep  *Keep
	tell  func(Damage)
	sum   Checked
}

func (c *checker) vault(ctx context.Context, vault hearkeep.VaultID) error {
	c.sum.Vaults++
	var bindings []store.Binding
	err := c.st.View(ctx, func(tx *store.Tx) (err error) {
		bindings, err = tx.Vaults.Bindings(ctx, vault)
		return err
	})
	if err != nil {
		return err
	}
	if err := c.holders(ctx, vault, bindings); err != nil {
		return err
	}
	for _, b := range bindings {
		c.sum.Bindings++
		p, err := c.keep.readPin(b)
		if err == nil {
			err = seal.VerifyBinding(p.SignedBy, bindingStatement(b), b.Signature)
		}
		if err != nil {
			c.tell(Damage{Vault: vault, What: fmt.Sprintf("binding %s is not what was signed: its door is refused", b.ID)})
		}
		if err := c.recordings(ctx, vault, b.ID); err != nil {
			return err
		}
	}
	gaps, err := Gaps(ctx, c.st, vault)
	for _, g := range gaps {
		c.tell(Damage{Vault: vault, What: fmt.Sprintf("numbers %s are not accounted for", g)})
	}
	return err
}

// holders checks who holds a vault: the chain of generations, the newest's
// roster, and the pin of every keyholder. A vault that was forgotten has no
// open door and no keyholder.
func (c *checker) holders(ctx context.Context, vault hearkeep.VaultID, bindings []store.Binding) error {
	return c.st.View(ctx, func(tx *store.Tx) error {
		l, altered := c.keep.lineage(ctx, tx, vault)
		if altered != nil && !errors.Is(altered, errAltered) {
			return altered
		}
		held := 0
		for _, g := range l.gens {
			rows, err := tx.Vaults.Keyholders(ctx, vault, g.N)
			if err != nil {
				return err
			}
			held += len(rows)
			for _, h := range rows {
				if public, err := c.keep.checkHolder(h); err != nil || !public.Equal(publicOf(g)) {
					c.tell(Damage{Vault: vault, What: fmt.Sprintf("account %s is not pinned to generation %d", h.Account, g.N)})
				}
			}
		}
		forgotten := held == 0 && !slices.ContainsFunc(bindings, func(b store.Binding) bool { return b.Ended.IsZero() })
		if altered != nil && !forgotten {
			c.tell(Damage{Vault: vault, What: "who holds it is not what was signed: nobody enters, and its doors are refused"})
		}
		return nil
	})
}

func (c *checker) recordings(ctx context.Context, vault hearkeep.VaultID, binding hearkeep.BindingID) error {
	for after := hearkeep.Number(0); ; {
		var recs []store.Recording
		err := c.st.View(ctx, func(tx *store.Tx) (err error) {
			recs, err = tx.Vaults.RecordingsByNumber(ctx, vault, binding, after, 500)
			return err
		})
		if err != nil || len(recs) == 0 {
			return err
		}
		for _, rec := range recs {
			after = rec.Number
			c.sum.Recordings++
			if err := c.recording(ctx, rec); err != nil {
				return err
			}
		}
	}
}

func (c *checker) recording(ctx context.Context, rec store.Recording) error {
	var parts []store.Part
	err := c.st.View(ctx, func(tx *store.Tx) (err error) {
		parts, err = tx.Vaults.Parts(ctx, rec.Vault, rec.ID)
		return err
	})
	if err != nil {
		return err
	}
	if _, err := c.st.Keys().Envelope(ctx, rec.Vault, rec.Envelope); errors.Is(err, store.ErrNotFound) {
		c.tell(Damage{Vault: rec.Vault, Recording: rec.ID, What: "its envelope key is missing"})
	} else if err != nil {
		return err
	}
	for _, p := range parts {
		c.sum.Parts++
		c.sum.Bytes += p.Size
		what, err := c.part(ctx, rec, p)
		if err != nil {
			return err
		}
		if what != "" && c.still(ctx, rec) {
			c.tell(Damage{rec.Vault, rec.ID, p.Part, what})
		}
	}
	return nil
}

// still asks again for a damaged recording's row: it may have been erased
// while the check looked at it.
func (c *checker) still(ctx context.Context, rec store.Recording) bool {
	err := c.st.View(ctx, func(tx *store.Tx) error {
		_, err := tx.Vaults.Recording(ctx, rec.Vault, rec.ID)
		return err
	})
	return err == nil
}

// part returns what is wrong with a part, or nothing.
func (c *checker) part(ctx context.Context, rec store.Recording, p store.Part) (string, error) {
	if _, err := c.st.Keys().Part(ctx, rec.Vault, rec.ID, p.Part, p.Version); errors.Is(err, store.ErrNotFound) {
		return "its key is missing", nil
	} else if err != nil {
		return "", err
	}
	if p.Part != hearkeep.PartAudio {
		if int64(len(p.Bytes)) != p.Size || sha256.Sum256(p.Bytes) != p.Hash {
			return "its ciphertext is not what was stored", nil
		}
		return "", nil
	}
	b, err := c.blobs.Open(ctx, rec.Blob)
	if errors.Is(err, blob.ErrNotFound) {
		return "its audio file is missing", nil
	}
	if err != nil {
		return "", err
	}
	defer b.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.NewSectionReader(b, 0, b.Size()))
	if err != nil {
		return "its audio file cannot be read", nil
	}
	if n != p.Size || [32]byte(h.Sum(nil)) != p.Hash {
		return "its audio file is not what was stored", nil
	}
	return "", nil
}
