package bring

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
)

// line is an item as a test writes it.
type line struct{ File, Time, From, Words, Answer, Device string }

func lines(a *Archive) (out []line) {
	for _, it := range a.Items {
		l := line{Words: it.Words.Reveal(), Answer: it.Answer.Reveal(), Device: it.Device, From: it.TimeFrom}
		if it.HasSound() {
			l.File = a.Source.Files()[it.File].base()
		}
		if !it.Time.IsZero() {
			l.Time = it.Time.UTC().Format("2006-01-02T15:04:05.000Z")
		}
		out = append(out, l)
	}
	return out
}

func latin1(s string) []byte {
	b, err := charmap.ISO8859_1.NewEncoder().String(s)
	if err != nil {
		panic(err)
	}
	return []byte(b)
}

// TestRead reads archives as providers have laid them out.
func TestRead(t *testing.T) {
	alexa := func(list []byte) files {
		return files{
			"Alexa/Audio and Transcripts/Audio/recording-1.wav": tone(1, 200),
			"Alexa/Audio and Transcripts/Audio/recording-2.wav": tone(2, 200),
			"Alexa/Audio and Transcripts/Transcripts.csv":       list,
		}
	}
	both := []line{
		{"recording-1.wav", "2021-03-04T05:06:07.000Z", FromList, "what's the weather", "It is sunny.", "Kitchen Echo"},
		{"recording-2.wav", "2021-03-04T18:06:07.000Z", FromList, "set a timer", "", "Küche"},
	}
	english := "Timestamp,Device Name,Customer Utterance,Alexa Response,Audio File Name\r\n" +
		"2021-03-04T05:06:07Z,Kitchen Echo,what's the weather,It is sunny.,recording-1.wav\r\n" +
		"2021-03-04T18:06:07Z,Küche,set a timer,,recording-2.wav\r\n"
	for _, test := range []struct {
		name     string
		files    files
		provider string
		want     []line
	}{
		{"alexa, a list in English", alexa([]byte(english)), Alexa, both},
		{"alexa, with a byte order mark", alexa([]byte("\xef\xbb\xbf" + english)), Alexa, both},
		{"alexa, in UTF-16", alexa(utf16le(english)), Alexa, both},
		{"alexa, in Latin-1", alexa(latin1(english)), Alexa, both},
		{"alexa, in German, with semicolons, and times of 24 hours", alexa([]byte("Datum;Uhrzeit;Gerät;Transkript;Antwort;Audiodatei\n" +
			"04.03.2021;05:06:07;Kitchen Echo;what's the weather;It is sunny.;Audio\\recording-1.wav\n" +
			"04.03.2021;18:06:07;Küche;set a timer;;Audio\\recording-2\n")), Alexa, both},
		{"alexa, American times", alexa([]byte("Creation Timestamp,Device,Text,Response,File\n" +
			"\"Mar 4, 2021, 5:06:07 AM UTC\",Kitchen Echo,what's the weather,It is sunny.,recording-1\n" +
			"3/14/2021 6:06:07 PM,,,,\n" +
			"03/04/2021 06:06:07 PM,Küche,set a timer,,Alexa/Audio and Transcripts/Audio/recording-2.wav\n")), Alexa, both},
		{"alexa, thousandths since 1970, and tabs", alexa([]byte("timestamp\tdevice_name\tutterance\tresponse\taudio_file\n" +
			"1614834367000\tKitchen Echo\twhat's the weather\tIt is sunny.\trecording-1.wav\n1614881167000\tKüche\tset a timer\t\trecording-2.wav\n")), Alexa, both},
		{"alexa, words that were not understood, and a row without sound", alexa([]byte("Timestamp,Device,Transcript,File\n" +
			"2021-03-04 05:06:07,Echo,Audio could not be understood.,recording-1.wav\n2021-03-04 18:06:07,Echo,stop,\n2021-03-04 18:06:08,Echo,,\n")), Alexa, []line{
			{"recording-1.wav", "2021-03-04T05:06:07.000Z", FromList, "", "", "Echo"},
			{"", "2021-03-04T18:06:07.000Z", FromList, "stop", "", "Echo"},
			{"recording-2.wav", "2021-05-06T07:08:10.000Z", FromFile, "", "", ""},
		}},
		{"alexa, tied by the time in the name", files{
			"Alexa/2021-03-04_05_06_07_UTC.wav": tone(1, 200), "Alexa/history.csv": []byte("Time,Transcript\n2021-03-04T05:06:07Z,hello\n"),
		}, Alexa, []line{{"2021-03-04_05_06_07_UTC.wav", "2021-03-04T05:06:07.000Z", FromList, "hello", "", ""}}},
		{"the case of 2018: recordings, and a PDF", files{
			"Alexa/1.wav": tone(1, 200), "Alexa/Transkripte.pdf": []byte("%PDF-1.4 ..."),
		}, Alexa, []line{{"1.wav", "2021-05-06T07:08:10.000Z", FromFile, "", "", ""}}},
		{"google, JSON", files{
			"Takeout/My Activity/Voice and Audio/MyActivity.json": []byte(`[{"header":"Voice and Audio","title":"Said are you hungry\u0027s","time":"2018-11-21T17:32:39.409Z","audioFiles":["2018-11-21_17_32_39_409_UTC.mp3"],"products":["Voice and Audio"],"subtitles":[{"name":"Not yet."}]},
				{"header":"Assistant","title":"Used Assistant","time":"2018-11-21T17:32:40Z","products":["Assistant"]},
				{"header":"Assistant","title":"Said stop","titleUrl":"https://example.org","time":"2018-11-21T18:00:00Z","products":["Assistant"],"details":[{"name":"On Kitchen display"}]}]`),
			"Takeout/My Activity/Voice and Audio/2018-11-21_17_32_39_409_UTC.mp3": tone(1, 200),
			"Takeout/My Activity/Voice and Audio/2018-11-22_00_00_00_001_UTC.mp3": tone(2, 200),
			"Takeout/archive_browser.html":                                        []byte("<html><title>Archive of anna@example.org</title></html>"),
			"Takeout/My Activity/Search/MyActivity.json":                          []byte(`[{"header":"Search","title":"Searched for shoes","time":"2018-11-21T17:32:39.409Z"}]`),
		}, Google, []line{
			{"2018-11-21_17_32_39_409_UTC.mp3", "2018-11-21T17:32:39.409Z", FromList, "are you hungry's", "Not yet.", "Voice and Audio"},
			{"", "2018-11-21T18:00:00.000Z", FromList, "stop", "", "On Kitchen display"},
			{"2018-11-22_00_00_00_001_UTC.mp3", "2018-11-22T00:00:00.001Z", FromName, "", "", ""},
		}},
		{"google, a page in several languages", files{
			"Takeout/Meine Aktivitäten/Sprache und Audio/MeineAktivitäten.html": page(
				cardOf("Said&nbsp;<a href=\"https://www.google.com/search?q=x\">what &amp; where</a>", "Nov 21, 2018, 5:32:39\u202fPM UTC", "2018-11-21_17_32_39_409_UTC.mp3"),
				cardOf("Gesagt: licht an", "22.11.2018, 18:32:39 MEZ", "2018-11-22_17_32_39_000_UTC.mp3"),
				cardOf("Ha detto buongiorno", "23 nov 2018, 18:32:39 CET", ""),
				cardOf("Bought shoes", "someday", "")),
			"Takeout/Meine Aktivitäten/Sprache und Audio/2018-11-21_17_32_39_409_UTC.mp3": tone(1, 200),
			"Takeout/Meine Aktivitäten/Sprache und Audio/2018-11-22_17_32_39_000_UTC.mp3": tone(2, 200),
		}, Google, []line{
			{"2018-11-21_17_32_39_409_UTC.mp3", "2018-11-21T17:32:39.000Z", FromList, "what & where", "", "Voice and Audio"},
			{"2018-11-22_17_32_39_000_UTC.mp3", "2018-11-22T17:32:39.000Z", FromList, "licht an", "", "Voice and Audio"},
			{"", "2018-11-23T17:32:39.000Z", FromList, "buongiorno", "", "Voice and Audio"},
		}},
		{"google, words in the names, as until 2016", files{
			"Takeout/Voice/2014-07-14_21_41_14_613_UTC-what is the Dead Sea.mp3": tone(1, 200),
		}, Google, []line{{"2014-07-14_21_41_14_613_UTC-what is the Dead Sea.mp3", "2014-07-14T21:41:14.613Z", FromName, "what is the Dead Sea", "", ""}}},
		{"a folder with a list in JSON", files{
			"a.wav": tone(1, 200), "b.wav": tone(2, 200),
			"list.json": []byte(`{"recordings":[{"file":"a.wav","time":"2020-01-02T03:04:05+01:00","words":"hello","device":"Desk"},{"file":"gone.wav","time":"2020-01-02","words":""},{"file":7}]}`),
		}, Folder, []line{
			{"a.wav", "2020-01-02T02:04:05.000Z", FromList, "hello", "", "Desk"},
			{"b.wav", "2021-05-06T07:08:10.000Z", FromFile, "", "", ""},
		}},
		{"a folder of folders", files{"kitchen/20200102-030405.wav": tone(1, 200), "bath/x.wav": tone(2, 200), "notes.txt": []byte("hello"), ".DS_Store": []byte("x")}, Folder, []line{
			{"20200102-030405.wav", "2020-01-02T03:04:05.000Z", FromName, "", "", "kitchen"},
			{"x.wav", "2021-05-06T07:08:10.000Z", FromFile, "", "", "bath"},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := read(t, test.files.zip(t))
			if diff := cmp.Diff(test.want, lines(a)); diff != "" {
				t.Errorf("got the items (+), want (-):\n%s\nunread: %v", diff, a.Unread)
			}
			if a.Provider != test.provider {
				t.Errorf("got the provider %s, want %s", a.Provider, test.provider)
			}
			if text := fmt.Sprintf("%+v %v", a.Items, a.Unread); strings.Contains(text, "weather") && !strings.Contains(test.name, "until 2016") {
				t.Error("words are printed")
			}
			in := read(t, test.files.folder(t)) // the same, unpacked: only the files' dates differ
			if len(in.Items) != len(a.Items) || in.Provider != a.Provider {
				t.Errorf("unpacked it has %d items of %s, want %d of %s", len(in.Items), in.Provider, len(a.Items), a.Provider)
			}
		})
	}
}

