// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"strings"

	"github.com/muster-batch/muster/queue-api/batch"
)

// scanWindow is how many letters of an array's string ListChildren looks at in one round trip.
const scanWindow = 16 << 10

// ListChildren implements storetest.Store.
func (s *Store) ListChildren(ctx context.Context, parentID string, status batch.JobStatus, from, limit int) ([]batch.Job, int, error) {
	at, err := locate(parentID)
	if err != nil {
		return nil, -1, err
	}
	array, err := s.Job(ctx, parentID)
	if err != nil {
		return nil, -1, err
	}
	if !array.IsArray() {
		return nil, -1, batch.ErrNotFound
	}
	var found []address
	next := -1
	for start := max(from, 0); start < array.ArraySize && next < 0; start += scanWindow {
		letters, err := s.letters(ctx, at, start, min(scanWindow, array.ArraySize-start))
		if err != nil {
			return nil, -1, err
		}
		for i := range len(letters) {
			if status != "" && statusOfLetter(&array, letters[i]) != status {
				continue
			}
			if len(found) == limit {
				next = start + i
				break
			}
			found = append(found, address{slot: at.slot, id: at.id.child(start + i)})
		}
	}
	children, err := s.read(ctx, found)
	return children, next, err
}

// letters is a part of an array's string.
func (s *Store) letters(ctx context.Context, at address, from, count int) (string, error) {
	letters, err := s.client.GetRange(ctx, at.children(at.id), int64(from), int64(from+count-1)).Result()
	if err != nil {
		return "", wrap(err)
	}
	return letters + strings.Repeat(string(unrecorded), count-len(letters)), nil
}

// ChildStatuses implements storetest.Store.
func (s *Store) ChildStatuses(ctx context.Context, parentID string) (string, error) {
	at, err := locate(parentID)
	if err != nil {
		return "", err
	}
	array, err := s.Job(ctx, parentID)
	if err != nil {
		return "", err
	}
	if !array.IsArray() {
		return "", batch.ErrNotFound
	}
	letters, err := s.letters(ctx, at, 0, array.ArraySize)
	if err != nil {
		return "", err
	}
	return strings.Map(func(letter rune) rune {
		told := letterOf(statusOfLetter(&array, byte(letter)))
		if told == "" {
			return unrecorded
		}
		return rune(told[0])
	}, letters), nil
}
