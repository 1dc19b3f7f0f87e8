// SPDX-License-Identifier: Apache-2.0

package computeenv

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"sigs.k8s.io/yaml"
)

// nobody signs for an API that asks nobody who they are.
type nobody struct{}

func (nobody) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "batch-autoscaler", SecretAccessKey: "none", Source: "static"}, nil
}

// keyCredentials are the static access key in a file, which may be replaced.
type keyCredentials struct{ file string }

// rereadKeyAfter is how long a key that was replaced is still used.
const rereadKeyAfter = time.Minute

// Retrieve reads it.
func (c *keyCredentials) Retrieve(context.Context) (aws.Credentials, error) {
	content, err := os.ReadFile(c.file)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("read access key: %w", err)
	}
	var key struct {
		AccessKeyID     string `json:"accessKeyId"`
		SecretAccessKey string `json:"secretAccessKey"`
	}
	if yaml.Unmarshal(content, &key) != nil || key.AccessKeyID == "" || key.SecretAccessKey == "" {
		return aws.Credentials{}, fmt.Errorf("read access key: %s must have accessKeyId and secretAccessKey", c.file)
	}
	return aws.Credentials{
		AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey,
		CanExpire: true, Expires: time.Now().Add(rereadKeyAfter), Source: "file",
	}, nil
}

// tokenCredentials are what queue-api derives from the Kubernetes token in a file, which Kubernetes replaces before it ends.
type tokenCredentials struct {
	endpoint, file string
}

const (
	credentialsTimeout = 10 * time.Second
	maxCredentials     = 64 << 10
)

// Retrieve asks for them.
func (c *tokenCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	token, err := os.ReadFile(c.file)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("read token: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, credentialsTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.endpoint, "/")+"/x/v1/credentials", http.NoBody)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("get credentials: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+string(bytes.TrimSpace(token)))
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("get credentials: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxCredentials))
	if err != nil || response.StatusCode != http.StatusOK {
		return aws.Credentials{}, fmt.Errorf("get credentials: %s: %.512s", response.Status, body)
	}
	var got struct {
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      time.Time
	}
	if err := json.Unmarshal(body, &got); err != nil {
		return aws.Credentials{}, fmt.Errorf("get credentials: %w", err)
	}
	return aws.Credentials{
		AccessKeyID: got.AccessKeyID, SecretAccessKey: got.SecretAccessKey, SessionToken: got.SessionToken,
		CanExpire: true, Expires: got.Expiration, Source: "token",
	}, nil
}
