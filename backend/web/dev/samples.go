package dev

import (
	"context"
	"fmt"
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

// codeForApp is the mail with a code that an app asked for; it has the subject of all codes.
const codeForApp = "code-for-app"

// sampleKinds lists the kinds of mails, as named in the addresses of this page: one for each
// subject that there is, so that none is missing.
func (p *Pages) sampleKinds() []string {
	kinds := []string{codeForApp}
	for _, name := range p.Mails.Names() {
		kinds = append(kinds, strings.ReplaceAll(name, "_", "-"))
	}
	slices.Sort(kinds)
	return kinds
}

// The user and the sender's site in the examples.
const (
	sampleFrom     = "Sana <no-reply@sana.example>"
	sampleTo       = "ada@example.org"
	sampleNew      = "grace@example.org"
	samplePlatform = "Firefox on Linux"
	sampleIP       = "192.0.2.7"
)

// write renders an example of a kind.
func (p *Pages) write(kind, language string) (mail.Message, error) {
	now := time.Now()
	code := templates.SignInCode{
		Language: language, Browser: samplePlatform, Code: "042137", PublicURL: p.PublicURL,
		ExpiresAt: now.Add(10 * time.Minute),
	}
	changed := templates.AddressChanged{
		Language: language, Old: sampleTo, New: sampleNew, When: now, PublicURL: p.PublicURL,
	}
	switch kind {
	case "code":
		return p.Mails.SignInCode(sampleTo, sampleFrom, code)
	case codeForApp:
		code.App = "Wiki"
		return p.Mails.SignInCode(sampleTo, sampleFrom, code)
	case "code-change":
		code.ForChange = true
		return p.Mails.SignInCode(sampleNew, sampleFrom, code)
	case "new-device":
		return p.Mails.NewDevice(sampleTo, sampleFrom, templates.NewDevice{
			Language: language, Browser: samplePlatform, IP: sampleIP, NotYou: "example",
			When: now, PublicURL: p.PublicURL,
		})
	case "address-changed-old":
		return p.Mails.AddressChanged(sampleTo, sampleFrom, changed)
	case "address-changed-new":
		return p.Mails.AddressChanged(sampleNew, sampleFrom, changed)
	case "account-deleted":
		return p.Mails.AccountDeleted(sampleTo, sampleFrom,
			templates.AccountDeleted{Language: language, When: now, PublicURL: p.PublicURL})
	case "account-blocked":
		return p.Mails.AccountBlocked(sampleTo, sampleFrom, templates.AccountBlocked{
			Language: language, Browser: samplePlatform, When: now, PublicURL: p.PublicURL,
		})
	case "access-key-made":
		return p.Mails.AccessKeyMade(sampleTo, sampleFrom, templates.AccessKeyMade{
			Language: language, Browser: samplePlatform, IP: sampleIP, App: "Wiki",
			ExpiresAt: now.AddDate(0, 0, 30), When: now, PublicURL: p.PublicURL,
		})
	default:
		return p.Mails.SignInChange(sampleTo, sampleFrom, templates.SignInChange{
			Name: strings.ReplaceAll(kind, "-", "_"), Language: language, Browser: samplePlatform,
			IP: sampleIP, Passkey: "1Password", Until: now.Add(24 * time.Hour), StopToken: "sample",
			When: now, PublicURL: p.PublicURL,
		})
	}
}

func (p *Pages) showSamples(_ context.Context, c *fiber.Ctx) error {
	var all []sample
	kinds := p.sampleKinds()
	for _, kind := range kinds {
		for _, language := range templates.Languages() {
			m, err := p.write(kind, language)
			if err != nil {
				return fmt.Errorf("write an example of the mail %s: %w", kind, err)
			}
			all = append(all, sample{kind, language, m})
		}
	}
	return send(c, "mails.html", struct {
		Kinds   []string
		Samples []sample
	}{kinds, all})
}

func (p *Pages) showSample(_ context.Context, c *fiber.Ctx) error {
	kind := c.Params("kind")
	if !slices.Contains(p.sampleKinds(), kind) {
		return fault.New(fault.NotFound,
			"There is no mail of this kind; /dev/mails has all of them.")
	}
	m, err := p.write(kind, c.Params("language"))
	if err != nil {
		return err
	}
	return sendMail(c, m.HTML)
}
