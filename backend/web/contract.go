package web

import (
	_ "embed"
	"encoding/json"
	"sync"

	"github.com/gofiber/fiber/v2"
	"go.yaml.in/yaml/v3"
)

//go:embed openapi.yaml
var contractYAML []byte

// ContractYAML returns openapi.yaml.
func ContractYAML() []byte { return contractYAML }

// contractJSON converts the contract to JSON on the first request.
var contractJSON = sync.OnceValues(func() ([]byte, error) {
	var document any
	if err := yaml.Unmarshal(contractYAML, &document); err != nil {
		return nil, err
	}
	return json.Marshal(document)
})

func (s *Server) contract(c *fiber.Ctx) error {
	body, err := contractJSON()
	if err != nil {
		return err
	}
	return sendEncoded(c, contentTypeJSON, body)
}
