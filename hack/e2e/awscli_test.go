// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// Debian's own programs, by path: what else a PATH may have under these names is not what users of Debian get.
const (
	awsCLI = "/usr/bin/aws"
	python = "/usr/bin/python3"
)

// cliRegion is not the server's default: replies must carry the region that the client is configured for.
const cliRegion = "eu-central-1"

// awsEnvironment is what AWS's clients need to be told, and nothing of the caller's own configuration.
func awsEnvironment(t *testing.T) []string {
	t.Helper()
	return []string{
		"PATH=/usr/bin:/bin", "HOME=" + t.TempDir(), "AWS_PAGER=",
		"AWS_ACCESS_KEY_ID=e2e", "AWS_SECRET_ACCESS_KEY=e2e", "AWS_DEFAULT_REGION=" + cliRegion,
		"AWS_EC2_METADATA_DISABLED=true",
	}
}

// cli is the aws command line interface as Debian ships it.
type cli struct {
	environment []string
}

func newCLI(t *testing.T) *cli {
	t.Helper()
	return &cli{environment: awsEnvironment(t)}
}

// try runs "aws batch …" and returns what it prints as text.
func (c *cli) try(t *testing.T, args ...string) (string, error) {
	t.Helper()
	all := append([]string{"batch", "--endpoint-url", local.env["MUSTER_ENDPOINT"], "--output", "text"}, args...)
	cmd := exec.CommandContext(t.Context(), awsCLI, all...)
	cmd.Env = c.environment
	var messages bytes.Buffer
	cmd.Stderr = &messages
	output, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("aws %s: exit %d: %s", args[0], exit.ExitCode(), strings.TrimSpace(messages.String()))
	}
	return strings.TrimSpace(string(output)), err
}

// batch runs "aws batch …", which must succeed.
func (c *cli) batch(t *testing.T, args ...string) string {
	t.Helper()
	output, err := c.try(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return output
}
