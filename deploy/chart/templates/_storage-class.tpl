{{- /*
The API server lets nobody change a class, and Helm would have changed half of everything else by the time it is told.
So what cannot be done is refused before anything is.
*/}}
{{- define "t-local-volume.checkStorageClass" -}}
{{- $class := lookup "storage.k8s.io/v1" "StorageClass" "" "t-storage-class" -}}
{{- if and $class .Values.storageClass.create -}}
{{- $provisioner := ternary "kubernetes.io/no-provisioner" "local.tars.io" (eq .Values.provisioning "per-node") -}}
{{- $remedy := "no class can be changed, so delete it (kubectl delete storageclass t-storage-class; claims and volumes do not mind) and try again" -}}
{{- if ne $class.provisioner $provisioner -}}
{{- fail (printf "StorageClass t-storage-class: provisioner is %q, and provisioning: %s needs %q; %s" $class.provisioner .Values.provisioning $provisioner $remedy) -}}
{{- end -}}
{{- if ne $class.reclaimPolicy .Values.storageClass.reclaimPolicy -}}
{{- fail (printf "StorageClass t-storage-class: reclaimPolicy is %q, and storageClass.reclaimPolicy is %q; %s" $class.reclaimPolicy .Values.storageClass.reclaimPolicy $remedy) -}}
{{- end -}}
{{- end -}}
{{- end -}}
