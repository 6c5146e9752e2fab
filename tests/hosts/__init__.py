"""Two hosts that send one mailing, and one of them is lost in the middle: `python -m tests.hosts [--recipients N]`.

A host here is a set of namespaces: a network of its own behind a link, process numbers, a name, and a disk that nobody
else sees. What lies on the base's disk is hidden from it, and the checkout, which stands for the image, can only be
read. All it shares with the others are addresses: PostgreSQL, Valkey and the mail server of the base, which is the
third network. Each host runs what the service `senders` of compose.yaml runs; the base runs its `cloud` and
`cloud-beat`.

Needs root, and `ip`, `unshare` and `nsenter` (Debian: iproute2, util-linux). It leaves nothing behind, however it
ends: the namespaces go with the last process in them.
"""
