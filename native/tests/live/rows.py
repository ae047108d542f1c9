# SPDX-License-Identifier: EPL-2.0
"""The self-checking programs that are run in more than one way, or need more than their name."""

# What a row needs beyond its program: arguments, environment, a network of its own, what a command, or saving alone,
# may be refused for.
ROWS = {
    "pages-huge": dict(arguments=["32", "huge"]),
    "pages-dense": dict(arguments=["48", "dense"]),
    "pages-large": dict(arguments=["256", "small"]),
    "shared_memory-visible": dict(environment={"LIVE_SHM": "/dev/shm/{folder}"}),
    "servers-six": dict(arguments=["6"], own_network=True),
    # A port that a rewind wants back may be another program's by then.
    "servers": dict(own_network=True),
    "tcps": dict(own_network=True),
    "udps": dict(own_network=True),
    # A filter of system calls may forbid those of a snapshot; the rewind of one before it works.
    "rights-filter": dict(arguments=["5"], refusal=r"seccomp filter"),
    # Between the ends of its two closes: one end has been reset, and the other is to be closed next.
    "unix_names": dict(refusal=r"datagrams behind an error"),
    "seals": dict(refusal=r"has been sealed"),
    # What is done where the kernel cannot tell which pages have changed.
    "heap-compare": dict(environment={"SNAPBACK_DIRTY": "compare"}),
    # A tracer that asks for no marks, and one that seizes.
    "tracing-traceme": dict(environment={"LIVE_WAY": "traceme"}),
    "tracing-seize": dict(environment={"LIVE_WAY": "seize"}),
    "mappings-compare": dict(environment={"SNAPBACK_DIRTY": "compare"}),
}
