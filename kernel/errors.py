"""The `IF_ERR_*` taxonomy: one refusal, one cause, one code, and what to do about it.

Every error that may reach a caller is a `FabricError` with a `Code`; `TABLE` gives each code its exit status, HTTP
status, whether the same request may succeed later unchanged, and the remedy. `docs/errors.md` is generated from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

__all__ = ["TABLE", "Code", "FabricError", "Spec"]


@dataclass(frozen=True, slots=True)
class Spec:
    """What one code means to a shell, to an HTTP client and to a person."""

    exit_code: int
    http_status: int
    retryable: bool
    meaning: str
    remedy: str


_SPECS: dict[str, Spec] = {}


def _code(name: str, http: int, meaning: str, remedy: str, *, retryable: bool = False, exit_code: int = 1) -> str:
    value = f"IF_ERR_{name}"
    _SPECS[value] = Spec(exit_code, http, retryable, meaning, remedy)
    return value


# fmt: off
class Code(StrEnum):
    """Every code there is, grouped by the part that raises it."""

    # --- what the caller sent
    USAGE = _code("USAGE", 400, "The command or request is not of a known form.", "See --help.", exit_code=2)
    WHY_REQUIRED = _code("WHY_REQUIRED", 400, "A change needs a reason that is recorded with it.", "Say why: --why \"…\".", exit_code=2)
    INTENT_INVALID = _code("INTENT_INVALID", 422, "The intent does not fit the capability's JSON Schema.", "Compare it with `ifctl capability show CAPABILITY`.")
    STEPS_INVALID = _code("STEPS_INVALID", 422, "The list of intents is not of its form.", "Mend the line or step that the message names; docs/run.md has the form.")
    CLAIM_INVALID = _code("CLAIM_INVALID", 422, "The claim is not of its form, or the evidence is not what it names.", "Mend the member that the message names; docs/policy.md shows a claim.")
    TOO_LARGE = _code("TOO_LARGE", 413, "The input is larger than its limit.", "Send less, or raise the limit in infrafabric.toml.")
    JSON_INVALID = _code("JSON_INVALID", 400, "The input is not JSON in the restricted form that can be hashed (I-JSON, bounded depth).", "Check for NaN, integers beyond 2^53-1, duplicate members, or deep nesting.")
    CAPABILITY_UNKNOWN = _code("CAPABILITY_UNKNOWN", 404, "No capability of that name is installed.", "`ifctl capability list` shows what is.")
    TARGET_UNKNOWN = _code("TARGET_UNKNOWN", 404, "No target of that name exists.", "`ifctl target list` shows them; `ifctl target add` makes one.")
    TARGET_AMBIGUOUS = _code("TARGET_AMBIGUOUS", 400, "More than one target fits the capability.", "Name one: --on PRODUCT@NAME.", exit_code=2)
    TARGET_MISMATCH = _code("TARGET_MISMATCH", 422, "The target belongs to another product than the capability.", "Name a target of the capability's own product.")
    TARGET_SETTINGS = _code("TARGET_SETTINGS", 422, "The target lacks a setting or secret that the manifest requires, or holds one it does not know.", "`ifctl target set TARGET NAME=VALUE --why \"…\"`.")
    TALENT_UNKNOWN = _code("TALENT_UNKNOWN", 404, "No talent of that name exists.", "`ifctl talent list` shows them; `ifctl talent add` makes one.")
    ACTION_UNKNOWN = _code("ACTION_UNKNOWN", 404, "No action of that id is in the log.", "`ifctl action list` shows them.")
    ENTRY_UNKNOWN = _code("ENTRY_UNKNOWN", 404, "The log has no entry at that index.", "`ifctl witness checkpoint` shows the log's size.")
    EXISTS = _code("EXISTS", 409, "Something of that name exists already.", "Choose another name, or change the one that exists.")
    NAME_INVALID = _code("NAME_INVALID", 400, "The name is not of the form its kind requires.", "Use the form that the message gives.", exit_code=2)
    FILE_UNREADABLE = _code("FILE_UNREADABLE", 400, "A file that the caller named cannot be read.", "Check the path and its permissions.")
    FILE_UNWRITABLE = _code("FILE_UNWRITABLE", 400, "A file that the caller named cannot be written.", "Check the path and its permissions.")

    # --- the doors
    ROUTE_UNKNOWN = _code("ROUTE_UNKNOWN", 404, "Nothing is served under that path.", "`/v1/openapi.json` lists what is.")
    METHOD_UNKNOWN = _code("METHOD_UNKNOWN", 405, "What is served under that path does not take that method.", "Use a method that the Allow header names.")
    MEDIA_TYPE = _code("MEDIA_TYPE", 415, "The body is of a media type that is not taken there.", "Send application/json, or what `/v1/openapi.json` names.")
    HEADER_INVALID = _code("HEADER_INVALID", 400, "A header of the request is not of its form.", "Mend the header that the message names.")
    HEADERS_TOO_LARGE = _code("HEADERS_TOO_LARGE", 431, "The request's line and headers are larger than their limit.", "Send fewer, or raise `[serve] header_bytes` in infrafabric.toml.")
    HOST_UNKNOWN = _code("HOST_UNKNOWN", 421, "The request is for a host name that is none of this kernel's.", "Call it by 127.0.0.1 or localhost, or add the name to `[serve] names`.")
    AUTH_REQUIRED = _code("AUTH_REQUIRED", 401, "The request says not who asks.", "Send an API key (`ifctl key add`), a signed request or a bearer token; for the console, `ifctl console`.")
    AUTH_INVALID = _code("AUTH_INVALID", 401, "The credentials do not hold, or belong to nobody here.", "Check them against `ifctl key list`; a key whose text is lost is replaced, not found again.")
    AUTH_EXPIRED = _code("AUTH_EXPIRED", 401, "The credentials held once, and are over.", "Get fresh ones: `ifctl key rotate`, a new token, or a new console link.")
    API_KEY_UNKNOWN = _code("API_KEY_UNKNOWN", 404, "No API key of that id holds.", "`ifctl key list` shows them.")
    IDENTITY_UNKNOWN = _code("IDENTITY_UNKNOWN", 404, "No talent is known by that subject of that OpenID provider.", "`ifctl identity list` shows them.")
    SCOPE_MISSING = _code("SCOPE_MISSING", 403, "The credentials are not for that kind of request.", "Use a key with the scope that the message names.")
    CSRF = _code("CSRF", 403, "A request with a session's cookie did not come from the console's own page.", "Load the console again.")
    CURSOR_INVALID = _code("CURSOR_INVALID", 400, "The cursor is none that this server gave for that list.", "Begin again without a cursor.")
    CHANGED_MEANWHILE = _code("CHANGED_MEANWHILE", 412, "What was to be changed is no longer what the caller saw.", "Read it again, and send its present ETag in If-Match.")
    MATCH_REQUIRED = _code("MATCH_REQUIRED", 428, "What exists is changed only by who has seen its present state.", "Read it, and send its ETag in If-Match.")
    OPERATOR_AWAY = _code("OPERATOR_AWAY", 403, "This kernel serves without an operator's key, so it cannot sign that change.", "Use ifctl with the operator's passphrase, or set `[serve] administer` in infrafabric.toml.")
    TLS_REQUIRED = _code("TLS_REQUIRED", 503, "The kernel would listen beyond this machine without TLS.", "Set `[serve] tls_certificate` and `tls_key`, or listen on 127.0.0.1.")
    PORT_TAKEN = _code("PORT_TAKEN", 503, "The address to listen on cannot be had.", "Choose another port with --port, or end what listens there.")
    PROVIDER_AWAY = _code("PROVIDER_AWAY", 503, "The OpenID provider's keys cannot be had.", "Check `[serve.oidc]` and that the provider answers.", retryable=True)
    PASSKEY_INVALID = _code("PASSKEY_INVALID", 422, "What the passkey signed does not hold.", "Try again on the console's own address, with a passkey that is enrolled.")
    PASSKEY_UNKNOWN = _code("PASSKEY_UNKNOWN", 404, "The caller has no such passkey.", "`GET /v1/passkeys` lists the caller's own; the console makes one.")
    SERVER_UNREACHABLE = _code("SERVER_UNREACHABLE", 503, "The kernel cannot be reached.", "Check the address, and that `ifctl up` runs there.", retryable=True)
    SERVER_ANSWER = _code("SERVER_ANSWER", 502, "What answered does not answer as a kernel does.", "Check that the address is a kernel's and not a proxy's.")

    # --- messages
    MESSAGE_INVALID = _code("MESSAGE_INVALID", 422, "The message is no envelope of IF.connect v2.1.", "Mend the member that the message names; docs/messages.md shows an envelope.")
    MESSAGE_SENDER_UNKNOWN = _code("MESSAGE_SENDER_UNKNOWN", 403, "The sender is no talent with an enrolled key.", "`ifctl talent key` enrols the sender's key.")
    MESSAGE_KEY = _code("MESSAGE_KEY", 403, "The message is signed by a key that is not the sender's.", "Sign with the enrolled key, or enrol the new one: `ifctl talent key`.")
    MESSAGE_SIGNATURE = _code("MESSAGE_SIGNATURE", 403, "The message's signature does not hold.", "Sign the RFC 8785 bytes of the envelope without signature.sig; docs/messages.md has the prefix.")
    MESSAGE_EXPIRED = _code("MESSAGE_EXPIRED", 403, "The message's time to live is over.", "Send a fresh one.")
    MESSAGE_EARLY = _code("MESSAGE_EARLY", 403, "The message was issued later than now.", "Set the sender's clock; the message says by how much it is ahead.")
    MESSAGE_REPLAYED = _code("MESSAGE_REPLAYED", 409, "The message's nonce was seen before.", "Nothing to do if it was sent twice; else use a fresh nonce.")
    MESSAGE_SEQUENCE = _code("MESSAGE_SEQUENCE", 409, "The message's seq is not above the last one admitted of its sender.", "Count seq up from the last admitted; `ifctl message sender` shows it.")

    # --- the home and its settings
    HOME_MISSING = _code("HOME_MISSING", 503, "There is no home in that folder.", "`ifctl init` makes one; --home or INFRAFABRIC_HOME names another.")
    HOME_EXISTS = _code("HOME_EXISTS", 409, "The folder holds a home, or other files, already.", "Name an empty folder with --home.")
    HOME_DAMAGED = _code("HOME_DAMAGED", 503, "The home's own files cannot be read.", "Restore them from your backup, or mend their permissions.")
    HOME_LOCKED = _code("HOME_LOCKED", 503, "Another kernel has this home open.", "Wait for it to finish, ask the running kernel, or end it: `ifctl watch` holds its home until Ctrl-C or SIGTERM.", retryable=True)
    HOME_VERSION = _code("HOME_VERSION", 503, "The home was written by a newer InfraFabric.", "Use that version or a newer one; homes are never migrated backwards.")
    SETTINGS_INVALID = _code("SETTINGS_INVALID", 503, "infrafabric.toml has an unknown key or a bad value.", "Mend the key that the message names; docs/settings.md lists them all.")
    PRODUCTION_ONLY = _code("PRODUCTION_ONLY", 403, "The step is refused in this kind of home.", "See docs/homes.md for what a development home may not do.")
    DISK_FULL = _code("DISK_FULL", 507, "The disk has no room left for what is already under way plus new work.", "Free some space; work in hand is still being recorded.", retryable=True)

    # --- keys and secrets
    KEY_INVALID = _code("KEY_INVALID", 422, "The public key is malformed, not canonical, or of low order.", "Enrol a key made by an ordinary Ed25519 key generator.")
    KEY_MISSING = _code("KEY_MISSING", 404, "No private key of that name is in the key store.", "`ifctl init` makes the home's keys; restore others from your backup.")
    KEY_CORRUPT = _code("KEY_CORRUPT", 500, "A stored private key cannot be read.", "Restore the key file from your backup.")
    PASSPHRASE_REQUIRED = _code("PASSPHRASE_REQUIRED", 401, "A private key is protected and no passphrase was given.", "Set INFRAFABRIC_PASSPHRASE, --passphrase-file, or run on a terminal.")
    PASSPHRASE_WRONG = _code("PASSPHRASE_WRONG", 401, "The passphrase does not open the private key.", "Try again with the passphrase that the key was made with.")
    PASSPHRASE_TOO_SHORT = _code("PASSPHRASE_TOO_SHORT", 422, "A new passphrase is too short to protect a private key.", "Use 8 characters or more; several words are better.")
    KEY_EXPOSED = _code("KEY_EXPOSED", 403, "A private key's file can be read or changed by other users of this machine.", "Restrict the file to its owner (mode 0600); replace the key if others may have read it.")
    KEYS_LOCKED = _code("KEYS_LOCKED", 503, "Another process is writing the key store or the vault.", "Try again when it is done.", retryable=True)
    KEYS_UNWRITABLE = _code("KEYS_UNWRITABLE", 500, "A file of the key store or the vault cannot be written.", "Check the folder's owner, its mode and that its disk is writable.")
    SECRET_UNKNOWN = _code("SECRET_UNKNOWN", 404, "A secret reference leads nowhere.", "`ifctl secret set NAME`, or mend the env: or file: reference.")
    SECRET_REFERENCE = _code("SECRET_REFERENCE", 422, "A secret is given by value or by an unknown scheme where a reference is needed.", "Use vault:NAME, env:NAME, file:PATH, keyring:SERVICE/USER or hashicorp:PATH#FIELD.")
    SECRET_TOO_SHORT = _code("SECRET_TOO_SHORT", 422, "The secret's value is too short to be masked safely wherever it might turn up.", "Have its system issue one of 8 characters or more.")
    SECRET_ORDINARY = _code("SECRET_ORDINARY", 422, "The secret's value is a name or ordinary words, which others say too and which would be masked for them.", "Have its system issue a random one, or ask an operator of the home to keep it.")
    SECRET_NOT_TEXT = _code("SECRET_NOT_TEXT", 422, "The secret's value is not text in UTF-8.", "Encode it, for example as base64.")
    SECRET_FILE = _code("SECRET_FILE", 403, "A secret's file is not a plain file that only its owner can change.", "Use a regular file owned by the kernel's user or root, not writable by group or others.")
    SECRET_NOT_ALLOWED = _code("SECRET_NOT_ALLOWED", 403, "The target may not use the secret that its record refers to.", "`ifctl secret allow NAME --for TARGET --why \"…\"`.")
    SECRET_UNCHANGED = _code("SECRET_UNCHANGED", 409, "The value to rotate to is the one that is in use.", "Have the system issue another one.")
    SECRET_NO_FORMER = _code("SECRET_NO_FORMER", 404, "The secret has no former value whose overlap still runs.", "`ifctl secret list` shows overlaps; `ifctl secret set NAME` gives another value.")
    SECRET_BACKEND = _code("SECRET_BACKEND", 503, "What keeps the secret (Vault, the keyring, an extension) does not answer as it should.", "Start or unlock it, and check `[secrets.…]` in infrafabric.toml.", retryable=True)
    SECRET_BACKEND_AUTH = _code("SECRET_BACKEND_AUTH", 502, "What keeps the secret did not let us in, or not to this one.", "Check the token under `[secrets.…]` and its policy.")
    EXTRA_MISSING = _code("EXTRA_MISSING", 503, "A part of InfraFabric that is installed apart is missing.", "Install it with the command that the message gives.")
    VAULT_MISSING = _code("VAULT_MISSING", 503, "There is no vault.", "`ifctl init` makes one; restore it from your backup otherwise.")
    VAULT_CORRUPT = _code("VAULT_CORRUPT", 500, "The vault cannot be decrypted or is damaged.", "Restore the vault file, or its key, from your backup.")

    # --- manifests, bundles, trust
    MANIFEST_SYNTAX = _code("MANIFEST_SYNTAX", 422, "The manifest is not YAML in the restricted form: no anchors, aliases, tags or duplicate keys.", "Write it plainly; `ifctl adapter check` says where.")
    MANIFEST_INVALID = _code("MANIFEST_INVALID", 422, "The manifest does not fit registry/manifest.schema.json.", "Mend the member that the message names.")
    MANIFEST_TOO_LARGE = _code("MANIFEST_TOO_LARGE", 413, "The manifest is larger than a manifest may be.", "Keep it below 256 KiB.")
    SCENARIO_INVALID = _code("SCENARIO_INVALID", 422, "The adapter's conformance.yaml is missing or malformed.", "Write one beside the manifest; docs/adapters/vmix.md shows what it holds.")
    BUNDLE_MISSING = _code("BUNDLE_MISSING", 404, "The bundle's files are not in the bundle store.", "Install the adapter again.")
    BUNDLE_AMBIGUOUS = _code("BUNDLE_AMBIGUOUS", 400, "More than one installed bundle has that id and version.", "Name one: --digest DIGEST.", exit_code=2)
    BUNDLE_PATH = _code("BUNDLE_PATH", 422, "A file name or entrypoint leaves the bundle.", "Use plain relative names below the bundle's folder.")
    BUNDLE_FILE_CHANGED = _code("BUNDLE_FILE_CHANGED", 403, "A file is not the one that was signed.", "Take the bundle from its publisher again, or sign what you changed.")
    BUNDLE_FILE_MISSING = _code("BUNDLE_FILE_MISSING", 403, "A file that was signed is missing.", "Take the bundle from its publisher again.")
    BUNDLE_FILE_EXTRA = _code("BUNDLE_FILE_EXTRA", 403, "A file is in the bundle that was not signed.", "Remove it, or sign the bundle with it.")
    UNSIGNED = _code("UNSIGNED", 403, "The manifest carries no signature.", "`ifctl adapter sign DIR` signs your own; never sign another's.")
    SIGNATURE_INVALID = _code("SIGNATURE_INVALID", 403, "A signature does not match the manifest.", "Take the bundle from its publisher again.")
    SIGNATURE_THRESHOLD = _code("SIGNATURE_THRESHOLD", 403, "Fewer of the publisher's keys signed the manifest than must.", "Have more of the publisher's key holders sign it.")
    PUBLISHER_UNKNOWN = _code("PUBLISHER_UNKNOWN", 403, "The manifest is signed by a key that no trusted publisher holds.", "`ifctl trust publisher` enrols a publisher you have checked.")
    PUBLISHER_NOT_ENTITLED = _code("PUBLISHER_NOT_ENTITLED", 403, "The publisher may not sign that capability id.", "Widen the publisher's id patterns if that is what you mean.")
    KEY_REVOKED = _code("KEY_REVOKED", 403, "The manifest is signed by a revoked key.", "Ask the publisher for a bundle signed by its present key.")
    DIGEST_REVOKED = _code("DIGEST_REVOKED", 403, "This bundle was revoked.", "Install a version that is not.")
    NOT_ALLOWED = _code("NOT_ALLOWED", 403, "The bundle is signed but the operator has not allow-listed it.", "`ifctl trust allow ID@VERSION --why \"…\"` after a look at it.")
    RUNTIME_UNKNOWN = _code("RUNTIME_UNKNOWN", 422, "The manifest names a runtime that this kernel does not have.", "Use python/1 or component/1.")
    ENTRYPOINT_INVALID = _code("ENTRYPOINT_INVALID", 422, "The entrypoint is not in the bundle or does not compile.", "Check `entrypoint: file.py:Class` and the file.")
    TRUST_MISSING = _code("TRUST_MISSING", 503, "There is no trust set, so nothing may be loaded.", "`ifctl init` makes one; restore it from your backup otherwise.")
    TRUST_INVALID = _code("TRUST_INVALID", 403, "The trust set is malformed.", "Restore the last good one; it is never edited by hand.")
    TRUST_ROLLBACK = _code("TRUST_ROLLBACK", 403, "The trust set is older than one already seen.", "Take the newest trust set; versions only rise.")
    TRUST_EXPIRED = _code("TRUST_EXPIRED", 403, "The trust set has expired.", "`ifctl trust renew --why \"…\"` with the root keys.")
    TRUST_THRESHOLD = _code("TRUST_THRESHOLD", 403, "Too few root keys signed the trust set.", "Have more of the root key holders sign it.")
    TRUST_SIGNER = _code("TRUST_SIGNER", 403, "That key is no root key of the trust set.", "Sign with a root key of the present or the next trust set.")
    GRACE_INVALID = _code("GRACE_INVALID", 403, "The grace is malformed, or was given for another trust set or another log.", "Renew the trust set with the root keys, or give a fresh grace: `ifctl trust grace`.")
    GRACE_TOO_LONG = _code("GRACE_TOO_LONG", 403, "The grace would reach too far beyond the trust set's expiry.", "Let it end sooner, and renew the trust set with the root keys until then.")
    GRACE_EMPTY = _code("GRACE_EMPTY", 403, "Nothing is loaded that a grace could cover.", "Renew the trust set with the root keys; a grace lets nothing new run.")
    OPERATOR_UNKNOWN = _code("OPERATOR_UNKNOWN", 403, "The home's operator key is not one that the trust set names.", "Have the root keys' holders name it in the trust set.")

    # --- the sandbox
    SANDBOX_UNAVAILABLE = _code("SANDBOX_UNAVAILABLE", 503, "The sandbox cannot start: its component or its confinement is missing.", "`ifctl doctor` says which; reinstalling builds the component.")
    SANDBOX_IMPORTS = _code("SANDBOX_IMPORTS", 403, "The component imports something; a guest may import nothing.", "Build it with --stub-wasi or an equal.")
    SANDBOX_CPU = _code("SANDBOX_CPU", 422, "The adapter used more CPU time than it may.", "Look for an endless loop, or raise sandbox.cpu_ms in infrafabric.toml.")
    SANDBOX_MEMORY = _code("SANDBOX_MEMORY", 422, "The adapter asked for more memory than it may.", "Hold less at once, or raise the limit in infrafabric.toml.")
    SANDBOX_STACK = _code("SANDBOX_STACK", 422, "The adapter recursed too deeply.", "Replace the recursion by a loop.")
    SANDBOX_OUTPUT = _code("SANDBOX_OUTPUT", 422, "The adapter answered with more, or deeper, data than it may.", "Return a smaller plan.")
    SANDBOX_REQUESTS = _code("SANDBOX_REQUESTS", 422, "The adapter asked for more effects than it may in one run.", "Read once and keep the answer.")
    SANDBOX_CRASHED = _code("SANDBOX_CRASHED", 503, "The sandbox worker died while it ran this action.", "Try again; tell the adapter's author if it stays.", retryable=True)
    SANDBOX_TRAP = _code("SANDBOX_TRAP", 422, "The guest trapped.", "Tell the adapter's author; `ifctl capability replay` shows the run.")
    ADAPTER_FAILED = _code("ADAPTER_FAILED", 422, "The adapter raised an exception.", "Tell the adapter's author; the message is the adapter's own.")
    ADAPTER_REFUSED = _code("ADAPTER_REFUSED", 422, "The adapter says that the intent cannot be met as the world stands.", "The message is the adapter's own; change the intent or the world.")
    ADAPTER_PROTOCOL = _code("ADAPTER_PROTOCOL", 422, "The adapter answered something that is not a plan, an outcome or a request.", "Tell the adapter's author; `ifctl adapter check` finds such faults.")
    REPLAY_DIVERGED = _code("REPLAY_DIVERGED", 409, "Replaying the recorded answers gave another run.", "The record, the adapter or the component is not what it was.")
    REPLAY_UNAVAILABLE = _code("REPLAY_UNAVAILABLE", 410, "What a replay needs (a body, a bundle or a component) is no longer here.", "It was erased or never kept; the log's proofs still hold.")

    # --- planning and applying
    NOT_GRANTED = _code("NOT_GRANTED", 403, "The talent was not granted the capability on the target.", "An operator grants it: `ifctl talent grant --name … --capability … --on … --why \"…\"`.")
    SCOPE_UNKNOWN = _code("SCOPE_UNKNOWN", 422, "The grant names a scope that no installed manifest of the capability asks for.", "`ifctl capability show CAPABILITY` lists its scopes.")
    GRANT_INVALID = _code("GRANT_INVALID", 422, "The condition of a grant is not a JSON Schema that can be checked, or narrows what the capability does not take.", "`ifctl capability show CAPABILITY` has the fields; docs/talents.md has examples.")
    TALENT_REVOKED = _code("TALENT_REVOKED", 403, "The talent was revoked.", "An operator must add it again under another id.")
    UNAUTHENTICATED = _code("UNAUTHENTICATED", 401, "The caller has not shown who it is.", "Sign the request with the talent's key.")
    DENIED = _code("DENIED", 403, "The guard denied the plan.", "The decision's rules say why; they are in the log.")
    APPROVAL_REQUIRED = _code("APPROVAL_REQUIRED", 202, "People must approve the plan first.", "A person looks at it and answers: `ifctl approvals show ACTION`, then approve or deny. Approved, it goes on by itself.")
    APPROVAL_INVALID = _code("APPROVAL_INVALID", 403, "The approval does not count: another plan, another key, too late, used, or by someone who may not.", "The message says which; `ifctl approvals show ACTION` shows the question as it stands.")
    APPROVAL_EXPIRED = _code("APPROVAL_EXPIRED", 409, "Nobody agreed to the plan in time.", "Ask again; `ifctl approvals list` shows what waits, and how long.", retryable=True)
    QUESTION_UNKNOWN = _code("QUESTION_UNKNOWN", 404, "No plan of that action waits for people, or its time is over.", "`ifctl approvals list` shows what waits.")
    APPROVAL_REFUSED = _code("APPROVAL_REFUSED", 403, "A person refused the plan.", "The log says who and why.")
    POLICY_INVALID = _code("POLICY_INVALID", 422, "The policies do not fit the schema, or are not Cedar.", "The message names file and line; `ifctl policy check` tries them without taking them.")
    POLICY_TABLE = _code("POLICY_TABLE", 422, "The table of policy cases is not of its form.", "Mend the case that the message names; docs/policy.md shows one.")
    POLICY_CASES = _code("POLICY_CASES", 409, "The policies decide otherwise than a table of cases expects.", "Mend the policies or the table; the answer shows each difference.")
    BUDGET_EXCEEDED = _code("BUDGET_EXCEEDED", 429, "The action would cost more than a budget has left.", "Wait for the next period, or an operator raises it: `ifctl budget set`.", retryable=True)
    BUDGET_INVALID = _code("BUDGET_INVALID", 403, "A budget stands under the signature of no present operator, so it is not known what may be spent.", "An operator sets it again (`ifctl budget set`) or removes it (`ifctl budget remove`).")
    BUDGET_UNKNOWN = _code("BUDGET_UNKNOWN", 404, "There is no such budget.", "`ifctl budget show` lists them: subject, unit, currency and period name one.")
    COST_TOO_LARGE = _code("COST_TOO_LARGE", 422, "The action would cost more than can be counted.", "Tell the adapter's author; a cost is at most nine billion units of its currency.")
    BREAKER_OPEN = _code("BREAKER_OPEN", 503, "The target kept failing, so calls to it are cut off for a while.", "Try again after retry_after seconds; `ifctl target list --check` shows how the target is.", retryable=True)
    STOPPED = _code("STOPPED", 503, "New writes were halted by a person.", "`ifctl stop --list` says by whom and why; `ifctl resume` lifts it.")
    DEADLINE = _code("DEADLINE", 504, "The deadline that came with the ask passed before its next write.", "What was written before stands. Ask again with more time, or see what holds the target up.", retryable=True)
    CANCELLED = _code("CANCELLED", 409, "The action was cancelled before its next write.", "What was written before stands; the receipt says what.")
    NOT_UNDER_WAY = _code("NOT_UNDER_WAY", 409, "The action is over, or in doubt, so there is nothing to cancel.", "`ifctl action show ACTION` says what became of it; `ifctl capability undo ACTION` takes it back.")
    FALSIFIED = _code("FALSIFIED", 409, "An attempt to refute the plan succeeded, so it is not applied.", "The attempt is named; mend the adapter, the intent or the policy.")
    NO_TALENT_FITS = _code("NO_TALENT_FITS", 404, "No capability, target and talent fit the task.", "The reasons say what is missing: a grant, a scope, a role, or a working target.")
    AUTHORITY_CHANGED = _code("AUTHORITY_CHANGED", 409, "Adapter, talent, grant or target was withdrawn or changed while the action was under way.", "Plan again under the present rules.")
    IDEMPOTENCY_CONFLICT = _code("IDEMPOTENCY_CONFLICT", 409, "The idempotency key was used with another intent.", "Use a fresh key for a new intent.")
    BUSY = _code("BUSY", 503, "Too much is under way for this talent or target.", "Try again after retry_after seconds.", retryable=True)
    RATE_LIMITED = _code("RATE_LIMITED", 429, "The rate limit is reached.", "Try again after retry_after seconds.", retryable=True)
    EFFECT_UNKNOWN = _code("EFFECT_UNKNOWN", 422, "The adapter named an effect that its manifest does not declare.", "Tell the adapter's author.")
    EFFECT_NOT_READ = _code("EFFECT_NOT_READ", 422, "The adapter asked for a write as if it were a read.", "Tell the adapter's author; writes are planned.")
    EFFECT_NOT_WRITE = _code("EFFECT_NOT_WRITE", 422, "The adapter planned a read as if it were a change.", "Tell the adapter's author.")
    EFFECT_ARGUMENT = _code("EFFECT_ARGUMENT", 422, "An argument does not fit its placeholder or would leave its place.", "The message names the argument; the manifest has its schema.")
    ARGUMENT_SECRET = _code("ARGUMENT_SECRET", 422, "An intent or argument contains a secret's value.", "Give the target a secret reference instead.")
    CHANGE_UNKNOWN = _code("CHANGE_UNKNOWN", 422, "The adapter asked for a change that its plan does not hold.", "Tell the adapter's author.")
    CHANGE_REPEATED = _code("CHANGE_REPEATED", 422, "The adapter asked for the same change twice.", "Tell the adapter's author.")
    RESULT_INVALID = _code("RESULT_INVALID", 422, "A $result refers to nothing usable: not earlier, not declared, not a scalar, or not of its pattern.", "Tell the adapter's author; the manifest declares results.")
    PLAN_STALE = _code("PLAN_STALE", 409, "The world, or the rules, moved since the plan was made.", "Plan again.", retryable=True)
    NOT_CONVERGED = _code("NOT_CONVERGED", 502, "The changes were made but the system does not show them.", "Look at what remains; another hand or the device itself may be in the way.")
    CONTESTED = _code("CONTESTED", 409, "The changes were made, and the system shows neither what was before nor what was wanted.", "Something else moved it: another hand, the device itself, or a side effect of the action's other changes. See what remains.")
    IN_DOUBT = _code("IN_DOUBT", 502, "It is not known whether a write took effect.", "Look at the system, then close the action: the log keeps it open until then.")
    INTERRUPTED = _code("INTERRUPTED", 503, "The kernel stopped while the action was under way.", "Look at what was done, then ask again for what is still wanted.", retryable=True)
    UNDO_IMPOSSIBLE = _code("UNDO_IMPOSSIBLE", 409, "The action has nothing that can be undone.", "Only observed changes with an inverse can be.")
    UNDO_MOVED = _code("UNDO_MOVED", 409, "The present state is no longer the one that the action left.", "Undo would overwrite another hand's change; plan what you want instead.")

    # --- drivers
    DRIVER_UNKNOWN = _code("DRIVER_UNKNOWN", 422, "No driver of that name is loaded.", "Enable the extension that has it in infrafabric.toml.")
    TARGET_UNREACHABLE = _code("TARGET_UNREACHABLE", 502, "The target could not be reached.", "Check the address and that the system is running.", retryable=True)
    TARGET_TIMEOUT = _code("TARGET_TIMEOUT", 504, "The target did not answer in time.", "Check the system; raise limits.timeout_s only if it is slow by nature.", retryable=True)
    TARGET_AUTH = _code("TARGET_AUTH", 502, "The target answered and did not let us in.", "Check the secret that the target was given: `ifctl secret set NAME`, or have the system issue another.")
    TARGET_LOST = _code("TARGET_LOST", 502, "The connection to the target was lost before it answered.", "See whether the system restarted or the network dropped; then look at what it shows.", retryable=True)
    TARGET_STATUS = _code("TARGET_STATUS", 502, "The target answered with an error.", "The message has its status; look at the target's own log.")
    ANSWER_INVALID = _code("ANSWER_INVALID", 502, "The target's answer is not of the form its protocol promises.", "Check that the address is the right system.")
    ANSWER_TOO_LARGE = _code("ANSWER_TOO_LARGE", 502, "The target answered with more than may be read.", "Narrow the read, or raise the limit in infrafabric.toml.")
    ADDRESS_REFUSED = _code("ADDRESS_REFUSED", 403, "The address is loopback, link-local, metadata or otherwise special and was not granted.", "`ifctl target set TARGET --allow-address loopback --why \"…\"` if you mean it.")
    ADDRESS_CHANGED = _code("ADDRESS_CHANGED", 409, "The name now resolves to other addresses than the pinned ones.", "Check the name service; restart or set the target again if the move is meant.")
    REDIRECT_REFUSED = _code("REDIRECT_REFUSED", 502, "The target answered with a redirect.", "Give the target its final address.")

    # --- the log
    LOG_STOPPED = _code("LOG_STOPPED", 503, "The log takes no more entries, so nothing may be done.", "`ifctl doctor` says why.")
    LOG_DAMAGED = _code("LOG_DAMAGED", 503, "Stored entries do not match the tree.", "Restore the database from a backup at least as new as the checkpoint.")
    LOG_ROLLED_BACK = _code("LOG_ROLLED_BACK", 503, "The database is older than the checkpoint kept beside it.", "Restore the newest database; otherwise an operator opens a new origin.")
    LOG_CLOCK = _code("LOG_CLOCK", 503, "The clock runs before the log's last entry, or further ahead of it than can be accounted for.", "Set the clock right.", retryable=True)
    ERASE_REFUSED = _code("ERASE_REFUSED", 409, "The body is still needed: its action is open, or it accounts for an erasure.", "Close the action first; the account of an erasure stays.")
    BODY_ERASED = _code("BODY_ERASED", 410, "The entry's body was erased.", "The leaf and its proof remain; the content is gone.")
    NOTE_INVALID = _code("NOTE_INVALID", 422, "The signed note or checkpoint is malformed or not signed by the given key.", "Check the file, and that the verifier key is this log's.")
    VKEY_INVALID = _code("VKEY_INVALID", 422, "The verifier key is malformed.", "Use the line that `ifctl witness vkey` prints.")
    PROOF_INVALID = _code("PROOF_INVALID", 422, "A proof does not lead to the signed root.", "The file was altered or belongs to another log.")
    RECEIPT_INVALID = _code("RECEIPT_INVALID", 422, "The receipt is malformed or says something its proofs do not.", "Ask for the receipt again.")
    RECEIPT_INCOMPLETE = _code("RECEIPT_INCOMPLETE", 422, "The receipt is genuine but does not tell the whole action.", "Ask for the whole receipt: from action.received to the entry that ended the action.")
    ANCHOR_MISSING = _code("ANCHOR_MISSING", 404, "The directory holds no anchor, or lacks a file of the exported log.", "Name the directory that `ifctl witness anchor` or `ifctl witness export` wrote.")
    ANCHOR_EXISTS = _code("ANCHOR_EXISTS", 409, "The anchor directory holds another checkpoint of this size.", "Anchors are never overwritten: find out which log wrote it.")
    ANCHOR_MISMATCH = _code("ANCHOR_MISMATCH", 422, "The log does not contain what was anchored.", "The log was cut or rewritten after that anchor.")

    INTERNAL = _code("INTERNAL", 500, "A fault of InfraFabric's own.", "Report it with the trace token; nothing further was done.")
# fmt: on


TABLE: Mapping[Code, Spec] = MappingProxyType({Code(value): spec for value, spec in _SPECS.items()})


class FabricError(Exception):
    """A refusal or failure that a caller may see.

    `message` names the thing and must hold no secret. `remedy` is the code's own unless a nearer one is given.
    `retry_after` is in seconds, for the codes that are about load.
    """

    def __init__(
        self, code: Code, message: str, *, remedy: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy if remedy is not None else TABLE[code].remedy
        self.retry_after = retry_after

    @property
    def spec(self) -> Spec:
        return TABLE[self.code]

    def as_json(self) -> dict[str, object]:
        """The shape that every door answers with: `{"code", "message", "remedy"}`, `retry_after` where it applies."""
        shape: dict[str, object] = {"code": self.code.value, "message": self.message, "remedy": self.remedy}
        if self.retry_after is not None:
            shape["retry_after"] = self.retry_after
        return shape

    def __str__(self) -> str:
        return f"{self.code.value}: {self.message}"

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self.code, self.message, self.remedy, self.retry_after))


def _rebuild(code: Code, message: str, remedy: str, retry_after: float | None) -> FabricError:
    return FabricError(code, message, remedy=remedy, retry_after=retry_after)
