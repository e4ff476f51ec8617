"""Start the app's unit for a trial, or say how it is. Runs on the server host, as root, with any Python 3.6 or newer.

``start --port N`` takes the unit's environment on standard input and prints a JSON object when the app listens;
``status`` prints one with the end of its log. Trouble is one line on standard error, exit code 1.
"""

import argparse
import json
import os
import subprocess
import sys
import time

UNIT = "bench-app.service"
ENVIRONMENT = "/run/bench/app.env"
LOG = "/var/log/bench/app.log"
REDIS_CLI = "/opt/bench/redis/bin/redis-cli"
PASSWORD = "/etc/bench/redis.password"
LISTEN_TIMEOUT_S = 15.0
LOG_TAIL_BYTES = 16384


class Trouble(Exception):
    """What the user is told."""


def output(*command, **kwargs):
    """Return what a command prints, without its last newline."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **kwargs)
    return done.stdout.decode(errors="replace").strip()


def listener(port):
    """Return who listens on the TCP port, in ss' words, or an empty string."""
    return output("ss", "-Hltnp", "sport = :%d" % port)


def log_tail():
    """Return the end of the app's log."""
    try:
        with open(LOG, "rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - LOG_TAIL_BYTES))
            return log.read().decode(errors="replace")
    except OSError:
        return ""


def last_words():
    """Return the last lines that the app, or systemd about it, has said."""
    lines = log_tail().strip().splitlines() or output(
        "journalctl", "--no-pager", "-o", "cat", "-n", "3", "-u", UNIT
    ).splitlines()
    return " | ".join(line.strip() for line in lines[-3:])


def redis_gets():
    """Return how many GETs Redis has answered since its start, or None where there is no Redis to ask."""
    try:
        with open(PASSWORD) as file:
            password = file.read().strip()
    except OSError:
        return None
    said = output(REDIS_CLI, "info", "commandstats", env=dict(os.environ, REDISCLI_AUTH=password))
    for line in said.splitlines():
        if line.startswith("cmdstat_get:calls="):
            return int(line.split("=")[1].split(",")[0])
    return 0 if said.startswith("# Commandstats") else None


def start(port):
    """Restart the unit with the environment from standard input and wait until it listens."""
    environment = sys.stdin.read()
    subprocess.run(["systemctl", "stop", UNIT], check=False)
    holder = listener(port)
    if holder:
        raise Trouble("port %d is taken by %s (%s): end that, or choose other ports by app_port_base"
                      % (port, holder.split("users:")[-1].strip(), os.uname().nodename))
    with open(ENVIRONMENT + ".new", "w") as file:
        file.write(environment)
    os.rename(ENVIRONMENT + ".new", ENVIRONMENT)
    gets = redis_gets()
    began = time.time()
    started = subprocess.run(["systemctl", "start", UNIT], stderr=subprocess.PIPE, check=False)
    while started.returncode == 0 and not listener(port):
        state = output("systemctl", "is-active", UNIT)
        if state not in ("active", "activating"):
            started.returncode = 1
        elif time.time() - began > LISTEN_TIMEOUT_S:
            raise Trouble("the app does not listen on port %d after %.0f s; it says: %s (%s): mend the app, see %s"
                          % (port, LISTEN_TIMEOUT_S, last_words(), os.uname().nodename, LOG))
        else:
            time.sleep(0.02)
    if started.returncode:
        raise Trouble("the app exited at its start; it says: %s (%s): mend the app or its variant, see %s"
                      % (last_words(), os.uname().nodename, LOG))
    pid = int(output("systemctl", "show", "-p", "MainPID", "--value", UNIT))
    with open("/proc/%d/cmdline" % pid, "rb") as file:
        command = file.read().decode().split("\0")[:-1]
    return {"pid": pid, "command": command, "start_s": time.time() - began, "redis_gets": gets}


def status():
    """Return how the unit is and what Redis has counted."""
    return {"state": output("systemctl", "is-active", UNIT), "redis_gets": redis_gets(), "log_tail": log_tail()}


def main():
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("start").add_argument("--port", type=int, required=True)
    commands.add_parser("status")
    arguments = parser.parse_args()
    try:
        print(json.dumps(start(arguments.port) if arguments.command == "start" else status()))
    except (OSError, Trouble) as error:
        print("error: %s" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
