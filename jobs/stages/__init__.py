"""The stages of a Job, one run() each: a short piece of the stage under a lease, which may be repeated at will."""
