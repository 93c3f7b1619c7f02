package bring

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/sound"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// Limits of the sound of one recording, decoded.
const (
	MaxLength  = 20 * time.Minute
	maxSamples = 60_000_000 // twenty minutes of 48 kHz, mono
	peaks      = 200        // as a recording that was heard here has
)

// Take makes of an item and its sound what a vault keeps: the sound as FLAC,
// whole and untrimmed, the words as the provider wrote them, and a note of
// where it is from. It fails with Invalid or TooLarge where the sound cannot
// be read, and where there is neither sound nor words.
func Take(provider string, it Item, data []byte) (vault.Brought, error) {
	if !slices.Contains(Providers(), provider) {
		return vault.Brought{}, hearkeep.Errorf(hearkeep.Invalid, "Archives are brought from Alexa, Google, Hearkeep, or as files.")
	}
	if len(data) == 0 && it.Words.IsEmpty() {
		return vault.Brought{}, hearkeep.Errorf(hearkeep.Invalid, "There is neither sound nor words in it.")
	}
	b := vault.Brought{Digest: digest(it, data), Taken: vault.Taken{
		ID: hearkeep.NewID[hearkeep.RecordingID](), Start: it.Time, Words: it.Words, HasWords: !it.Words.IsEmpty(),
		Turn: hearkeep.Turn{Answer: it.Answer, Note: note(provider, it)},
	}}
	if now := time.Now(); b.Start.IsZero() || b.Start.After(now) { // a clock that went wrong there
		b.Start = now
	}
	if len(data) == 0 {
		return b, nil
	}
	clip, info, err := sound.Decode(data, sound.Limits{MaxBytes: MaxSound, MaxDuration: MaxLength, MaxSamples: maxSamples})
	if err != nil {
		return vault.Brought{}, err
	}
	b.Duration, b.Waveform = clip.Duration(), sound.Peaks(clip, peaks)
	if info == (sound.Info{Format: "FLAC", Rate: hearkeep.SampleRate, Channels: 1, Width: 16, Duration: info.Duration}) {
		if b.Audio = untagged(data); b.Audio != nil { // it is as it would be made
			return b, nil
		}
	}
	b.Audio, err = sound.EncodeFLAC(clip)
	return b, err
}

// untagged is a FLAC file without what describes it: tags and pictures may tell
// more than the sound. It is nil where the file does not begin as FLAC does.
func untagged(data []byte) []byte {
	const header, streamInfo = 4, 34
	if len(data) < header+4+streamInfo || string(data[:4]) != "fLaC" || data[4]&0x7f != 0 || data[5] != 0 || data[6] != 0 || data[7] != streamInfo {
		return nil
	}
	out := slices.Clone(data[:header+4+streamInfo])
	last, at := data[4]&0x80 != 0, len(out)
	for !last {
		if at+4 > len(data) {
			return nil
		}
		last = data[at]&0x80 != 0
		at += 4 + int(data[at+1])<<16 + int(data[at+2])<<8 + int(data[at+3])
	}
	if at > len(data) {
		return nil
	}
	out[4] |= 0x80 // no block follows
	return append(out, data[at:]...)
}

// note says where a recording is from, and what is not known of its time.
func note(provider string, it Item) string {
	s := "imported from " + provider
	if provider == Folder {
		s = "imported from files"
	}
	if d := label(it.Device); d != "" {
		s += ", " + d
	}
	switch it.TimeFrom {
	case FromName:
		s += "; its time is from the file's name"
	case FromFile:
		s += "; its time is when the file was changed last"
	case FromNone:
		s += "; when it was said is not known"
	}
	return s
}

// digest is how the same is known again: SHA-256 of the file's SHA-256 (of
// the words, where there is no sound) and of its time in milliseconds since
// 1970, or of 0 where only the file's own date tells it, which changes when an
// archive is unpacked.
func digest(it Item, data []byte) [32]byte {
	file := sha256.Sum256(data)
	if len(data) == 0 {
		file = sha256.Sum256([]byte("words\x00" + it.Device + "\x00" + it.Words.Reveal()))
	}
	var at int64
	if it.TimeFrom == FromList || it.TimeFrom == FromName {
		at = it.Time.UnixMilli()
	}
	return sha256.Sum256(binary.BigEndian.AppendUint64(file[:], uint64(at)))
}

// refused reports whether an error is about one recording, and not about the
// keep or the connection.
func refused(err error) bool {
	var told *hearkeep.Error
	return errors.As(err, &told) && (told.Code == hearkeep.Invalid || told.Code == hearkeep.TooLarge)
}
