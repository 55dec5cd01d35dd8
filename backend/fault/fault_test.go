package fault_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"sana/backend/fault"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"
)

var errCanary = errors.New("canary: password of a@sana.example")

func TestAnErrorThatNobodyKnowsIsInternalAndKeepsItsText(t *testing.T) {
	t.Parallel()
	got := fault.From(fmt.Errorf("read: %w", errCanary))
	if got.Code != fault.Internal || got.RetryAfter != 0 || got.TriesLeft != nil {
		t.Errorf("got %+v, want an internal fault and nothing more", got)
	}
	if strings.Contains(got.Message, "canary") ||
		got.Message != fault.From(errors.New("another")).Message {
		t.Errorf("message: got %q, want one that is the same for every error", got.Message)
	}
	if got.Error() != "internal_error: read: "+errCanary.Error() || !errors.Is(got, errCanary) {
		t.Errorf("for the log: got %q, want the code and the cause", got)
	}
}

func TestAFaultIsFoundHoweverItIsWrapped(t *testing.T) {
	t.Parallel()
	wrong := fault.New(fault.WrongCode, "That is not the code.")
	for name, err := range map[string]error{
		"bare":    wrong,
		"wrapped": fmt.Errorf("signin: %w", wrong),
		"joined":  errors.Join(errCanary, wrong),
	} {
		if got := fault.From(err); got != wrong {
			t.Errorf("%s: got %v, want the fault itself", name, got)
		}
		if !fault.Is(err, fault.WrongCode) || fault.Is(err, fault.Internal) {
			t.Errorf("%s: is not a fault of its code alone", name)
		}
	}
	for name, err := range map[string]error{"nil": nil, "another error": errCanary} {
		if fault.Is(err, fault.Internal) {
			t.Errorf("%s: is taken for a fault", name)
		}
	}
}

func TestTheCauseIsForTheLogAlone(t *testing.T) {
	t.Parallel()
	for name, got := range map[string]*fault.Error{
		"Wrap":             fault.Wrap(fault.InvalidRequest, "Send JSON.", errCanary),
		"StoreUnavailable": fault.StoreUnavailable(errCanary),
	} {
		if strings.Contains(got.Message, "canary") {
			t.Errorf("%s: message: %q", name, got.Message)
		}
		if got.Error() != string(got.Code)+": "+errCanary.Error() || !errors.Is(got, errCanary) {
			t.Errorf("%s: for the log: got %q", name, got)
		}
	}
	if got := fault.New(fault.NotFound, "There is no such page.").Error(); got != "not_found" {
		t.Errorf("New: for the log: got %q, want the code", got)
	}
}

func TestAStoreThatIsAwaySaysToTryAgain(t *testing.T) {
	t.Parallel()
	got := fault.StoreUnavailable(errCanary)
	if got.Code != fault.Unavailable || got.RetryAfter < time.Second ||
		!strings.Contains(got.Message, "try again") {
		t.Errorf("got %s, %s, %q", got.Code, got.RetryAfter, got.Message)
	}
}

func TestTheContractNamesEveryCodeAndNoOther(t *testing.T) {
	t.Parallel()
	less := func(a, b string) bool { return a < b }
	if diff := cmp.Diff(codesOfContract(t), codes(t), cmpopts.SortSlices(less)); diff != "" {
		t.Errorf("codes (-openapi.yaml +fault.go):\n%s", diff)
	}
}

// codes lists the values of the constants in fault.go.
func codes(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "fault.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	ast.Inspect(file, func(n ast.Node) bool {
		constant, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := constant.Type.(*ast.Ident); ok && kind.Name == "Code" {
			value, err := strconv.Unquote(constant.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, value)
		}
		return false
	})
	return list
}

func codesOfContract(t *testing.T) []string {
	t.Helper()
	content, err := os.ReadFile("../web/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var contract struct {
		Components struct {
			Schemas struct {
				Problem struct {
					Properties struct {
						Code struct{ Enum []string }
					}
				} `yaml:"Problem"`
			}
		}
	}
	if err := yaml.Unmarshal(content, &contract); err != nil {
		t.Fatal(err)
	}
	return contract.Components.Schemas.Problem.Properties.Code.Enum
}
