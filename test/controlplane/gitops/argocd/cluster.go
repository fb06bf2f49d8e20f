package main

import (
	"context"
	"fmt"

	kubeutil "github.com/argoproj/argo-cd/v3/util/kube"
	"github.com/argoproj/gitops-engine/pkg/diff"
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/kubectl/pkg/util/openapi"
)

// cluster is as much of Argo CD's live state cache as comparing and syncing ask for, without the cache.
type cluster struct {
	config    *rest.Config
	kubectl   kube.Kubectl
	client    dynamic.Interface
	kinds     map[schema.GroupKind]kube.APIResourceInfo
	openAPI   openapi.Resources
	gvkParser *managedfields.GvkParser
	dryRunner diff.ServerSideDryRunner
	close     func()
}

func connect(kubeconfig string) (*cluster, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 200, 400
	kubectl := kubeutil.NewKubectl()
	resources, err := kubectl.GetAPIResources(config, false, everyResource{})
	if err != nil {
		return nil, err
	}
	kinds := map[schema.GroupKind]kube.APIResourceInfo{}
	for _, resource := range resources {
		kinds[resource.GroupKind] = resource
	}
	openAPI, gvkParser, err := kubectl.LoadOpenAPISchema(config)
	if err != nil {
		return nil, err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	applier, closeApplier, err := kubeutil.ManageServerSideDiffDryRuns(config, openAPI, quietly)
	if err != nil {
		return nil, err
	}
	return &cluster{
		config:    config,
		kubectl:   kubectl,
		client:    client,
		kinds:     kinds,
		openAPI:   openAPI,
		gvkParser: gvkParser,
		dryRunner: diff.NewK8sServerSideDryRunner(applier),
		close:     closeApplier,
	}, nil
}

// IsNamespaced has Argo CD find out where an object without a namespace belongs.
func (c *cluster) IsNamespaced(kind schema.GroupKind) (bool, error) {
	resource, isKnown := c.kinds[kind]
	if !isKnown {
		return false, fmt.Errorf("the cluster has no %s", kind)
	}
	return resource.Meta.Namespaced, nil
}

// live reads the objects that the targets stand for; what is not there yet is left out.
func (c *cluster) live(
	ctx context.Context, targets []*unstructured.Unstructured, namespace string,
) (map[kube.ResourceKey]*unstructured.Unstructured, error) {
	found := map[kube.ResourceKey]*unstructured.Unstructured{}
	for _, target := range targets {
		kind := target.GroupVersionKind()
		resource, isKnown := c.kinds[kind.GroupKind()]
		if !isKnown {
			continue
		}
		place := c.client.Resource(resource.GroupVersionResource.GroupResource().WithVersion(kind.Version))
		var reader dynamic.ResourceInterface = place
		if resource.Meta.Namespaced {
			reader = place.Namespace(firstNonEmpty(target.GetNamespace(), namespace))
		}
		object, err := reader.Get(ctx, target.GetName(), metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found[kube.GetResourceKey(object)] = object
	}
	return found, nil
}

func firstNonEmpty(first, second string) string {
	if first != "" {
		return first
	}
	return second
}

type everyResource struct{}

func (everyResource) IsExcludedResource(_, _, _ string) bool { return false }

func quietly(string) (kube.CleanupFunc, error) { return func() {}, nil }
