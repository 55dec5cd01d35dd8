package gate

import (
	"context"
	"encoding/base64"
	"strings"
	"time"

	"sana/backend/apps"
	"sana/backend/session"

	"github.com/valyala/fasthttp"
)

// AccessKeyIn returns the access key that a request presents, as a Bearer token or as the password
// of Basic authentication. ok is false without a key: any other Authorization header belongs to the
// app, and so do two of them.
func AccessKeyIn(header *fasthttp.RequestHeader) (key string, ok bool) {
	values := header.PeekAll("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, rest, _ := strings.Cut(string(values[0]), " ")
	rest = strings.Trim(rest, " ")
	switch strings.ToLower(scheme) {
	case "bearer":
		key = rest
	case "basic":
		raw, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			return "", false
		}
		_, key, _ = strings.Cut(string(raw), ":")
	}
	return key, strings.HasPrefix(key, session.AccessKeyPrefix)
}

// DecideByKey decides whether a program with an access key may use an app at one of its hosts. ip
// is its address, "" if unknown. Every invalid key has the same result. The app's Fresh does not
// apply: a key has its own expiry and is not a sign-in.
func (g *Gate) DecideByKey(ctx context.Context, app *apps.App, host, key, ip string) Decision {
	if !app.AccessKeys {
		return Decision{Outcome: AccessKeyInvalid}
	}
	holder, err := g.Sessions.ReadAccessKey(ctx, key, ip)
	if err != nil {
		d := withoutSession(err)
		if d.Outcome == SignInRequired {
			d.Outcome = AccessKeyInvalid
		}
		return d
	}
	if holder.App != app.ID {
		return Decision{Outcome: AccessKeyInvalid}
	}
	principal := &Principal{
		session: session.Session{User: holder.User, ExpiresAt: holder.ExpiresAt},
		groups:  g.Apps.Load().Groups(holder.User.Email),
	}
	if !app.Serves(host) || !app.Allows(holder.User.Email, time.Now()) {
		return Decision{Outcome: NotAllowed, Principal: principal}
	}
	return Decision{Outcome: Allowed, Principal: principal, byKey: true}
}
