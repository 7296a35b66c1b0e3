"""As much of the Hugging Face Hub's protocol as loading and uploading a checkpoint needs, on 127.0.0.1."""

import base64
import contextlib
import hashlib
import http.server
import json
import threading
from urllib.parse import unquote, urlsplit


def git_hash(data):
    """Return the name that git gives to a file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Hub:
    """Repositories of files, by commit.

    Attributes
    ----------
    commits : dict
        By repository and commit, the files of that commit and their content.
    branches : dict
        By repository and branch or tag, its commit.
    asked : list of str
        ``METHOD path`` of each request.
    """

    def __init__(self):
        self.commits, self.branches, self.asked = {}, {}, []
        self.sizes = {}
        """By name, the size that a file is said to have."""

    def commit(self, repository, files, branch="main"):
        """Add a commit to a branch; return its hash."""
        text = repr((repository, sorted(files.items()), len(self.commits)))
        commit = hashlib.sha1(text.encode()).hexdigest()
        self.commits[repository, commit] = dict(files)
        self.branches[repository, branch] = commit
        return commit

    def repositories(self):
        return {repository for repository, _ in self.commits}

    def facts(self, repository, commit, *, tree=False):
        files = self.commits[repository, commit]
        listed = [
            {"rfilename": name, "path": name, "type": "file", "size": self.sizes.get(name, len(data)),
             "oid": git_hash(data), "blobId": git_hash(data)}
            for name, data in files.items()
        ]  # fmt: skip
        return listed if tree else {"id": repository, "modelId": repository, "sha": commit, "siblings": listed}


class Handler(http.server.BaseHTTPRequestHandler):
    hub: Hub

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.hub.asked.append(f"{self.command} {self.path}")
        parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        if parts[:2] == ["api", "models"]:
            repository, what, revision = "/".join(parts[2:4]), *(parts[4:6] or ["revision", "main"])
            self.answer_for(repository, revision, lambda commit: self.send_json(
                self.hub.facts(repository, commit, tree=what == "tree"),
            ))  # fmt: skip
        elif len(parts) >= 5 and parts[2] == "resolve":
            repository, revision, name = "/".join(parts[:2]), parts[3], "/".join(parts[4:])
            self.answer_for(repository, revision, lambda commit: self.send_file(repository, commit, name))
        else:
            self.send_json({"error": "unknown"}, 404)

    def do_POST(self):
        self.hub.asked.append(f"{self.command} {self.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        if path == "/api/repos/create":
            asked = json.loads(body)
            repository = f"{asked.get('organization') or 'me'}/{asked['name']}"
            self.send_json({"url": f"{self.endpoint}/{repository}"})
        elif path == "/api/validate-yaml":
            self.send_json({"errors": [], "warnings": []})
        elif "/preupload/" in path:
            files = [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False, "oid": None}
                     for file in json.loads(body)["files"]]  # fmt: skip
            self.send_json({"files": files})
        elif "/commit/" in path:
            repository, branch = path.removeprefix("/api/models/").split("/commit/")
            lines = [json.loads(line) for line in body.splitlines()]
            files = {line["value"]["path"]: base64.b64decode(line["value"]["content"])
                     for line in lines if line["key"] == "file"}  # fmt: skip
            commit = self.hub.commit(repository, files, branch)
            url = f"{self.endpoint}/{repository}/commit/{commit}"
            self.send_json({"success": True, "commitOid": commit, "commitUrl": url, "hookOutput": ""})
        else:
            self.send_json({"error": "unknown"}, 404)

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def answer_for(self, repository, revision, answer):
        if repository not in self.hub.repositories():
            self.send_json({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
            return
        commit = (
            revision if (repository, revision) in self.hub.commits else self.hub.branches.get((repository, revision))
        )
        if commit is None:
            self.send_json({"error": "Invalid rev id"}, 404, {"X-Error-Code": "RevisionNotFound"})
        else:
            answer(commit)

    def send_json(self, value, code=200, headers=()):
        self.send(json.dumps(value).encode(), code, {"Content-Type": "application/json"} | dict(headers))

    def send_file(self, repository, commit, name):
        data = self.hub.commits[repository, commit].get(name)
        if data is None:
            self.send_json({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
        else:
            said = {"Content-Length": str(self.hub.sizes[name])} if name in self.hub.sizes else {}
            self.send(data, 200, {"ETag": f'"{git_hash(data)}"', "X-Repo-Commit": commit} | said)

    def send(self, data, code, headers):
        self.send_response(code)
        for name, value in ({"Content-Length": str(len(data))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def serving():
    """Serve a hub; give it and its address."""
    hub = Hub()
    handler = type("OfThisHub", (Handler,), {"hub": hub})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield hub, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
