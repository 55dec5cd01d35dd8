package harden

import (
	"bytes"
	"strings"

	"github.com/valyala/fasthttp"
)

// Every request passes through this code, so it allocates nothing for a valid one.

// single are the fields that a request may have only once: of two of them, two servers may choose
// differently (RFC 9112, 11.2). Cookie is not one of them: a proxy from HTTP/2 may send several
// lines, which count as one (RFC 6265bis, 4.2.2).
var single = [...][]byte{
	contentLength: []byte("content-length"), transferEncoding: []byte("transfer-encoding"),
	[]byte("host"), []byte("content-type"), []byte("content-encoding"), []byte("origin"),
	[]byte("sec-fetch-site"), []byte("expect"),
}

// The indexes in single of the fields that define where the body ends.
const (
	contentLength = iota
	transferEncoding
)

// head is the result of parsing a header block.
type head struct {
	has    [len(single)]bool
	twice  bool   // one of single is duplicated
	coding []byte // of Transfer-Encoding
}

// add records a field.
func (h *head) add(name, value []byte) {
	for i := range single {
		if len(name) != len(single[i]) || !bytes.EqualFold(name, single[i]) {
			continue
		}
		h.twice = h.twice || h.has[i]
		h.has[i] = true
		if i == transferEncoding {
			h.coding = bytes.Trim(value, " \t")
		}
	}
}

// HeadFault returns the fault of a request's line and header block as received, "" if there is
// none. It refuses requests that fasthttp accepts and another server on the way may parse
// differently; fasthttp has refused the rest before.
func HeadFault(request *fasthttp.Request) string {
	header := &request.Header
	var known head
	if fault := eachField(header.RawHeaders(), known.add); fault != "" {
		return fault
	}
	if known.twice {
		return "A header is there twice that may be there once."
	}
	if fault := framingFault(header.Protocol(), known); fault != "" {
		return fault
	}
	if known.has[transferEncoding] && hasTrailer(header) {
		return "A chunked body may not have trailer fields."
	}
	return targetFault(request)
}

// eachField parses a header block: lines that end in CRLF and do not continue the line before,
// names that are tokens, values without control characters (RFC 9112, 2.2 and 5; RFC 9110, 5.5 and
// 5.6.2).
func eachField(block []byte, do func(name, value []byte)) (fault string) {
	for len(block) > 0 {
		var line []byte
		line, block, _ = bytes.Cut(block, []byte("\n"))
		line, isClean := bytes.CutSuffix(line, []byte("\r"))
		switch {
		case !isClean:
			return "A header line does not end in CRLF."
		case len(line) == 0:
			return ""
		case line[0] == ' ' || line[0] == '\t':
			return "A header line is folded."
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if !isToken(name) {
			return "A header's name is not a token."
		}
		if hasControl(value) {
			return "A header's value has a control character."
		}
		do(name, value)
	}
	return ""
}

func hasControl(value []byte) bool {
	for _, b := range value {
		if b < ' ' && b != '\t' || b == 0x7f {
			return true
		}
	}
	return false
}

// inToken are the characters of a token (RFC 9110, 5.6.2).
var inToken = func() (in [256]bool) {
	for _, b := range []byte(
		"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		in[b] = true
	}
	return in
}()

func isToken(name []byte) bool {
	for _, b := range name {
		if !inToken[b] {
			return false
		}
	}
	return len(name) > 0
}

// framingFault checks where the body ends: by Content-Length, or by chunks and nothing else, and
// chunks only since HTTP/1.1 (RFC 9112, 6.1 and 6.3).
func framingFault(protocol []byte, known head) string {
	version, isCoded := string(protocol), known.has[transferEncoding]
	switch {
	case version != "HTTP/1.1" && version != "HTTP/1.0":
		return "Sana speaks HTTP/1.1."
	case isCoded && known.has[contentLength]:
		return "Content-Length and Transfer-Encoding exclude each other."
	case isCoded && (version != "HTTP/1.1" || string(known.coding) != "chunked"):
		return "The only Transfer-Encoding is chunked, in HTTP/1.1."
	}
	return ""
}

// hasTrailer reports whether fields followed a chunked body. fasthttp adds them to those before it,
// where they could pass for fields that a proxy has checked (RFC 9110, 6.5.1).
func hasTrailer(header *fasthttp.RequestHeader) bool {
	before := map[string]int{}
	eachField(header.RawHeaders(), func(name, _ []byte) { before[strings.ToLower(string(name))]++ })
	for name := range header.All() {
		key := strings.ToLower(string(name))
		before[key]--
		if key != "connection" && before[key] < 0 {
			return true
		}
	}
	return false
}

// targetFault checks the request's target: a path, or an absolute address whose host is the Host
// header's, or the asterisk of OPTIONS; without user information or a fragment (RFC 9112, 3.2; RFC
// 9110, 4.2.4).
func targetFault(request *fasthttp.Request) string {
	target, uri := request.Header.RequestURI(), request.URI()
	isPath := bytes.HasPrefix(target, []byte("/"))
	isAbsolute := bytes.HasPrefix(target, []byte("http://")) ||
		bytes.HasPrefix(target, []byte("https://"))
	isAsterisk := string(target) == "*" && request.Header.IsOptions()
	switch {
	case !isPath && !isAbsolute && !isAsterisk:
		return "The request's target must be a path."
	case bytes.IndexByte(target, '#') >= 0:
		return "The request's target has a fragment."
	case len(uri.Username()) > 0 || !bytes.EqualFold(uri.Host(), request.Header.Host()):
		return "The request's target and its Host header differ."
	}
	return ""
}
