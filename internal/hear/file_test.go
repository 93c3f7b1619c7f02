package hear_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return data
}

func writeFile(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in.wav")
	must(t, os.WriteFile(path, data, 0o600))
	return path
}

func itoa(n int) string { return strconv.Itoa(n) }
