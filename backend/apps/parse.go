package apps

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sana/backend/account"

	"go.yaml.in/yaml/v3"
)

// Options are the settings against which the file is checked.
type Options struct {
	PublicHost  string // of PUBLIC_URL, with its port if it has one
	Development bool   // hosts may have ports, and names without a dot
}

// maxFile is the maximum size of a file in bytes.
const maxFile = 1 << 20

// idPattern matches the ids of apps and groups.
var idPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// maxName is the maximum length of the name of an app in characters.
const maxName = 40

// Parse reads the text of an apps file:
//
//	groups:
//	  staff: ["@example.org"]
//	apps:
//	  wiki: {name: Wiki, hosts: [wiki.example.org], allow: [group:staff]}
//
// The error lists every mistake on its own line, with its line number.
func Parse(text []byte, o Options) (*Set, error) {
	if len(text) > maxFile {
		return nil, fmt.Errorf("the file is larger than %d bytes", maxFile)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	if err := decoder.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	p := &parser{options: o, set: &Set{
		byID: map[string]*App{}, exact: map[string]*App{}, wild: map[string]*App{},
	}}
	p.parse(&document)
	if decoder.Decode(&second) == nil {
		p.fail(&second, "a second document begins; a file has one")
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return p.set, nil
}

// parser collects mistakes.
type parser struct {
	options  Options
	set      *Set
	members  map[string]rule // of each group
	claimed  []claim
	mistakes []mistake
}

type mistake struct {
	line int
	text string
}

// claim is a host with its app.
type claim struct {
	Host
	app *App
}

func (p *parser) fail(n *yaml.Node, format string, args ...any) {
	p.mistakes = append(p.mistakes, mistake{n.Line, fmt.Sprintf(format, args...)})
}

// err returns the mistakes in the order of their lines.
func (p *parser) err() error {
	slices.SortStableFunc(p.mistakes, func(a, b mistake) int { return a.line - b.line })
	var list []error
	for _, m := range p.mistakes {
		list = append(list, fmt.Errorf("line %d: %s", m.line, m.text))
	}
	return errors.Join(list...)
}

func (p *parser) parse(document *yaml.Node) {
	if len(document.Content) == 0 {
		p.fail(&yaml.Node{Line: 1}, "the file is empty; it needs the key apps")
		return
	}
	top := p.mapping(document.Content[0], "the file", "groups", "apps")
	p.parseGroups(top["groups"])
	if top["apps"] == nil {
		p.fail(document.Content[0], "the key apps is missing")
		return
	}
	for _, entry := range p.entries(top["apps"], "apps") {
		p.parseApp(entry)
	}
}

// entry is a key of a mapping with its value.
type entry struct {
	key   string
	node  *yaml.Node // of the key
	value *yaml.Node
}

// entries returns the entries of a mapping. Keys are unique strings.
func (p *parser) entries(n *yaml.Node, what string) (list []entry) {
	if n.Kind != yaml.MappingNode || n.Anchor != "" {
		p.failKind(n, what, "a mapping")
		return nil
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode || key.Anchor != "":
			p.fail(key, "a key of %s is not a plain word", what)
		case seen[key.Value]:
			p.fail(key, "%s has %q twice", what, key.Value)
		default:
			seen[key.Value] = true
			list = append(list, entry{key.Value, key, value})
		}
	}
	return list
}

// mapping returns the values of a mapping whose keys are known.
func (p *parser) mapping(n *yaml.Node, what string, known ...string) map[string]*yaml.Node {
	values := map[string]*yaml.Node{}
	for _, e := range p.entries(n, what) {
		if !slices.Contains(known, e.key) {
			p.fail(e.node, "%s has the unknown key %q; known are %s", what, e.key,
				strings.Join(known, ", "))
			continue
		}
		values[e.key] = e.value
	}
	return values
}

// strings returns the elements of a list of strings.
func (p *parser) strings(n *yaml.Node, what string) (list []*yaml.Node) {
	if n.Kind != yaml.SequenceNode || n.Anchor != "" {
		p.failKind(n, what, "a list")
		return nil
	}
	for _, element := range n.Content {
		if _, ok := p.string(element, what); ok {
			list = append(list, element)
		}
	}
	return list
}

// string returns the text of a scalar.
func (p *parser) string(n *yaml.Node, what string) (text string, ok bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" || n.Anchor != "" {
		p.failKind(n, what, "text")
		return "", false
	}
	return n.Value, true
}

