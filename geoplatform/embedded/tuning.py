"""The server's configuration files, written again at each start: settings, and who may come in."""

from __future__ import annotations

import os
from pathlib import Path

from geoplatform.embedded.account import name, write
from geoplatform.embedded.site import Site

ADMIN = "geoplatform_admin"
ROLES = (
    ADMIN,
    "geoplatform_owner",
    "geoplatform_loader",
    "geoplatform_web",
    "geoplatform_exporter",
    "geoplatform_reader",
)
SETTINGS_FILE = "geoplatform.conf"
ROOMY_BYTES = 2**28
"""Below this, shared memory (64 MB in a container) fails parallel queries."""


def configure(site: Site, durable: bool) -> bool:
    """Write those of the three configuration files that differ from what is wanted; True if one did."""
    system_users = sorted({name(0), name(), site.account.pw_name})
    identities = [f'geoplatform "{user}" {role}' for user in system_users for role in ROLES]
    access = [
        f"local all {','.join(ROLES)} peer map=geoplatform",
        f"local replication {ADMIN} peer map=geoplatform",
        "local all +geoplatform_reader scram-sha-256",  # logins that `store.readers` makes
        "local all all peer map=geoplatform",
    ]
    wanted = {SETTINGS_FILE: settings(site, durable), "pg_ident.conf": identities, "pg_hba.conf": access}
    changed = False
    for file, lines in wanted.items():
        text = "\n".join(["# Written by geoplatform at each start; use ALTER SYSTEM instead.", *lines, ""])
        path = site.directory / file
        if not path.exists() or path.read_text(errors="replace") != text:
            write(path, text, site.account)
            changed = True
    return changed


def settings(site: Site, durable: bool) -> list[str]:
    """Settings for one small machine that does other things too; one line each."""
    memory_mb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    safety = "on" if durable else "off"
    return [
        "listen_addresses = ''",
        "port = 5432",
        f"unix_socket_directories = '{site.socket_dir}'",
        "cluster_name = 'geoplatform'",
        "max_connections = 100",
        f"shared_buffers = {min(1024, max(128, memory_mb // 8))}MB",
        f"effective_cache_size = {max(256, memory_mb // 2)}MB",
        "work_mem = 32MB",
        "maintenance_work_mem = 256MB",
        f"max_parallel_workers_per_gather = {min(2, os.cpu_count() or 1)}",
        f"dynamic_shared_memory_type = {'posix' if _shared_memory_is_roomy() else 'mmap'}",
        "random_page_cost = 1.1",
        "jit = off",
        f"fsync = {safety}",
        f"full_page_writes = {safety}",
        f"synchronous_commit = {safety}",
        "max_wal_size = 2GB",
        "wal_compression = off",  # the built-in one takes longer than building the index it compresses
        "checkpoint_completion_target = 0.9",
        "timezone = 'UTC'",
        "log_timezone = 'UTC'",
        "logging_collector = on",
        "log_directory = 'log'",
        "log_filename = 'postgresql-%Y-%m-%d_%H%M%S.log'",
        "log_rotation_age = 0",
        "log_rotation_size = 10MB",
        "log_min_duration_statement = 1s",
        # A person who leaves must leave no trace: no values in the log, which outlives the rows.
        "log_parameter_max_length = 0",
        "log_error_verbosity = terse",
    ]


def _shared_memory_is_roomy() -> bool:
    """True where it is not a small file system of Linux: macOS has none of that kind."""
    shared = Path("/dev/shm")  # noqa: S108 (only measured)
    if not shared.is_dir():
        return True
    room = os.statvfs(shared)
    return room.f_blocks * room.f_frsize >= ROOMY_BYTES
