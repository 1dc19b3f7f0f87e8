// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-batch/muster/queue-api/batch"
)

// A token says where a list goes on. It is opaque to callers, carries no secret and is not trusted: a forged one can
// only point to another place of the same list.
type token[P any] struct {
	List     string `json:"l"` // which list; a token is good for the request it came from only
	Position P      `json:"p"`
}

// listID names a list by what was asked for.
func listID(parts ...string) string {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = h.Write([]byte(strconv.Itoa(len(p)) + ":" + p)) // a hash takes everything
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

// newToken makes the nextToken of a page.
func newToken[P any](list string, position P) (*string, error) {
	b, err := json.Marshal(token[P]{list, position})
	if err != nil {
		return nil, fmt.Errorf("encode nextToken: %w", err)
	}
	return new(base64.RawURLEncoding.EncodeToString(b)), nil
}

// readToken gives the position to go on from: the zero position if there is no token.
func readToken[P any](list string, s *string) (P, error) {
	var t token[P]
	if value(s) == "" {
		return t.Position, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(*s)
	if err != nil || json.Unmarshal(b, &t) != nil || t.List != list {
		var zero P
		return zero, batch.Invalidf("nextToken is not a token of this list")
	}
	return t.Position, nil
}

// pageSize checks maxResults. AWS Batch: absent means as many as there may be.
func pageSize(maxResults *int, most int) (int, error) {
	if maxResults == nil {
		return most, nil
	}
	return *maxResults, checkRange("maxResults", maxResults, 1, most)
}

// named gives the page of records, sorted by name, that follows a token, and the token of the next page.
func named[T any](records []T, nameOf func(*T) string, list string, maxResults *int, nextToken *string) ([]T, *string, error) {
	limit, err := pageSize(maxResults, 100)
	if err != nil {
		return nil, nil, err
	}
	after, err := readToken[string](list, nextToken)
	if err != nil {
		return nil, nil, err
	}
	start, found := slices.BinarySearchFunc(records, after, func(r T, name string) int { return strings.Compare(nameOf(&r), name) })
	if found {
		start++
	}
	records = records[start:]
	if len(records) <= limit {
		return records, nil, nil
	}
	next, err := newToken(list, nameOf(&records[limit-1]))
	return records[:limit], next, err
}

// picked gives the records whose name or ARN was asked for, once each, in the order asked; unknown ones are left out.
func picked[T any](records []T, nameOf func(*T) string, resourceType string, ids []string) []T {
	index := make(map[string]*T, len(records))
	for i := range records {
		index[nameOf(&records[i])] = &records[i]
	}
	out := make([]T, 0, len(ids))
	for _, id := range ids {
		name, _ := batch.NameFromARN(resourceType, id)
		if r, ok := index[name]; ok {
			out = append(out, *r)
			delete(index, name)
		}
	}
	return out
}
