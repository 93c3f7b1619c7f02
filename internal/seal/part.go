package seal

import (
	"bytes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
)

// A sealed part is its header and then its chunks, all under the part key:
//
//	AES-256-GCM(nonce 0‖02, 128 bytes of header)
//	AES-256-GCM(nonce i‖00, 65,536 bytes) for every chunk but the last
//	AES-256-GCM(nonce n‖01, what is left)
//
// where i counts from 0 in 88 bits. The last chunk is empty only if the part
// is. The header comes first, so that a stream can be checked as it passes.
const (
	chunkSize       = 65536
	sealedChunkSize = chunkSize + tagSize
	headerSize      = 128
	sealedHeader    = headerSize + tagSize

	flagChunk  = 0x00
	flagLast   = 0x01
	flagHeader = 0x02

	// Offsets in the header: length, CRC-32, SHA-256, media type.
	headerCRC   = 8
	headerSHA   = headerCRC + 4
	headerMedia = headerSHA + sha256.Size

	// MaxMediaType is the room for a media type, in bytes.
	MaxMediaType = headerSize - headerMedia - 1 // 83

	// MaxPart bounds a part's plaintext, in bytes: 2^24 chunks of 2^16.
	MaxPart int64 = 1 << 40
)

// PartHeader is what a sealed part says of its plaintext, so that an archive
// streams without reading twice.
type PartHeader struct {
	Length    int64 // bytes
	MediaType string
	CRC32     uint32 // IEEE
	SHA256    [32]byte
}

// SealedPartSize is the size of a sealed part, of a plaintext of 0 to MaxPart
// bytes.
func SealedPartSize(plain int64) int64 {
	return sealedHeader + plain + chunks(plain)*tagSize
}

func chunks(plain int64) int64 { return max(1, (plain+chunkSize-1)/chunkSize) }

// nonce is an 88-bit counter and a flag.
func nonce(counter int64, flag byte) []byte {
	var n [nonceSize]byte
	binary.BigEndian.PutUint64(n[3:11], uint64(counter))
	n[11] = flag
	return n[:]
}

// SealPart seals a part's only plaintext. A key that has sealed, or that was
// opened, is refused with ErrUsed; a media type over MaxMediaType bytes or a
// plaintext over MaxPart with ErrFormat.
func SealPart(pk PartKey, mediaType string, plaintext []byte) ([]byte, error) {
	switch {
	case pk.k == nil:
		return nil, ErrKey
	case len(mediaType) > MaxMediaType:
		return nil, fmt.Errorf("%w: media type of %d bytes", ErrFormat, len(mediaType))
	case int64(len(plaintext)) > MaxPart:
		return nil, fmt.Errorf("%w: part of %d bytes", ErrFormat, len(plaintext))
	case !pk.fresh.CompareAndSwap(true, false):
		return nil, ErrUsed
	}
	aead := newGCM(pk.k)
	out := make([]byte, 0, SealedPartSize(int64(len(plaintext))))
	out = aead.Seal(out, nonce(0, flagHeader), encodeHeader(mediaType, plaintext), nil)
	return sealChunks(aead, out, plaintext), nil
}

func sealChunks(aead cipher.AEAD, out, plaintext []byte) []byte {
	last := chunks(int64(len(plaintext))) - 1
	for i := range last {
		out = aead.Seal(out, nonce(i, flagChunk), plaintext[:chunkSize], nil)
		plaintext = plaintext[chunkSize:]
	}
	return aead.Seal(out, nonce(last, flagLast), plaintext, nil)
}

func encodeHeader(mediaType string, plaintext []byte) []byte {
	h := make([]byte, headerSize)
	binary.BigEndian.PutUint64(h, uint64(len(plaintext)))
	binary.BigEndian.PutUint32(h[headerCRC:], crc32.ChecksumIEEE(plaintext))
	sum := sha256.Sum256(plaintext)
	copy(h[headerSHA:], sum[:])
	h[headerMedia] = byte(len(mediaType))
	copy(h[headerMedia+1:], mediaType)
	return h
}

func decodeHeader(h []byte) (PartHeader, error) {
	length, media := binary.BigEndian.Uint64(h), h[headerMedia+1:]
	n := int(h[headerMedia])
	if length > uint64(MaxPart) || n > len(media) || len(bytes.TrimLeft(media[n:], "\x00")) > 0 {
		return PartHeader{}, fmt.Errorf("%w: part header", ErrFormat)
	}
	return PartHeader{
		Length:    int64(length),
		MediaType: string(media[:n]),
		CRC32:     binary.BigEndian.Uint32(h[headerCRC:]),
		SHA256:    [32]byte(h[headerSHA:]),
	}, nil
}

// PartReader reads an opened part at any place. It holds the last chunk, and
// where chunks are read in pieces another one. It may be used concurrently;
// those who read whole chunks do not wait for each other.
type PartReader struct {
	aead   cipher.AEAD
	sealed io.ReaderAt
	header PartHeader
	last   []byte // the last chunk, opened

	mu    sync.Mutex
	buf   []byte // room for one sealed chunk, made when it is first needed
	have  int64  // the chunk that plain is of, -1 for none
	plain []byte // in buf
}

