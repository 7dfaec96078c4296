"""`ringback projects`: tenants of this server."""

import asyncio
import uuid
from pathlib import Path

import click

from ringback.bootstrap.erasing import erase_deleted_projects
from ringback.bootstrap.ledger import Ledger
from ringback.cli.ledger_access import find_project, run_in_ledger
from ringback.cli.options import settings_of, with_settings
from ringback.cli.output import printable
from ringback.clock import SystemClock
from ringback.errors import Misconfigured
from ringback.keys import Project, is_project_name


@click.group("projects")
def command() -> None:
    """Create, list, rename and delete projects, whether or not the server runs.

    A project is a tenant: its keys see nothing of other projects. The first one, made with the ledger, is
    the operator's. PROJECT is a name or an identifier.

    \b
    Examples:
      ringback projects create "acme"
      ringback keys create "acme's owner" --project acme --scope owner
      ringback projects list
      ringback projects rename acme "acme corp"
      ringback projects delete "acme corp"
    """


@command.command("create")
@with_settings
@click.argument("name")
def create(config: Path | None, data_dir: str | None, name: str) -> None:
    """Make a project, and print its identifier."""
    project = Project(str(uuid.uuid4()), _checked(name))

    async def add(ledger: Ledger) -> None:
        try:
            await ledger.add_project(project)
        except ValueError:
            raise Misconfigured(_name_taken(name)) from None

    run_in_ledger(settings_of(config, data_dir), add)
    click.echo(
        f"Make its first key with `ringback keys create --project {project.id} --scope owner`.", err=True
    )
    click.echo(project.id)


@command.command("list")
@with_settings
def list_projects(config: Path | None, data_dir: str | None) -> None:
    """Show every project's identifier and name, the operator's first."""

    async def read(ledger: Ledger) -> list[Project]:
        return list(await ledger.projects())

    for project in run_in_ledger(settings_of(config, data_dir), read):
        click.echo(f"{project.id}  {printable(project.name)}")


@command.command("rename")
@with_settings
@click.argument("project")
@click.argument("name")
def rename(config: Path | None, data_dir: str | None, project: str, name: str) -> None:
    """Give a project another name. What belongs to it, and its identifier, stay."""

    async def change(ledger: Ledger) -> None:
        found = await find_project(ledger, project)
        try:
            await ledger.rename_project(found.id, _checked(name))
        except ValueError:
            raise Misconfigured(_name_taken(name)) from None

    run_in_ledger(settings_of(config, data_dir), change)


@command.command("delete")
@with_settings
@click.argument("project")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(config: Path | None, data_dir: str | None, project: str, *, yes: bool) -> None:
    """End a project: its keys stop working, and all that it has is erased.

    Requests that run are cancelled; recordings, results, callbacks and the history go. There is no way back.
    """
    settings = settings_of(config, data_dir)

    async def find(ledger: Ledger) -> tuple[Project, bool]:
        found = await find_project(ledger, project)
        return found, found == (await ledger.projects())[0]

    found, is_first = run_in_ledger(settings, find)
    if is_first:
        raise Misconfigured("The first project is the operator's: it cannot be deleted.")
    if not yes:
        click.confirm(f"Erase the project {printable(found.name)} and all that it has?", abort=True, err=True)
    run_in_ledger(settings, lambda ledger: ledger.delete_project(found.id))
    if asyncio.run(erase_deleted_projects(settings, SystemClock())):
        click.echo(f"Project {found.id} is erased.", err=True)
    else:
        click.echo(f"Project {found.id} is deleted; the server that runs erases what it had.", err=True)


def _checked(name: str) -> str:
    if not is_project_name(name):
        raise Misconfigured("A project's name is up to 200 printable characters, and not a UUID.")
    return name


def _name_taken(name: str) -> str:
    return f"There is a project {printable(name)} already: `ringback projects list` shows them."
