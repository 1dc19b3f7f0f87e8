// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
)

const (
	// acceptedFor and refusedFor are how long the answer of a review counts. A token that ends sooner is accepted no longer.
	acceptedFor = time.Minute
	refusedFor  = 10 * time.Second
	maxReviews  = 1024

	reviewTimeout = 10 * time.Second
	reviewsPerSec = 50
	reviewBurst   = 100
)

// ReviewClient is the part of the API server that reviews tokens.
type ReviewClient interface {
	Create(ctx context.Context, review *authenticationv1.TokenReview, opts metav1.CreateOptions) (*authenticationv1.TokenReview, error)
}

// Tokens has Kubernetes say whose tokens are, and remembers its answers for a short time. It keeps no token, only hashes.
type Tokens struct {
	client    ReviewClient
	audiences []string
	clock     clock.PassiveClock
	cache     *cache.LRUExpireCache
	flight    singleflight.Group
	limiter   flowcontrol.PassiveRateLimiter
}

var _ TokenReviewer = (*Tokens)(nil)

// NewTokens makes Tokens that accepts tokens for one of the audiences; none means the API server's own.
func NewTokens(client ReviewClient, audiences []string, clk clock.PassiveClock) *Tokens {
	return &Tokens{
		client: client, audiences: audiences, clock: clk,
		cache:   cache.NewLRUExpireCacheWithClock(maxReviews, clk),
		limiter: flowcontrol.NewTokenBucketPassiveRateLimiter(reviewsPerSec, reviewBurst),
	}
}

// verdict is an answer to be remembered: a user, or why there is none.
type verdict struct {
	user    batch.User
	refusal error
}

// Review implements TokenReviewer.
func (t *Tokens) Review(ctx context.Context, token string) (batch.User, error) {
	key := sha256.Sum256([]byte(token))
	if known, ok := t.cache.Get(key); ok {
		v := known.(verdict)
		return v.user, v.refusal
	}
	// One of those who ask at the same time asks for all, whether or not it waits for the answer.
	asked := t.flight.DoChan(string(key[:]), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reviewTimeout)
		defer cancel()
		return t.ask(ctx, key, token)
	})
	select {
	case <-ctx.Done():
		return batch.User{}, ctx.Err()
	case answer := <-asked:
		if answer.Err != nil {
			return batch.User{}, answer.Err
		}
		v := answer.Val.(verdict)
		return v.user, v.refusal
	}
}

func (t *Tokens) ask(ctx context.Context, key [sha256.Size]byte, token string) (verdict, error) {
	if end, ok := expiry(token); ok && !end.After(t.clock.Now()) {
		return verdict{refusal: expired()}, nil
	}
	if !t.limiter.TryAccept() {
		return verdict{}, &batch.Error{Code: batch.CodeTooManyRequests, Message: "Too many new tokens at once, please retry"}
	}
	review, err := t.client.Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: t.audiences},
	}, metav1.CreateOptions{})
	if err != nil {
		return verdict{}, fmt.Errorf("review token: %w", err)
	}
	v := t.judge(&review.Status)
	if v.refusal == nil && v.user.Name == "" {
		return verdict{}, errors.New("review token: the API server names no user")
	}
	t.cache.Add(key, v, t.remember(v, token))
	return v, nil
}

// judge reads a review. An API server that knows no audiences answers none: then the token may be meant for anybody.
func (t *Tokens) judge(s *authenticationv1.TokenReviewStatus) verdict {
	meant := len(t.audiences) == 0 || slices.ContainsFunc(s.Audiences, func(a string) bool { return slices.Contains(t.audiences, a) })
	if !s.Authenticated || !meant {
		return verdict{refusal: unrecognized()}
	}
	user := batch.User{Name: s.User.Username, UID: s.User.UID, Groups: s.User.Groups}
	for name, values := range s.User.Extra {
		if user.Extra == nil {
			user.Extra = map[string][]string{}
		}
		user.Extra[name] = values
	}
	return verdict{user: user}
}

func (t *Tokens) remember(v verdict, token string) time.Duration {
	if v.refusal != nil {
		return refusedFor
	}
	if end, ok := expiry(token); ok {
		return min(acceptedFor, end.Sub(t.clock.Now()))
	}
	return acceptedFor
}

// expiry reads when a JWT ends. It proves nothing: it only shortens what a review says.
func expiry(token string) (end time.Time, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}, false
	}
	var claims struct {
		Expiry float64 `json:"exp"`
	}
	const latest = 1 << 40 // further than time.Time can be subtracted from, yet a whole number of seconds
	if json.Unmarshal(payload, &claims) != nil || claims.Expiry <= 0 || claims.Expiry > latest {
		return time.Time{}, false
	}
	return time.Unix(int64(claims.Expiry), 0), true
}
