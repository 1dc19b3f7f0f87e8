// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package clients

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/smithy-go"

	"github.com/muster-batch/muster/hack/sdktest"
)

// goSDK is the AWS SDK for Go.
type goSDK struct{ client *sdk.Client }

func newGoSDK() driver {
	return goSDK{client: sdk.New(sdk.Options{
		BaseEndpoint: aws.String(endpoint), Region: region, Retryer: sdktest.Once(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	})}
}

func (g goSDK) call(ctx context.Context, operation string, input []byte) (any, *apiError, error) {
	method := reflect.ValueOf(g.client).MethodByName(operation)
	if !method.IsValid() {
		return nil, nil, fmt.Errorf("the SDK has no operation %s", operation)
	}
	// The SDK's structs are named as the wire's members but for the case of letters, which package json ignores.
	in := reflect.New(method.Type().In(1).Elem())
	if err := json.Unmarshal(input, in.Interface()); err != nil {
		return nil, nil, err
	}
	results := method.Call([]reflect.Value{reflect.ValueOf(ctx), in})
	if err, ok := reflect.TypeAssert[error](results[1]); ok && err != nil {
		if refused, ok := errors.AsType[smithy.APIError](err); ok {
			return nil, &apiError{Code: refused.ErrorCode(), Message: refused.ErrorMessage()}, nil
		}
		return nil, nil, err
	}
	return plain(results[0]), nil, nil
}

// plain turns the SDK's output into what JSON would have given, members without a value left out.
func plain(v reflect.Value) any {
	switch kind := v.Kind(); {
	case kind == reflect.Pointer:
		return plain(v.Elem())
	case kind == reflect.Struct:
		out := map[string]any{}
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if !field.IsExported() || field.Name == "ResultMetadata" || v.Field(i).IsZero() {
				continue
			}
			out[lowerFirst(field.Name)] = plain(v.Field(i))
		}
		return out
	case kind == reflect.Slice:
		out := make([]any, v.Len())
		for i := range out {
			out[i] = plain(v.Index(i))
		}
		return out
	case kind == reflect.Map:
		out := map[string]any{}
		for _, k := range v.MapKeys() {
			out[k.String()] = plain(v.MapIndex(k))
		}
		return out
	case kind == reflect.String:
		return v.String()
	case kind == reflect.Bool:
		return v.Bool()
	case v.CanFloat():
		return v.Float()
	case v.CanInt():
		return float64(v.Int())
	default:
		panic("the SDK has a member of kind " + kind.String())
	}
}

func lowerFirst(s string) string {
	return strings.ToLower(s[:1]) + s[1:]
}
