package repo_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport lists the packages of this repository that each package may import, except in tests. A
// package has the name of its folder, relative to backend if it is there.
var mayImport = map[string][]string{
	"account": {"fault", "fold", "postgres", "visitor"},
	"app": {
		"account", "apps", "auth", "challenge", "config", "frontend", "gate", "gate/appcookie",
		"inbox", "mail", "mail/mailgun",
		"mail/smtp", "mail/templates", "observe/logging", "observe/metrics", "observe/tracing",
		"outbox", "passkey", "postgres", "session", "throttle", "timetravel", "web",
	},
	"apps": {"account"}, // for the canonical form of addresses
	"auth": {
		"account", "apps", "challenge", "fault", "keyring", "mail", "mail/templates",
		"observe/metrics",
		"observe/tracing", "outbox", "passkey", "postgres", "session", "throttle", "visitor",
	},
	"backend":   {"cli"},
	"brand":     {},
	"challenge": {"apps", "fault", "fold", "keyring", "outbox", "postgres", "throttle", "visitor"},
	"cli": {
		"account", "app", "apps", "auth", "challenge", "config", "diagnose", "diagnose/check",
		"diagnose/doctor", "fault", "gate/proxies", "keyring", "mail", "mail/mailgun", "mail/smtp",
		"mail/templates", "observe/logging", "outbox", "passkey", "postgres", "session", "visitor",
		"web",
	},
	"config":          {"brand", "keyring"},
	"diagnose":        {},
	"diagnose/check":  {"diagnose"},
	"diagnose/doctor": {"diagnose", "keyring", "mail", "mail/mailgun", "mail/smtp", "postgres"},
	"fault":           {},
	"fold":            {},
	"frontend":        {},
	"gate": {
		"apps", "brand", "gate/appcookie", "gate/pages", "observe/metrics", "observe/tracing",
		"session",
		"web/harden",
	},
	"gate/appcookie":    {"keyring"},
	"gate/pages":        {"brand"},
	"gate/proxies":      {"apps"},
	"inbox":             {"mail", "postgres"},
	"keyring":           {},
	"mail":              {},
	"mail/mailgun":      {"mail"},
	"mail/smtp":         {"mail"},
	"mail/templates":    {"brand", "mail", "visitor"},
	"migrations":        {},
	"observe/logging":   {},
	"observe/metrics":   {},
	"observe/tracing":   {},
	"outbox":            {"fault", "mail", "observe/metrics", "observe/tracing", "postgres"},
	"passkey":           {"fault", "keyring", "postgres", "visitor"},
	"postgres":          {"fault", "migrations"},
	"session":           {"keyring", "observe/metrics", "postgres"},
	"test/chaos":        {},
	"test/drill":        {},
	"test/harness":      {"app", "config", "test/mailgunfake", "test/postgrestest", "web"},
	"test/mailgunfake":  {},
	"test/mailtest":     {"mail"},
	"test/postgrestest": {"migrations", "postgres"},
	"test/proxytest":    {"test/harness"},
	"test/repo":         {},
	"test/smtpfake":     {},
	"test/system":       {},
	"throttle":          {"keyring", "postgres"},
	"timetravel":        {"postgres", "session", "visitor"},
	"visitor":           {},
	"web": {
		"account", "apps", "auth", "brand", "challenge", "fault", "gate", "gate/appcookie",
		"gate/pages",
		"inbox", "mail", "mail/mailgun", "mail/templates",
		"observe/metrics", "observe/tracing", "outbox", "passkey", "session", "timetravel",
		"visitor",
		"web/dev", "web/harden", "web/static",
	},
	"web/dev": {
		"fault", "inbox", "mail", "mail/templates", "session", "timetravel", "visitor",
	},
	"web/harden": {},
	"web/static": {"brand"},
}

