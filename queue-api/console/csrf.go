// SPDX-License-Identifier: Apache-2.0

package console

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
)

const secretBytes = 16

func newSecret() []byte {
	secret := make([]byte, secretBytes)
	_, _ = rand.Read(secret) // never fails
	return secret
}

// mask makes a token of a session's secret, another one each time: pages are compressed, and what stays the same in them could be
// guessed by their lengths.
func mask(secret []byte) string {
	token := append(newSecret(), secret...)
	subtle.XORBytes(token[secretBytes:], token[secretBytes:], token[:secretBytes])
	return base64.RawURLEncoding.EncodeToString(token)
}

// isToken reports whether a token was made of the secret.
func isToken(token string, secret []byte) bool {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) != 2*secretBytes || len(secret) != secretBytes {
		return false
	}
	subtle.XORBytes(raw[secretBytes:], raw[secretBytes:], raw[:secretBytes])
	return subtle.ConstantTimeCompare(raw[secretBytes:], secret) == 1
}

// fieldCSRF is the field of a form that has the token.
const fieldCSRF = "csrf"

// checkOrigin refuses what another site's page sends.
func checkOrigin(r *http.Request) error {
	if http.NewCrossOriginProtection().Check(r) != nil {
		return &ProblemError{Status: http.StatusForbidden, Message: "This request came from another site and was not carried out."}
	}
	return nil
}

// checkCSRF refuses a form that was not on a page of the same session.
func checkCSRF(r *http.Request, s *session) error {
	if !isToken(r.PostFormValue(fieldCSRF), s.Secret) {
		return &ProblemError{Status: http.StatusForbidden, Message: "This form is of an earlier login. Load the page again and repeat."}
	}
	return nil
}
