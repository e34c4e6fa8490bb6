set -euo pipefail
export LC_ALL=C

endpoint=${ACS_ENDPOINT:-$default_endpoint}
endpoint=${endpoint%/}
: "${ALIBABA_CLOUD_ACCESS_KEY_ID:?set it to the id of the access key to sign with}"
: "${ALIBABA_CLOUD_ACCESS_KEY_SECRET:?set it to the secret of that access key}"
host=${endpoint#*://}
case $endpoint in
http://*) host=${host%:80} ;;
https://*) host=${host%:443} ;;
esac

sha256() { openssl dgst -sha256 -r | cut -d ' ' -f 1; } # of standard input, in hex
base64() { openssl base64 -A; }
fresh() { openssl rand -hex "$(($1 / 2))"; }

encoded() { # percent-encoding, byte by byte
  local text=$1 char result='' i
  for ((i = 0; i < ${#text}; i++)); do
    char=${text:i:1}
    case $char in
    [A-Za-z0-9._~-]) ;;
    *) printf -v char '%%%02X' "$(($(printf '%d' "'$char") & 255))" ;;
    esac
    result+=$char
  done
  printf '%s' "$result"
}

# The HMAC-SHA256 of standard input, in hex, from two plain hashes (RFC 2104): so the key is no argument of any program,
# where everybody who lists processes could read it.
hmac() {
  local key inner='' outer='' i
  if ((${#1} > 64)); then
    key=$(printf '%s' "$1" | sha256)
  else
    key=$(printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n')
  fi
  while ((${#key} < 128)); do key+=00; done
  for ((i = 0; i < 128; i += 2)); do
    printf -v inner '%s\\x%02x' "$inner" $((16#${key:i:2} ^ 0x36))
    printf -v outer '%s\\x%02x' "$outer" $((16#${key:i:2} ^ 0x5c))
  done
  inner=$({ printf '%b' "$inner" && cat; } | sha256)
  { printf '%b' "$outer" && printf '%b' "$(printf '%s' "$inner" | sed 's/../\\x&/g')"; } | sha256
}

# Sign a request and send it: method, target, canonical query, body, content type, action, version.
send() {
  local hash headers signed signature newline=$'\n'
  hash=$(printf '%s' "$4" | sha256)
  headers="host:$host${5:+${newline}content-type:$5}
x-acs-action:$6
x-acs-content-sha256:$hash
x-acs-date:$(date -u +%Y-%m-%dT%H:%M:%SZ)
x-acs-signature-nonce:$(openssl rand -hex 16)
x-acs-version:$7"
  if [[ -n ${ALIBABA_CLOUD_SECURITY_TOKEN:-} ]]; then
    headers+="${newline}x-acs-accesskey-id:$ALIBABA_CLOUD_ACCESS_KEY_ID"
    headers+="${newline}x-acs-security-token:$ALIBABA_CLOUD_SECURITY_TOKEN"
  fi
  headers=$(printf '%s\n' "$headers" | sort)
  signed=$(printf '%s\n' "$headers" | cut -d : -f 1 | paste -s -d ';' -)
  signature=$(printf '%s\n%s\n%s\n%s\n\n%s\n%s' "$1" "${2%%\?*}" "$3" "$headers" "$signed" "$hash" | sha256)
  signature=$(printf 'ACS3-HMAC-SHA256\n%s' "$signature" | hmac "$ALIBABA_CLOUD_ACCESS_KEY_SECRET")
  headers+="
authorization:ACS3-HMAC-SHA256 Credential=$ALIBABA_CLOUD_ACCESS_KEY_ID,SignedHeaders=$signed,Signature=$signature
accept:application/json"
  [[ -n $5 ]] || headers+="${newline}content-type:" # none, whatever curl would send
  printf '%s\n' "$headers" | curl --silent --show-error --max-time 60 --globoff --path-as-is --request "$1" \
    ${4:+--data-binary "$4"} --header @- --write-out '\nstatus: %{http_code}\n' "$endpoint$2"
}
