package signin

import (
	"testing"

	"sana/backend/outbox"
)

func TestAMailsReferenceIsReadBackAndNothingElseIs(t *testing.T) {
	t.Parallel()
	ref := outbox.Ref{ID: newUUID(), Number: 12}
	if got, ok := parseMailRef(mailRef(ref)); !ok || got != ref {
		t.Errorf("got %+v, %v; want %+v", got, ok, ref)
	}
	for _, other := range []string{"", "/", ref.ID, ref.ID + "/", ref.ID + "/-1", ref.ID + "/1/1", ref.ID + "/9999999999", " " + mailRef(ref), mailRef(ref) + "\n"} {
		if got, ok := parseMailRef(other); ok {
			t.Errorf("%q is read as %+v", other, got)
		}
	}
}
