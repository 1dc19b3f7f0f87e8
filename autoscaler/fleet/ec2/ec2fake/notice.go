// SPDX-License-Identifier: Apache-2.0

package ec2fake

import (
	"encoding/json"
	"time"
)

// warning is how long before it takes a Spot instance back EC2 says so.
const warning = 2 * time.Minute

// announced is what an instance's metadata tells of its end.
type announced struct {
	ends        time.Time // when EC2 takes it back
	recommended time.Time // when EC2 advised to replace it
	maintained  time.Time // when EC2 will retire it
}

// Interrupt announces that a Spot instance is taken back, by the queue and by its metadata, and does so when the time has come.
func (c *Cloud) Interrupt(id string) {
	now := c.cfg.Clock.Now()
	i := c.announce(id, func(a *announced) { a.ends = now.Add(c.cfg.Notice) })
	if i == nil {
		return
	}
	c.event("EC2 Spot Instance Interruption Warning", "aws.ec2", now, map[string]any{"instance-id": id, "instance-action": "terminate"})
	c.cfg.Clock.AfterFunc(c.cfg.Notice, func() { go c.Reclaim(id) }) // a fake clock is not to be asked from within its step
}

// Recommend recommends to replace a Spot instance, by the queue and by its metadata.
func (c *Cloud) Recommend(id string) {
	now := c.cfg.Clock.Now()
	if c.announce(id, func(a *announced) { a.recommended = now }) != nil {
		c.event("EC2 Instance Rebalance Recommendation", "aws.ec2", now, map[string]any{"instance-id": id})
	}
}

// Retire announces that an instance will be retired, by AWS Health and by its metadata. Nothing follows.
func (c *Cloud) Retire(id string, at time.Time) {
	if c.announce(id, func(a *announced) { a.maintained = at }) == nil {
		return
	}
	c.event("AWS Health Event", "aws.health", c.cfg.Clock.Now(), map[string]any{
		"service": "EC2", "eventTypeCode": "AWS_EC2_INSTANCE_RETIREMENT_SCHEDULED", "eventTypeCategory": "scheduledChange",
		"statusCode": "upcoming", "startTime": at.UTC().Format(time.RFC1123), "affectedEntities": []any{map[string]string{"entityValue": id}},
	})
}

// announce notes an announcement. It returns nil if there is no such instance.
func (c *Cloud) announce(id string, note func(*announced)) *Instance {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.instances[id]
	if i == nil || i.IsGone() {
		return nil
	}
	note(&i.announced)
	return i
}

// changed tells of an instance's new state, as EventBridge does.
func (c *Cloud) changed(i *Instance) {
	c.event("EC2 Instance State-change Notification", "aws.ec2", c.cfg.Clock.Now(), map[string]any{"instance-id": i.ID, "state": i.State})
}

// event sends an event of EventBridge to the queue.
func (c *Cloud) event(kind, source string, at time.Time, detail map[string]any) {
	doc, err := json.Marshal(map[string]any{
		"version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "detail-type": kind, "source": source, "account": "123456789012",
		"time": at.UTC().Format(time.RFC3339), "region": "us-east-1", "resources": []string{}, "detail": detail,
	})
	if err != nil {
		panic("encode event: " + err.Error())
	}
	c.queue.send(string(doc))
}
