package templates

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
)

//go:embed languages/*.arb
var languageFiles embed.FS

// catalogue holds the messages of one language by name. {site} in a message is the place of the
// value "site".
type catalogue map[string]string

// part is a stretch of a message: words of the catalogue's, or a value that stands among them.
type part struct {
	Text    string
	IsValue bool
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// fill puts values where a message has places for them.
func (c catalogue) fill(message string, values map[string]string) ([]part, error) {
	text, ok := c[message]
	if !ok {
		return nil, fmt.Errorf("mail: there is no message %s", message)
	}
	var parts []part
	for {
		words, rest, more := strings.Cut(text, "{")
		parts = append(parts, part{Text: words})
		if !more {
			return parts, nil
		}
		name, rest, _ := strings.Cut(rest, "}")
		value, ok := values[name]
		if !ok {
			return nil, fmt.Errorf("mail: message %s has no value for {%s}", message, name)
		}
		parts = append(parts, part{Text: value, IsValue: true})
		text = rest
	}
}

// say is fill in one piece.
func (c catalogue) say(message string, values map[string]string) (string, error) {
	parts, err := c.fill(message, values)
	var whole strings.Builder
	for _, p := range parts {
		whole.WriteString(p.Text)
	}
	return whole.String(), err
}

// dateTime writes a time with its day and zone, rounded down to the minute, as the language does.
func (c catalogue) dateTime(at time.Time) (string, error) {
	day := at.Format("2")
	if day == "1" {
		day = c["first_day"]
	}
	return c.say("date_time", map[string]string{
		"time": at.Format("15:04"), "day": day, "month": c.months()[at.Month()-1],
		"year": at.Format("2006"),
		"zone": zone(at),
	})
}

// clock writes a time of day with its zone, rounded down to the minute, as the language does.
func (c catalogue) clock(at time.Time) (string, error) {
	return c.say("clock", map[string]string{"time": at.Format("15:04"), "zone": zone(at)})
}

// zone names the zone of a time by its offset, which reads the same in every language: "UTC",
// "UTC+1", "UTC−3:30".
func zone(at time.Time) string {
	_, seconds := at.Zone()
	if seconds == 0 {
		return "UTC"
	}
	sign := "+"
	if seconds < 0 {
		sign, seconds = "−", -seconds
	}
	name := "UTC" + sign + strconv.Itoa(seconds/3600)
	if minutes := seconds / 60 % 60; minutes > 0 {
		name += fmt.Sprintf(":%02d", minutes)
	}
	return name
}

func (c catalogue) months() []string { return strings.Split(c["months"], ", ") }

// parseCatalogues reads every file of a folder, language.arb: Application Resource Bundles, which
// are JSON with one message per name and, in English, a note "@name" for translators. It returns
// all faults at once: what is not in Languages, and messages that are missing, unknown, or have
// other places for values than the English ones.
func parseCatalogues(folder fs.FS) (map[string]catalogue, error) {
	files, err := fs.Glob(folder, "*.arb")
	if err != nil {
		return nil, err
	}
	var faults []error
	all := map[string]catalogue{}
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".arb")
		if all[name], err = parseCatalogue(folder, file, name); err != nil {
			faults = append(faults, err)
		}
	}
	names := slices.Sorted(maps.Keys(all))
	if !slices.Equal(names, slices.Sorted(slices.Values(languages))) {
		faults = append(faults,
			fmt.Errorf("mail: there are files for %v, want one for each of %v", names, languages))
	}
	for _, name := range names {
		for _, fault := range all[name].faults(all[languages[0]]) {
			faults = append(faults, fmt.Errorf("mail: %s.arb: %s", name, fault))
		}
	}
	return all, errors.Join(faults...)
}

func parseCatalogue(folder fs.FS, file, language string) (catalogue, error) {
	text, err := fs.ReadFile(folder, file)
	if err != nil {
		return nil, err
	}
	var entries map[string]any
	if err := json.Unmarshal(text, &entries); err != nil {
		return nil, fmt.Errorf("mail: %s: %w", file, err)
	}
	if entries["@@locale"] != language {
		return nil, fmt.Errorf("mail: %s: @@locale is %v, want %s",
			file, entries["@@locale"], language)
	}
	messages := catalogue{}
	for name, entry := range entries {
		if !strings.HasPrefix(name, "@") {
			messages[name], _ = entry.(string)
		}
	}
	return messages, nil
}

// faults compares the messages with the English ones.
func (c catalogue) faults(english catalogue) []string {
	var list []string
	for name := range english {
		if _, ok := c[name]; !ok {
			list = append(list, name+" is missing")
		}
	}
	for name, text := range c {
		original, known := english[name]
		switch got, want := places(text), places(original); {
		case !known:
			list = append(list, name+" is unknown")
		case !slices.Equal(got, want):
			list = append(list, fmt.Sprintf("%s has the places %v, want %v", name, got, want))
		case text == "" || text != strings.TrimSpace(text) ||
			strings.ContainsFunc(text, unicode.IsControl):
			list = append(list, name+" is not one line of text")
		case strings.ContainsAny(placeholder.ReplaceAllString(text, ""), "{}"):
			list = append(list, name+" has a brace too many")
		}
	}
	if len(c.months()) != 12 {
		list = append(list, "months are not twelve")
	}
	slices.Sort(list)
	return list
}

// places lists what a message has places for, each as often as it does.
func places(text string) []string {
	list := placeholder.FindAllString(text, -1)
	slices.Sort(list)
	return list
}
