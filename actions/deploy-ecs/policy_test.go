package deployecs

import (
	"os"
	"testing"

	"github.com/org/shipkit/internal/policytest"
)

func TestMain(m *testing.M) { os.Exit(policytest.Main(m, nil)) }