// OpenPart opens a sealed part of size bytes. It reads the header, holds its
// length against size, and opens the last chunk, so that a truncated part
// fails here and not at its end. ErrOpen for all of these; errors of r are
// returned wrapped.
func OpenPart(pk PartKey, r io.ReaderAt, size int64) (*PartReader, error) {
	if pk.k == nil {
		return nil, ErrKey
	}
	if size < SealedPartSize(0) || size > SealedPartSize(MaxPart) {
		return nil, ErrOpen
	}
	p := &PartReader{aead: newGCM(pk.k), sealed: r, have: -1}
	sealed := make([]byte, sealedHeader)
	if err := p.readSealed(sealed, 0); err != nil {
		return nil, err
	}
	header, err := p.aead.Open(sealed[:0], nonce(0, flagHeader), sealed, nil)
	if err != nil {
		return nil, ErrOpen
	}
	if p.header, err = decodeHeader(header); err != nil {
		return nil, err
	}
	if SealedPartSize(p.header.Length) != size {
		return nil, ErrOpen
	}
	last := chunks(p.header.Length) - 1
	p.last, err = p.open(last, make([]byte, size-sealedHeader-last*sealedChunkSize))
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Header returns what the part says of its plaintext.
func (p *PartReader) Header() PartHeader { return p.header }

// Size returns the length of the plaintext in bytes.
func (p *PartReader) Size() int64 { return p.header.Length }

// ReadAt implements io.ReaderAt over the plaintext. A chunk that does not open
// gives ErrOpen and none of its bytes. Chunks that b has room for are opened in
// b itself, so that until it returns there may be ciphertext in b.
func (p *PartReader) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("seal: negative offset")
	}
	n := 0
	for n < len(b) {
		if off >= p.header.Length {
			return n, io.EOF
		}
		m, err := p.read(b[n:], off)
		if err != nil {
			return n, err
		}
		n, off = n+m, off+int64(m)
	}
	return n, nil
}

// read reads from off to the end of its chunk, or as much as b takes. A
// chunk's true size follows from the header's length, so that there always is
// what is asked for.
func (p *PartReader) read(b []byte, off int64) (int, error) {
	i, at := off/chunkSize, off%chunkSize
	switch {
	case i == chunks(p.header.Length)-1:
		return copy(b, p.last[at:]), nil
	case at == 0 && len(b) >= sealedChunkSize:
		_, err := p.open(i, b[:sealedChunkSize])
		return chunkSize, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.load(i); err != nil {
		return 0, err
	}
	return copy(b, p.plain[at:]), nil
}

// load makes p.plain the i-th chunk, which is not the last.
func (p *PartReader) load(i int64) error {
	if p.have == i {
		return nil
	}
	if p.buf == nil {
		p.buf = make([]byte, sealedChunkSize)
	}
	p.have, p.plain = -1, nil
	plain, err := p.open(i, p.buf)
	if err != nil {
		return err
	}
	p.have, p.plain = i, plain
	return nil
}

// open reads the i-th chunk into buf, which has its sealed size, and opens it
// there. All of buf but the chunk that opened is zero then.
func (p *PartReader) open(i int64, buf []byte) ([]byte, error) {
	flag := byte(flagChunk)
	if i == chunks(p.header.Length)-1 {
		flag = flagLast
	}
	if err := p.readSealed(buf, sealedHeader+i*sealedChunkSize); err != nil {
		clear(buf)
		return nil, err
	}
	plain, err := p.aead.Open(buf[:0], nonce(i, flag), buf, nil)
	if err != nil {
		clear(buf)
		return nil, ErrOpen
	}
	clear(buf[len(plain):]) // the tag
	return plain, nil
}

// readSealed fills b. Ciphertext that ends early was truncated.
func (p *PartReader) readSealed(b []byte, off int64) error {
	n, err := p.sealed.ReadAt(b, off)
	switch {
	case n == len(b):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return ErrOpen
	}
	return fmt.Errorf("seal: read sealed part: %w", err)
}

// ReadPart opens a whole small part and holds it against its header's length,
// SHA-256 and CRC-32.
func ReadPart(pk PartKey, sealed []byte) ([]byte, PartHeader, error) {
	p, err := OpenPart(pk, bytes.NewReader(sealed), int64(len(sealed)))
	if err != nil {
		return nil, PartHeader{}, err
	}
	plaintext := p.last // the only chunk
	if p.header.Length > chunkSize {
		plaintext = make([]byte, p.header.Length)
		if _, err := p.ReadAt(plaintext, 0); err != nil {
			return nil, PartHeader{}, err
		}
	}
	if sha256.Sum256(plaintext) != p.header.SHA256 || crc32.ChecksumIEEE(plaintext) != p.header.CRC32 {
		return nil, PartHeader{}, ErrOpen
	}
	return plaintext, p.header, nil
}
