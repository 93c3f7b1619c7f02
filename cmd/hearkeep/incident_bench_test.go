package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

// BenchmarkIncidentDrill plays the drill with the real binary in a ledger of
// HEARKEEP_BENCH_ENTRIES entries, or 1,000,000. All but human decisions stays
// below 60 seconds.
func BenchmarkIncidentDrill(b *testing.B) {
	entries := os.Getenv("HEARKEEP_BENCH_ENTRIES")
	if entries == "" {
		entries = "1000000"
	}
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), program, "incident", "drill", "--json", "--entries", entries)
		cmd.Env = append(os.Environ(), "TMPDIR="+b.TempDir())
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		var r drillResult
		if err := json.Unmarshal(out, &r); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(r.Total, "answer-s")
		b.ReportMetric(r.Filled, "fill-s")
		for _, s := range r.Steps {
			b.Logf("%8.3f s  %s: %s", s.After, s.Name, s.Detail)
		}
	}
}
