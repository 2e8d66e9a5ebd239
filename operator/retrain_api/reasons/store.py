"""What a store, or the way to it, refuses."""

from .reason import bad

STORE_UNREACHABLE = bad(
    "StoreUnreachable",
    "No usable answer from the store for minutes, several times.",
    "Look at network and store, then [retry](#try-again-what-failed); nothing finished is lost.",
)
_ABSENT = ("What a location names is not there.", "Look at `data.uri`, `filename`, `interval` and `artifacts.uri`.")
OBJECT_NOT_FOUND = bad("ObjectNotFound", *_ABSENT)
BUCKET_NOT_FOUND = bad("BucketNotFound", *_ABSENT)
VERSION_NOT_FOUND = bad(
    "VersionNotFound", "That version of the file is not there any more.", "Rerun, to use the newest one."
)
_CREDENTIALS = (
    "The store refuses the credentials, or there are none.",
    "Look at `spec.credentials` and the Secret's keys; `retrain doctor -f run.yaml` tries them. Then [retry](#try-again-what-failed).",
)
NO_CREDENTIALS = bad("NoCredentials", *_CREDENTIALS)
CREDENTIALS_REFUSED = bad("CredentialsRefused", *_CREDENTIALS)
ACCESS_DENIED = bad("AccessDenied", *_CREDENTIALS)
CREDENTIALS_EXPIRED = bad(
    "CredentialsExpired",
    "The credentials, or a token, have expired.",
    "Renew them, then [retry](#try-again-what-failed).",
)
CLOCK_WRONG = bad(
    "ClockWrong",
    "The store refuses this machine's clock.",
    "Set the clock right, then [retry](#try-again-what-failed).",
)
CERTIFICATE_NOT_TRUSTED = bad(
    "CertificateNotTrusted",
    "The server's certificate is not trusted.",
    "Put its authority into the key `ca.crt` of the [credentials' Secret](#a-private-certificate-authority).",
)
BAD_CERTIFICATE_AUTHORITY = bad(
    "BadCertificateAuthority",
    "The file with a certificate authority can't be read, or holds no certificate.",
    "Put its certificate, as PEM text, where the message says.",
)
_LOCATION = ("A location is none that this release reads and writes.", "Correct it as the message says.")
BAD_LOCATION = bad("BadLocation", *_LOCATION)
RELATIVE_LOCATION = bad("RelativeLocation", *_LOCATION)
UNKNOWN_STORE = bad("UnknownStore", *_LOCATION)
BAD_ENDPOINT = bad(
    "BadEndpoint",
    "What AWS_ENDPOINT_URL names is not an S3 server, or not in this way: no address, http:// for https://, a redirect, a page.",
    "Correct AWS_ENDPOINT_URL as the message says.",
)
BAD_KEY = bad("BadKey", "A name can't be that of a file in a store.", "Choose another.")
WRONG_REGION = bad("WrongRegion", "The bucket is in another region.", "Set AWS_REGION to the bucket's.")
_RIGHTS = ("A file or folder can't be read or written.", "Check owner, mode and mount.")
NOT_READABLE = bad("NotReadable", *_RIGHTS)
NOT_WRITABLE = bad("NotWritable", *_RIGHTS)
_CONDITIONAL = (
    "The store has no conditional writes that can be trusted, so two promotions could overwrite each other.",
    "Use s3:// with If-Match and If-None-Match on PUT, or file:// on a file system with locks.",
)
NO_CONDITIONAL_WRITES = bad("NoConditionalWrites", *_CONDITIONAL)
UNSAFE_STORE = bad("UnsafeStore", *_CONDITIONAL)
NO_LOCKS = bad("NoLocks", *_CONDITIONAL)
_DAMAGED = ("A file does not read as it was written.", "Do not use that file; check the disk or the store.")
CHECKSUM_MISMATCH = bad("ChecksumMismatch", *_DAMAGED)
NOT_AS_WRITTEN = bad("NotAsWritten", *_DAMAGED)
CONFLICT = bad("Conflict", "It was changed by somebody else meanwhile.", "Look at it, then try again.")
UPLOAD_LOST = bad(
    "UploadLost", "The store forgot an upload half-way.", "Where its Job failed, [retry](#try-again-what-failed)."
)
STORE_REFUSED = bad("StoreRefused", "The store refused a request.", "Look up the code that the message names.")
RCLONE_FAILED = bad(
    "RcloneFailed", "rclone failed in a way that has no name yet.", "Run the command that the message names by hand."
)
NO_RCLONE = bad("NoRclone", "The program rclone does not start here.", "Install it and check the PATH.")
_RCLONE = ("rclone's configuration can't be read, or lacks the remote.", "Check it with `rclone listremotes`.")
NO_RCLONE_CONFIG = bad("NoRcloneConfig", *_RCLONE)
BAD_RCLONE_CONFIG = bad("BadRcloneConfig", *_RCLONE)
UNKNOWN_REMOTE = bad("UnknownRemote", *_RCLONE)
BAD_REMOTE = bad("BadRemote", "This rclone does not know the remote's type.", "Use a newer rclone.")