// onlyIn lists the packages that may import paths with a prefix, except in tests.
var onlyIn = map[string][]string{
	"github.com/alecthomas/kong":     {"cli"},
	"github.com/andybalholm/brotli":  {"web/static"},
	"github.com/caarlos0/env/":       {"config"},
	"github.com/fxamacker/cbor/":     {"session"},
	"github.com/getkin/kin-openapi/": {"test/harness"},
	"github.com/go-webauthn/":        {"passkey"},
	"github.com/gofiber/fiber/":      {"web", "web/dev"},
	"github.com/gofiber/storage/":    {"session"},
	"github.com/jackc/pgx/v5": { // not web: a handler has no database
		"account", "app", "auth", "challenge", "cli", "diagnose/doctor", "inbox",
		"observe/metrics", "observe/tracing", "outbox", "passkey", "postgres", "session",
		"test/harness", "test/postgrestest", "throttle", "timetravel",
	},
	// a package with a pool can begin a transaction; see opensTransactions
	"github.com/jackc/pgx/v5/pgxpool": {
		"account", "app", "auth", "cli", "diagnose/doctor", "observe/metrics", "outbox",
		"postgres", "session", "test/harness", "test/postgrestest", "throttle",
	},
	"github.com/mailgun/":           {"mail/mailgun"},
	"github.com/maypok86/otter/":    {"session"},
	"github.com/mileusna/useragent": {"visitor"},
	"github.com/pressly/goose/":     {"postgres"},
	"github.com/prometheus/":        {"observe/metrics"},
	"github.com/valyala/fasthttp":   {"gate", "web", "web/harden"},
	"github.com/wneessen/go-mail":   {"mail/smtp"},
	"go.opentelemetry.io/":          {"observe/tracing"},
	// For jitter, ports and request ids; never for secrets.
	"math/rand/v2": {"app", "outbox", "postgres", "test/harness", "web"},
	"testing":      {"test/harness", "test/mailtest", "test/postgrestest", "test/proxytest"},
}

// forbidden lists the imports that no file may have, tests included, with the reasons.
var forbidden = map[string]string{
	"math/rand": "crypto/rand for what must not be guessed, else math/rand/v2",
	"unsafe":    "nothing here is worth it",
}

// fiberMiddleware is the path of Fiber's middleware, which no file may import. Most of it trusts
// the client, sends one client's answers to others, or shows the program's memory to every client;
// package web has handlers of its own for what is needed.
const fiberMiddleware = "github.com/gofiber/fiber/v2/middleware/"

// unsafeInFiber are methods of *fiber.Ctx that trust the client, or decompress input without a
// limit.
var unsafeInFiber = []string{
	"BaseURL", "Body", "BodyParser", "FormValue", "Format", "Hostname", "IP", "IPs", "IsFromLocal",
	"IsProxyTrusted", "MultipartForm", "Protocol", "Redirect", "RedirectBack", "RedirectToRoute",
	"Secure", "Subdomains", "UserContext",
}

// vague are names that say nothing about a package's content.
var vague = []string{"common", "core", "helper", "helpers", "lib", "misc", "model", "models",
	"service", "services", "shared", "types", "util", "utils"}

// source is one Go file of the repository.
type source struct {
	path string // below the repository
	pkg  string // name of its package in the tables
	test bool
	*ast.File
}

// imports lists the paths that a file imports.
func (s source) imports() []string {
	var list []string
	for _, i := range s.Imports {
		path, _ := strconv.Unquote(i.Path.Value)
		list = append(list, path)
	}
	return list
}

// sources parses every Go file of the repository, except other modules: the programs that Sana is
// compared with are not part of it.
func sources(t *testing.T) []source {
	t.Helper()
	var list []source
	walk(t, isModule, func(name, below string) error {
		if path.Ext(name) != ".go" {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		list = append(list,
			source{path: below, pkg: packageName(path.Dir(below)),
				test: strings.HasSuffix(name, "_test.go"),
				File: file})
		return err
	})
	return list
}

// untracked are folders that are not part of the repository. Other tests write some of them at the
// same time.
var untracked = []string{"node_modules", "test-results", "playwright-report", ".data", ".git"}

// walk visits the files of the repository by their names and their paths below it. It skips test
// data, hidden and untracked folders, and those that isSkipped selects.
func walk(t *testing.T, isSkipped func(dir string) bool, visit func(name, below string) error) {
	t.Helper()
	const root = "../../.."
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		base := entry.Name()
		switch {
		case err != nil || name == root:
			return err
		case entry.IsDir() && (base[0] == '.' || base == "testdata" ||
			slices.Contains(untracked, base) || isSkipped(name)):
			return filepath.SkipDir
		case entry.IsDir():
			return nil
		}
		below, _ := filepath.Rel(root, name)
		return visit(name, filepath.ToSlash(below))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// program returns sources without the tests.
func program(t *testing.T) []source {
	t.Helper()
	return slices.DeleteFunc(sources(t), func(s source) bool { return s.test })
}

// packageName converts a folder of the repository to a package's name in the tables.
func packageName(folder string) string { return strings.TrimPrefix(folder, "backend/") }

// uses collects the needed entries of a table, as "key value".
type uses map[string]bool

// assertAll fails the test for each unneeded entry of the table.
func (u uses) assertAll(t *testing.T, table map[string][]string) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(table)) {
		for _, value := range table[key] {
			if !u[key+" "+value] {
				t.Errorf("the entry %s: %s is not needed any more", key, value)
			}
		}
	}
}

