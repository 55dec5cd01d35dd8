package cli_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"sana/backend/test/harness"
	"sana/backend/test/mailgunfake"
)

// explains returns the output of sana mail explain for Ada's codes: the table without its heading,
// and the advice.
func (o operator) explains() (rows []string, advice string) {
	o.Helper()
	table, advice, _ := strings.Cut(o.types(0, "", "mail", "explain", " Ada@SANA.example"), "\n\n")
	table = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`).ReplaceAllString(table, "REF")
	lines := strings.Split(table, "\n")
	if lines[0] != "SENT  REQUESTED FROM  MAILS  NEWEST MAIL  CODE  REF IN THE LOG" {
		o.Errorf("the table begins with %q", lines[0])
	}
	return lines[1:], strings.TrimSpace(advice)
}

// awaits waits for this output of sana mail explain for Ada's codes.
func (o operator) awaits(want string) {
	o.Helper()
	harness.Eventually(o, "the mail's state is not known", func() error {
		if got := o.types(0, "", "mail", "explain", ada); !strings.Contains(got, want) {
			return fmt.Errorf("it says, without %q:\n%s", want, got)
		}
		return nil
	})
}

func TestMailExplain_PrintsDeliveryStatus(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	o := operator{t, w.Environ()}
	harness.WantEqual(t, "no request", o.types(0, "", "mail", "explain", ada),
		"No code for ada@sana.example is stored: none was requested in the last day, it was "+
			"canceled, or the user signed out right after using it.\n"+
			"If the user did request one: was it for another address, or did the page show an "+
			"error?\n")
	harness.WantEqual(t, "no address", o.types(1, "", "mail", "explain", "ada"),
		"sana: ada is not an address that Sana sends codes to\n")

	app := w.Start(t)
	b := app.Open(t)
	b.RequestCode(ada, harness.With("User-Agent", firefox)).Want(http.StatusAccepted)
	code := w.Code(t, ada, 1)
	o.awaits("  sent  ")
	rows, advice := o.explains()
	harness.WantEqual(t, "a mail that is sent", rows,
		[]string{"TIME  Firefox on Linux  1  sent  valid, 0 attempts  REF"})
	if !strings.Contains(advice, "spam folder") {
		t.Errorf("the advice is %q, want the spam folder in it", advice)
	}
	b.Verify(code).Want(http.StatusOK)
	rows, advice = o.explains()
	harness.WantEqual(t, "a code that was used", rows,
		[]string{"TIME  Firefox on Linux  1  sent  used at TIME  REF"})
	harness.WantEqual(t, "its advice", advice, "The newest code arrived: it was used.")

	w.Pass(t, time.Hour)
	w.Mailgun.Script(mailgunfake.Answer{Status: http.StatusBadRequest})
	b.RequestCode(ada).Want(http.StatusAccepted)
	o.awaits("  failed (")
	rows, advice = o.explains()
	harness.WantEqual(t, "a mail that failed, the newest first", rows, []string{
		"TIME  unknown  1  failed (refused)  valid, 0 attempts  REF",
		"TIME  Firefox on Linux  1  sent  used at TIME  REF",
	})
	harness.WantEqual(t, "its advice", advice,
		"The mail provider, or the mail server of the address, rejected this mail. The log has "+
			"the reason.")
}
