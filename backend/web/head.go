package web

import (
	"bytes"
	"strings"

	"github.com/valyala/fasthttp"
)

// single are the fields that may stand in a request once: of two of them, two readers may choose differently (RFC 9112,
// 11.2; RFC 6265, 5.4 for Cookie).
var single = map[string]bool{
	"host": true, "content-length": true, "transfer-encoding": true, "content-type": true, "content-encoding": true,
	"cookie": true, "origin": true, "sec-fetch-site": true, "expect": true,
}

// fields are the values of a header block by name in lower case.
type fields map[string][]string

// headFault says what is wrong with a request's line and header block as they came over the wire, "" when nothing is. It
// refuses what fasthttp takes and another server on the way may read otherwise; fasthttp has refused the rest before.
func headFault(request *fasthttp.Request) string {
	header := &request.Header
	fields, fault := readFields(header.RawHeaders())
	if fault != "" {
		return fault
	}
	for name := range single {
		if len(fields[name]) > 1 {
			return "A header is there twice that may be there once."
		}
	}
	if fault := framingFault(string(header.Protocol()), fields); fault != "" {
		return fault
	}
	if hasTrailer(header, fields) {
		return "A chunked body may not have trailer fields."
	}
	return targetFault(request)
}

// readFields reads a header block: lines that end in CRLF and do not continue the line before, names that are tokens,
// values without control characters (RFC 9112, 2.2 and 5; RFC 9110, 5.5 and 5.6.2).
func readFields(block []byte) (fields, string) {
	read := fields{}
	for len(block) > 0 {
		var line []byte
		line, block, _ = bytes.Cut(block, []byte("\n"))
		line, isClean := bytes.CutSuffix(line, []byte("\r"))
		switch {
		case !isClean:
			return nil, "A header line does not end in CRLF."
		case len(line) == 0:
			return read, ""
		case line[0] == ' ' || line[0] == '\t':
			return nil, "A header line is folded."
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if !isToken(name) {
			return nil, "A header's name is not a token."
		}
		if bytes.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return nil, "A header's value has a control character."
		}
		key := strings.ToLower(string(name))
		read[key] = append(read[key], string(bytes.Trim(value, " \t")))
	}
	return read, ""
}

func isToken(name []byte) bool {
	for _, b := range name {
		isAlphanumeric := b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
		if !isAlphanumeric && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(b)) {
			return false
		}
	}
	return len(name) > 0
}

// framingFault is about where the body ends: by Content-Length, or by chunks and nothing else, and chunks only since
// HTTP/1.1 (RFC 9112, 6.1 and 6.3).
func framingFault(protocol string, fields fields) string {
	coding, isCoded := fields["transfer-encoding"]
	_, hasLength := fields["content-length"]
	switch {
	case protocol != "HTTP/1.1" && protocol != "HTTP/1.0":
		return "Sana speaks HTTP/1.1."
	case isCoded && hasLength:
		return "Content-Length and Transfer-Encoding exclude each other."
	case isCoded && (protocol != "HTTP/1.1" || coding[0] != "chunked"):
		return "The only Transfer-Encoding is chunked, in HTTP/1.1."
	}
	return ""
}

// hasTrailer reports whether fields have come behind the body: fasthttp puts them among those before it, where they
// could pass for what a proxy has checked (RFC 9110, 6.5.1).
func hasTrailer(header *fasthttp.RequestHeader, before fields) bool {
	if _, isCoded := before["transfer-encoding"]; !isCoded {
		return false
	}
	count := map[string]int{}
	for name := range header.All() {
		key := strings.ToLower(string(name))
		count[key]++
		if key != "connection" && count[key] > len(before[key]) {
			return true
		}
	}
	return false
}

// targetFault is about the request's target: a path, or an absolute address whose host is the Host header's, or the
// asterisk of OPTIONS; without a person's name or a fragment (RFC 9112, 3.2; RFC 9110, 4.2.4).
func targetFault(request *fasthttp.Request) string {
	target, uri := string(request.Header.RequestURI()), request.URI()
	isAbsolute := strings.HasPrefix(target, "http://") || strings.HasPrefix(target, "https://")
	isAsterisk := target == "*" && request.Header.IsOptions()
	switch {
	case !strings.HasPrefix(target, "/") && !isAbsolute && !isAsterisk:
		return "The request's target must be a path."
	case strings.Contains(target, "#"):
		return "The request's target has a fragment."
	case len(uri.Username()) > 0 || !strings.EqualFold(string(uri.Host()), string(request.Header.Host())):
		return "The request's target and its Host header differ."
	}
	return ""
}
