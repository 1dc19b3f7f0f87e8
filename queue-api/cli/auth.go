// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/cli/output"
	"github.com/muster-batch/muster/queue-api/client"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

func newAuth(f *frame) *cobra.Command {
	c := &cobra.Command{Use: "auth", Short: "Log in, and see who you are and what you may do", Example: "  muster auth whoami"}
	c.AddCommand(newLogin(f), newLogout(f), newToken(f), newWhoAmI(f), newCanI(f), newAWSCredentials(f))
	return c
}

// me is what muster auth whoami prints.
type me struct {
	viewapi.WhoAmI

	Endpoint    string `json:"endpoint"`
	Credentials string `json:"credentials"` // where they came from
}

func newWhoAmI(f *frame) *cobra.Command {
	return &cobra.Command{
		Use: "whoami", Args: cobra.NoArgs, Short: "Print who the server takes you for",
		Example: "  muster auth whoami\n  muster auth whoami -o jsonpath=user",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.connect(cmd.Context())
			if err != nil {
				return err
			}
			out := me{Endpoint: c.Endpoint(), Credentials: c.Identity().String()}
			if err := c.Get(cmd.Context(), viewapi.PathWhoAmI, nil, &out.WhoAmI); err != nil {
				return err
			}
			return f.print(output.View{Object: out, Names: []string{out.User}, Human: func(*output.Printer) error { return f.printMe(&out) }})
		},
	}
}

func (f *frame) printMe(m *me) error {
	user := m.User
	if m.Anonymous {
		user = "nobody: this server asks nobody who they are"
	}
	for _, line := range [][2]string{
		{"User", user},
		{"Groups", dash(strings.Join(m.Groups, ", "))},
		{"Credentials", m.Credentials},
		{"Endpoint", m.Endpoint},
		{"Region", m.Region},
		{"Account", m.Account},
	} {
		if err := f.printf("%-12s %s\n", line[0]+":", line[1]); err != nil {
			return err
		}
	}
	return nil
}

// subjects are the members of requests that name what an operation is on; those that end in [] are lists.
var subjects = map[string]string{
	"CreateComputeEnvironment": "computeEnvironmentName", "DescribeComputeEnvironments": "computeEnvironments[]",
	"UpdateComputeEnvironment": "computeEnvironment", "DeleteComputeEnvironment": "computeEnvironment",
	"CreateJobQueue": "jobQueueName", "DescribeJobQueues": "jobQueues[]", "UpdateJobQueue": "jobQueue", "DeleteJobQueue": "jobQueue",
	"GetJobQueueSnapshot":   "jobQueue",
	"RegisterJobDefinition": "jobDefinitionName", "DescribeJobDefinitions": "jobDefinitions[]", "DeregisterJobDefinition": "jobDefinition",
	"SubmitJob": "jobQueue", "DescribeJobs": "jobs[]", "ListJobs": "jobQueue", "CancelJob": "jobId", "TerminateJob": "jobId",
	"CancelJobs": "jobs[]", "TerminateJobs": "jobs[]",
	"CreateSchedulingPolicy": "name", "DescribeSchedulingPolicies": "arns[]", "UpdateSchedulingPolicy": "arn", "DeleteSchedulingPolicy": "arn",
	"ListSchedulingPolicies":   "",
	"CreateConsumableResource": "consumableResourceName", "DescribeConsumableResource": "consumableResource", "ListConsumableResources": "",
	"UpdateConsumableResource": "consumableResource", "DeleteConsumableResource": "consumableResource", "ListJobsByConsumableResource": "consumableResource",
	"ListTagsForResource": "resourceArn", "TagResource": "resourceArn", "UntagResource": "resourceArn",
}

func newCanI(f *frame) *cobra.Command {
	return &cobra.Command{
		Use: "can-i OPERATION [NAME]", Args: cobra.RangeArgs(1, 2), Short: "Ask whether you may do an operation of the Batch API",
		Long: `Ask whether you may do an operation of the Batch API, on a thing by its name, ARN or id, or on all of its kind. Nothing is done. The exit
code is 0 for yes and 1 for no. What the pods of a job may have (service accounts, secrets, host paths) is not part of the answer.`,
		Example: "  muster auth can-i SubmitJob research\n  muster auth can-i DeleteJobQueue && echo any of them",
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []string
			for name := range subjects {
				names = append(names, name)
			}
			slices.Sort(names)
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.canI(cmd.Context(), args) },
	}
}

