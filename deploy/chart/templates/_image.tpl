{{- /* What every container runs: by its digest where there is one, else by its tag. */}}
{{- define "t-local-volume.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag }}{{ end }}
{{- end -}}
{{- end -}}
