package repo_test

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// contexts lists the parameter names of type *fiber.Ctx in a file.
func (s source) contexts() []string {
	var list []string
	ast.Inspect(s.File, func(n ast.Node) bool {
		parameter, is := n.(*ast.Field)
		if !is {
			return true
		}
		pointer, is := parameter.Type.(*ast.StarExpr)
		if !is {
			return true
		}
		if kind, is := pointer.X.(*ast.SelectorExpr); is && kind.Sel.Name == "Ctx" {
			for _, name := range parameter.Names {
				list = append(list, name.Name)
			}
		}
		return true
	})
	return list
}

func TestArch_WebUsesNoUnsafeFiberMethods(t *testing.T) {
	t.Parallel()
	found := false
	for _, s := range program(t) {
		contexts := s.contexts()
		found = found || len(contexts) > 0
		for _, selected := range s.selectors() {
			name, method, _ := strings.Cut(selected, " ")
			if slices.Contains(contexts, name) && slices.Contains(unsafeInFiber, method) {
				t.Errorf("%s uses %s.%s of Fiber; see the comment on unsafeInFiber", s.path, name,
					method)
			}
		}
	}
	if !found {
		t.Error("no handler was found; this test looks for parameters of type *fiber.Ctx")
	}
}
