package web_test

import (
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
)

// nasty are fragments that parsers mishandle.
var nasty = []string{
	"\x00", "\r", "\n", "\r\n", "\r\n\r\n", "\n\n", "\t", " ", ":", ";", ",", "=", "%", "%00",
	"%2f",
	"..", "//", "\\", "\"", "'", "{", "[",
	"\x7f", "\x80", "\xff\xfe", "\xc0\xaf", "\u202e", "\ufeff", "0x", "-1", "+1",
	"18446744073709551616", "1e9", "null", "chunked", "://", "@", "#", "?",
}

var methods = []string{"GET", "POST", "PUT", "DELETE", "HEAD", "TRACE", "CONNECT", "PATCH",
	"OPTIONS", "get", "BREW", "PRI", "G\x00T", ""}

var targets = []string{
	"*", "/../../etc/passwd", "//", "/%", "/%zz", "/%00", "/api/auth/code?%ff=%", "/\x80",
	"http://evil.example/", "https://sana.example/", "sana.example:443",
	"/api/auth/%63ode", "/api//auth", "/assets/" + strings.Repeat("a/", 900),
	"/?" + strings.Repeat("&", 3000), "/none.js", "/none", "/dev/inbox",
}

var lines = []string{
	"Content-Length: 0", "Content-Length: 99999999999999999999", "Content-Length: 9000",
	"Content-Length: -5", "Transfer-Encoding: chunked", "Transfer-Encoding: identity",
	"Host: evil.example", "Host:", "Expect: 100-continue", "Expect: 200-ok", "Connection: close",
	"Connection: upgrade", "Upgrade: h2c", "Content-Encoding: gzip",
	"Content-Type: multipart/form-data; boundary=x", "Content-Type: text/plain",
	"X-Request-Id: \x01",
	"Trailer: Host", "Range: bytes=0-,1-", "If-None-Match: *",
	"Cookie: __Host-sana_session=a; __Host-sana_session=b", "Cookie: __Host-sana_browser=\xff",
	"Cookie: " + strings.Repeat("a=b;", 2000), "Cookie: \xff=\xfe", "Origin: null",
	"Sec-Fetch-Site: cross-site",
	"X-Forwarded-For: " + strings.Repeat("1.2.3.4,", 500),
	"Accept: " + strings.Repeat("text/html;q=0.1,", 300),
	"User-Agent: \xff" + strings.Repeat("ü", 700), " folded", "no colon", ": no name",
}

var bodies = []string{
	"", "{", `{"code":null}`, `{"email":"a@b.cc\u0000"}`, `{"email":"\ud800@b.cc"}`,
	"{\"email\":\"\xff@b.cc\"}", strings.Repeat("[", 7000),
	`{"code":` + strings.Repeat("9", 5000) + `}`,
	`{"email":"` + strings.Repeat("a", 8000) + `"}`, strings.Repeat("x", 20000), "0\r\n\r\n",
	"ffffffffffffffff\r\n", "1\r\nx", "\x1f\x8b\x08\x00",
}

var lengthLine = regexp.MustCompile(`(?i)Content-Length: [0-9]+`)

// mutate takes one or two valid requests and changes up to three places.
func mutate(random *rand.Rand, valid []string) string {
	request := pick(random, valid)
	if random.IntN(5) == 0 {
		request += pick(random, valid)
	}
	for range random.IntN(3) + 1 {
		request = mutations[random.IntN(len(mutations))](random, request)
	}
	return request
}

func pick(random *rand.Rand, list []string) string { return list[random.IntN(len(list))] }

// cut returns two positions in a text, in order.
func cut(random *rand.Rand, s string) (from, to int) {
	from = random.IntN(len(s) + 1)
	return from, min(len(s), from+random.IntN(20))
}

var mutations = []func(random *rand.Rand, s string) string{
	func(random *rand.Rand, s string) string { // a byte changes
		if s == "" {
			return s
		}
		at := random.IntN(len(s))
		return s[:at] + string([]byte{s[at] ^ byte(1<<random.IntN(8))}) + s[at+1:]
	},
	func(random *rand.Rand, s string) string { // a fragment is inserted
		at, _ := cut(random, s)
		return s[:at] + pick(random, nasty) + s[at:]
	},
	func(random *rand.Rand, s string) string { // a part is removed
		from, to := cut(random, s)
		return s[:from] + s[to:]
	},
	func(random *rand.Rand, s string) string { // a part is duplicated
		from, to := cut(random, s)
		return s[:to] + s[from:]
	},
	func(random *rand.Rand, s string) string { // it is truncated
		at, _ := cut(random, s)
		return s[:at]
	},
	func(random *rand.Rand, s string) string { // another method
		_, rest, _ := strings.Cut(s, " ")
		return pick(random, methods) + " " + rest
	},
	func(random *rand.Rand, s string) string { // another target
		method, rest, _ := strings.Cut(s, " ")
		_, rest, _ = strings.Cut(rest, " ")
		return method + " " + pick(random, targets) + " " + rest
	},
	func(random *rand.Rand, s string) string { // another host
		return strings.Replace(s, "sana.example",
			pick(random, []string{"evil.example", "sana.example:80", "", "[::1]", "\xff"}), 1)
	},
	func(random *rand.Rand, s string) string { // another header
		first, rest, _ := strings.Cut(s, "\r\n")
		return first + "\r\n" + pick(random, lines) + "\r\n" + rest
	},
	func(random *rand.Rand, s string) string { // a repeated header
		first, rest, _ := strings.Cut(s, "\r\n")
		return first + "\r\n" + strings.Repeat(pick(random, lines)+"\r\n", random.IntN(60)) + rest
	},
	func(_ *rand.Rand, s string) string { // another line ending
		return strings.ReplaceAll(s, "\r\n", "\n")
	},
	func(random *rand.Rand, s string) string { // another body, with a right or wrong length
		before, _, _ := strings.Cut(s, "\r\n\r\n")
		body := pick(random, bodies)
		if random.IntN(3) > 0 {
			before = lengthLine.ReplaceAllString(before, "Content-Length: "+strconv.Itoa(len(body)))
		}
		return before + "\r\n\r\n" + body
	},
}
