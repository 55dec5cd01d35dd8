package system_test

import (
	"net/http"
	"testing"

	"sana/backend/test/harness"
)

// Counts can be read but not written, as with a full disk. A wrong code is then answered 503 and is
// not counted, so a right one must get the same answer: otherwise attackers could guess without a
// limit.
func TestVerifyCode_WithoutRoomForCountsAnswersRightAndWrongAlike(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, store string) {
		w := harness.NewWorld(t)
		app := w.Run(t, store)
		owner := app.Open(t)
		code := owner.GetCode(w, ada)
		w.Exec(t, `
			CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN RAISE SQLSTATE '53100'; END $$`)
		w.Exec(t, `
			CREATE TRIGGER full_disk BEFORE INSERT ON uses
			FOR EACH ROW EXECUTE FUNCTION full_disk()`)

		for range 20 {
			owner.Verify(harness.WrongCode(code)).Want(http.StatusServiceUnavailable)
		}
		harness.WantEqual(t, "tries", w.Count(t, `SELECT sum(tries) FROM challenges`), 0)
		owner.Verify(code).Want(http.StatusServiceUnavailable)

		w.Exec(t, `DROP TRIGGER full_disk ON uses`)
		owner.Verify(code).Want(http.StatusOK)
	})
}
