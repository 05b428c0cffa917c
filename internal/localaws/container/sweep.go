package container

import (
	"context"
	"errors"
	"fmt"

	"github.com/moby/moby/client"

	"github.com/org/shipkit/internal/localaws/owner"
)

// ownerLabel marks the containers of one process, so that those of a process that was killed can be found and removed.
const ownerLabel = label + ".owner"

// sweep removes the containers that killed processes left.
func (d *Docker) sweep(ctx context.Context) error {
	list, err := d.client.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: client.Filters{}.Add("label", ownerLabel),
	})
	if err != nil {
		return fmt.Errorf("look for containers that are left: %w", err)
	}
	var errs []error
	for _, c := range list.Items {
		if owner.Dead(c.Labels[ownerLabel]) {
			errs = append(errs, d.remove(ctx, c.ID))
		}
	}
	return errors.Join(errs...)
}
