package dev

import (
	"context"
	"slices"
	"strings"
	"time"

	"sana/backend/fault"
	"sana/backend/mail"
	"sana/backend/mail/templates"

	"github.com/gofiber/fiber/v2"
)

// sample is an example of a mail in one language.
type sample struct {
	Kind, Language string
	mail.Message
}

// sampleKinds are the kinds of mails, as named in the addresses of this page.
var sampleKinds = append([]string{
	"sign-in", "sign-in-to-app", "change-email", "new-device", "address-changed-old",
	"address-changed-new", "account-deleted",
}, signInChangeKinds()...)

func signInChangeKinds() (kinds []string) {
	for _, name := range templates.SignInChanges() {
		kinds = append(kinds, strings.ReplaceAll(name, "_", "-"))
	}
	return kinds
}

// The user and the sender's site in the examples.
const (
	sampleFrom, sampleTo, sampleNew = "Sana <no-reply@sana.example>", "ada@example.org",
		"grace@example.org"
	samplePlatform = "Firefox on Linux"
)

// write renders an example; ok is false for an unknown kind.
func (p *Pages) write(kind, language string) (m mail.Message, ok bool, err error) {
	now := time.Now()
	code := templates.SignInCode{
		Language: language, Browser: samplePlatform, Code: "042137", PublicURL: p.PublicURL,
		ExpiresAt: now.Add(10 * time.Minute),
	}
	changed := templates.AddressChanged{Language: language, Old: sampleTo, New: sampleNew, When: now,
		PublicURL: p.PublicURL}
	switch kind {
	case "sign-in":
		m, err = p.Mails.SignInCode(sampleTo, sampleFrom, code)
	case "sign-in-to-app":
		code.App = "Wiki"
		m, err = p.Mails.SignInCode(sampleTo, sampleFrom, code)
	case "change-email":
		code.ForChange = true
		m, err = p.Mails.SignInCode(sampleNew, sampleFrom, code)
	case "new-device":
		m, err = p.Mails.NewDevice(sampleTo, sampleFrom, templates.NewDevice{
			Language: language, Browser: samplePlatform, IP: "192.0.2.7", NotYou: "example",
			When: now, PublicURL: p.PublicURL,
		})
	case "address-changed-old":
		m, err = p.Mails.AddressChanged(sampleTo, sampleFrom, changed)
	case "address-changed-new":
		m, err = p.Mails.AddressChanged(sampleNew, sampleFrom, changed)
	case "account-deleted":
		m, err = p.Mails.AccountDeleted(sampleTo, sampleFrom,
			templates.AccountDeleted{Language: language, When: now, PublicURL: p.PublicURL})
	default:
		if !slices.Contains(signInChangeKinds(), kind) {
			return mail.Message{}, false, nil
		}
		m, err = p.Mails.SignInChange(sampleTo, sampleFrom, templates.SignInChange{
			Name: strings.ReplaceAll(kind, "-", "_"), Language: language, Browser: samplePlatform,
			IP:      "192.0.2.7",
			Passkey: "1Password", Until: now.Add(24 * time.Hour), StopToken: "sample", When: now,
			PublicURL: p.PublicURL,
		})
	}
	return m, true, err
}

func (p *Pages) showSamples(_ context.Context, c *fiber.Ctx) error {
	var all []sample
	for _, kind := range sampleKinds {
		for _, language := range templates.Languages() {
			m, _, err := p.write(kind, language)
			if err != nil {
				return err
			}
			all = append(all, sample{kind, language, m})
		}
	}
	return send(c, "mails.html", struct {
		Kinds   []string
		Samples []sample
	}{sampleKinds, all})
}

func (p *Pages) showSample(_ context.Context, c *fiber.Ctx) error {
	m, ok, err := p.write(c.Params("kind"), c.Params("language"))
	if err != nil {
		return err
	}
	if !ok {
		return fault.New(fault.NotFound, "There is no mail of this kind; /dev/mails has all of them.")
	}
	return sendMail(c, m.HTML)
}
