// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
)

// muster is our own command line, built for the test.
type muster struct{ program string }

func buildMuster(t *testing.T) muster {
	t.Helper()
	m := muster{filepath.Join(t.TempDir(), "muster")}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", m.program, "github.com/muster-batch/muster/queue-api/cmd/muster")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build muster: %v:\n%s", err, output)
	}
	return m
}

// try runs a command, and gives what it printed and its exit code.
func (m muster) try(t *testing.T, args ...string) (out, messages string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), m.program, args...)
	cmd.Env = append(awsEnvironment(t), "MUSTER_ENDPOINT_URL="+local.env["MUSTER_ENDPOINT"])
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return stdout.String(), stderr.String(), exit.ExitCode()
	}
	if err != nil {
		t.Fatalf("muster %s: %v", args[0], err)
	}
	return stdout.String(), stderr.String(), 0
}

// must runs a command that must succeed.
func (m muster) must(t *testing.T, args ...string) string {
	t.Helper()
	out, messages, code := m.try(t, args...)
	if code != 0 {
		t.Fatalf("muster %s: exit code %d: %s", strings.Join(args, " "), code, messages)
	}
	return strings.TrimSpace(out)
}

// What the job writes is what the command prints, to the last line, and its exit code is the command's; the same is there to be read
// when the pod is gone.
func TestMusterRunsAJob(t *testing.T) {
	t.Parallel()
	s, m := newSite(t, "muster", siteConfig{}), buildMuster(t)
	definition := s.register(t, &sdk.RegisterJobDefinitionInput{
		Type: types.JobDefinitionTypeContainer, ContainerProperties: &types.ContainerProperties{
			Image: new(busybox), Command: []string{"true"}, ResourceRequirements: requirements("0.25"),
		},
	})
	const script = `for i in 1 2 3; do echo "line $i of $WHO"; sleep 1; done; printf 'the last one'; exit 7`
	want := "line 1 of me\nline 2 of me\nline 3 of me\nthe last one\n"
	out, messages, code := m.try(t, "run", "--queue", s.name, "--definition", definition, "--name", "seven", "--wait", "--follow",
		"--wait-timeout", long.String(), "-e", "WHO=me", "--memory", "32Mi", "--", "sh", "-c", script)
	if diff := cmp.Diff(want, out); diff != "" || code != 7 {
		t.Fatalf("exit code %d, %s; printed (-want +got):\n%s", code, messages, diff)
	}
	id := m.must(t, "jobs", "--queue", s.name, "--name", "seven", "-o", "name")
	wantText(t, "its end", m.must(t, "get", id, "-o", "jsonpath={.status} {.container.exitCode} {.statusReason}"), "FAILED 7 Essential container in task exited")
	s.awaitNothingOf(t, id)
	wantText(t, "the log that is kept", m.must(t, "logs", id)+"\n", want)

	again := m.must(t, "retry", id, "-o", "name")
	m.must(t, "terminate", again, "--wait", "--reason", "seen enough")
	wantText(t, "the end of the one that was submitted again", m.must(t, "get", again, "-o", "jsonpath={.status} {.statusReason} {.container.command[0]}"), "FAILED seen enough sh")
}
