package ledger_test

import (
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
)

// benchSize is how many entries the log has: HEARKEEP_BENCH_ENTRIES, or
// 1,000,000.
func benchSize() int64 {
	if n, err := strconv.ParseInt(os.Getenv("HEARKEEP_BENCH_ENTRIES"), 10, 64); err == nil {
		return n
	}
	return 1_000_000
}

// household is who the entries of a benchmark speak of.
type household struct {
	accounts []hearkeep.AccountID
	vaults   []hearkeep.VaultID
	bindings []hearkeep.BindingID
}

func newHousehold(n int) (h household) {
	for range n {
		h.accounts = append(h.accounts, hearkeep.NewID[hearkeep.AccountID]())
		h.vaults = append(h.vaults, hearkeep.NewID[hearkeep.VaultID]())
		h.bindings = append(h.bindings, hearkeep.NewID[hearkeep.BindingID]())
	}
	return h
}

// batch is n entries as listening makes them.
func (h household) batch(from, n int) []ledger.Entry {
	out := make([]ledger.Entry, n)
	for i := range out {
		at := (from + i) * 7919 % len(h.accounts)
		out[i] = ledger.Entry{
			Kind: ledger.KindOpened, Account: &h.accounts[at], Vault: &h.vaults[at], Role: hearkeep.RoleKeyholder,
			Session: "0123456789abcdef", Purpose: "listen", Count: 1,
			Items: []hearkeep.Run{{Binding: h.bindings[at], From: hearkeep.Number(i), To: hearkeep.Number(i)}},
		}
	}
	return out
}

// BenchmarkLedger fills a log through the real driver, and then proves and
// verifies it. Beside it, in the same run, the same bodies go into a bare
// table, and the same bytes are read from it: what SQLite itself costs.
func BenchmarkLedger(b *testing.B) {
	const batch = 1000
	size := int(benchSize())
	dir := b.TempDir()
	st, err := sqlite.Open(b.Context(), dir)
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	log, err := ledger.Open(b.Context(), st, filepath.Join(dir, "ledger.key"))
	if err != nil {
		b.Fatal(err)
	}
	people := newHousehold(1000)
	begin := time.Now()
	var last time.Duration // of the newest tenth
	for n := 0; n < size; n += batch {
		at := time.Now()
		if _, err := log.Write(b.Context(), people.batch(n, min(batch, size-n))...); err != nil {
			b.Fatal(err)
		}
		if n >= size-size/10 {
			last += time.Since(at)
		}
	}
	appended := float64(size) / time.Since(begin).Seconds()
	bare, read := bareTable(b, people, size, batch)

	b.Run("append", func(b *testing.B) {
		for range b.N {
		}
		b.ReportMetric(appended, "entries/s")
		b.ReportMetric(float64(size/10)/last.Seconds(), "entries/s-newest-tenth")
		b.ReportMetric(appended/bare, "x-bare-rows")
	})
	b.Run("append/one", func(b *testing.B) {
		for i := range b.N {
			if _, err := log.Write(b.Context(), people.batch(i, 1)...); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("prove", func(b *testing.B) {
		if _, err := log.Latest(b.Context()); err != nil {
			b.Fatal(err)
		}
		for i := range b.N {
			head, err := log.Latest(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			if _, err := log.Inclusion(b.Context(), int64(i*7919)%head.Size, head.Size); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("verify", func(b *testing.B) {
		most := peak(b)
		for range b.N {
			if err := log.Verify(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(most())/(1<<20), "MiB-more-heap")
		each := b.Elapsed().Seconds() / float64(b.N)
		b.ReportMetric(float64(size)/each, "entries/s")
		b.ReportMetric(each/read.Seconds(), "x-bare-read")
	})
	b.Run("open", func(b *testing.B) {
		for range b.N {
			if _, err := ledger.Look(b.Context(), st, filepath.Join(dir, "ledger.key")); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// peak samples the heap until it is asked by how much it grew at most.
func peak(b *testing.B) func() uint64 {
	b.Helper()
	runtime.GC()
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	before, most := now.HeapAlloc, uint64(0)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-done:
				tick.Stop()
				return
			case <-tick.C:
				var at runtime.MemStats
				runtime.ReadMemStats(&at)
				most = max(most, at.HeapAlloc-min(at.HeapAlloc, before))
			}
		}
	}()
	return func() uint64 {
		close(done)
		<-ended
		return most
	}
}

// bareTable inserts the same bodies, and as many hashes, one row a statement,
// as many in a transaction, and reads all of it: rows a second, and how long
// reading took.
func bareTable(b *testing.B, people household, size, batch int) (float64, time.Duration) {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "bare.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=secure_delete(1)")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	exec := func(query string) {
		if _, err := db.ExecContext(b.Context(), query); err != nil {
			b.Fatal(err)
		}
	}
	exec("CREATE TABLE rows (seq INTEGER PRIMARY KEY, leaf BLOB, salt BLOB, body BLOB, kind TEXT, vault BLOB, account BLOB, at INTEGER)")
	exec("CREATE TABLE hashes (idx INTEGER PRIMARY KEY, hash BLOB)")
	row, err := db.PrepareContext(b.Context(), "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
	if err != nil {
		b.Fatal(err)
	}
	hash, err := db.PrepareContext(b.Context(), "INSERT INTO hashes VALUES (?, ?)")
	if err != nil {
		b.Fatal(err)
	}
	some := make([]byte, 32)
	rand.Read(some)
	begin := time.Now()
	for n := 0; n < size; n += batch {
		exec("BEGIN")
		for i, e := range people.batch(n, min(batch, size-n)) {
			e.At = time.Now()
			body, err := json.Marshal(e)
			if err != nil {
				b.Fatal(err)
			}
			seq := n + i
			if _, err := row.ExecContext(b.Context(), seq, some, some, body, string(e.Kind), e.Vault[:], e.Account[:], e.At.UnixMilli()); err != nil {
				b.Fatal(err)
			}
			for k := range 2 {
				if _, err := hash.ExecContext(b.Context(), 2*seq+k, some); err != nil {
					b.Fatal(err)
				}
			}
		}
		exec("COMMIT")
	}
	rate := float64(size) / time.Since(begin).Seconds()
	begin = time.Now()
	for _, query := range []string{"SELECT seq, leaf, salt, body, kind, vault, account, at FROM rows ORDER BY seq", "SELECT idx, hash, hash, hash, hash, hash, hash, hash FROM hashes ORDER BY idx"} {
		rows, err := db.QueryContext(b.Context(), query)
		if err != nil {
			b.Fatal(err)
		}
		var n, at any
		var raw [5]sql.RawBytes
		var kind sql.RawBytes
		for rows.Next() {
			if err := rows.Scan(&n, &raw[0], &raw[1], &raw[2], &kind, &raw[3], &raw[4], &at); err != nil {
				b.Fatal(err)
			}
		}
		if err := rows.Close(); err != nil {
			b.Fatal(err)
		}
	}
	return rate, time.Since(begin)
}
