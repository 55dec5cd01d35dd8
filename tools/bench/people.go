package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// answer is every server's response with the current user, that of Sana's GET /api/auth/session.
type answer struct {
	User    user    `json:"user"`
	Session visible `json:"session"`
}

type user struct {
	ID    string `json:"id"`
	Email string `json:"email"`
}

type visible struct {
	ID         string    `json:"id"`
	SignedInAt time.Time `json:"signed_in_at"`
	ExpiresAt  time.Time `json:"expires_at"`
}

// maxAge is Sana's default; the others use the same.
const maxAge = 720 * time.Hour

// makeUsers returns n users who have just signed in.
func makeUsers(n int) []answer {
	now := time.Now().UTC().Truncate(time.Microsecond)
	list := make([]answer, n)
	for i := range list {
		list[i] = answer{
			User: user{
				ID:    fmt.Sprintf("%08x-7d1c-4a3e-9c55-%012x", i, i),
				Email: fmt.Sprintf("user%06d@sana.example", i),
			},
			Session: visible{
				ID:         fmt.Sprintf("%032x", i),
				SignedInAt: now,
				ExpiresAt:  now.Add(maxAge),
			},
		}
	}
	return list
}

// ticket is a cookie, and the expected answer to it.
type ticket struct {
	cookie string // name=value
	want   answer
}

// jar has one ticket for each user.
type jar []ticket

// write writes the cookies to a file for wrk, one per line.
func (j jar) write(file string) error {
	var lines strings.Builder
	for _, t := range j {
		fmt.Fprintln(&lines, t.cookie)
	}
	return os.WriteFile(file, []byte(lines.String()), 0o600)
}
