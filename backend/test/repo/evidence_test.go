package repo_test

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false,
	"write the pages that are made from the tests instead of comparing with them")

// proof is a test that is evidence, or one row of its table.
type proof struct {
	test  string // package and function, or the file of a test in TypeScript
	title string // of the row, or of the test in TypeScript; "" for a whole function
}

// String returns the form of a proof in the data and on the pages.
func (p proof) String() string {
	if p.title == "" {
		return "`" + p.test + "`"
	}
	return "`" + p.test + "` “" + p.title + "”"
}

// written matches a proof as String writes it.
var written = regexp.MustCompile("`([^`]+)`(?: “([^”]+)”)?")

// proofsIn parses all proofs in a text.
func proofsIn(text string) []proof {
	var list []proof
	for _, match := range written.FindAllStringSubmatch(text, -1) {
		list = append(list, proof{match[1], match[2]})
	}
	return list
}

// evidence has the mentions of each test of the tree.
type evidence map[proof]said

type said struct {
	attacks []string // that the test or its comment mentions
	faults  []string // the same
	process bool     // it starts a process of the built binary
}

// wantKnown fails the test for each proof that does not exist.
func (e evidence) wantKnown(t *testing.T, where string, proofs []proof) {
	t.Helper()
	for _, p := range proofs {
		if _, ok := e[p]; !ok {
			t.Errorf("%s: there is no test %s", where, p)
		}
	}
}

// gather finds the tests of the whole repository.
func gather(t *testing.T) evidence {
	t.Helper()
	found := evidence{}
	walk(t, func(string) bool { return false }, func(name, below string) error {
		switch {
		case strings.HasSuffix(below, "_test.go"):
			return found.addGo(name, path.Base(path.Dir(below)))
		case typeScriptTest.MatchString(below):
			return found.addTypeScript(name, below)
		}
		return nil
	})
	return found
}

var (
	goTest       = regexp.MustCompile(`^(Test|Fuzz|Benchmark)[A-Z]`)
	startProcess = regexp.MustCompile(`\.(Run|Spawn)\([tb][,)]`) // of a harness.World
)

// addGo adds the test functions of a file, and the rows of their tables: the elements of a variable
// of the file that begin with a text.
func (e evidence) addGo(name, pkg string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, content,
		parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	text := func(from, to token.Pos) string {
		return string(content[set.Position(from).Offset:set.Position(to).Offset])
	}
	starters, err := startersIn(filepath.Dir(name))
	if err != nil {
		return err
	}
	tables := tablesOf(file)
	for _, declaration := range file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok || function.Recv != nil || !goTest.MatchString(function.Name.Name) {
			continue
		}
		test := proof{test: pkg + "." + function.Name.Name}
		body := text(function.Pos(), function.End())
		process := startProcess.MatchString(body)
		ast.Inspect(function.Body, func(n ast.Node) bool {
			if used, ok := n.(*ast.Ident); ok {
				process = process || starters[used.Name]
				if tables[used.Name] != nil {
					e.addRows(test.test, tables[used.Name], text)
				}
			}
			return true
		})
		whole := function.Doc.Text() + body
		e[test] = said{attacks: attacksIn(whole), faults: faultsIn(whole), process: process}
	}
	return nil
}

// startersIn returns the functions in the test files of a folder that start a process, themselves
// or by a call of another one.
func startersIn(folder string) (map[string]bool, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		return nil, err
	}
	starters, others := map[string]bool{}, map[string][]byte{}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		for _, found := range topLevelFunction.FindAllSubmatch(content, -1) {
			if startProcess.Match(found[0]) {
				starters[string(found[1])] = true
			} else {
				others[string(found[1])] = found[0]
			}
		}
	}
	for before := -1; before != len(starters); {
		before = len(starters)
		for name, body := range others {
			for _, used := range identifier.FindAll(body, -1) {
				if starters[string(used)] {
					starters[name] = true
				}
			}
		}
	}
	return starters, nil
}

