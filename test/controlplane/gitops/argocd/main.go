// Does to a control plane what Argo CD's application controller does, with its own packages: see ../programs.ts.
//
//	argocd diff  compares as the Application says
//	argocd sync  syncs as it says, waves and all, and then compares
//
// The rendered objects come as a List in JSON on standard input. One line of JSON goes to standard output; the exit
// status is 1 where nothing could be tried at all.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// report is what the Application's status would say.
type report struct {
	// Phase and Message are the sync's.
	Phase     common.OperationPhase `json:"phase,omitempty"`
	Message   string                `json:"message,omitempty"`
	Resources []resourceResult      `json:"resources,omitempty"`
	OutOfSync []difference          `json:"outOfSync"`
	// ComparisonError is the condition of that name, under which Argo CD calls the state unknown and syncs nothing.
	ComparisonError string `json:"comparisonError,omitempty"`
}

type resourceResult struct {
	Kind    string            `json:"kind"`
	Name    string            `json:"name"`
	Status  common.ResultCode `json:"status"`
	Message string            `json:"message"`
}

type difference struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Patch is a merge patch from the live object to the predicted one.
	Patch json.RawMessage `json:"patch"`
}

func main() {
	result, err := run(context.Background(), os.Args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (report, error) {
	if len(args) == 0 || (args[0] != "diff" && args[0] != "sync") {
		return report{}, fmt.Errorf("usage: argocd diff|sync --kubeconfig FILE --application FILE")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "the cluster")
	applicationFile := flags.String("application", "", "the Application")
	if err := flags.Parse(args[1:]); err != nil {
		return report{}, err
	}
	application, err := readApplication(*applicationFile)
	if err != nil {
		return report{}, err
	}
	var list unstructured.UnstructuredList
	text, err := io.ReadAll(os.Stdin)
	if err == nil {
		err = list.UnmarshalJSON(text)
	}
	if err != nil {
		return report{}, err
	}
	cluster, err := connect(*kubeconfig)
	if err != nil {
		return report{}, err
	}
	defer cluster.close()
	state, err := newAppState(application, list.Items, cluster)
	if err != nil {
		return report{}, err
	}
	if args[0] == "sync" {
		return state.sync(ctx)
	}
	return state.compare(ctx)
}

// readApplication refuses fields that Argo CD does not know, and sync options that are not played here.
func readApplication(file string) (*v1alpha1.Application, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	application := &v1alpha1.Application{}
	if err := yaml.UnmarshalStrict(text, application); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, option := range syncOptions(application) {
		switch option {
		case "ServerSideApply=true", "Replace=true":
		default:
			return nil, fmt.Errorf("%s: the sync option %s is not played here", file, option)
		}
	}
	return application, nil
}

func syncOptions(application *v1alpha1.Application) v1alpha1.SyncOptions {
	if application.Spec.SyncPolicy == nil {
		return nil
	}
	return application.Spec.SyncPolicy.SyncOptions
}
