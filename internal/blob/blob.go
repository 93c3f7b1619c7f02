// Package blob keeps sealed bytes under names: one blob for the audio of one
// recording. What it holds is ciphertext; a name is random and says nothing.
//
// It promises that a Put that returned nil is on the disk, whole, and that
// after any other answer the blob is either absent or whole, never a piece.
// It refuses names other than 32 lower-case hexadecimal digits, so that a name
// is never a path, and it never replaces a blob.
//
// The drivers (blob/files) run the one contract suite of blobtest.
package blob

import (
	"context"
	"errors"
	"io"
	"time"
)

// Failures that callers act on.
var (
	// ErrNotFound says that no blob has this name.
	ErrNotFound = errors.New("blob: not found")
	// ErrExists says that a blob has this name; it is unchanged.
	ErrExists = errors.New("blob: exists")
	// ErrFull says that there is no room; nothing was kept.
	ErrFull = errors.New("blob: disk full")
	// ErrName says that a name is not 32 lower-case hexadecimal digits.
	ErrName = errors.New("blob: not a blob name")
)

// Store keeps blobs. All methods may be called concurrently.
type Store interface {
	// Put keeps what data gives until its end, durably, or nothing: an error
	// from data, or a done ctx, leaves no blob. ErrExists for a taken name.
	Put(ctx context.Context, name string, data io.Reader) error
	// Open returns a blob for reading, or ErrNotFound. The Reader stays whole
	// when the blob is deleted under it, and must be closed.
	Open(ctx context.Context, name string) (Reader, error)
	// Delete removes a blob; what is not there is no error. It does not wait
	// for the disk: after a crash the blob may be back, without a key to it,
	// and the sweep removes it.
	Delete(ctx context.Context, name string) error
	// Each lists up to limit blobs in ascending order of name, above after.
	// An empty after begins at the first.
	Each(ctx context.Context, after string, limit int) ([]Info, error)
}

// Reader reads one blob at any offset, concurrently.
type Reader interface {
	io.ReaderAt
	io.Closer
	// Size is the length in bytes.
	Size() int64
}

// Info describes a blob without opening it.
type Info struct {
	Name    string
	Size    int64     // in bytes
	ModTime time.Time // when it was put
}

// nameLen is the length of a blob name: 16 random bytes in hexadecimal.
const nameLen = 32

// CheckName returns ErrName unless name is 32 lower-case hexadecimal digits.
func CheckName(name string) error {
	if len(name) != nameLen {
		return ErrName
	}
	for i := range len(name) {
		if c := name[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return ErrName
		}
	}
	return nil
}
