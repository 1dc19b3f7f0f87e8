// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"slices"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

const (
	maxDescribed = 100
	// namesPerPage bounds how many names one page of all definitions looks at: with a status filter most may be passed over.
	namesPerPage = 100
)

// DescribeJobDefinitions gives the revisions asked for, or those of one name, or all; of a name newest first.
func (s *Service) DescribeJobDefinitions(ctx context.Context, call batch.Call, in *awsapi.DescribeJobDefinitionsRequest) (*awsapi.DescribeJobDefinitionsResponse, error) {
	defs, next, err := s.findDefinitions(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &awsapi.DescribeJobDefinitionsResponse{JobDefinitions: make([]awsapi.JobDefinition, len(defs)), NextToken: next}
	for i := range defs {
		if out.JobDefinitions[i], err = definitionDetail(call.Scope, &defs[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Service) findDefinitions(ctx context.Context, in *awsapi.DescribeJobDefinitionsRequest) ([]batch.JobDefinition, *string, error) {
	if len(in.JobDefinitions) > 0 {
		if value(in.JobDefinitionName) != "" {
			return nil, nil, batch.Invalidf("JobDefinitions and JobDefinitionName cannot both be set")
		}
		defs, err := s.pickDefinitions(ctx, in.JobDefinitions, value(in.Status))
		return defs, nil, err
	}
	limit, err := pageSize(in.MaxResults, maxDescribed)
	if err != nil {
		return nil, nil, err
	}
	list := listID("jobDefinitions", value(in.JobDefinitionName), value(in.Status))
	from, err := readToken[revisionPosition](list, in.NextToken)
	if err != nil {
		return nil, nil, err
	}
	names, err := s.definitionNames(ctx, value(in.JobDefinitionName), from.Name)
	if err != nil {
		return nil, nil, err
	}
	page, last, err := s.revisionsPage(ctx, names, from, value(in.Status), limit)
	if err != nil || last == nil {
		return page, nil, err
	}
	next, err := newToken(list, *last)
	return page, next, err
}

// revisionPosition is the last revision that a page looked at; revision 0 means none of the name.
type revisionPosition struct {
	Name     string `json:"n"`
	Revision int    `json:"r"`
}

// definitionNames gives the names to look at, beginning with from.
func (s *Service) definitionNames(ctx context.Context, only, from string) ([]string, error) {
	if only != "" {
		name, _ := batch.NameFromARN(batch.ARNJobDefinition, only)
		return []string{name}, nil
	}
	names, err := s.definitions.DefinitionNames(ctx)
	if err != nil {
		return nil, err
	}
	start, _ := slices.BinarySearch(names, from)
	return names[start:], nil
}

// revisionsPage collects up to limit revisions after from, and says where it stopped if there is more.
func (s *Service) revisionsPage(ctx context.Context, names []string, from revisionPosition, status string, limit int) ([]batch.JobDefinition, *revisionPosition, error) {
	var page []batch.JobDefinition
	for i, name := range names {
		if i == namesPerPage {
			return page, &revisionPosition{Name: name}, nil
		}
		revisions, err := s.definitions.DefinitionRevisions(ctx, name)
		if err != nil {
			return nil, nil, err
		}
		for j, def := range revisions {
			if from.Name == name && from.Revision > 0 && def.Revision >= from.Revision {
				continue
			}
			if status != "" && def.Status != status {
				continue
			}
			if page = append(page, def); len(page) < limit {
				continue
			}
			if i == len(names)-1 && j == len(revisions)-1 {
				return page, nil, nil
			}
			return page, &revisionPosition{Name: name, Revision: def.Revision}, nil
		}
	}
	return page, nil, nil
}

// pickDefinitions gives the revisions named, once each; a name without revision means all of its revisions, and what is
// unknown is left out.
func (s *Service) pickDefinitions(ctx context.Context, ids []string, status string) ([]batch.JobDefinition, error) {
	if len(ids) > maxDescribed {
		return nil, batch.Invalidf("Maximum number of job definitions supported is %d", maxDescribed)
	}
	var picked []batch.JobDefinition
	seen := map[batch.DefinitionRef]bool{}
	for _, id := range ids {
		ref, err := definitionRef(id)
		if err != nil {
			continue
		}
		defs, err := s.revisionsOf(ctx, ref)
		if err != nil {
			return nil, err
		}
		for _, def := range defs {
			if !seen[def.Ref()] && (status == "" || status == def.Status) {
				picked = append(picked, def)
			}
			seen[def.Ref()] = true
		}
	}
	return picked, nil
}

func (s *Service) revisionsOf(ctx context.Context, ref batch.DefinitionRef) ([]batch.JobDefinition, error) {
	if ref.Revision == 0 {
		return s.definitions.DefinitionRevisions(ctx, ref.Name)
	}
	def, err := s.definitions.Definition(ctx, ref)
	if errors.Is(err, batch.ErrNotFound) {
		return nil, nil
	}
	return []batch.JobDefinition{def}, err
}
