package main

import (
	buildimage "github.com/org/shipkit/actions/build-image"
	deployecs "github.com/org/shipkit/actions/deploy-ecs"
	ephemeralenv "github.com/org/shipkit/actions/ephemeral-env"
	"github.com/org/shipkit/actions/notify"
	promotesnapshot "github.com/org/shipkit/actions/promote-snapshot"
	"github.com/org/shipkit/actions/record"
	smoketest "github.com/org/shipkit/actions/smoke-test"
	"github.com/org/shipkit/pkg/action"
)

// specs are the actions of the binary, in the order of a delivery.
var specs = []action.Spec{
	buildimage.Spec,
	promotesnapshot.Spec,
	deployecs.Spec,
	smoketest.Spec,
	record.Spec,
	ephemeralenv.Spec,
	notify.Spec,
}
