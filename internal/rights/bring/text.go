package bring

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// sample is how much of a text tells how it is written.
const sample = 64 << 10

// utf8Of reads a text as UTF-8: from UTF-8 or UTF-16, with or without a byte
// order mark, and else from Windows-1252, which Latin-1 is a part of. At most
// MaxList bytes are read.
func utf8Of(r io.Reader) *bufio.Reader {
	in := bufio.NewReaderSize(&limited{r, MaxList}, sample)
	head, _ := in.Peek(sample)
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		in.Discard(3)
		return in
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return bufio.NewReader(transform.NewReader(in, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder()))
	case wide(head, 1):
		return bufio.NewReader(transform.NewReader(in, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder()))
	case wide(head, 0):
		return bufio.NewReader(transform.NewReader(in, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder()))
	case !validHead(head):
		return bufio.NewReader(transform.NewReader(in, charmap.Windows1252.NewDecoder()))
	}
	return in
}

// plain is the head of a text, read as utf8Of does.
func plain(head []byte) string {
	b, _ := io.ReadAll(utf8Of(bytes.NewReader(head)))
	return string(b)
}

// wide reports whether every second byte of a text is zero, as in UTF-16.
func wide(head []byte, at int) bool {
	head = head[:min(len(head), 64)&^1]
	for i := at; i < len(head); i += 2 {
		if head[i] != 0 || head[i^1] == 0 {
			return false
		}
	}
	return len(head) >= 4
}

// validHead is utf8.Valid of a text that may be cut inside its last letter.
func validHead(head []byte) bool {
	for i := 0; i < utf8.UTFMax && i <= len(head); i++ {
		if utf8.Valid(head[:len(head)-i]) {
			return i == 0 || len(head) >= headBytes
		}
	}
	return false
}

// limited fails, where io.LimitReader would end, after so many bytes.
type limited struct {
	r    io.Reader
	left int64
}

var errList = errors.New("bring: the list is too long")

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errList
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// table reads a list of rows, whichever of four marks stands between columns.
type table struct {
	rows *csv.Reader
	in   *limited
	head []string
}

var errRecord = errors.New("bring: an entry is too long")

// newTable reads a table's first row, which names its columns.
func newTable(r io.Reader) (*table, error) {
	text := utf8Of(r)
	head, _ := text.Peek(sample / 2)
	t := &table{in: &limited{text, maxRecord}}
	t.rows = csv.NewReader(t.in)
	t.rows.Comma = comma(head)
	t.rows.LazyQuotes, t.rows.FieldsPerRecord, t.rows.ReuseRecord = true, -1, true
	first, err := t.next()
	if err != nil {
		return nil, err
	}
	for _, name := range first {
		t.head = append(t.head, strings.Clone(name))
	}
	return t, nil
}

// next is the next row, until the one after it.
func (t *table) next() ([]string, error) {
	t.in.left = maxRecord
	row, err := t.rows.Read()
	var wrong *csv.ParseError
	if errors.As(err, &wrong) && len(row) > 0 { // it can be read all the same
		err = nil
	}
	return row, err
}

// comma finds what stands between columns: what the first line has most of.
func comma(head []byte) rune {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	best, most := ',', 0
	for _, c := range ",;\t|" {
		if n := bytes.Count(line, []byte(string(c))); n > most {
			best, most = c, n
		}
	}
	return best
}

// columns tells by their names what the columns of a list hold.
type columns struct {
	file, time, date, clock, words, answer, device, account, language int // -1 for none
}

// columnNames are what columns are called, in the languages in which archives
// are handed out, folded by fold. Of several the first that is listed counts.
func columnNames() map[string][]string {
	return map[string][]string{
		"file": {"audiofilename", "audiofile", "filename", "file", "recordingfile", "voicerecording", "recording", "audiopath", "filepath", "path", "audio", "wav",
			"audiodatei", "dateiname", "datei", "aufnahme", "fichieraudio", "nomdufichier", "fichier", "nombredearchivo", "archivodeaudio", "archivo", "nomefile", "fileaudio", "nomedoarquivo", "arquivo", "ファイル名"},
		"time": {"timestamp", "utterancetimestamp", "creationtimestamp", "createdat", "created", "creationdate", "datetime", "dateandtime", "dateutc", "recordedat", "recorded", "start", "when", "eventtime", "activitytime",
			"zeitstempel", "datumunduhrzeit", "erstellt", "horodatage", "dateetheure", "fechayhora", "dataeora", "dataehora", "日時"},
		"date":     {"date", "day", "datum", "jour", "fecha", "data", "giorno", "日付"},
		"clock":    {"time", "uhrzeit", "zeit", "heure", "hora", "ora", "時刻"},
		"words":    {"transcript", "transcription", "customerutterance", "utterance", "utterancetext", "customertranscript", "requesttext", "whatyousaid", "text", "words", "transkript", "transkription", "äußerung", "gesprochenertext", "texte", "énoncé", "transcripción", "texto", "trascrizione", "testo", "transcrição", "発話"},
		"answer":   {"alexaresponse", "responsetext", "response", "answer", "antwort", "réponse", "respuesta", "risposta", "resposta", "応答"},
		"device":   {"devicename", "device", "sourcedevice", "devicetype", "deviceserialnumber", "serialnumber", "from", "room", "gerätename", "gerät", "seriennummer", "nomdelappareil", "appareil", "nombredeldispositivo", "dispositivo", "nomedispositivo", "デバイス"},
		"account":  {"customerid", "customername", "account", "accountid", "email", "profile", "profilename", "personid", "user", "userid", "kunde", "kundennummer", "konto", "compte", "cuenta", "conto"},
		"language": {"locale", "language", "sprache", "langue", "idioma", "lingua"},
	}
}

// fold is a column's name without what differs from year to year: case,
// spaces, marks.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" _-./:()[]'’\"#*\u00a0\ufeff", r) {
			return -1
		}
		return r
	}, strings.ToLower(name))
}

// columnsOf finds out what columns hold. A list that names neither files nor
// words, or has nothing but them, is none of recordings.
func columnsOf(head []string) (c columns, ok bool) {
	at := make(map[string]int, len(head))
	for i, name := range head {
		if _, twice := at[fold(name)]; !twice {
			at[fold(name)] = i
		}
	}
	find := func(what string) int {
		for _, name := range columnNames()[what] {
			if i, there := at[name]; there {
				return i
			}
		}
		return -1
	}
	c = columns{find("file"), find("time"), find("date"), find("clock"), find("words"), find("answer"), find("device"), find("account"), find("language")}
	if c.time < 0 && c.date < 0 && c.clock >= 0 { // a column "time" alone holds both
		c.time, c.clock = c.clock, -1
	}
	return c, c.file >= 0 && (c.time >= 0 || c.date >= 0 || c.words >= 0 || c.device >= 0) || c.words >= 0 && (c.time >= 0 || c.date >= 0)
}

// cell is a row's value in a column.
func cell(row []string, at int) string {
	if at < 0 || at >= len(row) {
		return ""
	}
	return row[at]
}

// when is a row's date and time as it is written.
func (c columns) when(row []string) string {
	if c.time >= 0 {
		return cell(row, c.time)
	}
	return strings.TrimSpace(cell(row, c.date) + " " + cell(row, c.clock))
}
