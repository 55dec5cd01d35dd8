package brand

import (
	"strings"
	"testing"
)

func TestCheckName_RefusesWhatCouldMislead(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Sana", "Müller's Bäckerei", "株式会社アクメ", strings.Repeat("é", 40),
		"A & B <Co>"} {
		if err := CheckName(name); err != nil {
			t.Errorf("%q: got %v", name, err)
		}
	}
	for name, want := range map[string]string{
		"":                      "space",
		" Acme":                 "space",
		strings.Repeat("é", 41): "41 characters",
		"acme.example/login":    "address",
		"support@acme":          "address",
		"https:acme":            "address",
		"Acme\nBcc":             "control",
		"Ac\u202eme":            "direction",
		"Ac\u200bme":            "control",
		"Ac\xffme":              "control",
	} {
		if err := CheckName(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want one about %s", name, err, want)
		}
	}
}

func TestLightAccent_RefusesPaleColorsAndNamesTheNearest(t *testing.T) {
	t.Parallel()
	// The first one is the palest gray that holds on the page.
	for color, on := range map[string]string{"#717171": "#ffffff", "#1D5A4C": "#ffffff",
		"#000000": "#ffffff"} {
		if got, err := LightAccent(color); err != nil || got.On != on ||
			got.Color != strings.ToLower(color) {
			t.Errorf("%s: got %v, %v", color, got, err)
		}
	}
	for _, color := range []string{"#727272", "#ffcc00", "#ffffff", "#ff0000", "#7fffd4"} {
		_, err := LightAccent(color)
		if err == nil {
			t.Errorf("%s: got no error", color)
			continue
		}
		nearest := err.Error()[strings.LastIndex(err.Error(), "#"):]
		if accent, err := LightAccent(nearest); err != nil ||
			lowestContrast(accent.Color, lightGrounds) > 4.7 {
			t.Errorf("%s: got %s as the nearest that holds: %v", color, nearest, err)
		}
	}
	for _, color := range []string{"", "1d5a4c", "#1d5", "#1d5a4g", "red", "#1d5a4c;}"} {
		if _, err := LightAccent(color); err == nil ||
			!strings.Contains(err.Error(), "must be a color") {
			t.Errorf("%q: got %v", color, err)
		}
	}
}

func TestDarkAccentFor_HoldsAndKeepsTheHue(t *testing.T) {
	t.Parallel()
	for _, color := range []string{"#717171", "#000080", "#7a0044", "#1d5a4c", "#000000"} {
		light, err := LightAccent(color)
		if err != nil {
			t.Fatal(err)
		}
		dark := DarkAccentFor(light)
		if lowestContrast(dark.Color, darkGrounds) < minContrast ||
			contrast(dark.Color, dark.On) < minContrast {
			t.Errorf("%s: got %v, which cannot be read", color, dark)
		}
		before, saturation, _ := toHSL(parse(color))
		after, _, _ := toHSL(parse(dark.Color))
		if saturation > 0 && max(before-after, after-before) > 0.1 {
			t.Errorf("%s: got %v with the hue %.2f, want %.2f", color, dark, after, before)
		}
	}
}

func TestParseLogo_TakesSmallPicturesOnly(t *testing.T) {
	t.Parallel()
	png := "\x89PNG\r\n\x1a\n"
	for body, extension := range map[string]string{
		png: ".png",
		`<?xml version="1.0"?><!-- a --><svg xmlns="http://www.w3.org/2000/svg"/>`: ".svg",
	} {
		logo, err := ParseLogo(strings.NewReader(body))
		if err != nil || !strings.HasPrefix(logo.Path, "/brand/") ||
			!strings.HasSuffix(logo.Path, extension) {
			t.Errorf("%q: got %v, %v", body, logo, err)
		}
	}
	for body, want := range map[string]string{
		"":                                "neither",
		"GIF89a":                          "neither",
		"<html><svg/></html>":             "neither",
		png + strings.Repeat("x", 64<<10): "64 kB",
	} {
		if _, err := ParseLogo(strings.NewReader(body)); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: got %v, want one about %s", body, err, want)
		}
	}
}
