// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/cli/jobspec"
	"github.com/muster-batch/muster/queue-api/cli/output"
	"github.com/muster-batch/muster/queue-api/client"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// submission is what the flags of submit and run ask for.
type submission struct {
	jobspec.Options

	file      string
	inputJSON string
	dryRun    string
}

func (s *submission) addFlags(f *frame, cmd *cobra.Command) {
	fs := cmd.Flags()
	s.AddFlags(fs)
	fs.StringVarP(&s.file, "file", "f", "", "File with a SubmitJob request, YAML or JSON with AWS's names; - is standard input. Flags go before it.")
	fs.StringVar(&s.inputJSON, "cli-input-json", "", "The same as aws batch submit-job's: JSON, or file://PATH.")
	fs.StringVar(&s.dryRun, "dry-run", "", "Submit nothing: client prints the request, server says what would become of it.")
	fs.Lookup("dry-run").NoOptDefVal = "server"
	f.completeFlag(cmd, "queue", f.queueNames)
	f.completeFlag(cmd, "definition", f.definitionNames)
	f.completeFlag(cmd, "depends-on", f.jobsIn(batch.JobStatuses[:]...))
	f.completeFlag(cmd, "dry-run", fixed("client", "server"))
	cmd.MarkFlagsMutuallyExclusive("file", "cli-input-json")
}

func newSubmit(f *frame) *cobra.Command {
	var s submission
	cmd := &cobra.Command{
		Use: "submit [flags] [-- COMMAND [ARG...]]", Short: "Submit a job and print its id",
		Long: `Submit a job and print its id. What is not said is the job definition's. See muster run for a job that is waited for.`,
		Example: `  muster submit --queue high --definition hello
  muster submit -q high -d hello --name night --array-size 100 --attempts 3 --timeout 1h -- ./work.sh --fast
  muster submit -q high -d hello -e LEVEL=3 --memory 4Gi --depends-on 00001aaa-bbbb-4ccc-8ddd-eeeeeeeeeeee
  muster submit -f job.yaml --dry-run`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.submit(cmd, &s, args, func(out *awsapi.SubmitJobResponse) error {
				return f.print(output.View{Object: out, Names: []string{value(out.JobId)}, Human: func(*output.Printer) error {
					return f.printf("Submitted %s: %s\n", value(out.JobName), value(out.JobId))
				}})
			})
		},
	}
	s.addFlags(f, cmd)
	return cmd
}

// submit submits what the flags ask for and has then go on, unless it is a dry run.
func (f *frame) submit(cmd *cobra.Command, s *submission, args []string, then func(*awsapi.SubmitJobResponse) error) error {
	ctx := cmd.Context()
	in, err := f.request(ctx, s, cmd, args)
	if err != nil {
		return err
	}
	switch s.dryRun {
	case "":
	case "client":
		return f.print(output.View{Object: in, Names: []string{value(in.JobName)}, Human: func(p *output.Printer) error {
			p.Format.Kind = output.YAML
			return p.Print(output.View{Object: in})
		}})
	case "server":
		return f.simulate(ctx, in)
	default:
		return usagef("--dry-run %q: must be client or server", s.dryRun)
	}
	c, err := f.connect(ctx)
	if err != nil {
		return err
	}
	patient, done := untilAnswered(ctx)
	defer done()
	out, err := client.Do[awsapi.SubmitJobResponse](patient, c, "SubmitJob", in)
	if err != nil {
		return err
	}
	return then(out)
}

// answerWithin is how long an interrupted program waits for the answer to what it has sent already.
const answerWithin = 5 * time.Second

// untilAnswered gives a context that outlives ctx for a while: of a job that is being submitted nobody would know the id.
func untilAnswered(ctx context.Context) (context.Context, func()) {
	patient, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(answerWithin, cancel) })
	return patient, func() {
		stop()
		cancel()
	}
}

// request puts the request together, of a file and of flags.
func (f *frame) request(ctx context.Context, s *submission, cmd *cobra.Command, args []string) (*awsapi.SubmitJobRequest, error) {
	if len(args) > 0 && cmd.ArgsLenAtDash() != 0 {
		return nil, usagef("%q: a command for the container follows --", args[0])
	}
	s.Words = args
	in, err := f.requestFile(s)
	if err != nil {
		return nil, &ExitError{Code: ExitUsage, Err: err}
	}
	if err := s.Apply(in); err != nil {
		return nil, &ExitError{Code: ExitUsage, Err: err}
	}
	if in.JobQueue == nil || in.JobDefinition == nil {
		return nil, usagef("--queue and --definition must be given, or be in the file")
	}
	if !s.HasOverrides() {
		return in, nil
	}
	definition, err := f.definition(ctx, *in.JobDefinition)
	if err != nil {
		return nil, err
	}
	if err := s.Override(in, definition); err != nil {
		return nil, &ExitError{Code: ExitUsage, Err: err}
	}
	return in, nil
}

// requestFile reads the request that flags add to.
func (f *frame) requestFile(s *submission) (*awsapi.SubmitJobRequest, error) {
	content := []byte(s.inputJSON)
	path, isFile := strings.CutPrefix(s.inputJSON, "file://")
	if s.file != "" {
		path, isFile = s.file, true
	}
	if isFile {
		var err error
		if content, err = f.readFile(path); err != nil {
			return nil, err
		}
	}
	if len(content) == 0 {
		return &awsapi.SubmitJobRequest{}, nil
	}
	in, err := jobspec.Read(content)
	if err != nil && isFile {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return in, err
}

// readFile reads a file that a flag names; - is standard input.
func (f *frame) readFile(path string) ([]byte, error) {
	from := f.In
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		from = file
	}
	content, err := io.ReadAll(io.LimitReader(from, jobspec.MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(content) > jobspec.MaxFile {
		return nil, fmt.Errorf("%s: has more than %d KiB", path, jobspec.MaxFile>>10)
	}
	return content, nil
}

// definition gives a job definition by name, name:revision or ARN; without a revision the latest that is ACTIVE. For a caller who
// may not see it, it is of the commonest kind.
func (f *frame) definition(ctx context.Context, name string) (*awsapi.JobDefinition, error) {
	c, err := f.connect(ctx)
	if err != nil {
		return nil, err
	}
	in := &awsapi.DescribeJobDefinitionsRequest{JobDefinitions: []string{name}}
	if short := resourceName(name); !strings.Contains(short, ":") {
		in = &awsapi.DescribeJobDefinitionsRequest{JobDefinitionName: &short, Status: new("ACTIVE")}
	}
	out, err := client.Do[awsapi.DescribeJobDefinitionsResponse](ctx, c, "DescribeJobDefinitions", in)
	if client.IsDenied(err) {
		return &awsapi.JobDefinition{}, nil
	}
	if err != nil {
		return nil, err
	}
	var latest *awsapi.JobDefinition
	for i := range out.JobDefinitions {
		if d := &out.JobDefinitions[i]; latest == nil || value(d.Revision) > value(latest.Revision) {
			latest = d
		}
	}
	if latest == nil {
		return nil, fmt.Errorf("job definition %s is not there, or not yours to see", name)
	}
	return latest, nil
}

// simulate asks what would become of a job, and tells.
func (f *frame) simulate(ctx context.Context, in *awsapi.SubmitJobRequest) error {
	c, err := f.connect(ctx)
	if err != nil {
		return err
	}
	var out viewapi.Simulation
	if err := c.Post(ctx, viewapi.PathSimulate, in, &out); err != nil {
		return err
	}
	return f.printSimulation(&out)
}
