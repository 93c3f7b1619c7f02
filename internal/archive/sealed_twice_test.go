package archive

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// TestSealedVaultTwice puts a vault into its own archive a second time: its
// recordings are there once, and that it was there twice is said.
func TestSealedVaultTwice(t *testing.T) {
	s, p := newService(t), newPerson(t)
	p1 := unpack(t, sealedBytes(t, newSealed(t, sealedFacts(s, p, sealedVault(t, p, "", 3, noise(400))))))
	var keys sealedKeys
	ok(t, json.Unmarshal(p1.members[memberKeys], &keys))
	keys.Vaults = append(keys.Vaults, keys.Vaults[0])
	var err error
	p1.members[memberKeys], err = json.Marshal(keys)
	ok(t, err)
	for _, of := range []string{memberIndex, memberWraps, memberText, memberSound} {
		p1.members[vaultMember(1, of)] = bytes.Clone(p1.members[vaultMember(0, of)])
	}
	u := unlock(t, p1.pack(t), p.kit)
	if got := u.Count(); got != 3 {
		t.Errorf("got %d recordings, want 3", got)
	}
	folder, faults := folderOf(t, u)
	if got := len(sounds(t, folder)); got != 3 {
		t.Errorf("got %d sounds in the folder, want 3", got)
	}
	for _, f := range faults {
		if f.Member == vaultMember(1, memberIndex) && strings.Contains(f.What, faultTwice) {
			return
		}
	}
	t.Errorf("got %v, want one that says that it is there twice", faults)
}
