// SPDX-License-Identifier: Apache-2.0

package events

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Webhook is one receiver of events.
type Webhook struct {
	Name   string `json:"name"`   // its deliveries are remembered under it: a webhook of another name starts anew
	URL    string `json:"url"`    // https, or http to an address that the allow list names
	Secret string `json:"secret"` // signs; at least 16 characters
	// JobQueues are names; none means all.
	JobQueues []string `json:"jobQueues,omitempty"`
	// Statuses keep the changes to them; none means all.
	Statuses []batch.JobStatus `json:"statuses,omitempty"`
}

func (h Webhook) wantsQueue(name string) bool {
	return len(h.JobQueues) == 0 || slices.Contains(h.JobQueues, name)
}

func (h Webhook) wantsStatus(s batch.JobStatus) bool {
	return len(h.Statuses) == 0 || slices.Contains(h.Statuses, s)
}

var hookName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// LoadWebhooks reads a YAML or JSON file: {webhooks: [{name, url, secret, jobQueues, statuses}]}.
func LoadWebhooks(path string) ([]Webhook, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseWebhooks(text)
}

func parseWebhooks(text []byte) ([]Webhook, error) {
	var file struct {
		Webhooks []Webhook `json:"webhooks"`
	}
	if err := yaml.UnmarshalStrict(text, &file); err != nil {
		return nil, errors.New("not a list of webhooks, or one with a member that webhooks do not have") // the error may hold a secret
	}
	seen := map[string]bool{}
	for i, h := range file.Webhooks {
		if err := h.validate(); err != nil {
			return nil, fmt.Errorf("webhooks[%d]: %w", i, err)
		}
		if seen[h.Name] {
			return nil, fmt.Errorf("webhooks[%d]: name %s is taken", i, h.Name)
		}
		seen[h.Name] = true
	}
	return file.Webhooks, nil
}

func (h Webhook) validate() error {
	if !hookName.MatchString(h.Name) {
		return fmt.Errorf("name: must match %s", hookName)
	}
	u, err := url.Parse(h.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("url: must be an https or http URL")
	}
	if len(h.Secret) < 16 {
		return errors.New("secret: must have at least 16 characters")
	}
	for _, s := range h.Statuses {
		if !slices.Contains(batch.JobStatuses[:], s) {
			return fmt.Errorf("statuses: %s is not a job status", s)
		}
	}
	return nil
}

// parseSignature splits "t=SECONDS,v1=HEX".
func parseSignature(s string) (at string, sum []byte, ok bool) {
	first, second, found := strings.Cut(s, ",")
	at, isTime := strings.CutPrefix(first, "t=")
	text, isSum := strings.CutPrefix(second, "v1=")
	sum, err := hex.DecodeString(text)
	return at, sum, found && isTime && isSum && err == nil
}
