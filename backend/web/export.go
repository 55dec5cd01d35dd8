package web

import (
	"context"
	"encoding/json"
	"time"

	"sana/backend/account"
	"sana/backend/signin"

	"github.com/gofiber/fiber/v2"
	"github.com/jackc/pgx/v5"
)

// exportFile is everything that is held about a person, to keep.
type exportFile struct {
	ExportedAt       time.Time       `json:"exported_at"`
	Notes            []string        `json:"notes"`
	Account          accountAnswer   `json:"account"`
	Sessions         []listedSession `json:"sessions"`
	SessionsComplete bool            `json:"sessions_complete"`
	EndedSessions    []endedSession  `json:"ended_sessions"`
	Events           []accountEvent  `json:"events"`
	Codes            []heldCode      `json:"codes"`
	Mails            []heldMail      `json:"mails"`
}

type endedSession struct {
	ID string `json:"id"`
	signedOut
}

type heldCode struct {
	Email     string          `json:"email"`
	Purpose   signin.Purpose  `json:"purpose"`
	Browser   string          `json:"asked_with"`
	Language  string          `json:"language"`
	Delivery  signin.Delivery `json:"delivery"`
	Tries     int             `json:"tries"`
	SentAt    time.Time       `json:"sent_at"`
	ExpiresAt time.Time       `json:"expires_at"`
	UsedAt    *time.Time      `json:"used_at,omitempty"`
}

type heldMail struct {
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
	"Times are in UTC. Events are kept for 90 days, the reasons why sessions ended for a week, codes for a day after they expire, " +
		"and what a mail is to say until it has been sent.",
	"Codes themselves are not stored, nor is what your browsers sign in with.",
	"Against guessing and floods of mail Sana counts by address, browser and network. It keeps those counts under keyed hashes, " +
		"from which nobody can tell whose they are; so they cannot be in this file. They go within a day, one of them with your next sign-in.",
}

// exportAccount answers a file with everything that is held about the person, and writes down that it was taken.
func (s *Server) exportAccount(ctx context.Context, c *fiber.Ctx) error {
	current, _, err := s.readAccountRecently(ctx, c)
	if err != nil {
		return err
	}
	file := exportFile{Notes: exportNotes, SessionsComplete: s.SharedSessions != nil, EndedSessions: []endedSession{}}
	if file.Sessions, err = s.sessionsOf(ctx, c, current); err != nil {
		return err
	}
	if s.SharedSessions != nil {
		ended, err := s.SharedSessions.ListEnded(ctx, current.User.ID)
		if err != nil {
			return err
		}
		for _, e := range ended {
			file.EndedSessions = append(file.EndedSessions, endedSession{e.ID, signedOut{string(e.Reason), e.At.UTC(), e.By}})
		}
	}
	err = s.Account.Export(ctx, current.User.ID, s.actor(c), func(ctx context.Context, tx pgx.Tx, held account.Copy) error {
		file.ExportedAt, file.Account, file.Events = held.At.UTC(), accountAnswerOf(held.Account), accountEventsOf(held.Events)
		codes, mails, err := s.SignIn.Held(ctx, tx, held.ID, held.Email)
		file.Codes, file.Mails = heldCodesOf(codes), heldMailsOf(mails)
		return err
	})
	if err != nil {
		return err
	}
	body, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="sana-export-`+file.ExportedAt.Format(time.DateOnly)+`.json"`)
	c.Set(fiber.HeaderContentType, contentTypeJSON)
	return c.Send(body)
}

func heldCodesOf(codes []signin.HeldCode) []heldCode {
	list := []heldCode{}
	for _, h := range codes {
		held := heldCode{
			Email: h.Email, Purpose: h.Purpose, Browser: h.Platform, Language: h.Language, Delivery: h.Delivery, Tries: h.Tries,
			SentAt: h.SentAt.UTC(), ExpiresAt: h.ExpiresAt.UTC(),
		}
		if h.UsedAt != nil {
			used := h.UsedAt.UTC()
			held.UsedAt = &used
		}
		list = append(list, held)
	}
	return list
}

func heldMailsOf(mails []signin.HeldMail) []heldMail {
	list := []heldMail{}
	for _, h := range mails {
		list = append(list, heldMail{h.Email, h.OldEmail, h.NewEmail, h.Language, h.Platform, h.IP, h.CreatedAt.UTC()})
	}
	return list
}
