// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"

	"k8s.io/apimachinery/pkg/types"

	"github.com/muster-batch/muster/plugins/gang"
)

// Fill plans a draft on the current snapshot.
func (g *GangFit) Fill(ctx context.Context, draft *gang.Draft) (map[types.UID]string, string, error) {
	return g.fill(ctx, draft)
}

// Counts reports whether counting is enough for a draft.
func (g *GangFit) Counts(ctx context.Context, draft *gang.Draft) (bool, error) {
	s, err := newSimulation(g)
	if err != nil {
		return false, err
	}
	t, err := s.tally(ctx, draft)
	return t != nil, err
}

// FillOneByOne plans a draft on the current snapshot member by member.
func (g *GangFit) FillOneByOne(ctx context.Context, draft *gang.Draft) (map[types.UID]string, string, error) {
	s, err := newSimulation(g)
	if err != nil {
		return nil, "", err
	}
	return s.oneByOne(ctx, draft)
}
