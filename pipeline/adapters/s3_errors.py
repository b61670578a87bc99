"""What an S3 server refuses, or the way to it: in our own words, as an `OSError`. Nothing of botocore leaves the store.

Only the code of an answer is told on, never its text: a refused signature quotes the request.
"""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ResponseStreamingError,
    SSLError,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from pipeline.adapters.system_errors import Failed, Locked, Unreachable
from pipeline.ports import Said

_KEY = {
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "TokenRefreshRequired",
    "InvalidClientTokenId", "AccountProblem", "NotSignedUp",
}  # fmt: skip
_RIGHT = {"AccessDenied", "AllAccessDisabled", "UnauthorizedAccess", "403", "401"}
_REGION = {
    "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException",
    "301", "307",
}  # fmt: skip
_FULL = {"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "507"}
_MISSING = {"NoSuchKey", "NoSuchVersion", "404"}
_ALREADY = {"PreconditionFailed", "ConditionalRequestConflict", "OperationAborted", "412", "409"}


class Away(Unreachable):
    """No answer, or not now: the next try may have one."""


class BrokenOff(Away):
    """The answer began and did not end."""


class Where:
    """The names of a bucket in a sentence: its own, and the server's without anything secret."""

    def __init__(self, bucket: str, endpoint: str, region: str) -> None:
        self.bucket, self.region = bucket, region
        host = re.sub(r"^[a-z]+://", "", endpoint, flags=re.IGNORECASE).split("/")[0].rpartition("@")[2]
        self.server = host or "AWS"

    @contextmanager
    def told(self, key: str = "") -> Iterator[None]:
        """Whatever fails inside is raised in our words; a missing object is a `FileNotFoundError`."""
        try:
            yield
        except (BotoCoreError, ClientError, HTTPError, ResponseParserError) as error:
            raise self.in_words(error, key) from error

    def in_words(self, error: Exception, key: str = "") -> OSError:
        """The words for an error of the driver."""
        if isinstance(error, ClientError):
            return self._answered(error, key)
        if isinstance(error, SSLError):
            return Unreachable(_no_tls(self.server))
        if isinstance(error, NoCredentialsError | PartialCredentialsError):
            return Unreachable(_no_key(self.server))
        if isinstance(error, ParamValidationError):
            return Unreachable(_no_name(self.bucket))
        if isinstance(error, ResponseParserError):
            return Unreachable(_no_store(self.server))
        if isinstance(error, IncompleteReadError | ResponseStreamingError) or not isinstance(error, BotoCoreError):
            return BrokenOff(_cut(key, self.bucket))
        return Away(_away(self.server))

    def _answered(self, error: ClientError, key: str) -> OSError:
        name, operation = code(error), error.operation_name
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if name in _MISSING and key:
            return missing(f"{self.bucket}/{key}")
        if name == "NoSuchBucket" or (name == "404" and operation == "HeadBucket"):
            return Unreachable(_no_bucket(self.bucket, self.server))
        if name in _FULL:
            return Unreachable(_full(self.bucket, self.server, name))
        if name in _KEY:
            return Unreachable(_wrong_key(self.server, name))
        if name == "RequestTimeTooSkewed":
            return Unreachable(_wrong_time(self.server))
        if name in _REGION:
            return Unreachable(_wrong_region(self.bucket, self.region, name))
        if name in _RIGHT:
            return Unreachable(_no_right(operation, self.bucket, name))
        if status >= 500 or status == 429 or name == "SlowDown":
            return Away(_busy(self.server, name))
        if name.isdecimal() and not operation.startswith("Head"):  # a real one says more than the status
            return Unreachable(_no_store(self.server))
        return Unreachable(_strange(self.server, name, operation))

    def altered(self, key: str, digest: str) -> Failed:
        return Failed(
            Said(
                f"l'objet {key} du bucket {self.bucket} n'a pas les octets de son nom (SHA-256 lu : {digest})",
                f"the object {key} of the bucket {self.bucket} has not the bytes of its name (SHA-256 read: {digest})",
            )
        )

    def lost(self, key: str) -> Failed:
        return Failed(
            Said(
                f"l'objet {key} vient d'être écrit et reste introuvable dans le bucket {self.bucket}",
                f"the object {key} was written just now and cannot be found in the bucket {self.bucket}",
            )
        )

    def locked(self, key: str, until: str) -> Locked:
        return Locked(
            Said(
                f"l'objet {key} du bucket {self.bucket} est verrouillé jusqu'au {until}",
                f"the object {key} of the bucket {self.bucket} is locked until {until}",
            )
        )

    def held(self, key: str) -> Locked:
        return Locked(
            Said(
                f"l'objet {key} du bucket {self.bucket} est sous conservation légale (legal hold)",
                f"the object {key} of the bucket {self.bucket} is under legal hold",
            )
        )


def code(error: ClientError) -> str:
    """The code of an answer, fit to be printed: a server may send anything."""
    return re.sub(r"[^A-Za-z0-9.]", "", str(error.response.get("Error", {}).get("Code", "")))[:60] or "?"


def is_missing(error: ClientError) -> bool:
    return code(error) in _MISSING


def is_there_already(error: ClientError) -> bool:
    """The key is taken, or another put of it is under way."""
    return code(error) in _ALREADY


def missing(name: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)


# --- the sentences ----------------------------------------------------------------------------------------------------


def _away(server: str) -> Said:
    return Said(f"le magasin S3 {server} ne répond pas", f"the S3 store {server} does not answer")


def _busy(server: str, name: str) -> Said:
    return Said(
        f"le magasin S3 {server} est surchargé ou en panne ({name})",
        f"the S3 store {server} is overloaded or failing ({name})",
    )


def _full(bucket: str, server: str, name: str) -> Said:
    return Said(
        f"le bucket {bucket} sur {server} est plein ou son quota est atteint ({name})",
        f"the bucket {bucket} on {server} is full, or has reached its quota ({name})",
    )


def _cut(key: str, bucket: str) -> Said:
    return Said(
        f"la lecture de l'objet {key} du bucket {bucket} s'est interrompue",
        f"reading the object {key} of the bucket {bucket} broke off",
    )


def _no_tls(server: str) -> Said:
    return Said(
        f"la connexion TLS au magasin S3 {server} échoue (certificat non reconnu, ou https au lieu de http)",
        f"the TLS connection to the S3 store {server} fails (unknown certificate, or https instead of http)",
    )


def _no_store(server: str) -> Said:
    return Said(
        f"ce qui répond sur {server} n'est pas un magasin S3", f"what answers at {server} is not an S3 store"
    )  # fmt: skip


def _no_key(server: str) -> Said:
    return Said(
        f"aucune clé pour le magasin S3 {server} (s3.access_key_file et s3.secret_key_file)",
        f"no key for the S3 store {server} (s3.access_key_file and s3.secret_key_file)",
    )


def _wrong_key(server: str, name: str) -> Said:
    return Said(
        f"le magasin S3 {server} refuse notre clé ({name})", f"the S3 store {server} refuses our key ({name})"
    )  # fmt: skip


def _no_right(operation: str, bucket: str, name: str) -> Said:
    return Said(
        f"notre clé n'a pas le droit {operation} sur le bucket {bucket} ({name})",
        f"our key has not the right {operation} on the bucket {bucket} ({name})",
    )


def _no_bucket(bucket: str, server: str) -> Said:
    return Said(f"le bucket {bucket} n'existe pas sur {server}", f"there is no bucket {bucket} on {server}")


def _no_name(bucket: str) -> Said:
    return Said(f"s3.bucket = {bucket} n'est pas un nom de bucket", f"s3.bucket = {bucket} is no name of a bucket")


def _wrong_region(bucket: str, region: str, name: str) -> Said:
    return Said(
        f"le bucket {bucket} n'est pas dans la région {region} ({name})",
        f"the bucket {bucket} is not in the region {region} ({name})",
    )


def _wrong_time(server: str) -> Said:
    return Said(
        f"l'heure de cette machine s'écarte trop de celle du magasin S3 {server}",
        f"the clock of this machine is too far from that of the S3 store {server}",
    )


def _strange(server: str, name: str, operation: str) -> Said:
    return Said(
        f"le magasin S3 {server} répond {name} à {operation}", f"the S3 store {server} answers {name} to {operation}"
    )  # fmt: skip
