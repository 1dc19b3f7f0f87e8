// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"github.com/muster-batch/muster/queue-api/events"
	"github.com/muster-batch/muster/queue-api/redisstore"
)

// eventOptions say who is told of what becomes of jobs.
type eventOptions struct {
	webhooksFile string
	webhookAllow []string
}

func (o *eventOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.webhooksFile, "webhooks-file", "", "YAML file of the webhooks that get jobs' events: webhooks: [{name, url, secret, jobQueues, statuses}].")
	fs.StringSliceVar(&o.webhookAllow, "webhook-allow", nil, "Internal addresses that webhooks may reach, IP addresses or CIDR prefixes; public ones they always may.")
}

func (o *eventOptions) validate() error {
	if _, err := events.ParseAllowList(o.webhookAllow); err != nil {
		return fmt.Errorf("--webhook-allow: %w", err)
	}
	return nil
}

// newWebhooks makes the webhooks of the file, none without one.
func newWebhooks(o options, store *redisstore.Store, composer events.Composer, registry prometheus.Registerer) (*events.Webhooks, error) {
	allow, err := events.ParseAllowList(o.webhookAllow)
	if err != nil {
		return nil, err
	}
	var hooks []events.Webhook
	if o.webhooksFile != "" {
		if hooks, err = events.LoadWebhooks(o.webhooksFile); err != nil {
			return nil, fmt.Errorf("--webhooks-file: %w", err)
		}
	}
	return events.NewWebhooks(hooks, store, store, composer, registry, events.WebhooksConfig{Allow: allow})
}