func (f *frame) canI(ctx context.Context, args []string) error {
	question, err := questionOf(args)
	if err != nil {
		return err
	}
	c, err := f.connect(ctx)
	if err != nil {
		return err
	}
	var out viewapi.CanI
	if err := c.Post(ctx, viewapi.PathCanI, question, &out); err != nil {
		return err
	}
	text := "no"
	if out.Allowed {
		text = "yes"
	}
	err = f.print(output.View{Object: out, Names: []string{text}, Human: func(*output.Printer) error {
		if out.Reason == "" {
			return f.printf("%s\n", text)
		}
		return f.printf("%s: %s\n", text, out.Reason)
	}})
	if err == nil && !out.Allowed {
		return &ExitError{Code: ExitFailed}
	}
	return err
}

// questionOf makes a question of an operation, in any case, and what it is on.
func questionOf(args []string) (*viewapi.CanIRequest, error) {
	i := slices.IndexFunc(awsapi.Operations[:], func(o awsapi.Operation) bool {
		return strings.EqualFold(o.Name, strings.ReplaceAll(args[0], "-", ""))
	})
	if i < 0 {
		return nil, usagef("%.64q is no operation of the Batch API", args[0])
	}
	q := &viewapi.CanIRequest{Operation: awsapi.Operations[i].Name}
	if len(args) == 1 {
		return q, nil
	}
	member, isList := strings.CutSuffix(subjects[q.Operation], "[]")
	switch member {
	case "":
		return nil, usagef("%s is on all of a kind: name nothing", q.Operation)
	case "resourceArn":
		q.ResourceARN = args[1]
		return q, nil
	}
	var subject any = args[1]
	if isList {
		subject = []string{args[1]}
	}
	var err error
	q.Request, err = json.Marshal(map[string]any{member: subject})
	return q, err
}

func newToken(f *frame) *cobra.Command {
	return &cobra.Command{
		Use: "token", Args: cobra.NoArgs, Short: "Print the token that requests are made with",
		Long:    "Print the token that requests are made with, for other programs. Whoever has it can act for you until it ends.",
		Example: `  curl -H "Authorization: Bearer $(muster auth token)" https://queue-api/x/v1/whoami`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.connect(cmd.Context())
			if err != nil {
				return err
			}
			t, ok := c.Identity().(client.Token)
			if !ok {
				return fmt.Errorf("there is no token: requests are made with %s", c.Identity())
			}
			token, err := t.Get(cmd.Context())
			if err != nil {
				return err
			}
			return f.printf("%s\n", token)
		},
	}
}

// credentialProcess is set while this program gives credentials to another one, which may be itself.
const credentialProcess = "MUSTER_CREDENTIAL_PROCESS"

func newAWSCredentials(f *frame) *cobra.Command {
	return &cobra.Command{
		Use: "aws-credentials", Args: cobra.NoArgs, Short: "Print an access key for AWS's clients, derived from your token",
		Long: `Print an access key that queue-api derives from your token, in the form of a credential_process: with it in ~/.aws/config, every client of
AWS speaks to queue-api as you. The key lives as long as the token does.`,
		Example: "  # ~/.aws/config\n  # [profile muster]\n  # credential_process = muster --endpoint-url https://queue-api auth aws-credentials\n  # endpoint_url = https://queue-api\n  muster auth aws-credentials",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if os.Getenv(credentialProcess) != "" {
				return errors.New("asked by itself: there is no token but by the profile whose credential_process this is; log in, or give --token or --service-account")
			}
			if err := os.Setenv(credentialProcess, "1"); err != nil {
				return err
			}
			c, err := f.connect(cmd.Context())
			if err != nil {
				return err
			}
			if _, ok := c.Identity().(client.Token); !ok {
				return fmt.Errorf("a key is derived from a token, and requests are made with %s: log in, or give --token or --service-account", c.Identity())
			}
			var out json.RawMessage
			if err := c.Get(cmd.Context(), viewapi.PathCredentials, nil, &out); err != nil {
				return err
			}
			_, err = f.Out.Write(append(out, '\n'))
			return err
		},
	}
}
