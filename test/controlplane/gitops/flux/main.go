// Does to a control plane what Flux's controllers do, with their own library: see ../programs.ts.
//
//	flux apply      what kustomize-controller does with a Kustomization
//	flux diff       what it finds before that, and nothing is written
//	flux helm-diff  what helm-controller calls drift of a HelmRelease
//	flux check      reads files of Flux's own objects, strictly
//
// The objects come as a List in JSON on standard input, in the order of the source. One line of JSON goes to standard
// output; the exit status is 1 where the controller would call the Kustomization not ready, with its message.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling"
	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/jsondiff"
	"github.com/fluxcd/pkg/ssa/normalize"
	"github.com/fluxcd/pkg/ssa/utils"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	kustomizeController = "kustomize-controller"
	helmController      = "helm-controller"
	kustomizeGroup      = "kustomize.toolkit.fluxcd.io"
)

// change is what was done to one object, or would be.
type change struct {
	Subject string `json:"subject"`
	Action  string `json:"action"`
	// Patch leads from the live object to the wanted one.
	Patch any `json:"patch,omitempty"`
}

func main() {
	changes, err := run(context.Background(), os.Args[1:])
	if encoded, encodeErr := json.Marshal(changes); encodeErr == nil {
		fmt.Println(string(encoded))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) ([]change, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("usage: flux apply|diff|helm-diff --kubeconfig FILE --name NAME, or flux check FILE...")
	}
	if args[0] == "check" {
		return []change{}, check(args[1:])
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "the cluster")
	name := flags.String("name", "", "the Kustomization's, which every object is labelled with")
	force := flags.Bool("force", false, "the Kustomization's spec.force")
	stages := flags.String("custom-apply-stage-kinds", "", "the controller's flag of that name")
	if err := flags.Parse(args[1:]); err != nil {
		return nil, err
	}
	objects, err := readObjects(os.Stdin)
	if err != nil {
		return nil, err
	}
	cluster, err := connect(*kubeconfig)
	if err != nil {
		return nil, err
	}
	switch args[0] {
	case "apply":
		return applyAll(ctx, manager(cluster, *name, objects), objects, *force, *stages)
	case "diff":
		return diffAll(ctx, manager(cluster, *name, objects), objects)
	case "helm-diff":
		return helmDiff(ctx, cluster, objects)
	}
	return nil, fmt.Errorf("no command %q", args[0])
}

func readObjects(from io.Reader) ([]*unstructured.Unstructured, error) {
	text, err := io.ReadAll(from)
	if err != nil {
		return nil, err
	}
	var list unstructured.UnstructuredList
	if err := list.UnmarshalJSON(text); err != nil {
		return nil, err
	}
	objects := make([]*unstructured.Unstructured, len(list.Items))
	for index := range list.Items {
		objects[index] = &list.Items[index]
	}
	return objects, normalize.UnstructuredList(objects)
}

func connect(kubeconfig string) (client.Client, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 200, 400
	return client.New(config, client.Options{})
}

func manager(cluster client.Client, name string, objects []*unstructured.Unstructured) *ssa.ResourceManager {
	poller := polling.NewStatusPoller(cluster, cluster.RESTMapper(), polling.Options{})
	manager := ssa.NewResourceManager(cluster, poller, ssa.Owner{Field: kustomizeController, Group: kustomizeGroup})
	manager.SetOwnerLabels(objects, name, "flux-system")
	// The default of the controller's flag --concurrent-ssa.
	manager.SetConcurrency(4)
	return manager
}

func applyAll(
	ctx context.Context, manager *ssa.ResourceManager, objects []*unstructured.Unstructured, force bool, stages string,
) ([]change, error) {
	options, err := applyOptions(force, stages)
	if err != nil {
		return nil, err
	}
	set, err := manager.ApplyAllStaged(ctx, objects, options)
	changes := []change{}
	if set != nil {
		for _, entry := range set.Entries {
			changes = append(changes, change{Subject: entry.Subject, Action: string(entry.Action)})
		}
	}
	return changes, err
}

// applyOptions are those that kustomize-controller builds for every Kustomization.
func applyOptions(force bool, stages string) (ssa.ApplyOptions, error) {
	options := ssa.DefaultApplyOptions()
	options.Force = force
	options.Cleanup = ssa.ApplyCleanupOptions{
		Annotations: []string{corev1.LastAppliedConfigAnnotation},
		// Whose fields it takes for its own, so that it may undo what they wrote.
		FieldManagers: []ssa.FieldManager{
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationApply},
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationUpdate},
			{Name: "before-first-apply", OperationType: metav1.ManagedFieldsOperationUpdate},
			{Name: kustomizeController, OperationType: metav1.ManagedFieldsOperationUpdate},
		},
	}
	var err error
	options.CustomStageKinds, err = utils.ParseGroupKindSet(stages)
	return options, err
}

func diffAll(ctx context.Context, manager *ssa.ResourceManager, objects []*unstructured.Unstructured) ([]change, error) {
	changes := []change{}
	for _, object := range objects {
		entry, live, wanted, err := manager.Diff(ctx, object, ssa.DefaultDiffOptions())
		if err != nil {
			return changes, err
		}
		found := change{Subject: entry.Subject, Action: string(entry.Action)}
		if live != nil {
			if found.Patch, err = jsondiff.DiffUnstructured(live, wanted); err != nil {
				return changes, err
			}
		}
		changes = append(changes, found)
	}
	return changes, nil
}

func helmDiff(ctx context.Context, cluster client.Client, objects []*unstructured.Unstructured) ([]change, error) {
	set, err := jsondiff.UnstructuredList(ctx, cluster, objects, jsondiff.FieldOwner(helmController))
	changes := []change{}
	for _, found := range set {
		changes = append(changes, change{
			Subject: fmt.Sprintf("%s/%s", found.GroupVersionKind().Kind, found.GetName()),
			Action:  string(found.Type),
			Patch:   found.Patch,
		})
	}
	return changes, err
}