func TestArch_ImportsFollowTheTable(t *testing.T) {
	t.Parallel()
	used, present := uses{}, map[string]bool{}
	for _, s := range program(t) {
		present[s.pkg] = true
		allowed, listed := mayImport[s.pkg]
		if !listed {
			t.Errorf("%s: package %s is not in the table", s.path, s.pkg)
		}
		for _, imported := range s.imports() {
			folder, ours := strings.CutPrefix(imported, "sana/")
			if !ours {
				continue
			}
			name := packageName(folder)
			used[s.pkg+" "+name] = true
			if !slices.Contains(allowed, name) {
				t.Errorf("%s: package %s must not import %s", s.path, s.pkg, name)
			}
		}
	}
	used.assertAll(t, mayImport)
	for name := range mayImport {
		if !present[name] {
			t.Errorf("package %s is in the table and does not exist", name)
		}
	}
}

func TestArch_LibrariesStayInTheirPackages(t *testing.T) {
	t.Parallel()
	used := uses{}
	for _, s := range program(t) {
		for _, imported := range s.imports() {
			for prefix, allowed := range onlyIn {
				if !strings.HasPrefix(imported, prefix) {
					continue
				}
				used[prefix+" "+s.pkg] = true
				if !slices.Contains(allowed, s.pkg) {
					t.Errorf("%s: %s belongs in %s alone", s.path, imported,
						strings.Join(allowed, ", "))
				}
			}
		}
	}
	used.assertAll(t, onlyIn)
}

func TestArch_NoForbiddenImports(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		for _, imported := range s.imports() {
			if why, is := forbidden[imported]; is {
				t.Errorf("%s imports %s: %s", s.path, imported, why)
			}
			if strings.HasPrefix(imported, fiberMiddleware) {
				t.Errorf("%s imports %s; see the comment on fiberMiddleware", s.path, imported)
			}
		}
	}
}

func TestArch_NoVagueNamesAndNoInit(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		name := strings.TrimSuffix(s.Name.Name, "_test")
		if slices.Contains(vague, name) || slices.Contains(vague, path.Base(s.pkg)) {
			t.Errorf("%s: the name of package %s says nothing", s.path, name)
		}
		for _, declaration := range s.Decls {
			if f, is := declaration.(*ast.FuncDecl); is && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s has an init function; package app puts the program together", s.path)
			}
		}
	}
}

// selectors lists the selectors of a file: keyring.Parse is "keyring Parse"; if the expression is
// not a name, "" comes first.
func (s source) selectors() []string {
	var list []string
	ast.Inspect(s.File, func(n ast.Node) bool {
		if selected, is := n.(*ast.SelectorExpr); is {
			of := ""
			if name, is := selected.X.(*ast.Ident); is {
				of = name.Name
			}
			list = append(list, of+" "+selected.Sel.Name)
		}
		return true
	})
	return list
}

func TestArch_SecretsStayInConfigAndApp(t *testing.T) {
	t.Parallel()
	places := map[string]map[string]bool{}
	for _, s := range program(t) {
		for _, selected := range s.selectors() {
			if strings.HasSuffix(selected, " Reveal") {
				selected = "Reveal"
			}
			if places[selected] == nil {
				places[selected] = map[string]bool{}
			}
			places[selected][s.pkg] = true
		}
	}
	for selected, want := range map[string][]string{
		"Reveal":                   {"app", "config"},
		"keyring Parse":            {"config"},
		"keyring ReadOrCreateFile": {"config"},
	} {
		if got := slices.Sorted(maps.Keys(places[selected])); !slices.Equal(got, want) {
			t.Errorf("%s is used in %v, want %v", selected, got, want)
		}
	}
}
