package gitlabjobs_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// Every method of a client or service that NewClient did not create returns an error.
func TestAnEmptyClientSaysToUseNewClient(t *testing.T) {
	t.Parallel()
	var empty gitlabjobs.Client
	for name, receiver := range map[string]any{
		"a nil client": (*gitlabjobs.Client)(nil), "an empty client": &empty,
		"its Jobs": empty.Jobs, "its Bridges": empty.Bridges, "its JobToken": empty.JobToken,
		"empty Jobs": new(gitlabjobs.JobsService), "empty Bridges": new(gitlabjobs.BridgesService), "an empty JobToken": new(gitlabjobs.JobTokenService),
	} {
		v := reflect.ValueOf(receiver)
		require.Positive(t, v.NumMethod())
		for i := range v.NumMethod() {
			method := v.Type().Method(i).Name
			t.Run(name+"/"+method, func(t *testing.T) {
				t.Parallel()
				errs := callForErrors(t.Context(), v.Method(i))
				if method == "CloseIdleConnections" {
					assert.Empty(t, errs)
					return
				}
				require.Len(t, errs, 1)
				assert.ErrorContains(t, errs[0], "NewClient")
			})
		}
	}
}

// callForErrors calls a method with valid arguments. It returns the errors that the method
// returns or that its iterator yields.
func callForErrors(ctx context.Context, method reflect.Value) (errs []error) {
	collect := func(results []reflect.Value) {
		for _, result := range results {
			if err, ok := reflect.TypeAssert[error](result); ok {
				errs = append(errs, err)
			}
		}
	}
	var args []reflect.Value
	for i := range method.Type().NumIn() {
		in := method.Type().In(i)
		switch arg := reflect.New(in).Elem(); {
		case method.Type().IsVariadic() && i == method.Type().NumIn()-1:
		case in == reflect.TypeFor[context.Context]():
			args = append(args, reflect.ValueOf(ctx))
		case in == reflect.TypeFor[gitlabjobs.Project]():
			args = append(args, reflect.ValueOf(gitlabjobs.Project("1")))
		case arg.Kind() == reflect.String: // The method and the route of Do.
			args = append(args, reflect.ValueOf([]string{"GET", "/version"}[min(len(args)-1, 1)]))
		case arg.CanInt():
			arg.SetInt(1)
			args = append(args, arg)
		default:
			args = append(args, arg)
		}
	}
	results := method.Call(args)
	if len(results) == 1 && results[0].Kind() == reflect.Func {
		yield := reflect.MakeFunc(results[0].Type().In(0), func(yielded []reflect.Value) []reflect.Value {
			collect(yielded)
			return []reflect.Value{reflect.ValueOf(len(errs) < 10)}
		})
		results = results[0].Call([]reflect.Value{yield})
	}
	collect(results)
	return errs
}
