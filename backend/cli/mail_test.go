package cli_test

import (
	"testing"

	"sana/backend/test/harness"
)

func TestUnsuppress_RemovesFromMailgunsLists(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	w.Mailgun.Suppress("bounces", ada)
	w.Mailgun.Suppress("unsubscribes", ada)
	o := operator{t, w.Environ()}
	harness.WantEqual(t, "a blocked address",
		o.types(0, "", "mail", "unsuppress", " Ada@SANA.example"),
		"Removed ada@sana.example from Mailgun's list of bounces, and of unsubscribes.\n")
	harness.WantEqual(t, "the same again", o.types(0, "", "mail", "unsuppress", ada),
		"ada@sana.example is on none of Mailgun's lists (bounces, complaints, unsubscribes): "+
			"Mailgun does not block it.\n")
	harness.WantEqual(t, "no address", o.types(1, "", "mail", "unsuppress", "ada"),
		"sana: ada is not an address that Sana sends codes to\n")
	sendingKey := operator{t, w.Environ("MAILGUN_API_KEY=sending-only")}
	harness.WantEqual(t, "a key that may only send",
		sendingKey.types(1, "", "mail", "unsuppress", ada),
		"sana: the API key has no access: a domain's sending key may only send. Run the command "+
			"once with MAILGUN_API_KEY set to a key of the account: "+
			"mail: mailgun: 401 credentials refused\n")
}

func TestUnsuppress_DoesNothingWithOtherTransports(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	o := operator{t, w.Environ(bySMTP("smtps://u:p@mail.example.org")...)}
	harness.WantEqual(t, "SMTP", o.types(0, "", "mail", "unsuppress", ada),
		"Nothing to do: MAIL_TRANSPORT is smtp, and Sana itself blocks no address. The mail "+
			"server may block it.\n")
}

func bySMTP(url string) []string {
	return []string{"MAIL_TRANSPORT=smtp", "MAILGUN_DOMAIN=", "MAILGUN_API_KEY=",
		"MAILGUN_WEBHOOK_KEY=", "MAILGUN_API_BASE=", "SMTP_URL=" + url}
}
