// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package clients

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// region is not the server's default: answers must carry the region that the client is configured for.
const region = "eu-central-1"

// driver calls the Batch API through one client. Inputs and outputs are as on the wire.
type driver interface {
	// call returns the output, or what the API refused, or why the client could not be used at all.
	call(ctx context.Context, operation string, input []byte) (output any, failure *apiError, err error)
}

// apiError is a refusal as the client reports it.
type apiError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (e *apiError) Error() string { return e.Code + ": " + e.Message }

// drivers start the clients.
var drivers = map[string]func(*testing.T) driver{
	"awscli": func(*testing.T) driver { return commandLine{} },
	"boto3": func(t *testing.T) driver {
		t.Helper()
		return startProcess(t, "/usr/bin/python3", "testdata/boto3_driver.py")
	},
	"go":     func(*testing.T) driver { return newGoSDK() },
	"muster": func(*testing.T) driver { return musterProgram{} },
	"js": func(t *testing.T) driver {
		t.Helper()
		return startProcess(t, "node", jsDriver)
	},
}

func environment() []string {
	return []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + os.TempDir(), "AWS_PAGER=", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_DEFAULT_REGION=" + region, "AWS_REGION=" + region, "AWS_EC2_METADATA_DISABLED=true", "NODE_NO_WARNINGS=1", "MUSTER_ENDPOINT=" + endpoint,
	}
}

// commandLine is Debian's aws.
type commandLine struct{}

var (
	upper      = regexp.MustCompile(`[A-Z]`)
	cliFailure = regexp.MustCompile(`(?s)An error occurred \((\w+)\) when calling the \w+ operation[^:]*: (.*)`)
)

func (commandLine) call(ctx context.Context, operation string, input []byte) (any, *apiError, error) {
	verb := strings.TrimPrefix(upper.ReplaceAllStringFunc(operation, func(s string) string { return "-" + strings.ToLower(s) }), "-")
	cmd := exec.CommandContext(ctx, "/usr/bin/aws", "batch", verb, "--endpoint-url", endpoint, "--output", "json", "--cli-input-json", string(input))
	cmd.Env = environment()
	var messages bytes.Buffer
	cmd.Stderr = &messages
	printed, err := cmd.Output()
	if m := cliFailure.FindStringSubmatch(messages.String()); err != nil && m != nil {
		return nil, &apiError{Code: m[1], Message: strings.TrimSpace(m[2])}, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("aws batch %s: %w: %s", verb, err, messages.String())
	}
	if len(bytes.TrimSpace(printed)) == 0 {
		return map[string]any{}, nil, nil
	}
	var output any
	return output, nil, json.Unmarshal(printed, &output)
}

// musterProgram is our own command line.
type musterProgram struct{}

var musterFailure = regexp.MustCompile(`(?s)muster: \w+: (\w+): (.*)`)

func (musterProgram) call(ctx context.Context, operation string, input []byte) (any, *apiError, error) {
	cmd := exec.CommandContext(ctx, musterPath, "call", operation, "--endpoint-url", endpoint, "--file", "-")
	cmd.Env, cmd.Stdin = environment(), bytes.NewReader(input)
	var messages bytes.Buffer
	cmd.Stderr = &messages
	printed, err := cmd.Output()
	if m := musterFailure.FindStringSubmatch(messages.String()); err != nil && m != nil {
		return nil, &apiError{Code: m[1], Message: strings.TrimSpace(m[2])}, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("muster call %s: %w: %s", operation, err, messages.String())
	}
	var output any
	return output, nil, json.Unmarshal(printed, &output)
}

// process is a client in another language: a program that answers lines of JSON.
type process struct {
	in  io.Writer
	out *bufio.Reader
}

func startProcess(t *testing.T, name string, args ...string) driver {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = environment()
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
	return &process{in: in, out: bufio.NewReaderSize(out, 1<<20)}
}

func (p *process) call(_ context.Context, operation string, input []byte) (any, *apiError, error) {
	request, err := json.Marshal(map[string]any{"operation": operation, "input": json.RawMessage(input)})
	if err != nil {
		return nil, nil, err
	}
	if _, err := p.in.Write(append(request, '\n')); err != nil {
		return nil, nil, err
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return nil, nil, err
	}
	var reply struct {
		Output any       `json:"output"`
		Error  *apiError `json:"error"`
		Broken string    `json:"broken"`
	}
	if err := json.Unmarshal(line, &reply); err != nil {
		return nil, nil, err
	}
	if reply.Broken != "" {
		return nil, nil, errors.New(reply.Broken)
	}
	return reply.Output, reply.Error, nil
}