// failKind reports a node of the wrong kind. Anchors and aliases are not allowed.
func (p *parser) failKind(n *yaml.Node, what, want string) {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		p.fail(n, "%s uses an anchor; write the value out", what)
		return
	}
	p.fail(n, "%s must be %s", what, want)
}

func (p *parser) parseGroups(n *yaml.Node) {
	p.members = map[string]rule{everyone: {everyone: true}}
	if n == nil {
		return
	}
	for _, e := range p.entries(n, "groups") {
		what := fmt.Sprintf("group %q", e.key)
		switch {
		case e.key == everyone:
			p.fail(e.node, "%s is reserved: it has every user", what)
		case !idPattern.MatchString(e.key):
			p.fail(e.node, "%s must have a name of a to z, 0 to 9 and -, at most 40 characters",
				what)
		}
		members := newRule()
		for _, member := range p.strings(e.value, what) {
			if strings.HasPrefix(member.Value, "group:") {
				p.fail(member, "%s has %q; a group has addresses and domains only", what,
					member.Value)
				continue
			}
			p.addTo(members, member, what)
		}
		p.members[e.key] = members
		if e.key != everyone {
			p.set.groups = append(p.set.groups, group{e.key, members})
		}
	}
	slices.SortFunc(p.set.groups, func(a, b group) int { return strings.Compare(a.name, b.name) })
}

func newRule() rule { return rule{addresses: map[string]bool{}, domains: map[string]bool{}} }

// addTo adds an address or a domain to a rule.
func (p *parser) addTo(r rule, n *yaml.Node, what string) {
	domain, isDomain := strings.CutPrefix(n.Value, "@")
	address := n.Value
	if isDomain {
		address = "x@" + domain
	}
	canonical, err := account.ParseAddress(address)
	if err != nil {
		p.fail(n, "%s has %q, which is no address such as ada@example.org and no domain such as "+
			"@example.org",
			what, n.Value)
		return
	}
	if isDomain {
		r.domains[strings.TrimPrefix(canonical, "x@")] = true
		return
	}
	r.addresses[canonical] = true
}

func (p *parser) parseApp(e entry) {
	what := fmt.Sprintf("app %q", e.key)
	if !idPattern.MatchString(e.key) {
		p.fail(e.node, "%s must have an id of a to z, 0 to 9 and -, at most 40 characters", what)
	}
	fields := p.mapping(e.value, what, "name", "hosts", "allow", "fresh", "until", "since",
		"access_keys")
	if e.value.Kind != yaml.MappingNode {
		return
	}
	app := &App{ID: e.key}
	for _, required := range []string{"name", "hosts", "allow"} {
		if fields[required] == nil {
			p.fail(e.node, "%s has no %s", what, required)
		}
	}
	for _, field := range []struct {
		key   string
		parse func(app *App, n *yaml.Node, what string)
	}{
		{"name", p.parseName}, {"hosts", p.parseHosts}, {"allow", p.parseAllow},
		{"fresh", p.parseFresh}, {"until", p.parseUntil}, {"since", p.parseSince},
		{"access_keys", p.parseAccessKeys},
	} {
		if n := fields[field.key]; n != nil {
			field.parse(app, n, fmt.Sprintf("%s of %s", field.key, what))
		}
	}
	p.set.apps = append(p.set.apps, app)
	p.set.byID[app.ID] = app
}

func (p *parser) parseName(app *App, n *yaml.Node, what string) {
	name, ok := p.string(n, what)
	if !ok {
		return
	}
	app.Name = name
	switch {
	case strings.TrimSpace(name) == "" || strings.TrimSpace(name) != name:
		p.fail(n, "%s must be a word, without spaces around it", what)
	case utf8.RuneCountInString(name) > maxName:
		p.fail(n, "%s has more than %d characters", what, maxName)
	case strings.ContainsAny(name, ":/@"):
		p.fail(n, "%s must not have : / or @, which would make it look like an address", what)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, isInvisible):
		p.fail(n, "%s has a control character or one that cannot be seen", what)
	}
}

