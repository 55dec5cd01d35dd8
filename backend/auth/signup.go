package auth

import (
	"slices"
	"strings"
	"time"
)

// SignUp restricts first sign-ins. Existing users can always sign in.
type SignUp struct {
	Open    bool
	Domains []string // if not open: the allowed domains, in canonical form
	ByApps  bool     // if not open: only users whom an app allows
}

// allowsSignUp reports whether a first sign-in with an address creates a user.
func (s *Service) allowsSignUp(email string) bool {
	_, domain, _ := strings.Cut(email, "@")
	return s.SignUp.Open || slices.Contains(s.SignUp.Domains, domain) ||
		s.SignUp.ByApps && s.Apps.Load().AllowsAnywhere(email, time.Now())
}

// allowsAddress reports whether an account may change its address to this one. Closed sign-up does
// not restrict existing accounts.
func (s *Service) allowsAddress(email string) bool {
	isRestricted := len(s.SignUp.Domains) > 0 || s.SignUp.ByApps
	return !isRestricted || s.allowsSignUp(email)
}
