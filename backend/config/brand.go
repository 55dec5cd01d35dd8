package config

import (
	"fmt"
	"net/mail"
	"os"

	"sana/backend/brand"
)

// readBrand reads the operator's brand. It reads the file of the logo.
func (c *Config) readBrand(f *faultList) {
	c.Brand = brand.Default
	c.Brand.Name = c.BrandName
	c.Brand.HelpURL, c.Brand.PrivacyURL, c.Brand.TermsURL = c.HelpURL, c.PrivacyURL, c.TermsURL
	c.Brand.SupportEmail = c.SupportEmail

	err := brand.CheckName(c.BrandName)
	f.when(err != nil, "BRAND_NAME", "%v", err)
	c.readAccents(f)
	if c.BrandLogoFile != "" {
		c.Brand.Logo, err = readLogo(c.BrandLogoFile)
		f.when(err != nil, "BRAND_LOGO_FILE", "%v", err)
	}
	for _, link := range []struct{ name, address string }{
		{"HELP_URL", c.HelpURL}, {"PRIVACY_URL", c.PrivacyURL}, {"TERMS_URL", c.TermsURL},
	} {
		err := brand.CheckLink(link.address, c.Env == Development)
		f.when(link.address != "" && err != nil, link.name, "is %q; it %v", link.address, err)
	}
	parsed, err := mail.ParseAddress(c.SupportEmail)
	f.when(c.SupportEmail != "" && (err != nil || parsed.Address != c.SupportEmail),
		"SUPPORT_EMAIL", "is %q; it must be an address like support@example.org", c.SupportEmail)
}

func (c *Config) readAccents(f *faultList) {
	var err error
	if c.BrandColor != "" {
		c.Brand.IsOwn = true
		if c.Brand.Light, err = brand.LightAccent(c.BrandColor); err != nil {
			f.when(true, "BRAND_COLOR", "is %q; it %v", c.BrandColor, err)
			return
		}
		c.Brand.Dark = brand.DarkAccentFor(c.Brand.Light)
	}
	if c.BrandColorDark != "" {
		c.Brand.IsOwn = true
		c.Brand.Dark, err = brand.DarkAccent(c.BrandColorDark)
		f.when(err != nil, "BRAND_COLOR_DARK", "is %q; it %v", c.BrandColorDark, err)
	}
}

func readLogo(path string) (*brand.Logo, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	defer file.Close()
	return brand.ParseLogo(file)
}
