// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/muster-batch/muster/queue-api/awsapi"
)

// APIVersion may stand in documents, and does in what Of makes.
const APIVersion = "batch.muster.sh/v1"

// Members that documents have beside AWS's.
const (
	memberVersion = "apiVersion"
	memberKind    = "kind"
	memberItems   = "items" // of a List
	memberTags    = "tags"

	kindList = "List"
)

// request is what a struct of awsapi can.
type request interface{ Validate() error }

// Kind is one kind of thing.
type Kind struct {
	Name string // JobQueue
	// Short is how things of the kind are called on a command line: jobqueue/research.
	Short   string
	aliases []string

	nameMember string // that names a thing: jobQueueName
	arnMember  string

	create, update, remove string // operations; no update: a changed one is registered anew
	named                  string // member of update and remove that names the thing
	newCreate, newUpdate   func() request
	detail                 reflect.Type // how the server shows it

	find      func(ctx context.Context, k *Kind, api API, name string) (map[string]any, error)
	normalize func(map[string]any)
	// fill completes the body of an update from the document and from what there is.
	fill func(k *Kind, body, want, have map[string]any, changed []string)
	// hasStatus says that a thing is made little by little: see Await.
	hasStatus bool
}

// The kinds.
var (
	SchedulingPolicy = &Kind{
		Name: "SchedulingPolicy", Short: "schedulingpolicy", aliases: []string{"policy"}, nameMember: "name", arnMember: "arn",
		create: "CreateSchedulingPolicy", update: "UpdateSchedulingPolicy", remove: "DeleteSchedulingPolicy", named: "arn",
		newCreate: func() request { return new(awsapi.CreateSchedulingPolicyRequest) },
		newUpdate: func() request { return new(awsapi.UpdateSchedulingPolicyRequest) },
		detail:    reflect.TypeFor[awsapi.SchedulingPolicyDetail](), find: findPolicy, normalize: normalizePolicy, fill: fillPolicy,
	}
	ConsumableResource = &Kind{
		Name: "ConsumableResource", Short: "consumableresource", aliases: []string{"consumable"},
		nameMember: "consumableResourceName", arnMember: "consumableResourceArn",
		create: "CreateConsumableResource", update: "UpdateConsumableResource", remove: "DeleteConsumableResource", named: "consumableResource",
		newCreate: func() request { return new(awsapi.CreateConsumableResourceRequest) },
		newUpdate: func() request { return new(awsapi.UpdateConsumableResourceRequest) },
		detail:    reflect.TypeFor[awsapi.DescribeConsumableResourceResponse](), find: findConsumable, fill: fillConsumable,
	}
	ComputeEnvironment = &Kind{
		Name: "ComputeEnvironment", Short: "computeenvironment", aliases: []string{"environment", "ce"},
		nameMember: "computeEnvironmentName", arnMember: "computeEnvironmentArn",
		create: "CreateComputeEnvironment", update: "UpdateComputeEnvironment", remove: "DeleteComputeEnvironment", named: "computeEnvironment",
		newCreate: func() request { return new(awsapi.CreateComputeEnvironmentRequest) },
		newUpdate: func() request { return new(awsapi.UpdateComputeEnvironmentRequest) },
		detail:    reflect.TypeFor[awsapi.ComputeEnvironmentDetail](), find: findEnvironment, normalize: normalizeEnvironment, fill: fillEnvironment,
		hasStatus: true,
	}
	JobQueue = &Kind{
		Name: "JobQueue", Short: "jobqueue", aliases: []string{"queue", "jq"}, nameMember: "jobQueueName", arnMember: "jobQueueArn",
		create: "CreateJobQueue", update: "UpdateJobQueue", remove: "DeleteJobQueue", named: "jobQueue",
		newCreate: func() request { return new(awsapi.CreateJobQueueRequest) },
		newUpdate: func() request { return new(awsapi.UpdateJobQueueRequest) },
		detail:    reflect.TypeFor[awsapi.JobQueueDetail](), find: findQueue, normalize: normalizeQueue, hasStatus: true,
	}
	JobDefinition = &Kind{
		Name: "JobDefinition", Short: "jobdefinition", aliases: []string{"definition", "jd"},
		nameMember: "jobDefinitionName", arnMember: "jobDefinitionArn",
		create: "RegisterJobDefinition", remove: "DeregisterJobDefinition", named: "jobDefinition",
		newCreate: func() request { return new(awsapi.RegisterJobDefinitionRequest) },
		detail:    reflect.TypeFor[awsapi.JobDefinition](), find: findDefinition, normalize: normalizeDefinition,
	}
)

// Kinds are all of them, each after what its things may name.
var Kinds = []*Kind{SchedulingPolicy, ConsumableResource, ComputeEnvironment, JobQueue, JobDefinition}

// ParseKind finds the kind that people call so, in any case, singular or plural.
func ParseKind(text string) (*Kind, error) {
	asked := strings.ToLower(text)
	for _, k := range Kinds {
		for _, name := range append([]string{k.Short}, k.aliases...) {
			if asked == name || asked == name+"s" || asked == strings.TrimSuffix(name, "y")+"ies" {
				return k, nil
			}
		}
	}
	return nil, fmt.Errorf("%.64q is no kind: one of %s", text, kindNames())
}

func kindNames() string {
	names := make([]string, len(Kinds))
	for i, k := range Kinds {
		names[i] = k.Name
	}
	return strings.Join(names, ", ")
}

func (k *Kind) rank() int { return slices.Index(Kinds, k) }

// NameOf is the name that a thing has, in a document or in an answer.
func (k *Kind) NameOf(body map[string]any) string {
	name, _ := body[k.nameMember].(string)
	return name
}

// typeOf is the struct of a request.
func typeOf(in request) reflect.Type { return reflect.TypeOf(in).Elem() }
