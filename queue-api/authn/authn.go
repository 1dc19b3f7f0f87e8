// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"net/http"
	"strings"
	"time"

	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/authn/sigv4"
	"github.com/muster-batch/muster/queue-api/batch"
)

const (
	service = "batch"
	// serviceLogs is that of operations which name their target so.
	serviceLogs = "logs"
	logsTarget  = "Logs_20140328."

	headerAuthorization = "Authorization"
	headerInvocation    = "Amz-Sdk-Invocation-Id"
	headerTarget        = "X-Amz-Target"

	// skew is by how much a client's clock may differ. AWS: about five minutes.
	skew = 5 * time.Minute
)

// TokenReviewer says whose token it is.
type TokenReviewer interface {
	// Review returns the token's user. A refusal is a *batch.Error; any other error means that nobody could be asked.
	Review(ctx context.Context, token string) (batch.User, error)
}

// Authenticator is the ways in which a caller may say who they are; those that are nil are closed.
type Authenticator struct {
	Keys     *AccessKeys
	Sessions *SessionKeys  // needs Tokens
	Tokens   TokenReviewer // of Bearer tokens and of session tokens
	Clock    clock.PassiveClock
}

// Authenticate implements httpapi.Authenticator. A header that names the invocation without being signed is taken away: it
// would let a request that was overheard be sent again as another one.
func (a *Authenticator) Authenticate(r *http.Request, body func() ([]byte, error)) (batch.User, error) {
	if sigv4.IsSigned(r.Header) {
		return a.signed(r, body)
	}
	token, err := tokenOf(r.Header)
	if err != nil {
		return batch.User{}, err
	}
	if a.Tokens == nil {
		return batch.User{}, unrecognized()
	}
	return a.Tokens.Review(r.Context(), token)
}

func (a *Authenticator) signed(r *http.Request, body func() ([]byte, error)) (batch.User, error) {
	signature, err := sigv4.Parse(r)
	if err != nil {
		return batch.User{}, err
	}
	secrets, user, err := a.secrets(r.Context(), &signature)
	if err != nil {
		return user, err
	}
	target, err := serviceOf(r.Header, &signature)
	if err != nil {
		return user, err
	}
	if err := signature.Check(target, a.Clock.Now(), skew); err != nil {
		return user, err
	}
	if err := verify(r, &signature, secrets, body); err != nil {
		return user, err
	}
	if !signature.Signs(strings.ToLower(headerInvocation)) {
		r.Header.Del(headerInvocation)
	}
	if signature.Token == "" {
		return user, nil
	}
	return a.Tokens.Review(r.Context(), signature.Token)
}

// serviceOf is the service that the request is for. The header that tells must be signed: it also names the operation.
func serviceOf(h http.Header, s *sigv4.Signature) (string, error) {
	switch target := h.Values(headerTarget); {
	case len(target) == 0:
		return service, nil
	case len(target) > 1 || !s.Signs(strings.ToLower(headerTarget)):
		return "", &batch.Error{Code: batch.CodeIncompleteSignature, Message: "'" + headerTarget + "' must be sent once and be a 'SignedHeader' in the AWS Authorization"}
	case strings.HasPrefix(target[0], logsTarget):
		return serviceLogs, nil
	}
	return service, nil
}

// secrets are those that may have made the signature. The user of a session is told by its token later, once the signature
// proved that the server gave it out.
func (a *Authenticator) secrets(ctx context.Context, s *sigv4.Signature) ([]string, batch.User, error) {
	if s.Token != "" {
		if a.Sessions == nil || a.Tokens == nil {
			return nil, batch.User{}, unrecognized()
		}
		secrets, ok := a.Sessions.secrets(ctx, s.AccessKeyID, s.Token)
		if !ok {
			return nil, batch.User{}, unrecognized()
		}
		return secrets, batch.User{}, nil
	}
	if a.Keys == nil {
		return nil, batch.User{}, unrecognized()
	}
	key, ok := a.Keys.find(ctx, s.AccessKeyID)
	if !ok {
		return nil, batch.User{}, unrecognized()
	}
	return []string{key.SecretAccessKey}, key.user(), nil
}

func verify(r *http.Request, s *sigv4.Signature, secrets []string, body func() ([]byte, error)) error {
	content, err := body()
	if err != nil {
		return err
	}
	for _, secret := range secrets {
		if s.Verify(r, content, secret) {
			return nil
		}
	}
	return &batch.Error{
		Code: batch.CodeInvalidSignature,
		Message: "The request signature we calculated does not match the signature you provided. " +
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
	}
}

// tokenOf reads a Bearer token. AWS's clients send the token of AWS_CONTAINER_AUTHORIZATION_TOKEN bare.
func tokenOf(h http.Header) (string, error) {
	header := strings.TrimSpace(h.Get(headerAuthorization))
	if header == "" {
		return "", &batch.Error{Code: batch.CodeMissingToken, Message: "Missing Authentication Token"}
	}
	scheme, token, found := strings.Cut(header, " ")
	switch {
	case !found:
		token = scheme
	case !strings.EqualFold(scheme, "Bearer"):
		return "", unrecognized()
	}
	token = strings.TrimSpace(token)
	if token == "" || len(h[headerAuthorization]) != 1 || strings.ContainsAny(token, " ,") {
		return "", unrecognized()
	}
	return token, nil
}

func unrecognized() error {
	return &batch.Error{Code: batch.CodeUnrecognizedClient, Message: "The security token included in the request is invalid."}
}

func expired() error {
	return &batch.Error{Code: batch.CodeExpiredToken, Message: "The security token included in the request is expired"}
}
