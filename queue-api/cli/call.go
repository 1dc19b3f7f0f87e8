// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/cli/output"
	"github.com/muster-batch/muster/queue-api/client"
)

func newCall(f *frame) *cobra.Command {
	var file, input string
	cmd := &cobra.Command{
		Use: "call OPERATION", Args: cobra.ExactArgs(1), Short: "Call any operation of the Batch API by its name",
		Long: `Call any operation of the AWS Batch API, or of the part of CloudWatch Logs that there is, by its name. The request is JSON or YAML with
AWS's names of its members; the answer is printed as JSON unless -o says otherwise.`,
		Example: `  muster call DescribeJobQueues
  muster call TagResource --input '{"resourceArn":"ARN","tags":{"team":"red"}}'
  muster call RegisterJobDefinition -f definition.yaml -o jsonpath=jobDefinitionArn`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(operationNames(), args[0]) {
				return usagef("%.64q is no operation of the Batch API; its names are as in SubmitJob", args[0])
			}
			content := []byte(input)
			if file != "" {
				var err error
				if content, err = f.readFile(file); err != nil {
					return &ExitError{Code: ExitUsage, Err: err}
				}
			}
			request, err := requestOf(content)
			if err != nil {
				return &ExitError{Code: ExitUsage, Err: err}
			}
			c, err := f.connect(cmd.Context())
			if err != nil {
				return err
			}
			answer := json.RawMessage("{}")
			if err := c.Call(cmd.Context(), args[0], request, &answer); err != nil {
				return err
			}
			return f.print(output.View{Object: answer, Human: func(p *output.Printer) error {
				p.Format.Kind = output.JSON
				return p.Print(output.View{Object: answer})
			}})
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "File with the request; - is standard input.")
	cmd.Flags().StringVar(&input, "input", "", "The request itself. Default {}.")
	cmd.MarkFlagsMutuallyExclusive("file", "input")
	cmd.ValidArgs = operationNames()
	return cmd
}

func operationNames() []string {
	list := slices.Clone(client.LogOperations)
	for _, o := range awsapi.Operations {
		list = append(list, o.Name)
	}
	return list
}

// requestOf is the JSON of a request that may be YAML, and may be empty.
func requestOf(content []byte) (json.RawMessage, error) {
	if len(content) == 0 {
		return json.RawMessage("{}"), nil
	}
	if json.Valid(content) { // as it is: YAML would read 1e3 and the like otherwise
		return content, nil
	}
	converted, err := yaml.YAMLToJSONStrict(content)
	if err != nil {
		return nil, fmt.Errorf("the request is neither JSON nor YAML: %w", err)
	}
	return converted, nil
}
