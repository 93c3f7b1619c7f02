package rights

import (
	"encoding/json"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// holderAttacks make somebody hold what they do not.
func holderAttacks() map[string]func(*swap) {
	return map[string]func(*swap){
		"Ben is a keyholder of Anna's vault, by a copied row": func(w *swap) {
			av, _ := w.vaults()
			aa, ba := w.accounts()
			w.rows("INSERT INTO keyholders SELECT vault, ?3, generation, wrap, pin FROM keyholders WHERE vault = ?1 AND account = ?2", av, aa, ba)
		},
		"… with a pin that the house key signs": func(w *swap) {
			w.forgeHolder(nil)
		},
		"… and a key that was made for it": func(w *swap) {
			key, err := seal.NewVaultKey()
			w.must(err)
			w.forgeHolder(&key)
		},
		"… and Anna's generation is another": func(w *swap) {
			key, err := seal.NewVaultKey()
			w.must(err)
			public := seal.PublicOfVault(key)
			av, _ := w.vaults()
			aa, ba := w.accounts()
			sig, err := seal.SignGeneration(key, seal.GenerationStatement{Vault: w.anna.Vault, N: 1, Public: public, Keyholders: []hearkeep.AccountID{w.ben.Who.Account()}})
			w.must(err)
			w.rows("UPDATE generations SET hpke_public = ?2, sign_public = ?3, keyholders = ?4, signature = ?5 WHERE vault = ?1", av, public.HPKE, public.Verify, ba, sig)
			w.rows("DELETE FROM keyholders WHERE vault = ? AND account = ?", av, aa)
			w.forgeHolder(&key)
		},
		"the keyholders exchange their vaults": func(w *swap) {
			av, bv := w.vaults()
			w.rows("UPDATE keyholders SET vault = CASE vault WHEN ?1 THEN ?2 ELSE ?1 END WHERE vault IN (?1, ?2)", av, bv)
		},
		"the keyholders exchange their accounts": func(w *swap) {
			aa, ba := w.accounts()
			w.rows("UPDATE keyholders SET account = CASE account WHEN ?1 THEN ?2 ELSE ?1 END WHERE account IN (?1, ?2)", aa, ba)
		},
		"the wraps of the vaults are exchanged": func(w *swap) {
			av, bv := w.vaults()
			w.swapped("hearkeep.db", "keyholders", "wrap", "vault = ?", "generation", av, bv)
		},
		"the public keys of the vaults are exchanged": func(w *swap) {
			av, bv := w.vaults()
			for _, column := range []string{"hpke_public", "sign_public", "signature"} {
				w.swapped("hearkeep.db", "generations", column, "vault = ?", "n", av, bv)
			}
		},
		"Anna's vault has a second generation, which is Ben's": func(w *swap) {
			av, bv := w.vaults()
			_, ba := w.accounts()
			w.rows("INSERT INTO generations (vault, n, hpke_public, sign_public, keyholders, signature, created) SELECT ?1, 2, hpke_public, sign_public, ?3, signature, created FROM generations WHERE vault = ?2", av, bv, ba)
			w.rows("INSERT INTO keyholders SELECT ?1, account, 2, wrap, pin FROM keyholders WHERE vault = ?2", av, bv)
		},
		"the accounts exchange all their keys": func(w *swap) {
			aa, ba := w.accounts()
			for _, column := range []string{"public", "sealed_private", "sealed_list"} {
				w.swapped("hearkeep.db", "accounts", column, "id = ?", "id", aa, ba)
			}
		},
		"Ben's account has Anna's public key": func(w *swap) {
			aa, ba := w.accounts()
			w.rows("UPDATE accounts SET public = (SELECT public FROM accounts WHERE id = ?1) WHERE id = ?2", aa, ba)
		},
		"Anna's account has Ben's public key": func(w *swap) {
			aa, ba := w.accounts()
			w.rows("UPDATE accounts SET public = (SELECT public FROM accounts WHERE id = ?2) WHERE id = ?1", aa, ba)
		},
		"the recovery kits are exchanged": func(w *swap) {
			aa, ba := w.accounts()
			w.rows("UPDATE unlockers SET account = CASE account WHEN ?1 THEN ?2 ELSE ?1 END WHERE kind = 'kit' AND account IN (?1, ?2)", aa, ba)
		},
		"the wraps of the recovery kits are exchanged": func(w *swap) {
			aa, ba := w.accounts()
			w.swapped("hearkeep.db", "unlockers", "wrap", "account = ? AND kind = 'kit'", "id", aa, ba)
		},
		"Anna holds her vault no more": func(w *swap) {
			aa, _ := w.accounts()
			w.rows("DELETE FROM keyholders WHERE account = ?", aa)
		},
		"Anna's vault is gone": func(w *swap) {
			av, _ := w.vaults()
			w.rows("DELETE FROM keyholders WHERE vault = ?", av)
			w.rows("DELETE FROM parts WHERE vault = ?", av)
			w.rows("DELETE FROM recordings WHERE vault = ?", av)
			w.rows("DELETE FROM bindings WHERE vault = ?", av)
			w.rows("DELETE FROM generations WHERE vault = ?", av)
			w.rows("DELETE FROM vaults WHERE id = ?", av)
		},
		"Ben's session is Anna's": func(w *swap) {
			aa, ba := w.accounts()
			w.rows("UPDATE sessions SET account = ?1 WHERE account = ?2", aa, ba)
		},
		"the sessions exchange their accounts": func(w *swap) {
			aa, ba := w.accounts()
			w.rows("UPDATE sessions SET account = CASE account WHEN ?1 THEN ?2 ELSE ?1 END WHERE account IN (?1, ?2)", aa, ba)
		},
		"Ben is an admin of Anna's household": func(w *swap) {
			aa, ba := w.accounts()
			w.rows("UPDATE members SET role = 'admin', household = (SELECT household FROM members WHERE account = ?1) WHERE account = ?2", aa, ba)
		},
		"Anna is leaving her own vault, and Ben is in it": func(w *swap) {
			av, _ := w.vaults()
			aa, ba := w.accounts()
			w.rows("INSERT INTO departures (vault, account, by, at) VALUES (?1, ?2, ?3, 1)", av, aa, ba)
			w.forgeHolder(nil)
		},
	}
}

// forgeHolder makes Ben a keyholder of Anna's vault with the house key's
// signature: with Anna's own wrap, or with a key of the intruder's.
func (w *swap) forgeHolder(key *seal.VaultKey) {
	w.Helper()
	var gen store.Generation
	var wrap []byte
	w.must(w.home.Store.View(w.Context(), func(tx *store.Tx) error {
		gens, err := tx.Vaults.Generations(w.Context(), w.anna.Vault)
		if err != nil {
			return err
		}
		gen = gens[0]
		rows, err := tx.Vaults.Keyholder(w.Context(), w.anna.Vault, w.anna.Who.Account())
		if err == nil {
			wrap = rows[0].Wrap
		}
		if key == nil {
			return err
		}
		account, err := tx.Identity.Account(w.Context(), w.ben.Who.Account())
		if err != nil {
			return err
		}
		public, err := seal.ParseAccountPublic(account.Public)
		if err != nil {
			return err
		}
		wrap, err = seal.SealVaultKey(*key, public, w.anna.Vault, 1, w.ben.Who.Account())
		return err
	}))
	public := seal.VaultPublic{HPKE: gen.HPKEPublic, Verify: gen.SignPublic}
	pin := holderPinOf(w.home.House, w.ben.Who.Account(), w.anna.Vault, public)
	_, ba := w.accounts()
	w.rows("INSERT OR REPLACE INTO keyholders (vault, account, generation, wrap, pin) VALUES (?1, ?2, 1, ?3, ?4)", w.anna.Vault[:], ba, wrap, pin)
}

// holderPinOf is the pin of a keyholder's row as room vault writes it: whoever
// has the house key can write one.
func holderPinOf(house seal.HouseKey, account hearkeep.AccountID, id hearkeep.VaultID, public seal.VaultPublic) []byte {
	pin, err := json.Marshal(struct {
		Public seal.VaultPublic
		MAC    []byte
	}{public, seal.MACHolder(house, seal.HolderStatement{Account: account, Vault: id, Generation: 1, Public: public})})
	if err != nil {
		panic(err)
	}
	return pin
}
