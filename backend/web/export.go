package web

import (
	"context"
	"encoding/json"
	"time"

	"sana/backend/auth"
	"sana/backend/challenge"
	"sana/backend/outbox"
	"sana/backend/session"

	"github.com/gofiber/fiber/v2"
)

// exportFile is everything that is stored about a user.
type exportFile struct {
	ExportedAt       time.Time       `json:"exported_at"`
	Notes            []string        `json:"notes"`
	Account          accountAnswer   `json:"account"`
	Sessions         []listedSession `json:"sessions"`
	SessionsComplete bool            `json:"sessions_complete"`
	EndedSessions    []endedSession  `json:"ended_sessions"`
	Events           []accountEvent  `json:"events"`
	Codes            []storedCode    `json:"codes"`
	Mails            []storedMail    `json:"mails"`
}

type endedSession struct {
	ID string `json:"id"`
	signedOut
}

type storedCode struct {
	Email     string            `json:"email"`
	Purpose   challenge.Purpose `json:"purpose"`
	Browser   string            `json:"asked_with"`
	Language  string            `json:"language"`
	Delivery  outbox.State      `json:"delivery"`
	Tries     int               `json:"tries"`
	SentAt    time.Time         `json:"sent_at"`
	ExpiresAt time.Time         `json:"expires_at"`
	UsedAt    *time.Time        `json:"used_at,omitempty"`
}

type storedMail struct {
	Email     string    `json:"email"`
	OldEmail  string    `json:"old_email,omitempty"`
	NewEmail  string    `json:"new_email,omitempty"`
	Language  string    `json:"language"`
	Browser   string    `json:"caused_with"`
	IP        string    `json:"ip"`
	CreatedAt time.Time `json:"created_at"`
}

// exportNotes say in the file what is not in it, and why.
var exportNotes = []string{
	"Times are in UTC. Events are kept for 90 days, the reasons why sessions ended for a week, codes for a day, " +
		"and what a mail is to say until it has been sent.",
	"Codes themselves are not stored, nor is what your browsers sign in with.",
	"Against guessing and floods of mail Sana counts by address, browser and network. It keeps those counts under keyed hashes, " +
		"from which nobody can tell whose they are; so they cannot be in this file. They go within a day, one of them with your next sign-in.",
}

// exportAccount answers a file with everything that is stored about the user.
func (s *Server) exportAccount(ctx context.Context, c *fiber.Ctx) error {
	current, err := s.readSignedIn(ctx, c)
	if err != nil {
		return err
	}
	stored, err := s.Auth.Export(ctx, s.visitor(c), current)
	if err != nil {
		return err
	}
	body, err := json.MarshalIndent(exportFileOf(stored, current), "", "  ")
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="sana-export-`+stored.At.UTC().Format(time.DateOnly)+`.json"`)
	c.Set(fiber.HeaderContentType, contentTypeJSON)
	return c.Send(body)
}

func exportFileOf(stored auth.Copy, current session.Session) exportFile {
	file := exportFile{
		ExportedAt:       stored.At.UTC(),
		Notes:            exportNotes,
		Account:          accountAnswerOf(stored.Account),
		Sessions:         listedSessionsOf(stored.Sessions, current),
		SessionsComplete: stored.SessionsComplete,
		EndedSessions:    []endedSession{},
		Events:           accountEventsOf(stored.Events),
		Codes:            []storedCode{},
		Mails:            []storedMail{},
	}
	for _, e := range stored.Ended {
		file.EndedSessions = append(file.EndedSessions, endedSession{e.ID, signedOut{string(e.Reason), e.At.UTC(), e.By}})
	}
	for _, code := range stored.Codes {
		file.Codes = append(file.Codes, storedCodeOf(code))
	}
	for _, n := range stored.Notices {
		file.Mails = append(file.Mails, storedMail{n.Email, n.OldEmail, n.NewEmail, n.Language, n.Platform, n.IP, n.CreatedAt.UTC()})
	}
	return file
}

func storedCodeOf(stored challenge.Stored) storedCode {
	code := storedCode{
		Email: stored.Email, Purpose: stored.Purpose, Browser: stored.Platform, Language: stored.Language,
		Delivery: stored.Delivery, Tries: stored.Tries, SentAt: stored.SentAt.UTC(), ExpiresAt: stored.ExpiresAt.UTC(),
	}
	if stored.UsedAt != nil {
		used := stored.UsedAt.UTC()
		code.UsedAt = &used
	}
	return code
}
