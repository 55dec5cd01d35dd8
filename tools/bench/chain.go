package main

import (
	"context"
	"errors"
	"os"
	"reflect"

	"sana/backend/app"
	"sana/backend/config"

	"github.com/gofiber/fiber/v2"
)

// serveSameChain serves Sana with one changed handler: GET /api/auth/session
// answers a constant. The rest of each request is unchanged: the guard, counting, headers,
// recovery, the router. Sana has no option for that, so the handler is replaced by reflection, in
// the memory of this process only.
func serveSameChain(ctx context.Context) error {
	cfg, err := config.Load(os.Environ())
	if err != nil {
		return err
	}
	program, err := app.Start(ctx, cfg, app.Options{Version: "bench", Output: os.Stdout})
	if err != nil {
		return err
	}
	if err := replaceHandler(program); err != nil {
		return errors.Join(err, program.Stop())
	}
	if err := program.Wait(ctx); err != nil {
		return err
	}
	return program.Stop()
}

func replaceHandler(program *app.Program) error {
	server := reflect.ValueOf(program).Elem().FieldByName("server")
	if !server.IsValid() {
		return errors.New("app.Program has no field server; update replaceHandler")
	}
	field := server.Elem().FieldByName("app")
	if !field.IsValid() || field.Type() != reflect.TypeFor[*fiber.App]() {
		return errors.New("web.Server has no field app of type *fiber.App; update replaceHandler")
	}
	app := (*fiber.App)(field.UnsafePointer())
	for _, routes := range app.Stack() {
		for _, route := range routes {
			if route.Path == sessionPath {
				route.Handlers = []fiber.Handler{answerConstant}
			}
		}
	}
	return nil
}
