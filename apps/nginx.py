"""nginx in place of an app: constant answers, to show what a generator can reach."""

import json
import os
import tempfile
from pathlib import Path

from apps.options import OptionError, Options, Value

NGINX = "/usr/sbin/nginx"
NGINX_CONFIG = """\
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
worker_processes {processes};
events {{ worker_connections 4096; }}
http {{
  # In a text of this file, a dollar sign begins a variable; this one holds the sign.
  geo $dollar {{ default "$"; }}
  {temporary}
  access_log {access_log};
  server_tokens off;
  keepalive_timeout {keep_alive_s};
  keepalive_requests 1000000000;
  default_type "{media_type}";
  server {{
    listen {host}:{port};
    location = /index {{ return 200 {none}; }}
    location = /user {{ return 200 {redis}; }}
    location / {{ return 404; }}
  }}
  server {{
    listen unix:{folder}/nginx.status;
    access_log off;
    location / {{ stub_status; }}
  }}
}}
"""
"""What nginx serves: constants, so that it shows what a generator can reach. It counts requests anyway."""


def nginx_config(options: Options, folder: str) -> str:
    """Return nginx' configuration; its files go to ``folder``."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")

    def text(value: Value) -> str:
        said = json.dumps({value.key: value.value}) if options.response == "json" else value.value
        return '"{}"'.format(said.replace("\\", "\\\\").replace('"', '\\"').replace("$", "${dollar}"))

    return NGINX_CONFIG.format(
        folder=folder,
        processes=options.processes,
        temporary=" ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds),
        # It opens its files by name, and the unit's log is root's.
        access_log=f"{folder}/access.log" if options.access_log else "off",
        keep_alive_s=0 if options.keep_alive is False else 65,
        media_type="application/json" if options.response == "json" else "text/html; charset=utf-8",
        host=options.host,
        port=options.port,
        none=text(options.answers.none),
        redis=text(options.answers.redis),
    )


def nginx(options: Options) -> None:
    """Become nginx. Some builds first say that they may not write below /var/log, and go on.

    Raises OptionError where there is none.
    """
    if not Path(NGINX).exists():
        raise OptionError(f"there is no nginx ({NGINX}): install the Debian package nginx on this host")
    folder = options.runtime_dir or tempfile.mkdtemp(prefix="nginx-")
    config = Path(folder, "nginx.conf")
    config.write_text(nginx_config(options, folder))
    os.execv(NGINX, [NGINX, "-p", folder, "-c", str(config)])  # noqa: S606 - in place of this process
