"""A stand-in for the hub on the loopback interface: folders as repositories, over its protocol."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "a" * 40
BRANCH = "refs/convert/parquet"
CONVERTED = "b" * 40
"""The commit of that branch."""


Fault = Literal["slow", "gone", "reset", "wrong"]


@contextmanager
def serving(
    repositories: Mapping[str, Path],
    requests: list[str],
    fault: Callable[[Path], Fault | None] = lambda path: None,
) -> Iterator[str]:
    """Serve repositories (`models/me/tiny`, `datasets/me/xnli`) and note what is asked for.

    Args:
        repositories: Folders by name; `NAME@refs/convert/parquet` is that branch of one.
        requests: Takes a line a request.
        fault: What goes wrong with a file: it comes late, not at all, half, or with a byte changed.
    """

    def folder_at(name: str, revision: str) -> Path | None:
        converted = sha_of(revision) == CONVERTED
        return repositories.get(f"{name}@{BRANCH}" if converted else name)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(with_body=True)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            parts = unquote(urlsplit(self.path).path).strip("/").split("/")
            if parts[1] in ("repos", "validate-yaml") or parts[4] in ("preupload", "commit"):
                self.upload(parts, body)
                return
            wanted = parse_qs(body)
            folder = repositories["/".join(parts[1:4])]
            found = [folder / path for path in wanted.get("paths", [])]
            self.send_json([entry(folder, path) for path in found if path.exists()])

        def upload(self, parts: list[str], body: str) -> None:
            """Take files into a repository that is there already, as a folder."""
            if not self.headers.get("Authorization", "").startswith("Bearer "):
                self.refuse("GatedRepo", status=401)
            elif parts[1] == "repos":
                asked = json.loads(body)
                name = f"{asked['organization']}/{asked['name']}"
                self.send_json({"url": f"http://{self.headers['Host']}/{name}", "id": name})
            elif parts[1] == "validate-yaml":
                self.send_json({"errors": [], "warnings": []})
            elif parts[4] == "preupload":
                regular = {"uploadMode": "regular", "shouldIgnore": False, "oid": None}
                files = [{"path": file["path"], **regular} for file in json.loads(body)["files"]]
                self.send_json({"files": files})
            else:
                commit(repositories["/".join(parts[1:4])], body)
                url = f"http://{self.headers['Host']}/{'/'.join(parts[2:4])}/commit/{COMMIT}"
                self.send_json({"commitUrl": url, "commitOid": COMMIT})

        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def log_message(self, format: str, *args: Any) -> None:
            requests.append(f"{self.command} {self.path}")

        def answer(self, *, with_body: bool) -> None:
            url = urlsplit(self.path)
            parts = unquote(url.path).strip("/").split("/")
            if parts[0] == "api":
                self.describe(parts[1:], parse_qs(url.query))
            else:
                kind = "datasets" if parts[0] == "datasets" else "models"
                parts = parts[1:] if kind == "datasets" else parts
                self.resolve(kind, parts, with_body=with_body)

        def describe(self, parts: list[str], query: Mapping[str, list[str]]) -> None:
            name = "/".join(parts[:3])
            folder = folder_at(name, "/".join(parts[4:5] if "tree" in parts else parts[4:]))
            if folder is None:
                self.refuse("RevisionNotFound" if name in repositories else "RepoNotFound")
                return
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            if len(parts) > 3 and parts[3] == "tree":
                recursive = query.get("recursive", ["False"])[0].lower() == "true"
                self.list_tree(folder, "/".join(parts[5:]), recursive)
                return
            siblings = [{"rfilename": path.relative_to(folder).as_posix()} for path in files]
            sha = sha_of("/".join(parts[4:]))
            self.send_json(
                {"id": "/".join(parts[1:3]), "sha": sha, "siblings": siblings, "tags": [],
                 "private": False, "gated": False, "disabled": False, "downloads": 0, "likes": 0}
            )  # fmt: skip

        def list_tree(self, folder: Path, under: str, recursive: bool) -> None:
            top = folder / under
            if not top.is_dir():
                self.refuse("EntryNotFound")
                return
            found = sorted(top.rglob("*") if recursive else top.iterdir())
            self.send_json([entry(folder, path) for path in found])

        def resolve(self, kind: str, parts: list[str], *, with_body: bool) -> None:
            folder = folder_at(f"{kind}/{'/'.join(parts[:2])}", parts[3])
            if folder is None:
                self.refuse("RepoNotFound")
                return
            path = folder.joinpath(*parts[4:])
            wrong = fault(path) if with_body else None
            if not path.is_file() or wrong == "gone":
                self.refuse("EntryNotFound")
                return
            data = path.read_bytes()
            self.send_response(200)
            self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
            self.send_header("X-Repo-Commit", sha_of(parts[3]))
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Accept-Ranges", "bytes")
            self.end_headers()
            if wrong == "slow":
                time.sleep(2)
            if wrong == "wrong":
                data = data[:-1] + bytes([data[-1] ^ 1])
            if wrong == "reset":
                self.wfile.write(data[: len(data) // 2])
                self.close_connection = True
            elif with_body:
                self.wfile.write(data)

        def send_json(self, value: Any) -> None:
            data = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def refuse(self, code: str, *, status: int = 404) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def sha_of(revision: str) -> str:
    return CONVERTED if revision in (BRANCH, CONVERTED) else COMMIT


def commit(folder: Path, lines: str) -> None:
    """Carry out a commit's operations, JSON one a line."""
    for line in map(json.loads, lines.splitlines()):
        path = folder / line["value"].get("path", "")
        if line["key"] == "file":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(base64.b64decode(line["value"]["content"]))
        elif line["key"] == "deletedFile":
            path.unlink()


def entry(folder: Path, path: Path) -> dict[str, Any]:
    name = path.relative_to(folder).as_posix()
    if path.is_dir():
        return {"type": "directory", "path": name, "size": 0, "oid": "0" * 40}
    data = path.read_bytes()
    return {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
