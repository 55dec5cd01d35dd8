package web

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"sana/backend/auth"
	"sana/backend/challenge"
	"sana/backend/fault"
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
	AccessKeys       []accessKey     `json:"access_keys"`
	Passkeys         passkeysAnswer  `json:"passkeys"`
	Codes            []storedCode    `json:"codes"`
	Mails            []storedMail    `json:"mails"`
	Events           []accountEvent  `json:"events"` // must be last; see exportStream
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
	UTCOffset int               `json:"utc_offset"`
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
	UTCOffset int       `json:"utc_offset"`
	Browser   string    `json:"caused_with"`
	IP        string    `json:"ip"`
	CreatedAt time.Time `json:"created_at"`

	App       string    `json:"app,omitempty"`
	Passkey   string    `json:"passkey,omitempty"`
	Until     string    `json:"until,omitempty"` // the end of a recovery's wait
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// exportNotes explain in the file what it omits, and why.
var exportNotes = []string{
	"Times are in UTC. Events are kept for 90 days, the reasons why sessions ended for a week, " +
		"codes for a day, and what a mail is to say until it has been sent.",
	"Codes themselves are not stored, nor are access keys, nor is what your browsers sign in with.",
	"Against guessing and floods of mail, requests are counted by address, browser and network. " +
		"The counts are kept under keyed hashes, which cannot be assigned to a user, so they " +
		"are not in this file. They go within a day, one of them with your next sign-in.",
}

// exportAccount returns a file with everything that is stored about the user. Requests from other
// sites and HEAD requests are refused: both would only record an event.
func (s *Server) exportAccount(ctx context.Context, c *fiber.Ctx, current session.Session) error {
	if c.Get("Sec-Fetch-Site") == "cross-site" {
		return fault.New(fault.CrossOriginRequest,
			"Your data can be downloaded only from the pages of this site.")
	}
	c.Set(fiber.HeaderContentType, contentTypeJSON)
	if c.Method() == fiber.MethodHead {
		return nil
	}
	stored, err := s.Auth.Export(ctx, s.visitor(c), current)
	if err != nil {
		return err
	}
	file, err := json.MarshalIndent(s.exportFileOf(stored, current), "", "  ")
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentDisposition,
		`attachment; filename="sana-export-`+stored.At.UTC().Format(time.DateOnly)+`.json"`)
	c.Context().SetBodyStream(&exportStream{
		stored: stored,
		conn:   c.Context().Conn(),
		write:  s.Bounds.Write,
		// The list of events is the last member, and still empty.
		text: bytes.TrimSuffix(file, []byte("]\n}")),
		log:  s.Log,
	}, -1)
	return nil
}

// exportStream is the text of an exportFile. It is generated while it is read, a page of events at
// a time, without an open transaction. If it cannot be completed, Read returns an error and the
// connection is closed, so that the client notices that the file is incomplete.
type exportStream struct {
	stored *auth.Export
	conn   net.Conn
	write  time.Duration // timeout for the client to receive each part
	text   []byte        // to be read next
	events int           // number of events written
	closed bool          // the end of the text was written
	log    *slog.Logger
}

// Read is called by fasthttp, which writes the result to the connection before the next call.
func (s *exportStream) Read(p []byte) (int, error) {
	for len(s.text) == 0 {
		if s.closed {
			return 0, io.EOF
		}
		if err := s.readPage(); err != nil {
			return 0, err
		}
	}
	now := time.Now()
	if now.After(s.stored.Ends) {
		return 0, os.ErrDeadlineExceeded
	}
	if err := s.conn.SetWriteDeadline(now.Add(s.write)); err != nil {
		return 0, err
	}
	n := copy(p, s.text)
	s.text = s.text[n:]
	return n, nil
}

// readPage generates the text of the next events, or the end of the file.
func (s *exportStream) readPage() error {
	ctx, cancel := context.WithTimeout(context.Background(), handleTimeout)
	defer cancel()
	events, err := s.stored.NextEvents(ctx)
	if err != nil {
		s.log.Warn("export not completed", "error", err)
		return err
	}
	if len(events) == 0 {
		s.text, s.closed = []byte("\n  ]\n}\n"), true
		return nil
	}
	for _, event := range accountEventsOf(events) {
		line, err := json.MarshalIndent(event, "    ", "  ")
		if err != nil {
			return err
		}
		separator := ",\n    "
		if s.events == 0 {
			separator = "\n    "
		}
		s.text = append(append(s.text, separator...), line...)
		s.events++
	}
	return nil
}

func (s *Server) exportFileOf(stored *auth.Export, current session.Session) exportFile {
	file := exportFile{
		ExportedAt:       stored.At.UTC(),
		Notes:            exportNotes,
		Account:          accountAnswerOf(stored.Account),
		Sessions:         s.listedSessionsOf(stored.Sessions, current),
		SessionsComplete: stored.SessionsComplete,
		EndedSessions:    []endedSession{},
		AccessKeys:       s.accessKeysOf(stored.Keys),
		Passkeys:         passkeysAnswerOf(stored.Passkeys),
		Codes:            []storedCode{},
		Mails:            []storedMail{},
		Events:           []accountEvent{},
	}
	for _, e := range stored.Ended {
		file.EndedSessions = append(file.EndedSessions,
			endedSession{e.ID, signedOut{string(e.Reason), e.At.UTC(), e.By}})
	}
	for _, code := range stored.Codes {
		file.Codes = append(file.Codes, storedCodeOf(code))
	}
	for _, n := range stored.Notices {
		file.Mails = append(file.Mails, storedMail{
			n.Email, n.OldEmail, n.NewEmail, n.Language, n.UTCOffset, n.Platform, n.IP,
			n.CreatedAt.UTC(), n.App, n.Passkey, n.Until, n.ExpiresAt.UTC(),
		})
	}
	return file
}

func storedCodeOf(stored challenge.Stored) storedCode {
	return storedCode{
		Email: stored.Email, Purpose: stored.Purpose, Browser: stored.Platform,
		Language: stored.Language, UTCOffset: stored.UTCOffset, Delivery: stored.Delivery,
		Tries: stored.Tries, SentAt: stored.SentAt.UTC(), ExpiresAt: stored.ExpiresAt.UTC(),
		UsedAt: inUTC(stored.UsedAt),
	}
}
