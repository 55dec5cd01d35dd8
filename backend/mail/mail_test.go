package mail_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"sana/backend/mail"
	"sana/backend/test/mailtest"
)

func TestAMessageDoesNotPrintWhatItSays(t *testing.T) {
	t.Parallel()
	var printed bytes.Buffer
	m := mailtest.Message()
	fmt.Fprintf(&printed, "%v %+v %s", m, m, m)
	slog.New(slog.NewJSONHandler(&printed, nil)).Info("sent", "message", m)
	slog.New(slog.NewTextHandler(&printed, nil)).Info("sent", "message", m)
	for _, secret := range []string{mailtest.Address, mailtest.Code} {
		if strings.Contains(printed.String(), secret) {
			t.Errorf("got %q in %s, want it nowhere", secret, &printed)
		}
	}
	if !strings.Contains(printed.String(), "sign_in_code") {
		t.Errorf("got %s, want the kind in it", &printed)
	}
}

func TestPermanenceSurvivesWrapping(t *testing.T) {
	t.Parallel()
	cause := errors.New("no such domain")
	wrapped := fmt.Errorf("outbox: %w", mail.Permanent(cause))
	if !mail.IsPermanent(wrapped) || !errors.Is(wrapped, cause) {
		t.Errorf("got permanent %t and cause %t, want both", mail.IsPermanent(wrapped),
			errors.Is(wrapped, cause))
	}
	if mail.IsPermanent(cause) || mail.IsPermanent(nil) || mail.Permanent(nil) != nil {
		t.Error("got permanence out of nowhere")
	}
}
