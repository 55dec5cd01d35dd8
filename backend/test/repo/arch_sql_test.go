package repo_test

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// statement matches the beginning of an SQL statement in capital letters, as this repository writes
// them.
var statement = regexp.MustCompile(
	`^\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|LOCK TABLE|SET|NOTIFY|LISTEN) `)

// fragment matches a part of an SQL statement, as one package could export it to another.
var fragment = regexp.MustCompile(
	`\b(SELECT|INSERT INTO|UPDATE \w+|DELETE FROM|FROM|WHERE|RETURNING|EXISTS|IS NULL|` +
		`IS NOT NULL|AND NOT|ORDER BY|CASE WHEN)\b|\bnow\(\)|::\w`)

// text returns the value of an expression of string literals, and whether it has any. Other
// operands, such as the names of constants, are omitted.
func text(e ast.Expr) (value string, hasText bool) {
	ast.Inspect(e, func(n ast.Node) bool {
		if literal, is := n.(*ast.BasicLit); is && literal.Kind == token.STRING {
			part, _ := strconv.Unquote(literal.Value)
			value, hasText = value+part, true
		}
		return true
	})
	return value, hasText
}

// Web and cli decode, call one use case, and encode. SQL belongs to other packages.
func TestArch_WebHasNoSQL(t *testing.T) {
	t.Parallel()
	for _, s := range program(t) {
		if s.pkg != "web" && s.pkg != "web/dev" && s.pkg != "gate" && s.pkg != "cli" {
			continue
		}
		ast.Inspect(s.File, func(n ast.Node) bool {
			if literal, is := n.(*ast.BasicLit); is && literal.Kind == token.STRING {
				if value, _ := text(literal); statement.MatchString(value) {
					t.Errorf("%s has a statement: %s", s.path, value)
				}
			}
			return true
		})
		for _, selected := range s.selectors() {
			switch of, method, _ := strings.Cut(selected, " "); {
			case slices.Contains(
				[]string{"CopyFrom", "Exec", "QueryRow", "SendBatch", "Begin", "BeginTx"}, method):
				t.Errorf("%s calls %s; a statement belongs beside what it stores", s.path, method)
			case of == "postgres" && slices.Contains(joinsTransactions, method):
				t.Errorf("%s uses postgres.%s; transactions belong to package auth", s.path, method)
			}
		}
	}
}

// joinsTransactions are the transaction functions of package postgres.
var joinsTransactions = []string{"InTx", "InBatch", "Batch", "AfterCommit"}

// opensTransactions are the packages that open transactions. Only auth opens them over the tables
// of several packages: the others may not import a package that has tables.
var opensTransactions = []string{"auth", "outbox", "throttle"}

// storing are the packages that have tables.
var storing = []string{"account", "challenge", "inbox", "outbox", "passkey", "session", "throttle"}

func TestArch_OnlyAuthOpensTransactionsOverPackages(t *testing.T) {
	t.Parallel()
	var found []string
	for _, s := range program(t) {
		for _, selected := range s.selectors() {
			_, method, _ := strings.Cut(selected, " ")
			opens := slices.Contains(
				[]string{"InTx", "InBatch", "Begin", "BeginFunc", "BeginTx", "BeginTxFunc"}, method)
			isTest := strings.HasPrefix(s.pkg, "test/")
			if opens && !isTest && s.pkg != "postgres" && !slices.Contains(found, s.pkg) {
				found = append(found, s.pkg)
			}
		}
	}
	slices.Sort(found)
	if !slices.Equal(found, opensTransactions) {
		t.Errorf("transactions are opened in %v, want %v", found, opensTransactions)
	}
	for _, pkg := range found {
		for _, other := range mayImport[pkg] {
			if pkg != "auth" && slices.Contains(storing, other) {
				t.Errorf(
					"package %s opens transactions and may import %s, which has tables of its own",
					pkg, other)
			}
		}
	}
}