// TestUnread says of everything that is left out why.
func TestUnread(t *testing.T) {
	a := read(t, files{
		"Alexa/list.csv": []byte("Timestamp,Transcript,File\n2021-03-04T05:06:07Z,,gone.wav\nsome day,hello,a.wav\n2021-03-04T05:06:07Z,bye,twice.wav\n"),
		"Alexa/a.wav":    tone(1, 200), "Alexa/x/twice.wav": tone(2, 200), "Alexa/y/twice.wav": tone(3, 200),
		"Alexa/b.wav": []byte("this is no sound"), "Alexa/c.pdf": []byte("%PDF-1.7"), "Alexa/d.zip": []byte("PK\x03\x04...."), "Alexa/readme.txt": []byte("hi"),
	}.zip(t))
	why := map[string]string{}
	for _, u := range a.Unread {
		why[u.File] = u.Reason
	}
	for file, says := range map[string]string{
		"gone.wav": "not in the archive", "Alexa/list.csv, entry 3": "time could not be read", "Alexa/b.wav": "does not begin like", "Alexa/c.pdf": "PDF", "Alexa/d.zip": "inside the archive",
	} {
		if !strings.Contains(why[file], says) {
			t.Errorf("of %s it says %q, want %q", file, why[file], says)
		}
	}
	if len(why) != 5 || a.Other != 1 {
		t.Errorf("got %d unread and %d other files: %v", len(why), a.Other, why)
	}
	var report strings.Builder
	if err := a.Report(&report); err != nil || !strings.Contains(report.String(), "gone.wav") || strings.Count(report.String(), "\n") != 6 {
		t.Errorf("the report is %q, %v", report.String(), err)
	}
}

