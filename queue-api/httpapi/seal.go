// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"
	"reflect"

	"github.com/muster-batch/muster/queue-api/batch"
)

// A token says where a list goes on, which is a name that its caller may not be allowed to see. So where callers may not see
// everything, tokens are sealed: only a server can read one, and only for the operation and the user that it was made for.

// openToken puts the token of the control plane in place of the sealed one that a request carries.
func (s *Server) openToken(ctx context.Context, call batch.Call, operation string, in any) error {
	token := tokenOf(in)
	if s.sealKey == nil || token == nil || *token == nil || **token == "" {
		return nil
	}
	gcm, err := s.gcm(ctx)
	if err != nil {
		return err
	}
	sealed, err := base64.RawURLEncoding.DecodeString(**token)
	if err == nil {
		sealed, err = gcm.Open(nil, nil, sealed, madeFor(call, operation))
	}
	if err != nil {
		return batch.Invalidf("nextToken is not a token of this list")
	}
	*token = new(string(sealed))
	return nil
}

// sealToken seals the token of a response.
func (s *Server) sealToken(ctx context.Context, call batch.Call, operation string, out any) error {
	token := tokenOf(out)
	if s.sealKey == nil || token == nil || *token == nil {
		return nil
	}
	gcm, err := s.gcm(ctx)
	if err != nil {
		return err
	}
	*token = new(base64.RawURLEncoding.EncodeToString(gcm.Seal(nil, nil, []byte(**token), madeFor(call, operation))))
	return nil
}

func (s *Server) gcm(ctx context.Context) (cipher.AEAD, error) {
	key, err := s.sealKey(ctx)
	if err != nil {
		return nil, fmt.Errorf("seal token: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("seal token: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func madeFor(call batch.Call, operation string) []byte {
	return []byte(operation + "\x00" + call.User.Name)
}

// tokenOf is the member NextToken of a request or a response, nil if it has none.
func tokenOf(v any) **string {
	s := reflect.ValueOf(v)
	if s.Kind() != reflect.Pointer || s.Elem().Kind() != reflect.Struct {
		return nil
	}
	field := s.Elem().FieldByName("NextToken")
	if !field.IsValid() {
		return nil
	}
	token, _ := reflect.TypeAssert[**string](field.Addr())
	return token
}
