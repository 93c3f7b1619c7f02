// Package blobtest is the contract of blob.Store as tests. Every driver runs
// all of them.
//
// It promises that a driver which passes keeps blobs whole or not at all,
// reads them at any offset, and lists them in order.
package blobtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep/internal/blob"
)

// Opener opens an empty store that ends with the test. reopen opens it again
// on the same disk.
type Opener func(t *testing.T) (s blob.Store, reopen func() blob.Store)

// Run runs the contract.
func Run(t *testing.T, open Opener) {
	cases := []struct {
		name string
		run  func(*testing.T, Opener)
	}{
		{"names", names},
		{"absent", absent},
		{"put and read", putAndRead},
		{"exists", exists},
		{"nothing half kept", nothingHalf},
		{"delete", deleted},
		{"paging", paging},
		{"many at once", manyAtOnce},
		{"one name at once", oneName},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, open) })
	}
}

// Name makes up a blob name.
func Name() string {
	b := make([]byte, 16)
	rand.Read(b)
	return fmt.Sprintf("%x", b)
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func put(t *testing.T, s blob.Store, name string, data []byte) {
	t.Helper()
	if err := s.Put(t.Context(), name, bytes.NewReader(data)); err != nil {
		t.Fatalf("Put: %v", err)
	}
}

// wantBlob reads a blob whole.
func wantBlob(t *testing.T, s blob.Store, name string, want []byte) {
	t.Helper()
	r, err := s.Open(t.Context(), name)
	if err != nil {
		t.Errorf("Open: %v", err)
		return
	}
	defer r.Close()
	if r.Size() != int64(len(want)) {
		t.Errorf("Size: got %d, want %d", r.Size(), len(want))
	}
	got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("blob: got %d bytes, error %v; want the %d that were put", len(got), err, len(want))
	}
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

// wantNames lists all blobs.
func wantNames(t *testing.T, s blob.Store, want ...string) {
	t.Helper()
	list, err := s.Each(t.Context(), "", 1_000_000)
	wantErr(t, "Each", err, nil)
	got := []string{}
	for _, info := range list {
		got = append(got, info.Name)
	}
	slices.Sort(want)
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

// names that are not 32 lower-case hexadecimal digits are refused by every method.
func names(t *testing.T, open Opener) {
	s, _ := open(t)
	good := Name()
	put(t, s, good, []byte("sealed"))
	for _, name := range []string{
		"", "ab", strings.Repeat("a", 31), strings.Repeat("a", 33), strings.Repeat("A", 32), strings.Repeat("g", 32),
		strings.ToUpper("abcdef" + good[6:]), "../" + good[3:], good[:15] + "/" + good[16:], good[:15] + "\x00" + good[16:],
		strings.Repeat("../", 10) + "ab", "/" + good[1:], good + "/", good[:30] + "..", "tmp", good + "\n",
	} {
		wantErr(t, fmt.Sprintf("Put %q", name), s.Put(t.Context(), name, strings.NewReader("x")), blob.ErrName)
		_, err := s.Open(t.Context(), name)
		wantErr(t, fmt.Sprintf("Open %q", name), err, blob.ErrName)
		wantErr(t, fmt.Sprintf("Delete %q", name), s.Delete(t.Context(), name), blob.ErrName)
		if name != "" {
			_, err = s.Each(t.Context(), name, 1)
			wantErr(t, fmt.Sprintf("Each %q", name), err, blob.ErrName)
		}
	}
	wantNames(t, s, good)
}

func absent(t *testing.T, open Opener) {
	s, _ := open(t)
	_, err := s.Open(t.Context(), Name())
	wantErr(t, "Open", err, blob.ErrNotFound)
	wantErr(t, "Delete", s.Delete(t.Context(), Name()), nil)
	wantNames(t, s)
}

func putAndRead(t *testing.T, open Opener) {
	s, reopen := open(t)
	want := map[string][]byte{}
	for _, size := range []int{0, 1, 65_536, 65_537, 8 << 20} {
		name := Name()
		want[name] = random(size)
		put(t, s, name, want[name])
	}
	for range 2 {
		for name, data := range want {
			wantBlob(t, s, name, data)
			r, err := s.Open(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			if err := iotest.TestReader(io.NewSectionReader(r, 0, min(r.Size(), 4096)), data[:min(len(data), 4096)]); err != nil {
				t.Errorf("ranges of %d bytes: %v", len(data), err)
			}
			if n, err := r.ReadAt(make([]byte, 10), r.Size()); n != 0 || err != io.EOF {
				t.Errorf("ReadAt the end: got %d, %v; want 0, EOF", n, err)
			}
			if err := r.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
		s = reopen()
	}
	list, err := s.Each(t.Context(), "", 10)
	wantErr(t, "Each", err, nil)
	for _, info := range list {
		if info.Size != int64(len(want[info.Name])) || info.ModTime.IsZero() {
			t.Errorf("Info: got size %d, time %v; want size %d and a time", info.Size, info.ModTime, len(want[info.Name]))
		}
	}
}

func exists(t *testing.T, open Opener) {
	s, _ := open(t)
	name := Name()
	put(t, s, name, []byte("first"))
	wantErr(t, "Put again", s.Put(t.Context(), name, strings.NewReader("second")), blob.ErrExists)
	wantBlob(t, s, name, []byte("first"))
}

// nothingHalf: data that fails, and a caller that gives up, leave no blob.
func nothingHalf(t *testing.T, open Opener) {
	s, _ := open(t)
	name := Name()
	sentinel := errors.New("the microphone is gone")
	half := io.MultiReader(bytes.NewReader(random(300_000)), iotest.ErrReader(sentinel))
	wantErr(t, "Put of failing data", s.Put(t.Context(), name, half), sentinel)
	ctx, cancel := context.WithCancel(t.Context())
	leave := io.MultiReader(bytes.NewReader(random(300_000)), readerFunc(func(p []byte) (int, error) {
		cancel()
		return len(p), nil // without end
	}))
	wantErr(t, "Put that was cancelled", s.Put(ctx, name, leave), context.Canceled)
	wantErr(t, "Put under a done context", s.Put(ctx, name, strings.NewReader("x")), context.Canceled)
	wantErr(t, "Delete under a done context", s.Delete(ctx, name), context.Canceled)
	_, err := s.Open(ctx, name)
	wantErr(t, "Open under a done context", err, context.Canceled)
	_, err = s.Open(t.Context(), name)
	wantErr(t, "Open", err, blob.ErrNotFound)
	wantNames(t, s)
	put(t, s, name, []byte("whole"))
	wantBlob(t, s, name, []byte("whole"))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// deleted: a Reader that is open stays whole.
func deleted(t *testing.T, open Opener) {
	s, _ := open(t)
	name, data := Name(), random(200_000)
	put(t, s, name, data)
	r, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	wantErr(t, "Delete", s.Delete(t.Context(), name), nil)
	wantErr(t, "Delete again", s.Delete(t.Context(), name), nil)
	_, err = s.Open(t.Context(), name)
	wantErr(t, "Open after Delete", err, blob.ErrNotFound)
	got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("a blob deleted while open: got %d bytes, error %v; want all", len(got), err)
	}
	wantNames(t, s)
	put(t, s, name, []byte("again"))
	wantBlob(t, s, name, []byte("again"))
}

func paging(t *testing.T, open Opener) {
	s, _ := open(t)
	var want []string
	for i := range 40 {
		name := Name()
		if i%4 == 0 {
			name = "ab" + name[2:] // several in one folder
		}
		put(t, s, name, []byte(name))
		want = append(want, name)
	}
	slices.Sort(want)
	for _, limit := range []int{1, 7, 40, 41} {
		got, after := []string{}, ""
		for {
			page, err := s.Each(t.Context(), after, limit)
			if err != nil || len(page) > limit {
				t.Fatalf("Each: got %d blobs, error %v; want at most %d", len(page), err, limit)
			}
			if len(page) == 0 {
				break
			}
			for _, info := range page {
				got = append(got, info.Name)
			}
			after = page[len(page)-1].Name
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pages of %d (-want +got):\n%s", limit, diff)
		}
	}
}

func manyAtOnce(t *testing.T, open Opener) {
	s, reopen := open(t)
	var all [64]string
	var wg sync.WaitGroup
	for i := range all {
		all[i] = Name()
		if i%2 == 0 {
			all[i] = "00" + all[i][2:] // half of them share a folder
		}
		wg.Go(func() {
			data := []byte(strings.Repeat(all[i], 1000))
			if err := s.Put(t.Context(), all[i], bytes.NewReader(data)); err != nil {
				t.Errorf("Put: %v", err)
			}
			wantBlob(t, s, all[i], data)
		})
	}
	wg.Wait()
	s = reopen()
	wantNames(t, s, all[:]...)
	for _, name := range all {
		wantBlob(t, s, name, []byte(strings.Repeat(name, 1000)))
	}
}

// oneName has 20 callers race for one name: one of them has it, whole.
func oneName(t *testing.T, open Opener) {
	s, _ := open(t)
	name := Name()
	won := make(chan []byte, 20)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			data := bytes.Repeat([]byte{byte(i)}, 100_000)
			switch err := s.Put(t.Context(), name, bytes.NewReader(data)); {
			case err == nil:
				won <- data
			case !errors.Is(err, blob.ErrExists):
				t.Errorf("a loser of the race: got error %v, want %v", err, blob.ErrExists)
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Fatalf("callers that put the name: got %d, want 1", len(won))
	}
	wantBlob(t, s, name, <-won)
}
