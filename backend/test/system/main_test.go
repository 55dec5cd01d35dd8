package system_test

import (
	"testing"

	"sana/backend/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
