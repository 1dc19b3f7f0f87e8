// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/cli/manifest"
	"github.com/muster-batch/muster/queue-api/cli/output"
	"github.com/muster-batch/muster/queue-api/client"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// Values of --dry-run.
const (
	dryNone   = "none"
	dryClient = "client"
	dryServer = "server"
)

// waitDefault is how long things are waited for that are made or deleted little by little.
const waitDefault = 5 * time.Minute

// applyOptions are the flags of muster apply.
type applyOptions struct {
	files     []string
	recursive bool
	dryRun    string
	wait      bool
	timeout   time.Duration
}

func newApply(f *frame) *cobra.Command {
	var o applyOptions
	cmd := &cobra.Command{
		Use: "apply -f FILE", Args: cobra.NoArgs, Short: "Make queues, environments, definitions, policies and resources as files say",
		Long: `Make compute environments, job queues, job definitions, scheduling policies and consumable resources as files say. A file has
documents in YAML or JSON: a kind (ComputeEnvironment, JobQueue, JobDefinition, SchedulingPolicy, ConsumableResource), and the
members that AWS Batch gives the request that creates it. What is as the document says is left alone; a member that a document does not
name stays as it is. Of a job definition a new revision is registered if anything in it differs. docs/apply.md has all forms.`,
		Example: `  muster apply -f queues.yaml
  muster apply -f site/ --dry-run=server
  muster queue get research -o yaml | sed 's/priority: 1/priority: 2/' | muster apply -f -`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.apply(cmd.Context(), &o) },
	}
	fs := cmd.Flags()
	fs.StringArrayVarP(&o.files, "filename", "f", nil, "File, folder, or - for stdin. May be given more than once.")
	fs.BoolVarP(&o.recursive, "recursive", "R", false, "Also the folders in a folder.")
	fs.StringVar(&o.dryRun, "dry-run", dryNone, "Change nothing: client checks the documents without asking anybody, server also says what differs from what there is, and what the caller may not do.")
	fs.Lookup("dry-run").NoOptDefVal = dryServer
	fs.BoolVar(&o.wait, "wait", false, "Wait until environments and queues are VALID.")
	fs.DurationVar(&o.timeout, "wait-timeout", waitDefault, "With --wait: how long.")
	_ = cmd.MarkFlagRequired("filename") // only fails for no such flag
	_ = cmd.RegisterFlagCompletionFunc("dry-run", cobra.FixedCompletions([]string{dryNone, dryClient, dryServer}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// applied is what became of a document.
type applied struct {
	Kind     string            `json:"kind"`
	Name     string            `json:"name"`
	Action   string            `json:"action"`
	Revision string            `json:"revision,omitempty"`
	Changes  []manifest.Change `json:"changes,omitempty"`
	// Denied says what the caller may not do of it.
	Denied []string `json:"denied,omitempty"`

	id string
}

func (f *frame) apply(ctx context.Context, o *applyOptions) error {
	if !slices.Contains([]string{dryNone, dryClient, dryServer}, o.dryRun) {
		return usagef("--dry-run: %.64q must be none, client or server", o.dryRun)
	}
	docs, err := manifest.Load(o.files, o.recursive, f.In)
	if err != nil {
		return &ExitError{Code: ExitUsage, Err: err}
	}
	if o.dryRun == dryClient {
		return f.checked(docs)
	}
	c, err := f.connect(ctx)
	if err != nil {
		return err
	}
	done, err := f.applyAll(ctx, c, docs, o.dryRun == dryServer)
	if printErr := f.printApplied(done, o.dryRun); err == nil {
		err = printErr
	}
	if err != nil {
		if left := len(docs) - len(done); left > 1 {
			f.notef("%d of %d documents were not applied.\n", left, len(docs))
		}
		return err
	}
	if !o.wait || o.dryRun != dryNone {
		return denied(done)
	}
	return f.await(ctx, c, docs, o.timeout)
}

// checked says that documents are in order, as far as can be told without a server.
func (f *frame) checked(docs []manifest.Document) error {
	done := make([]applied, len(docs))
	for i := range docs {
		done[i] = applied{Kind: docs[i].Kind.Name, Name: docs[i].Name, Action: "valid", id: docs[i].ID()}
	}
	return f.printApplied(done, dryClient)
}

// applyAll applies documents one after the other, up to the first that fails.
func (f *frame) applyAll(ctx context.Context, c *client.Client, docs []manifest.Document, isDry bool) ([]applied, error) {
	planner, done := &manifest.Planner{API: c}, make([]applied, 0, len(docs))
	for _, d := range docs {
		step, err := planner.Plan(ctx, d)
		if err != nil {
			return done, err
		}
		a := applied{Kind: d.Kind.Name, Name: d.Name, Action: string(step.Action), Changes: step.Changes, id: d.ID()}
		if isDry {
			a.Denied, err = mayNot(ctx, c, step.Calls)
		} else {
			err = step.Do(ctx, c)
			a.Revision = step.Revision()
		}
		if err != nil {
			return done, err
		}
		done = append(done, a)
	}
	return done, nil
}

// mayNot asks which calls the caller may not make.
func mayNot(ctx context.Context, c *client.Client, calls []manifest.Call) (denied []string, err error) {
	for _, call := range calls {
		in, err := json.Marshal(call.In)
		if err != nil {
			return nil, err
		}
		arn, _ := call.In["resourceArn"].(string)
		var answer viewapi.CanI
		err = c.Post(ctx, viewapi.PathCanI, viewapi.CanIRequest{Operation: call.Operation, Request: in, ResourceARN: arn}, &answer)
		if client.IsUnknownOperation(err) { // an older server
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if !answer.Allowed {
			denied = append(denied, answer.Reason)
		}
	}
	return denied, nil
}

// denied is an error if the caller may not do some of it.
func denied(done []applied) error {
	for _, a := range done {
		if len(a.Denied) > 0 {
			return &ExitError{Code: ExitDenied}
		}
	}
	return nil
}

func (f *frame) printApplied(done []applied, dryRun string) error {
	if done == nil {
		done = []applied{}
	}
	names := make([]string, len(done))
	for i := range done {
		names[i] = done[i].id
	}
	suffix := ""
	if dryRun != dryNone {
		suffix = " (" + dryRun + " dry run)"
	}
	return f.print(output.View{Object: done, Names: names, Human: func(p *output.Printer) error {
		for i := range done {
			if err := f.printStep(p, &done[i], suffix); err != nil {
				return err
			}
		}
		return nil
	}})
}

// actionStyles are those of actions.
var actionStyles = map[string]output.Style{
	"created": output.Green, "configured": output.Yellow, "registered": output.Green, "deleted": output.Red, "unchanged": output.Faint, "absent": output.Faint,
}

func (f *frame) printStep(p *output.Printer, a *applied, suffix string) error {
	action := a.Action
	if a.Revision != "" && a.Action == string(manifest.Registered) {
		action += " revision " + a.Revision
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s%s\n", output.Clean(a.id), p.Paint(actionStyles[a.Action], output.Clean(action)), suffix)
	for _, c := range a.Changes {
		if c.From != nil {
			b.WriteString(p.Paint(output.Red, "  - "+changeText(c.Path, c.From)) + "\n")
		}
		if c.To != nil {
			b.WriteString(p.Paint(output.Green, "  + "+changeText(c.Path, c.To)) + "\n")
		}
	}
	for _, reason := range a.Denied {
		b.WriteString(p.Paint(output.Red, "  ! "+output.Clean(reason)) + "\n")
	}
	_, err := p.Out.Write([]byte(b.String()))
	return err
}

// changeText is one side of a change, on one line.
func changeText(path string, value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		text = []byte("?")
	}
	return output.Clean(path + ": " + string(text))
}

// await waits until all that is made little by little is there.
func (f *frame) await(ctx context.Context, c *client.Client, docs []manifest.Document, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for _, d := range docs {
		if err := d.Kind.Await(ctx, c, d.Name); err != nil {
			return timedOut(ctx, err)
		}
	}
	return nil
}

// timedOut gives an error the exit code of a timeout if that is what it came from.
func timedOut(ctx context.Context, err error) error {
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &ExitError{Code: ExitTimeout, Err: err}
	}
	return err
}

// deleteOptions are the flags of muster delete.
type deleteOptions struct {
	applyOptions

	terminateJobs bool
}

func newDelete(f *frame) *cobra.Command {
	var o deleteOptions
	cmd := &cobra.Command{
		Use: "delete (-f FILE | KIND/NAME...)", Short: "Delete queues, environments, definitions, policies and resources",
		Long: `Delete what files name, or things by kind and name, in the order that AWS Batch wants: job definitions (all revisions become
INACTIVE), job queues, compute environments, then what these name. Queues and environments are disabled first. A queue with jobs that
have not ended stays, unless --terminate-jobs is given.`,
		Example: `  muster delete -f site/
  muster delete jobqueue/research computeenvironment/pool --terminate-jobs`,
		RunE: func(cmd *cobra.Command, args []string) error { return f.delete(cmd.Context(), &o, args) },
	}
	fs := cmd.Flags()
	fs.StringArrayVarP(&o.files, "filename", "f", nil, "File, folder, or - for stdin. May be given more than once.")
	fs.BoolVarP(&o.recursive, "recursive", "R", false, "Also the folders in a folder.")
	fs.BoolVar(&o.terminateJobs, "terminate-jobs", false, "Also delete queues with jobs that have not ended, which ends them.")
	fs.BoolVar(&o.wait, "wait", true, "Wait until queues and environments are gone.")
	fs.DurationVar(&o.timeout, "wait-timeout", waitDefault, "With --wait: how long.")
	cmd.ValidArgsFunction = f.completeThings
	return cmd
}

// completeThings completes KIND/NAME.
func (f *frame) completeThings(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	word, name, ok := strings.Cut(begun, "/")
	if !ok {
		kinds := make([]string, len(manifest.Kinds))
		for i, k := range manifest.Kinds {
			kinds[i] = k.Short + "/"
		}
		return kinds, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	kind, err := manifest.ParseKind(word)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names, directive := f.completeNames(kind)(cmd, args, name)
	for i := range names {
		names[i] = word + "/" + names[i]
	}
	return names, directive
}

// thing is what a command line names as KIND/NAME.
type thing struct {
	kind *manifest.Kind
	name string
}

func (f *frame) delete(ctx context.Context, o *deleteOptions, args []string) error {
	things, err := o.things(f, args)
	if err != nil {
		return &ExitError{Code: ExitUsage, Err: err}
	}
	c, err := f.connect(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	d := &manifest.Deleter{API: c, TerminatesJobs: o.terminateJobs, IsHasty: !o.wait}
	done := []applied{}
	for _, t := range things {
		var action manifest.Action
		if action, err = d.Delete(ctx, t.kind, t.name); err != nil {
			break
		}
		done = append(done, applied{Kind: t.kind.Name, Name: t.name, Action: string(action), id: t.kind.Short + "/" + t.name})
	}
	if errors.Is(err, manifest.ErrLiveJobs) {
		err = fmt.Errorf("%w: --terminate-jobs deletes it all the same", err)
	}
	return cmp.Or(timedOut(ctx, err), f.printApplied(done, dryNone))
}

// things are those that files or arguments name, the last made first.
func (o *deleteOptions) things(f *frame, args []string) (things []thing, err error) {
	if (len(o.files) == 0) == (len(args) == 0) {
		return nil, errors.New("either -f or KIND/NAME must be given")
	}
	for _, arg := range args {
		kind, name, ok := strings.Cut(arg, "/")
		if !ok || name == "" {
			return nil, fmt.Errorf("%.128q: must be KIND/NAME, as jobqueue/research", arg)
		}
		k, err := manifest.ParseKind(kind)
		if err != nil {
			return nil, err
		}
		things = append(things, thing{k, name})
	}
	if len(o.files) > 0 {
		docs, err := manifest.Load(o.files, o.recursive, f.In)
		if err != nil {
			return nil, err
		}
		for _, d := range docs {
			things = append(things, thing{d.Kind, d.Name})
		}
	}
	slices.SortStableFunc(things, func(a, b thing) int {
		return cmp.Compare(slices.Index(manifest.Kinds, b.kind), slices.Index(manifest.Kinds, a.kind))
	})
	return things, nil
}
