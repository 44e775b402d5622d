"""What the user sees once the platform is running: URLs, folders, and three requests to try."""

import sys
from pathlib import Path
from urllib.parse import urlsplit

from heidi_standalone.platform import StandalonePlatform
from heidi_standalone.progress import echo


def print_banner(platform: StandalonePlatform, seconds: float, *, admin_created: bool) -> None:
    """Print the banner.

    Args:
        platform: The running platform.
        seconds: How long the start took.
        admin_created: Whether this start created the administrator; only then the password is printed.
    """
    url, home = platform.base_url, platform.home
    echo(f"\nHeidi is running at {url} (started in {seconds:.1f} s).", bold=True)
    if platform.has_console:
        echo(f"  Console         {url}/console/", bold=True)
    echo(f"  API documents   {url}/docs/")
    echo(f"  Sent e-mails    {home.mail if platform.mail else _server(platform.env['SMTP_URL'])}")
    echo(f"  Logs            {home.logs}")
    echo(f"  Commands        {Path(sys.prefix) / 'bin' / 'flask'} -e {home.env} --help")
    echo(f"  Outgoing calls  may also reach {platform.env['OUTBOUND_ALLOW_NETS']} (for development only)")
    if admin_created:
        email, password = home.admin.read_text().splitlines()
        echo(f"  Administrator   {email}  {password}")
        echo(f"                  (shown only now, stored in {home.admin})")
    echo("\nTry it:")
    for line in curl_lines(platform):
        echo(f"  {line}")
    echo("\nPress Ctrl-C to stop the platform. Its data is kept for the next start.")


def _server(url: str) -> str:
    """The server of a URL, without the user name and the password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def curl_lines(platform: StandalonePlatform) -> list[str]:
    """Three requests for the shell: a public search, a sign-in, and the platform's status."""
    url, admin = f"{platform.base_url}/api/v1", platform.home.admin
    body = f"""$(printf '{{"email":"%s","password":"%s"}}' $(cat {admin}))"""
    return [
        f"curl '{url}/cities/nearby?latitude=47.3769&longitude=8.5417&radiusKm=25'",
        f"""curl {url}/auth/login -H 'Content-Type: application/json' -d "{body}\"""",
        f"curl {url}/core/status",
    ]
