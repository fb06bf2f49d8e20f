package main

import (
	"bytes"
	"fmt"
	"os"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

var types = map[string]func() any{
	"helm.toolkit.fluxcd.io/v2 HelmRelease":        func() any { return &helmv2.HelmRelease{} },
	"kustomize.toolkit.fluxcd.io/v1 Kustomization": func() any { return &kustomizev1.Kustomization{} },
	"source.toolkit.fluxcd.io/v1 GitRepository":    func() any { return &sourcev1.GitRepository{} },
	"v1 Namespace": func() any { return &corev1.Namespace{} },
}

// check refuses fields that Flux does not know.
func check(files []string) error {
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, document := range bytes.Split(text, []byte("\n---\n")) {
			var kind metav1.TypeMeta
			if err := yaml.Unmarshal(document, &kind); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			object, isKnown := types[kind.APIVersion+" "+kind.Kind]
			if !isKnown {
				return fmt.Errorf("%s: no %s %s is expected here", file, kind.APIVersion, kind.Kind)
			}
			if err := yaml.UnmarshalStrict(document, object()); err != nil {
				return fmt.Errorf("%s: %s: %w", file, kind.Kind, err)
			}
		}
	}
	return nil
}
