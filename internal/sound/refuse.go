package sound

import (
	"bytes"
	"fmt"

	"github.com/hearkeep/hearkeep"
)

// Names of the formats that are read, as Info.Format gives them.
const (
	formatWAV  = "WAV"
	formatFLAC = "FLAC"
	formatMP3  = "MP3"
)

const (
	convertHint = "Convert it first, for example: ffmpeg -i recording -ar 16000 -ac 1 recording.flac"
	resendHint  = "Send the file again from where it was recorded; part of it was lost on the way."
)

func invalid(sentence, hint string) error {
	return hearkeep.Errorf(hearkeep.Invalid, "%s", sentence).WithHint("%s", hint)
}

// damaged is a file that contradicts itself; err is for the operator.
func damaged(format string, err error) error {
	return hearkeep.Errorf(hearkeep.Invalid, "This %s file is damaged.", format).WithHint(resendHint).Because(err)
}

// truncated is a file that ends before it says it does.
func truncated(format string, err error) error {
	return hearkeep.Errorf(hearkeep.Invalid, "This %s file is cut off: it ends before its audio does.", format).WithHint(resendHint).Because(err)
}

// sniff names the format of data by its first bytes, or gives "".
func sniff(data []byte) string {
	switch {
	case isRIFF(data, "WAVE"):
		return formatWAV
	case bytes.HasPrefix(data, []byte("fLaC")):
		return formatFLAC
	case isMP3(data):
		return formatMP3
	}
	return ""
}

func isRIFF(data []byte, form string) bool {
	return len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == form
}

// skipID3 returns what follows ID3v2 tags, which stand before MP3 and
// sometimes FLAC. A tag that claims more than there is hides everything.
func skipID3(data []byte) []byte {
	for len(data) >= 10 && string(data[:3]) == "ID3" {
		n := 10 + int(data[6]&0x7f)<<21 + int(data[7]&0x7f)<<14 + int(data[8]&0x7f)<<7 + int(data[9]&0x7f)
		if data[5]&0x10 != 0 {
			n += 10 // a footer repeats the header
		}
		data = data[min(n, len(data)):]
	}
	return data
}

// signature tells a kind of file by bytes at an offset.
type signature struct {
	offset int
	magic  string
	name   string // with its article
	audio  bool   // sound may be in it, only not in a form that is read
}

// signatures are what people send by mistake, or in good faith.
func signatures() []signature {
	return []signature{
		{0, "OggS", "an Ogg (Vorbis or Opus) file", true},
		{4, "ftyp", "an MP4 or M4A file", true},
		{0, "\x1a\x45\xdf\xa3", "a WebM or Matroska file", true},
		{0, "FORM", "an AIFF file", true},
		{0, ".snd", "a Sun audio (.au) file", true},
		{0, "#!AMR", "an AMR file", true},
		{0, "caff", "a Core Audio (.caf) file", true},
		{0, "\x30\x26\xb2\x75", "a Windows Media file", true},
		{0, "RF64", "a 64-bit WAV (RF64) file", true},
		{0, "RIFX", "a big-endian WAV (RIFX) file", true},
		{8, "AVI ", "an AVI video", true},
		{0, "%PDF", "a PDF", false},
		{0, "PK\x03\x04", "a ZIP archive or office document", false},
		{0, "\x1f\x8b", "a gzip archive", false},
		{0, "7z\xbc\xaf", "a 7-Zip archive", false},
		{0, "Rar!", "a RAR archive", false},
		{0, "\x89PNG", "a PNG picture", false},
		{0, "\xff\xd8\xff", "a JPEG picture", false},
		{0, "GIF8", "a GIF picture", false},
		{8, "WEBP", "a WebP picture", false},
		{0, "\x7fELF", "a program", false},
		{0, "MZ", "a program", false},
		{0, "SQLite format 3", "a database", false},
	}
}

// notAudio says what data is instead, as far as that can be told.
func notAudio(data []byte) error {
	const send = "Send a WAV, FLAC or MP3 file."
	for _, s := range signatures() {
		if len(data) < s.offset || !bytes.HasPrefix(data[s.offset:], []byte(s.magic)) {
			continue
		}
		if s.audio {
			return invalid(fmt.Sprintf("This is %s, which is not read.", s.name), convertHint)
		}
		return invalid(fmt.Sprintf("This is %s, not audio.", s.name), send)
	}
	if layer := mpegLayer(data); layer != "" {
		return invalid(fmt.Sprintf("This is %s audio, which is not read.", layer), convertHint)
	}
	head := bytes.ToLower(bytes.TrimSpace(data[:min(len(data), 512)]))
	if bytes.HasPrefix(head, []byte("<!doctype html")) || bytes.HasPrefix(head, []byte("<html")) {
		return invalid("This is an HTML page, not audio.", "The download may have been answered with an error or sign-in page. "+send)
	}
	return invalid("This is not audio in a form that is known here.", send)
}
