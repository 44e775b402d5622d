#!/bin/sh
# One rollout to the cluster that kubectl points to: the migrations, and when they are done everything else.
# The secrets (secret.example.yaml) must be there: at the very first, make the namespace by hand and apply them.
set -eu
cd "$(dirname "$0")"
all=$(kubectl kustomize --load-restrictor LoadRestrictionsNone .)
# A finished job cannot be changed, only made anew.
kubectl --namespace heidi delete job migrate --ignore-not-found
echo "$all" | kubectl apply --selector step=first --filename -
kubectl --namespace heidi wait --for=condition=complete --timeout=15m job/migrate
echo "$all" | kubectl apply --filename -
for name in $(kubectl --namespace heidi get deployments --output name); do
    kubectl --namespace heidi rollout status --timeout=15m "$name"
done