var identifier = regexp.MustCompile(`\w+`)

// topLevelFunction matches a function as gofmt writes it.
var topLevelFunction = regexp.MustCompile(`(?ms)^func (\w+)\([^\n]*\{\n.*?^}`)

// tablesOf returns the file's variables whose values are lists.
func tablesOf(file *ast.File) map[string]*ast.CompositeLit {
	tables := map[string]*ast.CompositeLit{}
	for _, declaration := range file.Decls {
		variables, ok := declaration.(*ast.GenDecl)
		if !ok || variables.Tok != token.VAR {
			continue
		}
		for _, spec := range variables.Specs {
			value := spec.(*ast.ValueSpec)
			for i, v := range value.Values {
				if list, ok := v.(*ast.CompositeLit); ok {
					tables[value.Names[i].Name] = list
				}
			}
		}
	}
	return tables
}

func (e evidence) addRows(
	test string, table *ast.CompositeLit, text func(from, to token.Pos) string,
) {
	for _, element := range table.Elts {
		var first ast.Expr
		switch row := element.(type) {
		case *ast.CompositeLit:
			if len(row.Elts) > 0 {
				first = row.Elts[0]
			}
		case *ast.KeyValueExpr:
			first = row.Key
		}
		if literal, ok := first.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			title, _ := strconv.Unquote(literal.Value)
			e[proof{test, title}] = said{attacks: attacksIn(text(element.Pos(), element.End()))}
		}
	}
}

var (
	typeScriptTest  = regexp.MustCompile(`^(e2e/.*\.spec\.ts|frontend/src/.*\.test\.tsx?)$`)
	typeScriptTitle = regexp.MustCompile(
		`(?:\b(?:test|it|describe)(?:\.\w+)*|\]\))\(` + "(?:'([^']+)'|\"([^\"]+)\"|`([^`]+)`)")
	// of an opening parenthesis that ends a line
	titleBelow = regexp.MustCompile("\\(\n\\s*(['\"`])")
	comment    = regexp.MustCompile(`^\s*(//|/?\*)`)
)

// addTypeScript adds the tests of a file by their titles, with the comment directly above.
func (e evidence) addTypeScript(name, below string) error {
	content, err := os.ReadFile(name)
	above := ""
	for line := range strings.Lines(titleBelow.ReplaceAllString(string(content), "($1")) {
		if match := typeScriptTitle.FindStringSubmatch(line); match != nil {
			e[proof{below, cmp.Or(match[1], match[2], match[3])}] = said{
				attacks: attacksIn(above + line)}
		}
		if comment.MatchString(line) {
			above += line
		} else {
			above = ""
		}
	}
	return err
}

var (
	attackIDs = regexp.MustCompile(`\bA-([0-9]{2})(?: to A-([0-9]{2}))?\b`)
	faultIDs  = regexp.MustCompile(`\bF-([0-9]{2})(?: to F-([0-9]{2}))?\b`)
)

// attacksIn lists the attack ids in a text; "A-28 to A-30" are three.
func attacksIn(text string) []string { return idsIn(text, attackIDs, "A-%02d") }

// faultsIn lists the fault ids in a text.
func faultsIn(text string) []string { return idsIn(text, faultIDs, "F-%02d") }

func idsIn(text string, pattern *regexp.Regexp, form string) []string {
	ids := map[string]bool{}
	for _, match := range pattern.FindAllStringSubmatch(text, -1) {
		first, _ := strconv.Atoi(match[1])
		last, _ := strconv.Atoi(cmp.Or(match[2], match[1]))
		for n := first; n <= last; n++ {
			ids[fmt.Sprintf(form, n)] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}

// wantPage compares a page of docs/security with the wanted text, or writes it.
func wantPage(t *testing.T, name, want string) {
	t.Helper()
	file := filepath.Join("../../../docs/security", name)
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("docs/security/%s is not as the tests are; npm run golden makes it", name)
	}
}