// isInvisible reports whether a character is a control character, changes the writing direction, or
// is invisible.
func isInvisible(r rune) bool {
	return r != ' ' &&
		(unicode.IsControl(r) || !unicode.IsPrint(r) || unicode.Is(unicode.Bidi_Control, r))
}

func (p *parser) parseHosts(app *App, n *yaml.Node, what string) {
	list := p.strings(n, what)
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		p.fail(n, "%s are none", what)
	}
	for _, element := range list {
		host, mistake := parseHost(element.Value, p.options.Development)
		switch {
		case mistake != "":
			p.fail(element, "%s: %q %s", what, element.Value, mistake)
		case host.matches(p.options.PublicHost):
			p.fail(element,
				"%s: %q has the host of PUBLIC_URL, where programs receive Sana's own cookies",
				what, element.Value)
		default:
			p.claim(app, host, element, what)
		}
	}
}

// claim assigns a host to an app, unless another one has it.
func (p *parser) claim(app *App, host Host, n *yaml.Node, what string) {
	for _, earlier := range p.claimed {
		if earlier.overlaps(host) {
			p.fail(n, "%s: %q is %s of app %q already", what, n.Value, earlier.Host, earlier.app.ID)
			return
		}
	}
	p.claimed = append(p.claimed, claim{host, app})
	app.Hosts = append(app.Hosts, host)
	if host.isWild {
		p.set.wild[host.name] = app
	} else {
		p.set.exact[host.name] = app
	}
}

func (p *parser) parseAllow(app *App, n *yaml.Node, what string) {
	app.allow = newRule()
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		p.fail(n, "%s is empty; group:everyone lets in all who are signed in", what)
	}
	for _, element := range p.strings(n, what) {
		members := newRule()
		if name, isGroup := strings.CutPrefix(element.Value, "group:"); isGroup {
			known, ok := p.members[name]
			if !ok {
				p.fail(element, "%s has %q, and there is no such group", what, element.Value)
			}
			members = known
		} else {
			p.addTo(members, element, what)
		}
		app.allow.everyone = app.allow.everyone || members.everyone
		maps.Copy(app.allow.addresses, members.addresses)
		maps.Copy(app.allow.domains, members.domains)
		app.rules = append(app.rules, Rule{element.Value, element.Line, members})
	}
}

// minFresh leaves users the time to enter a code and to return.
const minFresh = time.Minute

func (p *parser) parseFresh(app *App, n *yaml.Node, what string) {
	text, ok := p.string(n, what)
	if !ok {
		return
	}
	fresh, err := time.ParseDuration(text)
	if err != nil || fresh < minFresh {
		p.fail(n, "%s is %q; it must be a time of at least a minute, such as 12h", what, text)
	}
	app.Fresh = fresh
}

func (p *parser) parseUntil(app *App, n *yaml.Node, what string) {
	until, isDay := p.time(n, what, "last")
	if isDay {
		until = until.AddDate(0, 0, 1)
	}
	app.Until = until
}

func (p *parser) parseSince(app *App, n *yaml.Node, what string) {
	app.Since, _ = p.time(n, what, "first")
}

// time returns a time, or the begin of a day in UTC. A mistake asks for the first or the last day.
func (p *parser) time(n *yaml.Node, what, which string) (t time.Time, isDay bool) {
	text, ok := p.string(n, what)
	if !ok {
		return time.Time{}, false
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, true
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		p.fail(n, "%s is %q; it must be a %s day such as 2027-01-31 (in UTC), or a time such as "+
			"2027-01-31T18:00:00Z", what, text, which)
	}
	return t, false
}

func (p *parser) parseAccessKeys(app *App, n *yaml.Node, what string) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Decode(&app.AccessKeys) != nil {
		p.fail(n, "%s must be true or false", what)
	}
}
