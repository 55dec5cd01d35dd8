package harness

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"sana/backend/web"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// Contract is backend/web/openapi.yaml, read once.
var Contract = sync.OnceValues(func() (*openapi3.T, error) {
	document, err := openapi3.NewLoader().LoadFromData(web.ContractYAML())
	if err != nil {
		return nil, err
	}
	return document, document.Validate(context.Background())
})

// checkContract fails the test if a request that the contract forbids was accepted, or if the
// contract does not allow the answer. The answer to an undocumented path must be a problem, or the
// not-found page.
func checkContract(t testing.TB, request *http.Request, body []byte, a *Answer) {
	t.Helper()
	document, err := Contract()
	if err != nil {
		t.Fatalf("openapi.yaml: %v", err)
	}
	if a.Status == http.StatusMisdirectedRequest { // for every call
		a.Problem()
		return
	}
	name, path, parameters := findPath(document, request.URL.EscapedPath())
	if path == nil || path.GetOperation(request.Method) == nil {
		isPage := strings.HasPrefix(a.Header.Get("Content-Type"), "text/html")
		if a.Status >= 400 && request.Method != http.MethodHead && !isPage {
			a.Problem()
		}
		return
	}
	// A copy with its body: the sent one has been read.
	copied := request.Clone(t.Context())
	copied.Body = io.NopCloser(bytes.NewReader(body))
	input := &openapi3filter.RequestValidationInput{
		Request:    copied,
		PathParams: parameters,
		Route: &routers.Route{
			Spec: document, Path: name, PathItem: path, Method: request.Method,
			Operation: path.GetOperation(request.Method),
		},
		// Tests also send requests without required cookies; only the answer is checked.
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	if err := openapi3filter.ValidateRequest(t.Context(), input); err != nil && a.Status < 400 {
		t.Errorf("%s: got %d for a request that the contract forbids: %v", a.name, a.Status, err)
	}
	err = openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input,
		Status:                 a.Status,
		Header:                 a.Header,
		Body:                   io.NopCloser(bytes.NewReader(a.Body)),
		Options:                &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		t.Errorf("%s: the answer %d breaks the contract: %v", a.name, a.Status, err)
	}
}

// findPath returns the contract's path of an address, with the values of its parameters; nil if
// there is none.
func findPath(
	document *openapi3.T, address string,
) (name string, item *openapi3.PathItem, parameters map[string]string) {
	if item := document.Paths.Value(address); item != nil {
		return address, item, nil
	}
	for name, item := range document.Paths.Map() {
		pattern := strings.Split(name, "/")
		parts := strings.Split(address, "/")
		parameters := map[string]string{}
		if len(parts) == len(pattern) && fits(pattern, parts, parameters) {
			return name, item, parameters
		}
	}
	return "", nil, nil
}

// fits reports whether the parts of an address match a path, and stores the values of {parameters}
// in the map.
func fits(pattern, parts []string, parameters map[string]string) bool {
	for i, want := range pattern {
		if inner, ok := strings.CutPrefix(want, "{"); ok {
			parameters[strings.TrimSuffix(inner, "}")] = parts[i]
			continue
		}
		if want != parts[i] {
			return false
		}
	}
	return true
}
