"""Builds what goes onto a package index: sdist and wheel of Ringback and of its weights.

`make dist REPOSITORY=https://…`: the address under which this repository can be read. An index shows the
README beside nothing else, so that its links become absolute, and the metadata get their URLs. The repository
itself has relative links, which hold in every copy and fork.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECTS = (ROOT, ROOT / "packages" / "ringback-models")
NEEDED = ("pyproject.toml", "README.md", "LICENSE", "THIRD_PARTY_NOTICES.md", "NOTICE", "licenses", "src")
"""What distributions are built from, where a project has it."""

_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?!\w+:|#)(?P<path>[^)\s]+)\)")


def build(repository: str, into: Path) -> list[Path]:
    """The four files, in `into`. Raises `subprocess.CalledProcessError` where one cannot be built."""
    into.mkdir(parents=True, exist_ok=True)
    for project in PROJECTS:
        with tempfile.TemporaryDirectory() as folder:
            prepare(project, repository, Path(folder))
            options = ("--quiet", "--no-build-isolation", "--python", sys.executable, "--out-dir", into)
            subprocess.run([_uv(), "build", *options, folder], check=True)  # noqa: S603 - our own command
    return sorted(path for path in into.iterdir() if path.suffix in {".whl", ".gz"})


def prepare(project: Path, repository: str, folder: Path) -> None:
    """What a project's distributions are built from, as it belongs onto an index, in `folder`."""
    for name in NEEDED:
        if (project / name).is_dir():
            shutil.copytree(
                project / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
            )
        elif (project / name).exists():
            shutil.copy2(project / name, folder / name)
    about = (project / "pyproject.toml").read_text()
    version = tomllib.loads(about)["project"]["version"]
    within = project.relative_to(ROOT)
    place = f"{repository}/{{kind}}/v{version}/{'' if within == Path() else f'{within.as_posix()}/'}"
    (folder / "README.md").write_text(absolute((project / "README.md").read_text(), place))
    urls = "".join(f'{name} = "{url}"\n' for name, url in _urls(repository, version))
    (folder / "pyproject.toml").write_text(f"{about}\n[project.urls]\n{urls}")


def absolute(text: str, place: str) -> str:
    """Markdown with absolute links; `place` has `{kind}` where a page is a `blob` and a picture `raw`."""

    def of(link: re.Match[str]) -> str:
        kind = "raw" if link["image"] else "blob"
        return f"{link['image']}[{link['text']}]({place.format(kind=kind)}{link['path']})"

    return _LINK.sub(of, text)


def _urls(repository: str, version: str) -> Iterator[tuple[str, str]]:
    yield "Homepage", repository
    yield "Documentation", f"{repository}/blob/v{version}/docs/README.md"
    yield "Changelog", f"{repository}/blob/v{version}/CHANGELOG.md"
    yield "Security", f"{repository}/blob/v{version}/SECURITY.md"
    yield "Source", repository


def _uv() -> str:
    return shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")


if __name__ == "__main__":
    address, target = sys.argv[1].rstrip("/"), Path(sys.argv[2])
    if not re.fullmatch(r"https://[^\s\"]+", address):
        sys.exit("name the address at which the repository can be read: make dist REPOSITORY=https://…")
    for built in build(address, target):
        print(built)
