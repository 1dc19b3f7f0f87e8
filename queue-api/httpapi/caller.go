// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// whoAmI tells callers who they are.
func (s *Server) whoAmI() http.Handler {
	return s.endpoint(OpWhoAmI, func(r *http.Request) (any, error) {
		call := s.call(r)
		return s.authorized(r.Context(), call, OpWhoAmI, nil, func() (any, error) {
			groups := call.User.Groups
			if groups == nil {
				groups = []string{}
			}
			return &viewapi.WhoAmI{
				Anonymous: s.authenticator == nil, User: call.User.Name, UID: call.User.UID, Groups: groups,
				Region: call.Region, Account: call.Account,
			}, nil
		})
	})
}

// maxQuestion bounds the body of a question, which is of the size of a submission.
const maxQuestion = maxSubmission

// canI tells callers whether they may do an operation, by asking what is asked when they do it. What a job's pods may have is
// not part of it: that is asked in the pods' namespace once they are known.
func (s *Server) canI() http.Handler {
	return s.endpoint(OpCanI, func(r *http.Request) (any, error) {
		var question viewapi.CanIRequest
		if err := decodeBody(r, maxQuestion, &question); err != nil {
			return nil, err
		}
		call := s.call(r)
		return s.authorized(r.Context(), call, OpCanI, nil, func() (any, error) { return s.answer(r.Context(), call, &question) })
	})
}

func (s *Server) answer(ctx context.Context, call batch.Call, question *viewapi.CanIRequest) (*viewapi.CanI, error) {
	create, ok := s.requests[question.Operation]
	if !ok {
		return nil, batch.Invalidf("operation: %.128q is not an operation of this server", question.Operation)
	}
	in := create()
	if err := decode(question.Request, in); err != nil {
		return nil, err
	}
	locate(in, question.ResourceARN)
	if s.authorizer == nil {
		return &viewapi.CanI{Allowed: true, Reason: "this server asks nobody who they are"}, nil
	}
	err := s.authorizer.Authorize(ctx, call, question.Operation, in)
	if refusal, ok := errors.AsType[*batch.Error](err); ok {
		return &viewapi.CanI{Reason: refusal.Message}, nil
	}
	if err != nil {
		return nil, err
	}
	return &viewapi.CanI{Allowed: true}, nil
}

// locate sets what operations on tags have in their path.
func locate(in any, arn string) {
	if arn == "" {
		return
	}
	switch in := in.(type) {
	case *awsapi.ListTagsForResourceRequest:
		in.ResourceArn = &arn
	case *awsapi.TagResourceRequest:
		in.ResourceArn = &arn
	case *awsapi.UntagResourceRequest:
		in.ResourceArn = &arn
	}
}

// status tells how the server and what it stands on are.
func (s *Server) status(tell func(context.Context) *viewapi.Status) http.Handler {
	return s.endpoint(OpGetStatus, func(r *http.Request) (any, error) {
		return s.authorized(r.Context(), s.call(r), OpGetStatus, nil, func() (any, error) { return tell(r.Context()), nil })
	})
}
