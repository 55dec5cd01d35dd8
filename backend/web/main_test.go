package web_test

import (
	"testing"

	"sana/backend/sanatest"
)

func TestMain(m *testing.M) { sanatest.Main(m) }
