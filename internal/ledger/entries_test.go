package ledger_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"golang.org/x/mod/sumdb/note"
)

// check reads a file of entries whole.
func (f fixture) check(t *testing.T, file []byte) ([]ledger.Recorded, ledger.EntriesEnd, error) {
	t.Helper()
	in, err := ledger.ReadEntries(bytes.NewReader(file))
	if err != nil {
		return nil, ledger.EntriesEnd{}, err
	}
	var got []ledger.Recorded
	_, end, err := in.Check(f.verifiers(t), func(r ledger.Recorded) error {
		got = append(got, r)
		return nil
	})
	return got, end, err
}

// entriesOf is a log in which somebody has entries, one of them expired, and
// the file of these.
func entriesOf(t *testing.T) (f fixture, file []byte, mine int) {
	t.Helper()
	f = open(t)
	account := hearkeep.NewID[hearkeep.AccountID]()
	vaults := []hearkeep.VaultID{hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.VaultID]()}
	old := entry(vaults[0], account)
	old.At = time.Now().AddDate(-1, 0, -1)
	if _, err := f.log.Write(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		other := hearkeep.NewID[hearkeep.AccountID]()
		batch := []ledger.Entry{entry(hearkeep.NewID[hearkeep.VaultID](), other), entry(vaults[i%2], other)}
		if i%3 == 0 {
			batch = append(batch, ledger.Entry{Kind: ledger.KindSignedIn, Account: &account})
			mine++
		}
		if _, err := f.log.Write(t.Context(), batch...); err != nil {
			t.Fatal(err)
		}
		mine++
	}
	if n, err := f.log.Expire(t.Context(), time.Now()); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	var out bytes.Buffer
	if err := f.log.WriteEntries(t.Context(), &out, account, vaults); err != nil {
		t.Fatal(err)
	}
	return f, out.Bytes(), mine + 1
}

func TestEntriesAreProvenAndTheirOwnersOnly(t *testing.T) {
	f, file, mine := entriesOf(t)
	got, end, err := f.check(t, file)
	if err != nil {
		t.Fatalf("%v\n%s", err, file)
	}
	if len(got) != mine || end != (ledger.EntriesEnd{Entries: mine, Expired: 1}) {
		t.Errorf("got %d entries and %+v, want %d, one of them expired", len(got), end, mine)
	}
	if last := got[len(got)-1]; !last.Expired || last.Seq != 0 {
		t.Errorf("the oldest: got %+v, want the expired one", last)
	}
}

// Whoever's entries they are not cannot be made to be by writing another's id.
func TestSomebodyElsesEntriesAreFalse(t *testing.T) {
	f, file, _ := entriesOf(t)
	head, rest, _ := strings.Cut(string(file), "\n")
	at := strings.Index(head, `"account":"`) + len(`"account":"`)
	head = head[:at] + hearkeep.NewID[hearkeep.AccountID]().String() + head[at+32:]
	if _, _, err := f.check(t, []byte(head+"\n"+rest)); err == nil {
		t.Error("a file with another's id holds")
	}
}

func TestTamperedEntriesAreFound(t *testing.T) {
	f, file, _ := entriesOf(t)
	rng := rand.New(rand.NewPCG(6, 2))
	times := 500
	if underRace {
		times = 50
	}
	for range times {
		bad := tamper(rng, file)
		if bytes.Equal(bad, file) {
			continue
		}
		if _, _, err := f.check(t, bad); err == nil {
			t.Fatalf("holds although it was altered:\n%s", bad)
		}
	}
	lines := bytes.SplitAfter(file, []byte("\n"))
	for name, bad := range map[string][][]byte{
		"without its first entry": append([][]byte{lines[0]}, lines[2:]...),
		"without its end":         lines[:len(lines)-2],
		"with an entry twice":     append([][]byte{lines[0], lines[1], lines[1]}, lines[2:]...),
		"with more after its end": append(lines[:len(lines):len(lines)], lines[1]),
	} {
		if _, _, err := f.check(t, bytes.Join(bad, nil)); err == nil {
			t.Errorf("a file %s holds", name)
		}
	}
}

func FuzzReadEntries(f *testing.F) {
	f.Add([]byte(`{"format":"hearkeep-entries/v1","key":"","checkpoint":"","account":"00112233445566778899aabbccddeeff","vaults":[]}` + "\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		in, err := ledger.ReadEntries(bytes.NewReader(file))
		if err != nil {
			return
		}
		in.Check(note.VerifierList(), func(ledger.Recorded) error { return nil })
	})
}
