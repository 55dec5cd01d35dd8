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

// logMethods are the methods of slog.Logger that write a line: the position of the message among
// their arguments, and the level if it is fixed.
var logMethods = map[string]struct {
	message int
	level   string
}{
	"Debug": {0, "DEBUG"}, "DebugContext": {1, "DEBUG"},
	"Info": {0, "INFO"}, "InfoContext": {1, "INFO"},
	"Warn": {0, "WARN"}, "WarnContext": {1, "WARN"},
	"Error": {0, "ERROR"}, "ErrorContext": {1, "ERROR"},
	"Log": {2, "INFO or WARN"}, "LogAttrs": {2, "INFO or WARN"},
}

// logged lists the log lines of a file, as "message (level)".
func (s source) logged(t *testing.T) []string {
	t.Helper()
	var list []string
	ast.Inspect(s.File, func(n ast.Node) bool {
		call, is := n.(*ast.CallExpr)
		if !is {
			return true
		}
		selected, is := call.Fun.(*ast.SelectorExpr)
		if !is || !isLogger(selected.X) {
			return true
		}
		method, is := logMethods[selected.Sel.Name]
		if !is {
			return true
		}
		message, constant := constantText(call.Args[method.message])
		if !constant {
			t.Errorf("%s: the message of a line is no constant", s.path)
		}
		list = append(list, message+" ("+method.level+")")
		return true
	})
	return list
}

// isLogger reports whether an expression is named log, as all loggers of this repository are.
func isLogger(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name == "log"
	case *ast.SelectorExpr:
		return strings.EqualFold(x.Sel.Name, "log")
	}
	return false
}

// constantText returns the text of a string literal, or of a concatenation of several.
func constantText(x ast.Expr) (text string, ok bool) {
	switch x := x.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(x.Value)
		return text, err == nil && x.Kind == token.STRING
	case *ast.BinaryExpr:
		before, first := constantText(x.X)
		after, second := constantText(x.Y)
		return before + after, first && second && x.Op == token.ADD
	}
	return "", false
}

// loggedItem matches an item of docs/metrics.md about a log line.
var loggedItem = regexp.MustCompile("(?m)^- `([^`]+)` ((?:DEBUG|INFO|WARN|ERROR)[^:\n]*)")

// docs/metrics.md lists every line that the program logs, each once, and no other (ASVS 5.0,
// 16.1.1).
func TestLog_DocumentHasEveryLine(t *testing.T) {
	t.Parallel()
	var want, got []string
	for _, s := range program(t) {
		want = append(want, s.logged(t)...)
	}
	for _, row := range loggedItem.FindAllStringSubmatch(read(t, "../../../docs/metrics.md"), -1) {
		got = append(got, row[1]+" ("+row[2]+")")
	}
	slices.Sort(want)
	slices.Sort(got)
	if want = slices.Compact(want); !slices.Equal(got, want) {
		t.Errorf("docs/metrics.md lacks %q, and has %q, which nothing logs; %d items for %d lines",
			without(want, got), without(got, want), len(got), len(want))
	}
}

func without(list, others []string) []string {
	return slices.DeleteFunc(slices.Clone(list),
		func(s string) bool { return slices.Contains(others, s) })
}
