package main

import (
	"context"
	"time"

	argocommon "github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/argo"
	argodiff "github.com/argoproj/argo-cd/v3/util/argo/diff"
	"github.com/argoproj/argo-cd/v3/util/argo/normalizers"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/gitops-engine/pkg/diff"
	"github.com/argoproj/gitops-engine/pkg/sync"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/argoproj/gitops-engine/pkg/sync/resource"
	jsonpatch "github.com/evanphx/json-patch"
	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const syncTimeout = 30 * time.Second

// appState is Argo CD's appStateManager for one Application, whose targets are rendered already.
type appState struct {
	application *v1alpha1.Application
	targets     []*unstructured.Unstructured
	cluster     *cluster
}

func newAppState(
	application *v1alpha1.Application, objects []unstructured.Unstructured, cluster *cluster,
) (*appState, error) {
	state := &appState{application: application, cluster: cluster}
	for index := range objects {
		target := &objects[index]
		err := argo.NewResourceTracking().SetAppInstance(
			target, argocommon.LabelKeyAppInstance, application.Name, application.Spec.Destination.Namespace,
			v1alpha1.TrackingMethodAnnotation, "")
		if err != nil {
			return nil, err
		}
		state.targets = append(state.targets, target)
	}
	return state, nil
}

func (s *appState) compare(ctx context.Context) (report, error) {
	pairs, err := s.pairs(ctx)
	if err != nil {
		return report{}, err
	}
	config, err := s.diffConfig()
	if err != nil {
		return report{}, err
	}
	results, err := argodiff.StateDiffs(pairs.Live, pairs.Target, config)
	if err != nil {
		return report{OutOfSync: []difference{}, ComparisonError: err.Error()}, nil
	}
	differences, err := modified(pairs, results)
	return report{OutOfSync: differences}, err
}

// pairs are the targets beside what there is of them.
func (s *appState) pairs(ctx context.Context) (sync.ReconciliationResult, error) {
	namespace := s.application.Spec.Destination.Namespace
	live, err := s.cluster.live(ctx, s.targets, namespace)
	return sync.Reconcile(s.targets, live, namespace, s.cluster), err
}

// diffConfig reads the Application as CompareAppState does.
func (s *appState) diffConfig() (argodiff.DiffConfig, error) {
	has := func(option string) bool {
		return resource.HasAnnotationOption(s.application, argocommon.AnnotationCompareOptions, option)
	}
	jq := normalizers.IgnoreNormalizerOpts{JQExecutionTimeout: normalizers.DefaultJQExecutionTimeout}
	return argodiff.NewDiffConfigBuilder().
		WithDiffSettings(s.application.Spec.IgnoreDifferences, nil, false, jq).
		WithTracking(argocommon.LabelKeyAppInstance, string(v1alpha1.TrackingMethodAnnotation)).
		WithNoCache().
		WithIgnoreMutationWebhook(!has("IncludeMutationWebhook=true")).
		WithGVKParser(s.cluster.gvkParser).
		WithManager(argocommon.ArgoCDSSAManager).
		WithServerSideDiff(has("ServerSideDiff=true")).
		WithServerSideDryRunner(s.cluster.dryRunner).
		WithStructuredMergeDiff(syncOptions(s.application).HasOption(common.SyncOptionServerSideApply)).
		Build()
}

func modified(pairs sync.ReconciliationResult, results *diff.DiffResultList) ([]difference, error) {
	differences := []difference{}
	for index, result := range results.Diffs {
		if !result.Modified {
			continue
		}
		patch, err := jsonpatch.CreateMergePatch(result.NormalizedLive, result.PredictedLive)
		if err != nil {
			return nil, err
		}
		target := pairs.Target[index]
		differences = append(differences, difference{Kind: target.GetKind(), Name: target.GetName(), Patch: patch})
	}
	return differences, nil
}

// sync goes on, as the controller does, until every wave is through.
func (s *appState) sync(ctx context.Context) (report, error) {
	before, err := s.compare(ctx)
	if err != nil || before.ComparisonError != "" {
		return before, err
	}
	phase, message := common.OperationRunning, ""
	var results []common.ResourceSyncResult
	started := metav1.Now()
	for !phase.Completed() && time.Since(started.Time) < syncTimeout {
		if phase, message, results, err = s.syncStep(ctx, phase, message, results, started); err != nil {
			return report{}, err
		}
	}
	after, err := s.compare(ctx)
	after.Phase, after.Message = phase, message
	for _, result := range results {
		after.Resources = append(after.Resources, resourceResult{
			Kind:    result.ResourceKey.Kind,
			Name:    result.ResourceKey.Name,
			Status:  result.Status,
			Message: result.Message,
		})
	}
	return after, err
}

// syncStep syncs with the options that SyncAppState gives for this Application.
func (s *appState) syncStep(
	ctx context.Context, phase common.OperationPhase, message string, results []common.ResourceSyncResult,
	started metav1.Time,
) (common.OperationPhase, string, []common.ResourceSyncResult, error) {
	pairs, err := s.pairs(ctx)
	if err != nil {
		return phase, message, results, err
	}
	options := syncOptions(s.application)
	run, end, err := sync.NewSyncContext(
		"revision", pairs, s.cluster.config, s.cluster.config, s.cluster.kubectl,
		s.application.Spec.Destination.Namespace, s.cluster.openAPI,
		sync.WithLogr(logr.Discard()),
		sync.WithHealthOverride(lua.ResourceHealthOverrides(nil)),
		sync.WithInitialState(phase, message, results, started),
		sync.WithManifestValidation(true),
		sync.WithReplace(options.HasOption(common.SyncOptionReplace)),
		sync.WithServerSideApply(options.HasOption(common.SyncOptionServerSideApply)),
		sync.WithServerSideApplyManager(argocommon.ArgoCDSSAManager),
		sync.WithClientSideApplyMigration(true, common.DefaultClientSideApplyMigrationManager),
	)
	if err != nil {
		return phase, message, results, err
	}
	defer end()
	run.Sync()
	phase, message, results = run.GetState()
	return phase, message, results, nil
}
