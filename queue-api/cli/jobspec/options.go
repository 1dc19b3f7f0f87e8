// SPDX-License-Identifier: Apache-2.0

package jobspec

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/muster-batch/muster/queue-api/awsapi"
)

// Options are what flags say of a job. What they do not say is the file's, or the job definition's.
type Options struct {
	Queue, Definition, Name string
	ArraySize, Nodes        int
	DependsOn               []string
	Parameters, Tags        []string
	PropagateTags           bool
	Share                   string
	Priority                int
	Timeout                 time.Duration
	Attempts                int

	// What follows overrides one container.

	Container string
	Command   string
	Words     []string // the command as arguments; instead of Command
	Env       []string
	VCPUs     string
	Memory    string
	GPUs      string
	flags     *pflag.FlagSet
}

// AddFlags declares a flag for each option.
func (o *Options) AddFlags(fs *pflag.FlagSet) {
	o.flags = fs
	fs.StringVarP(&o.Queue, "queue", "q", "", "Job queue, by name or ARN.")
	fs.StringVarP(&o.Definition, "definition", "d", "", "Job definition: name, name:revision or ARN. Without a revision the latest.")
	fs.StringVar(&o.Name, "name", "", "Name of the job. Default that of the definition.")
	fs.IntVar(&o.ArraySize, "array-size", 0, "Make it an array of so many children.")
	fs.IntVar(&o.Nodes, "nodes", 0, "Number of nodes of a multi-node parallel job, instead of the definition's.")
	fs.StringArrayVar(&o.DependsOn, "depends-on", nil, "Start after this job succeeded: ID; ID:N_TO_N for an array, child by child; SEQUENTIAL for an array whose children start one after the other. May be repeated.")
	fs.StringArrayVarP(&o.Parameters, "parameter", "p", nil, "Value for a Ref:: of the definition, NAME=VALUE. May be repeated.")
	fs.StringArrayVar(&o.Tags, "tag", nil, "Tag of the job, KEY=VALUE. May be repeated.")
	fs.BoolVar(&o.PropagateTags, "propagate-tags", false, "Put the job's tags on its pods, too.")
	fs.StringVar(&o.Share, "share", "", "Share identifier, for a queue with a scheduling policy.")
	fs.IntVar(&o.Priority, "priority", 0, "Scheduling priority within the share, 0 to 9999, instead of the definition's.")
	fs.DurationVar(&o.Timeout, "timeout", 0, "End an attempt that has run for so long, as 1h30m; 1m at least.")
	fs.IntVar(&o.Attempts, "attempts", 0, "How often the job is tried, 1 to 10, instead of the definition's.")

	fs.StringVar(&o.Container, "container", "", "Container that --command and those below are for, where the definition has several.")
	fs.StringVar(&o.Command, "command", "", `Command instead of the definition's: words, or a JSON list as ["sh","-c","…"]. Or give it after --.`)
	fs.StringArrayVarP(&o.Env, "env", "e", nil, "Environment variable of the container, NAME=VALUE. May be repeated.")
	fs.StringVar(&o.VCPUs, "vcpus", "", "vCPUs instead of the definition's, as 2 or 0.5.")
	fs.StringVar(&o.Memory, "memory", "", "Memory instead of the definition's: MiB, or with a unit as 4Gi.")
	fs.StringVar(&o.GPUs, "gpus", "", "GPUs instead of the definition's.")
}

func (o *Options) isSet(flag string) bool { return o.flags != nil && o.flags.Changed(flag) }

// HasOverrides reports whether the options change a container or the number of nodes, so that the definition must be known.
func (o *Options) HasOverrides() bool {
	return len(o.Words) > 0 || o.Command != "" || len(o.Env) > 0 || o.VCPUs != "" || o.Memory != "" || o.GPUs != "" || o.Nodes != 0
}

// Apply sets what does not depend on the definition.
func (o *Options) Apply(in *awsapi.SubmitJobRequest) error {
	set(&in.JobQueue, o.Queue)
	set(&in.JobDefinition, o.Definition)
	set(&in.JobName, o.Name)
	set(&in.ShareIdentifier, o.Share)
	if in.JobName == nil && in.JobDefinition != nil {
		in.JobName = new(nameOf(*in.JobDefinition))
	}
	if o.isSet("array-size") {
		in.ArrayProperties = &awsapi.ArrayProperties{Size: &o.ArraySize}
	}
	if o.isSet("priority") {
		in.SchedulingPriorityOverride = &o.Priority
	}
	if o.isSet("propagate-tags") {
		in.PropagateTags = &o.PropagateTags
	}
	if o.isSet("timeout") {
		in.Timeout = &awsapi.JobTimeout{AttemptDurationSeconds: new(int(o.Timeout / time.Second))}
	}
	if o.isSet("attempts") {
		if in.RetryStrategy == nil {
			in.RetryStrategy = &awsapi.RetryStrategy{}
		}
		in.RetryStrategy.Attempts = &o.Attempts
	}
	for _, text := range o.DependsOn {
		in.DependsOn = append(in.DependsOn, dependency(text))
	}
	var err error
	if in.Parameters, err = merged("--parameter", in.Parameters, o.Parameters); err != nil {
		return err
	}
	in.Tags, err = merged("--tag", in.Tags, o.Tags)
	return err
}

func set(member **string, text string) {
	if text != "" {
		*member = &text
	}
}

// nameOf is the name in a definition's name, name:revision or ARN.
func nameOf(definition string) string {
	if _, rest, ok := strings.Cut(definition, ":job-definition/"); ok {
		definition = rest
	}
	name, _, _ := strings.Cut(definition, ":")
	return name
}

func dependency(text string) awsapi.JobDependency {
	if text == "SEQUENTIAL" {
		return awsapi.JobDependency{Type: &text}
	}
	for _, kind := range []string{"N_TO_N", "SEQUENTIAL"} {
		if id, ok := strings.CutSuffix(text, ":"+kind); ok {
			return awsapi.JobDependency{JobId: &id, Type: &kind}
		}
	}
	return awsapi.JobDependency{JobId: &text}
}

// merged adds NAME=VALUE texts to a map, which may be nil.
func merged(flag string, m map[string]string, texts []string) (map[string]string, error) {
	if len(texts) == 0 {
		return m, nil
	}
	m = maps.Clone(m)
	if m == nil {
		m = map[string]string{}
	}
	for _, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%s %q: must be NAME=VALUE", flag, text)
		}
		m[name] = value
	}
	return m, nil
}

// words is the command that the options give; nil is the definition's.
func (o *Options) words() ([]string, error) {
	switch text := strings.TrimSpace(o.Command); {
	case len(o.Words) > 0 && text != "":
		return nil, fmt.Errorf("--command %q: give the command there or after --, not both", text)
	case len(o.Words) > 0:
		return o.Words, nil
	case strings.HasPrefix(text, "["):
		var list []string
		if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) == 0 {
			return nil, fmt.Errorf(`--command %q: must be a JSON list of strings, as ["sh","-c","…"]`, text)
		}
		return list, nil
	case text == "":
		return nil, nil
	default:
		return strings.Fields(text), nil
	}
}
