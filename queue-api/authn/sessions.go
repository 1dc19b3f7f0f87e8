// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"time"

	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
)

// SessionKeys derive access keys from tokens:
//
//	access key id       MSTR and 16 characters of the token's SHA-256
//	secret access key   HMAC-SHA-256 of "<access key id>|<token>" by the server's key
//	session token       the token itself
//
// So the server finds the secret of any request again by the session token in it, and every replica with the same key does.
// The file holds one key a line: the first derives, all verify, so that a key can be replaced without a gap.
type SessionKeys struct {
	file  *file[[][]byte]
	clock clock.PassiveClock
}

// minServerKey is the least length of a server's key, in bytes.
const minServerKey = 32

// OpenSessionKeys reads the server's keys at path.
func OpenSessionKeys(path string, clk clock.PassiveClock) (*SessionKeys, error) {
	f, err := open(path, parseServerKeys, clk)
	if err != nil {
		return nil, fmt.Errorf("session keys: %w", err)
	}
	return &SessionKeys{file: f, clock: clk}, nil
}

func parseServerKeys(contents [][]byte) ([][]byte, error) {
	var keys [][]byte
	for _, content := range contents {
		for line := range bytes.Lines(content) {
			line = bytes.TrimSpace(line)
			if len(line) == 0 {
				continue
			}
			if len(line) < minServerKey {
				return nil, fmt.Errorf("a key must have at least %d characters", minServerKey)
			}
			keys = append(keys, bytes.Clone(line))
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("holds no key")
	}
	return keys, nil
}

// secrets are those that the server may have derived from the token; ok is false if it never gave out that id for it.
func (k *SessionKeys) secrets(ctx context.Context, id, token string) (secrets []string, ok bool) {
	if id != sessionID(token) {
		return nil, false
	}
	for _, key := range k.file.get(ctx) {
		secrets = append(secrets, sessionSecret(key, id, token))
	}
	return secrets, true
}

func sessionID(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "MSTR" + base32.StdEncoding.EncodeToString(sum[:10])
}

func sessionSecret(key []byte, id, token string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(id + "|" + token))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// Credentials is a derived key as AWS's clients read it, from a credential_process (Version, SessionToken) as well as from
// AWS_CONTAINER_CREDENTIALS_FULL_URI (Token).
type Credentials struct {
	Version         int
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Token           string
	// Expiration is in RFC 3339: when the token ends, or when a client should ask again.
	Expiration string
}

// askAgain is after what time a client should ask for the key of a token that does not say when it ends.
const askAgain = time.Hour

// Issue derives the key of the token that the request carries, which Authenticate has accepted.
func (k *SessionKeys) Issue(r *http.Request) (any, error) {
	token, err := tokenOf(r.Header)
	if err != nil {
		return nil, batch.Invalidf("A key is derived from a Kubernetes token: send it as Authorization: Bearer <token>")
	}
	keys := k.file.get(r.Context())
	end, ok := expiry(token)
	if !ok {
		end = k.clock.Now().Add(askAgain)
	}
	id := sessionID(token)
	return &Credentials{
		Version: 1, AccessKeyID: id, SecretAccessKey: sessionSecret(keys[0], id, token), SessionToken: token, Token: token,
		Expiration: end.UTC().Format(time.RFC3339),
	}, nil
}
