// Package notify is the action notify: it tells people how a deployment ended.
package notify

import (
	"context"
	_ "embed"
	"strconv"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/notify"
)

//go:embed action.yml
var metadata []byte

// Spec tells people how a deployment ended.
var Spec = action.Define("notify", metadata, run)

func run(ctx context.Context, rt *action.Runtime, in inputs) error {
	message, err := in.message(rt.GitHub())
	if err != nil {
		return action.BadInput(err)
	}
	if !in.Wants(message.Status) {
		rt.Infof("nothing is told: the status is %s and level is failure", message.Status)
		return done(rt, nil)
	}
	channels, err := in.channels(ctx)
	if err != nil {
		return action.BadInput(err)
	}
	if len(channels) == 0 {
		rt.Infof("nobody is told: environment %s of the settings file names nobody to notify", in.Environment)
		return done(rt, nil)
	}
	if in.DryRun {
		rt.Infof("%s", planText(message, channels))
		return done(rt, nil)
	}
	deliveries := notify.Send(ctx, channels, message, notify.Options{Timeout: in.Timeout, Progress: rt.Progress()})
	for _, d := range deliveries {
		rt.Infof("%s", deliveryText(d))
	}
	rt.Annotate(notify.Warnings(deliveries)...)
	return done(rt, deliveries)
}

// done sets the outputs. What did not arrive is a warning, not a failure.
func done(rt *action.Runtime, deliveries []notify.Delivery) error {
	sent := 0
	for _, d := range deliveries {
		if d.Err == nil {
			sent++
		}
	}
	rt.SetOutput("sent", strconv.Itoa(sent))
	rt.SetOutput("failed", strconv.Itoa(len(deliveries)-sent))
	return nil
}