// SQL that another package can use is a constant of type postgres.SQL, never a string, so that it
// cannot contain input.
func TestArch_SQLCrossesPackagesTyped(t *testing.T) {
	t.Parallel()
	typed := 0
	for _, s := range program(t) {
		if s.pkg == "postgres" || strings.HasPrefix(s.pkg, "test/") {
			continue
		}
		for _, declaration := range s.Decls {
			switch d := declaration.(type) {
			case *ast.GenDecl:
				typed += s.checkValues(t, d)
			case *ast.FuncDecl:
				s.checkFunction(t, d)
			}
		}
		ast.Inspect(s.File, func(n ast.Node) bool {
			if call, is := n.(*ast.CallExpr); is && isSQL(call.Fun) {
				t.Errorf("%s converts to postgres.SQL; it must be a constant", s.path)
			}
			return true
		})
	}
	if typed == 0 {
		t.Error("no constant of type postgres.SQL was found; this test looks for them")
	}
}

// isSQL reports whether an expression is the type postgres.SQL.
func isSQL(e ast.Expr) bool {
	selected, is := e.(*ast.SelectorExpr)
	if !is || selected.Sel.Name != "SQL" {
		return false
	}
	of, is := selected.X.(*ast.Ident)
	return is && of.Name == "postgres"
}

// checkValues fails the test for an exported value with SQL that is not a constant of type
// postgres.SQL. It returns the number of such constants.
func (s source) checkValues(t *testing.T, d *ast.GenDecl) (typed int) {
	t.Helper()
	for _, spec := range d.Specs {
		value, is := spec.(*ast.ValueSpec)
		if !is {
			continue
		}
		if isSQL(value.Type) && d.Tok != token.CONST {
			t.Errorf("%s: %s is a variable of type postgres.SQL; it must be a constant", s.path,
				value.Names[0].Name)
		}
		for i, name := range value.Names {
			if isSQL(value.Type) {
				typed++
				continue
			}
			if !name.IsExported() || i >= len(value.Values) {
				continue
			}
			if content, has := text(value.Values[i]); has && fragment.MatchString(content) {
				t.Errorf("%s: %s is SQL; give it the type postgres.SQL", s.path, name.Name)
			}
		}
	}
	return typed
}

// checkFunction fails the test for an exported function that accepts or returns SQL as a string, or
// accepts a function that would run in its transaction.
func (s source) checkFunction(t *testing.T, f *ast.FuncDecl) {
	t.Helper()
	if !f.Name.IsExported() {
		return
	}
	for _, parameter := range f.Type.Params.List {
		for _, name := range parameter.Names {
			kind, is := parameter.Type.(*ast.Ident)
			if is && kind.Name == "string" &&
				slices.Contains([]string{"sql", "statement", "condition", "where"}, name.Name) {
				t.Errorf("%s: %s takes SQL as a string: %s", s.path, f.Name.Name, name.Name)
			}
		}
		if callback, is := parameter.Type.(*ast.FuncType); is && joinsTransaction(callback) {
			t.Errorf("%s: %s takes a function into a transaction; package auth calls what it needs",
				s.path, f.Name.Name)
		}
	}
	if f.Body == nil {
		return
	}
	ast.Inspect(f.Body, func(n ast.Node) bool {
		result, is := n.(*ast.ReturnStmt)
		if !is {
			return true
		}
		for _, e := range result.Results {
			if content, has := text(e); has && statement.MatchString(content) && isText(e) {
				t.Errorf("%s: %s returns SQL as a string", s.path, f.Name.Name)
			}
		}
		return true
	})
}

// isText reports whether an expression is a string built from literals and other values.
func isText(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Kind == token.STRING
	case *ast.BinaryExpr:
		return isText(e.X) || isText(e.Y)
	}
	return false
}

// joinsTransaction reports whether a function accepts a transaction or a batch.
func joinsTransaction(f *ast.FuncType) bool {
	joins := false
	ast.Inspect(f.Params, func(n ast.Node) bool {
		if selected, is := n.(*ast.SelectorExpr); is &&
			(selected.Sel.Name == "Tx" || selected.Sel.Name == "Batch") {
			joins = true
		}
		return true
	})
	return joins
}
