package main

import (
	"github.com/org/shipkit/pkg/action"
)

// specs are the actions of the binary, in the order of a delivery.
var specs = []action.Spec{}
