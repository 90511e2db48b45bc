"""Fetching a repository of the Hugging Face hub at one commit: whole, verified, resumable.

huggingface_hub makes the requests (so HF_TOKEN, HF_ENDPOINT and proxies mean what they mean elsewhere). Its
`snapshot_download` is not used because it begins an interrupted file anew: a 10 GB shard would start from zero.
"""

import errno
import fnmatch
import hashlib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

from cotejo.disk import require_free
from cotejo.errors import CotejoError
from cotejo.files import sha256_of

BESIDE_WEIGHTS = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "normalizer.json",
    "spiece.model",
    "chat_template.*",
)
SAFETENSORS = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?")
PICKLED = re.compile(r"pytorch_model(-\d{5}-of-\d{5})?\.bin(\.index\.json)?")


@dataclass(frozen=True)
class RemoteFile:
    """A file of a pinned repository: its size in bytes and either its SHA-256 or its git blob's SHA-1."""

    name: str
    url: str
    size: int
    sha256: str | None
    git_sha1: str


def refuse_offline() -> None:
    """CotejoError where the user's environment forbids the hub."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if os.environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE"):
            raise CotejoError(
                f"{name}: {os.environ[name]}: your environment forbids fetching models. `unset {name}`, fetch on a "
                "machine with internet that shares this folder, or use `weights: synthetic`"
            )


def list_files(repository: str, revision: str) -> list[RemoteFile]:
    """The files of a repository on the hub at a commit, with what they can be verified by."""
    from huggingface_hub import HfApi, hf_hub_url

    with explained(repository, revision):
        information = HfApi().model_info(repository, revision=revision, files_metadata=True)
    if information.sha != revision:
        raise CotejoError(
            f"{repository}: {revision}: the hub answers with commit {information.sha}. Pin a whole commit"
        )
    return [
        RemoteFile(
            file.rfilename,
            hf_hub_url(repository, file.rfilename, revision=revision),
            file.size or 0,
            file.lfs.sha256 if file.lfs else None,
            file.blob_id or "",
        )
        for file in information.siblings or []
    ]


def is_address(repository: str) -> bool:
    """Whether weights come from a web address, and not from the hub."""
    return repository.startswith(("https://", "http://"))


def look_up(address: str, name: str, sha256: str) -> RemoteFile:
    """The one file of a repository that is a web address."""
    from huggingface_hub import get_session
    from huggingface_hub.utils import hf_raise_for_status

    url = f"{address}/{name}"
    with explained(address, sha256):
        response = get_session().head(url, headers={"Accept-Encoding": "identity"})
        hf_raise_for_status(response)
    return RemoteFile(name, url, int(response.headers["Content-Length"]), sha256, "")


def wanted(files: list[RemoteFile], patterns: list[str] | None) -> list[RemoteFile]:
    """The files to fetch."""
    names = {*wanted_names([file.name for file in files], patterns)}
    return [file for file in files if file.name in names]


def wanted_names(names: Sequence[str], patterns: Sequence[str] | None) -> list[str]:
    """Of a repository's files those of the patterns, or else safetensors (pickled weights only where there are none)
    and what stands beside them at the top of the repository."""
    if patterns is not None:
        return [name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]
    weights = SAFETENSORS if any(SAFETENSORS.fullmatch(name) for name in names) else PICKLED
    return [
        name
        for name in names
        if "/" not in name
        and (weights.fullmatch(name) or any(fnmatch.fnmatchcase(name, pattern) for pattern in BESIDE_WEIGHTS))
    ]


def require_space(folder: Path, files: list[RemoteFile], converted_bytes: int) -> None:
    """CotejoError unless the disk holds what is still to be fetched and `converted_bytes` more."""
    there = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    require_free(folder, max(sum(file.size for file in files) - there, 0) + converted_bytes)


def fetch(repository: str, revision: str, file: RemoteFile, folder: Path) -> Path:
    """One file, verified, in `folder`; what an earlier try left there as `<name>.part` is gone on from."""
    from huggingface_hub.file_download import get_hf_file_metadata, http_get
    from huggingface_hub.utils import build_hf_headers

    target = folder / file.name
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    if part.is_file() and part.stat().st_size > file.size:
        part.unlink()
    token = False if is_address(repository) else None  # None: the user's own, if there is one
    with explained(repository, revision):
        metadata = get_hf_file_metadata(file.url, token=token, retry_on_errors=True)
        headers = build_hf_headers(token=token) | {"Accept-Encoding": "identity"}
        if urlparse(metadata.location).netloc != urlparse(file.url).netloc:
            headers.pop("authorization", None)  # a storage host must not see the token
        with part.open("ab") as stream:
            http_get(
                metadata.location,
                stream,
                resume_size=part.stat().st_size,
                headers=headers,
                expected_size=file.size,
                displayed_filename=file.name,
            )
    verify(part, file, repository, revision)
    part.rename(target)
    return target


def verify(path: Path, file: RemoteFile, repository: str, revision: str) -> None:
    """CotejoError, and no file, unless its bytes are those the hub's commit names."""
    good = sha256_of(path) == file.sha256 if file.sha256 else git_sha1_of(path) == file.git_sha1
    if not good:
        path.unlink()
        raise CotejoError(
            f"{repository}@{revision[:12]}: {file.name}: the checksum of what came is not the hub's: it is removed. "
            "Run the same command again; if that fails too, a proxy or mirror (HF_ENDPOINT) changes files"
        )