// TestCheck is what the recipient of 2018 was never shown: an archive with the
// recordings of two devices of strangers beside one's own.
func TestCheck(t *testing.T) {
	f := files{}
	list := "Timestamp,Device Name,Transcript,Audio File,Customer ID,Locale\n"
	day := time.Date(2021, 3, 1, 7, 0, 0, 0, time.UTC)
	for i := range 60 {
		device, account, locale := "Anna's Echo", "A1", "en-US"
		if i%10 == 3 {
			device, account, locale = "Fire TV stick", "B7", "de-DE"
		} else if i%20 == 7 {
			device, account, locale = "Bathroom", "B7", "de-DE"
		}
		list += fmt.Sprintf("%s,%s,words %d,r%d.wav,%s,%s\n", day.Add(time.Duration(i)*7*time.Hour).Format(time.RFC3339), device, i, i, account, locale)
		f[fmt.Sprintf("Alexa/r%d.wav", i)] = tone(i, 500)
	}
	f["Alexa/list.csv"] = []byte(list)
	a := read(t, f.zip(t))
	c := a.Check(time.UTC)
	if c.Recordings != 60 || c.Days != 18 || c.Length != 30*time.Second || c.NoWords+c.NoSound+c.NoTime+c.Unmeasured != 0 {
		t.Errorf("got the check %+v", c)
	}
	var names []string
	for _, d := range c.Devices {
		names = append(names, fmt.Sprintf("%s %d", d.Name, d.Recordings))
	}
	if diff := cmp.Diff([]string{"Anna's Echo 51", "Fire TV stick 6", "Bathroom 3"}, names); diff != "" {
		t.Errorf("got the devices (+):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"A1", "B7"}, c.Accounts); diff != "" {
		t.Errorf("got the accounts (+):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"en-US", "de-DE"}, c.Languages); diff != "" {
		t.Errorf("got the languages (+):\n%s", diff)
	}
	heard := map[string]bool{}
	for _, i := range c.Samples {
		heard[a.Items[i].Device] = true
	}
	if len(c.Samples) != 5 || len(heard) != 3 {
		t.Errorf("got %d samples of %d devices, want 5 of 3", len(c.Samples), len(heard))
	}
	for _, test := range []struct {
		name   string
		choice Choice
		want   int
	}{
		{"nothing is said", Choice{}, 0},
		{"all", Choice{All: true}, 60},
		{"one device", Choice{Devices: []string{"Anna's Echo"}}, 51},
		{"all but a device", Choice{All: true, Not: []string{"Bathroom"}}, 57},
		{"days", Choice{All: true, From: day, To: day.Add(24 * time.Hour)}, 4},
		{"a device and days", Choice{Devices: []string{"Fire TV stick"}, From: day, To: day.Add(24 * time.Hour)}, 1},
		{"a device that is not there", Choice{Devices: []string{"Ben's"}}, 0},
	} {
		if got := len(a.Chosen(test.choice)); got != test.want {
			t.Errorf("%s: %d are chosen, want %d", test.name, got, test.want)
		}
	}
}

// TestParts reads a download in two parts as one, and two folders.
func TestParts(t *testing.T) {
	one := files{"Takeout/My Activity/Assistant/MyActivity.json": []byte(`[{"header":"Assistant","title":"Said hello","time":"2020-01-02T03:04:05Z","audioFiles":["a.mp3"]},{"header":"Assistant","title":"Said bye","time":"2020-01-02T03:04:06Z","audioFiles":["b.mp3"]}]`),
		"Takeout/My Activity/Assistant/a.mp3": tone(1, 200)}
	two := files{"Takeout/My Activity/Assistant/b.mp3": tone(2, 200)}
	empty := t.TempDir()
	a := read(t, one.zip(t), empty, two.zip(t))
	if len(a.Items) != 2 || len(a.Unread) != 0 {
		t.Fatalf("got %d items, unread %v", len(a.Items), a.Unread)
	}
	for i, want := range [][]byte{tone(1, 200), tone(2, 200)} {
		if data, err := a.Sound(a.Items[i]); err != nil || string(data) != string(want) {
			t.Errorf("sound %d is %d bytes, %v", i, len(data), err)
		}
	}
	if _, err := Open(empty + "/none"); err == nil {
		t.Error("what is not there is opened")
	}
	if a := read(t, write(t, "one.wav", tone(3, 200))); len(a.Items) != 1 || a.Provider != Folder {
		t.Errorf("of one file %d items are read, of %s", len(a.Items), a.Provider)
	}
	if _, err := os.Stat(empty); err != nil {
		t.Error(err)
	}
}

// TestTimes reads dates as lists write them.
func TestTimes(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		in    string
		order order
		want  string // UTC; "" for none
	}{
		{"2021-03-04T05:06:07Z", 0, "2021-03-04 05:06:07"}, {"2021-03-04T05:06:07.123+02:00", 0, "2021-03-04 03:06:07"}, {"2021-03-04 05:06:07 UTC", 0, "2021-03-04 05:06:07"},
		{"2021-03-04 05:06:07", 0, "2021-03-04 04:06:07"}, {"2021-07-04 05:06", 0, "2021-07-04 03:06:00"}, {"1614834367", 0, "2021-03-04 05:06:07"}, {"1614834367000", 0, "2021-03-04 05:06:07"},
		{"03/04/2021 5:06 AM", monthFirst, "2021-03-04 04:06:00"}, {"03/04/2021 5:06 AM", dayFirst, "2021-04-03 03:06:00"}, {"4.3.21, 05:06:07", 0, "2021-03-04 04:06:07"},
		{"Mar 4, 2021, 12:06:07\u202fAM PST", 0, "2021-03-04 08:06:07"}, {"4 mars 2021 à 05:06:07 UTC+1", 0, "2021-03-04 04:06:07"}, {"4 de marzo de 2021 05:06:07 CET", 0, "2021-03-04 04:06:07"},
		{"Thu Mar 04 05:06:07 UTC 2021", 0, "2021-03-04 05:06:07"}, {"Donnerstag, 4. März 2021 um 05:06 Uhr", 0, ""}, {"4. März 2021 05:06 MEZ", 0, "2021-03-04 04:06:00"},
		{"2021/03/04 05:06:07 JST", 0, "2021-03-03 20:06:07"}, {"Thu, 04 Mar 2021 05:06:07 GMT", 0, "2021-03-04 05:06:07"},
		{"", 0, ""}, {"31/02/2021 10:00", dayFirst, ""}, {"13/13/2021 10:00", 0, ""}, {"yesterday", 0, ""}, {"0001-01-01T00:00:00Z", 0, ""}, {"9999999999999999", 0, ""}, {"25:61", 0, ""}, {"Mar 4, 2021, 13:06 PM", 0, ""},
		{"4.3.2021 05:06 XYZ", 0, ""}, {strings.Repeat("1", 200), 0, ""},
	} {
		got, ok := parseTime(test.in, test.order, berlin)
		text := ""
		if ok {
			text = got.UTC().Format(time.DateTime)
		}
		if text != test.want {
			t.Errorf("%q: got %q, want %q", test.in, text, test.want)
		}
	}
	for name, want := range map[string]string{
		"2018-11-21_17_31_56_905_UTC.mp3": "2018-11-21 17:31:56", "REC20210704050607.wav": "", "rec_20210704_050607.wav": "2021-07-04 03:06:07", "2021-07-04 at 05.06.07.wav": "2021-07-04 03:06:07",
		"1614834367000.wav": "2021-03-04 05:06:07", "track 12.wav": "", "20219999_999999.wav": "",
	} {
		got, ok := timeInName(name, berlin)
		text := ""
		if ok {
			text = got.UTC().Format(time.DateTime)
		}
		if text != want {
			t.Errorf("%q: got %q, want %q", name, text, want)
		}
	}
}
