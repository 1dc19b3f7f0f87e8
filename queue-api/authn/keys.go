// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/utils/clock"
	"sigs.k8s.io/yaml"

	"github.com/muster-batch/muster/queue-api/batch"
)

// AccessKey is a static key and whose it is.
type AccessKey struct {
	AccessKeyID     string   `json:"accessKeyId"`
	SecretAccessKey string   `json:"secretAccessKey"`
	User            string   `json:"user"`
	Groups          []string `json:"groups,omitempty"`
}

// authenticated is the group of all whom Kubernetes knows; so its rules for them hold for owners of static keys, too.
const authenticated = "system:authenticated"

func (k *AccessKey) user() batch.User {
	groups := k.Groups
	if !slices.Contains(groups, authenticated) {
		groups = append(slices.Clone(groups), authenticated)
	}
	return batch.User{Name: k.User, Groups: groups}
}

// AccessKeys are the static keys of a file: a list of AccessKey in YAML or JSON. It may be a directory of such files. It is
// read again when it changes.
type AccessKeys struct {
	file *file[map[string]AccessKey]
}

// OpenAccessKeys reads the keys at path.
func OpenAccessKeys(path string, clk clock.PassiveClock) (*AccessKeys, error) {
	f, err := open(path, parseAccessKeys, clk)
	if err != nil {
		return nil, fmt.Errorf("access keys: %w", err)
	}
	return &AccessKeys{file: f}, nil
}

func (k *AccessKeys) find(ctx context.Context, id string) (AccessKey, bool) {
	key, ok := k.file.get(ctx)[id]
	return key, ok
}

// minSecret keeps secrets from being guessed. AWS's own have 40 characters.
const minSecret = 16

func parseAccessKeys(contents [][]byte) (map[string]AccessKey, error) {
	keys := map[string]AccessKey{}
	for _, content := range contents {
		var list []AccessKey
		if err := yaml.UnmarshalStrict(content, &list); err != nil {
			return nil, errors.New("must be a list of accessKeyId, secretAccessKey, user and groups") // the cause could show a secret
		}
		for i, key := range list {
			switch {
			case key.AccessKeyID == "" || key.User == "":
				return nil, fmt.Errorf("entry %d: accessKeyId and user are needed", i)
			case len(key.SecretAccessKey) < minSecret:
				return nil, fmt.Errorf("entry %d: secretAccessKey must have at least %d characters", i, minSecret)
			case keys[key.AccessKeyID].User != "":
				return nil, fmt.Errorf("entry %d: accessKeyId %s is there twice", i, key.AccessKeyID)
			}
			keys[key.AccessKeyID] = key
		}
	}
	return keys, nil
}
