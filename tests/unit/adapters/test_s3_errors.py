"""What an S3 server answers, in our words: the cause in both languages, and nothing that it quotes."""

import socket
from pathlib import Path

import pytest

pytest.importorskip("boto3", reason="the extra s3 brings the driver of the store")

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
    SSLError,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import ProtocolError

from pipeline.adapters.s3_errors import Away, Where, is_missing, is_there_already
from pipeline.adapters.s3_store import Bucket, S3Store
from pipeline.adapters.system_errors import Unreachable, where_and_why
from pipeline.ports import Fault

WHERE = Where("flux", "https://moi:hunter2@s3.example.fr:9000/", "fr-par")
KEY = "ABC001/" + "0" * 64


def answered(code: str, status: int, operation: str = "PutObject") -> ClientError:
    error = {"Code": code, "Message": "StringToSign hunter2"}
    return ClientError({"Error": error, "ResponseMetadata": {"HTTPStatusCode": status}}, operation)


def in_words(error: Exception, key: str = KEY) -> OSError:
    with pytest.raises(OSError) as raised, WHERE.told(key):
        raise error
    return raised.value


AWAY = "le magasin S3 s3.example.fr:9000 ne répond pas"


@pytest.mark.parametrize(
    ("error", "french", "passes_by_itself"),
    [
        (EndpointConnectionError(endpoint_url="https://moi:hunter2@s3"), AWAY, True),
        (ConnectTimeoutError(endpoint_url="x"), AWAY, True),
        (ReadTimeoutError(endpoint_url="x"), AWAY, True),
        (ConnectionClosedError(endpoint_url="x"), AWAY, True),
        (IncompleteReadError(actual_bytes=1, expected_bytes=2), "s'est interrompue", True),
        (ProtocolError("x"), "s'est interrompue", True),
        (answered("SlowDown", 503), "est surchargé ou en panne (SlowDown)", True),
        (answered("InternalError", 500), "est surchargé ou en panne (InternalError)", True),
        (answered("503", 503, "HeadObject"), "est surchargé ou en panne (503)", True),
        (answered("TooManyRequests", 429), "est surchargé ou en panne (TooManyRequests)", True),
        (answered("QuotaExceeded", 403), "le bucket flux sur s3.example.fr:9000 est plein", False),
        (answered("InvalidAccessKeyId", 403), "refuse notre clé (InvalidAccessKeyId)", False),
        (answered("SignatureDoesNotMatch", 403), "refuse notre clé (SignatureDoesNotMatch)", False),
        (answered("AccessDenied", 403), "n'a pas le droit PutObject sur le bucket flux (AccessDenied)", False),
        (answered("403", 403, "HeadObject"), "n'a pas le droit HeadObject sur le bucket flux (403)", False),
        (answered("NoSuchBucket", 404), "le bucket flux n'existe pas sur s3.example.fr:9000", False),
        (answered("PermanentRedirect", 301), "n'est pas dans la région fr-par (PermanentRedirect)", False),
        (answered("AuthorizationHeaderMalformed", 400), "n'est pas dans la région fr-par", False),
        (answered("RequestTimeTooSkewed", 403), "l'heure de cette machine s'écarte trop", False),
        (answered("405", 405), "ce qui répond sur s3.example.fr:9000 n'est pas un magasin S3", False),
        (ResponseParserError("<html>"), "ce qui répond sur s3.example.fr:9000 n'est pas un magasin S3", False),
        (SSLError(endpoint_url="x", error="y"), "la connexion TLS au magasin S3 s3.example.fr:9000 échoue", False),
        (NoCredentialsError(), "aucune clé pour le magasin S3 s3.example.fr:9000", False),
        (ParamValidationError(report="x"), "s3.bucket = flux n'est pas un nom de bucket", False),
        (answered("Odd\nthing'; DROP", 400), "répond OddthingDROP à PutObject", False),
        (answered("", 400), "répond ? à PutObject", False),
    ],
)
def test_every_trouble_has_its_sentence(error: Exception, french: str, passes_by_itself: bool) -> None:
    told = in_words(error)
    assert isinstance(told, Unreachable)
    assert french in told.said.fr
    assert told.said.en != told.said.fr
    assert "hunter2" not in told.said.fr + told.said.en + str(told)
    assert isinstance(told, Away) == passes_by_itself


@pytest.mark.parametrize("code", ["NoSuchKey", "404"])
def test_a_missing_object_is_a_missing_file(code: str) -> None:
    error = in_words(answered(code, 404, "GetObject"))
    assert isinstance(error, FileNotFoundError)
    assert where_and_why(error).fr == f"flux/{KEY} : fichier ou dossier introuvable"
    assert is_missing(answered(code, 404))


def test_at_the_opening_nothing_found_is_the_bucket() -> None:
    assert "le bucket flux n'existe pas" in where_and_why(in_words(answered("404", 404, "HeadBucket"), key="")).fr


@pytest.mark.parametrize("code", ["PreconditionFailed", "ConditionalRequestConflict", "412", "409"])
def test_a_key_that_is_taken_is_told_apart(code: str) -> None:
    assert is_there_already(answered(code, int(code) if code.isdecimal() else 412))
    assert not is_there_already(answered("AccessDenied", 403))


def test_what_the_system_refuses_stays_as_it_is() -> None:
    with pytest.raises(OSError, match="No space left") as raised, WHERE.told(KEY):
        raise OSError(28, "No space left on device")
    assert not isinstance(raised.value, Unreachable)


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_server_that_is_away_at_the_opening_is_no_fault_until_it_is_needed(tmp_path: Path, closed_port: int) -> None:
    bucket = Bucket("flux", f"http://127.0.0.1:{closed_port}", access_key="a", secret_key="b")
    store = S3Store(bucket, tmp_path)
    with pytest.raises(Unreachable, match=f"the S3 store 127.0.0.1:{closed_port} does not answer"):
        store.exists("ABC001", "0" * 64)


@pytest.mark.parametrize(
    ("changes", "french"),
    [
        ({"endpoint": "127.0.0.1:9000"}, "boto3 n'accepte pas l'adresse 127.0.0.1:9000"),
        ({"name": "Pas Un Nom"}, "s3.bucket = Pas Un Nom n'est pas un nom de bucket"),
        ({"secret_key": ""}, "boto3 n'accepte pas l'adresse"),
    ],
)
def test_settings_that_cannot_work_are_a_fault_at_once(
    tmp_path: Path, closed_port: int, changes: dict[str, str], french: str
) -> None:
    given = {"name": "flux", "endpoint": f"http://127.0.0.1:{closed_port}", "access_key": "a", "secret_key": "b"}
    with pytest.raises(Fault) as fault:
        S3Store(Bucket(**(given | changes)), tmp_path)
    assert fault.value.said.fr.startswith(french)
    assert fault.value.said.fr.endswith("corriger [s3] dans settings.toml, puis relancer la même commande")


def test_a_bucket_keeps_its_keys_to_itself() -> None:
    shown = repr(Bucket("flux", access_key="AKIA123", secret_key="s3cr3t"))
    assert "AKIA123" not in shown
    assert "s3cr3t" not in shown
