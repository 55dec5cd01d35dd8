package web

import (
	"context"
	"time"

	"sana/backend/auth"
	"sana/backend/fault"
	"sana/backend/session"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

type accessKey struct {
	ID         string     `json:"id"`
	App        string     `json:"app"`
	AppName    string     `json:"app_name"`
	Name       string     `json:"name"`
	ByOperator bool       `json:"by_operator"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  time.Time  `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
	LastUsedIP string     `json:"last_used_ip"`
}

type keyApp struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type accessKeysAnswer struct {
	AccessKeys []accessKey `json:"access_keys"`
	Apps       []keyApp    `json:"apps"` // for which the user can create keys
}

type newAccessKeyAnswer struct {
	Key       string    `json:"key"`
	AccessKey accessKey `json:"access_key"`
}

func (s *Server) listAccessKeys(ctx context.Context, c *fiber.Ctx, current session.Session) error {
	list, err := s.Auth.AccessKeys(ctx, current)
	if err != nil {
		return err
	}
	answer := accessKeysAnswer{AccessKeys: s.accessKeysOf(list), Apps: []keyApp{}}
	for _, app := range s.Auth.KeyApps(current) {
		answer.Apps = append(answer.Apps, keyApp{app.ID, app.Name})
	}
	return sendJSON(c, answer)
}

// makeAccessKey creates an access key and returns it. It is not shown again.
func (s *Server) makeAccessKey(ctx context.Context, c *fiber.Ctx, current session.Session) error {
	var request struct {
		App  string `json:"app"`
		Name string `json:"name"`
		Days *int   `json:"days"`
	}
	if err := readJSON(c, &request); err != nil {
		return err
	}
	wanted := auth.KeyRequest{App: request.App, Name: request.Name}
	if request.Days != nil {
		if *request.Days < 1 || *request.Days > 365 {
			return fault.New(fault.InvalidRequest, "An access key is valid for 1 to 365 days.")
		}
		wanted.Lifetime = time.Duration(*request.Days) * 24 * time.Hour
	}
	made, err := s.Auth.CreateAccessKey(ctx, s.visitor(c), current, wanted)
	if err != nil {
		return err
	}
	return sendJSON(c.Status(fiber.StatusCreated),
		newAccessKeyAnswer{made.Text, s.accessKeyOf(made.AccessKey)})
}

// revokeAccessKey deletes a key. An unknown key is not an error.
func (s *Server) revokeAccessKey(ctx context.Context, c *fiber.Ctx, current session.Session) error {
	id := utils.CopyString(c.Params("id"))
	if !sessionID.MatchString(id) { // public ids of keys have the same form
		return fault.New(fault.NotFound, "There is nothing at this address.")
	}
	if err := s.Auth.RevokeAccessKey(ctx, s.visitor(c), current, id); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func (s *Server) accessKeysOf(list []session.AccessKey) []accessKey {
	keys := []accessKey{}
	for _, k := range list {
		keys = append(keys, s.accessKeyOf(k))
	}
	return keys
}

func (s *Server) accessKeyOf(k session.AccessKey) accessKey {
	return accessKey{
		ID: k.ID, App: k.App, AppName: s.Auth.AppName(k.App), Name: k.Name,
		ByOperator: k.ByOperator, CreatedAt: k.CreatedAt.UTC(), ExpiresAt: k.ExpiresAt.UTC(),
		LastUsedAt: inUTC(k.LastUsedAt), LastUsedIP: k.LastUsedIP,
	}
}
