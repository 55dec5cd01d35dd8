package brand

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The grounds that accents stand on: page and card of each theme, as in
// frontend/src/shared/ui/tokens.css.
var (
	lightGrounds = []string{"#f7f6f2", "#ffffff"}
	darkGrounds  = []string{"#111514", "#191f1d"}
)

// minContrast is that of text (WCAG 2.2, 1.4.3).
const minContrast = 4.5

// LightAccent reads the accent of the light theme, #rrggbb. The error of one that is too pale names
// the nearest color that can be read.
func LightAccent(color string) (Accent, error) { return accent(color, lightGrounds, -1) }

// DarkAccent reads the accent of the dark theme, like LightAccent.
func DarkAccent(color string) (Accent, error) { return accent(color, darkGrounds, 1) }

// DarkAccentFor derives the accent of the dark theme: the same hue, as light as it must be.
func DarkAccentFor(light Accent) Accent {
	color := nearest(parse(light.Color), darkGrounds, 1)
	return Accent{color, on(color)}
}

func accent(color string, grounds []string, direction float64) (Accent, error) {
	color = strings.ToLower(color)
	if !isColor(color) {
		return Accent{}, errors.New("must be a color like #1d5a4c")
	}
	if lowest := lowestContrast(color, grounds); lowest < minContrast {
		return Accent{}, fmt.Errorf(
			"has a contrast of %.1f to the page, and text needs 4.5; the nearest that has it is %s",
			math.Floor(lowest*10)/10, nearest(parse(color), grounds, direction))
	}
	return Accent{color, on(color)}, nil
}

func isColor(s string) bool {
	digits, ok := strings.CutPrefix(s, "#")
	_, err := strconv.ParseUint(digits, 16, 32)
	return ok && len(digits) == 6 && err == nil
}

// on is the color of text on a color: black or white, whichever stands out more.
func on(color string) string {
	if contrast(color, "#ffffff") >= contrast(color, "#000000") {
		return "#ffffff"
	}
	return "#000000"
}

func lowestContrast(color string, grounds []string) float64 {
	lowest := math.Inf(1)
	for _, ground := range grounds {
		lowest = min(lowest, contrast(color, ground))
	}
	return lowest
}

// contrast is the contrast ratio of two colors (WCAG 2.2).
func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(color string) float64 {
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		part := parse(color)[i]
		if part <= 0.04045 {
			sum += weight * part / 12.92
		} else {
			sum += weight * math.Pow((part+0.055)/1.055, 2.4)
		}
	}
	return sum
}

// parse returns red, green and blue, from 0 to 1.
func parse(color string) (rgb [3]float64) {
	for i := range rgb {
		part, _ := strconv.ParseUint(color[1+2*i:3+2*i], 16, 8)
		rgb[i] = float64(part) / 255
	}
	return rgb
}

// nearest changes the lightness of a color (of HSL), in the direction, until it stands out from all
// grounds.
func nearest(rgb [3]float64, grounds []string, direction float64) string {
	hue, saturation, lightness := toHSL(rgb)
	for {
		color := fromHSL(hue, saturation, lightness)
		if lowestContrast(color, grounds) >= minContrast {
			return color
		}
		lightness = min(max(lightness+direction*0.002, 0), 1)
	}
}

func toHSL(rgb [3]float64) (hue, saturation, lightness float64) {
	r, g, b := rgb[0], rgb[1], rgb[2]
	high, low := max(r, g, b), min(r, g, b)
	lightness = (high + low) / 2
	spread := high - low
	if spread == 0 {
		return 0, 0, lightness
	}
	saturation = spread / (1 - math.Abs(2*lightness-1))
	switch high {
	case r:
		hue = math.Mod((g-b)/spread+6, 6)
	case g:
		hue = (b-r)/spread + 2
	default:
		hue = (r-g)/spread + 4
	}
	return hue, saturation, lightness
}

func fromHSL(hue, saturation, lightness float64) string {
	part := func(n float64) int {
		k := math.Mod(n+2*hue, 12)
		value := lightness - saturation*min(lightness, 1-lightness)*max(-1, min(k-3, 9-k, 1))
		return int(math.Round(value * 255))
	}
	return fmt.Sprintf("#%02x%02x%02x", part(0), part(8), part(4))
}
