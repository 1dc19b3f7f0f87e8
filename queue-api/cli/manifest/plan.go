// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Action is what becomes of a thing.
type Action string

// The actions, as they are printed.
const (
	Created    Action = "created"
	Configured Action = "configured"
	Registered Action = "registered" // a revision of a job definition
	Unchanged  Action = "unchanged"
	Deleted    Action = "deleted"
	Absent     Action = "absent" // nothing to delete
)

// Call is one call of an operation.
type Call struct {
	Operation string
	In        map[string]any
}

// Step is what is to be done about a document.
type Step struct {
	Document Document
	Action   Action
	Changes  []Change
	Calls    []Call
	// Answer is that of the first call, once it is done.
	Answer map[string]any
}

// Planner compares documents with what the server has.
type Planner struct {
	API API
	// policies are the ARNs of scheduling policies by name, as far as they were looked up.
	policies map[string]string
}

// Plan says what is to be done about a document. It changes nothing.
func (p *Planner) Plan(ctx context.Context, d Document) (Step, error) {
	step, err := p.plan(ctx, d)
	if err != nil {
		return step, fmt.Errorf("%s: %w", d.Source, err)
	}
	return step, nil
}

func (p *Planner) plan(ctx context.Context, d Document) (Step, error) {
	step := Step{Document: d, Action: Unchanged}
	have, err := d.Kind.Find(ctx, p.API, d.Name)
	if err != nil {
		return step, err
	}
	if status, _ := statusOf(have); status == "DELETING" || status == "DELETED" {
		return step, fmt.Errorf("%s is being deleted: apply it again once it is gone", d.ID())
	}
	body := cloneMap(d.Body)
	delete(body, memberTags)
	if err := p.resolve(ctx, d.Kind, body); err != nil {
		return step, err
	}
	tags := child(d.Body, memberTags)
	if have == nil {
		return p.create(step, body, tags), nil
	}
	step.Changes = d.Kind.differences(d.Body, have)
	switch {
	case len(step.Changes) == 0:
	case d.Kind.update == "":
		return p.register(step, body, tags, child(have, memberTags)), nil
	default:
		call, err := d.Kind.updateCall(body, have, members(step.Changes))
		if err != nil {
			return step, fmt.Errorf("%s: %w", d.ID(), err)
		}
		step.Calls = append(step.Calls, call)
	}
	step.tag(have, tags)
	if len(step.Calls) > 0 {
		step.Action = Configured
	}
	return step, nil
}

// differences compares what a document wants with what there is, but for tags.
func (k *Kind) differences(want, have map[string]any) []Change {
	want, have = cloneMap(want), cloneMap(have)
	delete(want, memberTags)
	delete(have, memberTags)
	if k.normalize != nil {
		k.normalize(want)
		k.normalize(have)
	}
	d := differ{isWhole: k.update == ""}
	if d.isWhole { // what cannot be set is no difference
		maps.DeleteFunc(have, func(member string, _ any) bool {
			_, ok := k.memberType(member)
			return !ok
		})
	}
	d.compareMaps("", want, have)
	return d.changes
}

// create makes a new thing.
func (*Planner) create(step Step, body, tags map[string]any) Step {
	k := step.Document.Kind
	later := map[string]any{}
	if k.newUpdate != nil { // what only an update takes follows at once
		for member := range body {
			if _, ok := fieldOf(typeOf(k.newCreate()), member); !ok {
				later[member] = body[member]
				delete(body, member)
			}
		}
	}
	if tags := given(tags); len(tags) > 0 {
		body[memberTags] = tags
	}
	step.Action, step.Calls = Created, []Call{{k.create, body}}
	if len(later) > 0 {
		later[k.named] = step.Document.Name
		step.Calls = append(step.Calls, Call{k.update, later})
	}
	return step
}

// register makes a new revision, which has the tags of the last one unless the document says otherwise.
func (*Planner) register(step Step, body, tags, old map[string]any) Step {
	if all := given(merge(tags, ownTags(old))); len(all) > 0 {
		body[memberTags] = all
	}
	step.Action, step.Calls = Registered, []Call{{step.Document.Kind.create, body}}
	return step
}

// updateCall makes the call that brings about the changes in these members.
func (k *Kind) updateCall(want, have map[string]any, changed []string) (Call, error) {
	body := map[string]any{k.named: k.NameOf(want)}
	if k.named == k.arnMember {
		body[k.named] = have[k.arnMember]
	}
	for _, member := range changed {
		body[member] = want[member]
	}
	if k.fill != nil {
		k.fill(k, body, want, have, changed)
	}
	if err := k.checkUpdate(body); err != nil {
		return Call{}, err
	}
	return Call{k.update, body}, nil
}

// checkUpdate refuses to change what no update takes.
func (k *Kind) checkUpdate(body map[string]any) error {
	t := typeOf(k.newUpdate())
	for _, member := range slices.Sorted(maps.Keys(body)) {
		in, ok := fieldOf(t, member)
		if !ok {
			return fmt.Errorf("%s cannot be changed: delete it and apply it again", member)
		}
		if member != memberResources {
			continue
		}
		for _, below := range slices.Sorted(maps.Keys(child(body, member))) {
			if _, ok := fieldOf(in.Elem(), below); !ok {
				return fmt.Errorf("%s.%s cannot be changed: delete it and apply it again", member, below)
			}
		}
	}
	return nil
}

// tag sets tags that differ and takes those away that the document has as null.
func (s *Step) tag(have, tags map[string]any) {
	old, arn := child(have, memberTags), have[s.Document.Kind.arnMember]
	set := map[string]any{}
	var gone []string
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		was, had := old[key]
		switch value := tags[key]; {
		case value == nil && had:
			gone = append(gone, key)
			s.Changes = append(s.Changes, Change{Path: memberTags + "." + key, From: was})
		case value != nil && value != was:
			set[key] = value
			s.Changes = append(s.Changes, Change{Path: memberTags + "." + key, From: was, To: value})
		}
	}
	if len(set) > 0 {
		s.Calls = append(s.Calls, Call{"TagResource", map[string]any{"resourceArn": arn, memberTags: set}})
	}
	if len(gone) > 0 {
		s.Calls = append(s.Calls, Call{"UntagResource", map[string]any{"resourceArn": arn, "tagKeys": gone}})
	}
}

// resolve replaces a scheduling policy's name by its ARN. A policy that an earlier document makes is there by then; where nothing
// is made it stays a name.
func (p *Planner) resolve(ctx context.Context, k *Kind, body map[string]any) error {
	name, ok := body[memberPolicy].(string)
	if !ok || k != JobQueue || name == "" || strings.HasPrefix(name, "arn:") {
		return nil
	}
	if p.policies == nil {
		p.policies = map[string]string{}
	}
	if p.policies[name] == "" {
		found, err := SchedulingPolicy.Find(ctx, p.API, name)
		if err != nil {
			return err
		}
		p.policies[name], _ = found[SchedulingPolicy.arnMember].(string)
	}
	if p.policies[name] != "" {
		body[memberPolicy] = p.policies[name]
	}
	return nil
}

// Do carries out a step.
func (s *Step) Do(ctx context.Context, api API) error {
	for i, call := range s.Calls {
		answer, err := ask(ctx, api, call.Operation, call.In)
		if err != nil {
			return fmt.Errorf("%s (%s): %w", s.Document.ID(), s.Document.Source, err)
		}
		if i == 0 {
			s.Answer = answer
		}
	}
	return nil
}

// Revision is that of the job definition that the step registered; empty if it did not.
func (s *Step) Revision() string {
	n, _ := s.Answer["revision"].(json.Number)
	return n.String()
}
