"""What the user sees when everything runs: where things are, and three lines that work as they stand."""

import sys
from pathlib import Path

import click

from heidi_standalone.platform import Platform


def show(platform: Platform, seconds: float, *, fresh_admin: bool) -> None:
    """Print it; the administrator's password only when it was just made."""
    url, home = platform.base_url, platform.home
    click.secho(f"\nHeidi is up at {url} ({seconds:.1f} s).", bold=True)
    click.echo(f"  API documents   {url}/docs/")
    click.echo(f"  mail sent       {home.mail if platform.mail else platform.env['SMTP_URL']}")
    click.echo(f"  logs            {home.logs}")
    click.echo(f"  more commands   {Path(sys.prefix) / 'bin' / 'flask'} -e {home.env} --help")
    click.echo(f"  outgoing calls  may reach {platform.env['OUTBOUND_ALLOW_NETS']} (for trying out only)")
    if fresh_admin:
        email, password = home.admin.read_text().splitlines()
        click.echo(f"  administrator   {email}  {password}  (shown once; kept in {home.admin})")
    click.echo("\nTry:")
    for line in curl_lines(platform):
        click.echo(f"  {line}")
    click.echo("\nCtrl-C stops everything.")


def curl_lines(platform: Platform) -> list[str]:
    """A public read, a sign-in, the platform's state."""
    url, admin = f"{platform.base_url}/api/v1", platform.home.admin
    body = f"""$(printf '{{"email":"%s","password":"%s"}}' $(cat {admin}))"""
    return [
        f"curl '{url}/cities/nearby?latitude=47.3769&longitude=8.5417&radiusKm=25'",
        f"""curl {url}/auth/login -H 'Content-Type: application/json' -d "{body}\"""",
        f"curl {url}/core/status",
    ]
