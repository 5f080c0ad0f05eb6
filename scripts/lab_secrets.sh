#!/bin/sh
# Write the passwords of compose.yaml into a folder, once: `sh scripts/lab_secrets.sh secrets`. Existing ones stay.
# The folder is yours alone; the files can be read by the users of the containers, who see nothing else of the folder.
set -eu
folder=${1:?the folder for the passwords}
mkdir -p "$folder"
chmod 700 "$folder"

random() {
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

put() { # name, content
    [ -s "$folder/$1" ] && return
    printf '%s' "$2" >"$folder/$1.new"
    chmod 644 "$folder/$1.new"
    mv "$folder/$1.new" "$folder/$1"
}

put database_password "$(random)"
if ! [ -s "$folder/s3_identities" ] || ! [ -s "$folder/s3_credentials" ]; then
    key=$(random)
    secret=$(random)
    rm -f "$folder/s3_identities" "$folder/s3_credentials"
    put s3_identities "{\"identities\": [{\"name\": \"lab\", \"credentials\": \
[{\"accessKey\": \"$key\", \"secretKey\": \"$secret\"}], \"actions\": [\"Admin\"]}]}"
    put s3_credentials "[default]
aws_access_key_id = $key
aws_secret_access_key = $secret
"
fi
