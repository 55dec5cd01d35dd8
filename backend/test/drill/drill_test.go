package drill

import (
	"bytes"
	"flag"
	"os"
	"sync"
	"testing"

	"sana/backend/test/harness"

	"github.com/google/go-cmp/cmp"
)

var (
	update = flag.Bool("update", false, "write docs/contrast.md instead of comparing with it")
	show   = flag.Bool("show", false, "print what happened")
)

// page is the document with the comparison.
const page = "../../../docs/contrast.md"

// report has the outcomes by store and case, and the measurements by store.
type report struct {
	mu       sync.Mutex
	outcomes map[string]map[string]outcome
	figures  map[string]figures
}

// No user of the shared store loses a code or a session. The losses of the sealed cookie and of the
// predecessor are those of expectations.
func TestDrill(t *testing.T) {
	dir := t.TempDir()
	ahead := sync.OnceValues(func() (string, error) { return linkAhead(dir) })
	r := &report{outcomes: map[string]map[string]outcome{}, figures: map[string]figures{}}
	t.Run("stores", func(t *testing.T) {
		for _, store := range stores {
			r.outcomes[store.id] = map[string]outcome{}
			t.Run(store.id+"/figures", func(t *testing.T) {
				t.Parallel()
				r.measured(store, measure(newScene(t, store.id)))
			})
			for _, c := range cases {
				t.Run(store.id+"/"+c.id, func(t *testing.T) {
					t.Parallel()
					s := newScene(t, store.id)
					s.ahead = ahead
					c.play(s)
					harness.WantEqual(t, c.title, s.outcome, c.wants(store.id, s.outcome.Failed))
					r.happened(store, c, s.outcome)
				})
			}
		}
	})
	if !r.isComplete() {
		t.Log("Not all cases were played, or some failed: docs/contrast.md is neither compared " +
			"nor written.")
		return
	}
	r.publish(t)
}

func (r *report) happened(store drillStore, c drillCase, o outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcomes[store.id][c.id] = o
}

func (r *report) measured(store drillStore, f figures) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.figures[store.id] = f
}

func (r *report) isComplete() bool {
	for _, store := range stores {
		if len(r.outcomes[store.id]) < len(cases) {
			return false
		}
	}
	return len(r.figures) == len(stores)
}

// publish writes and prints the report as the flags request, and compares the page with it.
func (r *report) publish(t *testing.T) {
	t.Helper()
	if *show {
		_, _ = os.Stdout.WriteString(r.text())
	}
	fresh := []byte(r.markdown())
	if *update && !t.Failed() {
		if err := os.WriteFile(page, fresh, 0o644); err != nil {
			t.Error(err)
		}
		return
	}
	current, err := os.ReadFile(page)
	if err != nil {
		t.Error(err)
	}
	if !bytes.Equal(current, fresh) {
		t.Errorf("docs/contrast.md is not what happened; npm run drill writes it anew (-page "+
			"+happened):\n%s",
			cmp.Diff(string(current), string(fresh)))
	}
}

// note describes an outcome in a sentence, with its refusals.
func (r *report) note(store drillStore, c drillCase) string {
	o := r.outcomes[store.id][c.id]
	note := c.of(store.id).note
	if o != c.wants(store.id, o.Failed) {
		note = "NOT AS EXPECTED."
	}
	if o.Refusals != "" {
		note += " (" + o.Refusals + ")"
	}
	return note
}
