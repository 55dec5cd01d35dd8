package cli_test

import (
	"testing"

	"sana/backend/sanatest"
)

func TestAnOperatorHasMailgunWriteToAnAddressAgain(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	w.Mailgun.Suppress("bounces", ada)
	w.Mailgun.Suppress("unsubscribes", ada)
	o := operator{t, w.Environ()}
	sanatest.WantEqual(t, "a blocked address", o.types(0, "", "mail", "unsuppress", " Ada@SANA.example"),
		"Took ada@sana.example off Mailgun's list of bounces, and of unsubscribes.\n")
	sanatest.WantEqual(t, "the same again", o.types(0, "", "mail", "unsuppress", ada),
		"ada@sana.example is on none of Mailgun's lists (bounces, complaints, unsubscribes): Mailgun does not block it.\n")
	sanatest.WantEqual(t, "no address", o.types(1, "", "mail", "unsuppress", "ada"),
		"sana: ada is not an address that Sana sends codes to\n")
	sendingKey := operator{t, w.Environ("MAILGUN_API_KEY=sending-only")}
	sanatest.WantEqual(t, "a key that may only send", sendingKey.types(1, "", "mail", "unsuppress", ada),
		"sana: the API key is not enough: one of a sending domain may only send. Run the command once with MAILGUN_API_KEY set to a key of the account: "+
			"mail: mailgun: 401 credentials refused\n")
}

func TestWithAnotherTransportThereIsNothingToUnsuppress(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	o := operator{t, w.Environ("MAIL_TRANSPORT=smtp", "MAILGUN_DOMAIN=", "MAILGUN_API_KEY=", "SMTP_URL=smtps://u:p@mail.example.org")}
	sanatest.WantEqual(t, "SMTP", o.types(0, "", "mail", "unsuppress", ada),
		"Nothing to do here: MAIL_TRANSPORT is smtp, and Sana itself blocks no address. Whoever runs the mail server may.\n")
}
