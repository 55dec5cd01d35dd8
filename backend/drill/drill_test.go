package drill

import "testing"

func TestDrill(t *testing.T) {
	for _, store := range stores {
		for _, c := range cases {
			t.Run(store+"/"+c.id, func(t *testing.T) {
				t.Parallel()
				s := newScene(t, store)
				c.play(s)
				t.Logf("RESULT %s %s %+v", store, c.id, s.outcome)
			})
		}
	}
}
