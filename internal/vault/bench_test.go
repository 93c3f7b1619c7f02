package vault_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// BenchmarkEnter is what each request of somebody signed in pays for the vault
// it enters, by how often that has changed hands; next to the one HPKE opening
// of a vault key that it cannot do without (x-hpke).
func BenchmarkEnter(b *testing.B) {
	for _, changes := range []int{0, 10, 50} {
		b.Run(fmt.Sprintf("generations=%d", changes+1), func(b *testing.B) {
			h := vaulttest.New(b)
			anna, bert := h.Person(b, "Anna"), h.Person(b, "Bert")
			living := h.Vault(b, anna, vault.Shared)
			for range changes / 2 {
				h.Joined(b, living, bert, vault.Invitation{As: "holder"})
				must(b, h.Enter(b, living).RemoveHolder(b.Context(), bert.Who.Account()))
			}
			once := hpke(b, h, living)
			b.ResetTimer()
			for b.Loop() {
				if _, err := h.Keep.Enter(b.Context(), living.Who, living.Vault); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(once), "x-hpke")
		})
	}
}

// hpke is how long it takes to open one vault key.
func hpke(b *testing.B, h *vaulttest.Home, p vaulttest.Person) time.Duration {
	b.Helper()
	var held []store.Keyholder
	must(b, h.Store.View(b.Context(), func(tx *store.Tx) (err error) {
		held, err = tx.Vaults.Keyholder(b.Context(), p.Vault, p.Who.Account())
		return err
	}))
	const times = 50
	began := time.Now()
	for range times {
		_, err := seal.OpenVaultKey(held[0].Wrap, p.Who.Private(), p.Vault, hearkeep.Generation(held[0].Generation), p.Who.Account())
		must(b, err)
	}
	return time.Since(began) / times
}
