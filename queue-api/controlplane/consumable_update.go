// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"slices"
	"strconv"
	"time"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

const (
	// AWS Batch: a client token is remembered for 8 hours.
	clientTokenLifetime = 8 * time.Hour
	// maxClientTokens bounds what one resource remembers: SDKs make a token for every update.
	maxClientTokens = 1000
	// maxQuantity is what every JSON decoder reads exactly.
	maxQuantity = 1<<53 - 1
)

// Operations of UpdateConsumableResource.
const (
	consumableSet    = "SET"
	consumableAdd    = "ADD"
	consumableRemove = "REMOVE"
)

func checkNewConsumable(in *awsapi.CreateConsumableResourceRequest) error {
	if err := checkName(in.ConsumableResourceName); err != nil {
		return err
	}
	if err := checkTags(in.Tags); err != nil {
		return err
	}
	if in.ResourceType != nil {
		if err := checkOneOf("resourceType", in.ResourceType, []string{batch.Replenishable, batch.NonReplenishable}); err != nil {
			return err
		}
	}
	return checkQuantity("totalQuantity", value(in.TotalQuantity))
}

func checkConsumableUpdate(in *awsapi.UpdateConsumableResourceRequest) error {
	if err := checkOneOf("operation", in.Operation, []string{consumableSet, consumableAdd, consumableRemove}); err != nil {
		return err
	}
	if in.Quantity == nil {
		return batch.Invalidf("quantity is required")
	}
	return checkQuantity("quantity", *in.Quantity)
}

func checkQuantity(member string, n int64) error {
	if n >= 0 && n <= maxQuantity {
		return nil
	}
	return batch.Invalidf("%s must be between 0 and %d", member, maxQuantity)
}

// updateConsumable applies an update that passed its checks, unless it was applied before.
func updateConsumable(c *batch.ConsumableResource, in *awsapi.UpdateConsumableResourceRequest, now time.Time) error {
	digest := *in.Operation + " " + strconv.FormatInt(*in.Quantity, 10)
	recent := slices.DeleteFunc(slices.Clone(c.Updates), func(u batch.ConsumableUpdate) bool {
		return now.Sub(u.At) >= clientTokenLifetime
	})
	if token := value(in.ClientToken); token != "" {
		for _, u := range recent {
			switch {
			case u.Token == token && u.Digest == digest:
				return nil
			case u.Token == token:
				return batch.Invalidf("clientToken was used for another update of %s in the last 8 hours", c.Name)
			}
		}
		recent = append(recent, batch.ConsumableUpdate{Token: token, Digest: digest, At: now})
	}
	total, err := newTotal(c, *in.Operation, *in.Quantity)
	if err != nil {
		return err
	}
	c.TotalQuantity, c.Updates = total, recent[max(0, len(recent)-maxClientTokens):]
	return nil
}

func newTotal(c *batch.ConsumableResource, operation string, quantity int64) (int64, error) {
	switch operation {
	case consumableAdd:
		quantity = c.TotalQuantity + quantity // both are below 2^53
	case consumableRemove:
		quantity = c.TotalQuantity - quantity
		if quantity < 0 {
			return 0, batch.Invalidf("quantity must not be greater than the totalQuantity of %s, which is %d", c.Name, c.TotalQuantity)
		}
	}
	return quantity, checkQuantity("totalQuantity", quantity)
}
