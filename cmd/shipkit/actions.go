package main

import (
	buildimage "github.com/org/shipkit/actions/build-image"
	smoketest "github.com/org/shipkit/actions/smoke-test"
	"github.com/org/shipkit/pkg/action"
)

// specs are the actions of the binary, in the order of a delivery.
var specs = []action.Spec{
	buildimage.Spec,
	smoketest.Spec,
}
