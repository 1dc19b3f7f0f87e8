// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"context"
	"slices"

	"github.com/muster-batch/muster/queue-api/batch"
)

// readAhead is of how many shares the first page is read in one round trip. A round that admits little looks at few shares.
const readAhead = 64

// firstPages are the first pages of a queue's shares in one round. Looking at one share reads those that follow it, too: a
// fair-share order begins by looking at the first job of every share that may be next.
type firstPages struct {
	shares []string // sorted; may be empty
	read   map[string]batch.Page
}

// get gives a share's first page, of the limit that the first call of a round asks for.
func (f *firstPages) get(ctx context.Context, store ShareStore, queue int, share string, limit int) (batch.Page, error) {
	if page, ok := f.read[share]; ok {
		return page, nil
	}
	wanted := []string{share}
	if i, found := slices.BinarySearch(f.shares, share); found {
		for _, s := range f.shares[i+1 : min(i+readAhead, len(f.shares))] {
			if _, ok := f.read[s]; !ok {
				wanted = append(wanted, s)
			}
		}
	}
	pages, err := store.WaitingFirst(ctx, queue, wanted, limit)
	if err != nil {
		return batch.Page{}, err
	}
	if f.read == nil {
		f.read = make(map[string]batch.Page, len(f.shares))
	}
	for i, s := range wanted {
		f.read[s] = pages[i]
	}
	return pages[0], nil
}
