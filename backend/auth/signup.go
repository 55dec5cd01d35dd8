package auth

import (
	"slices"
	"strings"
)

// SignUp says who may sign in for the first time. Existing users can always sign in.
type SignUp struct {
	Open    bool
	Domains []string // if not open: only addresses at these, in canonical form
}

// allowsSignUp reports whether a first sign-in with an address creates a user.
func (u SignUp) allowsSignUp(email string) bool {
	_, domain, _ := strings.Cut(email, "@")
	return u.Open || slices.Contains(u.Domains, domain)
}

// allowsAddress reports whether an account may change its address to this one. Closed sign-up does
// not restrict existing accounts.
func (u SignUp) allowsAddress(email string) bool {
	return len(u.Domains) == 0 || u.allowsSignUp(email)
}
