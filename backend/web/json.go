package web

import (
	"encoding/json"
	"mime"
	"strings"
	"time"

	"sana/backend/fault"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/gofiber/fiber/v2"
)

// readJSON decodes a request's body strictly into target: Content-Type application/json, no
// Content-Encoding, exactly one value, no key that is unknown, in another case, or duplicated (ASVS
// 5.0, 1.5.3 and 15.3.7).
func readJSON(c *fiber.Ctx, target any) error {
	if err := requireJSON(c); err != nil {
		return err
	}
	// BodyRaw, because Body would decompress without a limit.
	if err := jsonv2.Unmarshal(c.BodyRaw(), target, jsonv2.RejectUnknownMembers(true)); err != nil {
		return fault.Wrap(fault.InvalidRequest,
			"The body must be one JSON object with the fields that /api/openapi.json names, "+
				"each at most once.", err)
	}
	return nil
}

// requireJSON refuses a body of another type, or a compressed one.
func requireJSON(c *fiber.Ctx) error {
	if c.Request().Header.Peek(fiber.HeaderContentEncoding) != nil {
		return fault.New(fault.UnsupportedMediaType, "Send the body without Content-Encoding.")
	}
	// A charset may be quoted (RFC 9110, 8.3.1); JSON is UTF-8 with or without one (RFC 8259, 8.1).
	mediaType, parameters, err := mime.ParseMediaType(string(c.Request().Header.ContentType()))
	charset, isNamed := parameters["charset"]
	if err != nil || mediaType != contentTypeJSON ||
		isNamed && !strings.EqualFold(charset, "utf-8") {
		return fault.New(fault.UnsupportedMediaType,
			"Send the body as JSON, with the header Content-Type: application/json.")
	}
	return nil
}

// readEmptyJSON reads the body of a call without parameters: {}.
func readEmptyJSON(c *fiber.Ctx) error {
	var nothing *struct{}
	if err := readJSON(c, &nothing); err != nil {
		return err
	}
	if nothing == nil {
		return fault.New(fault.InvalidRequest, "The body must be an empty JSON object: {}.")
	}
	return nil
}

// sendJSON sends a value as application/json.
func sendJSON(c *fiber.Ctx, value any) error { return sendJSONAs(c, contentTypeJSON, value) }

// sendJSONAs sends a value as JSON with a more specific Content-Type.
func sendJSONAs(c *fiber.Ctx, contentType string, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return sendEncoded(c, contentType, body)
}

// sendEncoded sends a body that must not be modified afterwards.
func sendEncoded(c *fiber.Ctx, contentType string, body []byte) error {
	c.Context().SetContentType(contentType)
	return c.Send(body)
}

const contentTypeJSON = "application/json"

// inUTC returns nil for nil.
func inUTC(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	utc := at.UTC()
	return &utc
}
