#!/bin/sh
# A model's life in AWS CLI commands, from its project's creation to its deletion; on AWS as on a laptop.
#
#   life_cycle.sh BUCKET FOLDER      AWS_ENDPOINT_URL and the other client variables say where
#
# FOLDER has images in a folder for each label. The first training works on two datasets, of which the second is
# split from the first; the second is a copy of the model in another project.
set -eu

bucket=$1 folder=$2
aws=${AWS:-aws}
pause=${PAUSE:-5} # seconds between two looks
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

rekognition() { "$aws" rekognition "$@" --output text; }
say() { printf '%s\n' "$*"; }
await() { # WHAT WANTED COMMAND…: look until the command prints what is wanted; what has failed stays failed
    what=$1 wanted=$2
    shift 2
    until found=$("$@") && [ "$found" = "$wanted" ]; do
        case $found in *FAILED*) say "$what: $found" >&2 && exit 1 ;; esac
        sleep "$pause"
    done
    say "$what: $found"
}
dataset_status() { rekognition describe-dataset --dataset-arn "$1" --query DatasetDescription.Status; }
version_status() {
    rekognition describe-project-versions --project-arn "$1" --version-names "$2" \
        --query 'ProjectVersionDescriptions[0].Status'
}
line() { # KEY LABEL: the manifest line of an image
    printf '{"source-ref":"s3://%s/%s","label":1,"label-metadata":{"confidence":1,"class-name":"%s",' \
        "$bucket" "$1" "$2"
    printf '"human-annotated":"yes","creation-date":"2026-05-02T08:30:11.204Z",'
    printf '"type":"groundtruth/image-classification","job-name":"labeling-job/label"}}\n'
}

say "Import"
"$aws" s3 cp --recursive --quiet "$folder" "s3://$bucket/images/"
for file in "$folder"/*/*; do
    label=$(basename "$(dirname "$file")")
    line "images/$label/$(basename "$file")" "$label"
done >"$work/all.manifest"
head -n 1 "$work/all.manifest" >"$work/first.manifest"
"$aws" s3 cp --quiet "$work/first.manifest" "s3://$bucket/first.manifest"

say "Create"
project=$(rekognition create-project --project-name life-cycle --query ProjectArn)
source="{\"GroundTruthManifest\":{\"S3Object\":{\"Bucket\":\"$bucket\",\"Name\":\"first.manifest\"}}}"
train=$(rekognition create-dataset --project-arn "$project" --dataset-type TRAIN --dataset-source "$source" \
    --query DatasetArn)
test=$(rekognition create-dataset --project-arn "$project" --dataset-type TEST --query DatasetArn)
await "training dataset" CREATE_COMPLETE dataset_status "$train"

say "Update"
rekognition update-dataset-entries --dataset-arn "$train" --changes "GroundTruth@=fileb://$work/all.manifest"
await "training dataset" UPDATE_COMPLETE dataset_status "$train"
rekognition list-dataset-labels --dataset-arn "$train" --query 'DatasetLabelDescriptions[].LabelName'

say "Distribute"
rekognition distribute-dataset-entries --datasets "[{\"Arn\":\"$train\"},{\"Arn\":\"$test\"}]"
await "test dataset" UPDATE_COMPLETE dataset_status "$test"
rekognition describe-dataset --dataset-arn "$train" --query DatasetDescription.DatasetStats.TotalEntries

say "Train"
version=$(rekognition create-project-version --project-arn "$project" --version-name v1 \
    --output-config "S3Bucket=$bucket,S3KeyPrefix=output" --query ProjectVersionArn)
rekognition wait project-version-training-completed --project-arn "$project" --version-names v1

say "Describe"
rekognition describe-project-versions --project-arn "$project" --version-names v1 \
    --query 'ProjectVersionDescriptions[0].[Status,EvaluationResult.F1Score]'

say "Start"
rekognition start-project-version --project-version-arn "$version" --min-inference-units 1
rekognition wait project-version-running --project-arn "$project" --version-names v1

say "Detect"
key=$("$aws" s3api list-objects-v2 --bucket "$bucket" --prefix images/ --max-items 1 --query 'Contents[0].Key' \
    --output text | head -n 1)
rekognition detect-custom-labels --project-version-arn "$version" \
    --image "{\"S3Object\":{\"Bucket\":\"$bucket\",\"Name\":\"$key\"}}" --query 'CustomLabels[0].Name'

say "Stop"
rekognition stop-project-version --project-version-arn "$version"
await "model" STOPPED version_status "$project" v1

say "Copy"
other=$(rekognition create-project --project-name life-cycle-copy --query ProjectArn)
copy=$(rekognition copy-project-version --source-project-arn "$project" --source-project-version-arn "$version" \
    --destination-project-arn "$other" --version-name v1 --output-config "S3Bucket=$bucket" \
    --query ProjectVersionArn)
await "copy" COPYING_COMPLETED version_status "$other" v1

say "Delete"
for arn in "$version" "$copy"; do
    rekognition delete-project-version --project-version-arn "$arn"
done
for arn in "$train" "$test"; do
    rekognition delete-dataset --dataset-arn "$arn"
done
await "model" None version_status "$project" v1
await "copy" None version_status "$other" v1
while dataset_status "$train" 2>"$work/error" || dataset_status "$test" 2>"$work/error"; do
    sleep "$pause"
done
grep -q ResourceNotFoundException "$work/error"
for arn in "$project" "$other"; do
    rekognition delete-project --project-arn "$arn"
done
projects() { rekognition describe-projects --project-names life-cycle life-cycle-copy --query 'length(ProjectDescriptions)'; }
await "projects" 0 projects