def git_sha1_of(path: Path) -> str:
    """The SHA-1 by which git names a file's content."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@contextmanager
def explained(repository: str, revision: str) -> Iterator[None]:
    """Turn what can go wrong between here and the hub into one line with a remedy."""
    import httpx
    from huggingface_hub import constants, errors, get_token

    host = repository if is_address(repository) else constants.ENDPOINT
    page = f"{constants.ENDPOINT}/{repository}"
    missing = (
        f"{repository}: no such repository at {constants.ENDPOINT}, or a private one. Correct `repository` in "
        "config/models.yaml, or `export HF_TOKEN=…` of an account that may read it"
    )
    at = f"{repository}@{revision[:12]}"
    elsewhere = (
        "Fetch it on a machine with internet that shares this folder (on a cluster the login node), or use "
        "`weights: synthetic`"
    )
    try:
        yield
    except errors.GatedRepoError as error:
        token = (
            "then wait until it is granted to the account whose HF_TOKEN you use"
            if get_token()
            else f"make a token at {constants.ENDPOINT}/settings/tokens, `export HF_TOKEN=…`"
        )
        raise CotejoError(f"{repository}: gated. Ask for access at {page}, {token}, and run this again") from error
    except errors.RevisionNotFoundError as error:
        raise CotejoError(
            f"{at}: no such commit. Correct `revision` in config/models.yaml: see {page}/commits"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise CotejoError(missing) from error
    except errors.EntryNotFoundError as error:
        raise CotejoError(
            f"{at}: a file that the hub lists is not there. Try again; else it is the hub's fault"
        ) from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        raise CotejoError(missing if status == 401 and not get_token() else f"{at}: {_status_text(status)}") from error
    except errors.OfflineModeIsEnabled as error:
        raise CotejoError(f"{at}: huggingface_hub is offline. `unset HF_HUB_OFFLINE`") from error
    except httpx.HTTPError as error:
        raise CotejoError(f"{at}: {host} out of reach ({_first_line(error)}). {elsewhere}") from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise CotejoError(
                f"{at}: the disk is full. Free some, and run this again: it goes on where it stopped"
            ) from error
        raise CotejoError(f"{at}: {_first_line(error)}. Run this again: it goes on where it stopped") from error


def _status_text(status: int) -> str:
    if status == 401:
        return "the hub refuses your token (HTTP 401). Make a new one and `export HF_TOKEN=…`, or `unset HF_TOKEN`"
    if status == 429:
        return "the hub limits your rate (HTTP 429). Wait some minutes, or `export HF_TOKEN=…`, and run this again"
    if status >= 500:
        return f"the hub is in trouble (HTTP {status}). Run this again later: it goes on where it stopped"
    if status == 404:
        return "no such file (HTTP 404). Correct `repository` or `files` in config/models.yaml"
    return f"the hub answers HTTP {status}. Run this again later"


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def quiet_unless_watched() -> None:
    """No progress bars in log files."""
    if not sys.stderr.isatty():
        os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
