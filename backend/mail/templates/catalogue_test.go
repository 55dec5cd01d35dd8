package templates

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"sana/backend/brand"

	"github.com/go-json-experiment/json"
)

// someLanguages are files of a few messages that have no fault.
func someLanguages() fstest.MapFS {
	months := `"months": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12"`
	files := fstest.MapFS{}
	for _, language := range languages {
		files[language+".arb"] = &fstest.MapFile{
			Data: []byte(
				`{"@@locale": "` + language + `", ` + months +
					`, "hello": "{name}, {name} on {site}", "bye": "Bye"}`)}
	}
	return files
}

func TestALanguageWithAFaultIsRefusedByName(t *testing.T) {
	t.Parallel()
	if _, err := parseCatalogues(someLanguages()); err != nil {
		t.Fatalf("got %v without a fault", err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"missing": {`, "bye": "Bye"`, ``, "mail: de.arb: bye is missing"},
		"unknown": {`"bye"`, `"by": "By", "bye"`, "mail: de.arb: by is unknown"},
		"one place less": {`{name}, `, ``,
			"mail: de.arb: hello has the places [{name} {site}], want [{name} {name} {site}]"},
		"another place": {`{site}`, `{host}`,
			"mail: de.arb: hello has the places [{host} {name} {name}], want [{name} {name} " +
				"{site}]"},
		"place of another kind": {`{site}`, `{{.Site}}`, "mail: de.arb: hello has the places"},
		"brace left open":       {`Bye`, `Bye {`, "mail: de.arb: bye has a brace too many"},
		"empty":                 {`"Bye"`, `""`, "mail: de.arb: bye is not one line of text"},
		"not text":              {`"Bye"`, `{}`, "mail: de.arb: bye is not one line of text"},
		"two lines":             {`Bye`, `Bye\nbye`, "mail: de.arb: bye is not one line of text"},
		"space at the end":      {`Bye`, `Bye `, "mail: de.arb: bye is not one line of text"},
		"eleven months":         {`11, 12`, `11`, "mail: de.arb: months are not twelve"},
		"twice":                 {`"bye"`, `"hello": "{name}", "bye"`, "mail: de.arb: "},
		"of another language":   {`"de"`, `"fr"`, "mail: de.arb: @@locale is fr, want de"},
		"of no language": {`"@@locale": "de", `, ``,
			"mail: de.arb: @@locale is <nil>, want de"},
		"not JSON": {`{"@@`, `"@@`, "mail: de.arb: "},
	} {
		files := someLanguages()
		files["de.arb"].Data = []byte(
			strings.Replace(string(files["de.arb"].Data), c.old, c.new, 1))
		if _, err := parseCatalogues(files); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

func TestEachLanguageHasItsFileAndNoOther(t *testing.T) {
	t.Parallel()
	less, more := someLanguages(), someLanguages()
	delete(less, "ja.arb")
	more["tlh.arb"] = &fstest.MapFile{
		Data: []byte(strings.Replace(string(more["de.arb"].Data), `"de"`, `"tlh"`, 1))}
	for _, files := range []fs.FS{less, more, fstest.MapFS{}} {
		if _, err := parseCatalogues(files); err == nil ||
			!strings.Contains(err.Error(), "want one for each of [en de fr es ja]") {
			t.Errorf("got %v", err)
		}
	}
}

// englishNotes are the notes for translators of each message in en.arb.
func englishNotes(t *testing.T) (messages map[string]string, notes map[string]note) {
	t.Helper()
	text, err := languageFiles.ReadFile("languages/en.arb")
	if err != nil {
		t.Fatal(err)
	}
	var entries map[string]any
	if err := json.Unmarshal(text, &entries); err != nil {
		t.Fatal(err)
	}
	messages, notes = map[string]string{}, map[string]note{}
	for name, entry := range entries {
		switch entry := entry.(type) {
		case string:
			messages[name] = entry
		case map[string]any:
			description, _ := entry["description"].(string)
			places, _ := entry["placeholders"].(map[string]any)
			notes[name] = note{description, slices.Sorted(maps.Keys(places))}
		}
	}
	delete(messages, "@@locale")
	return messages, notes
}

type note struct {
	description string
	places      []string
}

func TestEveryMessageHasANoteForTranslators(t *testing.T) {
	t.Parallel()
	messages, notes := englishNotes(t)
	for name, text := range messages {
		note, noted := notes["@"+name]
		if !noted || note.description == "" {
			t.Errorf("%s has no note", name)
		}
		var inText []string
		for _, place := range slices.Compact(places(text)) {
			inText = append(inText, strings.Trim(place, "{}"))
		}
		if !slices.Equal(inText, note.places) {
			t.Errorf("%s: the note explains %v, want %v", name, note.places, inText)
		}
	}
	if len(messages) != len(notes) {
		t.Errorf("got %d messages and %d notes", len(messages), len(notes))
	}
}

func TestEveryMessageOfTheCatalogueIsUsed(t *testing.T) {
	t.Parallel()
	var used bytes.Buffer
	for _, pattern := range []string{"*.go", "*.txt", "*.html"} {
		files, err := fs.Glob(os.DirFS("."), pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(file, "_test.go") {
				used.Write(text)
			}
		}
	}
	isQuoted := func(name string) bool {
		return strings.Contains(used.String(), `"`+name+`"`)
	}
	ofANotice := []string{"_subject", "_what", "_not_you", "_title", "_line", "_link", "_link_line"}
	messages, _ := englishNotes(t)
	for name := range messages {
		isPart := slices.ContainsFunc(ofANotice, func(suffix string) bool {
			whole, isCut := strings.CutSuffix(name, suffix)
			return isCut && isQuoted(whole)
		})
		if !isPart && !isQuoted(name) {
			t.Errorf("nothing uses %s", name)
		}
	}
}

func TestEveryMonthAndTheFirstOfItReadAsTheLanguageWritesThem(t *testing.T) {
	t.Parallel()
	parsed, err := Parse(brand.Default)
	if err != nil {
		t.Fatal(err)
	}
	for language, want := range map[string][]string{
		"en": {"1 January 2027, 00:00 (UTC)", "31 December 2026, 23:59 (UTC)",
			"9 March 2027, 03:05 (UTC+2)"},
		"de": {"1. Januar 2027, 00:00 Uhr (UTC)", "31. Dezember 2026, 23:59 Uhr (UTC)",
			"9. März 2027, 03:05 Uhr (UTC+2)"},
		"fr": {"1er janvier 2027 à 00:00 (UTC)", "31 décembre 2026 à 23:59 (UTC)",
			"9 mars 2027 à 03:05 (UTC+2)"},
		"es": {"1 de enero de 2027, 00:00 (UTC)", "31 de diciembre de 2026, 23:59 (UTC)",
			"9 de marzo de 2027, 03:05 (UTC+2)"},
		"ja": {"2027年1月1日 00:00（UTC）", "2026年12月31日 23:59（UTC）", "2027年3月9日 03:05（UTC+2）"},
	} {
		midnight := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
		for i, at := range []time.Time{midnight, midnight.Add(-1),
			time.Date(2027, 3, 9, 3, 5, 0, 0, time.FixedZone("", 2*60*60))} {
			if got, err := parsed.languages[language].dateTime(at); got != want[i] || err != nil {
				t.Errorf("%s: got %q, %v, want %q", language, got, err, want[i])
			}
		}
	}
}

// Values are checked before they get here; this is for the day on which one is not.
func TestTheHTMLShowsWhateverIsForeignAsText(t *testing.T) {
	t.Parallel()
	parsed, err := Parse(brand.Default)
	if err != nil {
		t.Fatal(err)
	}
	const foreign = `<script>alert("1")</script>'&`
	for _, name := range []string{"sign_in_code", "notice"} {
		l := &message{Name: map[string]string{"sign_in_code": "code", "notice": "new_device"}[name],
			Language: foreign, Link: "javascript:alert(1)", LinkName: "new_device_end_link",
			Code:     foreign,
			messages: catalogue{}, values: map[string]string{}}
		for message, text := range parsed.languages["en"] {
			l.messages[message] = text + foreign
			for _, place := range places(text) {
				l.values[strings.Trim(place, "{}")] = foreign
			}
		}
		var html bytes.Buffer
		if err := parsed.html.ExecuteTemplate(&html, name+".html", l); err != nil {
			t.Fatal(err)
		}
		for _, raw := range []string{"<script", `alert("`, `'&`, `="javascript:`, `<html lang="<`} {
			if strings.Contains(html.String(), raw) {
				t.Errorf("%s: got %s in the HTML:\n%s", name, raw, &html)
			}
		}
		if !strings.Contains(html.String(), "<strong>&lt;script&gt;") {
			t.Errorf("%s: got no value shown as text:\n%s", name, &html)
		}
	}
}

func TestAMessageThatIsNotThereOrLacksAValueIsAnError(t *testing.T) {
	t.Parallel()
	c := catalogue{"hello": "Hello {name}"}
	for message, values := range map[string]map[string]string{"hello": {"site": "x"}, "bye": {}} {
		if got, err := c.say(message, values); err == nil {
			t.Errorf("%s: got %q, want an error", message, got)
		}
	}
	// A value is not read for places, and stays whatever it is.
	if got, err := c.say("hello",
		map[string]string{"name": "{name} {x}"}); got != "Hello {name} {x}" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
